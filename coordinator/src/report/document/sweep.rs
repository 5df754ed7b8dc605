//! The chapter of one sweep: its tables and figures, each only where its data are there.

mod curves;
mod thresholds;

use pondersweep_proto::setting::{ParameterValue, Setting};

use self::{
    curves::{difficulty_curves, learning_curves, ponder_curve},
    thresholds::thresholds,
};
use super::{
    Block, Picture, Section,
    comparison::Reported,
    sensitivity::{cell_table, conventions, difficulty_table, parameter_tables},
};
use crate::report::{
    analysis::{self, Analysis, AnalysisError, MAX_ANALYSED},
    figure::{BoxPlotFigure, Figure, heading, quantity, sentence},
    input::ReportInput,
    placement::{PlacedTrial, place},
};

/// What "nearly as good" means, in accuracy.
const EPSILONS: [f64; 3] = [0.01, 0.02, 0.05];

const BOX_RULE: &str = "Box: quartiles and median; whiskers: the farthest trial within 1.5 interquartile ranges; \
     every trial that succeeded is a point, moved sideways only so that none hides another.";

const NO_POINTS: &str = "No trial has a result that could be drawn.";

const SOLVED_RULE: &str =
    " Above: trials solved of trials with a result; the tables give the share with its interval.";

/// The chapter, its files' names starting with the prefix.
pub(super) fn chapter(sweep: &Reported<'_>, prefix: &str, seed: u64) -> Vec<Section> {
    let trials = place(sweep.input);
    let head = Section::new(1, sweep.report.sweep.name.clone())
        .with(conventions(sweep.report).into_iter().map(Block::Paragraph));
    let over_seeds = format!("{} over seeds", heading(&sweep.report.sweep.headline));
    let parts = [
        (&*over_seeds, headline(sweep, &trials)),
        ("Solved at other thresholds", thresholds(sweep, &trials)),
        ("Updates until solved", time_to(sweep)),
        ("Ponder steps", ponder_steps(sweep, &trials)),
        ("Heat maps", heat_maps(sweep)),
        ("Learning curves", pictures(learning_curves(sweep))),
        ("By difficulty", by_difficulty(sweep)),
        ("How much each parameter explains", explained(sweep)),
        ("Indistinguishable from the best", best(sweep, seed)),
        ("Robustness", robustness(sweep, seed)),
        ("Power", power(sweep)),
        ("All configurations", cells(sweep)),
    ];
    let parts = parts.into_iter().filter(|(_, blocks)| !blocks.is_empty());
    let parts = parts.map(|(title, blocks)| Section::new(2, title).with(blocks));
    let mut sections: Vec<Section> = std::iter::once(head).chain(parts).collect();
    for section in &mut sections {
        section.prefix_files(prefix);
    }
    sections
}

fn by_difficulty(sweep: &Reported<'_>) -> Vec<Block> {
    let table = difficulty_table(sweep.report).map(Block::Table);
    table
        .into_iter()
        .chain(pictures(difficulty_curves(sweep)))
        .collect()
}

/// What stands under a box plot: only what is drawn in it.
fn box_rule(figure: &BoxPlotFigure) -> &'static str {
    let is_drawn = figure.groups.iter().any(|group| group.box_plot.is_some());
    if is_drawn { BOX_RULE } else { NO_POINTS }
}

/// Figures 2a and 2b where tau or `lambda_p` was swept, with the tables behind them.
fn headline(sweep: &Reported<'_>, trials: &[PlacedTrial<'_>]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for figure in &sweep.report.figures.headline {
        let parameter = figure.axis.parameter;
        let papers = [
            (Setting::TAU, "The paper's Figure 2a. "),
            (Setting::LAMBDA_P, "The paper's Figure 2b. "),
        ];
        let paper = papers.iter().find(|(known, _)| *known == parameter);
        let paper = paper.map_or("", |(_, words)| words);
        blocks.push(Block::Figure(Picture {
            file: format!("{}_by_{parameter}", file_word(quantity(&figure.metric))),
            figure: Figure::BoxPlot(figure.clone()),
            rule: format!("{paper}{}{SOLVED_RULE}", box_rule(figure)),
        }));
    }
    let cells = &sweep.report.cells;
    let measured = |place: &usize| {
        let mut estimates = cells
            .iter()
            .map(|cell| cell.sensitivity.estimates.get(*place));
        estimates.any(|estimate| estimate.is_some())
    };
    if let Some(place) = sweep.report.sweep.extrapolation.filter(measured) {
        for axis in sweep.report.swept_axes() {
            let figure = BoxPlotFigure::new(sweep.input, trials, axis, place);
            let words = sweep.input.task().map_or("", |task| task.extrapolation);
            blocks.push(Block::Figure(Picture {
                file: format!("extrapolation_by_{}", figure.axis.parameter),
                rule: format!("{}. {}", sentence(words), box_rule(&figure)),
                figure: Figure::BoxPlot(figure),
            }));
        }
    }
    if sweep.report.parameters.len() > 1 {
        blocks.extend(parameter_tables(sweep.report).into_iter().map(Block::Table));
    }
    blocks
}

fn ponder_steps(sweep: &Reported<'_>, trials: &[PlacedTrial<'_>]) -> Vec<Block> {
    let figures = sweep.report.figures.ponder_steps.iter();
    let mut blocks: Vec<Block> = figures
        .map(|figure| {
            let prior = if figure.priors.is_empty() {
                ""
            } else {
                " The prior's mean is that of the geometric prior truncated at max_steps and renormalised."
            };
            let points = if figure.means.is_empty() {
                NO_POINTS
            } else {
                "Every trial that succeeded is a point."
            };
            Block::Figure(Picture {
                file: format!("ponder_steps_by_{}", figure.axis.parameter),
                figure: Figure::PonderSteps(figure.clone()),
                rule: format!("{points}{prior}"),
            })
        })
        .collect();
    blocks.extend(figure_2c(sweep, trials));
    blocks
}

/// Ponder steps at `lambda_p` = 0.1, at the end of training and on the way there.
fn figure_2c(sweep: &Reported<'_>, trials: &[PlacedTrial<'_>]) -> Vec<Block> {
    let Some((axis, position)) = position_of_a_tenth(sweep) else {
        return Vec::new();
    };
    let Some(place) = sweep.input.ponder_steps() else {
        return Vec::new();
    };
    let steps = BoxPlotFigure::new(sweep.input, trials, axis, place).at(position);
    let mut blocks = vec![Block::Figure(Picture {
        file: "ponder_steps_at_lambda_p_0.1".to_owned(),
        rule: format!(
            "The paper's Figure 2c at the end of training. {}",
            box_rule(&steps)
        ),
        figure: Figure::BoxPlot(steps),
    })];
    blocks.extend(pictures(ponder_curve(sweep, (axis, position), place)));
    blocks
}

/// Where `lambda_p` is 0.1, whatever an evenly spaced grid made of it.
fn position_of_a_tenth(sweep: &Reported<'_>) -> Option<(usize, usize)> {
    let axis = sweep.input.axis_of(Setting::LAMBDA_P)?;
    let is_a_tenth = |value: &ParameterValue| match value {
        ParameterValue::Number(number) => (number - 0.1).abs() < 1e-9,
        _ => false,
    };
    let mut values = sweep.input.terms.axes[axis].values.iter();
    Some((axis, values.position(is_a_tenth)?))
}

fn heat_maps(sweep: &Reported<'_>) -> Vec<Block> {
    let maps = sweep.report.figures.heat_maps.iter();
    maps.map(|figure| {
        Block::Figure(Picture {
            file: figure.file_name(),
            figure: Figure::HeatMap(figure.clone()),
            rule: format!(
                "n: trials with a result in the cell, those that {} included.",
                if sweep.input.is_trained() {
                    "diverged"
                } else {
                    "are infeasible"
                }
            ),
        })
    })
    .collect()
}

fn explained(sweep: &Reported<'_>) -> Vec<Block> {
    analysed(sweep, "anova", |input| {
        analysis::anova(input, &input.counting())
    })
}

fn best(sweep: &Reported<'_>, seed: u64) -> Vec<Block> {
    analysed(sweep, "best", |input| {
        analysis::best(input, &input.counting(), seed)
    })
}

fn robustness(sweep: &Reported<'_>, seed: u64) -> Vec<Block> {
    analysed(sweep, "robustness", |input| {
        analysis::robustness(input, &EPSILONS, &input.counting(), seed)
    })
}

/// Where the evaluations of trials were read, and are of what solved is about.
fn time_to(sweep: &Reported<'_>) -> Vec<Block> {
    let goal = &sweep.input.goal;
    let is_headline = goal.metric == sweep.input.headline().name && goal.threshold.is_finite();
    let has_curves = sweep
        .input
        .trials
        .iter()
        .any(|trial| !trial.curve.is_empty());
    if !(is_headline && has_curves) {
        return Vec::new();
    }
    analysed(sweep, "time_to", |input| {
        analysis::time_to(input, goal.threshold, &input.counting())
    })
}

fn power(sweep: &Reported<'_>) -> Vec<Block> {
    analysed(sweep, "power", |input| {
        analysis::power(input, &input.counting())
    })
}

/// An analysis, or why there is none; nothing where only one configuration was tried.
fn analysed(
    sweep: &Reported<'_>,
    file: &str,
    analysis: impl FnOnce(&ReportInput) -> Result<Analysis, AnalysisError>,
) -> Vec<Block> {
    let paragraph = |words: String| vec![Block::Paragraph(words)];
    match sweep.report.cells.len() {
        0 | 1 => return Vec::new(),
        cells if cells > MAX_ANALYSED => {
            return paragraph(format!(
                "Not made: {cells} configurations are more than {MAX_ANALYSED}."
            ));
        }
        _ => {}
    }
    match analysis(sweep.input) {
        Ok(analysis) => vec![Block::Table(analysis.table(file))],
        Err(AnalysisError::NoScore) => Vec::new(),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.split('\n').next().unwrap_or_default();
            paragraph(format!("Not made: {reason}."))
        }
    }
}

fn cells(sweep: &Reported<'_>) -> Vec<Block> {
    cell_table(sweep.report)
        .map(Block::Table)
        .into_iter()
        .collect()
}

/// Words as part of a file's name.
fn file_word(words: &str) -> String {
    words.replace(' ', "_")
}

fn pictures(pictures: Vec<Picture>) -> Vec<Block> {
    pictures.into_iter().map(Block::Figure).collect()
}

impl Section {
    fn prefix_files(&mut self, prefix: &str) {
        for block in &mut self.blocks {
            match block {
                Block::Paragraph(_) => {}
                Block::Table(table) => table.file.insert_str(0, prefix),
                Block::Figure(picture) => picture.file.insert_str(0, prefix),
            }
        }
    }
}
