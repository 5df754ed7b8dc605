//! The tables of a sweep file that are about a user's program: what each key is called, what it holds, what
//! it means. The reference and the schema of sweep files come from them; how they are read is not said here.

use std::fmt::Write as _;

use pondersweep_proto::setting::{program::PROGRAM, wrapped};
use serde_json::{Map, Value, json};

/// The table of what a program reports.
pub(super) const METRICS: &str = "metrics";

/// A key of `[program]` or of a metric: its name, what it holds, and what that means.
pub(super) struct Key {
    pub(super) name: &'static str,
    form: &'static str,
    schema: fn() -> Value,
    meaning: &'static str,
}

const fn key(
    name: &'static str,
    form: &'static str,
    schema: fn() -> Value,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        form,
        schema,
        meaning,
    }
}

pub(super) const PROGRAM_KEYS: &[Key] = &[
    key(
        "command",
        "a list of texts; required",
        texts,
        "The program and its arguments. A parameter's name in braces, such as {learning_rate}, stands for its \
         value; so do {seed}, {replicate}, {trial}, {attempt}, {checkpoint_dir} and {output_dir}. No shell \
         reads it; {{word}} is {word} itself.",
    ),
    key(
        "files",
        "a list of paths",
        texts,
        "Files of the program, from the folder of the sweep file. They are hashed into the sweep and sent to \
         workers; the program runs in a folder that holds them.",
    ),
    key(
        "working_directory",
        "a text",
        text,
        "Where the program runs: with `files` a folder below theirs, else a folder of the worker's machine. \
         Left out: with `files` their folder, else that of the worker.",
    ),
    key(
        "environment",
        "a table of texts",
        || json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        "Variables of its environment, besides those of the worker.",
    ),
    key(
        "timeout",
        "a time such as \"10m\", or seconds",
        time,
        "How long a trial may run before its attempt fails. Left out: for ever.",
    ),
    key(
        "grace",
        "a time, or seconds; default 10",
        time,
        "How long the program has after SIGTERM before SIGKILL, to leave a checkpoint.",
    ),
    key(
        "infeasible_exit_code",
        "a whole number from 1 to 255",
        || json!({ "type": "integer", "minimum": 1, "maximum": 255 }),
        "The exit code by which the program says that its parameters give no result.",
    ),
    key(
        "gpus",
        "a whole number; default 0",
        || json!({ "type": "integer", "minimum": 0 }),
        "Graphics processors that the trial has for itself, named to it by CUDA_VISIBLE_DEVICES. 0: whatever \
         the worker sees.",
    ),
];

pub(super) const METRIC_KEYS: &[Key] = &[
    key(
        "better",
        "one of higher, lower, neither; required",
        direction,
        "Which direction is better.",
    ),
    key(
        "solved",
        "a number",
        number,
        "A trial that reaches this value is solved. One metric may have it.",
    ),
    key(
        "pattern",
        "a text",
        text,
        "A regular expression whose first group is the number, for programs that print it: the last line that \
         matches counts. Left out: the program reports it.",
    ),
    key(
        "tolerance",
        "a number, 0 or above",
        || json!({ "type": "number", "minimum": 0 }),
        "By how much a replay may differ and still count as equal.",
    ),
    key("unit", "a text", text, "What it counts, in one word."),
];

fn text() -> Value {
    json!({ "type": "string" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn time() -> Value {
    json!({ "type": ["integer", "string"] })
}

fn direction() -> Value {
    json!({ "enum": ["higher", "lower", "neither"] })
}

const PARAMETERS: &str = "Parameters of the program that do not vary: a number, a text, true or false for each \
     name. Those of `[space]` need not stand here.";

const METRIC_NAMES: &str = "What the program reports, by name, the first one being what trials are judged by: \
     `accuracy = { better = \"higher\", solved = 0.95 }`. The direction alone may stand for the table: \
     `loss = \"lower\"`. The keys of each:";

/// The chapters of the reference, as Markdown.
pub(super) fn reference() -> String {
    let mut page = format!("\n## [{PROGRAM}]\n");
    let entries = |page: &mut String, keys: &[Key]| {
        for Key {
            name,
            form,
            meaning,
            ..
        } in keys
        {
            let entry = wrapped(&format!("- `{name}`: {form}. {meaning}"));
            write!(page, "\n{entry}").expect("a String takes every write");
        }
        page.push('\n');
    };
    entries(&mut page, PROGRAM_KEYS);
    let _ = write!(
        page,
        "\n## [{METRICS}]\n\n{}\n",
        wrapped(METRIC_NAMES).replace("\n  ", "\n")
    );
    entries(&mut page, METRIC_KEYS);
    let _ = write!(
        page,
        "\n## [parameters]\n\n{}\n",
        wrapped(PARAMETERS).replace("\n  ", "\n")
    );
    page
}

/// Adds the tables to the schema of a sweep file.
pub(super) fn add_to(schema: &mut Value) {
    let table = |keys: &[Key], required: &str| {
        let properties = keys.iter().map(|key| {
            let mut form = (key.schema)();
            form["description"] = key.meaning.into();
            (key.name.to_owned(), form)
        });
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": [required],
            "properties": Map::from_iter(properties),
        })
    };
    let value = json!({ "type": ["number", "string", "boolean"] });
    let metric = json!({ "anyOf": [direction(), table(METRIC_KEYS, "better")] });
    let tables = &mut schema["properties"];
    tables[PROGRAM] = table(PROGRAM_KEYS, "command");
    tables[METRICS] = json!({ "type": "object", "additionalProperties": metric });
    tables["parameters"] = json!({ "type": "object", "additionalProperties": value });
    // A program's space has names of its own.
    let trained = std::mem::replace(&mut tables["space"], json!({ "type": "object" }));
    let own = json!({ "type": "object", "additionalProperties": { "anyOf": [
        value,
        { "type": "array", "minItems": 1 },
        { "type": "object", "minProperties": 1, "maxProperties": 1 },
    ] } });
    schema["if"] = json!({ "required": [PROGRAM] });
    schema["then"] = json!({ "properties": { "space": own } });
    schema["else"] = json!({ "properties": { "space": trained } });
}
