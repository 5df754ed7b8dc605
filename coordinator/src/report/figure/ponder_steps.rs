//! Ponder steps against one parameter, next to what the prior alone would do.

use pondersweep_proto::{
    metric::Metric,
    setting::{ParameterValue, Setting},
};

use super::{
    Caption, ColourKey, SeedPoint, ValueAxis, colour_key::points_by_value,
    prior::truncated_prior_mean,
};
use crate::report::{input::ReportInput, placement::PlacedTrial};

/// Mean ponder steps of every trial against a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct PonderStepsFigure {
    /// The ponder steps on as many non-zeros as in training.
    pub metric: Metric,
    /// Which sweep.
    pub caption: Caption,
    /// The parameter along the horizontal axis.
    pub axis: ValueAxis,
    /// What the colour of a point tells: the cap on steps where that varies.
    pub colour_key: Option<ColourKey>,
    /// The trials of each value of the axis.
    pub groups: Vec<Vec<SeedPoint>>,
    /// The mean over trials of each value and colour.
    pub means: Vec<MeanOfValue>,
    /// Where the prior's own mean lies; empty where it depends on what the figure pools.
    pub priors: Vec<PriorLine>,
}

/// A mean over the trials of one value and one colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanOfValue {
    /// Position on the axis.
    pub position: usize,
    /// Position in the colour key; 0 without one.
    pub colour: usize,
    /// Mean ponder steps.
    pub mean: f64,
}

/// The truncated prior's mean at every value of the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorLine {
    /// Its position in the colour key; `None` where it holds for every colour.
    pub colour: Option<usize>,
    /// The mean at each value.
    pub means: Vec<f64>,
}

impl PonderStepsFigure {
    /// The figure of an experiment that counts ponder steps.
    pub(super) fn new(
        input: &ReportInput,
        trials: &[PlacedTrial<'_>],
        axis: usize,
    ) -> Option<Self> {
        let place = input.ponder_steps()?;
        let colour_key = ColourKey::choose(input, axis, Some(Setting::MAX_STEPS));
        let values = input.terms.axes[axis].values.len();
        let groups = points_by_value(trials, axis, values, colour_key.as_ref(), place);
        let means = groups.iter().enumerate();
        let coloured = colour_key.as_ref().map(|key| key.index);
        let shown: Vec<usize> = std::iter::once(axis).chain(coloured).collect();
        Some(Self {
            metric: input.metrics[place].clone(),
            caption: Caption::new(input, &shown),
            axis: ValueAxis::new(input, axis),
            means: means
                .flat_map(|(position, group)| means_of(position, group))
                .collect(),
            priors: prior_lines(input, axis, colour_key.as_ref()),
            colour_key,
            groups,
        })
    }

    /// What the figure shows.
    #[must_use]
    pub fn title(&self) -> String {
        format!("Ponder steps against {}", self.axis.parameter)
    }
}

fn means_of(position: usize, group: &[SeedPoint]) -> Vec<MeanOfValue> {
    let colours = group.chunk_by(|a, b| a.colour == b.colour);
    let means = colours.map(|points| MeanOfValue {
        position,
        colour: points[0].colour,
        mean: points.iter().map(|point| point.value).sum::<f64>() / points.len() as f64,
    });
    means.collect()
}

/// A line for every colour that changes the prior, else one line.
fn prior_lines(input: &ReportInput, axis: usize, key: Option<&ColourKey>) -> Vec<PriorLine> {
    let shapes_prior =
        |key: &&ColourKey| [Setting::LAMBDA_P, Setting::MAX_STEPS].contains(&key.axis.parameter);
    let colours: Vec<Option<usize>> = key.filter(shapes_prior).map_or(vec![None], |key| {
        (0..key.axis.values.len()).map(Some).collect()
    });
    let line = |colour| {
        let positions = 0..input.terms.axes[axis].values.len();
        let means = positions.map(|position| prior_mean(input, (axis, position), key, colour));
        Some(PriorLine {
            colour,
            means: means.collect::<Option<_>>()?,
        })
    };
    colours.into_iter().filter_map(line).collect()
}

fn prior_mean(
    input: &ReportInput,
    shown: (usize, usize),
    key: Option<&ColourKey>,
    colour: Option<usize>,
) -> Option<f64> {
    let coloured = key.zip(colour).map(|(key, colour)| (key.index, colour));
    let places = [Some(shown), coloured];
    let value = |parameter| settled(input, parameter, places);
    match (value(Setting::LAMBDA_P)?, value(Setting::MAX_STEPS)?) {
        (ParameterValue::Number(lambda_p), ParameterValue::Integer(max_steps)) => {
            Some(truncated_prior_mean(lambda_p, max_steps))
        }
        _ => None,
    }
}

/// The parameter's value at a place of the figure; `None` where the figure pools several.
fn settled(
    input: &ReportInput,
    parameter: Setting,
    places: [Option<(usize, usize)>; 2],
) -> Option<ParameterValue> {
    let Some(axis) = input.axis_of(parameter) else {
        return input.terms.template.get(parameter).cloned();
    };
    let values = &input.terms.axes[axis].values;
    let place = places
        .into_iter()
        .flatten()
        .find(|(index, _)| *index == axis);
    match place {
        Some((_, position)) => Some(values[position].clone()),
        None if values.len() == 1 => Some(values[0].clone()),
        None => None,
    }
}
