//! Which workers are known, whose token each belongs to, when each was last heard of, and how far
//! their leases are. Kept in memory: who a worker is goes to the database, and every few seconds
//! who was heard of. Workers cost nothing to invent, so those that never ran anything are bounded.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use pondersweep_proto::{
    error::LeaseError,
    id::{LeaseToken, TrialId, WorkerId},
    limit::{MAX_IDLE_WORKERS, MAX_LANES, MAX_SLOTS},
};

use super::command::{LeaseRequest, Speaker};
use crate::{
    scheduler::Change,
    store::{IdleWorkers, RECORD_SIGHTINGS_EVERY, Sighting, WorkerRecord, WorkerState},
    trust::TokenId,
};

/// How often idle workers are counted while there are many: it looks through all attempts.
const RECOUNT_EVERY: Duration = Duration::from_secs(60);

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
    /// Workers that never ran anything, at most: those that were counted, and those that came
    /// since.
    idle: usize,
    /// When the idle ones were last counted.
    counted_at: Option<Instant>,
}

/// A worker.
struct Known {
    /// Never, for one known only from before a restart.
    last_heard: Option<Instant>,
    state: WorkerState,
    /// What it said of itself, the token that registered it among it.
    record: WorkerRecord,
}

impl Known {
    const fn new(record: WorkerRecord) -> Self {
        Self {
            last_heard: None,
            state: WorkerState::Working,
            record,
        }
    }

    /// Refuses any other token than the one that registered the worker.
    fn check(&self, worker_id: &WorkerId, token_id: Option<&TokenId>) -> Result<(), LeaseError> {
        if self.record.token_id.as_ref() == token_id {
            return Ok(());
        }
        Err(LeaseError::Denied(format!(
            "worker {worker_id} belongs to another token\n\
             hint: start the worker again, so that it registers with the token it has now"
        )))
    }
}

impl Roster {
    /// The workers a database knows, and how many of them never ran anything.
    pub(super) fn restore(
        workers: Vec<WorkerRecord>,
        idle: usize,
        lease_duration: Duration,
    ) -> Self {
        let known = |worker: WorkerRecord| (worker.worker_id.clone(), Known::new(worker));
        Self {
            idle,
            counted_at: None,
            known: workers.into_iter().map(known).collect(),
            heard: HashSet::new(),
            record_at: None,
            updates_done: HashMap::new(),
            lease_duration,
        }
    }

    /// Makes a worker known, unless its name belongs to another token. Whether that is news: only
    /// then it is recorded, with what it says of itself.
    pub(super) fn register(
        &mut self,
        worker: &WorkerRecord,
        now: Instant,
    ) -> Result<bool, LeaseError> {
        let worker_id = &worker.worker_id;
        if !self.known.contains_key(worker_id) {
            if self.idle >= MAX_IDLE_WORKERS {
                return Err(LeaseError::Unavailable(format!(
                    "more than {MAX_IDLE_WORKERS} workers that never ran anything"
                )));
            }
            self.idle += 1;
        }
        let known = self.known.entry(worker_id.clone());
        let known = known.or_insert_with(|| Known::new(worker.clone()));
        known.check(worker_id, worker.token_id.as_ref())?;
        let is_news = known.last_heard.is_none() || known.record != *worker;
        if is_news {
            known.record = worker.clone();
        } else {
            self.heard.insert(worker_id.clone());
        }
        known.last_heard = Some(now);
        known.state = WorkerState::Working;
        Ok(is_news)
    }

    /// Whether it is time to forget workers that never ran anything: when there are many.
    pub(super) fn is_crowded(&self, now: Instant) -> bool {
        let recently = |at| now.saturating_duration_since(at) < RECOUNT_EVERY;
        self.idle >= MAX_IDLE_WORKERS / 2 && !self.counted_at.is_some_and(recently)
    }

    /// How long a worker may be silent before it may be forgotten.
    pub(super) fn longest_silence(&self) -> Duration {
        2 * (self.lease_duration + RECORD_SIGHTINGS_EVERY)
    }

    /// Forgets workers as the database did.
    pub(super) fn forget(&mut self, idle: &IdleWorkers, now: Instant) {
        for worker_id in &idle.forgotten {
            self.known.remove(worker_id);
            self.heard.remove(worker_id);
        }
        self.idle = idle.left;
        self.counted_at = Some(now);
    }

    /// The most leases a worker may hold: bundles as wide as any in all of its slots.
    pub(super) fn most_leases(&self, worker_id: &WorkerId) -> u32 {
        let known = self.known.get(worker_id);
        let slots = known.map_or(1, |known| known.record.slots.clamp(1, MAX_SLOTS));
        slots.saturating_mul(MAX_LANES)
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

    fn worker(name: &str) -> WorkerRecord {
        WorkerRecord {
            worker_id: name.parse().unwrap(),
            host: "host".into(),
            process_id: 1,
            device: "cpu".into(),
            backend: "flex".into(),
            version: "0".into(),
            binary_sha256: "ab".into(),
            slots: 1,
            machine: MachineRecord::default(),
            token_id: None,
        }
    }

    fn roster(now: Instant) -> (Roster, Speaker) {
        let mut roster = Roster::restore(Vec::new(), 0, TERM);
        assert!(roster.register(&worker("w"), now).unwrap());
        (roster, worker("w").worker_id.into())
    }

    #[test]
    fn invented_workers_are_refused_beyond_a_number_until_silent_ones_are_forgotten() {
        let now = clock::now();
        let (mut roster, _) = roster(now);
        let name = |number: usize| format!("invented-{number}");
        for number in 1..MAX_IDLE_WORKERS {
            assert!(roster.register(&worker(&name(number)), now).unwrap());
        }
        let refused = roster.register(&worker("honest"), now).unwrap_err();
        assert!(matches!(refused, LeaseError::Unavailable(_)), "{refused}");
        // One that is known is known, and its call repeated is no news.
        assert!(!roster.register(&worker(&name(1)), now).unwrap());
        assert!(roster.is_crowded(now));
        let forgotten = (1..MAX_IDLE_WORKERS).map(|number| worker(&name(number)).worker_id);
        let idle = IdleWorkers {
            forgotten: forgotten.collect(),
            left: 1,
        };
        roster.forget(&idle, now);
        assert!(!roster.is_crowded(now));
        assert!(roster.register(&worker("honest"), now).unwrap());
        // And one that was forgotten is new again.
        assert!(roster.register(&worker(&name(1)), now).unwrap());
    }

    #[test]
    fn a_worker_that_says_something_else_of_itself_is_news() {
        let now = clock::now();
        let (mut roster, _) = roster(now);
        assert!(!roster.register(&worker("w"), now).unwrap());
        let other = WorkerRecord {
            slots: 2,
            ..worker("w")
        };
        assert!(roster.register(&other, now).unwrap());
        assert_eq!(roster.most_leases(&other.worker_id), 2 * MAX_LANES);
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
