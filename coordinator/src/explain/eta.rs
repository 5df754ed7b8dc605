//! When a sweep will have ended, the same for every command that says so: what is left at the pace
//! of late.

use std::time::Duration;

/// How far back the pace of a sweep is looked at: long enough to be steady, short enough to be
/// true.
pub(crate) const RECENTLY: Duration = Duration::from_secs(600);

/// Work done within a time, in whatever unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    done: u64,
    within: Duration,
}

impl Pace {
    /// So much within so long; `None` where nothing was done, which tells nothing.
    pub(crate) fn of(done: u64, within: Duration) -> Option<Self> {
        (done > 0 && !within.is_zero()).then_some(Self { done, within })
    }

    /// What was done.
    pub(crate) const fn done(self) -> u64 {
        self.done
    }

    /// In which time.
    pub(crate) const fn within(self) -> Duration {
        self.within
    }

    /// How much is done in a second.
    pub(crate) fn per_second(self) -> f64 {
        self.done as f64 / self.within.as_secs_f64()
    }

    /// How long so much takes at this pace.
    pub(crate) fn time_for(self, left: u64) -> Duration {
        // Centuries say as much as more of them.
        Duration::try_from_secs_f64(left as f64 / self.per_second()).unwrap_or(Duration::MAX)
    }
}

/// A length of time for people: in the largest unit that leaves two digits.
pub(crate) fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_was_done() {
        let pace = Pace::of(6, Duration::from_secs(180)).unwrap();
        assert_eq!(pace.time_for(12), Duration::from_secs(360));
        assert_eq!(lasting(pace.time_for(12)), "6 min");
        assert_eq!(
            Pace::of(1, Duration::from_secs(1)).unwrap().time_for(0),
            Duration::ZERO
        );
        assert_eq!(Pace::of(0, Duration::from_secs(1)), None);
        assert_eq!(Pace::of(1, Duration::ZERO), None);
    }
}
