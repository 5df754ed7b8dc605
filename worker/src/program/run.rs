//! EDGE: one program from its start to its end. It is heard through two pipes, of its output and of
//! its reports; it is asked to end by SIGTERM and, after its grace, ended by SIGKILL with all
//! processes of its group.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use pondersweep_proto::{
    ending::ReportedEnding,
    failure::{Cause, Failure},
    id::LeaseToken,
    limit::MAX_OBSERVATIONS,
    metric::Observation,
    program::ProgramSpec,
    spec::TrialSpec,
};
use rustix::process::Signal;
use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::{Child, Command},
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    ending::{Asked, Death},
    folder::{CheckpointState, Folder},
    gpus::{self, Lent},
    group::Group,
    host::Host,
    lines::Lines,
    log::Log,
    report::Reports,
    told::{Places, Told},
};

/// How long what was reported waits for company before it is sent: people who watch see it soon,
/// and a program that ends within it costs no call of its own.
const FLUSH_AFTER: Duration = Duration::from_secs(1);
/// Observations that are sent at once.
const AT_ONCE: usize = 1_024;
/// Observations that wait at most; then the program waits, too.
const MAX_PENDING: usize = 4 * AT_ONCE;
/// Later than any trial runs.
const FAR: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A trial to run.
#[derive(Debug)]
pub struct Work {
    /// What its programs share.
    pub host: Arc<Host>,
    /// The trial.
    pub trial: TrialSpec,
    /// Its program.
    pub program: Arc<ProgramSpec>,
    /// Which attempt of it.
    pub token: LeaseToken,
    /// The program's files.
    pub files: Arc<Vec<(String, Vec<u8>)>>,
    /// What an earlier attempt left, and the steps it had done.
    pub checkpoint: Option<(u64, Vec<u8>)>,
    /// The time between two checkpoints; `None` for none.
    pub checkpoint_every: Option<Duration>,
    /// The worker leaves: a checkpoint is worth the grace.
    pub stop: CancellationToken,
    /// The lease is gone.
    pub lost: CancellationToken,
    /// The longest grace there is when the worker leaves.
    pub longest_grace: Duration,
}

/// Something for the coordinator while the program runs.
#[derive(Debug)]
pub enum Sent {
    /// It was observed.
    Observed(Vec<Observation>),
    /// Where it can go on, and the steps done by then.
    Checkpoint(u64, Vec<u8>),
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// What to report; `None` for one that was stopped.
    pub ending: Option<ReportedEnding>,
    /// What was observed and not sent.
    pub observations: Vec<Observation>,
    /// Where it can go on, if it was stopped: the steps done by then, and the bytes.
    pub checkpoint: Option<(u64, Vec<u8>)>,
    /// How long it ran.
    pub seconds: f64,
}

impl Ended {
    /// The end of a program that was stopped before it ran.
    fn stopped() -> Self {
        Self {
            ending: None,
            observations: Vec::new(),
            checkpoint: None,
            seconds: 0.0,
        }
    }

    /// The end of a program that never ran.
    #[must_use]
    pub(crate) fn failed(failure: Failure) -> Self {
        Self {
            ending: Some(ReportedEnding::Failed(failure)),
            ..Self::stopped()
        }
    }
}

/// Runs a program to its end. What it reports while it runs goes to `sink`.
pub async fn run(work: Work, sink: mpsc::Sender<Sent>) -> Ended {
    let started = Instant::now();
    let seconds = || started.elapsed().as_secs_f64();
    let lent = tokio::select! {
        lent = work.host.gpus().lend(work.program.gpus) => lent,
        () = work.stop.cancelled() => return Ended::stopped(),
        () = work.lost.cancelled() => return Ended::stopped(),
    };
    let lent = match lent {
        Ok(lent) => lent,
        Err(why) => return Ended::failed(Failure::new(Cause::Other, why)),
    };
    match Running::start(&work, lent.as_ref()) {
        Ok(running) => {
            let ended = running.follow(&work, &sink).await;
            Ended {
                seconds: seconds(),
                ..ended
            }
        }
        Err(error) => {
            let program = work.program.command.first().map_or("", String::as_str);
            let message = format!("cannot start {program}: {error}");
            Ended::failed(Failure::new(Cause::Other, message))
        }
    }
}

/// A program that runs.
struct Running {
    folder: Folder,
    child: Child,
    group: Group,
    output: Heard,
    report: Heard,
    reports: Reports,
    pending: Vec<Observation>,
    log: Log,
}

/// A pipe and its open line.
struct Heard {
    pipe: pipe::Receiver,
    lines: Lines,
    is_open: bool,
}

impl Heard {
    fn new(pipe: pipe::Receiver) -> Self {
        Self {
            pipe,
            lines: Lines::default(),
            is_open: true,
        }
    }
}

impl Running {
    fn start(work: &Work, lent: Option<&Lent>) -> io::Result<Self> {
        let Work {
            host,
            program,
            trial,
            token,
            ..
        } = work;
        let folder = Folder::make(host.work(), trial.key(), token.attempt)?;
        let steps_done = match &work.checkpoint {
            Some((steps, bytes)) => {
                folder.unpack(bytes)?;
                *steps
            }
            None => 0,
        };
        let report = pipe::OpenOptions::new()
            // A writer of its own, so that the pipe never ends.
            .read_write(true)
            .open_receiver(&folder.report)?;
        let (output, written) = io::pipe()?;
        let mut command = command(work, lent, &folder)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(written.try_clone()?))
            .stderr(Stdio::from(written))
            .spawn();
        // With its ends of the pipe, which would keep it open.
        drop(command);
        let child = child.inspect_err(|_| folder.clear())?;
        Ok(Self {
            group: Group::of(&child, host),
            child,
            output: Heard::new(pipe::Receiver::from_owned_fd(OwnedFd::from(output))?),
            report: Heard::new(report),
            reports: Reports::new(program, steps_done),
            pending: Vec::new(),
            log: Log::new(&folder),
            folder,
        })
    }

    async fn follow(mut self, work: &Work, sink: &mpsc::Sender<Sent>) -> Ended {
        let mut asked = None;
        let deadline = work
            .program
            .timeout_seconds
            .map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let (mut kill_at, mut flush_at) = (None, None);
        let mut checkpoint_at = work.checkpoint_every.map(|every| Instant::now() + every);
        let mut saved = self.folder.checkpoint_state();
        let (mut from_output, mut from_report) = (vec![0; 16 * 1_024], vec![0; 16 * 1_024]);
        let status = loop {
            let due = |at: Option<Instant>| sleep_until(at.unwrap_or_else(|| Instant::now() + FAR));
            let has_room = self.pending.len() < MAX_PENDING;
            let flushes = self.pending.len() >= AT_ONCE
                || !self.pending.is_empty() && flush_at.is_some_and(|at| at <= Instant::now());
            tokio::select! {
                biased;
                () = work.lost.cancelled(), if asked.is_none() => {
                    asked = Some(Asked::Stopped);
                    kill_at = Some(self.terminate(work, true));
                }
                () = work.stop.cancelled(), if asked.is_none() => {
                    asked = Some(Asked::Stopped);
                    kill_at = Some(self.terminate(work, true));
                }
                () = due(deadline), if deadline.is_some() && asked.is_none() => {
                    asked = Some(Asked::TimedOut);
                    kill_at = Some(self.terminate(work, false));
                }
                () = due(kill_at), if kill_at.is_some() => {
                    self.group.signal(Signal::KILL);
                    kill_at = None;
                }
                permit = sink.reserve(), if flushes => {
                    let first = self.first_pending();
                    // The receiver is gone only after a stop, and then it no longer matters.
                    if let Ok(permit) = permit {
                        permit.send(Sent::Observed(first));
                    }
                    let waits = !self.pending.is_empty() || self.log.waits();
                    flush_at = waits.then(|| Instant::now() + FLUSH_AFTER);
                }
                () = due(flush_at), if flush_at.is_some() && !flushes => {
                    self.log.write();
                    if self.pending.is_empty() {
                        flush_at = None;
                    }
                }
                () = due(checkpoint_at), if checkpoint_at.is_some() && asked.is_none() => {
                    self.checkpoint(&mut saved, sink);
                    checkpoint_at = work.checkpoint_every.map(|every| Instant::now() + every);
                }
                read = self.output.pipe.read(&mut from_output), if has_room && self.output.is_open => {
                    let bytes = read.unwrap_or(0);
                    self.output.is_open = bytes > 0;
                    self.hear_output(&from_output[..bytes]);
                    flush_at = flush_at.or_else(|| Some(Instant::now() + FLUSH_AFTER));
                }
                read = self.report.pipe.read(&mut from_report), if has_room && self.report.is_open => {
                    let bytes = read.unwrap_or(0);
                    self.report.is_open = bytes > 0;
                    self.hear_report(&from_report[..bytes]);
                    flush_at = flush_at.or_else(|| Some(Instant::now() + FLUSH_AFTER));
                }
                status = self.child.wait() => break status,
            }
        };
        self.end(status, asked, work, sink).await
    }

    /// Asks the program to end, and says when it is killed.
    fn terminate(&self, work: &Work, leaves: bool) -> Instant {
        self.group.signal(Signal::TERM);
        let grace = Duration::from_secs(work.program.grace_seconds);
        Instant::now()
            + if leaves {
                grace.min(work.longest_grace)
            } else {
                grace
            }
    }

    fn hear_output(&mut self, bytes: &[u8]) {
        self.log.add(bytes);
        let (reports, pending) = (&mut self.reports, &mut self.pending);
        self.output
            .lines
            .feed(bytes, |line, _| reports.output(line, pending));
    }

    fn hear_report(&mut self, bytes: &[u8]) {
        let (reports, pending) = (&mut self.reports, &mut self.pending);
        self.report.lines.feed(bytes, |line, cut| {
            if cut {
                reports.too_long();
            } else {
                reports.report(line, pending);
            }
        });
    }

    /// Hears what is in both pipes now.
    fn hear_rest(&mut self) {
        let (output, report) = (rest(&self.output.pipe), rest(&self.report.pipe));
        self.hear_output(&output);
        self.hear_report(&report);
    }

    /// What is sent next: one call takes at most `AT_ONCE`, however many wait.
    fn first_pending(&mut self) -> Vec<Observation> {
        self.pending
            .drain(..AT_ONCE.min(self.pending.len()))
            .collect()
    }

    /// Sends what is in the checkpoint folder, if it changed since it was last sent.
    /// What was reported before it goes before it: who goes on from it has that. The next one comes
    /// soon, so nothing waits for this one.
    fn checkpoint(&mut self, saved: &mut CheckpointState, sink: &mpsc::Sender<Sent>) {
        let now = self.folder.checkpoint_state();
        if now == *saved {
            return;
        }
        let packed = self.folder.pack();
        // What the program reported before it wrote its checkpoint may still be in the pipes.
        self.hear_rest();
        while !self.pending.is_empty() {
            let Ok(permit) = sink.try_reserve() else {
                return;
            };
            permit.send(Sent::Observed(self.first_pending()));
        }
        match packed {
            Ok(Some(bytes)) => {
                let steps = self.reports.last_step().max(1);
                if sink.try_send(Sent::Checkpoint(steps, bytes)).is_ok() {
                    *saved = now;
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "no checkpoint"),
        }
    }

    /// Hears the rest and says how it ended.
    async fn end(
        mut self,
        status: io::Result<ExitStatus>,
        asked: Option<Asked>,
        work: &Work,
        sink: &mpsc::Sender<Sent>,
    ) -> Ended {
        // Ends what is left of the group. What it wrote is in the pipes.
        self.group.signal(Signal::KILL);
        self.hear_rest();
        let (reports, pending) = (&mut self.reports, &mut self.pending);
        self.output
            .lines
            .finish(|line, _| reports.output(line, pending));
        self.report
            .lines
            .finish(|line, _| reports.report(line, pending));
        while self.pending.len() > MAX_OBSERVATIONS / 2 {
            let first = self.first_pending();
            if sink.send(Sent::Observed(first)).await.is_err() {
                break;
            }
        }
        let ending = match status {
            Ok(status) => {
                let killed = std::os::unix::process::ExitStatusExt::signal(&status).is_some();
                let death = Death {
                    status,
                    asked,
                    memory_kills: killed && work.host.has_memory_kills(),
                    tail: &self.log.tail(),
                };
                death.ending(&work.program, &self.reports)
            }
            Err(error) => {
                let message = format!("cannot wait for the program: {error}");
                Some(ReportedEnding::Failed(Failure::new(Cause::Other, message)))
            }
        };
        // After the tail was taken: it goes with a message that has them already.
        let notes: Vec<String> = self.reports.notes().collect();
        for note in &notes {
            self.log.add(format!("pondersweep: {note}\n").as_bytes());
        }
        self.log.write();
        let leaves =
            ending.is_none() && !work.lost.is_cancelled() && work.checkpoint_every.is_some();
        let packed = if leaves { self.folder.pack() } else { Ok(None) };
        let checkpoint = packed
            .unwrap_or_default()
            .map(|bytes| (self.reports.last_step().max(1), bytes));
        self.folder.clear();
        Ended {
            ending,
            observations: self.pending,
            checkpoint,
            seconds: 0.0,
        }
    }
}

/// How the program is started.
fn command(work: &Work, lent: Option<&Lent>, folder: &Folder) -> io::Result<Command> {
    let places = Places {
        checkpoints: &folder.checkpoints,
        output: &folder.output,
        report: &folder.report,
    };
    let told = Told::of(&work.program, &work.trial, work.token, places);
    let mut arguments = told.arguments.iter();
    let mut command = Command::new(arguments.next().map_or("", String::as_str));
    command.args(arguments).process_group(0).kill_on_drop(true);
    for name in work.host.hidden() {
        command.env_remove(name);
    }
    let (mark, value) = work.host.mark();
    if let Some(lent) = lent {
        command.env(gpus::VARIABLE, lent.names());
    }
    command.envs(&told.variables).env(mark, value);
    let own = work.program.working_directory.as_deref();
    if !work.files.is_empty() {
        let files = folder.write_files(&work.files)?;
        command.current_dir(own.map_or_else(|| files.to_owned(), |own| files.join(own)));
    } else if let Some(own) = own {
        command.current_dir(own);
    }
    Ok(command)
}

/// What is in a pipe now. It is read past the runtime, which may not have heard of it yet.
fn rest(pipe: &pipe::Receiver) -> Vec<u8> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1_024]);
    while let Ok(read) = rustix::io::read(pipe.as_fd(), buffer.as_mut_slice()) {
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
    bytes
}
