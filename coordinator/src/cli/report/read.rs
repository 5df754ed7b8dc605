//! Reads what a report is made from. It computes nothing.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use pondersweep_proto::{
    id::{SweepId, TrialId},
    metric::Metric,
    setting::ParameterValue,
};

use crate::{
    report::{Completeness, CurvePoint, DifficultyPoint, ReportInput, TrialRow},
    store::{self, Curves, Measurement, Reader, TrialDifficulty},
    sweep::SweepSpec,
};

/// How much of a sweep is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The last evaluation of every trial.
    Results,
    /// All evaluations on the way there too, and the last one by difficulty.
    Curves,
}

/// Trials of a sweep whose curves are read: with a hundred evaluations each they fill a gigabyte.
const MAX_CURVES: usize = 50_000;

/// What is read of trials beyond their last evaluation.
#[derive(Default)]
struct Details {
    curves: HashMap<TrialId, BTreeMap<u64, CurvePoint>>,
    difficulties: HashMap<TrialId, Vec<DifficultyPoint>>,
}

pub(super) async fn read(
    database: &Path,
    sweep: &str,
    depth: Depth,
) -> anyhow::Result<ReportInput> {
    let mut reader = Reader::open(database).await?;
    let sweep_id = reader.find_sweep(sweep).await?;
    // At the same time, since both walk through every trial.
    let mut other = Reader::open(database).await?;
    let results = async {
        let spec = reader.spec(sweep_id).await?;
        Ok((spec, reader.measurements(sweep_id).await?))
    };
    let ((spec, measurements), stored) = tokio::try_join!(results, other.completeness(sweep_id))?;
    let mut trials = trial_rows(&spec, &measurements);
    if depth == Depth::Curves {
        if trials.len() > MAX_CURVES {
            eprintln!("learning curves are left out: more than {MAX_CURVES} trials");
        } else {
            let first = reader.first_trial(sweep_id).await?;
            let mut details = Details::read(&mut reader, sweep_id).await?;
            for (row, measurement) in trials.iter_mut().zip(&measurements) {
                details.give(TrialId(first.0 + measurement.trial_index), row);
            }
        }
    }
    Ok(ReportInput {
        sweep_id,
        terms: spec.terms().clone(),
        trials,
        completeness: completeness(&stored),
        binaries: stored.binaries,
        devices: stored.devices,
    })
}

impl Details {
    async fn read(reader: &mut Reader, sweep_id: SweepId) -> anyhow::Result<Self> {
        let mut details = Self::default();
        let accuracy = reader.curves(sweep_id, Metric::AccuracyInterpolation);
        details.add_curves(accuracy.await?, |point, value| {
            point.accuracy = Some(value);
        });
        let steps = reader.curves(sweep_id, Metric::PonderStepsInterpolation);
        details.add_curves(steps.await?, |point, value| {
            point.ponder_steps = Some(value);
        });
        for difficulty in reader.difficulties(sweep_id).await? {
            let points = details.difficulties.entry(difficulty.trial_id).or_default();
            points.push(difficulty_point(&difficulty));
        }
        Ok(details)
    }

    fn add_curves(&mut self, curves: Curves, set: impl Fn(&mut CurvePoint, f64)) {
        for (trial_id, observations) in curves {
            let curve = self.curves.entry(trial_id).or_default();
            for observation in observations {
                let empty = CurvePoint {
                    step: observation.step,
                    accuracy: None,
                    ponder_steps: None,
                };
                let point = curve.entry(observation.step).or_insert(empty);
                set(point, observation.value);
            }
        }
    }

    fn give(&mut self, trial_id: TrialId, row: &mut TrialRow) {
        let curve = self.curves.remove(&trial_id).unwrap_or_default();
        row.curve = curve.into_values().collect();
        row.difficulty = self.difficulties.remove(&trial_id).unwrap_or_default();
    }
}

fn difficulty_point(difficulty: &TrialDifficulty) -> DifficultyPoint {
    let bucket = &difficulty.bucket;
    DifficultyPoint {
        first_nonzeros: bucket.first_nonzeros,
        last_nonzeros: bucket.last_nonzeros,
        accuracy: bucket.correct as f64 / bucket.examples as f64,
        ponder_steps: bucket.ponder_steps as f64 / bucket.examples as f64,
    }
}

/// The trials as a report takes them, the values of each configuration made once.
fn trial_rows(spec: &SweepSpec, measurements: &[Measurement]) -> Vec<TrialRow> {
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
            metrics: measurement.metrics().collect(),
            curve: Vec::new(),
            difficulty: Vec::new(),
        }
    };
    measurements.iter().map(row).collect()
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
