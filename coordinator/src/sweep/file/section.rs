//! The tables of a sweep file against the layout: unknown and missing ones, unknown and missing
//! keys, values of the wrong kind.

use std::{borrow::Cow, collections::BTreeMap};

use pondersweep_proto::{
    setting::{
        Kind, Setting, SettingTable,
        program::{self, PARAMETERS, PROGRAM},
    },
    spec::Settings,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Span, nearest, problem::Problem, space::SpaceAxis, value::Typed};
use crate::sweep::{
    layout::{SPACE, SWEEP},
    program_keys::METRICS,
};

/// Where each setting stands, by `section.key`, and each table, by its name.
pub(super) type Places = BTreeMap<String, Span>;

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a, 'i> {
    pub(super) header: &'a Spanned<Cow<'i, str>>,
    pub(super) keys: &'a DeTable<'i>,
}

/// Every table's name, in the order of the documentation.
fn table_names(table: &SettingTable) -> Vec<&'static str> {
    let sections = SWEEP.sections().into_iter().chain(table.sections());
    let of_program = [PARAMETERS, METRICS]
        .into_iter()
        .filter(|_| is_program(table));
    let mut names: Vec<&str> = sections.chain(of_program).chain([SPACE]).collect();
    names.dedup();
    names
}

/// Whether the table is that of a user's program.
fn is_program(table: &SettingTable) -> bool {
    table.at(PROGRAM, program::SHA256.name).is_some()
}

/// The table that has this key, if one has.
fn section_with(table: &SettingTable, key: &str) -> Option<&'static str> {
    let mut rows = table.rows.iter().chain(SWEEP.rows);
    rows.find(|row| row.name == key).map(|row| row.section)
}

/// The known tables of the file, by name.
pub(super) fn tables<'a, 'i>(
    text: &str,
    root: &'a DeTable<'i>,
    settings: &SettingTable,
    problems: &mut Vec<Problem>,
) -> BTreeMap<&'a str, Table<'a, 'i>> {
    let known = table_names(settings);
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
                let hint = section_with(settings, name).map_or_else(
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
    pub(super) text: &'a str,
    pub(super) name: &'static str,
    pub(super) table: Option<Table<'a, 'i>>,
    /// The settings of a configuration, of which some are elsewhere.
    pub(super) settings: &'static SettingTable,
    /// What stands in for settings that are left out.
    pub(super) axes: &'a [SpaceAxis],
}

impl<'a> Section<'a, '_> {
    /// Reads the table's values, as far as they can be read, with their places.
    pub(super) fn read(
        &self,
        values: &mut Settings,
        places: &mut Places,
        problems: &mut Vec<Problem>,
    ) {
        if let Some(table) = &self.table {
            places.insert(self.name.into(), table.header.span());
            for (key, value) in table.keys {
                places.insert(format!("{}.{}", self.name, key.get_ref()), value.span());
                if let Err(problem) = self.read_key(values, key, value) {
                    problems.push(problem);
                }
            }
        }
        self.stand_in(values, problems);
    }

    fn read_key(
        &self,
        values: &mut Settings,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), Problem> {
        let name = key.get_ref().as_ref();
        let Some(setting) = values.table().at(self.name, name) else {
            return Err(self.unknown_key(values.table(), name, &key.span()));
        };
        if let Some(axis) = self.axis(setting) {
            return Err(self.fixed_and_swept(name, &key.span(), axis));
        }
        let typed = Typed {
            text: self.text,
            key: name,
            value,
            settings: Some(self.settings),
        };
        let value = typed.read(setting.kind)?;
        values
            .set(setting, value)
            .expect("it was read as the setting's kind");
        Ok(())
    }

    fn unknown_key(&self, here: &SettingTable, name: &str, span: &Span) -> Problem {
        let table = self.name;
        let hint = match section_with(self.settings, name) {
            Some(section) => format!("{name} belongs in [{section}]"),
            None => {
                let known: Vec<_> = here.section(table).map(|row| row.0.name).collect();
                nearest::hint(name, &known)
            }
        };
        Problem::at(span, format!("unknown key {name} in [{table}]"), hint)
    }

    fn fixed_and_swept(&self, name: &str, span: &Span, axis: &SpaceAxis) -> Problem {
        let table = self.name;
        let line = |span: &Span| self.text[..span.start].matches('\n').count() + 1;
        let (fixed, swept) = (line(span), line(&axis.key));
        let what =
            format!("{name} is swept here and fixed in [{table}] on line {fixed}, both at once");
        let hint = format!("remove line {fixed} to sweep {name}, or line {swept} to fix it");
        Problem::at(&axis.key, what, hint)
    }

    /// Lets the first value of an axis stand for a setting that is left out, and asks for the
    /// required ones that nothing stands for.
    fn stand_in(&self, values: &mut Settings, problems: &mut Vec<Problem>) {
        let mut missing = Vec::new();
        for setting in values.table().section(self.name) {
            if self.states(setting) {
                continue;
            }
            match self.axis(setting) {
                Some(axis) => {
                    if let Some((value, _)) = axis.values.first() {
                        let set = values.set(setting, value.clone());
                        set.expect("the axis was read as its kind");
                    }
                }
                None if setting.is_always_required() => missing.push(setting),
                None => {}
            }
        }
        match &self.table {
            Some(table) => {
                let span = table.header.span();
                problems.extend(missing.iter().map(|key| self.missing_key(*key, &span)));
            }
            None if missing.is_empty() => {}
            None => problems.push(self.missing_table(&missing)),
        }
    }

    fn states(&self, setting: Setting) -> bool {
        let mut keys = self.table.iter().flat_map(|table| table.keys.keys());
        keys.any(|stated| stated.get_ref() == setting.0.name)
    }

    fn axis(&self, setting: Setting) -> Option<&'a SpaceAxis> {
        self.axes.iter().find(|axis| axis.parameter == setting)
    }

    fn missing_key(&self, key: Setting, header: &Span) -> Problem {
        let (name, table) = (key.name, self.name);
        let hint = match key.kind {
            Kind::Choice(names) => format!("add {name} = {:?}", names[0]),
            _ if key.may_vary => format!("add {name} to [{table}], or its values to [space]"),
            _ => format!("add {name} = ..."),
        };
        Problem::at(header, format!("{name} is missing from [{table}]"), hint)
    }

    fn missing_table(&self, missing: &[Setting]) -> Problem {
        let table = self.name;
        let names: Vec<_> = missing.iter().map(|key| key.name).collect();
        Problem {
            span: None,
            what: format!("the table [{table}] is missing"),
            hint: format!("add [{table}] with {}", names.join(" and ")),
        }
    }
}
