//! How much of the grid is nearly as good as its best cell.

use super::{Analysis, AnalysisError, Field, columns, grid::ScoredGrid};
use crate::{
    report::{input::ReportInput, number::significant},
    statistics::{Counting, FEW, Interval, Robustness},
};

/// The robustness index for each epsilon (in accuracy), and the worst drop one grid step away.
///
/// # Errors
/// No trial has a score.
pub fn robustness(
    input: &ReportInput,
    epsilons: &[f64],
    counting: &Counting,
    seed: u64,
) -> Result<Analysis, AnalysisError> {
    let grid = ScoredGrid::new(input, counting)?;
    let (shape, scores) = (grid.shape(), grid.scores());
    let of = |epsilon| Robustness::of(&shape, &scores, epsilon, seed).ok_or(AnalysisError::NoScore);
    let anywhere = of(0.0)?;
    let mut rows = Vec::new();
    for &epsilon in epsilons {
        let robustness = of(epsilon)?;
        let what = format!(
            "share of cells within {} of the best",
            significant(epsilon, 6)
        );
        rows.push(row(
            what,
            robustness.share_within,
            robustness.share_interval,
        ));
    }
    if let Some(step) = anywhere.worst_step {
        let what = format!("worst drop one step away, to {}", grid.describe(step.cell));
        rows.push(row(what, step.drop, step.interval));
    }
    let header = columns(&["quantity", "value", "lower", "upper"]);
    Ok(Analysis::new(input, "Robustness", header, counting)
        .with_rows(rows)
        .with_note_on_common_seeds(input)
        .with_note(format!(
            "Best of {} cells: {}, mean {}.",
            anywhere.cells,
            grid.describe(anywhere.best),
            significant(anywhere.best_mean, 4)
        ))
        .with_note(format!(
            "[lower, upper]: bootstrap over the replicates of each cell, seed {seed}{}. The best of many means is \
             too high by luck, so with few replicates the index leans towards fragile.",
            if scores.iter().any(|cell| (1..FEW).contains(&cell.len())) {
                "; with fewer than 5 the share of cells has none, and the drop has Welch's t"
            } else {
                ""
            }
        )))
}

fn row(what: String, value: f64, interval: Option<Interval>) -> Vec<Field> {
    vec![
        Field::Text(what),
        Field::number(value),
        Field::Number(interval.map(|interval| interval.lower)),
        Field::Number(interval.map(|interval| interval.upper)),
    ]
}
