//! What is concluded, and what is said not to follow.

use super::*;
use crate::report::placement::place;

fn concluded(input: &ReportInput) -> Vec<String> {
    conclusion(input, &place(input), 0)
}

fn paragraphs(input: &ReportInput) -> [String; 2] {
    concluded(input).try_into().unwrap()
}

#[test]
fn a_conclusion_reads_well() {
    insta::assert_snapshot!(concluded(&sweep().outcomes(mixed).input()).join("\n\n"));
    insta::assert_snapshot!(concluded(&uneven()).join("\n\n"));
}

#[test]
fn each_number_is_the_one_of_its_table() {
    let input = uneven();
    let [said, _] = paragraphs(&input);
    let analysis = anova(&input, &COUNTING).unwrap();
    let Field::Number(Some(share)) = field(&analysis, 0, "eta2") else {
        panic!("a share is a number");
    };
    assert!(
        said.contains(&format!("lambda_p explains {:.0} %", 100.0 * share)),
        "{said}"
    );
    assert!(said.starts_with("10 of 20 trials solved"), "{said}");
    assert!(
        said.contains("every replicate did in 2 of 4 configurations"),
        "{said}"
    );
    let verdicts = &best(&input, &COUNTING, 0).unwrap().notes[1];
    let worse = verdicts
        .split("best: ")
        .nth(1)
        .unwrap()
        .split(" worse")
        .next()
        .unwrap();
    assert!(
        said.contains(&format!("{worse} are worse")),
        "{said} {verdicts}"
    );
}

#[test]
fn what_decides_the_answer_is_named_where_it_was_not_varied() {
    let [_, unsaid] = paragraphs(&uneven());
    assert!(
        unsaid.contains("another learning_rate than 0.0003"),
        "{unsaid}"
    );
    assert!(
        unsaid.contains("without naming a scale (the scales disagree"),
        "{unsaid}"
    );
    assert!(unsaid.contains("(at 0.99, 8 of 20 solve)"), "{unsaid}");
    let varied = SimulatedSweep::new(6)
        .numbers(Setting::LEARNING_RATE, &[1e-3, 1e-2])
        .input();
    assert!(
        !concluded(&varied)
            .concat()
            .contains("another learning_rate")
    );
}

#[test]
fn a_prior_that_only_its_floor_makes_finite_is_named() {
    let floored = SimulatedSweep::new(6)
        .model(serde_json::json!({ "kind": "ponder_net", "lambda_p": 0.3, "prior_floor": 1e-6 }));
    let floored = floored.numbers(Setting::LAMBDA_P, &[0.9, 1.0]).input();
    let [_, unsaid] = paragraphs(&floored);
    let words = "how lambda_p = 1 compares: its prior has nothing after the first step, and prior_floor \
                 (1e-6) stands for it";
    assert!(unsaid.contains(words), "{unsaid}");
    assert!(
        !concluded(&uneven())
            .concat()
            .contains("lambda_p = 1 compares")
    );
}

#[test]
fn few_replicates_and_trials_that_are_missing_or_still_rise_are_named() {
    let outcome = |trial| if trial < 2 { Pending } else { Succeeded };
    let mut input = SimulatedSweep::new(4)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.9])
        .outcomes(outcome)
        .input();
    let last = input.trials.last_mut().unwrap();
    last.set(HEADLINE, 0.8);
    for (point, accuracy) in last.curve.iter_mut().zip([0.5, 0.5, 0.7, 0.8]) {
        point.values[HEADLINE] = Some(accuracy);
    }
    let [_, unsaid] = paragraphs(&input);
    for words in [
        "trials without a result would change (2 of 8)",
        "configurations have as few as 2 replicates",
        "gained 0.02 or more",
        "undecidable",
    ] {
        assert!(unsaid.contains(words), "{words}: {unsaid}");
    }
}

#[test]
fn without_results_nothing_is_concluded() {
    let of = |outcome: fn(u64) -> TrialState| concluded(&sweep().outcomes(outcome).input());
    assert_eq!(
        of(|_| Pending),
        ["Nothing can be said yet: no trial has a result."]
    );
    let diverged = of(|_| Infeasible);
    assert!(
        diverged[0].starts_with("Nothing was learnt: all of 36 trials"),
        "{diverged:?}"
    );
    assert_eq!(diverged.len(), 1);
}
