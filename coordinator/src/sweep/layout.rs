//! The settings of a sweep itself: the tables of a sweep file that are about the sweep as a whole,
//! not about a configuration. The schema and the reference of sweep files come from both.

use pondersweep_proto::{
    limit::MAX_REPLICATES,
    setting::{
        self, Interval, Kind, LeftOut, Row, Setting, SettingTable,
        row::{self, always, count, flag, integer, number},
        training,
    },
};

use super::program_keys;

/// More attempts than this hide a fault instead of surviving it.
const MAX_ATTEMPTS: u64 = 1_000;

/// What most rows share.
const BASE: Row = Row {
    uses: &[always(LeftOut::Absent)],
    ..row::BASE
};

const REPLICATES: Kind = count(MAX_REPLICATES as u64);

const LIMIT: Row = Row {
    section: "limits",
    kind: count(MAX_ATTEMPTS),
    ..BASE
};

macro_rules! rows {
    ($($name:ident = $row:expr;)*) => {
        $(pub(super) const $name: Setting = {
            static ROW: Row = $row;
            Setting(&ROW)
        };)*
        static ROWS: &[Setting] = &[$($name,)*];
    };
}

rows! {
    NAME = Row {
        section: "sweep",
        name: "name",
        uses: &[always(LeftOut::Required)],
        meaning: "What people call the sweep.",
        ..BASE
    };
    // PonderNet's seeds in the paper (Figure 1) average 0.974 with an interval of 0.964 to 0.983, so
    // a seed below 0.95 is not one that learnt the task; chance is 0.5.
    SOLVED_THRESHOLD = Row {
        section: "sweep",
        name: "solved_threshold",
        kind: Kind::Number(Interval::SHARE),
        uses: &[always(number(0.95))],
        meaning: "A trial is solved when its accuracy reaches this share.",
        hint: Some("a share of correct answers, above 0 and up to 1"),
        ..BASE
    };
    DEVICE = Row {
        section: "sweep",
        name: "device",
        meaning: "Only workers on this device may train its trials: \"cpu\", \"cuda\" (any of them), \
                  \"cuda:0\". Left out: all may.",
        ..BASE
    };
    COUNT = Row {
        section: "replicates",
        name: "count",
        kind: REPLICATES,
        uses: &[always(integer(1))],
        meaning: "Repetitions of every configuration, each with its own random streams.",
        ..BASE
    };
    MOST = Row {
        section: "replicates",
        name: "most",
        kind: REPLICATES,
        meaning: "With `run --until-ci`: repetitions that may be added, `count` included.",
        ..BASE
    };
    SEED = Row {
        section: "replicates",
        name: "seed",
        kind: Kind::Integer {
            least: 0,
            most: u64::MAX,
        },
        uses: &[always(integer(0))],
        meaning: "Base of every random stream of the sweep.",
        ..BASE
    };
    COMMON_SEEDS = Row {
        section: "replicates",
        name: "common_seeds",
        kind: Kind::Flag,
        uses: &[always(flag(false))],
        meaning: "Whether the configurations of a replicate share its random streams, for comparisons \
                  in pairs.",
        ..BASE
    };
    // Enough for a passing fault, few enough that a broken trial does not occupy the workers.
    MAX_FAILURES = Row {
        name: "max_failures",
        uses: &[always(integer(3))],
        meaning: "Attempts that may fail by the trial's own doing before it counts as failed.",
        ..LIMIT
    };
    // What else ran on the machine then may be gone the next time.
    MAX_OUT_OF_MEMORY = Row {
        name: "max_out_of_memory",
        uses: &[always(integer(3))],
        meaning: "Attempts that may run out of memory before it counts as failed.",
        ..LIMIT
    };
    // Machines that are taken away are no sign of a broken trial, so more of them are forgiven.
    MAX_WORKER_LOSSES = Row {
        name: "max_worker_losses",
        uses: &[always(integer(5))],
        meaning: "Attempts that may be lost with their worker before it counts as failed.",
        ..LIMIT
    };
}

/// The table of what varies; its keys are parameters.
pub(super) const SPACE: &str = "space";

/// The tables about the sweep itself.
pub(super) static SWEEP: SettingTable = SettingTable::new(ROWS, &[]);

/// Every setting that a sweep file may state, table by table.
fn settings() -> Vec<Setting> {
    let tables = [&SWEEP, &training::TRAINING];
    tables
        .iter()
        .flat_map(|table| table.rows.iter().copied())
        .collect()
}

/// The JSON Schema of sweep files, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    let parameters: Vec<_> = training::TRAINING.parameters().collect();
    let mut schema = setting::schema(&settings(), &parameters);
    program_keys::add_to(&mut schema);
    schema
}

/// The reference of sweep files, as Markdown.
#[must_use]
pub fn reference() -> String {
    setting::reference(&settings()) + &program_keys::reference()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference that people read, after its introduction.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sweep-files.md");

    #[test]
    fn the_page_of_sweep_files_is_that_of_the_tables() {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (introduction, _) = page.split_once("\n## [").unwrap();
        let expected = format!("{introduction}\n{}", reference().trim_start());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, &expected).unwrap();
        }
        assert_eq!(page, expected, "UPDATE_DOCS=1 makes it again");
    }

    #[test]
    fn the_schema_knows_every_key_of_every_table() {
        let schema = schema();
        for setting in settings() {
            let key = &schema["properties"][setting.section]["properties"][setting.name];
            assert_eq!(key["description"], setting.meaning, "{setting:?}");
        }
        let space = &schema["else"]["properties"]["space"]["properties"];
        assert_eq!(
            space["lambda_p"]["anyOf"][0],
            serde_json::json!({ "type": "number", "exclusiveMinimum": 0.0, "maximum": 1.0 })
        );
        assert!(space["kind"].is_null());
    }
}
