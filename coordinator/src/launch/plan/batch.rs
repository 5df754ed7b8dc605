//! The batch script of a launch through Slurm: an array whose tasks are workers. `sbatch` copies
//! it; nothing here runs it.

use std::fmt::Write as _;

use super::{LaunchName, TimeLimit, TimeLimitError, WorkerPlan, quote};

/// How long before the time limit Slurm announces it, in seconds, on top of what leaving in order
/// may take: Slurm may be up to a minute late or early.
const ANNOUNCEMENT_MARGIN_SECONDS: u64 = 100;
/// What leaving in order may take unless it is said: the worker's own default.
const DEFAULT_GRACE_SECONDS: u64 = 20;

/// A job array of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    name: LaunchName,
    workers: u32,
    worker: WorkerPlan,
    binary: String,
    folder: String,
    options: Vec<String>,
    limit: Option<TimeLimit>,
    until_done: bool,
    files: Vec<String>,
}

/// Why there can be no such job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// An option that would undo what makes the job an array of workers.
    #[error("the option {option} belongs to pondersweep\nhint: {hint}")]
    Taken {
        /// The option.
        option: String,
        /// What to say instead.
        hint: &'static str,
    },
    /// Options of `sbatch` are lines of the script, the name of the folder among them.
    #[error("what sbatch is told cannot have a line end: {0:?}")]
    LineEnd(String),
    /// Slurm arrays begin at one task.
    #[error("a job needs at least one worker")]
    NoWorkers,
    /// The time limit cannot be read.
    #[error(transparent)]
    TimeLimit(#[from] TimeLimitError),
}

/// Options that a launch decides itself, and how to ask it.
const TAKEN: [(&str, &str); 8] = [
    ("-a", "say how many workers with --workers"),
    ("--array", "say how many workers with --workers"),
    ("-J", "name the launch with --name"),
    ("--job-name", "name the launch with --name"),
    ("--wrap", "the script is written by pondersweep"),
    ("--parsable", "it is said anyway"),
    ("--test-only", "see the script with --dry-run"),
    ("-W", "wait for the sweep with `pondersweep wait`"),
];

impl Batch {
    /// An array of workers, each `binary worker` as planned, whose logs go to `folder`;
    /// `options` are for `sbatch`.
    ///
    /// # Errors
    /// The options do not fit.
    pub fn new(
        name: LaunchName,
        workers: u32,
        worker: WorkerPlan,
        binary: String,
        folder: String,
        options: Vec<String>,
    ) -> Result<Self, BatchError> {
        if workers == 0 {
            return Err(BatchError::NoWorkers);
        }
        options.iter().try_for_each(|option| check(option))?;
        refuse_line_end(&folder)?;
        Ok(Self {
            limit: TimeLimit::among(&options)?,
            name,
            workers,
            worker,
            binary,
            folder,
            options,
            until_done: false,
            files: Vec::new(),
        })
    }

    /// Workers that reach their time limit are queued again, until nothing is left to do.
    #[must_use]
    pub fn until_done(mut self) -> Self {
        self.until_done = true;
        self.worker.exit_when_idle = true;
        self
    }

    /// Adds a flag that names a file on the machines of the batch system, such as a token file.
    #[must_use]
    pub fn with_file(mut self, flag: &str, path: &str) -> Self {
        self.files.extend([flag.to_owned(), path.to_owned()]);
        self
    }

    /// Seconds before the time limit at which Slurm announces it.
    fn announcement_seconds(&self) -> u64 {
        let grace = self.worker.grace_seconds.unwrap_or(DEFAULT_GRACE_SECONDS);
        let wanted = grace.saturating_add(ANNOUNCEMENT_MARGIN_SECONDS);
        match self.limit {
            // A job that is shorter than that should still train.
            Some(limit) => wanted.min(limit.seconds / 2),
            None => wanted,
        }
    }

    /// When workers leave by themselves, in seconds after they started: after the announcement,
    /// for the case that it never came.
    fn lifetime_seconds(&self) -> Option<u64> {
        let of_limit = |limit: TimeLimit| limit.seconds - self.announcement_seconds() / 2;
        self.worker
            .lifetime_seconds
            .or_else(|| self.limit.map(of_limit))
    }

    /// The script.
    #[must_use]
    pub fn script(&self) -> String {
        let mut script = self.directives();
        script.push_str("\nexport NO_COLOR=1 PONDERSWEEP_LOG=\"${PONDERSWEEP_LOG:-info}\"\n");
        if self.until_done {
            self.write_until_done(&mut script);
        } else {
            script.push_str("# The worker takes the place of this shell, so what Slurm signals is the worker.\n");
            let _ = writeln!(script, "exec {}", self.command());
        }
        script
    }

    fn directives(&self) -> String {
        let last = self.workers - 1;
        // Slurm replaces what follows a percent sign in names of files.
        let folder = escape(&self.folder.replace('%', "%%"));
        let signal = self.announcement_seconds();
        let mut script = String::from("#!/bin/sh\n");
        for directive in [
            format!("--job-name=pondersweep-{}", self.name),
            format!("--array=0-{last}"),
            format!("--output={folder}/%A_%a.log"),
            "--open-mode=append".into(),
            "--requeue".into(),
            format!("--signal=B:USR1@{signal}"),
        ] {
            let _ = writeln!(script, "#SBATCH {directive}");
        }
        if !self.options.is_empty() {
            // In one line, since an option and its value may be two words.
            let options: Vec<String> = self.options.iter().map(|option| escape(option)).collect();
            let _ = writeln!(script, "#SBATCH {}", options.join(" "));
        }
        script
    }

    /// The worker's command line.
    fn command(&self) -> String {
        let mut worker = self.worker.clone();
        worker.lifetime_seconds = self.lifetime_seconds();
        let arguments = worker.arguments();
        let words = [self.binary.as_str(), "worker"].into_iter();
        let mut command = quote(words.chain(arguments.iter().map(String::as_str)));
        if worker.slots.is_none() && worker.is_on_processors() {
            // The machine has more processors than the job.
            command.push_str(" --slots \"${SLURM_CPUS_PER_TASK:-1}\"");
        }
        if !self.files.is_empty() {
            let _ = write!(command, " {}", quote(self.files.iter().map(String::as_str)));
        }
        command
    }

    /// A shell that stays with its worker and queues the task again when the limit was announced.
    /// Slurm sends SIGTERM to both itself, so passing it on would be a second one.
    fn write_until_done(&self, script: &mut String) {
        let _ = write!(
            script,
            "started=$(date +%s)\n\
             announced=\n\
             {} &\n\
             worker=$!\n\
             trap 'announced=yes; kill -USR1 \"$worker\"' USR1\n\
             trap : TERM\n\
             wait \"$worker\"\n\
             status=$?\n\
             # A signal ends the wait, not the worker.\n\
             while kill -0 \"$worker\" 2>/dev/null; do\n\
             \x20 wait \"$worker\"\n\
             \x20 status=$?\n\
             done\n",
            self.command()
        );
        if let Some(seconds) = self.lifetime_seconds() {
            let _ = writeln!(
                script,
                "if [ $(($(date +%s) - started)) -ge {seconds} ]; then announced=yes; fi"
            );
        }
        script.push_str(
            "if [ \"$announced\" ] && [ \"$status\" -eq 0 ]; then\n\
             \x20 scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"\n\
             \x20 # Slurm ends this run of the task; its state must not become \"completed\" before.\n\
             \x20 sleep 60\n\
             fi\n\
             exit \"$status\"\n",
        );
    }
}

fn check(option: &str) -> Result<(), BatchError> {
    refuse_line_end(option)?;
    let name = option.split('=').next().unwrap_or_default();
    let taken = |(taken, _): &&(&str, &str)| {
        // Short options may have their value at once.
        name == *taken
            || (!taken.starts_with("--") && option.starts_with(taken) && !option.starts_with("--"))
    };
    match TAKEN.iter().find(taken) {
        Some(&(_, hint)) => Err(BatchError::Taken {
            option: option.to_owned(),
            hint,
        }),
        None => Ok(()),
    }
}

fn refuse_line_end(text: &str) -> Result<(), BatchError> {
    match text.contains(['\n', '\r']) {
        true => Err(BatchError::LineEnd(text.to_owned())),
        false => Ok(()),
    }
}

/// A word in a line of `#SBATCH`, as Slurm reads it back: in quotation marks, with backslashes.
fn escape(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,^[]*~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(options: &[&str]) -> Result<Batch, BatchError> {
        let worker = WorkerPlan::for_coordinator("http://head:7878");
        let options = options.iter().map(ToString::to_string).collect();
        Batch::new(
            "demo".parse().unwrap(),
            4,
            worker,
            "/opt/ponder sweep".into(),
            "/home/me/100%".into(),
            options,
        )
    }

    #[test]
    fn a_script_of_workers_reads_well() {
        let batch = batch(&["-p", "gpu", "--time=04:00:00", "--comment=two words"]).unwrap();
        let batch = batch.with_file("--token-file", "/home/me/token");
        insta::assert_snapshot!(batch.script());
    }

    #[test]
    fn a_script_of_workers_that_are_queued_again_reads_well() {
        insta::assert_snapshot!(batch(&["--time=04:00:00"]).unwrap().until_done().script());
    }

    #[test]
    fn workers_leave_after_the_announcement_and_before_the_limit() {
        let times = |options: &[&str]| {
            let batch = batch(options).unwrap();
            (batch.announcement_seconds(), batch.lifetime_seconds())
        };
        assert_eq!(times(&["--time=60"]), (120, Some(3_540)));
        assert_eq!(times(&["--time=0:60"]), (30, Some(45)));
        assert_eq!(times(&[]), (120, None));
    }

    #[test]
    fn options_that_would_undo_the_array_are_refused() {
        for option in ["--array=1-9", "-a1-9", "-J", "--wrap=date", "--test-only"] {
            assert!(
                matches!(batch(&[option]), Err(BatchError::Taken { .. })),
                "{option}"
            );
        }
        assert!(matches!(
            batch(&["--comment=a\nb"]),
            Err(BatchError::LineEnd(_))
        ));
        assert!(matches!(
            batch(&["--time=soon"]),
            Err(BatchError::TimeLimit(_))
        ));
        assert!(batch(&["--account=a", "-p", "x", "--job-class=1"]).is_ok());
    }

    #[test]
    fn both_scripts_are_ones_that_a_shell_can_read() {
        for script in [
            batch(&["-t5"]).unwrap().script(),
            batch(&["-t5"]).unwrap().until_done().script(),
        ] {
            let checked = std::process::Command::new("sh")
                .args(["-n", "-c", &script])
                .status()
                .unwrap();
            assert!(checked.success(), "{script}");
        }
    }
}
