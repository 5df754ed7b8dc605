//! The figures as text, table and JSON. Pure: it prints nothing.

use pondersweep::cli::output::Rows;
use serde_json::{Value, json};

use super::summary::{CaseResult, Floor};
use crate::{
    machine::Machine,
    spread::{Spread, rounded},
};

/// Version of the JSON; a change that breaks a reader counts it up.
const SCHEMA: u32 = 1;
/// The lines above the table.
pub(super) fn heading(machine: &Machine, rounds: usize, floors: &[Floor]) -> String {
    let mut lines = format!(
        "{}, {}, {} cores; medians and ranges of {rounds} rounds\n",
        machine.cpu, machine.instruction_set, machine.cores
    );
    for Floor { threads, gigaflops } in floors {
        let unit = if *threads == 1 { "thread" } else { "threads" };
        lines += &format!(
            "floor of {threads} {unit}: {:.1} GFLOP/s in plain f32 multiplications ({})\n",
            gigaflops.median,
            gigaflops.range(1)
        );
    }
    lines
}

/// The table.
pub(super) fn rows(results: &[CaseResult]) -> Rows {
    let columns = [
        "kind",
        "hidden",
        "lanes",
        "threads",
        "updates_per_s",
        "range",
        "GFLOP_per_s",
        "of_floor",
        "range_of_floor",
        "speed_up",
        "KiB_per_lane",
    ];
    let row = |result: &CaseResult| {
        let case = &result.case;
        vec![
            json!(case.shape.step_function),
            json!(case.shape.hidden),
            json!(case.lanes),
            json!(case.threads),
            rounded(result.updates_per_second.median, 1),
            json!(result.updates_per_second.range(1)),
            rounded(result.gigaflops.median, 1),
            rounded(result.fraction_of_floor.median, 3),
            json!(result.fraction_of_floor.range(3)),
            json!(result.speed_up.map(|speed_up| rounded(speed_up.median, 2))),
            json!(result.bytes_per_lane.map(|bytes| bytes / 1024)),
        ]
    };
    Rows::of(&columns, results.iter().map(row))
}

/// Everything, for programs.
pub(super) fn json(
    machine: &Machine,
    rounds: usize,
    floors: &[Floor],
    results: &[CaseResult],
) -> Value {
    let floors = floors.iter().map(|floor| {
        json!({
            "threads": floor.threads,
            "gigaflops": floor.gigaflops.median,
            "gigaflops_range": floor.gigaflops.ends(),
        })
    });
    json!({
        "schema": SCHEMA,
        "machine": machine.json(),
        "rounds": rounds,
        "floors": floors.collect::<Vec<_>>(),
        "cases": results.iter().map(case_json).collect::<Vec<_>>(),
    })
}

fn case_json(result: &CaseResult) -> Value {
    let case = &result.case;
    json!({
        "kind": case.shape.step_function,
        "hidden": case.shape.hidden,
        "elements": case.shape.elements,
        "batch": case.shape.batch,
        "max_steps": case.shape.max_steps,
        "unroll": case.shape.unroll,
        "lanes": case.lanes,
        "threads": case.threads,
        "operations_per_update": result.operations_per_update,
        "updates_per_second": result.updates_per_second.median,
        "updates_per_second_range": result.updates_per_second.ends(),
        "gigaflops": result.gigaflops.median,
        "fraction_of_floor": result.fraction_of_floor.median,
        "fraction_of_floor_range": result.fraction_of_floor.ends(),
        "speed_up": result.speed_up.map(|speed_up| speed_up.median),
        "speed_up_range": result.speed_up.as_ref().map(Spread::ends),
        "bytes_per_lane": result.bytes_per_lane,
    })
}

#[cfg(test)]
mod tests {
    use pondersweep::cli::output::text;

    use super::{
        super::summary::{
            floors,
            tests::{CASES, results, rounds},
        },
        *,
    };
    use crate::machine::test_machine;

    #[test]
    fn people_read_the_machine_the_floors_and_a_row_for_each_case() {
        let heading = heading(&test_machine(0.0), 3, &floors(&CASES(), &rounds()));
        let rows = rows(&results());
        let cells = rows.rows.iter().map(|row| {
            let cells: Vec<String> = row.iter().map(text).collect();
            cells.join(" | ")
        });
        let cells: Vec<String> = cells.collect();
        insta::assert_snapshot!(format!(
            "{heading}\n{}\n{}",
            rows.columns.join(" | "),
            cells.join("\n")
        ));
    }

    #[test]
    fn programs_read_every_figure_with_its_range() {
        let floors = floors(&CASES(), &rounds());
        let json = json(&test_machine(0.0), 3, &floors, &results()[2..]);
        insta::assert_snapshot!(format!("{json:#}"));
    }
}
