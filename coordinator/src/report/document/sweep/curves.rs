//! What changes along training and along difficulty, as medians with bands between the quartiles.

use pondersweep_proto::{
    metric::{Metric, built_in},
    setting::{ParameterValue, Setting},
    spec::EvaluationRange,
};

use super::{Picture, Reported};
use crate::{
    report::{
        figure::{
            BandFigure, BandSeries, Boundary, Caption, Figure, Height, MAX_SERIES, Sample,
            quantity, sentence, truncated_prior_mean,
        },
        input::{DifficultyPoint, HEADLINE, TrialRow},
        number::labels,
    },
    scheduler::TrialState,
};

const RULE: &str = "Median over the trials that succeeded; the band lies between the quartiles.";

/// Each metric that is measured on the way against updates done, a line for each value of the axis
/// that matters most; of the headline alone under its plain name.
pub(super) fn learning_curves(sweep: &Reported<'_>) -> Vec<Picture> {
    let metrics = sweep.input.metrics.iter().enumerate();
    // Those of more difficult samples are for the end of training.
    let shown = metrics.filter(|(place, metric)| {
        *place == HEADLINE || metric.range != Some(EvaluationRange::Extrapolation)
    });
    let pictures = shown.filter_map(|(place, metric)| {
        let (title, file) = match place {
            HEADLINE => ("Learning curves".to_owned(), "learning_curves".to_owned()),
            _ => (
                format!("{} during training", sentence(quantity(metric))),
                format!("learning_curves_of_{}", metric.name),
            ),
        };
        let frame = Frame {
            title,
            horizontal: UPDATES,
            metric: metric.clone(),
            boundary: None,
        };
        let figure = along_axis(sweep, frame, |trial| curve(trial, place));
        picture(figure, &file, RULE)
    });
    pictures.collect()
}

const UPDATES: &str = "parameter updates";

/// Ponder steps against updates done, of one value of `lambda_p`: the paper's Figure 2c.
pub(super) fn ponder_curve(
    sweep: &Reported<'_>,
    (axis, position): (usize, usize),
    place: usize,
) -> Vec<Picture> {
    let value = &sweep.input.terms.axes[axis].values[position];
    let trials = succeeded(sweep).filter(|trial| trial.values[axis] == *value);
    let samples = trials.flat_map(|trial| curve(trial, place));
    let series = BandSeries::of("all trials".to_owned(), samples);
    let figure = BandFigure {
        title: "Ponder steps during training at lambda_p = 0.1".to_owned(),
        caption: Caption::new(sweep.input, &[axis]),
        horizontal: UPDATES.to_owned(),
        horizontal_start: 0.0,
        height: Height::Metric(sweep.input.metrics[place].clone()),
        key: "lambda_p = 0.1".to_owned(),
        ordered: false,
        series: vec![series],
        chance: None,
        reference: prior_mean(sweep),
        boundary: None,
    };
    let dashed = match figure.reference {
        Some(_) => " Dashed: the mean of the truncated prior.",
        None => "",
    };
    let rule = format!("The paper's Figure 2c. {RULE}{dashed}");
    let picture = picture(
        figure.if_any(),
        "ponder_steps_during_training_at_lambda_p_0.1",
        &rule,
    );
    picture.into_iter().collect()
}

/// The mean of the prior with `lambda_p` = 0.1, where all trials have one cap on their steps.
fn prior_mean(sweep: &Reported<'_>) -> Option<(f64, String)> {
    let terms = &sweep.input.terms;
    let cap = match sweep.input.axis_of(Setting::MAX_STEPS) {
        None => terms.template.whole(Setting::MAX_STEPS),
        Some(axis) => match terms.axes[axis].values[..] {
            [ParameterValue::Integer(cap)] => cap,
            _ => return None,
        },
    };
    let mean = truncated_prior_mean(0.1, cap);
    Some((mean, format!("prior {mean:.2}")))
}

/// Accuracy and steps against the number of non-zero elements.
pub(super) fn difficulty_curves(sweep: &Reported<'_>) -> Vec<Picture> {
    let Some(task) = sweep.input.task() else {
        return Vec::new();
    };
    type Measure = fn(&DifficultyPoint) -> f64;
    let quantities: [(&str, _, &str, Measure); 2] = [
        (
            "Accuracy by difficulty",
            built_in::ACCURACY_INTERPOLATION,
            "accuracy_by_difficulty",
            |point| point.accuracy,
        ),
        (
            "Ponder steps by difficulty",
            built_in::PONDER_STEPS_INTERPOLATION,
            "ponder_steps_by_difficulty",
            |point| point.ponder_steps,
        ),
    ];
    let boundary = end_of_training(sweep);
    let pictures = quantities
        .into_iter()
        .filter_map(|(title, name, file, measure)| {
            let place = sweep.input.place_of(&name)?;
            let frame = Frame {
                title: title.to_owned(),
                horizontal: task.difficulty,
                // Its places, not its name, say on what it was measured.
                metric: Metric {
                    range: None,
                    ..sweep.input.metrics[place].clone()
                },
                boundary,
            };
            let figure = along_axis(sweep, frame, |trial| difficulty(trial, measure));
            let rule =
                format!("{RULE} At the end of training; each place is the middle of its range.");
            picture(figure, file, &rule)
        });
    pictures.collect()
}

/// Where the numbers of non-zeros end that training showed, if samples with more were evaluated and
/// the place is the same in every trial.
fn end_of_training(sweep: &Reported<'_>) -> Option<Boundary> {
    let mut varying = [Setting::ELEMENTS, Setting::MAX_NONZEROS].into_iter();
    if varying.any(|setting| sweep.input.axis_of(setting).is_some()) {
        return None;
    }
    let template = &sweep.input.terms.template;
    if !template.flag(Setting::EXTRAPOLATE) {
        return None;
    }
    let trained = template.count(Setting::MAX_NONZEROS);
    let mut points = succeeded(sweep).flat_map(|trial| &trial.difficulty);
    let beyond = points.any(|point| point.first_nonzeros > trained);
    beyond.then(|| Boundary {
        at: f64::from(trained) + 0.5,
        before: "interpolation: as in training",
        after: "extrapolation",
    })
}

/// What a figure is about.
struct Frame {
    title: String,
    horizontal: &'static str,
    metric: Metric,
    boundary: Option<Boundary>,
}

/// A figure with a line for each value of the prior's or the ponder cost's parameter, else of the
/// first swept one; of many values an even choice.
fn along_axis(
    sweep: &Reported<'_>,
    frame: Frame,
    samples: impl Fn(&TrialRow) -> Vec<Sample>,
) -> Option<BandFigure> {
    let axis = leading_axis(sweep)?;
    let values = &sweep.input.terms.axes[axis].values;
    let names = labels(values);
    let series = even_choice(values.len()).into_iter().map(|position| {
        let trials = succeeded(sweep).filter(|trial| trial.values[axis] == values[position]);
        BandSeries::of(names[position].clone(), trials.flat_map(&samples))
    });
    let parameter = sweep.input.terms.axes[axis].parameter;
    let chance = sweep.input.chance(&frame.metric);
    let figure = BandFigure {
        title: format!("{} by {parameter}", frame.title),
        caption: Caption::new(sweep.input, &[axis]),
        horizontal: frame.horizontal.to_owned(),
        horizontal_start: 0.0,
        height: Height::Metric(frame.metric),
        key: parameter.to_string(),
        ordered: parameter.is_ordered(),
        series: series.collect(),
        chance,
        reference: None,
        boundary: frame.boundary,
    };
    figure.if_any()
}

fn leading_axis(sweep: &Reported<'_>) -> Option<usize> {
    let swept = sweep.report.swept_axes();
    let leads = |&&axis: &&usize| {
        let parameter = sweep.input.terms.axes[axis].parameter;
        [Setting::LAMBDA_P, Setting::TAU].contains(&parameter)
    };
    swept.iter().find(leads).or(swept.first()).copied()
}

/// Positions of all values, or of [`MAX_SERIES`] that are evenly spread, both ends included.
fn even_choice(count: usize) -> Vec<usize> {
    if count <= MAX_SERIES {
        return (0..count).collect();
    }
    let last = MAX_SERIES - 1;
    (0..=last)
        .map(|index| (index * (count - 1) + last / 2) / last)
        .collect()
}

fn succeeded<'a>(sweep: &'a Reported<'_>) -> impl Iterator<Item = &'a TrialRow> {
    let trials = sweep.input.trials.iter();
    trials.filter(|trial| trial.outcome == TrialState::Succeeded)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "updates are far fewer than 2^53"
)]
fn curve(trial: &TrialRow, place: usize) -> Vec<Sample> {
    let points = trial.curve.iter().filter_map(|point| {
        Some(Sample {
            place: point.step,
            at: point.step as f64,
            value: point.values.get(place).copied().flatten()?,
        })
    });
    points.collect()
}

fn difficulty(trial: &TrialRow, measure: impl Fn(&DifficultyPoint) -> f64) -> Vec<Sample> {
    let points = trial.difficulty.iter().map(|point| Sample {
        place: point.first_nonzeros.into(),
        at: f64::midpoint(point.first_nonzeros.into(), point.last_nonzeros.into()),
        value: measure(point),
    });
    points.collect()
}

fn picture(figure: Option<BandFigure>, file: &str, rule: &str) -> Option<Picture> {
    Some(Picture {
        file: file.to_owned(),
        figure: Figure::Band(figure?),
        rule: rule.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_values_both_ends_and_an_even_choice_between_are_shown() {
        assert_eq!(even_choice(3), [0, 1, 2]);
        let chosen = even_choice(20);
        assert_eq!((chosen.len(), chosen[0], chosen[9]), (10, 0, 19));
        assert!(chosen.windows(2).all(|pair| pair[1] > pair[0]));
    }
}
