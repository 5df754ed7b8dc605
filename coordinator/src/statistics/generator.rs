//! A small deterministic generator for resampling. It is keyed by a seed that the caller states;
//! nothing here knows of ambient randomness.

/// `SplitMix64` (Steele, Lea and Flood 2014): the n-th number is a hash of `seed + n * GAMMA`, so a
/// stream is a pure function of its seed and a counter.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

/// The odd number closest to 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl SplitMix64 {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// An index below `bound`, which is positive: the high word of a product (Lemire 2019). The
    /// rejection step is left out: for bounds below 2^32 the bias is below 2^-32.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "there is no index below zero");
        let product = u128::from(self.next_u64()) * bound as u128;
        usize::try_from(product >> 64).expect("the high word is below the bound")
    }

    /// A number in [0, 1), a multiple of 2^-53.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut generator = SplitMix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| generator.next_u64()), expected);
    }

    #[test]
    fn indices_are_evenly_spread_and_never_reach_the_bound() {
        let mut generator = SplitMix64::new(7);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[generator.below(10)] += 1;
        }
        // Five standard deviations of a binomial count around 10 000.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 475),
            "{counts:?}"
        );
    }
}
