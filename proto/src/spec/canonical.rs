//! The canonical JSON form of a configuration: what is hashed, stored, named and sent. It decides
//! how values are written and which are left out, and reads the form back.
//!
//! Keys are sorted, there is no white space, numbers are in their shortest form that reads back as
//! the same number.

use std::fmt::Write;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{ConfigurationSpec, Settings, SpecError};
use crate::{
    limit::{MAX_CONFIGURATION_BYTES, shown},
    setting::{Kind, LeftOut, ParameterValue, Setting, SettingTable},
};

impl ConfigurationSpec {
    /// The canonical JSON form.
    #[must_use]
    pub fn json(&self) -> String {
        self.json_with(&[])
    }

    /// The canonical JSON form of a copy in which some settings have other values, without making
    /// the copy. That it is valid must be known.
    #[must_use]
    pub fn json_with(&self, values: &[(Setting, &ParameterValue)]) -> String {
        self.write(|setting, place| {
            let replaced = values.iter().find(|(replaced, _)| *replaced == setting);
            let value = replaced.map(|(_, value)| *value);
            self.written(setting, value.or(self.values[place].as_ref()))
        })
    }

    /// The form that is hashed for the shape: without what may differ between the lanes of a
    /// bundle, and with what follows from other settings.
    pub(crate) fn shape_json(&self) -> String {
        self.write(|setting, place| {
            if let Some(in_its_place) = setting.per_lane {
                return in_its_place.map(str::to_owned);
            }
            if let Some(LeftOut::Derived(_)) = self.left_out(setting) {
                return Some(self.whole(setting).to_string());
            }
            self.written(setting, self.values[place].as_ref())
        })
    }

    /// How a value stands in the canonical form; `None` where it does not.
    fn written(&self, setting: Setting, value: Option<&ParameterValue>) -> Option<String> {
        match (self.left_out(setting)?, value) {
            (LeftOut::Implied(default), Some(value)) if *value == default.value() => None,
            (LeftOut::Absent | LeftOut::Derived(_), None) => Some("null".to_owned()),
            (_, value) => Some(serde_json::to_string(value?).expect("numbers, names and flags")),
        }
    }

    /// Writes what `text` says of each setting, sorted by section and name.
    fn write(&self, text: impl Fn(Setting, usize) -> Option<String>) -> String {
        let mut json = String::with_capacity(640);
        let mut open = "";
        for &place in self.table.canonical_order() {
            let setting = self.table.rows[place];
            let Some(value) = text(setting, place) else {
                continue;
            };
            let (section, name) = (setting.section, setting.name);
            let head = match open {
                "" => format!("{{\"{section}\":{{"),
                same if same == section => ",".to_owned(),
                _ => format!("}},\"{section}\":{{"),
            };
            write!(json, "{head}\"{name}\":{value}").expect("a String takes every write");
            open = section;
        }
        json.push_str("}}");
        json
    }

    /// Reads a configuration from its canonical JSON form, or any other JSON form of it, as a peer
    /// sent it.
    ///
    /// # Errors
    /// It is too long, or no valid configuration.
    pub fn from_bytes(json: &[u8]) -> Result<Self, SpecError> {
        if json.len() > MAX_CONFIGURATION_BYTES {
            let problem = format!("has {} bytes", json.len());
            let hint = format!("up to {MAX_CONFIGURATION_BYTES} bytes");
            return Err(SpecError::new("configuration", problem, hint));
        }
        let json = serde_json::from_slice(json).map_err(|error| {
            let hint = "the canonical JSON form of a configuration";
            SpecError::new("configuration", format!("is not JSON: {error}"), hint)
        })?;
        Self::from_json(json)
    }
}

impl Settings {
    /// Settings of a table, from sections of values as JSON; `null` is the same as left out.
    ///
    /// # Errors
    /// A section or a key is unknown, or a value of the wrong kind.
    pub fn from_json(table: &'static SettingTable, json: Value) -> Result<Self, SpecError> {
        let mut settings = Self::new(table);
        for (section, keys) in object(json, "configuration")? {
            let known = table.sections();
            if !known.contains(&&*section) {
                let hint = format!("one of {}", known.join(", "));
                let problem = format!("unknown section {:?}", shown(&section));
                return Err(SpecError::new("configuration", problem, hint));
            }
            for (name, value) in object(keys, &section)? {
                let setting = table.at(&section, &name).ok_or_else(|| {
                    let names: Vec<_> = table.section(&section).map(|row| row.0.name).collect();
                    let problem = format!("unknown key {:?}", shown(&name));
                    SpecError::new(
                        section.clone(),
                        problem,
                        format!("one of {}", names.join(", ")),
                    )
                })?;
                if !value.is_null() {
                    settings.set(setting, read(setting, &value)?)?;
                }
            }
        }
        Ok(settings)
    }
}

fn object(json: Value, path: &str) -> Result<Map<String, Value>, SpecError> {
    match json {
        Value::Object(object) => Ok(object),
        _ => Err(SpecError::new(
            path,
            "is no JSON object",
            "sections of keys and values",
        )),
    }
}

/// A JSON value as a setting's.
fn read(setting: Setting, value: &Value) -> Result<ParameterValue, SpecError> {
    let read = match (setting.0.kind, value) {
        (Kind::Number(_), Value::Number(number)) => number.as_f64().map(Into::into),
        (Kind::Integer { .. }, Value::Number(number)) => number.as_u64().map(Into::into),
        (Kind::Whole, Value::Number(number)) => number.as_i64().map(Into::into),
        (Kind::Choice(_) | Kind::Text, Value::String(text)) => Some(text.as_str().into()),
        (Kind::Flag, Value::Bool(flag)) => Some((*flag).into()),
        _ => None,
    };
    read.ok_or_else(|| {
        let problem = format!("{} cannot be {}", setting.0.name, shown(&value.to_string()));
        SpecError::new(setting.path(), problem, setting.0.kind.to_string())
    })
}

impl Serialize for ConfigurationSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form: Value = serde_json::from_str(&self.json()).expect("it was just written");
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ConfigurationSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        Self::from_json(json).map_err(serde::de::Error::custom)
    }
}
