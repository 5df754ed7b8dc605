//! The text about the published results: each number in it is what a query on a database finds, or
//! says whose it is. `results/claims.toml` pairs fragments of the text with the source of their
//! numbers; a number that stands in no fragment fails, and so does a fragment that stands nowhere.

use std::{collections::BTreeMap, fs, ops::Range, path::PathBuf};

use serde::Deserialize;

use crate::harness::Sandbox;

/// What is read: a file and, of a longer one, the section that tells of results.
const DOCUMENTS: [(&str, Option<&str>); 2] = [
    ("results/README.md", None),
    ("README.md", Some("## What it found\n")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    query: Vec<Query>,
    report: Vec<Cells>,
    given: Vec<Given>,
}

/// Numbers that a query finds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    text: String,
    database: String,
    sql: String,
}

/// Numbers in a table of a report, as many times as large.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cells {
    text: String,
    table: String,
    rows: BTreeMap<String, OneOf>,
    columns: Vec<String>,
    #[serde(default = "once")]
    times: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOf {
    Value(String),
    Values(Vec<String>),
}

/// Numbers from elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    source: String,
    texts: Vec<String>,
}

fn once() -> f64 {
    1.0
}

#[test]
fn the_numbers_of_the_text_are_those_of_the_databases() {
    let claims = claims();
    let sandbox = Sandbox::new();
    let queries = claims.query.iter().map(|query| {
        let found = numbers_found(&sandbox, query);
        contradiction(&query.text, &found)
    });
    let cells = claims
        .report
        .iter()
        .map(|cells| contradiction(&cells.text, &numbers_reported(cells)));
    let contradictions: Vec<String> = queries.chain(cells).flatten().collect();
    assert!(contradictions.is_empty(), "{}", contradictions.join("\n"));
}

#[test]
fn no_number_of_the_text_is_without_a_source() {
    let claims = claims();
    let fragments = fragments(&claims);
    let documents = DOCUMENTS.map(|(file, section)| (file, document(file, section)));
    for (file, text) in &documents {
        let unclaimed = unclaimed(text, &fragments);
        assert!(
            unclaimed.is_empty(),
            "{file} has numbers that results/claims.toml does not have:\n{}",
            unclaimed.join("\n")
        );
    }
    for fragment in &fragments {
        let counts = documents
            .each_ref()
            .map(|(_, text)| text.matches(fragment.as_str()).count());
        assert!(
            counts.contains(&1) && counts.iter().all(|&count| count <= 1),
            "this must stand once in a text of results/claims.toml: {fragment}"
        );
    }
}

#[test]
fn a_number_is_compared_at_the_decimals_that_the_text_shows() {
    let holds = |text: &str, found: &[f64]| contradiction(text, found).is_none();
    assert!(holds("7 of 10, or 0.815", &[7.0, 10.0, 0.81465]));
    assert!(!holds("7 of 10, or 0.814", &[7.0, 10.0, 0.81465]));
    assert!(!holds("0.82", &[0.81465]));
    assert!(!holds("7 of 10", &[7.0]));
    assert!(!holds("7 of 10", &[7.0, 10.0, 3.0]));
    assert!(holds("30,000 updates, a bias of -2", &[3e4, -2.0]));
    assert!(!holds("a bias of 2", &[-2.0]));
    assert!(holds(
        "1 - 2 differ 57-fold [0, 1.5].",
        &[1.0, 2.0, 57.1, 0.0, 1.5]
    ));
}

#[test]
fn a_number_outside_of_all_fragments_is_found() {
    let text = "Figure 2b of E1 has `17` seeds, [3](4.md) of 10 solved. 10 of 11 fail.";
    let all = ["3](4.md) of 10 solved".to_owned(), "10 of 11".to_owned()];
    assert!(unclaimed(text, &all).is_empty());
    assert_eq!(unclaimed(text, &all[..1]).len(), 2);
}

fn claims() -> Claims {
    let text = fs::read_to_string(root().join("results/claims.toml")).unwrap();
    let mut claims: Claims = toml::from_str(&text).unwrap();
    let texts = claims.query.iter_mut().map(|query| &mut query.text);
    for text in texts.chain(claims.report.iter_mut().map(|cells| &mut cells.text)) {
        *text = one_line(text);
    }
    for given in &claims.given {
        assert!(!given.source.is_empty());
    }
    claims
}

fn fragments(claims: &Claims) -> Vec<String> {
    let queries = claims.query.iter().map(|query| &query.text);
    let cells = claims.report.iter().map(|cells| &cells.text);
    let given = claims.given.iter().flat_map(|given| &given.texts);
    queries.chain(cells).chain(given).cloned().collect()
}

/// What a query finds in a copy of its database, row by row.
fn numbers_found(sandbox: &Sandbox, query: &Query) -> Vec<f64> {
    let name = format!("{}.db", query.database);
    if !sandbox.path(&name).exists() {
        fs::copy(root().join("results").join(&name), sandbox.path(&name)).unwrap();
    }
    let asked = sandbox.run(&["query", &query.sql, "--db", &name, "--output", "csv"]);
    assert_eq!(asked.code, 0, "{}: {}", query.text, asked.stderr);
    let mut rows = csv::Reader::from_reader(asked.stdout.as_bytes());
    let rows = rows.records().map(|row| row.expect("query prints CSV"));
    rows.flat_map(|row| row.iter().flat_map(values).collect::<Vec<_>>())
        .collect()
}

/// The cells of a report's table, row by row.
fn numbers_reported(cells: &Cells) -> Vec<f64> {
    let table = root().join("results").join(&cells.table);
    let mut rows = csv::Reader::from_path(table).unwrap();
    let named = rows.deserialize::<BTreeMap<String, String>>();
    let wanted = named.map(Result::unwrap).filter(|row| {
        cells.rows.iter().all(|(column, wanted)| match wanted {
            OneOf::Value(value) => row[column] == *value,
            OneOf::Values(values) => values.contains(&row[column]),
        })
    });
    wanted
        .flat_map(|row| {
            cells
                .columns
                .iter()
                .flat_map(|column| values(&row[column]))
                .collect::<Vec<_>>()
        })
        .map(|value| value * cells.times)
        .collect()
}

/// Which numbers in a text are not those that were found, if any.
fn contradiction(text: &str, found: &[f64]) -> Option<String> {
    let shown: Vec<String> = numbers(text).map(|at| text[at].replace(',', "")).collect();
    if shown.len() != found.len() {
        let counts = format!("{} numbers, but {} were found", shown.len(), found.len());
        return Some(format!("the text has {counts}: {text}"));
    }
    let wrong = shown.iter().zip(found).filter_map(|(shown, found)| {
        let decimals = shown.split_once('.').map_or(0, |(_, after)| after.len());
        let rounded = format!("{found:.decimals$}");
        (*shown != rounded).then(|| format!("{shown}, but {found} was found"))
    });
    let wrong: Vec<String> = wrong.collect();
    (!wrong.is_empty()).then(|| format!("the text has {}: {text}", wrong.join("; ")))
}

/// Numbers outside of the fragments, each with some of the text before it. Code and addresses of
/// links are no text.
fn unclaimed(text: &str, fragments: &[String]) -> Vec<String> {
    let claimed: Vec<Range<usize>> = fragments
        .iter()
        .flat_map(|fragment| text.match_indices(fragment.as_str()))
        .map(|(at, fragment)| at..at + fragment.len())
        .chain(between(text, "`", "`"))
        .chain(between(text, "](", ")"))
        .collect();
    numbers(text)
        .filter(|number| {
            let holds =
                |range: &Range<usize>| range.start <= number.start && number.end <= range.end;
            !claimed.iter().any(holds)
        })
        .map(|number| {
            let before: String = text[..number.start].chars().rev().take(40).collect();
            let before: String = before.chars().rev().collect();
            format!("  {before}[{}]", &text[number])
        })
        .collect()
}

/// Where an opening stands, up to its end.
fn between(text: &str, opening: &str, closing: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(opening) {
        let inside = from + start + opening.len();
        let Some(length) = text[inside..].find(closing) else {
            break;
        };
        from = inside + length + closing.len();
        found.push(inside..from);
    }
    found
}

/// The numbers of a text. Digits with a letter next to them are a name: E1, 2b.
fn numbers(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let at = move |index: usize| bytes.get(index).copied().unwrap_or(b' ');
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut from = 0;
    std::iter::from_fn(move || {
        while from < bytes.len() {
            let start = from;
            from += 1;
            let inside_word = start > 0 && is_word(at(start - 1));
            if !at(start).is_ascii_digit() || inside_word {
                continue;
            }
            let goes_on = |end: usize| {
                at(end).is_ascii_digit()
                    || (b".,".contains(&at(end)) && at(end + 1).is_ascii_digit())
            };
            while goes_on(from) {
                from += 1;
            }
            if is_word(at(from)) {
                continue;
            }
            let negative =
                start > 0 && at(start - 1) == b'-' && !(start > 1 && is_word(at(start - 2)));
            return Some(start - usize::from(negative)..from);
        }
        None
    })
}

/// The values of the numbers in a cell.
fn values(cell: &str) -> Vec<f64> {
    numbers(cell).map(|at| cell[at].parse().unwrap()).collect()
}

/// A document without blocks of code, on one line.
fn document(file: &str, section: Option<&str>) -> String {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let text = match section {
        Some(title) => text
            .split(title)
            .nth(1)
            .expect(title)
            .split("\n## ")
            .next()
            .unwrap(),
        None => &text,
    };
    let outside: Vec<&str> = text.split("```").step_by(2).collect();
    one_line(&outside.join(" "))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
