//! The trial state machine: one total function from a state and an event to the next state. It
//! knows nothing of workers, clocks or queues.

use super::{
    blame::{Record, Suspicion},
    change::TrialState,
};

/// What may happen to a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A worker was granted a lease.
    Acquired,
    /// The attempt trained and measured it.
    Succeeded,
    /// The attempt's training diverged.
    Infeasible,
    /// The attempt gave no result: what stands against the trial now, and whether that is enough.
    Failed { record: Record, condemned: bool },
    /// The worker handed the lease back.
    Returned,
    /// A person ended the sweep.
    Cancelled,
    /// A person wants it run again.
    Retried,
    /// Its configuration was allocated more replicates.
    Allocated,
}

/// The state after an event; `None` where the event cannot happen.
pub(super) const fn next(state: TrialState, event: Event) -> Option<TrialState> {
    use TrialState::{Cancelled, Failed, Infeasible, Leased, Pending, Succeeded, Withheld};
    match (state, event) {
        (Pending, Event::Acquired) => Some(Leased),
        (Leased, Event::Succeeded) => Some(Succeeded),
        (Leased, Event::Infeasible) => Some(Infeasible),
        (Leased, Event::Failed { condemned, .. }) => Some(if condemned { Failed } else { Pending }),
        (Leased, Event::Returned)
        | (Infeasible | Failed | Cancelled, Event::Retried)
        | (Withheld, Event::Allocated) => Some(Pending),
        (Pending | Leased, Event::Cancelled) => Some(Cancelled),
        (Pending, _)
        | (Leased, Event::Acquired | Event::Retried | Event::Allocated)
        | (Succeeded, _)
        | (Infeasible | Failed | Cancelled, _)
        | (Withheld, _) => None,
    }
}

/// A trial as the scheduler keeps it: a few bytes, since there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) state: TrialState,
    // The parts of its record, side by side: a record within a trial would be padded.
    suspicion: Suspicion,
    failures: u16,
    out_of_memory: u16,
    worker_losses: u16,
    /// Its current or last attempt, 0 before the first.
    pub(super) attempt: u32,
}

impl Trial {
    /// A trial that has not run yet, to be run or withheld.
    pub(super) fn new(state: TrialState) -> Self {
        Self::restored(state, 0, Record::default())
    }

    /// A trial as it was stored.
    pub(super) const fn restored(state: TrialState, attempt: u32, record: Record) -> Self {
        Self {
            state,
            suspicion: record.suspicion,
            failures: record.failures,
            out_of_memory: record.out_of_memory,
            worker_losses: record.worker_losses,
            attempt,
        }
    }

    /// What stands against it.
    pub(super) const fn record(&self) -> Record {
        Record {
            failures: self.failures,
            out_of_memory: self.out_of_memory,
            worker_losses: self.worker_losses,
            suspicion: self.suspicion,
        }
    }

    /// Goes to the next state.
    ///
    /// # Panics
    /// The event cannot happen in this state: a bug in the scheduler.
    pub(super) fn apply(&mut self, event: Event) {
        let next = next(self.state, event);
        let state = next.unwrap_or_else(|| panic!("{event:?} cannot happen in {:?}", self.state));
        let (attempt, record) = (self.attempt, self.record());
        *self = match event {
            Event::Acquired => Self::restored(state, attempt + 1, record),
            Event::Failed { record, .. } => Self::restored(state, attempt, record),
            Event::Retried => Self::restored(state, attempt, Record::default()),
            Event::Succeeded
            | Event::Infeasible
            | Event::Returned
            | Event::Cancelled
            | Event::Allocated => Self::restored(state, attempt, record),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event_goes_where_the_drawing_says() {
        use TrialState::{Cancelled, Failed, Infeasible, Leased, Pending, Succeeded, Withheld};
        let failed = |condemned| Event::Failed {
            record: Record::default(),
            condemned,
        };
        let arrows = [
            (Pending, Event::Acquired, Leased),
            (Pending, Event::Cancelled, Cancelled),
            (Leased, Event::Succeeded, Succeeded),
            (Leased, Event::Infeasible, Infeasible),
            (Leased, failed(false), Pending),
            (Leased, failed(true), Failed),
            (Leased, Event::Returned, Pending),
            (Leased, Event::Cancelled, Cancelled),
            (Infeasible, Event::Retried, Pending),
            (Failed, Event::Retried, Pending),
            (Cancelled, Event::Retried, Pending),
            (Withheld, Event::Allocated, Pending),
        ];
        let events = [
            Event::Acquired,
            Event::Succeeded,
            Event::Infeasible,
            failed(false),
            failed(true),
            Event::Returned,
            Event::Cancelled,
            Event::Retried,
            Event::Allocated,
        ];
        for state in TrialState::ALL {
            for event in events {
                let arrow = arrows
                    .iter()
                    .find(|(from, on, _)| (*from, *on) == (state, event));
                let expected = arrow.map(|(_, _, to)| *to);
                assert_eq!(next(state, event), expected, "{state:?} on {event:?}");
            }
        }
    }

    #[test]
    fn a_trial_stays_small() {
        assert!(size_of::<Trial>() <= 12);
    }
}
