//! Four floats in plain Rust, which compilers turn into SSE2, NEON or scalar code.

use std::array;

use super::Simd;
use crate::kernel::instruction_set::Job;

const LANES: usize = 4;

/// No proof needed: every CPU can.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Portable;

impl Portable {
    /// Runs a job compiled for the target's baseline.
    #[inline]
    pub(in crate::kernel) fn run<J: Job>(self, job: J) -> J::Output {
        job.run::<Self, 4>(self)
    }
}

/// Four floats.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(in crate::kernel) struct Four([f32; LANES]);

#[inline(always)]
fn map(a: Four, operation: impl Fn(f32) -> f32) -> Four {
    Four(array::from_fn(|lane| operation(a.0[lane])))
}

#[inline(always)]
fn zip(a: Four, b: Four, operation: impl Fn(f32, f32) -> f32) -> Four {
    Four(array::from_fn(|lane| operation(a.0[lane], b.0[lane])))
}

/// Fused only where the target's baseline fuses: elsewhere `mul_add` is a slow library call.
#[inline(always)]
fn mul_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

impl Simd for Portable {
    type V = Four;

    const LANES: usize = LANES;
    const SUMS: usize = 8;

    #[inline(always)]
    fn splat(self, value: f32) -> Four {
        Four([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Four {
        // SAFETY: four floats are readable, says the caller.
        Four(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: Four) {
        // SAFETY: four floats are writable, says the caller.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(vector.0) }
    }

    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    #[inline(always)]
    fn add(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn sqrt(self, a: Four) -> Four {
        map(a, f32::sqrt)
    }

    #[inline(always)]
    fn mul_add(self, a: Four, b: Four, c: Four) -> Four {
        Four(array::from_fn(|lane| {
            mul_add(a.0[lane], b.0[lane], c.0[lane])
        }))
    }

    #[inline(always)]
    fn negative_mul_add(self, a: Four, b: Four, c: Four) -> Four {
        Four(array::from_fn(|lane| {
            mul_add(-a.0[lane], b.0[lane], c.0[lane])
        }))
    }

    #[inline(always)]
    fn min(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: Four, b: Four) -> Four {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn round(self, a: Four) -> Four {
        // Adding 1.5 * 2^23 leaves no bits for a fraction: the addition rounds, without a call.
        const MAGIC: f32 = 12_582_912.0;
        map(a, |a| (a + MAGIC) - MAGIC)
    }

    #[inline(always)]
    fn scale(self, a: Four, exponent: Four) -> Four {
        // An integer in the stated range: the cast cannot saturate, nor the shift overflow.
        zip(a, exponent, |a, exponent| {
            a * f32::from_bits(((exponent as i32 + 127) << 23) as u32)
        })
    }

    #[inline(always)]
    fn sum(self, a: Four) -> f32 {
        (a.0[0] + a.0[2]) + (a.0[1] + a.0[3])
    }
}
