//! What people decide about a whole sweep: pause, resume, cancel, retry.

use pondersweep_proto::id::{SweepId, TrialId};

use super::{
    change::{Change, Ending, SweepState, TrialState},
    pace::Baseline,
    scheduling::Scheduler,
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

    /// Dispatches a paused sweep again, and forgives what has failed in it so far. Resuming an active
    /// sweep changes nothing.
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

    /// Ends every trial of a sweep that has not ended. Cancelling again changes nothing.
    ///
    /// # Errors
    /// The sweep is finished: there is nothing to cancel.
    pub fn cancel(&mut self, sweep_id: SweepId) -> Result<(), WrongState> {
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
        for trial_id in self.sweep_mut(sweep_id).in_state(&[TrialState::Leased]) {
            self.end(trial_id, Event::Cancelled, Ending::Cancelled);
        }
        for trial_id in self.sweep_mut(sweep_id).in_state(&[TrialState::Pending]) {
            self.move_trial(sweep_id, trial_id, Event::Cancelled);
        }
        Ok(())
    }

    /// Makes ended trials in these states pending again, their failures forgiven, and says how many.
    /// Attempts go on counting: an old attempt stays fenced out.
    ///
    /// # Errors
    /// The states hold one that is not an end, or success, which is never run again.
    pub fn retry(&mut self, sweep_id: SweepId, states: &[TrialState]) -> Result<u64, WrongState> {
        let may_be_retried = [
            TrialState::Failed,
            TrialState::Infeasible,
            TrialState::Cancelled,
        ];
        let sweep = self.sweep_mut(sweep_id);
        if states.iter().any(|state| !may_be_retried.contains(state)) {
            return Err(WrongState {
                sweep_id,
                state: sweep.state,
            });
        }
        let trials = sweep.in_state(states);
        if trials.is_empty() {
            return Ok(0);
        }
        let (state, reason) = match sweep.state {
            SweepState::Finished | SweepState::Cancelled => {
                (SweepState::Active, "trials are retried".to_owned())
            }
            unchanged => (unchanged, sweep.reason.clone()),
        };
        for &trial_id in &trials {
            self.move_trial(sweep_id, trial_id, Event::Retried);
        }
        self.forgive(sweep_id);
        self.enter(sweep_id, state, &reason);
        Ok(trials.len() as u64)
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

    /// Counts the sweep's failure rate anew.
    fn forgive(&mut self, sweep_id: SweepId) {
        let sweep = self.sweep_mut(sweep_id);
        sweep.baseline = Baseline::now(&sweep.counts);
    }
}
