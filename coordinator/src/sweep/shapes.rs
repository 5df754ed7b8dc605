//! Which configurations of a sweep have one shape, so that their trials can be trained together.
//! What a shape is, is not said here but by [`ShapeKey`].

use std::collections::HashMap;

use pondersweep_proto::{shape::ShapeKey, spec::ConfigurationSpec};

use super::SweepSpec;

/// The shapes of a sweep, numbered in the order in which its space meets them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    /// For every configuration, the number of its shape.
    pub(crate) of_configuration: Vec<u32>,
    /// By number: the shape and its first configuration.
    pub(crate) examples: Vec<(ShapeKey, ConfigurationSpec)>,
}

impl Shapes {
    /// The shapes of all configurations. Hashing a shape is dear, so it is done once for each
    /// combination of those axes that make a difference to it, not for every configuration.
    pub(crate) fn of(spec: &SweepSpec) -> Self {
        let axes = shape_axes(spec);
        let mut shapes = Self::default();
        let mut by_shape = HashMap::new();
        let mut by_positions: HashMap<Vec<usize>, u32> = HashMap::new();
        for index in 0..spec.configurations() {
            let positions = spec.positions(index);
            let key: Vec<usize> = axes.iter().map(|&axis| positions[axis]).collect();
            let number = *by_positions.entry(key).or_insert_with(|| {
                let example = spec.configuration(index);
                let shape = ShapeKey::of(&example);
                *by_shape.entry(shape).or_insert_with(|| {
                    shapes.examples.push((shape, example));
                    u32::try_from(shapes.examples.len() - 1).expect("MAX_TRIALS fits")
                })
            });
            shapes.of_configuration.push(number);
        }
        shapes
    }
}

/// The axes whose values may change the shape.
fn shape_axes(spec: &SweepSpec) -> Vec<usize> {
    let axes = spec.terms().axes.iter().enumerate();
    let changes = axes.filter(|(_, axis)| axis.parameter.per_lane.is_none());
    changes.map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sweep::test_support::any_terms;

    proptest! {
        #[test]
        fn every_configuration_has_the_number_of_its_shape(terms in any_terms()) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let shapes = Shapes::of(&spec);
            prop_assert_eq!(shapes.of_configuration.len() as u64, spec.configurations());
            let mut seen = Vec::new();
            for (index, &number) in (0..).zip(&shapes.of_configuration) {
                let shape = ShapeKey::of(&spec.configuration(index));
                if number as usize == seen.len() {
                    seen.push(shape);
                }
                prop_assert_eq!(shape, seen[number as usize]);
                prop_assert_eq!(shape, shapes.examples[number as usize].0);
            }
            prop_assert_eq!(seen.len(), shapes.examples.len());
        }
    }
}
