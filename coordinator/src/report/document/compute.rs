//! Total compute against accuracy: the paper's Figure 1c.

use super::{Block, Picture, Table, comparison::Reported, paper::PAPER_COMPUTE};
use crate::{
    report::{
        field::Field,
        figure::{BandFigure, BandSeries, Caption, Figure, Height, MAX_SERIES, Sample},
        input::{CurvePoint, HEADLINE, ReportInput, TrialRow},
    },
    scheduler::TrialState,
    statistics::{Scale, Summary, mean_interval},
};

const MILLION: f64 = 1e6;

const RULE: &str = "Forward passes: samples trained since the evaluation before, times the mean ponder steps that \
     evaluation measured (sampled halting), summed over training: what the samples needed, not what training \
     computed. Each method at its best configuration; fixed steps at each.";

const COMPUTED_RULE: &str = "The same by what training computed: samples trained, times the mean steps that it \
     computed for each, which for a fixed unroll is max_steps.";

/// The figure and the table of its end points; nothing where no evaluation was read.
pub(super) fn figure_1c(sweeps: &[Reported<'_>], bootstrap_seed: u64) -> Vec<Block> {
    let mut blocks = Vec::new();
    let figures = [
        (Passes::NEEDED, format!("The paper's Figure 1c. {RULE}")),
        (Passes::COMPUTED, COMPUTED_RULE.to_owned()),
    ];
    for (passes, rule) in figures {
        if let Some(figure) = figure(sweeps, passes) {
            blocks.push(Block::Figure(Picture {
                file: format!("figure_1c_{}", passes.file),
                figure: Figure::Band(figure),
                rule,
            }));
        }
    }
    if !blocks.is_empty() {
        blocks.push(Block::Table(end_points(sweeps, bootstrap_seed)));
    }
    blocks
}

/// One way of counting forward passes.
#[derive(Clone, Copy)]
struct Passes {
    title: &'static str,
    axis: &'static str,
    file: &'static str,
    /// The mean steps of a sample, over the updates before an evaluation.
    steps: fn(&ReportInput, &CurvePoint) -> Option<f64>,
}

impl Passes {
    const NEEDED: Self = Self {
        title: "Figure 1c: total compute against accuracy",
        axis: "forward passes needed until then  (millions)",
        file: "compute",
        steps: |input, point| point.values[input.ponder_steps()?],
    };
    const COMPUTED: Self = Self {
        title: "Computed forward passes against accuracy",
        axis: "forward passes computed until then  (millions)",
        file: "computed",
        steps: |_, point| point.computed_steps,
    };
}

fn figure(sweeps: &[Reported<'_>], passes: Passes) -> Option<BandFigure> {
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
            let passes = forward_passes(sweep, trial, passes);
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
        title: passes.title.to_owned(),
        caption: Caption::of_all(sweeps.iter().map(|sweep| sweep.input))?,
        horizontal: passes.axis.to_owned(),
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

/// The method of a sweep, and the sweep's name where one of another has the same; where two of the
/// sweeps have that, too, its id.
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

/// At every evaluation of a trial: updates done, forward passes until then, accuracy.
fn forward_passes(sweep: &Reported<'_>, trial: &TrialRow, passes: Passes) -> Vec<(u64, f64, f64)> {
    if trial.outcome != TrialState::Succeeded {
        return Vec::new();
    }
    let steps = passes.steps;
    let batch = f64::from(batch(sweep, trial));
    let (mut before, mut done) = (0, 0.0);
    let mut points = Vec::new();
    for point in &trial.curve {
        let (Some(accuracy), Some(steps)) = (point.values[HEADLINE], steps(sweep.input, point))
        else {
            continue;
        };
        let updates = (point.step - before) as f64;
        done += updates * batch * steps;
        before = point.step;
        points.push((point.step, done, accuracy));
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
            let ends = |passes| {
                let trials = sweep.trials_of(entrant.cell);
                let ends = trials.filter_map(|trial| {
                    Some(forward_passes(sweep, trial, passes).last()?.1 / MILLION)
                });
                ends.collect::<Vec<f64>>()
            };
            let mean = |ends: &[f64]| {
                let mean = Summary::of(ends).map(|summary| summary.mean);
                Field::estimate(mean, mean_interval(ends, Scale::Linear, bootstrap_seed), 1)
            };
            let [needed, computed] = [Passes::NEEDED, Passes::COMPUTED].map(ends);
            rows.push(vec![
                Field::text("measured"),
                Field::Text(told_apart(entrant.method, sweep, &methods, sweeps)),
                Field::Text(entrant.setting),
                Field::Count(needed.len() as u64),
                mean(&needed),
                mean(&computed),
            ]);
        }
    }
    rows.extend(PAPER_COMPUTE.map(|(method, compute)| {
        let mut fields = ["paper", method, "not stated"].map(Field::text).to_vec();
        let nothing = Field::estimate(None, None, 1);
        fields.extend([
            Field::Number(None),
            Field::estimate(Some(compute), None, 1),
            nothing,
        ]);
        fields
    }));
    Table {
        title: "Compute until the end of training".to_owned(),
        file: "figure_1c".to_owned(),
        columns: ["source", "method", "setting", "n", "compute", "computed"]
            .map(String::from)
            .into(),
        rows,
        left_out: 0,
        rules: vec![
            "measured: millions of forward passes, mean over seeds [95 % percentile bootstrap; of fewer than 5 \
             Student's t]; compute: those that the samples needed, computed: those that training did. paper: the \
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
            computed_steps: Some(20.0),
        };
        input.trials[0].curve = vec![point(10, 4.0), point(30, 2.5)];
        let report = Report::new(&input, 0);
        let sweep = Reported {
            input: &input,
            report: &report,
        };
        let passes = |passes| forward_passes(&sweep, &input.trials[0], passes);
        // Batches of 128: 10 x 128 x 4, then 20 x 128 x 2.5 more.
        let needed = [(10, 5_120.0, 0.5), (30, 11_520.0, 0.5)];
        assert_eq!(passes(Passes::NEEDED), needed);
        let computed = [(10, 25_600.0, 0.5), (30, 76_800.0, 0.5)];
        assert_eq!(passes(Passes::COMPUTED), computed);
    }
}
