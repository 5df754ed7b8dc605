//! What is wrong with a sweep file, where, and how that is shown.

use std::{fmt, ops::Range};

use super::place::nearest;

/// A sweep file that cannot be run. Its text names the place, shows the line and has a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepFileError {
    file: String,
    /// Counted from 1.
    line: usize,
    /// Counted from 1, in characters.
    column: usize,
    source_line: String,
    marked: usize,
    problem: String,
    hint: String,
}

impl std::error::Error for SweepFileError {}

impl fmt::Display for SweepFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            source_line,
            marked,
            problem,
            hint,
        } = self;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let before: String = source_line
            .chars()
            .take(column - 1)
            .map(|character| if character == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{file}:{line}:{column}: {problem}")?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {source_line}")?;
        writeln!(f, "{margin} | {before}{}", "^".repeat(*marked))?;
        write!(f, "hint: {hint}")
    }
}

/// A problem at a range of bytes of the text.
#[derive(Debug)]
pub(super) struct Fault {
    span: Range<usize>,
    problem: String,
    hint: String,
}

impl Fault {
    /// A problem.
    pub(super) fn new(
        span: Range<usize>,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            span,
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// The text is not TOML.
    pub(super) fn of_syntax(error: &toml::de::Error) -> Self {
        let problem = error.message().replace('\n', ", ");
        let hint = "this is TOML: [table] lines, and key = value lines below them";
        Self::new(error.span().unwrap_or(0..0), problem, hint)
    }

    /// A setting's table holds something else than it should.
    pub(super) fn of_settings(error: &toml::de::Error) -> Self {
        Self::of_table(error, "")
    }

    /// A table holds something else than it should.
    pub(super) fn of_table(error: &toml::de::Error, table: &str) -> Self {
        let message = error.message();
        let (problem, hint) = explain(message, table);
        Self::new(error.span().unwrap_or(0..0), problem, hint)
    }

    /// The problem at its place in the text.
    pub(super) fn locate(self, text: &str, file: &str) -> SweepFileError {
        let start = text.floor_char_boundary(self.span.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = text.floor_char_boundary(self.span.end.clamp(start, line_end));
        SweepFileError {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            source_line: text[line_start..line_end].trim_end().to_owned(),
            marked: text[start..end].chars().count().max(1),
            problem: self.problem,
            hint: self.hint,
        }
    }
}

/// Serde's message in this program's words, and what to do about it.
fn explain(message: &str, table: &str) -> (String, String) {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match (
        message.split('`').next().unwrap_or_default().trim(),
        quoted.as_slice(),
    ) {
        ("unknown field", [unknown, known @ ..]) => {
            let hint = match nearest(unknown, known.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("the keys here are {}", known.join(", ")),
            };
            (format!("unknown key {unknown:?}"), hint)
        }
        ("missing field", [missing, ..]) => {
            let place = if table.is_empty() {
                "its table".into()
            } else {
                format!("[{table}]")
            };
            let hint = format!("add {missing} = ... to {place}; a parameter may stand in [space]");
            (format!("{missing} is missing"), hint)
        }
        ("unknown variant", [unknown, known @ ..]) => (
            format!("unknown {unknown:?}"),
            format!("one of {}", known.join(", ")),
        ),
        _ => {
            let hint = "numbers stand without quotes, texts in double quotes";
            (message.replace('\n', ", "), hint.to_owned())
        }
    }
}
