//! The study as Markdown.

use std::fmt::Write;

use super::*;

const STATISTICS: [(Statistic, &str); 3] = [
    (Statistic::Mean, "mean"),
    (Statistic::Median, "median"),
    (Statistic::InterquartileMean, "IQM"),
];

/// Every table of the study.
pub(super) fn render(simulations: u64) -> String {
    let mut text = format!(
        "Measured by `tests/coverage` with {simulations} simulations each (standard error half a percent); \
         95 % were promised.\n\n"
    );
    push_header(&mut text, "interval");
    for population in [NORMAL, EXPONENTIAL, ACCURACY] {
        for (statistic, name) in STATISTICS {
            for (method, how) in METHODS {
                let what = format!("{} {name}, {how}", population.name);
                push_row(&mut text, &what, |size| {
                    of_statistic(simulations, &population, statistic, method, size)
                });
            }
        }
    }
    for (method, how) in METHODS {
        let what = format!("mean over four strata, normal, {how}");
        push_row(&mut text, &what, |size| {
            of_stratified_mean(simulations, method, size)
        });
    }
    for share in [0.5, 0.8, 0.95] {
        let what = format!("share of {share}, Wilson (exact)");
        push_row(&mut text, &what, |size| of_wilson(share, size));
    }
    push_row(&mut text, "profile at a share of 0.8, percentile", |size| {
        of_profile(simulations, size)
    });
    push_row(
        &mut text,
        "probability of improvement 0.64, percentile",
        |size| of_improvement(simulations, size),
    );
    push_row(
        &mut text,
        "robustness index 4/9 of nine cells, percentile",
        |size| of_robustness_index(simulations, size),
    );
    push_row(&mut text, "worst drop one step away, expanded", |size| {
        of_worst_step(simulations, size)
    });
    text.push('\n');
    push_rates(&mut text, simulations);
    text.push('\n');
    push_adaptive(&mut text, simulations);
    text
}

/// What the rule for more replicates leaves behind.
fn push_adaptive(text: &mut String, simulations: u64) {
    let _ = writeln!(
        text,
        "| share solved, {} replicates and up to {} where the rule adds them | confidence sequence | Wilson | \
         mean replicates |\n|---|---:|---:|---:|",
        adaptive::FIRST,
        adaptive::MOST
    );
    for share in adaptive::SHARES {
        for threshold in adaptive::THRESHOLDS {
            let until = threshold.map_or_else(String::new, |threshold| {
                format!(", or on one side of {threshold}")
            });
            let Adaptive {
                sequence,
                wilson,
                replicates,
            } = of_adaptive(simulations, share, threshold);
            let _ = writeln!(
                text,
                "| {share}, until within {}{until} | {:.1} | {:.1} | {replicates:.1} |",
                adaptive::HALF_WIDTH,
                100.0 * sequence,
                100.0 * wilson
            );
        }
    }
}

/// What is not coverage.
fn push_rates(text: &mut String, simulations: u64) {
    push_header(text, "rate");
    push_row(text, "mean of the robustness index, truly 44.4 %", |size| {
        mean_robustness_index(simulations, size)
    });
    let pairings = [
        (Pairing::Independent, "independent"),
        (Pairing::CommonSeeds, "common seeds"),
    ];
    for (pairing, name) in pairings {
        for drop in [0.0, 1.0] {
            let what = format!("best of nine left out, others {drop} deviations below, {name}");
            push_row(text, &what, |size| {
                best_left_out(simulations, pairing, drop, size)
            });
        }
    }
}

fn push_header(text: &mut String, what: &str) {
    let _ = writeln!(
        text,
        "| {what} | n = 5 | n = 10 | n = 30 |\n|---|---:|---:|---:|"
    );
}

fn push_row(text: &mut String, what: &str, share: impl Fn(usize) -> f64) {
    let [five, ten, thirty] = SIZES.map(|size| 100.0 * share(size));
    let _ = writeln!(text, "| {what} | {five:.1} | {ten:.1} | {thirty:.1} |");
}
