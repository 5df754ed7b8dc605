//! The way back of a pass in which samples stopped at different steps: as the dense one, but where
//! rows moved between two steps their gradients move back.

use super::backward::{Later, OneStepBack};
use super::buffer::Buffer;
use super::instruction_set::Job;
use super::outer::OuterProduct;
use super::shape::Cell;
use super::simd::Simd;
use super::tile::{Left, Right, Tile, assert_rows, load, multiply_add};
use super::unequal_steps::UnequalSteps;
use super::workspace::{Gradients, Packed, Padded, Workspace};

impl Workspace {
    /// All steps back and the gradient of U, from the gradients of the logits, `[steps done, batch]`
    /// each.
    pub(super) fn steps_back_unequal(&mut self, answer_logits: &[f32], halting_logits: &[f32]) {
        let mut unequal = self.unequal.take().expect("the forward pass used it");
        let batch = self.shape.batch;
        self.gradients.answer_logits.fill(0.0);
        self.gradients.halting_logits.fill(0.0);
        for step in 1..=self.steps_done {
            let (row, to) = ((step - 1) * batch, (step - 1) * self.padded.batch);
            let Gradients {
                answer_logits: answer,
                halting_logits: halting,
                ..
            } = &mut self.gradients;
            // Rows beyond the batch have no gradient.
            for (&sample, to) in unequal.samples(step).iter().zip(to..) {
                let sample = sample as usize;
                if sample < batch {
                    answer[to] = answer_logits[row + sample];
                    halting[to] = halting_logits[row + sample];
                }
            }
        }
        for step in (1..=self.steps_done).rev() {
            self.unequal_step_back(&mut unequal, step);
        }
        for step in 2..=self.steps_done {
            self.add_recurrent_weights(&unequal, step);
        }
        self.unequal = Some(unequal);
    }

    /// Gradients of a step's pre-activations.
    fn unequal_step_back(&mut self, unequal: &mut UnequalSteps, step: usize) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        let last = step == self.steps_done;
        let moved = !last && unequal.origins(step + 1).is_some();
        if moved {
            self.move_back(unequal, step + 1);
        }
        let samples = unequal.samples(step);
        let rows = samples.len();
        let (gates, later) = self.state.gates.split_at_mut(step * batch * gate_width);
        let later = match (last, moved) {
            (true, _) => Later::Nothing,
            (false, true) => Later::Carried,
            (false, false) => Later::Gates(&later[..rows * gate_width]),
        };
        let state = |step: usize| step * batch * hidden..(step * batch + rows) * hidden;
        let logits = (step - 1) * batch;
        let run = OneStepBack {
            padded: &self.padded,
            packed: &self.packed,
            samples,
            logits: logits..logits + rows,
            first: step == 1,
            later,
            previous: (unequal.previous(step)).unwrap_or(&self.state.hidden[state(step - 1)]),
            hidden: &self.state.hidden[state(step)],
            candidate: (self.state.candidate.get(state(step - 1))).unwrap_or_default(),
            gates: &mut gates[logits * gate_width..(logits + rows) * gate_width],
            carried: 0..rows * hidden,
            gradients: &mut self.gradients,
        };
        run.compute(self.instructions);
    }

    /// Puts into `carry` the whole gradient of h_{n-1} that comes from step n, in the rows of step
    /// n - 1: zeros where a sample stopped there.
    fn move_back(&mut self, unequal: &mut UnequalSteps, step: usize) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        let mut spread = std::mem::replace(&mut unequal.spread, Buffer::zeroed(0));
        let origins = unequal.origins(step).expect("rows moved");
        let rows = origins.len();
        spread[..unequal.samples(step - 1).len() * hidden].fill(0.0);
        let start = (step - 1) * batch * gate_width;
        self.instructions.run(StateGradient {
            padded: &self.padded,
            packed: &self.packed,
            gates: &self.state.gates[start..start + rows * gate_width],
            carry: (self.shape.cell == Cell::Gru).then(|| &self.gradients.carry[..rows * hidden]),
            origins,
            state: &mut spread,
        });
        std::mem::swap(&mut self.gradients.carry, &mut spread);
        unequal.spread = spread;
    }

    /// Adds a step's share to the gradient of U.
    fn add_recurrent_weights(&mut self, unequal: &UnequalSteps, step: usize) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        let (row, rows) = ((step - 1) * batch, unequal.samples(step).len());
        let state = &self.state.hidden[row * hidden..(row + rows) * hidden];
        self.instructions.run(OuterProduct {
            left: unequal.previous(step).unwrap_or(state),
            left_width: hidden,
            right: &self.state.gates[row * gate_width..(row + rows) * gate_width],
            right_width: gate_width,
            result: &mut self.gradients.recurrent,
        });
    }
}

/// The gradient of h_{n-1} from those of step n's pre-activations, each row to where it came from.
struct StateGradient<'a> {
    padded: &'a Padded,
    packed: &'a Packed,
    /// Of step n's pre-activations: `[rows, gate width]`.
    gates: &'a [f32],
    /// What h_{n-1} gets directly: `[rows, hidden]`.
    carry: Option<&'a [f32]>,
    /// The row of `state` of each row: `[rows]`.
    origins: &'a [u32],
    /// Out: `[.., hidden]`; other rows stay as they are.
    state: &'a mut [f32],
}

impl Job for StateGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        let rows = self.origins.len();
        assert_eq!((rows % ROWS, hidden % (2 * S::LANES)), (0, 0));
        assert_eq!(self.gates.len(), rows * gate_width);
        assert!(self.carry.is_none_or(|carry| carry.len() == rows * hidden));
        assert_eq!(self.packed.transposed.len(), hidden * gate_width);
        assert_rows(self.origins, self.state.len() / hidden);
        for row in (0..rows).step_by(ROWS) {
            for unit in (0..hidden).step_by(2 * S::LANES) {
                // SAFETY: the asserts above; the tile lies within rows and units.
                unsafe { self.tile::<S, ROWS>(simd, row, unit) }
            }
        }
    }
}

impl StateGradient<'_> {
    /// # Safety
    /// Rows `row .. row + ROWS` and units `unit .. unit + 2 LANES` exist in every slice.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize, unit: usize) {
        let Padded {
            hidden, gate_width, ..
        } = *self.padded;
        // SAFETY: offsets of the stated rows and units, which exist.
        unsafe {
            let start: Tile<S::V, ROWS, 2> = match self.carry {
                None => [[simd.zero(); 2]; ROWS],
                Some(carry) => load(simd, carry.as_ptr().add(row * hidden + unit), hidden),
            };
            let left = Left {
                start: self.gates.as_ptr().add(row * gate_width),
                row_stride: gate_width,
                depth_stride: 1,
            };
            let right = Right {
                start: self.packed.transposed.as_ptr().add(unit * gate_width),
                depth_stride: 2 * S::LANES,
            };
            let sums = multiply_add(simd, left, right, gate_width, start);
            for (i, [first, second]) in sums.into_iter().enumerate() {
                let origin = *self.origins.as_ptr().add(row + i) as usize;
                let state = self.state.as_mut_ptr().add(origin * hidden + unit);
                simd.store(state, first);
                simd.store(state.add(S::LANES), second);
            }
        }
    }
}
