//! The last evaluation of a trial, broken down, as one flat list of named whole numbers: two of
//! them are then compared number by number. It checks nothing; what was tampered with is to be
//! compared, too.

use std::collections::BTreeMap;

use pondersweep_proto::breakdown::{Breakdown, CountName};

/// Whole numbers of an evaluation by their names.
pub type Counts = BTreeMap<CountName<'static>, u64>;

/// Names every number of an evaluation.
#[must_use]
pub fn counts(breakdown: &Breakdown) -> Counts {
    let counts = breakdown.counts();
    counts
        .map(|(name, count)| (name.into_owned(), count))
        .collect()
}
