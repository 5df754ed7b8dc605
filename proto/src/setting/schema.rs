//! The JSON Schema of sweep files, for editors: what each table and key may hold, from the rows.

use serde_json::{Map, Value, json};

use super::{Default, Kind, LeftOut, Setting};

/// The schema of a file with these settings, of which `parameters` may stand in `[space]`.
#[must_use]
pub fn schema(settings: &[Setting], parameters: &[Setting]) -> Value {
    let mut tables: Map<String, Value> = Map::new();
    for setting in settings {
        let table = tables.entry(setting.section).or_insert_with(
            || json!({ "type": "object", "additionalProperties": false, "properties": {} }),
        );
        table["properties"][setting.name] = documented(*setting, value(setting.kind));
        if setting.is_always_required() && !setting.may_vary {
            let required = table["required"].as_array().cloned().unwrap_or_default();
            let name = json!(setting.name);
            table["required"] = required.into_iter().chain([name]).collect();
        }
    }
    let axes = parameters
        .iter()
        .map(|setting| (setting.name.to_owned(), axis(*setting)));
    let mut space: Map<String, Value> = axes.collect();
    let conditions = parameters.iter().map(|setting| {
        let one = value(setting.kind);
        let form = json!({ "anyOf": [one, { "type": "array", "items": one }] });
        (setting.name.to_owned(), form)
    });
    space.insert(
        "exclude".into(),
        json!({
            "type": "array",
            "description": "Rules: configurations for which every condition holds are left out.",
            "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": Map::from_iter(conditions),
            },
        }),
    );
    tables.insert(
        "space".into(),
        json!({ "type": "object", "additionalProperties": false, "properties": space }),
    );
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "pondersweep sweep file",
        "type": "object",
        "additionalProperties": false,
        "properties": tables,
    })
}

/// A value, a list of them or, of numbers, a range.
fn axis(setting: Setting) -> Value {
    let one = value(setting.kind);
    let mut forms = vec![
        one.clone(),
        json!({ "type": "array", "items": one, "minItems": 1 }),
    ];
    if setting.is_ordered() {
        let range = |name: &str| {
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": [name],
                "properties": { (name): {
                    "type": "array",
                    "description": "[first, last, count]",
                    "items": { "type": "number" },
                    "minItems": 3,
                    "maxItems": 3,
                } },
            })
        };
        forms.extend(["linspace", "logspace"].map(range));
    }
    documented(setting, json!({ "anyOf": forms }))
}

fn documented(setting: Setting, mut form: Value) -> Value {
    form["description"] = setting.meaning.into();
    if let [only] = setting.uses
        && let LeftOut::Value(default) | LeftOut::Implied(default) = only.left_out
    {
        form["default"] = plain(default);
    }
    form
}

fn plain(default: Default) -> Value {
    match default {
        Default::Number(number) => number.into(),
        Default::Integer(whole) => whole.into(),
        Default::Choice(name) => name.into(),
        Default::Flag(flag) => flag.into(),
    }
}

fn value(kind: Kind) -> Value {
    match kind {
        Kind::Number(interval) => {
            let mut form = json!({ "type": "number" });
            let ends = [
                (
                    interval.low,
                    interval.with_low,
                    "minimum",
                    "exclusiveMinimum",
                ),
                (
                    interval.high,
                    interval.with_high,
                    "maximum",
                    "exclusiveMaximum",
                ),
            ];
            for (end, included, inclusive, exclusive) in ends {
                if end.is_finite() {
                    form[if included { inclusive } else { exclusive }] = end.into();
                }
            }
            form
        }
        Kind::Integer { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Whole => json!({ "type": "integer" }),
        Kind::Choice(names) => json!({ "enum": names }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Text => json!({ "type": "string" }),
    }
}
