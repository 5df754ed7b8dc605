//! The scheduler: its verbs, each a decision that leaves [`Change`]s behind.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use pondersweep_proto::{
    ending::ReportedEnding,
    failure::{Cause, Failure},
    id::{Attempt, LeaseToken, SweepId, TrialId, WorkerId},
};

use super::{
    blame::{Evidence, Suspicion},
    change::{Change, Ending, SweepState, TrialState},
    checkpoint::Checkpoint,
    device::Devices,
    lease::{Lease, Leases},
    process::{Process, Processes},
    restore::RestoredSweep,
    steering::Steering,
    sweep::{Sweep, SweepEntry},
    trial::{Event, Trial},
};

/// The scheduler's limits.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerLimits {
    /// How long a lease lasts without renewal.
    pub lease_duration: Duration,
    /// The share of a sweep's ended trials that may have failed before it is paused, from 0 to 1.
    pub max_failure_rate: f64,
}

/// Whether an end is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It was accepted by this call.
    Now,
    /// It had been accepted before; nothing changed.
    Again,
}

/// The worker speaks for an attempt that is not the trial's current one, or not its own. Nothing
/// was changed; the refusal was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the worker's current lease")]
pub struct Superseded(pub LeaseToken);

/// Decides who runs what, and when that ends.
#[derive(Debug)]
pub struct Scheduler {
    limits: SchedulerLimits,
    /// By their first trial, which is the order of submission.
    pub(super) sweeps: BTreeMap<TrialId, Sweep>,
    leases: Leases,
    processes: Processes,
    devices: Devices,
    /// Of trials that have not ended.
    pub(super) checkpoints: BTreeMap<TrialId, Checkpoint>,
    pub(super) changes: Vec<Change>,
}

impl Scheduler {
    /// A scheduler with nothing to do.
    #[must_use]
    pub fn new(limits: SchedulerLimits) -> Self {
        Self {
            limits,
            sweeps: BTreeMap::new(),
            leases: Leases::default(),
            processes: Processes::default(),
            devices: Devices::default(),
            checkpoints: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// A scheduler that goes on from what was stored. Every live lease gets one fresh term, so a
    /// restart re-runs nothing.
    #[must_use]
    pub fn restore(limits: SchedulerLimits, sweeps: Vec<RestoredSweep>, now: Instant) -> Self {
        let mut scheduler = Self::new(limits);
        for restored in sweeps {
            let first = restored.entry.first_trial_id;
            let trials = restored
                .trials
                .iter()
                .map(|trial| trial.state_of())
                .collect();
            let mut sweep = Sweep::new(restored.entry, trials);
            sweep.state = restored.state;
            sweep.reason = restored.state_reason;
            sweep.baseline = restored.baseline;
            sweep.steering = Steering::left_over(&sweep);
            scheduler.sweeps.insert(first, sweep);
            for (offset, trial) in (0..).zip(restored.trials) {
                let Some(holder) = trial.lease else { continue };
                let lease = Lease {
                    attempt: trial.attempt,
                    worker_id: holder.worker_id,
                    request_id: holder.request_id,
                    deadline: now + limits.lease_duration,
                    had_company: false,
                };
                scheduler.leases.insert(TrialId(first.0 + offset), lease);
            }
        }
        scheduler
    }

    /// Notes which process a worker lives in: workers of one process die together.
    pub fn register(&mut self, worker_id: &WorkerId, process: Process) {
        self.processes.register(worker_id, process);
    }

    /// Notes what a worker computes on.
    pub fn note_device(&mut self, worker_id: &WorkerId, device: &str) {
        self.devices.note(worker_id, device);
    }

    /// Notes what needs a worker meets.
    pub fn note_offers(&mut self, worker_id: &WorkerId, offers: Vec<String>) {
        self.devices.note_offers(worker_id, offers);
    }

    /// Forgets a worker that holds nothing.
    pub fn forget(&mut self, worker_id: &WorkerId) {
        self.processes.forget(worker_id);
        self.devices.forget(worker_id);
    }

    /// How many trials a worker holds.
    #[must_use]
    pub fn held_by(&self, worker_id: &WorkerId) -> u32 {
        u32::try_from(self.leases.of_worker(worker_id).count()).unwrap_or(u32::MAX)
    }

    /// Adds a sweep; its trials are pending, but for those that are withheld.
    pub fn enqueue(&mut self, entry: SweepEntry) {
        let states = (0..entry.trials()).map(|index| entry.first_state(index));
        let trials = states.map(Trial::new).collect();
        let sweep = Sweep::new(entry, trials);
        let former = self.sweeps.insert(sweep.entry.first_trial_id, sweep);
        assert!(former.is_none(), "a sweep is enqueued once");
    }

    /// Leases up to `max_lanes` pending trials of one shape: of the oldest active sweep, or of the
    /// one sweep named, that may be trained on the worker's device, in the order of their ids. The
    /// same request of the same worker gets the same leases, as far as it still holds them.
    /// Suspects keep to themselves, see `blame`.
    pub fn acquire(
        &mut self,
        worker_id: &WorkerId,
        request_id: &str,
        max_lanes: u32,
        only: Option<SweepId>,
        now: Instant,
    ) -> Vec<LeaseToken> {
        let granted = self.leases.granted(worker_id, request_id);
        if !granted.is_empty() {
            return granted;
        }
        let bundle = self.next_bundle(worker_id, max_lanes as usize, only);
        self.lease(worker_id, request_id, bundle, now)
    }

    /// Leases up to `max_lanes` more pending trials that can be trained together with one the
    /// worker holds: of its sweep and its shape, in the order of their ids. None when it is no
    /// longer the worker's, or must be alone. A repeated request gets the same leases, as from
    /// [`Self::acquire`].
    pub fn acquire_together_with(
        &mut self,
        worker_id: &WorkerId,
        request_id: &str,
        max_lanes: u32,
        held: LeaseToken,
        now: Instant,
    ) -> Vec<LeaseToken> {
        let granted = self.leases.granted(worker_id, request_id);
        if !granted.is_empty() || !self.holds(worker_id, held) {
            return granted;
        }
        let sweep = self.sweep_of(held.trial_id);
        if max_lanes == 0 || !sweep.is_dispatched() || self.is_suspect(held.trial_id) {
            return Vec::new();
        }
        let bundle = sweep.next_together_with(held.trial_id, max_lanes as usize);
        self.lease(worker_id, request_id, bundle, now)
    }

    fn lease(
        &mut self,
        worker_id: &WorkerId,
        request_id: &str,
        bundle: Vec<TrialId>,
        now: Instant,
    ) -> Vec<LeaseToken> {
        let mut tokens = Vec::with_capacity(bundle.len());
        for trial_id in bundle {
            let sweep = self.sweep_of_mut(trial_id);
            sweep.apply(trial_id, Event::Acquired);
            let attempt = Attempt(sweep.trial(trial_id).attempt);
            let token = LeaseToken { trial_id, attempt };
            let lease = Lease {
                attempt,
                worker_id: worker_id.clone(),
                request_id: request_id.to_owned(),
                deadline: now + self.limits.lease_duration,
                had_company: false,
            };
            self.leases.insert(trial_id, lease);
            self.changes.push(Change::Leased {
                token,
                worker_id: worker_id.clone(),
                request_id: request_id.to_owned(),
            });
            tokens.push(token);
        }
        tokens
    }

    /// What a worker gets next.
    fn next_bundle(
        &self,
        worker_id: &WorkerId,
        most: usize,
        only: Option<SweepId>,
    ) -> Vec<TrialId> {
        // A suspect is alone in its process, so the first lease tells.
        let held = self.held_in_process_of(worker_id).next();
        if held.is_some_and(|trial_id| self.is_suspect(trial_id)) {
            return Vec::new();
        }
        let dispatched = |sweep: &&Sweep| {
            sweep.is_dispatched()
                && only.is_none_or(|only| only == sweep.entry.sweep_id)
                && self.devices.fit(worker_id, sweep.entry.device.as_deref())
                && self.devices.meets(worker_id, sweep.entry.need.as_deref())
        };
        if most == 0 {
            return Vec::new();
        }
        let sweeps = self.sweeps.values().filter(dispatched);
        sweeps
            .map(|sweep| sweep.next_bundle(most, held.is_none()))
            .find(|bundle| !bundle.is_empty())
            .unwrap_or_default()
    }

    /// The trials held by a worker and by those that share its process.
    fn held_in_process_of<'a>(
        &'a self,
        worker_id: &'a WorkerId,
    ) -> impl Iterator<Item = TrialId> + 'a {
        let workers = self.processes.companions(worker_id).iter();
        workers.flat_map(|worker| self.leases.of_worker(worker))
    }

    /// Whether nothing else is held, or was lost a moment ago, in the process of a lease's worker.
    fn is_alone(&self, lease: &Lease) -> bool {
        !lease.had_company && self.held_in_process_of(&lease.worker_id).nth(1).is_none()
    }

    fn is_suspect(&self, trial_id: TrialId) -> bool {
        let record = self.sweep_of(trial_id).trial(trial_id).record();
        record.suspicion == Suspicion::Suspect
    }

    /// Gives a lease a fresh term.
    ///
    /// # Errors
    /// The worker does not hold it. This is how a worker learns so, and is not recorded.
    pub fn renew(
        &mut self,
        worker_id: &WorkerId,
        token: LeaseToken,
        now: Instant,
    ) -> Result<(), Superseded> {
        if !self.holds(worker_id, token) {
            return Err(Superseded(token));
        }
        self.leases
            .renew(token.trial_id, now + self.limits.lease_duration);
        Ok(())
    }

    /// Whether a worker may speak for an attempt.
    ///
    /// # Errors
    /// It may not; that it tried is recorded.
    pub fn check(
        &mut self,
        worker_id: &WorkerId,
        token: LeaseToken,
        call: &'static str,
    ) -> Result<(), Superseded> {
        if self.holds(worker_id, token) {
            return Ok(());
        }
        self.changes.push(Change::Refused {
            token,
            worker_id: worker_id.clone(),
            call,
        });
        Err(Superseded(token))
    }

    /// Ends an attempt. The same end of the same attempt is accepted again without effect: its
    /// first answer may have been lost.
    ///
    /// A lapsed attempt has ended, even while the trial does not run elsewhere yet: a caller that
    /// was told that a trial is pending must be able to rely on it.
    ///
    /// # Errors
    /// The attempt is not the worker's current lease; that it tried is recorded.
    pub fn finish(
        &mut self,
        worker_id: &WorkerId,
        token: LeaseToken,
        finish: ReportedEnding,
    ) -> Result<Finished, Superseded> {
        if !self.holds(worker_id, token) && self.has_ended_so(token, &finish) {
            return Ok(Finished::Again);
        }
        self.check(worker_id, token, "finish")?;
        let trial_id = token.trial_id;
        match finish {
            ReportedEnding::Succeeded => self.end(trial_id, Event::Succeeded, Ending::Succeeded),
            ReportedEnding::Infeasible(why) => {
                self.end(trial_id, Event::Infeasible, Ending::Infeasible(why))
            }
            ReportedEnding::Failed(failure) => {
                self.fail(trial_id, Evidence::Told, Ending::Failed(failure))
            }
        };
        Ok(Finished::Now)
    }

    /// Takes back everything a worker holds. No trial is blamed: it counts neither as a failure
    /// nor as a loss.
    pub fn drain(&mut self, worker_id: &WorkerId) -> Vec<LeaseToken> {
        let held: Vec<TrialId> = self.leases.of_worker(worker_id).collect();
        let give_back = |trial_id| self.end(trial_id, Event::Returned, Ending::Returned);
        held.into_iter().map(give_back).collect()
    }

    /// Ends everything the workers of a process hold, because its parent saw it die.
    pub fn process_died(&mut self, process: &Process, failure: &Failure) -> Vec<LeaseToken> {
        let workers = self.processes.workers(process).iter();
        let held: Vec<TrialId> = workers
            .flat_map(|worker| self.leases.of_worker(worker))
            .collect();
        let lease = |trial_id| self.leases.get(trial_id).expect("it is held");
        let alone = held.iter().all(|&trial_id| self.is_alone(lease(trial_id)));
        let evidence = Evidence::SawItDie { alone };
        let end = |trial_id| self.fail(trial_id, evidence, Ending::Failed(failure.clone()));
        held.into_iter().map(end).collect()
    }

    /// Takes back everything that the workers of processes hold which can no longer speak, for
    /// reasons that have nothing to do with what they ran. No trial is blamed.
    pub fn take_back(&mut self, is_gone: impl Fn(&Process) -> bool) -> Vec<LeaseToken> {
        let held: Vec<TrialId> = self.leases.trials().collect();
        let of_gone = held.into_iter().filter(|&trial_id| {
            let lease = self.leases.get(trial_id).expect("it is held");
            let process = self.processes.of(&lease.worker_id);
            process.is_some_and(&is_gone)
        });
        let of_gone: Vec<TrialId> = of_gone.collect();
        let take_back = |trial_id| self.end(trial_id, Event::Returned, Ending::Returned);
        of_gone.into_iter().map(take_back).collect()
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.leases.first_deadline().map(|(deadline, _)| deadline)
    }

    /// Gives every live lease a fresh term: for a coordinator that could not listen for a while and
    /// cannot know who spoke.
    pub fn restart_terms(&mut self, now: Instant) {
        let deadline = now + self.limits.lease_duration;
        let live: Vec<TrialId> = self.leases.trials().collect();
        live.into_iter()
            .for_each(|trial_id| self.leases.renew(trial_id, deadline));
    }

    /// Ends every lease that was not renewed in time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((deadline, trial_id)) = self.leases.first_deadline() {
            if deadline > now {
                break;
            }
            let lease = self.leases.get(trial_id).expect("it has a deadline");
            let (alone, worker_id) = (self.is_alone(lease), lease.worker_id.clone());
            self.fail(trial_id, Evidence::Silence { alone }, Ending::Lapsed);
            for companion in self.processes.companions(&worker_id) {
                self.leases.note_company(companion);
            }
        }
    }

    /// What was decided since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Ends a live lease that gave no result, as the rules of blame have it.
    fn fail(&mut self, trial_id: TrialId, evidence: Evidence, ending: Ending) -> LeaseToken {
        let sweep = self.sweep_of(trial_id);
        let cause = ending.cause().unwrap_or(Cause::Other);
        let before = sweep.trial(trial_id).record();
        let verdict = before.judge(cause, evidence, &sweep.entry.limits);
        let event = Event::Failed {
            record: verdict.record,
            condemned: verdict.condemned,
        };
        self.end_blaming(trial_id, event, ending, verdict.blamed)
    }

    /// Ends a live lease and blames no trial.
    pub(super) fn end(&mut self, trial_id: TrialId, event: Event, ending: Ending) -> LeaseToken {
        self.end_blaming(trial_id, event, ending, false)
    }

    /// Ends a live lease, and its sweep if that was the last trial.
    fn end_blaming(
        &mut self,
        trial_id: TrialId,
        event: Event,
        ending: Ending,
        blamed: bool,
    ) -> LeaseToken {
        let lease = self.leases.remove(trial_id).expect("only live leases end");
        let token = LeaseToken {
            trial_id,
            attempt: lease.attempt,
        };
        let sweep = self.sweep_of_mut(trial_id);
        let sweep_id = sweep.entry.sweep_id;
        let state = sweep.apply(trial_id, event);
        let record = sweep.trial(trial_id).record();
        self.changes.push(Change::Ended {
            token,
            ending,
            state,
            blamed,
            record,
        });
        self.drop_checkpoint_if_ended(trial_id, state);
        self.finish_or_pause(sweep_id);
        token
    }

    /// Finishes a sweep whose trials have all ended, and pauses one that fails too often.
    pub(super) fn finish_or_pause(&mut self, sweep_id: SweepId) {
        let max_failure_rate = self.limits.max_failure_rate;
        let sweep = self.sweep_mut(sweep_id);
        let is_open = matches!(sweep.state, SweepState::Active | SweepState::Paused);
        if sweep.all_ended() && is_open && sweep.steering.is_none() {
            self.enter(sweep_id, SweepState::Finished, "every trial has ended");
        } else if sweep.state == SweepState::Active {
            let complaint = sweep.baseline.complaint(&sweep.counts, max_failure_rate);
            if let Some(reason) = complaint {
                self.enter(sweep_id, SweepState::Paused, &reason);
            }
        }
    }

    /// Takes a sweep to a state and notes it.
    pub(super) fn enter(&mut self, sweep_id: SweepId, state: SweepState, reason: &str) {
        let sweep = self.sweep_mut(sweep_id);
        sweep.state = state;
        sweep.reason = reason.to_owned();
        let baseline = sweep.baseline;
        self.changes.push(Change::Sweep {
            sweep_id,
            state,
            reason: reason.to_owned(),
            baseline,
        });
    }

    /// Whether the token is the trial's live lease and the worker's own.
    fn holds(&self, worker_id: &WorkerId, token: LeaseToken) -> bool {
        self.leases
            .get(token.trial_id)
            .is_some_and(|lease| lease.attempt == token.attempt && lease.worker_id == *worker_id)
    }

    /// Whether the trial's last attempt is this one and ended as stated.
    fn has_ended_so(&self, token: LeaseToken, finish: &ReportedEnding) -> bool {
        let Some(sweep) = self.containing(token.trial_id) else {
            return false;
        };
        let trial = sweep.trial(token.trial_id);
        let expected = match finish {
            ReportedEnding::Succeeded => TrialState::Succeeded,
            ReportedEnding::Infeasible(_) => TrialState::Infeasible,
            // After a failure the trial may be pending, and lapsed attempts end there as well, so
            // a repeated failure cannot be told from a late one; it is refused, which loses
            // nothing.
            ReportedEnding::Failed(_) => return false,
        };
        trial.attempt == token.attempt.0 && trial.state == expected
    }

    /// Walks every invariant.
    #[cfg(test)]
    pub(super) fn sanity_check(&self) {
        self.leases.sanity_check();
        self.check_checkpoints();
        let mut leased = 0;
        for sweep in self.sweeps.values() {
            sweep.sanity_check();
            if sweep.state == SweepState::Active {
                let rate = self.limits.max_failure_rate;
                assert_eq!(sweep.baseline.complaint(&sweep.counts, rate), None);
            }
            for trial_id in sweep.in_state(&[TrialState::Leased]) {
                let lease = self
                    .leases
                    .get(trial_id)
                    .expect("a leased trial has a live lease");
                assert_eq!(lease.attempt.0, sweep.trial(trial_id).attempt);
                leased += 1;
            }
        }
        assert_eq!(
            leased,
            self.leases.trials().count(),
            "a live lease is a leased trial's"
        );
    }
}
