//! Text templates that are YAML: values go in as JSON, which YAML reads as what it was. No value
//! can end its quotation or its line, so none can become anything but a value.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

/// The values of each name that a template may use.
pub(super) type Values = BTreeMap<&'static str, Vec<Value>>;

/// Fills in a template. A line with a `$name` stands once for each value of this name, so a line
/// whose name has no value is left out.
pub(super) fn fill(template: &str, values: &Values) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let Some((before, rest)) = line.split_once('$') else {
            text.extend([line, "\n"]);
            continue;
        };
        let end = rest
            .find(|c: char| !c.is_ascii_lowercase() && c != '_')
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        assert!(!after.contains('$'), "a line has one name: {line}");
        for value in values
            .get(name)
            .unwrap_or_else(|| panic!("{name} is no name of a value"))
        {
            text.extend([before, &json(value), after, "\n"]);
        }
    }
    text
}

/// A value as JSON, without the characters that end a line in YAML 1.1, or that YAML cannot have.
fn json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{ffff}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_stands_once_for_each_value_of_its_name() {
        let values = [
            ("none", Vec::new()),
            ("one", vec![Value::from(7)]),
            ("two", vec!["$x: \"y\"".into(), "\n---\n".into()]),
        ];
        let template = "# kept\na: $one # too\nb: $none\n- $two\n";
        let expected = "# kept\na: 7 # too\n- \"$x: \\\"y\\\"\"\n- \"\\n---\\n\"\n";
        assert_eq!(fill(template, &values.into()), expected);
    }

    proptest! {
        #[test]
        fn a_value_stays_in_its_line_and_its_quotation(text in "\\PC*|(?s:.)*|[\"\\\\\n#:\u{85}\u{2028}]*") {
            let written = json(&text.clone().into());
            let ends_a_line = |c: char| c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c);
            prop_assert!(!written.contains(ends_a_line), "{}", written);
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
