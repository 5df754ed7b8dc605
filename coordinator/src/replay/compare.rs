//! The first place where a stored trial and its replay say different things. Numbers are equal when
//! all their bits are; nothing is close enough. Only the two zeros are one number here, because
//! SQLite stores -0.0 as 0.0.

use std::collections::BTreeMap;

use pondersweep_proto::{
    breakdown::CountName,
    metric::{LastValues, MetricName, Observation},
};

use super::Counts;

/// How a trial ended, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Trained and measured.
    Succeeded,
    /// Training diverged, at the update and for the reason that the text tells.
    Infeasible(String),
}

/// Everything one execution of a trial says.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// How it ended.
    pub outcome: Outcome,
    /// What it measured, in any order.
    pub observations: Vec<Observation>,
    /// Updates done when anything was last measured; `None` unless it succeeded.
    pub step: Option<u64>,
    /// What the result tables hold: the last value of each metric of a trial that succeeded.
    pub result: BTreeMap<MetricName, f64>,
    /// The same evaluation broken down.
    pub counts: Counts,
}

impl Measured {
    /// What a trial says that measured this: it has a result if it succeeded.
    #[must_use]
    pub fn new(outcome: Outcome, observations: Vec<Observation>, counts: Counts) -> Self {
        let mut measured = Self {
            outcome,
            observations,
            step: None,
            result: BTreeMap::new(),
            counts: Counts::new(),
        };
        if measured.outcome == Outcome::Succeeded {
            let mut last = LastValues::default();
            for Observation {
                step,
                metric,
                value,
            } in &measured.observations
            {
                last.add(metric, *step, *value);
            }
            let values = last
                .iter()
                .map(|(&metric, _, value)| (metric.clone(), value));
            measured.result = values.collect();
            measured.step = measured.observations.iter().map(|one| one.step).max();
            measured.counts = counts;
        }
        measured
    }

    /// Without the metrics that are not among these.
    #[must_use]
    pub fn of_metrics(mut self, known: &[MetricName]) -> Self {
        self.observations
            .retain(|observation| known.contains(&observation.metric));
        self.result.retain(|metric, _| known.contains(metric));
        self
    }
}

/// Where a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The table of observations.
    Observation,
    /// The row of the trial's result.
    Result,
}

impl Place {
    /// Its name, for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observation => "observation",
            Self::Result => "result",
        }
    }
}

/// The first difference between a stored trial and its replay.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// A number: one of the two may be missing.
    Number {
        /// Where it is stored.
        place: Place,
        /// Parameter updates done when it was measured.
        step: u64,
        /// What was measured.
        metric: MetricName,
        /// What the database says.
        stored: Option<f64>,
        /// What the replay measured.
        replayed: Option<f64>,
    },
    /// A number of the last evaluation broken down: one of the two may be missing.
    Count {
        /// Which.
        name: CountName<'static>,
        /// What the database says.
        stored: Option<u64>,
        /// What the replay counted.
        replayed: Option<u64>,
    },
    /// Every number is the same, but not how training ended.
    Outcome {
        /// What the database says.
        stored: Outcome,
        /// How the replay ended.
        replayed: Outcome,
    },
}

impl Difference {
    /// How far apart the two numbers are, in units in the last place: how many numbers of 64 bits
    /// lie between them, and one. `None` where there are no two.
    #[must_use]
    pub fn ulps(&self) -> Option<u64> {
        match *self {
            Self::Number {
                stored: Some(stored),
                replayed: Some(replayed),
                ..
            } => Some(place_on_line(stored).abs_diff(place_on_line(replayed))),
            _ => None,
        }
    }
}

/// The finite numbers in their order, counted from zero.
const fn place_on_line(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    if bits < 0 { i64::MIN - bits } else { bits }
}

/// Compares what is stored with a replay, in the order of training; `None` means equal to the bit.
#[must_use]
pub fn compare(stored: &Measured, replayed: &Measured) -> Option<Difference> {
    let observations = || {
        let numbers = |measured: &Measured| -> Numbers {
            let numbers = measured.observations.iter();
            numbers
                .map(|one| ((one.step, one.metric.clone()), one.value))
                .collect()
        };
        first_number(Place::Observation, &numbers(stored), &numbers(replayed))
    };
    let result = || {
        let numbers = |measured: &Measured| -> Numbers {
            let numbers = measured.result.iter();
            let step = measured.step.unwrap_or_default();
            numbers
                .map(|(metric, value)| ((step, metric.clone()), *value))
                .collect()
        };
        first_number(Place::Result, &numbers(stored), &numbers(replayed))
    };
    let count = || first_count(&stored.counts, &replayed.counts);
    observations().or_else(result).or_else(count).or_else(|| {
        (stored.outcome != replayed.outcome).then(|| Difference::Outcome {
            stored: stored.outcome.clone(),
            replayed: replayed.outcome.clone(),
        })
    })
}

/// Numbers by step and metric.
type Numbers = BTreeMap<(u64, MetricName), f64>;

fn first_number(place: Place, stored: &Numbers, replayed: &Numbers) -> Option<Difference> {
    let differs = |name: &&(u64, MetricName)| {
        let [stored, replayed] = [stored, replayed].map(|numbers| numbers.get(*name).copied());
        stored.map(place_on_line) != replayed.map(place_on_line)
    };
    let name = stored.keys().chain(replayed.keys()).filter(differs).min()?;
    Some(Difference::Number {
        place,
        step: name.0,
        metric: name.1.clone(),
        stored: stored.get(name).copied(),
        replayed: replayed.get(name).copied(),
    })
}

fn first_count(stored: &Counts, replayed: &Counts) -> Option<Difference> {
    let names = stored.keys().chain(replayed.keys());
    let differing = names.filter(|name| stored.get(name) != replayed.get(name));
    differing.min().map(|name| Difference::Count {
        name: name.clone(),
        stored: stored.get(name).copied(),
        replayed: replayed.get(name).copied(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use pondersweep_proto::{
        breakdown::{Breakdown, CountRow, CountTable},
        metric::built_in,
    };

    use super::*;
    use crate::replay::counts;

    fn observed(step: u64, metric: MetricName, value: f64) -> Observation {
        Observation {
            step,
            metric,
            value,
        }
    }

    fn table(
        table: &'static str,
        columns: &[&'static str],
        row: &'static str,
        counts: &[u64],
    ) -> CountTable {
        CountTable {
            table: table.into(),
            group: "interpolation".into(),
            columns: columns.iter().map(|column| (*column).into()).collect(),
            rows: vec![CountRow {
                row: row.into(),
                counts: counts.to_vec(),
            }],
        }
    }

    fn measured() -> Measured {
        let metrics = [built_in::ACCURACY_INTERPOLATION, built_in::LOSS_TRAINING];
        let numbers = metrics.into_iter().flat_map(|metric| {
            [
                observed(20, metric.clone(), 0.5),
                observed(40, metric, 0.75),
            ]
        });
        let columns = ["examples", "correct", "ponder_steps"];
        let tables = vec![
            table("difficulty", &columns, "1-4", &[10, 9, 20]),
            table("halting", &columns[..1], "2", &[10]),
        ];
        let counts = counts(&Breakdown::new(tables).unwrap());
        Measured::new(Outcome::Succeeded, numbers.collect(), counts)
    }

    fn ulps(stored: f64, replayed: f64) -> u64 {
        let one = |value| Measured {
            result: BTreeMap::new(),
            ..Measured::new(
                Outcome::Succeeded,
                vec![observed(1, built_in::LOSS_TRAINING, value)],
                Counts::new(),
            )
        };
        let difference = compare(&one(stored), &one(replayed));
        difference.map_or(0, |difference| difference.ulps().unwrap())
    }

    #[test]
    fn a_result_is_the_last_value_of_each_metric_of_a_trial_that_succeeded() {
        let found = measured();
        assert_eq!(found.step, Some(40));
        assert_eq!(found.result.into_values().collect::<Vec<_>>(), [0.75, 0.75]);
        let Measured {
            observations,
            counts,
            ..
        } = measured();
        let diverged = Measured::new(Outcome::Infeasible("why".into()), observations, counts);
        assert_eq!(
            (diverged.result, diverged.counts),
            (BTreeMap::new(), Counts::new())
        );
        assert_eq!(diverged.step, None);
    }

    #[test]
    fn the_order_of_observations_makes_no_difference() {
        let mut replayed = measured();
        replayed.observations.reverse();
        assert_eq!(compare(&measured(), &replayed), None);
    }

    #[test]
    fn the_first_differing_observation_is_the_one_of_the_lowest_step() {
        let mut stored = measured();
        stored.observations[1].value = 0.8;
        stored.observations[2].value = f64::from_bits(0.5_f64.to_bits() + 3);
        let difference = compare(&stored, &measured()).unwrap();
        let expected = Difference::Number {
            place: Place::Observation,
            step: 20,
            metric: built_in::LOSS_TRAINING,
            stored: Some(stored.observations[2].value),
            replayed: Some(0.5),
        };
        assert_eq!((difference.ulps(), difference), (Some(3), expected));
    }

    #[test]
    fn a_number_that_one_side_lacks_is_a_difference_without_a_distance() {
        let mut stored = measured();
        stored.observations.remove(0);
        let difference = compare(&stored, &measured()).unwrap();
        assert_eq!(difference.ulps(), None);
        assert!(matches!(
            difference,
            Difference::Number {
                stored: None,
                replayed: Some(_),
                ..
            }
        ));
        let more = compare(&measured(), &stored).unwrap();
        assert!(matches!(more, Difference::Number { replayed: None, .. }));
    }

    #[test]
    fn a_changed_result_is_found_although_every_observation_is_right() {
        let mut stored = measured();
        stored.result.insert(built_in::ACCURACY_INTERPOLATION, 1.0);
        let difference = compare(&stored, &measured()).unwrap();
        assert!(matches!(
            difference,
            Difference::Number {
                place: Place::Result,
                step: 40,
                ..
            }
        ));
    }

    #[test]
    fn a_changed_missing_or_invented_count_is_found_in_each_table() {
        let replayed = measured();
        for name in replayed.counts.keys() {
            let expected = |stored| {
                Some(Difference::Count {
                    name: name.clone(),
                    stored,
                    replayed: replayed.counts.get(name).copied(),
                })
            };
            let mut stored = measured();
            *stored.counts.get_mut(name).unwrap() += 1;
            let changed = stored.counts.get(name).copied();
            assert_eq!(compare(&stored, &replayed), expected(changed));
            stored.counts.remove(name);
            assert_eq!(compare(&stored, &replayed), expected(None));
            let invented = compare(&replayed, &stored).unwrap();
            assert!(matches!(invented, Difference::Count { replayed: None, .. }));
        }
    }

    #[test]
    fn a_metric_that_the_stored_trial_could_not_measure_is_left_out() {
        let known = [built_in::ACCURACY_INTERPOLATION];
        let stored = measured().of_metrics(&known);
        assert!(compare(&stored, &measured()).is_some());
        assert_eq!(compare(&stored, &measured().of_metrics(&known)), None);
    }

    #[test]
    fn another_end_is_a_difference() {
        let ended =
            |text: &str| Measured::new(Outcome::Infeasible(text.into()), Vec::new(), Counts::new());
        assert_eq!(compare(&ended("at 3"), &ended("at 3")), None);
        let difference = compare(&ended("at 3"), &ended("at 4")).unwrap();
        assert!(matches!(difference, Difference::Outcome { .. }));
        assert_eq!(difference.ulps(), None);
    }

    #[test]
    fn ulps_count_the_numbers_on_the_way_also_over_zero() {
        assert_eq!(ulps(1.0, 1.0 + f64::EPSILON), 1);
        assert_eq!(ulps(2.0, 1.0), 1 << 52);
        assert_eq!(ulps(-0.0, 0.0), 0);
        let least = f64::from_bits(1);
        assert_eq!(ulps(-least, least), 2);
        assert!(ulps(f64::MIN, f64::MAX) > 1 << 62);
    }

    proptest! {
        #[test]
        fn no_two_numbers_are_closer_than_one_ulp(a in proptest::num::f64::NORMAL, steps in 1_u64..1_000) {
            let away = f64::from_bits(a.to_bits() + steps);
            prop_assume!(away.is_finite());
            prop_assert_eq!(ulps(a, away), steps);
            prop_assert_eq!(ulps(away, a), steps);
        }
    }
}
