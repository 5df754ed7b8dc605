//! The measurement: two coordinators, one with a large sweep and one with a small one, side by
//! side.

use std::{path::Path, time::Duration};

use pondersweep::{clock, quantile, sweep::SweepSpec};

use crate::{load::Load, serve::Serve, spread::Spread, sweep::null_sweep, usage::Usage};

/// How large.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) trials: u32,
    pub(super) workers: u32,
    /// How long workers renew.
    pub(super) window: Duration,
}

/// What was found. Memory and CPU time are the coordinator's, `None` where the system does not
/// tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) create_seconds: f64,
    /// From the start of a process until it serves the sweep, after the one before was killed.
    pub(super) restore_seconds: f64,
    /// With an empty database.
    pub(super) idle: Option<Usage>,
    /// With the large sweep restored, then with every worker connected.
    pub(super) restored: Option<Usage>,
    pub(super) crowded: Option<Usage>,
    pub(super) renewals: usize,
    pub(super) renewal_p50_seconds: f64,
    pub(super) renewal_p99_seconds: f64,
    /// CPU time of a trial, leased and ended, in seconds: in the small sweep, the large one, and
    /// their ratio within a round.
    pub(super) small_trial_seconds: Option<Spread>,
    pub(super) large_trial_seconds: Option<Spread>,
    pub(super) cost_ratio: Option<Spread>,
}

/// Trials of the small sweep, and what a round takes of both.
const SMALL: u32 = 1_000;
const ROUNDS: u32 = 6;
const ROUND_TRIALS: u32 = 160;
/// Workers of these rounds, and leases of an acquisition.
const WORKERS: u32 = 2;
const LANES: u32 = 16;
/// Every worker renews this often: ten times as often as with a lease of 30 s.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(1);
/// A process that has started is given this long to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Measures in a temporary folder below `folder`.
pub(super) async fn measure(size: &Size, folder: &Path) -> anyhow::Result<Found> {
    let folder = tempfile::Builder::new()
        .prefix("pondersweep-bench-")
        .tempdir_in(folder)?;
    let spec = null_sweep(size.trials.into(), 1)?;
    let (large_db, small_db) = (
        folder.path().join("large.db"),
        folder.path().join("small.db"),
    );
    let serve = Serve::start(&large_db).await?;
    tokio::time::sleep(REST).await;
    let idle = serve.usage();
    let create_seconds = create(&serve, &spec).await?;
    serve.kill().await?;
    let started = clock::now();
    let large = Serve::start(&large_db).await?;
    let restore_seconds = (clock::now() - started).as_secs_f64();
    tokio::time::sleep(REST).await;
    let restored = large.usage();
    let small = Serve::start(&small_db).await?;
    let small_spec = null_sweep(SMALL.into(), 1)?;
    create(&small, &small_spec).await?;
    let costs = costs([(&small, &small_spec), (&large, &spec)]).await?;
    let crowd = Load::register(large.url(), size.workers, 1, 1, spec.id()).await?;
    let renewals = crowd.hold(RENEWAL_INTERVAL, size.window).await?;
    let crowded = large.usage();
    small.stop().await?;
    large.stop().await?;
    let mut latencies: Vec<f64> = renewals.iter().map(Duration::as_secs_f64).collect();
    latencies.sort_by(f64::total_cmp);
    Ok(Found {
        create_seconds,
        restore_seconds,
        idle,
        restored,
        crowded,
        renewals: latencies.len(),
        renewal_p50_seconds: quantile(&latencies, 0.5),
        renewal_p99_seconds: quantile(&latencies, 0.99),
        small_trial_seconds: over_rounds(&costs, |[small, _]| small),
        large_trial_seconds: over_rounds(&costs, |[_, large]| large),
        cost_ratio: over_rounds(&costs, |[small, large]| large / small),
    })
}

async fn create(serve: &Serve, spec: &SweepSpec) -> anyhow::Result<f64> {
    let started = clock::now();
    serve.create(spec).await?;
    Ok((clock::now() - started).as_secs_f64())
}

/// CPU seconds of a trial at each of two coordinators, in turn, after a round that is thrown away.
async fn costs(coordinators: [(&Serve, &SweepSpec); 2]) -> anyhow::Result<Vec<[f64; 2]>> {
    let mut loads = Vec::new();
    for (serve, spec) in coordinators {
        loads.push(Load::register(serve.url(), WORKERS, LANES, 1, spec.id()).await?);
    }
    let mut costs = Vec::new();
    for round in 0..ROUNDS {
        let mut cost = [f64::NAN; 2];
        for ((cost, load), (serve, _)) in cost.iter_mut().zip(&loads).zip(coordinators) {
            let before = serve.usage();
            load.run(&round.to_string(), ROUND_TRIALS).await?;
            if let (Some(before), Some(after)) = (before, serve.usage()) {
                *cost = (after.cpu - before.cpu).as_secs_f64() / f64::from(ROUND_TRIALS);
            }
        }
        if round > 0 {
            costs.push(cost);
        }
    }
    Ok(costs)
}

fn over_rounds(costs: &[[f64; 2]], figure: impl Fn([f64; 2]) -> f64) -> Option<Spread> {
    let numbers: Vec<f64> = costs.iter().copied().map(figure).collect();
    numbers
        .iter()
        .all(|number| number.is_finite())
        .then(|| Spread::of(numbers))
}
