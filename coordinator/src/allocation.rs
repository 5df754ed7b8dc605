//! Which configurations get more replicates, once the first ones have shown something: a rule that
//! looks at the share solved of each and at nothing else, so that it can be stated in a few
//! sentences and the same results always lead to the same replicates. It runs nothing and knows no
//! sweep.
//!
//! The rule. A configuration is done when half of the length of its interval is at most
//! [`Precision::half_width`], or when the interval excludes [`Precision::threshold`], if there is
//! one to be decided. One that is not done, has no trial under way and has replicates left is open,
//! and gets half as many again as it has, at least one. When a round's trials are limited, those
//! nearest to the threshold come first, then those with the widest interval, then the order of the
//! space.
//!
//! Why it keeps the intervals valid: they are those of a [confidence
//! sequence](confidence_sequence), which contains the true share after every number of replicates
//! at once in 95 % of cases. So they hold at the number where the rule stopped, however it came to
//! that, for each configuration by itself. Replicates are added in the order of their index and
//! never left out for what they show.

#[cfg(test)]
mod tests;

use crate::statistics::{Interval, confidence_sequence};

/// The most trials of one call for more replicates: as many as become durable at once, so that a
/// configuration's step is taken whole or not at all, whenever the coordinator is killed.
pub const MAX_TRIALS_OF_A_CALL: u64 = 4_096;

/// How many replicates a configuration is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Its place in the order of the space, from 0.
    pub position: u64,
    /// In all: giving the number again changes nothing.
    pub replicates: u32,
}

/// A configuration's replicates, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replicates {
    /// Those with a result: trained and measured, or diverged.
    pub results: u64,
    /// Of them, those that solved the task.
    pub solved: u64,
    /// Those that wait for a worker or run.
    pub waiting: u64,
    /// All that are not withheld, whatever became of them.
    pub given: u32,
}

/// What is to be known about every configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// The share solved, to within this much: half of the length of its interval.
    pub half_width: f64,
    /// Or only on which side of this share it lies.
    pub threshold: Option<f64>,
    /// The most replicates a configuration may have.
    pub most: u32,
}

/// What is known about a configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// The interval of its share solved.
    pub interval: Interval,
    /// Whether that is enough.
    pub standing: Standing,
}

/// Whether a configuration is to have more replicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its interval is as narrow as asked for.
    Narrow,
    /// Its interval excludes the threshold.
    Decided,
    /// Some of its replicates have not ended.
    Waiting,
    /// It has all replicates there are.
    UsedUp,
    /// It is to have more.
    Open,
}

impl Standing {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Decided => "decided",
            Self::Waiting => "waiting",
            Self::UsedUp => "used up",
            Self::Open => "open",
        }
    }
}

impl Assessment {
    /// Half of the length of the interval.
    #[must_use]
    pub const fn half_width(&self) -> f64 {
        (self.interval.upper - self.interval.lower) / 2.0
    }
}

impl Precision {
    /// What is known about a configuration.
    ///
    /// # Panics
    /// More of its replicates solved the task than have a result.
    #[must_use]
    pub fn assess(&self, cell: &Replicates) -> Assessment {
        let interval = confidence_sequence(cell.solved, cell.results);
        let mut assessment = Assessment {
            interval,
            standing: Standing::Open,
        };
        let excluded = |threshold| !interval.contains(threshold);
        assessment.standing = if assessment.half_width() <= self.half_width {
            Standing::Narrow
        } else if self.threshold.is_some_and(excluded) {
            Standing::Decided
        } else if cell.waiting > 0 {
            Standing::Waiting
        } else if cell.given >= self.most {
            Standing::UsedUp
        } else {
            Standing::Open
        };
        assessment
    }

    /// The next round: what each open configuration is to have, in the order of the space. Without
    /// open ones there is none. A budget is the most trials of the round.
    ///
    /// # Panics
    /// As [`Self::assess`].
    #[must_use]
    pub fn allocate(&self, cells: &[Replicates], budget: Option<u64>) -> Vec<Allocation> {
        let mut open: Vec<(u64, &Replicates, Assessment)> = (0..)
            .zip(cells)
            .map(|(position, cell)| (position, cell, self.assess(cell)))
            .filter(|(.., assessment)| assessment.standing == Standing::Open)
            .collect();
        // Stable: equal ones stay in the order of the space.
        open.sort_by(|(_, a, of_a), (_, b, of_b)| {
            let nearest_first = self.distance(a).total_cmp(&self.distance(b));
            nearest_first.then(of_b.half_width().total_cmp(&of_a.half_width()))
        });
        let mut left = budget.unwrap_or(u64::MAX);
        let mut allocations = Vec::new();
        for (position, cell, _) in open {
            let step = u64::from(self.step(cell.given)).min(left);
            left -= step;
            if step > 0 {
                let step = u32::try_from(step).expect("a step fits");
                let replicates = cell.given + step;
                allocations.push(Allocation {
                    position,
                    replicates,
                });
            }
        }
        allocations.sort_by_key(|allocation| allocation.position);
        allocations
    }

    /// Half as many again, at least one, as far as there are.
    fn step(&self, given: u32) -> u32 {
        let step = given.div_ceil(2).max(1);
        step.min(self.most.saturating_sub(given))
    }

    /// How far the observed share is from the threshold; nothing without a threshold or a result.
    fn distance(&self, cell: &Replicates) -> f64 {
        match self.threshold {
            Some(threshold) if cell.results > 0 => {
                (cell.solved as f64 / cell.results as f64 - threshold).abs()
            }
            _ => 0.0,
        }
    }
}

/// Trials that allocations add to what the configurations have.
#[must_use]
pub fn trials_added(allocations: &[Allocation], cells: &[Replicates]) -> u64 {
    allocations
        .iter()
        .map(|allocation| added(allocation, cells))
        .sum()
}

/// The allocations as calls of at most [`MAX_TRIALS_OF_A_CALL`] trials; one that is larger than
/// that is a call of its own.
#[must_use]
pub fn calls(allocations: &[Allocation], cells: &[Replicates]) -> Vec<Vec<Allocation>> {
    let mut calls: Vec<Vec<Allocation>> = Vec::new();
    let mut room = 0;
    for allocation in allocations {
        let trials = added(allocation, cells);
        match calls.last_mut() {
            Some(call) if trials <= room => call.push(*allocation),
            _ => {
                room = MAX_TRIALS_OF_A_CALL;
                calls.push(vec![*allocation]);
            }
        }
        room = room.saturating_sub(trials);
    }
    calls
}

fn added(allocation: &Allocation, cells: &[Replicates]) -> u64 {
    let place = usize::try_from(allocation.position).expect("allocations are of these cells");
    u64::from(allocation.replicates - cells[place].given)
}
