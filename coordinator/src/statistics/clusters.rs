//! Intervals over configurations that share their seeds. A replicate is then one draw for all of
//! them: what it is in one cell, it tends to be in the others, and a thousand trials of five seeds
//! are five draws. Their sums by replicate are independent, so those are what the intervals count.

use super::{
    Interval,
    distribution::student_quantile,
    few::Scale,
    interval::{CONFIDENCE, two_sided_normal_quantile},
    wilson::wilson_of_share,
};

/// What the trials of one replicate came to, over all configurations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cluster {
    /// The sum of their numbers.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

impl Cluster {
    /// One more number.
    pub fn add(&mut self, number: f64) {
        self.sum += number;
        self.count += 1;
    }
}

/// The mean of all numbers and its standard error by clusters, as the ratio of two sums (Cochran
/// 1977, section 9A). `None` below two clusters.
fn ratio(clusters: &[Cluster]) -> Option<(f64, f64)> {
    let count: u64 = clusters.iter().map(|cluster| cluster.count).sum();
    if clusters.len() < 2 {
        return None;
    }
    let (number, total) = (clusters.len() as f64, count as f64);
    let mean = clusters.iter().map(|cluster| cluster.sum).sum::<f64>() / total;
    let residual = |cluster: &Cluster| cluster.sum - mean * cluster.count as f64;
    let squares: f64 = clusters
        .iter()
        .map(|cluster| residual(cluster).powi(2))
        .sum();
    Some((mean, (number / (number - 1.0) * squares).sqrt() / total))
}

fn filled(clusters: &[Cluster]) -> Vec<Cluster> {
    let filled = clusters.iter().filter(|cluster| cluster.count > 0);
    filled.copied().collect()
}

/// Student's interval of the mean of all numbers, each cluster one draw. `None` below two different
/// ones.
#[must_use]
pub fn clustered_mean_interval(clusters: &[Cluster], scale: Scale) -> Option<Interval> {
    let clusters = filled(clusters);
    let (mean, error) = ratio(&clusters)?;
    scale.around(mean, error, (clusters.len() - 1) as f64)
}

/// Wilson's interval of a share with the number of independent trials that would know it as well as
/// these clusters do, fewer where clusters are few (Korn and Graubard 1998): the sums count
/// successes. Where all trials agree, their clusters cannot be told from copies: then it is the
/// number of clusters. `None` without trials.
#[must_use]
pub fn clustered_share_interval(clusters: &[Cluster]) -> Option<Interval> {
    let clusters = filled(clusters);
    let count = clusters.iter().map(|cluster| cluster.count).sum::<u64>() as f64;
    let share = clusters.iter().map(|cluster| cluster.sum).sum::<f64>() / count;
    let number = clusters.len() as f64;
    let effective = match ratio(&clusters) {
        Some((_, error)) if 0.0 < share && share < 1.0 => {
            let freedom = number - 1.0;
            let student = student_quantile(f64::midpoint(1.0, CONFIDENCE), freedom);
            let alone = (share * (1.0 - share) / error.powi(2)).min(count);
            alone * (two_sided_normal_quantile() / student).powi(2)
        }
        _ => number,
    };
    (count > 0.0).then(|| wilson_of_share(share, effective))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{few::student_interval, wilson_interval};

    fn clusters(sums: &[f64], count: u64) -> Vec<Cluster> {
        let cluster = |&sum: &f64| Cluster { sum, count };
        sums.iter().map(cluster).collect()
    }

    #[test]
    fn equal_clusters_are_their_means() {
        let found = clustered_mean_interval(&clusters(&[2.0, 6.0, 4.0], 4), Scale::Linear).unwrap();
        let means = student_interval(&[0.5, 1.5, 1.0], Scale::Linear).unwrap();
        assert!((found.lower - means.lower).abs() < 1e-12);
        assert!((found.upper - means.upper).abs() < 1e-12);
    }

    #[test]
    fn copies_of_a_replicate_make_nothing_better_known() {
        let width = |count: u64| {
            let sums = [0.0, 1.0, 1.0, 1.0, 0.0, 1.0].map(|share| share * count as f64);
            let interval = clustered_share_interval(&clusters(&sums, count)).unwrap();
            interval.upper - interval.lower
        };
        assert!(
            (width(1) - width(100)).abs() < 0.1,
            "{} {}",
            width(1),
            width(100)
        );
        let alike = clustered_share_interval(&clusters(&[9.0; 5], 9)).unwrap();
        assert_eq!(Some(alike), wilson_interval(5, 5));
        // Clusters that are equal and not of one kind are a spread of none, not a certainty.
        let equal = clustered_share_interval(&clusters(&[3.0; 5], 9)).unwrap();
        assert!(equal.upper - equal.lower > 0.25, "{equal:?}");
        assert_eq!(
            clustered_mean_interval(&clusters(&[3.0; 5], 9), Scale::Logit),
            None
        );
    }

    #[test]
    fn replicates_that_no_configuration_has_count_nothing() {
        let mut some = clusters(&[2.0, 6.0, 4.0], 8);
        let before = clustered_share_interval(&some);
        some.push(Cluster::default());
        assert_eq!(clustered_share_interval(&some), before);
        assert_eq!(clustered_share_interval(&[]), None);
        assert_eq!(clustered_mean_interval(&some[..1], Scale::Linear), None);
    }
}
