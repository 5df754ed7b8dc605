//! Sweep files with a program: every message of a bad one as people read it, and what good ones
//! mean.

use pondersweep_proto::{
    program::file_sha256,
    setting::{ParameterValue, program},
};

use super::*;
use crate::sweep::SweepTerms;

const GOOD: &str = r#"
[sweep]
name = "digits"

[program]
command = ["python3", "train.py", "--lr", "{rate}", "{{rate}}"]
files = ["train.py"]
timeout = "10m"

[metrics]
accuracy = { better = "higher", solved = 0.95 }
loss = { better = "lower", pattern = 'loss: (\S+)' }

[parameters]
epochs = 20

[space]
rate = { logspace = [1e-3, 1e-1, 3] }
depth = [2, -4]
name = ["sgd", "adam"]
fast = [true, false]

[replicates]
count = 5
"#;

fn parse(text: &str) -> Result<SweepSpec, SweepFileError> {
    let mut files = |path: &str| match path {
        "absent" => Err("No such file".to_owned()),
        _ => Ok(file_sha256(path.as_bytes())),
    };
    SweepFile::parse_with(text, "sweeps/bad.toml", &mut files, &|_| Ok(()))
}

/// Replacements of `GOOD` that make it bad.
const BAD: &[(&str, &str)] = &[
    (
        "command = [\"python3\", \"train.py\", \"--lr\", \"{rate}\", \"{{rate}}\"]\n",
        "",
    ),
    ("\"{rate}\"", "\"{rat}\""),
    (
        "[\"python3\", \"train.py\", \"--lr\", \"{rate}\", \"{{rate}}\"]",
        "\"python3 train.py\"",
    ),
    ("\"{rate}\"", "7"),
    ("files = [\"train.py\"]", "files = [\"../train.py\"]"),
    (
        "files = [\"train.py\"]",
        "files = [\"train.py\", \"absent\"]",
    ),
    ("timeout = \"10m\"", "timeout = \"ten\""),
    ("timeout = \"10m\"", "timeout = 0"),
    ("timeout = \"10m\"", "time_out = 3"),
    (
        "timeout = \"10m\"",
        "environment = { PONDERSWEEP_SEED = \"1\" }",
    ),
    ("timeout = \"10m\"", "environment = { A = \"{nothing}\" }"),
    ("timeout = \"10m\"", "infeasible_exit_code = 300"),
    ("better = \"higher\", ", ""),
    ("better = \"higher\"", "better = \"up\""),
    ("solved = 0.95", "solved = \"0.95\""),
    ("'loss: (\\S+)'", "'loss: (\\S+'"),
    ("'loss: (\\S+)'", "'loss: \\S+'"),
    ("accuracy = {", "Accuracy = {"),
    ("accuracy = {", "depth = {"),
    ("better = \"lower\"", "better = \"lower\", solved = 1"),
    ("epochs = 20", "epochs = [20, 30]"),
    ("epochs = 20", "depth = 20"),
    ("epochs = 20", "seed = 20"),
    ("epochs = 20", "Depth = 20"),
    ("[2, -4]", "[2, \"four\"]"),
    ("[2, -4]", "[2, 2]"),
    ("[2, -4]", "[]"),
    ("[2, -4]", "[1979-05-27]"),
    ("[2, -4]", "[99999999999999999999]"),
    (
        "name = \"digits\"",
        "name = \"digits\"\nsolved_threshold = 0.9",
    ),
    ("[parameters]\nepochs = 20", "[training]\nupdates = 20"),
    (
        "[metrics]\naccuracy = { better = \"higher\", solved = 0.95 }\nloss = { better = \"lower\", pattern = 'loss: (\\S+)' }",
        "",
    ),
];

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let messages = BAD.iter().map(|(from, to)| {
        assert!(GOOD.contains(from), "{from:?}");
        let error = parse(&GOOD.replacen(from, to, 1))
            .expect_err(to)
            .to_string();
        assert!(error.contains("\nhint: "), "{error}");
        error
    });
    insta::assert_snapshot!(messages.collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn parameters_have_the_types_of_their_values() {
    let spec = parse(GOOD).unwrap();
    assert_eq!((spec.configurations(), spec.trials()), (24, 120));
    let configuration = spec.configuration(0);
    let given: Vec<_> = configuration
        .given()
        .map(|(row, value)| (row.0.name, value.clone()))
        .collect();
    assert_eq!(
        given,
        [
            ("depth", ParameterValue::Integer(2)),
            ("epochs", ParameterValue::Integer(20)),
            ("fast", true.into()),
            ("name", "sgd".into()),
            ("rate", 0.001.into()),
        ]
    );
    let whole = parse(&GOOD.replace("[2, -4]", "{ linspace = [-2, 2, 3] }")).unwrap();
    let depths = &whole.terms().axes[1].values;
    assert_eq!(depths[..], [(-2_i64).into(), 0_i64.into(), 2_i64.into()]);
    let mixed = parse(&GOOD.replace("[2, -4]", "[2, -4.5]")).unwrap();
    assert_eq!(
        mixed.terms().axes[1].values[..],
        [2.0.into(), (-4.5).into()]
    );
}

/// What is published stays: the form, the id, the key of a trial.
#[test]
fn a_program_keeps_its_forms_and_ids() {
    let spec = parse(GOOD).unwrap();
    let text = format!(
        "{}\n{}\n{}\n{}",
        spec.id(),
        spec.trial(0).key(),
        spec.configuration_json(0),
        spec.json()
    );
    insta::assert_snapshot!(text);
}

#[test]
fn what_was_frozen_is_read_back_the_same_and_says_what_it_measures() {
    let spec = parse(GOOD).unwrap();
    let again = SweepSpec::from_bytes(spec.json().as_bytes()).unwrap();
    assert_eq!((again.id(), again.terms()), (spec.id(), spec.terms()));
    let terms: SweepTerms = serde_json::from_str(spec.json()).unwrap();
    let experiment = terms.experiment();
    let names: Vec<&str> = experiment
        .metrics()
        .iter()
        .map(|metric| &*metric.name)
        .collect();
    assert_eq!(names, ["accuracy", "loss"]);
    assert_eq!(
        (&*terms.goal().metric, terms.goal().threshold),
        ("accuracy", 0.95)
    );
    let trial = pondersweep_proto::spec::TrialSpec::try_from(spec.trial_message(7)).unwrap();
    assert_eq!(trial, spec.trial(7));
}

#[test]
fn another_script_or_command_is_another_sweep_and_meets_the_same_seeds() {
    let (one, other) = (
        parse(GOOD).unwrap(),
        parse(&GOOD.replace("\"--lr\"", "\"--rate\"")).unwrap(),
    );
    assert_ne!(one.id(), other.id());
    assert_ne!(one.trial(0).key(), other.trial(0).key());
    let stream = |spec: &SweepSpec| spec.configuration(0).stream_key();
    assert_eq!(stream(&one), stream(&other));
}

#[test]
fn a_peer_cannot_mix_a_program_with_other_configurations() {
    let spec = parse(GOOD).unwrap();
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_str(spec.json()).unwrap();
        change(&mut json);
        SweepSpec::from_bytes(json.to_string().as_bytes())
            .unwrap_err()
            .path
    };
    assert_eq!(
        refused(&|json| json["program"]["command"][0] = "rm".into()),
        "program.sha256"
    );
    assert_eq!(
        refused(&|json| json["program"] = serde_json::Value::Null),
        "program"
    );
    assert_eq!(
        refused(&|json| json["axes"][0]["parameter"] = "learning_rate".into()),
        "space.learning_rate"
    );
    assert_eq!(
        refused(&|json| json["axes"][1]["values"] = serde_json::json!([1.5])),
        "space.depth"
    );
    let built_in = SweepFile::parse(super::GOOD, "good").unwrap();
    let mut json: serde_json::Value = serde_json::from_str(built_in.json()).unwrap();
    json["axes"][0]["parameter"] = "parameters.depth".into();
    assert_eq!(
        SweepSpec::from_bytes(json.to_string().as_bytes())
            .unwrap_err()
            .path,
        "space.depth"
    );
    assert!(
        program::table(Vec::new())
            .unwrap()
            .parameters()
            .next()
            .is_none()
    );
}
