//! What one lane is on the host: its seeds, its settings, and the losses it still has to report.

use pondersweep_proto::spec::{Method, Settings, TrialSpec};

use crate::seed::Seeds;

/// One trial of a running bundle.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Its index in the bundle as the caller gave it; lanes that end leave a gap.
    pub(super) index: usize,
    pub(super) seeds: Seeds,
    pub(super) settings: Settings,
    pub(super) method: Method,
    loss_sum: f64,
    loss_count: u64,
    step_sum: f64,
}

impl Lane {
    pub(super) fn new(index: usize, trial: &TrialSpec) -> Self {
        Self {
            index,
            seeds: Seeds::of(trial),
            settings: trial.configuration.to_settings(),
            method: trial.configuration.method(),
            loss_sum: 0.0,
            loss_count: 0,
            step_sum: 0.0,
        }
    }

    /// Remembers the loss of an update, and the mean steps of its samples.
    pub(super) fn add(&mut self, loss: f32, steps: f32) {
        self.loss_sum += f64::from(loss);
        self.step_sum += f64::from(steps);
        self.loss_count += 1;
    }

    /// The mean loss and steps since this was last asked.
    ///
    /// # Panics
    /// None was added since.
    pub(super) fn take_means(&mut self) -> (f64, f64) {
        assert!(self.loss_count > 0, "an observation follows an update");
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 updates")]
        let means = [self.loss_sum, self.step_sum].map(|sum| sum / self.loss_count as f64);
        (self.loss_sum, self.step_sum, self.loss_count) = (0.0, 0.0, 0);
        means.into()
    }
}
