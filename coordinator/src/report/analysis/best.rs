//! Which configurations cannot be told apart from the best one.

use super::{ALPHA, Analysis, AnalysisError, Field, columns, grid::ScoredGrid};
use crate::{
    report::{document::counted, input::ReportInput},
    statistics::{BestSet, Comparison, Counting, FEW, Pairing, Summary, Verdict, seeds_to_decide},
};

/// Every cell against the one with the best mean.
///
/// With common seeds equal replicates are compared in pairs. Without, each configuration has
/// streams of its own, replicate 3 of one has nothing to do with replicate 3 of another, and they
/// are compared as independent groups.
///
/// # Errors
/// No trial has a score.
pub fn best(
    input: &ReportInput,
    counting: &Counting,
    seed: u64,
) -> Result<Analysis, AnalysisError> {
    let grid = ScoredGrid::new(input, counting)?;
    let pairing = pairing(input);
    let set = BestSet::of(&grid.cells, pairing, ALPHA, seed);
    let set = set.ok_or(AnalysisError::NoScore)?;
    let others = set
        .comparisons
        .iter()
        .map(|other| row(&grid, other.cell, Some(other)));
    let verdicts = conclusion(&set, pairing);
    Ok(Analysis::new(input, "Comparison with the best", header(&grid), counting)
        .with_rows([row(&grid, set.best, None)])
        .with_rows(others)
        .with_note(verdicts)
        .with_note(format!(
            "difference: best mean less this one, [lower, upper] {}, not corrected; p: {}; adjusted by Holm, worse at \
             {ALPHA}. Undecidable: with so few replicates even scores that do not overlap would not be \
             significant.",
            interval(&grid, pairing),
            test(pairing)
        )))
}

/// How many cells were told apart from the best, how many were not, and how many could not be.
fn conclusion(set: &BestSet, pairing: Pairing) -> String {
    let count = |verdict| {
        let others = set.comparisons.iter();
        others.filter(|other| other.verdict == verdict).count()
    };
    let others = set.comparisons.iter();
    let worse = others.filter(|other| !other.verdict.is_in_set()).count();
    let alike = count(Verdict::Indistinguishable);
    let undecidable = count(Verdict::TooFewReplicates);
    let cells = counted(set.comparisons.len() as u64, "cell", "cells");
    let mut text = format!(
        "{cells} besides the best: {worse} worse, {alike} indistinguishable from it, {undecidable} undecidable."
    );
    let seeds = (undecidable > 0)
        .then(|| seeds_to_decide(pairing, set.comparisons.len(), ALPHA))
        .flatten();
    if let Some(seeds) = seeds {
        text += &format!(
            " With {seeds} replicates of each, cells whose scores do not overlap could be told apart."
        );
    }
    text
}

fn header(grid: &ScoredGrid<'_>) -> Vec<String> {
    let axes = grid.axes.iter().map(|axis| axis.parameter.to_string());
    let numbers = [
        "n",
        "mean",
        "difference",
        "lower",
        "upper",
        "p",
        "adjusted_p",
        "verdict",
    ];
    axes.chain(columns(&numbers)).collect()
}

pub(super) const fn pairing(input: &ReportInput) -> Pairing {
    if input.terms.common_seeds {
        Pairing::CommonSeeds
    } else {
        Pairing::Independent
    }
}

/// How the intervals of differences were made.
fn interval(grid: &ScoredGrid<'_>, pairing: Pairing) -> String {
    let few = match pairing {
        Pairing::CommonSeeds => "Student's t of the pairs",
        Pairing::Independent => "Welch's t",
    };
    let mut sizes = grid.scores().into_iter().map(|cell| cell.len());
    if sizes.all(|size| size >= FEW) {
        return "by a bootstrap with widened levels".to_owned();
    }
    format!("by a bootstrap with widened levels or, of fewer than {FEW} replicates, by {few}")
}

const fn test(pairing: Pairing) -> &'static str {
    match pairing {
        Pairing::CommonSeeds => {
            "two-sided signed-rank test of replicates with common seeds (exact, zeros by Pratt's rule)"
        }
        Pairing::Independent => "two-sided exact rank-sum test of independent replicates",
    }
}

fn row(grid: &ScoredGrid<'_>, cell: usize, other: Option<&Comparison>) -> Vec<Field> {
    let scores: Vec<f64> = grid.cells[cell].iter().flatten().copied().collect();
    let interval = other.and_then(|other| other.interval);
    let mut row: Vec<Field> = grid.labels(cell).into_iter().map(Field::Text).collect();
    row.extend([
        Field::Count(scores.len() as u64),
        Field::Number(Summary::of(&scores).map(|summary| summary.mean)),
        Field::Number(other.map(|other| other.difference)),
        Field::Number(interval.map(|interval| interval.lower)),
        Field::Number(interval.map(|interval| interval.upper)),
        Field::Number(other.map(|other| other.p)),
        Field::Number(other.map(|other| other.adjusted_p)),
        Field::text(verdict(other)),
    ]);
    row
}

const fn verdict(other: Option<&Comparison>) -> &'static str {
    match other {
        None => "best",
        Some(other) => match other.verdict {
            Verdict::Worse => "worse",
            Verdict::Indistinguishable => "indistinguishable",
            Verdict::TooFewReplicates => "undecidable",
        },
    }
}
