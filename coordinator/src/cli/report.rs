//! `pondersweep report`: the sensitivity tables and figures of sweeps, or one analysis of one, from their
//! database.

mod analysis;
mod manifest;
mod verify;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use pondersweep_proto::{foreign, id::SweepId};
use pondersweep_worker::say;

use self::analysis::AnalysisArgs;
use super::{
    at_hand::AtHand,
    output::{data_width, print_data, print_text},
    place::PlaceArgs,
};
use crate::{
    report::{
        self, BOOTSTRAP_SEED, Document, Pictures, Report, ReportInput, Study, analysis::Analysis,
    },
    report_input::{Depth, Judgement, distinct, read},
};

/// The width of tables where there is no terminal to ask.
const WIDTH_WITHOUT_TERMINAL: u16 = 120;

/// Print the sensitivity tables of sweeps and draw their figures, or print one analysis of a sweep
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The sweeps, each by its id, a prefix of it, its name, or `last`; several make one report
    /// that compares them
    #[arg(default_value = "last", value_name = "SWEEP")]
    sweeps: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    options: ReportOptions,
    #[command(flatten)]
    analysis: AnalysisArgs,
    /// Instead: check that a report, named by its manifest.json, is that of the database
    #[arg(long, value_name = "MANIFEST", conflicts_with_all = ["sweeps", "out", "analysis"])]
    verify: Option<PathBuf>,
}

/// What becomes of a report.
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    #[command(flatten)]
    judgement: Judgement,
    /// Format of the tables on standard output
    #[arg(long, value_enum, default_value = "table")]
    format: ReportFormat,
    /// Also write the whole report into this folder: a page (report.html) that needs no network, the
    /// same as Markdown and LaTeX, every table as CSV, every figure as SVG and PNG, and a manifest that
    /// `--verify` checks
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Leave the PNG copies of the figures out of it
    #[arg(long, requires = "out")]
    without_png: bool,
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
    let database = AtHand::of(&args.place).await?;
    let database = database.path();
    if let Some(manifest) = &args.verify {
        return verify::run(manifest, database, args.options.format).await;
    }
    match args.analysis.wanted() {
        Some(wanted) => {
            let [sweep] = &args.sweeps[..] else {
                let several = anyhow::anyhow!(
                    "an analysis is of one sweep\nhint: name one, or write all with --out DIR"
                );
                let last = args.sweeps.last().map_or("", String::as_str);
                return Err(args.analysis.tell_of_commas(last, several));
            };
            let input = read(database, sweep, &args.options.judgement, wanted.depth()).await;
            let input = input.map_err(|error| args.analysis.tell_of_commas(sweep, error))?;
            args.options
                .print_analysis(&args.analysis.of(wanted, &input)?)?;
        }
        None => args.options.print(database, &args.sweeps).await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl ReportOptions {
    /// Reports sweeps of a database as asked.
    pub(super) async fn print(&self, database: &Path, sweeps: &[String]) -> anyhow::Result<()> {
        let sweeps = distinct(database, sweeps).await?;
        let depth = match (&self.out, &sweeps[..]) {
            (None, [_]) => Depth::Results,
            _ => Depth::Curves,
        };
        let inputs = read_all(database, &sweeps, &self.judgement, depth).await?;
        self.print_inputs(&inputs)?;
        if let Some(folder) = &self.out {
            let study = Study::new(&inputs, BOOTSTRAP_SEED);
            let written = report::write_all(&study, folder, self.pictures())?;
            manifest::write(database, &sweeps, &self.judgement, &written, folder).await?;
            let first = written.first().expect("a report has files");
            say!(
                "wrote {} files and their manifest; read {}",
                written.len(),
                first.display()
            );
        }
        Ok(())
    }

    const fn pictures(&self) -> Pictures {
        if self.without_png {
            Pictures::Svg
        } else {
            Pictures::SvgAndPng
        }
    }

    fn print_inputs(&self, inputs: &[ReportInput]) -> anyhow::Result<()> {
        if let [input] = inputs {
            let report = Report::overview(input, BOOTSTRAP_SEED, self.format.cells());
            return self.format.print(
                || report.document(),
                || report::csv::cells(&report),
                || report::json::render(&report),
            );
        }
        anyhow::ensure!(
            matches!(self.format, ReportFormat::Table | ReportFormat::Markdown),
            "CSV and JSON hold one sweep\nhint: name one, or write the files of all with --out DIR"
        );
        let study = Study::new(inputs, BOOTSTRAP_SEED);
        Ok(print_text(&self.format.text(&study.document))?)
    }

    fn print_analysis(&self, analysis: &Analysis) -> anyhow::Result<()> {
        self.format.print(
            || report::analysis::document(analysis),
            || report::analysis::csv(analysis),
            || report::analysis::json(analysis),
        )
    }
}

async fn read_all(
    database: &Path,
    sweeps: &[SweepId],
    judgement: &Judgement,
    depth: Depth,
) -> anyhow::Result<Vec<ReportInput>> {
    let mut inputs = Vec::new();
    for sweep in sweeps {
        inputs.push(read(database, &sweep.to_string(), judgement, depth).await?);
    }
    Ok(inputs)
}

/// Writes what follows of a report from its sweeps alone into a folder, and names the files.
async fn write_files(
    database: &Path,
    sweeps: &[String],
    judgement: &Judgement,
    folder: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let sweeps = distinct(database, sweeps).await?;
    let inputs = read_all(database, &sweeps, judgement, Depth::Curves).await?;
    let study = Study::new(&inputs, BOOTSTRAP_SEED);
    Ok(report::write_all(&study, folder, Pictures::Svg)?)
}

impl ReportFormat {
    /// Cells that it shows of a report.
    const fn cells(self) -> usize {
        match self {
            Self::Table => report::terminal::MAX_ROWS,
            Self::Markdown => report::markdown::MAX_ROWS,
            Self::Csv | Self::Json => usize::MAX,
        }
    }

    /// Prints what was asked for.
    fn print(
        self,
        document: impl FnOnce() -> Document,
        csv: impl FnOnce() -> String,
        json: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        Ok(match self {
            Self::Csv => print_data(&csv()),
            Self::Json => print_data(&foreign::json(&json())),
            Self::Table | Self::Markdown => print_text(&self.text(&document())),
        }?)
    }

    /// A document for people.
    fn text(self, document: &Document) -> String {
        match self {
            Self::Markdown => report::markdown::render(document),
            _ => report::terminal::render(document, width()),
        }
    }
}

fn width() -> u16 {
    let width = data_width().and_then(|width| u16::try_from(width).ok());
    width.unwrap_or(WIDTH_WITHOUT_TERMINAL)
}
