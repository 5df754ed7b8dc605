//! exp, sigmoid, tanh and softplus of vectors. Errors in units in the last place are those measured
//! by the tests below, over every float they are evaluated on. NaN stays NaN.

use std::f32::consts::LOG2_E;

use super::simd::Simd;

/// log(2) in two parts: an integer of up to seven bits times the first is exact, fused or not.
const LOG_2: f32 = 0.693_359_4;
const LOG_2_REST: f32 = -2.121_944_4e-4;

/// Minimax polynomial of (e^f - 1) / f on |f| <= log(2) / 2, relative error 1.1e-8; highest power
/// first.
const EXP: [f32; 6] = [
    0.001_388_887_3,
    0.008_369_069,
    0.041_667_137,
    0.166_665_06,
    0.5,
    1.0,
];

/// Minimax polynomial of (atanh(s) / s - 1) / s^2 in s^2 on [0, 1/9]; highest power first.
const ATANH: [f32; 4] = [0.140_125_7, 0.139_995_07, 0.200_108_53, 0.333_332_07];

/// `x = integer log(2) + fraction` with |fraction| <= log(2) / 2, and e^fraction - 1 =
/// `fraction * polynomial`.
struct Power<V> {
    integer: V,
    fraction: V,
    polynomial: V,
}

#[inline(always)]
fn power<S: Simd>(simd: S, x: S::V) -> Power<S::V> {
    let integer = simd.round(simd.mul(x, simd.splat(LOG2_E)));
    let fraction = simd.negative_mul_add(integer, simd.splat(LOG_2), x);
    let fraction = simd.negative_mul_add(integer, simd.splat(LOG_2_REST), fraction);
    Power {
        integer,
        fraction,
        polynomial: evaluate(simd, &EXP, fraction),
    }
}

#[inline(always)]
fn evaluate<S: Simd>(simd: S, polynomial: &[f32], x: S::V) -> S::V {
    let mut value = simd.splat(polynomial[0]);
    for &coefficient in &polynomial[1..] {
        value = simd.mul_add(value, x, simd.splat(coefficient));
    }
    value
}

#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::V, low: f32, high: f32) -> S::V {
    // The operand order keeps NaN.
    simd.max(simd.splat(low), simd.min(simd.splat(high), x))
}

/// e^x for x clamped to [-87, 88], within 1.5 ulp there (1 where the CPU fuses).
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::V) -> S::V {
    let power = power(simd, clamp(simd, x, -87.0, 88.0));
    let power_of_fraction = simd.mul_add(power.fraction, power.polynomial, simd.splat(1.0));
    simd.scale(power_of_fraction, power.integer)
}

/// 1 / (1 + e^-x), within 2.5 ulp for x >= -87, and about e^-88 below.
///
/// Divides: an approximate reciprocal with a Newton step was slower on Zen 4, whose divider works
/// in parallel to the multipliers, which are the bottleneck.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(simd: S, x: S::V) -> S::V {
    let one = simd.splat(1.0);
    let minus_x = simd.sub(simd.zero(), x);
    simd.div(one, simd.add(one, exp(simd, minus_x)))
}

/// (e^2x - 1) / (e^2x + 1), within 4 ulp.
#[inline(always)]
pub(super) fn tanh<S: Simd>(simd: S, x: S::V) -> S::V {
    let one = simd.splat(1.0);
    // From 9.02 on the nearest float is 1.
    let x = clamp(simd, x, -10.0, 10.0);
    let power = power(simd, simd.add(x, x));
    let scale = simd.scale(one, power.integer);
    // e^2x - 1 without cancellation: scale (e^fraction - 1) + (scale - 1).
    let numerator = simd.mul_add(
        simd.mul(scale, power.fraction),
        power.polynomial,
        simd.sub(scale, one),
    );
    simd.div(numerator, simd.add(numerator, simd.splat(2.0)))
}

/// log(1 + u) for u in [0, 1], within 2 ulp: 2 atanh(s) with s = u / (2 + u).
#[inline(always)]
pub(super) fn log_1_plus<S: Simd>(simd: S, u: S::V) -> S::V {
    let s = simd.div(u, simd.add(u, simd.splat(2.0)));
    let squared = simd.mul(s, s);
    let twice = simd.add(s, s);
    let series = simd.mul(squared, evaluate(simd, &ATANH, squared));
    simd.mul_add(twice, series, twice)
}

/// softplus(x) = log(1 + e^x) and the sigmoid of x, which share e^-|x|.
#[inline(always)]
pub(super) fn softplus_and_sigmoid<S: Simd>(simd: S, x: S::V) -> (S::V, S::V) {
    let positive = simd.max(simd.zero(), x);
    // -|x|
    let magnitude = simd.sub(x, simd.add(positive, positive));
    let small = exp(simd, magnitude);
    let softplus = simd.add(positive, log_1_plus(simd, small));
    (softplus, sigmoid(simd, x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::instruction_set::{InstructionSet, Job};

    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Sigmoid,
        Tanh,
        Log1Plus,
        Softplus,
    }

    struct Apply<'a>(Function, &'a mut [f32]);

    impl Job for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd, const ROWS: usize>(self, simd: S) {
            for chunk in self.1.chunks_exact_mut(S::LANES) {
                // SAFETY: the chunk has LANES floats.
                unsafe {
                    let x = simd.load(chunk.as_ptr());
                    let y = match self.0 {
                        Function::Exp => exp(simd, x),
                        Function::Sigmoid => sigmoid(simd, x),
                        Function::Tanh => tanh(simd, x),
                        Function::Log1Plus => log_1_plus(simd, x),
                        Function::Softplus => softplus_and_sigmoid(simd, x).0,
                    };
                    simd.store(chunk.as_mut_ptr(), y);
                }
            }
        }
    }

    fn ulp(value: f64) -> f64 {
        let exponent = value.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor();
        (exponent - 23.0).exp2()
    }

    /// The largest error in ulp over every `stride`-th float of the range.
    fn worst(function: Function, from: f32, to: f32, exact: fn(f64) -> f64) -> f64 {
        // A prime, so that all low bits are met; 1 visits every float.
        const STRIDE: usize = 251;
        let mut worst = 0.0_f64;
        let both = [(from.max(0.0), to, false), ((-to).max(0.0), -from, true)];
        for (low, high, negative) in both {
            let inputs: Vec<f32> = (low.to_bits()..=high.max(low).to_bits())
                .step_by(STRIDE)
                .map(|bits| f32::from_bits(bits) * if negative { -1.0 } else { 1.0 })
                .filter(|x| (from..=to).contains(x))
                .collect();
            for set in InstructionSet::available() {
                let mut outputs = inputs.clone();
                outputs.resize(inputs.len().next_multiple_of(16), 0.0);
                set.run(Apply(function, &mut outputs));
                for (&x, &y) in inputs.iter().zip(&outputs) {
                    let exact = exact(f64::from(x));
                    worst = worst.max((f64::from(y) - exact).abs() / ulp(exact));
                }
            }
        }
        worst
    }

    #[test]
    fn functions_keep_their_stated_errors() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let errors = [
            ("exp", worst(Function::Exp, -87.0, 88.0, f64::exp), 1.5),
            (
                "sigmoid",
                worst(Function::Sigmoid, -87.0, 1e30, sigmoid),
                2.5,
            ),
            ("tanh", worst(Function::Tanh, -1e30, 1e30, f64::tanh), 4.0),
            ("log", worst(Function::Log1Plus, 0.0, 1.0, f64::ln_1p), 2.0),
            (
                "softplus",
                worst(Function::Softplus, -87.0, 1e30, softplus),
                3.0,
            ),
        ];
        for (name, error, stated) in errors {
            println!("{name}: {error:.3} ulp");
            assert!(error <= stated, "{name}: {error} ulp");
        }
    }

    #[test]
    fn infinities_saturate_and_nan_stays() {
        for set in InstructionSet::available() {
            let apply = |function, x: f32| {
                let mut values = [x; 16];
                set.run(Apply(function, &mut values));
                values[0]
            };
            assert_eq!(apply(Function::Tanh, f32::INFINITY), 1.0);
            assert_eq!(apply(Function::Tanh, f32::NEG_INFINITY), -1.0);
            assert_eq!(apply(Function::Sigmoid, f32::INFINITY), 1.0);
            assert!(apply(Function::Sigmoid, f32::NEG_INFINITY) < 1e-37);
            for function in [Function::Tanh, Function::Sigmoid, Function::Softplus] {
                assert!(apply(function, f32::NAN).is_nan(), "{}", set.name());
            }
        }
    }
}
