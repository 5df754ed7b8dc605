//! A document as one HTML page that holds all it needs: style, and the figures as the same SVG that files
//! hold. It loads nothing, its content security policy forbids that it ever does, and it is whole without
//! scripts: the one it has only shows sooner what marks tell under the pointer.

use std::fmt::Write;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::{
    document::{Block, Document, Picture, Section, Table},
    field::Field,
    figure::draw::draw,
    markup::escaped,
};

/// Rows of a table: a browser still lays them out at once; the table's file has them all.
const MAX_ROWS: usize = 2_000;

/// How tables and figures look, for other pages too.
pub const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The document as a page for a browser, a printer, or a browser without scripts.
#[must_use]
pub fn render(document: &Document) -> String {
    let (title, policy) = (escaped(&document.title), policy());
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    push_header(&mut text, document);
    push_contents(&mut text, document);
    text.push_str("<main>\n");
    push_sections(&mut text, document);
    text.push_str("</main>\n<footer>\n");
    for note in &document.notes {
        push_paragraph(&mut text, note);
    }
    text.push_str("</footer>\n");
    let _ = write!(text, "<script>{SCRIPT}</script>\n</body>\n</html>\n");
    text
}

/// The document's abstract, tables and figures, to stand in a page that says more.
#[must_use]
pub fn part(document: &Document) -> String {
    let mut text = String::new();
    push_opening(&mut text, document);
    push_contents(&mut text, document);
    push_sections(&mut text, document);
    for note in &document.notes {
        push_rule(&mut text, note);
    }
    text
}

/// Inline style, the page's own script by its hash, and nothing else from anywhere.
fn policy() -> String {
    let script = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'unsafe-inline'; base-uri 'none'; \
         form-action 'none'"
    )
}

fn push_sections(text: &mut String, document: &Document) {
    for (index, section) in document.sections.iter().enumerate() {
        push_section(text, section, index);
    }
}

fn push_header(text: &mut String, document: &Document) {
    let _ = writeln!(text, "<header>\n<h1>{}</h1>", escaped(&document.title));
    push_opening(text, document);
    text.push_str("</header>\n");
}

fn push_opening(text: &mut String, document: &Document) {
    for warning in &document.warnings {
        let _ = writeln!(text, "<p class=\"warning\">{}</p>", escaped(warning));
    }
    text.push_str("<div class=\"abstract\">\n");
    for paragraph in &document.summary {
        push_paragraph(text, paragraph);
    }
    text.push_str("</div>\n");
}

fn push_contents(text: &mut String, document: &Document) {
    text.push_str("<nav aria-label=\"Contents\">\n");
    for (index, section) in document.sections.iter().enumerate() {
        if !section.title.is_empty() {
            let (level, title) = (section.level, escaped(&section.title));
            let _ = writeln!(
                text,
                "<a class=\"level-{level}\" href=\"#section-{index}\">{title}</a>"
            );
        }
    }
    text.push_str("</nav>\n");
}

fn push_section(text: &mut String, section: &Section, index: usize) {
    let _ = writeln!(text, "<section id=\"section-{index}\">");
    if !section.title.is_empty() {
        let heading = section.level + 1;
        let _ = writeln!(text, "<h{heading}>{}</h{heading}>", escaped(&section.title));
    }
    for block in &section.blocks {
        match block {
            Block::Paragraph(words) => push_paragraph(text, words),
            Block::Table(table) => push_table(text, table),
            Block::Figure(picture) => push_picture(text, picture),
        }
    }
    text.push_str("</section>\n");
}

fn push_paragraph(text: &mut String, words: &str) {
    let _ = writeln!(text, "<p>{}</p>", escaped(words));
}

fn push_rule(text: &mut String, words: &str) {
    let _ = writeln!(text, "<p class=\"rule\">{}</p>", escaped(words));
}

fn push_table(text: &mut String, table: &Table) {
    text.push_str("<div class=\"table\">\n<div class=\"scroll\" tabindex=\"0\">\n<table>\n");
    if !table.title.is_empty() {
        let _ = writeln!(text, "<caption>{}</caption>", escaped(&table.title));
    }
    text.push_str("<thead><tr>");
    for column in &table.columns {
        let _ = write!(text, "<th scope=\"col\">{}</th>", escaped(column));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in table.first_rows(MAX_ROWS).0 {
        push_row(text, row);
    }
    text.push_str("</tbody>\n</table>\n</div>\n");
    if let Some(more) = table.more(MAX_ROWS) {
        push_rule(text, &more);
    }
    for rule in &table.rules {
        push_rule(text, rule);
    }
    text.push_str("</div>\n");
}

fn push_row(text: &mut String, row: &[Field]) {
    let is_paper = row.first() == Some(&Field::text("paper"));
    text.push_str(if is_paper {
        "<tr class=\"paper\">"
    } else {
        "<tr>"
    });
    for field in row {
        let class = match field {
            Field::Text(_) => " class=\"words\"",
            _ => "",
        };
        let _ = write!(text, "<td{class}>{}</td>", escaped(&field.shown()));
    }
    text.push_str("</tr>\n");
}

/// A wide picture can be scrolled on a narrow screen.
fn push_picture(text: &mut String, picture: &Picture) {
    let svg = draw(&picture.figure).to_svg();
    let _ = writeln!(
        text,
        "<figure>\n<div class=\"scroll\" tabindex=\"0\">\n{svg}</div>"
    );
    let _ = writeln!(
        text,
        "<figcaption class=\"rule\">{}</figcaption>\n</figure>",
        escaped(&picture.rule)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_what_stands_in_the_script_of_the_page() {
        let document = Document {
            title: "t".to_owned(),
            warnings: Vec::new(),
            summary: Vec::new(),
            sections: Vec::new(),
            notes: Vec::new(),
        };
        let page = render(&document);
        let (head, rest) = page.split_once("<script>").unwrap();
        let (script, _) = rest.split_once("</script>").unwrap();
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        assert!(head.contains(&format!("script-src 'sha256-{hash}';")));
    }
}
