//! Reads what a report is made from. It computes nothing.

use std::{collections::BTreeMap, path::Path};

use pondersweep_proto::{
    id::{SweepId, TrialId},
    metric::Metric,
};

use crate::{
    report::{Completeness, CurvePoint, ReportInput, TrialRow},
    store::{self, Curves, Reader},
    sweep::SweepTerms,
};

/// How much of a sweep is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The last evaluation of every trial.
    Results,
    /// All evaluations on the way there too.
    Curves,
}

/// Trials of a sweep whose curves are read: with a hundred evaluations each they fill a gigabyte.
const MAX_CURVES: usize = 50_000;

/// The points of every trial's curve, by step.
type Points = BTreeMap<TrialId, BTreeMap<u64, CurvePoint>>;

/// # Errors
/// There is no such sweep, or the database cannot be read.
pub(super) async fn read(
    database: &Path,
    sweep: &str,
    depth: Depth,
) -> anyhow::Result<ReportInput> {
    let mut reader = Reader::open(database).await?;
    let sweep_id = reader.find_sweep(sweep).await?;
    let terms = reader.spec(sweep_id).await?.terms().clone();
    let results = reader.trial_results(sweep_id).await?;
    let mut points = match depth {
        Depth::Curves if results.len() <= MAX_CURVES => points(&mut reader, sweep_id).await?,
        Depth::Curves => {
            eprintln!("learning curves are left out: more than {MAX_CURVES} trials");
            Points::new()
        }
        Depth::Results => Points::new(),
    };
    let trials = results.iter().map(|result| {
        let curve = points.remove(&result.trial_id).unwrap_or_default();
        trial_row(result, &terms, curve.into_values().collect())
    });
    let trials = trials.collect();
    let stored = reader.completeness(sweep_id).await?;
    Ok(ReportInput {
        sweep_id,
        terms,
        trials,
        completeness: completeness(&stored),
        binaries: stored.binaries,
        devices: stored.devices,
    })
}

async fn points(reader: &mut Reader, sweep_id: SweepId) -> anyhow::Result<Points> {
    let mut points = Points::new();
    let accuracy = reader.curves(sweep_id, Metric::AccuracyInterpolation);
    set(&mut points, accuracy.await?, |point, value| {
        point.accuracy = Some(value);
    });
    let steps = reader.curves(sweep_id, Metric::PonderStepsInterpolation);
    set(&mut points, steps.await?, |point, value| {
        point.ponder_steps = Some(value);
    });
    Ok(points)
}

fn set(points: &mut Points, curves: Curves, set: impl Fn(&mut CurvePoint, f64)) {
    for (trial_id, observations) in curves {
        let curve = points.entry(trial_id).or_default();
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

fn trial_row(result: &store::TrialResult, terms: &SweepTerms, curve: Vec<CurvePoint>) -> TrialRow {
    let value = |axis: &crate::sweep::Axis| {
        let value = result.configuration.parameter(axis.parameter);
        value.expect("a swept parameter has a value in every configuration")
    };
    TrialRow {
        values: terms.axes.iter().map(value).collect(),
        replicate: result.replicate,
        outcome: result.outcome,
        metrics: result.metrics.iter().collect::<BTreeMap<Metric, f64>>(),
        seconds: result.seconds.unwrap_or_default(),
        attempts: result.attempts.0,
        curve,
        difficulty: Vec::new(),
    }
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
        refused_stale: stored.refused,
        retried: stored.retried,
        distinct_binaries: stored.binaries.len() as u64,
        distinct_devices: stored.devices.len() as u64,
    }
}
