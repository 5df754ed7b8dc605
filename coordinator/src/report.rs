//! From the trials of a sweep to its sensitivity table and figures: data first, then text and
//! pictures. Everything is a pure function of the rows and a seed; [`write_all`] alone touches the
//! disk. Nothing here reads a database or a clock.

pub mod analysis;
pub mod csv;
mod difficulty;
pub mod document;
mod estimate;
mod field;
pub mod figure;
pub mod html;
mod input;
pub mod json;
pub mod latex;
pub mod manifest;
pub mod markdown;
mod markup;
mod number;
mod placement;
mod table;
pub mod terminal;
mod warning;
mod write;

#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
mod tests;

use pondersweep_proto::{
    metric::{Metric, MetricName},
    setting::{ParameterValue, Setting},
};
use serde::{Serialize, Serializer};

use self::{
    difficulty::DifficultyRow, figure::Figures, input::swept_axes, number::label_among,
    placement::PlacedTrial,
};
pub use self::{
    document::{Document, Study},
    input::{
        Completeness, CurvePoint, DifficultyPoint, MetricValues, ReportInput, TrialRow,
        shown_metrics,
    },
    table::{CellRow, ParameterTable},
    warning::Warning,
    write::{Pictures, files_of_others, write_all},
};
use crate::{statistics::CONFIDENCE, sweep::Axis};

/// The seed of the bootstrap: any will do, but the same table must come out every time.
pub const BOOTSTRAP_SEED: u64 = 0;

/// Everything a reader is told about a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was swept and how it was judged.
    pub sweep: Header,
    /// What became of the trials.
    pub completeness: Completeness,
    /// Why to read the tables with care, the gravest first.
    pub warnings: Vec<Warning>,
    /// What it shows and what it does not, a paragraph each, by fixed rules.
    pub conclusion: Vec<String>,
    /// The table of each swept parameter, over all others.
    pub parameters: Vec<ParameterTable>,
    /// The table of all cells with a trial that has ended, or of the first of them.
    pub cells: Vec<CellRow>,
    /// Cells that were left out of [`Self::cells`].
    #[serde(skip)]
    pub cells_left_out: usize,
    /// Each configuration's trials on samples of each kind, where the task has kinds of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub difficulties: Vec<DifficultyRow>,
    /// The same trials as figures; the rows behind them are exported as trials, not here.
    #[serde(skip)]
    pub figures: Figures,
}

/// What was swept, and the conventions of every number in the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Header {
    /// The sweep's identifier.
    pub sweep_id: String,
    /// Its name.
    pub name: String,
    /// The axes of its space.
    pub axes: Vec<Axis>,
    /// Repetitions of every configuration, at most.
    pub replicates: u32,
    /// Repetitions that are run whatever they show, where more may be added after looking at results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_replicates: Option<u32>,
    /// Whether replicate r of every configuration has the same random streams.
    #[serde(skip)]
    pub common_seeds: bool,
    /// What makes a trial infeasible, in words.
    #[serde(skip)]
    pub infeasible_is: &'static str,
    /// The metrics that are shown, in their order.
    #[serde(skip)]
    pub metrics: Vec<MetricName>,
    /// The metric that is shown first.
    #[serde(serialize_with = "name_of")]
    pub headline: Metric,
    /// A trial is solved when this metric reaches the threshold.
    pub solved_metric: String,
    /// The threshold.
    pub solved_threshold: f64,
    /// "higher" or "lower": which side of the threshold is solved.
    pub solved_when: &'static str,
    /// Whether the same quantity was evaluated on more difficult samples, and where that metric stands.
    #[serde(skip)]
    pub extrapolation: Option<usize>,
    /// Where the ponder steps stand, in an experiment that counts them.
    #[serde(skip)]
    pub ponder_steps: Option<usize>,
    /// What a user's program reports besides the headline: where it stands and what it is called.
    #[serde(skip)]
    pub others: Vec<(usize, String)>,
    /// What one kind of sample is called, if the task has kinds of them.
    #[serde(skip)]
    pub kind_of_sample: Option<&'static str>,
    /// Confidence of every interval.
    pub confidence: f64,
    /// Seed of every bootstrap interval.
    pub bootstrap_seed: u64,
}

fn name_of<S: Serializer>(metric: &Metric, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&metric.name)
}

impl Report {
    /// Makes the report. The same rows, in whatever order, and the same seed make the same report.
    ///
    /// # Panics
    /// If a trial's values are not on the sweep's axes.
    #[must_use]
    pub fn new(input: &ReportInput, bootstrap_seed: u64) -> Self {
        let trials = placement::place(input);
        let figures = Figures::new(input, &trials);
        Self {
            figures,
            ..Self::of_cells(input, &trials, bootstrap_seed, usize::MAX)
        }
    }

    /// Makes the report without figures, with the first cells only, and with intervals for as many values
    /// of a parameter: all that is shown of a sweep of a hundred thousand cells, each of which would be
    /// resampled.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn overview(input: &ReportInput, bootstrap_seed: u64, cells: usize) -> Self {
        Self::of_cells(input, &placement::place(input), bootstrap_seed, cells)
    }

    fn of_cells(
        input: &ReportInput,
        trials: &[PlacedTrial<'_>],
        bootstrap_seed: u64,
        most: usize,
    ) -> Self {
        let (cells, cells_left_out) = table::cell_rows(input, trials, bootstrap_seed, most);
        Self {
            sweep: Header::new(input, bootstrap_seed),
            completeness: input.completeness,
            warnings: warning::warnings(&input.completeness),
            conclusion: analysis::conclusion(input, trials, bootstrap_seed),
            parameters: table::parameter_tables(input, trials, bootstrap_seed, most),
            cells,
            cells_left_out,
            difficulties: difficulty::rows(input, trials, bootstrap_seed),
            figures: Figures::default(),
        }
    }

    /// Its tables as a document.
    #[must_use]
    pub fn document(&self) -> Document {
        document::sensitivity(self)
    }

    /// What a configuration's value of an axis is called.
    fn label(&self, axis: usize, values: &[ParameterValue]) -> String {
        label_among(&values[axis], &self.sweep.axes[axis].values)
    }

    /// The positions of the axes the report compares along.
    fn swept_axes(&self) -> Vec<usize> {
        swept_axes(&self.sweep.axes)
    }

    /// Axes that have one value only, with it.
    fn constants(&self) -> Vec<(Setting, &ParameterValue)> {
        let single = self.sweep.axes.iter().filter(|axis| axis.values.len() == 1);
        single
            .map(|axis| (axis.parameter, &axis.values[0]))
            .collect()
    }
}

impl Header {
    fn new(input: &ReportInput, bootstrap_seed: u64) -> Self {
        Self {
            sweep_id: input.sweep_id.to_string(),
            name: input.terms.name.clone(),
            axes: input.terms.axes.clone(),
            replicates: input.terms.replicates,
            initial_replicates: input.terms.initial_replicates,
            common_seeds: input.terms.common_seeds,
            infeasible_is: input.infeasible_is(),
            metrics: input
                .metrics
                .iter()
                .map(|metric| metric.name.clone())
                .collect(),
            headline: input.headline().clone(),
            solved_metric: input.goal.metric.to_string(),
            solved_threshold: input.goal.threshold,
            solved_when: input.goal.better.name(),
            extrapolation: input.extrapolation(),
            ponder_steps: input.ponder_steps(),
            others: input.others(),
            kind_of_sample: input.task().and_then(|task| task.kind),
            confidence: CONFIDENCE,
            bootstrap_seed,
        }
    }
}
