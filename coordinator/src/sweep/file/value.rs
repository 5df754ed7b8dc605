//! One value of a sweep file, read as the kind its key takes.

use pondersweep_proto::setting::{Kind, ParameterValue, SettingTable};
use toml::{Spanned, de::DeValue};

use super::{Span, nearest, problem::Problem};

/// A value's place in the file, which errors show as it was typed.
pub(super) struct Typed<'a, 'i> {
    pub(super) text: &'a str,
    pub(super) key: &'a str,
    pub(super) value: &'a Spanned<DeValue<'i>>,
    /// The settings of a configuration, if it is one of them that is read.
    pub(super) settings: Option<&'static SettingTable>,
}

impl<'a, 'i> Typed<'a, 'i> {
    /// The value of a key that is no setting.
    pub(super) const fn of(text: &'a str, key: &'a str, value: &'a Spanned<DeValue<'i>>) -> Self {
        Self {
            text,
            key,
            value,
            settings: None,
        }
    }
}

impl Typed<'_, '_> {
    /// Where the value stands.
    pub(super) fn span(&self) -> Span {
        self.value.span()
    }

    /// The value as its key's kind.
    ///
    /// # Errors
    /// It is of another kind, or does not fit the type that will hold it.
    pub(super) fn read(&self, kind: Kind) -> Result<ParameterValue, Problem> {
        match kind {
            Kind::Number(_) => self.number().map(Into::into),
            Kind::Integer { .. } => self.whole().map(Into::into),
            Kind::Whole => self.signed().map(Into::into),
            Kind::Flag => self.flag().map(Into::into),
            Kind::Choice(names) => self.choice(names).map(|name| name.as_str().into()),
            Kind::Text => self.words().map(|text| text.as_str().into()),
        }
    }

    /// A finite number; a whole one may stand for it.
    pub(super) fn number(&self) -> Result<f64, Problem> {
        let number = match self.value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(_) => self.integer().map(|whole| whole as f64),
            _ => return Err(self.wrong("is not a number", self.kind_hint("a number"))),
        };
        number
            .filter(|number: &f64| number.is_finite())
            // Zero has one sign only, as it has one value.
            .map(|number| number + 0.0)
            .ok_or_else(|| self.wrong("is out of range", "a finite number"))
    }

    /// A whole number that may lie below 0.
    fn signed(&self) -> Result<i64, Problem> {
        let whole = self.integer().and_then(|whole| i64::try_from(whole).ok());
        whole.ok_or_else(|| self.wrong("is out of range", "a whole number of at most 64 bits"))
    }

    /// A whole number, 0 or above.
    pub(super) fn whole(&self) -> Result<u64, Problem> {
        match self.value.get_ref() {
            DeValue::Integer(_) => {}
            DeValue::Float(float) => {
                return Err(self.wrong("is not a whole number", whole_hint(float.as_str())));
            }
            _ => {
                let hint = self.kind_hint("a whole number");
                return Err(self.wrong("is not a whole number", hint));
            }
        }
        let whole = self.integer().unwrap_or(i128::MAX);
        if whole < 0 {
            return Err(self.wrong("is out of range", "a whole number, 0 or above"));
        }
        u64::try_from(whole)
            .ok()
            .ok_or_else(|| self.wrong("is out of range", "a smaller whole number"))
    }

    fn integer(&self) -> Option<i128> {
        let integer = self.value.get_ref().as_integer()?;
        i128::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    fn flag(&self) -> Result<bool, Problem> {
        let flag = self.value.get_ref().as_bool();
        flag.ok_or_else(|| self.wrong("is neither true nor false", "true or false, no quotes"))
    }

    fn choice(&self, names: &[&str]) -> Result<String, Problem> {
        let Some(name) = self.value.get_ref().as_str() else {
            let hint = self.kind_hint(&format!("one of {}, in quotes", names.join(", ")));
            return Err(self.wrong("is not a name", hint));
        };
        if names.contains(&name) {
            return Ok(name.into());
        }
        Err(self.wrong("is unknown", nearest::hint(name, names)))
    }

    pub(super) fn words(&self) -> Result<String, Problem> {
        let words = self.value.get_ref().as_str().map(str::to_owned);
        words.ok_or_else(|| self.wrong("is not a text", "put it in quotes"))
    }

    /// A list where a single value belongs is most often a wish to sweep; a number in quotes, a
    /// habit from elsewhere.
    fn kind_hint(&self, wanted: &str) -> String {
        let listed = self.value.get_ref().is_array() || self.value.get_ref().is_table();
        if listed
            && self
                .settings
                .is_some_and(|table| table.parameter(self.key).is_ok())
        {
            return format!("{wanted}; several values belong in [space]");
        }
        let quoted = self.value.get_ref().as_str();
        if let Some(number) = quoted.filter(|quoted| quoted.parse::<f64>().is_ok()) {
            return format!("write {number} without quotes");
        }
        wanted.into()
    }

    /// A problem of this value, which `what` speaks of.
    pub(super) fn wrong(&self, what: &str, hint: impl Into<String>) -> Problem {
        let span = self.span();
        let typed: String = self.text[span.clone()].chars().take(40).collect();
        let typed = typed.lines().next().unwrap_or_default();
        Problem::at(&span, format!("{} = {typed} {what}", self.key), hint)
    }
}

/// How a number such as `4e3` is written as a whole one, if it is one.
fn whole_hint(typed: &str) -> String {
    match typed.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("write {number}"),
        _ => "a whole number".into(),
    }
}
