//! The study in every format: the same numbers in all of them, nothing but text from names, nothing
//! from the network.

use pondersweep_proto::setting::Setting;

use crate::report::{
    CurvePoint, DifficultyPoint, Study, csv,
    document::Table,
    field::Field,
    html, latex, markdown,
    simulated::{SimulatedSweep, methods},
    terminal,
};

const HOSTILE: &str = "<script>alert('x')</script> \\input{x} & 5 % [a](http://b) | $y_1$ <a href='http://c'>\u{FFFE}\u{1b}";

fn study() -> Study {
    Study::new(&methods(), 0)
}

fn of(sweep: SimulatedSweep) -> Study {
    Study::new(&[sweep.input()], 0)
}

fn files(study: &Study) -> Vec<String> {
    let pictures = study.document.pictures();
    pictures.map(|picture| picture.file.clone()).collect()
}

/// What people are shown, table by table, row by row.
fn shown(study: &Study) -> Vec<Vec<String>> {
    let rows = study.document.tables().flat_map(|table| &table.rows);
    rows.map(|row| row.iter().map(Field::shown).collect())
        .collect()
}

#[test]
fn the_study_reads_well_as_markdown() {
    insta::assert_snapshot!(markdown::render(&study().document));
}

#[test]
fn the_study_reads_well_as_latex() {
    let document = of(SimulatedSweep::new(3).numbers(Setting::LAMBDA_P, &[0.1, 0.5])).document;
    insta::assert_snapshot!(latex::render(&document));
}

#[test]
fn the_study_reads_well_on_a_terminal() {
    insta::assert_snapshot!(terminal::render(&study().document, 160));
}

#[test]
fn the_page_has_its_structure() {
    let document = of(SimulatedSweep::new(3).numbers(Setting::LAMBDA_P, &[0.1, 0.5])).document;
    let page = ["script", "style", "svg"]
        .into_iter()
        .fold(html::render(&document), |page, element| {
            without(&page, element)
        });
    insta::assert_snapshot!(page);
}

/// The page with the insides of these elements left out.
fn without(page: &str, element: &str) -> String {
    let (start, end) = (format!("<{element}"), format!("</{element}>"));
    let mut kept = String::new();
    let mut rest = page;
    while let Some(at) = rest.find(&start) {
        let inside = at + rest[at..].find('>').unwrap() + 1;
        kept.push_str(&rest[..inside]);
        rest = &rest[inside + rest[inside..].find(&end).unwrap()..];
        kept.push_str(&rest[..end.len()]);
        rest = &rest[end.len()..];
    }
    kept + rest
}

#[test]
fn all_formats_show_the_same_numbers() {
    let study = study();
    let expected = shown(&study);
    assert!(expected.len() > 30);
    let document = &study.document;
    assert_eq!(rows_of_markdown(&markdown::render(document)), expected);
    assert_eq!(rows_of_html(&html::render(document)), expected);
    assert_eq!(rows_of_latex(&latex::render(document)), expected);
    assert_eq!(
        rows_of_terminal(&terminal::render(document, 1_000)),
        expected
    );
    for table in document.tables() {
        csv_agrees(table);
    }
}

fn rows_of_markdown(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let rows = rows.map(|line| {
        let cells = line.trim_matches('|').split(" | ");
        let cells = cells.map(|cell| cell.trim().replace('\\', ""));
        cells.collect::<Vec<_>>()
    });
    // A rule of dashes follows each header.
    let rows: Vec<Vec<String>> = rows.collect();
    let is_rule = |row: &[String]| row[0] == "---:";
    let headers: Vec<bool> = rows.windows(2).map(|pair| is_rule(&pair[1])).collect();
    let kept = rows.into_iter().zip(headers.into_iter().chain([false]));
    kept.filter(|(row, header)| !header && !is_rule(row))
        .map(|(row, _)| row)
        .collect()
}

fn rows_of_html(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("<tr"));
    rows.map(|line| {
        let cells = line.split("<td").skip(1);
        let cells =
            cells.map(|cell| &cell[cell.find('>').unwrap() + 1..cell.find("</td>").unwrap()]);
        cells
            .map(|cell| {
                cell.replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&")
            })
            .collect()
    })
    .collect()
}

fn rows_of_latex(text: &str) -> Vec<Vec<String>> {
    let mut header = false;
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(row) = line.strip_prefix("{}") {
            let row = row.trim_end_matches(" \\\\");
            let cells = row.split(" & ");
            let cells = cells.map(|cell| {
                let plain = cell
                    .replace("\\textgreater{}", ">")
                    .replace("\\textless{}", "<");
                plain.replace('\\', "")
            });
            if !header {
                rows.push(cells.collect());
            }
        }
        header = line == "\\toprule";
    }
    rows
}

/// Rows between the rule below a header and the one below its table.
fn rows_of_terminal(text: &str) -> Vec<Vec<String>> {
    let mut within = false;
    let mut rows = Vec::new();
    for line in text.lines() {
        if line.starts_with('═') || line.starts_with('─') {
            within = line.starts_with('═');
        } else if within {
            let cells = line.split("   ").map(str::trim);
            let cells = cells.filter(|cell| !cell.is_empty());
            rows.push(cells.map(ToOwned::to_owned).collect());
        }
    }
    rows
}

/// Every number of the file, rounded as people see it, is the number people see.
fn csv_agrees(table: &Table) {
    let text = csv::table(table);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let records: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), table.rows.len());
    for (row, record) in table.rows.iter().zip(&records) {
        for (name, field) in table.columns.iter().zip(row) {
            let column = header
                .iter()
                .position(|column| column == name.replace(' ', "_"));
            let exact = &record[column.unwrap()];
            let agrees = match field {
                Field::Estimate(estimate) => match exact.parse::<f64>() {
                    Ok(value) => field
                        .shown()
                        .starts_with(&format!("{value:.*}", estimate.decimals)),
                    Err(_) => estimate.value.is_none(),
                },
                Field::Share(share) => exact == share.part.to_string(),
                Field::Number(value) => exact.parse().ok() == *value,
                Field::Text(_) | Field::Count(_) => exact == field.shown(),
            };
            assert!(agrees, "{name}: {exact:?} is not {field:?}");
        }
    }
}

#[test]
fn the_page_loads_nothing() {
    let page = html::render(&study().document);
    assert!(page.contains("default-src 'none'"));
    for loader in [
        "src=",
        "url(",
        "@import",
        "<link",
        "<iframe",
        "<base",
        "http-equiv=\"refresh",
    ] {
        assert!(!page.contains(loader), "{loader}");
    }
    for target in page.split("href=\"").skip(1) {
        assert!(
            target.starts_with('#'),
            "{}",
            &target[..40.min(target.len())]
        );
    }
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn a_hostile_name_stays_text_in_every_format() {
    let study = of(SimulatedSweep::new(2)
        .named(HOSTILE)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.5]));
    let page = html::render(&study.document);
    assert!(!page.contains("<script>alert"));
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    let latex = latex::render(&study.document);
    assert!(!latex.contains("\\input{x}") && latex.contains("\\textbackslash{}input\\{x\\}"));
    let markdown = markdown::render(&study.document);
    assert!(!markdown.contains("<script>") && !markdown.contains("](http"));
}

#[test]
fn a_figure_appears_only_when_its_data_are_there() {
    let rules = |study: &Study| -> String {
        let rules = study
            .document
            .pictures()
            .map(|picture| picture.rule.clone());
        rules.collect()
    };
    let [ponder_net, act, rnn] = methods().map(|input| Study::new(&[input], 0));
    let has = |study: &Study| {
        ["Figure 2a", "Figure 2b", "Figure 2c"].map(|name| rules(study).contains(name))
    };
    assert_eq!(has(&ponder_net), [false, true, true]);
    assert_eq!(has(&act), [true, false, false]);
    assert_eq!(has(&rnn), [false, false, false]);
    assert!(files(&ponder_net).contains(&"heat_map_lambda_p_beta_at_max_steps_5".to_owned()));
    assert!(!files(&act).iter().any(|file| file.contains("heat_map")));
}

#[test]
fn without_evaluations_on_the_way_there_are_no_curves_and_no_compute() {
    let mut input = methods()[0].clone();
    let is_curve = |file: &String| file.contains("curves") || file.contains("figure_1c");
    assert!(files(&Study::new(&[input.clone()], 0)).iter().any(is_curve));
    for trial in &mut input.trials {
        trial.curve = Vec::<CurvePoint>::new();
    }
    assert!(!files(&Study::new(&[input], 0)).iter().any(is_curve));
}

#[test]
fn difficulty_is_shown_where_it_was_measured() {
    let mut input = methods()[0].clone();
    let file = "accuracy_by_difficulty".to_owned();
    assert!(!files(&Study::new(&[input.clone()], 0)).contains(&file));
    let point = |first_nonzeros: u32, accuracy: f64| DifficultyPoint {
        first_nonzeros,
        last_nonzeros: first_nonzeros + 3,
        accuracy,
        ponder_steps: 2.0,
    };
    for trial in &mut input.trials {
        trial.difficulty = vec![point(1, 0.99), point(5, 0.9)];
    }
    let study = Study::new(&[input], 0);
    assert!(files(&study).contains(&file));
    let page = html::render(&study.document);
    assert!(page.contains("lambda_p 0.1 at 2.5: median 0.99"));
    assert!(page.contains("lambda_p 0.1 at 6.5: median 0.9,"));
}

#[test]
fn a_study_of_nothing_finished_is_still_a_document() {
    let study = of(SimulatedSweep::new(2)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.5])
        .outcomes(|_| crate::scheduler::TrialState::Pending));
    assert!(study.document.warnings[0].starts_with("NOTHING HAS FINISHED"));
    assert!(html::render(&study.document).contains("class=\"warning\""));
    assert!(study.document.tables().next().is_none());
}
