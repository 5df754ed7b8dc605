//! The form of the documents: lines that fit a page, words that people know, links that lead
//! somewhere, commands that the program takes.

use std::collections::BTreeSet;

use crate::harness::{documents, repository};

/// Columns of a line, tables included.
const WIDTH: usize = 100;

/// Words for which there is a plainer one.
const PUZZLING: [&str; 5] = ["nobody", "whoever", "beside", "so many", "anew"];

#[test]
fn no_line_of_a_document_or_sweep_file_is_wider_than_a_page() {
    let documents = documents().into_iter().map(|page| (page.name, page.text));
    let wide: Vec<String> = documents
        .chain(sweep_files())
        .flat_map(|(name, text)| {
            let wide = |(index, line): (usize, &str)| {
                let columns = line.chars().count();
                (columns > WIDTH).then(|| format!("{name}:{}", index + 1))
            };
            text.lines()
                .enumerate()
                .filter_map(wide)
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(wide.is_empty(), "wider than {WIDTH}: {}", wide.join(" "));
}

#[test]
fn the_readme_is_short() {
    let documents = documents();
    let readme = documents.iter().find(|page| page.name == "README.md");
    let lines = readme.expect("a README").text.lines().count();
    assert!(lines <= 150, "{lines} lines");
}

#[test]
fn no_document_or_sweep_file_has_a_word_that_puzzles() {
    let documents = documents();
    let prose = documents
        .iter()
        .map(|page| (page.name.clone(), page.prose()));
    let found: Vec<String> = prose
        .chain(sweep_files())
        .flat_map(|(name, text)| {
            let words = puzzling(&text).into_iter();
            words
                .map(|word| format!("{name}: {word}"))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_help_text_has_a_word_that_puzzles() {
    let mut commands = vec![pondersweep::cli::command(), pondersweep_bench::command()];
    let mut found = Vec::new();
    let mut count = 0;
    while let Some(mut command) = commands.pop() {
        count += 1;
        let help = command.render_long_help().to_string();
        for word in puzzling(&help) {
            found.push(format!("{}: {word}", command.get_name()));
        }
        commands.extend(command.get_subcommands().cloned());
    }
    assert!(count > 40, "only {count} commands");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn how_often_intervals_hold_is_told_as_it_was_measured() {
    let measured = repository().join("coordinator/src/statistics/coverage.md");
    let measured = std::fs::read_to_string(measured).unwrap();
    let documents = documents();
    let page = documents
        .iter()
        .find(|page| page.name == "docs/statistics.md");
    let lines = page.expect("a page of statistics").text.lines();
    let rows: Vec<&str> = lines.filter(|line| is_row_of_numbers(line)).collect();
    assert!(rows.len() > 10, "only {} rows", rows.len());
    for row in rows {
        assert!(measured.contains(row), "not measured: {row}");
    }
}

/// Whether a line is a row of a table whose cells, after the first, are numbers.
fn is_row_of_numbers(line: &str) -> bool {
    let mut cells = line.split('|').skip(2).map(str::trim).peekable();
    let is_number = |cell: &str| cell.is_empty() || cell.parse::<f64>().is_ok();
    line.starts_with("| ") && cells.peek().is_some() && cells.all(is_number)
}

#[test]
fn a_word_is_found_whole_and_in_any_case() {
    assert_eq!(puzzling("Beside it, so many."), ["beside", "so many"]);
    assert!(puzzling("Besides, it was renewed.").is_empty());
}

#[test]
fn every_link_of_a_document_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let mut broken = Vec::new();
    for document in &documents {
        let folder = document
            .name
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        let outside = document.outside();
        for link in links(&outside) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => repository().join(&document.name),
                path => repository().join(folder).join(path),
            };
            let leads = match std::fs::read_to_string(&target) {
                Ok(text) => heading.is_empty() || headings(&text).contains(heading),
                // A folder, or a picture.
                Err(_) => target.exists(),
            };
            if !leads {
                broken.push(format!("{}: {link}", document.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_command_of_a_document_is_one_that_the_program_takes() {
    let mut count = 0;
    for document in documents() {
        for block in document.blocks() {
            let place = format!("{}:{}", document.name, block.line);
            assert!(
                block.language != "sh" || !block.marks.is_empty(),
                "{place}: `sh run`, or what the commands need: `sh slurm`"
            );
            // What runs needs no parsing, and may be more than words in a row.
            if block.language == "sh" && !block.is_marked("run") {
                for command in commands(&block.text) {
                    count += 1;
                    assert_taken(&command, &place);
                }
            }
        }
    }
    assert!(count > 20, "only {count} commands");
}

/// Asserts that a command line can be parsed.
fn assert_taken(words: &[String], place: &str) {
    let program = match words[0].as_str() {
        "pondersweep-bench" => pondersweep_bench::command(),
        _ => pondersweep::cli::command(),
    };
    if let Err(error) = program.try_get_matches_from(words) {
        let error = error.to_string();
        // Devices are features, off in the usual build.
        let is_taken = error.contains("is not in this build");
        assert!(is_taken, "{place}: {words:?}: {error}");
    }
}

/// The commands of this project in the lines of a shell, as if they were installed.
fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter_map(shlex::split);
    let parts = lines.flat_map(|words| {
        let parts = words.split(|word| ["&&", "||", "|", "&", ";"].contains(&word.as_str()));
        parts.map(<[String]>::to_vec).collect::<Vec<_>>()
    });
    parts.filter_map(|words| command(&words)).collect()
}

/// A command of this project among the words of a line, without what a shell does with it.
fn command(words: &[String]) -> Option<Vec<String>> {
    let is_redirection = |word: &String| word.starts_with('>') || word.starts_with("2>");
    let end = words.iter().position(is_redirection).unwrap_or(words.len());
    let is_assignment = |word: &&String| word.contains('=') && !word.starts_with('-');
    let start = words.iter().take_while(is_assignment).count();
    let words = words.get(start..end)?;
    let named = |name: &str, rest: &[String]| {
        let name = name.split(' ').map(str::to_owned);
        Some(name.chain(rest.iter().cloned()).collect())
    };
    let program = words.first()?.rsplit('/').next()?;
    match program {
        "pondersweep" | "pondersweep-bench" => named(program, &words[1..]),
        "pondersweep-worker" => named("pondersweep worker", &words[1..]),
        "cargo" if words.get(1)? == "run" => {
            let rest = words.iter().position(|word| word == "--")? + 1;
            let bench = words.iter().any(|word| word == "pondersweep-bench");
            let program = if bench {
                "pondersweep-bench"
            } else {
                "pondersweep"
            };
            named(program, &words[rest..])
        }
        _ => None,
    }
}

#[test]
fn commands_are_found_in_the_lines_of_a_shell() {
    let found = commands(
        "cargo run --release -- run a.toml   # minutes\n\
         A=1 pondersweep wait last && target/release/pondersweep \\\n  launch stop > /dev/null\n\
         pondersweep-worker --slots 2 &\nssh there\n",
    );
    let lines: Vec<String> = found.iter().map(|words| words.join(" ")).collect();
    assert_eq!(
        lines,
        [
            "pondersweep run a.toml",
            "pondersweep wait last",
            "pondersweep launch stop",
            "pondersweep worker --slots 2"
        ]
    );
}

/// The sweep files of the repository, each with its name.
fn sweep_files() -> impl Iterator<Item = (String, String)> {
    let files = std::fs::read_dir(repository().join("sweeps")).unwrap();
    files.map(|file| {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string(), text)
    })
}

/// The puzzling words of a text, each once.
fn puzzling(text: &str) -> Vec<&'static str> {
    let words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let has = |phrase: &&str| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words.windows(phrase.len()).any(|window| window == phrase)
    };
    PUZZLING.into_iter().filter(has).collect()
}

/// The relative addresses of a page's links and pictures.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://"))
        .collect()
}

/// The names that links give to the headings of a page.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| -> String {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    titles.map(slug).collect()
}
