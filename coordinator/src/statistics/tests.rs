//! What the tests of this room share: the reference values of `tests/reference`, and laws that hold
//! whatever the numbers.

mod anova;
mod bootstrap;
mod comparison;
mod coverage;
mod power;
mod robustness;
mod statistic;
mod survival;

use serde::de::DeserializeOwned;

/// A fixture of `tests/reference/statistics_reference.py`.
macro_rules! fixture {
    ($name:literal) => {
        crate::statistics::tests::parsed(include_str!(concat!(
            "../../../../tests/reference/fixtures/statistics/",
            $name
        )))
    };
}
use fixture;

fn parsed<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("the fixture has the shape the test states")
}

/// Whether two numbers agree to `tolerance`, relative to the larger of them and one.
fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
}
