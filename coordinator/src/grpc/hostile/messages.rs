//! What a hostile peer sends: valid messages with numbers and texts from the edges of what fits,
//! some of them again, some with their bytes changed. It never speaks under the honest worker's
//! name.

use proptest::{prelude::*, sample::select};

use pondersweep_proto::{limit::PROTOCOL, wire};
use serde_json::json;

use super::HONEST;
use crate::sweep::{SweepSpec, test_support::terms};

/// What a peer sends.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    Register(wire::RegisterRequest),
    Acquire(wire::AcquireRequest),
    Renew(wire::RenewRequest),
    Report(wire::ReportRequest),
    Finish(wire::FinishRequest),
    Drain(wire::DrainRequest),
    Create(Box<wire::CreateSweepRequest>),
    Get(wire::GetSweepRequest),
    Cells(wire::ListCellsRequest),
    Allocate(wire::AllocateReplicatesRequest),
    Watch(wire::WatchSweepRequest),
    /// An earlier message of the same peer, once more.
    Replay(prop::sample::Index),
    /// An earlier message with some of its bytes changed on the way.
    Garbled(prop::sample::Index, Vec<(prop::sample::Index, u8)>),
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "last",
            "0",
            "-1",
            "18446744073709551615",
            "9223372036854775808",
            "\0",
            "é"
        ])
        .prop_map(str::to_owned),
        ".{0,80}",
        "[a-f0-9]{16}",
        (60_usize..9_000).prop_map(|length| "x".repeat(length)),
    ]
}

/// The peer's own name most of the time, and never the honest worker's.
fn any_worker() -> impl Strategy<Value = String> {
    let own =
        select(vec!["mallory", "mallory2", "stranger", "", "two words"]).prop_map(str::to_owned);
    prop_oneof![4 => own, 1 => any_text()]
        .prop_filter("the honest worker's name", |name| name != "honest")
}

fn any_whole() -> impl Strategy<Value = u64> {
    let edges = vec![
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        u64::from(u32::MAX),
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    prop_oneof![4 => select(edges), 1 => any::<u64>()]
}

fn any_small() -> impl Strategy<Value = u32> {
    prop_oneof![4 => select(vec![0, 1, 2, 3, 1_000_000, u32::MAX]), 1 => any::<u32>()]
}

fn any_number() -> impl Strategy<Value = f64> {
    let edges = vec![
        0.0,
        -0.0,
        0.5,
        1.0,
        -1.0,
        1e300,
        1e-320,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
    ];
    prop_oneof![4 => select(edges), 1 => any::<f64>()]
        .prop_filter("the honest number", |number| *number != HONEST)
}

fn any_token() -> impl Strategy<Value = Option<wire::LeaseToken>> {
    let token = (any_whole(), any_small())
        .prop_map(|(trial_id, attempt)| wire::LeaseToken { trial_id, attempt });
    prop::option::weighted(0.95, token)
}

fn any_observations() -> impl Strategy<Value = Vec<wire::Observation>> {
    let metric = select(vec!["accuracy_interpolation", "loss_training", "charm", ""]);
    let observation = (any_whole(), metric, any_number())
        .prop_map(|(step, metric, value)| {
            let metric = metric.to_owned();
            wire::Observation {
                step,
                metric,
                value,
            }
        })
        .boxed();
    prop_oneof![
        9 => prop::collection::vec(observation.clone(), 0..5),
        1 => observation.prop_map(|one| vec![one; 5_000]),
    ]
}

fn any_breakdown() -> impl Strategy<Value = Option<wire::Breakdown>> {
    let word = || {
        let words = [
            "difficulty",
            "halting",
            "interpolation",
            "extrapolation",
            "examples",
            "1-2",
            "",
        ];
        prop_oneof![9 => select(words.to_vec()).prop_map(str::to_owned), 1 => any_text()]
    };
    let few = || prop_oneof![0_u64..9, any::<u64>()];
    let row = (word(), prop::collection::vec(few(), 0..4));
    let row = row.prop_map(|(row, counts)| wire::CountRow { row, counts });
    let columns = prop::collection::vec(word(), 0..4);
    let table = (word(), word(), columns, prop::collection::vec(row, 0..30)).prop_map(
        |(table, group, columns, rows)| wire::CountTable {
            table,
            group,
            columns,
            rows,
        },
    );
    let tables = prop::collection::vec(table, 0..4);
    prop::option::of(tables.prop_map(|tables| wire::Breakdown { tables }))
}

/// A specification that is JSON, mostly of the right form.
fn any_spec() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any_number().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|whole| json!(whole)),
        any_text().prop_map(|text| json!(text)),
        Just(json!(null)),
    ];
    let parameter = prop_oneof![
        select(vec![
            "lambda_p",
            "beta",
            "max_steps",
            "updates",
            "hidden",
            "step_function",
            "batch"
        ])
        .prop_map(str::to_owned),
        any_text(),
    ];
    let part = (parameter, prop::collection::vec(value, 0..4))
        .prop_map(|(parameter, values)| json!({ "parameter": parameter, "values": values }))
        .boxed();
    let axes = prop::collection::vec(part.clone(), 0..3);
    let rule = prop::collection::vec(part, 0..3);
    let numbers = (
        any_small(),
        any::<u64>(),
        any_number(),
        any_small(),
        any_small(),
    );
    let template = (
        any_number(),
        any_number(),
        any_small(),
        any_whole(),
        any_small(),
    );
    (any_text(), axes, rule, numbers, template).prop_map(|(name, axes, rule, numbers, template)| {
        let spec = SweepSpec::new(terms()).unwrap();
        let mut spec: serde_json::Value = serde_json::from_str(spec.json()).unwrap();
        let (replicates, seed, solved_threshold, max_failures, max_worker_losses) = numbers;
        let (lambda_p, rate, hidden, updates, batch) = template;
        spec["template"]["model"]["lambda_p"] = json!(lambda_p);
        spec["template"]["model"]["hidden"] = json!(hidden);
        spec["template"]["training"]["learning_rate"] = json!(rate);
        spec["template"]["training"]["updates"] = json!(updates);
        spec["template"]["training"]["batch"] = json!(batch);
        spec["exclusions"] = json!([{ "conditions": rule }]);
        spec["axes"] = json!(axes);
        spec["name"] = json!(name);
        spec["seed"] = json!(seed);
        spec["solved_threshold"] = json!(solved_threshold);
        // Larger ones are refused or, with consent, take their time.
        spec["replicates"] = json!(if replicates == 1_000_000 {
            3
        } else {
            replicates
        });
        spec["max_failures"] = json!(max_failures);
        spec["max_worker_losses"] = json!(max_worker_losses);
        if max_failures == 2 {
            spec["initial_replicates"] = json!(max_worker_losses);
        }
        spec.to_string().into_bytes()
    })
}

fn any_acquisition() -> impl Strategy<Value = wire::AcquireRequest> {
    let acquire = (
        any_worker(),
        any_text(),
        any_small(),
        any_text(),
        any_token(),
    );
    acquire.prop_map(|(worker_id, request_id, max_lanes, text, together_with)| {
        let is_sweep = text.len() == 16;
        wire::AcquireRequest {
            worker_id,
            request_id,
            max_lanes,
            sweep_id: if is_sweep { text } else { String::new() },
            together_with,
            offers: Vec::new(),
        }
    })
}

pub(super) fn any_sent() -> impl Strategy<Value = Sent> {
    let worker = (any_worker(), any_small(), any_text()).prop_map(|(worker_id, slots, text)| {
        let info = wire::WorkerInfo {
            worker_id,
            slots,
            process_id: slots,
            host: text.clone(),
            device: text.clone(),
            backend: text.clone(),
            version: text.clone(),
            binary_sha256: text.clone(),
            cpu: text.clone(),
            cpu_features: text.clone(),
            instructions: text.clone(),
            gpu: text,
        };
        Sent::Register(wire::RegisterRequest {
            worker: Some(info),
            protocol: PROTOCOL,
        })
    });
    let acquire = any_acquisition().prop_map(Sent::Acquire);
    let progress =
        (any_token(), any_whole()).prop_map(|(token, updates_done)| wire::LeaseProgress {
            token,
            updates_done,
        });
    let renew =
        (any_worker(), prop::collection::vec(progress, 0..6)).prop_map(|(worker_id, leases)| {
            let draining = leases.len() % 2 == 1;
            Sent::Renew(wire::RenewRequest {
                worker_id,
                leases,
                draining,
            })
        });
    let report = (any_worker(), any_token(), any_observations());
    let report = report.prop_map(|(worker_id, token, observations)| {
        Sent::Report(wire::ReportRequest {
            worker_id,
            token,
            observations,
        })
    });
    let end = (
        any_token(),
        -1..6,
        any_text(),
        any_observations(),
        any_number(),
        -1..7,
        any_breakdown(),
    );
    let end = end.prop_map(
        |(token, ending, message, observations, seconds, cause, breakdown)| wire::EndedAttempt {
            token,
            ending,
            message,
            observations,
            seconds,
            cause,
            breakdown,
        },
    );
    let next = prop::option::of(any_acquisition());
    let finish = (any_worker(), prop::collection::vec(end, 0..4), next);
    let finish = finish.prop_map(|(worker_id, attempts, next)| {
        Sent::Finish(wire::FinishRequest {
            worker_id,
            attempts,
            next,
        })
    });
    let cells = (any_text(), any_small(), any_text());
    let cells = cells.prop_map(|(sweep, page_size, page_token)| {
        let sweep = if page_size == 1 { "last".into() } else { sweep };
        Sent::Cells(wire::ListCellsRequest {
            sweep,
            page_size,
            page_token,
        })
    });
    let allocation = (any_whole(), any_small())
        .prop_map(|(position, replicates)| wire::Allocation {
            position,
            replicates,
        })
        .boxed();
    let allocations = prop_oneof![
        9 => prop::collection::vec(allocation.clone(), 0..5),
        1 => allocation.prop_map(|one| vec![one; 70_000]),
    ];
    let allocate = (any_text(), any::<bool>(), allocations);
    let allocate = allocate.prop_map(|(sweep, last, allocations)| {
        let sweep = if last { "last".into() } else { sweep };
        Sent::Allocate(wire::AllocateReplicatesRequest { sweep, allocations })
    });
    let garble = (any::<prop::sample::Index>(), any::<u8>());
    let garbled = (
        any::<prop::sample::Index>(),
        prop::collection::vec(garble, 1..6),
    );
    prop_oneof![
        2 => worker,
        3 => acquire,
        2 => renew,
        3 => report,
        4 => finish,
        1 => any_worker().prop_map(|worker_id| Sent::Drain(wire::DrainRequest { worker_id })),
        1 => any_spec().prop_map(|spec| Sent::Create(Box::new(wire::CreateSweepRequest { spec, accept_large: false, files: Vec::new() }))),
        1 => any_text().prop_map(|sweep| Sent::Get(wire::GetSweepRequest { sweep })),
        1 => cells,
        2 => allocate,
        1 => any_text().prop_map(|sweep| Sent::Watch(wire::WatchSweepRequest { sweep })),
        2 => any::<prop::sample::Index>().prop_map(Sent::Replay),
        3 => garbled.prop_map(|(which, bytes)| Sent::Garbled(which, bytes)),
    ]
}

/// The message with some bytes changed, if that still is one of its kind that claims no other name.
fn garble(sent: &Sent, changes: &[(prop::sample::Index, u8)]) -> Option<Sent> {
    fn changed<M: prost::Message + Default>(
        message: &M,
        changes: &[(prop::sample::Index, u8)],
    ) -> Option<M> {
        let mut bytes = message.encode_to_vec();
        if bytes.is_empty() {
            return None;
        }
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        M::decode(&*bytes).ok()
    }
    let garbled = match sent {
        Sent::Register(request) => Sent::Register(changed(request, changes)?),
        Sent::Acquire(request) => Sent::Acquire(changed(request, changes)?),
        Sent::Renew(request) => Sent::Renew(changed(request, changes)?),
        Sent::Report(request) => Sent::Report(changed(request, changes)?),
        Sent::Finish(request) => Sent::Finish(changed(request, changes)?),
        Sent::Drain(request) => Sent::Drain(changed(request, changes)?),
        Sent::Create(request) => Sent::Create(Box::new(changed(&**request, changes)?)),
        Sent::Get(request) => Sent::Get(changed(request, changes)?),
        Sent::Cells(request) => Sent::Cells(changed(request, changes)?),
        Sent::Allocate(request) => Sent::Allocate(changed(request, changes)?),
        Sent::Watch(request) => Sent::Watch(changed(request, changes)?),
        Sent::Replay(_) | Sent::Garbled(..) => return None,
    };
    Some(garbled)
}

/// Messages as they are sent, replays and garbled ones put in place of what they repeat.
pub(super) fn resolve(planned: Vec<Sent>) -> Vec<Sent> {
    let mut sent: Vec<Sent> = Vec::new();
    for message in planned {
        let message = match message {
            Sent::Replay(_) | Sent::Garbled(..) if sent.is_empty() => continue,
            Sent::Replay(which) => which.get(&sent).clone(),
            Sent::Garbled(which, changes) => match garble(which.get(&sent), &changes) {
                Some(garbled) => garbled,
                None => continue,
            },
            message => message,
        };
        sent.push(message);
    }
    sent
}
