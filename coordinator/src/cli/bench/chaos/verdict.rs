//! The oracle: whether faults changed a result. It compares the two databases as they are on the
//! disk, when every process has ended, and repairs nothing.

use pondersweep_proto::id::LeaseToken;

use super::disturb::{Attack, Disturbance};
use crate::{
    store::{AttemptCounts, Completeness, Reader, SweepDigest},
    sweep::SweepSpec,
};

/// What the databases say.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) undisturbed: SweepDigest,
    pub(super) disturbed: SweepDigest,
    pub(super) completeness: Completeness,
    pub(super) attempts: AttemptCounts,
    /// Results that were acknowledged and are not there.
    pub(super) lost: Vec<LeaseToken>,
    /// What SQLite finds wrong with the disturbed file.
    pub(super) damage: Vec<String>,
}

impl Verdict {
    /// Reads both databases.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) async fn of(
        attack: &Attack,
        spec: &SweepSpec,
        disturbance: &Disturbance,
    ) -> anyhow::Result<Self> {
        let sweep_id = spec.id();
        let mut undisturbed = Reader::open(&attack.database("undisturbed")).await?;
        let mut disturbed = Reader::open(&attack.database("disturbed")).await?;
        let mut lost = Vec::new();
        for &token in &disturbance.acknowledged {
            if !disturbed.is_result(token).await? {
                lost.push(token);
            }
        }
        Ok(Self {
            undisturbed: undisturbed.digest(sweep_id).await?,
            disturbed: disturbed.digest(sweep_id).await?,
            completeness: disturbed.completeness(sweep_id).await?,
            attempts: disturbed.attempt_counts(sweep_id).await?,
            lost,
            damage: disturbed.damage().await?,
        })
    }

    /// Whether the tables are equal.
    pub(super) fn is_equal(&self) -> bool {
        self.undisturbed == self.disturbed
    }

    /// Every promise that was broken, in words.
    pub(super) fn problems(&self, attack: &Attack, disturbance: &Disturbance) -> Vec<String> {
        let faults = &disturbance.faults;
        let checks = [
            (self.is_equal(), "the result tables differ".to_owned()),
            (
                self.completeness.is_complete(),
                format!("only {} trials have a result", self.completeness.accepted()),
            ),
            (
                self.lost.is_empty(),
                format!("{} acknowledged results are lost", self.lost.len()),
            ),
            (
                self.attempts.accepted == self.attempts.trials_accepted,
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
                self.completeness.refused >= faults.late_refused,
                format!("{} refusals were not recorded", faults.late_refused),
            ),
            (
                faults.crashes == 0,
                format!("{} workers ended by themselves", faults.crashes),
            ),
            (
                faults.left == 0,
                format!(
                    "{} faults found no time to happen; {} kills of {} did",
                    faults.left,
                    faults.kills(),
                    attack.kills
                ),
            ),
        ];
        let broken = checks.into_iter().filter(|(kept, _)| !kept);
        let broken = broken.map(|(_, problem)| problem);
        broken.chain(self.damage.iter().cloned()).collect()
    }
}
