//! How a worker that was told to stop spends the time it has. It decides how long, not what.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A call to a coordinator that is there is answered within this time.
const A_CALL: Duration = Duration::from_secs(3);
/// The share of the whole that is kept for handing leases back.
const HAND_BACK_PART: u32 = 4;

/// The parts of a grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grace {
    /// For delivering what is finished and checkpointing what is not.
    pub(super) deliver: Duration,
    /// For an acquisition under way: it may still be granted, after everything was handed back.
    pub(super) acquire: Duration,
    /// For handing leases back, after either.
    pub(super) hand_back: Duration,
}

impl Grace {
    /// The parts of a grace of this length.
    pub(super) fn of(whole: Duration) -> Self {
        let hand_back = (whole / HAND_BACK_PART).min(A_CALL);
        let deliver = whole - hand_back;
        Self {
            deliver,
            acquire: deliver.min(A_CALL),
            hand_back,
        }
    }
}

/// Resolves so long after the stop.
pub(super) async fn after(stop: &CancellationToken, part: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(part).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fit_into_the_whole_and_some_is_kept_for_handing_back() {
        for milliseconds in [0, 1, 2_000, 20_000, 3_600_000] {
            let whole = Duration::from_millis(milliseconds);
            let grace = Grace::of(whole);
            assert_eq!(grace.deliver + grace.hand_back, whole);
            assert!(grace.acquire <= grace.deliver);
            assert!(grace.hand_back > Duration::ZERO || whole.is_zero());
        }
        assert_eq!(Grace::of(Duration::from_secs(20)).hand_back, A_CALL);
    }
}
