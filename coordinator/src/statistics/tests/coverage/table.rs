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
    push_header(&mut text, "interval", SIZES);
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
    push_row(
        &mut text,
        "robustness index 4/9 of nine cells, percentile",
        |size| of_robustness_index(simulations, size),
    );
    push_row(&mut text, "worst drop one step away, expanded", |size| {
        of_worst_step(simulations, size)
    });
    text.push('\n');
    push_few(&mut text, simulations);
    text.push('\n');
    push_grids(&mut text, simulations);
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
    push_header(text, "rate", SIZES);
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

/// Fewer replicates than are resampled.
fn push_few(text: &mut String, simulations: u64) {
    push_header(text, "interval of few", few::SIZES);
    let rows = [
        (
            &NORMAL,
            Few::Percentile,
            "normal mean, percentile (not used)",
        ),
        (&NORMAL, Few::Student, "normal mean, Student"),
        (&NORMAL, Few::Welch, "difference of two normal means, Welch"),
        (
            &SOLVED,
            Few::Percentile,
            "solved mean, percentile (not used)",
        ),
        (
            &SOLVED,
            Few::Logit,
            "solved mean, Student on the logit scale",
        ),
        (
            &ACCURACY,
            Few::Percentile,
            "accuracy mean, percentile (not used)",
        ),
        (
            &ACCURACY,
            Few::Logit,
            "accuracy mean, Student on the logit scale",
        ),
    ];
    for (population, few, what) in rows {
        push_row_of(text, what, few::SIZES, |size| {
            of_few(simulations, few, population, size)
        });
    }
    push_row_of(
        text,
        "worst drop one step away, Welch",
        few::SIZES,
        |size| of_worst_step(simulations, size),
    );
}

/// Rows over configurations, and methods.
fn push_grids(text: &mut String, simulations: u64) {
    push_header(text, "nine cells, replicates of each", grid::SIZES);
    let seeds = [(true, "common seeds"), (false, "independent")];
    let rows = [
        (Judged::MeanOfTrials, "mean, percentile over trials"),
        (Judged::Mean, "mean, Student over replicates"),
        (Judged::ShareOfTrials, "share, Wilson over trials"),
        (Judged::Share, "share, Wilson over replicates"),
        (Judged::Profile, "profile, expanded"),
        (Judged::Improvement, "probability of improvement, expanded"),
    ];
    for (common_seeds, how) in seeds {
        for (judged, what) in rows {
            push_row_of(text, &format!("{what}; {how}"), grid::SIZES, |size| {
                of_grid(simulations, judged, common_seeds, size)
            });
        }
    }
}

fn push_header(text: &mut String, what: &str, sizes: [usize; 3]) {
    let [few, some, many] = sizes;
    let _ = writeln!(
        text,
        "| {what} | n = {few} | n = {some} | n = {many} |\n|---|---:|---:|---:|"
    );
}

fn push_row(text: &mut String, what: &str, share: impl Fn(usize) -> f64) {
    push_row_of(text, what, SIZES, share);
}

fn push_row_of(text: &mut String, what: &str, sizes: [usize; 3], share: impl Fn(usize) -> f64) {
    let [few, some, many] = sizes.map(|size| 100.0 * share(size));
    let _ = writeln!(text, "| {what} | {few:.1} | {some:.1} | {many:.1} |");
}
