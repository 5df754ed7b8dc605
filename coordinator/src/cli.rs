//! The command line. Each command is one file: its arguments and what it does. Flags only parse;
//! data goes to standard output, talk to standard error, and every failure has its exit code.

mod allocate;
mod at_hand;
mod audit;
mod backup;
mod connect;
mod exit;
mod explain;
mod export;
mod init;
mod launch;
mod list;
pub mod output;
mod place;
mod plan;
mod precision;
mod query;
mod replay;
mod report;
mod results;
mod run;
mod schema;
mod serve;
mod steer;
mod submit;
mod sweep_file;
mod table;
mod tls;
mod token;
mod trial;
mod ui;
mod wait;
mod watch;
mod worker;
mod workers;

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use pondersweep_worker::streams::{self, Talk};
use tracing_subscriber::EnvFilter;

use crate::store;

/// Distributed hyperparameter sweeps whose sensitivity tables can be trusted
#[derive(Debug, Parser)]
#[command(name = "pondersweep", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes: the form of the log, and which file systems are trusted.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Format of the log on standard error; PONDERSWEEP_LOG sets how much is logged, such as info
    #[arg(
        long,
        global = true,
        env = "PONDERSWEEP_LOG_FORMAT",
        value_enum,
        default_value = "text",
        hide_default_value = true
    )]
    log_format: LogFormat,
    /// Use a database on a file system that is not known to be local: you say that only this
    /// machine writes there
    #[arg(
        long,
        global = true,
        env = "PONDERSWEEP_TRUST_FILE_SYSTEM",
        hide_env_values = true,
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    trust_file_system: bool,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Init(init::InitArgs),
    Plan(plan::PlanArgs),
    Schema(schema::SchemaArgs),
    Serve(serve::ServeArgs),
    /// Train trials for a coordinator
    Worker(pondersweep_worker::cli::WorkerArgs),
    Submit(submit::SubmitArgs),
    Ls(list::LsArgs),
    Status(list::StatusArgs),
    Watch(watch::WatchArgs),
    Ui(ui::UiArgs),
    /// Hand out no more trials of a sweep; those that run go on
    Pause(steer::SteerArgs),
    /// Hand out trials of a paused sweep again
    Resume(steer::SteerArgs),
    Cancel(steer::CancelArgs),
    Retry(steer::RetryArgs),
    Allocate(allocate::AllocateArgs),
    Wait(wait::WaitArgs),
    Query(query::QueryArgs),
    Export(export::ExportArgs),
    Explain(explain::ExplainArgs),
    Report(report::ReportArgs),
    Audit(audit::AuditArgs),
    Backup(backup::BackupArgs),
    #[command(subcommand)]
    Trial(trial::TrialCommand),
    #[command(subcommand)]
    Token(token::TokenCommand),
    #[command(subcommand)]
    Tls(tls::TlsCommand),
    #[command(subcommand)]
    Launch(launch::LaunchCommand),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    if let Some(ended) = pondersweep_worker::program::keep_guard() {
        return ended;
    }
    match streams::parse::<Cli>() {
        Ok(cli) => run_to_end(&cli.log, dispatch(cli.command)),
        Err(code) => code,
    }
}

/// All commands and what they take.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs a command to its end, with a log: what went wrong is on standard error.
pub fn run_to_end(
    log: &LogArgs,
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> ExitCode {
    start_log(log.log_format);
    if log.trust_file_system {
        store::trust_file_systems();
    }
    pondersweep_worker::trust::choose_cryptography();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return exit::fail(&error.into()),
    };
    let code = match runtime.block_on(command) {
        Ok(code) => code,
        Err(error) => exit::fail(&error),
    };
    // Standard input may still be read by a thread that cannot be woken.
    runtime.shutdown_background();
    code
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("PONDERSWEEP_LOG").unwrap_or_else(|_| "warn".into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false);
    match format {
        LogFormat::Text => log.with_writer(|| Talk::Event).init(),
        LogFormat::Json => {
            let log = log.json().flatten_event(true);
            log.with_writer(|| Talk::Json).init();
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args).await,
        Command::Init(args) => init::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Serve(args) => serve::run(args).await,
        Command::Worker(args) => worker::run(args).await,
        Command::Submit(args) => submit::run(args).await,
        Command::Ls(args) => list::ls(args).await,
        Command::Status(args) => list::status(args).await,
        Command::Watch(args) => watch::run(args).await,
        Command::Ui(args) => ui::run(args).await,
        Command::Pause(args) => steer::pause(args).await,
        Command::Resume(args) => steer::resume(args).await,
        Command::Cancel(args) => steer::cancel(args).await,
        Command::Retry(args) => steer::retry(args).await,
        Command::Allocate(args) => allocate::run(args).await,
        Command::Wait(args) => wait::run(args).await,
        Command::Query(args) => query::run(args).await,
        Command::Export(args) => export::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Report(args) => report::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Backup(args) => backup::run(&args),
        Command::Trial(command) => trial::run(command).await,
        Command::Token(command) => token::run(command).await,
        Command::Tls(command) => tls::run(command),
        Command::Launch(command) => launch::run(command).await,
    }
}
