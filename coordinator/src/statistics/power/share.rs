//! Seeds for a difference between shares, such as the share of seeds that solve the task.

use super::PowerTarget;
/// Seeds up to which power is counted out: beyond, it takes seconds, and sweeps have fewer.
pub const MAX_SEEDS_FOR_SHARE: u64 = 512;

/// Tables whose probabilities differ by less than this, relatively, are equally likely (R's rule).
const SAME: f64 = 1e-7;

/// The probability that Fisher's exact test, two-sided at `alpha`, tells two configurations apart
/// that succeed with these probabilities, with that many seeds each: the sum over every pair of
/// outcomes.
///
/// The test rejects where the tables with the same margins that are no likelier than the observed
/// one have a probability of at most `alpha` together (Fisher 1935; as in R and scipy).
#[must_use]
pub fn share_power(first: f64, second: f64, seeds: u64, alpha: f64) -> f64 {
    let log_factorials = LogFactorials::up_to(2 * seeds);
    let of_first = outcome_probabilities(&log_factorials, first, seeds);
    let of_second = outcome_probabilities(&log_factorials, second, seeds);
    let mut power = 0.0;
    for successes in 0..=2 * seeds {
        for x in rejected(&log_factorials, successes, seeds, alpha) {
            power += of_first[index(x)] * of_second[index(successes - x)];
        }
    }
    power
}

/// The fewest seeds in each configuration from which on the target is reached. Counts are whole, so
/// power rises in a saw-tooth: all numbers from the answer to the next power of two were checked.
/// `None` where 512 do not reach it.
#[must_use]
pub fn seeds_for_share(first: f64, second: f64, target: PowerTarget) -> Option<u64> {
    let reaches = |seeds: &u64| share_power(first, second, *seeds, target.alpha) >= target.power;
    let doubled = (1..=MAX_SEEDS_FOR_SHARE.ilog2()).map(|exponent| 1_u64 << exponent);
    let enough = doubled.into_iter().find(reaches)?;
    let fewer = (2..enough).rev();
    Some(fewer.take_while(reaches).last().unwrap_or(enough))
}

/// Logarithms of factorials, which every table of outcomes needs again.
struct LogFactorials {
    ln_factorials: Vec<f64>,
}

impl LogFactorials {
    fn up_to(largest: u64) -> Self {
        let mut sum = 0.0;
        let logarithms = (1..=largest).map(|factor| {
            sum += (factor as f64).ln();
            sum
        });
        Self {
            ln_factorials: std::iter::once(0.0).chain(logarithms).collect(),
        }
    }

    /// The natural logarithm of `n choose k`.
    fn ln_choose(&self, n: u64, k: u64) -> f64 {
        let ln_factorial = |count| self.ln_factorials[index(count)];
        ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
    }
}

/// The probability of each number of successes.
fn outcome_probabilities(log_factorials: &LogFactorials, share: f64, seeds: u64) -> Vec<f64> {
    let probability = |successes: u64| {
        let failures = seeds - successes;
        // Powers, not logarithms, so that 0^0 is 1.
        let orders = log_factorials.ln_choose(seeds, successes).exp();
        orders * share.powf(successes as f64) * (1.0 - share).powf(failures as f64)
    };
    (0..=seeds).map(probability).collect()
}

/// The successes of the first group at which the test rejects, given those of both.
fn rejected(log_factorials: &LogFactorials, successes: u64, seeds: u64, alpha: f64) -> Vec<u64> {
    let range = successes.saturating_sub(seeds)..=successes.min(seeds);
    let all = log_factorials.ln_choose(2 * seeds, successes);
    let mut tables: Vec<(u64, f64)> = range
        .map(|x| {
            let these =
                log_factorials.ln_choose(seeds, x) + log_factorials.ln_choose(seeds, successes - x);
            (x, (these - all).exp())
        })
        .collect();
    tables.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut rejected = Vec::new();
    let mut p = 0.0;
    for tied in tables.chunk_by(|a, b| b.1 <= a.1 * (1.0 + SAME)) {
        p += tied.iter().map(|(_, probability)| probability).sum::<f64>();
        if p > alpha * (1.0 + SAME) {
            break;
        }
        rejected.extend(tied.iter().map(|(x, _)| x));
    }
    rejected
}

fn index(count: u64) -> usize {
    usize::try_from(count).expect("counts of seeds fit in memory")
}
