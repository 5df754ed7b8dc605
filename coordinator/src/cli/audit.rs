//! `pondersweep audit`: trains a random sample of a sweep's trials again and says what follows from
//! it. It reads the database and never writes anywhere.

mod conclusion;

use std::{
    num::NonZeroUsize,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use clap::Args;
use pondersweep_worker::{
    cli::{ProgramArgs, a_count},
    device::DeviceName,
    say,
};
use serde_json::{Value, json};

use self::conclusion::Conclusion;
use super::{
    at_hand::AtHand,
    output::{Format, OutputArgs, Rows, print_json, print_text},
    place::PlaceArgs,
    replay::{COLUMNS, REPLAYS, ReplayError, Replayable, Replayed, Updates, first, replay},
};
use crate::replay::{Stratum, effective_size, sample};

/// The version of the JSON below.
const SCHEMA: &str = "pondersweep.audit/1";

/// Train a random sample of a sweep's trials again and compare every number, to the bit
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// The sweep: its id, a prefix of it, its name, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Share of the trials to train again, of every machine, device and binary; at least one of
    /// each
    #[arg(long, default_value_t = 0.05, value_name = "SHARE", value_parser = fraction)]
    fraction: f64,
    /// Draws the sample: the same seed, the same trials
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Trials trained side by side [default: one per core]
    #[arg(long, env = "PONDERSWEEP_WORKERS", value_name = "N", value_parser = a_count::<NonZeroUsize>)]
    workers: Option<NonZeroUsize>,
    /// Where to compute [default: for each trial the device that computed its result]
    #[arg(long, env = "PONDERSWEEP_DEVICE", value_name = "DEVICE")]
    device: Option<DeviceName>,
    #[command(flatten)]
    programs: ProgramArgs,
    #[command(flatten)]
    output: OutputArgs,
}

fn fraction(text: &str) -> Result<f64, String> {
    let share = text.parse().ok();
    share
        .filter(|share| *share > 0.0 && *share <= 1.0)
        .ok_or_else(|| "a share is a number above 0, at most 1".into())
}

pub(super) async fn run(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let database = AtHand::of(&args.place).await?;
    let mut reader = database.reader().await?;
    let sweep_id = reader.find_sweep(&args.sweep).await?;
    let strata = Stratum::of(reader.origins(sweep_id).await?);
    let results: u64 = strata
        .iter()
        .map(|stratum| stratum.trials.len() as u64)
        .sum();
    anyhow::ensure!(
        results > 0,
        "sweep {sweep_id} has no results yet\nhint: `pondersweep status {sweep_id}` shows how far it is"
    );
    let host = args.programs.host(Some(REPLAYS))?;
    let mut trials = Vec::new();
    for trial_id in sample(&strata, args.fraction, args.seed) {
        let recorded = reader.recorded(&trial_id.to_string()).await?;
        trials.push(Replayable::new(recorded, args.device, host.clone())?);
    }
    say!(
        "training {} of {results} results again, from {} different origins",
        trials.len(),
        strata.len()
    );
    let workers = args.workers.map_or_else(cores, NonZeroUsize::get);
    let replayed = tokio::task::spawn_blocking(move || replay_all(trials, workers)).await??;
    let conclusion = Conclusion::new(&replayed, effective_size(&strata, args.fraction), results);
    print(&args, &sweep_id.to_string(), &replayed, &conclusion)?;
    Ok(if conclusion.wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Replays every trial, several side by side; in their order.
fn replay_all(trials: Vec<Replayable>, workers: usize) -> Result<Vec<Replayed>, ReplayError> {
    let updates = Updates::new(trials.iter().map(Replayable::updates).sum());
    let threads = workers.min(trials.len());
    let queue = Mutex::new(trials.into_iter());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&queue, &done, &updates));
        }
    });
    updates.finish();
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut replayed: Vec<Replayed> = done.into_iter().collect::<Result<_, _>>()?;
    replayed.sort_by_key(|replayed| replayed.trial.trial_id);
    Ok(replayed)
}

/// Takes trials until there are none or one failed.
fn work(
    queue: &Mutex<std::vec::IntoIter<Replayable>>,
    done: &Mutex<Vec<Result<Replayed, ReplayError>>>,
    updates: &Arc<Updates>,
) {
    // No thread panics with either lock: training catches its own panics.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(trial) = next() {
        let replayed = replay(trial, updates);
        if let Ok(Replayed {
            difference: Some(difference),
            trial,
            ..
        }) = &replayed
        {
            updates.say(&format!(
                "trial {} DIFFERS: {}",
                trial.trial_id,
                first(difference)
            ));
        }
        let failed = replayed.is_err();
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        done.push(replayed);
        if failed {
            // The other threads end their trial and find nothing more.
            queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .by_ref()
                .for_each(drop);
        }
    }
}

fn print(
    args: &AuditArgs,
    sweep_id: &str,
    replayed: &[Replayed],
    conclusion: &Conclusion,
) -> anyhow::Result<()> {
    let rows = Rows::of(&COLUMNS, replayed.iter().map(Replayed::cells));
    match args.output.output {
        Format::Json => print_json(&json!({
            "schema": SCHEMA,
            "sweep_id": sweep_id,
            "fraction": args.fraction,
            "seed": args.seed,
            "results": conclusion.results,
            "replayed": conclusion.replayed,
            "exact": conclusion.replayed - conclusion.wrong,
            "wrong_share_upper_bound": conclusion.upper_bound,
            "confidence": conclusion.confidence,
            "trials": rows.to_json(),
        }))?,
        Format::Csv => {
            rows.print(Format::Csv)?;
            say!("{conclusion}");
        }
        Format::Table => {
            Rows::of(
                &["trial", "host", "device", "verdict"],
                replayed.iter().map(short),
            )
            .print(Format::Table)?;
            print_text(&conclusion.to_string())?;
        }
    }
    Ok(())
}

/// A row for people, who have seen where a trial differs when it was found.
fn short(replayed: &Replayed) -> Vec<Value> {
    let trial = &replayed.trial;
    vec![
        json!(trial.trial_id.0),
        json!(trial.stored_origin.host),
        json!(trial.stored_origin.device),
        json!(replayed.verdict()),
    ]
}
