//! `pondersweep report`: the sensitivity tables and figures of a sweep, or one analysis of it, from its
//! database.

mod analysis;
mod manifest;
mod verify;

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use pondersweep_proto::parameter::ParameterValue;

use self::analysis::AnalysisArgs;
use super::{connect::DatabaseArgs, output::print_text};
use crate::{
    report::{self, Completeness, Report, ReportInput, TrialRow, analysis::Analysis},
    store::{self, Reader},
    sweep::SweepSpec,
};

/// The seed of the bootstrap: any will do, but the same table must come out every time.
const BOOTSTRAP_SEED: u64 = 0;
/// The width of tables where there is no terminal to ask.
const WIDTH_WITHOUT_TERMINAL: u16 = 120;

/// Print the sensitivity tables of a sweep and draw its figures, or print one analysis of it
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The sweep: its id, a prefix of it, its name, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    options: ReportOptions,
    #[command(flatten)]
    analysis: AnalysisArgs,
    /// Instead: check that a report, named by its manifest.json, is that of the database
    #[arg(long, value_name = "MANIFEST", conflicts_with_all = ["sweep", "out", "analysis"])]
    verify: Option<PathBuf>,
}

/// What becomes of a report.
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// Form of the table on standard output
    #[arg(long, value_enum, default_value = "table")]
    format: ReportFormat,
    /// Also write every form of the table and the figures into this folder, with a manifest
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportFormat {
    /// For a terminal
    Table,
    Markdown,
    /// One row for every configuration
    Csv,
    /// Everything, in full precision
    Json,
}

pub(super) async fn run(args: ReportArgs) -> anyhow::Result<ExitCode> {
    let (database, sweep) = (&args.database.db, &args.sweep);
    if let Some(manifest) = &args.verify {
        return verify::run(manifest, database, args.options.format).await;
    }
    match args.analysis.wanted() {
        Some(wanted) => {
            let input = read(database, sweep).await?;
            args.options
                .print_analysis(&args.analysis.of(wanted, &input)?)?;
        }
        None => args.options.print(database, sweep).await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl ReportOptions {
    /// Reports a sweep of a database as asked.
    ///
    /// # Errors
    /// There is no such sweep, or something cannot be read or written.
    pub(super) async fn print(&self, database: &Path, sweep: &str) -> anyhow::Result<()> {
        let report = self.report(&read(database, sweep).await?);
        print_text(&match self.format {
            ReportFormat::Table => report::terminal::render(&report, width()),
            ReportFormat::Markdown => report::markdown::render(&report),
            ReportFormat::Csv => report::csv::cells(&report),
            ReportFormat::Json => report::json::render(&report),
        })?;
        if let Some(folder) = &self.out {
            // Resolved once: `last` may be another sweep a moment later.
            let sweep_id = Reader::open(database).await?.find_sweep(sweep).await?;
            let sweeps = [sweep_id.to_string()];
            let written = write_files(database, &sweeps, folder).await?;
            manifest::write(database, &sweeps, &written, folder).await?;
            eprintln!(
                "wrote {} files and their manifest to {}",
                written.len(),
                folder.display()
            );
        }
        Ok(())
    }

    /// As much of the report as will be shown.
    fn report(&self, input: &ReportInput) -> Report {
        let shown = match self.format {
            ReportFormat::Table => report::terminal::MAX_CELLS,
            ReportFormat::Markdown => report::markdown::MAX_CELLS,
            ReportFormat::Csv | ReportFormat::Json => usize::MAX,
        };
        match self.out {
            Some(_) => Report::new(input, BOOTSTRAP_SEED),
            None => Report::overview(input, BOOTSTRAP_SEED, shown),
        }
    }

    fn print_analysis(&self, analysis: &Analysis) -> anyhow::Result<()> {
        print_text(&match self.format {
            ReportFormat::Table => report::analysis::terminal(analysis, width()),
            ReportFormat::Markdown => report::analysis::markdown(analysis),
            ReportFormat::Csv => report::analysis::csv(analysis),
            ReportFormat::Json => report::analysis::json(analysis),
        })?;
        Ok(())
    }
}

/// Writes the report on these sweeps into a folder, and names the files.
///
/// # Errors
/// There is no such sweep, or something cannot be read or written.
async fn write_files(
    database: &Path,
    sweeps: &[String],
    folder: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for sweep in sweeps {
        let report = Report::new(&read(database, sweep).await?, BOOTSTRAP_SEED);
        written.extend(report::write_all(&report, folder)?);
    }
    Ok(written)
}

fn width() -> u16 {
    if !io::stdout().is_terminal() {
        return WIDTH_WITHOUT_TERMINAL;
    }
    comfy_table::Table::new()
        .width()
        .unwrap_or(WIDTH_WITHOUT_TERMINAL)
}

async fn read(database: &Path, sweep: &str) -> anyhow::Result<ReportInput> {
    let mut reader = Reader::open(database).await?;
    let sweep_id = reader.find_sweep(sweep).await?;
    let spec = reader.spec(sweep_id).await?;
    let trials = trial_rows(&spec, &reader.measurements(sweep_id).await?);
    let completeness = completeness(&reader.completeness(sweep_id).await?);
    Ok(ReportInput {
        sweep_id,
        terms: spec.terms().clone(),
        trials,
        completeness,
    })
}

/// The trials as a report takes them, the values of each configuration made once.
fn trial_rows(spec: &SweepSpec, measurements: &[store::Measurement]) -> Vec<TrialRow> {
    let configurations = usize::try_from(spec.configurations()).expect("MAX_TRIALS fits");
    let mut values: Vec<Option<Arc<[ParameterValue]>>> = vec![None; configurations];
    let row = |measurement: &store::Measurement| {
        let (configuration, replicate) = spec.place(measurement.trial_index);
        let index = usize::try_from(configuration).expect("it is one of them");
        let values = values[index].get_or_insert_with(|| values_of(spec, configuration));
        TrialRow {
            values: Arc::clone(values),
            replicate,
            outcome: measurement.outcome,
            metrics: measurement.metrics().collect(),
        }
    };
    measurements.iter().map(row).collect()
}

/// The value of a configuration on every axis.
fn values_of(spec: &SweepSpec, configuration: u64) -> Arc<[ParameterValue]> {
    let axes = spec.terms().axes.iter();
    let positions = spec.positions(configuration);
    axes.zip(positions)
        .map(|(axis, position)| axis.values[position].clone())
        .collect()
}

fn completeness(stored: &store::Completeness) -> Completeness {
    let counts = stored.trials;
    Completeness {
        expected: stored.expected(),
        accepted: stored.accepted(),
        infeasible: counts.infeasible,
        failed: counts.failed,
        cancelled: counts.cancelled,
        pending: counts.pending,
        leased: counts.leased,
        refused_stale: stored.refused,
        retried: stored.retried,
        distinct_binaries: stored.binaries.len() as u64,
        distinct_devices: stored.devices.len() as u64,
    }
}
