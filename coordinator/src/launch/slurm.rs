//! EDGE: Slurm, through its own programs. What they are asked and what they say is decided and read
//! in `plan/`.

use std::time::Duration;

use super::{
    plan::{Task, parse_queue, slurm_hint},
    process::{self, Finished, ProcessError},
};

/// How long Slurm's controller may take to answer: its own programs give up sooner.
const LIMIT: Duration = Duration::from_secs(120);

/// Why Slurm did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// Its program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It refused.
    #[error("{program}: {said}{}", slurm_hint(said))]
    Refused {
        /// The program that was asked.
        program: &'static str,
        /// What it said.
        said: String,
    },
}

/// Submits a script; returns the job's number, with `;CLUSTER` after it where there are several.
///
/// # Errors
/// `sbatch` is not there or refuses.
pub async fn submit(script: &str) -> Result<String, SlurmError> {
    let finished = ask("sbatch", &["--parsable"], script).await?;
    let said = finished.stdout.trim().to_owned();
    if said.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(said)
    } else {
        Err(SlurmError::Refused {
            program: "sbatch",
            said,
        })
    }
}

/// The tasks of a job that Slurm still knows: it forgets them some minutes after their end.
///
/// # Errors
/// `squeue` is not there or refuses.
pub async fn tasks(job: &str) -> Result<Vec<Task>, SlurmError> {
    let format = super::plan::QUEUE_COLUMNS;
    let options = ["--noheader", "--array", "--states=all", "--format", format];
    let named = of_job(job);
    let arguments = [&options[..], &["--jobs", named.0], &named.1[..]].concat();
    match ask("squeue", &arguments, "").await {
        Ok(finished) => Ok(parse_queue(&finished.stdout)),
        // It has forgotten the job: all of it has ended.
        Err(SlurmError::Refused { said, .. }) if said.contains("Invalid job id") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Ends a job, also the tasks that wait: its workers leave in order, as far as Slurm's `KillWait`
/// lets them, or are killed at once.
///
/// # Errors
/// `scancel` is not there or refuses.
pub async fn cancel(job: &str, now: bool) -> Result<(), SlurmError> {
    let (number, cluster) = of_job(job);
    let kill: &[&str] = &["--signal=KILL", "--full"];
    for how in [&[][..], kill].iter().take(1 + usize::from(now)) {
        match ask("scancel", &[how, &cluster[..], &[number]].concat(), "").await {
            // It has forgotten the job: all of it has ended.
            Err(SlurmError::Refused { said, .. }) if said.contains("Invalid job id") => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// A job's number, and the options that name its cluster.
fn of_job(job: &str) -> (&str, Vec<&str>) {
    match job.split_once(';') {
        Some((number, cluster)) => (number, vec!["--clusters", cluster]),
        None => (job, Vec::new()),
    }
}

async fn ask(
    program: &'static str,
    arguments: &[&str],
    stdin: &str,
) -> Result<Finished, SlurmError> {
    let words = std::iter::once(&program)
        .chain(arguments)
        .map(|word| (*word).to_owned());
    let words: Vec<String> = words.collect();
    let finished = process::run(&words, stdin.as_bytes(), LIMIT).await?;
    if finished.code == Some(0) {
        return Ok(finished);
    }
    let said = format!("{}{}", finished.stdout, finished.stderr);
    Err(SlurmError::Refused {
        program,
        said: said.trim().to_owned(),
    })
}
