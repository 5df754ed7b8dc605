//! `pondersweep allocate`: gives more of a sweep's withheld replicates to the configurations about
//! which too little is known, one round of the rule in `allocation/`. Given again while they run,
//! it changes nothing.

use std::process::ExitCode;

use clap::Args;
use pondersweep_worker::say;
use serde_json::{Value, json};

use super::{
    connect::Control,
    output::{OutputArgs, Rows},
    place::PlaceArgs,
    precision::{half_width, of_message, precision, threshold},
    results::SweepStatus,
};
use crate::{
    allocation::{Allocation, Precision, Replicates, calls, trials_added},
    sweep::SweepSpec,
};

/// Add replicates where the success rate is still uncertain
#[derive(Debug, Args)]
pub(super) struct AllocateArgs {
    /// The sweep: its id, a prefix of it, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    /// Add until each configuration's success rate is known to within this much either way, at 95 %
    #[arg(long, value_name = "HALF_WIDTH", value_parser = half_width)]
    until_ci: f64,
    /// Or until it is known on which side of this success rate it lies; the nearest come first
    #[arg(long, value_name = "SHARE", value_parser = threshold)]
    threshold: Option<f64>,
    /// Add at most this many trials
    #[arg(long, value_name = "TRIALS")]
    budget: Option<u64>,
    /// Only show what would be added
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: AllocateArgs) -> anyhow::Result<ExitCode> {
    let mut control = Control::open(&args.place).await?;
    let place = control.place.clone();
    let allocated = allocate(&mut control, &args).await;
    control.close().await?;
    let (rows, status) = allocated?;
    rows.print(args.output.output)?;
    say!("{}; at {place}", status.line());
    Ok(ExitCode::SUCCESS)
}

/// One round: the configurations with what they get, and how the sweep stands afterwards.
async fn allocate(
    control: &mut Control,
    args: &AllocateArgs,
) -> anyhow::Result<(Rows, SweepStatus)> {
    let mut sweep = control.sweeps.get(&args.sweep).await?;
    let spec = SweepSpec::from_bytes(&sweep.spec)?;
    let precision = precision(&spec, args.until_ci, args.threshold)?;
    let cells = control.sweeps.cells(&sweep.sweep_id).await?;
    let cells: Vec<Replicates> = cells.iter().map(of_message).collect::<Result<_, _>>()?;
    let allocations = precision.allocate(&cells, args.budget);
    let trials = trials_added(&allocations, &cells);
    let verb = if args.dry_run {
        "would be added"
    } else {
        for call in calls(&allocations, &cells) {
            let answer = control.sweeps.allocate(&sweep.sweep_id, &call).await?;
            sweep = answer.sweep.unwrap_or(sweep);
        }
        "were added"
    };
    say!(
        "{trials} trials {verb} to {} of {} configurations",
        allocations.len(),
        cells.len()
    );
    Ok((rows(&spec, &precision, &cells, &allocations), sweep.into()))
}

/// A row for every configuration: its settings, what is known of it, and how many replicates it has
/// and gets.
fn rows(
    spec: &SweepSpec,
    precision: &Precision,
    cells: &[Replicates],
    allocations: &[Allocation],
) -> Rows {
    let axes = &spec.terms().axes;
    let mut columns: Vec<&str> = axes.iter().map(|axis| axis.parameter.0.name).collect();
    columns.extend([
        "n",
        "solved",
        "lower",
        "upper",
        "half_width",
        "standing",
        "replicates",
        "added",
    ]);
    let mut allocations = allocations.iter().peekable();
    let row = |(position, cell): (u64, &Replicates)| {
        let own = allocations.next_if(|allocation| allocation.position == position);
        let added = own.map_or(0, |allocation| allocation.replicates - cell.given);
        let places = axes.iter().zip(spec.positions(position));
        let mut row: Vec<Value> = places
            .map(|(axis, place)| json!(axis.values[place]))
            .collect();
        let assessment = precision.assess(cell);
        row.extend([
            json!(cell.results),
            json!(cell.solved),
            rounded(assessment.interval.lower),
            rounded(assessment.interval.upper),
            rounded(assessment.half_width()),
            json!(assessment.standing.name()),
            json!(cell.given),
            json!(added),
        ]);
        row
    };
    Rows::of(&columns, (0..spec.configurations()).zip(cells).map(row))
}

/// To four decimals: more say nothing about so few replicates.
fn rounded(number: f64) -> Value {
    json!((number * 1e4).round() / 1e4)
}
