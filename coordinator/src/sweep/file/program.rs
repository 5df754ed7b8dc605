//! The tables of a sweep file that are about a user's program: `[program]`, `[metrics]`, and which
//! parameters `[parameters]` and `[space]` make. What a program may be is said by [`ProgramSpec::check`].

use std::{borrow::Cow, collections::BTreeMap};

use jiff::{Span as Time, SpanRelativeTo};
use pondersweep_proto::{
    metric::{Better, MetricName},
    program::{DEFAULT_GRACE_SECONDS, ProgramMetric, ProgramSpec, check_path},
    setting::{
        SettingTable,
        program::{self, PARAMETERS, PROGRAM, ParameterKind},
    },
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Places, ProgramFiles, Span, explain, nearest, problem::Problem, section::Table, space::EXCLUDE,
    value::Typed,
};
use crate::sweep::{
    layout::SPACE,
    program_keys::{Key, METRIC_KEYS, METRICS, PROGRAM_KEYS},
};

/// The table of the parameters that a file makes; `None` where it has no program.
pub(super) fn table_of(
    text: &str,
    root: &DeTable<'_>,
    places: &mut Places,
    problems: &mut Vec<Problem>,
) -> Option<&'static SettingTable> {
    root.get(PROGRAM)?;
    let mut parameters = Vec::new();
    for (section, may_list) in [(PARAMETERS, false), (SPACE, true)] {
        let keys = root
            .get(section)
            .and_then(|table| table.get_ref().as_table());
        for (name, value) in keys.into_iter().flatten() {
            let is_rule = may_list && name.get_ref() == EXCLUDE;
            if is_rule
                || parameters
                    .iter()
                    .any(|(known, _)| *known == **name.get_ref())
            {
                continue;
            }
            places.insert(format!("{PARAMETERS}.{}", name.get_ref()), name.span());
            let checked = program::check_name(section, name.get_ref());
            let kind = checked
                .map_err(|error| explain(&error, Some(name.span())))
                .and_then(|()| kind_of(text, name.get_ref(), value, may_list));
            match kind {
                Ok(kind) => parameters.push((name.get_ref().clone().into_owned(), kind)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    match program::table(parameters) {
        Ok(table) => Some(table),
        Err(error) => {
            problems.push(explain(&error, places.get(&error.path).cloned()));
            None
        }
    }
}

/// What kind a parameter is, by its value, its list of values or its range.
fn kind_of(
    text: &str,
    name: &str,
    value: &Spanned<DeValue<'_>>,
    may_list: bool,
) -> Result<ParameterKind, Problem> {
    let scalar = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Integer(_) => Ok(ParameterKind::Whole),
        DeValue::Float(_) => Ok(ParameterKind::Number),
        DeValue::Boolean(_) => Ok(ParameterKind::Flag),
        DeValue::String(_) => Ok(ParameterKind::Text),
        DeValue::Array(_) if !may_list => {
            Err(Typed::of(text, name, value).wrong("is a list", "several values belong in [space]"))
        }
        _ => {
            Err(Typed::of(text, name, value)
                .wrong("is no value", "a number, a text, true or false"))
        }
    };
    match value.get_ref() {
        DeValue::Array(elements) if may_list => {
            let mut kind = None;
            for element in elements {
                let own = scalar(element)?;
                let joined = kind.map_or(Some(own), |kind: ParameterKind| kind.with(own));
                kind = Some(joined.ok_or_else(|| {
                    let hint = "all values of a parameter are numbers, or texts, or true and false";
                    Typed::of(text, name, element)
                        .wrong("is of another kind than the value before it", hint)
                })?);
            }
            Ok(kind.unwrap_or(ParameterKind::Number))
        }
        DeValue::Table(range) if may_list => Ok(kind_of_range(range)),
        _ => scalar(value),
    }
}

/// Whole numbers, if both ends are written as such and everything between is whole, too.
fn kind_of_range(range: &DeTable<'_>) -> ParameterKind {
    let ends = range
        .get("linspace")
        .and_then(|ends| ends.get_ref().as_array());
    let whole = |value: &Spanned<DeValue<'_>>| {
        let integer = value.get_ref().as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok()
    };
    let numbers: Vec<i64> = ends.into_iter().flatten().map_while(whole).collect();
    match numbers[..] {
        [first, last, count]
            if count > 1 && last.abs_diff(first) % (count.unsigned_abs() - 1) == 0 =>
        {
            ParameterKind::Whole
        }
        _ => ParameterKind::Number,
    }
}

/// Reads the tables of a program whose parameters are known.
pub(super) fn read(
    text: &str,
    tables: &BTreeMap<&str, Table<'_, '_>>,
    table: &'static SettingTable,
    files: &mut ProgramFiles<'_>,
    places: &mut Places,
    problems: &mut Vec<Problem>,
) -> Option<ProgramSpec> {
    let mut reader = Reader {
        text,
        places,
        problems,
    };
    let before = reader.problems.len();
    let mut spec = ProgramSpec {
        command: Vec::new(),
        environment: BTreeMap::new(),
        files: BTreeMap::new(),
        gpus: 0,
        grace_seconds: DEFAULT_GRACE_SECONDS,
        infeasible_exit_code: None,
        metrics: Vec::new(),
        timeout_seconds: None,
        working_directory: None,
    };
    for (key, value) in reader.keys(tables, PROGRAM) {
        reader.program_key(&mut spec, key, value, files);
    }
    for (key, value) in reader.keys(tables, METRICS) {
        reader.metric(&mut spec.metrics, key, value);
    }
    if reader.problems.len() > before {
        return None;
    }
    match spec.check(table) {
        Ok(()) => Some(spec),
        Err(error) => {
            let place = super::place_of(&error, places);
            problems.push(explain(&error, place));
            None
        }
    }
}

/// A key and its value.
type Entry<'a, 'i> = (&'a Spanned<Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

struct Reader<'r> {
    text: &'r str,
    places: &'r mut Places,
    problems: &'r mut Vec<Problem>,
}

impl Reader<'_> {
    /// The keys of a table, whose place is noted.
    fn keys<'a, 'i>(
        &mut self,
        tables: &BTreeMap<&str, Table<'a, 'i>>,
        name: &str,
    ) -> Vec<Entry<'a, 'i>> {
        let Some(table) = tables.get(name) else {
            return Vec::new();
        };
        self.places.insert(name.into(), table.header.span());
        table.keys.iter().collect()
    }

    fn keep<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn program_key(
        &mut self,
        spec: &mut ProgramSpec,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        files: &mut ProgramFiles<'_>,
    ) {
        let name = key.get_ref().as_ref();
        self.places
            .insert(format!("{PROGRAM}.{name}"), value.span());
        let typed = Typed::of(self.text, name, value);
        match name {
            "command" => {
                let hint = "a list of the program and its arguments: [\"python3\", \"train.py\", \"{seed}\"]";
                let words = self.keep(texts(&typed, hint));
                spec.command = words.into_iter().flatten().map(|(word, _)| word).collect();
            }
            "files" => {
                let paths = self.keep(texts(&typed, "a list of paths, each in quotes"));
                for (path, span) in paths.into_iter().flatten() {
                    let hash = self.keep(hash(&path, &span, files));
                    spec.files.extend(hash.map(|hash| (path, hash)));
                }
            }
            "environment" => match value.get_ref().as_table() {
                Some(variables) => {
                    for (name, value) in variables {
                        let typed = Typed::of(self.text, name.get_ref(), value);
                        let set = self.keep(typed.words());
                        self.places.insert(
                            format!("program.environment.{}", name.get_ref()),
                            value.span(),
                        );
                        let name = name.get_ref().clone().into_owned();
                        spec.environment.extend(set.map(|set| (name, set)));
                    }
                }
                None => self
                    .problems
                    .push(typed.wrong("is not a table", "{ NAME = \"value\" }")),
            },
            "working_directory" => spec.working_directory = self.keep(typed.words()),
            "timeout" => spec.timeout_seconds = self.keep(seconds(&typed)),
            "grace" => {
                let grace = self.keep(seconds(&typed));
                spec.grace_seconds = grace.unwrap_or(DEFAULT_GRACE_SECONDS);
            }
            "infeasible_exit_code" => spec.infeasible_exit_code = self.keep(small(&typed)),
            "gpus" => spec.gpus = self.keep(small(&typed)).unwrap_or(0),
            _ => self.unknown(PROGRAM, key, PROGRAM_KEYS),
        }
    }

    fn metric(
        &mut self,
        metrics: &mut Vec<ProgramMetric>,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let name = key.get_ref().as_ref();
        self.places.insert(format!("{METRICS}.{name}"), key.span());
        let Ok(parsed) = name.parse::<MetricName>() else {
            let hint = "up to 64 small letters, digits and underscores, with a letter first";
            let what = format!("{name} cannot be the name of a metric");
            self.problems.push(Problem::at(&key.span(), what, hint));
            return;
        };
        let mut metric = ProgramMetric::new(parsed, Better::Neither);
        let typed = Typed::of(self.text, name, value);
        let Some(keys) = value.get_ref().as_table() else {
            // The direction alone says all that must be said.
            metric.better = self.keep(better(&typed)).unwrap_or(Better::Neither);
            metrics.push(metric);
            return;
        };
        if !keys.contains_key("better") {
            let what = format!("{name} does not say which direction is better");
            let hint = "add better = \"higher\" or better = \"lower\"";
            self.problems.push(Problem::at(&value.span(), what, hint));
        }
        for (key, value) in keys {
            let own = key.get_ref().as_ref();
            self.places
                .insert(format!("{METRICS}.{name}.{own}"), value.span());
            let typed = Typed::of(self.text, own, value);
            match own {
                "better" => metric.better = self.keep(better(&typed)).unwrap_or(Better::Neither),
                "solved" => metric.solved = self.keep(typed.number()),
                "pattern" => metric.pattern = self.keep(typed.words()),
                "tolerance" => metric.tolerance = self.keep(typed.number()),
                "unit" => metric.unit = self.keep(typed.words()).unwrap_or_default(),
                _ => self.unknown(METRICS, key, METRIC_KEYS),
            }
        }
        metrics.push(metric);
    }

    fn unknown(&mut self, table: &str, key: &Spanned<Cow<'_, str>>, known: &[Key]) {
        let name = key.get_ref();
        let names: Vec<&str> = known.iter().map(|key| key.name).collect();
        let what = format!("unknown key {name} in [{table}]");
        self.problems
            .push(Problem::at(&key.span(), what, nearest::hint(name, &names)));
    }
}

/// The hash of a file that the sweep file names.
fn hash(path: &str, span: &Span, files: &mut ProgramFiles<'_>) -> Result<String, Problem> {
    check_path("program.files", path).map_err(|error| explain(&error, Some(span.clone())))?;
    files(path).map_err(|why| {
        let hint = "paths start at the folder of the sweep file; links are not followed";
        Problem::at(span, format!("{path} cannot be read: {why}"), hint)
    })
}

fn texts(typed: &Typed<'_, '_>, hint: &str) -> Result<Vec<(String, Span)>, Problem> {
    let elements = typed.value.get_ref().as_array();
    let elements = elements.ok_or_else(|| typed.wrong("is not a list", hint))?;
    let text = |value: &Spanned<DeValue<'_>>| {
        let text = value
            .get_ref()
            .as_str()
            .map(|text| (text.to_owned(), value.span()));
        text.ok_or_else(|| Typed { value, ..*typed }.wrong("is not a text", "put it in quotes"))
    };
    elements.iter().map(text).collect()
}

fn better(typed: &Typed<'_, '_>) -> Result<Better, Problem> {
    let name = typed.value.get_ref().as_str();
    let found = Better::ALL
        .into_iter()
        .find(|better| Some(better.name()) == name);
    found.ok_or_else(|| typed.wrong("is no direction", "\"higher\", \"lower\" or \"neither\""))
}

/// A number of seconds, or a time as people say it.
fn seconds(typed: &Typed<'_, '_>) -> Result<u64, Problem> {
    let Some(text) = typed.value.get_ref().as_str() else {
        return typed.whole();
    };
    let time = text
        .parse()
        .and_then(|time: Time| time.to_duration(SpanRelativeTo::days_are_24_hours()));
    let seconds = time
        .ok()
        .and_then(|time| u64::try_from(time.as_secs()).ok());
    seconds.ok_or_else(|| {
        typed.wrong(
            "is no time",
            "a number and a unit, such as \"90s\", \"10m\" or \"2h\"",
        )
    })
}

fn small<T: TryFrom<u64>>(typed: &Typed<'_, '_>) -> Result<T, Problem> {
    let whole = typed.whole()?;
    T::try_from(whole).map_err(|_| typed.wrong("is out of range", "a smaller whole number"))
}
