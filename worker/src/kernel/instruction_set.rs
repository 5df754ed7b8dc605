//! Which vector instructions run the kernels: found once, then carried by the workspace.

use super::simd::{Simd, portable::Portable};
#[cfg(target_arch = "x86_64")]
use super::simd::{avx2::Avx2, avx512::Avx512};

/// Vector instructions of this CPU.
///
/// Results of two instruction sets agree to rounding, not to the bit.
#[derive(Clone, Copy, Debug)]
pub struct InstructionSet(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    Portable(Portable),
}

/// Work that is compiled once per instruction set.
pub(super) trait Job {
    /// What it computes.
    type Output;

    /// Does it, with tiles of `ROWS` rows; must be `#[inline(always)]`, as must what it calls.
    fn run<S: Simd, const ROWS: usize>(self, simd: S) -> Self::Output;
}

impl InstructionSet {
    /// The best this CPU has.
    #[must_use]
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All this CPU has, best first; the portable one is always last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(Avx512::detect().map(|proof| Self(Kind::Avx512(proof))));
            found.extend(Avx2::detect().map(|proof| Self(Kind::Avx2(proof))));
        }
        found.push(Self(Kind::Portable(Portable)));
        found
    }

    /// Its name: `avx512`, `avx2` or `portable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            Kind::Portable(_) => "portable",
        }
    }

    /// Runs a job compiled for it.
    #[inline]
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(simd) => simd.run(job),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(simd) => simd.run(job),
            Kind::Portable(simd) => simd.run(job),
        }
    }

    /// Floats in a vector, and samples in a tile.
    pub(super) fn lanes_and_rows(self) -> (usize, usize) {
        struct Sizes;
        impl Job for Sizes {
            type Output = (usize, usize);

            fn run<S: Simd, const ROWS: usize>(self, _: S) -> (usize, usize) {
                (S::LANES, ROWS)
            }
        }
        self.run(Sizes)
    }
}
