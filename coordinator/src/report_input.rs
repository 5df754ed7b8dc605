//! EDGE: reads what a report is made from. It computes nothing.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use pondersweep_proto::{
    breakdown::CountTable,
    experiment::counted::{CORRECT, DIFFICULTY, EXAMPLES, PONDER_STEPS, difficulties},
    id::{SweepId, TrialId},
    metric::{Better, Metric, built_in::PONDER_STEPS_COMPUTED},
    setting::ParameterValue,
    spec::EvaluationRange,
};
use pondersweep_worker::say;

use crate::{
    report::{
        Completeness, CurvePoint, DifficultyPoint, MetricValues, ReportInput, TrialRow,
        shown_metrics,
    },
    store::{self, Curves, Measurement, Measurements, Reader},
    sweep::{Goal, SweepSpec, SweepTerms},
};

/// How much of a sweep is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The last evaluation of every trial.
    Results,
    /// All evaluations on the way there too, and the last one by difficulty.
    Curves,
}

/// Trials of a sweep whose curves are read: with a hundred evaluations each they fill a gigabyte.
const MAX_CURVES: usize = 50_000;
/// Trials of which kinds of sample are read for tables: more would not fit on a terminal.
const MAX_OF_KINDS: usize = 2_000;

/// What is read of trials beyond their last evaluation.
#[derive(Default)]
struct Details {
    curves: HashMap<TrialId, BTreeMap<u64, CurvePoint>>,
    difficulties: HashMap<TrialId, Vec<DifficultyPoint>>,
}

/// By which metric a sweep is judged, where it is not by its own.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Judgement {
    /// The metric that tables, figures and analyses are about, by its name in `trial_result` [default: the
    /// experiment's headline]
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Option<String>,
    /// A trial is solved when that metric reaches this value, in the direction that is better [default: by the
    /// metric and the threshold of the sweep]
    #[arg(
        long,
        requires = "metric",
        value_name = "VALUE",
        allow_negative_numbers = true
    )]
    pub(crate) solved_at: Option<f64>,
}

impl Judgement {
    /// The headline, the metrics that are shown with it, and when a trial is solved.
    fn of(&self, terms: &SweepTerms) -> anyhow::Result<(Vec<Metric>, Goal)> {
        let experiment = terms.experiment();
        let table = experiment.metrics();
        let headline = match &self.metric {
            None => table.headline(),
            Some(name) => table.get(name).ok_or_else(|| {
                let names: Vec<&str> = table.iter().map(|metric| &*metric.name).collect();
                anyhow::anyhow!(
                    "no metric is called {name:?}\nhint: --metric is one of {}",
                    names.join(", ")
                )
            })?,
        };
        let goal = match self.solved_at {
            None => terms.goal(),
            Some(threshold) => {
                anyhow::ensure!(
                    threshold.is_finite() && headline.better != Better::Neither,
                    "nothing is solved by {} at {threshold}\nhint: --solved-at takes a number, of a metric that is \
                     better when it is higher or lower",
                    headline.name
                );
                Goal {
                    metric: headline.name.clone(),
                    better: headline.better,
                    threshold,
                }
            }
        };
        Ok((shown_metrics(table, headline, &goal.metric), goal))
    }
}

/// The sweeps that are named, each once, however often it is named.
pub(crate) async fn distinct(database: &Path, names: &[String]) -> anyhow::Result<Vec<SweepId>> {
    let mut reader = Reader::open(database).await?;
    let mut sweeps = Vec::new();
    for name in names {
        let sweep_id = reader.find_sweep(name).await?;
        if !sweeps.contains(&sweep_id) {
            sweeps.push(sweep_id);
        }
    }
    Ok(sweeps)
}

/// Reads a sweep of a database, by whatever name.
pub(crate) async fn read(
    database: &Path,
    sweep: &str,
    judgement: &Judgement,
    depth: Depth,
) -> anyhow::Result<ReportInput> {
    let mut reader = Reader::open(database).await?;
    let sweep_id = reader.find_sweep(sweep).await?;
    read_from(&mut reader, sweep_id, judgement, depth).await
}

/// Reads a sweep.
pub(crate) async fn read_from(
    reader: &mut Reader,
    sweep_id: SweepId,
    judgement: &Judgement,
    depth: Depth,
) -> anyhow::Result<ReportInput> {
    let spec = reader.spec(sweep_id).await?;
    let (metrics, goal) = judgement.of(spec.terms())?;
    let names: Vec<_> = metrics.iter().map(|metric| metric.name.clone()).collect();
    // At the same time, since both walk through every trial.
    let mut other = reader.another().await?;
    let results = reader.measurements(sweep_id, &names);
    let (measurements, stored) = tokio::try_join!(results, other.completeness(sweep_id))?;
    let mut trials = trial_rows(&spec, &measurements);
    let mut details = Details::default();
    let has_kinds = spec.terms().task().is_some_and(|task| task.kind.is_some());
    match depth {
        Depth::Curves if trials.len() > MAX_CURVES => {
            say!("learning curves are left out: more than {MAX_CURVES} trials");
        }
        Depth::Curves => details.read(reader, sweep_id, &metrics).await?,
        Depth::Results if has_kinds && trials.len() <= MAX_OF_KINDS => {
            details.read_difficulties(reader, sweep_id).await?;
        }
        Depth::Results => {}
    }
    if !details.is_empty() {
        let first = reader.first_trial(sweep_id).await?;
        for (row, measurement) in trials.iter_mut().zip(&measurements.trials) {
            details.give(TrialId(first.0 + measurement.trial_index), row);
        }
    }
    Ok(ReportInput {
        sweep_id,
        terms: spec.terms().clone(),
        metrics,
        goal,
        trials,
        completeness: completeness(&stored),
        binaries: stored.binaries,
        devices: stored.devices,
    })
}

impl Details {
    async fn read(
        &mut self,
        reader: &mut Reader,
        sweep_id: SweepId,
        metrics: &[Metric],
    ) -> anyhow::Result<()> {
        for (place, metric) in metrics.iter().enumerate() {
            // Those of more difficult samples are shown of the end of training only.
            if place == 0 || metric.range != Some(EvaluationRange::Extrapolation) {
                let curves = reader.curves(sweep_id, &metric.name).await?;
                self.add_curves(curves, metrics.len(), |point, value| {
                    point.values[place] = Some(value);
                });
            }
        }
        let computed = reader.curves(sweep_id, &PONDER_STEPS_COMPUTED).await?;
        self.add_curves(computed, metrics.len(), |point, value| {
            point.computed_steps = Some(value);
        });
        self.read_difficulties(reader, sweep_id).await
    }

    async fn read_difficulties(
        &mut self,
        reader: &mut Reader,
        sweep_id: SweepId,
    ) -> anyhow::Result<()> {
        for (trial_id, table) in reader.counted(sweep_id, DIFFICULTY).await? {
            let points = self.difficulties.entry(trial_id).or_default();
            points.extend(difficulty_points(&table));
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.curves.is_empty() && self.difficulties.is_empty()
    }

    fn add_curves(&mut self, curves: Curves, metrics: usize, set: impl Fn(&mut CurvePoint, f64)) {
        for (trial_id, values) in curves {
            let curve = self.curves.entry(trial_id).or_default();
            for value in values {
                let empty = CurvePoint {
                    step: value.step,
                    values: vec![None; metrics],
                    computed_steps: None,
                };
                set(curve.entry(value.step).or_insert(empty), value.value);
            }
        }
    }

    fn give(&mut self, trial_id: TrialId, row: &mut TrialRow) {
        let curve = self.curves.remove(&trial_id).unwrap_or_default();
        row.curve = curve.into_values().collect();
        row.difficulty = self.difficulties.remove(&trial_id).unwrap_or_default();
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "samples are far fewer than 2^53"
)]
fn difficulty_points(table: &CountTable) -> impl Iterator<Item = DifficultyPoint> {
    table.rows.iter().filter_map(|row| {
        let [examples, correct, steps] =
            [EXAMPLES, CORRECT, PONDER_STEPS].map(|column| table.count(row, column) as f64);
        let (first_nonzeros, last_nonzeros) = difficulties(&row.row)?.into_inner();
        Some(DifficultyPoint {
            first_nonzeros,
            last_nonzeros,
            accuracy: correct / examples,
            ponder_steps: steps / examples,
        })
    })
}

/// The trials as a report takes them, the values of each configuration made once.
fn trial_rows(spec: &SweepSpec, measurements: &Measurements) -> Vec<TrialRow> {
    let configurations = usize::try_from(spec.configurations()).expect("MAX_TRIALS fits");
    let mut values: Vec<Option<Arc<[ParameterValue]>>> = vec![None; configurations];
    let row = |measurement: &Measurement| {
        let (configuration, replicate) = spec.place(measurement.trial_index);
        let index = usize::try_from(configuration).expect("it is one of them");
        let values = values[index].get_or_insert_with(|| values_of(spec, configuration));
        TrialRow {
            values: Arc::clone(values),
            replicate,
            outcome: measurement.outcome,
            metrics: MetricValues::new(&measurements.values, measurement.values.clone()),
            curve: Vec::new(),
            difficulty: Vec::new(),
        }
    };
    measurements.trials.iter().map(row).collect()
}

/// The value of a configuration on every axis.
fn values_of(spec: &SweepSpec, configuration: u64) -> Arc<[ParameterValue]> {
    let axes = spec.terms().axes.iter();
    let positions = spec.positions(configuration);
    axes.zip(positions)
        .map(|(axis, position)| axis.values[position].clone())
        .collect()
}

fn completeness(stored: &store::Completeness) -> Completeness {
    let counts = stored.trials;
    Completeness {
        expected: stored.expected(),
        accepted: stored.accepted(),
        infeasible: counts.infeasible,
        failed: counts.failed,
        cancelled: counts.cancelled,
        pending: counts.pending,
        leased: counts.leased,
        withheld: counts.withheld,
        refused_stale: stored.refused,
        retried: stored.retried,
        distinct_binaries: stored.binaries.len() as u64,
        distinct_devices: stored.devices.len() as u64,
    }
}
