//! Plain double-precision loops, sample by sample: what the kernels are compared with.

use pondersweep_proto::spec::StepFunction;

use super::shape::Shape;

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
    let layout = shape.layout();
    let hidden = shape.hidden;
    let width = shape.gates() * hidden;
    let part = |range: std::ops::Range<usize>| &parameters[range];
    let input = affine(
        x,
        part(layout.input_weights),
        part(layout.input_bias),
        width,
    );
    let mut trace = Trace {
        hidden: vec![vec![0.0; hidden]],
        gates: Vec::new(),
        logits: Vec::new(),
    };
    for step in 0..shape.steps {
        let before = &trace.hidden[step];
        let zeros = vec![0.0; width];
        let recurrent = affine(
            before,
            part(layout.recurrent_weights.clone()),
            &zeros,
            width,
        );
        let h: Vec<f64> = match shape.step_function {
            StepFunction::Rnn => (0..hidden)
                .map(|j| (input[j] + recurrent[j]).tanh())
                .collect(),
            StepFunction::Gru => {
                let c = part(layout.candidate_bias.clone());
                let at = |j: usize, gate: usize| gate * hidden + j;
                let gate = |g| -> Vec<f64> {
                    let sum = |j| input[at(j, g)] + recurrent[at(j, g)];
                    (0..hidden).map(|j| sigmoid(sum(j))).collect()
                };
                let (r, z) = (gate(0), gate(1));
                let q: Vec<f64> = (0..hidden).map(|j| recurrent[at(j, 2)] + c[j]).collect();
                let n: Vec<f64> = (0..hidden)
                    .map(|j| (input[at(j, 2)] + r[j] * q[j]).tanh())
                    .collect();
                let h = (0..hidden)
                    .map(|j| (1.0 - z[j]) * n[j] + z[j] * before[j])
                    .collect();
                trace.gates.push([r, z, q, n]);
                h
            }
        };
        let head = |weights: std::ops::Range<usize>, bias: std::ops::Range<usize>| {
            affine(&h, part(weights), part(bias), 1)[0]
        };
        trace.logits.push([
            head(layout.answer_weights.clone(), layout.answer_bias.clone()),
            head(layout.halting_weights.clone(), layout.halting_bias.clone()),
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
    let layout = shape.layout();
    let hidden = shape.hidden;
    let width = shape.gates() * hidden;
    let mut state = vec![0.0; hidden];
    for step in (0..shape.steps).rev() {
        let (before, h) = (&trace.hidden[step], &trace.hidden[step + 1]);
        let [answer, halting] = logits[step];
        gradient[layout.answer_bias.start] += answer;
        gradient[layout.halting_bias.start] += halting;
        for j in 0..hidden {
            gradient[layout.answer_weights.start + j] += answer * h[j];
            gradient[layout.halting_weights.start + j] += halting * h[j];
            state[j] += answer * parameters[layout.answer_weights.start + j];
            state[j] += halting * parameters[layout.halting_weights.start + j];
        }
        // Gradients of x W + b, of h U, and what h_{n-1} gets directly.
        let mut input = vec![0.0; width];
        let mut recurrent = vec![0.0; width];
        let mut earlier = vec![0.0; hidden];
        for j in 0..hidden {
            match shape.step_function {
                StepFunction::Rnn => {
                    input[j] = state[j] * (1.0 - h[j] * h[j]);
                    recurrent[j] = input[j];
                }
                StepFunction::Gru => {
                    let [r, z, q, n] = &trace.gates[step];
                    let candidate = state[j] * (1.0 - z[j]) * (1.0 - n[j] * n[j]);
                    let update = state[j] * (before[j] - n[j]) * z[j] * (1.0 - z[j]);
                    let reset = candidate * q[j] * r[j] * (1.0 - r[j]);
                    let gradients = [reset, update, candidate];
                    for (gate, value) in gradients.into_iter().enumerate() {
                        input[gate * hidden + j] = value;
                        recurrent[gate * hidden + j] = value;
                    }
                    recurrent[2 * hidden + j] = candidate * r[j];
                    earlier[j] = state[j] * z[j];
                    gradient[layout.candidate_bias.start + j] += candidate * r[j];
                }
            }
        }
        for column in 0..width {
            gradient[layout.input_bias.start + column] += input[column];
            for (i, value) in x.iter().enumerate() {
                gradient[layout.input_weights.start + i * width + column] += value * input[column];
            }
            for i in 0..hidden {
                let at = layout.recurrent_weights.start + i * width + column;
                gradient[at] += before[i] * recurrent[column];
                earlier[i] += parameters[at] * recurrent[column];
            }
        }
        state = earlier;
    }
}
