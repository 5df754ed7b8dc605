//! EDGE: hosts, reached by the system's `ssh`, so that its configuration, agents and jump hosts
//! hold here as well. Scripts go in on standard input; what comes back is read by `plan/`. Never
//! asks for a password: a launch on twenty hosts must not need it twenty times.

use std::{fs::File, path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;

use super::{
    plan::{Answer, HostName, Said, Tunnel, is_of_tunnel, quote, run_from_stdin, ssh_hint},
    process::{self, Finished, ProcessError},
};

/// How long a host may take to accept a connection, in seconds.
const CONNECT_SECONDS: u32 = 10;
/// How long a host may take to run a script, on top of what the script itself waits for.
const SCRIPT_LIMIT: Duration = Duration::from_secs(60);
/// How long a host may take to receive the program.
const COPY_LIMIT: Duration = Duration::from_secs(900);
/// Ssh's own exit code: the host was not reached, or did not let us in.
const SSH_FAILED: i32 = 255;
/// Seconds between two signs of life on a tunnel; after three that get no answer it ends.
const TUNNEL_ALIVE_SECONDS: u32 = 15;

/// The system's ssh, with the words that somebody may have put around it.
#[derive(Clone, Debug)]
pub struct Ssh {
    words: Vec<String>,
}

/// Why a host did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// Ssh could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The host was not reached, or did not let us in.
    #[error("{said}\nhint: {}", ssh_hint(said, command))]
    Unreachable {
        /// What ssh said.
        said: String,
        /// How to try it.
        command: String,
    },
    /// The script did not come to its end there.
    #[error("the host did not understand: {said}")]
    Confused {
        /// What the host said.
        said: String,
    },
    /// The tunnel could not be opened.
    #[error(
        "no tunnel: {said}\nhint: another program may hold port {port} there (name a free one with --tunnel=PORT), or its sshd forbids tunnels"
    )]
    NoTunnel {
        /// What ssh said.
        said: String,
        /// The port on the host.
        port: u16,
    },
    /// What the tunnel's ssh says cannot be kept.
    #[error("cannot write {path}: {source}", path = path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

impl Ssh {
    /// The ssh of these words, such as `ssh -F config`.
    #[must_use]
    pub const fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// The words it was made of.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Runs a script on a host. `patience` is how long the script may wait by itself.
    ///
    /// # Errors
    /// The host is not reached, or the script does not come to an answer.
    pub async fn script(
        &self,
        host: &HostName,
        script: &str,
        patience: Duration,
    ) -> Result<(Answer, String), SshError> {
        let command = self.command(host, &["sh", "-s"]);
        let finished = process::run(&command, script.as_bytes(), SCRIPT_LIMIT + patience).await?;
        self.understand(host, finished)
    }

    /// Runs a script on a host that takes a file on its standard input.
    ///
    /// # Errors
    /// As [`Self::script`].
    pub async fn send(
        &self,
        host: &HostName,
        script: &str,
        file: &[u8],
    ) -> Result<(Answer, String), SshError> {
        let command = self.command(host, &[&run_from_stdin(script)]);
        let input = [script.as_bytes(), file].concat();
        let finished = process::run(&command, &input, COPY_LIMIT).await?;
        self.understand(host, finished)
    }

    fn command(&self, host: &HostName, remote: &[&str]) -> Vec<String> {
        let timeout = format!("ConnectTimeout={CONNECT_SECONDS}");
        let options = [
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            &timeout,
            "--",
            host.as_str(),
        ];
        let more = options.iter().chain(remote).map(|word| (*word).to_owned());
        self.words.iter().cloned().chain(more).collect()
    }

    fn understand(
        &self,
        host: &HostName,
        finished: Finished,
    ) -> Result<(Answer, String), SshError> {
        if finished.code == Some(SSH_FAILED) {
            return Err(self.unreachable(host, &finished.stderr));
        }
        let Said { answer, rest } = Said::read(&finished.stdout);
        match answer {
            Some(answer) => Ok((answer, rest)),
            None => Err(SshError::Confused {
                said: last_lines(&format!("{rest}{}", finished.stderr), 5),
            }),
        }
    }

    fn unreachable(&self, host: &HostName, said: &str) -> SshError {
        let words = self.words.iter().map(String::as_str);
        SshError::Unreachable {
            said: last_lines(said, 3),
            command: quote(words.chain([host.as_str(), "true"])),
        }
    }

    /// Whether the tunnel of a host is open.
    pub async fn has_tunnel(&self, host: &HostName, tunnel: &Tunnel) -> bool {
        self.steer(host, tunnel, "check").await
    }

    /// Closes the tunnel of a host; whether there was one.
    pub async fn close_tunnel(&self, host: &HostName, tunnel: &Tunnel) -> bool {
        let closed = self.steer(host, tunnel, "exit").await;
        let _ = std::fs::remove_file(log_of(tunnel));
        closed
    }

    async fn steer(&self, host: &HostName, tunnel: &Tunnel, verb: &str) -> bool {
        let socket = socket(tunnel);
        let more = ["-S", &socket, "-O", verb, "--", host.as_str()];
        let command: Vec<String> = self
            .words
            .iter()
            .cloned()
            .chain(more.map(str::to_owned))
            .collect();
        process::run(&command, b"", SCRIPT_LIMIT)
            .await
            .is_ok_and(|finished| finished.code == Some(0))
    }

    /// Opens the tunnel of a host, unless it is open: an ssh that stays when this program has gone.
    ///
    /// # Errors
    /// The host is not reached, or its port is taken.
    pub async fn open_tunnel(&self, host: &HostName, tunnel: &Tunnel) -> Result<(), SshError> {
        if self.has_tunnel(host, tunnel).await {
            return Ok(());
        }
        // A file, since the ssh that stays keeps what it was given, and a pipe would never end.
        let path = log_of(tunnel);
        let log = File::create(&path).map_err(|source| SshError::Log {
            path: path.clone(),
            source,
        })?;
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .args(tunnel_options(tunnel))
            .args(["--", host.as_str()]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        // In a session of its own: Ctrl-C here is none of its business.
        command.process_group(0).kill_on_drop(true);
        let program = || self.words[0].clone();
        let io = |source| ProcessError::Io {
            program: program(),
            source,
        };
        let waited = tokio::time::timeout(SCRIPT_LIMIT, command.status()).await;
        let too_long = |_| ProcessError::TooLong {
            program: program(),
            limit: SCRIPT_LIMIT,
        };
        let status = waited.map_err(too_long)?.map_err(io)?;
        if status.success() {
            return Ok(());
        }
        let said = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(&path);
        Err(match is_of_tunnel(&said) {
            true => SshError::NoTunnel {
                said: last_lines(&said, 3),
                port: tunnel.port,
            },
            false => self.unreachable(host, &said),
        })
    }
}

/// What the ssh that holds a tunnel says.
fn log_of(tunnel: &Tunnel) -> PathBuf {
    PathBuf::from(format!("{}.log", tunnel.control_path))
}

/// The path of a tunnel's socket as ssh's options have it, in which a percent sign begins a name.
fn socket(tunnel: &Tunnel) -> String {
    tunnel.control_path.replace('%', "%%")
}

/// The options of an ssh that forwards a port of the host's loopback and goes to the background
/// once it does.
fn tunnel_options(tunnel: &Tunnel) -> Vec<String> {
    let alive = format!("ServerAliveInterval={TUNNEL_ALIVE_SECONDS}");
    let timeout = format!("ConnectTimeout={CONNECT_SECONDS}");
    let forward = format!("127.0.0.1:{}:{}", tunnel.port, tunnel.target);
    let options = [
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        "ControlPersist=no",
        "ServerAliveCountMax=3",
        &alive,
        &timeout,
    ];
    let mut words: Vec<String> = options
        .iter()
        .flat_map(|option| ["-o".to_owned(), (*option).to_owned()])
        .collect();
    words.extend(["-f", "-N", "-M", "-S", &socket(tunnel), "-R", &forward].map(str::to_owned));
    words
}

fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_ssh_and_hosts_say_is_told_apart() {
        let said_by = async |script: &str| {
            let ssh = Ssh::new(["sh", "-c", script].map(str::to_owned).to_vec());
            ssh.script(&"alpha".parse().unwrap(), "exit", Duration::ZERO)
                .await
        };
        let refused = said_by("echo 'Permission denied (publickey).' >&2; exit 255").await;
        assert!(
            matches!(&refused, Err(SshError::Unreachable { said, .. }) if said.starts_with("Permission")),
            "{refused:?}"
        );
        let csh = said_by("echo 'sh: Command not found.' >&2; exit 1").await;
        assert!(
            matches!(&csh, Err(SshError::Confused { said }) if said.contains("not found")),
            "{csh:?}"
        );
        let answer = said_by("echo hello; echo 'pondersweep-launch: alive 7'")
            .await
            .unwrap();
        assert_eq!(answer, (Answer::Alive(7), String::new()));
    }
}
