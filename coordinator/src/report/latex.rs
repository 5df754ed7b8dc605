//! A document as LaTeX, ready to be compiled or copied from: tables in booktabs form, and figures
//! from the PNG files of its folder, if there are any.

use std::fmt::Write;

use pondersweep_proto::foreign::is_seen;

use super::{
    document::{Block, Document, Picture, Section, Table},
    field::Field,
};

/// Rows of a table: about twenty pages; its file has them all.
const MAX_ROWS: usize = 1_000;

/// Characters of a row up to which text of a size fits the page; the last size takes what is left.
const SIZES: [(usize, &str); 3] = [
    (80, "\\small"),
    (120, "\\scriptsize"),
    (usize::MAX, "\\tiny"),
];

const PREAMBLE: &str = r"\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{longtable}
\usepackage{graphicx}
\setlength{\tabcolsep}{4pt}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5em}
";

/// The document as a LaTeX file that compiles by itself.
#[must_use]
pub fn render(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut text =
        format!("{PREAMBLE}\\title{{{title}}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n");
    push_abstract(&mut text, document);
    for section in &document.sections {
        push_section(&mut text, section);
    }
    for note in &document.notes {
        push_paragraph(&mut text, note);
    }
    text.push_str("\\end{document}\n");
    text
}

fn push_abstract(text: &mut String, document: &Document) {
    text.push_str("\\begin{abstract}\n");
    for warning in &document.warnings {
        let _ = writeln!(text, "\\textbf{{{}}}\n", escaped(warning));
    }
    for paragraph in &document.summary {
        let _ = writeln!(text, "{}\n", escaped(paragraph));
    }
    text.push_str("\\end{abstract}\n");
}

fn push_section(text: &mut String, section: &Section) {
    let command = match section.level {
        0 | 1 => "section",
        _ => "subsection",
    };
    if !section.title.is_empty() {
        let _ = write!(text, "\n\\{command}*{{{}}}\n", escaped(&section.title));
    }
    for block in &section.blocks {
        match block {
            Block::Paragraph(words) => push_paragraph(text, words),
            Block::Table(table) => push_table(text, table),
            Block::Figure(picture) => push_picture(text, picture),
        }
    }
}

fn push_paragraph(text: &mut String, words: &str) {
    let _ = write!(text, "\n{}\n", escaped(words));
}

fn push_picture(text: &mut String, picture: &Picture) {
    // Braces keep a point in the name from being taken for the file's ending.
    let _ = write!(
        text,
        "\n\\begin{{center}}\n\\IfFileExists{{{file}.png}}{{\\includegraphics[width=\\linewidth]{{{{{file}}}.png}}}}{{}}\n\\end{{center}}\n",
        file = picture.file
    );
    let _ = writeln!(
        text,
        "\\textbf{{{}.}} {}",
        escaped(&picture.figure.title()),
        escaped(&picture.rule)
    );
}

/// Characters of a row whose every field is as long as the longest of its column.
fn width(table: &Table) -> usize {
    let length = |text: &str| text.chars().count();
    let columns = table.columns.iter().enumerate();
    let widths = columns.map(|(index, name)| {
        let (rows, _) = table.first_rows(MAX_ROWS);
        let fields = rows.iter().map(|row| length(&row[index].shown()));
        fields.max().unwrap_or(0).max(length(name))
    });
    widths.sum()
}

/// A table that may run over pages, its heading repeated on each.
fn push_table(text: &mut String, table: &Table) {
    let width = width(table);
    let size = SIZES.iter().find(|(most, _)| width <= *most);
    let size = size.expect("the last takes any").1;
    if !table.title.is_empty() {
        let _ = write!(text, "\n\\textbf{{{}}}\n", escaped(&table.title));
    }
    let columns = "r".repeat(table.columns.len());
    let _ = write!(
        text,
        "\n{{{size}\n\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n"
    );
    text.push_str("\\toprule\n");
    push_row(text, table.columns.iter().cloned());
    text.push_str("\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n");
    for row in table.first_rows(MAX_ROWS).0 {
        push_row(text, row.iter().map(Field::shown));
    }
    text.push_str("\\end{longtable}\n}\n");
    if let Some(more) = table.more(MAX_ROWS) {
        push_paragraph(text, &more);
    }
    for rule in &table.rules {
        push_paragraph(text, rule);
    }
}

/// A row that starts with an empty group, since a bracket after `\\` would be an option of it.
fn push_row(text: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.map(|cell| escaped(&cell)).collect();
    let _ = writeln!(text, "{{}}{} \\\\", cells.join(" & "));
}

/// The text with everything escaped that LaTeX would take for a command.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => safe.push_str(r"\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => {
                safe.push('\\');
                safe.push(character);
            }
            '~' => safe.push_str(r"\textasciitilde{}"),
            '^' => safe.push_str(r"\textasciicircum{}"),
            '<' => safe.push_str(r"\textless{}"),
            '>' => safe.push_str(r"\textgreater{}"),
            '|' => safe.push_str(r"\textbar{}"),
            '"' => safe.push_str(r"\textquotedbl{}"),
            '`' => safe.push_str(r"\textasciigrave{}"),
            '\'' => safe.push_str(r"\textquotesingle{}"),
            '≥' => safe.push_str(r"$\geq$"),
            _ if !is_seen(character) => safe.push(' '),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_command() {
        let name = r"\input{/etc/passwd} 5 % of $x_1$ & #2 ~ ^ <y>";
        assert_eq!(
            escaped(name),
            r"\textbackslash{}input\{/etc/passwd\} 5 \% of \$x\_1\$ \& \#2 \textasciitilde{} \textasciicircum{} \textless{}y\textgreater{}"
        );
    }
}
