//! Who is to blame for an attempt that gave no result: the trial, or something else. A pure
//! function from what is known to what is counted; it changes nothing itself.
//!
//! **Told.** A worker that lives says which of its trials failed and of what. That is counted against
//! the trial.
//!
//! **Lost.** A process that dies takes every trial it held with it, and one of them may have killed
//! it. Nothing is counted against a trial that had company: it becomes a suspect instead. Suspects
//! are run when nothing else of their sweep is pending, each alone on a worker that holds nothing
//! else. There an innocent one succeeds and is cleared, and only what is lost alone is counted.
//!
//! How soon a trial becomes a suspect depends on the evidence. A process that was seen to die died
//! of what it computed: suspects at once. A worker that only fell silent is most often a
//! machine that went away, so a trial is forgiven the first time and a suspect from the second on;
//! otherwise every machine that is taken away would send all its trials into quarantine.
//!
//! **Limits.** Each [`Limit`] counts by itself, and the trial that reaches one has failed. Company is
//! had at most twice before quarantine, so every trial ends after a bounded number of attempts.
//! Training that diverges is a result: it is never blamed and never run again.

use pondersweep_proto::failure::Cause;

/// How much speaks for a trial ending the processes it runs in, since a person last retried it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suspicion {
    /// Nothing.
    #[default]
    None,
    /// It was lost once, with a worker that fell silent.
    LostOnce,
    /// It must run alone, last.
    Suspect,
}

impl Suspicion {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::None, Self::LostOnce, Self::Suspect];

    /// Its name in SQL and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LostOnce => "lost_once",
            Self::Suspect => "suspect",
        }
    }
}

/// What counts together, up to one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Attempts that failed by the trial's own doing.
    Failures,
    /// Attempts that ran out of memory, which may also be the machine's fault.
    OutOfMemory,
    /// Attempts lost with their worker.
    WorkerLosses,
}

impl Limit {
    /// The limit a cause counts for.
    #[must_use]
    pub const fn of(cause: Cause) -> Self {
        match cause {
            Cause::Panicked | Cause::Crashed | Cause::Other => Self::Failures,
            Cause::OutOfMemory => Self::OutOfMemory,
            Cause::WorkerLost => Self::WorkerLosses,
        }
    }
}

/// Attempts of a trial that may end without a result before the trial has failed, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented at `Limit`")]
pub struct TrialLimits {
    pub max_failures: u32,
    pub max_out_of_memory: u32,
    pub max_worker_losses: u32,
}

/// What stands against a trial, since a person last retried it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented at `Limit`")]
pub struct Record {
    pub failures: u16,
    pub out_of_memory: u16,
    pub worker_losses: u16,
    /// Whether it must run alone.
    pub suspicion: Suspicion,
}

/// How it became known that an attempt gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// The worker itself says that this attempt failed.
    Told,
    /// The process that started the worker saw it die.
    SawItDie { alone: bool },
    /// The worker fell silent.
    Silence { alone: bool },
}

/// The judgement of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether it is counted against the trial.
    pub(super) blamed: bool,
    /// What stands against the trial now.
    pub(super) record: Record,
    /// Whether a limit is reached: the trial has failed.
    pub(super) condemned: bool,
}

impl Record {
    /// Judges an attempt that gave no result.
    pub(super) const fn judge(
        mut self,
        cause: Cause,
        evidence: Evidence,
        limits: &TrialLimits,
    ) -> Verdict {
        let blamed = match evidence {
            Evidence::Told => true,
            Evidence::SawItDie { alone } | Evidence::Silence { alone } => alone,
        };
        self.suspicion = match (evidence, self.suspicion) {
            (Evidence::Told, before) => before,
            (Evidence::Silence { .. }, Suspicion::None) => Suspicion::LostOnce,
            (Evidence::SawItDie { .. } | Evidence::Silence { .. }, _) => Suspicion::Suspect,
        };
        let (count, most) = self.count_mut(Limit::of(cause), limits);
        *count += blamed as u16;
        let condemned = blamed && *count as u32 >= most;
        Verdict {
            blamed,
            record: self,
            condemned,
        }
    }

    const fn count_mut(&mut self, limit: Limit, limits: &TrialLimits) -> (&mut u16, u32) {
        match limit {
            Limit::Failures => (&mut self.failures, limits.max_failures),
            Limit::OutOfMemory => (&mut self.out_of_memory, limits.max_out_of_memory),
            Limit::WorkerLosses => (&mut self.worker_losses, limits.max_worker_losses),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: TrialLimits = TrialLimits {
        max_failures: 3,
        max_out_of_memory: 2,
        max_worker_losses: 4,
    };

    fn any_evidence() -> impl Strategy<Value = Evidence> {
        prop_oneof![
            Just(Evidence::Told),
            any::<bool>().prop_map(|alone| Evidence::SawItDie { alone }),
            any::<bool>().prop_map(|alone| Evidence::Silence { alone }),
        ]
    }

    /// Ends of one trial, in order. A suspect is always alone, as the dispatcher sees to.
    fn any_history() -> impl Strategy<Value = Vec<(Cause, Evidence)>> {
        let cause = prop::sample::select(Cause::ALL.to_vec());
        prop::collection::vec((cause, any_evidence()), 1..40)
    }

    fn quarantined(record: Record, evidence: Evidence) -> Evidence {
        match (record.suspicion, evidence) {
            (Suspicion::Suspect, Evidence::SawItDie { .. }) => Evidence::SawItDie { alone: true },
            (Suspicion::Suspect, Evidence::Silence { .. }) => Evidence::Silence { alone: true },
            (_, evidence) => evidence,
        }
    }

    proptest! {
        #[test]
        fn a_trial_is_condemned_only_for_what_it_did_alone_and_soon_enough(history in any_history()) {
            let mut record = Record::default();
            let (mut attempts, mut counted) = (0_u32, [0_u32; 3]);
            for (cause, evidence) in history {
                let evidence = quarantined(record, evidence);
                let verdict = record.judge(cause, evidence, &LIMITS);
                attempts += 1;
                let alone = !matches!(
                    evidence,
                    Evidence::SawItDie { alone: false } | Evidence::Silence { alone: false }
                );
                prop_assert_eq!(verdict.blamed, alone);
                prop_assert!(alone || !verdict.condemned, "condemned in company");
                prop_assert!(verdict.record.suspicion >= record.suspicion);
                let limit = Limit::of(cause);
                counted[limit as usize] += u32::from(alone);
                let most = [3, 2, 4][limit as usize];
                prop_assert_eq!(verdict.condemned, alone && counted[limit as usize] >= most);
                record = verdict.record;
                if verdict.condemned {
                    break;
                }
            }
            // Two losses in company, and each limit less one before the one that is reached.
            prop_assert!(attempts <= 2 + (3 - 1) + (2 - 1) + (4 - 1) + 1, "{attempts} attempts");
        }
    }

    #[test]
    fn a_death_that_was_seen_makes_suspects_at_once_and_silence_only_the_second_time() {
        let suspicion = |record: Record, evidence| {
            let verdict = record.judge(Cause::WorkerLost, evidence, &LIMITS);
            verdict.record.suspicion
        };
        let clear = Record::default();
        let silence = Evidence::Silence { alone: false };
        assert_eq!(
            suspicion(clear, Evidence::SawItDie { alone: false }),
            Suspicion::Suspect
        );
        assert_eq!(suspicion(clear, silence), Suspicion::LostOnce);
        let once = Record {
            suspicion: Suspicion::LostOnce,
            ..clear
        };
        assert_eq!(suspicion(once, silence), Suspicion::Suspect);
        assert_eq!(suspicion(clear, Evidence::Told), Suspicion::None);
    }
}
