//! How an error in a sweep file reads: where, the source line with a mark, what, and a hint.

use std::fmt::{self, Write as _};

use pondersweep_proto::foreign::is_seen;

use super::Span;

/// The most characters of a source line that are shown; generated files have very long lines.
const MAX_SHOWN: usize = 120;
/// The most errors that are shown; a generated list can have any number of them.
const MAX_PARAGRAPHS: usize = 10;

/// A sweep file that cannot be run. It displays as the whole message, one paragraph for each
/// thing that is wrong, each beginning with `error: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepFileError {
    paragraphs: Vec<String>,
}

impl SweepFileError {
    pub(super) fn new(source: &[u8], file_name: &str, mut problems: Vec<Problem>) -> Self {
        // In the order of the file, which is the order in which they will be corrected.
        problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        let render = |problem: &Problem| problem.render(source, file_name);
        let mut paragraphs: Vec<_> = problems.iter().take(MAX_PARAGRAPHS).map(render).collect();
        if let Some(more) = problems.len().checked_sub(MAX_PARAGRAPHS + 1) {
            let hint = "correct these first";
            paragraphs.push(format!(
                "error: {file_name}: {} more\nhint: {hint}",
                more + 1
            ));
        }
        Self { paragraphs }
    }
}

impl fmt::Display for SweepFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.paragraphs.join("\n\n"))
    }
}

impl std::error::Error for SweepFileError {}

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    /// What to mark; `None` when the file as a whole lacks something.
    pub(super) span: Option<Span>,
    /// Lowercase, no full stop.
    pub(super) what: String,
    /// What would be right.
    pub(super) hint: String,
}

impl Problem {
    /// A problem of the text at `span`.
    pub(super) fn at(span: &Span, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            span: Some(span.clone()),
            what: what.into(),
            hint: hint.into(),
        }
    }

    fn render(&self, source: &[u8], file_name: &str) -> String {
        let Self { span, what, hint } = self;
        let Some(span) = span else {
            return format!("error: {file_name}: {what}\nhint: {hint}");
        };
        let place = Place::new(source, span);
        let Place { line, column, .. } = place;
        let excerpt = place.excerpt();
        format!("error: {file_name}:{line}:{column}: {what}\n{excerpt}hint: {hint}")
    }
}

/// A marked part of one line; lines and columns are counted from 1, columns in characters.
struct Place {
    line: usize,
    column: usize,
    /// How many characters are marked, at least one.
    width: usize,
    text: Vec<char>,
}

impl Place {
    fn new(source: &[u8], span: &Span) -> Self {
        let start = span.start.min(source.len());
        let line_start = source[..start].iter().rposition(|&byte| byte == b'\n');
        let line_start = line_start.map_or(0, |newline| newline + 1);
        let line_end = source[start..].iter().position(|&byte| byte == b'\n');
        let line_end = line_end.map_or(source.len(), |length| start + length);
        let end = span.end.clamp(start, line_end);
        let characters = |from, to| String::from_utf8_lossy(&source[from..to]).into_owned();
        // One column for each character, whatever a terminal makes of it.
        let plain = |c: char| if is_seen(c) { c } else { ' ' };
        let text = characters(line_start, line_end);
        Self {
            line: source[..start]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
                + 1,
            column: characters(line_start, start).chars().count() + 1,
            width: characters(start, end).chars().count().max(1),
            text: text.trim_end().chars().map(plain).collect(),
        }
    }

    /// The line with its mark, three lines in all.
    fn excerpt(&self) -> String {
        let before = self.column - 1;
        let skipped = if self.text.len() > MAX_SHOWN {
            before.saturating_sub(MAX_SHOWN / 2)
        } else {
            0
        };
        let shown: String = self.text.iter().skip(skipped).take(MAX_SHOWN).collect();
        let indent = " ".repeat(before - skipped);
        let mark = "^".repeat(self.width.min(MAX_SHOWN - MAX_SHOWN / 2));
        let line = self.line.to_string();
        let gutter = " ".repeat(line.len());
        let mut excerpt = String::new();
        let _ = writeln!(
            excerpt,
            "{gutter} |\n{line} | {shown}\n{gutter} | {indent}{mark}"
        );
        excerpt
    }
}
