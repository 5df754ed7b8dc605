//! What one lane is on the host: its seeds, its settings, and the losses it still has to report.

use pondersweep_proto::spec::{Settings, TrialSpec};

use crate::seed::Seeds;

/// One trial of a running bundle.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Its index in the bundle as the caller gave it; lanes that end leave a gap.
    pub(super) index: usize,
    pub(super) seeds: Seeds,
    pub(super) settings: Settings,
    loss_sum: f64,
    loss_count: u64,
}

impl Lane {
    pub(super) fn new(index: usize, trial: &TrialSpec) -> Self {
        Self {
            index,
            seeds: Seeds::of(trial),
            settings: trial.configuration.to_settings(),
            loss_sum: 0.0,
            loss_count: 0,
        }
    }

    /// Remembers the loss of an update.
    pub(super) fn add_loss(&mut self, loss: f32) {
        self.loss_sum += f64::from(loss);
        self.loss_count += 1;
    }

    /// The mean loss since this was last asked.
    ///
    /// # Panics
    /// No loss was added since.
    pub(super) fn take_mean_loss(&mut self) -> f64 {
        assert!(self.loss_count > 0, "an observation follows an update");
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 updates")]
        let mean = self.loss_sum / self.loss_count as f64;
        self.loss_sum = 0.0;
        self.loss_count = 0;
        mean
    }
}
