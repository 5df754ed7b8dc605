//! EDGE: no program outlives its worker, however that dies. A worker that runs programs starts one
//! guard, a process of this executable that holds the other end of a pipe. While the worker lives
//! it writes there which groups of processes run; when the pipe closes, which even SIGKILL of the
//! worker does, the guard kills them, and then every process that still has the worker's mark in
//! its environment.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitCode, Stdio},
    sync::{Mutex, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// What makes this executable a guard; its value is the mark.
const GUARD_VARIABLE: &str = "PONDERSWEEP_GUARD";
/// The variable that every program of a worker has.
pub(super) const MARK_VARIABLE: &str = "PONDERSWEEP_WORKER_MARK";
/// This executable, also when its file was replaced.
const THIS_EXECUTABLE: &str = "/proc/self/exe";
/// Walks over all processes: each may meet a child of one that the walk before it killed.
const MAX_WALKS: usize = 20;

/// The worker's side.
#[derive(Debug)]
pub(super) struct Guard {
    mark: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    process: Child,
    groups: BTreeSet<i32>,
}

impl Guard {
    /// Starts a guard over the programs with this mark.
    pub(super) fn start(mark: &str) -> io::Result<Self> {
        let state = State {
            process: spawn(mark)?,
            groups: BTreeSet::new(),
        };
        Ok(Self {
            mark: mark.to_owned(),
            state: Mutex::new(state),
        })
    }

    /// Watches a group of processes.
    pub(super) fn watch(&self, group: Pid) {
        self.say(group, true);
    }

    /// A group is gone.
    pub(super) fn forget(&self, group: Pid) {
        self.say(group, false);
    }

    fn say(&self, group: Pid, lives: bool) {
        // Every change is a single one, so a poisoned state is still whole.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let group = group.as_raw_nonzero().get();
        let line = if lives {
            state.groups.insert(group);
            format!("+{group}\n")
        } else {
            state.groups.remove(&group);
            format!("-{group}\n")
        };
        let told = state.tell(&line);
        // A guard that died is replaced: it is no use to a worker that it did not outlive.
        if told.is_err() {
            let replaced = spawn(&self.mark).and_then(|process| {
                let mut gone = std::mem::replace(&mut state.process, process);
                let _ = gone.wait();
                let all: String = state
                    .groups
                    .iter()
                    .map(|group| format!("+{group}\n"))
                    .collect();
                state.tell(&all)
            });
            if let Err(error) = replaced {
                tracing::error!(%error, "programs are not guarded: they may outlive this worker");
            }
        }
    }
}

impl State {
    fn tell(&mut self, text: &str) -> io::Result<()> {
        let pipe = self
            .process
            .stdin
            .as_mut()
            .ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(text.as_bytes())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(state.process.stdin.take());
        let _ = state.process.wait();
    }
}

fn spawn(mark: &str) -> io::Result<Child> {
    Command::new(THIS_EXECUTABLE)
        .env(GUARD_VARIABLE, mark)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C at the terminal is for the worker, which ends its programs in order.
        .process_group(0)
        .spawn()
}

/// Is the guard if this process was started as one, until its worker is gone; else does nothing.
/// For the beginning of every program that runs workers.
#[must_use]
pub fn keep_guard() -> Option<ExitCode> {
    let mark = std::env::var(GUARD_VARIABLE).ok()?;
    let signals = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    // Batch systems send these to every process of a job; the worker decides what they mean.
    let _signals = signals.ok().map(|runtime| {
        let entered = runtime.enter();
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::user_defined1(),
        ];
        let heard: Vec<_> = kinds.into_iter().map(signal).collect();
        drop(entered);
        (runtime, heard)
    });
    let mut groups = BTreeSet::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let group = line
            .get(1..)
            .and_then(|group| group.parse::<i32>().ok())
            .and_then(Pid::from_raw);
        match (line.starts_with('+'), group) {
            (true, Some(group)) => groups.insert(group.as_raw_nonzero()),
            (false, Some(group)) => groups.remove(&group.as_raw_nonzero()),
            (_, None) => false,
        };
    }
    for group in groups
        .into_iter()
        .filter_map(|group| Pid::from_raw(group.get()))
    {
        let _ = kill_process_group(group, Signal::KILL);
    }
    kill_marked(&mark);
    Some(ExitCode::SUCCESS)
}

/// Kills every process with the mark, until there is none.
fn kill_marked(mark: &str) {
    let wanted = format!("{MARK_VARIABLE}={mark}");
    for _ in 0..MAX_WALKS {
        let processes = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        let mut found = false;
        for process in processes {
            let name = process.file_name();
            let Some(pid) = name
                .to_str()
                .and_then(|name| name.parse().ok())
                .and_then(Pid::from_raw)
            else {
                continue;
            };
            // Empty for a process that is dead already, and closed for those of others.
            let environment = fs::read(process.path().join("environ")).unwrap_or_default();
            if environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())
            {
                found |= kill_process(pid, Signal::KILL).is_ok();
            }
        }
        if !found {
            return;
        }
    }
}

/// Processes that the kernel ended for want of memory since the machine started; 0 where it does
/// not tell.
#[must_use]
pub fn memory_kills() -> u64 {
    let text = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}
