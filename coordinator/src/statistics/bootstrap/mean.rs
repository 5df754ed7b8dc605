//! The interval of a mean over one group, the one that sensitivity tables print.

use std::{array, collections::BTreeMap};

use super::RESAMPLES;
use crate::statistics::{
    SplitMix64,
    few::{FEW, Scale, student_interval},
    interval::{CONFIDENCE, Interval, two_sided_normal_quantile},
    quantile::{ascending, quantile},
    summary::mean,
};

/// Above this many numbers nothing is drawn: the quantiles of the bootstrap distribution are read
/// off its Cornish-Fisher expansion, from which drawing 2,000 resamples would differ by chance
/// alone. Drawing costs 2,000 steps for each number, which a million trials cannot pay in each
/// table.
pub const MAX_RESAMPLED: usize = 1_000;

/// Percentile bootstrap interval (Efron 1979) of the mean at [`CONFIDENCE`], a pure function of the
/// numbers, whatever their order, and the seed; above [`MAX_RESAMPLED`] numbers, of its limit;
/// below [`FEW`] Student's on the scale. `None` below two numbers: one seed says nothing about the
/// spread over seeds. With five to ten numbers it is narrow: five normal ones cover 84 %, ten 90 %
/// (see the study in this room's documentation, and [`IntervalMethod`](super::IntervalMethod)).
#[must_use]
pub fn mean_interval(values: &[f64], scale: Scale, seed: u64) -> Option<Interval> {
    let [interval] = mean_intervals([values], [scale], seed);
    interval
}

/// [`mean_interval`] of each of several lists, such as the metrics of the same trials. Lists of one
/// length share their draws, which are most of the work: alone each would have drawn the same.
#[must_use]
pub fn mean_intervals<const LISTS: usize>(
    lists: [&[f64]; LISTS],
    scales: [Scale; LISTS],
    seed: u64,
) -> [Option<Interval>; LISTS] {
    let lists = lists.map(ascending);
    let mut drawn = BTreeMap::new();
    array::from_fn(|index| {
        let list = &lists[index];
        match list.len() {
            count if count < FEW => student_interval(list, scales[index]),
            count if count > MAX_RESAMPLED => Some(expanded_normal_interval(list)),
            count => {
                let means = drawn
                    .entry(count)
                    .or_insert_with(|| resampled_means(&lists, count, seed));
                Some(percentile_interval(list, &mut means[index]))
            }
        }
    })
}

/// The means of resamples of every list of this length; those of another have no meaning.
fn resampled_means<const LISTS: usize>(
    lists: &[Vec<f64>; LISTS],
    count: usize,
    seed: u64,
) -> [Vec<f64>; LISTS] {
    let number = |list: &Vec<f64>, index: usize| list.get(index).copied().unwrap_or_default();
    // Side by side, so that one draw finds the numbers of all lists in one place.
    let rows: Vec<[f64; LISTS]> = (0..count)
        .map(|index| lists.each_ref().map(|list| number(list, index)))
        .collect();
    let mut generator = SplitMix64::new(seed);
    let mut means = [const { Vec::new() }; LISTS];
    for _ in 0..RESAMPLES {
        let sums = resampled_sums(&rows, &mut generator);
        for (means, sum) in means.iter_mut().zip(sums) {
            means.push(sum / count as f64);
        }
    }
    means
}

/// The sums of one resample. Apart from its caller: within it the compiler keeps the sums in memory
/// instead of registers, which takes three times as long.
#[inline(never)]
fn resampled_sums<const LISTS: usize>(
    rows: &[[f64; LISTS]],
    generator: &mut SplitMix64,
) -> [f64; LISTS] {
    let mut sums = [0.0; LISTS];
    for _ in 0..rows.len() {
        let row = &rows[generator.below(rows.len())];
        for (sum, number) in sums.iter_mut().zip(row) {
            *sum += number;
        }
    }
    sums
}

/// The interval that the means of resamples of these ascending numbers span.
fn percentile_interval(values: &[f64], means: &mut [f64]) -> Interval {
    for mean in &mut *means {
        // Rounding must not carry the mean of equal numbers outside of their range.
        *mean = mean.clamp(values[0], values[values.len() - 1]);
    }
    let tail = (1.0 - CONFIDENCE) / 2.0;
    sort_ends(means, tail);
    Interval {
        lower: quantile(means, tail),
        upper: quantile(means, 1.0 - tail),
    }
}

/// Puts the numbers in their place that the quantiles at both tails are read from, and no others:
/// sorting all of them would take longer than drawing them.
fn sort_ends(values: &mut [f64], tail: f64) {
    let last = values.len() - 1;
    let outer = (last as f64 * tail) as usize + 2;
    values.select_nth_unstable_by(outer, f64::total_cmp);
    values[outer + 1..].select_nth_unstable_by(last - 2 * outer - 1, f64::total_cmp);
    values[..=outer].sort_unstable_by(f64::total_cmp);
    values[last - outer..].sort_unstable_by(f64::total_cmp);
}

/// The quantiles of the bootstrap distribution of the mean up to terms of the order 1/n: it has the
/// variance of the numbers over n and their skewness over the root of n (Hall, *The Bootstrap and
/// Edgeworth Expansion*, 1992, sections 2.5 and 3.3).
fn expanded_normal_interval(values: &[f64]) -> Interval {
    let (count, mean) = (values.len() as f64, mean(values));
    let moment = |power| values.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / count;
    let variance = moment(2);
    let error = (variance / count).sqrt();
    let skewness = if variance > 0.0 {
        moment(3) / variance.powf(1.5)
    } else {
        0.0
    };
    let z = two_sided_normal_quantile();
    let shift = skewness / (6.0 * count.sqrt()) * (z * z - 1.0);
    let end = |z: f64| (mean + error * (z + shift)).clamp(values[0], values[values.len() - 1]);
    Interval {
        lower: end(-z),
        upper: end(z),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_depends_on_the_seed_and_the_numbers_but_not_on_their_order() {
        let values = [0.5, 0.97, 0.98, 0.99, 0.96];
        let mut reversed = values;
        reversed.reverse();
        let interval = mean_interval(&values, Scale::Linear, 1);
        assert_eq!(interval, mean_interval(&reversed, Scale::Linear, 1));
        assert_ne!(interval, mean_interval(&values, Scale::Linear, 2));
        assert!(interval.unwrap().contains(0.88));
    }

    #[test]
    fn lists_side_by_side_have_the_intervals_they_have_alone() {
        let mut generator = SplitMix64::new(11);
        let mut list = |count| -> Vec<f64> { (0..count).map(|_| generator.unit()).collect() };
        let lists = [7, 40, 7, 0, 1, 40, MAX_RESAMPLED + 1].map(&mut list);
        let lists = lists.each_ref().map(Vec::as_slice);
        let alone = lists.map(|list| mean_interval(list, Scale::Linear, 5));
        assert_eq!(mean_intervals(lists, [Scale::Linear; 7], 5), alone);
        assert_eq!(
            alone
                .map(|interval| interval.is_some())
                .iter()
                .filter(|some| **some)
                .count(),
            5
        );
    }

    #[test]
    fn below_five_numbers_nothing_is_resampled() {
        for count in 2..=FEW {
            let values: Vec<f64> = (0..count).map(|index| 0.9 + 0.01 * index as f64).collect();
            for scale in [Scale::Linear, Scale::Logit] {
                let drawn = |seed| mean_interval(&values, scale, seed);
                assert_eq!(drawn(1) == drawn(2), count < FEW, "{count}");
            }
        }
    }

    #[test]
    fn one_number_has_no_interval_and_equal_ones_a_point() {
        assert_eq!(mean_interval(&[0.9], Scale::Linear, 0), None);
        assert_eq!(mean_interval(&[], Scale::Linear, 0), None);
        let interval = mean_interval(&[0.1; 7], Scale::Linear, 0).unwrap();
        assert_eq!((interval.lower, interval.upper), (0.1, 0.1));
    }

    #[test]
    fn the_interval_covers_the_true_mean_about_as_often_as_it_says() {
        let mut generator = SplitMix64::new(20_260_102);
        // The sum of twelve uniform numbers is close to normal; its mean is 6.
        let mut draw = || (0..12).map(|_| generator.unit()).sum::<f64>();
        for (count, expected) in [(10, 0.90..=0.945), (40, 0.925..=0.965)] {
            let covered = (0..1_000_u64)
                .filter(|&seed| {
                    let values: Vec<f64> = (0..count).map(|_| draw()).collect();
                    mean_interval(&values, Scale::Linear, seed)
                        .unwrap()
                        .contains(6.0)
                })
                .count();
            let coverage = covered as f64 / 1_000.0;
            assert!(
                expected.contains(&coverage),
                "{count} numbers: covered {coverage}"
            );
        }
    }

    #[test]
    fn many_numbers_get_the_limit_of_the_bootstrap_with_which_drawing_agrees() {
        let mut generator = SplitMix64::new(5);
        // Saturated accuracies with one in fifty at chance: a skewness of nearly minus seven.
        let mut draw = || match generator.below(50) {
            0 => 0.5 + 0.1 * generator.unit(),
            _ => 0.99 + 0.01 * generator.unit(),
        };
        let values: Vec<f64> = (0..MAX_RESAMPLED).map(|_| draw()).collect();
        let resampled = mean_interval(&values, Scale::Linear, 9).unwrap();
        let expanded = expanded_normal_interval(&ascending(&values));
        let width = expanded.upper - expanded.lower;
        assert!((resampled.lower - expanded.lower).abs() < 0.05 * width);
        assert!((resampled.upper - expanded.upper).abs() < 0.05 * width);
        let equal = expanded_normal_interval(&[0.1; 2_000]);
        assert_eq!((equal.lower, equal.upper), (0.1, 0.1));
    }

    #[test]
    fn sorted_ends_have_the_quantiles_of_the_sorted_whole() {
        let mut generator = SplitMix64::new(3);
        for count in [20, 21, 200, RESAMPLES] {
            let mut values: Vec<f64> = (0..count).map(|_| generator.unit()).collect();
            let sorted = ascending(&values);
            sort_ends(&mut values, 0.025);
            for probability in [0.025, 0.975] {
                assert_eq!(
                    quantile(&values, probability),
                    quantile(&sorted, probability)
                );
            }
        }
    }
}
