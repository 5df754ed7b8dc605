//! Flags that launches share: how workers are started, what lets them in, where launches are
//! remembered, and how ssh is run.

use std::{
    fs,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use pondersweep_proto::id::SweepId;
use pondersweep_worker::{
    cli::{a_count, at_least_one},
    small_file,
    trust::{Means, TrustArgs, TrustError},
};

use crate::launch::{
    Ledger, LedgerError,
    plan::{Credential, Credentials, LaunchName, WorkerPlan},
    ssh::Ssh,
};

/// Connections at once, unless said: a jump host lets in ten that have not yet said who they are,
/// and drops others by chance.
const DEFAULT_AT_ONCE: &str = "8";

/// How every worker is started.
#[derive(Clone, Debug, Args)]
pub(super) struct WorkerArgs {
    /// Devices to compute on, as for `pondersweep worker --device`; each host checks its own
    /// [default: cpu]
    #[arg(long = "device", value_delimiter = ',', value_name = "DEVICE", value_parser = device)]
    devices: Vec<String>,
    /// Bundles trained side by side on each device [default: one per core on cpu, else one]
    #[arg(long, value_name = "N", value_parser = a_count::<NonZeroU32>)]
    slots: Option<NonZeroU32>,
    /// Most trials of one shape trained as one program
    #[arg(long, value_name = "N", value_parser = a_count::<NonZeroU32>)]
    lanes: Option<NonZeroU32>,
    /// Work for this sweep only; give its full id
    #[arg(long, value_name = "ID")]
    sweep: Option<SweepId>,
    /// Seconds between two checkpoints of a trial
    #[arg(long, value_name = "SECONDS")]
    checkpoint_every: Option<u64>,
    /// Leave when nothing is pending and nothing is leased
    #[arg(long)]
    exit_when_idle: bool,
    /// Let the workers run the programs of sweeps whose files have a `[program]`: anyone who may submit
    /// a sweep to the coordinator can then run commands on these machines, as the user that the
    /// workers run as
    #[arg(long)]
    allow_programs: bool,
    /// Leave in order after this many seconds
    #[arg(long, value_name = "SECONDS")]
    lifetime: Option<u64>,
    /// Seconds that leaving in order may take
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u64>,
}

/// Device names are checked where the device is; here only that they are words.
fn device(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':';
    match text.chars().all(allowed) && !text.is_empty() {
        true => Ok(text.to_owned()),
        false => Err("a device is a word such as cpu or cuda:0".into()),
    }
}

impl WorkerArgs {
    /// Workers for a coordinator, over a network that is trusted or not.
    pub(super) fn plan(&self, coordinator: String, insecure: bool) -> WorkerPlan {
        WorkerPlan {
            coordinator,
            devices: self.devices.clone(),
            slots: self.slots,
            lanes: self.lanes,
            sweep: self.sweep.map(|sweep| sweep.to_string()),
            checkpoint_every_seconds: self.checkpoint_every,
            exit_when_idle: self.exit_when_idle,
            allow_programs: self.allow_programs,
            lifetime_seconds: self.lifetime,
            grace_seconds: self.grace,
            insecure,
        }
    }
}

/// What lets workers in, as files: the same flags as for a worker.
#[derive(Clone, Debug, Args)]
// A token in this command's environment stays there.
#[command(mut_arg("token_file", |flag| flag.help("File with the token that workers show")))]
pub(super) struct CredentialArgs {
    #[command(flatten)]
    trust: TrustArgs,
}

impl CredentialArgs {
    /// The files that were named.
    fn named(&self) -> impl Iterator<Item = (Credential, &Path)> {
        let named = Credential::ALL.into_iter().zip(self.trust.files());
        named.filter_map(|(credential, path)| Some((credential, path?)))
    }

    /// Whether the network is trusted.
    pub(super) const fn is_insecure(&self) -> bool {
        self.trust.is_insecure()
    }

    /// Refuses an address that workers would refuse themselves, each on its own machine.
    pub(super) fn check(&self, coordinator: &str) -> Result<(), TrustError> {
        let named: Vec<Credential> = self.named().map(|(credential, _)| credential).collect();
        self.check_with(coordinator, &named)
    }

    /// The same for workers that have other credentials.
    pub(super) fn check_with(
        &self,
        coordinator: &str,
        credentials: &[Credential],
    ) -> Result<(), TrustError> {
        let means = Means {
            token: credentials.contains(&Credential::Token),
            authority: credentials.contains(&Credential::Authority),
            certificate: credentials.contains(&Credential::Certificate),
            insecure: self.is_insecure(),
        };
        means.check(coordinator)
    }

    /// The files' contents.
    pub(super) fn read(&self) -> anyhow::Result<Credentials> {
        let read = |(credential, path)| anyhow::Ok((credential, read_text(path)?));
        let files = self.named().map(read).collect::<Result<Vec<_>, _>>()?;
        Credentials::new(files).context("cannot use the credentials")
    }

    /// The flags of a worker on a machine that has the same files.
    pub(super) fn shared(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let flag =
            |(credential, path): (Credential, &Path)| Ok((credential.flag(), absolute(path)?));
        self.named().map(flag).collect()
    }
}

/// A path that means the same in every folder and on every machine that shares it.
pub(super) fn absolute(path: &Path) -> anyhow::Result<String> {
    let whole =
        fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))?;
    whole
        .into_os_string()
        .into_string()
        .ok()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Reads a file that people write.
pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    small_file::read_text(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Where launches are remembered.
#[derive(Clone, Debug, Args)]
pub(super) struct StateArgs {
    /// Folder that remembers launches [default: pondersweep/launches in XDG_STATE_HOME]
    #[arg(long, env = "PONDERSWEEP_LAUNCH_STATE", value_name = "PATH")]
    state: Option<PathBuf>,
}

impl StateArgs {
    pub(super) fn open(&self) -> Result<Ledger, LedgerError> {
        Ledger::open(self.state.clone())
    }
}

/// What the launch is called.
#[derive(Clone, Debug, Args)]
pub(super) struct NameArgs {
    /// Name of the launch [default: a hash of the command, so that repeating it starts nothing
    /// twice]
    #[arg(long, value_name = "NAME")]
    name: Option<LaunchName>,
}

impl NameArgs {
    pub(super) fn of(&self, how: &[&str], worker: &WorkerPlan) -> LaunchName {
        self.name
            .clone()
            .unwrap_or_else(|| LaunchName::of(how, worker))
    }
}

/// How many hosts are asked at once.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct AtOnceArgs {
    /// Connect to at most this many hosts at once
    #[arg(long, default_value = DEFAULT_AT_ONCE, value_name = "N", value_parser = at_least_one::<NonZeroUsize>)]
    pub(super) at_once: NonZeroUsize,
}

/// The ssh of a launch.
#[derive(Clone, Debug, Args)]
pub(super) struct SshCommandArgs {
    /// The ssh to run, with its options
    #[arg(
        long,
        env = "PONDERSWEEP_SSH",
        default_value = "ssh",
        value_name = "COMMAND"
    )]
    ssh_command: String,
}

impl SshCommandArgs {
    pub(super) fn ssh(&self) -> anyhow::Result<Ssh> {
        let words = shlex::split(&self.ssh_command).with_context(|| {
            format!(
                "--ssh-command {:?} ends within a quotation",
                self.ssh_command
            )
        })?;
        anyhow::ensure!(!words.is_empty(), "--ssh-command is empty");
        Ok(Ssh::new(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ssh_command_is_split_like_a_shell_would() {
        let words = |text: &str| {
            let args = SshCommandArgs {
                ssh_command: text.into(),
            };
            args.ssh().map(|ssh| ssh.words().to_vec())
        };
        assert_eq!(
            words("ssh -F 'my config' -p 22").unwrap(),
            ["ssh", "-F", "my config", "-p", "22"]
        );
        assert_eq!(
            words(r#" a"b \" c"d  \e ''"#).unwrap(),
            [r#"ab " cd"#, "e", ""]
        );
        for bad in ["  ", "'a", "\"a", "a\\"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }
}
