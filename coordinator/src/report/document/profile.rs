//! Several methods by the distribution of all their scores: performance profiles and the
//! probability that a trial of one does better than a trial of another (Agarwal et al. 2021). It
//! judges a method by its whole grid, as who has not yet tuned it meets it.

use pondersweep_proto::metric::Metric;

use super::{Block, Picture, Table, comparison::Reported, compute::told_apart};
use crate::{
    report::{
        field::Field,
        figure::{BandFigure, BandPoint, BandSeries, Caption, Figure, Height, quantity},
        placement::place,
    },
    statistics::{Counting, Replicate, Sample, performance_profile, probability_of_improvement},
};

/// Steps between guessing and no mistake.
const STEPS: u32 = 100;

const PROFILE_RULE: &str = "Share of all trials of a method, over all its configurations, whose accuracy is above the \
     one below; the higher the line, the better. Band: pointwise 95 % bootstrap over the replicates of each \
     configuration, levels widened for their number.";

/// A method with the scores of its trials.
struct Scored {
    name: String,
    scores: Sample,
}

/// The figure and the table; nothing where fewer than two methods have scores.
pub(super) fn profiles(sweeps: &[Reported<'_>], bootstrap_seed: u64) -> Vec<Block> {
    // Heights of a profile are shares between guessing and no mistake: other metrics have none.
    let first = sweeps.first().map(|sweep| sweep.input);
    let Some((headline, chance)) =
        first.and_then(|input| Some((input.headline(), input.chance(input.headline())?)))
    else {
        return Vec::new();
    };
    let counting = counting(sweeps, chance);
    let methods: Vec<String> = sweeps.iter().map(Reported::method).collect();
    let scored = sweeps.iter().filter_map(|sweep| {
        let cells = cells(sweep, &counting);
        Some(Scored {
            name: told_apart(sweep.method(), sweep, &methods, sweeps),
            scores: Sample::of_cells(&cells, sweep.input.terms.common_seeds)?,
        })
    });
    let scored: Vec<Scored> = scored.collect();
    let caption = Caption::of_all(sweeps.iter().map(|sweep| sweep.input));
    let Some(caption) = caption.filter(|_| scored.len() > 1) else {
        return Vec::new();
    };
    vec![
        Block::Figure(Picture {
            file: "performance_profiles".to_owned(),
            figure: Figure::Band(figure(caption, &scored, (headline, chance), bootstrap_seed)),
            rule: format!("{PROFILE_RULE} Score: {}; {counting}.", score(headline)),
        }),
        Block::Table(table(&scored, &score(headline), &counting, bootstrap_seed)),
    ]
}

/// The scores of each configuration, by replicate.
fn cells(sweep: &Reported<'_>, counting: &Counting) -> Vec<Vec<Option<f64>>> {
    let mut trials = place(sweep.input);
    // More trials of one configuration, added for what it showed, would be no more of the others.
    trials.retain(|trial| sweep.input.is_fixed(trial.row));
    let cells = trials.chunk_by(|a, b| a.positions == b.positions);
    let cells = cells.map(|cell| {
        let mut scores = vec![None; sweep.input.fixed_replicates() as usize];
        for trial in cell {
            scores[trial.row.replicate as usize] = counting.score(sweep.input.score(trial.row));
        }
        scores
    });
    cells.collect()
}

/// As each of the sweeps counts by itself, and the same for all: as the lowest.
fn counting(sweeps: &[Reported<'_>], chance: f64) -> Counting {
    let own = sweeps.iter().map(|sweep| sweep.input.counting());
    let counted = own.filter_map(|own| own.score(Replicate::Infeasible));
    Counting::infeasible_as(counted.fold(chance, f64::min))
}

/// `accuracy in interpolation`.
fn score(metric: &Metric) -> String {
    let range = metric.range.map(|range| format!(" in {}", range.name()));
    format!("{}{}", quantity(metric), range.unwrap_or_default())
}

fn figure(
    caption: Caption,
    scored: &[Scored],
    (headline, chance): (&Metric, f64),
    bootstrap_seed: u64,
) -> BandFigure {
    BandFigure {
        title: "Performance profiles".to_owned(),
        caption,
        horizontal: headline.title(),
        horizontal_start: chance,
        height: Height::ShareOfTrials,
        key: "method".to_owned(),
        ordered: false,
        series: scored
            .iter()
            .map(|method| profile(method, chance, bootstrap_seed))
            .collect(),
        chance: None,
        reference: None,
        boundary: None,
    }
}

fn profile(method: &Scored, chance: f64, bootstrap_seed: u64) -> BandSeries {
    let share_of_way = |step| f64::from(step) / f64::from(STEPS);
    let thresholds: Vec<f64> = (0..=STEPS)
        .map(|step| chance + (1.0 - chance) * share_of_way(step))
        .collect();
    let profile = performance_profile(&method.scores, &thresholds, bootstrap_seed);
    let points = profile.into_iter().map(|point| BandPoint {
        at: point.threshold,
        lower: point
            .interval
            .map_or(point.share, |interval| interval.lower),
        line: point.share,
        upper: point
            .interval
            .map_or(point.share, |interval| interval.upper),
        n: method.n(),
    });
    BandSeries {
        name: method.name.clone(),
        points: points.collect(),
    }
}

fn table(scored: &[Scored], score: &str, counting: &Counting, bootstrap_seed: u64) -> Table {
    let pairs = (0..).zip(scored).flat_map(|(index, first)| {
        let others = scored[index + 1..].iter();
        others.map(move |second| (first, second))
    });
    let rows = pairs.map(|(first, second)| {
        let found = probability_of_improvement(&first.scores, &second.scores, bootstrap_seed);
        vec![
            Field::Text(first.name.clone()),
            Field::Text(second.name.clone()),
            Field::Count(first.n()),
            Field::Count(second.n()),
            Field::estimate(Some(found.probability), found.interval, 3),
        ]
    });
    Table {
        title: "Probability of improvement".to_owned(),
        file: "probability_of_improvement".to_owned(),
        columns: ["method", "over", "n", "n of the other", "probability"]
            .map(String::from)
            .into(),
        rows: rows.collect(),
        left_out: 0,
        rules: vec![format!(
            "The probability that a trial of the one, drawn from all its configurations and seeds, has a higher \
             score than one of the other, a tie counting half [95 % bootstrap over the replicates of each \
             configuration, levels widened for their number]. Score: {score}; {counting}."
        )],
    }
}

/// How the methods of that table compare, a sentence for each pair: whether the interval leaves out
/// a half.
pub(super) fn compared(blocks: &[Block]) -> Vec<String> {
    let tables = blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(&table.rows),
        _ => None,
    });
    tables.flatten().filter_map(|row| sentence(row)).collect()
}

fn sentence(row: &[Field]) -> Option<String> {
    let [
        Field::Text(first),
        Field::Text(second),
        _,
        _,
        probability @ Field::Estimate(estimate),
    ] = row
    else {
        return None;
    };
    let decided = estimate
        .interval
        .is_some_and(|interval| !interval.contains(0.5));
    let verdict = if decided {
        ""
    } else {
        ", which does not tell the methods apart"
    };
    Some(format!(
        "Over their whole grids, a trial of {first} scores above one of {second} with probability {}{verdict}.",
        probability.shown()
    ))
}

impl Scored {
    fn n(&self) -> u64 {
        self.scores.pooled().len() as u64
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::setting::Setting;

    use super::*;
    use crate::report::{Report, ReportInput, input::HEADLINE, simulated::SimulatedSweep};

    fn input(accuracy: f64) -> ReportInput {
        let sweep = SimulatedSweep::new(4).numbers(Setting::LAMBDA_P, &[0.1, 0.9]);
        let mut input = sweep.input();
        for trial in &mut input.trials {
            trial.set(HEADLINE, accuracy);
        }
        input
    }

    fn blocks(inputs: &[ReportInput]) -> Vec<Block> {
        let reports: Vec<Report> = inputs.iter().map(|input| Report::new(input, 0)).collect();
        let sweeps = inputs.iter().zip(&reports);
        let sweeps: Vec<Reported<'_>> = sweeps
            .map(|(input, report)| Reported { input, report })
            .collect();
        profiles(&sweeps, 0)
    }

    #[test]
    fn one_method_alone_is_compared_with_nothing() {
        assert_eq!(blocks(&[input(0.9)]), []);
    }

    #[test]
    fn a_method_that_always_does_better_improves_with_certainty_and_has_the_higher_profile() {
        let blocks = blocks(&[input(0.9), input(0.75)]);
        let [Block::Figure(picture), Block::Table(table)] = &blocks[..] else {
            panic!("{blocks:?}");
        };
        assert_eq!(table.rows[0][4].shown(), "1.000 [1.000, 1.000]");
        let Figure::Band(figure) = &picture.figure else {
            panic!("{picture:?}");
        };
        let share = |series: usize, threshold: f64| {
            let points = figure.series[series].points.iter();
            let at = points.filter(|point| (point.at - threshold).abs() < 1e-9);
            at.map(|point| point.line).next().unwrap()
        };
        assert_eq!([share(0, 0.7), share(1, 0.7)], [1.0, 1.0]);
        assert_eq!([share(0, 0.8), share(1, 0.8)], [1.0, 0.0]);
        assert_eq!([share(0, 0.95), share(1, 0.95)], [0.0, 0.0]);
    }

    #[test]
    fn two_sweeps_of_one_method_are_told_apart_and_equal_scores_tie() {
        let blocks = blocks(&[input(0.9), input(0.9)]);
        let Block::Table(table) = &blocks[1] else {
            panic!("{blocks:?}");
        };
        let shown: Vec<String> = table.rows[0].iter().map(Field::shown).collect();
        assert!(shown[0].starts_with("PonderNet of "), "{shown:?}");
        assert_eq!(shown[4], "0.500 [0.500, 0.500]");
    }
}
