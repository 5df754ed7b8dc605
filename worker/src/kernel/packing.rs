//! Between a lane's flat parameters and the padded order the tiles read and write.

use super::workspace::{Gradients, Packed, Padded};
use super::{buffer::Buffer, shape::Shape};

/// Parameters into tile order. Padding keeps the zeros it was allocated with.
pub(super) fn pack(shape: &Shape, padded: &Padded, parameters: &[f32], packed: &mut Packed) {
    let layout = shape.layout();
    let input = &parameters[layout.input_weights];
    let recurrent = &parameters[layout.recurrent_weights];
    pack_columns(
        shape,
        padded,
        input,
        shape.elements,
        shape.elements,
        &mut packed.input,
    );
    pack_columns(
        shape,
        padded,
        recurrent,
        shape.hidden,
        padded.hidden,
        &mut packed.recurrent,
    );
    pack_transposed(shape, padded, recurrent, &mut packed.transposed);
    pack_gate_row(
        shape,
        padded,
        &parameters[layout.input_bias],
        &mut packed.input_bias,
    );
    let candidate_bias = &parameters[layout.candidate_bias];
    packed.candidate_bias[..candidate_bias.len()].copy_from_slice(candidate_bias);
    packed.answer[..shape.hidden].copy_from_slice(&parameters[layout.answer_weights]);
    packed.halting[..shape.hidden].copy_from_slice(&parameters[layout.halting_weights]);
    packed.head_bias = [
        parameters[layout.answer_bias.start],
        parameters[layout.halting_bias.start],
    ];
}

/// Gradients from tile order into the flat slice.
pub(super) fn unpack(shape: &Shape, padded: &Padded, gradients: &Gradients, flat: &mut [f32]) {
    let layout = shape.layout();
    let gate_width = shape.gates() * shape.hidden;
    let matrices = [
        (&gradients.input_weights, layout.input_weights),
        (&gradients.recurrent, layout.recurrent_weights),
    ];
    for (matrix, range) in matrices {
        let rows = flat[range].chunks_exact_mut(gate_width);
        for (row, padded_row) in rows.zip(matrix.chunks_exact(padded.gate_width)) {
            unpack_gate_row(shape, padded, padded_row, row);
        }
    }
    let candidate_bias = &mut flat[layout.candidate_bias];
    candidate_bias.copy_from_slice(&gradients.candidate_bias[..candidate_bias.len()]);
    flat[layout.answer_weights].copy_from_slice(&gradients.answer[..shape.hidden]);
    flat[layout.halting_weights].copy_from_slice(&gradients.halting[..shape.hidden]);
    flat[layout.input_bias.clone()].fill(0.0);
    for row in gradients.input.chunks_exact(padded.gate_width) {
        add_gate_row(shape, padded, row, &mut flat[layout.input_bias.clone()]);
    }
    flat[layout.answer_bias.start] = sum(&gradients.answer_logits);
    flat[layout.halting_bias.start] = sum(&gradients.halting_logits);
}

/// The columns of vector `vector` in a flat row of pre-activations, padding left out.
fn columns(shape: &Shape, padded: &Padded, vector: usize) -> std::ops::Range<usize> {
    let (gate, unit) = padded.gate_and_unit(vector);
    let first = unit.min(shape.hidden);
    let end = (unit + padded.lanes).min(shape.hidden);
    gate * shape.hidden + first..gate * shape.hidden + end
}

fn vectors(padded: &Padded) -> usize {
    padded.gate_width / padded.lanes
}

fn pack_columns(
    shape: &Shape,
    padded: &Padded,
    matrix: &[f32],
    rows: usize,
    padded_rows: usize,
    packed: &mut Buffer,
) {
    let gate_width = shape.gates() * shape.hidden;
    for vector in 0..vectors(padded) {
        let (group, column) = (vector / padded.group, vector % padded.group);
        let source = columns(shape, padded, vector);
        let start = group * padded_rows * padded.group_width() + column * padded.lanes;
        for row in 0..rows {
            let from = &matrix[row * gate_width..][source.clone()];
            packed[start + row * padded.group_width()..][..from.len()].copy_from_slice(from);
        }
    }
}

fn pack_transposed(shape: &Shape, padded: &Padded, recurrent: &[f32], packed: &mut Buffer) {
    let gate_width = shape.gates() * shape.hidden;
    let pair = 2 * padded.lanes;
    for unit in 0..shape.hidden {
        let row = &recurrent[unit * gate_width..][..gate_width];
        let start = unit / pair * padded.gate_width * pair + unit % pair;
        for vector in 0..vectors(padded) {
            let depth = vector * padded.lanes;
            for (lane, &weight) in row[columns(shape, padded, vector)].iter().enumerate() {
                packed[start + (depth + lane) * pair] = weight;
            }
        }
    }
}

fn pack_gate_row(shape: &Shape, padded: &Padded, row: &[f32], packed: &mut [f32]) {
    for vector in 0..vectors(padded) {
        let from = &row[columns(shape, padded, vector)];
        packed[vector * padded.lanes..][..from.len()].copy_from_slice(from);
    }
}

fn unpack_gate_row(shape: &Shape, padded: &Padded, packed: &[f32], row: &mut [f32]) {
    for vector in 0..vectors(padded) {
        let to = &mut row[columns(shape, padded, vector)];
        let length = to.len();
        to.copy_from_slice(&packed[vector * padded.lanes..][..length]);
    }
}

fn add_gate_row(shape: &Shape, padded: &Padded, packed: &[f32], row: &mut [f32]) {
    for vector in 0..vectors(padded) {
        let to = &mut row[columns(shape, padded, vector)];
        for (sum, &value) in to.iter_mut().zip(&packed[vector * padded.lanes..]) {
            *sum += value;
        }
    }
}

fn sum(values: &[f32]) -> f32 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() as f32
}
