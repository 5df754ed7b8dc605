//! What a trial is: task, model, training and evaluation, its replicate and seed.
//!
//! [`Settings`] is any combination of values, as a file or a peer states it. [`ConfigurationSpec`]
//! and [`TrialSpec`] are valid ones: they are only made by checking, and never change afterwards.

mod method;

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::{
    id::{ContentHasher, ContentKey},
    limit::{MAX_BATCH, MAX_ELEMENTS, MAX_EXAMPLES, MAX_HIDDEN, MAX_PONDER_STEPS, MAX_UPDATES},
};

pub use self::method::{Act, Method, PonderNet};

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

/// Defines an enumeration whose variants have one name each, in files, on the wire and in SQL.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every choice, by name.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];

            /// Every choice.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The choice's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The choice with this name, if there is one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

choice! {
    /// The learning problem.
    TaskKind {
        /// Is the number of +1 in a vector of -1, 0 and +1 odd? (Paper, appendix B; Graves 2016.)
        Parity = "parity",
    }
}
choice! {
    /// Where a parity vector has its non-zero elements. Not stated by the paper.
    Positions {
        /// Anywhere: the harder task, and the default.
        Random = "random",
        /// In the first slots, as some public code does.
        Packed = "packed",
    }
}
choice! {
    /// How halting is learnt.
    ModelKind {
        /// PonderNet: a halting distribution regularised towards a geometric prior.
        PonderNet = "ponder_net",
        /// Adaptive computation time (Graves 2016): halting probabilities are cumulated, a ponder
        /// cost is paid.
        Act = "act",
        /// None is learnt: always `max_steps` steps, the last one answers. One step is a plain RNN.
        Fixed = "fixed",
    }
}
choice! {
    /// The function that is iterated, `s(x, h_n)`.
    StepFunction {
        /// One tanh layer, the paper's.
        Rnn = "rnn",
        /// A gated recurrent unit, as common re-implementations use.
        Gru = "gru",
    }
}
choice! {
    /// How many steps training computes.
    Unroll {
        /// Always `max_steps`.
        Fixed = "fixed",
        /// Up to the smallest n with `sum_{j<=n} p_j > 1 - epsilon` (paper, section 2.3).
        Cumulative = "cumulative",
    }
}
choice! {
    /// What happens to the halting mass left after the last step. Not stated by the paper.
    Residual {
        /// The last step takes it: `p_N = 1 - sum_{n<N} p_n`.
        Remainder = "remainder",
        /// `p` is divided by its sum over 1..N.
        Normalise = "normalise",
    }
}

choice! {
    /// Which way the divergence between halting distribution and prior is taken.
    KlDirection {
        /// `KL(p || p_G)`: the paper's, section 2.2.
        NetworkPrior = "network_prior",
        /// `KL(p_G || p)`: what a widely copied public re-implementation computes, for comparison.
        PriorNetwork = "prior_network",
    }
}
choice! {
    /// Whether the input tells the first ponder step from the others, by one more column that is 1
    /// there and 0 after it (Graves 2016, section 2). Whether the paper's ACT has it is not stated.
    FirstStepFlag {
        /// It does not.
        Off = "off",
        /// It does: the default of `act`.
        On = "on",
    }
}
choice! {
    /// On which difficulties an evaluation is made.
    EvaluationRange {
        /// On as many non-zeros as training shows.
        Interpolation = "interpolation",
        /// On more.
        Extrapolation = "extrapolation",
    }
}

/// Every setting of a configuration, unchecked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The learning problem.
    pub task: TaskSettings,
    /// What is trained on it.
    pub model: ModelSettings,
    /// How it is trained.
    pub training: TrainingSettings,
    /// How it is measured.
    #[serde(default)]
    pub evaluation: EvaluationSettings,
}

/// The learning problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSettings {
    /// Which problem.
    pub kind: TaskKind,
    /// Length of the input vector.
    pub elements: u32,
    /// Training draws 1 ..= this many non-zero elements; see [`ConfigurationSpec::trained_nonzeros`].
    #[serde(default)]
    pub max_nonzeros: Option<u32>,
    /// Where the non-zero elements stand.
    #[serde(default = "default::positions")]
    pub positions: Positions,
}

/// What is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// How halting is learnt.
    pub kind: ModelKind,
    /// The iterated function.
    #[serde(default = "default::step_function")]
    pub step_function: StepFunction,
    /// Units of the hidden state.
    #[serde(default = "default::hidden")]
    pub hidden: u32,
    /// `ponder_net`: parameter of the geometric prior `p_G(lambda_p)`, in (0, 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_p: Option<f64>,
    /// `ponder_net`: weight of `KL(p || p_G)` in the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// `act`: weight of the ponder cost `N + R` in the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau: Option<f64>,
    /// N, the most ponder steps a sample may take.
    #[serde(default = "default::max_steps")]
    pub max_steps: u32,
    /// `ponder_net`: how many steps training computes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unroll: Option<Unroll>,
    /// Mass that may be left when a sample stops: of a cumulative unroll (paper: 0.05), or of
    /// `act` (Graves 2016: 0.01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// `ponder_net`: what happens to the mass left after the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<Residual>,
    /// `ponder_net` and `act`: bias of the halting head before training. Not stated by the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halting_bias: Option<f64>,
    /// `ponder_net`: which way the divergence from the prior is taken. The default is left out of
    /// the canonical form, as with all settings that follow.
    #[serde(default, skip_serializing_if = "is_default_direction")]
    pub kl_direction: Option<KlDirection>,
    /// Whether the first step is flagged in the input; `None` is off, once the settings are checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_step_flag: Option<FirstStepFlag>,
    /// Weights before training are drawn from U(-s/sqrt(hidden), s/sqrt(hidden)); this is s. Not
    /// stated by the paper.
    #[serde(default = "default::initial_scale", skip_serializing_if = "is_one")]
    pub initial_scale: f64,
}

impl ModelSettings {
    /// Whether the first step is flagged in the input.
    #[must_use]
    pub fn first_step_flag(&self) -> FirstStepFlag {
        self.first_step_flag.unwrap_or(FirstStepFlag::Off)
    }
}

fn is_default_direction(direction: &Option<KlDirection>) -> bool {
    direction.is_none_or(|direction| direction == KlDirection::NetworkPrior)
}

fn is_one(scale: &f64) -> bool {
    *scale == default::initial_scale()
}

/// How it is trained: Adam on batches made as needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// Parameter updates of the trial.
    pub updates: u64,
    /// Samples of one update.
    #[serde(default = "default::batch")]
    pub batch: u32,
    /// Adam's step size.
    #[serde(default = "default::learning_rate")]
    pub learning_rate: f64,
    /// Largest global gradient norm of the trial; `None` means no clipping.
    #[serde(default)]
    pub gradient_clip: Option<f64>,
    /// Decay of Adam's first moment.
    #[serde(default = "default::adam_beta_1")]
    pub adam_beta_1: f64,
    /// Decay of Adam's second moment.
    #[serde(default = "default::adam_beta_2")]
    pub adam_beta_2: f64,
    /// Adam's denominator offset.
    #[serde(default = "default::adam_epsilon")]
    pub adam_epsilon: f64,
}

/// How it is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Updates between two evaluations; the last update is always evaluated.
    #[serde(default = "default::every")]
    pub every: u64,
    /// Samples of one evaluation.
    #[serde(default = "default::examples")]
    pub examples: u32,
    /// Also evaluate on more non-zeros than training ever showed.
    #[serde(default)]
    pub extrapolate: bool,
}

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self {
            every: default::every(),
            examples: default::examples(),
            extrapolate: false,
        }
    }
}

/// Values of settings a file leaves out: the paper's where it states one, see `paper-figure2.toml`.
mod default {
    use super::{Positions, StepFunction};

    pub(super) const fn positions() -> Positions {
        Positions::Random
    }
    pub(super) const fn step_function() -> StepFunction {
        StepFunction::Rnn
    }
    pub(super) const fn hidden() -> u32 {
        128
    }
    pub(super) const fn max_steps() -> u32 {
        20
    }
    pub(super) const fn initial_scale() -> f64 {
        1.0
    }
    pub(super) const fn batch() -> u32 {
        128
    }
    pub(super) const fn learning_rate() -> f64 {
        3e-4
    }
    pub(super) const fn adam_beta_1() -> f64 {
        0.9
    }
    pub(super) const fn adam_beta_2() -> f64 {
        0.999
    }
    pub(super) const fn adam_epsilon() -> f64 {
        1e-8
    }
    pub(super) const fn every() -> u64 {
        1_000
    }
    pub(super) const fn examples() -> u32 {
        10_000
    }
}

/// One valid point of a search space: everything about a trial but its replicate and seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Settings")]
pub struct ConfigurationSpec(Settings);

impl Deref for ConfigurationSpec {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

impl TryFrom<Settings> for ConfigurationSpec {
    type Error = SpecError;

    fn try_from(mut settings: Settings) -> Result<Self, SpecError> {
        settings.model = method::complete(settings.model)?;
        check_task(&settings)?;
        check_model(&settings.model)?;
        check_training(&settings.training)?;
        check_evaluation(&settings)?;
        Ok(Self(settings))
    }
}

impl ConfigurationSpec {
    /// The configuration's identity.
    #[must_use]
    pub fn key(&self) -> ContentKey {
        ContentKey::of(self)
    }

    /// A copy of the settings, to be changed and checked again.
    #[must_use]
    pub fn to_settings(&self) -> Settings {
        self.0.clone()
    }

    /// How halting is learnt, with the settings that takes.
    #[must_use]
    pub fn method(&self) -> Method {
        Method::of(&self.0.model).expect("the settings were completed before they were checked")
    }

    /// The most non-zero elements training shows: as stated, else half of the elements when the
    /// evaluation extrapolates (paper, section 3.1), else all of them.
    #[must_use]
    pub fn trained_nonzeros(&self) -> u32 {
        trained_nonzeros(&self.0)
    }
}

fn trained_nonzeros(settings: &Settings) -> u32 {
    let Settings {
        task, evaluation, ..
    } = settings;
    let default = if evaluation.extrapolate {
        task.elements / 2
    } else {
        task.elements
    };
    task.max_nonzeros.unwrap_or(default)
}

fn check_task(settings: &Settings) -> Result<(), SpecError> {
    let task = &settings.task;
    count(
        "task.elements",
        u64::from(task.elements),
        u64::from(MAX_ELEMENTS),
    )?;
    if let Some(max_nonzeros) = task.max_nonzeros {
        count(
            "task.max_nonzeros",
            u64::from(max_nonzeros),
            u64::from(task.elements),
        )?;
    }
    if settings.evaluation.extrapolate && !(1..task.elements).contains(&trained_nonzeros(settings))
    {
        return Err(SpecError::new(
            "evaluation.extrapolate",
            format!(
                "training on up to {} of {} non-zeros leaves nothing to extrapolate to",
                trained_nonzeros(settings),
                task.elements
            ),
            "let task.max_nonzeros be at least 1 and smaller than task.elements",
        ));
    }
    Ok(())
}

fn check_model(model: &ModelSettings) -> Result<(), SpecError> {
    count(
        "model.hidden",
        u64::from(model.hidden),
        u64::from(MAX_HIDDEN),
    )?;
    if let Some(lambda_p) = model.lambda_p {
        let hint = "the prior's halting probability lies strictly between 0 and 1, for example 0.2";
        open_unit("model.lambda_p", lambda_p, hint)?;
    }
    not_negative("model.beta", model.beta.unwrap_or_default())?;
    not_negative("model.tau", model.tau.unwrap_or_default())?;
    count(
        "model.max_steps",
        u64::from(model.max_steps),
        u64::from(MAX_PONDER_STEPS),
    )?;
    if let Some(epsilon) = model.epsilon {
        let hint = "the usual values are 0.05 for ponder_net and 0.01 for act";
        open_unit("model.epsilon", epsilon, hint)?;
    }
    if model.kl_direction == Some(KlDirection::PriorNetwork)
        && model.unroll == Some(Unroll::Cumulative)
    {
        return Err(SpecError::new(
            "model.kl_direction",
            "the prior's divergence from samples that stop early is infinite",
            "with kl_direction = \"prior_network\" let unroll be \"fixed\"",
        ));
    }
    positive("model.initial_scale", model.initial_scale)?;
    finite("model.halting_bias", model.halting_bias.unwrap_or_default())
}

fn check_training(training: &TrainingSettings) -> Result<(), SpecError> {
    count("training.updates", training.updates, MAX_UPDATES)?;
    count(
        "training.batch",
        u64::from(training.batch),
        u64::from(MAX_BATCH),
    )?;
    positive("training.learning_rate", training.learning_rate)?;
    if let Some(clip) = training.gradient_clip {
        positive("training.gradient_clip", clip)?;
    }
    let hint = "a decay lies strictly between 0 and 1";
    open_unit("training.adam_beta_1", training.adam_beta_1, hint)?;
    open_unit("training.adam_beta_2", training.adam_beta_2, hint)?;
    positive("training.adam_epsilon", training.adam_epsilon)
}

fn check_evaluation(settings: &Settings) -> Result<(), SpecError> {
    let evaluation = &settings.evaluation;
    count("evaluation.every", evaluation.every, MAX_UPDATES)?;
    count(
        "evaluation.examples",
        u64::from(evaluation.examples),
        u64::from(MAX_EXAMPLES),
    )
}

fn count(path: &str, value: u64, most: u64) -> Result<(), SpecError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    // Only a refusal pays for its text: a sweep checks every one of its configurations.
    let hint = format!("a whole number from 1 to {most}");
    Err(out_of_range(path, value, &hint))
}

fn open_unit(path: &str, value: f64, hint: &str) -> Result<(), SpecError> {
    require(value > 0.0 && value < 1.0, path, value, hint)
}

fn positive(path: &str, value: f64) -> Result<(), SpecError> {
    require(
        value > 0.0 && value.is_finite(),
        path,
        value,
        "a finite number above 0",
    )
}

fn not_negative(path: &str, value: f64) -> Result<(), SpecError> {
    require(
        value >= 0.0 && value.is_finite(),
        path,
        value,
        "a finite number, 0 or above",
    )
}

fn finite(path: &str, value: f64) -> Result<(), SpecError> {
    require(value.is_finite(), path, value, "a finite number")
}

fn require(
    holds: bool,
    path: &str,
    value: impl std::fmt::Display,
    hint: &str,
) -> Result<(), SpecError> {
    if holds {
        return Ok(());
    }
    Err(out_of_range(path, value, hint))
}

fn out_of_range(path: &str, value: impl std::fmt::Display, hint: &str) -> SpecError {
    SpecError::new(path, format!("{value} is out of range"), hint)
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

    fn settings() -> Settings {
        serde_json::from_value(serde_json::json!({
            "task": { "kind": "parity", "elements": 64 },
            "model": { "kind": "ponder_net", "lambda_p": 0.2 },
            "training": { "updates": 1000 },
        }))
        .unwrap()
    }

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        ConfigurationSpec::try_from(settings).unwrap_err().path
    }

    #[test]
    fn what_a_file_leaves_out_is_the_papers_value() {
        let settings = settings();
        assert_eq!(settings.model.hidden, 128);
        assert_eq!(settings.model.max_steps, 20);
        let completed = ConfigurationSpec::try_from(settings.clone()).unwrap();
        assert_eq!(completed.model.beta, Some(0.01));
        assert_eq!(completed.model.epsilon, Some(0.05));
        assert_eq!(settings.training.learning_rate, 3e-4);
        assert_eq!(settings.training.batch, 128);
        assert_eq!(settings.model.step_function, StepFunction::Rnn);
    }

    #[test]
    fn an_impossible_setting_is_refused_by_name() {
        assert_eq!(refused(|s| s.model.lambda_p = Some(0.0)), "model.lambda_p");
        assert_eq!(refused(|s| s.model.lambda_p = Some(1.0)), "model.lambda_p");
        assert_eq!(
            refused(|s| s.model.lambda_p = Some(f64::NAN)),
            "model.lambda_p"
        );
        assert_eq!(refused(|s| s.model.beta = Some(-0.1)), "model.beta");
        assert_eq!(refused(|s| s.model.max_steps = 0), "model.max_steps");
        assert_eq!(
            refused(|s| s.model.initial_scale = 0.0),
            "model.initial_scale"
        );
        let endless = |s: &mut Settings| {
            s.model.unroll = Some(Unroll::Cumulative);
            s.model.kl_direction = Some(KlDirection::PriorNetwork);
        };
        assert_eq!(refused(endless), "model.kl_direction");
        assert_eq!(refused(|s| s.task.elements = 0), "task.elements");
        assert_eq!(
            refused(|s| s.task.max_nonzeros = Some(65)),
            "task.max_nonzeros"
        );
        assert_eq!(
            refused(|s| s.training.learning_rate = 0.0),
            "training.learning_rate"
        );
        assert_eq!(
            refused(|s| s.training.gradient_clip = Some(0.0)),
            "training.gradient_clip"
        );
        assert_eq!(refused(|s| s.evaluation.every = 0), "evaluation.every");
        let whole_range = |s: &mut Settings| {
            s.evaluation.extrapolate = true;
            s.task.max_nonzeros = Some(64);
        };
        assert_eq!(refused(whole_range), "evaluation.extrapolate");
    }

    #[test]
    fn training_shows_half_of_the_elements_when_the_evaluation_extrapolates() {
        let mut settings = settings();
        assert_eq!(
            ConfigurationSpec::try_from(settings.clone())
                .unwrap()
                .trained_nonzeros(),
            64
        );
        settings.evaluation.extrapolate = true;
        assert_eq!(
            ConfigurationSpec::try_from(settings)
                .unwrap()
                .trained_nonzeros(),
            32
        );
    }

    #[test]
    fn a_switch_at_its_default_leaves_the_key_of_a_configuration_as_it_was_before_the_switch() {
        let key = |change: fn(&mut Settings)| {
            let mut settings = settings();
            change(&mut settings);
            ConfigurationSpec::try_from(settings)
                .unwrap()
                .key()
                .to_string()
        };
        let defaults: [fn(&mut Settings); 4] = [
            |_| {},
            |s| s.model.kl_direction = Some(KlDirection::NetworkPrior),
            |s| s.model.first_step_flag = Some(FirstStepFlag::Off),
            |s| s.model.initial_scale = 1.0,
        ];
        for change in defaults {
            // Of the program that had none of these switches.
            assert_eq!(key(change), "0d88b2dbf91814b1");
        }
        let others: [fn(&mut Settings); 3] = [
            |s| s.model.kl_direction = Some(KlDirection::PriorNetwork),
            |s| s.model.first_step_flag = Some(FirstStepFlag::On),
            |s| s.model.initial_scale = 2.0,
        ];
        for change in others {
            assert_ne!(key(change), "0d88b2dbf91814b1");
        }
        // ACT had no flag then, and its default has one now: another network, another key.
        let act = |flag| {
            let mut settings = settings();
            settings.model = serde_json::from_value(serde_json::json!({
                "kind": "act", "tau": 0.002, "first_step_flag": flag,
            }))
            .unwrap();
            ConfigurationSpec::try_from(settings).unwrap()
        };
        assert_eq!(act(None).key(), act(Some("on")).key());
        assert_ne!(act(None).key(), act(Some("off")).key());
        for flag in ["on", "off"] {
            let stored = serde_json::to_string(&act(Some(flag))).unwrap();
            let back: ConfigurationSpec = serde_json::from_str(&stored).unwrap();
            assert_eq!(back, act(Some(flag)));
        }
    }

    #[test]
    fn a_trials_key_depends_on_every_part_and_on_nothing_else() {
        let configuration = ConfigurationSpec::try_from(settings()).unwrap();
        let trial = TrialSpec {
            configuration,
            seed: 0,
            replicate: 0,
            common_seeds: false,
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
        let mut other = settings();
        other.model.beta = Some(0.1);
        let configuration = ConfigurationSpec::try_from(other).unwrap();
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
