//! What the analyses say about simulated sweeps.

use pondersweep_proto::setting::Setting;

mod conclusion;

use super::*;
use crate::{
    report::{input::HEADLINE, markdown, simulated::SimulatedSweep, terminal},
    scheduler::TrialState::{self, Failed, Infeasible, Pending, Succeeded},
};

const COUNTING: Counting = Counting::infeasible_as(0.5);

fn sweep() -> SimulatedSweep {
    SimulatedSweep::new(6)
        .numbers(Setting::LAMBDA_P, &[0.9, 0.1, 0.5])
        .integers(Setting::MAX_STEPS, &[5, 20])
}

/// One trial diverges, one breaks the machinery.
fn mixed(trial: u64) -> TrialState {
    match trial {
        2 => Infeasible,
        7 => Failed,
        _ => Succeeded,
    }
}

fn field<'a>(analysis: &'a Analysis, row: usize, column: &str) -> &'a Field {
    let column = analysis.columns.iter().position(|name| name == column);
    &analysis.rows[row][column.unwrap()]
}

#[test]
fn analyses_read_well_on_a_terminal() {
    let input = sweep().outcomes(mixed).input();
    let texts = [
        anova(&input, &COUNTING),
        best(&input, &COUNTING, 0),
        robustness(&input, &[0.01, 0.05], &COUNTING, 0),
        power(&input, &COUNTING),
        time_to(&input, 0.9, &COUNTING),
    ]
    .map(|analysis| terminal::render(&document(&analysis.unwrap()), 120));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn analyses_for_programs_are_stable() {
    let input = sweep().outcomes(mixed).input();
    let analysis = robustness(&input, &[0.05], &COUNTING, 0).unwrap();
    insta::assert_snapshot!(
        [
            markdown::render(&document(&analysis)),
            csv(&analysis),
            json(&analysis)
        ]
        .join("\n\n")
    );
}

#[test]
fn a_replicate_that_one_cell_lacks_is_left_out_of_the_analysis_of_variance() {
    let analysis = anova(&sweep().outcomes(mixed).input(), &COUNTING).unwrap();
    assert_eq!(field(&analysis, 4, "df"), &Field::Count(6 * 5 - 1));
    assert!(analysis.notes[1].contains("5 of 6 replicates"));
    let all = anova(&sweep().input(), &COUNTING).unwrap();
    assert_eq!(field(&all, 4, "df"), &Field::Count(6 * 6 - 1));
}

#[test]
fn a_grid_with_a_hole_is_refused_with_the_reason() {
    let hole = sweep().outcomes(|trial| if trial < 5 { Failed } else { Succeeded });
    let error = anova(&hole.input(), &COUNTING).unwrap_err();
    assert_eq!(
        error,
        AnalysisError::Incomplete {
            complete: 1,
            replicates: 6,
            cells: 6
        }
    );
    assert!(error.to_string().contains("hint:"));
}

#[test]
fn a_sweep_without_a_score_is_refused_by_all() {
    let input = sweep().outcomes(|_| Pending).input();
    for analysis in [
        anova(&input, &COUNTING),
        best(&input, &COUNTING, 0),
        robustness(&input, &[0.1], &COUNTING, 0),
        power(&input, &COUNTING),
    ] {
        assert_eq!(analysis.unwrap_err(), AnalysisError::NoScore);
    }
}

#[test]
fn a_sweep_that_diverged_everywhere_has_nothing_to_compare() {
    let input = sweep().outcomes(|_| Infeasible).input();
    let counting = input.counting();
    for analysis in [
        anova(&input, &counting),
        best(&input, &counting, 0),
        robustness(&input, &[0.1], &counting, 0),
        power(&input, &counting),
    ] {
        let error = analysis.unwrap_err();
        assert_eq!(error, AnalysisError::AllDiverged);
        assert!(error.to_string().contains("nothing to compare"));
    }
}

#[test]
fn a_setting_that_diverged_never_beats_one_that_was_measured() {
    let outcome = |trial| if trial < 3 { Infeasible } else { Succeeded };
    for accuracy in [0.495, 0.5, 0.505] {
        let mut input = SimulatedSweep::new(3)
            .numbers(Setting::LAMBDA_P, &[0.1, 0.9])
            .outcomes(outcome)
            .input();
        for trial in &mut input.trials {
            trial.set(HEADLINE, accuracy);
        }
        let analysis = best(&input, &input.counting(), 0).unwrap();
        assert_eq!(field(&analysis, 0, "lambda_p"), &Field::text("0.9"));
        assert_eq!(field(&analysis, 0, "verdict"), &Field::text("best"));
        let told = input.counting().to_string();
        let counted = if accuracy < 0.5 { accuracy } else { 0.5 };
        assert!(told.contains(&format!("counts as {counted},")), "{told}");
    }
}

#[test]
fn settings_that_diverged_do_not_make_seeds_look_alike() {
    let grid = || SimulatedSweep::new(4).numbers(Setting::LAMBDA_P, &[0.1, 0.5, 0.9]);
    let needed = |input: ReportInput| {
        let analysis = power(&input, &input.counting()).unwrap();
        field(&analysis, 2, "seeds_needed").clone()
    };
    let alone = grid().outcomes(|trial| if trial < 4 { Succeeded } else { Pending });
    let with_infeasible = grid().outcomes(|trial| if trial < 4 { Succeeded } else { Infeasible });
    assert_eq!(needed(with_infeasible.input()), needed(alone.input()));
}

#[test]
fn undecidable_is_told_apart_from_indistinguishable_with_the_seeds_that_decide() {
    let of = |replicates| {
        let input = SimulatedSweep::new(replicates)
            .numbers(Setting::LAMBDA_P, &[0.1, 0.5, 0.9])
            .input();
        best(&input, &COUNTING, 0).unwrap().notes[1].clone()
    };
    let few = of(3);
    assert!(
        few.contains("0 indistinguishable") && few.contains("2 undecidable"),
        "{few}"
    );
    let seeds = few
        .split("With ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let seeds: u32 = seeds.unwrap().parse().unwrap();
    assert!(!of(seeds - 1).contains(" 0 undecidable"));
    assert!(of(seeds).contains(" 0 undecidable"), "{}", of(seeds));
}

#[test]
fn a_sweep_of_one_cell_has_no_factor() {
    let input = SimulatedSweep::new(3)
        .numbers(Setting::LAMBDA_P, &[0.2])
        .input();
    let error = anova(&input, &COUNTING).unwrap_err();
    assert!(matches!(error, AnalysisError::Anova(_)), "{error}");
    assert!(best(&input, &COUNTING, 0).unwrap().rows.len() == 1);
}

#[test]
fn common_seeds_are_compared_in_pairs() {
    let mut input = sweep().input();
    input.terms.common_seeds = true;
    let paired = best(&input, &COUNTING, 0).unwrap();
    assert!(
        paired.notes[2].contains("signed-rank"),
        "{:?}",
        paired.notes
    );
    // Six pairs can reach 2 / 2^6, which Holm multiplies by the five comparisons.
    let few = |row: usize| field(&paired, row, "verdict") == &Field::text("undecidable");
    assert!((1..6).all(few), "{:?}", paired.rows);
    for analysis in [anova(&input, &COUNTING), power(&input, &COUNTING)] {
        assert!(analysis.unwrap().notes[1].contains("share their seeds"));
    }
}

#[test]
fn neighbours_are_those_of_the_sorted_axis() {
    // The sweep file names 0.9 first; its only neighbour is 0.5.
    let mut input = SimulatedSweep::new(2)
        .numbers(Setting::LAMBDA_P, &[0.9, 0.1, 0.5])
        .input();
    for (trial, accuracy) in input.trials.iter_mut().zip([0.9, 0.9, 0.1, 0.1, 0.8, 0.8]) {
        trial.set(HEADLINE, accuracy);
    }
    let analysis = robustness(&input, &[0.05], &COUNTING, 0).unwrap();
    let Field::Text(step) = field(&analysis, 1, "quantity") else {
        panic!("a quantity is text");
    };
    assert!(step.ends_with("lambda_p = 0.5"), "{step}");
}

#[test]
fn replicates_that_were_added_after_looking_are_in_no_analysis() {
    let mut adaptive = sweep().initially(4).input();
    // As if the first cell alone had been given more.
    let first = adaptive.trials[0].values.clone();
    adaptive
        .trials
        .retain(|trial| trial.replicate < 4 || trial.values == first);
    let mut fixed = adaptive.clone();
    fixed.trials.retain(|trial| trial.replicate < 4);
    fixed.terms.initial_replicates = None;
    fixed.terms.replicates = 4;
    assert!(fixed.trials.len() < adaptive.trials.len());
    let analyses = |input: &ReportInput| {
        [
            anova(input, &COUNTING),
            best(input, &COUNTING, 0),
            robustness(input, &[0.05], &COUNTING, 0),
            power(input, &COUNTING),
        ]
        .map(Result::unwrap)
    };
    for (adaptive, fixed) in analyses(&adaptive).iter().zip(analyses(&fixed)) {
        assert_eq!(adaptive.rows, fixed.rows);
        assert!(
            adaptive.notes[1].contains("the first 4 replicates"),
            "{:?}",
            adaptive.notes
        );
    }
}

#[test]
fn the_power_at_a_cell_is_that_of_its_own_spread() {
    let mut input = SimulatedSweep::new(6)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.9])
        .input();
    for (trial, index) in input.trials.iter_mut().zip(0..) {
        let spread = if index < 6 { 0.001 } else { 0.1 };
        trial.set(HEADLINE, 0.9 + spread * f64::from(index % 3 - 1));
    }
    let analysis = power(&input, &COUNTING).unwrap();
    let rows = analysis.rows.len();
    let needed = |row: usize| match field(&analysis, row, "seeds_needed") {
        Field::Count(seeds) => *seeds,
        field => panic!("{field:?}"),
    };
    assert_eq!(
        field(&analysis, rows - 2, "cell"),
        &Field::text("lambda_p = 0.1")
    );
    let pooled = needed(2);
    assert_eq!(field(&analysis, 2, "difference"), &Field::number(0.05));
    assert!(needed(rows - 2) < pooled && pooled < needed(rows - 1));
}

/// Two cells that are nearly done and hardly vary, two that vary between chance and done; what
/// tells the first two apart is invisible next to the luck of the others.
fn uneven() -> ReportInput {
    let mut input = SimulatedSweep::new(5)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.9])
        .numbers(Setting::BETA, &[0.01, 0.1])
        .input();
    for (trial, index) in input.trials.iter_mut().zip(0..) {
        let luck = f64::from(index % 5 - 2);
        let accuracy = match index / 5 {
            0 => 0.999 + 0.0001 * luck,
            1 => 0.99 + 0.0005 * luck,
            2 => 0.8 + 0.07 * luck,
            _ => 0.76 + 0.07 * luck,
        };
        trial.set(HEADLINE, accuracy);
    }
    input
}

#[test]
fn where_spreads_differ_both_scales_are_shown_and_a_disagreement_is_said() {
    let analysis = anova(&uneven(), &COUNTING).unwrap();
    let p = |row: usize, column| match field(&analysis, row, column) {
        Field::Number(Some(p)) => *p,
        field => panic!("{field:?}"),
    };
    assert_eq!(field(&analysis, 1, "effect"), &Field::text("beta"));
    assert!(
        p(1, "p") > ALPHA && p(1, "p_logit") <= ALPHA,
        "{:?}",
        analysis.rows
    );
    let words = analysis.notes.last().unwrap();
    assert!(
        words.contains("disagree on whether there is an effect of beta"),
        "{words}"
    );
    let mut even = uneven();
    for (trial, index) in even.trials.iter_mut().zip(0..) {
        trial.set(HEADLINE, 0.8 + 0.01 * f64::from(index % 5));
    }
    let even = anova(&even, &COUNTING).unwrap();
    assert!(
        !even.columns.contains(&"eta2_logit".to_owned()),
        "{:?}",
        even.columns
    );
}

#[test]
fn updates_until_learnt_are_those_of_the_first_evaluation_that_was_good_enough() {
    let mut input = SimulatedSweep::new(3)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.9])
        .outcomes(|trial| if trial == 5 { Infeasible } else { Succeeded })
        .input();
    // Evaluated at 1250, 2500, 3750 and 5000 updates; the last trial diverged after it had been
    // good enough.
    for (trial, reached) in input.trials.iter_mut().zip([1, 2, 2, 3, 9, 0]) {
        for (point, index) in trial.curve.iter_mut().zip(0..) {
            point.values[HEADLINE] = Some(if index >= reached { 0.97 } else { 0.5 });
        }
    }
    let analysis = time_to(&input, 0.97, &COUNTING).unwrap();
    let shown = |row: usize, column| field(&analysis, row, column).shown();
    assert_eq!([shown(0, "n"), shown(0, "reached")], ["6", "4"]);
    assert_eq!(
        [shown(1, "value"), shown(1, "median_updates")],
        ["0.1", "3750"]
    );
    assert_eq!([shown(2, "n"), shown(2, "reached")], ["3", "1"]);
    assert_eq!(
        [shown(2, "median_updates"), shown(2, "share_reached")],
        ["-", "0.333"]
    );
    assert_eq!([shown(1, "df"), shown(2, "df")], ["1", "-"]);
    let never = time_to(&input, 0.98, &COUNTING).unwrap();
    assert_eq!(field(&never, 0, "reached"), &Field::Count(0));
    assert_eq!(field(&never, 1, "p"), &Field::Number(None));
    for trial in &mut input.trials {
        trial.curve.clear();
    }
    assert_eq!(
        time_to(&input, 0.9, &COUNTING).unwrap_err(),
        AnalysisError::NoCurve
    );
}

#[test]
fn more_replicates_have_more_power() {
    let power_now = |replicates| {
        let input = SimulatedSweep::new(replicates).numbers(Setting::LAMBDA_P, &[0.1, 0.9]);
        let analysis = power(&input.input(), &COUNTING).unwrap();
        let Field::Number(Some(power)) = *field(&analysis, 4, "power") else {
            panic!("power is a number");
        };
        power
    };
    assert!(power_now(30) > power_now(4));
}
