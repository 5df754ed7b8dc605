//! The settings of a user's program: its parameters, whose names a sweep file makes and whose
//! values say what kind they are, and which program it is.
//!
//! A row lives as long as the process, so that a [`Setting`] is as cheap to copy as one of the
//! built-in training. Equal rows are one row, and there is a limit to them: a peer cannot fill the
//! memory.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use super::{Interval, Kind, LeftOut, ParameterValue, Row, Setting, SettingTable, Use};
use crate::{
    limit::{MAX_PARAMETER_BYTES, MAX_PARAMETER_ROWS, MAX_PARAMETERS, shown},
    program::TOLD,
    spec::SpecError,
};

/// The section of a program's parameters.
pub const PARAMETERS: &str = "parameters";
/// The section that says which program a trial runs.
pub const PROGRAM: &str = "program";

/// The hash of the program that a trial runs.
pub const SHA256: Setting = {
    static ROW: Row = Row {
        section: PROGRAM,
        name: "sha256",
        kind: Kind::Text,
        uses: TAKEN,
        decided_by: "kind",
        may_vary: false,
        per_lane: None,
        together: false,
        label: "the program",
        meaning: "The SHA-256 of the program: of its command, its files, and what it reports.",
        hint: None,
    };
    Setting(&ROW)
};

const TAKEN: &[Use] = &[Use {
    kind: None,
    left_out: LeftOut::Required,
}];

/// Names that no parameter and no metric has, besides those of [`TOLD`]: variables that a program
/// finds, and columns of its table.
const RESERVED: &[&str] = &[
    "parameters",
    "report",
    "trial_id",
    "trial_key",
    "configuration_id",
    "outcome",
    "solved",
    "step",
    "sha256",
];

/// What kind a parameter's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterKind {
    /// True or false.
    Flag,
    /// Whole numbers.
    Whole,
    /// Numbers; some may be whole.
    Number,
    /// Texts.
    Text,
}

impl ParameterKind {
    /// The kind of a value.
    #[must_use]
    pub const fn of(value: &ParameterValue) -> Self {
        match value {
            ParameterValue::Integer(_) | ParameterValue::Negative(_) => Self::Whole,
            ParameterValue::Number(_) => Self::Number,
            ParameterValue::Choice(_) => Self::Text,
            ParameterValue::Flag(_) => Self::Flag,
        }
    }

    /// The kind of values of both kinds: whole numbers may stand for numbers.
    #[must_use]
    pub fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Whole, Self::Number) | (Self::Number, Self::Whole) => Some(Self::Number),
            (one, other) => (one == other).then_some(one),
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Flag => Kind::Flag,
            Self::Whole => Kind::Whole,
            Self::Number => Kind::Number(Interval::FINITE),
            Self::Text => Kind::Text,
        }
    }
}

/// A parameter's name and kind.
type Parameter = (String, ParameterKind);

/// What was made so far.
struct Made {
    rows: BTreeMap<Parameter, Setting>,
    tables: BTreeMap<Vec<Parameter>, &'static SettingTable>,
}

static MADE: Mutex<Made> = Mutex::new(Made {
    rows: BTreeMap::new(),
    tables: BTreeMap::new(),
});

/// The table of a program with these parameters, in any order.
///
/// # Errors
/// They are too many, one cannot have its name, or two would be the same variable of the
/// environment.
pub fn table(mut parameters: Vec<Parameter>) -> Result<&'static SettingTable, SpecError> {
    if parameters.len() > MAX_PARAMETERS {
        let problem = format!("has {} parameters", parameters.len());
        let hint = format!("a program has up to {MAX_PARAMETERS}");
        return Err(SpecError::new(PARAMETERS, problem, hint));
    }
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for (name, _) in &parameters {
        check_name(PARAMETERS, name)?;
        if let Some(other) = names.insert(name.to_ascii_uppercase(), name) {
            let problem = format!("{other} and {name} differ in capitals only");
            let hint =
                "a program finds both as one variable of its environment: rename one of them";
            return Err(SpecError::new(place(name), problem, hint));
        }
    }
    parameters.sort_unstable();
    // Every change is an insertion, so a poisoned map is still whole.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(table) = made.tables.get(&parameters) {
        return Ok(table);
    }
    let mut rows = vec![SHA256];
    for parameter in &parameters {
        rows.push(made.row(parameter)?);
    }
    made.has_room()?;
    let table: &'static SettingTable = Box::leak(Box::new(SettingTable::new(rows.leak(), &[])));
    made.tables.insert(parameters, table);
    Ok(table)
}

/// The table of a configuration in its JSON form.
///
/// # Errors
/// It has values that no parameter has, or as for [`table`].
pub fn table_of(configuration: &Value) -> Result<&'static SettingTable, SpecError> {
    let parameters = configuration.get(PARAMETERS).and_then(Value::as_object);
    let kinds = parameters.into_iter().flatten().map(|(name, value)| {
        let kind = match value {
            Value::Bool(_) => ParameterKind::Flag,
            Value::String(_) => ParameterKind::Text,
            Value::Number(number) if number.is_f64() => ParameterKind::Number,
            Value::Number(_) => ParameterKind::Whole,
            _ => {
                let problem = format!("{} is no value", shown(&value.to_string()));
                let hint = "a number, a text, true or false";
                return Err(SpecError::new(place(name), problem, hint));
            }
        };
        Ok((name.clone(), kind))
    });
    table(kinds.collect::<Result<_, _>>()?)
}

/// The parameter that has this name and these values.
///
/// # Errors
/// Its values are of several kinds, or as for [`table`].
pub(super) fn parameter(name: &str, values: &[ParameterValue]) -> Result<Setting, SpecError> {
    check_name(PARAMETERS, name)?;
    let mut kinds = values.iter().map(ParameterKind::of);
    let first = kinds.next().unwrap_or(ParameterKind::Number);
    let kind = kinds.try_fold(first, ParameterKind::with).ok_or_else(|| {
        let hint = "numbers, texts, or true and false";
        SpecError::new(place(name), "has values of several kinds", hint)
    })?;
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.row(&(name.to_owned(), kind))
}

/// Refuses what can be the name of no parameter, and of no metric.
///
/// # Errors
/// See above.
pub fn check_name(section: &str, name: &str) -> Result<(), SpecError> {
    let refuse = |problem: String, hint: &str| {
        let path = format!("{section}.{}", shown(name));
        Err(SpecError::new(path, problem, hint))
    };
    let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= MAX_PARAMETER_BYTES;
    if !is_word {
        let hint = "a name has up to 64 letters, digits and underscores, with a letter first";
        return refuse(format!("{:?} cannot be a name", shown(name)), hint);
    }
    let mut reserved = TOLD.iter().chain(RESERVED);
    if reserved.any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        let hint = "every trial has something of that name already: choose another";
        return refuse(format!("{name} is reserved"), hint);
    }
    Ok(())
}

fn place(name: &str) -> String {
    format!("{PARAMETERS}.{}", shown(name))
}

impl Made {
    fn row(&mut self, parameter: &Parameter) -> Result<Setting, SpecError> {
        if let Some(row) = self.rows.get(parameter) {
            return Ok(*row);
        }
        self.has_room()?;
        let (name, kind) = parameter;
        let name: &'static str = name.clone().leak();
        let row = Setting(Box::leak(Box::new(Row {
            section: PARAMETERS,
            name,
            kind: kind.kind(),
            uses: TAKEN,
            decided_by: "kind",
            may_vary: true,
            per_lane: None,
            together: false,
            label: name,
            meaning: "A parameter of the program.",
            hint: None,
        })));
        self.rows.insert(parameter.clone(), row);
        Ok(row)
    }

    fn has_room(&self) -> Result<(), SpecError> {
        if self.rows.len() + self.tables.len() < MAX_PARAMETER_ROWS {
            return Ok(());
        }
        let problem = format!("{MAX_PARAMETER_ROWS} different parameters were seen already");
        let hint = "restart the coordinator: sweeps that are stored are kept";
        Err(SpecError::new(PARAMETERS, problem, hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<&'static SettingTable, SpecError> {
        let whole = |name: &&str| ((*name).to_owned(), ParameterKind::Whole);
        table(names.iter().map(whole).collect())
    }

    #[test]
    fn equal_parameters_are_one_row_in_every_table() {
        let (one, other) = (
            named(&["depth", "width"]).unwrap(),
            named(&["width", "depth"]).unwrap(),
        );
        assert!(std::ptr::eq(one, other));
        let third = named(&["depth"]).unwrap();
        assert_eq!(
            one.parameter("depth").unwrap(),
            third.parameter("depth").unwrap()
        );
        let text = table(vec![("depth".into(), ParameterKind::Text)]).unwrap();
        assert_ne!(
            text.parameter("depth").unwrap(),
            third.parameter("depth").unwrap()
        );
    }

    #[test]
    fn names_that_would_collide_are_refused() {
        for bad in [
            &["C", "c"][..],
            &["seed"],
            &["Solved"],
            &["1st"],
            &["a-b"],
            &[""],
            &["é"],
        ] {
            assert!(named(bad).is_err(), "{bad:?}");
        }
        assert!(named(&["C", "gamma"]).is_ok());
    }

    #[test]
    fn the_form_of_a_configuration_says_what_kinds_its_parameters_are() {
        let json = serde_json::json!({
            "parameters": { "rate": 1.0, "depth": -2, "name": "sgd", "fast": true },
            "program": { "sha256": "00" },
        });
        let kind = |name: &str| table_of(&json).unwrap().parameter(name).unwrap().kind;
        assert_eq!(kind("rate"), Kind::Number(Interval::FINITE));
        assert_eq!(
            (kind("depth"), kind("name"), kind("fast")),
            (Kind::Whole, Kind::Text, Kind::Flag)
        );
        assert!(table_of(&serde_json::json!({ "parameters": { "a": [1] } })).is_err());
    }
}
