//! A sweep written out: its configurations with their canonical forms, then its trials by their
//! keys. In pieces, since there may be a million of both, and other calls should not wait for all
//! of them.

use pondersweep_proto::{id::ContentKey, spec::TrialKeys};

use super::{SweepSpec, grid::as_index};

/// The pieces of a sweep, in order: all configurations come before the first trial. A sweep has one
/// piece at least.
#[derive(Debug)]
pub(crate) struct Expansion<'a> {
    spec: &'a SweepSpec,
    rows_of_a_piece: u64,
    /// The first configuration and the first trial that have not been written out.
    configuration: u64,
    trial: u64,
    /// Keys by trial index, found with their configurations: writing those out is most of the work.
    trial_keys: Vec<ContentKey>,
}

/// Neighbouring configurations and neighbouring trials of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Index of the first of the configurations.
    pub(crate) first_configuration: u64,
    /// Key and canonical form of each.
    pub(crate) configurations: Vec<(ContentKey, String)>,
    /// Index of the first of the trials.
    pub(crate) first_trial: u64,
    /// The key of each.
    pub(crate) trial_keys: Vec<ContentKey>,
    /// Whether this is all that was left.
    pub(crate) is_last: bool,
}

impl<'a> Expansion<'a> {
    /// The pieces of a sweep, of up to `rows_of_a_piece` rows each.
    pub(crate) fn of(spec: &'a SweepSpec, rows_of_a_piece: u64) -> Self {
        assert!(rows_of_a_piece > 0, "a piece has rows");
        Self {
            spec,
            rows_of_a_piece,
            configuration: 0,
            trial: 0,
            trial_keys: vec![spec.id().0; as_index(spec.trials())],
        }
    }

    /// Writes up to `most` configurations out, and finds the keys of their trials.
    fn configurations(&mut self, most: u64) -> Vec<(ContentKey, String)> {
        let end = (self.configuration + most).min(self.spec.configurations());
        let positions = std::mem::replace(&mut self.configuration, end)..end;
        positions.map(|position| self.write_out(position)).collect()
    }

    fn write_out(&mut self, position: u64) -> (ContentKey, String) {
        let terms = self.spec.terms();
        let json = self.spec.configuration_json(position);
        let keys = TrialKeys::of(&json, terms.seed, terms.common_seeds);
        for replicate in 0..terms.replicates {
            let trial = u64::from(replicate) * self.spec.configurations() + position;
            debug_assert_eq!(self.spec.place(trial), (position, replicate));
            self.trial_keys[as_index(trial)] = keys.of_replicate(replicate);
        }
        (ContentKey::of_canonical_json(&json), json)
    }

    fn trials(&mut self, most: u64) -> Vec<ContentKey> {
        let end = (self.trial + most).min(self.spec.trials());
        let trials = std::mem::replace(&mut self.trial, end)..end;
        self.trial_keys[as_index(trials.start)..as_index(trials.end)].to_vec()
    }
}

impl Iterator for Expansion<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.trial == self.spec.trials() {
            return None;
        }
        let (first_configuration, first_trial) = (self.configuration, self.trial);
        let configurations = self.configurations(self.rows_of_a_piece);
        let rest = self.rows_of_a_piece - configurations.len() as u64;
        // As long as configurations are left the piece is full of them.
        let trial_keys = self.trials(rest);
        Some(Piece {
            first_configuration,
            configurations,
            first_trial,
            trial_keys,
            is_last: self.trial == self.spec.trials(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sweep::test_support::any_terms;

    proptest! {
        #[test]
        fn the_pieces_of_a_sweep_are_all_its_rows_once_and_in_order(
            terms in any_terms(),
            rows_of_a_piece in 1_u64..40,
        ) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let (mut configurations, mut trials) = (0, 0);
            let pieces: Vec<Piece> = Expansion::of(&spec, rows_of_a_piece).collect();
            for (number, piece) in pieces.iter().enumerate() {
                prop_assert_eq!(piece.first_configuration, configurations);
                prop_assert_eq!(piece.first_trial, trials);
                let rows = piece.configurations.len() + piece.trial_keys.len();
                prop_assert!((1..=rows_of_a_piece).contains(&(rows as u64)));
                prop_assert_eq!(piece.is_last, number + 1 == pieces.len());
                for (key, json) in &piece.configurations {
                    let configuration = spec.configuration(configurations);
                    prop_assert_eq!(*key, configuration.key());
                    prop_assert_eq!(json, &configuration.json());
                    configurations += 1;
                }
                for key in &piece.trial_keys {
                    prop_assert_eq!(configurations, spec.configurations());
                    prop_assert_eq!(*key, spec.trial(trials).key());
                    trials += 1;
                }
            }
            prop_assert_eq!((configurations, trials), (spec.configurations(), spec.trials()));
        }
    }
}
