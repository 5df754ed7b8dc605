//! Vectors of `f32`: the operations the kernels are written in, once, for every instruction set.
//!
//! A value of a type that implements [`Simd`] proves that the CPU has the instructions, so its
//! arithmetic is safe to call; only memory access is not.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
pub(super) mod portable;
pub(super) mod together;

/// Proof that the CPU can do it, and how.
pub(super) trait Simd: Copy {
    /// A vector of [`Self::LANES`] floats.
    type V: Copy;

    /// Floats in a vector.
    const LANES: usize;

    /// Sums a multiplication can keep in registers together with what it reads; more would spill.
    const SUMS: usize;

    /// Whether this CPU gains from the elementary functions of one tile being computed while the
    /// next is multiplied: there must be registers for both.
    const OVERLAPS_TILES: bool = false;

    /// The same value in every lane.
    fn splat(self, value: f32) -> Self::V;

    /// Reads `LANES` floats.
    ///
    /// # Safety
    /// They must be readable; no alignment is needed.
    unsafe fn load(self, from: *const f32) -> Self::V;

    /// Writes `LANES` floats.
    ///
    /// # Safety
    /// They must be writable; no alignment is needed.
    unsafe fn store(self, to: *mut f32, vector: Self::V);

    /// Asks for the cache line at this address, which need not be valid.
    fn prefetch(self, address: *const f32);

    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`, correctly rounded.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a * b + c`, in one rounding where the CPU can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, in one rounding where the CPU can.
    fn negative_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller, or `b` if either is not a number.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger, or `b` if either is not a number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The nearest integer, ties to even, of a magnitude below 2^22.
    fn round(self, a: Self::V) -> Self::V;
    /// `a * 2^exponent` for an integer `exponent` in -126 ..= 127.
    fn scale(self, a: Self::V, exponent: Self::V) -> Self::V;
    /// The sum of the lanes, in an order fixed per instruction set.
    fn sum(self, a: Self::V) -> f32;

    /// Zero in every lane.
    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(0.0)
    }
}

/// Reads the first floats of a slice, at most `LANES`; lanes beyond its end are zero.
#[inline(always)]
pub(super) fn load_some<S: Simd>(simd: S, from: &[f32]) -> S::V {
    let mut lanes = [0.0; MAX_LANES];
    let from = if from.len() >= S::LANES {
        from
    } else {
        lanes[..from.len()].copy_from_slice(from);
        &lanes
    };
    // SAFETY: LANES floats, either of the slice or of the longest vector there is.
    unsafe { simd.load(from.as_ptr()) }
}

/// Writes the first lanes of a vector, as many as the slice has room for.
#[inline(always)]
pub(super) fn store_some<S: Simd>(simd: S, to: &mut [f32], vector: S::V) {
    if to.len() >= S::LANES {
        // SAFETY: LANES floats of the slice.
        unsafe { simd.store(to.as_mut_ptr(), vector) }
    } else {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: LANES floats of the longest vector there is.
        unsafe { simd.store(lanes.as_mut_ptr(), vector) }
        let length = to.len();
        to.copy_from_slice(&lanes[..length]);
    }
}

/// Floats in the longest vector of any instruction set.
const MAX_LANES: usize = 16;
