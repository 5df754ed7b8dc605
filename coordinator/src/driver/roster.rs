//! Which workers are known, whose token each belongs to, when each was last heard of, and how far
//! their leases are. Kept in memory: who a worker is goes to the database, and every few seconds who
//! was heard of.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use pondersweep_proto::{
    error::LeaseError,
    id::{LeaseToken, TrialId, WorkerId},
};

use super::command::{LeaseRequest, Speaker};
use crate::{
    scheduler::Change,
    store::{RECORD_SIGHTINGS_EVERY, Sighting, WorkerRecord, WorkerState},
    trust::TokenId,
};

/// The workers and the progress of what they hold.
pub(super) struct Roster {
    known: HashMap<WorkerId, Known>,
    /// Who was heard of since sightings were last recorded.
    heard: HashSet<WorkerId>,
    /// When sightings are recorded next; at once, after a worker changed its state.
    record_at: Option<Instant>,
    /// Updates done by the live attempt of a trial, as last reported.
    updates_done: HashMap<TrialId, u64>,
    lease_duration: Duration,
}

/// A worker.
struct Known {
    /// Never, for one known only from before a restart.
    last_heard: Option<Instant>,
    state: WorkerState,
    /// The token that registered it.
    token_id: Option<TokenId>,
}

impl Known {
    const fn new(token_id: Option<TokenId>) -> Self {
        Self {
            last_heard: None,
            state: WorkerState::Working,
            token_id,
        }
    }

    /// Refuses whoever shows another token than the one that registered the worker.
    fn check(&self, worker_id: &WorkerId, token_id: Option<&TokenId>) -> Result<(), LeaseError> {
        if self.token_id.as_ref() == token_id {
            return Ok(());
        }
        Err(LeaseError::Denied(format!(
            "worker {worker_id} belongs to another token\n\
             hint: start the worker again, so that it registers with the token it has now"
        )))
    }
}

impl Roster {
    /// The workers a database knows.
    pub(super) fn restore(workers: Vec<WorkerRecord>, lease_duration: Duration) -> Self {
        let known = |worker: WorkerRecord| (worker.worker_id, Known::new(worker.token_id));
        Self {
            known: workers.into_iter().map(known).collect(),
            heard: HashSet::new(),
            record_at: None,
            updates_done: HashMap::new(),
            lease_duration,
        }
    }

    /// Makes a worker known, unless its name belongs to another token. That it was heard of is recorded
    /// with what it says of itself.
    pub(super) fn register(
        &mut self,
        worker: &WorkerRecord,
        now: Instant,
    ) -> Result<(), LeaseError> {
        let known = self.known.entry(worker.worker_id.clone());
        let known = known.or_insert_with(|| Known::new(worker.token_id.clone()));
        known.check(&worker.worker_id, worker.token_id.as_ref())?;
        known.last_heard = Some(now);
        known.state = WorkerState::Working;
        Ok(())
    }

    /// Notes a sign of life, and what it tells of the worker's plans.
    pub(super) fn heard_from(
        &mut self,
        speaker: &Speaker,
        request: &LeaseRequest,
        now: Instant,
    ) -> Result<(), LeaseError> {
        let Speaker {
            worker_id,
            token_id,
        } = speaker;
        let known = self.known.get_mut(worker_id);
        let known = known.ok_or_else(|| LeaseError::UnknownWorker(worker_id.to_string()))?;
        known.check(worker_id, token_id.as_ref())?;
        let state = state_told_by(request).unwrap_or(known.state);
        if state != known.state {
            self.record_at = Some(now);
        }
        (known.last_heard, known.state) = (Some(now), state);
        if !self.heard.contains(worker_id) {
            self.heard.insert(worker_id.clone());
        }
        Ok(())
    }

    /// The workers to record as heard of: everybody who was, every few seconds and whenever one
    /// changed its state. Rarely, since each is a row that is written.
    pub(super) fn sightings(&mut self, now: Instant) -> Vec<Sighting> {
        if self.heard.is_empty() {
            return Vec::new();
        }
        if now < *self.record_at.get_or_insert(now) {
            return Vec::new();
        }
        self.record_at = Some(now + RECORD_SIGHTINGS_EVERY);
        let heard = std::mem::take(&mut self.heard).into_iter();
        let sighting = |worker_id: WorkerId| Sighting {
            state: self.known[&worker_id].state,
            worker_id,
        };
        heard.map(sighting).collect()
    }

    /// Workers heard of within one lease term.
    pub(super) fn alive(&self, now: Instant) -> u32 {
        let recent = |last: &Instant| now.saturating_duration_since(*last) <= self.lease_duration;
        let heard = self.known.values().filter_map(|known| known.last_heard);
        let alive = heard.filter(recent).count();
        u32::try_from(alive).unwrap_or(u32::MAX)
    }

    /// Notes how far an attempt is.
    pub(super) fn note_progress(&mut self, token: LeaseToken, updates_done: u64) {
        self.updates_done.insert(token.trial_id, updates_done);
    }

    /// Updates done by the live attempts of trials in a range of ids.
    pub(super) fn updates_done(&self, trials: std::ops::Range<u64>) -> u64 {
        let inside = self
            .updates_done
            .iter()
            .filter(|(trial, _)| trials.contains(&trial.0));
        // A worker may claim any number, and several of them more than there are.
        inside.fold(0, |sum, (_, updates)| sum.saturating_add(*updates))
    }

    /// Forgets the progress of attempts that ended.
    pub(super) fn forget_ended(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Ended { token, .. } = change {
                self.updates_done.remove(&token.trial_id);
            }
        }
    }
}

/// What a request tells of a worker's plans.
const fn state_told_by(request: &LeaseRequest) -> Option<WorkerState> {
    match request {
        LeaseRequest::Acquire { .. }
        | LeaseRequest::Renew {
            draining: false, ..
        } => Some(WorkerState::Working),
        LeaseRequest::Renew { draining: true, .. } => Some(WorkerState::Draining),
        LeaseRequest::Drain => Some(WorkerState::Left),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, store::MachineRecord};

    const TERM: Duration = Duration::from_secs(30);

    fn roster(now: Instant) -> (Roster, Speaker) {
        let worker_id: WorkerId = "w".parse().unwrap();
        let worker = WorkerRecord {
            worker_id: worker_id.clone(),
            host: "host".into(),
            process_id: 1,
            device: "cpu".into(),
            backend: "flex".into(),
            version: "0".into(),
            binary_sha256: "ab".into(),
            slots: 1,
            machine: MachineRecord::default(),
            token_id: None,
        };
        let mut roster = Roster::restore(Vec::new(), TERM);
        roster.register(&worker, now).unwrap();
        (roster, worker_id.into())
    }

    const fn beat(draining: bool) -> LeaseRequest {
        LeaseRequest::Renew {
            leases: Vec::new(),
            draining,
        }
    }

    fn states(sightings: &[Sighting]) -> Vec<WorkerState> {
        sightings.iter().map(|seen| seen.state).collect()
    }

    #[test]
    fn a_worker_that_beats_often_is_recorded_every_few_seconds() {
        let mut now = clock::now();
        let (mut roster, speaker) = roster(now);
        assert_eq!(roster.sightings(now), []);
        let mut recorded = 0;
        for _ in 0..100 {
            now += RECORD_SIGHTINGS_EVERY / 10;
            roster.heard_from(&speaker, &beat(false), now).unwrap();
            recorded += roster.sightings(now).len();
        }
        assert_eq!(recorded, 10);
        // And one that falls silent is not recorded again.
        now += 3 * RECORD_SIGHTINGS_EVERY;
        recorded = roster.sightings(now).len();
        assert!(recorded <= 1);
        assert_eq!(roster.sightings(now + TERM), []);
    }

    #[test]
    fn a_worker_that_is_about_to_leave_is_recorded_at_once() {
        let now = clock::now();
        let (mut roster, speaker) = roster(now);
        let mut hear = |request: LeaseRequest| {
            roster.heard_from(&speaker, &request, now).unwrap();
            states(&roster.sightings(now))
        };
        assert_eq!(hear(beat(false)), [WorkerState::Working]);
        assert_eq!(hear(beat(false)), []);
        assert_eq!(hear(beat(true)), [WorkerState::Draining]);
        assert_eq!(hear(beat(true)), []);
        assert_eq!(hear(LeaseRequest::Drain), [WorkerState::Left]);
        // One that comes back works again.
        assert_eq!(hear(beat(false)), [WorkerState::Working]);
    }
}
