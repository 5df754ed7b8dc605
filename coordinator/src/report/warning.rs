//! What a reader must know before believing a table: the report says it on its face.

use std::fmt;

use serde::Serialize;

use super::input::Completeness;

/// A reason to read the tables with care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// There is no result at all yet.
    NothingFinished,
    /// Some trials have not ended.
    Unfinished {
        /// Trials with an accepted result.
        accepted: u64,
        /// Trials of the sweep.
        expected: u64,
    },
    /// The machinery gave up on some trials: their cells have fewer seeds.
    Failed {
        /// How many.
        trials: u64,
    },
    /// A person ended some trials before they had a result.
    Cancelled {
        /// How many.
        trials: u64,
    },
    /// The results were made by more than one build of the program.
    MixedBinaries {
        /// How many builds.
        binaries: u64,
    },
    /// The results were made on more than one kind of device.
    MixedDevices {
        /// How many devices.
        devices: u64,
    },
}

/// The warnings a sweep deserves, the gravest first.
pub(super) fn warnings(completeness: &Completeness) -> Vec<Warning> {
    let Completeness {
        expected,
        accepted,
        failed,
        cancelled,
        distinct_binaries,
        distinct_devices,
        ..
    } = *completeness;
    let running = expected.saturating_sub(accepted + failed + cancelled);
    let candidates = [
        (accepted == 0, Warning::NothingFinished),
        (running > 0, Warning::Unfinished { accepted, expected }),
        (failed > 0, Warning::Failed { trials: failed }),
        (cancelled > 0, Warning::Cancelled { trials: cancelled }),
        (
            distinct_binaries > 1,
            Warning::MixedBinaries {
                binaries: distinct_binaries,
            },
        ),
        (
            distinct_devices > 1,
            Warning::MixedDevices {
                devices: distinct_devices,
            },
        ),
    ];
    let applying = candidates.into_iter().filter(|(applies, _)| *applies);
    applying.map(|(_, warning)| warning).collect()
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingFinished => write!(f, "NOTHING HAS FINISHED: there is no result yet"),
            Self::Unfinished { accepted, expected } => write!(
                f,
                "UNFINISHED: {accepted} of {expected} trials have a result; the numbers will change"
            ),
            Self::Failed { trials } => write!(
                f,
                "FAILED TRIALS: {trials} without a result, in no mean or share"
            ),
            Self::Cancelled { trials } => write!(
                f,
                "CANCELLED TRIALS: {trials} without a result, in no mean or share"
            ),
            Self::MixedBinaries { binaries } => write!(
                f,
                "MIXED BINARIES: the results come from {binaries} builds of the program"
            ),
            Self::MixedDevices { devices } => write!(
                f,
                "MIXED DEVICES: the results come from {devices} devices, whose rounding may differ"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_sweep_of_one_binary_needs_no_warning() {
        let completeness = Completeness {
            expected: 10,
            accepted: 10,
            infeasible: 1,
            distinct_binaries: 1,
            distinct_devices: 1,
            retried: 3,
            ..Completeness::default()
        };
        assert_eq!(warnings(&completeness), []);
    }

    #[test]
    fn everything_that_weakens_a_table_is_said() {
        let completeness = Completeness {
            expected: 10,
            accepted: 5,
            failed: 2,
            cancelled: 1,
            pending: 2,
            distinct_binaries: 2,
            distinct_devices: 3,
            ..Completeness::default()
        };
        let texts: Vec<String> = warnings(&completeness)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts.len(), 5);
        assert!(texts[0].starts_with("UNFINISHED: 5 of 10"));
        assert!(texts[3].contains("2 builds"));
    }

    #[test]
    fn given_up_trials_do_not_make_a_sweep_unfinished() {
        let completeness = Completeness {
            expected: 4,
            accepted: 3,
            failed: 1,
            ..Completeness::default()
        };
        assert_eq!(warnings(&completeness), [Warning::Failed { trials: 1 }]);
    }
}
