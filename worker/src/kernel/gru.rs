//! One step of the gated recurrent unit (torch's formulas), forward and backward, tile by tile.
//!
//! r = sigmoid(x W_r + b_r + h U_r), z alike, q = h U_n + c_n, n = tanh(x W_n + b_n + r q),
//! h' = (1 - z) n + z h.

use super::elementary::{sigmoid, tanh};
use super::instruction_set::Job;
use super::simd::{Simd, together::Together};
use super::tile::{Left, Right, assert_rows, load, multiply_add_prefetching, prefetch};
use super::workspace::{Packed, Padded};

/// Rows whose gates are computed together.
const TOGETHER: usize = 4;

/// h_n from h_{n-1}, for a block of samples.
pub(super) struct GruForward<'a> {
    pub(super) padded: &'a Padded,
    pub(super) packed: &'a Packed,
    /// x W + b: `[samples, gate width]`.
    pub(super) input: &'a [f32],
    /// Which sample stands in each row: `[rows]`.
    pub(super) samples: &'a [u32],
    /// h_{n-1}: `[rows, hidden]`.
    pub(super) previous: &'a [f32],
    /// h_{n-1} is h_0 = 0: nothing to multiply.
    pub(super) first: bool,
    /// h_n: `[rows, hidden]`.
    pub(super) hidden: &'a mut [f32],
    /// Where r, z, q `[rows, gate width]` and n `[rows, hidden]` are kept, in training.
    pub(super) kept: Option<(&'a mut [f32], &'a mut [f32])>,
}

impl Job for GruForward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        let rows = self.hidden.len() / hidden;
        assert_eq!((rows % ROWS, hidden % S::LANES), (0, 0));
        assert_eq!(self.previous.len(), rows * hidden);
        assert_eq!(gate_width, 3 * hidden);
        assert_eq!(self.samples.len(), rows);
        assert_rows(self.samples, self.input.len() / gate_width);
        assert_eq!(self.packed.recurrent.len(), hidden * gate_width);
        assert_eq!(self.packed.candidate_bias.len(), hidden);
        if let Some((gates, candidate)) = &self.kept {
            assert_eq!(
                (gates.len(), candidate.len()),
                (rows * gate_width, rows * hidden)
            );
        }
        // A group's weights stay in the first-level cache while the tiles pass.
        for group in 0..hidden / S::LANES {
            for row in (0..rows).step_by(ROWS) {
                // SAFETY: the asserts above; tile and group lie within rows and units.
                unsafe { self.tile::<S, ROWS>(simd, row, group) }
            }
        }
    }
}

impl GruForward<'_> {
    /// # Safety
    /// Rows `row .. row + ROWS` and the units of vector `group` exist in every slice.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize, group: usize) {
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        let unit = group * S::LANES;
        let at_unit = row * hidden + unit;
        let at_gate = row * gate_width + 3 * unit;
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            let input = self.input.as_ptr().add(3 * unit);
            let samples = self.samples.as_ptr().add(row);
            let state = self.hidden.as_ptr().add(at_unit);
            let kept = self.kept.as_ref().map(|(gates, candidate)| {
                (gates.as_ptr().add(at_gate), candidate.as_ptr().add(at_unit))
            });
            let bias = simd.load(self.packed.candidate_bias.as_ptr().add(unit));
            let sums = multiply_add_prefetching::<S, ROWS, 3>(
                simd,
                Left {
                    start: self.previous.as_ptr().add(row * hidden),
                    row_stride: hidden,
                    depth_stride: 1,
                },
                Right {
                    start: self.packed.recurrent.as_ptr().add(3 * unit * hidden),
                    depth_stride: 3 * S::LANES,
                },
                if self.first { 0 } else { hidden },
                [[simd.zero(), simd.zero(), bias]; ROWS],
                // Also what will be written: a store to a line in another cache stalls alike.
                |i| {
                    let sample = *samples.add(i) as usize;
                    prefetch(simd, input.wrapping_add(sample * gate_width), 3);
                    prefetch(simd, state.wrapping_add(i * hidden), 1);
                    if let Some((gates, candidate)) = kept {
                        prefetch(simd, gates.wrapping_add(i * gate_width), 3);
                        prefetch(simd, candidate.wrapping_add(i * hidden), 1);
                    }
                },
            );
            for start in (0..ROWS).step_by(TOGETHER) {
                let sums = std::array::from_fn(|i| sums[start + i]);
                self.activate(simd, row + start, unit, sums);
            }
        }
    }

    /// The gates' functions, for some rows of one vector of units.
    ///
    /// # Safety
    /// Rows `row .. row + TOGETHER` and units `unit .. unit + LANES` exist in every slice.
    #[inline(always)]
    unsafe fn activate<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        unit: usize,
        sums: [[S::V; 3]; TOGETHER],
    ) {
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        let at_unit = row * hidden + unit;
        let at_gate = row * gate_width + 3 * unit;
        let together = Together::<S, TOGETHER>(simd);
        let [mut r, mut z, mut n, mut q, mut h] = [together.zero(); 5];
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            for i in 0..TOGETHER {
                let sample = *self.samples.as_ptr().add(row + i) as usize;
                let input = self.input.as_ptr().add(sample * gate_width + 3 * unit);
                r[i] = simd.add(sums[i][0], simd.load(input));
                z[i] = simd.add(sums[i][1], simd.load(input.add(S::LANES)));
                n[i] = simd.load(input.add(2 * S::LANES));
                q[i] = sums[i][2];
                h[i] = simd.load(self.previous.as_ptr().add(at_unit + i * hidden));
            }
            let r = sigmoid(together, r);
            let n = tanh(together, together.mul_add(r, q, n));
            let z = sigmoid(together, z);
            // (1 - z) n + z h
            let h = together.mul_add(z, together.sub(h, n), n);
            for i in 0..TOGETHER {
                let at_unit = at_unit + i * hidden;
                simd.store(self.hidden.as_mut_ptr().add(at_unit), h[i]);
                if let Some((gates, candidate)) = &mut self.kept {
                    let gates = gates.as_mut_ptr().add(at_gate + i * gate_width);
                    simd.store(gates, r[i]);
                    simd.store(gates.add(S::LANES), z[i]);
                    simd.store(gates.add(2 * S::LANES), q[i]);
                    simd.store(candidate.as_mut_ptr().add(at_unit), n[i]);
                }
            }
        }
    }
}

/// Gradients of step n's pre-activations from those of step n + 1 and of step n's logits,
/// for a block of samples.
pub(super) struct GruBackward<'a> {
    pub(super) padded: &'a Padded,
    pub(super) packed: &'a Packed,
    /// Of step n's logits: `[rows]` each.
    pub(super) answer_logits: &'a [f32],
    pub(super) halting_logits: &'a [f32],
    /// Which sample stands in each row: `[rows]`.
    pub(super) samples: &'a [u32],
    /// Of step n + 1's r, z, q before their functions: `[rows, gate width]`; `None` where all that
    /// step n + 1 has to say is in `carry`.
    pub(super) later: Option<&'a [f32]>,
    /// h_{n-1}, h_n and n: `[rows, hidden]` each.
    pub(super) previous: &'a [f32],
    pub(super) hidden: &'a [f32],
    pub(super) candidate: &'a [f32],
    /// r, z, q in; gradients before their functions out: `[rows, gate width]`.
    pub(super) gates: &'a mut [f32],
    /// z times the gradient of the state, of step n + 1 in and of step n out: `[rows, hidden]`.
    pub(super) carry: &'a mut [f32],
    /// Sums over the steps so far: of x W + b `[samples, gate width]`, and `[hidden]` each.
    pub(super) input: &'a mut [f32],
    pub(super) candidate_bias: &'a mut [f32],
    pub(super) answer: &'a mut [f32],
    pub(super) halting: &'a mut [f32],
}

impl Job for GruBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        let rows = self.hidden.len() / hidden;
        assert_eq!((rows % ROWS, hidden % (2 * S::LANES)), (0, 0));
        assert_eq!(gate_width, 3 * hidden);
        assert_eq!(self.packed.transposed.len(), hidden * gate_width);
        let per_unit = [&*self.candidate_bias, &*self.answer, &*self.halting];
        assert!(per_unit.iter().all(|slice| slice.len() == hidden));
        assert!(self.packed.answer.len() == hidden && self.packed.halting.len() == hidden);
        let per_state = [self.previous, self.hidden, self.candidate, &*self.carry];
        assert!(per_state.iter().all(|slice| slice.len() == rows * hidden));
        let per_gate = [self.later.unwrap_or(&*self.gates), &*self.gates];
        assert!(
            per_gate
                .iter()
                .all(|slice| slice.len() == rows * gate_width)
        );
        assert_eq!(
            (self.answer_logits.len(), self.halting_logits.len()),
            (rows, rows)
        );
        assert_eq!(self.samples.len(), rows);
        assert_rows(self.samples, self.input.len() / gate_width);
        // A tile's gradients stay in the first-level cache while the weights pass.
        for row in (0..rows).step_by(ROWS) {
            for pair in 0..hidden / (2 * S::LANES) {
                // SAFETY: the asserts above; tile and pair lie within rows and units.
                unsafe { self.tile::<S, ROWS>(simd, row, pair) }
            }
        }
    }
}

impl GruBackward<'_> {
    /// # Safety
    /// Rows `row .. row + ROWS` and the units of the two vectors of `pair` exist in every slice.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize, pair: usize) {
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        let unit = pair * 2 * S::LANES;
        let at_unit = row * hidden + unit;
        let at_gate = row * gate_width + 3 * unit;
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            let gates = self.gates.as_ptr().add(at_gate);
            let candidate = self.candidate.as_ptr().add(at_unit);
            let previous = self.previous.as_ptr().add(at_unit);
            let carried = load::<S, ROWS, 2>(simd, self.carry.as_ptr().add(at_unit), hidden);
            let sums = match self.later {
                None => carried,
                Some(later) => multiply_add_prefetching(
                    simd,
                    Left {
                        start: later.as_ptr().add(row * gate_width),
                        row_stride: gate_width,
                        depth_stride: 1,
                    },
                    Right {
                        start: self.packed.transposed.as_ptr().add(unit * gate_width),
                        depth_stride: 2 * S::LANES,
                    },
                    gate_width,
                    carried,
                    |i| {
                        prefetch(simd, gates.wrapping_add(i * gate_width), 6);
                        prefetch(simd, candidate.wrapping_add(i * hidden), 2);
                        prefetch(simd, previous.wrapping_add(i * hidden), 2);
                    },
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
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        let one = simd.splat(1.0);
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            let answer_weights = simd.load(self.packed.answer.as_ptr().add(unit));
            let halting_weights = simd.load(self.packed.halting.as_ptr().add(unit));
            let candidate_bias = self.candidate_bias.as_mut_ptr().add(unit);
            let answer = self.answer.as_mut_ptr().add(unit);
            let halting = self.halting.as_mut_ptr().add(unit);
            let mut candidate_bias_sum = simd.load(candidate_bias);
            let mut answer_sum = simd.load(answer);
            let mut halting_sum = simd.load(halting);
            for (i, mut dh) in state.into_iter().enumerate() {
                let at_unit = (row + i) * hidden + unit;
                let gates = self
                    .gates
                    .as_mut_ptr()
                    .add((row + i) * gate_width + 3 * unit);
                let sample = *self.samples.as_ptr().add(row + i) as usize;
                let input = self.input.as_mut_ptr().add(sample * gate_width + 3 * unit);

                let d_answer = simd.splat(*self.answer_logits.as_ptr().add(row + i));
                let d_halting = simd.splat(*self.halting_logits.as_ptr().add(row + i));
                let h = simd.load(self.hidden.as_ptr().add(at_unit));
                answer_sum = simd.mul_add(d_answer, h, answer_sum);
                halting_sum = simd.mul_add(d_halting, h, halting_sum);
                dh = simd.mul_add(d_answer, answer_weights, dh);
                dh = simd.mul_add(d_halting, halting_weights, dh);

                let r = simd.load(gates);
                let z = simd.load(gates.add(S::LANES));
                let q = simd.load(gates.add(2 * S::LANES));
                let n = simd.load(self.candidate.as_ptr().add(at_unit));
                let before = simd.load(self.previous.as_ptr().add(at_unit));

                // h_n = (1 - z) n + z h_{n-1}
                let through_z = simd.mul(dh, z);
                let through_n = simd.sub(dh, through_z);
                simd.store(self.carry.as_mut_ptr().add(at_unit), through_z);
                let dz = simd.mul(simd.mul(simd.sub(before, n), through_n), z);
                let dn = simd.mul(through_n, simd.negative_mul_add(n, n, one));
                let dq = simd.mul(dn, r);
                let dr = simd.mul(simd.mul(dq, q), simd.sub(one, r));
                candidate_bias_sum = simd.add(candidate_bias_sum, dq);
                simd.store(gates, dr);
                simd.store(gates.add(S::LANES), dz);
                simd.store(gates.add(2 * S::LANES), dq);
                for (gate, gradient) in [dr, dz, dn].into_iter().enumerate() {
                    let sum = input.add(gate * S::LANES);
                    simd.store(sum, simd.add(simd.load(sum), gradient));
                }
            }
            simd.store(candidate_bias, candidate_bias_sum);
            simd.store(answer, answer_sum);
            simd.store(halting, halting_sum);
        }
    }
}
