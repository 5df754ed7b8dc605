//! One step of the tanh layer, h' = tanh(x W + b + h U), forward and backward, tile by tile.

use super::elementary::tanh;
use super::instruction_set::Job;
use super::simd::{Simd, together::Together};
use super::tile::{Left, Right, assert_rows, load, multiply_add_prefetching, prefetch, store};
use super::workspace::{Packed, Padded};

/// h_n from h_{n-1}, for a block of samples.
pub(super) struct RnnForward<'a> {
    pub(super) padded: &'a Padded,
    pub(super) packed: &'a Packed,
    /// x W + b: `[samples, hidden]`.
    pub(super) input: &'a [f32],
    /// Which sample stands in each row: `[rows]`.
    pub(super) samples: &'a [u32],
    /// h_{n-1}: `[rows, hidden]`.
    pub(super) previous: &'a [f32],
    /// h_{n-1} is h_0 = 0: nothing to multiply.
    pub(super) first: bool,
    /// h_n: `[rows, hidden]`.
    pub(super) hidden: &'a mut [f32],
}

impl Job for RnnForward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let hidden = self.padded.hidden;
        let rows = self.hidden.len() / hidden;
        assert_eq!((rows % ROWS, hidden % (2 * S::LANES)), (0, 0));
        assert_eq!(
            (self.previous.len(), self.samples.len()),
            (rows * hidden, rows)
        );
        assert_rows(self.samples, self.input.len() / hidden);
        assert_eq!(self.packed.recurrent.len(), hidden * hidden);
        let mut waiting = None;
        for pair in 0..hidden / (2 * S::LANES) {
            for row in (0..rows).step_by(ROWS) {
                // SAFETY: the asserts above; tile and pair lie within rows and units, and `waiting`
                // is what the tile before returned.
                waiting = unsafe { self.tile::<S, ROWS>(simd, row, pair, waiting) };
            }
        }
        if let Some(tile) = waiting {
            for i in 0..ROWS {
                // SAFETY: a row of the last tile.
                unsafe { activate(simd, self.hidden.as_mut_ptr().add(tile + i * hidden)) }
            }
        }
    }
}

impl RnnForward<'_> {
    /// Multiplies, meanwhile applies tanh to the tile that waits for it, if one does, row by row:
    /// the CPU does not look far enough ahead to begin a multiplication under tanh's long chains.
    /// Returns where this tile begins if it is left to wait.
    ///
    /// # Safety
    /// Rows `row .. row + ROWS` and the units of the two vectors of `pair` exist in every slice;
    /// `waiting` was returned by an earlier call.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(
        &mut self,
        simd: S,
        row: usize,
        pair: usize,
        waiting: Option<usize>,
    ) -> Option<usize> {
        let hidden = self.padded.hidden;
        let unit = pair * 2 * S::LANES;
        let at_unit = row * hidden + unit;
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            let states = self.hidden.as_mut_ptr();
            let state = states.add(at_unit);
            let mut sums = multiply_add_prefetching::<S, ROWS, 2>(
                simd,
                Left {
                    start: self.previous.as_ptr().add(row * hidden),
                    row_stride: hidden,
                    depth_stride: 1,
                },
                Right {
                    start: self.packed.recurrent.as_ptr().add(unit * hidden),
                    depth_stride: 2 * S::LANES,
                },
                if self.first { 0 } else { hidden },
                std::array::from_fn(|i| {
                    let sample = *self.samples.as_ptr().add(row + i) as usize;
                    let input = self.input.as_ptr().add(sample * hidden + unit);
                    [simd.load(input), simd.load(input.add(S::LANES))]
                }),
                |i| {
                    // A store to a line in another cache stalls like a load.
                    prefetch(simd, state.wrapping_add(i * hidden), 2);
                    if let Some(tile) = waiting {
                        activate(simd, states.add(tile + i * hidden));
                    }
                },
            );
            if !S::OVERLAPS_TILES {
                for sum in sums.iter_mut().flatten() {
                    *sum = tanh(simd, *sum);
                }
            }
            store(simd, state, hidden, &sums);
        }
        S::OVERLAPS_TILES.then_some(at_unit)
    }
}

/// tanh of two vectors, in place.
///
/// # Safety
/// Both are readable and writable.
#[inline(always)]
unsafe fn activate<S: Simd>(simd: S, row: *mut f32) {
    let together = Together::<S, 2>(simd);
    // SAFETY: says the caller.
    unsafe { together.store(row, tanh(together, together.load(row))) }
}

/// What step n hears of the steps after it.
#[derive(Clone, Copy)]
pub(super) enum RnnLater<'a> {
    /// There is none.
    Nothing,
    /// The gradients of step n + 1's pre-activations: `[rows, hidden]`.
    Gates(&'a [f32]),
    /// Their share of the gradient of h_n: `[rows, hidden]`.
    State(&'a [f32]),
}

/// Gradients of step n's pre-activations from those of step n + 1 and of step n's logits,
/// for a block of samples.
pub(super) struct RnnBackward<'a> {
    pub(super) padded: &'a Padded,
    pub(super) packed: &'a Packed,
    /// Of step n's logits: `[rows]` each.
    pub(super) answer_logits: &'a [f32],
    pub(super) halting_logits: &'a [f32],
    /// Which sample stands in each row: `[rows]`.
    pub(super) samples: &'a [u32],
    /// What step n + 1 has to say.
    pub(super) later: RnnLater<'a>,
    /// h_n: `[rows, hidden]`.
    pub(super) hidden: &'a [f32],
    /// Of step n's pre-activations, out: `[rows, hidden]`.
    pub(super) gates: &'a mut [f32],
    /// Sums over the steps so far: of x W + b `[samples, hidden]`, and `[hidden]` each.
    pub(super) input: &'a mut [f32],
    pub(super) answer: &'a mut [f32],
    pub(super) halting: &'a mut [f32],
}

impl Job for RnnBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let hidden = self.padded.hidden;
        let rows = self.hidden.len() / hidden;
        assert_eq!((rows % ROWS, hidden % (2 * S::LANES)), (0, 0));
        assert_eq!(self.packed.transposed.len(), hidden * hidden);
        assert!(self.packed.answer.len() == hidden && self.packed.halting.len() == hidden);
        assert!(self.answer.len() == hidden && self.halting.len() == hidden);
        let later = match self.later {
            RnnLater::Nothing => self.hidden,
            RnnLater::Gates(later) | RnnLater::State(later) => later,
        };
        let per_state = [later, self.hidden, &*self.gates];
        assert_eq!(self.samples.len(), rows);
        assert_rows(self.samples, self.input.len() / hidden);
        assert!(per_state.iter().all(|slice| slice.len() == rows * hidden));
        assert_eq!(
            (self.answer_logits.len(), self.halting_logits.len()),
            (rows, rows)
        );
        for pair in 0..hidden / (2 * S::LANES) {
            for row in (0..rows).step_by(ROWS) {
                // SAFETY: the asserts above; tile and pair lie within rows and units.
                unsafe { self.tile::<S, ROWS>(simd, row, pair) }
            }
        }
    }
}

impl RnnBackward<'_> {
    /// # Safety
    /// Rows `row .. row + ROWS` and the units of the two vectors of `pair` exist in every slice.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize, pair: usize) {
        let hidden = self.padded.hidden;
        let unit = pair * 2 * S::LANES;
        let at_unit = row * hidden + unit;
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            let state = self.hidden.as_ptr().add(at_unit);
            let sums = match self.later {
                RnnLater::Nothing => [[simd.zero(); 2]; ROWS],
                RnnLater::State(later) => load(simd, later.as_ptr().add(at_unit), hidden),
                RnnLater::Gates(later) => multiply_add_prefetching(
                    simd,
                    Left {
                        start: later.as_ptr().add(row * hidden),
                        row_stride: hidden,
                        depth_stride: 1,
                    },
                    Right {
                        start: self.packed.transposed.as_ptr().add(unit * hidden),
                        depth_stride: 2 * S::LANES,
                    },
                    hidden,
                    [[simd.zero(); 2]; ROWS],
                    |i| prefetch(simd, state.wrapping_add(i * hidden), 2),
                ),
            };
            self.units::<S, ROWS>(simd, row, unit, sums.map(|[first, _]| first));
            self.units::<S, ROWS>(simd, row, unit + S::LANES, sums.map(|[_, second]| second));
        }
    }

    /// From the gradient of h_n, still without the heads' share, for one vector of units.
    ///
    /// # Safety
    /// Rows `row .. row + ROWS` and units `unit .. unit + LANES` exist in every slice.
    #[inline(always)]
    unsafe fn units<S: Simd, const ROWS: usize>(
        &mut self,
        simd: S,
        row: usize,
        unit: usize,
        state: [S::V; ROWS],
    ) {
        let hidden = self.padded.hidden;
        let one = simd.splat(1.0);
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            let answer_weights = simd.load(self.packed.answer.as_ptr().add(unit));
            let halting_weights = simd.load(self.packed.halting.as_ptr().add(unit));
            let answer = self.answer.as_mut_ptr().add(unit);
            let halting = self.halting.as_mut_ptr().add(unit);
            let mut answer_sum = simd.load(answer);
            let mut halting_sum = simd.load(halting);
            for (i, mut dh) in state.into_iter().enumerate() {
                let at_unit = (row + i) * hidden + unit;
                let d_answer = simd.splat(*self.answer_logits.as_ptr().add(row + i));
                let d_halting = simd.splat(*self.halting_logits.as_ptr().add(row + i));
                let h = simd.load(self.hidden.as_ptr().add(at_unit));
                answer_sum = simd.mul_add(d_answer, h, answer_sum);
                halting_sum = simd.mul_add(d_halting, h, halting_sum);
                dh = simd.mul_add(d_answer, answer_weights, dh);
                dh = simd.mul_add(d_halting, halting_weights, dh);

                let gradient = simd.mul(dh, simd.negative_mul_add(h, h, one));
                simd.store(self.gates.as_mut_ptr().add(at_unit), gradient);
                let sample = *self.samples.as_ptr().add(row + i) as usize;
                let sum = self.input.as_mut_ptr().add(sample * hidden + unit);
                simd.store(sum, simd.add(simd.load(sum), gradient));
            }
            simd.store(answer, answer_sum);
            simd.store(halting, halting_sum);
        }
    }
}
