//! Numbers, times and the bar of a sweep.

use std::time::Duration;

use maud::{Markup, html};

use crate::{
    explain::{Pace, iso_time, lasting},
    scheduler::TrialCounts,
};

/// The states that a bar shows, in its order.
fn shown(counts: &TrialCounts) -> [(&'static str, u64); 5] {
    [
        ("succeeded", counts.succeeded),
        ("infeasible", counts.infeasible),
        ("failed", counts.failed),
        ("cancelled", counts.cancelled),
        ("leased", counts.leased),
    ]
}

/// How far a sweep is, as a bar with a text for those who do not see it.
pub(super) fn bar(counts: &TrialCounts) -> Markup {
    let total = counts.total().max(1) as f64;
    let mut from = 0.0;
    let parts = shown(counts).map(|(name, count)| {
        let (start, width) = (from, 100.0 * count as f64 / total);
        from += width;
        (name, start, width)
    });
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=(progress(counts)) {
            @for (name, start, width) in parts {
                @if width > 0.0 { rect class=(name) x=(start) width=(width) height="8" {} }
            }
        }
    }
}

/// `24 of 72 trials have ended`.
pub(super) fn progress(counts: &TrialCounts) -> String {
    format!(
        "{} of {} trials have ended",
        grouped(counts.ended()),
        grouped(counts.total())
    )
}

/// The trials by state, without those there are none of.
pub(super) fn states(counts: &TrialCounts) -> Vec<(&'static str, u64)> {
    let all = [
        ("succeeded", counts.succeeded),
        ("infeasible", counts.infeasible),
        ("failed", counts.failed),
        ("cancelled", counts.cancelled),
        ("running", counts.leased),
        ("pending", counts.pending),
        ("withheld", counts.withheld),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// `12.0 results a minute, about 5 min left`.
pub(super) fn pace((pace, left): (Pace, u64)) -> String {
    format!(
        "{:.1} results a minute, about {} left",
        pace.per_second() * 60.0,
        lasting(pace.time_for(left))
    )
}

/// How long ago, with the point in time for those who want it.
pub(super) fn ago(at_ms: i64, now_ms: i64) -> Markup {
    let passed = u64::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(0);
    html! {
        time datetime=(iso_time(at_ms)) title=(iso_time(at_ms)) {
            (lasting(Duration::from_millis(passed))) " ago"
        }
    }
}

/// `1,234,567`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_counts_are_grouped_by_thousands() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn a_bar_is_as_long_as_what_has_ended_or_runs() {
        let counts = TrialCounts {
            succeeded: 2,
            failed: 1,
            leased: 1,
            pending: 4,
            withheld: 100,
            ..TrialCounts::default()
        };
        let text = bar(&counts).into_string();
        assert!(
            text.contains(r#"aria-label="3 of 8 trials have ended""#),
            "{text}"
        );
        assert!(
            text.contains(r#"<rect class="succeeded" x="0" width="25" "#),
            "{text}"
        );
        assert!(
            text.contains(r#"<rect class="leased" x="37.5" width="12.5" "#),
            "{text}"
        );
        assert!(!text.contains("infeasible"), "{text}");
    }

    #[test]
    fn the_pace_is_told_by_the_minute_with_what_is_left() {
        let six = Pace::of(6, Duration::from_secs(180)).unwrap();
        assert_eq!(pace((six, 12)), "2.0 results a minute, about 6 min left");
    }
}
