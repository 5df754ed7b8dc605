//! The worker processes of `run`: started as children, restarted when they crash, and never left
//! behind. Each stops when its standard input closes, which even a SIGKILL of this process does.

use std::{collections::VecDeque, process::Stdio, time::Duration};

use anyhow::Context as _;
use pondersweep_proto::id::SweepId;
use pondersweep_worker::device::DeviceName;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

/// Crashes of all workers together after which `run` gives up: something is wrong with the
/// machine, not with a trial, whose own attempts are limited much sooner.
const MAX_CRASHES: usize = 50;
/// How long a worker may take to leave in order: whoever pressed Ctrl-C waits for it.
const GRACE: Duration = Duration::from_secs(6);
/// How long a worker may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// Lines of a worker that are shown when it crashes.
const LAST_LINES: usize = 5;

/// What the workers are started with.
#[derive(Clone, Debug)]
pub(super) struct WorkersOptions {
    pub(super) coordinator: String,
    pub(super) sweep_id: SweepId,
    /// The device of every worker.
    pub(super) devices: Vec<DeviceName>,
    /// The time between two checkpoints of a trial, in seconds; 0 for none.
    pub(super) checkpoint_every: u64,
}

/// The children.
pub(super) struct Workers {
    options: WorkersOptions,
    children: JoinSet<Ended>,
    /// Closing it closes the children's standard inputs.
    stops: Vec<mpsc::Sender<()>>,
    crashes: usize,
}

/// How a child ended.
struct Ended {
    device: DeviceName,
    wanted: bool,
    how: String,
}

impl Workers {
    /// Starts the children.
    pub(super) fn start(options: WorkersOptions) -> anyhow::Result<Self> {
        let children = JoinSet::new();
        let mut workers = Self {
            options,
            children,
            stops: Vec::new(),
            crashes: 0,
        };
        for device in workers.options.devices.clone() {
            workers.start_one(device)?;
        }
        Ok(workers)
    }

    fn start_one(&mut self, device: DeviceName) -> anyhow::Result<()> {
        let checkpoint_every = self.options.checkpoint_every;
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = Command::new(program)
            .arg("worker")
            .args(["--coordinator", &self.options.coordinator])
            .args(["--device", &device.to_string()])
            .args(["--sweep", &self.options.sweep_id.to_string()])
            .args(["--slots", "1", "--stop-with-stdin"])
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
        self.children.spawn(attend(device, child, stopped));
        Ok(())
    }

    /// Waits for a worker that ends unasked, starts another and returns what to tell the user.
    ///
    /// # Errors
    /// Workers crash so often that going on makes no sense.
    pub(super) async fn supervise(&mut self) -> anyhow::Result<String> {
        let Some(ended) = self.children.join_next().await else {
            std::future::pending().await
        };
        let ended = ended.context("the task of a worker panicked")?;
        self.crashes += 1;
        anyhow::ensure!(
            self.crashes <= MAX_CRASHES,
            "workers ended {MAX_CRASHES} times; the last one: {}",
            ended.how
        );
        // No waiting here: whoever calls this may drop it at any await, and the worker with it.
        self.start_one(ended.device)?;
        Ok(format!("a worker ended ({}); started another", ended.how))
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

/// Reads a child's talk and waits for its end, until told to stop it.
async fn attend(device: DeviceName, mut child: Child, mut stopped: mpsc::Receiver<()>) -> Ended {
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
                return Ended { device, wanted, how };
            }
        }
    }
    let status = child
        .wait()
        .await
        .map_or_else(|error| error.to_string(), |s| s.to_string());
    let talk = Vec::from(last).join("\n");
    Ended {
        device,
        wanted: false,
        how: format!("{status}\n{talk}").trim().to_owned(),
    }
}

fn keep(last: &mut VecDeque<String>, line: String) {
    if last.len() == LAST_LINES {
        last.pop_front();
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
