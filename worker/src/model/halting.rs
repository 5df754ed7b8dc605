//! When a sample halts (paper, sections 2.1 and 2.3), in log space: re-implementations that take
//! `log(p_n)` of a product drop samples or produce NaN when a halting probability saturates.

use burn::tensor::{Bool, Tensor, activation::log_sigmoid, s};
use pondersweep_proto::spec::{ModelSettings, Residual, Unroll};

/// `log p_n` of the steps a sample does not take: small enough that `p_n` is exactly zero, and
/// finite so that `p_n log p_n` is zero too.
const LOG_ZERO: f64 = -1e9;

/// How many steps are computed, and which of them is a sample's last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLimit {
    /// N, the most steps.
    max_steps: usize,
    /// A sample ends once its mass not yet halted is below `exp` of this; minus infinity is never.
    log_epsilon: f64,
}

impl StepLimit {
    /// Always `max_steps`.
    #[must_use]
    pub const fn fixed(max_steps: usize) -> Self {
        Self {
            max_steps,
            log_epsilon: f64::NEG_INFINITY,
        }
    }

    /// Up to each sample's smallest n with `sum_{j<=n} p_j > 1 - epsilon`, at most `max_steps`.
    #[must_use]
    pub fn cumulative(max_steps: usize, epsilon: f64) -> Self {
        Self {
            max_steps,
            log_epsilon: epsilon.ln(),
        }
    }

    /// The limit of a configuration's training.
    #[must_use]
    pub fn of(model: &ModelSettings) -> Self {
        let max_steps = model.max_steps as usize;
        match model.unroll {
            Unroll::Fixed => Self::fixed(max_steps),
            Unroll::Cumulative => Self::cumulative(max_steps, model.epsilon),
        }
    }

    /// N, the most steps.
    #[must_use]
    pub const fn max_steps(&self) -> usize {
        self.max_steps
    }

    /// The mass not yet halted below which a sample ends; `None` where none ends early.
    #[must_use]
    pub fn epsilon(&self) -> Option<f64> {
        self.is_cumulative().then(|| self.log_epsilon.exp())
    }

    /// Whether a sample may end before `max_steps`.
    #[must_use]
    pub fn is_cumulative(&self) -> bool {
        self.log_epsilon > f64::NEG_INFINITY
    }
}

/// Whether any sample of any lane still needs a step, asked after each step.
pub(super) struct Pending {
    limit: StepLimit,
    steps: usize,
    /// `sum_{j<=n} log(1 - lambda_j)`, `[lanes, batch]`; added up in the order
    /// [`HaltingDistribution`] does, so that both agree to the bit.
    log_survival: Option<Tensor<2>>,
}

impl Pending {
    pub(super) const fn new(limit: StepLimit) -> Self {
        Self {
            limit,
            steps: 0,
            log_survival: None,
        }
    }

    /// Counts one more step with the given halting logits (`[lanes, batch]`).
    pub(super) fn after(&mut self, halting_logits: impl FnOnce() -> Tensor<2>) -> bool {
        self.steps += 1;
        if self.steps >= self.limit.max_steps {
            return false;
        }
        if !self.limit.is_cumulative() {
            return true;
        }
        let log_continue = log_sigmoid(-halting_logits());
        let log_survival = match self.log_survival.take() {
            None => log_continue,
            Some(before) => before + log_continue,
        };
        let done = log_survival.clone().lower_elem(self.limit.log_epsilon);
        self.log_survival = Some(log_survival);
        !done.all().into_scalar::<bool>()
    }
}

/// The halting distribution `p_n = lambda_n prod_{j<n} (1 - lambda_j)` with its residual mass
/// given away, `[lanes, steps, batch]`. It sums to one over the steps of every sample.
#[derive(Clone, Debug)]
pub struct HaltingDistribution {
    /// `log p_n`.
    pub log_p: Tensor<3>,
}

impl HaltingDistribution {
    /// From the logits of `lambda_n`, `[lanes, steps, batch]`.
    ///
    /// The number of steps a sample takes is a constant in the gradient.
    #[must_use]
    pub fn new(halting_logits: Tensor<3>, limit: StepLimit, residual: Residual) -> Self {
        let log_halt = log_sigmoid(halting_logits.clone());
        let log_continue = log_sigmoid(-halting_logits);
        let log_survival = exclusive_sum(log_continue.clone());
        let outside = log_survival.clone().lower_elem(limit.log_epsilon);
        let log_p = match residual {
            // The last step takes what is left, as if its lambda were 1.
            Residual::Remainder => {
                let last = last_steps(log_survival.clone() + log_continue, limit);
                log_survival + log_halt.mask_fill(last, 0.0)
            }
            Residual::Normalise => log_survival + log_halt,
        };
        let log_p = log_p.mask_fill(outside, LOG_ZERO);
        let log_p = match residual {
            Residual::Remainder => log_p,
            Residual::Normalise => normalised(log_p),
        };
        Self { log_p }
    }

    /// `p_n`.
    #[must_use]
    pub fn p(&self) -> Tensor<3> {
        self.log_p.clone().exp()
    }
}

/// `sum_{j<n}` along the steps.
fn exclusive_sum(terms: Tensor<3>) -> Tensor<3> {
    let [_, steps, _] = terms.dims();
    let zero = terms.clone().inner().narrow(1, 0, 1).zeros_like();
    if steps == 1 {
        return zero;
    }
    let sums = terms.narrow(1, 0, steps - 1).cumsum(1);
    Tensor::cat(vec![zero, sums], 1)
}

/// The steps at or after which a sample is done; the last step computed always is one.
fn last_steps(log_survival_after: Tensor<3>, limit: StepLimit) -> Tensor<3, Bool> {
    let done = log_survival_after.lower_elem(limit.log_epsilon);
    done.slice_fill(s![.., -1.., ..], true)
}

/// Divides by the sum over the steps, in log space.
fn normalised(log_p: Tensor<3>) -> Tensor<3> {
    // The quotient does not depend on the shift, nor does its gradient; with the largest term at
    // zero the sum lies between 1 and N, and rounds to what it is even where every p_n is tiny.
    let largest = log_p.clone().inner().max_dim(1);
    let shifted = log_p - largest;
    shifted.clone() - shifted.exp().sum_dim(1).log()
}
