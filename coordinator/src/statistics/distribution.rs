//! The distributions that tests and intervals are read from: the only file that names `statrs`.
//! It decides nothing.

use statrs::{
    distribution::{ChiSquared, Continuous, ContinuousCDF, FisherSnedecor, Normal, StudentsT},
    function::{beta::beta_reg, gamma::ln_gamma},
};

fn standard_normal() -> Normal {
    Normal::new(0.0, 1.0).expect("the standard normal distribution exists")
}

/// The number below which a standard normal variable lies with this probability.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    standard_normal().inverse_cdf(probability)
}

/// The probability of a standard normal variable below the number.
pub(super) fn normal_probability_below(number: f64) -> f64 {
    standard_normal().cdf(number)
}

/// The number below which Student's t lies with this probability, strictly between 0 and 1.
pub(super) fn student_quantile(probability: f64, degrees_of_freedom: f64) -> f64 {
    let student = StudentsT::new(0.0, 1.0, degrees_of_freedom)
        .expect("degrees of freedom are a positive number");
    let mut number = student.inverse_cdf(probability);
    // The library promises three digits only; Newton's rule doubles them with every step.
    for _ in 0..4 {
        number -= (student.cdf(number) - probability) / student.pdf(number);
    }
    number
}

/// The probability of Fisher's F above the number.
pub(super) fn fisher_probability_above(number: f64, numerator: f64, denominator: f64) -> f64 {
    FisherSnedecor::new(numerator, denominator)
        .expect("degrees of freedom are positive numbers")
        .sf(number)
}

pub(super) fn chi_squared_probability_above(number: f64, degrees_of_freedom: f64) -> f64 {
    ChiSquared::new(degrees_of_freedom)
        .expect("degrees of freedom are a positive number")
        .sf(number)
}

/// The natural logarithm of `n choose k`.
pub(super) fn ln_binomial(n: u64, k: u64) -> f64 {
    let ln_factorial = |count: u64| ln_gamma(count as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Beyond this, on either side, the probability below any critical value of a test is zero or one
/// to double precision.
const LARGEST_NONCENTRALITY: f64 = 60.0;

/// The probability of a noncentral t below a number that is not negative: the series of Lenth 1989
/// (AS 243), each term by itself in log space so that none overflows.
pub(super) fn noncentral_student_probability_below(
    number: f64,
    degrees_of_freedom: f64,
    noncentrality: f64,
) -> f64 {
    assert!(number >= 0.0, "the series is for numbers above zero");
    if noncentrality.abs() > LARGEST_NONCENTRALITY {
        return f64::from(u8::from(noncentrality < 0.0));
    }
    let share = number * number / (degrees_of_freedom + number * number);
    let half_square = noncentrality * noncentrality / 2.0;
    let beta = |first: f64| beta_reg(first, degrees_of_freedom / 2.0, share);
    let ln_weight = |j: f64, shift: f64| {
        // `0 * ln 0` is 0: without a noncentrality only the first term is there.
        let power = if j > 0.0 { j * half_square.ln() } else { 0.0 };
        power - half_square - ln_gamma(j + shift)
    };
    let mut sum = 0.0;
    let mut j = 0.0;
    // The weights are those of a Poisson count of mean `half_square`: ten deviations cover it.
    while j <= half_square + 10.0 * half_square.sqrt() + 30.0 {
        let even = ln_weight(j, 1.0).exp() * beta(j + 0.5);
        let odd = ln_weight(j, 1.5).exp() * beta(j + 1.0);
        sum += even + noncentrality / std::f64::consts::SQRT_2 * odd;
        j += 1.0;
    }
    normal_probability_below(-noncentrality) + sum / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_are_the_tabulated_ones() {
        // scipy.stats.t.ppf
        for (probability, freedom, expected) in [
            (0.975, 4.0, 2.776_445_105_197_793_4),
            (0.975, 1.0, 12.706_204_736_174_694),
            (0.995, 29.0, 2.756_385_903_670_605),
            (0.025, 9.0, -2.262_157_162_798_205_3),
        ] {
            let quantile = student_quantile(probability, freedom);
            assert!((quantile - expected).abs() < 1e-9, "{quantile}");
        }
    }

    #[test]
    fn without_noncentrality_the_noncentral_t_is_students() {
        for freedom in [1.0, 4.0, 58.0, 1_998.0] {
            for probability in [0.5, 0.8, 0.975, 0.999] {
                let number = student_quantile(probability, freedom).max(0.0);
                let below = noncentral_student_probability_below(number, freedom, 0.0);
                assert!((below - probability).abs() < 1e-10, "{below}");
            }
        }
    }

    #[test]
    fn a_noncentral_t_is_the_one_of_scipy() {
        // scipy.stats.nct.cdf
        for (number, freedom, noncentrality, expected) in [
            (2.0, 8.0, 1.0, 0.799_879_140_786_338_3),
            (0.5, 3.0, -0.7, 0.872_754_573_282_479_7),
            (2.1, 18.0, 3.5, 0.088_677_774_562_309_94),
            (30.0, 98.0, 28.0, 0.791_323_024_976_516_7),
            (0.0, 5.0, 0.4, 0.344_578_258_389_675_8),
        ] {
            let below = noncentral_student_probability_below(number, freedom, noncentrality);
            assert!((below - expected).abs() < 1e-10, "{below} {expected}");
        }
    }
}
