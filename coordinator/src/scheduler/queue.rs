//! The pending trials of one sweep, by shape and in the order of their ids.

use std::collections::{BTreeMap, BTreeSet};

/// Index of a trial within its sweep.
pub(super) type TrialIndex = u32;
/// Index of a shape within its sweep.
pub(super) type ShapeIndex = u32;

/// The pending trials of a sweep.
#[derive(Debug, Default)]
pub(super) struct Queue {
    by_shape: BTreeMap<ShapeIndex, BTreeSet<TrialIndex>>,
    /// The first pending trial of each shape: whose turn it is.
    firsts: BTreeSet<(TrialIndex, ShapeIndex)>,
    length: usize,
}

impl Queue {
    /// Adds a trial that is not in the queue.
    pub(super) fn push(&mut self, shape: ShapeIndex, trial: TrialIndex) {
        let trials = self.by_shape.entry(shape).or_default();
        let former_first = trials.first().copied();
        assert!(
            trials.insert(trial),
            "trial index {trial} was pending already"
        );
        self.length += 1;
        if former_first.is_none_or(|first| trial < first) {
            if let Some(first) = former_first {
                self.firsts.remove(&(first, shape));
            }
            self.firsts.insert((trial, shape));
        }
    }

    /// Takes a trial out of the queue.
    pub(super) fn remove(&mut self, shape: ShapeIndex, trial: TrialIndex) {
        let trials = self
            .by_shape
            .get_mut(&shape)
            .expect("a pending trial's shape is known");
        let was_first = trials.first() == Some(&trial);
        assert!(trials.remove(&trial), "trial index {trial} was not pending");
        self.length -= 1;
        if was_first {
            self.firsts.remove(&(trial, shape));
            if let Some(&first) = trials.first() {
                self.firsts.insert((first, shape));
            }
        }
    }

    /// The next bundle: the first pending trial and those that follow it in its shape.
    pub(super) fn next_bundle(&self, most: usize) -> Vec<TrialIndex> {
        let Some((_, shape)) = self.firsts.first() else {
            return Vec::new();
        };
        self.next_of(*shape, most)
    }

    /// The first pending trials of a shape.
    pub(super) fn next_of(&self, shape: ShapeIndex, most: usize) -> Vec<TrialIndex> {
        let trials = self.by_shape.get(&shape).into_iter().flatten();
        trials.copied().take(most).collect()
    }

    /// Number of pending trials.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Whether a trial is pending.
    #[cfg(test)]
    pub(super) fn contains(&self, shape: ShapeIndex, trial: TrialIndex) -> bool {
        self.by_shape
            .get(&shape)
            .is_some_and(|trials| trials.contains(&trial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_one_shape_and_the_first_trial_chooses_it() {
        let mut queue = Queue::default();
        for (shape, trial) in [(1, 4), (0, 3), (1, 2), (0, 5), (1, 8)] {
            queue.push(shape, trial);
        }
        assert_eq!(queue.next_bundle(2), [2, 4]);
        queue.remove(1, 2);
        assert_eq!(queue.next_bundle(9), [3, 5]);
        queue.remove(0, 3);
        queue.remove(0, 5);
        assert_eq!(queue.next_bundle(9), [4, 8]);
        queue.push(1, 2);
        assert_eq!(queue.next_bundle(1), [2]);
        assert_eq!(queue.len(), 3);
    }
}
