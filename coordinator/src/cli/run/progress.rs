//! Live progress: a bar on a terminal, a line now and then elsewhere. Talk only, on standard error.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use pondersweep_worker::{say, streams::is_heard_at_terminal};

use crate::{
    cli::output::progress_target,
    clock,
    explain::{Pace, RECENTLY, lasting},
    scheduler::TrialCounts,
};

/// Between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(15);

/// How far a sweep is.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Snapshot {
    pub(in crate::cli) counts: TrialCounts,
    pub(in crate::cli) workers: Option<u32>,
    /// Parameter updates done, and those of the whole sweep, where known.
    pub(in crate::cli) updates: Option<(u64, u64)>,
    /// How fast trials end, where that is known and updates are not.
    pub(in crate::cli) pace: Option<Pace>,
}

/// Shows snapshots.
pub(in crate::cli) struct Bar {
    bar: ProgressBar,
    rate: Rate,
    last_line: Option<Instant>,
    name: String,
}

impl Bar {
    /// A bar for a sweep of this name.
    pub(in crate::cli) fn new(name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), progress_target());
        let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
        bar.set_style(style.expect("the template is well formed"));
        Self {
            bar,
            rate: Rate::default(),
            last_line: None,
            name: name.to_owned(),
        }
    }

    /// Shows how far it is.
    pub(in crate::cli) fn show(&mut self, snapshot: &Snapshot) {
        let now = clock::now();
        let counts = &snapshot.counts;
        let (done, total) = snapshot.updates.unwrap_or((counts.ended(), counts.total()));
        self.rate.note(now, done);
        self.bar.set_length(total.max(1));
        self.bar.set_position(done);
        let text = self.text(snapshot, done, total);
        if is_heard_at_terminal() {
            self.bar.set_message(text);
        } else if self
            .last_line
            .is_none_or(|last| now - last >= LINE_INTERVAL)
        {
            self.last_line = Some(now);
            say!("{}: {text}", self.name);
        }
    }

    fn text(&self, snapshot: &Snapshot, done: u64, total: u64) -> String {
        let TrialCounts {
            leased,
            succeeded,
            infeasible,
            failed,
            ..
        } = snapshot.counts;
        let ended = succeeded + infeasible;
        let mut text = format!("{ended} done, {leased} running, {failed} failed");
        if let Some(workers) = snapshot.workers {
            text += &format!(", {workers} workers");
        }
        let pace = match snapshot.updates {
            Some(_) => self.rate.pace(),
            None => snapshot.pace,
        };
        if let (Some(pace), Some(_)) = (pace, snapshot.updates) {
            text += &format!(", {:.0} updates/s", pace.per_second());
        }
        if let Some(pace) = pace {
            let left = pace.time_for(total.saturating_sub(done));
            text += &format!(", about {} left", lasting(left));
        }
        text
    }

    /// Says something without disturbing the bar.
    pub(in crate::cli) fn note(&self, text: &str) {
        self.bar.suspend(|| say!("{text}"));
    }

    /// Takes the bar away.
    pub(in crate::cli) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A rate over recent time.
#[derive(Default)]
struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    fn note(&mut self, now: Instant, done: u64) {
        self.0.push_back((now, done));
        while self.0.len() > 2 && now - self.0[0].0 > RECENTLY {
            self.0.pop_front();
        }
    }

    fn pace(&self) -> Option<Pace> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        Pace::of(last.1.saturating_sub(first.1), last.0 - first.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_recent_time() {
        let start = clock::now();
        let mut rate = Rate::default();
        assert_eq!(rate.pace(), None);
        for second in 0..2_000 {
            let done = if second < 1_000 {
                0
            } else {
                (second - 1_000) * 10
            };
            rate.note(start + Duration::from_secs(second), done);
        }
        let pace = rate.pace().unwrap();
        assert_eq!(pace.per_second(), 10.0);
        assert_eq!(pace.time_for(100), Duration::from_secs(10));
    }
}
