//! Between a lane's flat parameters and the padded order the tiles read and write.

use std::ops::Range;

use super::instruction_set::Job;
use super::shape::Cell;
use super::shape::Shape;
use super::simd::{Simd, load_some, store_some};
use super::workspace::{Gradients, Packed, Padded};

/// One vector of pre-activations: its gate, and the units of the shape it holds.
struct Vector {
    gate: usize,
    units: Range<usize>,
}

/// The vectors of a row of pre-activations, in padded order.
#[inline(always)]
fn vector(shape: &Shape, padded: &Padded, index: usize) -> Vector {
    let (gate, unit) = padded.gate_and_unit(index);
    let units = unit.min(shape.hidden)..(unit + padded.lanes).min(shape.hidden);
    Vector { gate, units }
}

/// The GRU's candidate keeps its recurrent bias apart from its input bias.
fn keeps_biases_apart(shape: &Shape, gate: usize) -> bool {
    shape.cell == Cell::Gru && gate == 2
}

/// Parameters into tile order. Padding keeps the zeros it was allocated with.
pub(super) struct Pack<'a> {
    pub(super) shape: &'a Shape,
    pub(super) padded: &'a Padded,
    pub(super) parameters: &'a [f32],
    /// Whether a backward pass may follow, which needs U transposed.
    pub(super) transpose: bool,
    pub(super) packed: &'a mut Packed,
}

impl Job for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let offsets = self.shape.offsets();
        for index in 0..self.padded.gate_width / S::LANES {
            self.columns(simd, index);
        }
        let hidden = self.shape.hidden;
        let candidate = self.shape.gates() - 1;
        if keeps_biases_apart(self.shape, candidate) {
            let bias = &self.parameters[offsets.gate(candidate).recurrent_bias];
            self.packed.candidate_bias[..hidden].copy_from_slice(bias);
        }
        let (answer, halting) = (offsets.answer_weights, offsets.halting_weights);
        self.packed.answer[..hidden].copy_from_slice(&self.parameters[answer]);
        self.packed.halting[..hidden].copy_from_slice(&self.parameters[halting]);
        self.packed.head_bias = [
            self.parameters[offsets.answer_bias.start],
            self.parameters[offsets.halting_bias.start],
        ];
    }
}

impl Pack<'_> {
    /// All parameters of one vector of pre-activations.
    #[inline(always)]
    fn columns<S: Simd>(&mut self, simd: S, index: usize) {
        let (shape, padded) = (self.shape, self.padded);
        let Vector { gate, units } = vector(shape, padded, index);
        let offsets = shape.offsets().gate(gate);
        let input = &self.parameters[offsets.input_weights];
        let recurrent = &self.parameters[offsets.recurrent_weights];
        let (group, column) = (index / padded.group, index % padded.group);
        let width = padded.group_width();
        let part = |row: usize| row * shape.hidden + units.start..row * shape.hidden + units.end;

        let to = &mut self.packed.input[group * shape.elements * width..];
        for row in 0..shape.elements {
            let weights = load_some(simd, &input[part(row)]);
            store_some(
                simd,
                &mut to[row * width + column * S::LANES..][..S::LANES],
                weights,
            );
        }
        let to = &mut self.packed.recurrent[group * padded.hidden * width..];
        for row in 0..shape.hidden {
            let weights = load_some(simd, &recurrent[part(row)]);
            store_some(
                simd,
                &mut to[row * width + column * S::LANES..][..S::LANES],
                weights,
            );
        }
        if self.transpose {
            let pair = 2 * S::LANES;
            for row in 0..shape.hidden {
                let start = row / pair * padded.gate_width * pair + row % pair;
                let to = &mut self.packed.transposed[start + index * S::LANES * pair..];
                for (lane, &weight) in recurrent[part(row)].iter().enumerate() {
                    to[lane * pair] = weight;
                }
            }
        }
        let mut bias = load_some(simd, &self.parameters[offsets.input_bias][units.clone()]);
        if !keeps_biases_apart(shape, gate) {
            let other = &self.parameters[offsets.recurrent_bias][units.clone()];
            bias = simd.add(bias, load_some(simd, other));
        }
        store_some(
            simd,
            &mut self.packed.input_bias[index * S::LANES..][..S::LANES],
            bias,
        );
        if shape.first_step_flag {
            let flag = &self.parameters[offsets.first_step_weights][units];
            store_some(
                simd,
                &mut self.packed.first_step[index * S::LANES..][..S::LANES],
                load_some(simd, flag),
            );
        }
    }
}

/// Gradients from tile order into the flat slice.
pub(super) struct Unpack<'a> {
    pub(super) shape: &'a Shape,
    pub(super) padded: &'a Padded,
    pub(super) gradients: &'a Gradients,
    pub(super) flat: &'a mut [f32],
}

impl Job for Unpack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let offsets = self.shape.offsets();
        for index in 0..self.padded.gate_width / S::LANES {
            self.columns(simd, index);
        }
        let (gradients, hidden) = (self.gradients, self.shape.hidden);
        self.flat[offsets.answer_weights].copy_from_slice(&gradients.answer[..hidden]);
        self.flat[offsets.halting_weights].copy_from_slice(&gradients.halting[..hidden]);
        self.flat[offsets.answer_bias.start] = sum(simd, &gradients.answer_logits);
        self.flat[offsets.halting_bias.start] = sum(simd, &gradients.halting_logits);
    }
}

impl Unpack<'_> {
    /// All gradients of one vector of pre-activations.
    #[inline(always)]
    fn columns<S: Simd>(&mut self, simd: S, index: usize) {
        let (shape, gradients) = (self.shape, self.gradients);
        let Vector { gate, units } = vector(shape, self.padded, index);
        let offsets = shape.offsets().gate(gate);
        let gate_width = self.padded.gate_width;
        let padded_row = |matrix, row| gate_vector::<S>(matrix, gate_width, row, index);
        let part = |row: usize| row * shape.hidden + units.start..row * shape.hidden + units.end;

        let to = &mut self.flat[offsets.input_weights];
        for row in 0..shape.elements {
            let values = load_some(simd, padded_row(&gradients.input_weights, row));
            store_some(simd, &mut to[part(row)], values);
        }
        let to = &mut self.flat[offsets.recurrent_weights];
        for row in 0..shape.hidden {
            let values = load_some(simd, padded_row(&gradients.recurrent, row));
            store_some(simd, &mut to[part(row)], values);
        }
        if shape.first_step_flag {
            let values = load_some(simd, padded_row(&gradients.first_step, 0));
            let to = &mut self.flat[offsets.first_step_weights];
            store_some(simd, &mut to[units.clone()], values);
        }
        let mut bias = simd.zero();
        for row in 0..self.padded.batch {
            bias = simd.add(bias, load_some(simd, padded_row(&gradients.input, row)));
        }
        store_some(
            simd,
            &mut self.flat[offsets.input_bias][units.clone()],
            bias,
        );
        if keeps_biases_apart(shape, gate) {
            let (start, length) = (units.start, units.len());
            bias = load_some(simd, &gradients.candidate_bias[start..start + length]);
        }
        store_some(simd, &mut self.flat[offsets.recurrent_bias][units], bias);
    }
}

/// Vector `index` of a row of a `[.., gate width]` matrix.
#[inline(always)]
fn gate_vector<S: Simd>(matrix: &[f32], gate_width: usize, row: usize, index: usize) -> &[f32] {
    &matrix[row * gate_width + index * S::LANES..][..S::LANES]
}

#[inline(always)]
fn sum<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let mut total = simd.zero();
    for values in values.chunks(S::LANES) {
        total = simd.add(total, load_some(simd, values));
    }
    simd.sum(total)
}
