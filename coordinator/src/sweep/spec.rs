//! A sweep, frozen: one search space, its replicates, seed and limits. A [`SweepSpec`] that exists
//! is valid, every configuration of it included, and its trials are numbered.

use std::sync::Arc;

use pondersweep_proto::{
    experiment::Experiment,
    id::{ContentKey, SweepId, canonical_json},
    limit::{MAX_SPECIFICATION_BYTES, MAX_TRIALS_UNCONFIRMED, shown},
    program::{ProgramFile, ProgramSpec},
    spec::{ConfigurationSpec, SpecError, TrialSpec},
    wire,
};

use super::{
    check,
    grid::{self, as_index},
    terms::SweepTerms,
};

/// A valid sweep.
#[derive(Clone, Debug)]
pub struct SweepSpec {
    terms: SweepTerms,
    /// The canonical JSON form of the terms.
    json: Arc<str>,
    /// That of the program, as its workers are told; empty where there is none.
    program: Arc<[u8]>,
    experiment: Experiment,
    /// Grid index of every configuration that no exclusion matches; `None` when that is all.
    kept: Option<Vec<u32>>,
    configurations: u64,
    /// The files of the program, where they came along: to be stored with the sweep.
    files: Arc<Vec<ProgramFile>>,
}

/// What a sweep is follows from its form.
impl PartialEq for SweepSpec {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl SweepSpec {
    /// Checks the terms and freezes them.
    ///
    /// # Errors
    /// The first thing that cannot be, with its place (`space.lambda_p`, `model.beta`, ...).
    pub fn new(terms: SweepTerms) -> Result<Self, SpecError> {
        Self::counted(terms, |_, _| Ok(()))
    }

    /// Checks the terms and freezes them. What it is given may refuse them by their trials before any
    /// configuration is looked at.
    fn counted(
        mut terms: SweepTerms,
        admit: impl FnOnce(&SweepTerms, u64) -> Result<(), SpecError>,
    ) -> Result<Self, SpecError> {
        check::admit(&mut terms)?;
        let kept = grid::kept(&terms)?;
        let points = || grid::points(&terms.axes).expect("admitted spaces can be counted");
        let configurations = kept.as_ref().map_or_else(points, |kept| kept.len() as u64);
        check::check_trials(configurations, terms.replicates)?;
        admit(&terms, configurations * u64::from(terms.replicates))?;
        // The template's value of a swept setting is never used: the first value of its axis
        // stands there, so that one search space has one identity.
        terms.template = grid::first(&terms)?;
        grid::check(&terms, kept.as_deref())?;
        Ok(Self {
            json: canonical_json(&terms).into(),
            program: terms
                .program
                .as_deref()
                .map(ProgramSpec::to_bytes)
                .unwrap_or_default()
                .into(),
            experiment: terms.experiment(),
            terms,
            kept,
            configurations,
            files: Arc::default(),
        })
    }

    /// The sweep with the files of its program.
    ///
    /// # Errors
    /// They are not those that it names.
    pub fn with_files(self, files: Vec<ProgramFile>) -> Result<Self, SpecError> {
        match &self.terms.program {
            Some(program) => program.check_contents(&files)?,
            None if files.is_empty() => {}
            None => {
                let hint = "leave them out";
                return Err(SpecError::new("program.files", "has no program", hint));
            }
        }
        let files = Arc::new(files);
        Ok(Self { files, ..self })
    }

    /// The files of its program, where they came along.
    #[must_use]
    pub fn files(&self) -> &[ProgramFile] {
        &self.files
    }

    /// Reads a specification from JSON, as a peer sent it: a claim until it was checked. Its trials
    /// are limited to this number; they are counted before any is checked.
    ///
    /// # Errors
    /// It is no specification, one that cannot be, or too large.
    pub fn from_peer(json: &[u8], most: u64) -> Result<Self, SpecError> {
        if json.len() > MAX_SPECIFICATION_BYTES {
            let problem = format!("has more than {MAX_SPECIFICATION_BYTES} bytes");
            let hint = "split the space into several sweeps";
            return Err(SpecError::new("specification", problem, hint));
        }
        Self::counted(Self::terms_of(json)?, |terms, trials| {
            check_wanted(trials, most)?;
            check::check_combinations(terms)
        })
    }

    /// Reads a specification from JSON.
    ///
    /// # Errors
    /// It is no specification, or one that cannot be.
    pub fn from_bytes(json: &[u8]) -> Result<Self, SpecError> {
        Self::new(Self::terms_of(json)?)
    }

    fn terms_of(json: &[u8]) -> Result<SweepTerms, SpecError> {
        serde_json::from_slice(json).map_err(|error| {
            problem_of_template(json).unwrap_or_else(|| {
                let problem = format!("cannot be read: {}", shown(&error.to_string()));
                let hint =
                    "a specification as JSON; a command of another version may send another form";
                SpecError::new("specification", problem, hint)
            })
        })
    }

    /// Whether it may be made now, for what was learned since sweeps were first made.
    ///
    /// # Errors
    /// Its name could not be used to name it, or it asks for a device that there is none of.
    pub fn check_new(&self) -> Result<(), SpecError> {
        check::check_new(&self.terms)
    }

    /// The canonical JSON form: what is hashed, stored and sent.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// What the sweep was made from, in canonical form.
    #[must_use]
    pub const fn terms(&self) -> &SweepTerms {
        &self.terms
    }

    /// What its trials are.
    #[must_use]
    pub const fn experiment(&self) -> &Experiment {
        &self.experiment
    }

    /// The sweep's identity: that of its content.
    #[must_use]
    pub fn id(&self) -> SweepId {
        SweepId(ContentKey::of_canonical_json(&self.json))
    }

    /// Number of configurations.
    #[must_use]
    pub const fn configurations(&self) -> u64 {
        self.configurations
    }

    /// Number of trials, those that are withheld until they are allocated included.
    #[must_use]
    pub fn trials(&self) -> u64 {
        self.configurations * u64::from(self.terms.replicates)
    }

    /// Repetitions of every configuration that are run anyway.
    #[must_use]
    pub fn initial_replicates(&self) -> u32 {
        let terms = &self.terms;
        terms.initial_replicates.unwrap_or(terms.replicates)
    }

    /// Number of trials that are run anyway: the first of all.
    #[must_use]
    pub fn initial_trials(&self) -> u64 {
        self.configurations * u64::from(self.initial_replicates())
    }

    /// The configuration at an index below [`Self::configurations`].
    #[must_use]
    pub fn configuration(&self, index: u64) -> ConfigurationSpec {
        // Every one was checked in `new`.
        let values = grid::values(&self.terms.axes, self.grid_index(index));
        self.terms.template.with_checked(values)
    }

    /// The canonical JSON form of the configuration at an index below [`Self::configurations`].
    #[must_use]
    pub fn configuration_json(&self, index: u64) -> String {
        let values = grid::values(&self.terms.axes, self.grid_index(index));
        self.terms.template.json_with(&values)
    }

    /// The position on every axis of the configuration at an index below
    /// [`Self::configurations`].
    #[must_use]
    pub fn positions(&self, index: u64) -> Vec<usize> {
        grid::positions(&self.terms.axes, self.grid_index(index))
    }

    /// Where a trial stands: its configuration's index and its replicate.
    ///
    /// All configurations come once before any comes again, so that a sweep that is not finished
    /// already shows its whole space.
    #[must_use]
    pub const fn place(&self, trial_index: u64) -> (u64, u32) {
        assert!(trial_index < self.configurations * self.terms.replicates as u64);
        let replicate = (trial_index / self.configurations) as u32;
        (trial_index % self.configurations, replicate)
    }

    /// The trial at an index below [`Self::trials`].
    #[must_use]
    pub fn trial(&self, trial_index: u64) -> TrialSpec {
        let (configuration, replicate) = self.place(trial_index);
        TrialSpec {
            configuration: self.configuration(configuration),
            seed: self.terms.seed,
            replicate,
            common_seeds: self.terms.common_seeds,
            program: self.terms.program.clone(),
        }
    }

    /// The trial at an index below [`Self::trials`], as its worker is told: without a copy of the
    /// template, and without a check of what was checked in `new`.
    #[must_use]
    pub fn trial_message(&self, trial_index: u64) -> wire::TrialSpec {
        let (configuration, replicate) = self.place(trial_index);
        wire::TrialSpec {
            configuration: self.configuration_json(configuration).into_bytes(),
            seed: self.terms.seed,
            replicate,
            common_seeds: self.terms.common_seeds,
            program: self.program.to_vec(),
        }
    }

    fn grid_index(&self, index: u64) -> u64 {
        assert!(index < self.configurations);
        self.kept
            .as_ref()
            .map_or(index, |kept| kept[as_index(index)].into())
    }
}

/// What is wrong with the template of a specification, with the path of the setting, which serde's
/// errors do not have.
fn problem_of_template(json: &[u8]) -> Option<SpecError> {
    let mut json: serde_json::Value = serde_json::from_slice(json).ok()?;
    ConfigurationSpec::from_json(json.get_mut("template")?.take()).err()
}

/// Refuses more trials than are wanted.
fn check_wanted(trials: u64, most: u64) -> Result<(), SpecError> {
    if trials <= most {
        return Ok(());
    }
    let problem = format!("{trials} trials are more than {MAX_TRIALS_UNCONFIRMED}");
    let hint = "if that is what you want, submit again with --yes";
    Err(SpecError::new("space", problem, hint))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use pondersweep_proto::{
        setting::{ParameterValue, Setting},
        spec::Settings,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::sweep::{
        Axis, Condition, Exclusion,
        test_support::{any_terms, terms},
    };

    /// The kept configurations, found by asking each configuration for its values.
    fn kept_by_value(terms: &SweepTerms) -> Vec<ConfigurationSpec> {
        let mut grid = vec![terms.template.to_settings()];
        for axis in &terms.axes {
            let spread = |settings: &Settings| {
                let mut copies = Vec::new();
                for value in &axis.values {
                    let mut copy = settings.clone();
                    copy.set(axis.parameter, value.clone()).unwrap();
                    copies.push(copy);
                }
                copies
            };
            grid = grid.iter().flat_map(spread).collect();
        }
        let excluded = |settings: &Settings| {
            let holds = |condition: &Condition| {
                let value = settings.get(condition.parameter).unwrap();
                condition.values.contains(value)
            };
            let matches = |rule: &Exclusion| rule.conditions.iter().all(holds);
            terms.exclusions.iter().any(matches)
        };
        grid.retain(|settings| !excluded(settings));
        grid.into_iter().map(|s| s.try_into().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn the_trials_are_the_kept_configurations_once_for_each_replicate(terms in any_terms()) {
            let expected = kept_by_value(&terms);
            let Ok(spec) = SweepSpec::new(terms.clone()) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            prop_assert_eq!(spec.configurations(), expected.len() as u64);
            let mut trials = (0..spec.trials()).map(|index| spec.trial(index));
            for replicate in 0..terms.replicates {
                for configuration in &expected {
                    let trial = trials.next().unwrap();
                    prop_assert_eq!(&trial.configuration, configuration);
                    prop_assert_eq!(trial.replicate, replicate);
                }
            }
            prop_assert!(trials.next().is_none());
        }

        #[test]
        fn no_two_trials_of_a_sweep_are_the_same(terms in any_terms()) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let keys: HashSet<_> = (0..spec.trials()).map(|i| spec.trial(i).key()).collect();
            prop_assert_eq!(keys.len() as u64, spec.trials());
        }

        #[test]
        fn a_place_names_the_trial_at_its_index(terms in any_terms(), index in any::<u64>()) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let index = index % spec.trials();
            let (configuration, replicate) = spec.place(index);
            prop_assert_eq!(u64::from(replicate) * spec.configurations() + configuration, index);
            let trial = spec.trial(index);
            prop_assert_eq!(&trial.configuration, &spec.configuration(configuration));
            prop_assert_eq!(trial.replicate, replicate);
            let told = TrialSpec::try_from(spec.trial_message(index)).unwrap();
            prop_assert_eq!(&told, &trial);
            let positions = spec.positions(configuration);
            for (axis, position) in spec.terms().axes.iter().zip(positions) {
                let configuration = spec.configuration(configuration);
                prop_assert_eq!(configuration.get(axis.parameter), Some(&axis.values[position]));
            }
        }

        #[test]
        fn freezing_a_sweep_again_changes_nothing(terms in any_terms()) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let again = SweepSpec::new(spec.terms().clone()).unwrap();
            prop_assert_eq!(again.id(), spec.id());
            prop_assert_eq!(&again, &spec);
            prop_assert_eq!(SweepSpec::from_bytes(spec.json().as_bytes()).unwrap(), spec);
        }
    }

    #[test]
    fn the_templates_value_of_a_swept_setting_is_no_part_of_the_identity() {
        let mut other = terms();
        other.template = other.template.with(Setting::LAMBDA_P, 0.77).unwrap();
        let id = SweepSpec::new(terms()).unwrap().id();
        assert_eq!(SweepSpec::new(other.clone()).unwrap().id(), id);
        other.template = other.template.with(Setting::UPDATES, 1001_u64).unwrap();
        assert_ne!(SweepSpec::new(other).unwrap().id(), id);
    }

    #[test]
    fn what_a_peer_has_wrong_in_the_template_is_refused_by_its_place() {
        let sent = canonical_json(&terms());
        for (right, wrong, path) in [
            (r#""lambda_p":0.2"#, r#""lambda_p":2"#, "model.lambda_p"),
            (
                r#""updates""#,
                r#""updates":"many","x""#,
                "training.updates",
            ),
            (r#""name""#, r#""naem""#, "specification"),
        ] {
            assert!(sent.contains(right), "{sent}");
            let error = SweepSpec::from_bytes(sent.replacen(right, wrong, 1).as_bytes());
            assert_eq!(error.unwrap_err().path, path);
        }
    }

    #[test]
    fn a_whole_number_and_its_decimal_form_make_the_same_sweep() {
        let with = |value| {
            let mut terms = terms();
            terms.axes.push(Axis {
                parameter: Setting::BETA,
                values: vec![value],
            });
            SweepSpec::new(terms).unwrap().id()
        };
        assert_eq!(
            with(ParameterValue::Integer(1)),
            with(ParameterValue::Number(1.0))
        );
    }

    fn refused(change: impl FnOnce(&mut SweepTerms)) -> String {
        let mut terms = terms();
        change(&mut terms);
        SweepSpec::new(terms).unwrap_err().path
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_place() {
        let rule = |parameter, values| Exclusion {
            conditions: vec![Condition { parameter, values }],
        };
        let halves = || vec![ParameterValue::Number(0.5)];
        assert_eq!(refused(|t| t.name.clear()), "sweep.name");
        assert_eq!(refused(|t| t.name = "a\nb".into()), "sweep.name");
        assert_eq!(refused(|t| t.replicates = 0), "replicates.count");
        assert_eq!(
            refused(|t| t.solved_threshold = f64::NAN),
            "sweep.solved_threshold"
        );
        assert_eq!(refused(|t| t.max_failures = 0), "limits.max_failures");
        assert_eq!(
            refused(|t| t.max_out_of_memory = 0),
            "limits.max_out_of_memory"
        );
        assert_eq!(
            refused(|t| t.max_worker_losses = 0),
            "limits.max_worker_losses"
        );
        assert_eq!(refused(|t| t.axes[0].values.clear()), "space.lambda_p");
        assert_eq!(
            refused(|t| t.axes.push(t.axes[0].clone())),
            "space.lambda_p"
        );
        assert_eq!(
            refused(|t| t.axes[0].values.push(ParameterValue::Number(0.2))),
            "space.lambda_p"
        );
        assert_eq!(
            refused(|t| t.axes[0].values.push(ParameterValue::Number(1.0))),
            "model.lambda_p"
        );
        assert_eq!(
            refused(|t| t.exclusions.push(rule(Setting::BETA, halves()))),
            "space.exclude"
        );
        assert_eq!(
            refused(|t| t.exclusions.push(rule(Setting::LAMBDA_P, vec![]))),
            "space.exclude"
        );
        let all = |t: &mut SweepTerms| {
            t.exclusions
                .push(rule(Setting::LAMBDA_P, t.axes[0].values.clone()));
        };
        assert_eq!(refused(all), "space.exclude");
    }

    #[test]
    fn only_the_kept_configurations_must_be_valid_together() {
        let mut terms = terms();
        terms.template = terms.template.with(Setting::MAX_NONZEROS, 8_u32).unwrap();
        let elements = |count| ParameterValue::Integer(count);
        terms.axes.push(Axis {
            parameter: Setting::ELEMENTS,
            values: vec![elements(8), elements(4)],
        });
        let error = SweepSpec::new(terms.clone()).unwrap_err();
        assert_eq!(error.path, "task.max_nonzeros");
        terms.exclusions.push(Exclusion {
            conditions: vec![Condition {
                parameter: Setting::ELEMENTS,
                values: vec![elements(4)],
            }],
        });
        assert_eq!(SweepSpec::new(terms).unwrap().configurations(), 2);
    }

    #[test]
    fn a_grid_beyond_the_limit_is_refused_before_it_is_walked() {
        let many = |parameter| Axis {
            parameter,
            values: (1..=100_000).map(ParameterValue::Integer).collect(),
        };
        let huge = |t: &mut SweepTerms| {
            t.axes = vec![
                many(Setting::UPDATES),
                many(Setting::ELEMENTS),
                many(Setting::BETA),
                many(Setting::LEARNING_RATE),
            ];
        };
        assert_eq!(refused(huge), "space");
        assert_eq!(
            refused(|t| {
                t.axes = vec![many(Setting::UPDATES)];
                t.replicates = 1_000;
            }),
            "space"
        );
    }

    #[test]
    fn a_million_configurations_are_checked_to_the_very_last() {
        let axis = |parameter, scale: f64| Axis {
            parameter,
            values: (1..=100)
                .map(|i| ParameterValue::Number(f64::from(i) * scale))
                .collect(),
        };
        let mut terms = terms();
        terms.axes = vec![
            axis(Setting::BETA, 0.01),
            axis(Setting::LEARNING_RATE, 0.001),
            axis(Setting::LAMBDA_P, 0.009),
        ];
        let spec = SweepSpec::new(terms.clone()).unwrap();
        assert_eq!(spec.configurations(), 1_000_000);
        terms.axes[2].values[99] = ParameterValue::Number(1.0);
        assert_eq!(SweepSpec::new(terms).unwrap_err().path, "model.lambda_p");
    }
}
