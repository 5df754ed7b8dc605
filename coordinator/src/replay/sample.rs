//! Which trials an audit trains again: a random share of the results of every origin, drawn from a
//! seed, so that no machine, device or program escapes and anybody can draw the same sample.

use std::collections::BTreeMap;

use pondersweep_proto::id::TrialId;

use super::Origin;
use crate::statistics::SplitMix64;

/// The trials of one sweep whose results have one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stratum {
    /// What computed them.
    pub origin: Origin,
    /// The trials, in their order.
    pub trials: Vec<TrialId>,
}

impl Stratum {
    /// Groups trials by origin, in the order of the origins.
    #[must_use]
    pub fn of(trials: impl IntoIterator<Item = (TrialId, Origin)>) -> Vec<Self> {
        let mut strata: BTreeMap<Origin, Vec<TrialId>> = BTreeMap::new();
        for (trial, origin) in trials {
            strata.entry(origin).or_default().push(trial);
        }
        let stratum = |(origin, trials)| Self { origin, trials };
        strata.into_iter().map(stratum).collect()
    }
}

/// Draws `fraction` of every stratum without replacement, rounded up, so that each gives one trial
/// at least. The trials come in their order.
#[must_use]
pub fn sample(strata: &[Stratum], fraction: f64, seed: u64) -> Vec<TrialId> {
    let mut generator = SplitMix64::new(seed);
    let mut drawn = Vec::new();
    for stratum in strata {
        let mut trials = stratum.trials.clone();
        for place in 0..share(trials.len(), fraction) {
            let other = place + generator.below(trials.len() - place);
            trials.swap(place, other);
            drawn.push(trials[place]);
        }
    }
    drawn.sort_unstable();
    drawn
}

/// How large a simple random sample is that says no less than this one, for a bound of the share of
/// wrong trials. Rounding up draws more of small strata than their share; what counts is the
/// stratum that is drawn the least. (With no wrong trial found: the chance of that is the product
/// of (1 - p)^n over the strata, at most (1 - p)^n of the mean p where every stratum gives at least
/// its share of n, since the logarithm is concave.)
#[must_use]
pub fn effective_size(strata: &[Stratum], fraction: f64) -> u64 {
    let sizes = || strata.iter().map(|stratum| stratum.trials.len());
    let all: usize = sizes().sum();
    let of_stratum = |size| (share(size, fraction) * all / size) as u64;
    sizes()
        .filter(|&size| size > 0)
        .map(of_stratum)
        .min()
        .unwrap_or_default()
}

fn share(trials: usize, fraction: f64) -> usize {
    let wanted = (trials as f64 * fraction).ceil() as usize;
    wanted.clamp(1.min(trials), trials)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn origin(host: &str) -> Origin {
        Origin {
            host: host.into(),
            ..Origin::default()
        }
    }

    fn strata(sizes: &[u64]) -> Vec<Stratum> {
        let hosts = sizes.iter().enumerate();
        Stratum::of(hosts.flat_map(|(host, &size)| {
            let first = host as u64 * 1_000;
            (first..first + size).map(move |id| (TrialId(id), origin(&host.to_string())))
        }))
    }

    #[test]
    fn every_origin_gives_at_least_one_trial() {
        let drawn = sample(&strata(&[100, 3, 1]), 0.05, 0);
        let of_host = |host| drawn.iter().filter(|trial| trial.0 / 1_000 == host).count();
        assert_eq!([of_host(0), of_host(1), of_host(2)], [5, 1, 1]);
    }

    #[test]
    fn a_sample_counts_as_much_as_its_thinnest_stratum() {
        // 50 of 1000, and 1 of each of three: 53 trials, but no better than 50 of 1003.
        assert_eq!(effective_size(&strata(&[1_000, 1, 1, 1]), 0.05), 50);
        assert_eq!(effective_size(&strata(&[40]), 0.05), 2);
        assert_eq!(effective_size(&strata(&[7, 2]), 1.0), 9);
        assert_eq!(effective_size(&[], 1.0), 0);
    }

    #[test]
    fn all_of_it_is_all_of_it() {
        assert_eq!(sample(&strata(&[7, 2]), 1.0, 3).len(), 9);
        assert_eq!(sample(&[], 1.0, 3), []);
    }

    #[test]
    fn a_seed_draws_one_sample_and_another_seed_another() {
        let strata = strata(&[200]);
        assert_eq!(sample(&strata, 0.1, 1), sample(&strata, 0.1, 1));
        assert_ne!(sample(&strata, 0.1, 1), sample(&strata, 0.1, 2));
    }

    #[test]
    fn every_trial_is_drawn_equally_often() {
        let strata = strata(&[20]);
        let mut counts = [0_u32; 20];
        for seed in 0..10_000 {
            for trial in sample(&strata, 0.25, seed) {
                counts[usize::try_from(trial.0).unwrap()] += 1;
            }
        }
        // Five standard deviations of a binomial count around 2,500.
        assert!(
            counts.iter().all(|count| count.abs_diff(2_500) < 217),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn no_trial_is_drawn_twice(sizes in proptest::collection::vec(0_u64..50, 0..5), fraction in 0.0..=1.0, seed: u64) {
            let strata = strata(&sizes);
            let drawn = sample(&strata, fraction, seed);
            let distinct: BTreeSet<_> = drawn.iter().collect();
            prop_assert_eq!(distinct.len(), drawn.len());
        }
    }
}
