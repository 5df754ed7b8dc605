//! PURE: what pages say, as HTML, from what was read. Every text that is spliced in is escaped by the
//! template; only the report's own part comes as HTML, and there the report escapes.

mod filter;
mod sweep;
mod sweeps;
mod trial;
mod trials;
mod words;
mod workers;

use maud::{DOCTYPE, Markup, html};
use pondersweep_proto::id::SweepId;

pub(super) use self::{
    filter::Filter,
    sweep::{compare, sweep},
    sweeps::sweeps,
    trial::{Output, trial},
    trials::{TRIALS_OF_PAGE, trials},
    workers::workers,
};
use crate::{
    explain::Pace,
    scheduler::TrialCounts,
    store::{RunningAttempt, SweepSummary, WorkerStatus},
    sweep::Axis,
};

/// How all sweeps and workers stand at a moment.
#[derive(Clone, Debug)]
pub(super) struct Board {
    /// Every sweep, in the order of creation.
    pub(super) sweeps: Vec<Standing>,
    /// Every worker, the one heard of last first.
    pub(super) workers: Vec<WorkerStatus>,
    /// Attempts under way, or the first of very many.
    pub(super) running: Vec<RunningAttempt>,
    /// The moment, in milliseconds since 1970-01-01 UTC.
    pub(super) now_ms: i64,
}

/// The moment itself is no news.
impl PartialEq for Board {
    fn eq(&self, other: &Self) -> bool {
        self.sweeps == other.sweeps
            && self.workers == other.workers
            && self.running == other.running
    }
}

/// How a sweep stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    /// The sweep.
    pub(super) sweep: SweepSummary,
    /// What its pending trials wait for.
    pub(super) waits: Option<String>,
    /// Its pace of late and the trials left, while it goes on.
    pub(super) going: Option<(Pace, u64)>,
    /// All there is to say.
    pub(super) findings: Vec<String>,
}

/// The results of sweeps, as reports show them.
#[derive(Debug)]
pub(super) struct StudyPart {
    /// The report's own HTML.
    pub(super) html: String,
    /// Whether it has figures and learning curves.
    pub(super) has_figures: bool,
    /// Which trials it is made from.
    pub(super) filter: Filter,
    /// The axes of the space, of a single sweep.
    pub(super) axes: Vec<Axis>,
    /// Trials with a result that it is made from.
    pub(super) trials: usize,
    /// The trials of the sweeps when it was begun.
    pub(super) counts: Vec<TrialCounts>,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub(super) at_ms: i64,
}

impl Board {
    /// One of its sweeps.
    pub(super) fn sweep(&self, sweep_id: SweepId) -> Option<&Standing> {
        self.sweeps
            .iter()
            .find(|standing| standing.sweep.sweep_id == sweep_id)
    }
}

/// A whole page.
pub(super) fn frame(title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · pondersweep" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/page.css";
                script src="/live.js" defer {}
                noscript { meta http-equiv="refresh" content="10"; }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                div.top role="navigation" aria-label="Pages" {
                    strong { "pondersweep" }
                    a href="/" { "Sweeps" }
                    a href="/workers" { "Workers" }
                    span #live role="status" { "reload to see what is new" }
                }
                main #content { (body) }
            }
        }
    }
}

/// Why there is no page: what, and what to do about it.
pub(super) fn problem(words: &str) -> Markup {
    html! {
        h1 { "No page" }
        @for line in words.lines() { p { (line) } }
        p { a href="/" { "The sweeps" } }
    }
}

/// The database is read for the first time.
pub(super) fn soon() -> Markup {
    html! {
        p data-soon="reload" { "The database is being read. This page shows it as soon as it is." }
    }
}
