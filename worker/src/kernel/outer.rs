//! Weight gradients: `left^T right`, summed over samples (and steps) as one long depth.

use super::instruction_set::Job;
use super::simd::Simd;
use super::tile::{Left, Right, load, multiply_add_prefetching, prefetch, store};

/// Samples per pass over the result: a column group of `right` then fits the first-level cache.
const DEPTH: usize = 128;

/// `result += left^T right`.
pub(super) struct OuterProduct<'a> {
    /// `[depth, left_width]`.
    pub(super) left: &'a [f32],
    pub(super) left_width: usize,
    /// `[depth, right_width]`.
    pub(super) right: &'a [f32],
    pub(super) right_width: usize,
    /// `[left_width, right_width]`.
    pub(super) result: &'a mut [f32],
}

impl Job for OuterProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        assert_eq!(self.left_width % ROWS, 0);
        let depth = self.left.len() / self.left_width;
        assert_eq!(self.left.len(), depth * self.left_width);
        assert_eq!((depth % ROWS, DEPTH % ROWS), (0, 0));
        assert_eq!(self.right.len(), depth * self.right_width);
        assert_eq!(self.result.len(), self.left_width * self.right_width);
        // SAFETY: the asserts above, and the width of a group divides `right_width`.
        unsafe {
            if self.right_width.is_multiple_of(3 * S::LANES) {
                self.all::<S, ROWS, 3>(simd, depth);
            } else {
                assert!(self.right_width.is_multiple_of(2 * S::LANES));
                self.all::<S, ROWS, 2>(simd, depth);
            }
        }
    }
}

impl OuterProduct<'_> {
    /// # Safety
    /// The slices have the stated sizes, multiples of `ROWS` and of `COLUMNS` vectors.
    #[inline(always)]
    unsafe fn all<S: Simd, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        simd: S,
        depth: usize,
    ) {
        for start in (0..depth).step_by(DEPTH) {
            let block = DEPTH.min(depth - start);
            for column in (0..self.right_width).step_by(COLUMNS * S::LANES) {
                for row in (0..self.left_width).step_by(ROWS) {
                    // SAFETY: says the caller.
                    unsafe { self.tile::<S, ROWS, COLUMNS>(simd, start, block, row, column) }
                }
            }
        }
    }

    /// # Safety
    /// As for `all`; the block and the tile lie within the slices.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        simd: S,
        start: usize,
        block: usize,
        row: usize,
        column: usize,
    ) {
        // While this group's tiles are computed, the next group's vectors are fetched.
        let next = match column + COLUMNS * S::LANES {
            end if end == self.right_width => (start + DEPTH) * self.right_width,
            end => start * self.right_width + end,
        };
        let next = self.right.as_ptr().wrapping_add(next);
        let share = block.div_ceil(self.left_width);
        // SAFETY: says the caller.
        unsafe {
            let result = self
                .result
                .as_mut_ptr()
                .add(row * self.right_width + column);
            let sums = multiply_add_prefetching::<S, ROWS, COLUMNS>(
                simd,
                Left {
                    start: self.left.as_ptr().add(start * self.left_width + row),
                    row_stride: 1,
                    depth_stride: self.left_width,
                },
                Right {
                    start: self.right.as_ptr().add(start * self.right_width + column),
                    depth_stride: self.right_width,
                },
                block,
                load(simd, result, self.right_width),
                |i| {
                    for sample in 0..share {
                        let sample = (row + i) * share + sample;
                        prefetch(simd, next.wrapping_add(sample * self.right_width), COLUMNS);
                    }
                },
            );
            store(simd, result, self.right_width, &sums);
        }
    }
}
