//! The coordinator's two clocks. Leases are measured on the monotonic one, which no administrator
//! can turn back; events are dated on the wall clock. Pure rooms get the time as an argument.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, on the monotonic clock. It is tokio's, so that tests may stop it.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Now, in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    #[cfg(test)]
    let now_ms = now_ms.saturating_add(JUMP_MS.get());
    now_ms
}

#[cfg(test)]
thread_local! {
    /// How far this thread's wall clock was set wrong.
    static JUMP_MS: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
}

/// Sets this thread's wall clock wrong by a number of milliseconds.
#[cfg(test)]
pub(crate) fn jump(milliseconds: i64) {
    JUMP_MS.set(milliseconds);
}
