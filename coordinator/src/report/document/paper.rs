//! The paper's own numbers: Banino, Balaguer and Blundell, *PonderNet: Learning to Ponder*, arXiv
//! 2107.05407 (2021), Figure 1, read off its picture. Nothing here was measured by this program.

use crate::{report::field::Field, statistics::Interval};

/// How far a number may be off for having been read off a picture, and what it was measured on.
pub(super) const PAPER_RULE: &str = "paper: Banino, Balaguer and Blundell 2021 (arXiv 2107.05407), Figure 1, \
     read off its picture (accuracy to 0.002, steps to 0.05); intervals over 10 seeds; rnn of 128 units, \
     64 elements for interpolation, 96 for extrapolation; its lambda_p, tau and updates are not stated. Its \
     plain RNN is a line at chance in Figure 1c, without a number of its own.";

/// End points of the lines of its Figure 1c: compute until the end of training, in the paper's
/// units.
pub(super) const PAPER_COMPUTE: [(&str, f64); 3] =
    [("RNN", 16.6), ("PonderNet", 25.9), ("ACT", 38.3)];

/// A method's numbers: accuracy and steps in interpolation, then in extrapolation.
pub(super) struct PaperRow {
    /// The method's name.
    pub(super) method: &'static str,
    /// Each with its interval; `None` where the paper has no number.
    pub(super) numbers: [Option<[f64; 3]>; 4],
}

/// The rows of its Figure 1.
pub(super) const PAPER_ROWS: [PaperRow; 3] = [
    PaperRow {
        method: "PonderNet",
        numbers: [
            Some([0.974, 0.964, 0.983]),
            Some([2.72, 2.36, 3.18]),
            Some([0.927, 0.913, 0.941]),
            Some([4.96, 3.34, 6.82]),
        ],
    },
    PaperRow {
        method: "ACT",
        numbers: [
            Some([0.958, 0.953, 0.963]),
            Some([3.16, 3.10, 3.21]),
            Some([0.514, 0.503, 0.537]),
            Some([2.13, 1.78, 2.64]),
        ],
    },
    PaperRow {
        method: "RNN",
        numbers: [None; 4],
    },
];

impl PaperRow {
    /// Its numbers as fields: accuracies with three decimals, steps with two.
    pub(super) fn fields(&self) -> [Field; 4] {
        let mut decimals = [3, 2, 3, 2].into_iter();
        self.numbers.map(|number| {
            let interval = number.map(|[_, lower, upper]| Interval { lower, upper });
            let decimals = decimals.next().expect("four numbers have four formats");
            Field::estimate(number.map(|[value, ..]| value), interval, decimals)
        })
    }
}
