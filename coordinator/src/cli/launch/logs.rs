//! `pondersweep launch logs`: what the workers of a launch have written, fetched.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use pondersweep_worker::say;

use super::{
    arguments::{AtOnceArgs, StateArgs},
    code_of,
    inventory::{Question, ask},
};
use crate::{
    cli::output::print_text,
    launch::{
        plan::{Answer, HostRecord, JobRecord, Launch, Launched},
        ssh::SshError,
    },
    whole_file,
};

/// Fetch the logs of a launch's workers
#[derive(Debug, Args)]
pub(in crate::cli) struct LogsArgs {
    /// The launch: its name, a beginning of it, or `last`
    #[arg(default_value = "last")]
    launch: String,
    /// Lines of each worker, from the end
    #[arg(
        long,
        short = 'n',
        default_value = "20",
        value_name = "N",
        conflicts_with = "out"
    )]
    lines: u32,
    /// Fetch the whole logs into this folder, a file for each worker
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    at_once: AtOnceArgs,
}

/// A worker's log, or why there is none.
struct Log {
    place: String,
    text: Result<String, String>,
}

pub(super) async fn run(args: LogsArgs) -> anyhow::Result<ExitCode> {
    let launch = args.state.open()?.find(&args.launch)?;
    let logs = match &launch.launched {
        Launched::Ssh { .. } => logs_of_hosts(&launch, &args).await,
        Launched::Slurm(job) => logs_of_job(job)?,
    };
    for log in &logs {
        match (&log.text, &args.out) {
            (Ok(text), None) => print_text(&format!(
                "== {}\n{}",
                log.place,
                last_lines(text, args.lines)
            ))?,
            (Ok(text), Some(folder)) => save(folder, &log.place, text)?,
            (Err(reason), _) => say!("{}: {reason}", log.place),
        }
    }
    Ok(code_of(logs.iter().all(|log| log.text.is_ok())))
}

async fn logs_of_hosts(launch: &Launch, args: &LogsArgs) -> Vec<Log> {
    let lines = args.out.is_none().then_some(args.lines);
    let answers = ask(launch, Question::Logs(lines), args.at_once.at_once).await;
    let log = |(record, answer): (HostRecord, Result<(Answer, String), SshError>)| Log {
        place: record.host.name.to_string(),
        text: match answer {
            Ok((Answer::Log, text)) => Ok(text),
            Ok(_) => Err("no log there".into()),
            Err(error) => Err(error.to_string()),
        },
    };
    answers.into_iter().map(log).collect()
}

/// The logs that Slurm's machines wrote to a folder they share with this one.
fn logs_of_job(job: &JobRecord) -> anyhow::Result<Vec<Log>> {
    let unreadable = || format!("cannot read {}", job.folder);
    let mut paths = Vec::new();
    for entry in fs::read_dir(&job.folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        say!(
            "no logs in {} yet, or sbatch was given another --output",
            job.folder
        );
    }
    paths.sort();
    let log = |path: PathBuf| Log {
        place: path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        text: fs::read(&path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|error| error.to_string()),
    };
    Ok(paths.into_iter().map(log).collect())
}

fn save(folder: &Path, place: &str, text: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{place}.log"));
    whole_file::write(&path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    print_text(&path.display().to_string())?;
    Ok(())
}

fn last_lines(text: &str, lines: u32) -> String {
    let all: Vec<&str> = text.lines().collect();
    let wanted = usize::try_from(lines).unwrap_or(usize::MAX);
    all[all.len().saturating_sub(wanted)..].join("\n")
}
