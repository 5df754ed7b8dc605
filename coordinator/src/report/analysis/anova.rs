//! How much of the variation of accuracy each swept parameter explains.

use super::{Analysis, AnalysisError, Field, columns, grid::ScoredGrid};
use crate::{
    report::input::ReportInput,
    statistics::{Anova, Counting, Effect},
};

/// The analysis of variance over the replicates that every cell of the grid has.
///
/// # Errors
/// Fewer than two replicates are complete, or nothing is varied.
pub fn anova(input: &ReportInput, counting: &Counting) -> Result<Analysis, AnalysisError> {
    let grid = ScoredGrid::new(input, counting)?;
    let cells = grid.complete_replicates();
    let (complete, replicates) = (cells[0].len(), input.fixed_replicates() as usize);
    if complete < 2 {
        return Err(AnalysisError::Incomplete {
            complete,
            replicates,
            cells: cells.len(),
        });
    }
    let levels: Vec<usize> = grid.axes.iter().map(|axis| axis.values.len()).collect();
    let anova = Anova::of(&levels, &cells)?;
    let effects = anova.effects.iter().map(|effect| effect_row(&grid, effect));
    Ok(Analysis::new(input, "Analysis of variance", header(), counting)
        .with_rows(effects)
        .with_rows([residual_row(&anova), total_row(&anova)])
        .with_note_on_common_seeds(input)
        .with_note(format!(
            "Balanced full factorial of {} cells with the {complete} of {replicates} replicates that all of them \
             have; on it every type of sum of squares agrees.",
            cells.len()
        ))
        .with_note(
            "df: degrees of freedom; p: of F against the variation over seeds, which takes normal scores \
             of equal spread for granted; eta2: share of the variation; omega2: the same without what chance \
             explains, negative where the effect explains less than chance does.",
        ))
}

fn header() -> Vec<String> {
    columns(&[
        "effect",
        "df",
        "sum_of_squares",
        "f",
        "p",
        "eta2",
        "partial_eta2",
        "omega2",
        "partial_omega2",
    ])
}

fn effect_row(grid: &ScoredGrid<'_>, effect: &Effect) -> Vec<Field> {
    let names: Vec<String> = effect
        .factors
        .iter()
        .map(|&factor| grid.axes[factor].parameter.to_string())
        .collect();
    vec![
        Field::text(names.join(" x ")),
        Field::Count(effect.degrees_of_freedom),
        Field::number(effect.sum_of_squares),
        Field::Number(effect.f),
        Field::Number(effect.p),
        Field::Number(effect.eta_squared),
        Field::Number(effect.partial_eta_squared),
        Field::Number(effect.omega_squared),
        Field::Number(effect.partial_omega_squared),
    ]
}

fn residual_row(anova: &Anova) -> Vec<Field> {
    let residual = &anova.residual;
    let mut row = vec![
        Field::text("seeds (residual)"),
        Field::Count(residual.degrees_of_freedom),
        Field::number(residual.sum_of_squares),
        Field::Number(None),
        Field::Number(None),
        Field::Number(residual.eta_squared),
    ];
    row.resize(header().len(), Field::Number(None));
    row
}

fn total_row(anova: &Anova) -> Vec<Field> {
    let mut row = vec![
        Field::text("total"),
        Field::Count(anova.observations - 1),
        Field::number(anova.total_sum_of_squares),
    ];
    row.resize(header().len(), Field::Number(None));
    row
}
