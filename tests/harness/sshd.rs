//! A real sshd for one test: loopback only, with keys of its own, and no user's configuration.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{
    Sandbox,
    required::{free_port, program, skip},
    wait_until,
};

/// A folder that is compiled into sshd, in which it works before it knows who comes.
const SEPARATION: &str = "/run/sshd";

/// An sshd that runs, stopped with the value. To its clients it is two hosts, `alpha` and `beta`;
/// a third, `gone`, does not listen.
pub(crate) struct Sshd {
    child: Child,
    config: PathBuf,
}

impl Sshd {
    /// Starts one in a folder of the sandbox; `None` where there is no sshd.
    pub(crate) fn start(sandbox: &Sandbox) -> Option<Self> {
        Self::start_with(sandbox, "")
    }

    /// The same, where this is everyone's login shell.
    pub(crate) fn start_with_shell(sandbox: &Sandbox, shell: &str) -> Option<Self> {
        let Some(path) = program(shell) else {
            skip("shells", &format!("{shell} is not installed"));
            return None;
        };
        let shell = path.display();
        Self::start_with(
            sandbox,
            &format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\"\n"),
        )
    }

    fn start_with(sandbox: &Sandbox, more: &str) -> Option<Self> {
        let Some(sshd) = program("sshd").filter(|_| program("ssh").is_some()) else {
            skip(
                "sshd",
                "neither sshd nor ssh is installed (Debian: openssh-server)",
            );
            return None;
        };
        if fs::create_dir_all(SEPARATION).is_err() {
            skip("sshd", "sshd needs /run/sshd, which cannot be made");
            return None;
        }
        let folder = sandbox.path("sshd");
        fs::create_dir(&folder).expect("the sandbox can be written");
        make_keys(&folder);
        let port = free_port();
        let config = write_configurations(&folder, port, more);
        let mut command = Command::new(sshd);
        command
            .arg("-D")
            .arg("-e")
            .arg("-f")
            .arg(folder.join("sshd_config"));
        let log = fs::File::create(folder.join("log")).expect("the sandbox can be written");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command.spawn().expect("sshd starts");
        wait_until("sshd listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self { child, config })
    }

    /// The ssh that knows its hosts, as `--ssh-command` has it.
    pub(crate) fn command(&self) -> String {
        format!("ssh -F {}", self.config.display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn make_keys(folder: &Path) {
    for name in ["host", "user"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(folder.join(name))
            .status();
        assert!(made.expect("ssh-keygen starts").success());
    }
    let allowed = folder.join("authorized_keys");
    fs::copy(folder.join("user.pub"), &allowed).expect("the key was made");
    fs::set_permissions(&allowed, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// Writes the configurations of both sides, with `more` in the server's; returns the client's.
fn write_configurations(folder: &Path, port: u16, more: &str) -> PathBuf {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).expect("the sandbox can be written");
        path
    };
    let at = folder.display();
    write(
        "sshd_config",
        format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {at}/host\nPidFile none\n\
             AuthorizedKeysFile {at}/authorized_keys\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUsePAM no\n\
             # The keys lie in a temporary folder, which everybody may write.\nStrictModes no\n{more}"
        ),
    );
    let key = fs::read_to_string(folder.join("host.pub")).expect("the key was made");
    write("known_hosts", format!("[127.0.0.1]:{port} {key}"));
    write(
        "ssh_config",
        format!(
            "Host gone\n  Port 1\nHost *\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {at}/user\n\
             \x20 IdentitiesOnly yes\n  UserKnownHostsFile {at}/known_hosts\n  StrictHostKeyChecking yes\n\
             \x20 LogLevel ERROR\n"
        ),
    )
}
