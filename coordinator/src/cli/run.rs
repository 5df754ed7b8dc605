//! `pondersweep run`: a whole sweep on this machine by one command. It starts a coordinator on a
//! loopback port and workers as child processes, so that a crashing trial never takes the
//! coordinator down, and ends with the sensitivity table. Given again, it goes on where it stopped.

mod death;
pub(super) mod progress;
mod rounds;
mod workers;

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args;
use pondersweep_proto::{id::SweepId, need::Need};
use pondersweep_worker::{
    cli::{CheckpointArgs, DeviceArgs, a_count},
    device::DeviceName,
    interrupt::on_interrupt,
    program::visible_gpus,
    say, stories,
};
use tokio_util::sync::CancellationToken;

use self::{
    progress::{Bar, Snapshot},
    rounds::{Rounds, UntilArgs},
    workers::{Place, Workers, WorkersOptions},
};
use super::{
    connect::FailureRateArgs, exit, place::DatabaseArgs, report::ReportOptions, sweep_file,
    token::draw_secret,
};
use crate::{
    coordinator::{Coordinator, CoordinatorOptions},
    driver::{DriverHandle, SweepView},
    protection::PeerLimits,
    scheduler::{SweepState, is_of_device},
    sweep::SweepSpec,
    trust::Secret,
    web::WebOptions,
};

/// How often progress is looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// The time between two checkpoints of a trial, in seconds: so short that a run that is killed
/// every few seconds comes to its end.
const CHECKPOINT_EVERY_SECONDS: u64 = 5;

/// Run a sweep file on this machine, or go on with it
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The sweep file
    file: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Number of worker processes; devices are dealt out to them in turn [default: one per core on
    /// cpu, one on every other device]
    #[arg(long, env = "PONDERSWEEP_WORKERS", value_name = "N", value_parser = a_count::<NonZeroU32>)]
    workers: Option<NonZeroU32>,
    #[command(flatten)]
    devices: DeviceArgs,
    #[command(flatten)]
    checkpoints: CheckpointArgs,
    /// Accept more than a million trials
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    until: UntilArgs,
    /// Where the programs of a sweep with a `[program]` have their folders, and leave their logs
    /// and output [default: next to the results, as results.work]
    #[arg(long, env = "PONDERSWEEP_WORK_DIR", value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// Show the sweep to browsers of this machine while it runs, and say where
    #[arg(
        long,
        env = "PONDERSWEEP_WEB",
        value_name = "ADDRESS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0"
    )]
    web: Option<SocketAddr>,
    #[command(flatten)]
    failures: FailureRateArgs,
    #[command(flatten)]
    report: ReportOptions,
}

pub(super) async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let spec = sweep_file::read(&args.file)?;
    sweep_file::confirm_size(&spec, &args.file, args.yes)?;
    let sweep_id = spec.id();
    let precision = args.until.precision(&spec)?;
    refuse_other_devices(&spec, &args.devices.devices())?;
    let web = args.web.map(local_page).transpose()?;
    let interrupted = on_interrupt()?;
    let own = draw_secret()?;
    let options = CoordinatorOptions {
        max_failure_rate: args.failures.max_failure_rate,
        web,
        ..CoordinatorOptions::loopback(&args.database.db)
    };
    let coordinator = Coordinator::start(options.owned_by(own.clone())).await?;
    if let Some(url) = coordinator.web_url() {
        say!("page on {url}");
    }
    let rounds = Rounds::new(
        coordinator.driver.clone(),
        args.database.db.clone(),
        precision,
    );
    let outcome = run_trials(&coordinator, spec, own, &args, &rounds, &interrupted).await;
    let stopped = coordinator.stop().await;
    // What ended the coordinator is why calls to it failed.
    stopped?;
    let SweepView {
        state,
        state_reason,
        counts,
        ..
    } = outcome?;
    if interrupted.is_cancelled() {
        say!("stopped; give the same command again to go on");
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }
    anyhow::ensure!(
        state != SweepState::Paused,
        "the sweep is paused: {state_reason}\n\
         hint: `pondersweep explain {sweep_id}` shows what failed; this command, given again, goes on"
    );
    args.report
        .print(&args.database.db, &[sweep_id.to_string()])
        .await?;
    if counts.failed > 0 {
        say!(
            "{} trials failed\nhint: `pondersweep retry --db {} {sweep_id}`, then run this again",
            counts.failed,
            args.database.db.display()
        );
    }
    Ok(exit::of_ended(&counts))
}

/// The page of a run is for this machine: it has no keys and asks for no token.
fn local_page(listen: SocketAddr) -> anyhow::Result<WebOptions> {
    let options = WebOptions {
        listen,
        tls: None,
        insecure: false,
        limits: PeerLimits::default(),
    };
    anyhow::ensure!(
        options.exposure().is_private(),
        "{listen} can be reached from other machines, and `run` shows its page on this one only\n\
         hint: forward a loopback port by ssh, or use `pondersweep serve --web ADDRESS --tls DIR`"
    );
    Ok(options)
}

impl RunArgs {
    /// Where programs work: next to the results.
    fn work_dir(&self) -> PathBuf {
        let next_to = || self.database.db.with_extension("work");
        self.work_dir.clone().unwrap_or_else(next_to)
    }
}

/// A sweep that asks for a device would wait for ever for workers on others.
fn refuse_other_devices(spec: &SweepSpec, devices: &[DeviceName]) -> anyhow::Result<()> {
    let Some(wanted) = spec.terms().device.as_deref() else {
        return Ok(());
    };
    let fits = |device: &DeviceName| is_of_device(&device.to_string(), wanted);
    anyhow::ensure!(
        devices.iter().any(fits),
        "the sweep asks for the device {wanted}, and no worker would have it\n\
         hint: name one with --device"
    );
    Ok(())
}

/// Submits the sweep and works on it until it has ended, with all rounds that there are to be, or
/// the user interrupts.
async fn run_trials(
    coordinator: &Coordinator,
    spec: SweepSpec,
    own: Secret,
    args: &RunArgs,
    rounds: &Rounds,
    interrupted: &CancellationToken,
) -> anyhow::Result<SweepView> {
    let need = spec.terms().need();
    let (sweep, created) = coordinator.driver.create_sweep(spec).await?;
    let mut sweep = ready_to_run(&coordinator.driver, sweep).await?;
    // A run that was killed could not hand them back.
    coordinator.driver.take_back(workers::is_gone).await?;
    say!("{}", opening_line(&sweep, created, args));
    if sweep.state == SweepState::Finished {
        match rounds.next(&sweep, |text| say!("{text}")).await? {
            Some(goes_on) => sweep = goes_on,
            None => return Ok(sweep),
        }
    }
    let devices = device_of_each_worker(&args.devices.devices(), args.workers).into_iter();
    let places: Vec<Place> = match gpus_of_each_worker(&sweep.spec, visible_gpus())? {
        None => devices.map(|device| Place { device, gpus: None }).collect(),
        Some(gpus) => {
            let place = |(device, gpus)| Place {
                device,
                gpus: Some(gpus),
            };
            devices.zip(gpus).map(place).collect()
        }
    };
    let mut workers = Workers::start(WorkersOptions {
        coordinator: coordinator.url(),
        secret: own,
        sweep_id: sweep.sweep_id,
        places,
        driver: coordinator.driver.clone(),
        checkpoint_every: args.checkpoints.every_seconds_or(CHECKPOINT_EVERY_SECONDS),
        programs: (need == Some(Need::Programs)).then(|| args.work_dir()),
        stories: matches!(need, Some(Need::Stories(_)))
            .then(stories::folder)
            .flatten(),
    })?;
    let mut bar = Bar::new(&sweep.spec.terms().name);
    let ended = tokio::select! {
        ended = follow_rounds(coordinator, &sweep, rounds, &mut workers, &mut bar) => ended,
        () = interrupted.cancelled() => {
            bar.note("stopping the workers");
            Ok(sweep)
        }
    };
    workers.stop().await;
    bar.finish();
    ended
}

/// Follows the sweep to its end, and through every round of more replicates.
async fn follow_rounds(
    coordinator: &Coordinator,
    sweep: &SweepView,
    rounds: &Rounds,
    workers: &mut Workers,
    bar: &mut Bar,
) -> anyhow::Result<SweepView> {
    loop {
        let ended = follow(coordinator, sweep.sweep_id, workers, bar).await?;
        if rounds.next(&ended, |text| bar.note(text)).await?.is_none() {
            return Ok(ended);
        }
    }
}

/// A paused sweep is resumed: `run` means that it shall run.
async fn ready_to_run(driver: &DriverHandle, sweep: SweepView) -> anyhow::Result<SweepView> {
    let sweep_id = sweep.sweep_id.to_string();
    match sweep.state {
        SweepState::Active | SweepState::Finished => Ok(sweep),
        SweepState::Paused => {
            say!("resuming the sweep, which was {}", sweep.state_reason);
            Ok(driver.resume(&sweep_id).await?)
        }
        SweepState::Cancelled => anyhow::bail!(
            "this sweep was cancelled\n\
             hint: `pondersweep retry --state cancelled --db PATH {sweep_id}` brings it back"
        ),
    }
}

fn opening_line(sweep: &SweepView, created: bool, args: &RunArgs) -> String {
    let trials = sweep.counts.total();
    let done = sweep.counts.ended();
    let name = &sweep.spec.terms().name;
    let database = args.database.db.display();
    let verb = match (created, done) {
        (true, _) => "running".to_owned(),
        (false, done) => format!("going on with {done} of {trials} trials done:"),
    };
    let withheld = match sweep.counts.withheld {
        0 => String::new(),
        withheld => format!(" ({withheld} more withheld)"),
    };
    format!(
        "{verb} {name} ({}), {trials} trials{withheld}, results in {database}",
        sweep.sweep_id
    )
}

/// Shows progress and keeps the workers alive until the sweep has ended, or is paused and nothing
/// of it runs any more.
async fn follow(
    coordinator: &Coordinator,
    sweep_id: SweepId,
    workers: &mut Workers,
    bar: &mut Bar,
) -> anyhow::Result<SweepView> {
    let name = sweep_id.to_string();
    loop {
        let progress = coordinator
            .driver
            .progress(&name)
            .await
            .context("the coordinator of this run ended early")?;
        let counts = progress.sweep.counts;
        bar.show(&Snapshot {
            counts,
            workers: Some(progress.workers),
            updates: Some((progress.updates_done, progress.updates_total)),
            pace: None,
        });
        let over = match progress.sweep.state {
            SweepState::Finished | SweepState::Cancelled => true,
            SweepState::Paused => counts.leased == 0,
            SweepState::Active => false,
        };
        if over {
            return Ok(progress.sweep);
        }
        tokio::select! {
            () = tokio::time::sleep(PROGRESS_INTERVAL) => {}
            message = workers.supervise() => bar.note(&message?),
        }
    }
}

/// The graphics processors of every worker process, where the sweep's program asks for some: no two
/// processes share one.
fn gpus_of_each_worker(
    spec: &SweepSpec,
    visible: Vec<String>,
) -> anyhow::Result<Option<Vec<String>>> {
    let asked = spec
        .terms()
        .program
        .as_ref()
        .map_or(0, |program| program.gpus);
    let Some(asked) = usize::try_from(asked).ok().filter(|asked| *asked > 0) else {
        return Ok(None);
    };
    let shares: Vec<String> = visible
        .chunks_exact(asked)
        .map(|share| share.join(","))
        .collect();
    anyhow::ensure!(
        !shares.is_empty(),
        "the program asks for {asked} graphics processors, and {} are visible here\n\
         hint: CUDA_VISIBLE_DEVICES says which this machine's programs may use",
        visible.len()
    );
    Ok(Some(shares))
}

/// The device of every worker process: as many for each as it uses, or as many as asked for, dealt
/// out in turn.
fn device_of_each_worker(devices: &[DeviceName], workers: Option<NonZeroU32>) -> Vec<DeviceName> {
    match workers {
        Some(workers) => {
            let workers = workers.get() as usize;
            devices.iter().copied().cycle().take(workers).collect()
        }
        None => devices
            .iter()
            .flat_map(|&device| vec![device; device.default_slots(cores()) as usize])
            .collect(),
    }
}

/// The cores of this machine.
pub(super) fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_dealt_out_over_the_devices_or_fill_the_cores() {
        let cpu = DeviceName::CPU;
        let three = device_of_each_worker(&[cpu], NonZeroU32::new(3));
        assert_eq!(three, [cpu; 3]);
        let filled = device_of_each_worker(&[cpu], None);
        assert_eq!(filled, vec![cpu; cores() as usize]);
    }
}
