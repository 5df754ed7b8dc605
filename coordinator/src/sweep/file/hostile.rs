//! Hostile sweep files: whatever the text, reading it ends in a sweep or in errors that can
//! be printed, soon and without a panic.

use proptest::{prelude::*, sample::select};

use super::SweepFile;
use crate::sweep::{Plan, SweepSpec};

/// A file with every table, to be spoiled.
const WHOLE: &str = r#"[sweep]
name = "whole"
solved_threshold = 0.9
[task]
kind = "parity"
elements = 8
max_nonzeros = 4
positions = "packed"
[model]
kind = "ponder_net"
step_function = "gru"
hidden = 16
beta = 0.01
unroll = "cumulative"
epsilon = 0.05
residual = "normalise"
halting_bias = -1.0
kl_direction = "network_prior"
first_step_flag = "on"
initial_scale = 1.5
[space]
lambda_p = { linspace = [0.1, 0.9, 9] }
max_steps = [5, 20]
learning_rate = { logspace = [1e-4, 1e-2, 3] }
[[space.exclude]]
max_steps = 5
lambda_p = [0.1, 0.2]
[replicates]
count = 2
most = 4
seed = 0
[limits]
max_failures = 3
max_worker_losses = 5
[training]
updates = 100
batch = 16
gradient_clip = 1.0
adam_beta_1 = 0.9
[evaluation]
every = 50
examples = 100
extrapolate = true
"#;

/// Pieces that mean something in a sweep file, and some that mean too much.
const PIECES: &[&str] = &[
    "",
    "\n",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    "\"",
    "'",
    "#",
    "\\",
    "\0",
    "é",
    "😀",
    "[space]",
    "[[space.exclude]]",
    "[task]",
    "[sweep]",
    "lambda_p",
    "max_steps",
    "updates",
    "lambda_p = [0.1, 0.1]",
    "lambda_p = []",
    "lambda_p = [nan]",
    "beta = { linspace = [0, 1, 3] }",
    "{ linspace = [0.1, 0.9, 18446744073709551615] }",
    "{ logspace = [-1, 0, 5] }",
    "{ logspace = [1e-308, 1e308, 100000] }",
    "{ linspace = [-1.7e308, 1.7e308, 7] }",
    "9223372036854775807",
    "18446744073709551616",
    "-1",
    "0",
    "1e400",
    "-inf",
    "nan",
    "0x7f",
    "1e-320",
    "true",
    "1979-05-27T07:32:00Z",
    "\"\"\"",
    "count = 1000000",
    "updates = 1000000000000",
    "elements = 65536",
    "a.b.c.d = 1",
    "common_seeds = true",
    "kind = \"act\"",
    "kind = \"fixed\"",
    "tau = 0.01",
    "space.lambda_p = 1",
];

/// Reads the text and does with it what commands do; says whether it is a sweep.
fn read(text: &[u8]) -> bool {
    match SweepFile::parse(text, "hostile.toml") {
        Ok(spec) => {
            use_all_of(&spec);
            true
        }
        Err(errors) => {
            assert!(errors.to_string().starts_with("error: "), "{errors}");
            false
        }
    }
}

fn use_all_of(spec: &SweepSpec) {
    let again = SweepSpec::from_bytes(spec.json().as_bytes()).unwrap();
    assert_eq!(again.id(), spec.id());
    for index in [0, spec.trials() / 2, spec.trials() - 1] {
        let (configuration, replicate) = spec.place(index);
        let trial = spec.trial(index);
        assert_eq!(trial.replicate, replicate);
        assert_eq!(trial.configuration, spec.configuration(configuration));
    }
    if spec.configurations() <= 10_000 {
        assert_eq!(Plan::of(spec, 1).trials, spec.trials());
    }
}

/// Cuts a span out of the text and puts a piece in its place, a few times.
fn spoilt() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0_usize..12, select(PIECES));
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text = WHOLE.as_bytes().to_vec();
        for (place, length, piece) in edits {
            let start = place.index(text.len() + 1);
            let end = text.len().min(start + length);
            text.splice(start..end, piece.bytes());
        }
        text
    })
}

/// One line's value exchanged for another, which leaves most files readable as TOML.
fn revalued() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), select(PIECES));
    prop::collection::vec(edit, 1..4).prop_map(|edits| {
        let mut lines: Vec<String> = WHOLE.lines().map(str::to_owned).collect();
        for (place, piece) in edits {
            let line = place.get(&lines).clone();
            if let Some((key, _)) = line.split_once('=') {
                let index = place.index(lines.len());
                lines[index] = format!("{key}= {piece}");
            }
        }
        lines.join("\n").into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_spoilt_file_is_refused_or_read(text in spoilt()) {
        read(&text);
    }

    #[test]
    fn a_file_with_other_values_is_refused_or_read(text in revalued()) {
        read(&text);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!read(&bytes));
    }

    #[test]
    fn any_pieces_in_a_row_are_refused_or_read(pieces in prop::collection::vec(select(PIECES), 0..30)) {
        read(pieces.concat().as_bytes());
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    for open in ["[", "{a=", "[[", "{a.b="] {
        let text = format!("[space]\nlambda_p = {}", open.repeat(50_000));
        assert!(!read(text.as_bytes()));
    }
}

#[test]
fn the_file_that_is_spoilt_is_whole() {
    assert!(read(WHOLE.as_bytes()));
}
