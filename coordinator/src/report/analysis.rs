//! What the statistics say about a sweep beyond its sensitivity tables: one table each, as data,
//! with the rules behind its numbers. Nothing here is drawn, and no number is computed that
//! `crate::statistics` does not define.

mod anova;
mod best;
mod conclusion;
mod grid;
mod power;
mod render;
mod robustness;
#[cfg(test)]
mod tests;
mod time_to;

use pondersweep_proto::metric::Better;
use serde::Serialize;

pub(super) use self::conclusion::{MAX_ANALYSED, conclusion};
pub use self::{
    anova::anova,
    best::best,
    power::power,
    render::{csv, document, json},
    robustness::robustness,
    time_to::time_to,
};
use super::{
    field::Field,
    input::{Completeness, ReportInput},
    warning::{Warning, warnings},
};
use crate::statistics::{AnovaError, Counting};

/// The level of every test.
pub const ALPHA: f64 = 0.05;

/// One analysis of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// What it is about.
    pub title: String,
    /// What became of the trials.
    pub completeness: Completeness,
    /// Why to read it with care.
    pub warnings: Vec<Warning>,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Rows with a field for each column.
    pub rows: Vec<Vec<Field>>,
    /// How the numbers were made.
    pub notes: Vec<String>,
}

/// Why an analysis cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnalysisError {
    /// No trial has a score.
    #[error(
        "no trial of this sweep has an accuracy yet\nhint: `pondersweep watch` shows its progress"
    )]
    NoScore,
    /// Every trial that ended with a result diverged.
    #[error(
        "every trial that has ended is infeasible: there is nothing to compare\n\
         hint: `pondersweep trial show` tells why; where training diverged, a smaller learning_rate or a \
         gradient_clip may help"
    )]
    AllDiverged,
    /// No evaluation was read.
    #[error(
        "no trial of this sweep has an evaluation on its way\nhint: `[evaluation] every` of a sweep file asks for them"
    )]
    NoCurve,
    /// The spread over seeds is unknown.
    #[error(
        "no configuration has two replicates with an accuracy, so the spread over seeds is unknown"
    )]
    NoSpread,
    /// Cells of the grid are missing from too many replicates.
    #[error(
        "only {complete} of {replicates} replicates have an accuracy in all {cells} cells of the grid; an \
         analysis of variance needs 2, because the effects of an unbalanced design overlap\n\
         hint: finish the sweep or `retry` it, and analyse a grid without exclusions"
    )]
    Incomplete {
        /// Replicates that every cell has.
        complete: usize,
        /// Replicates of the sweep.
        replicates: usize,
        /// Cells of the grid.
        cells: usize,
    },
    /// The design does not allow it.
    #[error(transparent)]
    Anova(#[from] AnovaError),
}

impl Analysis {
    fn new(input: &ReportInput, title: &str, columns: Vec<String>, counting: &Counting) -> Self {
        Self {
            title: format!("{title} of {}", input.terms.name),
            completeness: input.completeness,
            warnings: warnings(&input.completeness),
            columns,
            rows: Vec::new(),
            notes: std::iter::once(format!("score: {}; {counting}.", score_of(input)))
                .chain(note_on_added(input))
                .collect(),
        }
    }

    fn with_rows(mut self, rows: impl IntoIterator<Item = Vec<Field>>) -> Self {
        self.rows.extend(rows);
        self
    }

    /// For an analysis that takes replicates of different cells for independent, where they are
    /// not.
    fn with_note_on_common_seeds(self, input: &ReportInput) -> Self {
        if !input.terms.common_seeds {
            return self;
        }
        self.with_note(
            "Configurations share their seeds, which this analysis takes for independent: where shared seeds \
             make scores alike, it is on the safe side, and `--best` compares in pairs.",
        )
    }

    fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// What the scores are.
fn score_of(input: &ReportInput) -> String {
    let headline = input.headline();
    match headline.better {
        Better::Lower => format!(
            "{}, its sign changed so that higher is better",
            headline.name
        ),
        Better::Higher | Better::Neither => headline.name.to_string(),
    }
}

/// Which replicates are analysed, where some were added after looking at results.
fn note_on_added(input: &ReportInput) -> Option<String> {
    input.is_adaptive().then(|| {
        format!(
            "Of each configuration the first {} replicates, which were run whatever they showed; those added after \
             looking are left out.",
            input.fixed_replicates()
        )
    })
}

/// Names as owned columns.
fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
