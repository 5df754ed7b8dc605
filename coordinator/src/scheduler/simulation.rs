//! A seeded simulation of everything that may go wrong around the scheduler: workers that stall,
//! die, repeat themselves and speak late, people who change their minds, a coordinator that is
//! killed before or after its commits. Invariants are checked after every step; a failure prints
//! its seed, and `PONDERSWEEP_SIMULATION_SEED=N` replays it alone.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use pondersweep_proto::id::{Attempt, LeaseToken, SweepId, TrialId, WorkerId};

use super::*;

const SEEDS: u64 = 3_000;
const STEPS: u32 = 120;
const TERM: Duration = Duration::from_secs(10);
const SWEEPS: u64 = 2;
const TRIALS_PER_SWEEP: u64 = 6;

/// SplitMix64: small, seeded, good enough to choose what happens next.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Copy>(&mut self, things: &[T]) -> Option<T> {
        (!things.is_empty()).then(|| things[self.roll(things.len() as u64) as usize])
    }
}

/// What a database would hold, fed by changes alone.
#[derive(Clone)]
struct ModelDatabase {
    sweeps: BTreeMap<TrialId, (SweepEntry, SweepState)>,
    trials: BTreeMap<TrialId, RestoredTrial>,
    /// Every outcome that was ever committed.
    results: HashMap<TrialId, Vec<(Attempt, Ending)>>,
    checkpoints: BTreeMap<TrialId, Checkpoint>,
}

impl ModelDatabase {
    fn new(entries: &[SweepEntry]) -> Self {
        let pending = RestoredTrial {
            state: TrialState::Pending,
            attempt: Attempt(0),
            failures: 0,
            worker_losses: 0,
            lease: None,
        };
        let mut sweeps = BTreeMap::new();
        let mut trials = BTreeMap::new();
        for entry in entries {
            sweeps.insert(entry.first_trial_id, (entry.clone(), SweepState::Active));
            for offset in 0..TRIALS_PER_SWEEP {
                trials.insert(TrialId(entry.first_trial_id.0 + offset), pending.clone());
            }
        }
        Self {
            sweeps,
            trials,
            results: HashMap::new(),
            checkpoints: BTreeMap::new(),
        }
    }

    fn commit(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Sweep {
                    sweep_id, state, ..
                } => {
                    let sweep = self
                        .sweeps
                        .values_mut()
                        .find(|(e, _)| e.sweep_id == sweep_id);
                    sweep.unwrap().1 = state;
                }
                Change::Leased {
                    token,
                    worker_id,
                    request_id,
                } => {
                    let trial = self.trials.get_mut(&token.trial_id).unwrap();
                    assert!(
                        trial.lease.is_none(),
                        "{token} would be the second live attempt"
                    );
                    assert_eq!(
                        token.attempt.0,
                        trial.attempt.0 + 1,
                        "attempts count one by one"
                    );
                    trial.state = TrialState::Leased;
                    trial.attempt = token.attempt;
                    trial.lease = Some(RestoredLease {
                        worker_id,
                        request_id,
                    });
                }
                Change::Ended {
                    token,
                    ending,
                    state,
                } => self.end(token, ending, state),
                Change::Trial { trial_id, state } => {
                    let trial = self.trials.get_mut(&trial_id).unwrap();
                    assert!(trial.lease.is_none());
                    trial.state = state;
                    if state == TrialState::Pending {
                        (trial.failures, trial.worker_losses) = (0, 0);
                        self.results.remove(&trial_id);
                    }
                }
                Change::CheckpointSaved {
                    trial_id,
                    checkpoint,
                    replaced,
                } => {
                    let former = self.checkpoints.insert(trial_id, checkpoint);
                    assert_eq!(former, replaced);
                }
                Change::CheckpointDropped {
                    trial_id,
                    checkpoint,
                } => assert_eq!(self.checkpoints.remove(&trial_id), Some(checkpoint)),
                Change::StartedFromCheckpoint {
                    token,
                    from,
                    updates_done,
                } => {
                    let checkpoint = &self.checkpoints[&token.trial_id];
                    assert_eq!(checkpoint.attempt, from);
                    assert_eq!(checkpoint.updates_done, updates_done);
                    assert!(self.trials[&token.trial_id].lease.is_some());
                }
                Change::Refused { .. } => {}
            }
        }
    }

    fn end(&mut self, token: LeaseToken, ending: Ending, state: TrialState) {
        let trial = self.trials.get_mut(&token.trial_id).unwrap();
        assert!(
            trial.lease.take().is_some(),
            "{token} ended without being live"
        );
        assert_eq!(
            token.attempt, trial.attempt,
            "only the current attempt ends"
        );
        trial.state = state;
        match ending {
            Ending::Failed(_) => trial.failures += 1,
            Ending::Lapsed => trial.worker_losses += 1,
            _ => {}
        }
        if matches!(ending, Ending::Succeeded | Ending::Infeasible(_)) {
            self.results
                .entry(token.trial_id)
                .or_default()
                .push((token.attempt, ending));
        }
    }

    fn restore(&self, now: Instant) -> Scheduler {
        let sweeps = self.sweeps.values().map(|(entry, state)| {
            let first = entry.first_trial_id;
            let ids = first..TrialId(first.0 + TRIALS_PER_SWEEP);
            let trials = self
                .trials
                .range(ids)
                .map(|(_, trial)| trial.clone())
                .collect();
            RestoredSweep {
                entry: entry.clone(),
                state: *state,
                trials,
            }
        });
        let mut scheduler = Scheduler::restore(limits(), sweeps.collect(), now);
        scheduler.restore_checkpoints(self.checkpoints.clone().into_iter().collect());
        scheduler
    }
}

fn limits() -> SchedulerLimits {
    SchedulerLimits {
        lease_duration: TERM,
    }
}

/// A worker as it sees itself: what it believes to hold, and what it once held.
struct Worker {
    worker_id: WorkerId,
    holds: Vec<LeaseToken>,
    held_before: Vec<LeaseToken>,
    requests: u32,
}

struct Simulation {
    dice: Dice,
    now: Instant,
    scheduler: Scheduler,
    database: ModelDatabase,
    workers: Vec<Worker>,
    born: u32,
    /// Blobs written.
    blobs: u32,
}

/// The same trial always ends the same way: seeds belong to the trial, not to the attempt.
fn outcome(trial_id: TrialId) -> Finish {
    if trial_id.0.is_multiple_of(5) {
        Finish::Infeasible("diverged".into())
    } else {
        Finish::Succeeded
    }
}

impl Simulation {
    fn new(seed: u64, now: Instant) -> Self {
        let entries: Vec<SweepEntry> = (0..SWEEPS)
            .map(|number| SweepEntry {
                sweep_id: format!("{number:016x}").parse::<SweepId>().unwrap(),
                first_trial_id: TrialId(1 + number * TRIALS_PER_SWEEP),
                shape_of_configuration: vec![0, 1, 0],
                replicates: 2,
                // Never reached, so that the end does not depend on luck; the limits have tests
                // of their own.
                max_failures: 1_000,
                max_worker_losses: 1_000,
            })
            .collect();
        let database = ModelDatabase::new(&entries);
        let mut scheduler = Scheduler::new(limits());
        entries
            .into_iter()
            .for_each(|entry| scheduler.enqueue(entry));
        let mut simulation = Self {
            dice: Dice(seed),
            now,
            scheduler,
            database,
            workers: Vec::new(),
            born: 0,
            blobs: 0,
        };
        for _ in 0..3 {
            simulation.hire();
        }
        simulation
    }

    fn hire(&mut self) {
        self.born += 1;
        self.workers.push(Worker {
            worker_id: format!("w{}", self.born).parse().unwrap(),
            holds: Vec::new(),
            held_before: Vec::new(),
            requests: 0,
        });
    }

    /// One thing happens, then a commit, in which the coordinator may be killed.
    fn step(&mut self) {
        let index = self.dice.roll(self.workers.len() as u64) as usize;
        match self.dice.roll(23) {
            0..=2 => self.pass_time(),
            3..=6 => self.acquire(index),
            7..=8 => self.renew(index),
            9..=13 => self.finish(index),
            14 => self.fail(index),
            15 => self.speak_late(index),
            16 => self.drain(index),
            17 => self.die(index),
            18 => self.person(),
            19..=20 => self.save_checkpoint(index),
            21 => self.start_from_checkpoint(index),
            _ => self.restart(),
        }
        self.check();
    }

    /// Commits what was decided, or is killed before or after; true if the answer arrives.
    fn commit(&mut self) -> bool {
        if self.dice.one_in(25) {
            self.scheduler = self.database.restore(self.now);
            return false;
        }
        self.database.commit(self.scheduler.take_changes());
        if self.dice.one_in(25) {
            self.scheduler = self.database.restore(self.now);
            return false;
        }
        !self.dice.one_in(20)
    }

    fn pass_time(&mut self) {
        self.now += TERM * u32::try_from(self.dice.roll(12)).unwrap() / 10;
        self.scheduler.handle_timeout(self.now);
        self.commit();
    }

    fn acquire(&mut self, index: usize) {
        let lanes = 1 + u32::try_from(self.dice.roll(3)).unwrap();
        let only = self
            .dice
            .one_in(4)
            .then(|| format!("{:016x}", 1).parse().unwrap());
        // A worker whose last acquisition was not answered repeats it.
        let repeats = self.dice.one_in(2);
        let worker = &mut self.workers[index];
        worker.requests += u32::from(!repeats);
        let (id, request) = (worker.worker_id.clone(), worker.requests.to_string());
        let beside = self.dice.pick(&self.workers[index].holds);
        let beside = beside.filter(|_| self.dice.one_in(2));
        let tokens = match beside {
            Some(held) => {
                let (scheduler, now) = (&mut self.scheduler, self.now);
                scheduler.acquire_beside(&id, &request, lanes, held, now)
            }
            None => self.scheduler.acquire(&id, &request, lanes, only, self.now),
        };
        if self.commit() {
            let worker = &mut self.workers[index];
            worker.held_before.extend(&tokens);
            worker.holds.extend(tokens);
            worker.holds.sort_unstable();
            worker.holds.dedup();
        }
    }

    fn renew(&mut self, index: usize) {
        let id = self.workers[index].worker_id.clone();
        let (now, scheduler) = (self.now, &mut self.scheduler);
        let kept = |token: &LeaseToken| scheduler.renew(&id, *token, now).is_ok();
        self.workers[index].holds.retain(kept);
    }

    fn finish(&mut self, index: usize) {
        let Some(token) = self.dice.pick(&self.workers[index].holds) else {
            return;
        };
        let id = self.workers[index].worker_id.clone();
        let answer = self.scheduler.finish(&id, token, outcome(token.trial_id));
        // Unanswered, the worker keeps the lease in mind and reports the end again later.
        if self.commit() {
            self.workers[index].holds.retain(|held| *held != token);
            if answer.is_ok() {
                assert!(
                    self.database.results.contains_key(&token.trial_id),
                    "{token} was acknowledged and is not in the database"
                );
            }
        }
    }

    fn fail(&mut self, index: usize) {
        let Some(token) = self.dice.pick(&self.workers[index].holds) else {
            return;
        };
        let id = self.workers[index].worker_id.clone();
        let _ = self
            .scheduler
            .finish(&id, token, Finish::Failed("out of memory".into()));
        if self.commit() {
            self.workers[index].holds.retain(|held| *held != token);
        }
    }

    fn save_checkpoint(&mut self, index: usize) {
        // Anything it ever held: a checkpoint may come late.
        let Some(token) = self.dice.pick(&self.workers[index].held_before) else {
            return;
        };
        let updates_done = 1 + self.dice.roll(100);
        self.blobs += 1;
        let checkpoint = Checkpoint {
            attempt: token.attempt,
            updates_done,
            bytes: 1,
            blob: self.blobs.to_string(),
        };
        let id = self.workers[index].worker_id.clone();
        let trial_id = token.trial_id;
        let saved = self.scheduler.save_checkpoint(&id, trial_id, checkpoint);
        if self.commit() && saved == Ok(Saved::Now) {
            let newest = &self.database.checkpoints[&trial_id];
            assert_eq!(
                newest.updates_done, updates_done,
                "acknowledged and not durable"
            );
        }
    }

    fn start_from_checkpoint(&mut self, index: usize) {
        let Some(token) = self.dice.pick(&self.workers[index].holds) else {
            return;
        };
        let Some(found) = self.scheduler.checkpoint(token.trial_id) else {
            return;
        };
        let (from, updates_done) = (found.attempt, found.updates_done);
        let id = self.workers[index].worker_id.clone();
        let _ = self
            .scheduler
            .start_from_checkpoint(&id, token, from, updates_done);
        self.commit();
    }

    /// Speaks for anything it, or anybody, ever held.
    fn speak_late(&mut self, index: usize) {
        let id = self.workers[index].worker_id.clone();
        let whose = self.dice.roll(self.workers.len() as u64) as usize;
        let Some(token) = self.dice.pick(&self.workers[whose].held_before) else {
            return;
        };
        match self.dice.roll(3) {
            0 => _ = self.scheduler.finish(&id, token, outcome(token.trial_id)),
            1 => _ = self.scheduler.check(&id, token, "report"),
            _ => _ = self.scheduler.renew(&id, token, self.now),
        }
        self.commit();
    }

    fn drain(&mut self, index: usize) {
        let id = self.workers[index].worker_id.clone();
        self.scheduler.drain(&id);
        self.commit();
        self.workers[index].holds.clear();
    }

    fn die(&mut self, index: usize) {
        self.workers.remove(index);
        self.hire();
    }

    fn person(&mut self) {
        let number = self.dice.roll(SWEEPS);
        let sweep_id = format!("{number:016x}").parse().unwrap();
        match self.dice.roll(8) {
            0..=1 => _ = self.scheduler.pause(sweep_id),
            2..=4 => _ = self.scheduler.resume(sweep_id),
            5 => _ = self.scheduler.cancel(sweep_id),
            _ => drop(
                self.scheduler
                    .retry(sweep_id, &[TrialState::Cancelled, TrialState::Failed]),
            ),
        }
        self.commit();
    }

    fn restart(&mut self) {
        self.scheduler = self.database.restore(self.now);
    }

    fn check(&self) {
        self.scheduler.sanity_check();
        // What is committed is all there is: a restart now would know the same.
        let restored = self.database.restore(self.now);
        restored.sanity_check();
        for trial_id in self.database.trials.keys() {
            assert_eq!(
                restored.trial_state(*trial_id),
                self.scheduler.trial_state(*trial_id)
            );
        }
        let checkpoints = |scheduler: &Scheduler| {
            scheduler
                .checkpoint_blobs()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(checkpoints(&restored), checkpoints(&self.scheduler));
        for (trial_id, results) in &self.database.results {
            assert_eq!(results.len(), 1, "trial {} has two results", trial_id.0);
        }
    }

    /// Faults stop; whatever was begun must come to its end.
    fn settle(&mut self) {
        for number in 0..SWEEPS {
            let sweep_id = format!("{number:016x}").parse().unwrap();
            let _ = self.scheduler.resume(sweep_id);
            let _ = self.scheduler.retry(sweep_id, &[TrialState::Cancelled]);
        }
        self.now += TERM * 2;
        self.scheduler.handle_timeout(self.now);
        let worker: WorkerId = "last".parse().unwrap();
        for round in 0..100 {
            let tokens = self
                .scheduler
                .acquire(&worker, &round.to_string(), 2, None, self.now);
            for token in tokens {
                self.scheduler
                    .finish(&worker, token, outcome(token.trial_id))
                    .unwrap();
            }
        }
        self.database.commit(self.scheduler.take_changes());
        self.check();
        assert!(self.scheduler.is_idle(None));
        for trial_id in self.database.trials.keys() {
            let expected = match outcome(*trial_id) {
                Finish::Infeasible(_) => TrialState::Infeasible,
                _ => TrialState::Succeeded,
            };
            assert_eq!(self.scheduler.trial_state(*trial_id), Some(expected));
        }
    }
}

#[test]
fn no_schedule_of_faults_breaks_an_invariant_or_changes_a_result() {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as a beginning"
    )]
    let now = Instant::now();
    let replayed = std::env::var("PONDERSWEEP_SIMULATION_SEED").ok();
    let replayed = replayed.map(|seed| seed.parse::<u64>().expect("a seed is a number"));
    let seeds = replayed.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed, now);
            for _ in 0..STEPS {
                simulation.step();
            }
            simulation.settle();
        });
        if run.is_err() {
            panic!("replay with PONDERSWEEP_SIMULATION_SEED={seed}");
        }
    }
}
