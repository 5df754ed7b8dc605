//! Processes that are started to be maltreated: the product as coordinator and as worker.
//! What they say goes to a journal, line by line. None outlives this process, however it ends: each
//! stops when its standard input closes.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use pondersweep::clock;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};

use crate::product;

/// Lines that wait to be read; beyond it the process waits.
const MAX_WAITING_LINES: usize = 1_024;

/// What happened and what the processes said, in one file.
#[derive(Clone)]
pub(super) struct Journal {
    file: Arc<Mutex<File>>,
    path: PathBuf,
    started: Instant,
}

impl Journal {
    /// An empty journal.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            path: path.to_owned(),
            started: clock::now(),
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line, dated in seconds since the start.
    pub(super) fn note(&self, who: &str, what: &str) {
        let seconds = clock::now().duration_since(self.started).as_secs_f64();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A journal that cannot be written must not end what it tells of.
        let _ = writeln!(file, "{seconds:9.3} {who}: {what}");
    }
}

/// A running process.
pub(super) struct Process {
    name: String,
    child: Child,
    /// Closing it asks the process to stop.
    stdin: Option<ChildStdin>,
    journal: Journal,
}

impl Process {
    /// Starts the product with arguments. Its lines arrive at the receiver, which may be dropped.
    pub(super) fn start(
        name: String,
        folder: &Path,
        arguments: &[&str],
        journal: &Journal,
    ) -> anyhow::Result<(Self, mpsc::Receiver<String>)> {
        let mut child = command(folder, arguments)?
            .spawn()
            .context("cannot start a process")?;
        let stdin = child.stdin.take();
        let stderr = child.stderr.take().expect("standard error is piped");
        let (sender, lines) = mpsc::channel(MAX_WAITING_LINES);
        let (who, notes) = (name.clone(), journal.clone());
        // It ends with the process, whose end closes the pipe.
        tokio::spawn(async move {
            let mut said = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = said.next_line().await {
                notes.note(&who, &line);
                // A dropped receiver does not keep the process from writing.
                let _ = sender.send(line).await;
            }
        });
        let journal = journal.clone();
        let process = Self {
            name,
            child,
            stdin,
            journal,
        };
        Ok((process, lines))
    }

    /// Sends it a signal; one that has ended gets none.
    pub(super) fn signal(&self, signal: Signal) {
        let raw = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = raw.and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Whether it has ended by itself, and how.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it with SIGKILL and waits for its end.
    pub(super) async fn kill(&mut self) {
        self.journal.note(&self.name, "SIGKILL");
        let _ = self.child.kill().await;
    }

    pub(super) fn ask_to_stop(&mut self) {
        self.stdin = None;
    }

    /// What it is called in the journal.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for its end.
    pub(super) async fn finish(&mut self, within: Duration) -> anyhow::Result<()> {
        let Ok(status) = tokio::time::timeout(within, self.child.wait()).await else {
            let _ = self.child.kill().await;
            anyhow::bail!("{} did not end within {within:?}", self.name);
        };
        let status = status.context("cannot wait for a process")?;
        anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }
}

/// The product with arguments, without the caller's settings, in a folder.
fn command(folder: &Path, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = product::command()?;
    command
        .args(arguments)
        .current_dir(folder)
        .env("PONDERSWEEP_LOG", "info")
        .env("NO_COLOR", "1")
        // One compute thread each: the workers share the cores, not each core its workers.
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C is for this process, which stops the others itself.
        .process_group(0);
    Ok(command)
}
