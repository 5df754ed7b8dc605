//! Whether it happens at the same pace in several groups.

use super::{Event, Subject, at, event_times};
use crate::statistics::distribution::chi_squared_probability_above;

/// The log-rank test (Mantel 1966), stratified: groups are compared within each stratum only, and
/// what is found there is added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogRank {
    /// Chi-squared.
    pub statistic: f64,
    /// One less than the groups that are compared.
    pub degrees_of_freedom: u64,
    /// The probability of as much if all groups had the same pace.
    pub p: f64,
}

/// A pivot below this share of the largest variance is none: the group is in no comparison.
const SINGULAR: f64 = 1e-10;

impl LogRank {
    /// Of strata, each with the subjects of every group, some perhaps without any. `None` where it
    /// happens nowhere, or where no two groups meet.
    ///
    /// # Panics
    /// If strata differ in their number of groups.
    #[must_use]
    pub fn of(strata: &[Vec<Vec<Subject>>]) -> Option<Self> {
        let groups = strata.first()?.len();
        let mut sums = Sums {
            excess: vec![0.0; groups],
            variance: vec![vec![0.0; groups]; groups],
        };
        for stratum in strata {
            assert_eq!(stratum.len(), groups, "a stratum has every group");
            for time in event_times(stratum.iter().flatten()) {
                let events: Vec<Event> = stratum.iter().map(|group| at(time, group)).collect();
                sums.add(&events);
            }
        }
        let (statistic, degrees_of_freedom) = sums.quadratic_form();
        (degrees_of_freedom > 0).then(|| Self {
            statistic,
            degrees_of_freedom,
            p: chi_squared_probability_above(statistic, degrees_of_freedom as f64),
        })
    }
}

/// How often it happened beyond what is expected of each group, and how that varies:
/// hypergeometrically.
struct Sums {
    excess: Vec<f64>,
    variance: Vec<Vec<f64>>,
}

impl Sums {
    fn add(&mut self, events: &[Event]) {
        let exposed: f64 = events.iter().map(|event| event.waiting).sum();
        let happened: f64 = events.iter().map(|event| event.happened).sum();
        // The last subject of all has no other to be compared with.
        let chance = if exposed > 1.0 {
            happened * (exposed - happened) / (exposed - 1.0)
        } else {
            0.0
        };
        let share = |group: usize| events[group].waiting / exposed;
        for group in 0..events.len() {
            self.excess[group] += events[group].happened - happened * share(group);
            for other in 0..events.len() {
                let same = if group == other { 1.0 } else { 0.0 };
                self.variance[group][other] += chance * share(group) * (same - share(other));
            }
        }
    }

    /// The excess measured by its own variance, and the rank of that: by elimination, each pivot
    /// the largest that is left. The excesses sum to zero, so at least one group brings nothing of
    /// its own.
    fn quadratic_form(self) -> (f64, u64) {
        let Self {
            mut excess,
            variance: mut rows,
        } = self;
        let largest = (0..rows.len())
            .map(|group| rows[group][group])
            .fold(0.0, f64::max);
        let (mut form, mut rank) = (0.0, 0);
        let mut left: Vec<usize> = (0..rows.len()).collect();
        while let Some(place) = (0..left.len())
            .max_by(|&a, &b| rows[left[a]][left[a]].total_cmp(&rows[left[b]][left[b]]))
        {
            let pivot = left.swap_remove(place);
            let size = rows[pivot][pivot];
            if size <= SINGULAR * largest || size <= 0.0 {
                break;
            }
            form += excess[pivot].powi(2) / size;
            rank += 1;
            for &group in &left {
                let factor = rows[group][pivot] / size;
                excess[group] -= factor * excess[pivot];
                for &other in &left {
                    rows[group][other] -= factor * rows[pivot][other];
                }
            }
        }
        (form, rank)
    }
}
