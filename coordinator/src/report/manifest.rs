//! What a published report is bound to: the sweeps it shows as hashes, the programs and devices
//! behind their results, the program that made it, and every file. Pure: who writes it hands in the
//! hashes, and who checks it compares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the shape below; a change that would break a reader makes a new one.
pub const MANIFEST_SCHEMA: &str = "pondersweep.manifest/1";
/// The manifest's name in the folder of a report.
pub const MANIFEST_FILE: &str = "manifest.json";

/// A report in hashes. All hashes are SHA-256 as hexadecimal digits unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema: String,
    /// Whether every trial of every sweep had a result when the report was made.
    pub complete: bool,
    /// The program that made the report.
    pub made_by: ManifestProgram,
    /// The metric that it is about, where that is not the experiment's headline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// The value of that metric at which its trials count as solved, where that is not the sweep's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved_at: Option<f64>,
    /// The sweeps it shows, in its order.
    pub sweeps: Vec<ManifestSweep>,
    /// The files of the manifest's folder, in the order they were written.
    pub files: Vec<ManifestFile>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestProgram {
    /// Its version.
    pub version: String,
    /// Hash of its file.
    pub binary_sha256: String,
}

/// A sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSweep {
    /// Its name.
    pub name: String,
    /// Its identifier.
    pub sweep_id: String,
    /// Hash of its frozen specification, canonical JSON.
    pub spec_sha256: String,
    /// Hash of the keys of its trials, in their order.
    pub trial_set_sha256: String,
    /// Its trials by state.
    pub trials: ManifestCounts,
    /// Its results: every outcome, setting and number, without who measured it, when and how fast.
    pub results: ManifestResults,
    /// What computed the results.
    pub producers: Vec<ManifestProducer>,
    /// The files of the program that its trials ran, by their path, each with its hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub program_files: BTreeMap<String, String>,
}

/// Trials by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestCounts {
    pub expected: u64,
    pub succeeded: u64,
    pub infeasible: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub pending: u64,
    pub leased: u64,
    /// Not among the expected ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld: u64,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Results of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestResults {
    /// Trials with an outcome: the rows of `trial_result`.
    pub trials: u64,
    /// Their different observations.
    pub observations: u64,
    /// Hash of both.
    pub sha256: String,
    /// Trials of a block, of which each has a hash of its own: 1 unless there are many.
    pub trials_per_block: u64,
    /// The first digits of the hash of every block of trials, in their order: they tell where
    /// results differ.
    pub blocks: Vec<String>,
}

/// A program on a kind of device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestProducer {
    /// Hash of its file.
    pub binary_sha256: String,
    /// Its version.
    pub version: String,
    /// On what it computed, such as `cpu`.
    pub device: String,
    /// With which library.
    pub backend: String,
    /// Results that it computed.
    pub results: u64,
}

/// A file in the manifest's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub sha256: String,
}

impl ManifestCounts {
    /// Trials that have no result.
    #[must_use]
    pub const fn without_result(&self) -> u64 {
        self.expected - self.succeeded - self.infeasible
    }
}

impl ManifestSweep {
    /// The first thing in which two descriptions of one sweep differ, in words; the producers count
    /// as well. `self` is what was published.
    #[must_use]
    pub fn first_difference(&self, found: &Self) -> Option<SweepDifference> {
        if self.spec_sha256 != found.spec_sha256 {
            return Some(SweepDifference::Specification);
        }
        if self.trial_set_sha256 != found.trial_set_sha256 {
            return Some(SweepDifference::TrialSet);
        }
        if let Some(block) = self.first_block(found) {
            let first = block * self.results.trials_per_block;
            let end = first + self.results.trials_per_block;
            return Some(SweepDifference::Results {
                first,
                end: end.min(self.trials.expected + self.trials.withheld),
            });
        }
        if self.results.sha256 != found.results.sha256 || self.trials != found.trials {
            return Some(SweepDifference::Counts);
        }
        (self.producers != found.producers).then_some(SweepDifference::Producers)
    }

    fn first_block(&self, found: &Self) -> Option<u64> {
        let mut pairs = self.results.blocks.iter().zip(&found.results.blocks);
        pairs
            .position(|(published, found)| published != found)
            .map(|block| block as u64)
    }
}

/// Where a sweep in a database is not the published one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepDifference {
    /// What was asked for.
    Specification,
    /// Which trials there are.
    TrialSet,
    /// The results of some of the trials with an index from `first` to before `end`, counted from
    /// 0.
    Results {
        /// Of the first.
        first: u64,
        /// Of the one after the last.
        end: u64,
    },
    /// The states of trials.
    Counts,
    /// Who computed the results.
    Producers,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep() -> ManifestSweep {
        ManifestSweep {
            name: "tiny".into(),
            sweep_id: "ab".repeat(8),
            spec_sha256: "1".into(),
            trial_set_sha256: "2".into(),
            trials: ManifestCounts {
                expected: 5,
                succeeded: 3,
                infeasible: 1,
                failed: 0,
                cancelled: 0,
                pending: 1,
                leased: 0,
                withheld: 0,
            },
            results: ManifestResults {
                trials: 4,
                observations: 40,
                sha256: "3".into(),
                trials_per_block: 2,
                blocks: vec!["a".into(), "b".into(), "c".into()],
            },
            producers: Vec::new(),
            program_files: BTreeMap::new(),
        }
    }

    fn difference(change: impl FnOnce(&mut ManifestSweep)) -> Option<SweepDifference> {
        let mut found = sweep();
        change(&mut found);
        sweep().first_difference(&found)
    }

    #[test]
    fn the_first_block_of_trials_that_differs_is_named() {
        let results = difference(|sweep| {
            sweep.results.blocks[1] = "x".into();
            sweep.results.sha256 = "x".into();
        });
        assert_eq!(results, Some(SweepDifference::Results { first: 2, end: 4 }));
        let last = difference(|sweep| sweep.results.blocks[2] = "x".into());
        assert_eq!(last, Some(SweepDifference::Results { first: 4, end: 5 }));
    }

    #[test]
    fn every_part_counts_and_the_cause_comes_first() {
        assert_eq!(difference(|_| ()), None);
        let spec = difference(|sweep| {
            sweep.spec_sha256 = "x".into();
            sweep.results.blocks[0] = "x".into();
        });
        assert_eq!(spec, Some(SweepDifference::Specification));
        let set = difference(|sweep| sweep.trial_set_sha256 = "x".into());
        assert_eq!(set, Some(SweepDifference::TrialSet));
        let counts = difference(|sweep| sweep.trials.pending = 0);
        assert_eq!(counts, Some(SweepDifference::Counts));
        let producers = difference(|sweep| {
            sweep.producers.push(ManifestProducer {
                binary_sha256: "b".into(),
                version: "0".into(),
                device: "cpu".into(),
                backend: "flex".into(),
                results: 4,
            });
        });
        assert_eq!(producers, Some(SweepDifference::Producers));
    }

    #[test]
    fn trials_without_a_result_are_counted() {
        assert_eq!(sweep().trials.without_result(), 1);
    }
}
