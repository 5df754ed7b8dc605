//! The second parameter of a figure, told by colour, and the points that carry it.

use std::sync::Arc;

use pondersweep_proto::setting::{ParameterValue, Setting};

use super::ValueAxis;
use crate::{
    report::{input::ReportInput, placement::PlacedTrial},
    scheduler::TrialState,
};

/// Colours a reader can tell apart, also when colour-blind.
pub(super) const MAX_COLOURS: usize = 8;

/// Which parameter the colour of a point tells.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourKey {
    /// The parameter and its values; the colour of a value is its position.
    pub axis: ValueAxis,
    /// The position of the parameter's axis in the space.
    pub(super) index: usize,
}

/// One trial in a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedPoint {
    /// Its metric.
    pub value: f64,
    /// The position of its colour in the key; 0 without a key.
    pub colour: usize,
    /// Its replicate.
    pub replicate: u32,
    /// Its value of each parameter of [`super::Caption::axes`].
    pub values: Arc<[ParameterValue]>,
}

impl ColourKey {
    /// The preferred parameter if it varies, else the first that varies and has few values.
    pub(super) fn choose(
        input: &ReportInput,
        shown: usize,
        preferred: Option<Setting>,
    ) -> Option<Self> {
        let fits = |&axis: &usize| {
            let values = input.terms.axes[axis].values.len();
            axis != shown && (2..=MAX_COLOURS).contains(&values)
        };
        let candidates: Vec<usize> = input.swept_axes().into_iter().filter(fits).collect();
        let wanted = candidates
            .iter()
            .find(|&&axis| Some(input.terms.axes[axis].parameter) == preferred);
        let index = *wanted.or(candidates.first())?;
        Some(Self {
            axis: ValueAxis::new(input, index),
            index,
        })
    }
}

/// The metric of every trial that succeeded, by the value of one axis; points of one colour stand
/// together, in the order of replicates.
pub(super) fn points_by_value(
    trials: &[PlacedTrial<'_>],
    axis: usize,
    values: usize,
    key: Option<&ColourKey>,
    place: usize,
) -> Vec<Vec<SeedPoint>> {
    let mut groups = vec![Vec::new(); values];
    for trial in trials {
        let succeeded = trial.row.outcome == TrialState::Succeeded;
        if let Some(value) = trial.row.metric(place).filter(|_| succeeded) {
            groups[trial.positions[axis]].push(SeedPoint {
                value,
                colour: key.map_or(0, |key| trial.positions[key.index]),
                replicate: trial.row.replicate,
                values: Arc::clone(&trial.row.values),
            });
        }
    }
    for group in &mut groups {
        group.sort_by_key(|point| (point.colour, point.replicate));
    }
    groups
}
