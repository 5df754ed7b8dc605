//! What peers report of trials, against the trials' settings and the tables of their experiment.
//! What cannot be is refused here, where it enters, and nothing of its call is stored. Whether the
//! peer may speak at all is the scheduler's to say.

use pondersweep_proto::{
    ending::{EndedAttempt, ReportedEnding},
    error::LeaseError,
    experiment::Experiment,
    id::LeaseToken,
    metric::Observation,
    setting::Setting,
    spec::{ConfigurationSpec, SpecError},
};

use super::Driver;
use crate::{scheduler::TrialState, store::Batch, sweep::Operations};

/// Bytes of a checkpoint for each parameter: itself and two moments.
const BYTES_OF_A_PARAMETER: f64 = 12.0;
/// Bytes of a checkpoint besides its parameters, at most: who computed it, sums, a checksum.
const OTHER_BYTES: f64 = 65_536.0;

impl Driver {
    /// # Errors
    /// The trial cannot have measured this.
    pub(super) fn check_observed(
        &self,
        token: LeaseToken,
        observations: &[Observation],
    ) -> Result<(), LeaseError> {
        let Some((experiment, spec)) = self.experiment_of(token) else {
            return Ok(());
        };
        let checked = experiment.check_observations(&spec, observations);
        checked.map_err(|error| impossible(token, &error))
    }

    /// # Errors
    /// One of the trials cannot have ended so: what it measured cannot be, or it succeeded without
    /// having measured what it is judged by. The batch holds what is about to be written.
    pub(super) fn check_ended(
        &self,
        reports: &[EndedAttempt],
        batch: &Batch,
    ) -> Result<(), LeaseError> {
        for report in reports {
            let Some((experiment, spec)) = self.experiment_of(report.token) else {
                continue;
            };
            let observed = experiment.check_observations(&spec, &report.observations);
            let breakdown = report.breakdown.as_ref();
            observed
                .and_then(|()| {
                    breakdown.map_or(Ok(()), |breakdown| {
                        experiment.check_breakdown(&spec, breakdown)
                    })
                })
                .map_err(|error| impossible(report.token, &error))?;
            if report.ending == ReportedEnding::Succeeded {
                self.check_headline(report, experiment, batch)?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// The trial has no checkpoint like this.
    pub(super) fn check_checkpoint(
        &self,
        token: LeaseToken,
        updates_done: u64,
        bytes: u64,
    ) -> Result<(), LeaseError> {
        let Some((_, spec)) = self.experiment_of(token) else {
            return Ok(());
        };
        // What a program keeps, and after how many steps, is its own affair.
        if spec.program_sha256().is_some() {
            return Ok(());
        }
        let updates = spec.whole(Setting::UPDATES);
        // After the last update there is nothing to go on with.
        if updates_done >= updates {
            return Err(LeaseError::Malformed(format!(
                "{token} has {updates} updates, and no checkpoint after {updates_done}"
            )));
        }
        let parameters = Operations::of(&spec).parameters_at_most();
        let most = OTHER_BYTES + BYTES_OF_A_PARAMETER * parameters;
        if bytes as f64 > most {
            return Err(LeaseError::Malformed(format!(
                "{token} has no checkpoint of {bytes} bytes: its parameters take at most {most:.0}"
            )));
        }
        Ok(())
    }

    fn check_headline(
        &self,
        report: &EndedAttempt,
        experiment: &Experiment,
        batch: &Batch,
    ) -> Result<(), LeaseError> {
        let (token, headline) = (report.token, &experiment.metrics().headline().name);
        let is_headline = |observation: &Observation| observation.metric == *headline;
        let has_ended = self.scheduler.trial_state(token.trial_id) != Some(TrialState::Leased);
        let written = batch
            .reports
            .iter()
            .filter(|written| written.token == token);
        if has_ended
            || report.observations.iter().any(is_headline)
            || written
                .flat_map(|report| &report.observations)
                .any(is_headline)
        {
            return Ok(());
        }
        match self.store.has_observed(token, headline) {
            Ok(true) => Ok(()),
            Ok(false) => Err(LeaseError::Malformed(format!(
                "{token} succeeded without {headline}\n\
                 hint: a success reports its last evaluation before it ends, or with its end"
            ))),
            Err(error) => Err(LeaseError::Unavailable(error.to_string())),
        }
    }

    /// What a trial is, and its settings; `None` for a trial that no sweep has.
    fn experiment_of(&self, token: LeaseToken) -> Option<(&Experiment, ConfigurationSpec)> {
        let entry = self.sweeps.of_trial(token.trial_id)?;
        let (configuration, _) = entry.spec.place(token.trial_id.0 - entry.first_trial_id.0);
        let spec = &entry.spec;
        Some((spec.experiment(), spec.configuration(configuration)))
    }
}

fn impossible(token: LeaseToken, error: &SpecError) -> LeaseError {
    LeaseError::Malformed(format!("{token} cannot report this: {error}"))
}
