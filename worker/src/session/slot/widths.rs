//! EDGE: how many lanes bundles have on a device that trains all lanes of a bundle as one program.
//! For each shape it meets it trains copies of the trial at hand for a moment, once, and remembers
//! the width for as long as the worker lives. `width` decides what the figures mean.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use pondersweep_proto::{shape::ShapeKey, spec::TrialSpec};

use super::{
    memory::{available_bytes, peak_resident_bytes},
    width::{Curve, Point},
};
use crate::{
    device::DeviceName,
    model::Layout,
    operation::Body,
    pace::{endless, updates_per_second},
};

/// How long updates of one width are timed.
const WINDOW: Duration = Duration::from_millis(300);

/// The widths of a device, shared by its slots.
#[derive(Debug)]
pub(in crate::session) struct Widths {
    device: DeviceName,
    /// Bundles trained side by side.
    slots: u32,
    known: Mutex<HashMap<ShapeKey, u32>>,
}

impl Widths {
    /// Of a device with `slots` slots. Nothing is measured yet.
    pub(in crate::session) fn new(device: DeviceName, slots: u32) -> Self {
        Self {
            device,
            slots,
            known: Mutex::default(),
        }
    }

    /// Whether trials of this one's shape are computed lane by lane, so that more lanes than one
    /// would only wait.
    pub(super) fn is_one(&self, trial: &TrialSpec) -> bool {
        let layout = Layout::of(&trial.configuration);
        Body::of(&self.device.open(), &layout) != Body::Tensors
    }

    /// The width for trials of this one's shape. Measures it, for seconds, if it is not known;
    /// slots that ask meanwhile wait, so that they do not disturb each other. 1 when it may not go
    /// on.
    pub(super) fn of(&self, trial: &TrialSpec, go_on: &(dyn Fn() -> bool + Sync)) -> u32 {
        let shape = ShapeKey::of(&trial.configuration);
        // A panic of training is caught below, and an insertion is a single operation.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&width) = known.get(&shape) {
            return width;
        }
        let curve = self.measure(trial, go_on);
        if !go_on() {
            return 1;
        }
        let width = curve.width();
        tracing::info!(device = %self.device, %shape, width, updates_per_second = %curve, "bundle width chosen");
        known.insert(shape, width);
        width
    }

    fn measure(&self, trial: &TrialSpec, go_on: &(dyn Fn() -> bool + Sync)) -> Curve {
        let available = available_bytes().map(|bytes| bytes / u64::from(self.slots));
        let before = peak_resident_bytes().unwrap_or(0);
        Curve::climb(available, |lanes| {
            let updates_per_second = self.rate(&copies(trial, lanes), go_on)?;
            // The most this process ever had: each width needs more than the one before.
            let bytes = peak_resident_bytes().unwrap_or(0).saturating_sub(before);
            Some(Point {
                updates_per_second,
                bytes,
            })
        })
    }

    /// None if they may not go on, or do not fit into the device's own memory, of which drivers
    /// tell only by failing.
    fn rate(&self, trials: &[TrialSpec], go_on: &(dyn Fn() -> bool + Sync)) -> Option<f64> {
        let timed = catch_unwind(AssertUnwindSafe(|| {
            updates_per_second(&self.device.open(), trials, WINDOW, go_on)
        }));
        timed.unwrap_or_else(|_| {
            let lanes = trials.len();
            tracing::warn!(device = %self.device, lanes, "cannot train a bundle so wide");
            None
        })
    }
}

/// `lanes` replicates of the trial, trained until the timing stops them, and never evaluated.
fn copies(trial: &TrialSpec, lanes: u32) -> Vec<TrialSpec> {
    let endless = endless(trial);
    let replicate = |replicate| TrialSpec {
        replicate,
        ..endless.clone()
    };
    (0..lanes).map(replicate).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use pondersweep_proto::setting::Setting;

    use super::*;
    use crate::test_support::trial;

    #[test]
    fn a_shape_is_measured_once() {
        let widths = Widths::new(DeviceName::CPU, 1);
        let asked = AtomicU32::new(0);
        let go_on = || {
            asked.fetch_add(1, Ordering::Relaxed);
            true
        };
        let take_asked = || asked.swap(0, Ordering::Relaxed);
        let width = widths.of(&trial(|_| {}), &go_on);
        assert!(take_asked() > 1, "it trained nothing");
        // Of the same shape: lanes differ in it.
        let again = widths.of(
            &trial(|settings| settings.set(Setting::LAMBDA_P, 0.9).unwrap()),
            &go_on,
        );
        assert_eq!((again, take_asked()), (width, 0));
        widths.of(
            &trial(|settings| settings.set(Setting::HIDDEN, 9_u32).unwrap()),
            &go_on,
        );
        assert!(take_asked() > 1);
    }

    #[test]
    fn a_measurement_that_was_stopped_is_not_remembered() {
        let widths = Widths::new(DeviceName::CPU, 1);
        assert_eq!(widths.of(&trial(|_| {}), &|| false), 1);
        assert!(widths.known.lock().unwrap().is_empty());
    }

    #[test]
    fn a_trial_that_will_diverge_is_measured_as_any_other() {
        let wild = trial(|settings| settings.set(Setting::LEARNING_RATE, 1e38).unwrap());
        let curve = Widths::new(DeviceName::CPU, 1).measure(&wild, &|| true);
        assert!(curve.to_string().contains("2: "), "{curve}");
    }
}
