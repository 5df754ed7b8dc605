//! Adam (Kingma and Ba 2015, algorithm 1) on one lane's flat parameters, in one pass.

use pondersweep_proto::{setting::Setting, spec::ConfigurationSpec};

use super::instruction_set::{InstructionSet, Job};
use super::simd::{Simd, load_some, store_some};

/// Adam's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Offset of the denominator.
    pub epsilon: f64,
    /// Largest norm of the lane's whole gradient; a longer one is scaled down to it.
    pub gradient_clip: Option<f64>,
    /// Share of itself that every parameter loses in an update, times the step size: decoupled from
    /// the moments, as in AdamW (Loshchilov and Hutter 2019).
    pub weight_decay: f64,
    /// Updates over which the step size rises from nothing, in equal steps.
    pub warm_up: u64,
}

impl AdamSettings {
    /// Those of a configuration.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            learning_rate: configuration.number(Setting::LEARNING_RATE),
            beta_1: configuration.number(Setting::ADAM_BETA_1),
            beta_2: configuration.number(Setting::ADAM_BETA_2),
            epsilon: configuration.number(Setting::ADAM_EPSILON),
            gradient_clip: configuration.number_if(Setting::GRADIENT_CLIP),
            weight_decay: configuration.number(Setting::WEIGHT_DECAY),
            warm_up: configuration.whole(Setting::WARM_UP),
        }
    }

    /// The part of the step size that an update takes, which is counted from 1.
    #[must_use]
    pub fn warmth(&self, update: u64) -> f64 {
        match update < self.warm_up {
            true => update as f64 / self.warm_up as f64,
            false => 1.0,
        }
    }

    /// What an update leaves of a parameter before it steps against the gradient, with this part of
    /// the step size: 1 without decay.
    #[must_use]
    pub fn kept(&self, warmth: f64) -> f64 {
        1.0 - self.learning_rate * self.weight_decay * warmth
    }
}

/// One lane's optimiser: its moments and how often it was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// Running mean of the gradient, laid out like the parameters.
    pub first_moment: Vec<f32>,
    /// Running mean of its square.
    pub second_moment: Vec<f32>,
    /// Updates made.
    pub updates: u64,
}

impl Adam {
    /// The state before the first update of this many parameters.
    #[must_use]
    pub fn new(parameters: usize) -> Self {
        Self {
            first_moment: vec![0.0; parameters],
            second_moment: vec![0.0; parameters],
            updates: 0,
        }
    }

    /// Moves the parameters against the gradient. Returns the gradient's norm before clipping,
    /// which is not finite if a lane has diverged.
    ///
    /// # Panics
    /// If a slice has another length than the state.
    pub fn update(
        &mut self,
        instructions: InstructionSet,
        settings: &AdamSettings,
        parameters: &mut [f32],
        gradient: &[f32],
    ) -> f64 {
        assert_eq!(parameters.len(), self.first_moment.len(), "parameters");
        assert_eq!(gradient.len(), self.first_moment.len(), "gradient");
        self.updates += 1;
        let norm = instructions.run(SquaredSum(gradient)).sqrt();
        let scale = match settings.gradient_clip {
            Some(limit) if norm > limit => limit / norm,
            _ => 1.0,
        };
        // Past 2^31 updates the corrections have long been 1.
        let updates = i32::try_from(self.updates).unwrap_or(i32::MAX);
        let warmth = settings.warmth(self.updates);
        let first_correction = 1.0 - settings.beta_1.powi(updates);
        let second_correction = 1.0 - settings.beta_2.powi(updates);
        instructions.run(Move {
            beta_1: settings.beta_1 as f32,
            first_weight: ((1.0 - settings.beta_1) * scale) as f32,
            beta_2: settings.beta_2 as f32,
            second_weight: ((1.0 - settings.beta_2) * scale * scale) as f32,
            inverse_second_correction: (1.0 / second_correction) as f32,
            step: (settings.learning_rate * warmth / first_correction) as f32,
            epsilon: settings.epsilon as f32,
            kept: settings.kept(warmth) as f32,
            parameters,
            gradient,
            first_moment: &mut self.first_moment,
            second_moment: &mut self.second_moment,
        });
        norm
    }
}

/// The sum of squares, in double precision from vector-wide partial sums.
struct SquaredSum<'a>(&'a [f32]);

impl Job for SquaredSum<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) -> f64 {
        /// Short enough that the float partial sums lose nothing that matters.
        const CHUNK: usize = 1024;
        let mut total = 0.0;
        for chunk in self.0.chunks(CHUNK) {
            let mut sum = simd.zero();
            for values in chunk.chunks(S::LANES) {
                let values = load_some(simd, values);
                sum = simd.mul_add(values, values, sum);
            }
            total += f64::from(simd.sum(sum));
        }
        total
    }
}

struct Move<'a> {
    beta_1: f32,
    first_weight: f32,
    beta_2: f32,
    second_weight: f32,
    inverse_second_correction: f32,
    step: f32,
    epsilon: f32,
    kept: f32,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    first_moment: &'a mut [f32],
    second_moment: &'a mut [f32],
}

impl Job for Move<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) {
        let (beta_1, first_weight) = (simd.splat(self.beta_1), simd.splat(self.first_weight));
        let (beta_2, second_weight) = (simd.splat(self.beta_2), simd.splat(self.second_weight));
        let correction = simd.splat(self.inverse_second_correction);
        let (step, epsilon) = (simd.splat(self.step), simd.splat(self.epsilon));
        let kept = simd.splat(self.kept);
        let parameters = self.parameters.chunks_mut(S::LANES);
        let moments = self
            .first_moment
            .chunks_mut(S::LANES)
            .zip(self.second_moment.chunks_mut(S::LANES));
        let gradients = self.gradient.chunks(S::LANES);
        for ((parameter, gradient), (first, second)) in parameters.zip(gradients).zip(moments) {
            let g = load_some(simd, gradient);
            // m = beta_1 m + (1 - beta_1) g, v = beta_2 v + (1 - beta_2) g^2
            let m = simd.mul(beta_1, load_some(simd, first));
            let m = simd.mul_add(first_weight, g, m);
            let v = simd.mul(beta_2, load_some(simd, second));
            let v = simd.mul_add(simd.mul(second_weight, g), g, v);
            // p = kept p - step m / (sqrt(v / correction) + epsilon)
            let root = simd.sqrt(simd.mul(v, correction));
            let change = simd.div(simd.mul(step, m), simd.add(root, epsilon));
            store_some(simd, first, m);
            store_some(simd, second, v);
            // Not fused: times 1 is what it was, to the bit.
            let parameter_kept = simd.mul(kept, load_some(simd, parameter));
            let moved = simd.sub(parameter_kept, change);
            store_some(simd, parameter, moved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: AdamSettings = AdamSettings {
        learning_rate: 0.01,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        gradient_clip: None,
        weight_decay: 0.0,
        warm_up: 0,
    };

    /// The algorithm as the paper states it, in double precision.
    fn reference(settings: &AdamSettings, start: &[f32], gradients: &[Vec<f32>]) -> Vec<f64> {
        let mut parameters: Vec<f64> = start.iter().map(|&p| f64::from(p)).collect();
        let mut moments = vec![(0.0, 0.0); start.len()];
        for (index, gradient) in gradients.iter().enumerate() {
            let t = index as i32 + 1;
            let norm = gradient
                .iter()
                .map(|&g| f64::from(g).powi(2))
                .sum::<f64>()
                .sqrt();
            let limit = settings.gradient_clip.unwrap_or(f64::INFINITY);
            for ((p, (m, v)), &g) in parameters.iter_mut().zip(&mut moments).zip(gradient) {
                let g = f64::from(g) * (limit / norm).min(1.0);
                *m = settings.beta_1 * *m + (1.0 - settings.beta_1) * g;
                *v = settings.beta_2 * *v + (1.0 - settings.beta_2) * g * g;
                let m_hat = *m / (1.0 - settings.beta_1.powi(t));
                let v_hat = *v / (1.0 - settings.beta_2.powi(t));
                let rate = match settings.warm_up {
                    0 => settings.learning_rate,
                    updates => settings.learning_rate * (f64::from(t) / updates as f64).min(1.0),
                };
                *p -= rate * settings.weight_decay * *p;
                *p -= rate * m_hat / (v_hat.sqrt() + settings.epsilon);
            }
        }
        parameters
    }

    #[test]
    fn updates_follow_the_paper_with_and_without_clipping_decay_and_warm_up() {
        for (length, gradient_clip, weight_decay, warm_up) in [
            (1, None, 0.0, 0),
            (37, None, 0.0, 0),
            (37, Some(0.5), 0.0, 0),
            (64, Some(100.0), 0.0, 0),
            (37, Some(0.5), 3.0, 0),
            (37, None, 3.0, 8),
        ] {
            let settings = AdamSettings {
                gradient_clip,
                weight_decay,
                warm_up,
                ..SETTINGS
            };
            let start: Vec<f32> = (0..length).map(|i| (i as f32).sin()).collect();
            let gradients: Vec<Vec<f32>> = (0..20)
                .map(|t| {
                    (0..length)
                        .map(|i| ((i * 7 + t * 3) as f32).cos())
                        .collect()
                })
                .collect();
            let expected = reference(&settings, &start, &gradients);
            for set in InstructionSet::available() {
                let mut parameters = start.clone();
                let mut adam = Adam::new(length);
                for gradient in &gradients {
                    adam.update(set, &settings, &mut parameters, gradient);
                }
                for (&got, &want) in parameters.iter().zip(&expected) {
                    assert!(
                        (f64::from(got) - want).abs() < 2e-6,
                        "{}: {got} {want}",
                        set.name()
                    );
                }
            }
        }
    }

    #[test]
    fn a_diverged_gradient_shows_in_the_returned_norm() {
        let mut adam = Adam::new(3);
        let norm = adam.update(
            InstructionSet::detect(),
            &SETTINGS,
            &mut [0.0; 3],
            &[0.0, f32::NAN, 1.0],
        );

        assert!(norm.is_nan());
    }
}
