//! The share for which it has happened, by time.

use super::{Event, Subject, at, event_times};
use crate::statistics::{Interval, interval::two_sided_normal_quantile};

/// The product-limit estimate (Kaplan and Meier 1958) of the share that still waits.
#[derive(Clone, Debug, PartialEq)]
pub struct KaplanMeier {
    steps: Vec<Step>,
}

/// From one time on, until the next.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    time: f64,
    waiting: f64,
    /// By Greenwood's variance (1926) on the scale log(-log), as `lifelines` and SAS do. `None`
    /// from where none waits, which has no variance.
    interval: Option<Interval>,
}

impl KaplanMeier {
    /// Of subjects that are independent of each other.
    #[must_use]
    pub fn of(subjects: &[Subject]) -> Self {
        let (mut waiting, mut greenwood) = (1.0, 0.0);
        let events = event_times(subjects.iter()).into_iter();
        let steps = events.map(|time| {
            let Event {
                waiting: exposed,
                happened,
                ..
            } = at(time, subjects);
            waiting *= 1.0 - happened / exposed;
            greenwood += happened / (exposed * (exposed - happened));
            Step {
                time,
                waiting,
                interval: (exposed > happened).then(|| interval(waiting, greenwood)),
            }
        });
        Self {
            steps: steps.collect(),
        }
    }

    /// The share for which it has happened by the end, of those who would have been watched so
    /// long.
    #[must_use]
    pub fn happened(&self) -> f64 {
        self.steps.last().map_or(0.0, |step| 1.0 - step.waiting)
    }

    /// The time by which it has happened to half; `None` if it does not within the time watched.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.first_at_most_half(|step| Some(step.waiting))
    }

    /// The ends of the median's interval (Brookmeyer and Crowley 1982): the times at which the ends
    /// of the estimate's interval fall to a half. `None` for an end that they do not reach.
    #[must_use]
    pub fn median_interval(&self) -> [Option<f64>; 2] {
        [
            self.first_at_most_half(|step| Some(step.interval?.lower)),
            self.first_at_most_half(|step| Some(step.interval?.upper)),
        ]
    }

    fn first_at_most_half(&self, share: impl Fn(&Step) -> Option<f64>) -> Option<f64> {
        let mut steps = self.steps.iter();
        let found = steps.find(|step| share(step).is_some_and(|share| share <= 0.5))?;
        Some(found.time)
    }

    /// Each time with the share that still waits and its interval.
    #[cfg(test)]
    pub(in crate::statistics) fn table(
        &self,
    ) -> impl Iterator<Item = (f64, f64, Option<Interval>)> {
        self.steps
            .iter()
            .map(|step| (step.time, step.waiting, step.interval))
    }
}

fn interval(waiting: f64, greenwood: f64) -> Interval {
    let spread = two_sided_normal_quantile() * greenwood.sqrt() / waiting.ln();
    // The logarithm is negative, so the larger power has the smaller exponent.
    Interval {
        lower: waiting.powf((-spread).exp()),
        upper: waiting.powf(spread.exp()),
    }
}
