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
    /// Since the last observation.
    pub(super) means: Means,
}

/// What training says of itself between two observations, as sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Means {
    pub(super) updates: u64,
    pub(super) loss: f64,
}

impl Lane {
    pub(super) fn new(index: usize, trial: &TrialSpec) -> Self {
        Self {
            index,
            seeds: Seeds::of(trial),
            settings: trial.configuration.to_settings(),
            means: Means::default(),
        }
    }

    /// Remembers the loss of an update.
    pub(super) fn add_loss(&mut self, loss: f32) {
        self.means.loss += f64::from(loss);
        self.means.updates += 1;
    }

    /// The mean loss since this was last asked.
    ///
    /// # Panics
    /// No loss was added since.
    pub(super) fn take_mean_loss(&mut self) -> f64 {
        let Means { updates, loss } = std::mem::take(&mut self.means);
        assert!(updates > 0, "an observation follows an update");
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 updates")]
        let updates = updates as f64;
        loss / updates
    }
}
