//! The tables of a sweep file against the layout: unknown and missing ones, unknown and missing
//! keys, values of the wrong kind.

use std::{borrow::Cow, collections::BTreeMap};

use pondersweep_proto::parameter::Parameter;
use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Span,
    layout::{Key, SectionLayout, ValueKind, section_with, table_names},
    nearest,
    problem::Problem,
    space::SpaceAxis,
    value::Typed,
};

/// Where each setting stands, by `section.key`, and each table, by its name.
pub(super) type Places = BTreeMap<String, Span>;

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a, 'i> {
    pub(super) header: &'a Spanned<Cow<'i, str>>,
    pub(super) keys: &'a DeTable<'i>,
}

/// The known tables of the file, by name.
pub(super) fn tables<'a, 'i>(
    text: &str,
    root: &'a DeTable<'i>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<&'a str, Table<'a, 'i>> {
    let known = table_names();
    let mut tables = BTreeMap::new();
    for (header, value) in root {
        let name = header.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(keys) if known.contains(&name) => {
                tables.insert(name, Table { header, keys });
            }
            DeValue::Table(_) | DeValue::Array(_) if !known.contains(&name) => {
                let what = format!("unknown table [{name}]");
                problems.push(Problem::at(
                    &header.span(),
                    what,
                    nearest::hint(name, &known),
                ));
            }
            _ if known.contains(&name) => {
                let what = format!("{name} is not a table");
                let hint = format!("write [{name}] on a line of its own, its keys below");
                problems.push(Problem::at(&header.span(), what, hint));
            }
            _ => {
                let what = format!("{name} stands outside of every table");
                let typed = &text[header.span()];
                let hint = section_with(name).map_or_else(
                    || format!("keys stand below their table, one of {}", known.join(", ")),
                    |section| format!("{typed} belongs below [{section}]"),
                );
                problems.push(Problem::at(&header.span(), what, hint));
            }
        }
    }
    tables
}

/// One table and how it should be.
pub(super) struct Section<'a, 'i> {
    text: &'a str,
    layout: &'static SectionLayout,
    table: Option<Table<'a, 'i>>,
    /// What stands in for settings that are left out.
    axes: &'a [SpaceAxis],
}

impl<'a, 'i> Section<'a, 'i> {
    pub(super) fn new(
        text: &'a str,
        layout: &'static SectionLayout,
        table: Option<&Table<'a, 'i>>,
        axes: &'a [SpaceAxis],
    ) -> Self {
        Self {
            text,
            layout,
            table: table.copied(),
            axes,
        }
    }

    /// The table's values as far as they can be read, with their places.
    pub(super) fn read(
        &self,
        places: &mut Places,
        problems: &mut Vec<Problem>,
    ) -> Map<String, Value> {
        let mut values = Map::new();
        if let Some(table) = &self.table {
            places.insert(self.layout.name.into(), table.header.span());
            for (key, value) in table.keys {
                match self.read_key(key, value) {
                    Ok((key, typed)) => {
                        places.insert(format!("{}.{key}", self.layout.name), value.span());
                        values.insert(key.into(), typed);
                    }
                    Err(problem) => problems.push(problem),
                }
            }
        }
        self.stand_in(&mut values, problems);
        values
    }

    fn read_key<'k>(
        &self,
        key: &'k Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(&'k str, Value), Problem> {
        let name = key.get_ref().as_ref();
        let Some(known) = self.layout.keys.iter().find(|known| known.name == name) else {
            return Err(self.unknown_key(name, &key.span()));
        };
        if let Some(axis) = self.axis(known) {
            return Err(self.fixed_and_swept(name, &key.span(), axis));
        }
        let typed = Typed {
            text: self.text,
            key: name,
            value,
        };
        Ok((name, typed.read(known.kind)?))
    }

    fn unknown_key(&self, name: &str, span: &Span) -> Problem {
        let table = self.layout.name;
        let hint = match section_with(name) {
            Some(section) => format!("{name} belongs in [{section}]"),
            None => {
                let known: Vec<_> = self.layout.keys.iter().map(|key| key.name).collect();
                nearest::hint(name, &known)
            }
        };
        Problem::at(span, format!("unknown key {name} in [{table}]"), hint)
    }

    fn fixed_and_swept(&self, name: &str, span: &Span, axis: &SpaceAxis) -> Problem {
        let table = self.layout.name;
        let line = |span: &Span| self.text[..span.start].matches('\n').count() + 1;
        let (fixed, swept) = (line(span), line(&axis.key));
        let what =
            format!("{name} is swept here and fixed in [{table}] on line {fixed}, both at once");
        let hint = format!("remove line {fixed} to sweep {name}, or line {swept} to fix it");
        Problem::at(&axis.key, what, hint)
    }

    /// Lets the first value of an axis stand for a setting that is left out, and asks for the
    /// required ones that nothing stands for.
    fn stand_in(&self, values: &mut Map<String, Value>, problems: &mut Vec<Problem>) {
        let mut missing = Vec::new();
        for key in self.layout.keys.iter().filter(|key| !self.states(key)) {
            match self.axis(key) {
                Some(axis) => {
                    if let Some((value, _)) = axis.values.first() {
                        let value = serde_json::to_value(value).expect("numbers and names");
                        values.insert(key.name.into(), value);
                    }
                }
                None if key.required => missing.push(key),
                None => {}
            }
        }
        match &self.table {
            Some(table) => {
                let span = table.header.span();
                problems.extend(missing.iter().map(|key| self.missing_key(key, &span)));
            }
            None if missing.is_empty() => {}
            None => problems.push(self.missing_table(&missing)),
        }
    }

    fn states(&self, key: &Key) -> bool {
        let keys = self.table.iter().flat_map(|table| table.keys.keys());
        keys.into_iter().any(|stated| stated.get_ref() == key.name)
    }

    fn axis(&self, key: &Key) -> Option<&SpaceAxis> {
        let here = |axis: &&SpaceAxis| {
            axis.parameter.section() == self.layout.name && axis.parameter.name() == key.name
        };
        self.axes.iter().find(here)
    }

    fn missing_key(&self, key: &Key, header: &Span) -> Problem {
        let (name, table) = (key.name, self.layout.name);
        let may_be_swept = name.parse::<Parameter>().is_ok();
        let hint = match key.kind {
            ValueKind::Choice(names) => format!("add {name} = {:?}", names[0]),
            _ if may_be_swept => format!("add {name} to [{table}], or its values to [space]"),
            _ => format!("add {name} = ..."),
        };
        Problem::at(header, format!("{name} is missing from [{table}]"), hint)
    }

    fn missing_table(&self, missing: &[&Key]) -> Problem {
        let table = self.layout.name;
        let names: Vec<_> = missing.iter().map(|key| key.name).collect();
        Problem {
            span: None,
            what: format!("the table [{table}] is missing"),
            hint: format!("add [{table}] with {}", names.join(" and ")),
        }
    }
}
