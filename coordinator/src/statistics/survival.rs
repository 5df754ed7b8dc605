//! When something happens, where for some it has not happened yet: updates until a trial has
//! learnt, of which some never do within their budget. A mean over those that did would call the
//! fastest of a bad lot fast; these count what is not known as not known.

mod kaplan_meier;
mod log_rank;

pub use kaplan_meier::KaplanMeier;
pub use log_rank::LogRank;

/// One trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subject {
    /// When it happened, or until when it was watched.
    pub time: f64,
    /// Whether it happened; otherwise the time is censored.
    pub happened: bool,
}

/// At one time when something happened: how many were still waiting then, and to how many it
/// happened.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Event {
    time: f64,
    waiting: f64,
    happened: f64,
}

/// The times at which it happened to any, ascending.
fn event_times<'a>(subjects: impl Iterator<Item = &'a Subject>) -> Vec<f64> {
    let happened = subjects.filter(|subject| subject.happened);
    let mut times: Vec<f64> = happened.map(|subject| subject.time).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

/// What these subjects were at a time: who is censored at the same time still waited.
fn at(time: f64, subjects: &[Subject]) -> Event {
    let count = |found: &dyn Fn(&Subject) -> bool| {
        subjects.iter().filter(|subject| found(subject)).count() as f64
    };
    Event {
        time,
        waiting: count(&|subject| subject.time >= time),
        happened: count(&|subject| subject.happened && subject.time == time),
    }
}
