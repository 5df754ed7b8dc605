//! What a peer may ask for at most: it is counted before any of it is done, and long answers come
//! in pages.

use pondersweep_proto::{
    limit::{MAX_LANES, MAX_ROWS_OF_PAGE, MAX_SPECIFICATION_BYTES},
    setting::{ParameterValue, Setting},
};

use super::*;
use crate::sweep::{Axis, Condition, Exclusion, SweepTerms};

/// `values` values of lambda_p.
fn many(values: u32) -> Vec<ParameterValue> {
    let value = |number| ParameterValue::Number(f64::from(number) / f64::from(values + 1));
    (1..=values).map(value).collect()
}

fn axis(parameter: Setting, values: Vec<ParameterValue>) -> Axis {
    Axis { parameter, values }
}

async fn create(scene: &Scene, terms: &SweepTerms, accept_large: bool) -> Result<(), Status> {
    let create = wire::CreateSweepRequest {
        spec: serde_json::to_vec(terms).unwrap(),
        accept_large,
        files: Vec::new(),
    };
    let created = scene.sweeps.create_sweep(Request::new(create)).await;
    created.map(drop)
}

/// A grid that would take minutes to be walked.
fn vast() -> SweepTerms {
    let steps = (1..=200).map(ParameterValue::Integer).collect();
    let mut terms = terms();
    terms.axes = vec![
        axis(Setting::LAMBDA_P, many(100_000)),
        axis(Setting::MAX_STEPS, steps),
    ];
    terms.replicates = 1;
    terms
}

#[tokio::test]
async fn a_vast_sweep_is_counted_before_its_grid_is_walked() {
    let scene = Scene::new().await;
    let refused = create(&scene, &vast(), false).await.unwrap_err();
    assert!(refused.message().contains("20000000 trials"), "{refused}");
    let mut repeated = vast();
    repeated.replicates = 3;
    let refused = create(&scene, &repeated, true).await.unwrap_err();
    assert!(refused.message().contains("60000000 trials"), "{refused}");
    let mut ruled = vast();
    let rule = Exclusion {
        conditions: vec![Condition {
            parameter: Setting::MAX_STEPS,
            values: vec![ParameterValue::Integer(1)],
        }],
    };
    ruled.exclusions = vec![rule; 1_000];
    let refused = create(&scene, &ruled, true).await.unwrap_err();
    assert!(refused.message().contains("conditions"), "{refused}");
    let mut long = terms();
    long.name = " ".repeat(MAX_SPECIFICATION_BYTES);
    let refused = create(&scene, &long, true).await.unwrap_err();
    assert!(refused.message().contains("bytes"), "{refused}");
    scene.honest_work_is_untouched().await;
}

#[test]
fn rules_look_values_up_and_do_not_search_for_them() {
    let mut terms = terms();
    let values = many(100_000);
    let rule = |offset: usize| Exclusion {
        conditions: vec![Condition {
            parameter: Setting::LAMBDA_P,
            values: values[offset..].iter().step_by(100).cloned().collect(),
        }],
    };
    terms.exclusions = (0..50).map(rule).collect();
    terms.axes = vec![axis(Setting::LAMBDA_P, values)];
    let spec = SweepSpec::new(terms).unwrap();
    assert_eq!(spec.configurations(), 50_000);
}

#[tokio::test]
async fn a_worker_holds_no_more_than_its_slots_can_take() {
    let scene = Scene::new().await;
    let mut terms = terms();
    terms.name = "other".into();
    terms.replicates = MAX_LANES;
    create(&scene, &terms, true).await.unwrap();
    let acquire = async |request_id: &str| {
        let request = wire::AcquireRequest {
            worker_id: "mallory".into(),
            request_id: request_id.into(),
            max_lanes: MAX_LANES,
            sweep_id: SweepSpec::new(terms.clone()).unwrap().id().to_string(),
            together_with: None,
            offers: Vec::new(),
        };
        let granted = scene.leases.acquire(Request::new(request)).await.unwrap();
        let leases = granted.into_inner().leases.into_iter();
        leases.map(|lease| lease.token.unwrap()).collect::<Vec<_>>()
    };
    let all = acquire("1").await;
    assert_eq!(all.len() as u32, MAX_LANES);
    assert_eq!(acquire("2").await, []);
    assert_eq!(acquire("1").await, all);
    let drain = wire::DrainRequest {
        worker_id: "mallory".into(),
    };
    scene.leases.drain(Request::new(drain)).await.unwrap();
    assert_eq!(acquire("3").await.len(), all.len());
    scene.honest_work_is_untouched().await;
}

#[tokio::test]
async fn sweeps_and_workers_beyond_a_page_are_listed_each_once() {
    const MORE: usize = MAX_ROWS_OF_PAGE + 5;
    let scene = Scene::new().await;
    let creating = (0..MORE).map(|seed| {
        let mut terms = terms();
        terms.name = "other".into();
        terms.seed = 1_000 + seed as u64;
        terms.replicates = 1;
        let scene = &scene;
        async move { create(scene, &terms, false).await.unwrap() }
    });
    for created in creating {
        created.await;
    }
    for number in 0..MORE {
        let worker = wire::WorkerInfo {
            worker_id: format!("w{number}"),
            ..wire::WorkerInfo::default()
        };
        let register = wire::RegisterRequest {
            worker: Some(worker),
            protocol: PROTOCOL,
        };
        scene.leases.register(Request::new(register)).await.unwrap();
    }
    let (mut sweeps, mut workers) = (Vec::new(), Vec::new());
    let (mut of_sweeps, mut of_workers) = (Vec::new(), Vec::new());
    let mut page_token = String::new();
    loop {
        let request = wire::ListSweepsRequest { page_token };
        let page = scene.sweeps.list_sweeps(Request::new(request)).await;
        let page = page.unwrap().into_inner();
        of_sweeps.push(page.sweeps.len());
        sweeps.extend(page.sweeps.into_iter().map(|sweep| sweep.sweep_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    loop {
        let request = wire::ListWorkersRequest { page_token };
        let page = scene.sweeps.list_workers(Request::new(request)).await;
        let page = page.unwrap().into_inner();
        of_workers.push(page.workers.len());
        workers.extend(
            page.workers
                .into_iter()
                .map(|status| status.worker.unwrap().worker_id),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    // Besides them the sweep and the workers that the scene begins with.
    assert_eq!(of_sweeps, [MAX_ROWS_OF_PAGE, MORE + 1 - MAX_ROWS_OF_PAGE]);
    assert_eq!(of_workers, [MAX_ROWS_OF_PAGE, MORE + 3 - MAX_ROWS_OF_PAGE]);
    for mut names in [sweeps, workers] {
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
    scene.honest_work_is_untouched().await;
}
