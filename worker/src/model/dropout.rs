//! What training drops: every number of a tensor with the same chance, the others scaled up, so
//! that means stay. Which ones is drawn from the trial's own streams, so that an update drops the
//! same wherever it is computed.

use burn::tensor::{Tensor, TensorCreationOptions, TensorData};

use crate::seed::{Purpose, Seeds};

/// The dropout of one update of some lanes.
#[derive(Clone, Debug)]
pub struct Dropout {
    lanes: Vec<Seeds>,
    update: u64,
    /// Share of the numbers that are dropped, below 1.
    share: f64,
}

impl Dropout {
    /// That of an update, counted from 0, which drops this share; `None` where it drops nothing.
    #[must_use]
    pub fn of(lanes: Vec<Seeds>, update: u64, share: f64) -> Option<Self> {
        (share > 0.0).then_some(Self {
            lanes,
            update,
            share,
        })
    }

    /// The tensor (`[lanes, rows, columns]`) with some of its numbers dropped. Each `place` in the
    /// network drops its own.
    pub(super) fn apply(&self, place: usize, tensor: Tensor<3>) -> Tensor<3> {
        let shape = tensor.dims();
        let [_, rows, columns] = shape;
        let kept = (1.0 / (1.0 - self.share)) as f32;
        let below = (self.share * 2.0_f64.powi(32)) as u32;
        let mut factors = Vec::with_capacity(shape.iter().product());
        for seeds in &self.lanes {
            let mut draws = seeds.draws(Purpose::Dropout, [self.update, place as u64]);
            let mut left = rows * columns;
            while left > 0 {
                let bits = draws.some_bits(left);
                left -= bits.len();
                factors.extend(
                    bits.iter()
                        .map(|&bits| if bits < below { 0.0 } else { kept }),
                );
            }
        }
        let options: TensorCreationOptions = (&tensor.device(), tensor.dtype()).into();
        tensor * Tensor::from_data(TensorData::new(factors, shape), options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{device, trial};

    fn dropped(lanes: &[u32], update: u64, place: usize) -> Vec<f32> {
        let seeds = lanes.iter().map(|&replicate| {
            let mut trial = trial(|_| {});
            trial.replicate = replicate;
            Seeds::of(&trial)
        });
        let dropout = Dropout::of(seeds.collect(), update, 0.25).unwrap();
        let ones = Tensor::ones([lanes.len(), 50, 20], &device());
        dropout.apply(place, ones).try_into_vec_as().unwrap()
    }

    #[test]
    fn the_stated_share_is_dropped_and_the_rest_scaled_up() {
        let numbers = dropped(&[0], 0, 0);
        let zeros = numbers.iter().filter(|number| **number == 0.0).count();
        // Five standard deviations around 250.
        assert!((180..320).contains(&zeros), "{zeros}");
        let rest = numbers.iter().filter(|number| **number != 0.0);
        assert!(rest.clone().all(|number| *number == 4.0 / 3.0));
    }

    #[test]
    fn a_lane_drops_the_same_in_any_bundle_and_something_else_elsewhere() {
        let both = dropped(&[3, 4], 7, 2);
        assert_eq!(both[..1_000], dropped(&[3], 7, 2));
        assert_eq!(both[1_000..], dropped(&[4], 7, 2));
        for other in [
            dropped(&[4], 7, 2),
            dropped(&[3], 8, 2),
            dropped(&[3], 7, 3),
        ] {
            assert_ne!(other, both[..1_000]);
        }
    }

    #[test]
    fn nothing_is_dropped_where_the_share_is_zero() {
        assert!(Dropout::of(Vec::new(), 0, 0.0).is_none());
    }
}
