//! Plain double-precision loops, sample by sample: what the kernels are compared with.

use std::ops::Range;

use super::shape::{Cell, Shape};

/// Everything one sample's forward pass computes.
pub(super) struct Trace {
    /// h_0 .. h_N.
    hidden: Vec<Vec<f64>>,
    /// r, z, q, n of the GRU, by step.
    gates: Vec<[Vec<f64>; 4]>,
    /// y_n and z_n, by step.
    pub(super) logits: Vec<[f64; 2]>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `row matrix + bias`, the matrix row-major with `columns` columns.
fn affine(row: &[f64], matrix: &[f64], bias: &[f64], columns: usize) -> Vec<f64> {
    (0..columns)
        .map(|column| {
            let product = row.iter().enumerate();
            let product = product.map(|(i, value)| value * matrix[i * columns + column]);
            bias[column] + product.sum::<f64>()
        })
        .collect()
}

/// One sample through all steps.
pub(super) fn forward(shape: &Shape, parameters: &[f64], x: &[f64]) -> Trace {
    let offsets = shape.offsets();
    let hidden = shape.hidden;
    let part = |range: Range<usize>| &parameters[range];
    let mut trace = Trace {
        hidden: vec![vec![0.0; hidden]],
        gates: Vec::new(),
        logits: Vec::new(),
    };
    for step in 0..shape.steps {
        let before = &trace.hidden[step];
        // x W + b and h U + c of every gate.
        let sums = |gate: usize| {
            let gate = offsets.gate(gate);
            let input = affine(x, part(gate.input_weights), part(gate.input_bias), hidden);
            let (weights, bias) = (part(gate.recurrent_weights), part(gate.recurrent_bias));
            (input, affine(before, weights, bias, hidden))
        };
        let activated = |gate: usize, function: fn(f64) -> f64| -> Vec<f64> {
            let (input, recurrent) = sums(gate);
            let both = input.iter().zip(&recurrent);
            both.map(|(input, recurrent)| function(input + recurrent))
                .collect()
        };
        let h: Vec<f64> = match shape.cell {
            Cell::Rnn => activated(0, f64::tanh),
            Cell::Gru => {
                let (r, z) = (activated(0, sigmoid), activated(1, sigmoid));
                let (input, q) = sums(2);
                let n: Vec<f64> = (0..hidden)
                    .map(|j| (input[j] + r[j] * q[j]).tanh())
                    .collect();
                let h = (0..hidden)
                    .map(|j| (1.0 - z[j]) * n[j] + z[j] * before[j])
                    .collect();
                trace.gates.push([r, z, q, n]);
                h
            }
        };
        let head = |weights: &Range<usize>, bias: &Range<usize>| {
            affine(&h, part(weights.clone()), part(bias.clone()), 1)[0]
        };
        trace.logits.push([
            head(&offsets.answer_weights, &offsets.answer_bias),
            head(&offsets.halting_weights, &offsets.halting_bias),
        ]);
        trace.hidden.push(h);
    }
    trace
}

/// Adds one sample's gradients of the parameters, from those of its logits.
pub(super) fn backward(
    shape: &Shape,
    parameters: &[f64],
    x: &[f64],
    trace: &Trace,
    logits: &[[f64; 2]],
    gradient: &mut [f64],
) {
    let offsets = shape.offsets();
    let hidden = shape.hidden;
    let mut state = vec![0.0; hidden];
    for step in (0..shape.steps).rev() {
        let (before, h) = (&trace.hidden[step], &trace.hidden[step + 1]);
        let [answer, halting] = logits[step];
        gradient[offsets.answer_bias.start] += answer;
        gradient[offsets.halting_bias.start] += halting;
        for j in 0..hidden {
            gradient[offsets.answer_weights.start + j] += answer * h[j];
            gradient[offsets.halting_weights.start + j] += halting * h[j];
            state[j] += answer * parameters[offsets.answer_weights.start + j];
            state[j] += halting * parameters[offsets.halting_weights.start + j];
        }
        let mut earlier = vec![0.0; hidden];
        for j in 0..hidden {
            // By gate: the gradients of x W + b and of h U + c.
            let sums: Vec<[f64; 2]> = match shape.cell {
                Cell::Rnn => vec![[state[j] * (1.0 - h[j] * h[j]); 2]],
                Cell::Gru => {
                    let [r, z, q, n] = trace.gates[step].each_ref().map(|values| values[j]);
                    let candidate = state[j] * (1.0 - z) * (1.0 - n * n);
                    let update = state[j] * (before[j] - n) * z * (1.0 - z);
                    let reset = candidate * q * r * (1.0 - r);
                    earlier[j] += state[j] * z;
                    vec![[reset; 2], [update; 2], [candidate, candidate * r]]
                }
            };
            for (gate, [input, recurrent]) in sums.into_iter().enumerate() {
                let gate = offsets.gate(gate);
                gradient[gate.input_bias.start + j] += input;
                gradient[gate.recurrent_bias.start + j] += recurrent;
                for (i, value) in x.iter().enumerate() {
                    gradient[gate.input_weights.start + i * hidden + j] += value * input;
                }
                for i in 0..hidden {
                    let at = gate.recurrent_weights.start + i * hidden + j;
                    gradient[at] += before[i] * recurrent;
                    earlier[i] += parameters[at] * recurrent;
                }
            }
        }
        state = earlier;
    }
}
