//! The worker's command line, shared by `pondersweep worker` and the lean `pondersweep-worker`.

use std::{
    num::NonZeroU32, path::PathBuf, process::ExitCode, str::FromStr, sync::Arc, time::Duration,
};

use clap::Args;
use pondersweep_proto::{id::SweepId, limit::MAX_SLOTS, need::Need};
use tokio_util::sync::CancellationToken;

use crate::{
    device::DeviceName,
    interrupt::{cancel_on_end_of_stdin, on_interrupt, stop_on_announcement},
    program::{Host, HostError, visible_gpus},
    say,
    session::{self, DeviceSlots, SessionError, SessionOptions},
    stories,
    trust::{TrustArgs, TrustError},
};

/// The coordinator's port unless another is named.
pub const DEFAULT_COORDINATOR: &str = "http://127.0.0.1:7878";
/// Exit code when there is no coordinator (BSD `EX_UNAVAILABLE`).
const EXIT_UNREACHABLE: u8 = 69;
/// Exit code when a token or certificate does not allow it (BSD `EX_NOPERM`).
const EXIT_PERMISSION: u8 = 77;
/// Exit code for arguments that cannot be.
const EXIT_USAGE: u8 = 2;

/// Where to compute, for every command that starts workers.
#[derive(Clone, Debug, Args)]
pub struct DeviceArgs {
    /// Where to compute: cpu, tch:cpu, tch:cuda:N, cuda:N or wgpu:N. Several with commas, or the
    /// flag again; a device given twice counts once. All but cpu need a build with that feature
    #[arg(
        long = "device",
        env = "PONDERSWEEP_DEVICE",
        default_value = "cpu",
        value_delimiter = ',',
        value_name = "DEVICE"
    )]
    names: Vec<DeviceName>,
}

impl DeviceArgs {
    /// The devices named, each once, in their order.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceName> {
        let mut devices = Vec::new();
        for &device in &self.names {
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
        devices
    }
}

/// How often to checkpoint, for every command that starts workers.
#[derive(Clone, Copy, Debug, Args)]
pub struct CheckpointArgs {
    /// Seconds between two checkpoints of a trial, from which another worker goes on if this one is
    /// lost or leaves; 0 makes none [default: 60; of `run`, whose workers are few and near, 5]
    #[arg(
        long = "checkpoint-every",
        env = "PONDERSWEEP_CHECKPOINT_EVERY",
        value_name = "SECONDS"
    )]
    every_seconds: Option<u64>,
}

/// The time between two checkpoints of a worker, in seconds: a thousand of them have one disk.
const CHECKPOINT_EVERY_SECONDS: u64 = 60;

impl CheckpointArgs {
    /// The time between two checkpoints, in seconds, 0 for none: as it was said, or this.
    #[must_use]
    pub fn every_seconds_or(&self, otherwise: u64) -> u64 {
        self.every_seconds.unwrap_or(otherwise)
    }

    /// The time between two checkpoints of a worker; `None` for none.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        let seconds = self.every_seconds_or(CHECKPOINT_EVERY_SECONDS);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

/// Whether to run users' programs, for every command that starts workers.
#[derive(Clone, Debug, Args)]
pub struct ProgramArgs {
    /// Run the programs of sweeps whose files have a `[program]`: anyone who may submit a sweep to
    /// the coordinator can then run commands here, as the user that this worker runs as
    #[arg(long, env = "PONDERSWEEP_ALLOW_PROGRAMS")]
    pub allow_programs: bool,
    /// Where programs have their folders, and leave their logs and output [default: a folder of this user in
    /// the system's folder for temporary files]
    #[arg(long, env = "PONDERSWEEP_WORK_DIR", value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// The graphics processors that are lent to programs that ask for some, no two sharing one, by number or
    /// name [default: those that CUDA_VISIBLE_DEVICES names, else all]
    #[arg(
        long,
        env = "PONDERSWEEP_GPUS",
        value_delimiter = ',',
        value_name = "GPU"
    )]
    pub gpus: Option<Vec<String>>,
}

impl ProgramArgs {
    /// What runs programs, in the folder or one below it; `None` if none may be run.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn host(&self, below: Option<&str>) -> Result<Option<Arc<Host>>, HostError> {
        if !self.allow_programs {
            return Ok(None);
        }
        let work = self.work_dir.clone().unwrap_or_else(default_work_dir);
        let work = work.join(below.unwrap_or_default());
        let gpus = self.gpus.clone().unwrap_or_else(visible_gpus);
        Host::open(&work, &mark(), gpus).map(|host| Some(Arc::new(host)))
    }
}

/// The folder in which programs work where no other is named.
#[must_use]
pub fn default_work_dir() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("pondersweep-{user}"))
}

/// What no other worker's programs have in their environment.
fn mark() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "an edge: only makes the mark unique"
    )]
    let now = std::time::SystemTime::now();
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}-{}", std::process::id(), since.as_nanos())
}

/// Train trials for a coordinator
#[derive(Clone, Debug, Args)]
pub struct WorkerArgs {
    /// Address of the coordinator
    #[arg(long, env = "PONDERSWEEP_COORDINATOR", default_value = DEFAULT_COORDINATOR, value_name = "URL")]
    coordinator: String,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    devices: DeviceArgs,
    /// Bundles trained side by side on each device [default: one per core on cpu, else one]
    #[arg(long, env = "PONDERSWEEP_SLOTS", value_name = "N", value_parser = a_count::<NonZeroU32>)]
    slots: Option<NonZeroU32>,
    /// Most trials of one shape trained as one program [default: 1 on cpu; elsewhere measured
    /// for each shape, and logged]
    #[arg(long, env = "PONDERSWEEP_LANES", value_name = "N", value_parser = a_count::<NonZeroU32>)]
    lanes: Option<NonZeroU32>,
    /// Work for this sweep only, named by its whole id
    #[arg(long, env = "PONDERSWEEP_SWEEP", value_name = "ID")]
    sweep: Option<SweepId>,
    #[command(flatten)]
    checkpoints: CheckpointArgs,
    /// Leave when nothing is pending and nothing is leased
    #[arg(long)]
    exit_when_idle: bool,
    /// Leave in order after this many seconds, as on SIGTERM; choose a little less than a batch
    /// system allows
    #[arg(long, env = "PONDERSWEEP_LIFETIME", value_name = "SECONDS")]
    lifetime: Option<u64>,
    /// How long leaving in order may take, in seconds: deliver what is finished, checkpoint what is
    /// not, hand everything back
    #[arg(
        long,
        env = "PONDERSWEEP_GRACE",
        default_value = "20",
        value_name = "SECONDS"
    )]
    grace: u64,
    /// Exit with this code when told to leave while work is left, for clusters that restart only
    /// what has failed
    #[arg(
        long,
        env = "PONDERSWEEP_STOPPED_CODE",
        default_value_t = 0,
        value_name = "CODE"
    )]
    stopped_code: u8,
    /// How long the coordinator may take to appear, in seconds
    #[arg(
        long,
        env = "PONDERSWEEP_CONNECT_TIMEOUT",
        default_value = "60",
        value_name = "SECONDS"
    )]
    connect_timeout: u64,
    /// Write this file with every heartbeat, so that others can see that the worker lives
    #[arg(long, env = "PONDERSWEEP_ALIVE_FILE", value_name = "PATH")]
    alive_file: Option<PathBuf>,
    #[command(flatten)]
    programs: ProgramArgs,
    /// Stop when standard input closes, so that the worker never outlives the program that started
    /// it
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

impl WorkerArgs {
    fn options(&self) -> Result<SessionOptions, SessionError> {
        let programs = self.programs.host(None)?;
        let mut offers = stories::offered()?;
        offers.extend(programs.is_some().then_some(Need::Programs));
        Ok(SessionOptions {
            coordinator: self.coordinator.clone(),
            trust: self.trust.load()?,
            devices: self.device_slots(),
            lanes: self.lanes.map(NonZeroU32::get),
            sweep: self.sweep,
            checkpoint_every: self.checkpoints.every(),
            exit_when_idle: self.exit_when_idle,
            grace: Duration::from_secs(self.grace),
            connect_timeout: Duration::from_secs(self.connect_timeout),
            alive_file: self.alive_file.clone(),
            programs,
            offers: offers.iter().map(ToString::to_string).collect(),
        })
    }

    fn device_slots(&self) -> Vec<DeviceSlots> {
        let slots = |device: DeviceName| match self.slots {
            Some(slots) => slots.get(),
            None => device.default_slots(cores()),
        };
        let devices = self.devices.devices().into_iter();
        devices
            .map(|device| DeviceSlots {
                device,
                slots: slots(device),
            })
            .collect()
    }

    /// Works until a signal or the end of its lifetime, or until there is nothing to do if so asked.
    pub async fn run(self) -> ExitCode {
        let stop = on_interrupt().expect("signals can be handled");
        stop_on_announcement(stop.clone()).expect("signals can be handled");
        if let Some(seconds) = self.lifetime {
            tokio::spawn(cancel_after(Duration::from_secs(seconds), stop.clone()));
        }
        if self.stop_with_stdin {
            tokio::spawn(cancel_on_end_of_stdin(stop.clone()));
        }
        let worked = match self.options() {
            Ok(options) => session::run(options, stop.clone()).await,
            Err(error) => Err(error),
        };
        match worked {
            Ok(()) if stop.is_cancelled() => self.stopped_code.into(),
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say!("error: {error}");
                exit_code(&error)
            }
        }
    }
}

fn exit_code(error: &SessionError) -> ExitCode {
    match error {
        SessionError::Unreachable { .. } => EXIT_UNREACHABLE.into(),
        SessionError::Address(error) => trust_exit_code(error).into(),
        SessionError::Denied(_) => EXIT_PERMISSION.into(),
        SessionError::Refused(_)
        | SessionError::Senseless { .. }
        | SessionError::Programs(_)
        | SessionError::Stories(_)
        | SessionError::Identity(_) => ExitCode::FAILURE,
    }
}

/// The exit code when a coordinator is not spoken to.
#[must_use]
pub const fn trust_exit_code(error: &TrustError) -> u8 {
    match error {
        TrustError::Exposed(_) => EXIT_PERMISSION,
        _ => EXIT_USAGE,
    }
}

/// A count of what there must be some of.
///
/// # Errors
/// It is none, with what it may be.
pub fn at_least_one<Count: FromStr>(text: &str) -> Result<Count, String> {
    let count = text.parse();
    count.map_err(|_| "a whole number of at least 1; leave the flag out for the default".into())
}

/// Parses how many of what has a process, threads or memory of its own: at least one, and not more
/// than any worker may hold.
///
/// # Errors
/// It is none, or too many.
pub fn a_count<Count: FromStr>(text: &str) -> Result<Count, String> {
    let fits = text
        .parse()
        .is_ok_and(|count| (1..=MAX_SLOTS).contains(&count));
    match text.parse() {
        Ok(count) if fits => Ok(count),
        _ => Err(format!(
            "a whole number of at least 1 and at most {MAX_SLOTS}; leave the flag out for the default"
        )),
    }
}

fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    u32::try_from(cores).unwrap_or(1)
}

async fn cancel_after(lifetime: Duration, stop: CancellationToken) {
    tokio::time::sleep(lifetime).await;
    tracing::info!(?lifetime, "the lifetime is over, leaving");
    stop.cancel();
}
