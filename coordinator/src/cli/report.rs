//! `pondersweep report`: the sensitivity tables and figures of a sweep, or one analysis of it, from its
//! database.

mod analysis;
mod manifest;
mod verify;

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use pondersweep_proto::metric::Metric;

use self::analysis::AnalysisArgs;
use super::{connect::DatabaseArgs, output::print_text};
use crate::{
    report::{self, Completeness, Report, ReportInput, TrialRow, analysis::Analysis},
    store::{self, Reader},
    sweep::SweepTerms,
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
        let report = Report::new(&read(database, sweep).await?, BOOTSTRAP_SEED);
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
    let terms = reader.spec(sweep_id).await?.terms().clone();
    let results = reader.trial_results(sweep_id).await?;
    let trials = results
        .iter()
        .map(|result| trial_row(result, &terms))
        .collect();
    let completeness = completeness(&reader.completeness(sweep_id).await?);
    Ok(ReportInput {
        sweep_id,
        terms,
        trials,
        completeness,
    })
}

fn trial_row(result: &store::TrialResult, terms: &SweepTerms) -> TrialRow {
    let value = |axis: &crate::sweep::Axis| {
        let value = result.configuration.parameter(axis.parameter);
        value.expect("a swept parameter has a value in every configuration")
    };
    TrialRow {
        values: terms.axes.iter().map(value).collect(),
        replicate: result.replicate,
        outcome: result.outcome,
        metrics: result
            .metrics
            .iter()
            .collect::<std::collections::BTreeMap<Metric, f64>>(),
        seconds: result.seconds.unwrap_or_default(),
        attempts: result.attempts.0,
    }
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
