//! What people decide about a whole sweep: pause, resume, cancel, retry, allocate more replicates. A
//! sweep may have a million trials, so the last three change its trials in pieces
//! ([`Scheduler::steer`]), so that the caller can commit and serve others in between.

use pondersweep_proto::id::{SweepId, TrialId};

use super::{
    change::{Change, Ending, SweepState, TrialState},
    pace::Baseline,
    queue::TrialIndex,
    scheduling::Scheduler,
    sweep::Sweep,
    trial::Event,
};

/// The sweep's state does not allow what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sweep {sweep_id} is {}", state.name())]
pub struct WrongState {
    /// Which sweep.
    pub sweep_id: SweepId,
    /// Its state, which does not change.
    pub state: SweepState,
}

/// A decision about a sweep whose trials have not all followed yet.
///
/// It is not stored. That a sweep is being cancelled is seen from its state and its pending trials;
/// a retry or an allocation is answered when it is over, so a caller whose request a crash cut short
/// asks again.
#[derive(Clone, Debug)]
pub(super) struct Steering {
    /// What happens to the trials.
    event: Event,
    /// Which trials are concerned.
    concerned: Concerned,
    /// The first trial that was not looked at yet.
    next: TrialIndex,
}

/// Which trials of a sweep a decision is about.
#[derive(Clone, Debug)]
pub(super) enum Concerned {
    /// Those in one of these states.
    InState(Vec<TrialState>),
    /// Those that are withheld, of a number of first replicates of each configuration.
    Allocated(Vec<u32>),
}

impl Steering {
    fn new(event: Event, states: &[TrialState]) -> Self {
        Self::of(event, Concerned::InState(states.to_vec()))
    }

    const fn of(event: Event, concerned: Concerned) -> Self {
        Self {
            event,
            concerned,
            next: 0,
        }
    }

    /// What a crash may have left to be done in a stored sweep.
    pub(super) fn left_over(sweep: &Sweep) -> Option<Self> {
        match sweep.state {
            SweepState::Cancelled if !sweep.all_ended() => {
                Some(Self::new(Event::Cancelled, &[TrialState::Pending]))
            }
            // A retry or an allocation was cut short after every trial that it had reached had
            // ended: no trial is concerned any more, but the sweep has yet to finish.
            SweepState::Active | SweepState::Paused if sweep.all_ended() => {
                Some(Self::new(Event::Retried, &[]))
            }
            _ => None,
        }
    }
}

impl Scheduler {
    /// Stops dispatching a sweep; leased trials go on. Pausing a paused sweep changes nothing.
    ///
    /// # Errors
    /// The sweep has ended.
    pub fn pause(&mut self, sweep_id: SweepId) -> Result<(), WrongState> {
        self.switch(
            sweep_id,
            SweepState::Active,
            SweepState::Paused,
            "paused by a person",
        )
    }

    /// Dispatches a paused sweep again, and forgives what has failed in it so far. Resuming an
    /// active sweep changes nothing.
    ///
    /// # Errors
    /// The sweep has ended.
    pub fn resume(&mut self, sweep_id: SweepId) -> Result<(), WrongState> {
        self.switch(
            sweep_id,
            SweepState::Paused,
            SweepState::Active,
            "resumed by a person",
        )
    }

    /// Ends a sweep: its leases now, its pending trials by [`Self::steer`]; none of them is
    /// dispatched in between. Cancelling again changes nothing.
    ///
    /// # Errors
    /// The sweep is finished: there is nothing to cancel.
    pub fn cancel(&mut self, sweep_id: SweepId) -> Result<(), WrongState> {
        self.steer_to_the_end(sweep_id);
        let sweep = self.sweep_mut(sweep_id);
        match sweep.state {
            SweepState::Cancelled => return Ok(()),
            SweepState::Finished => {
                return Err(WrongState {
                    sweep_id,
                    state: sweep.state,
                });
            }
            SweepState::Active | SweepState::Paused => {}
        }
        self.enter(sweep_id, SweepState::Cancelled, "cancelled by a person");
        // At once: an attempt that goes on in a cancelled sweep would end as if nothing had been
        // said.
        for trial_id in self.sweep_mut(sweep_id).in_state(&[TrialState::Leased]) {
            self.end(trial_id, Event::Cancelled, Ending::Cancelled);
        }
        let pending = Steering::new(Event::Cancelled, &[TrialState::Pending]);
        self.sweep_mut(sweep_id).steering = Some(pending);
        Ok(())
    }

    /// Makes ended trials in these states pending again, their failures forgiven, and says how many
    /// there are: by [`Self::steer`], which also makes an ended sweep active again. Attempts go on
    /// counting: an old attempt stays fenced out.
    ///
    /// # Errors
    /// The states hold one that is not an end, or success, which is never run again.
    pub fn retry(&mut self, sweep_id: SweepId, states: &[TrialState]) -> Result<u64, WrongState> {
        let may_be_retried = [
            TrialState::Failed,
            TrialState::Infeasible,
            TrialState::Cancelled,
        ];
        self.steer_to_the_end(sweep_id);
        let sweep = self.sweep_mut(sweep_id);
        if states.iter().any(|state| !may_be_retried.contains(state)) {
            return Err(WrongState {
                sweep_id,
                state: sweep.state,
            });
        }
        let trials = sweep.in_state(states).len() as u64;
        if trials > 0 {
            sweep.steering = Some(Steering::new(Event::Retried, states));
        }
        Ok(trials)
    }

    /// Lets configurations have more of the replicates that were withheld, and says how many trials
    /// that are: by [`Self::steer`], which also makes a finished sweep active again. `replicates`
    /// has a number for every configuration: how many it is to have in all; it never has fewer than
    /// before.
    ///
    /// # Errors
    /// The sweep is cancelled.
    ///
    /// # Panics
    /// Another sweep's configurations were counted.
    pub fn allocate(&mut self, sweep_id: SweepId, replicates: Vec<u32>) -> Result<u64, WrongState> {
        self.steer_to_the_end(sweep_id);
        let sweep = self.sweep_mut(sweep_id);
        let configurations = sweep.entry.shape_of_configuration.len();
        assert_eq!(replicates.len(), configurations, "one number for each");
        if sweep.state == SweepState::Cancelled {
            let state = sweep.state;
            return Err(WrongState { sweep_id, state });
        }
        let concerned = Concerned::Allocated(replicates);
        let trials = sweep.count_concerned(&concerned);
        if trials > 0 {
            sweep.steering = Some(Steering::of(Event::Allocated, concerned));
        }
        Ok(trials)
    }

    /// Whether trials of a sweep have yet to follow what a person decided about it; of any sweep,
    /// if none is named. A verb of this room waits for them, so callers that have others to serve
    /// should not give one.
    #[must_use]
    pub fn is_steering(&self, only: Option<SweepId>) -> bool {
        let mut sweeps = self.sweeps.values();
        sweeps.any(|sweep| {
            sweep.steering.is_some() && only.is_none_or(|only| only == sweep.entry.sweep_id)
        })
    }

    /// Lets up to `most` trials follow what a person decided about their sweep.
    pub fn steer(&mut self, most: usize) {
        let mut sweeps = self.sweeps.values();
        let steered = sweeps.find(|sweep| sweep.steering.is_some());
        if let Some(sweep_id) = steered.map(|sweep| sweep.entry.sweep_id) {
            self.steer_sweep(sweep_id, most);
        }
    }

    fn steer_to_the_end(&mut self, sweep_id: SweepId) {
        while self.is_steering(Some(sweep_id)) {
            self.steer_sweep(sweep_id, usize::MAX);
        }
    }

    fn steer_sweep(&mut self, sweep_id: SweepId, most: usize) {
        let sweep = self.sweep_mut(sweep_id);
        let Some(mut steering) = sweep.steering.take() else {
            return;
        };
        let (trials, next) = sweep.next_concerned(&steering.concerned, steering.next, most);
        for &trial_id in &trials {
            self.move_trial(sweep_id, trial_id, steering.event);
        }
        if !trials.is_empty() {
            match steering.event {
                Event::Retried => self.reopen(sweep_id),
                Event::Allocated => self.go_on(sweep_id),
                _ => {}
            }
        }
        match next {
            Some(next) => {
                steering.next = next;
                self.sweep_mut(sweep_id).steering = Some(steering);
            }
            // The trials that were retried first may all have ended meanwhile.
            None => self.finish_or_pause(sweep_id),
        }
    }

    /// Makes a sweep with retried trials active again, if it had ended. With every piece, since
    /// what has failed in the retried trials must not count from the first moment on.
    fn reopen(&mut self, sweep_id: SweepId) {
        self.forgive(sweep_id);
        let sweep = self.sweep_mut(sweep_id);
        let (state, reason) = match sweep.state {
            SweepState::Finished | SweepState::Cancelled => {
                (SweepState::Active, "trials are retried".to_owned())
            }
            unchanged => (unchanged, sweep.reason.clone()),
        };
        self.enter(sweep_id, state, &reason);
    }

    /// Makes a finished sweep active again, because it has trials to run. Its failures are
    /// forgiven: what did not pause it before its end must not pause it now.
    fn go_on(&mut self, sweep_id: SweepId) {
        if self.sweep_mut(sweep_id).state == SweepState::Finished {
            self.forgive(sweep_id);
            self.enter(sweep_id, SweepState::Active, "replicates were allocated");
        }
    }

    /// Takes a trial without a lease to its next state.
    fn move_trial(&mut self, sweep_id: SweepId, trial_id: TrialId, event: Event) {
        let state = self.sweep_mut(sweep_id).apply(trial_id, event);
        self.changes.push(Change::Trial { trial_id, state });
        self.drop_checkpoint_if_ended(trial_id, state);
    }

    fn switch(
        &mut self,
        sweep_id: SweepId,
        from: SweepState,
        to: SweepState,
        reason: &str,
    ) -> Result<(), WrongState> {
        self.steer_to_the_end(sweep_id);
        let sweep = self.sweep_mut(sweep_id);
        if sweep.state == to {
            return Ok(());
        }
        if sweep.state != from {
            return Err(WrongState {
                sweep_id,
                state: sweep.state,
            });
        }
        if to == SweepState::Active {
            self.forgive(sweep_id);
        }
        self.enter(sweep_id, to, reason);
        Ok(())
    }

    /// Counts the sweep's failure rate from zero again.
    fn forgive(&mut self, sweep_id: SweepId) {
        let sweep = self.sweep_mut(sweep_id);
        sweep.baseline = Baseline::now(&sweep.counts);
    }
}
