//! The oracle: whether faults changed a result. It compares the two databases as they are on the
//! disk, when every process has ended, and repairs nothing.

use pondersweep::store::{AttemptCounts, Completeness, Reader, SweepDigest};
use pondersweep_proto::id::LeaseToken;

use super::disturb::{Attack, Disturbance};

/// What the databases say, of each sweep.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) undisturbed: Vec<SweepDigest>,
    pub(super) disturbed: Vec<SweepDigest>,
    completeness: Vec<Completeness>,
    attempts: Vec<AttemptCounts>,
    /// Results that were acknowledged and are not there.
    pub(super) lost: Vec<LeaseToken>,
    /// What SQLite finds wrong with the disturbed file.
    pub(super) damage: Vec<String>,
}

impl Verdict {
    /// Reads both databases.
    pub(super) async fn of(attack: &Attack, disturbance: &Disturbance) -> anyhow::Result<Self> {
        let mut undisturbed = Reader::open(&attack.database("undisturbed")).await?;
        let mut disturbed = Reader::open(&attack.database("disturbed")).await?;
        let mut verdict = Self {
            undisturbed: Vec::new(),
            disturbed: Vec::new(),
            completeness: Vec::new(),
            attempts: Vec::new(),
            lost: Vec::new(),
            damage: disturbed.damage().await?,
        };
        for &token in &disturbance.acknowledged {
            if !disturbed.is_result(token).await? {
                verdict.lost.push(token);
            }
        }
        for sweep in &attack.sweeps {
            let sweep_id = sweep.spec.id();
            verdict
                .undisturbed
                .push(undisturbed.digest(sweep_id).await?);
            verdict.disturbed.push(disturbed.digest(sweep_id).await?);
            let completeness = disturbed.completeness(sweep_id).await?;
            verdict.completeness.push(completeness);
            let attempts = disturbed.attempt_counts(sweep_id).await?;
            verdict.attempts.push(attempts);
        }
        Ok(verdict)
    }

    /// Whether the tables are equal.
    pub(super) fn is_equal(&self) -> bool {
        self.undisturbed == self.disturbed
    }

    /// A count of trials, of all sweeps together.
    pub(super) fn trials(&self, of_one: impl Fn(&Completeness) -> u64) -> u64 {
        self.completeness.iter().map(of_one).sum()
    }

    /// A count of attempts, of all sweeps together.
    pub(super) fn attempts(&self, of_one: impl Fn(&AttemptCounts) -> u64) -> u64 {
        self.attempts.iter().map(of_one).sum()
    }

    /// Every promise that was broken, in words.
    pub(super) fn problems(&self, disturbance: &Disturbance) -> Vec<String> {
        let faults = &disturbance.faults;
        let checks = [
            (self.is_equal(), "the result tables differ".to_owned()),
            (
                self.completeness.iter().all(Completeness::is_complete),
                format!(
                    "only {} trials have a result",
                    self.trials(Completeness::accepted)
                ),
            ),
            (
                self.lost.is_empty(),
                format!("{} acknowledged results are lost", self.lost.len()),
            ),
            (
                self.attempts(|of| of.accepted) == self.attempts(|of| of.trials_accepted),
                "a trial was accepted twice".to_owned(),
            ),
            (
                faults.late_accepted == 0,
                format!(
                    "{} results of lapsed attempts were accepted",
                    faults.late_accepted
                ),
            ),
            (
                self.trials(|of| of.refused) >= faults.late_refused,
                format!("{} refusals were not recorded", faults.late_refused),
            ),
            (
                faults.crashes == 0,
                format!("{} workers ended by themselves", faults.crashes),
            ),
            (
                faults.left == 0,
                format!(
                    "{} faults found no time to happen, after {} kills\nhint: try another --seed",
                    faults.left,
                    faults.kills()
                ),
            ),
        ];
        let broken = checks.into_iter().filter(|(kept, _)| !kept);
        let broken = broken.map(|(_, problem)| problem);
        broken.chain(self.damage.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pondersweep::scheduler::TrialCounts;
    use pondersweep_proto::id::{Attempt, TrialId};

    use super::{
        super::{disturb::FaultCounts, network::NetworkCounts},
        *,
    };

    const LOST: LeaseToken = LeaseToken {
        trial_id: TrialId(1),
        attempt: Attempt(1),
    };

    fn digest(sha256: &str) -> SweepDigest {
        SweepDigest {
            trials: 2,
            observations: 3,
            sha256: sha256.into(),
        }
    }

    fn kept() -> (Disturbance, Verdict) {
        let disturbance = Disturbance {
            faults: FaultCounts {
                workers_killed: 1,
                late_refused: 1,
                ..FaultCounts::default()
            },
            network: NetworkCounts::default(),
            calls: Vec::new(),
            acknowledged: BTreeSet::from([LOST]),
            seconds: 1.0,
        };
        let verdict = Verdict {
            undisturbed: vec![digest("a")],
            disturbed: vec![digest("a")],
            completeness: vec![Completeness {
                trials: TrialCounts {
                    succeeded: 2,
                    ..TrialCounts::default()
                },
                refused: 1,
                ..Completeness::default()
            }],
            attempts: vec![AttemptCounts {
                attempts: 3,
                lapsed: 1,
                accepted: 2,
                trials_accepted: 2,
            }],
            lost: Vec::new(),
            damage: Vec::new(),
        };
        (disturbance, verdict)
    }

    /// Whether this change to a run that kept its promises is noticed, and nothing else is.
    fn check(problem: &str, change: fn(&mut Disturbance, &mut Verdict)) {
        let (mut disturbance, mut verdict) = kept();
        change(&mut disturbance, &mut verdict);
        let problems = verdict.problems(&disturbance);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(problem), "{problems:?}");
    }

    #[test]
    fn a_run_that_kept_its_promises_has_no_problem() {
        let (disturbance, verdict) = kept();
        assert_eq!(verdict.problems(&disturbance), Vec::<String>::new());
    }

    #[test]
    fn every_broken_promise_is_a_problem() {
        check("differ", |_, verdict| verdict.disturbed = vec![digest("b")]);
        check("only 2 trials", |_, verdict| {
            verdict.completeness[0].trials.pending = 1
        });
        check("1 acknowledged", |_, verdict| verdict.lost = vec![LOST]);
        check("twice", |_, verdict| verdict.attempts[0].accepted = 3);
        check("lapsed attempts were accepted", |run, _| {
            run.faults.late_accepted = 1
        });
        check("not recorded", |_, verdict| {
            verdict.completeness[0].refused = 0
        });
        check("ended by themselves", |run, _| run.faults.crashes = 1);
        check("found no time", |run, _| run.faults.left = 1);
        check("malformed", |_, verdict| {
            verdict.damage = vec!["malformed page".into()]
        });
    }
}
