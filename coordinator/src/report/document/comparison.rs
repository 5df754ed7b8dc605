//! The methods next to each other and to the paper: its Figure 1.

use pondersweep_proto::{
    metric::{Better, built_in},
    setting::{ParameterValue, Setting},
    spec::{ModelKind, TaskKind},
};

use super::{
    Table,
    compute::told_apart,
    paper::{PAPER_ROWS, PAPER_RULE},
    sensitivity::{mean, mean_of, solved},
};
use crate::report::{
    CellRow, Report,
    estimate::{Drawn, Sensitivity},
    field::Field,
    input::{ReportInput, TrialRow},
    number::label,
    placement::place,
};

/// One sweep, and what was made of it.
pub(super) struct Reported<'a> {
    pub(super) input: &'a ReportInput,
    pub(super) report: &'a Report,
}

impl Reported<'_> {
    /// The method that was swept, as the paper calls it.
    pub(super) fn method(&self) -> String {
        let terms = &self.input.terms;
        if !self.input.is_trained() {
            return terms.name.clone();
        }
        let template = &terms.template;
        match template.choice(Setting::METHOD) {
            ModelKind::PonderNet => "PonderNet".to_owned(),
            ModelKind::Act => "ACT".to_owned(),
            ModelKind::Fixed if self.steps_are_swept() => "fixed steps".to_owned(),
            ModelKind::Fixed => fixed_steps(template.whole(Setting::MAX_STEPS)),
        }
    }

    fn steps_are_swept(&self) -> bool {
        let axis = self.input.axis_of(Setting::MAX_STEPS);
        axis.is_some_and(|axis| self.input.terms.axes[axis].values.len() > 1)
    }

    /// What of the sweep is compared with the paper: its best cell; but where only the number of
    /// repeated steps is swept, every cell, since each is a network of its own.
    pub(super) fn entrants(&self) -> Vec<Entrant<'_>> {
        let template = &self.input.terms.template;
        let is_fixed = self.input.is_trained()
            && template.choice::<ModelKind>(Setting::METHOD) == ModelKind::Fixed;
        let steps = self.input.axis_of(Setting::MAX_STEPS);
        let steps = steps.filter(|&axis| is_fixed && self.report.swept_axes() == [axis]);
        let Some(axis) = steps else {
            let best = self.best().map(|cell| Entrant {
                method: self.method(),
                setting: self.setting(cell),
                cell,
            });
            return best.into_iter().collect();
        };
        let measured = self
            .report
            .cells
            .iter()
            .filter(|cell| cell.sensitivity.n > 0);
        let entrants = measured.map(|cell| Entrant {
            method: match cell.values[axis] {
                ParameterValue::Integer(steps) => fixed_steps(steps),
                _ => self.method(),
            },
            setting: format!("max_steps = {}", label(&cell.values[axis])),
            cell,
        });
        entrants.collect()
    }

    /// The cell with the best mean of the headline, the first of several.
    pub(super) fn best(&self) -> Option<&CellRow> {
        let sign = match self.report.sweep.headline.better {
            Better::Lower => -1.0,
            Better::Higher | Better::Neither => 1.0,
        };
        let score =
            |cell: &CellRow| Some(sign * cell.sensitivity.estimates.headline()?.summary.mean);
        let scored = self
            .report
            .cells
            .iter()
            .filter_map(|cell| Some((score(cell)?, cell)));
        let best = scored.rev().max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, cell)| cell)
    }

    pub(super) fn trials_of<'a>(&'a self, cell: &'a CellRow) -> impl Iterator<Item = &'a TrialRow> {
        let trials = self.input.trials.iter();
        trials.filter(|trial| *trial.values == *cell.values)
    }

    /// `lambda_p = 0.3 (best of 9)`.
    pub(super) fn setting(&self, cell: &CellRow) -> String {
        let named = self.report.swept_axes().into_iter().map(|axis| {
            let parameter = self.report.sweep.axes[axis].parameter;
            format!("{parameter} = {}", self.report.label(axis, &cell.values))
        });
        let named = named.collect::<Vec<_>>().join(", ");
        match self.report.cells.len() {
            1 => named,
            cells => format!("{named} (best of {cells})"),
        }
    }
}

/// A method with the setting that stands for it.
pub(super) struct Entrant<'a> {
    pub(super) method: String,
    pub(super) setting: String,
    pub(super) cell: &'a CellRow,
}

/// A network that repeats its step so often; the paper's plain RNN does it once.
fn fixed_steps(steps: u64) -> String {
    match steps {
        1 => "RNN".to_owned(),
        _ => format!("{steps} fixed steps"),
    }
}

/// The paper's Figure 1 with the sweeps' own numbers above the paper's; `None` while there are
/// none.
pub(super) fn figure_1(sweeps: &[Reported<'_>], bootstrap_seed: u64) -> Option<Table> {
    let measured = sweeps
        .iter()
        .flat_map(|sweep| measured_rows(sweep, sweeps, bootstrap_seed));
    let mut rows: Vec<Vec<Field>> = measured.collect();
    if rows.is_empty() {
        return None;
    }
    rows.extend(PAPER_ROWS.iter().map(|row| {
        let mut fields = ["paper", row.method, "not stated"]
            .map(Field::text)
            .to_vec();
        fields.extend([Field::Number(None), Field::Number(None)]);
        fields.extend(row.fields());
        fields
    }));
    Some(Table {
        title: "Figure 1: the methods, with the paper's numbers".to_owned(),
        file: "figure_1".to_owned(),
        columns: columns(),
        rows,
        left_out: 0,
        rules: rules(sweeps),
    })
}

fn columns() -> Vec<String> {
    [
        "source",
        "method",
        "setting",
        "n",
        "solved",
        "accuracy interpolation",
        "steps interpolation",
        "accuracy extrapolation",
        "steps extrapolation",
    ]
    .map(String::from)
    .into()
}

fn rules(sweeps: &[Reported<'_>]) -> Vec<String> {
    let mut rules = vec![
        "measured: mean over trials [95 % percentile bootstrap; of fewer than 5 Student's t], sampled halting; solved [95 % Wilson]. best: the \
         configuration with the highest mean accuracy in interpolation, chosen by the same results and so too \
         high by luck; all: every trial of the sweep."
            .to_owned(),
        PAPER_RULE.to_owned(),
    ];
    if sweeps.iter().any(|sweep| sweep.input.is_adaptive()) {
        rules.push(
            "Where replicates were added after looking: best has all of its own, solved [95 % confidence sequence]; \
             all: the first replicates of every configuration, which were run whatever they showed."
                .to_owned(),
        );
    }
    let elements: Vec<u32> = sweeps
        .iter()
        .map(|sweep| &sweep.input.terms.template)
        .filter(|template| template.choice::<TaskKind>(Setting::TASK) == TaskKind::Parity)
        .map(|template| template.count(Setting::ELEMENTS))
        .filter(|&elements| elements != 64)
        .collect();
    if let Some(elements) = elements.first() {
        rules.push(format!(
            "Measured on parity of {elements} elements, not the paper's 64: compare the pattern, not the numbers."
        ));
    }
    rules
}

fn measured_rows(
    sweep: &Reported<'_>,
    sweeps: &[Reported<'_>],
    bootstrap_seed: u64,
) -> Vec<Vec<Field>> {
    let all = sweeps.iter().flat_map(Reported::entrants);
    let methods: Vec<String> = all.map(|entrant| entrant.method).collect();
    let apart = |method: String| told_apart(method, sweep, &methods, sweeps);
    let entrants = sweep.entrants();
    let rows = entrants.iter().map(|entrant| {
        let Entrant {
            method,
            setting,
            cell,
        } = entrant;
        row(
            sweep,
            apart(method.clone()),
            setting.clone(),
            &cell.sensitivity,
        )
    });
    let mut rows: Vec<Vec<Field>> = rows.collect();
    let cells = sweep.report.cells.len();
    if cells > 1 && entrants.len() == 1 {
        let trials = place(sweep.input);
        let all: Vec<_> = trials
            .iter()
            .filter(|trial| sweep.input.is_fixed(trial.row))
            .collect();
        let seed = Some(bootstrap_seed);
        let pooled = Sensitivity::of(&all, sweep.input, seed, Drawn::over_cells(sweep.input));
        rows.push(row(
            sweep,
            apart(sweep.method()),
            format!("all {cells}"),
            &pooled,
        ));
    }
    rows
}

fn row(sweep: &Reported<'_>, method: String, setting: String, numbers: &Sensitivity) -> Vec<Field> {
    let names = [
        built_in::PONDER_STEPS_INTERPOLATION,
        built_in::PONDER_STEPS_EXTRAPOLATION,
    ];
    let of = |place: Option<usize>| place.and_then(|place| numbers.estimates.get(place));
    let [steps, more_steps] = names.map(|name| of(sweep.input.place_of(&name)));
    vec![
        Field::text("measured"),
        Field::Text(method),
        Field::Text(setting),
        Field::Count(numbers.n),
        solved(numbers),
        mean(numbers.estimates.headline()),
        mean_of(steps, 2),
        mean(of(sweep.report.sweep.extrapolation)),
        mean_of(more_steps, 2),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::simulated::SimulatedSweep;

    fn entrants(sweep: SimulatedSweep) -> (String, Vec<(String, String)>) {
        let input = sweep.input();
        let report = Report::new(&input, 0);
        let sweep = Reported {
            input: &input,
            report: &report,
        };
        let entrants = sweep.entrants().into_iter();
        let named = entrants.map(|entrant| (entrant.method, entrant.setting));
        (sweep.method(), named.collect())
    }

    #[test]
    fn a_sweep_of_fixed_steps_enters_each_of_them_and_one_step_is_the_papers_rnn() {
        let fixed = || SimulatedSweep::new(2).model(json!({ "kind": "fixed", "max_steps": 1 }));
        let (method, named) = entrants(fixed().integers(Setting::MAX_STEPS, &[1, 3]));
        assert_eq!(method, "fixed steps");
        let [one, three] = &named[..] else {
            panic!("{named:?}");
        };
        assert_eq!((&*one.0, &*one.1), ("RNN", "max_steps = 1"));
        assert_eq!((&*three.0, &*three.1), ("3 fixed steps", "max_steps = 3"));
        let (method, named) = entrants(fixed());
        assert_eq!((&*method, named.len()), ("RNN", 1));
    }

    #[test]
    fn rows_of_two_sweeps_of_one_method_are_told_apart_by_name_or_id() {
        let sweep = |name| {
            SimulatedSweep::new(2)
                .numbers(Setting::LAMBDA_P, &[0.1, 0.5])
                .named(name)
        };
        let methods = |mut inputs: Vec<ReportInput>| {
            inputs.last_mut().unwrap().sweep_id = "0123456789abcdef".parse().unwrap();
            let reports: Vec<Report> = inputs.iter().map(|input| Report::new(input, 0)).collect();
            let pairs = inputs.iter().zip(&reports);
            let reported: Vec<_> = pairs
                .map(|(input, report)| Reported { input, report })
                .collect();
            let rows = figure_1(&reported, 0).unwrap().rows.into_iter();
            let methods = rows.filter(|row| row[0] == Field::text("measured"));
            methods.map(|row| row[1].clone()).collect::<Vec<_>>()
        };
        let alone = methods(vec![sweep("a").input()]);
        assert_eq!(alone, [Field::text("PonderNet"), Field::text("PonderNet")]);
        let named = methods(vec![sweep("a").input(), sweep("b").input()]);
        assert_eq!(named[0], Field::text("PonderNet of a"));
        assert_eq!(named[2], Field::text("PonderNet of b"));
        let alike = methods(vec![sweep("a").input(), sweep("a").input()]);
        assert_ne!(alike[0], alike[2]);
        assert_eq!(alike[3], Field::text("PonderNet of a (0123456789abcdef)"));
    }

    #[test]
    fn every_other_sweep_enters_its_best_configuration() {
        let sweep = SimulatedSweep::new(2).numbers(Setting::LAMBDA_P, &[0.1, 0.5, 0.9]);
        let (method, named) = entrants(sweep);
        assert_eq!((&*method, named.len()), ("PonderNet", 1));
        assert!(named[0].1.ends_with("(best of 3)"), "{named:?}");
    }
}
