//! A folder, a program and a clock with a limit: what every system test starts from.

mod document;
mod namespaces;
mod peer;
mod required;
mod serve;
mod slurm;
mod sshd;
mod stand_in;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use pondersweep::{
    cli::output::json_of,
    store::{OpenError, Reader, SweepDigest},
};
use tempfile::TempDir;

pub(crate) use document::{Block, Document, documents, repository};
pub(crate) use namespaces::{Direction, Namespaces, WORKERS};
pub(crate) use peer::Peer;
pub(crate) use required::{free_port, program, skip};
pub(crate) use serve::Serve;
pub(crate) use slurm::Slurm;
pub(crate) use sshd::Sshd;
pub(crate) use stand_in::StandIn;

/// Nothing a test waits for takes longer on a machine that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A sweep that takes seconds: 2 x 2 configurations, 2 replicates, real training.
pub(crate) const TINY: &str = r#"
[sweep]
name = "tiny"
[task]
kind = "parity"
elements = 3
[model]
kind = "ponder_net"
step_function = "gru"
hidden = 8
[space]
lambda_p = [0.2, 0.5]
max_steps = [2, 3]
[replicates]
count = 2
seed = 7
[training]
updates = 40
batch = 16
learning_rate = 3e-3
[evaluation]
every = 20
examples = 100
"#;

/// An empty folder in which the program runs; gone with the value.
pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its name.
    pub(crate) fn write<'a>(&self, name: &'a str, content: impl AsRef<[u8]>) -> &'a str {
        fs::write(self.path(name), content).expect("the sandbox can be written");
        name
    }

    /// The program, to be started in the folder, without the caller's settings.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_pondersweep-under-test"), arguments)
    }

    /// The same of the program that measures and torments.
    pub(crate) fn bench_command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let program = env!("CARGO_BIN_EXE_pondersweep-bench-under-test");
        self.command_of(program, arguments)
    }

    fn command_of<A: AsRef<OsStr>>(&self, program: &str, arguments: &[A]) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PONDERSWEEP_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Finished {
        let output = self.command(arguments).output();
        Finished::from(output.expect("the program starts"))
    }

    /// Runs the program that measures and torments to its end.
    pub(crate) fn bench<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Finished {
        let output = self.bench_command(arguments).output();
        Finished::from(output.expect("the program starts"))
    }

    /// Creates the sweep of a file of the sandbox in its database, without a coordinator.
    pub(crate) fn submit(&self, file: &str) {
        let submitted = self.run(&["submit", file, "--db", "results.db"]);
        assert_eq!(submitted.code, 0, "{}", submitted.stderr);
    }

    /// Starts the program in a process group of its own, as a shell would.
    pub(crate) fn start<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Running {
        Self::spawn(self.command(arguments))
    }

    /// Starts a command in a process group of its own.
    pub(crate) fn spawn(mut command: Command) -> Running {
        use std::os::unix::process::CommandExt as _;
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        Running(child.expect("the program starts"))
    }

    /// The rows of a query, as JSON.
    pub(crate) fn query(&self, sql: &str) -> serde_json::Value {
        let rows = self.read(async |reader| rows(reader, sql).await);
        rows.expect("a database").into()
    }

    /// The one number a query finds; 0 while there is no database yet.
    pub(crate) fn count(&self, sql: &str) -> u64 {
        let rows = self.read(async |reader| rows(reader, sql).await);
        let first = rows.unwrap_or_default().into_iter().next();
        let number = first.and_then(|row| row.as_object()?.values().next()?.as_u64());
        number.unwrap_or(0)
    }

    /// Reads the database in this process: tests look every few milliseconds, and starting a
    /// program for each look takes longer than what they wait for.
    fn read<T: Send>(
        &self,
        read: impl AsyncFnOnce(&mut Reader) -> T + Send,
    ) -> Result<T, OpenError> {
        let database = self.path("results.db");
        let read = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(async {
                let mut reader = Reader::open(&database).await?;
                Ok(read(&mut reader).await)
            })
        };
        // On a thread of its own, where an asynchronous test may wait for it, too.
        std::thread::scope(|scope| scope.spawn(read).join().expect("it can be read"))
    }

    /// Trials of which more than one attempt succeeded.
    pub(crate) fn trials_that_succeeded_twice(&self) -> u64 {
        self.count(
            "select count(*) from (select 1 from attempt where ending = 'succeeded'
             group by trial_id having count(*) > 1)",
        )
    }

    /// The content of the latest sweep's results, in a database that must be whole.
    pub(crate) fn results(&self) -> SweepDigest {
        let digest = self.read(async |reader| {
            let damage = reader.damage().await.expect("readable");
            assert_eq!(damage, Vec::<String>::new());
            let sweep_id = reader.find_sweep("last").await.expect("a sweep");
            reader.digest(sweep_id).await.expect("readable")
        });
        digest.expect("a database")
    }

    /// Everything the deciding attempts observed.
    pub(crate) fn observations(&self) -> serde_json::Value {
        self.query(
            "select trial_id, step, metric, value from observation join trial using (trial_id, attempt)
             order by trial_id, step, metric",
        )
    }

    /// Whether the folder has a file of this name.
    pub(crate) fn has(&self, name: impl AsRef<Path>) -> bool {
        self.folder.path().join(name).exists()
    }
}

/// The rows of a query, each as an object.
async fn rows(reader: &mut Reader, sql: &str) -> Vec<serde_json::Value> {
    let mut found = reader.query(sql, None).await.expect(sql);
    let columns = found.columns().to_vec();
    let mut rows = Vec::new();
    while let Some(row) = found.next().await.expect(sql) {
        let values = row.iter().map(json_of);
        rows.push(columns.iter().cloned().zip(values).collect());
    }
    rows
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self {
            // A signal has no code; -1 is none either.
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Finished {
    /// Asserts how it ended.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that its standard output has a text.
    #[track_caller]
    pub(crate) fn assert_printed(&self, text: &str) -> &Self {
        assert!(
            self.stdout.contains(text),
            "{text}: {}{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that its standard error has a text.
    #[track_caller]
    pub(crate) fn assert_told(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "{text}: {}{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// A program that runs, killed with its children when the test forgets it.
pub(crate) struct Running(Child);

impl Running {
    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("the program runs");
    }

    /// Sends a signal to the program and its children, as Ctrl-C in a terminal does.
    pub(crate) fn signal_group(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process_group(self.pid(), signal).expect("the program runs");
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Finished {
        wait_until("the program ends", || {
            self.0.try_wait().expect("a child").is_some()
        });
        let mut child = std::mem::ManuallyDrop::new(self);
        let stdout = read_all(child.0.stdout.take());
        let stderr = read_all(child.0.stderr.take());
        let status = child.0.wait().expect("a child");
        Finished::from(Output {
            status,
            stdout,
            stderr,
        })
    }

    fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(self.pid(), rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

fn read_all(pipe: Option<impl std::io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
    }
    bytes
}

/// Looks until the condition holds; fails when patience runs out.
#[expect(
    clippy::disallowed_methods,
    reason = "system tests wait for other processes"
)]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "gave up waiting: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
