//! A document as one HTML page that holds all it needs: style, figures and the program that draws
//! them. It loads nothing, and its content security policy forbids that it ever does.

mod plot;

use std::fmt::Write;

use plotly::Plot;

use super::{
    document::{Block, Document, Picture, Section, Table},
    field::Field,
    figure::draw::draw,
};

/// Rows of a table: a browser still lays them out at once; the table's file has them all.
const MAX_ROWS: usize = 2_000;

/// Inline style and scripts, pictures made by the page itself, and nothing from anywhere else.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// The document as a page for a browser, a printer, or a browser without scripts.
#[must_use]
pub fn render(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    push_header(&mut text, document);
    push_contents(&mut text, document);
    text.push_str("<main>\n");
    for (index, section) in document.sections.iter().enumerate() {
        push_section(&mut text, section, index);
    }
    text.push_str("</main>\n<footer>\n");
    for note in &document.notes {
        push_paragraph(&mut text, note);
    }
    text.push_str("</footer>\n");
    push_scripts(&mut text, document);
    text.push_str("</body>\n</html>\n");
    text
}

fn push_header(text: &mut String, document: &Document) {
    let _ = writeln!(text, "<header>\n<h1>{}</h1>", escaped(&document.title));
    for warning in &document.warnings {
        let _ = writeln!(text, "<p class=\"warning\">{}</p>", escaped(warning));
    }
    text.push_str("<div class=\"abstract\">\n");
    for paragraph in &document.summary {
        push_paragraph(text, paragraph);
    }
    text.push_str("</div>\n</header>\n");
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

/// The figure as data for the script, and drawn for browsers that run none.
fn push_picture(text: &mut String, picture: &Picture) {
    let title = escaped(&picture.figure.title());
    let caption = escaped(&plot::subtitle(&picture.figure));
    let data = plot::plot(&picture.figure).to_json();
    let _ = write!(
        text,
        "<figure>\n<figcaption>{title}<span>{caption}</span></figcaption>\n\
         <div class=\"plot\" role=\"img\" aria-label=\"{title}\">\n\
         <script type=\"application/json\">{}</script>\n</div>\n<noscript>{}</noscript>\n",
        within_script(&data),
        draw(&picture.figure).to_svg()
    );
    push_rule(text, &picture.rule);
    text.push_str("</figure>\n");
}

fn push_scripts(text: &mut String, document: &Document) {
    if document.pictures().next().is_none() {
        return;
    }
    text.push_str(&plotly_script());
    let _ = write!(text, "\n<script>\n{SCRIPT}</script>\n");
}

/// The plotting library as an element of the page. The crate gives it together with a typesetter of
/// formulas, which no figure needs.
fn plotly_script() -> String {
    const END: &str = "</script>";
    let mut scripts = Plot::offline_js_sources();
    let end = scripts.find(END).expect("the library is a script element");
    scripts.truncate(end + END.len());
    scripts
}

/// JSON that cannot end the element it stands in.
fn within_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// The text with everything escaped that HTML would take for markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_the_plotting_library_alone() {
        let script = plotly_script();
        assert!(script.contains("plotly.js v"));
        assert!(script.len() < 6_000_000, "{} bytes", script.len());
        assert_eq!(script.matches("<script").count(), 1);
        assert!(!script.contains("MathJax.loader"));
    }

    #[test]
    fn nothing_breaks_out_of_its_element() {
        assert_eq!(escaped("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(within_script("</script>"), "\\u003c/script>");
    }
}
