//! Adaptive computation time (Graves 2016, section 2): how much each step counts, and its cost.

use burn::tensor::{Tensor, activation::sigmoid, s};

use super::halting::exclusive_sum;

/// What each step counts for the answer of every sample, and what pondering costs.
#[derive(Clone, Debug)]
pub struct ActHalting {
    /// `p_n = lambda_n` before a sample's last step N, the remainder `R = 1 - sum_{n<N} lambda_n`
    /// at it, zero after it: `[lanes, steps, batch]`.
    pub p: Tensor<3>,
    /// `N + R`, `[lanes, batch]`. N is a constant in the gradient.
    pub ponder_cost: Tensor<2>,
}

impl ActHalting {
    /// From the logits of `lambda_n`, `[lanes, steps, batch]`; N is the first n with
    /// `sum_{j<=n} lambda_j >= 1 - epsilon`, or the last step computed.
    #[must_use]
    pub fn new(halting_logits: Tensor<3>, epsilon: f64) -> Self {
        let lambda = sigmoid(halting_logits);
        let before = exclusive_sum(lambda.clone());
        let after = before.clone() + lambda.clone();
        let outside = before.clone().greater_equal_elem(1.0 - epsilon);
        let done = after.greater_equal_elem(1.0 - epsilon);
        let done = done.slice_fill(s![.., -1.., ..], true);
        let p = lambda.mask_where(done.clone(), -before + 1.0);
        let p = p.mask_fill(outside.clone(), 0.0);
        let remainder = p.clone().mask_fill(done.bool_not(), 0.0);
        let ones = p.clone().inner().ones_like();
        let taken = ones.mask_fill(outside, 0.0);
        let ponder_cost = over_steps(remainder) + over_steps(taken);
        Self { p, ponder_cost }
    }

    /// The mean-field answer `sum_n p_n y_n`, before its sigmoid, `[lanes, answers, 1, batch]`.
    #[must_use]
    pub fn answer(&self, answer_logits: Tensor<4>) -> Tensor<4> {
        let p: Tensor<4> = self.p.clone().unsqueeze_dim(1);
        (p * answer_logits).sum_dim(2)
    }
}

fn over_steps(terms: Tensor<3>) -> Tensor<2> {
    terms.sum_dim(1).squeeze_dim(1)
}
