//! Which faults happen when. Pure: a seed and a sweep's size make a list, and the same seed makes
//! the same list. Faults wait for a number of ended trials and then for a random moment, so that
//! they are spread over the whole sweep however fast the machine is.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use clap::ValueEnum;
use pondersweep::SplitMix64;

/// A random moment lies within this time: as long as a trial takes or longer, so that faults meet
/// every part of it.
const LONGEST_DELAY_MS: usize = 400;
/// One fault in this many follows the one before at once, while things are still starting again.
const AT_ONCE_ONE_IN: usize = 5;
/// For this many kills there is one fault of each other kind that happens at a moment.
const KILLS_PER_OTHER: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(super) enum FaultKind {
    /// SIGKILL of a worker; another one takes its place.
    KillWorker,
    /// SIGKILL of the coordinator; it is started again.
    KillCoordinator,
    /// SIGSTOP of a worker until its leases have lapsed, then SIGCONT.
    StopWorker,
    /// SIGSTOP of the coordinator for longer than a lease lasts, then SIGCONT.
    StopCoordinator,
    /// Connections are refused, delayed, cut, half opened, and all cut at once.
    Network,
    /// Calls are lost, before or after they were served.
    Calls,
    /// Somebody speaks for an attempt that lapsed, with made-up numbers.
    LateResults,
}

impl FaultKind {
    const fn is_kill(self) -> bool {
        matches!(self, Self::KillWorker | Self::KillCoordinator)
    }

    /// Whether it also happens all the time, in the background; see [`super::network`], [`super::gateway`].
    const fn is_background_only(self) -> bool {
        matches!(self, Self::Calls)
    }
}

/// A fault and its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlannedFault {
    pub(super) kind: FaultKind,
    /// It waits until this many trials have ended...
    pub(super) after_trials: u64,
    /// ...and then this long.
    pub(super) delay: Duration,
    /// A number of its own, to choose its victim and its length.
    pub(super) dice: u64,
}

/// The faults of a run, in order: exactly `kills` kills of the kinds allowed, and some of every
/// other kind, all of them due while at least one trial is left for every worker.
pub(super) fn plan(
    seed: u64,
    kinds: &[FaultKind],
    kills: u32,
    trials: u64,
    workers: u64,
) -> Vec<PlannedFault> {
    let mut random = SplitMix64::new(seed);
    let mut deck = deal(kinds, kills);
    shuffle(&mut deck, &mut random);
    // The last tenth is left over, so that the last fault still finds something to disturb.
    let last = (trials - trials / 10).saturating_sub(workers + 1);
    let count = deck.len().max(1) as u64;
    let place = |(position, kind)| PlannedFault {
        kind,
        after_trials: position as u64 * last / count,
        delay: delay(&mut random),
        dice: random.next_u64(),
    };
    deck.into_iter().enumerate().map(place).collect()
}

/// The faults of a plan as their moments come.
pub(super) struct Agenda {
    /// Those whose trials have not ended yet.
    waiting: VecDeque<PlannedFault>,
    /// Those that have a moment, by it and by their place in the plan.
    dated: BTreeMap<(Instant, usize), PlannedFault>,
    dated_ever: usize,
}

impl Agenda {
    /// The agenda of a plan, whose faults are ordered by the trials they wait for.
    pub(super) fn new(plan: Vec<PlannedFault>) -> Self {
        Self {
            waiting: plan.into(),
            dated: BTreeMap::new(),
            dated_ever: 0,
        }
    }

    /// The next fault whose moment has come when `ended` trials have ended.
    pub(super) fn next_due(&mut self, ended: u64, now: Instant) -> Option<PlannedFault> {
        while let Some(fault) = self
            .waiting
            .pop_front_if(|fault| fault.after_trials <= ended)
        {
            self.dated
                .insert((now + fault.delay, self.dated_ever), fault);
            self.dated_ever += 1;
        }
        let first = self.dated.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Faults that have not happened.
    pub(super) fn left(&self) -> usize {
        self.waiting.len() + self.dated.len()
    }
}

/// Trials that make a sweep long enough for all its faults to come one after the other.
pub(super) const fn trials_for(kills: u32) -> u64 {
    // A quarter more than kills, and never so few that a fault meets nothing.
    let trials = kills as u64 + kills as u64 / 4;
    if trials < 12 { 12 } else { trials }
}

fn deal(kinds: &[FaultKind], kills: u32) -> Vec<FaultKind> {
    let deadly: Vec<FaultKind> = kinds
        .iter()
        .copied()
        .filter(|kind| kind.is_kill())
        .collect();
    let mut deck: Vec<FaultKind> = deadly
        .iter()
        .copied()
        .cycle()
        .take(kills as usize)
        .collect();
    let others = kinds
        .iter()
        .filter(|kind| !kind.is_kill() && !kind.is_background_only());
    for &kind in others {
        let times = (kills / KILLS_PER_OTHER).max(2);
        deck.extend((0..times).map(|_| kind));
    }
    deck
}

/// Fisher and Yates.
fn shuffle(deck: &mut [FaultKind], random: &mut SplitMix64) {
    for last in (1..deck.len()).rev() {
        deck.swap(last, random.below(last + 1));
    }
}

fn delay(random: &mut SplitMix64) -> Duration {
    if random.below(AT_ONCE_ONE_IN) == 0 {
        return Duration::ZERO;
    }
    Duration::from_millis(random.below(LONGEST_DELAY_MS) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[FaultKind] = &[
        FaultKind::KillWorker,
        FaultKind::KillCoordinator,
        FaultKind::StopWorker,
        FaultKind::Calls,
        FaultKind::LateResults,
    ];

    #[test]
    fn a_seed_is_a_plan() {
        let plan_of = |seed| plan(seed, KINDS, 50, 64, 3);
        assert_eq!(plan_of(7), plan_of(7));
        assert_ne!(plan_of(7), plan_of(8));
    }

    #[test]
    fn every_kill_that_was_asked_for_is_planned_while_work_is_left() {
        for (kills, trials) in [(50, trials_for(50)), (3, trials_for(3)), (9, 4)] {
            let faults = plan(1, KINDS, kills, trials, 3);
            let planned = faults.iter().filter(|fault| fault.kind.is_kill()).count();
            assert_eq!(planned, kills as usize);
            let of = |kind| faults.iter().filter(|fault| fault.kind == kind).count();
            assert!(of(FaultKind::KillWorker).abs_diff(of(FaultKind::KillCoordinator)) <= 1);
            assert!(of(FaultKind::LateResults) >= 2);
            assert_eq!(
                of(FaultKind::Calls),
                0,
                "lost calls happen in the background, unplanned"
            );
            let late = faults.iter().any(|fault| fault.after_trials + 3 >= trials);
            assert!(!late || trials == 4, "a fault may come after the end");
            assert!(faults.is_sorted_by_key(|fault| fault.after_trials));
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any moment will do to start from"
    )]
    fn a_fault_waits_for_its_trials_and_then_for_its_delay() {
        let fault = |after_trials, delay| PlannedFault {
            kind: FaultKind::KillWorker,
            after_trials,
            delay: Duration::from_millis(delay),
            dice: after_trials,
        };
        let mut agenda = Agenda::new(vec![fault(0, 50), fault(1, 0), fault(2, 0)]);
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(agenda.next_due(0, at(0)), None);
        assert_eq!(agenda.next_due(1, at(10)), Some(fault(1, 0)));
        assert_eq!(agenda.next_due(1, at(10)), None);
        assert_eq!(agenda.next_due(1, at(50)), Some(fault(0, 50)));
        assert_eq!((agenda.next_due(1, at(90)), agenda.left()), (None, 1));
        assert_eq!(agenda.next_due(8, at(90)), Some(fault(2, 0)));
        assert_eq!(agenda.left(), 0);
    }

    #[test]
    fn without_a_deadly_kind_nothing_is_killed() {
        let faults = plan(1, &[FaultKind::StopWorker, FaultKind::Calls], 50, 64, 3);
        assert!(
            faults
                .iter()
                .all(|fault| fault.kind == FaultKind::StopWorker)
        );
        assert_eq!(faults.len(), 10);
    }
}
