//! `pondersweep launch`: workers on other machines, started, listed, stopped, and their logs
//! fetched. The decisions are those of `crate::launch`; here are flags, order and talk.

mod arguments;
mod each;
mod inventory;
mod k8s;
mod list;
mod logs;
mod probe;
mod program;
mod slurm;
mod ssh;
mod stop;

use std::process::ExitCode;

use clap::Subcommand;

/// Start, list and stop workers on other machines
#[derive(Debug, Subcommand)]
pub(super) enum LaunchCommand {
    Ssh(Box<ssh::SshArgs>),
    Slurm(Box<slurm::SlurmArgs>),
    K8s(Box<k8s::K8sArgs>),
    Ls(list::LsArgs),
    Stop(stop::StopArgs),
    Logs(logs::LogsArgs),
    Probe(probe::ProbeArgs),
}

pub(super) async fn run(command: LaunchCommand) -> anyhow::Result<ExitCode> {
    match command {
        LaunchCommand::Ssh(args) => ssh::run(*args).await,
        LaunchCommand::Slurm(args) => slurm::run(*args).await,
        LaunchCommand::K8s(args) => k8s::run(&args),
        LaunchCommand::Ls(args) => list::run(args).await,
        LaunchCommand::Stop(args) => stop::run(args).await,
        LaunchCommand::Logs(args) => logs::run(args).await,
        LaunchCommand::Probe(args) => probe::run(&args),
    }
}

/// The code of a command of whose hosts not all did as they were asked.
fn code_of(all_well: bool) -> ExitCode {
    if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
