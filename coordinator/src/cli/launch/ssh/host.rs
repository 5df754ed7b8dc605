//! One host of a launch: its tunnel opened, the program copied if need be, a worker started, and
//! what came of it.

use std::time::Duration;

use pondersweep_worker::say;

use crate::{
    cli::launch::program::{Program, VERSION, system},
    launch::{
        plan::{Answer, Credentials, Host, HostRecord, LaunchName, Remote, WorkerPlan},
        ssh::{Ssh, SshError},
    },
};

/// How long the start script watches what it started: half a minute on a machine so slow that each
/// of its moments takes that much longer.
const WATCH: Duration = Duration::from_secs(30);

/// What is started on every host.
pub(super) struct Start {
    pub(super) ssh: Ssh,
    pub(super) name: LaunchName,
    pub(super) worker: WorkerPlan,
    pub(super) binary: String,
    pub(super) directory: Option<String>,
    pub(super) credentials: Credentials,
    /// What is copied to hosts that do not have it.
    pub(super) program: Option<Program>,
}

/// What came of a host.
#[derive(Debug)]
pub(super) struct HostResult {
    pub(super) host: Host,
    result: Result<(Answer, String), HostFailure>,
}

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
enum HostFailure {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error(
        "a host of another kind: {there} there, {here} here\nhint: build pondersweep there, and name it with --binary"
    )]
    OtherKind { there: String, here: String },
    #[error("the program did not arrive: {0}")]
    NotCopied(String),
}

impl Start {
    /// Sees to it that a worker lives on a host.
    pub(super) async fn on(&self, HostRecord { host, tunnel }: HostRecord) -> HostResult {
        let result = match &tunnel {
            Some(tunnel) => self.ssh.open_tunnel(&host.name, tunnel).await,
            None => Ok(()),
        };
        let result = match result {
            Ok(()) => self.start(&host).await,
            Err(error) => Err(error.into()),
        };
        HostResult { host, result }
    }

    async fn start(&self, host: &Host) -> Result<(Answer, String), HostFailure> {
        let answer = self.start_once(host).await?;
        match (&self.program, &answer.0) {
            (Some(program), Answer::Missing(there)) => {
                self.copy(host, program, there).await?;
                Ok(self.start_once(host).await?)
            }
            _ => Ok(answer),
        }
    }

    async fn start_once(&self, host: &Host) -> Result<(Answer, String), SshError> {
        let copied = self.program.as_ref().map(|program| program.name.as_str());
        let arguments = worker_on(&self.worker, host).arguments();
        let script =
            self.remote(host)
                .start(&self.binary, copied, VERSION, &arguments, &self.credentials);
        self.ssh.script(&host.name, &script, WATCH).await
    }

    async fn copy(&self, host: &Host, program: &Program, there: &str) -> Result<(), HostFailure> {
        let here = system();
        if there != here {
            return Err(HostFailure::OtherKind {
                there: there.to_owned(),
                here,
            });
        }
        say!(
            "{}: copying {} MB",
            host.name,
            program.bytes.len() / 1_000_000
        );
        let script = self
            .remote(host)
            .copy(&program.name, program.bytes.len() as u64);
        match self.ssh.send(&host.name, &script, &program.bytes).await {
            Ok((Answer::Copied, _)) => Ok(()),
            Ok((_, said)) => Err(HostFailure::NotCopied(said)),
            Err(SshError::Confused { said }) => Err(HostFailure::NotCopied(said)),
            Err(error) => Err(error.into()),
        }
    }

    fn remote<'a>(&'a self, host: &'a Host) -> Remote<'a> {
        Remote {
            launch: &self.name,
            host: &host.name,
            directory: self.directory.as_deref(),
        }
    }
}

/// The worker as this host wants it.
pub(super) fn worker_on(worker: &WorkerPlan, host: &Host) -> WorkerPlan {
    WorkerPlan {
        slots: host.slots.or(worker.slots),
        ..worker.clone()
    }
}

impl HostResult {
    /// Whether a worker lives there now, or has found nothing to do.
    pub(super) const fn is_well(&self) -> bool {
        matches!(
            self.result,
            Ok((
                Answer::Alive(_) | Answer::Registered(_) | Answer::Started(_) | Answer::Ended(0),
                _
            ))
        )
    }

    /// Whether it is certain that nothing was started there.
    pub(super) const fn is_nothing(&self) -> bool {
        match &self.result {
            Ok((answer, _)) => matches!(
                answer,
                Answer::Missing(_) | Answer::Broken(_) | Answer::Other(_)
            ),
            Err(HostFailure::Ssh(error)) => matches!(
                error,
                SshError::Unreachable { .. } | SshError::NoTunnel { .. }
            ),
            Err(HostFailure::OtherKind { .. } | HostFailure::NotCopied(_)) => true,
        }
    }

    /// Whether it is certain that no worker of this launch lives there.
    pub(super) const fn is_without_worker(&self) -> bool {
        matches!(
            self.result,
            Ok((
                Answer::Missing(_) | Answer::Broken(_) | Answer::Other(_) | Answer::Ended(_),
                _
            )) | Err(HostFailure::OtherKind { .. } | HostFailure::NotCopied(_))
        )
    }

    /// How it stands, in a word.
    pub(super) const fn state(&self) -> &'static str {
        match &self.result {
            Ok((Answer::Alive(_), _)) => "running already",
            Ok((Answer::Registered(_), _)) => "started",
            Ok((Answer::Started(_), _)) => "started, not registered yet",
            Ok((Answer::Ended(0), _)) => "nothing to do",
            Ok((Answer::Ended(_), _)) => "ended at once",
            Ok(_) => "refused",
            Err(HostFailure::Ssh(SshError::Unreachable { .. })) => "unreachable",
            Err(_) => "failed",
        }
    }

    /// The number of the worker's process.
    pub(super) const fn process(&self) -> Option<u32> {
        match &self.result {
            Ok((
                Answer::Alive(process) | Answer::Registered(process) | Answer::Started(process),
                _,
            )) => Some(*process),
            _ => None,
        }
    }

    /// What the host, or ssh, said, without what is of no use when all is well.
    pub(super) fn said(&self) -> String {
        match &self.result {
            Ok((Answer::Missing(system), _)) => {
                format!(
                    "no such program (the host is {system})\nhint: --copy brings this one along, --binary names another"
                )
            }
            Ok((Answer::Broken(said), _)) => format!("the program there does not run: {said}"),
            Ok((Answer::Other(version), _)) => {
                format!(
                    "{version} there, pondersweep {VERSION} here\nhint: --copy brings this one along, --binary names another"
                )
            }
            Ok((Answer::Ended(0) | Answer::Alive(_) | Answer::Registered(_), _)) => String::new(),
            Ok((_, rest)) => rest.trim_end().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// All of it in a line, or more where the host said more.
    pub(super) fn line(&self) -> String {
        let said = self.said().replace('\n', "\n  ");
        let process = self
            .process()
            .map(|process| format!(", process {process}"))
            .unwrap_or_default();
        let more = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        format!("{}: {}{process}{more}", self.host.name, self.state())
    }
}
