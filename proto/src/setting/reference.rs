//! The reference of settings for people, as Markdown, from the rows.

use std::fmt::Write;

use super::{Default, LeftOut, Setting, Use};

/// A chapter for every table of a sweep file, an entry for every key.
#[must_use]
pub fn reference(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut sections: Vec<&str> = Vec::new();
    for setting in settings {
        if !sections.contains(&setting.section) {
            sections.push(setting.section);
        }
    }
    for section in sections {
        write!(text, "\n## [{section}]\n").expect("a String takes every write");
        for setting in settings.iter().filter(|setting| setting.section == section) {
            write!(text, "\n{}", entry(*setting)).expect("a String takes every write");
        }
        text.push('\n');
    }
    text
}

/// One key: what it takes, what stands for it, what it means.
fn entry(setting: Setting) -> String {
    let mut facts = vec![setting.kind.to_string()];
    facts.extend(
        setting
            .uses
            .iter()
            .map(|taken| left_out(setting.decided_by, taken)),
    );
    if setting.may_vary {
        facts.push("may stand in `[space]`".into());
    }
    let Setting(row) = setting;
    wrapped(&format!(
        "- `{}`: {}. {}",
        row.name,
        facts.join("; "),
        row.meaning
    ))
}

fn left_out(decided_by: &str, taken: &Use) -> String {
    let value = match taken.left_out {
        LeftOut::Required => "required".to_owned(),
        LeftOut::Absent | LeftOut::Derived(_) => "may be left out".to_owned(),
        LeftOut::Value(default) | LeftOut::Implied(default) => match default {
            Default::Choice(name) => format!("default \"{name}\""),
            other => format!("default {}", other.value()),
        },
    };
    match taken.kind {
        Some(kind) => format!("with {decided_by} = \"{kind}\" {value}"),
        None => value,
    }
}

/// Lines of at most 100 columns; those after the first are indented.
#[must_use]
pub fn wrapped(entry: &str) -> String {
    let mut lines = vec![String::new()];
    for word in entry.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= 100 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("  {word}"));
        }
    }
    lines.join("\n")
}
