//! One or several sweeps as one document: abstract, the methods next to the paper, a chapter each.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Display,
};

use pondersweep_proto::{
    setting::Setting,
    spec::{StepFunction, TaskKind},
};

use super::{
    Block, Document, Section,
    comparison::{Reported, figure_1},
    completeness_line,
    compute::figure_1c,
    counted,
    profile::{compared, profiles},
    sensitivity::CONCLUSION,
    sweep::chapter,
};
use crate::{
    report::{Report, input::ReportInput},
    sweep::SweepTerms,
};

/// A document on sweeps, and what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// The reports, in the order of the sweeps.
    pub sweeps: Vec<StudySweep>,
    /// The document.
    pub document: Document,
}

/// One sweep of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct StudySweep {
    /// What the names of its files start with; empty where it is alone.
    pub prefix: String,
    /// Its report.
    pub report: Report,
}

impl Study {
    /// Makes the study. The same sweeps and the same seed make the same study.
    ///
    /// # Panics
    /// If a trial's values are not on its sweep's axes.
    #[must_use]
    pub fn new(inputs: &[ReportInput], bootstrap_seed: u64) -> Self {
        let reports = inputs
            .iter()
            .map(|input| Report::new(input, bootstrap_seed));
        let sweeps: Vec<StudySweep> = prefixes(inputs)
            .into_iter()
            .zip(reports)
            .map(|(prefix, report)| StudySweep { prefix, report })
            .collect();
        let document = document(inputs, &sweeps, bootstrap_seed);
        Self { sweeps, document }
    }
}

fn document(inputs: &[ReportInput], sweeps: &[StudySweep], seed: u64) -> Document {
    let pairs = inputs.iter().zip(sweeps);
    let reported: Vec<Reported<'_>> = pairs
        .map(|(input, sweep)| Reported {
            input,
            report: &sweep.report,
        })
        .collect();
    let profiles = profiles(&reported, seed);
    let mut sections = vec![conclusion(&reported, &profiles)];
    // The paper has nothing to compare a user's program with.
    let trained = inputs.iter().all(ReportInput::is_trained);
    let methods = trained.then(|| figure_1(&reported, seed)).flatten();
    if let Some(table) = methods {
        let section = Section::new(1, "The methods and the paper").with([Block::Table(table)]);
        sections.push(section.with(figure_1c(&reported, seed)));
    }
    if !profiles.is_empty() {
        sections.push(Section::new(1, "The methods over their whole grids").with(profiles));
    }
    for (sweep, of) in reported.iter().zip(sweeps) {
        sections.extend(chapter(sweep, &of.prefix, seed));
    }
    Document {
        title: title(inputs),
        warnings: warnings(&reported),
        summary: reported.iter().map(summary).collect(),
        sections,
        notes: vec![
            "The numbers are those of the results database; bootstrap intervals are drawn with a fixed seed, so \
             that the same results make the same document."
                .to_owned(),
        ],
    }
}

/// What each sweep comes to, and how the methods compare.
fn conclusion(sweeps: &[Reported<'_>], profiles: &[Block]) -> Section {
    let own = of_each(sweeps, |sweep| &sweep.report.conclusion);
    let paragraphs = own.chain(compared(profiles));
    Section::new(1, CONCLUSION).with(paragraphs.map(Block::Paragraph))
}

fn title(inputs: &[ReportInput]) -> String {
    let names: Vec<&str> = inputs
        .iter()
        .map(|input| input.terms.name.as_str())
        .collect();
    format!("Sensitivity of {}", listed(&names))
}

/// `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What was swept and what became of it.
fn summary(sweep: &Reported<'_>) -> String {
    let terms = &sweep.input.terms;
    let template = &terms.template;
    let axes = terms.axes.iter().filter(|axis| axis.values.len() > 1);
    let axes: Vec<String> = axes
        .map(|axis| {
            format!(
                "{} ({})",
                axis.parameter,
                counted(axis.values.len() as u64, "value", "values")
            )
        })
        .collect();
    let swept = if axes.is_empty() {
        "nothing varied".to_owned()
    } else {
        format!("swept {}", axes.join(" x "))
    };
    let subject = match &terms.program {
        Some(program) => {
            let command = shlex::try_join(program.command.iter().map(String::as_str));
            format!("the program {}", command.unwrap_or_default())
        }
        None => format!(
            "{} on {}{}; step function {} of {} units; {} updates of {} samples",
            sweep.method(),
            template.choice::<TaskKind>(Setting::TASK).name(),
            size(sweep).unwrap_or_default(),
            template
                .choice::<StepFunction>(Setting::STEP_FUNCTION)
                .name(),
            template.count(Setting::HIDDEN),
            template.whole(Setting::UPDATES),
            template.count(Setting::BATCH),
        ),
    };
    format!(
        "{} (sweep {}): {subject}; {swept}; {} of every configuration. {}",
        terms.name,
        sweep.report.sweep.sweep_id,
        replicates(terms),
        completeness_line(&sweep.input.completeness),
    )
}

/// How large the learning problem is: ` of 64 elements`.
fn size(sweep: &Reported<'_>) -> Option<String> {
    let setting = sweep.input.task()?.size;
    let value = sweep.input.terms.template.get(setting)?;
    Some(format!(" of {value} {setting}"))
}

/// How often every configuration is repeated.
fn replicates(terms: &SweepTerms) -> String {
    let most = counted(terms.replicates.into(), "replicate", "replicates");
    match terms.initial_replicates {
        Some(initial) => format!("{initial} to {most}"),
        None => most,
    }
}

/// Those of every sweep, and what makes sweeps hard to compare.
fn warnings(sweeps: &[Reported<'_>]) -> Vec<String> {
    let own = of_each(sweeps, |sweep| &sweep.report.warnings);
    own.chain(unlike(sweeps)).collect()
}

/// What is said of each sweep, with its name where there are several.
fn of_each<'a, T: Display + 'a>(
    sweeps: &'a [Reported<'a>],
    said: impl Fn(&'a Reported<'a>) -> &'a [T],
) -> impl Iterator<Item = String> {
    sweeps.iter().flat_map(move |sweep| {
        let name = &sweep.input.terms.name;
        said(sweep).iter().map(move |text| match sweeps {
            [_] => text.to_string(),
            _ => format!("{name}: {text}"),
        })
    })
}

fn unlike(sweeps: &[Reported<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn_if = |differ: bool, words: &str| {
        if differ {
            warnings.push(words.to_owned());
        }
    };
    warn_if(
        differ_between(sweeps, |sweep| {
            sweep.input.binaries.iter().collect::<BTreeSet<_>>()
        }),
        "MIXED BINARIES: the sweeps were trained by different builds of the program",
    );
    warn_if(
        differ_between(sweeps, |sweep| {
            sweep.input.devices.iter().collect::<BTreeSet<_>>()
        }),
        "MIXED DEVICES: the sweeps were trained on different devices, whose rounding may differ",
    );
    warn_if(
        differ_between(sweeps, |sweep| {
            let template = &sweep.input.terms.template;
            let program = &sweep.input.terms.program;
            let task = template.table().section(Setting::TASK.section);
            let task = task.map(|setting| template.get(setting).cloned());
            (program.as_deref(), task.collect::<Vec<_>>())
        }),
        "UNLIKE TASKS: the sweeps learn different tasks, so their accuracies do not compare",
    );
    warn_if(
        differ_between(sweeps, |sweep| {
            let template = &sweep.input.terms.template;
            sweep.input.is_trained().then(|| {
                (
                    template.whole(Setting::UPDATES),
                    template.count(Setting::BATCH),
                )
            })
        }),
        "UNEQUAL BUDGETS: the sweeps train for different numbers of updates or samples",
    );
    warnings
}

fn differ_between<'a, T: PartialEq>(
    sweeps: &'a [Reported<'a>],
    property: impl Fn(&'a Reported<'a>) -> T,
) -> bool {
    sweeps
        .windows(2)
        .any(|pair| property(&pair[0]) != property(&pair[1]))
}

/// What the file names of each sweep start with: its name, and its id where two share a name.
fn prefixes(inputs: &[ReportInput]) -> Vec<String> {
    if inputs.len() == 1 {
        return vec![String::new()];
    }
    let mut taken = HashSet::new();
    let prefixes = inputs.iter().map(|input| {
        let name = file_name(&input.terms.name);
        if taken.insert(name.clone()) {
            format!("{name}_")
        } else {
            format!("{name}_{}_", input.sweep_id)
        }
    });
    prefixes.collect()
}

/// The name with everything replaced that a file name or a link may not hold.
fn file_name(name: &str) -> String {
    /// Longer names make paths that some file systems refuse.
    const MAX_LENGTH: usize = 40;
    let safe = name.chars().map(|character| {
        let kept = character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        if kept { character } else { '_' }
    });
    safe.take(MAX_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::setting::Setting;

    use super::*;
    use crate::report::simulated::SimulatedSweep;

    fn named(name: &str) -> ReportInput {
        let sweep = SimulatedSweep::new(2).numbers(Setting::LAMBDA_P, &[0.1, 0.9]);
        sweep.named(name).input()
    }

    #[test]
    fn sweeps_that_do_not_compare_are_said_to() {
        let first = named("a");
        let mut second = named("b");
        assert_eq!(
            Study::new(&[first.clone(), second.clone()], 0)
                .document
                .warnings
                .len(),
            0
        );
        second.binaries = vec!["another build".into()];
        second.completeness.failed = 1;
        let warnings = Study::new(&[first, second], 0).document.warnings;
        assert!(warnings[0].starts_with("b: "), "{warnings:?}");
        assert!(
            warnings[1].starts_with("MIXED BINARIES: the sweeps"),
            "{warnings:?}"
        );
    }

    #[test]
    fn file_names_are_safe_and_never_shared() {
        assert_eq!(file_name("../a b/ü"), ".._a_b__");
        let inputs = [named("a b"), named("a_b"), named("c")];
        let prefixes = prefixes(&inputs);
        let distinct: HashSet<&String> = prefixes.iter().collect();
        assert_eq!(distinct.len(), 3, "{prefixes:?}");
    }
}
