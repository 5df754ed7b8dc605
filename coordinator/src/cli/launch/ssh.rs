//! `pondersweep launch ssh`: a worker on each of some hosts. Given again, it starts what is
//! missing.

mod host;
mod tunnel;

use std::{num::NonZeroUsize, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use pondersweep_worker::say;
use serde_json::json;

use self::{
    host::{HostResult, Start},
    tunnel::Route,
};
use super::{
    arguments::{
        AtOnceArgs, CredentialArgs, NameArgs, SshCommandArgs, StateArgs, WorkerArgs, read_text,
    },
    code_of,
    each::for_each,
    inventory::{close_tunnels, release},
    program::Program,
};
use crate::{
    cli::output::{OutputArgs, Rows},
    clock,
    launch::{
        Ledger,
        plan::{Host, HostName, HostRecord, Launch, LaunchName, Launched, WorkerPlan, parse_hosts},
    },
};

/// Start a worker on each host, through the system's ssh
///
/// Repeat the command to start workers where none of this launch is running. Hosts need only
/// `pondersweep`, which --copy brings along.
#[derive(Debug, Args)]
pub(in crate::cli) struct SshArgs {
    /// Hosts as ssh knows them: NAME, USER@NAME, NAME:SLOTS or USER@[ADDRESS]:SLOTS, separated by
    /// commas or spaces; @PATH names a file of hosts
    #[arg(required_unless_present = "hosts_file")]
    hosts: Vec<String>,
    /// File with more hosts; `#` begins a comment
    #[arg(long, value_name = "PATH")]
    hosts_file: Option<PathBuf>,
    /// Address of the coordinator as the hosts see it; with --tunnel as it is seen from here
    #[arg(long, env = "PONDERSWEEP_COORDINATOR", value_name = "URL")]
    coordinator: Option<String>,
    /// Forward a port of each host's loopback to the coordinator through ssh, while this machine is
    /// on [default port: the coordinator's]
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true)]
    tunnel: Option<Option<u16>>,
    /// The program on the hosts
    #[arg(
        long,
        default_value = "pondersweep",
        value_name = "PATH",
        conflicts_with = "copy"
    )]
    binary: String,
    /// Copy this program to hosts that do not have it yet, and start that
    #[arg(long)]
    copy: bool,
    /// Folder of launches on the hosts [default: pondersweep/workers in their XDG_STATE_HOME]
    #[arg(long, value_name = "PATH")]
    directory: Option<String>,
    /// Print what would be started, and start nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    worker: WorkerArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    ssh: SshCommandArgs,
    #[command(flatten)]
    at_once: AtOnceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl SshArgs {
    fn hosts(&self) -> anyhow::Result<Vec<Host>> {
        let named = self
            .hosts
            .iter()
            .map(|entry| match entry.strip_prefix('@') {
                Some(path) => read_text(path.as_ref()),
                None => Ok(entry.clone()),
            });
        let mut texts = named.collect::<Result<Vec<_>, _>>()?;
        if let Some(path) = &self.hosts_file {
            texts.push(read_text(path)?);
        }
        Ok(parse_hosts(&texts.join("\n"))?)
    }
}

pub(super) async fn run(args: SshArgs) -> anyhow::Result<ExitCode> {
    let hosts = args.hosts()?;
    let route = Route::of(args.coordinator.as_deref(), args.tunnel)?;
    args.credentials.check(&route.coordinator())?;
    let insecure = args.credentials.is_insecure();
    let worker = args.worker.plan(route.coordinator(), insecure);
    let name = args.name.of(&["ssh"], &worker);
    let ssh = args.ssh.ssh()?;
    if args.dry_run {
        dry_run(&hosts, &worker, &args)?;
        return Ok(ExitCode::SUCCESS);
    }
    let start = Start {
        ssh: ssh.clone(),
        name: name.clone(),
        worker: worker.clone(),
        binary: args.binary.clone(),
        directory: args.directory.clone(),
        credentials: args.credentials.read()?,
        program: args.copy.then(Program::read).transpose()?,
    };
    let ledger = args.state.open()?;
    let _held = ledger.hold(&name)?;
    let records = records(&ledger, &name, &route, hosts)?;
    let launched = Launched::Ssh {
        ssh: ssh.words().to_vec(),
        directory: args.directory,
        hosts: Vec::new(),
    };
    let new = Launch::new(name.clone(), clock::now_ms(), worker, launched);
    let mut launch = match ledger.recall(&name)? {
        Some(known) if new.continues(&known, &records) => new.after(known),
        Some(over) => {
            release(&over, args.at_once.at_once).await?;
            new
        }
        None => new,
    };
    let before: Vec<HostRecord> = launch.hosts().to_vec();
    for record in &records {
        launch.remember(record.clone());
    }
    // Before anything is started: what is started must not be lost.
    ledger.remember(&launch)?;
    let outcomes = start_all(start, records, args.at_once.at_once).await;
    let is_new = |name: &HostName| !before.iter().any(|record| record.host.name == *name);
    let is_failed = |outcome: &&HostResult| outcome.is_nothing() && is_new(&outcome.host.name);
    close_tunnels(&launch, |name| {
        let mut of_host = outcomes.iter().filter(|outcome| outcome.host.name == *name);
        of_host.any(|outcome| outcome.is_without_worker() || is_failed(&outcome))
    })
    .await;
    for outcome in outcomes.iter().filter(is_failed) {
        launch.forget(&outcome.host.name);
    }
    if launch.hosts().is_empty() {
        ledger.forget(&name)?;
    } else {
        ledger.remember(&launch)?;
    }
    conclude(&name, &outcomes);
    table(&name, &outcomes).print(args.output.output)?;
    Ok(code_of(outcomes.iter().all(HostResult::is_well)))
}

fn records(
    ledger: &Ledger,
    name: &LaunchName,
    route: &Route,
    hosts: Vec<Host>,
) -> anyhow::Result<Vec<HostRecord>> {
    let record = |host: Host| {
        let tunnel = route.tunnel(ledger, name, &host)?;
        Ok(HostRecord { host, tunnel })
    };
    hosts.into_iter().map(record).collect()
}

async fn start_all(
    start: Start,
    records: Vec<HostRecord>,
    at_once: NonZeroUsize,
) -> Vec<HostResult> {
    let start = Arc::new(start);
    for_each(records, at_once, |record| {
        let start = start.clone();
        async move {
            let outcome = start.on(record).await;
            say!("{}", outcome.line());
            outcome
        }
    })
    .await
}

/// Says what to do next, and with what.
fn conclude(name: &LaunchName, outcomes: &[HostResult]) {
    let bad = outcomes.iter().filter(|outcome| !outcome.is_well()).count();
    let well = outcomes.len() - bad;
    say!("launch {name}: {well} of {} hosts started", outcomes.len());
    if bad > 0 {
        say!("hint: repeat the command for the others; it starts nothing twice");
    }
    if well > 0 {
        say!(
            "hint: next are `pondersweep launch ls`, `pondersweep launch logs {name}` and \
             `pondersweep launch stop {name}`"
        );
    }
}

fn table(name: &LaunchName, outcomes: &[HostResult]) -> Rows {
    let rows = outcomes.iter().map(|outcome| {
        let (process, said) = (json!(outcome.process()), json!(outcome.said()));
        vec![
            json!(name.as_str()),
            json!(outcome.host.name.as_str()),
            json!(outcome.state()),
            process,
            said,
        ]
    });
    Rows::of(&["launch", "host", "state", "process", "said"], rows)
}

fn dry_run(hosts: &[Host], worker: &WorkerPlan, args: &SshArgs) -> anyhow::Result<()> {
    let program = if args.copy {
        "pondersweep (copied)"
    } else {
        &args.binary
    };
    let rows = hosts.iter().map(|host| {
        let arguments = host::worker_on(worker, host).arguments();
        let command = format!("{program} worker {}", arguments.join(" "));
        vec![json!(host.name.as_str()), json!(command)]
    });
    Rows::of(&["host", "command"], rows).print(args.output.output)?;
    Ok(())
}
