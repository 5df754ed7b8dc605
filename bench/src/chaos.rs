//! `pondersweep-bench chaos`: runs small sweeps twice, once in peace and once while its processes
//! are killed and stopped and its calls are lost, and compares the result tables. Flags only parse;
//! `schedule` plans, `cluster` holds what is attacked, `disturb` runs, `verdict` judges, `table`
//! shows.

mod cluster;
mod disturb;
mod gateway;
pub(super) mod network;
mod process;
mod schedule;
mod table;
mod verdict;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum as _, value_parser};
use pondersweep::{
    cli::output::{Format, OutputArgs, print_json},
    clock,
    sweep::SweepFile,
};
use pondersweep_worker::interrupt::{EXIT_INTERRUPTED, on_interrupt};
use pondersweep_worker::say;

use self::{
    disturb::{Attack, Victim},
    process::Journal,
    schedule::{FaultKind, trials_for},
    verdict::Verdict,
};

/// Kill and cut a sweep at random moments, and compare its results with an undisturbed run's
///
/// Exits with 0 only if the result tables are equal, every acknowledged result is there, late
/// results were refused and counted, and the database is whole.
#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    /// Repeats the faults of an earlier run; their moments depend on the machine a little
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// SIGKILLs in all; the sweep is made long enough for them
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = value_parser!(u32).range(0..=10_000))]
    kills: u32,
    /// Worker processes, each with one compute thread
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u32).range(1..=64))]
    workers: u32,
    /// Kinds of faults [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_enum)]
    faults: Vec<FaultKind>,
    /// Keep the databases and the journal in this folder, which must not exist
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Torment a second sweep as well, whose trials run a program
    #[arg(long)]
    programs: bool,
    /// Implies --output json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// The file of the sweep that trains.
const TRAINED_FILE: &str = "chaos.toml";
/// The file of the sweep that runs a program.
const PROGRAM_FILE: &str = "programs.toml";
/// Configurations of each sweep, see [`sweep_file`].
const CONFIGURATIONS: u64 = 6;

pub(super) async fn run(args: ChaosArgs) -> anyhow::Result<ExitCode> {
    let interrupted = on_interrupt()?;
    tokio::select! {
        code = attack(&args) => code,
        () = interrupted.cancelled() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
    }
}

async fn attack(args: &ChaosArgs) -> anyhow::Result<ExitCode> {
    let folder = Folder::create(args.out.as_deref())?;
    let attack = args.attack(folder.path())?;
    say!("seed {}; repeat these faults with --seed {0}", attack.seed);
    match compare(&attack, args.format()).await {
        Ok(problems) if problems.is_empty() => Ok(ExitCode::SUCCESS),
        Ok(problems) => {
            for problem in problems {
                say!("error: {problem}");
            }
            say!(
                "hint: databases and journal are in {}",
                folder.keep().display()
            );
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            let folder = folder.keep();
            Err(error.context(format!(
                "seed {}, journal in {}",
                attack.seed,
                folder.display()
            )))
        }
    }
}

/// Runs the sweeps twice, prints what happened and returns the promises that were broken.
async fn compare(attack: &Attack, format: Format) -> anyhow::Result<Vec<String>> {
    let journal = Journal::create(&attack.folder.join("journal.txt"))?;
    say!("{} trials undisturbed, then with faults", attack.trials());
    let seconds = disturb::undisturbed(attack, &journal).await?;
    let disturbance = disturb::disturbed(attack, &journal).await?;
    let verdict = Verdict::of(attack, &disturbance).await?;
    let problems = verdict.problems(&disturbance);
    match format {
        Format::Json => print_json(&table::json(
            attack,
            seconds,
            &disturbance,
            &verdict,
            &problems,
        ))?,
        format => table::rows(attack, seconds, &disturbance, &verdict).print(format)?,
    }
    Ok(problems)
}

impl ChaosArgs {
    fn attack(&self, folder: &Path) -> anyhow::Result<Attack> {
        let kinds = if self.faults.is_empty() {
            FaultKind::value_variants().to_vec()
        } else {
            self.faults.clone()
        };
        let sweeps = [
            (TRAINED_FILE, sweep_file as fn(u64) -> String),
            (PROGRAM_FILE, program_file),
        ];
        let sweeps = &sweeps[..if self.programs { 2 } else { 1 }];
        let trials = trials_for(self.kills).div_ceil(sweeps.len() as u64);
        let sweeps = sweeps.iter().map(|(file, text)| {
            let (path, text) = (folder.join(file), text(trials));
            std::fs::write(&path, &text)
                .with_context(|| format!("cannot write {}", path.display()))?;
            let spec = SweepFile::parse(text.as_bytes(), file)?;
            Ok(Victim { file, spec })
        });
        Ok(Attack {
            sweeps: sweeps.collect::<anyhow::Result<_>>()?,
            seed: self.seed.unwrap_or_else(|| clock::now_ms().unsigned_abs()),
            kinds,
            kills: self.kills,
            workers: self.workers,
            folder: folder.to_owned(),
        })
    }

    const fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else {
            self.output.output
        }
    }
}

/// A sweep of at least `trials` real trials, each a fraction of a second long. A third of them
/// diverge, which is a result, too.
fn sweep_file(trials: u64) -> String {
    const TRAINED: &str = r#"[sweep]
name = "chaos"
[task]
kind = "parity"
elements = 4
[model]
kind = "ponder_net"
step_function = "gru"
hidden = 16
[space]
learning_rate = [1e300, 3e-3, 1e-2]
max_steps = [3, 5]
lambda_p = [0.3]
[training]
updates = 1200
batch = 32
[evaluation]
every = 200
examples = 200
"#;
    TRAINED.to_owned() + &repeated(trials)
}

/// The same of trials that run a program: numbers that follow from the trial's seed, a step every
/// twentieth of a second, and a third that says it has no result.
fn program_file(trials: u64) -> String {
    const RUN: &str = r#"[sweep]
name = "chaos of programs"
[program]
command = ["sh", "-c", '''
for step in 1 2 3 4 5 6; do
    sleep 0.05
    echo "{\"step\": $step, \"accuracy_interpolation\": 0.$step$PONDERSWEEP_SEED}" >> "$PONDERSWEEP_REPORT"
    if [ {rate} = 1 ] && [ $step = 3 ]; then exit 3; fi
done''']
infeasible_exit_code = 3
[metrics]
accuracy_interpolation = { better = "higher", solved = 0.65 }
[space]
rate = [1, 2, 3]
depth = [3, 5]
"#;
    RUN.to_owned() + &repeated(trials)
}

/// Replicates enough for that number of trials. Limits on losses are out of reach: a trial that
/// loses its worker again and again would end as failed, as it should, and not as in the
/// undisturbed run.
fn repeated(trials: u64) -> String {
    let replicates = trials.div_ceil(CONFIGURATIONS);
    format!(
        "[replicates]\ncount = {replicates}\nseed = 17\n\
         [limits]\nmax_failures = 1000\nmax_worker_losses = 1000\n"
    )
}

/// Where the runs write: a temporary folder, or one that the user named.
enum Folder {
    Temporary(tempfile::TempDir),
    Named(PathBuf),
}

impl Folder {
    fn create(named: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = named else {
            return Ok(Self::Temporary(tempfile::tempdir()?));
        };
        let shown = path.display();
        std::fs::create_dir(path).with_context(|| format!("cannot create {shown}"))?;
        Ok(Self::Named(std::fs::canonicalize(path)?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Named(path) => path,
        }
    }

    /// Leaves the folder where it is.
    fn keep(self) -> PathBuf {
        match self {
            Self::Temporary(folder) => folder.keep(),
            Self::Named(path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sweep_is_as_long_as_its_kills_need() {
        for kills in [0, 7, 50, 1_000] {
            for text in [sweep_file, program_file] {
                let spec =
                    SweepFile::parse(text(trials_for(kills)).as_bytes(), TRAINED_FILE).unwrap();
                assert_eq!(spec.configurations(), CONFIGURATIONS);
                assert!(spec.trials() >= trials_for(kills));
                assert!(spec.trials() >= u64::from(kills));
            }
        }
    }
}
