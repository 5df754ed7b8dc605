//! `pondersweep launch slurm`: an array of workers, submitted to Slurm. Given again, it submits
//! nothing while the array lives.

use std::{fs, num::NonZeroUsize, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use pondersweep_worker::say;
use serde_json::json;

use super::{
    arguments::{CredentialArgs, NameArgs, StateArgs, WorkerArgs, absolute},
    inventory::{places, release},
};
use crate::{
    cli::output::{OutputArgs, Rows, print_text},
    clock,
    launch::{
        Ledger,
        plan::{Batch, JobRecord, Launch, LaunchName, Launched, WorkerPlan},
        slurm,
    },
    whole_file,
};

/// Submit an array of workers to Slurm
///
/// Options after `--` go to sbatch, such as `-- --partition=gpu --time=04:00:00 --gres=gpu:1`. With
/// --time among them, workers leave in order before that limit. This program, the token file and
/// the folder of launches must be on a file system that the nodes share.
#[derive(Debug, Args)]
pub(in crate::cli) struct SlurmArgs {
    /// Workers, each a task of the array
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// Address of the coordinator as the nodes see it
    #[arg(long, env = "PONDERSWEEP_COORDINATOR", value_name = "URL")]
    coordinator: String,
    /// The program on the nodes [default: this one]
    #[arg(long, value_name = "PATH")]
    binary: Option<String>,
    /// Requeue workers that reach their time limit, until nothing is left to do
    #[arg(long)]
    until_done: bool,
    /// Print the script, and submit nothing
    #[arg(long)]
    dry_run: bool,
    /// Options of sbatch
    #[arg(last = true, value_name = "SBATCH OPTIONS")]
    options: Vec<String>,
    #[command(flatten)]
    worker: WorkerArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: SlurmArgs) -> anyhow::Result<ExitCode> {
    args.credentials.check(&args.coordinator)?;
    let insecure = args.credentials.is_insecure();
    let worker = args.worker.plan(args.coordinator.clone(), insecure);
    let how: Vec<&str> = std::iter::once("slurm")
        .chain(args.options.iter().map(String::as_str))
        .collect();
    let name = args.name.of(&how, &worker);
    let ledger = args.state.open()?;
    let folder = ledger.folder_of(&name);
    let folder = folder
        .to_str()
        .context("the folder of launches is not UTF-8")?
        .to_owned();
    let script = batch(&args, name.clone(), worker.clone(), folder.clone())?.script();
    if args.dry_run {
        print_text(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    let _held = ledger.hold(&name)?;
    let job = match living(&ledger, &name).await? {
        Some(job) => {
            say!(
                "launch {name}: job {} of {} workers is there already",
                job.job,
                job.workers
            );
            say!(
                "hint: for more workers choose another --name; `pondersweep launch stop {name}` ends these"
            );
            job
        }
        None => submit(&ledger, &name, worker, folder, &script, args.workers).await?,
    };
    let row = vec![
        json!(name.as_str()),
        json!(job.job),
        json!(job.workers),
        json!(job.folder),
    ];
    Rows::of(&["launch", "job", "workers", "folder"], [row].into_iter())
        .print(args.output.output)?;
    Ok(ExitCode::SUCCESS)
}

fn batch(
    args: &SlurmArgs,
    name: LaunchName,
    worker: WorkerPlan,
    folder: String,
) -> anyhow::Result<Batch> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => absolute(&std::env::current_exe().context("cannot find this program")?)?,
    };
    let mut batch = Batch::new(
        name,
        args.workers,
        worker,
        binary,
        folder,
        args.options.clone(),
    )?;
    if args.until_done {
        batch = batch.until_done();
    }
    for (flag, path) in args.credentials.shared()? {
        batch = batch.with_file(flag, &path);
    }
    Ok(batch)
}

/// The job of this launch, if any of its workers lives or waits.
async fn living(ledger: &Ledger, name: &LaunchName) -> anyhow::Result<Option<JobRecord>> {
    let Some(launch) = ledger.recall(name)? else {
        return Ok(None);
    };
    let Launched::Slurm(job) = &launch.launched else {
        release(&launch, NonZeroUsize::MIN).await?;
        return Ok(None);
    };
    let places = places(&launch, NonZeroUsize::MIN).await?;
    let lives = places.iter().any(|place| place.lives == Some(true));
    Ok(lives.then(|| job.clone()))
}

async fn submit(
    ledger: &Ledger,
    name: &LaunchName,
    worker: WorkerPlan,
    folder: String,
    script: &str,
    workers: u32,
) -> anyhow::Result<JobRecord> {
    ledger.make_folder_of(name)?;
    let path = format!("{folder}/script.sh");
    whole_file::write(Path::new(&path), script.as_bytes())
        .with_context(|| format!("cannot write {path}"))?;
    let job = match slurm::submit(script).await {
        Ok(job) => job,
        Err(error) => {
            let _ = fs::remove_file(&path);
            return Err(error.into());
        }
    };
    let record = JobRecord {
        job,
        workers,
        folder,
    };
    let launched = Launched::Slurm(record.clone());
    let launch = Launch::new(name.clone(), clock::now_ms(), worker, launched);
    // The job is there: without its number it could not be found again.
    ledger
        .remember(&launch)
        .with_context(|| format!("job {} was submitted but cannot be remembered", record.job))?;
    say!(
        "launch {name}: job {} of {workers} workers; its script is {path}",
        record.job
    );
    Ok(record)
}
