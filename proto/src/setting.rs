//! What a configuration may hold: settings, each stated once as a row of a table. From the row
//! follow the layout of sweep files, parsing and its errors, defaults, the canonical JSON form, the
//! shape, the columns of views, labels, the JSON Schema and the reference in the docs.
//!
//! A row decides nothing about other settings: what several of them allow together is a rule of the
//! table, next to its rows.

mod interval;
pub mod program;
mod reference;
pub mod row;
mod schema;
pub mod training;
mod value;

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::OnceLock,
};

use crate::spec::{Settings, SpecError};

pub use self::{
    interval::Interval,
    reference::{reference, wrapped},
    schema::schema,
    value::ParameterValue,
};

/// Settings that belong together: those of the built-in training, or of a user's program.
#[derive(Debug)]
pub struct SettingTable {
    /// In the order of the columns of `trial_result`.
    pub rows: &'static [Setting],
    /// What several settings allow together.
    pub rules: &'static [Rule],
    /// The places of the rows, sorted by section and name.
    canonical_order: OnceLock<Vec<usize>>,
}

/// Refuses settings, each valid by itself, that cannot be together.
pub type Rule = fn(&Settings) -> Result<(), SpecError>;

/// One setting: everything that is said of it.
#[derive(Debug)]
pub struct Row {
    /// The table of a sweep file that holds it.
    pub section: &'static str,
    /// Its name in files, SQL and tables.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Which configurations take it, and what stands for it where it is left out.
    pub uses: &'static [Use],
    /// The key of its section whose value says which of the uses holds.
    pub decided_by: &'static str,
    /// Whether a search space may vary it.
    pub may_vary: bool,
    /// `Some` where the lanes of a bundle may differ in it, so that it is no part of the shape:
    /// what the form that is hashed for the shape holds in its place, if anything.
    pub per_lane: Option<Option<&'static str>>,
    /// Whether a rule reads it although lanes may differ in it.
    pub together: bool,
    /// A few words for the axis of a figure.
    pub label: &'static str,
    /// One sentence or more: what it does, its unit, its source.
    pub meaning: &'static str,
    /// What would be right, where the range does not say it well enough.
    pub hint: Option<&'static str>,
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number within an interval.
    Number(Interval),
    /// A whole number, both bounds included.
    Integer {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Any whole number that 64 bits with a sign hold.
    Whole,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// True or false.
    Flag,
    /// Any text.
    Text,
}

/// Which configurations take a setting, and what stands for it where it is left out.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Taken where what decides is this; `None` means wherever no other use says.
    pub kind: Option<&'static str>,
    /// What stands for it where it is left out.
    pub left_out: LeftOut,
}

/// What stands for a setting that is left out.
#[derive(Clone, Copy, Debug)]
pub enum LeftOut {
    /// Nothing: it must be stated.
    Required,
    /// Nothing: it may be absent. The canonical form says `null`.
    Absent,
    /// What follows from other settings; the canonical form says `null`, the shape the value.
    Derived(fn(&Settings) -> ParameterValue),
    /// This value; the canonical form holds it.
    Value(Default),
    /// This value; the canonical form leaves it out, stated or not. What is added to a table later
    /// has such a default, so that older configurations keep their form.
    Implied(Default),
}

/// A default value.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// Of a number.
    Number(f64),
    /// Of a whole number.
    Integer(u64),
    /// Of a choice.
    Choice(&'static str),
    /// Of a flag.
    Flag(bool),
}

impl Default {
    /// The default as a value.
    #[must_use]
    pub fn value(self) -> ParameterValue {
        match self {
            Self::Number(number) => number.into(),
            Self::Integer(whole) => whole.into(),
            Self::Choice(name) => name.into(),
            Self::Flag(flag) => flag.into(),
        }
    }
}

/// A row of a table, by reference: two settings are equal if they stand at the same place.
#[derive(Clone, Copy)]
pub struct Setting(pub &'static Row);

impl std::ops::Deref for Setting {
    type Target = Row;

    fn deref(&self) -> &Row {
        self.0
    }
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Setting {}

impl PartialOrd for Setting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Setting {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.section, self.name).cmp(&(other.section, other.name))
    }
}

impl Hash for Setting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.section, self.name).hash(state);
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl serde::Serialize for Setting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.section {
            program::PARAMETERS => serializer.serialize_str(&self.path()),
            _ => serializer.serialize_str(self.name),
        }
    }
}

/// The parameter that goes by this name where only its values are told: a program's by its place,
/// whose values say what kind it is; all others are of the built-in training.
///
/// # Errors
/// There is none.
pub fn parameter_of(name: &str, values: &[ParameterValue]) -> Result<Setting, SpecError> {
    let name = crate::limit::shown(name);
    match name.split_once('.') {
        Some((program::PARAMETERS, name)) => program::parameter(name, values),
        _ => training::TRAINING.parameter(&name),
    }
}

impl Setting {
    /// Its place: `section.name`.
    #[must_use]
    pub fn path(self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// Whether its values have an order.
    #[must_use]
    pub const fn is_ordered(self) -> bool {
        matches!(
            self.0.kind,
            Kind::Number(_) | Kind::Integer { .. } | Kind::Whole
        )
    }

    /// What stands for it where it is left out, in settings where what decides is this `kind`;
    /// `None` where they do not take it.
    #[must_use]
    pub fn left_out(self, kind: Option<&str>) -> Option<LeftOut> {
        let named = self.0.uses.iter().find(|taken| taken.kind == kind);
        let used = named.or_else(|| self.0.uses.iter().find(|taken| taken.kind.is_none()));
        used.map(|taken| taken.left_out)
    }

    /// Whether a table of a file must state it, whatever else that states.
    #[must_use]
    pub fn is_always_required(self) -> bool {
        let required = |taken: &Use| matches!(taken.left_out, LeftOut::Required);
        self.0.uses.iter().any(|taken| taken.kind.is_none()) && self.0.uses.iter().all(required)
    }

    /// The value in the form the setting takes: a whole number may stand for a number. Whether it
    /// is in range is checked with the whole configuration.
    ///
    /// # Errors
    /// The value is of another kind, or no choice has that name.
    pub fn admit(self, value: ParameterValue) -> Result<ParameterValue, SpecError> {
        use ParameterValue::{Choice, Flag, Integer, Negative, Number};
        match (self.0.kind, value) {
            // Zero has one sign only, as it has one value.
            (Kind::Number(_), Number(number)) => Ok(Number(number + 0.0)),
            (Kind::Number(_), Integer(whole)) => Ok(Number(whole as f64)),
            (Kind::Number(_), Negative(whole)) => Ok(Number(whole as f64)),
            (Kind::Whole, value @ (Integer(_) | Negative(_))) => Ok(value),
            (Kind::Integer { .. }, value @ Integer(_)) | (Kind::Flag, value @ Flag(_)) => Ok(value),
            (Kind::Choice(names), Choice(name)) if names.contains(&&*name) => Ok(Choice(name)),
            (Kind::Text, Choice(text)) => Ok(Choice(text)),
            (kind, value) => Err(SpecError::new(
                self.path(),
                format!("{} cannot be {value}", self.0.name),
                kind.to_string(),
            )),
        }
    }

    /// Refuses a value of the right kind that is out of range.
    ///
    /// # Errors
    /// It is.
    pub fn check(self, value: &ParameterValue) -> Result<(), SpecError> {
        let fits = match (self.0.kind, value) {
            (Kind::Number(interval), ParameterValue::Number(number)) => interval.contains(*number),
            (Kind::Integer { least, most }, ParameterValue::Integer(whole)) => {
                (least..=most).contains(whole)
            }
            (Kind::Whole, ParameterValue::Integer(whole)) => i64::try_from(*whole).is_ok(),
            // No argument of a program, and no text of a database, holds one.
            (Kind::Text, ParameterValue::Choice(text)) => !text.contains('\0'),
            _ => true,
        };
        if fits {
            return Ok(());
        }
        // Only a refusal pays for its text: a sweep checks every one of its configurations.
        let hint = self
            .0
            .hint
            .map_or_else(|| self.0.kind.to_string(), str::to_owned);
        Err(SpecError::new(
            self.path(),
            format!("{value} is out of range"),
            hint,
        ))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(interval) => interval.fmt(f),
            Self::Integer {
                least,
                most: u64::MAX,
            } => write!(f, "a whole number from {least}"),
            Self::Integer { least, most } => write!(f, "a whole number from {least} to {most}"),
            Self::Whole => f.write_str("a whole number"),
            Self::Choice(names) => write!(f, "one of {}", names.join(", ")),
            Self::Flag => f.write_str("true or false"),
            Self::Text => f.write_str("a text"),
        }
    }
}

impl SettingTable {
    /// A table of these rows.
    #[must_use]
    pub const fn new(rows: &'static [Setting], rules: &'static [Rule]) -> Self {
        Self {
            rows,
            rules,
            canonical_order: OnceLock::new(),
        }
    }

    /// The places of the rows in the order of the canonical form.
    pub(crate) fn canonical_order(&self) -> &[usize] {
        self.canonical_order.get_or_init(|| {
            let mut places: Vec<usize> = (0..self.rows.len()).collect();
            places.sort_by_key(|&place| self.rows[place]);
            places
        })
    }

    /// Whether the values of a setting may be checked apart from those of the others that vary. Few
    /// rules read what lanes of one shape may differ in, and what decides whether a setting is taken may
    /// vary or not.
    #[must_use]
    pub fn stands_alone(&self, setting: Setting) -> bool {
        let may_be_read = setting.per_lane.is_none() && !self.rules.is_empty();
        let decides = self.at(setting.section, setting.decided_by);
        let is_always_taken = setting.uses.iter().all(|taken| taken.kind.is_none());
        !may_be_read
            && !setting.together
            && (is_always_taken || decides.is_none_or(|row| !row.may_vary))
    }

    /// The setting of this section with this name.
    #[must_use]
    pub fn at(&self, section: &str, name: &str) -> Option<Setting> {
        let here = |row: &&Setting| row.section == section && row.name == name;
        self.rows.iter().find(here).copied()
    }

    /// The settings that a search space may vary.
    pub fn parameters(&self) -> impl Iterator<Item = Setting> {
        self.rows.iter().copied().filter(|row| row.may_vary)
    }

    /// The parameter with this name.
    ///
    /// # Errors
    /// There is none; the error names all there are.
    pub fn parameter(&self, name: &str) -> Result<Setting, SpecError> {
        self.parameters()
            .find(|row| row.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.parameters().map(|row| row.0.name).collect();
                SpecError::new(
                    format!("space.{name}"),
                    format!("{name:?} is not a parameter"),
                    format!("the parameters are {}", names.join(", ")),
                )
            })
    }

    /// The sections, in the order in which the rows first name them.
    #[must_use]
    pub fn sections(&self) -> Vec<&'static str> {
        let mut sections = Vec::new();
        for row in self.rows {
            if !sections.contains(&row.section) {
                sections.push(row.section);
            }
        }
        sections
    }

    /// The settings of one section.
    pub fn section(&self, name: &str) -> impl Iterator<Item = Setting> {
        self.rows
            .iter()
            .copied()
            .filter(move |row| row.section == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{setting::training::TRAINING, spec::StepFunction};

    /// A value that is not the default.
    fn other(setting: Setting) -> ParameterValue {
        match setting.kind {
            Kind::Number(_) => 0.625.into(),
            Kind::Integer { .. } | Kind::Whole => 17_u64.into(),
            Kind::Choice(names) => (*names.last().unwrap()).into(),
            Kind::Flag => true.into(),
            Kind::Text => "text".into(),
        }
    }

    #[test]
    fn every_setting_sets_and_gets_its_own_value() {
        let base = Settings::new(&TRAINING);
        for &setting in TRAINING.rows {
            let mut settings = base.clone();
            settings.set(setting, other(setting)).unwrap();
            assert_eq!(settings.get(setting), Some(&other(setting)), "{setting:?}");
            for &rest in TRAINING.rows.iter().filter(|&&rest| rest != setting) {
                assert_eq!(settings.get(rest), None, "{setting:?} changed {rest:?}");
            }
            assert_eq!(TRAINING.at(setting.section, setting.name), Some(setting));
        }
    }

    #[test]
    fn no_two_parameters_share_a_name_and_every_row_says_what_it_means() {
        let mut names: Vec<_> = TRAINING.parameters().map(|row| row.0.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for row in TRAINING.rows {
            assert!(
                row.meaning.ends_with('.') && !row.label.is_empty(),
                "{row:?}"
            );
            assert!(!row.uses.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn every_default_is_a_value_its_setting_admits() {
        for &row in TRAINING.rows {
            for taken in row.uses {
                if let LeftOut::Value(default) | LeftOut::Implied(default) = taken.left_out {
                    let value = row.admit(default.value()).unwrap();
                    row.check(&value).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_whole_number_may_stand_for_a_number_but_not_the_other_way() {
        let one = ParameterValue::Integer(1);
        assert_eq!(Setting::BETA.admit(one.clone()).unwrap(), 1.0.into());
        assert_eq!(Setting::HIDDEN.admit(one.clone()).unwrap(), one);
        assert!(Setting::HIDDEN.admit(1.5.into()).is_err());
        let error = Setting::STEP_FUNCTION.admit("warp".into()).unwrap_err();
        assert!(error.hint.contains(StepFunction::Gru.name()), "{error}");
        assert!(Setting::EXTRAPOLATE.admit(one).is_err());
    }

    #[test]
    fn zero_has_one_sign() {
        let admitted = Setting::BETA.admit((-0.0).into()).unwrap();
        assert_eq!(admitted.to_string(), "0");
    }
}
