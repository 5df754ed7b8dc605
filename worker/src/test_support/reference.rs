//! The numbers of the independent float64 reference, `tests/reference/reference.py`.

use pondersweep_proto::{
    spec::{
        FirstStepFlag, KeyStart, KlDirection, LayerNorm, ModelKind, Residual, StepFunction,
        StepSignal, Unroll,
    },
    task::{Content, Tokens},
};

use crate::{
    kernel::Shape,
    model::{Act, Block, Layout, Method, PonderNet, Prior, StepLimit, answer},
};

macro_rules! texts {
    ($($name:literal,)*) => {
        [$((
            $name,
            include_str!(concat!("../../../tests/reference/fixtures/", $name, ".json")),
        ),)*]
    };
}

const FIXTURES: [(&str, &str); 38] = texts![
    "rnn_fixed_remainder",
    "rnn_fixed_normalise",
    "rnn_cumulative_remainder",
    "rnn_cumulative_normalise",
    "rnn_act",
    "rnn_fixed",
    "gru_fixed_remainder",
    "gru_fixed_normalise",
    "gru_cumulative_remainder",
    "gru_cumulative_normalise",
    "gru_act",
    "gru_fixed",
    "rnn_fixed_remainder_reverse",
    "rnn_fixed_normalise_reverse",
    "gru_fixed_remainder_reverse",
    "gru_fixed_normalise_reverse",
    "rnn_act_flagged",
    "gru_act_flagged",
    "gru_cumulative_remainder_flagged",
    "rnn_fixed_normalise_flagged",
    "gru_cumulative_remainder_classes",
    "rnn_act_classes",
    "gru_fixed_classes",
    "lstm_cumulative_remainder",
    "lstm_fixed_normalise",
    "lstm_act",
    "lstm_act_flagged",
    "transformer_cumulative_remainder",
    "transformer_cumulative_remainder_classes",
    "transformer_fixed_normalise",
    "transformer_fixed_normalise_classes",
    "transformer_act",
    "transformer_act_flagged",
    "transformer_act_flagged_classes",
    "transformer_fixed",
    "transformer_fixed_classes",
    "transformer_cumulative_remainder_words",
    "transformer_fixed_words",
];

/// One update of one lane.
#[derive(serde::Deserialize)]
pub(crate) struct Fixture {
    #[serde(skip)]
    pub(crate) name: &'static str,
    pub(crate) kind: ModelKind,
    pub(crate) step_function: StepFunction,
    unroll: Option<Unroll>,
    residual: Option<Residual>,
    kl_direction: Option<KlDirection>,
    first_step_flag: Option<FirstStepFlag>,
    classes: Option<u32>,
    #[serde(flatten)]
    block: Option<BlockSizes>,
    pub(crate) elements: usize,
    pub(crate) hidden: usize,
    pub(crate) max_steps: usize,
    lambda_p: Option<f64>,
    beta: Option<f64>,
    tau: Option<f64>,
    epsilon: Option<f64>,
    pub(crate) parameters: Vec<f64>,
    /// Of each sample, as all that follows.
    pub(crate) x: Vec<Vec<f64>>,
    labels: Vec<Label>,
    /// Of all `max_steps` steps, of each step all logits of the answer.
    pub(crate) answer_logits: Vec<Vec<f64>>,
    /// Of all `max_steps` steps.
    pub(crate) halting_logits: Vec<Vec<f64>>,
    /// Of the steps it takes.
    pub(crate) p: Vec<Vec<f64>>,
    pub(crate) prediction: Vec<f64>,
    /// The loss's other term, next to the prediction's: divergence or ponder cost.
    pub(crate) cost: Vec<f64>,
    pub(crate) loss: f64,
    pub(crate) gradient: Vec<f64>,
}

impl BlockSizes {
    fn block(&self, max_steps: usize) -> Block {
        Block {
            tokens: Tokens {
                memory: self.memory,
                candidates: self.candidates,
                numbers: self.numbers,
                content: match self.vocabulary {
                    None => Content::Vectors,
                    Some(vocabulary) => Content::Sentences { vocabulary },
                },
            },
            attention: self.attention,
            heads: self.heads,
            transition: self.transition,
            layers: self.layers,
            layer_norm: self.layer_norm,
            step_signal: self.step_signal,
            key_start: KeyStart::Drawn,
            max_steps,
        }
    }
}

/// What a transformer has.
#[derive(serde::Deserialize)]
struct BlockSizes {
    memory: usize,
    candidates: usize,
    numbers: usize,
    vocabulary: Option<usize>,
    attention: usize,
    heads: usize,
    transition: usize,
    layers: usize,
    layer_norm: LayerNorm,
    step_signal: StepSignal,
}

/// Of two classes whether it is the second, of more which it is.
#[derive(Clone, Copy, serde::Deserialize)]
#[serde(untagged)]
enum Label {
    Second(bool),
    Numbered(u32),
}

impl Fixture {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        FIXTURES.into_iter().map(|(name, text)| Self {
            name,
            ..serde_json::from_str(text).unwrap()
        })
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            step_function: self.step_function,
            elements: self.elements,
            first_step_flag: self.first_step_flag == Some(FirstStepFlag::On),
            hidden: self.hidden,
            answers: answer::logits_of(self.classes.unwrap_or(2)),
            block: self.block.as_ref().map(|sizes| sizes.block(self.max_steps)),
        }
    }

    /// The right answers.
    pub(crate) fn classes(&self) -> Vec<u32> {
        let class = |label: &Label| match *label {
            Label::Second(second) => second.into(),
            Label::Numbered(class) => class,
        };
        self.labels.iter().map(class).collect()
    }

    /// The right answers as losses take them, `[answers, samples]`.
    pub(crate) fn targets(&self) -> Vec<f64> {
        let (classes, answers) = (self.classes(), self.layout().answers);
        answer::targets(&classes, answers).map(f64::from).collect()
    }

    /// Whether the kernels know its network.
    pub(crate) fn has_kernels(&self) -> bool {
        Shape::of(&self.layout(), 1, 1).is_some()
    }

    pub(crate) fn method(&self) -> Method {
        match self.kind {
            ModelKind::PonderNet => Method::PonderNet(PonderNet {
                prior: Prior::geometric(self.lambda_p.unwrap()),
                beta: self.beta.unwrap(),
                unroll: self.unroll.unwrap(),
                epsilon: self.epsilon.unwrap(),
                residual: self.residual.unwrap(),
                kl_direction: self.kl_direction.unwrap_or(KlDirection::NetworkPrior),
            }),
            ModelKind::Act => Method::Act(Act {
                tau: self.tau.unwrap(),
                epsilon: self.epsilon.unwrap(),
            }),
            ModelKind::Fixed => Method::Fixed,
        }
    }

    pub(crate) fn limit(&self) -> StepLimit {
        StepLimit::new(&self.method(), self.max_steps)
    }

    /// Steps of the sample that takes most.
    pub(crate) fn steps(&self) -> usize {
        self.p.iter().map(Vec::len).max().unwrap()
    }
}
