//! What every device owes: the same losses and gradients as the reference, lanes that do not
//! disturb each other, and a network that learns. The device is named by the environment variable
//! `PONDERSWEEP_DEVICE`; without it, it is the processor.
//!
//! ```text
//! PONDERSWEEP_DEVICE=tch:cpu cargo test -p pondersweep-worker --features tch --test conformance
//! ```
//!
//! `.ci/libtorch` and `.ci/lavapipe` run it on the devices that a machine without a GPU can have.

mod gradients;
mod training;
mod trials;

use pondersweep_worker::device::DeviceName;

/// Names the device that is tested.
const VARIABLE: &str = "PONDERSWEEP_DEVICE";

/// The device that is tested.
fn device_name() -> DeviceName {
    let name = std::env::var(VARIABLE).unwrap_or_else(|_| "cpu".into());
    name.parse()
        .unwrap_or_else(|error| panic!("{VARIABLE}: {error}"))
}

/// Numbers agree when they differ by no more than the tolerance times the largest of them.
#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected
        .iter()
        .fold(0.0, |largest: f64, x| largest.max(x.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        // Written so that a number that is none fails.
        assert!(
            error <= tolerance * scale,
            "{what} [{index}]: {found} is not {expected} (scale {scale})"
        );
    }
}
