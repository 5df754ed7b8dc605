//! Total compute against accuracy: the paper's Figure 1c.

use super::{Block, Picture, Table, comparison::Reported, paper::PAPER_COMPUTE};
use crate::{
    report::{
        field::Field,
        figure::{BandFigure, BandSeries, Caption, Figure, Height, MAX_SERIES, Sample},
        input::{HEADLINE, TrialRow},
    },
    scheduler::TrialState,
    statistics::{Summary, bootstrap_mean_interval},
};

const MILLION: f64 = 1e6;

const RULE: &str = "Forward passes: samples trained since the evaluation before, times the mean ponder steps that \
     evaluation measured (sampled halting), summed over training: what the samples needed, not what a fixed \
     unroll computed. Each method at its best configuration; fixed steps at each.";

/// The figure and the table of its end points; nothing where no evaluation was read.
pub(super) fn figure_1c(sweeps: &[Reported<'_>], bootstrap_seed: u64) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(figure) = figure(sweeps) {
        blocks.push(Block::Figure(Picture {
            file: "figure_1c_compute".to_owned(),
            figure: Figure::Band(figure),
            rule: format!("The paper's Figure 1c. {RULE}"),
        }));
        blocks.push(Block::Table(end_points(sweeps, bootstrap_seed)));
    }
    blocks
}

fn figure(sweeps: &[Reported<'_>]) -> Option<BandFigure> {
    let entrants = || {
        sweeps.iter().flat_map(|sweep| {
            sweep
                .entrants()
                .into_iter()
                .map(move |entrant| (sweep, entrant))
        })
    };
    let methods: Vec<String> = entrants().map(|(_, entrant)| entrant.method).collect();
    let series = entrants().map(|(sweep, entrant)| {
        let name = told_apart(entrant.method, sweep, &methods, sweeps);
        let samples = sweep.trials_of(entrant.cell).flat_map(|trial| {
            let passes = forward_passes(sweep, trial);
            passes.into_iter().map(|(step, passes, accuracy)| Sample {
                place: step,
                at: passes / MILLION,
                value: accuracy,
            })
        });
        BandSeries::of(name, samples)
    });
    let series: Vec<BandSeries> = series.take(MAX_SERIES).collect();
    let first = sweeps.first()?.input;
    let (headline, chance) = (first.headline(), first.chance(first.headline()));
    let figure = BandFigure {
        title: "Figure 1c: total compute against accuracy".to_owned(),
        caption: Caption::of_all(sweeps.iter().map(|sweep| sweep.input))?,
        horizontal: "forward passes needed until then  (millions)".to_owned(),
        horizontal_start: 0.0,
        height: Height::Metric(headline.clone()),
        key: "method".to_owned(),
        ordered: false,
        series,
        chance,
        reference: None,
        boundary: None,
    };
    figure.if_any()
}

/// The method of a sweep, and the sweep's name where one of another has the same; where two of the sweeps
/// have that, too, its id.
pub(super) fn told_apart(
    method: String,
    sweep: &Reported<'_>,
    methods: &[String],
    sweeps: &[Reported<'_>],
) -> String {
    if methods.iter().filter(|other| **other == method).count() < 2 {
        return method;
    }
    let name = &sweep.input.terms.name;
    let of_name = sweeps
        .iter()
        .filter(|other| other.input.terms.name == *name);
    if of_name.count() < 2 {
        format!("{method} of {name}")
    } else {
        format!("{method} of {name} ({})", sweep.input.sweep_id)
    }
}

/// At every evaluation of a trial: updates done, forward passes needed until then, accuracy.
fn forward_passes(sweep: &Reported<'_>, trial: &TrialRow) -> Vec<(u64, f64, f64)> {
    let steps = sweep.input.ponder_steps();
    let Some(place) = steps.filter(|_| trial.outcome == TrialState::Succeeded) else {
        return Vec::new();
    };
    let batch = f64::from(batch(sweep, trial));
    let (mut before, mut passes) = (0, 0.0);
    let mut points = Vec::new();
    for point in &trial.curve {
        let (Some(accuracy), Some(steps)) = (point.values[HEADLINE], point.values[place]) else {
            continue;
        };
        let updates = (point.step - before) as f64;
        passes += updates * batch * steps;
        before = point.step;
        points.push((point.step, passes, accuracy));
    }
    points
}

/// Samples of an update, which a sweep may vary.
fn batch(sweep: &Reported<'_>, trial: &TrialRow) -> u32 {
    use pondersweep_proto::setting::{ParameterValue, Setting};
    let swept = sweep.input.axis_of(Setting::BATCH);
    match swept.map(|axis| &trial.values[axis]) {
        Some(ParameterValue::Integer(batch)) => u32::try_from(*batch).unwrap_or(u32::MAX),
        _ => sweep.input.terms.template.count(Setting::BATCH),
    }
}

fn end_points(sweeps: &[Reported<'_>], bootstrap_seed: u64) -> Table {
    let mut rows: Vec<Vec<Field>> = Vec::new();
    let all = sweeps.iter().flat_map(Reported::entrants);
    let methods: Vec<String> = all.map(|entrant| entrant.method).collect();
    for sweep in sweeps {
        for entrant in sweep.entrants() {
            let ends = sweep.trials_of(entrant.cell);
            let ends =
                ends.filter_map(|trial| Some(forward_passes(sweep, trial).last()?.1 / MILLION));
            let ends: Vec<f64> = ends.collect();
            let mean = Summary::of(&ends).map(|summary| summary.mean);
            let interval = bootstrap_mean_interval(&ends, bootstrap_seed);
            rows.push(vec![
                Field::text("measured"),
                Field::Text(told_apart(entrant.method, sweep, &methods, sweeps)),
                Field::Text(entrant.setting),
                Field::Count(ends.len() as u64),
                Field::estimate(mean, interval, 1),
            ]);
        }
    }
    rows.extend(PAPER_COMPUTE.map(|(method, compute)| {
        let mut fields = ["paper", method, "not stated"].map(Field::text).to_vec();
        fields.extend([Field::Number(None), Field::estimate(Some(compute), None, 1)]);
        fields
    }));
    Table {
        title: "Compute until the end of training".to_owned(),
        file: "figure_1c".to_owned(),
        columns: ["source", "method", "setting", "n", "compute"]
            .map(String::from)
            .into(),
        rows,
        left_out: 0,
        rules: vec![
            "measured: millions of forward passes, mean over seeds [95 % percentile bootstrap]. paper: the \
             end points of its Figure 1c, in its own units: compare the ratios."
                .to_owned(),
        ],
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::setting::Setting;

    use super::*;
    use crate::report::{Report, input::CurvePoint, simulated::SimulatedSweep};

    #[test]
    fn compute_is_the_steps_needed_times_the_samples_trained() {
        let mut input = SimulatedSweep::new(1)
            .numbers(Setting::LAMBDA_P, &[0.2])
            .input();
        let point = |step: u64, steps: f64| CurvePoint {
            step,
            values: vec![Some(0.5), None, Some(steps), None],
        };
        input.trials[0].curve = vec![point(10, 4.0), point(30, 2.5)];
        let report = Report::new(&input, 0);
        let sweep = Reported {
            input: &input,
            report: &report,
        };
        let passes = forward_passes(&sweep, &input.trials[0]);
        // Batches of 128: 10 x 128 x 4, then 20 x 128 x 2.5 more.
        assert_eq!(passes, [(10, 5_120.0, 0.5), (30, 11_520.0, 0.5)]);
    }
}
