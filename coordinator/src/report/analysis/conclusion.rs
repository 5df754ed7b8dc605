//! What a sweep shows and what it does not, in a few sentences by fixed rules, each with the number that it
//! rests on. The rules are in `docs/report.md`; nothing is said here that no table of the report has.

use std::slice;

use pondersweep_proto::{
    metric::Better,
    setting::{ParameterValue, Setting},
};

use super::{ALPHA, AnalysisError, anova::Decomposition, best::pairing, grid::ScoredGrid};
use crate::{
    report::{
        document::counted,
        estimate::is_share,
        figure::quantity,
        input::{HEADLINE, ReportInput, TrialRow},
        number::{label, label_among, significant},
        placement::PlacedTrial,
    },
    scheduler::TrialState,
    statistics::{Anova, BestSet, FEW, Summary, Verdict, seeds_to_decide, wilson_interval},
    sweep::{Axis, Goal},
};

/// Configurations of an analysis, beyond which it takes minutes.
pub(in crate::report) const MAX_ANALYSED: usize = 2_000;

/// Configurations or effects that are named.
const MAX_NAMED: usize = 3;

/// A stricter threshold that is tried, too.
const STRICTER: f64 = 0.99;

/// A trial that gained so much in the last quarter of its budget was not at its end.
const STILL_RISING: f64 = 0.02;

/// What can be said of trials in their places, and what cannot: a paragraph each.
#[must_use]
pub(in crate::report) fn conclusion(
    input: &ReportInput,
    trials: &[PlacedTrial<'_>],
    seed: u64,
) -> Vec<String> {
    let cells = Cell::all(trials);
    if cells.is_empty() {
        return vec!["Nothing can be said yet: no trial has a result.".to_owned()];
    }
    let axes = input.swept_axes().into_iter();
    let size: usize = axes
        .map(|axis| input.terms.axes[axis].values.len())
        .product();
    let mut found = Found::default();
    found.solved(input, &cells);
    if size <= MAX_ANALYSED {
        match ScoredGrid::new(input, &input.counting()) {
            Ok(grid) if cells.len() > 1 => {
                found.explained(input, &grid);
                found.best(input, &grid, seed);
            }
            Err(AnalysisError::AllDiverged) => {
                let diverged = counted(input.completeness.infeasible, "trial", "trials");
                return vec![if input.is_trained() {
                    format!("Nothing was learnt: all of {diverged} with a result diverged.")
                } else {
                    format!("Nothing was measured: all of {diverged} with a result are infeasible.")
                }];
            }
            _ => {}
        }
    }
    found.limits(input, &cells);
    let mut paragraphs = vec![found.said.join(" ")];
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    if !found.unsaid.is_empty() {
        paragraphs.push(format!("What cannot be said: {}.", found.unsaid.join("; ")));
    }
    paragraphs
}

/// The trials with a result of one configuration.
struct Cell<'a> {
    trials: Vec<&'a TrialRow>,
}

impl<'a> Cell<'a> {
    fn all(trials: &[PlacedTrial<'a>]) -> Vec<Self> {
        let cells = trials.chunk_by(|a, b| a.positions == b.positions);
        let cells = cells.map(|cell| {
            let rows = cell.iter().map(|trial| trial.row);
            Self {
                trials: rows.filter(|row| has_result(row)).collect(),
            }
        });
        cells.filter(|cell| !cell.trials.is_empty()).collect()
    }

    /// `lambda_p = 0.1, beta = 0.01`.
    fn name(&self, input: &ReportInput) -> String {
        let named = input.swept_axes().into_iter().map(|axis| {
            let Axis { parameter, values } = &input.terms.axes[axis];
            let label = label_among(&self.trials[0].values[axis], values);
            format!("{parameter} = {label}")
        });
        named.collect::<Vec<_>>().join(", ")
    }

    fn solved(&self, input: &ReportInput, goal: &Goal) -> usize {
        let trials = self.trials.iter();
        trials.filter(|trial| input.reaches(goal, trial)).count()
    }
}

fn has_result(row: &TrialRow) -> bool {
    matches!(row.outcome, TrialState::Succeeded | TrialState::Infeasible)
}

#[derive(Default)]
struct Found {
    said: Vec<String>,
    unsaid: Vec<String>,
}

impl Found {
    fn solved(&mut self, input: &ReportInput, cells: &[Cell<'_>]) {
        let goal = &input.goal;
        if !goal.threshold.is_finite() {
            return;
        }
        let (solved, n) = totals(input, goal, cells);
        let bound = if goal.better == Better::Lower {
            "most"
        } else {
            "least"
        };
        let mut sentence = format!(
            "{solved} of {} solved the task ({} of at {bound} {})",
            counted(n as u64, "trial", "trials"),
            goal.metric,
            significant(goal.threshold, 6)
        );
        if let [_] = cells {
            let interval = wilson_interval(solved as u64, n as u64);
            let interval =
                interval.map(|interval| format!(" [{:.2}, {:.2}]", interval.lower, interval.upper));
            sentence += &format!("{}.", interval.unwrap_or_default());
        } else {
            sentence += &format!("; {}", by_cell(input, cells));
        }
        self.said.push(sentence);
    }

    fn explained(&mut self, input: &ReportInput, grid: &ScoredGrid<'_>) {
        match Decomposition::new(input, grid) {
            Ok(of) => {
                self.said.push(shares(input, &of));
                let disagreement = of.logit.as_ref().and_then(|logit| of.disagreement(logit));
                if let Some(words) = disagreement {
                    self.unsaid.push(format!(
                        "what explains most, without naming a scale ({})",
                        lower_first(&words)
                    ));
                }
            }
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.split('\n').next().unwrap_or_default();
                self.unsaid
                    .push(format!("how much each parameter explains ({reason})"));
            }
        }
    }

    fn best(&mut self, input: &ReportInput, grid: &ScoredGrid<'_>, seed: u64) {
        let pairing = pairing(input);
        let Some(set) = BestSet::of(&grid.cells, pairing, ALPHA, seed) else {
            return;
        };
        let count = |verdict| {
            set.comparisons
                .iter()
                .filter(|other| other.verdict == verdict)
                .count()
        };
        let scores: Vec<f64> = grid.cells[set.best].iter().flatten().copied().collect();
        let mean = Summary::of(&scores).map_or(f64::NAN, |summary| summary.mean);
        let sign = if input.headline().better == Better::Lower {
            -1.0
        } else {
            1.0
        };
        let undecidable = count(Verdict::TooFewReplicates);
        self.said.push(format!(
            "Best on average is {} (mean {} {} of {}); of the other {}, {} are worse, {} are indistinguishable from \
             it, {undecidable} are undecidable.",
            grid.describe(set.best),
            quantity(input.headline()),
            significant(sign * mean, 4),
            counted(scores.len() as u64, "trial", "trials"),
            set.comparisons.len(),
            count(Verdict::Worse),
            count(Verdict::Indistinguishable),
        ));
        if undecidable > 0 {
            let seeds = seeds_to_decide(pairing, set.comparisons.len(), ALPHA);
            let seeds =
                seeds.map(|seeds| format!(" (that takes {seeds} replicates of each at least)"));
            self.unsaid.push(format!(
                "whether the {undecidable} undecidable configurations are worse{}",
                seeds.unwrap_or_default()
            ));
        }
    }

    fn limits(&mut self, input: &ReportInput, cells: &[Cell<'_>]) {
        let counts = &input.completeness;
        let missing = counts.expected.saturating_sub(counts.accepted);
        if missing > 0 {
            self.unsaid.push(format!(
                "what the trials without a result would change ({missing} of {})",
                counts.expected
            ));
        }
        let fewest = cells
            .iter()
            .map(|cell| cell.trials.len())
            .min()
            .unwrap_or_default();
        if fewest < FEW {
            self.unsaid.push(format!(
                "how far seeds vary (configurations have as few as {})",
                counted(fewest as u64, "replicate", "replicates")
            ));
        }
        self.unsaid.extend(at_another_threshold(input, cells));
        self.unsaid.extend(still_rising(input, cells));
        self.unsaid.extend(at_one_learning_rate(input));
        self.unsaid.extend(without_a_prior(input));
    }
}

/// The learning rate that all trials have, if there is one: methods and settings change places with it.
fn at_one_learning_rate(input: &ReportInput) -> Option<String> {
    let [rate] = values(input, Setting::LEARNING_RATE) else {
        return None;
    };
    Some(format!(
        "whether any of it holds at another learning_rate than {}",
        label(rate)
    ))
}

/// With lambda_p = 1 the prior is a floor's choice after the first step.
fn without_a_prior(input: &ReportInput) -> Option<String> {
    if !values(input, Setting::LAMBDA_P).contains(&1.0.into()) {
        return None;
    }
    let floors: Vec<String> = values(input, Setting::PRIOR_FLOOR)
        .iter()
        .map(label)
        .collect();
    Some(format!(
        "how lambda_p = 1 compares: its prior has nothing after the first step, and prior_floor ({}) \
         stands for it",
        floors.join(", ")
    ))
}

/// The values of a setting of the built-in training in the sweep; none of a program's.
fn values(input: &ReportInput, setting: Setting) -> &[ParameterValue] {
    match input.axis_of(setting) {
        _ if !input.is_trained() => &[],
        Some(axis) => &input.terms.axes[axis].values,
        None => input
            .terms
            .template
            .get(setting)
            .map_or(&[], slice::from_ref),
    }
}

fn totals(input: &ReportInput, goal: &Goal, cells: &[Cell<'_>]) -> (usize, usize) {
    let solved = cells.iter().map(|cell| cell.solved(input, goal)).sum();
    (solved, cells.iter().map(|cell| cell.trials.len()).sum())
}

/// Configurations of which every replicate solved, and those of which the fewest did.
fn by_cell(input: &ReportInput, cells: &[Cell<'_>]) -> String {
    let share = |cell: &Cell<'_>| cell.solved(input, &input.goal) as f64 / cell.trials.len() as f64;
    let mut others: Vec<&Cell<'_>> = cells.iter().filter(|cell| share(cell) < 1.0).collect();
    others.sort_by(|a, b| share(a).total_cmp(&share(b)));
    let every = format!(
        "every replicate did in {} of {} configurations",
        cells.len() - others.len(),
        cells.len()
    );
    let named = others.iter().take(MAX_NAMED).map(|cell| {
        format!(
            "{} ({} of {})",
            cell.name(input),
            cell.solved(input, &input.goal),
            cell.trials.len()
        )
    });
    let named: Vec<String> = named.collect();
    match others.len() {
        0 => format!("{every}."),
        count if count <= MAX_NAMED => format!("{every}; the others: {}.", named.join("; ")),
        _ => format!("{every}; the fewest in {}.", named.join("; ")),
    }
}

/// What the significant effects explain, and the seeds.
fn shares(input: &ReportInput, of: &Decomposition) -> String {
    let percent = |share: Option<f64>| format!("{:.0} %", 100.0 * share.unwrap_or_default());
    let explains = |index: usize| {
        let share = |anova: &Anova| percent(anova.effects[index].eta_squared);
        let logit = of.logit.as_ref();
        let logit = logit.map(|logit| format!(" ({} on the logit scale)", share(logit)));
        (share(&of.anova), logit.unwrap_or_default())
    };
    let ranked = Decomposition::ranked(&of.anova);
    let seeds = percent(of.anova.residual.eta_squared);
    let what = quantity(input.headline());
    let is_shown = |index: &&usize| of.anova.effects[**index].p.is_some_and(|p| p <= ALPHA);
    let shown: Vec<String> = ranked
        .iter()
        .filter(is_shown)
        .take(MAX_NAMED)
        .map(|&index| {
            let (share, logit) = explains(index);
            format!("{} explains {share}{logit}", of.name(index))
        })
        .collect();
    if shown.is_empty() {
        let largest = ranked[0];
        let p = of.anova.effects[largest]
            .p
            .map_or_else(|| "-".to_owned(), |p| significant(p, 2));
        return format!(
            "No parameter explains more of the variation of {what} than chance would: the most is {} by {} (p {p}); \
             seeds explain {seeds}.",
            explains(largest).0,
            of.name(largest)
        );
    }
    format!(
        "Of the variation of {what}, {}; seeds explain {seeds}.",
        shown.join(", ")
    )
}

/// How many would be solved at a stricter threshold, if not as many.
fn at_another_threshold(input: &ReportInput, cells: &[Cell<'_>]) -> Option<String> {
    let metric = input
        .place_of(&input.goal.metric)
        .map(|place| &input.metrics[place])?;
    let stricter =
        is_share(metric) && input.goal.better == Better::Higher && input.goal.threshold < STRICTER;
    let other = stricter.then(|| Goal {
        threshold: STRICTER,
        ..input.goal.clone()
    })?;
    let (solved, n) = totals(input, &input.goal, cells);
    let (fewer, _) = totals(input, &other, cells);
    (fewer < solved).then(|| {
        format!("what another threshold would count (at {STRICTER}, {fewer} of {n} solve)")
    })
}

/// How many unsolved trials ended while they still got better, where their evaluations were read.
fn still_rising(input: &ReportInput, cells: &[Cell<'_>]) -> Option<String> {
    let trials = || cells.iter().flat_map(|cell| &cell.trials);
    let unsolved = || {
        trials().filter(|trial| !input.is_solved(trial) && trial.outcome == TrialState::Succeeded)
    };
    let rising = unsolved().filter(|trial| gained_late(input, trial)).count();
    (rising > 0).then(|| {
        format!(
            "what more updates would do: {rising} of {} unsolved trials gained {STILL_RISING} or more in the last \
             quarter of theirs",
            unsolved().count()
        )
    })
}

fn gained_late(input: &ReportInput, trial: &TrialRow) -> bool {
    if !is_share(input.headline()) {
        return false;
    }
    let Some(last) = trial.curve.last() else {
        return false;
    };
    let mut before = trial
        .curve
        .iter()
        .rev()
        .filter(|point| 4 * point.step <= 3 * last.step);
    let gained = before
        .next()
        .and_then(|point| Some(last.values[HEADLINE]? - point.values[HEADLINE]?));
    gained.is_some_and(|gained| gained >= STILL_RISING)
}

fn lower_first(words: &str) -> String {
    let words = words.trim_end_matches('.');
    let mut letters = words.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_lowercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
