//! What it saves to compute a step only for the samples that have not stopped: one update of a lane
//! with all steps and with the cumulative rule, in turns, on one thread.
//!
//!     cargo run --release -p pondersweep-worker --example early_stops

use std::time::Instant;

use pondersweep_proto::spec::{Method, PonderNet, Residual, StepFunction, Unroll};
use pondersweep_worker::kernel::{
    HaltingBatch, HaltingResult, InstructionSet, Loss, Purpose, Shape, StopRule, Workspace,
};

const ROUNDS: usize = 9;
const UPDATES: usize = 20;
const EPSILON: f64 = 0.05;

/// A lane whose samples halt as told.
struct Lane {
    shape: Shape,
    loss: Loss,
    parameters: Vec<f32>,
    x: Vec<f32>,
    labels: Vec<f32>,
    /// Logits and their gradients: `[steps, batch]` each.
    rows: [Vec<f32>; 5],
    stops: Vec<f32>,
    gradient: Vec<f32>,
}

impl Lane {
    /// Halting weights this many times as large as an untrained network's: the larger, the more the
    /// samples differ.
    fn new(step_function: StepFunction, halting_weights: f32, halting_bias: f32) -> Self {
        let shape = Shape {
            step_function,
            batch: 128,
            elements: 64,
            hidden: 128,
            steps: 20,
        };
        let layout = shape.layout();
        let bound = 1.0 / (shape.hidden as f32).sqrt();
        let uniform = |i: usize| (i as f32 * 78.233).sin() * 43_758.547;
        let uniform = |i: usize| 2.0 * (uniform(i) - uniform(i).floor()) - 1.0;
        let mut parameters: Vec<f32> = (0..layout.length()).map(|i| bound * uniform(i)).collect();
        let halting = parameters[layout.halting_weights.clone()].iter_mut();
        halting.for_each(|weight| *weight *= halting_weights);
        parameters[layout.halting_bias.start] = halting_bias;
        let method = Method::PonderNet(PonderNet {
            lambda_p: 0.5,
            beta: 0.01,
            unroll: Unroll::Cumulative,
            epsilon: EPSILON,
            residual: Residual::Remainder,
            halting_bias: 0.0,
        });
        Self {
            loss: Loss::new(&method, shape.steps),
            x: (0..shape.batch * shape.elements)
                .map(|i| uniform(i + 7).round())
                .collect(),
            labels: (0..shape.batch).map(|i| (i % 2) as f32).collect(),
            rows: [(); 5].map(|()| vec![0.0; shape.steps * shape.batch]),
            stops: vec![0.0; shape.batch],
            gradient: vec![0.0; parameters.len()],
            parameters,
            shape,
        }
    }

    /// Forward, loss, backward; returns the steps of the samples together.
    fn update(&mut self, workspace: &mut Workspace, rule: Option<StopRule>) -> usize {
        let (steps, batch) = (self.shape.steps, self.shape.batch);
        let [answer, halting, p, answer_gradient, halting_gradient] = &mut self.rows;
        let (made, total) = match rule {
            None => {
                workspace.forward(&self.parameters, &self.x, answer, halting);
                self.stops.fill(steps as f32);
                (steps, steps * batch)
            }
            Some(rule) => {
                let inputs = [&self.parameters[..], &self.x];
                let outputs = [&mut answer[..], halting];
                let until = workspace.forward_until(rule, inputs, outputs, &mut self.stops);
                (until.steps, until.sample_steps)
            }
        };
        let made = ..made * batch;
        let inputs = HaltingBatch {
            answer_logits: &answer[made],
            halting_logits: &halting[made],
            labels: &self.labels,
            stop_steps: Some(&self.stops),
        };
        let mut result = HaltingResult {
            distribution: &mut p[made],
            answer_logits: &mut answer_gradient[made],
            halting_logits: &mut halting_gradient[made],
        };
        self.loss
            .evaluate(InstructionSet::detect(), inputs, &mut result);
        let gradients = (&answer_gradient[made], &halting_gradient[made]);
        workspace.backward(gradients.0, gradients.1, &mut self.gradient);
        total
    }

    /// Mean steps of a sample, and how many times as fast it is to stop early: median and range.
    fn measure(&mut self) -> (f64, [f64; 3]) {
        let mut whole = Workspace::new(self.shape, Purpose::Training);
        let mut until = Workspace::new(self.shape, Purpose::TrainingUntil);
        let rule = Some(StopRule::Remaining { epsilon: EPSILON });
        let steps = self.update(&mut until, rule) as f64 / self.shape.batch as f64;
        let mut ratios: Vec<f64> = (0..ROUNDS)
            .map(|_| self.seconds(&mut whole, None) / self.seconds(&mut until, rule))
            .collect();
        ratios.sort_by(f64::total_cmp);
        (steps, [ratios[ROUNDS / 2], ratios[0], ratios[ROUNDS - 1]])
    }

    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    fn seconds(&mut self, workspace: &mut Workspace, rule: Option<StopRule>) -> f64 {
        let start = Instant::now();
        for _ in 0..UPDATES {
            self.update(workspace, rule);
        }
        start.elapsed().as_secs_f64()
    }
}

fn main() {
    println!("one update of 128 samples, 64 elements, 128 units, at most 20 steps, epsilon 0.05");
    println!("step_function  halting                 steps  times as fast (range)");
    for step_function in [StepFunction::Gru, StepFunction::Rnn] {
        for (name, weights, bias) in [
            ("lambda = 0.5", 0.0, 0.0),
            ("lambda near 0.5", 1.0, 0.0),
            ("lambda widely spread", 12.0, 0.0),
            ("lambda = 0.2", 0.0, -1.386),
            ("never", 0.0, -9.0),
        ] {
            let (steps, [median, low, high]) = Lane::new(step_function, weights, bias).measure();
            let step_function = step_function.name();
            println!(
                "{step_function:13}  {name:22} {steps:6.2}  {median:.2} ({low:.2} - {high:.2})"
            );
        }
    }
}
