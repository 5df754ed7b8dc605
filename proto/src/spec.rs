//! What a trial is: a configuration, one of its replicates, and the seed.
//!
//! [`Settings`] is any combination of values, as a file or a peer states it. [`ConfigurationSpec`]
//! and [`TrialSpec`] are valid ones: they are only made by checking, and never change afterwards.
//! Which settings there are is said by a [`SettingTable`], not here.

mod canonical;
mod choice;

use std::{ops::Deref, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    id::{ContentHasher, ContentKey},
    program::ProgramSpec,
    setting::{LeftOut, ParameterValue, Setting, SettingTable, Use, program, training::TRAINING},
};

pub use self::choice::{
    Choice, EvaluationRange, FirstStepFlag, KeyStart, KlDirection, LayerNorm, ModelKind, Positions,
    Residual, StepFunction, StepSignal, StorySet, StorySource, TaskKind, Unroll,
};

/// A setting that cannot be: where, what is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}\nhint: {hint}")]
pub struct SpecError {
    /// The setting's place, such as `model.lambda_p`.
    pub path: String,
    /// What is wrong with it, its value included.
    pub problem: String,
    /// What would be right.
    pub hint: String,
}

impl SpecError {
    /// An error about the setting at `path`.
    pub fn new(
        path: impl Into<String>,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
            hint: hint.into(),
        }
    }
}

/// Values of the settings of a table, unchecked; any may be left out.
#[derive(Clone, Debug)]
pub struct Settings {
    table: &'static SettingTable,
    /// By row of the table.
    values: Vec<Option<ParameterValue>>,
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.table, other.table) && self.values == other.values
    }
}

impl Settings {
    /// Settings of a table, all left out.
    #[must_use]
    pub fn new(table: &'static SettingTable) -> Self {
        Self {
            table,
            values: vec![None; table.rows.len()],
        }
    }

    /// The table that says which settings there are.
    #[must_use]
    pub const fn table(&self) -> &'static SettingTable {
        self.table
    }

    /// Replaces the value of a setting.
    ///
    /// # Errors
    /// The value is of another kind; whether it is in range is checked with the whole
    /// configuration.
    pub fn set(
        &mut self,
        setting: Setting,
        value: impl Into<ParameterValue>,
    ) -> Result<(), SpecError> {
        let value = setting.admit(value.into())?;
        let place = self.place(setting);
        self.values[place] = Some(value);
        Ok(())
    }

    /// Replaces the value of a setting, or leaves it out.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn set_or_clear(
        &mut self,
        setting: Setting,
        value: Option<impl Into<ParameterValue>>,
    ) -> Result<(), SpecError> {
        match value {
            Some(value) => self.set(setting, value),
            None => {
                let place = self.place(setting);
                self.values[place] = None;
                Ok(())
            }
        }
    }

    /// The value of a setting, as stated or filled in; `None` where it is absent.
    #[must_use]
    pub fn get(&self, setting: Setting) -> Option<&ParameterValue> {
        self.values[self.place(setting)].as_ref()
    }

    /// The value of a number.
    ///
    /// # Panics
    /// It is absent, or no number: the settings were not checked.
    #[must_use]
    pub fn number(&self, setting: Setting) -> f64 {
        self.number_if(setting).unwrap_or_else(|| absent(setting))
    }

    /// The value of a number that may be absent.
    #[must_use]
    pub fn number_if(&self, setting: Setting) -> Option<f64> {
        match self.get(setting) {
            Some(ParameterValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The value of a whole number; one that follows from others is computed.
    ///
    /// # Panics
    /// It is absent, or no whole number: the settings were not checked.
    #[must_use]
    pub fn whole(&self, setting: Setting) -> u64 {
        let derived = || match self.left_out(setting) {
            Some(LeftOut::Derived(value)) => Some(value(self)),
            _ => None,
        };
        match self.get(setting).cloned().or_else(derived) {
            Some(ParameterValue::Integer(whole)) => whole,
            _ => absent(setting),
        }
    }

    /// The value of a whole number that its row bounds to 32 bits.
    ///
    /// # Panics
    /// As [`Self::whole`].
    #[must_use]
    pub fn count(&self, setting: Setting) -> u32 {
        u32::try_from(self.whole(setting)).expect("its row bounds it")
    }

    /// The value of a choice.
    ///
    /// # Panics
    /// It is absent, or another choice's: the settings were not checked.
    #[must_use]
    pub fn choice<C: Choice>(&self, setting: Setting) -> C {
        self.name(setting)
            .and_then(C::from_name)
            .unwrap_or_else(|| absent(setting))
    }

    /// The value of a flag.
    ///
    /// # Panics
    /// It is absent, or no flag: the settings were not checked.
    #[must_use]
    pub fn flag(&self, setting: Setting) -> bool {
        match self.get(setting) {
            Some(ParameterValue::Flag(flag)) => *flag,
            _ => absent(setting),
        }
    }

    /// Whether a choice or a text is stated, and is this one.
    #[must_use]
    pub fn says(&self, setting: Setting, text: &str) -> bool {
        self.name(setting) == Some(text)
    }

    /// The name that a choice has, if it is there.
    fn name(&self, setting: Setting) -> Option<&str> {
        match self.get(setting) {
            Some(ParameterValue::Choice(name)) => Some(name),
            _ => None,
        }
    }

    /// What stands for a setting where it is left out of these; `None` if they do not take it.
    fn left_out(&self, setting: Setting) -> Option<LeftOut> {
        match setting.uses {
            // What every kind takes needs no look at the kind.
            [
                Use {
                    kind: None,
                    left_out,
                },
            ] => Some(*left_out),
            _ => setting.left_out(self.kind_for(setting)),
        }
    }

    /// What decides whether these take a setting.
    fn kind_for(&self, setting: Setting) -> Option<&str> {
        let decides = self.table.at(setting.section, setting.decided_by)?;
        self.name(decides)
    }

    fn place(&self, setting: Setting) -> usize {
        let mut rows = self.table.rows.iter();
        rows.position(|row| *row == setting)
            .unwrap_or_else(|| panic!("{setting:?} is a setting of another table"))
    }

    /// Refuses a parameter that has no meaning for the kind its section states.
    ///
    /// # Errors
    /// It has none.
    pub fn takes(&self, setting: Setting) -> Result<(), SpecError> {
        if self.left_out(setting).is_some() {
            return Ok(());
        }
        let (kind, decided_by) = (self.kind_for(setting), setting.decided_by);
        let takers: Vec<_> = setting.uses.iter().filter_map(|taken| taken.kind).collect();
        let quoted: Vec<_> = takers.iter().map(|kind| format!("{kind:?}")).collect();
        Err(SpecError::new(
            setting.path(),
            format!(
                "has no meaning for {decided_by} = {:?}",
                kind.unwrap_or_default()
            ),
            format!(
                "leave it out, or choose {decided_by} = {}",
                quoted.join(" or ")
            ),
        ))
    }

    /// Fills in what is left out, so that the values that are used are part of the frozen
    /// specification, checks each setting by itself, and then all of them together.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn completed(mut self) -> Result<Self, SpecError> {
        for (place, &setting) in self.table.rows.iter().enumerate() {
            let left_out = self.left_out(setting);
            let value = &mut self.values[place];
            match (left_out, value) {
                (None, None) | (Some(LeftOut::Absent | LeftOut::Derived(_)), None) => {}
                (None, Some(_)) => self.takes(setting)?,
                (Some(_), Some(value)) => setting.check(value)?,
                (Some(LeftOut::Value(default) | LeftOut::Implied(default)), value) => {
                    *value = Some(default.value());
                }
                (Some(LeftOut::Required), None) => return Err(missing(setting)),
            }
        }
        self.table.rules.iter().try_for_each(|rule| rule(&self))?;
        Ok(self)
    }
}

fn absent<T>(setting: Setting) -> T {
    panic!(
        "{} is absent or of another kind: the settings were not checked",
        setting.path()
    )
}

fn missing(setting: Setting) -> SpecError {
    let (name, section) = (setting.name, setting.section);
    SpecError::new(
        setting.path(),
        format!("is missing from [{section}]"),
        format!("add {name} to [{section}], or its values to [space]"),
    )
}

/// One valid point of a search space: everything about a trial but its replicate and seed.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationSpec(Settings);

impl Deref for ConfigurationSpec {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

impl TryFrom<Settings> for ConfigurationSpec {
    type Error = SpecError;

    fn try_from(settings: Settings) -> Result<Self, SpecError> {
        settings.completed().map(Self)
    }
}

impl ConfigurationSpec {
    /// A configuration from its settings as JSON: of a program if they say which, else of the
    /// built-in training.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn from_json(json: serde_json::Value) -> Result<Self, SpecError> {
        let table = match json.get(program::PROGRAM) {
            Some(_) => program::table_of(&json)?,
            None => &TRAINING,
        };
        Settings::from_json(table, json)?.try_into()
    }

    /// What the random streams of its trials depend on. Of a program's trial its parameters alone,
    /// so that a program that was changed meets the same seeds.
    #[must_use]
    pub fn stream_key(&self) -> ContentKey {
        let parameters: Map<String, Value> = self
            .given()
            .map(|(setting, value)| (setting.name.to_owned(), value.to_json()))
            .collect();
        match self.program_sha256() {
            Some(_) => ContentKey::of(&parameters),
            None => self.key(),
        }
    }

    /// The parameters of a program's trial, by name; of any other none.
    pub fn given(&self) -> impl Iterator<Item = (Setting, &ParameterValue)> {
        let rows = self.table.section(program::PARAMETERS);
        rows.filter_map(|row| Some((row, self.get(row)?)))
    }

    /// The hash of the program that a trial runs; `None` if it is trained by the built-in training.
    #[must_use]
    pub fn program_sha256(&self) -> Option<&str> {
        let row = self
            .table
            .rows
            .first()
            .filter(|row| **row == program::SHA256)?;
        self.name(*row)
    }

    /// The configuration's identity.
    #[must_use]
    pub fn key(&self) -> ContentKey {
        ContentKey::of_canonical_json(&self.json())
    }

    /// A copy of the settings, to be changed and checked again.
    #[must_use]
    pub fn to_settings(&self) -> Settings {
        self.0.clone()
    }

    /// A copy in which one setting has another value.
    ///
    /// # Errors
    /// It cannot be.
    pub fn with(
        &self,
        setting: Setting,
        value: impl Into<ParameterValue>,
    ) -> Result<Self, SpecError> {
        let mut settings = self.to_settings();
        settings.set(setting, value)?;
        settings.try_into()
    }

    /// A copy in which some settings have other values, of which is known that it is valid.
    #[must_use]
    pub fn with_checked<'a>(
        &self,
        values: impl IntoIterator<Item = (Setting, &'a ParameterValue)>,
    ) -> Self {
        let mut settings = self.to_settings();
        for (setting, value) in values {
            let place = settings.place(setting);
            settings.values[place] = Some(value.clone());
        }
        Self(settings)
    }

    /// Whether the trial is evaluated on these difficulties.
    #[must_use]
    pub fn evaluates(&self, range: EvaluationRange) -> bool {
        range == EvaluationRange::Interpolation || self.flag(Setting::EXTRAPOLATE)
    }
}

/// A configuration and one of its replicates: the unit of work and of result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrialSpec {
    /// What is trained.
    pub configuration: ConfigurationSpec,
    /// The sweep's seed, base of every random stream.
    pub seed: u64,
    /// Index of the repetition, from 0.
    pub replicate: u32,
    /// Random streams do not depend on the configuration: equal replicates of all configurations
    /// then share them, for comparisons in pairs.
    pub common_seeds: bool,
    /// The program that it runs, which the configuration names by its hash; `None` if it is trained
    /// by the built-in training.
    #[serde(skip)]
    pub program: Option<Arc<ProgramSpec>>,
}

impl TrialSpec {
    /// The trial's identity: equal trials train to equal results.
    #[must_use]
    pub fn key(&self) -> ContentKey {
        ContentKey::of(self)
    }
}

/// The keys of all trials of one configuration: a sweep has many for each, and the configuration is
/// nearly all of what is hashed.
#[derive(Clone, Debug)]
pub struct TrialKeys {
    /// Of the canonical JSON form of a trial, up to its replicate.
    head: ContentHasher,
    seed: u64,
}

impl TrialKeys {
    /// The keys of the trials of a configuration, given in its canonical JSON form.
    #[must_use]
    pub fn of(configuration_json: &str, seed: u64, common_seeds: bool) -> Self {
        let head = ContentHasher::of(&format!(
            r#"{{"common_seeds":{common_seeds},"configuration":{configuration_json},"replicate":"#
        ));
        Self { head, seed }
    }

    /// [`TrialSpec::key`] of a replicate.
    #[must_use]
    pub fn of_replicate(&self, replicate: u32) -> ContentKey {
        let seed = self.seed;
        self.head
            .key_with(&format!(r#"{replicate},"seed":{seed}}}"#))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration() -> ConfigurationSpec {
        ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "parity", "elements": 64 },
            "model": { "kind": "ponder_net", "lambda_p": 0.2 },
            "training": { "updates": 1000 },
        }))
        .unwrap()
    }

    #[test]
    fn what_a_file_leaves_out_is_the_papers_value() {
        let found = configuration();
        assert_eq!(found.count(Setting::HIDDEN), 128);
        assert_eq!(found.count(Setting::MAX_STEPS), 20);
        assert_eq!(found.number(Setting::BETA), 0.01);
        assert_eq!(found.number(Setting::EPSILON), 0.05);
        assert_eq!(found.number(Setting::LEARNING_RATE), 3e-4);
        assert_eq!(found.count(Setting::BATCH), 128);
        assert_eq!(
            found.choice::<StepFunction>(Setting::STEP_FUNCTION),
            StepFunction::Rnn
        );
    }

    #[test]
    fn an_impossible_setting_is_refused_by_name() {
        let refused = |changes: &[(Setting, ParameterValue)]| {
            let mut settings = configuration().to_settings();
            for (setting, value) in changes {
                settings.set(*setting, value.clone()).unwrap();
            }
            ConfigurationSpec::try_from(settings).unwrap_err().path
        };
        for (setting, value) in [
            (Setting::LAMBDA_P, 0.0.into()),
            (Setting::LAMBDA_P, 1.0.into()),
            (Setting::LAMBDA_P, f64::NAN.into()),
            (Setting::BETA, (-0.1).into()),
            (Setting::MAX_STEPS, 0_u32.into()),
            (Setting::INITIAL_SCALE, 0.0.into()),
            (Setting::ELEMENTS, 0_u32.into()),
            (Setting::MAX_NONZEROS, 65_u32.into()),
            (Setting::LEARNING_RATE, 0.0.into()),
            (Setting::GRADIENT_CLIP, 0.0.into()),
            (Setting::EVERY, 0_u32.into()),
        ] {
            assert_eq!(refused(&[(setting, value)]), setting.path());
        }
        let endless = [
            (Setting::UNROLL, Unroll::Cumulative.name().into()),
            (
                Setting::KL_DIRECTION,
                KlDirection::PriorNetwork.name().into(),
            ),
        ];
        assert_eq!(refused(&endless), "model.kl_direction");
        let whole_range = [
            (Setting::EXTRAPOLATE, true.into()),
            (Setting::MAX_NONZEROS, 64_u32.into()),
        ];
        assert_eq!(refused(&whole_range), "evaluation.extrapolate");
    }

    #[test]
    fn training_shows_half_of_the_elements_when_the_evaluation_extrapolates() {
        assert_eq!(configuration().count(Setting::MAX_NONZEROS), 64);
        let extrapolates = configuration().with(Setting::EXTRAPOLATE, true).unwrap();
        assert_eq!(extrapolates.count(Setting::MAX_NONZEROS), 32);
    }

    #[test]
    fn a_switch_at_its_default_leaves_the_key_of_a_configuration_as_it_was_before_the_switch() {
        let key = |setting, value: ParameterValue| {
            configuration()
                .with(setting, value)
                .unwrap()
                .key()
                .to_string()
        };
        // Of the program that had none of these switches.
        let before = "0d88b2dbf91814b1";
        assert_eq!(configuration().key().to_string(), before);
        let switches = [
            (
                Setting::KL_DIRECTION,
                "network_prior".into(),
                "prior_network".into(),
            ),
            (Setting::FIRST_STEP_FLAG, "off".into(), "on".into()),
            (Setting::INITIAL_SCALE, 1.0.into(), 2.0.into()),
        ];
        for (setting, default, other) in switches {
            assert_eq!(key(setting, default), before);
            assert_ne!(key(setting, other), before);
        }
        // ACT had no flag then, and its default has one now: another network, another key.
        let act = |flag: Option<&str>| {
            ConfigurationSpec::from_json(serde_json::json!({
                "task": { "kind": "parity", "elements": 64 },
                "model": { "kind": "act", "tau": 0.002, "first_step_flag": flag },
                "training": { "updates": 1000 },
            }))
            .unwrap()
        };
        assert_eq!(act(None).key(), act(Some("on")).key());
        assert_ne!(act(None).key(), act(Some("off")).key());
        for flag in ["on", "off"] {
            let back = ConfigurationSpec::from_bytes(act(Some(flag)).json().as_bytes()).unwrap();
            assert_eq!(back, act(Some(flag)));
        }
    }

    #[test]
    fn a_form_with_other_values_is_that_of_a_copy_with_them() {
        let other = ParameterValue::from(0.7);
        let copy = configuration()
            .with(Setting::LAMBDA_P, other.clone())
            .unwrap();
        let values = [(Setting::LAMBDA_P, &other)];
        assert_eq!(configuration().json_with(&values), copy.json());
        assert_eq!(configuration().with_checked(values), copy);
    }

    #[test]
    fn a_trials_key_depends_on_every_part_and_on_nothing_else() {
        let trial = TrialSpec {
            configuration: configuration(),
            seed: 0,
            replicate: 0,
            common_seeds: false,
            program: None,
        };
        assert_eq!(trial.key(), trial.clone().key());
        let json = crate::id::canonical_json(&trial.configuration);
        for (seed, replicate, common_seeds) in [(0, 0, false), (u64::MAX, 12, true)] {
            let keys = TrialKeys::of(&json, seed, common_seeds);
            let trial = TrialSpec {
                seed,
                replicate,
                common_seeds,
                ..trial.clone()
            };
            assert_eq!(trial.key(), keys.of_replicate(replicate));
        }
        assert_ne!(
            trial.key(),
            TrialSpec {
                replicate: 1,
                ..trial.clone()
            }
            .key()
        );
        assert_ne!(
            trial.key(),
            TrialSpec {
                seed: 1,
                ..trial.clone()
            }
            .key()
        );
        assert_ne!(
            trial.key(),
            TrialSpec {
                common_seeds: true,
                ..trial.clone()
            }
            .key()
        );
        let configuration = configuration().with(Setting::BETA, 0.1).unwrap();
        assert_ne!(
            trial.key(),
            TrialSpec {
                configuration,
                ..trial.clone()
            }
            .key()
        );
    }
}
