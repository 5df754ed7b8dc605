//! The first updates of a timed trial in full, so that other programs can repeat them: parameters
//! before, every batch, and the loss that training itself reported for each.

use std::sync::Mutex;

use pondersweep_proto::{
    metric::{Observation, built_in},
    setting::Setting,
    spec::{SpecError, TrialSpec},
};
use pondersweep_worker::{
    model::{Initial, Layout},
    seed::Seeds,
    task::{Occasion, Task},
    train::{Continue, Observer},
};

use super::{shape::Shape, updates::train_updates};

/// Some updates of one trial.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Replay {
    /// What is trained.
    pub(super) trial: TrialSpec,
    /// The parameters before the first update, in the order of `model/parameters.rs`.
    pub(super) parameters: Vec<f32>,
    /// The batch of every update.
    pub(super) batches: Vec<ReplayedBatch>,
    /// The loss of every update, before its step.
    pub(super) losses: Vec<f64>,
}

/// The samples of one update.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReplayedBatch {
    /// `[batch, elements]`, row-major.
    pub(super) x: Vec<f32>,
    /// `[batch]`.
    pub(super) labels: Vec<bool>,
}

impl Replay {
    /// Trains one trial for `updates` updates.
    pub(super) fn record(shape: &Shape, updates: u64) -> Result<Self, SpecError> {
        let trial = shape.observed_trial(updates)?;
        let losses = Mutex::new(Vec::new());
        train_updates(std::slice::from_ref(&trial), 1, &Losses(&losses));
        let seeds = Seeds::of(&trial);
        let configuration = &trial.configuration;
        Ok(Self {
            parameters: Layout::of(configuration).initial(&seeds, Initial::of(configuration)),
            batches: (0..updates)
                .map(|update| ReplayedBatch::of(&trial, &seeds, update))
                .collect(),
            losses: losses.into_inner().expect("training never panics here"),
            trial,
        })
    }
}

impl ReplayedBatch {
    fn of(trial: &TrialSpec, seeds: &Seeds, update: u64) -> Self {
        let task = Task::of(&trial.configuration);
        let batch = trial.configuration.count(Setting::BATCH);
        let mut x = vec![0.0; batch as usize * task.elements()];
        let labels = (0..u64::from(batch))
            .zip(x.chunks_exact_mut(task.elements()))
            .map(|(number, sample)| {
                let occasion = Occasion::Training(update);
                task.draw(occasion, seeds, number, sample).class == 1
            })
            .collect();
        Self { x, labels }
    }
}

struct Losses<'a>(&'a Mutex<Vec<f64>>);

impl Observer for Losses<'_> {
    fn observe(&self, _: usize, observation: Observation) {
        if observation.metric == built_in::LOSS_TRAINING {
            let mut losses = self
                .0
                .lock()
                .expect("no thread panics while it holds the lock");
            losses.push(observation.value);
        }
    }

    fn after_update(&self, _: usize, _: u64) -> Continue {
        Continue::Yes
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::spec::{StepFunction, Unroll};

    use super::*;

    #[test]
    fn a_replay_has_a_batch_and_a_finite_loss_for_every_update() {
        let shape = Shape {
            step_function: StepFunction::Gru,
            hidden: 8,
            elements: 4,
            batch: 6,
            max_steps: 3,
            unroll: Unroll::Fixed,
        };
        let replay = Replay::record(&shape, 3).unwrap();
        assert_eq!((replay.batches.len(), replay.losses.len()), (3, 3));
        assert_eq!(replay.parameters.len(), 3 * (4 + 8 + 2) * 8 + 2 * 9);
        assert_eq!(replay.batches[2].x.len(), 6 * 4);
        assert!(replay.losses.iter().all(|loss| loss.is_finite()));
        assert_ne!(replay.batches[0], replay.batches[1]);
    }
}
