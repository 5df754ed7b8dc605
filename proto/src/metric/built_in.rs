//! The metrics of the built-in training. A new one is a row here, and a measurement in the worker.

use std::sync::LazyLock;

use super::{Better, Bound, Metric, MetricName, MetricTable};
use crate::{
    setting::Setting,
    spec::EvaluationRange::{self, Extrapolation, Interpolation},
};

/// States each metric once: its constant, its name, its row and what it means.
macro_rules! metrics {
    ($(#[doc = $meaning:literal] $constant:ident = $name:literal: $row:expr;)*) => {
        $(#[doc = $meaning] pub const $constant: MetricName = MetricName::stated($name);)*

        static TABLE: LazyLock<MetricTable> = LazyLock::new(|| {
            let rows = vec![$(Metric { name: $constant, meaning: $meaning.trim().into(), ..$row },)*];
            MetricTable::new(rows).expect("the rows make a table")
        });
    };
}

metrics! {
    /// Share of correct answers, halting as it was drawn, on as many non-zeros as in training.
    ACCURACY_INTERPOLATION = "accuracy_interpolation":
        Metric { is_headline: true, ..accuracy().on(Interpolation).sampled() };
    /// The same share, averaged over the halting distribution instead of drawn: a lower variance.
    ACCURACY_EXPECTED_INTERPOLATION = "accuracy_expected_interpolation":
        accuracy().on(Interpolation).expected();
    /// Mean ponder steps of a sample, halting as it was drawn, on as many non-zeros as in training.
    PONDER_STEPS_INTERPOLATION = "ponder_steps_interpolation":
        ponder_steps().on(Interpolation).sampled();
    /// The same mean, averaged over the halting distribution instead of drawn.
    PONDER_STEPS_EXPECTED_INTERPOLATION = "ponder_steps_expected_interpolation":
        ponder_steps().on(Interpolation).expected();
    /// The training objective, ponder cost included, on as many non-zeros as in training.
    LOSS_INTERPOLATION = "loss_interpolation": loss().on(Interpolation);
    /// Share of correct answers, halting as it was drawn, on more non-zeros than training showed.
    ACCURACY_EXTRAPOLATION = "accuracy_extrapolation": accuracy().on(Extrapolation).sampled();
    /// The same share, averaged over the halting distribution instead of drawn: a lower variance.
    ACCURACY_EXPECTED_EXTRAPOLATION = "accuracy_expected_extrapolation":
        accuracy().on(Extrapolation).expected();
    /// Mean ponder steps of a sample, halting as it was drawn, on more non-zeros than training showed.
    PONDER_STEPS_EXTRAPOLATION = "ponder_steps_extrapolation":
        ponder_steps().on(Extrapolation).sampled();
    /// The same mean, averaged over the halting distribution instead of drawn.
    PONDER_STEPS_EXPECTED_EXTRAPOLATION = "ponder_steps_expected_extrapolation":
        ponder_steps().on(Extrapolation).expected();
    /// The training objective, ponder cost included, on more non-zeros than training showed.
    LOSS_EXTRAPOLATION = "loss_extrapolation": loss().on(Extrapolation);
    /// The training objective, averaged over the updates since the last observation.
    LOSS_TRAINING = "loss_training": Metric { condition: "training".into(), ..loss() };
    /// Mean steps that training computed for a sample, over the updates since the last observation.
    PONDER_STEPS_COMPUTED = "ponder_steps_computed":
        Metric { condition: "computed in training".into(), ..ponder_steps() };
    /// Mean global norm of the gradient before clipping, over the updates since the last observation.
    GRADIENT_NORM = "gradient_norm": gradient_norm();
}

/// The table of the built-in training.
#[must_use]
pub fn table() -> &'static MetricTable {
    &TABLE
}

fn accuracy() -> Metric {
    Metric {
        quantity: "accuracy".into(),
        unit: "share".into(),
        better: Better::Higher,
        bounds: [Bound::Number(0.0), Bound::Number(1.0)],
        has_chance: true,
        ..loss()
    }
}

fn ponder_steps() -> Metric {
    Metric {
        quantity: "mean ponder steps".into(),
        unit: "steps".into(),
        better: Better::Neither,
        bounds: [Bound::Number(1.0), Bound::Setting(Setting::MAX_STEPS)],
        ..loss()
    }
}

fn gradient_norm() -> Metric {
    Metric {
        quantity: "gradient norm".into(),
        unit: "norm".into(),
        better: Better::Neither,
        bounds: [Bound::Number(0.0), Bound::Number(f32::MAX.into())],
        condition: "training".into(),
        ..loss()
    }
}

/// A loss is computed in 32 bits; the divergence from a truncated prior may take it below zero.
fn loss() -> Metric {
    Metric {
        name: MetricName::stated(""),
        unit: "nats".into(),
        better: Better::Lower,
        bounds: [f32::MIN, f32::MAX].map(|end| Bound::Number(end.into())),
        has_chance: false,
        range: None,
        is_headline: false,
        is_shown: false,
        quantity: "loss".into(),
        condition: "".into(),
        meaning: "".into(),
    }
}

impl Metric {
    fn on(self, range: EvaluationRange) -> Self {
        let range = Some(range);
        Self { range, ..self }
    }

    /// Halting is drawn, as it is where a network is used.
    fn sampled(self) -> Self {
        let condition = "sampled halting".into();
        Self {
            condition,
            is_shown: true,
            ..self
        }
    }

    /// Halting is averaged over.
    fn expected(self) -> Self {
        let condition = "expected halting".into();
        Self { condition, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_names_stay_in_their_order() {
        let names: Vec<&str> = table().iter().map(|metric| &*metric.name).collect();
        let published = [
            "accuracy_interpolation",
            "accuracy_expected_interpolation",
            "ponder_steps_interpolation",
            "ponder_steps_expected_interpolation",
            "loss_interpolation",
            "accuracy_extrapolation",
            "accuracy_expected_extrapolation",
            "ponder_steps_extrapolation",
            "ponder_steps_expected_extrapolation",
            "loss_extrapolation",
            "loss_training",
            "ponder_steps_computed",
        ];
        assert_eq!(names[..published.len()], published);
    }

    #[test]
    fn axes_say_what_is_measured_and_on_what() {
        let title = |name: &str| table().get(name).unwrap().title();
        assert_eq!(
            title("accuracy_extrapolation"),
            "accuracy  (extrapolation, sampled halting)"
        );
        assert_eq!(title("loss_interpolation"), "loss  (interpolation)");
        assert_eq!(title("loss_training"), "loss  (training)");
    }
}
