//! The tables of a sweep file, their keys, and what kind of value each key takes. A test compares
//! it with the settings of the specification, so neither can change alone.

use pondersweep_proto::{
    parameter::Parameter,
    spec::{
        FirstStepFlag, KlDirection, ModelKind, Positions, Residual, StepFunction, TaskKind, Unroll,
    },
};

/// The table of what varies; its keys are parameters.
pub(super) const SPACE: &str = "space";

/// What kind of value a key takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueKind {
    /// A finite number, or a whole one.
    Number,
    /// A whole number up to a limit set by the type that holds it.
    Whole(u64),
    /// `true` or `false`.
    Flag,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
}

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    pub(super) required: bool,
}

/// One table.
#[derive(Clone, Copy, Debug)]
pub(super) struct SectionLayout {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
}

/// The tables that make a configuration.
pub(super) const SETTINGS: &[SectionLayout] = &[
    SectionLayout {
        name: "task",
        keys: &[
            required("kind", ValueKind::Choice(TaskKind::NAMES)),
            required("elements", COUNT),
            optional("max_nonzeros", COUNT),
            optional("positions", ValueKind::Choice(Positions::NAMES)),
        ],
    },
    SectionLayout {
        name: "model",
        keys: &[
            required("kind", ValueKind::Choice(ModelKind::NAMES)),
            optional("step_function", ValueKind::Choice(StepFunction::NAMES)),
            optional("hidden", COUNT),
            optional("lambda_p", ValueKind::Number),
            optional("beta", ValueKind::Number),
            optional("tau", ValueKind::Number),
            optional("max_steps", COUNT),
            optional("unroll", ValueKind::Choice(Unroll::NAMES)),
            optional("epsilon", ValueKind::Number),
            optional("residual", ValueKind::Choice(Residual::NAMES)),
            optional("halting_bias", ValueKind::Number),
            optional("kl_direction", ValueKind::Choice(KlDirection::NAMES)),
            optional("first_step_flag", ValueKind::Choice(FirstStepFlag::NAMES)),
            optional("initial_scale", ValueKind::Number),
        ],
    },
    SectionLayout {
        name: "training",
        keys: &[
            required("updates", LONG_COUNT),
            optional("batch", COUNT),
            optional("learning_rate", ValueKind::Number),
            optional("gradient_clip", ValueKind::Number),
            optional("adam_beta_1", ValueKind::Number),
            optional("adam_beta_2", ValueKind::Number),
            optional("adam_epsilon", ValueKind::Number),
        ],
    },
    SectionLayout {
        name: "evaluation",
        keys: &[
            optional("every", LONG_COUNT),
            optional("examples", COUNT),
            optional("extrapolate", ValueKind::Flag),
        ],
    },
];

/// The tables about the sweep itself.
pub(super) const SWEEP: &[SectionLayout] = &[
    SectionLayout {
        name: "sweep",
        keys: &[
            required("name", ValueKind::Text),
            optional("solved_threshold", ValueKind::Number),
            optional("device", ValueKind::Text),
        ],
    },
    SectionLayout {
        name: "replicates",
        keys: &[
            optional("count", COUNT),
            optional("most", COUNT),
            optional("seed", LONG_COUNT),
            optional("common_seeds", ValueKind::Flag),
        ],
    },
    SectionLayout {
        name: "limits",
        keys: &[
            optional("max_failures", COUNT),
            optional("max_out_of_memory", COUNT),
            optional("max_worker_losses", COUNT),
        ],
    },
];

const COUNT: ValueKind = ValueKind::Whole(u32::MAX as u64);
const LONG_COUNT: ValueKind = ValueKind::Whole(u64::MAX);

const fn required(name: &'static str, kind: ValueKind) -> Key {
    Key {
        name,
        kind,
        required: true,
    }
}

const fn optional(name: &'static str, kind: ValueKind) -> Key {
    Key {
        name,
        kind,
        required: false,
    }
}

/// Every table's name, in the order of the documentation.
pub(super) fn table_names() -> Vec<&'static str> {
    let sections = SWEEP.iter().chain(SETTINGS);
    let names = sections.map(|section| section.name);
    names.chain([SPACE]).collect()
}

/// The table that has this key, if one has.
pub(super) fn section_with(key: &str) -> Option<&'static str> {
    let mut sections = SETTINGS.iter().chain(SWEEP);
    let holds = |section: &&SectionLayout| section.keys.iter().any(|known| known.name == key);
    sections.find(holds).map(|section| section.name)
}

/// What kind of value a parameter takes: that of its setting.
pub(super) fn kind_of(parameter: Parameter) -> ValueKind {
    let keys = SETTINGS
        .iter()
        .filter(|section| section.name == parameter.section())
        .flat_map(|section| section.keys);
    keys.into_iter()
        .find(|key| key.name == parameter.name())
        .expect("the layout lists every setting")
        .kind
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::{
        parameter::{ParameterKind, ParameterValue},
        spec::Settings,
    };
    use serde_json::{Map, Value, json};

    use super::*;

    fn required_settings() -> Value {
        let value = |key: &Key| match key.kind {
            ValueKind::Choice(names) => json!(names[0]),
            ValueKind::Number => json!(0.5),
            ValueKind::Whole(_) => json!(1),
            ValueKind::Flag | ValueKind::Text => unreachable!("no such setting is required"),
        };
        let section = |layout: &SectionLayout| {
            let required = layout.keys.iter().filter(|key| key.required);
            let keys: Map<_, _> = required.map(|key| (key.name.into(), value(key))).collect();
            (layout.name.to_owned(), keys.into())
        };
        Value::Object(SETTINGS.iter().map(section).collect())
    }

    #[test]
    fn the_layout_lists_exactly_the_settings_and_which_of_them_are_required() {
        let mut settings: Settings = serde_json::from_value(required_settings()).unwrap();
        for &parameter in Parameter::ALL {
            let value = match parameter.kind() {
                // Not defaults, some of which are left out when written.
                ParameterKind::Number => ParameterValue::Number(0.5),
                ParameterKind::Integer => ParameterValue::Integer(1),
                ParameterKind::Choice(names) => {
                    ParameterValue::Choice((*names.last().unwrap()).into())
                }
            };
            parameter.set(&mut settings, &value).unwrap();
        }
        let all = serde_json::to_value(settings).unwrap();
        assert_eq!(all.as_object().unwrap().len(), SETTINGS.len());
        for layout in SETTINGS {
            let mut listed: Vec<_> = layout.keys.iter().map(|key| key.name).collect();
            listed.sort_unstable();
            let known: Vec<_> = all[layout.name].as_object().unwrap().keys().collect();
            assert_eq!(listed, known, "[{}]", layout.name);
            for key in layout.keys.iter().filter(|key| key.required) {
                let mut without = required_settings();
                without[layout.name]
                    .as_object_mut()
                    .unwrap()
                    .remove(key.name);
                assert!(
                    serde_json::from_value::<Settings>(without).is_err(),
                    "{}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn every_parameter_is_a_setting_of_its_kind() {
        for &parameter in Parameter::ALL {
            match (parameter.kind(), kind_of(parameter)) {
                (ParameterKind::Number, ValueKind::Number)
                | (ParameterKind::Integer, ValueKind::Whole(_)) => {}
                (ParameterKind::Choice(names), ValueKind::Choice(listed)) => {
                    assert_eq!(names, listed);
                }
                (_, listed) => panic!("{parameter} is listed as {listed:?}"),
            }
        }
    }
}
