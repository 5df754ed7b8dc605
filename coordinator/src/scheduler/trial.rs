//! The trial state machine: one total function from a state and an event to the next state. It
//! knows nothing of workers, clocks or queues.

use super::change::TrialState;

/// What may happen to a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A worker was granted a lease.
    Acquired,
    /// The attempt trained and measured it.
    Succeeded,
    /// The attempt's training diverged.
    Infeasible,
    /// The attempt failed; whether the trial may fail again.
    Failed { attempts_left: bool },
    /// The attempt's worker was lost; whether the trial may lose another.
    Lapsed { attempts_left: bool },
    /// The worker handed the lease back.
    Returned,
    /// A person ended the sweep.
    Cancelled,
    /// A person wants it run again.
    Retried,
}

/// The state after an event; `None` where the event cannot happen.
pub(super) const fn next(state: TrialState, event: Event) -> Option<TrialState> {
    use TrialState::{Cancelled, Failed, Infeasible, Leased, Pending, Succeeded};
    match (state, event) {
        (Pending, Event::Acquired) => Some(Leased),
        (Leased, Event::Succeeded) => Some(Succeeded),
        (Leased, Event::Infeasible) => Some(Infeasible),
        (Leased, Event::Failed { attempts_left } | Event::Lapsed { attempts_left }) => {
            Some(if attempts_left { Pending } else { Failed })
        }
        (Leased, Event::Returned) | (Infeasible | Failed | Cancelled, Event::Retried) => {
            Some(Pending)
        }
        (Pending | Leased, Event::Cancelled) => Some(Cancelled),
        (Pending, _)
        | (Leased, Event::Acquired | Event::Retried)
        | (Succeeded, _)
        | (Infeasible | Failed | Cancelled, _) => None,
    }
}

/// A trial as the scheduler keeps it: a few bytes, since there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) state: TrialState,
    /// Attempts that failed by its own doing, since it was last retried by a person.
    pub(super) failures: u16,
    /// Attempts lost with their worker, since it was last retried by a person.
    pub(super) worker_losses: u16,
    /// Its current or last attempt, 0 before the first.
    pub(super) attempt: u32,
}

impl Trial {
    /// A trial that nobody has run.
    pub(super) const fn new() -> Self {
        Self {
            state: TrialState::Pending,
            failures: 0,
            worker_losses: 0,
            attempt: 0,
        }
    }

    /// Goes to the next state.
    ///
    /// # Panics
    /// The event cannot happen in this state: a bug in the scheduler.
    pub(super) fn apply(&mut self, event: Event) {
        let next = next(self.state, event);
        self.state = next.unwrap_or_else(|| panic!("{event:?} cannot happen in {:?}", self.state));
        match event {
            Event::Acquired => self.attempt += 1,
            Event::Failed { .. } => self.failures += 1,
            Event::Lapsed { .. } => self.worker_losses += 1,
            Event::Retried => (self.failures, self.worker_losses) = (0, 0),
            Event::Succeeded | Event::Infeasible | Event::Returned | Event::Cancelled => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event_goes_where_the_drawing_says() {
        use TrialState::{Cancelled, Failed, Infeasible, Leased, Pending, Succeeded};
        let (left, none_left) = (true, false);
        let arrows = [
            (Pending, Event::Acquired, Leased),
            (Pending, Event::Cancelled, Cancelled),
            (Leased, Event::Succeeded, Succeeded),
            (Leased, Event::Infeasible, Infeasible),
            (
                Leased,
                Event::Failed {
                    attempts_left: left,
                },
                Pending,
            ),
            (
                Leased,
                Event::Failed {
                    attempts_left: none_left,
                },
                Failed,
            ),
            (
                Leased,
                Event::Lapsed {
                    attempts_left: left,
                },
                Pending,
            ),
            (
                Leased,
                Event::Lapsed {
                    attempts_left: none_left,
                },
                Failed,
            ),
            (Leased, Event::Returned, Pending),
            (Leased, Event::Cancelled, Cancelled),
            (Infeasible, Event::Retried, Pending),
            (Failed, Event::Retried, Pending),
            (Cancelled, Event::Retried, Pending),
        ];
        let events = [
            Event::Acquired,
            Event::Succeeded,
            Event::Infeasible,
            Event::Failed {
                attempts_left: left,
            },
            Event::Failed {
                attempts_left: none_left,
            },
            Event::Lapsed {
                attempts_left: left,
            },
            Event::Lapsed {
                attempts_left: none_left,
            },
            Event::Returned,
            Event::Cancelled,
            Event::Retried,
        ];
        for state in [Pending, Leased, Succeeded, Infeasible, Failed, Cancelled] {
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
