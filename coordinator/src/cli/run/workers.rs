//! The worker processes of `run`: started as children, restarted when they crash, and never left
//! behind. Each stops when its standard input closes, which even a SIGKILL of this process does.

use std::{collections::VecDeque, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context as _;
use pondersweep_proto::{
    failure::{Cause, Failure},
    id::SweepId,
};
use pondersweep_worker::{
    device::DeviceName,
    identity,
    program::memory_kills,
    stories,
    trust::{TOKEN_VARIABLE, TRUST_VARIABLES},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::death::{failure_of, is_telling};
use crate::{driver::DriverHandle, scheduler::Process, trust::Secret};

/// Workers that may end one after the other without having held a trial, before `run` gives up:
/// something is wrong with the machine then. What a worker held when it died is charged with it,
/// and limited by that.
const MAX_IDLE_DEATHS: usize = 10;
/// How long a worker may take to leave in order: the user who pressed Ctrl-C waits for it.
const GRACE: Duration = Duration::from_secs(6);
/// How long a worker may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// What makes a worker stop with the process that started it.
const STOP_WITH_STDIN: &str = "--stop-with-stdin";
/// Lines of a worker that are shown when it crashes.
const LAST_LINES: usize = 5;

/// Where a worker computes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) device: DeviceName,
    /// The graphics processors that it lends to programs, where they ask for some.
    pub(super) gpus: Option<String>,
}

/// What the workers are started with.
#[derive(Clone, Debug)]
pub(super) struct WorkersOptions {
    pub(super) coordinator: String,
    /// What they show to it. They find it in their environment, which only their user may read.
    pub(super) secret: Secret,
    pub(super) sweep_id: SweepId,
    /// The device of every worker.
    pub(super) places: Vec<Place>,
    /// Who is told of workers that die.
    pub(super) driver: DriverHandle,
    /// The time between two checkpoints of a trial, in seconds; 0 for none.
    pub(super) checkpoint_every: u64,
    /// Where users' programs work, if the sweep has one.
    pub(super) programs: Option<PathBuf>,
    /// The published stories, if the sweep needs them.
    pub(super) stories: Option<PathBuf>,
}

/// The children.
pub(super) struct Workers {
    options: WorkersOptions,
    children: JoinSet<Ended>,
    /// Closing it closes the children's standard inputs.
    stops: Vec<mpsc::Sender<()>>,
    idle_deaths: usize,
}

/// How a child ended.
struct Ended {
    place: Place,
    wanted: bool,
    how: String,
    /// Leases that ended with it.
    held: usize,
}

impl Workers {
    /// Starts the children.
    pub(super) fn start(options: WorkersOptions) -> anyhow::Result<Self> {
        let children = JoinSet::new();
        let mut workers = Self {
            options,
            children,
            stops: Vec::new(),
            idle_deaths: 0,
        };
        for place in workers.options.places.clone() {
            workers.start_one(place)?;
        }
        Ok(workers)
    }

    fn start_one(&mut self, place: Place) -> anyhow::Result<()> {
        let checkpoint_every = self.options.checkpoint_every;
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        for variable in TRUST_VARIABLES {
            command.env_remove(variable);
        }
        if let Some(work_dir) = &self.options.programs {
            command
                .arg("worker")
                .arg("--allow-programs")
                .arg("--work-dir")
                .arg(work_dir);
        } else {
            command.arg("worker");
        }
        if let Some(gpus) = &place.gpus {
            command.args(["--gpus", gpus]);
        }
        match &self.options.stories {
            Some(folder) => command.env(stories::VARIABLE, folder),
            None => command.env_remove(stories::VARIABLE),
        };
        let child = command
            .env(TOKEN_VARIABLE, self.options.secret.reveal())
            .args(["--coordinator", &self.options.coordinator])
            .args(["--device", &place.device.to_string()])
            .args(["--sweep", &self.options.sweep_id.to_string()])
            .args(["--slots", "1", STOP_WITH_STDIN])
            .args(["--checkpoint-every", &checkpoint_every.to_string()])
            .args(["--grace", &GRACE.as_secs().to_string()])
            // One compute thread each: the workers share the cores, not each core its workers.
            .env("RAYON_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a worker process")?;
        let (stop, stopped) = mpsc::channel(1);
        self.stops.push(stop);
        let driver = self.options.driver.clone();
        self.children.spawn(attend(place, driver, child, stopped));
        Ok(())
    }

    /// Waits for a worker that ends unasked, starts another and returns what to tell the user.
    pub(super) async fn supervise(&mut self) -> anyhow::Result<String> {
        let Some(ended) = self.children.join_next().await else {
            std::future::pending().await
        };
        let ended = ended.context("the task of a worker panicked")?;
        self.idle_deaths = if ended.held == 0 {
            self.idle_deaths + 1
        } else {
            0
        };
        anyhow::ensure!(
            self.idle_deaths < MAX_IDLE_DEATHS,
            "{MAX_IDLE_DEATHS} workers ended before they held a trial; the last one: {}",
            ended.how
        );
        // No waiting here: the caller may drop this at any await, and the worker with it.
        self.start_one(ended.place)?;
        let with = match ended.held {
            0 => String::new(),
            1 => " with the trial it ran".into(),
            held => format!(" with the {held} trials it ran"),
        };
        Ok(format!(
            "a worker ended{with} ({}); started another",
            ended.how
        ))
    }

    /// Stops every child in order.
    pub(super) async fn stop(mut self) {
        self.stops.clear();
        while let Some(ended) = self.children.join_next().await {
            if let Ok(Ended {
                wanted: false, how, ..
            }) = ended
            {
                tracing::warn!(how, "a worker did not stop in order");
            }
        }
    }
}

/// Whether a process on this machine is no worker that could ever reach the coordinator of this
/// `run`. Holding the database's lock, it knows that no other `run` lives that uses it; and what an
/// earlier one started stops by itself, and knows neither where this coordinator listens nor its
/// secret.
pub(super) fn is_gone(process: &Process) -> bool {
    if process.host != identity::host() {
        return false;
    }
    let path = format!("/proc/{}/cmdline", process.process_id);
    let arguments = std::fs::read(path).unwrap_or_default();
    is_of_run_or_no_worker(&arguments)
}

/// As [`is_gone`], from the arguments of the process as the kernel has them; none, where there is
/// no process.
fn is_of_run_or_no_worker(arguments: &[u8]) -> bool {
    let arguments: Vec<&[u8]> = arguments.split(|&byte| byte == 0).collect();
    let is_worker = arguments
        .iter()
        .take(2)
        .any(|word| word.ends_with(b"worker"));
    !is_worker || arguments.contains(&STOP_WITH_STDIN.as_bytes())
}

/// Reads a child's talk and waits for its end, until told to stop it. One that ends unasked is
/// reported, so that its trials need not wait for their leases to lapse.
async fn attend(
    place: Place,
    driver: DriverHandle,
    mut child: Child,
    mut stopped: mpsc::Receiver<()>,
) -> Ended {
    let process_id = child.id();
    let memory_kills_before = memory_kills();
    let stdin = child.stdin.take();
    let stderr = child.stderr.take().expect("standard error is piped");
    let mut lines = BufReader::new(stderr).lines();
    let mut last = VecDeque::new();
    loop {
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) => keep(&mut last, line),
                Ok(None) | Err(_) => break,
            },
            // Nothing is ever sent: the channel closes when the child shall stop.
            _ = stopped.recv() => {
                drop(stdin);
                let (wanted, how) = stop(child).await;
                return Ended { place, wanted, how, held: 0 };
            }
        }
    }
    let last = Vec::from(last);
    let failure = match child.wait().await {
        Ok(status) => failure_of(status, &last, memory_kills() - memory_kills_before),
        Err(error) => Failure::new(Cause::WorkerLost, error.to_string()),
    };
    let how = failure.message.clone();
    let held = match process_id {
        Some(process_id) => process_died(&driver, process_id, failure).await,
        None => 0,
    };
    Ended {
        place,
        wanted: false,
        how,
        held,
    }
}

/// Reports a dead child; returns how many leases ended with it.
async fn process_died(driver: &DriverHandle, process_id: u32, failure: Failure) -> usize {
    let host = identity::host();
    let process = Process { host, process_id };
    driver
        .process_died(process, failure)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "could not report a dead worker; its leases will lapse");
            0
        })
}

/// Keeps the last lines, and any that says what the process is dying of: a backtrace may follow it.
fn keep(last: &mut VecDeque<String>, line: String) {
    if last.len() == LAST_LINES {
        let oldest = last.iter().position(|line| !is_telling(line));
        last.remove(oldest.unwrap_or(0));
    }
    last.push_back(line);
}

/// Whether the child stopped in order, and how.
async fn stop(mut child: Child) -> (bool, String) {
    match timeout(STOP_WITHIN, child.wait()).await {
        Ok(Ok(status)) => (status.success(), status.to_string()),
        Ok(Err(error)) => (false, error.to_string()),
        Err(_) => {
            let _ = child.kill().await;
            (false, "killed: it did not stop".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_worker_that_outlives_its_starter_may_still_be_there() {
        let check = |arguments: &[&str], gone| {
            let bytes = arguments.join("\0").into_bytes();
            assert_eq!(is_of_run_or_no_worker(&bytes), gone, "{arguments:?}");
        };
        check(&[], true);
        check(&["bash", "-l"], true);
        check(
            &["pondersweep", "worker", "--slots", "1", STOP_WITH_STDIN],
            true,
        );
        check(&["pondersweep", "worker", "--slots", "1"], false);
        check(&["/usr/bin/pondersweep-worker", "--slots", "1"], false);
    }
}
