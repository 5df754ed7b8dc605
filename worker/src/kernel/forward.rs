//! The forward pass: `x W + b` once, then step after step, each ending in its two logits.

use std::ops::Range;

use super::gru::GruForward;
use super::instruction_set::{InstructionSet, Job};
use super::packing::Pack;
use super::rnn::RnnForward;
use super::shape::Cell;
use super::simd::Simd;
use super::tile::{Left, Right, multiply_add, store};
use super::workspace::{Packed, Padded, Workspace};

/// Samples that take all steps before the next ones start: their `x W + b` then stays in the
/// second-level cache.
const BLOCK: usize = 32;

impl Workspace {
    /// Starts a pass: packs the parameters and computes `x W + b`.
    pub(super) fn begin(&mut self, parameters: &[f32], x: &[f32]) {
        let shape = &self.shape;
        assert_eq!(
            parameters.len(),
            shape.offsets().length(),
            "parameters of {shape:?}"
        );
        assert_eq!(x.len(), shape.batch * shape.elements, "inputs of {shape:?}");
        self.instructions.run(Pack {
            shape,
            padded: &self.padded,
            parameters,
            transpose: self.pass.is_training(),
            packed: &mut self.packed,
        });
        let rows = self.state.x.chunks_exact_mut(self.padded.elements);
        for (row, sample) in rows.zip(x.chunks_exact(shape.elements)) {
            row[..shape.elements].copy_from_slice(sample);
        }
        self.instructions.run(InputProduct {
            padded: &self.padded,
            packed: &self.packed,
            elements: shape.elements,
            x: &self.state.x,
            product: &mut self.state.input,
        });
        self.flag_first_step();
        self.steps_done = 0;
        self.stopped_early = false;
    }

    /// `x W + b` at the first step, where that has a flag.
    fn flag_first_step(&mut self) {
        let (weights, width) = (&self.packed.first_step, self.padded.gate_width);
        let inputs = self.state.input.chunks_exact(width);
        let flagged = self.state.first_input.chunks_exact_mut(width);
        for (flagged, input) in flagged.zip(inputs) {
            for ((sum, input), weight) in flagged.iter_mut().zip(input).zip(weights.iter()) {
                *sum = input + weight;
            }
        }
    }

    /// The logits of all steps, `[steps, batch]` each, of parameters laid out as
    /// [`Offsets`](super::Offsets) says and inputs `[batch, elements]`.
    ///
    /// # Panics
    /// If a slice has another length than the shape gives it.
    pub fn forward(
        &mut self,
        parameters: &[f32],
        x: &[f32],
        answer_logits: &mut [f32],
        halting_logits: &mut [f32],
    ) {
        self.begin(parameters, x);
        let (steps, batch) = (self.shape.steps, self.shape.batch);
        assert_eq!(answer_logits.len(), steps * batch, "answer logits");
        assert_eq!(halting_logits.len(), steps * batch, "halting logits");
        for start in (0..batch).step_by(BLOCK) {
            let rows = start..(start + BLOCK).min(self.padded.batch);
            let samples = start..(start + BLOCK).min(batch);
            for step in 1..=steps {
                self.states(step, rows.clone());
                let row = (step - 1) * batch..step * batch;
                self.logits(
                    step,
                    samples.clone(),
                    &mut answer_logits[row.clone()],
                    &mut halting_logits[row],
                );
            }
        }
        self.steps_done = steps;
    }

    /// Where h_n stands. h_0 = 0 is needed as values only by the GRU's z h_0, and never multiplied.
    pub(super) fn slot(&self, step: usize) -> usize {
        if self.pass.is_training() {
            step
        } else {
            step % 2
        }
    }

    /// h_n of some samples.
    fn states(&mut self, step: usize, rows: Range<usize>) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        let first = step == 1;
        let (now, before) = (self.slot(step), self.slot(step - 1));
        let state_size = batch * hidden;
        if first {
            let start = before * state_size;
            self.state.hidden[start + rows.start * hidden..start + rows.end * hidden].fill(0.0);
        }
        let (low, high) = self.state.hidden.split_at_mut(now.max(before) * state_size);
        let (low, high) = (
            &mut low[now.min(before) * state_size..],
            &mut high[..state_size],
        );
        let (previous, current) = if now > before {
            (low, high)
        } else {
            (high, low)
        };
        let units = rows.start * hidden..rows.end * hidden;
        let gates = rows.start * gate_width..rows.end * gate_width;
        let (previous, current) = (&previous[units.clone()], &mut current[units.clone()]);
        let keeps = self.pass.is_training() && self.shape.cell == Cell::Gru;
        let kept = keeps.then(|| {
            let kept_gates = &mut self.state.gates[(step - 1) * batch * gate_width..];
            let candidate = &mut self.state.candidate[(step - 1) * state_size..];
            (&mut kept_gates[gates], &mut candidate[units])
        });
        let run = OneStep {
            padded: &self.padded,
            packed: &self.packed,
            input: match (first, self.state.first_input.is_empty()) {
                (true, false) => &self.state.first_input,
                _ => &self.state.input,
            },
            samples: &self.state.samples[rows],
            previous,
            first,
            hidden: current,
            kept,
        };
        run.compute(self.instructions);
    }

    /// The logits of some samples at a step, from h_n.
    fn logits(&self, step: usize, samples: Range<usize>, answer: &mut [f32], halting: &mut [f32]) {
        let start = (self.slot(step) * self.padded.batch + samples.start) * self.padded.hidden;
        self.instructions.run(Heads {
            packed: &self.packed,
            hidden: &self.state.hidden[start..start + samples.len() * self.padded.hidden],
            answer: &mut answer[samples.clone()],
            halting: &mut halting[samples],
        });
    }
}

/// h_n of some rows from their h_{n-1}; the fields are those of [`GruForward`].
pub(super) struct OneStep<'a> {
    pub(super) padded: &'a Padded,
    pub(super) packed: &'a Packed,
    pub(super) input: &'a [f32],
    pub(super) samples: &'a [u32],
    pub(super) previous: &'a [f32],
    pub(super) first: bool,
    pub(super) hidden: &'a mut [f32],
    pub(super) kept: Option<(&'a mut [f32], &'a mut [f32])>,
}

impl OneStep<'_> {
    /// By the kernel of the step function.
    pub(super) fn compute(self, instructions: InstructionSet) {
        let Self {
            padded,
            packed,
            input,
            samples,
            previous,
            first,
            hidden,
            kept,
        } = self;
        match padded.cell {
            Cell::Rnn => instructions.run(RnnForward {
                padded,
                packed,
                input,
                samples,
                previous,
                first,
                hidden,
            }),
            Cell::Gru => instructions.run(GruForward {
                padded,
                packed,
                input,
                samples,
                previous,
                first,
                hidden,
                kept,
            }),
        }
    }
}

/// `x W + b`.
struct InputProduct<'a> {
    padded: &'a Padded,
    packed: &'a Packed,
    elements: usize,
    x: &'a [f32],
    product: &'a mut [f32],
}

impl Job for InputProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let padded = self.padded;
        assert_eq!(padded.lanes, S::LANES);
        assert_eq!(padded.batch % ROWS, 0);
        assert_eq!(self.x.len(), padded.batch * padded.elements);
        assert!(self.elements <= padded.elements);
        assert_eq!(self.product.len(), padded.batch * padded.gate_width);
        assert_eq!(self.packed.input.len(), self.elements * padded.gate_width);
        assert_eq!(self.packed.input_bias.len(), padded.gate_width);
        assert_eq!(padded.gate_width % padded.group_width(), 0);
        // SAFETY: the asserts above.
        unsafe {
            match padded.cell {
                Cell::Rnn => self.all::<S, ROWS, 2>(simd),
                Cell::Gru => self.all::<S, ROWS, 3>(simd),
            }
        }
    }
}

impl InputProduct<'_> {
    /// # Safety
    /// The slices have the padded sizes, and `COLUMNS` is the group.
    #[inline(always)]
    unsafe fn all<S: Simd, const ROWS: usize, const COLUMNS: usize>(&mut self, simd: S) {
        let Padded {
            batch,
            elements,
            gate_width,
            ..
        } = *self.padded;
        for column in (0..gate_width).step_by(COLUMNS * S::LANES) {
            // SAFETY: offsets within the slices, says the caller.
            unsafe {
                let bias = self.packed.input_bias.as_ptr().add(column);
                let bias: [S::V; COLUMNS] =
                    std::array::from_fn(|vector| simd.load(bias.add(vector * S::LANES)));
                for row in (0..batch).step_by(ROWS) {
                    let sums = multiply_add(
                        simd,
                        Left {
                            start: self.x.as_ptr().add(row * elements),
                            row_stride: elements,
                            depth_stride: 1,
                        },
                        Right {
                            start: self.packed.input.as_ptr().add(column * self.elements),
                            depth_stride: COLUMNS * S::LANES,
                        },
                        self.elements,
                        [bias; ROWS],
                    );
                    let product = self.product.as_mut_ptr().add(row * gate_width + column);
                    store(simd, product, gate_width, &sums);
                }
            }
        }
    }
}

/// Both heads: a dot product each.
pub(super) struct Heads<'a> {
    pub(super) packed: &'a Packed,
    /// h_n: `[rows, hidden]`.
    pub(super) hidden: &'a [f32],
    /// The logits: `[rows]` each.
    pub(super) answer: &'a mut [f32],
    pub(super) halting: &'a mut [f32],
}

impl Job for Heads<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let width = self.packed.answer.len();
        assert_eq!((width % S::LANES, self.packed.halting.len()), (0, width));
        let rows = self.answer.len();
        assert_eq!(
            (self.hidden.len(), self.halting.len()),
            (rows * width, rows)
        );
        let whole = rows - rows % SIDE_BY_SIDE;
        for row in (0..whole).step_by(SIDE_BY_SIDE) {
            // SAFETY: the asserts above; the rows exist.
            unsafe { self.rows::<S, SIDE_BY_SIDE>(simd, row) }
        }
        for row in whole..rows {
            // SAFETY: likewise.
            unsafe { self.rows::<S, 1>(simd, row) }
        }
    }
}

/// Rows whose logits are computed at once, from weights read once.
const SIDE_BY_SIDE: usize = 4;

impl Heads<'_> {
    /// # Safety
    /// Rows `row .. row + ROWS` exist in every slice, and their width is a multiple of `LANES`.
    #[inline(always)]
    unsafe fn rows<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize) {
        let width = self.packed.answer.len();
        let mut sums = [[simd.zero(); 2]; ROWS];
        for unit in (0..width).step_by(S::LANES) {
            // SAFETY: offsets of the stated rows, which exist, and within the weights.
            unsafe {
                let answer_weights = simd.load(self.packed.answer.as_ptr().add(unit));
                let halting_weights = simd.load(self.packed.halting.as_ptr().add(unit));
                for (i, [answer, halting]) in sums.iter_mut().enumerate() {
                    let h = simd.load(self.hidden.as_ptr().add((row + i) * width + unit));
                    *answer = simd.mul_add(h, answer_weights, *answer);
                    *halting = simd.mul_add(h, halting_weights, *halting);
                }
            }
        }
        let [answer_bias, halting_bias] = self.packed.head_bias;
        for (row, [answer, halting]) in (row..).zip(sums) {
            self.answer[row] = simd.sum(answer) + answer_bias;
            self.halting[row] = simd.sum(halting) + halting_bias;
        }
    }
}
