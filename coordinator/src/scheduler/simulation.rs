//! A seeded simulation of everything that may go wrong around the scheduler: workers that stall,
//! die, repeat themselves and report late, trials that panic or kill the process they run in,
//! people who change their minds, a coordinator that is killed before or after its commits.
//! Invariants are checked after every step, those of blame with every end; a failure prints its
//! seed, and `PONDERSWEEP_SIMULATION_SEED=N` replays it alone.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use pondersweep_proto::{
    ending::ReportedEnding,
    failure::{Cause, Failure},
    id::{Attempt, LeaseToken, SweepId, TrialId, WorkerId},
};

use super::*;

const SEEDS: u64 = 3_000;
const STEPS: u32 = 120;
const TERM: Duration = Duration::from_secs(10);
const SWEEPS: u64 = 2;
const TRIALS_PER_SWEEP: u64 = 6;
/// Its training always panics.
const PANICS: u64 = 4;
/// They always take the process they run in along.
const KILLERS: [u64; 2] = [3, 9];
const MAX_FAILURES: u32 = 3;
const MAX_OUT_OF_MEMORY: u32 = 3;
/// Never reached, so that the end of the innocent does not depend on luck.
const MAX_WORKER_LOSSES: u32 = 1_000;

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

#[derive(Clone)]
struct StoredSweep {
    entry: SweepEntry,
    state: SweepState,
    reason: String,
    baseline: Baseline,
}

/// What a database would hold, fed by changes alone.
#[derive(Clone)]
struct ModelDatabase {
    sweeps: BTreeMap<TrialId, StoredSweep>,
    trials: BTreeMap<TrialId, RestoredTrial>,
    /// Every outcome that was ever committed.
    results: HashMap<TrialId, Vec<(Attempt, Ending)>>,
    /// Attempts of which a worker that lives said that they failed.
    told: HashSet<LeaseToken>,
    checkpoints: BTreeMap<TrialId, Checkpoint>,
}

impl ModelDatabase {
    fn new(entries: &[SweepEntry]) -> Self {
        let fresh = |state| RestoredTrial {
            state,
            attempt: Attempt(0),
            record: Record::default(),
            lease: None,
        };
        let mut sweeps = BTreeMap::new();
        let mut trials = BTreeMap::new();
        for entry in entries {
            let sweep = StoredSweep {
                entry: entry.clone(),
                state: SweepState::Active,
                reason: String::new(),
                baseline: Baseline::default(),
            };
            sweeps.insert(entry.first_trial_id, sweep);
            for offset in 0..TRIALS_PER_SWEEP {
                let state = entry.first_state(usize::try_from(offset).unwrap());
                trials.insert(TrialId(entry.first_trial_id.0 + offset), fresh(state));
            }
        }
        Self {
            sweeps,
            trials,
            results: HashMap::new(),
            told: HashSet::new(),
            checkpoints: BTreeMap::new(),
        }
    }

    fn commit(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Sweep {
                    sweep_id,
                    state,
                    reason,
                    baseline,
                } => {
                    let mut sweeps = self.sweeps.values_mut();
                    let sweep = sweeps.find(|sweep| sweep.entry.sweep_id == sweep_id);
                    let sweep = sweep.unwrap();
                    (sweep.state, sweep.reason, sweep.baseline) = (state, reason, baseline);
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
                    blamed,
                    record,
                } => {
                    self.check_blame(token, &ending, state, blamed, record);
                    self.end(token, ending, state, record);
                }
                Change::Trial { trial_id, state } => {
                    let trial = self.trials.get_mut(&trial_id).unwrap();
                    assert!(trial.lease.is_none());
                    trial.state = state;
                    if state == TrialState::Pending {
                        trial.record = Record::default();
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

    /// A suspect runs alone; no trial is blamed for what happened in company; and only trials that
    /// are blamed often enough have failed.
    fn check_blame(
        &self,
        token: LeaseToken,
        ending: &Ending,
        state: TrialState,
        blamed: bool,
        record: Record,
    ) {
        let trial = &self.trials[&token.trial_id];
        let lease = trial.lease.as_ref().unwrap();
        let mut others = self.trials.iter().filter(|(id, other)| {
            let holder = other.lease.as_ref().map(|lease| &lease.worker_id);
            **id != token.trial_id && holder == Some(&lease.worker_id)
        });
        let in_company = others.next().is_some();
        assert!(
            trial.record.suspicion != Suspicion::Suspect || !in_company,
            "{token} is a suspect and had company"
        );
        let told = self.told.contains(&token);
        assert!(
            !(blamed && in_company) || told,
            "{token} was blamed in company"
        );
        assert_eq!(blamed, counted(record) > counted(trial.record));
        assert!(ending.cause().is_some() || !blamed);
        if state == TrialState::Failed {
            let limits = [
                (record.failures, MAX_FAILURES),
                (record.out_of_memory, MAX_OUT_OF_MEMORY),
                (record.worker_losses, MAX_WORKER_LOSSES),
            ];
            let reached = |(count, most): &(u16, u32)| u32::from(*count) >= *most;
            assert!(blamed && limits.iter().any(reached), "{token} failed early");
        }
    }

    fn end(&mut self, token: LeaseToken, ending: Ending, state: TrialState, record: Record) {
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
        trial.record = record;
        if matches!(ending, Ending::Succeeded | Ending::Infeasible(_)) {
            self.results
                .entry(token.trial_id)
                .or_default()
                .push((token.attempt, ending));
        }
    }

    fn restore(&self, now: Instant) -> Scheduler {
        let sweeps = self.sweeps.values().map(|sweep| {
            let first = sweep.entry.first_trial_id;
            let ids = first..TrialId(first.0 + TRIALS_PER_SWEEP);
            let trials = self
                .trials
                .range(ids)
                .map(|(_, trial)| trial.clone())
                .collect();
            RestoredSweep {
                entry: sweep.entry.clone(),
                state: sweep.state,
                state_reason: sweep.reason.clone(),
                baseline: sweep.baseline,
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
        // Every failure pauses its sweep.
        max_failure_rate: 0.05,
    }
}

/// Every worker is a process of its own.
fn process_died(scheduler: &mut Scheduler, worker_id: &WorkerId, cause: Cause) {
    let process = Process {
        host: worker_id.to_string(),
        process_id: 1,
    };
    scheduler.register(worker_id, process.clone());
    scheduler.process_died(&process, &Failure::new(cause, "died"));
}

fn counted(record: Record) -> u16 {
    record.failures + record.out_of_memory + record.worker_losses
}

fn sweep_id(number: u64) -> SweepId {
    format!("{number:016x}").parse().unwrap()
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
    /// Failures by bad luck: too few to condemn a trial.
    bad_luck: HashMap<TrialId, u32>,
    /// Blobs written.
    blobs: u32,
}

/// The same trial always ends the same way: seeds belong to the trial, not to the attempt.
fn ending(trial_id: TrialId) -> ReportedEnding {
    if trial_id.0 == PANICS {
        return ReportedEnding::Failed(Failure::new(Cause::Panicked, "always"));
    }
    if KILLERS.contains(&trial_id.0) {
        return ReportedEnding::Failed(Failure::new(Cause::OutOfMemory, "always"));
    }
    if trial_id.0.is_multiple_of(5) {
        ReportedEnding::Infeasible("diverged".into())
    } else {
        ReportedEnding::Succeeded
    }
}

impl Simulation {
    fn new(seed: u64, now: Instant) -> Self {
        let entries: Vec<SweepEntry> = (0..SWEEPS)
            .map(|number| SweepEntry {
                device: None,
                need: None,
                sweep_id: sweep_id(number),
                first_trial_id: TrialId(1 + number * TRIALS_PER_SWEEP),
                shape_of_configuration: vec![0, 1, 0],
                replicates: 2,
                // Of the last sweep, half of the trials are withheld at first.
                initial_replicates: if number == SWEEPS - 1 { 1 } else { 2 },
                limits: TrialLimits {
                    max_failures: MAX_FAILURES,
                    max_out_of_memory: MAX_OUT_OF_MEMORY,
                    max_worker_losses: MAX_WORKER_LOSSES,
                },
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
            bad_luck: HashMap::new(),
            blobs: 0,
        };
        for _ in 0..3 {
            simulation.add_worker();
        }
        simulation
    }

    fn add_worker(&mut self) {
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
        match self.dice.roll(26) {
            0..=2 => self.pass_time(),
            3..=6 => self.acquire(index),
            7..=8 => self.renew(index),
            9..=13 => self.finish(index),
            14 => self.fail(index),
            15 => self.report_late(index),
            16 => self.drain(index),
            17 => self.die(index),
            18 => self.person(),
            19 => self.kill(index),
            20..=21 => self.save_checkpoint(index),
            22 => self.start_from_checkpoint(index),
            23..=24 => self.steer(),
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
        // Now and then it was the coordinator that did not listen.
        if self.dice.one_in(10) {
            self.scheduler.restart_terms(self.now);
        }
        self.scheduler.handle_timeout(self.now);
        self.commit();
    }

    fn acquire(&mut self, index: usize) {
        let lanes = 1 + u32::try_from(self.dice.roll(3)).unwrap();
        let only = self.dice.one_in(4).then(|| sweep_id(1));
        // A worker whose last acquisition was not answered repeats it.
        let repeats = self.dice.one_in(2);
        let worker = &mut self.workers[index];
        worker.requests += u32::from(!repeats);
        let (id, request) = (worker.worker_id.clone(), worker.requests.to_string());
        let held = self.dice.pick(&self.workers[index].holds);
        let held = held.filter(|_| self.dice.one_in(2));
        let tokens = match held {
            Some(held) => {
                let (scheduler, now) = (&mut self.scheduler, self.now);
                scheduler.acquire_together_with(&id, &request, lanes, held, now)
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
        if KILLERS.contains(&token.trial_id.0) {
            return self.die_of_memory(index);
        }
        let id = self.workers[index].worker_id.clone();
        let answer = self.tell(&id, token, ending(token.trial_id));
        // Unanswered, the worker keeps the lease in mind and reports the end again later.
        if self.commit() {
            self.workers[index].holds.retain(|held| *held != token);
            if answer.is_ok() && token.trial_id.0 != PANICS {
                assert!(
                    self.database.results.contains_key(&token.trial_id),
                    "{token} was acknowledged and is not in the database"
                );
            }
        }
    }

    fn tell(
        &mut self,
        id: &WorkerId,
        token: LeaseToken,
        finish: ReportedEnding,
    ) -> Result<Finished, Superseded> {
        if matches!(finish, ReportedEnding::Failed(_)) {
            self.database.told.insert(token);
        }
        self.scheduler.finish(id, token, finish)
    }

    /// By bad luck, which does not strike a trial often enough to condemn it.
    fn fail(&mut self, index: usize) {
        let Some(token) = self.dice.pick(&self.workers[index].holds) else {
            return;
        };
        let strikes = self.bad_luck.entry(token.trial_id).or_default();
        *strikes += 1;
        if *strikes >= MAX_FAILURES {
            return;
        }
        let id = self.workers[index].worker_id.clone();
        let failure = Failure::new(Cause::Other, "bad luck");
        let _ = self.tell(&id, token, ReportedEnding::Failed(failure));
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
    fn report_late(&mut self, index: usize) {
        let id = self.workers[index].worker_id.clone();
        let whose = self.dice.roll(self.workers.len() as u64) as usize;
        let Some(token) = self.dice.pick(&self.workers[whose].held_before) else {
            return;
        };
        match self.dice.roll(3) {
            0 => _ = self.tell(&id, token, ending(token.trial_id)),
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
        self.add_worker();
    }

    /// A worker's process is killed, and its parent says so.
    fn kill(&mut self, index: usize) {
        self.process_died(index, Cause::WorkerLost);
        self.die(index);
    }

    /// A worker's process dies of what it runs; perhaps somebody sees it.
    fn die_of_memory(&mut self, index: usize) {
        if self.dice.one_in(2) {
            self.process_died(index, Cause::OutOfMemory);
        }
        self.die(index);
    }

    fn process_died(&mut self, index: usize, cause: Cause) {
        let id = self.workers[index].worker_id.clone();
        process_died(&mut self.scheduler, &id, cause);
        self.commit();
    }

    /// A few more trials follow what a person decided.
    fn steer(&mut self) {
        let most = 1 + self.dice.roll(3) as usize;
        self.scheduler.steer(most);
        self.commit();
    }

    fn person(&mut self) {
        let number = self.dice.roll(SWEEPS);
        let sweep_id = sweep_id(number);
        match self.dice.roll(10) {
            0..=1 => _ = self.scheduler.pause(sweep_id),
            2..=4 => _ = self.scheduler.resume(sweep_id),
            5 => _ = self.scheduler.cancel(sweep_id),
            6..=7 => {
                let replicates = (0..3).map(|_| u32::try_from(self.dice.roll(3)).unwrap());
                let replicates = replicates.collect();
                _ = self.scheduler.allocate(sweep_id, replicates);
            }
            _ => drop(
                self.scheduler
                    .retry(sweep_id, &[TrialState::Cancelled, TrialState::Failed]),
            ),
        }
        // The first trials follow with the decision itself, as in the driver.
        self.steer();
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

    /// Faults stop, but for those of the trials; whatever was begun must come to its end.
    fn settle(&mut self) {
        for number in 0..SWEEPS {
            let cancelled = [TrialState::Cancelled];
            let _ = self.scheduler.retry(sweep_id(number), &cancelled);
            let _ = self.scheduler.allocate(sweep_id(number), vec![2; 3]);
            while self.scheduler.is_steering(None) {
                self.scheduler.steer(1);
            }
        }
        self.now += TERM * 2;
        self.scheduler.handle_timeout(self.now);
        for round in 0..100 {
            for number in 0..SWEEPS {
                let _ = self.scheduler.resume(sweep_id(number));
            }
            self.work_off(&round.to_string());
            self.database.commit(self.scheduler.take_changes());
            self.check();
        }
        assert!(self.scheduler.is_idle(None));
        for trial_id in self.database.trials.keys() {
            let expected = match ending(*trial_id) {
                ReportedEnding::Succeeded => TrialState::Succeeded,
                ReportedEnding::Infeasible(_) => TrialState::Infeasible,
                ReportedEnding::Failed(_) => TrialState::Failed,
            };
            assert_eq!(self.scheduler.trial_state(*trial_id), Some(expected));
        }
    }

    /// A new worker runs one bundle, and dies when a trial of it kills it.
    fn work_off(&mut self, request: &str) {
        let worker: WorkerId = format!("last{request}").parse().unwrap();
        let tokens = self.scheduler.acquire(&worker, request, 2, None, self.now);
        if tokens.iter().any(|t| KILLERS.contains(&t.trial_id.0)) {
            process_died(&mut self.scheduler, &worker, Cause::OutOfMemory);
            return;
        }
        for token in tokens {
            self.tell(&worker, token, ending(token.trial_id)).unwrap();
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
