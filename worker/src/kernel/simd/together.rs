//! Several vectors side by side: each operation on all of them before the next operation.
//!
//! An elementary function is one long chain of dependent instructions, and a CPU does not look far
//! enough ahead to start the next one by itself: interleaved chains keep it busy.

use super::Simd;

/// `N` vectors of `S` as one.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct Together<S, const N: usize>(pub(in crate::kernel) S);

/// Operations vector by vector. Plain loops: a closure might not be inlined, and what is not
/// inlined is compiled without the vector instructions.
macro_rules! each {
    ($($operation:ident($($argument:ident),+);)+) => {$(
        #[inline(always)]
        fn $operation(self, $($argument: Self::V),+) -> Self::V {
            let mut results = [self.0.zero(); N];
            for (i, result) in results.iter_mut().enumerate() {
                *result = self.0.$operation($($argument[i]),+);
            }
            results
        }
    )+};
}

impl<S: Simd, const N: usize> Simd for Together<S, N> {
    type V = [S::V; N];

    const LANES: usize = N * S::LANES;
    const SUMS: usize = S::SUMS / N;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [self.0.splat(value); N]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::V {
        let mut results = [self.0.zero(); N];
        for (i, result) in results.iter_mut().enumerate() {
            // SAFETY: `N * S::LANES` floats are readable, says the caller.
            *result = unsafe { self.0.load(from.add(i * S::LANES)) };
        }
        results
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, vector: Self::V) {
        for (i, part) in vector.into_iter().enumerate() {
            // SAFETY: `N * S::LANES` floats are writable, says the caller.
            unsafe { self.0.store(to.add(i * S::LANES), part) }
        }
    }

    #[inline(always)]
    fn prefetch(self, address: *const f32) {
        self.0.prefetch(address);
    }

    each! {
        add(a, b);
        sub(a, b);
        mul(a, b);
        div(a, b);
        sqrt(a);
        mul_add(a, b, c);
        negative_mul_add(a, b, c);
        min(a, b);
        max(a, b);
        round(a);
        scale(a, exponent);
    }

    #[inline(always)]
    fn sum(self, a: Self::V) -> f32 {
        let mut total = 0.0;
        for part in a {
            total += self.0.sum(part);
        }
        total
    }
}
