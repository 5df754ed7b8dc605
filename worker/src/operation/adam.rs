//! Adam (Kingma and Ba 2015, with bias correction) on tensors: every lane of a bundle at once,
//! after an optional clipping of each lane's global gradient norm.

use burn::tensor::{Device, Tensor, TensorData};

use super::select_lanes;
use crate::kernel::{self, AdamSettings};

/// The largest norm of an unclipped lane in a bundle with clipped ones: larger ones diverge.
const UNCLIPPED: f64 = f32::MAX as f64;

/// The optimizer's settings and moments. Rows are lanes, columns parameters.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    /// Of the first lane, for what all share: decays, epsilon and warm-up.
    shared: AdamSettings,
    /// `[lanes, 1]`.
    learning_rate: Tensor<2>,
    /// Largest norm of a lane's gradient, `[lanes, 1]`; `None` where no lane has one.
    clip: Option<Tensor<2>>,
    /// What an update leaves of a lane's parameters before it steps, `[lanes, 1]`; `None` where no
    /// lane's decay.
    kept: Option<Tensor<2>>,
    /// Decayed mean of the gradient and of its square, `[lanes, parameters]` each.
    moments: Option<[Tensor<2>; 2]>,
    updates_done: u64,
}

impl Adam {
    /// For lanes with these settings, which share the decays, epsilon and warm-up.
    ///
    /// # Panics
    /// There is no lane.
    pub(super) fn new(lanes: &[AdamSettings], device: &Device) -> Self {
        let column = |number: fn(&AdamSettings) -> f64| {
            let numbers: Vec<f64> = lanes.iter().map(number).collect();
            Tensor::from_data(TensorData::new(numbers, [lanes.len(), 1]), device)
        };
        let clips = lanes.iter().any(|lane| lane.gradient_clip.is_some());
        let decays = lanes.iter().any(|lane| lane.weight_decay > 0.0);
        Self {
            shared: lanes[0],
            learning_rate: column(|lane| lane.learning_rate),
            clip: clips.then(|| column(|lane| lane.gradient_clip.unwrap_or(UNCLIPPED))),
            kept: decays.then(|| column(|lane| lane.kept(1.0))),
            moments: None,
            updates_done: 0,
        }
    }

    /// One update: the parameters (`[lanes, parameters]`) after a step against the gradient, and
    /// the norm of each lane's gradient before clipping.
    pub(super) fn step(
        &mut self,
        parameters: Tensor<2>,
        gradient: Tensor<2>,
    ) -> (Tensor<2>, Vec<f64>) {
        let norm = gradient.clone().square().sum_dim(1).sqrt();
        let norms = norm.clone();
        let gradient = match &self.clip {
            // A factor of exactly 1 below the limit.
            Some(clip) => gradient * (clip.clone() / norm.max_pair(clip.clone())),
            None => gradient,
        };
        let AdamSettings {
            beta_1,
            beta_2,
            epsilon,
            ..
        } = self.shared;
        let fresh = [
            gradient.clone() * (1.0 - beta_1),
            gradient.square() * (1.0 - beta_2),
        ];
        let [first, second] = match self.moments.take() {
            None => fresh,
            Some([first, second]) => {
                let [fresh_first, fresh_second] = fresh;
                [first * beta_1 + fresh_first, second * beta_2 + fresh_second]
            }
        };
        self.moments = Some([first.clone(), second.clone()]);
        self.updates_done += 1;
        let [correction_1, correction_2] = self.bias_corrections();
        let scale = (second.sqrt() / correction_2.sqrt()) + epsilon;
        let warmth = self.shared.warmth(self.updates_done);
        let rate = match warmth {
            1.0 => self.learning_rate.clone() / correction_1,
            _ => self.learning_rate.clone() * warmth / correction_1,
        };
        let norms = norms.try_into_vec_as::<f64>();
        let norms = norms.expect("a float tensor reads as numbers");
        let parameters = match &self.kept {
            Some(kept) if warmth == 1.0 => parameters * kept.clone(),
            Some(kept) => parameters * ((kept.clone() - 1.0) * warmth + 1.0),
            None => parameters,
        };
        (parameters - first / scale * rate, norms)
    }

    /// The moments of the lane at a position, and how many updates it has made.
    ///
    /// # Panics
    /// It has made none.
    pub(super) fn state(&self, position: usize) -> kernel::Adam {
        let moments = self.moments.as_ref().expect("an update was made");
        let row = |moment: &Tensor<2>| {
            let row = select_lanes(moment.clone(), &[position]).try_into_vec_as::<f32>();
            row.expect("a float tensor reads as numbers")
        };
        let [first_moment, second_moment] = moments.each_ref().map(row);
        kernel::Adam {
            first_moment,
            second_moment,
            updates: self.updates_done,
        }
    }

    /// Goes on from these states, one for every lane, which have made as many updates.
    ///
    /// # Panics
    /// They have not.
    pub(super) fn restore(&mut self, states: &[&kernel::Adam], device: &Device) {
        let [lanes, _] = self.learning_rate.dims();
        assert_eq!(lanes, states.len(), "every lane has a state");
        self.updates_done = states[0].updates;
        assert!(
            states
                .iter()
                .all(|state| state.updates == self.updates_done),
            "lanes of one program are in step"
        );
        let rows = |row: fn(&kernel::Adam) -> &Vec<f32>| {
            let rows: Vec<f32> = states
                .iter()
                .flat_map(|state| row(state))
                .copied()
                .collect();
            let size = rows.len() / lanes;
            Tensor::from_data(TensorData::new(rows, [lanes, size]), device)
        };
        self.moments = Some([
            rows(|state| &state.first_moment),
            rows(|state| &state.second_moment),
        ]);
    }

    /// Keeps only the lanes at these positions.
    pub(super) fn select(&mut self, positions: &[usize]) {
        let keep = |tensor| select_lanes(tensor, positions);
        self.learning_rate.inplace(keep);
        self.clip = self.clip.take().map(keep);
        self.kept = self.kept.take().map(keep);
        self.moments = self.moments.take().map(|moments| moments.map(keep));
    }

    /// `1 - beta^t`, which undoes that the moments started from zero.
    fn bias_corrections(&self) -> [f64; 2] {
        let updates = self.updates_done as f64;
        [self.shared.beta_1, self.shared.beta_2].map(|beta| 1.0 - beta.powf(updates))
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::setting::Setting;

    use super::*;
    use crate::test_support::{device, trial};

    fn settings(learning_rate: f64, gradient_clip: Option<f64>) -> AdamSettings {
        let trial = trial(|settings| {
            settings.set(Setting::LEARNING_RATE, learning_rate).unwrap();
            let clip = settings.set_or_clear(Setting::GRADIENT_CLIP, gradient_clip);
            clip.unwrap();
        });
        AdamSettings::of(&trial.configuration)
    }

    fn run(lanes: &[AdamSettings], gradients: &[[[f64; 2]; 2]]) -> Vec<f32> {
        let mut adam = Adam::new(lanes, &device());
        let mut parameters = Tensor::<2>::zeros([2, 2], &device());
        for gradient in gradients {
            let gradient = Tensor::from_data(*gradient, &device());
            parameters = adam.step(parameters, gradient).0;
        }
        parameters.try_into_vec_as::<f32>().unwrap()
    }

    /// The formulas of the paper's Algorithm 1 for one parameter.
    fn by_hand(learning_rate: f64, gradients: &[f64]) -> f64 {
        let (mut parameter, mut first, mut second) = (0.0, 0.0, 0.0);
        for (updates, gradient) in (1..).zip(gradients) {
            first = 0.9 * first + 0.1 * gradient;
            second = 0.999 * second + 0.001 * gradient * gradient;
            let first_hat = first / (1.0 - 0.9_f64.powi(updates));
            let second_hat = second / (1.0 - 0.999_f64.powi(updates));
            parameter -= learning_rate * first_hat / (second_hat.sqrt() + 1e-8);
        }
        parameter
    }

    #[test]
    fn a_lane_that_decays_shrinks_by_its_share_and_leaves_other_lanes_alone() {
        let decaying = AdamSettings {
            weight_decay: 2.0,
            ..settings(0.1, None)
        };
        let lanes = [decaying, settings(0.1, None)];
        let gradients = [[[1.0, -2.0], [1.0, -2.0]], [[0.5, 3.0], [0.5, 3.0]]];
        // The first update starts from zero, so that only the second has something to shrink.
        let first = [1.0, -2.0].map(|gradient| by_hand(0.1, &[gradient]));
        let both = [[1.0, 0.5], [-2.0, 3.0]].map(|gradients| by_hand(0.1, &gradients));
        let shrunk = |index: usize| both[index] - 0.1 * 2.0 * first[index];
        assert_close(
            &run(&lanes, &gradients),
            [shrunk(0), shrunk(1), both[0], both[1]],
        );
    }

    #[test]
    fn the_step_size_rises_over_the_warm_up_and_decay_with_it() {
        let warming = AdamSettings {
            weight_decay: 2.0,
            warm_up: 4,
            ..settings(0.1, None)
        };
        let gradients = [[[1.0, -2.0]; 2], [[0.5, 3.0]; 2]];
        // A quarter of the first step, then half of the second.
        let first = [1.0, -2.0].map(|gradient| by_hand(0.1, &[gradient]) / 4.0);
        let both = [[1.0, 0.5], [-2.0, 3.0]];
        let expected = [0, 1].map(|index| {
            let second = by_hand(0.1, &both[index]) - by_hand(0.1, &both[index][..1]);
            first[index] + second / 2.0 - 0.1 / 2.0 * 2.0 * first[index]
        });
        let found = run(&[warming, warming], &gradients);
        assert_close(&found, [expected[0], expected[1], expected[0], expected[1]]);
    }

    fn assert_close(found: &[f32], expected: [f64; 4]) {
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found) - expected).abs();
            assert!(error < 1e-6 * expected.abs(), "{found} is not {expected}");
        }
    }

    #[test]
    fn updates_follow_the_paper_with_each_lanes_own_learning_rate() {
        let lanes = [settings(0.1, None), settings(0.003, None)];
        let gradients = [
            [[1.0, -2.0], [0.5, 4.0]],
            [[0.25, -3.0], [-0.5, 1e-3]],
            [[-2.0, 0.5], [7.0, 2.0]],
        ];
        let column = |lane: usize, index: usize| gradients.map(|gradient| gradient[lane][index]);
        let expected = [
            by_hand(0.1, &column(0, 0)),
            by_hand(0.1, &column(0, 1)),
            by_hand(0.003, &column(1, 0)),
            by_hand(0.003, &column(1, 1)),
        ];
        assert_close(&run(&lanes, &gradients), expected);
    }

    #[test]
    fn clipping_bounds_a_lanes_global_norm_and_leaves_other_lanes_alone() {
        let lanes = [settings(0.1, Some(1.0)), settings(0.1, None)];
        // Norm 5 is cut to 1; norm 0.5 stays.
        let gradients = [[[3.0, 4.0], [3.0, 4.0]], [[0.3, 0.4], [0.3, 0.4]]];
        let expected = [
            by_hand(0.1, &[0.6, 0.3]),
            by_hand(0.1, &[0.8, 0.4]),
            by_hand(0.1, &[3.0, 0.3]),
            by_hand(0.1, &[4.0, 0.4]),
        ];
        assert_close(&run(&lanes, &gradients), expected);
    }
}
