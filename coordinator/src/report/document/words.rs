//! Sentences that several documents share.

use crate::report::input::Completeness;

/// What became of the trials.
pub(in crate::report) fn completeness_line(counts: &Completeness) -> String {
    let withheld = match counts.withheld {
        0 => String::new(),
        withheld => format!(" ({withheld} more withheld)"),
    };
    format!(
        "{} trials expected{withheld}: {} accepted (of them {} infeasible), {} failed, {} cancelled, \
         {} running, {} pending; {} retried, {} refused; \
         {} and {}.",
        counts.expected,
        counts.accepted,
        counts.infeasible,
        counts.failed,
        counts.cancelled,
        counts.leased,
        counts.pending,
        counted(counts.retried, "attempt", "attempts"),
        counted(counts.refused_stale, "stale message", "stale messages"),
        counted(counts.distinct_binaries, "binary", "binaries"),
        counted(counts.distinct_devices, "device", "devices"),
    )
}

/// `1 binary`, `2 binaries`.
pub(in crate::report) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
