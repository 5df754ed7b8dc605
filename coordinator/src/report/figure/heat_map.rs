//! Accuracy or share solved over two parameters.

use pondersweep_proto::{
    metric::{Better, Metric},
    setting::{ParameterValue, Setting},
};

use super::{Caption, ValueAxis, quantity as quantity_of};
use crate::{
    report::{
        estimate::{share, values},
        input::{HEADLINE, ReportInput},
        number::{labels, significant},
        placement::PlacedTrial,
    },
    scheduler::TrialState,
    statistics::Summary,
};

/// What the colour of a heat map's cell tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeatMapQuantity {
    /// The mean of the headline over the trials that measured it.
    MeanHeadline,
    /// Share of trials that reached the solved threshold.
    ShareSolved,
}

/// A quantity over two parameters, all others pooled.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMapFigure {
    /// Which sweep, and how trials are judged.
    pub caption: Caption,
    /// What the colours tell.
    pub quantity: HeatMapQuantity,
    /// Its name in a word or two.
    pub label: String,
    /// Its name, at the start of a title.
    pub name: String,
    /// What a colour means.
    pub meaning: String,
    /// The level of guessing, where the quantity has one.
    pub chance: Option<f64>,
    /// The parameter along the horizontal axis: the one with more values.
    pub horizontal: ValueAxis,
    /// The parameter along the vertical axis, its first value at the bottom.
    pub vertical: ValueAxis,
    /// The one value of a third parameter that is shown, and its label; `None` where all others are pooled.
    pub at: Option<(Setting, ParameterValue, String)>,
    /// The least and the greatest value of all heat maps it is compared with: they share their colours.
    pub extent: Option<[f64; 2]>,
    /// Row by row from the bottom, each from left to right.
    pub cells: Vec<HeatMapCell>,
}

/// The trials with one value of each parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeatMapCell {
    /// `None` without a trial that has one.
    pub value: Option<f64>,
    /// Trials with a result.
    pub n: u64,
}

impl HeatMapFigure {
    pub(super) fn new(
        input: &ReportInput,
        trials: &[PlacedTrial<'_>],
        (first, second): (usize, usize),
        quantity: HeatMapQuantity,
        third: Option<(usize, usize)>,
    ) -> Self {
        let size = |axis: usize| input.terms.axes[axis].values.len();
        let (horizontal, vertical) = if size(second) > size(first) {
            (second, first)
        } else {
            (first, second)
        };
        let mut groups = vec![Vec::new(); size(horizontal) * size(vertical)];
        let shown = trials
            .iter()
            .filter(|trial| third.is_none_or(|(axis, at)| trial.positions[axis] == at));
        for trial in shown {
            let place = &trial.positions;
            groups[place[vertical] * size(horizontal) + place[horizontal]].push(trial);
        }
        let cells = groups
            .iter()
            .map(|group| HeatMapCell::new(group, input, quantity));
        let settled = third.map(|(axis, _)| axis);
        let settled: Vec<usize> = [horizontal, vertical].into_iter().chain(settled).collect();
        Self {
            caption: Caption::new(input, &settled),
            at: third.map(|(axis, at)| {
                let axis = &input.terms.axes[axis];
                let label = labels(&axis.values).swap_remove(at);
                (axis.parameter, axis.values[at].clone(), label)
            }),
            label: match quantity {
                HeatMapQuantity::MeanHeadline => quantity_of(input.headline()).to_owned(),
                HeatMapQuantity::ShareSolved => "share solved".to_owned(),
            },
            name: match quantity {
                HeatMapQuantity::MeanHeadline => format!("Mean {}", quantity_of(input.headline())),
                HeatMapQuantity::ShareSolved => "Share of trials solved".to_owned(),
            },
            meaning: meaning(input, quantity),
            chance: input.chance(input.headline()),
            quantity,
            horizontal: ValueAxis::new(input, horizontal),
            vertical: ValueAxis::new(input, vertical),
            extent: None,
            cells: cells.collect(),
        }
    }

    /// What the figure shows.
    #[must_use]
    pub fn title(&self) -> String {
        let (horizontal, vertical) = (self.horizontal.parameter, self.vertical.parameter);
        let quantity = &self.name;
        let at = self.at.as_ref();
        let at = at.map(|(parameter, _, label)| format!(" at {parameter} = {label}"));
        format!(
            "{quantity} over {horizontal} and {vertical}{}",
            at.unwrap_or_default()
        )
    }
}

impl HeatMapFigure {
    /// A name that no other heat map of its sweep has.
    pub(in crate::report) fn file_name(&self) -> String {
        let axes = format!("{}_{}", self.horizontal.parameter, self.vertical.parameter);
        let at = self.at.as_ref();
        let at = at.map(|(parameter, value, _)| format!("_at_{parameter}_{value}"));
        let at = at.unwrap_or_default();
        match self.quantity {
            HeatMapQuantity::MeanHeadline => format!("heat_map_{axes}{at}"),
            HeatMapQuantity::ShareSolved => format!("heat_map_solved_{axes}{at}"),
        }
    }
}

/// The maps, each with the extent of all that show the same quantity.
pub(super) fn compared(mut maps: Vec<HeatMapFigure>) -> Vec<HeatMapFigure> {
    for quantity in [HeatMapQuantity::MeanHeadline, HeatMapQuantity::ShareSolved] {
        let cells = maps.iter().filter(|map| map.quantity == quantity);
        let values = cells.flat_map(|map| map.cells.iter().filter_map(|cell| cell.value));
        let extent = values.fold(None, |extent: Option<[f64; 2]>, value| {
            let [low, high] = extent.unwrap_or([value; 2]);
            Some([low.min(value), high.max(value)])
        });
        for map in maps.iter_mut().filter(|map| map.quantity == quantity) {
            map.extent = extent;
        }
    }
    maps
}

impl HeatMapCell {
    fn new(trials: &[&PlacedTrial<'_>], input: &ReportInput, quantity: HeatMapQuantity) -> Self {
        let n = count(trials, |trial| trial.row.outcome != TrialState::Failed);
        let value = match quantity {
            HeatMapQuantity::MeanHeadline => {
                let measured = values(trials, HEADLINE);
                Summary::of(&measured).map(|summary| summary.mean)
            }
            HeatMapQuantity::ShareSolved => {
                share(count(trials, |trial| input.is_solved(trial.row)), n)
            }
        };
        Self { value, n }
    }
}

fn meaning(input: &ReportInput, quantity: HeatMapQuantity) -> String {
    let on = |metric: &Metric| {
        let range = metric.range.map(|range| format!(" on {}", range.name()));
        format!("{}{}", quantity_of(metric), range.unwrap_or_default())
    };
    let goal = &input.goal;
    let infeasible = if input.is_trained() {
        "diverged"
    } else {
        "infeasible"
    };
    match quantity {
        HeatMapQuantity::MeanHeadline => {
            let metric = input.headline();
            let condition = Some(&metric.condition).filter(|words| !words.is_empty());
            let condition = condition.map(|words| format!(", {words}"));
            let condition = condition.unwrap_or_default();
            format!("{}{condition}; {infeasible} trials have none", on(metric))
        }
        HeatMapQuantity::ShareSolved => {
            let metric = input
                .place_of(&goal.metric)
                .map(|place| &input.metrics[place]);
            let end = match goal.better {
                Better::Lower => "most",
                Better::Higher | Better::Neither => "least",
            };
            format!(
                "solved: {} of at {end} {}; {infeasible} is unsolved",
                metric.map_or_else(|| goal.metric.to_string(), on),
                significant(goal.threshold, 6)
            )
        }
    }
}

fn count(trials: &[&PlacedTrial<'_>], test: impl Fn(&PlacedTrial<'_>) -> bool) -> u64 {
    trials.iter().filter(|trial| test(trial)).count() as u64
}
