//! PURE: what a program is told of its trial: its arguments and the variables of its environment.

use std::{collections::BTreeMap, path::Path};

use pondersweep_proto::{
    id::LeaseToken,
    program::{ProgramSpec, Template, VARIABLES},
    setting::ParameterValue,
    spec::TrialSpec,
};
use serde_json::{Map, Value};

use crate::seed::{Purpose, Seeds};

/// Where the program finds and leaves things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) checkpoints: &'a Path,
    pub(super) output: &'a Path,
    pub(super) report: &'a Path,
}

/// What it is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) arguments: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
}

impl Told {
    pub(super) fn of(
        program: &ProgramSpec,
        trial: &TrialSpec,
        token: LeaseToken,
        places: Places<'_>,
    ) -> Self {
        let folder = |path: &Path| path.to_string_lossy().into_owned();
        let mut values: BTreeMap<&str, String> = BTreeMap::from([
            ("seed", seed(trial).to_string()),
            ("replicate", trial.replicate.to_string()),
            ("trial", token.trial_id.to_string()),
            ("attempt", token.attempt.to_string()),
            ("checkpoint_dir", folder(places.checkpoints)),
            ("output_dir", folder(places.output)),
        ]);
        let mut json = Map::new();
        for (setting, value) in trial.configuration.given() {
            json.insert(setting.name.to_owned(), value.to_json());
            values.insert(setting.0.name, argument(value));
        }
        let variable = |(name, value): (&&str, &String)| {
            (
                format!("{VARIABLES}{}", name.to_ascii_uppercase()),
                value.clone(),
            )
        };
        let mut variables: BTreeMap<String, String> = values.iter().map(variable).collect();
        variables.insert(
            format!("{VARIABLES}PARAMETERS"),
            Value::Object(json).to_string(),
        );
        variables.insert(format!("{VARIABLES}REPORT"), folder(places.report));
        let filled = |text: &String| {
            Template::of(text).filled(|name| values.get(name).cloned().unwrap_or_default())
        };
        let own = program.environment.iter();
        variables.extend(own.map(|(name, value)| (name.clone(), filled(value))));
        Self {
            arguments: program.command.iter().map(filled).collect(),
            variables,
        }
    }
}

/// The seed of a trial's program: of its sweep's seed, its parameters and its replicate.
pub(super) fn seed(trial: &TrialSpec) -> u64 {
    Seeds::of(trial).draws(Purpose::Program, [0, 0]).word()
}

/// A value as programs read it: numbers without a needless point, and none with hundreds of digits.
fn argument(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Number(number)
            if *number != 0.0 && !(1e-5..1e16).contains(&number.abs()) =>
        {
            format!("{number:e}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::{
        id::{Attempt, TrialId},
        metric::Better,
        program::ProgramMetric,
        spec::ConfigurationSpec,
    };
    use serde_json::json;

    use super::*;

    fn trial(parameters: Value, sha256: &str, replicate: u32) -> TrialSpec {
        let configuration = json!({ "parameters": parameters, "program": { "sha256": sha256 } });
        TrialSpec {
            configuration: ConfigurationSpec::from_json(configuration).unwrap(),
            seed: 7,
            replicate,
            common_seeds: false,
            program: None,
        }
    }

    fn told(arguments: &[&str], parameters: Value) -> Told {
        let program = ProgramSpec {
            command: arguments.iter().map(ToString::to_string).collect(),
            environment: BTreeMap::from([("DEPTH".into(), "{depth}".into())]),
            files: BTreeMap::new(),
            gpus: 0,
            grace_seconds: 10,
            infeasible_exit_code: None,
            metrics: vec![ProgramMetric::new("loss".parse().unwrap(), Better::Lower)],
            timeout_seconds: None,
            working_directory: None,
        };
        let token = LeaseToken {
            trial_id: TrialId(5),
            attempt: Attempt(2),
        };
        let places = Places {
            checkpoints: Path::new("/work/c"),
            output: Path::new("/work/o"),
            report: Path::new("/work/r"),
        };
        Told::of(&program, &trial(parameters, "00", 3), token, places)
    }

    #[test]
    fn values_take_the_place_of_names_and_no_shell_reads_them() {
        let told = told(
            &[
                "sh",
                "{name}",
                "--rate={rate}",
                "{replicate}/{trial}/{attempt}",
                "{checkpoint_dir}",
                "{{name}}",
            ],
            json!({ "rate": 1e-3, "depth": -2, "name": "a b; $(rm -rf /) \"'" }),
        );
        assert_eq!(
            told.arguments,
            [
                "sh",
                "a b; $(rm -rf /) \"'",
                "--rate=0.001",
                "3/5/2",
                "/work/c",
                "{name}"
            ]
        );
        let variable = |name: &str| told.variables[name].as_str();
        assert_eq!(variable("DEPTH"), "-2");
        assert_eq!(variable("PONDERSWEEP_RATE"), "0.001");
        assert_eq!(variable("PONDERSWEEP_REPORT"), "/work/r");
        let parameters: Value = serde_json::from_str(variable("PONDERSWEEP_PARAMETERS")).unwrap();
        assert_eq!(
            parameters,
            json!({ "rate": 1e-3, "depth": -2, "name": "a b; $(rm -rf /) \"'" })
        );
    }

    #[test]
    fn numbers_are_written_as_programs_read_them() {
        for (number, text) in [
            (1.0, "1"),
            (1e-5, "0.00001"),
            (1e-7, "1e-7"),
            (1e300, "1e300"),
            (0.0, "0"),
        ] {
            assert_eq!(argument(&number.into()), text);
        }
        assert_eq!(argument(&true.into()), "true");
    }

    #[test]
    fn a_seed_depends_on_the_parameters_and_the_replicate_and_not_on_the_program() {
        let of = |depth: i64, sha256, replicate| {
            seed(&trial(json!({ "depth": depth }), sha256, replicate))
        };
        assert_eq!(of(1, "00", 0), of(1, "11", 0));
        assert_ne!(of(1, "00", 0), of(2, "00", 0));
        assert_ne!(of(1, "00", 0), of(1, "00", 1));
        // What was once told stays.
        assert_eq!(of(1, "00", 0), SEED_OF_DEPTH_1);
    }

    const SEED_OF_DEPTH_1: u64 = 11_051_621_851_201_906_574;
}
