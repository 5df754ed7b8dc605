//! How many seeds would tell configurations apart, given how much this sweep's seeds vary.

use super::{ALPHA, Analysis, AnalysisError, Field, columns, grid::ScoredGrid};
use crate::{
    report::{input::ReportInput, number::significant, placement::place},
    statistics::{
        Counting, MAX_SEEDS_FOR_MEAN, MAX_SEEDS_FOR_SHARE, PowerTarget, Summary, mean_power,
        seeds_for_mean, seeds_for_share, share_power,
    },
};

/// Differences in mean accuracy that are asked about.
const MEAN_DIFFERENCES: [f64; 5] = [0.01, 0.02, 0.05, 0.1, 0.2];
/// The one that is asked about with the spread of each cell.
const OWN_DIFFERENCE: f64 = 0.05;
/// Differences in the share solved that are asked about.
const SHARE_DIFFERENCES: [f64; 5] = [0.1, 0.2, 0.3, 0.5, 0.8];

/// Seeds for each configuration that detect a difference between two of them.
///
/// # Errors
/// No trial has a score, or no cell has two.
pub fn power(input: &ReportInput, counting: &Counting) -> Result<Analysis, AnalysisError> {
    let grid = ScoredGrid::new(input, counting)?;
    let pooled = pooled_deviation(&grid.measured_scores()).ok_or(AnalysisError::NoSpread)?;
    let share = best_share(input);
    let target = PowerTarget {
        alpha: ALPHA,
        ..PowerTarget::default()
    };
    let seeds = u64::from(input.fixed_replicates());
    let header = columns(&[
        "quantity",
        "cell",
        "deviation",
        "difference",
        "seeds_needed",
        "seeds",
        "power",
    ]);
    let all = || Field::text("all, pooled");
    let means =
        MEAN_DIFFERENCES.map(|difference| mean_row(all(), difference, pooled, seeds, target));
    let shares = SHARE_DIFFERENCES
        .into_iter()
        .filter(|difference| *difference <= share);
    let shares = shares.map(|difference| share_row(share, difference, seeds, target));
    let scores = grid.scores();
    let own = (0..scores.len()).filter_map(|cell| {
        // A cell that diverged everywhere does not vary, whatever it counts as.
        let measured = grid.is_measured(cell);
        let spread = Summary::of(&scores[cell])
            .filter(|_| measured)?
            .standard_deviation?;
        let name = Field::Text(grid.describe(cell));
        Some(mean_row(name, OWN_DIFFERENCE, spread, seeds, target))
    });
    Ok(Analysis::new(input, "Power", header, counting)
        .with_rows(means)
        .with_rows(shares)
        .with_rows(own)
        .with_note_on_common_seeds(input)
        .with_note(format!(
            "Seeds in each of two configurations that show the difference with probability {} at {ALPHA}, two-sided; power: \
             that probability with the seeds of this sweep.",
            target.power
        ))
        .with_note(format!(
            "mean accuracy: Student's t (noncentral t), for the standard deviation over seeds, pooled ({}) and then \
             as each cell has it, which is what counts between two cells of that spread; normal scores are taken \
             for granted, and accuracies of which some stay at chance are not. share solved: Fisher's exact test, \
             every outcome counted, down from the best cell's share, {}.",
            significant(pooled, 3),
            significant(share, 3)
        )))
}

fn mean_row(
    cell: Field,
    difference: f64,
    spread: f64,
    seeds: u64,
    target: PowerTarget,
) -> Vec<Field> {
    // Without any spread every difference shows.
    let effect = if spread > 0.0 {
        difference / spread
    } else {
        f64::MAX
    };
    let needed = seeds_for_mean(effect, target);
    vec![
        Field::text("mean accuracy"),
        cell,
        Field::number(spread),
        Field::number(difference),
        count_or_more(needed, MAX_SEEDS_FOR_MEAN),
        Field::Count(seeds),
        Field::number(mean_power(effect, seeds, target.alpha)),
    ]
}

fn share_row(share: f64, difference: f64, seeds: u64, target: PowerTarget) -> Vec<Field> {
    let lower = (share - difference).max(0.0);
    let needed = seeds_for_share(share, lower, target);
    let seeds = seeds.min(MAX_SEEDS_FOR_SHARE);
    vec![
        Field::text("share solved"),
        Field::text("the best"),
        Field::Number(None),
        Field::number(difference),
        count_or_more(needed, MAX_SEEDS_FOR_SHARE),
        Field::Count(seeds),
        Field::number(share_power(share, lower, seeds, target.alpha)),
    ]
}

fn count_or_more(needed: Option<u64>, limit: u64) -> Field {
    needed.map_or_else(|| Field::text(format!("> {limit}")), Field::Count)
}

/// The deviation over seeds, pooled over all cells with two scores or more.
fn pooled_deviation(cells: &[Vec<f64>]) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0.0);
    for summary in cells.iter().filter_map(|cell| Summary::of(cell)) {
        if let Some(deviation) = summary.standard_deviation {
            let own = (summary.count - 1) as f64;
            squares += own * deviation.powi(2);
            freedom += own;
        }
    }
    (freedom > 0.0).then(|| (squares / freedom).sqrt())
}

/// The highest share of trials that solved the task in any cell.
fn best_share(input: &ReportInput) -> f64 {
    use crate::scheduler::TrialState::{Infeasible, Succeeded};
    let mut trials = place(input);
    trials.retain(|trial| input.is_fixed(trial.row));
    let cells = trials.chunk_by(|a, b| a.positions == b.positions);
    let shares = cells.filter_map(|cell| {
        let counted = cell
            .iter()
            .filter(|trial| matches!(trial.row.outcome, Succeeded | Infeasible));
        let solved = cell.iter().filter(|trial| input.is_solved(trial.row));
        crate::report::estimate::share(solved.count() as u64, counted.count() as u64)
    });
    shares.fold(0.0, f64::max)
}
