//! What answers are worth: the log-likelihood of the right class, from the logits of an answer. One
//! logit y tells two classes apart, `log sigmoid(+-y)`; more are the classes' own, by a softmax.

use burn::tensor::{
    Tensor,
    activation::{log_sigmoid, log_softmax},
};

/// How many logits tell `classes` classes apart.
#[must_use]
pub const fn logits_of(classes: u32) -> usize {
    match classes {
        2 => 1,
        more => more as usize,
    }
}

/// The right classes of some samples as `log_likelihood` takes them, `[answers, samples]`: with
/// one logit +1 for class 1 and -1 for class 0, else 1 for the class and 0 for all others.
pub fn targets(classes: &[u32], answers: usize) -> impl Iterator<Item = f32> {
    (0..answers).flat_map(move |answer| {
        let target = move |&class: &u32| match (answers, class as usize) {
            (1, class) => [-1.0, 1.0][class],
            (_, class) => f32::from(u8::from(class == answer)),
        };
        classes.iter().map(target)
    })
}

/// `log p(right class)`, `[lanes, steps, batch]`, of logits `[lanes, answers, steps, batch]` and
/// [`targets`] `[lanes, answers, batch]`.
pub(super) fn log_likelihood(logits: Tensor<4>, targets: &Tensor<3>) -> Tensor<3> {
    let [_, answers, _, _] = logits.dims();
    if answers == 1 {
        let logits: Tensor<3> = logits.squeeze_dim(1);
        return log_sigmoid(logits * targets.clone());
    }
    let likelihood = log_softmax(logits, 1) * targets.clone().unsqueeze_dim(2);
    likelihood.sum_dim(1).squeeze_dim(1)
}
