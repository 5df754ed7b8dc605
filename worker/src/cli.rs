//! The worker's command line, shared by `pondersweep worker` and the lean `pondersweep-worker`.

use std::{num::NonZeroU32, process::ExitCode, time::Duration};

use clap::Args;
use pondersweep_proto::id::SweepId;

use crate::{
    device::DeviceName,
    interrupt::{cancel_on_end_of_stdin, on_interrupt},
    session::{self, SessionError, SessionOptions},
};

/// The coordinator's port unless another is named.
pub const DEFAULT_COORDINATOR: &str = "http://127.0.0.1:7878";
/// Exit code when there is no coordinator (BSD `EX_UNAVAILABLE`).
const EXIT_UNREACHABLE: u8 = 69;
/// Exit code for arguments that cannot be.
const EXIT_USAGE: u8 = 2;

/// Train trials for a coordinator
#[derive(Clone, Debug, Args)]
pub struct WorkerArgs {
    /// Address of the coordinator
    #[arg(long, env = "PONDERSWEEP_COORDINATOR", default_value = DEFAULT_COORDINATOR, value_name = "URL")]
    coordinator: String,
    /// Where to compute: cpu
    #[arg(long, env = "PONDERSWEEP_DEVICE", default_value = "cpu")]
    device: DeviceName,
    /// Bundles trained side by side [default: one per core]
    #[arg(long, env = "PONDERSWEEP_SLOTS", value_name = "N")]
    slots: Option<NonZeroU32>,
    /// Most trials of one shape trained as one program
    #[arg(long, env = "PONDERSWEEP_LANES", default_value = "1", value_name = "N")]
    lanes: NonZeroU32,
    /// Work for this sweep only, named by its whole id
    #[arg(long, env = "PONDERSWEEP_SWEEP", value_name = "ID")]
    sweep: Option<SweepId>,
    /// Leave when nothing is pending and nothing is leased
    #[arg(long)]
    exit_when_idle: bool,
    /// How long the coordinator may take to appear, in seconds
    #[arg(
        long,
        env = "PONDERSWEEP_CONNECT_TIMEOUT",
        default_value = "60",
        value_name = "SECONDS"
    )]
    connect_timeout: u64,
    /// Stop when standard input closes, so that the worker never outlives whoever started it
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

impl WorkerArgs {
    fn options(&self) -> SessionOptions {
        SessionOptions {
            coordinator: self.coordinator.clone(),
            device: self.device,
            slots: self.slots.map_or_else(cores, NonZeroU32::get),
            lanes: self.lanes.get(),
            sweep: self.sweep,
            exit_when_idle: self.exit_when_idle,
            connect_timeout: Duration::from_secs(self.connect_timeout),
        }
    }

    /// Works until SIGINT or SIGTERM, or until there is nothing to do if so asked.
    pub async fn run(self) -> ExitCode {
        let stop = on_interrupt().expect("signals can be handled");
        if self.stop_with_stdin {
            tokio::spawn(cancel_on_end_of_stdin(stop.clone()));
        }
        match session::run(self.options(), stop).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                exit_code(&error)
            }
        }
    }
}

fn exit_code(error: &SessionError) -> ExitCode {
    match error {
        SessionError::Unreachable { .. } => EXIT_UNREACHABLE.into(),
        SessionError::BadAddress(_) => EXIT_USAGE.into(),
        SessionError::Refused(_) | SessionError::Identity(_) => ExitCode::FAILURE,
    }
}

fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    u32::try_from(cores).unwrap_or(1)
}
