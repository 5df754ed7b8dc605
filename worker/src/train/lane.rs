//! What one lane is on the host: its seeds, how it learns, and what it still has to report.

use pondersweep_proto::metric::{MetricName, built_in};

use super::Start;
use crate::{kernel::AdamSettings, model::Method, seed::Seeds};

/// One trial of a running bundle.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Its index in the bundle as the caller gave it; lanes that end leave a gap.
    pub(super) index: usize,
    pub(super) seeds: Seeds,
    pub(super) method: Method,
    pub(super) adam: AdamSettings,
    /// Over the updates since the last observation.
    pub(super) sums: Sums,
}

/// What one update found of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Update {
    /// The mean loss of the batch, before the step.
    pub(super) loss: f64,
    /// The norm of its gradient, before clipping.
    pub(super) gradient_norm: f64,
    /// The mean steps computed for a sample.
    pub(super) steps: f64,
}

/// What an update says of a metric.
type Measure = fn(&Update) -> f64;

/// What an observation reports of training: means over the updates since the one before.
static MEASURED: [(MetricName, Measure); 3] = [
    (built_in::LOSS_TRAINING, |update| update.loss),
    (built_in::PONDER_STEPS_COMPUTED, |update| update.steps),
    (built_in::GRADIENT_NORM, |update| update.gradient_norm),
];

/// Sums over updates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) updates: u64,
    /// Of what is [`MEASURED`], in its order.
    pub(super) totals: [f64; MEASURED.len()],
}

impl Lane {
    pub(super) fn new(index: usize, Start { trial, state }: &Start) -> Self {
        Self {
            index,
            seeds: Seeds::of(trial),
            method: Method::of(&trial.configuration),
            adam: AdamSettings::of(&trial.configuration),
            sums: state
                .as_ref()
                .map_or_else(Sums::default, |state| state.sums),
        }
    }

    /// Remembers an update.
    pub(super) fn add(&mut self, update: &Update) {
        for (total, (_, measure)) in self.sums.totals.iter_mut().zip(&MEASURED) {
            *total += measure(update);
        }
        self.sums.updates += 1;
    }

    /// The means since this was last asked.
    ///
    /// # Panics
    /// No update was added since.
    pub(super) fn take_means(&mut self) -> impl Iterator<Item = (MetricName, f64)> {
        let Sums { updates, totals } = std::mem::take(&mut self.sums);
        assert!(updates > 0, "an observation follows an update");
        let metrics = MEASURED.iter().map(|(metric, _)| metric.clone());
        let mean = move |(metric, total)| (metric, total / updates as f64);
        metrics.zip(totals).map(mean)
    }
}

impl Update {
    /// What is not finite, for people.
    pub(super) fn not_finite(&self) -> Option<String> {
        if !self.loss.is_finite() {
            Some(format!("the loss is {}", self.loss))
        } else if !self.gradient_norm.is_finite() {
            Some(format!(
                "the norm of the gradient is {}",
                self.gradient_norm
            ))
        } else {
            None
        }
    }
}
