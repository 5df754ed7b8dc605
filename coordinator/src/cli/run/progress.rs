//! Live progress: a bar on a terminal, a line now and then elsewhere. Talk only, on standard error.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{clock, scheduler::TrialCounts};

/// Between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(15);
/// The rate is that of so much recent time: long enough to be steady, short enough to be true.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// How far a sweep is.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Snapshot {
    pub(in crate::cli) counts: TrialCounts,
    pub(in crate::cli) workers: Option<u32>,
    /// Parameter updates done, and those of the whole sweep, where known.
    pub(in crate::cli) updates: Option<(u64, u64)>,
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
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
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
        if io::stderr().is_terminal() {
            self.bar.set_message(text);
        } else if self
            .last_line
            .is_none_or(|last| now - last >= LINE_INTERVAL)
        {
            self.last_line = Some(now);
            eprintln!("{}: {text}", self.name);
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
        if let (Some(per_second), Some(_)) = (self.rate.per_second(), snapshot.updates) {
            text += &format!(", {per_second:.0} updates/s");
        }
        if let Some(left) = self.rate.time_for(total.saturating_sub(done)) {
            text += &format!(", about {} left", HumanDuration(left));
        }
        text
    }

    /// Says something without disturbing the bar.
    pub(in crate::cli) fn note(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
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
        while self.0.len() > 2 && now - self.0[0].0 > RATE_WINDOW {
            self.0.pop_front();
        }
    }

    fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let seconds = (last.0 - first.0).as_secs_f64();
        let done = last.1.saturating_sub(first.1) as f64;
        (seconds > 0.0 && done > 0.0).then(|| done / seconds)
    }

    fn time_for(&self, left: u64) -> Option<Duration> {
        let seconds = left as f64 / self.per_second()?;
        Duration::try_from_secs_f64(seconds.round()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_recent_time() {
        let start = clock::now();
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), None);
        for second in 0..200 {
            let done = if second < 100 { 0 } else { (second - 100) * 10 };
            rate.note(start + Duration::from_secs(second), done);
        }
        assert_eq!(rate.per_second(), Some(10.0));
        assert_eq!(rate.time_for(100), Some(Duration::from_secs(10)));
    }
}
