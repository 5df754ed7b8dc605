//! The figures as text, table and JSON. Pure: it prints nothing.

use pondersweep::cli::output::Rows;
use serde_json::{Value, json};

use super::{
    measure::Effort,
    summary::{Floor, NullResult},
};
use crate::{
    machine::Machine,
    spread::{Spread, rounded},
};

/// Version of the JSON; a change that breaks a reader counts it up.
const SCHEMA: u32 = 2;

/// The lines above the table.
pub(super) fn heading(machine: &Machine, effort: &Effort, result: &NullResult) -> String {
    format!(
        "{}, {} cores; medians and ranges of {} rounds of {} trials\n\
         {} observations a trial, {} workers, {} leases an acquisition, one call to end them and lease the next\n",
        machine.cpu,
        machine.cores,
        result.rounds,
        effort.trials,
        effort.observations,
        effort.workers,
        effort.lanes,
    )
}

/// The table.
pub(super) fn rows(result: &NullResult) -> Rows {
    let row = |what: &str, spread: &Spread, digits: u8| {
        vec![
            json!(what),
            rounded(spread.median, digits.into()),
            json!(spread.range(digits.into())),
        ]
    };
    let milliseconds = |what: &str, spread: &Spread, digits: u8| {
        let milliseconds = Spread {
            median: spread.median * 1e3,
            least: spread.least * 1e3,
            most: spread.most * 1e3,
        };
        row(what, &milliseconds, digits)
    };
    let NullResult { floor, .. } = result;
    let rows = [
        row("durable trials a second", &result.trials_per_second, 0),
        row("of the commits alone", &result.fraction_of_commits, 3),
        row("of the rows by bulk SQL", &result.fraction_of_bulk, 3),
        row("of the calls", &result.fraction_of_calls, 3),
        milliseconds("end to next lease, p50, ms", &result.turnaround_p50, 2),
        milliseconds("end to next lease, p99, ms", &result.turnaround_p99, 2),
        row(
            "floor: the commits alone, trials a second",
            &floor.committed_per_second,
            0,
        ),
        row(
            "floor: rows by bulk SQL, trials a second",
            &floor.bulk_per_second,
            0,
        ),
        row("floor: calls a second", &floor.calls_per_second, 0),
        milliseconds("floor: flush of the disk, ms", &floor.flush, 3),
    ];
    Rows::of(&["figure", "median", "range"], rows.into_iter())
}

/// Everything, for programs.
pub(super) fn json(machine: &Machine, effort: &Effort, result: &NullResult) -> Value {
    let Floor {
        bulk_per_second,
        committed_per_second,
        calls_per_second,
        flush,
    } = &result.floor;
    json!({
        "schema": SCHEMA,
        "machine": machine.json(),
        "rounds": result.rounds,
        "trials": effort.trials,
        "sweep_trials": effort.sweep_trials,
        "observations": effort.observations,
        "workers": effort.workers,
        "lanes": effort.lanes,
        "trials_per_second": result.trials_per_second.median,
        "trials_per_second_range": result.trials_per_second.ends(),
        "fraction_of_commits": result.fraction_of_commits.median,
        "fraction_of_commits_range": result.fraction_of_commits.ends(),
        "fraction_of_bulk": result.fraction_of_bulk.median,
        "fraction_of_bulk_range": result.fraction_of_bulk.ends(),
        "fraction_of_calls": result.fraction_of_calls.median,
        "fraction_of_calls_range": result.fraction_of_calls.ends(),
        "dispatch_seconds": {
            "p50": result.turnaround_p50.median,
            "p99": result.turnaround_p99.median,
            "p99_range": result.turnaround_p99.ends(),
        },
        "floors": {
            "committed_trials_per_second": committed_per_second.median,
            "committed_trials_per_second_range": committed_per_second.ends(),
            "bulk_trials_per_second": bulk_per_second.median,
            "bulk_trials_per_second_range": bulk_per_second.ends(),
            "calls_per_second": calls_per_second.median,
            "calls_per_second_range": calls_per_second.ends(),
            "flush_seconds": flush.median,
            "flush_seconds_range": flush.ends(),
        },
    })
}

#[cfg(test)]
mod tests {
    use pondersweep::cli::output::text;

    use super::{
        super::summary::tests::{EFFORT, result},
        *,
    };
    use crate::machine::test_machine;

    #[test]
    fn people_read_what_was_done_and_every_figure_next_to_its_floor() {
        let heading = heading(&test_machine(0.0), &EFFORT, &result());
        let rows = rows(&result());
        let cells = |row: &Vec<Value>| row.iter().map(text).collect::<Vec<_>>().join(" | ");
        let rows: Vec<String> = rows.rows.iter().map(cells).collect();
        insta::assert_snapshot!(format!("{heading}\n{}", rows.join("\n")));
    }

    #[test]
    fn programs_read_every_figure_with_its_range() {
        let json = json(&test_machine(0.0), &EFFORT, &result());
        insta::assert_snapshot!(format!("{json:#}"));
    }
}
