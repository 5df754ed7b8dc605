//! PURE: all randomness of a trial. Every number is a function of (sweep seed, configuration unless
//! seeds are common, replicate, purpose, position); there is no generator whose state could depend
//! on who drew before, so a retried trial, another batch split or another bundle draws the same
//! numbers.

mod philox;

use pondersweep_proto::spec::TrialSpec;

pub use philox::philox;

/// What random numbers are for. Each purpose has a stream of its own, so that drawing more for
/// one never shifts another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The parameters before training.
    Init = 0,
    /// Training samples; position: update, sample.
    Data = 1,
    /// Halting decisions of the evaluation; position: range, sample.
    Halting = 2,
    /// Evaluation samples; position: range, sample.
    Evaluation = 3,
    /// The seed that a user's program is told.
    Program = 4,
    /// What samples of a trial share; position: as their task has it.
    Items = 5,
    /// What training drops; position: update, place in the network.
    Dropout = 6,
}

/// The seeds of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    key: [u64; 2],
    replicate: u32,
}

impl Seeds {
    /// The seeds of a trial: a function of its content, never of the attempt.
    #[must_use]
    pub fn of(trial: &TrialSpec) -> Self {
        let configuration = match trial.common_seeds {
            true => 0,
            false => trial.configuration.stream_key().as_u64(),
        };
        Self {
            key: [trial.seed, configuration],
            replicate: trial.replicate,
        }
    }

    /// The numbers for a purpose at a position, in the order they are drawn.
    #[must_use]
    pub const fn draws(&self, purpose: Purpose, position: [u64; 2]) -> Draws {
        let stream = (self.replicate as u64) << 32 | purpose as u64;
        Draws {
            key: self.key,
            counter: [0, position[1], position[0], stream],
            ready: [0; READY],
            drawn: READY,
        }
    }
}

/// Blocks made at once: two run side by side in a processor's registers, more do not fit.
const BLOCKS: usize = 2;

/// Numbers of 32 bits in `BLOCKS` blocks of four 64-bit words.
const READY: usize = 2 * 4 * BLOCKS;

/// The random numbers at one position of one stream, without end.
#[derive(Clone, Debug)]
pub struct Draws {
    key: [u64; 2],
    /// Block, then position, then stream.
    counter: [u64; 4],
    /// The numbers of the last blocks made: of each word the lower half, then the upper.
    ready: [u32; READY],
    /// How many of them are drawn.
    drawn: usize,
}

impl Draws {
    /// 32 random bits.
    #[inline]
    pub fn bits(&mut self) -> u32 {
        self.some_bits(1)[0]
    }

    /// Draws 32 random bits several times: at least once and at most `most` times, as often as
    /// numbers are ready.
    ///
    /// # Panics
    /// `most` is zero.
    #[inline]
    pub fn some_bits(&mut self, most: usize) -> &[u32] {
        assert!(most > 0, "nothing to draw");
        if self.drawn == READY {
            self.make_ready();
        }
        let start = self.drawn;
        self.drawn = READY.min(start + most);
        &self.ready[start..self.drawn]
    }

    #[inline(never)]
    fn make_ready(&mut self) {
        let blocks = philox::<BLOCKS>(self.key, self.counter);
        self.counter[0] += BLOCKS as u64;
        for (halves, word) in self.ready.chunks_exact_mut(2).zip(blocks.as_flattened()) {
            halves.copy_from_slice(&[*word as u32, (word >> 32) as u32]);
        }
        self.drawn = 0;
    }

    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        u64::from(self.bits()) << 32 | u64::from(self.bits())
    }

    /// Uniform on [0, 1): a multiple of 2^-24, so exact in `f32`.
    pub fn uniform_f32(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform on [0, 1): a multiple of 2^-53.
    pub fn uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.bits()) << 32;
        let bits = (high | u64::from(self.bits())) >> 11;
        bits as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform on `0..bound`, every number exactly as likely: the multiply-and-reject method of
    /// Lemire, "Fast random integer generation in an interval" (2019).
    ///
    /// # Panics
    /// `bound` is zero.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "there is no number below zero");
        let mut draw = || u64::from(self.bits()) * u64::from(bound);
        let mut product = draw();
        // A division is slow, and rarely needed: what is rejected is smaller than the bound.
        if (product as u32) < bound {
            // 2^32 mod bound of the products' low halves would make some numbers likelier.
            let rejected = bound.wrapping_neg() % bound;
            while (product as u32) < rejected {
                product = draw();
            }
        }
        (product >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::spec::ConfigurationSpec;

    use super::*;

    fn trial(seed: u64, lambda_p: f64, replicate: u32) -> TrialSpec {
        let configuration = ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "parity", "elements": 4 },
            "model": { "kind": "ponder_net", "lambda_p": lambda_p },
            "training": { "updates": 1 },
        }))
        .unwrap();
        TrialSpec {
            configuration,
            seed,
            replicate,
            common_seeds: false,
            program: None,
        }
    }

    #[test]
    fn every_part_of_the_key_and_of_the_position_has_its_own_numbers() {
        let draw = |trial: &TrialSpec, purpose, position| {
            Seeds::of(trial).draws(purpose, position).uniform_f64()
        };
        let base = trial(0, 0.1, 0);
        let drawn = [
            draw(&base, Purpose::Data, [0, 0]),
            draw(&base, Purpose::Init, [0, 0]),
            draw(&base, Purpose::Halting, [0, 0]),
            draw(&base, Purpose::Evaluation, [0, 0]),
            draw(&base, Purpose::Data, [1, 0]),
            draw(&base, Purpose::Data, [0, 1]),
            draw(&trial(1, 0.1, 0), Purpose::Data, [0, 0]),
            draw(&trial(0, 0.2, 0), Purpose::Data, [0, 0]),
            draw(&trial(0, 0.1, 1), Purpose::Data, [0, 0]),
        ];
        for (index, number) in drawn.iter().enumerate() {
            assert!(!drawn[..index].contains(number), "{index}");
        }
        assert_eq!(drawn[0], draw(&trial(0, 0.1, 0), Purpose::Data, [0, 0]));
    }

    #[test]
    fn common_seeds_are_shared_by_configurations_and_not_by_replicates() {
        let common = |lambda_p, replicate| {
            let trial = TrialSpec {
                common_seeds: true,
                ..trial(3, lambda_p, replicate)
            };
            Seeds::of(&trial).draws(Purpose::Init, [0, 0]).bits()
        };
        assert_eq!(common(0.1, 0), common(0.2, 0));
        assert_ne!(common(0.1, 0), common(0.1, 1));
    }

    #[test]
    fn drawing_does_not_repeat_after_a_block() {
        let mut draws = Seeds::of(&trial(7, 0.1, 0)).draws(Purpose::Data, [3, 4]);
        let drawn: Vec<u32> = (0..64).map(|_| draws.bits()).collect();
        for (index, number) in drawn.iter().enumerate() {
            assert!(!drawn[..index].contains(number), "{index}");
        }
    }

    #[test]
    fn bounded_integers_reach_every_number_about_equally_often() {
        let mut draws = Seeds::of(&trial(7, 0.1, 0)).draws(Purpose::Data, [0, 0]);
        let mut counts = [0_i32; 7];
        for _ in 0..70_000 {
            counts[draws.below(7) as usize] += 1;
        }
        // Five standard deviations of a binomial count with mean 10,000.
        assert!(
            counts.iter().all(|count| (count - 10_000).abs() < 470),
            "{counts:?}"
        );
        assert_eq!(draws.below(1), 0);
    }

    #[test]
    fn uniform_numbers_stay_inside_and_average_to_one_half() {
        let mut draws = Seeds::of(&trial(7, 0.1, 0)).draws(Purpose::Data, [0, 1]);
        let (mut sum_f32, mut sum_f64) = (0.0, 0.0);
        for _ in 0..10_000 {
            let (narrow, wide) = (draws.uniform_f32(), draws.uniform_f64());
            assert!((0.0..1.0).contains(&narrow) && (0.0..1.0).contains(&wide));
            sum_f32 += f64::from(narrow);
            sum_f64 += wide;
        }
        // Five standard deviations of a mean of 10,000.
        assert!((sum_f32 / 1e4 - 0.5).abs() < 0.0145);
        assert!((sum_f64 / 1e4 - 0.5).abs() < 0.0145);
    }
}
