//! Commands to scheduler verbs. Each function asks the scheduler and collects what the commit must
//! carry besides the scheduler's own changes; none of them answers anybody.

use std::{sync::Arc, time::Instant};

use pondersweep_proto::{
    ending::EndedAttempt,
    error::{LeaseError, SweepError},
    id::{LeaseToken, WorkerId},
    program::ProgramFile,
    wire,
};

use super::{
    Driver,
    command::{Grant, LeaseRequest, LeaseView, SweepChange, SweepProgress, SweepView},
    sweeps::SweepEntry,
};
use crate::{
    scheduler::{Finished, StartError, Superseded, WrongState},
    store::{AttemptReport, Batch},
};

impl Driver {
    pub(super) fn change_sweep(
        &mut self,
        name: &str,
        change: SweepChange,
    ) -> Result<(SweepView, u64), SweepError> {
        let entry = self.sweeps.named(name)?.clone();
        let sweep_id = entry.sweep_id;
        let mut moved = 0;
        match change {
            SweepChange::None => {}
            SweepChange::Pause => self.scheduler.pause(sweep_id).map_err(wrong_state)?,
            SweepChange::Resume => self.scheduler.resume(sweep_id).map_err(wrong_state)?,
            SweepChange::Cancel => self.scheduler.cancel(sweep_id).map_err(wrong_state)?,
            SweepChange::Retry(states) => {
                moved = self
                    .scheduler
                    .retry(sweep_id, &states)
                    .map_err(wrong_state)?;
            }
            SweepChange::Allocate(allocations) => {
                let replicates = entry.replicates_of_each(&allocations)?;
                let allocated = self.scheduler.allocate(sweep_id, replicates);
                moved = allocated.map_err(wrong_state)?;
            }
        }
        Ok((self.view(&entry), moved))
    }

    pub(super) fn views(&self) -> Vec<SweepView> {
        self.sweeps.iter().map(|entry| self.view(entry)).collect()
    }

    pub(super) fn progress(&self, name: &str, now: Instant) -> Result<SweepProgress, SweepError> {
        let entry = self.sweeps.named(name)?;
        let sweep = self.view(entry);
        let state_of = |trial| {
            self.scheduler
                .trial_state(trial)
                .expect("every stored trial is enqueued")
        };
        let ended = entry.updates_ended(&sweep.counts, state_of);
        let updates_total = entry.updates_total(&sweep.counts, state_of);
        Ok(SweepProgress {
            workers: self.roster.alive(now),
            updates_done: ended
                .saturating_add(self.roster.updates_done(entry.trials()))
                .min(updates_total),
            updates_total,
            sweep,
        })
    }

    pub(super) fn view(&self, entry: &SweepEntry) -> SweepView {
        let unknown = "every stored sweep is enqueued";
        SweepView {
            sweep_id: entry.sweep_id,
            spec: Arc::clone(&entry.spec),
            state: self.scheduler.sweep_state(entry.sweep_id).expect(unknown),
            state_reason: self
                .scheduler
                .sweep_reason(entry.sweep_id)
                .expect(unknown)
                .to_owned(),
            counts: self.scheduler.counts(entry.sweep_id).expect(unknown),
            created_at_ms: entry.created_at_ms,
        }
    }

    pub(super) fn serve_worker(
        &mut self,
        worker_id: &WorkerId,
        request: LeaseRequest,
        now: Instant,
        batch: &mut Batch,
    ) -> Result<Grant, LeaseError> {
        match request {
            LeaseRequest::Acquire {
                request_id,
                max_lanes,
                only,
                together_with,
                offers,
            } => {
                self.scheduler.note_offers(worker_id, offers);
                let room = self.roster.most_leases(worker_id);
                let room = room.saturating_sub(self.scheduler.held_by(worker_id));
                let max_lanes = max_lanes.min(room);
                let (scheduler, request) = (&mut self.scheduler, &request_id);
                let tokens = match together_with {
                    None => scheduler.acquire(worker_id, request, max_lanes, only, now),
                    Some(held) => {
                        scheduler.acquire_together_with(worker_id, request, max_lanes, held, now)
                    }
                };
                let leases = tokens.into_iter().map(|token| self.lease_view(token));
                let leases = leases.collect();
                Ok(Grant::Leases {
                    leases,
                    idle: self.scheduler.is_idle(only),
                })
            }
            LeaseRequest::Renew { leases, .. } => {
                Ok(Grant::Lost(self.renew(worker_id, leases, now)))
            }
            LeaseRequest::Report {
                token,
                observations,
            } => {
                self.scheduler
                    .check(worker_id, token, "report")
                    .map_err(superseded)?;
                self.check_observed(token, &observations)?;
                batch.reports.push(AttemptReport {
                    token,
                    observations,
                });
                Ok(Grant::Done)
            }
            LeaseRequest::MaySaveCheckpoint {
                token,
                updates_done,
                bytes,
            } => {
                let held = self.scheduler.check(worker_id, token, "save_checkpoint");
                held.map_err(superseded)?;
                self.check_checkpoint(token, updates_done, bytes)?;
                Ok(Grant::Done)
            }
            LeaseRequest::LoadCheckpoint(token) => {
                self.scheduler
                    .check(worker_id, token, "load_checkpoint")
                    .map_err(superseded)?;
                let checkpoint = self.scheduler.checkpoint(token.trial_id);
                Ok(Grant::Checkpoint(checkpoint.cloned()))
            }
            LeaseRequest::LoadProgramFiles(token) => {
                let held = self.scheduler.check(worker_id, token, "load_program_files");
                held.map_err(superseded)?;
                self.program_files(token).map(Grant::Files)
            }
            LeaseRequest::SaveCheckpoint {
                trial_id,
                checkpoint,
            } => {
                let saved = self
                    .scheduler
                    .save_checkpoint(worker_id, trial_id, checkpoint);
                Ok(Grant::Saved(saved.map_err(superseded)?))
            }
            LeaseRequest::StartFromCheckpoint {
                token,
                from,
                updates_done,
            } => {
                self.scheduler
                    .start_from_checkpoint(worker_id, token, from, updates_done)
                    .map_err(not_started)?;
                Ok(Grant::Done)
            }
            LeaseRequest::Finish(reports) => {
                self.check_ended(&reports, batch)?;
                Ok(Grant::Lost(self.finish(worker_id, reports, batch)))
            }
            LeaseRequest::Drain => {
                let returned = self.scheduler.drain(worker_id).len();
                Ok(Grant::Returned(u32::try_from(returned).unwrap_or(u32::MAX)))
            }
        }
    }

    /// Renews what the worker still holds and returns the rest.
    fn renew(
        &mut self,
        worker_id: &WorkerId,
        leases: Vec<(LeaseToken, u64)>,
        now: Instant,
    ) -> Vec<LeaseToken> {
        let mut lost = Vec::new();
        for (token, updates_done) in leases {
            match self.scheduler.renew(worker_id, token, now) {
                Ok(()) => self.roster.note_progress(token, updates_done),
                Err(_) => lost.push(token),
            }
        }
        lost
    }

    /// Ends the attempts that are the worker's and returns the rest.
    fn finish(
        &mut self,
        worker_id: &WorkerId,
        reports: Vec<EndedAttempt>,
        batch: &mut Batch,
    ) -> Vec<LeaseToken> {
        let ended = reports
            .into_iter()
            .map(|report| self.end(worker_id, report, batch));
        ended
            .filter_map(Result::err)
            .map(|Superseded(token)| token)
            .collect()
    }

    fn end(
        &mut self,
        worker_id: &WorkerId,
        report: EndedAttempt,
        batch: &mut Batch,
    ) -> Result<(), Superseded> {
        let EndedAttempt {
            token,
            ending,
            observations,
            seconds,
            breakdown,
        } = report;
        let finished = self.scheduler.finish(worker_id, token, ending)?;
        if finished == Finished::Now {
            batch.reports.push(AttemptReport {
                token,
                observations,
            });
            batch.seconds.push((token, seconds));
            let breakdown = breakdown.map(|breakdown| (token, breakdown));
            batch.breakdowns.extend(breakdown);
        }
        Ok(())
    }

    fn lease_view(&self, token: LeaseToken) -> LeaseView {
        LeaseView {
            token,
            spec: self.spec_of(token),
            checkpoint: self.scheduler.checkpoint(token.trial_id).cloned(),
        }
    }

    fn program_files(&self, token: LeaseToken) -> Result<Vec<ProgramFile>, LeaseError> {
        let entry = self.sweeps.of_trial(token.trial_id);
        let Some(program) = entry.and_then(|entry| entry.spec.terms().program.as_deref()) else {
            return Ok(Vec::new());
        };
        let files = self.store.program_files(program);
        files.map_err(|error| LeaseError::Unavailable(error.to_string()))
    }

    fn spec_of(&self, token: LeaseToken) -> wire::TrialSpec {
        let entry = self
            .sweeps
            .of_trial(token.trial_id)
            .expect("leased trials belong to a sweep");
        entry
            .spec
            .trial_message(token.trial_id.0 - entry.first_trial_id.0)
    }
}

fn superseded(Superseded(token): Superseded) -> LeaseError {
    LeaseError::superseded(token)
}

fn not_started(error: StartError) -> LeaseError {
    match error {
        StartError::Superseded(why) => superseded(why),
        StartError::NoSuchCheckpoint(_) => LeaseError::CheckpointLost(error.to_string()),
    }
}

fn wrong_state(error: WrongState) -> SweepError {
    SweepError::WrongState(format!(
        "{error}\nhint: `pondersweep status` shows how it stands"
    ))
}
