//! The block of a Universal Transformer (Dehghani et al. 2018, arXiv 1807.03819), the same at every
//! step, over all tokens of a sample: `h' = h + Attention(h)`, `h'' = h' + Transition(h')`, with
//! layer norms where the settings say. A vector that tells the step is added to every token first;
//! what place a token has is part of its embedding. Answer and halting are read from the tokens of
//! the query. It has no kernels: tensors compute it on every device.
//!
//! Where the papers are silent this follows tensor2tensor's `universal_transformer_small`: no
//! biases in the attention, dropout on embedded tokens and on what attention and transition add.

use burn::tensor::{Int, Tensor, TensorCreationOptions, TensorData, activation::relu};
use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, KeyStart, LayerNorm, StepSignal},
    task::{Content, Tokens},
};

use super::Recurrence;
use crate::model::{
    Dropout,
    parameters::{Layout, Matrix, Start},
    unroll::Heads,
};

/// Added to a variance before its root is taken.
const NORM_EPSILON: f64 = 1e-5;
/// Range of the learnt vectors of places and steps before training: small; tokens have variance 1.
const SIGNAL_RANGE: f32 = 0.1;

/// Range of the words' vectors before training: with their variance of 1/3 that of a sentence is
/// about 2.
const WORD_RANGE: f32 = 1.0;
/// Added to what a query makes of a key that is padding: its share is exactly zero.
const PADDING: f32 = -1e9;

/// The sizes of a block, and the switches that change what it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// What a sample is made of.
    pub tokens: Tokens,
    /// Numbers of a query, key or value, all heads together.
    pub attention: usize,
    /// Heads, which share them.
    pub heads: usize,
    /// Units of the transition between its layers.
    pub transition: usize,
    /// Layers of the transition.
    pub layers: usize,
    /// Where states are normalised.
    pub layer_norm: LayerNorm,
    /// What tells steps apart.
    pub step_signal: StepSignal,
    /// What the keys' weights are before training.
    pub key_start: KeyStart,
    /// N, the most steps.
    pub max_steps: usize,
}

impl Block {
    /// The block of a configuration whose samples are these tokens.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec, tokens: Tokens) -> Self {
        let count = |setting| configuration.count(setting) as usize;
        Self {
            tokens,
            attention: count(Setting::ATTENTION_WIDTH),
            heads: count(Setting::HEADS),
            transition: count(Setting::TRANSITION_WIDTH),
            layers: count(Setting::TRANSITION_LAYERS),
            layer_norm: configuration.choice(Setting::LAYER_NORM),
            step_signal: configuration.choice(Setting::STEP_SIGNAL),
            key_start: configuration.choice(Setting::KEY_START),
            max_steps: count(Setting::MAX_STEPS),
        }
    }

    /// Places that are told apart: the question, the candidates if there are any, and memory; where
    /// it is in order each of its tokens.
    const fn places(&self) -> usize {
        let memory = match self.tokens.content {
            Content::Vectors => 1,
            Content::Sentences { .. } => self.tokens.memory,
        };
        let candidates = if self.tokens.candidates > 0 { 1 } else { 0 };
        1 + candidates + memory
    }

    /// The place of each of a sample's last `number` tokens.
    fn place_of_each(&self, number: usize) -> Vec<i64> {
        let candidates = self.tokens.candidates;
        let first = if candidates > 0 { 2 } else { 1 };
        let memory = (0..(number - 1 - candidates) as i64).rev();
        let memory = memory.map(|before_question| match self.tokens.content {
            Content::Vectors => first,
            Content::Sentences { .. } => first + before_question,
        });
        let query = [0].into_iter().chain(vec![1; candidates]);
        memory.chain(query).collect()
    }
}

/// The parameters, in the order of a flat row.
pub(super) fn matrices(layout: &Layout, block: &Block) -> Vec<Matrix> {
    let (width, attention) = (layout.hidden, block.attention);
    let signal =
        |name: &str, rows| Matrix::new(name, [rows, width]).starting(Start::Within(SIGNAL_RANGE));
    let numbers = block.tokens.numbers;
    let mut matrices = match block.tokens.content {
        Content::Vectors => vec![Matrix::drawn("token_weights", [numbers, width])],
        Content::Sentences { vocabulary } => vec![
            Matrix::new("words", [vocabulary, width]).starting(Start::Within(WORD_RANGE)),
            Matrix::new("word_weights", [numbers, width]).starting(Start::Constant(1.0)),
        ],
    };
    matrices.push(signal("places", block.places()));
    if block.step_signal == StepSignal::Learned {
        matrices.push(signal("steps", block.max_steps));
    }
    if layout.first_step_flag {
        matrices.push(signal("first_step_weights", 1));
    }
    let mut key = Matrix::drawn("attention.key", [width, attention]);
    if block.key_start == KeyStart::Query {
        key = key.starting(Start::AsBefore);
    }
    matrices.extend(Norm::matrices("attention", width));
    matrices.extend([
        Matrix::drawn("attention.query", [width, attention]),
        key,
        Matrix::drawn("attention.value", [width, attention]),
        Matrix::drawn("attention.output", [attention, width]),
    ]);
    matrices.extend(Norm::matrices("transition", width));
    for (layer, size) in transition_sizes(width, block).into_iter().enumerate() {
        matrices.push(Matrix::drawn(format!("transition.{layer}.weights"), size));
        let bias = Matrix::new(format!("transition.{layer}.bias"), [1, size[1]]);
        matrices.push(bias.starting(Start::Constant(0.0)));
    }
    if block.layer_norm == LayerNorm::Before {
        matrices.extend(Norm::matrices("read", width));
    }
    matrices
}

/// Inputs and outputs of every layer of the transition.
fn transition_sizes(width: usize, block: &Block) -> Vec<[usize; 2]> {
    let mut widths = vec![block.transition; block.layers + 1];
    (widths[0], widths[block.layers]) = (width, width);
    widths.windows(2).map(|pair| [pair[0], pair[1]]).collect()
}

/// A layer norm: every token to mean 0 and variance 1, then its own scale and offset.
struct Norm {
    /// `[lanes, 1, width]` each.
    gain: Tensor<3>,
    bias: Tensor<3>,
}

impl Norm {
    fn matrices(of: &str, width: usize) -> [Matrix; 2] {
        let part = |name: &str, start| {
            Matrix::new(format!("{of}.{name}"), [1, width]).starting(Start::Constant(start))
        };
        [part("norm_gain", 1.0), part("norm_bias", 0.0)]
    }

    fn cut(parameters: &mut impl Iterator<Item = Tensor<3>>) -> Self {
        let [gain, bias] = [(); 2].map(|()| next(parameters));
        Self { gain, bias }
    }

    fn of(&self, tokens: &Tensor<3>) -> Tensor<3> {
        let centred = tokens.clone() - tokens.clone().mean_dim(2);
        let variance = centred.clone().square().mean_dim(2);
        let scale = (variance + NORM_EPSILON).sqrt().recip();
        centred * scale * self.gain.clone() + self.bias.clone()
    }
}

/// A block that has seen its tokens.
pub(super) struct Transformer<'a> {
    block: Block,
    batch: usize,
    /// `[lanes, batch * tokens, width]`, as all states.
    embedded: Tensor<3>,
    /// What is added for each key, `[lanes * batch, 1, 1, tokens]`; `None` where none is padding.
    padding: Option<Tensor<4>>,
    /// Of each step, `[lanes, max_steps, width]`.
    steps: Tensor<3>,
    /// Of the first step only, `[lanes, 1, width]`.
    first_step: Option<Tensor<3>>,
    attention_norm: Norm,
    /// `[lanes, width, attention]`, divided by the root of a head's width.
    query: Tensor<3>,
    /// `[lanes, width, attention]` each.
    key: Tensor<3>,
    value: Tensor<3>,
    /// `[lanes, attention, width]`.
    output: Tensor<3>,
    transition_norm: Norm,
    /// Weights and biases.
    transition: Vec<[Tensor<3>; 2]>,
    read_norm: Option<Norm>,
    dropout: Option<&'a Dropout>,
}

/// The tokens after a step.
pub(super) struct State {
    /// `[lanes, batch * tokens, width]`.
    tokens: Tensor<3>,
    /// Steps that were made.
    steps: usize,
}

fn next(parameters: &mut impl Iterator<Item = Tensor<3>>) -> Tensor<3> {
    parameters.next().expect("a row has every parameter")
}

impl<'a> Transformer<'a> {
    /// Embeds `x` (`[lanes, batch, elements]`), with the parameters in their order.
    pub(super) fn new(
        x: &Tensor<3>,
        layout: &Layout,
        block: &Block,
        parameters: &[Tensor<3>],
        dropout: Option<&'a Dropout>,
    ) -> Self {
        let [_, batch, _] = x.dims();
        let parameters = &mut parameters.iter().cloned();
        let (embedded, padding) = match block.tokens.content {
            Content::Vectors => (of_vectors(x, next(parameters)), None),
            Content::Sentences { .. } => {
                let embedded = of_sentences(x, next(parameters), next(parameters));
                (embedded, Some(padding(x, block.tokens.numbers)))
            }
        };
        let embedded = with_places(embedded, batch, block, next(parameters));
        let steps = match block.step_signal {
            StepSignal::Learned => next(parameters),
            StepSignal::Sinusoidal => sinusoids(block.max_steps, layout.hidden, x),
        };
        let head = (block.attention / block.heads) as f64;
        Self {
            block: *block,
            batch,
            embedded: match dropout {
                Some(dropout) => dropout.apply(0, embedded),
                None => embedded,
            },
            padding,
            steps,
            first_step: layout.first_step_flag.then(|| next(parameters)),
            attention_norm: Norm::cut(parameters),
            // Not by a division, whose gradient burn computes with a number of 32 bits.
            query: next(parameters) * head.sqrt().recip(),
            key: next(parameters),
            value: next(parameters),
            output: next(parameters),
            transition_norm: Norm::cut(parameters),
            transition: (0..block.layers)
                .map(|_| [(); 2].map(|()| next(parameters)))
                .collect(),
            read_norm: (block.layer_norm == LayerNorm::Before).then(|| Norm::cut(parameters)),
            dropout,
        }
    }

    /// The state after one more step; `steps` were made before.
    fn step(&self, tokens: Tensor<3>, steps: usize) -> State {
        let mut tokens = tokens + self.steps.clone().narrow(1, steps, 1);
        if let (0, Some(first_step)) = (steps, &self.first_step) {
            tokens = tokens + first_step.clone();
        }
        // Places of dropout: 0 is that of the embedded tokens.
        let place = 2 * steps + 1;
        let tokens = self.with(&self.attention_norm, tokens, place, |x| self.attend(&x));
        let tokens = self.with(&self.transition_norm, tokens, place + 1, |x| {
            self.transit(x)
        });
        State {
            tokens,
            steps: steps + 1,
        }
    }

    /// The tokens and what a part of the block adds to them, normalised before or after.
    fn with(
        &self,
        norm: &Norm,
        tokens: Tensor<3>,
        place: usize,
        part: impl Fn(Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let before = self.block.layer_norm == LayerNorm::Before;
        let added = part(if before {
            norm.of(&tokens)
        } else {
            tokens.clone()
        });
        let added = match self.dropout {
            Some(dropout) => dropout.apply(place, added),
            None => added,
        };
        let sum = tokens + added;
        if before { sum } else { norm.of(&sum) }
    }

    /// `softmax(Q K^T / sqrt(d)) V`, head by head, then all heads together.
    fn attend(&self, tokens: &Tensor<3>) -> Tensor<3> {
        let [lanes, rows, _] = tokens.dims();
        let Block {
            attention, heads, ..
        } = self.block;
        let samples = lanes * self.batch;
        let number = rows / self.batch;
        let of_heads = |weights: &Tensor<3>| -> Tensor<4> {
            let all = tokens.clone().matmul(weights.clone());
            all.reshape([samples, number, heads, attention / heads])
                .swap_dims(1, 2)
        };
        let [query, key, value] = [&self.query, &self.key, &self.value].map(of_heads);
        let scores = query.matmul(key.transpose());
        let scores = match &self.padding {
            Some(padding) => scores + padding.clone(),
            None => scores,
        };
        let shares = softmax(scores);
        let attended = shares.matmul(value).swap_dims(1, 2);
        let attended: Tensor<3> = attended.reshape([lanes, rows, attention]);
        attended.matmul(self.output.clone())
    }

    fn transit(&self, tokens: Tensor<3>) -> Tensor<3> {
        let mut layers = self.transition.iter();
        let apply = |tokens: Tensor<3>, [weights, bias]: &[Tensor<3>; 2]| {
            tokens.matmul(weights.clone()) + bias.clone()
        };
        let first = layers.next().expect("there is a layer");
        layers.fold(apply(tokens, first), |tokens, layer| {
            apply(relu(tokens), layer)
        })
    }
}

/// Of the last dimension. burn's own differs in its last bits where it is not differentiated.
fn softmax(scores: Tensor<4>) -> Tensor<4> {
    // It does not depend on the shift, nor does its gradient.
    let largest = scores.clone().inner().max_dim(3);
    let shares = (scores - largest).exp();
    shares.clone() / shares.sum_dim(3)
}

/// Every token's numbers times the weights, `[lanes, batch * tokens, width]`.
fn of_vectors(x: &Tensor<3>, weights: Tensor<3>) -> Tensor<3> {
    let [lanes, batch, elements] = x.dims();
    let [_, numbers, _] = weights.dims();
    let tokens = x
        .clone()
        .reshape([lanes, batch * (elements / numbers), numbers]);
    tokens.matmul(weights)
}

/// The sum of every token's words, each weighed by its place in the sentence: number by number, as
/// in end-to-end memory networks (Sukhbaatar et al. 2015), and learnt.
fn of_sentences(x: &Tensor<3>, words: Tensor<3>, weights: Tensor<3>) -> Tensor<3> {
    let [lanes, batch, elements] = x.dims();
    let ([_, vocabulary, width], [_, numbers, _]) = (words.dims(), weights.dims());
    // Word 0 is none. The lanes' words stand one after the other in one table.
    let none = words.clone().inner().narrow(1, 0, 1).zeros_like();
    let rows = vocabulary + 1;
    let table: Tensor<2> = Tensor::cat(vec![none, words], 1).reshape([lanes * rows, width]);
    let first = Tensor::<1, Int>::arange(0..lanes as i64, &x.device()) * rows as i64;
    let places = x.clone().int() + first.reshape([lanes, 1, 1]);
    let tokens = batch * elements / numbers;
    let found = table.select(0, places.reshape([lanes * batch * elements]));
    let found: Tensor<4> = found.reshape([lanes, tokens, numbers, width]);
    let weighed = found * weights.unsqueeze_dim(1);
    weighed.sum_dim(2).squeeze_dim(2)
}

/// [`PADDING`] for every token without a word, `[lanes * batch, 1, 1, tokens]`.
fn padding(x: &Tensor<3>, numbers: usize) -> Tensor<4> {
    let [lanes, batch, elements] = x.dims();
    let tokens = elements / numbers;
    let words: Tensor<4> = x.clone().reshape([lanes * batch, 1, tokens, numbers]);
    let empty = words.sum_dim(3).equal_elem(0.0).float().cast(x.dtype());
    let empty = empty * PADDING;
    empty.reshape([lanes * batch, 1, 1, tokens])
}

/// The tokens with the vectors of their places added.
fn with_places(tokens: Tensor<3>, batch: usize, block: &Block, places: Tensor<3>) -> Tensor<3> {
    let [lanes, rows, width] = tokens.dims();
    let number = rows / batch;
    let each = TensorData::new(block.place_of_each(number), [number]);
    let each: Tensor<1, Int> = Tensor::from_data(each, &tokens.device());
    let tokens = tokens.reshape([lanes, batch, number, width]);
    let tokens: Tensor<4> = tokens + places.select(1, each).unsqueeze_dim(1);
    tokens.reshape([lanes, rows, width])
}

/// Of steps t = 1.. `sin(t / 10000^(2j/width))` at 2j, the cosine at 2j + 1 (arXiv 1807.03819,
/// equations 6 and 7), `[1, steps, width]`.
fn sinusoids(steps: usize, width: usize, x: &Tensor<3>) -> Tensor<3> {
    let numbers = (1..=steps).flat_map(|step| {
        (0..width).map(move |column| {
            let frequency = 1e4_f64.powf(-((column - column % 2) as f64) / width as f64);
            let angle = step as f64 * frequency;
            if column % 2 == 0 {
                angle.sin()
            } else {
                angle.cos()
            }
        })
    });
    let data = TensorData::new(numbers.collect::<Vec<f64>>(), [1, steps, width]);
    let options: TensorCreationOptions = (&x.device(), x.dtype()).into();
    Tensor::from_data(data, options)
}

impl Recurrence for Transformer<'_> {
    type State = State;

    fn first(&self) -> State {
        self.step(self.embedded.clone(), 0)
    }

    fn next(&self, state: &State) -> State {
        self.step(state.tokens.clone(), state.steps)
    }

    fn read(&self, heads: &Heads, state: &State) -> Tensor<3> {
        let [lanes, rows, width] = state.tokens.dims();
        let (number, asked) = (rows / self.batch, self.block.tokens.query());
        let tokens = state
            .tokens
            .clone()
            .reshape([lanes, self.batch, number, width]);
        let query = tokens.narrow(2, number - asked, asked);
        let query: Tensor<3> = query.reshape([lanes, self.batch * asked, width]);
        let query = match &self.read_norm {
            Some(norm) => norm.of(&query),
            None => query,
        };
        let query: Tensor<4> = query.reshape([lanes, self.batch, asked, width]);
        let halting = heads.halting(query.clone().mean_dim(2).squeeze_dim(2));
        let answer = match self.block.tokens.candidates {
            0 => heads.answer(query.squeeze_dim(2)),
            candidates => {
                let candidates = query.narrow(2, 1, candidates);
                let [_, _, number, _] = candidates.dims();
                let rows = candidates.reshape([lanes, self.batch * number, width]);
                let logits = heads.answer(rows).reshape([lanes, self.batch, number]);
                match number {
                    // One logit tells two apart.
                    2 => logits.clone().narrow(2, 1, 1) - logits.narrow(2, 0, 1),
                    _ => logits,
                }
            }
        };
        Tensor::cat(vec![answer, halting], 2).swap_dims(1, 2)
    }
}
