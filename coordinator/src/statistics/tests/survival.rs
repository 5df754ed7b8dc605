//! Kaplan and Meier's estimate and the log-rank test against lifelines and statsmodels, and laws.

use proptest::prelude::*;
use serde::Deserialize;

use super::{close, fixture};
use crate::statistics::{KaplanMeier, LogRank, Subject};

#[derive(Deserialize)]
struct Cases {
    kaplan_meier: Vec<EstimateCase>,
    log_rank: Vec<LogRankCase>,
}

#[derive(Deserialize)]
struct EstimateCase {
    name: String,
    subjects: Vec<(f64, bool)>,
    /// Time, share that still waits, and its interval where it has one.
    table: Vec<(f64, f64, Option<[f64; 2]>)>,
    median: Option<f64>,
    median_interval: [Option<f64>; 2],
}

#[derive(Deserialize)]
struct LogRankCase {
    name: String,
    strata: Vec<Vec<Vec<(f64, bool)>>>,
    statistic: f64,
    degrees_of_freedom: u64,
    p: f64,
}

fn subjects(pairs: &[(f64, bool)]) -> Vec<Subject> {
    let subject = |&(time, happened): &(f64, bool)| Subject { time, happened };
    pairs.iter().map(subject).collect()
}

fn strata(pairs: &[Vec<Vec<(f64, bool)>>]) -> Vec<Vec<Vec<Subject>>> {
    let stratum = |groups: &Vec<Vec<_>>| groups.iter().map(|group| subjects(group)).collect();
    pairs.iter().map(stratum).collect()
}

#[test]
fn the_share_that_waits_its_interval_and_the_median_are_those_of_lifelines() {
    let cases: Cases = fixture!("survival.json");
    assert_eq!(cases.kaplan_meier.len(), 5);
    for case in cases.kaplan_meier {
        let found = KaplanMeier::of(&subjects(&case.subjects));
        let table: Vec<_> = found.table().collect();
        assert_eq!(table.len(), case.table.len(), "{}", case.name);
        for ((time, waiting, interval), expected) in table.into_iter().zip(&case.table) {
            assert_eq!(time, expected.0, "{}", case.name);
            assert!(
                close(waiting, expected.1, 1e-12),
                "{}: {waiting}",
                case.name
            );
            let interval = interval.map(|interval| [interval.lower, interval.upper]);
            assert_eq!(
                interval.is_some(),
                expected.2.is_some(),
                "{}: {time}",
                case.name
            );
            let ends = interval.iter().flatten().zip(expected.2.iter().flatten());
            for (ours, theirs) in ends {
                assert!(
                    close(*ours, *theirs, 1e-9),
                    "{}: {ours} {theirs}",
                    case.name
                );
            }
        }
        assert_eq!(found.median(), case.median, "{}", case.name);
        assert_eq!(
            found.median_interval(),
            case.median_interval,
            "{}",
            case.name
        );
    }
}

#[test]
fn the_log_rank_test_is_that_of_lifelines_and_with_strata_that_of_statsmodels() {
    let cases: Cases = fixture!("survival.json");
    assert_eq!(cases.log_rank.len(), 6);
    for case in cases.log_rank {
        let found = LogRank::of(&strata(&case.strata)).unwrap();
        assert!(
            close(found.statistic, case.statistic, 1e-9),
            "{}: {found:?}",
            case.name
        );
        assert_eq!(
            found.degrees_of_freedom, case.degrees_of_freedom,
            "{}",
            case.name
        );
        assert!(close(found.p, case.p, 1e-9), "{}: {found:?}", case.name);
    }
}

#[test]
fn what_never_happens_has_no_median_and_no_test() {
    let never = subjects(&[(10.0, false), (10.0, false)]);
    let estimate = KaplanMeier::of(&never);
    assert_eq!((estimate.happened(), estimate.median()), (0.0, None));
    assert_eq!(LogRank::of(&[vec![never.clone(), never]]), None);
    assert_eq!(LogRank::of(&[]), None);
}

#[test]
fn a_group_that_is_in_no_stratum_with_another_is_in_no_comparison() {
    let [fast, slow] =
        [[(1.0, true), (2.0, true)], [(3.0, true), (9.0, false)]].map(|of| subjects(&of));
    let apart = [vec![fast.clone(), vec![]], vec![vec![], slow.clone()]];
    assert_eq!(LogRank::of(&apart), None);
    let met = LogRank::of(&[vec![fast.clone(), slow.clone(), vec![]]]).unwrap();
    assert_eq!(met, LogRank::of(&[vec![fast, slow]]).unwrap());
}

fn any_group() -> impl Strategy<Value = Vec<(f64, bool)>> {
    prop::collection::vec((1..9_i32, any::<bool>()), 0..12).prop_map(|subjects| {
        subjects
            .into_iter()
            .map(|(time, happened)| (time.into(), happened))
            .collect()
    })
}

proptest! {
    #[test]
    fn without_censoring_the_estimate_is_the_share(times in prop::collection::vec(1..9_i32, 1..20)) {
        let all: Vec<_> = times.iter().map(|&time| (f64::from(time), true)).collect();
        for (time, waiting, _) in KaplanMeier::of(&subjects(&all)).table() {
            let later = times.iter().filter(|&&other| f64::from(other) > time).count();
            prop_assert!(close(waiting, later as f64 / times.len() as f64, 1e-12));
        }
    }

    #[test]
    fn the_test_sees_neither_the_order_of_groups_nor_the_unit_of_time(
        groups in prop::collection::vec(any_group(), 2..5), scale in 0.1..10.0_f64,
    ) {
        let scaled = |group: &Vec<(f64, bool)>| {
            let subjects = group.iter().map(|&(time, happened)| (time * scale, happened));
            subjects.collect::<Vec<_>>()
        };
        let other: Vec<_> = groups.iter().rev().map(scaled).collect();
        let found = [groups, other].map(|groups| LogRank::of(&strata(&[groups])));
        match found {
            [Some(one), Some(other)] => {
                prop_assert_eq!(one.degrees_of_freedom, other.degrees_of_freedom);
                prop_assert!(close(one.statistic, other.statistic, 1e-6));
                prop_assert!((0.0..=1.0).contains(&one.p));
            }
            found => prop_assert_eq!(found, [None, None]),
        }
    }
}
