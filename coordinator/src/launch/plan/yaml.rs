//! JSON as YAML that people like to read: mappings and sequences by indentation, scalars as JSON
//! writes them where a plain one could be read as something else. Every JSON scalar is one of YAML
//! 1.2, so nothing here needs to know what a parser takes `no` or `1e3` for.

use std::fmt::Write as _;

use serde_json::Value;

/// One document, with a line end.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    write_block(&mut text, value, 0);
    text
}

/// Writes a value whose first line is already indented.
fn write_block(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (key, value)) in fields.iter().enumerate() {
                new_line(text, at, indent);
                text.push_str(&scalar(key));
                text.push(':');
                write_field(text, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                new_line(text, at, indent);
                text.push_str("- ");
                write_block(text, item, indent + 2);
            }
        }
        Value::String(word) => end_with(text, &scalar(word)),
        other => end_with(text, &other.to_string()),
    }
}

/// Writes what follows a key and its colon.
fn write_field(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let _ = write!(text, "\n{:1$}", "", indent + 2);
            write_block(text, value, indent + 2);
        }
        // Items stand below their key, as Kubernetes' own tools write them.
        Value::Array(items) if !items.is_empty() => {
            let _ = write!(text, "\n{:1$}", "", indent);
            write_block(text, value, indent);
        }
        scalar => {
            text.push(' ');
            write_block(text, scalar, indent);
        }
    }
}

fn new_line(text: &mut String, at: usize, indent: usize) {
    if at > 0 {
        let _ = write!(text, "{:1$}", "", indent);
    }
}

fn end_with(text: &mut String, scalar: &str) {
    text.push_str(scalar);
    text.push('\n');
}

/// A word without quotation marks where YAML can only read it as text.
fn scalar(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(plain);
    // What YAML 1.1, which Kubernetes reads, takes for something else than text.
    let reserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if is_word && !reserved.contains(&word.to_ascii_lowercase().as_str()) {
        word.to_owned()
    } else {
        Value::from(word).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stand_below_their_keys() {
        let value = json!({
            "kind": "Job",
            "empty": {"list": [], "map": {}},
            "words": ["no", "1", "yes: x", "a b", "plain-word", ""],
            "nested": [{"a": 1, "b": [true, null]}, [2.5]],
        });
        insta::assert_snapshot!(to_yaml(&value));
    }
}
