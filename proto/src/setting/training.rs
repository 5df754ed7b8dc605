//! The settings of the built-in training. To add one, write its row here and use it where it acts.
//!
//! Values that a file leaves out are the paper's (arXiv 2107.05407) where it states one.

use super::{
    Default, Interval, Kind, LeftOut, Row, Rule, Setting, SettingTable,
    row::{self, always, choice, count, flag, implied, integer, number, of},
};
use crate::{
    limit::{MAX_BATCH, MAX_ELEMENTS, MAX_EXAMPLES, MAX_HIDDEN, MAX_PONDER_STEPS, MAX_UPDATES},
    spec::{
        Choice as _, FirstStepFlag, KlDirection, ModelKind, Positions, Residual, Settings,
        SpecError, StepFunction, TaskKind, Unroll,
    },
};

/// The table.
pub static TRAINING: SettingTable = SettingTable::new(ROWS, RULES);

const PONDER_NET: &str = ModelKind::PonderNet.name();
const ACT: &str = ModelKind::Act.name();

/// What most rows share.
const BASE: Row = Row {
    may_vary: true,
    ..row::BASE
};

macro_rules! rows {
    ($($name:ident = $row:expr;)*) => {
        /// The rows, by name.
        impl Setting {
            $(
                #[doc = "See its row."]
                pub const $name: Self = {
                    static ROW: Row = $row;
                    Self(&ROW)
                };
            )*
        }

        static ROWS: &[Setting] = &[$(Setting::$name,)*];
    };
}

rows! {
    TASK = Row {
        section: "task",
        name: "kind",
        kind: Kind::Choice(TaskKind::NAMES),
        uses: &[always(LeftOut::Required)],
        may_vary: false,
        label: "the learning problem",
        meaning: "The learning problem: \"parity\", whether the number of +1 in a vector of -1, 0 and \
                  +1 is odd.",
        ..BASE
    };
    METHOD = Row {
        section: "model",
        name: "kind",
        kind: Kind::Choice(ModelKind::NAMES),
        uses: &[always(LeftOut::Required)],
        may_vary: false,
        label: "how halting is learnt",
        meaning: "How halting is learnt: \"ponder_net\"; \"act\", adaptive computation time (Graves \
                  2016); or \"fixed\", always `max_steps` steps (one step is a plain RNN).",
        ..BASE
    };
    LAMBDA_P = Row {
        section: "model",
        name: "lambda_p",
        kind: Kind::Number(Interval::OPEN_UNIT),
        uses: &[of(PONDER_NET, LeftOut::Required)],
        per_lane: Some(None),
        label: "parameter of the geometric prior",
        meaning: "Parameter of the geometric prior p_G(lambda_p): its probability of halting at \
                  each step.",
        hint: Some("the prior's halting probability lies strictly between 0 and 1, for example 0.2"),
        ..BASE
    };
    BETA = Row {
        section: "model",
        name: "beta",
        kind: Kind::Number(Interval::NOT_NEGATIVE),
        uses: &[of(PONDER_NET, number(0.01))],
        per_lane: Some(None),
        label: "weight of KL(p || prior) in the loss",
        meaning: "Weight of KL(p || p_G) in the loss.",
        ..BASE
    };
    TAU = Row {
        section: "model",
        name: "tau",
        kind: Kind::Number(Interval::NOT_NEGATIVE),
        uses: &[of(ACT, LeftOut::Required)],
        per_lane: Some(None),
        label: "weight of the ponder cost in the loss",
        meaning: "Weight of the ponder cost N + R in the loss.",
        ..BASE
    };
    MAX_STEPS = Row {
        section: "model",
        name: "max_steps",
        kind: count(MAX_PONDER_STEPS as u64),
        uses: &[always(integer(20))],
        label: "most ponder steps, N",
        meaning: "N, the most ponder steps a sample may take.",
        ..BASE
    };
    LEARNING_RATE = Row {
        section: "training",
        name: "learning_rate",
        kind: Kind::Number(Interval::POSITIVE),
        uses: &[always(number(3e-4))],
        per_lane: Some(Some("0.0")),
        label: "Adam's step size",
        meaning: "Adam's step size.",
        ..BASE
    };
    STEP_FUNCTION = Row {
        section: "model",
        name: "step_function",
        kind: Kind::Choice(StepFunction::NAMES),
        uses: &[always(choice(StepFunction::Rnn.name()))],
        label: "the function that is iterated",
        meaning: "The function that is iterated: \"rnn\", one tanh layer, the paper's; \"gru\", a \
                  gated recurrent unit; or \"lstm\", long short-term memory, which has no fast \
                  kernels on processors.",
        ..BASE
    };
    HIDDEN = Row {
        section: "model",
        name: "hidden",
        kind: count(MAX_HIDDEN as u64),
        uses: &[always(integer(128))],
        label: "units of the hidden state",
        meaning: "Units of the hidden state.",
        ..BASE
    };
    HALTING_BIAS = Row {
        section: "model",
        name: "halting_bias",
        kind: Kind::Number(Interval::FINITE),
        // Graves starts at one, so that few steps are taken at first.
        uses: &[of(PONDER_NET, number(0.0)), of(ACT, number(1.0))],
        per_lane: Some(None),
        label: "bias of the halting head before training",
        meaning: "Bias of the halting head before training. Not stated by the paper.",
        ..BASE
    };
    RESIDUAL = Row {
        section: "model",
        name: "residual",
        kind: Kind::Choice(Residual::NAMES),
        uses: &[of(PONDER_NET, choice(Residual::Remainder.name()))],
        label: "what takes the halting mass left after the last step",
        meaning: "What happens to the halting mass left after the last step: \"remainder\", the last \
                  step takes it; \"normalise\", p is divided by its sum. Not stated by the paper.",
        ..BASE
    };
    UNROLL = Row {
        section: "model",
        name: "unroll",
        kind: Kind::Choice(Unroll::NAMES),
        uses: &[of(PONDER_NET, choice(Unroll::Fixed.name()))],
        label: "steps computed in training",
        meaning: "How many steps training computes: \"fixed\", always `max_steps`; \"cumulative\", \
                  until at most `epsilon` of the halting mass is left (paper, section 2.3).",
        ..BASE
    };
    EPSILON = Row {
        section: "model",
        name: "epsilon",
        kind: Kind::Number(Interval::OPEN_UNIT),
        uses: &[of(PONDER_NET, number(0.05)), of(ACT, number(0.01))],
        label: "halting mass left when a sample stops",
        meaning: "Halting mass that may be left when a sample stops: in a cumulative unroll, or in \
                  ACT.",
        hint: Some("the usual values are 0.05 for ponder_net and 0.01 for act"),
        ..BASE
    };
    GRADIENT_CLIP = Row {
        section: "training",
        name: "gradient_clip",
        kind: Kind::Number(Interval::POSITIVE),
        uses: &[always(LeftOut::Absent)],
        per_lane: Some(Some("null")),
        label: "largest norm of a gradient",
        meaning: "Largest global gradient norm of a trial; absent means no clipping.",
        ..BASE
    };
    BATCH = Row {
        section: "training",
        name: "batch",
        kind: count(MAX_BATCH as u64),
        uses: &[always(integer(128))],
        label: "samples of an update",
        meaning: "Batch size: samples of one update.",
        ..BASE
    };
    UPDATES = Row {
        section: "training",
        name: "updates",
        kind: count(MAX_UPDATES),
        uses: &[always(LeftOut::Required)],
        label: "parameter updates of a trial",
        meaning: "Parameter updates of the trial.",
        ..BASE
    };
    ELEMENTS = Row {
        section: "task",
        name: "elements",
        kind: count(MAX_ELEMENTS as u64),
        uses: &[always(LeftOut::Required)],
        label: "length of the input vector",
        meaning: "Length of the input vector.",
        ..BASE
    };
    MAX_NONZEROS = Row {
        section: "task",
        name: "max_nonzeros",
        kind: count(MAX_ELEMENTS as u64),
        uses: &[always(LeftOut::Derived(default_nonzeros))],
        may_vary: false,
        label: "most non-zero elements in training",
        meaning: "Training draws 1 to this many non-zero elements. Left out: all of them, or half of \
                  them when the evaluation extrapolates (paper, section 3.1).",
        ..BASE
    };
    POSITIONS = Row {
        section: "task",
        name: "positions",
        kind: Kind::Choice(Positions::NAMES),
        uses: &[always(choice(Positions::Random.name()))],
        label: "where the non-zero elements stand",
        meaning: "Where the non-zero elements stand: \"random\", or \"packed\" into the first places, \
                  an easier task. Not stated by the paper.",
        ..BASE
    };
    KL_DIRECTION = Row {
        section: "model",
        name: "kl_direction",
        kind: Kind::Choice(KlDirection::NAMES),
        uses: &[of(PONDER_NET, implied(KlDirection::NetworkPrior.name()))],
        label: "which way the divergence from the prior is taken",
        meaning: "Which way the divergence is taken: \"network_prior\", KL(p || p_G), the paper's; or \
                  \"prior_network\", KL(p_G || p), as a widely copied re-implementation does.",
        ..BASE
    };
    FIRST_STEP_FLAG = Row {
        section: "model",
        name: "first_step_flag",
        kind: Kind::Choice(FirstStepFlag::NAMES),
        uses: &[
            of(ACT, choice(FirstStepFlag::On.name())),
            always(implied(FirstStepFlag::Off.name())),
        ],
        label: "whether the input flags the first step",
        meaning: "Whether the input tells the first ponder step from the others (Graves 2016, \
                  section 2). Not stated by the paper.",
        ..BASE
    };
    INITIAL_SCALE = Row {
        section: "model",
        name: "initial_scale",
        kind: Kind::Number(Interval::POSITIVE),
        uses: &[always(LeftOut::Implied(Default::Number(1.0)))],
        per_lane: Some(None),
        label: "factor on the range of the weights before training",
        meaning: "Weights before training are drawn from U(-s/sqrt(hidden), s/sqrt(hidden)); this is \
                  s. Not stated by the paper.",
        ..BASE
    };
    WEIGHT_DECAY = Row {
        section: "training",
        name: "weight_decay",
        kind: Kind::Number(Interval::NOT_NEGATIVE),
        uses: &[always(LeftOut::Implied(Default::Number(0.0)))],
        per_lane: Some(None),
        label: "weight decay",
        meaning: "Share of itself by which an update shrinks every parameter, times the step size: \
                  decoupled from Adam's moments, as in AdamW (Loshchilov and Hutter 2019).",
        ..BASE
    };
    ADAM_BETA_1 = Row {
        section: "training",
        name: "adam_beta_1",
        kind: Kind::Number(Interval::OPEN_UNIT),
        uses: &[always(number(0.9))],
        may_vary: false,
        label: "decay of Adam's first moment",
        meaning: "Decay of Adam's first moment.",
        ..BASE
    };
    ADAM_BETA_2 = Row {
        section: "training",
        name: "adam_beta_2",
        kind: Kind::Number(Interval::OPEN_UNIT),
        uses: &[always(number(0.999))],
        may_vary: false,
        label: "decay of Adam's second moment",
        meaning: "Decay of Adam's second moment.",
        ..BASE
    };
    ADAM_EPSILON = Row {
        section: "training",
        name: "adam_epsilon",
        kind: Kind::Number(Interval::POSITIVE),
        uses: &[always(number(1e-8))],
        may_vary: false,
        label: "offset of Adam's denominator",
        meaning: "Offset of Adam's denominator.",
        ..BASE
    };
    EVERY = Row {
        section: "evaluation",
        name: "every",
        kind: count(MAX_UPDATES),
        uses: &[always(integer(1_000))],
        may_vary: false,
        label: "updates between two evaluations",
        meaning: "Updates between two evaluations; the last update is always evaluated.",
        ..BASE
    };
    EXAMPLES = Row {
        section: "evaluation",
        name: "examples",
        kind: count(MAX_EXAMPLES as u64),
        uses: &[always(integer(10_000))],
        may_vary: false,
        label: "samples of an evaluation",
        meaning: "Samples of one evaluation.",
        ..BASE
    };
    EXTRAPOLATE = Row {
        section: "evaluation",
        name: "extrapolate",
        kind: Kind::Flag,
        uses: &[always(flag(false))],
        may_vary: false,
        label: "whether difficulties beyond training are evaluated",
        meaning: "Also evaluate on more non-zeros than training ever shows.",
        ..BASE
    };
}

/// What several settings allow together.
static RULES: &[Rule] = &[
    nonzeros_fit_the_elements,
    extrapolation_has_somewhere_to_go,
    samples_that_stop_early_have_a_divergence,
];

fn default_nonzeros(settings: &Settings) -> super::ParameterValue {
    let elements = settings.count(Setting::ELEMENTS);
    let half = settings.flag(Setting::EXTRAPOLATE);
    (if half { elements / 2 } else { elements }).into()
}

fn nonzeros_fit_the_elements(settings: &Settings) -> Result<(), SpecError> {
    let (most, stated) = (Setting::ELEMENTS, settings.get(Setting::MAX_NONZEROS));
    let Some(super::ParameterValue::Integer(stated)) = stated else {
        return Ok(());
    };
    let elements = settings.whole(most);
    if *stated <= elements {
        return Ok(());
    }
    Err(SpecError::new(
        Setting::MAX_NONZEROS.path(),
        format!("{stated} is out of range"),
        format!("a whole number from 1 to {elements}"),
    ))
}

fn extrapolation_has_somewhere_to_go(settings: &Settings) -> Result<(), SpecError> {
    let (trained, elements) = (
        settings.count(Setting::MAX_NONZEROS),
        settings.count(Setting::ELEMENTS),
    );
    if !settings.flag(Setting::EXTRAPOLATE) || (1..elements).contains(&trained) {
        return Ok(());
    }
    Err(SpecError::new(
        Setting::EXTRAPOLATE.path(),
        format!(
            "training on up to {trained} of {elements} non-zeros leaves nothing to extrapolate to"
        ),
        "let task.max_nonzeros be at least 1 and smaller than task.elements",
    ))
}

fn samples_that_stop_early_have_a_divergence(settings: &Settings) -> Result<(), SpecError> {
    let is = |setting, name: &str| matches!(settings.get(setting), Some(super::ParameterValue::Choice(is)) if &**is == name);
    if !(is(Setting::KL_DIRECTION, KlDirection::PriorNetwork.name())
        && is(Setting::UNROLL, Unroll::Cumulative.name()))
    {
        return Ok(());
    }
    Err(SpecError::new(
        Setting::KL_DIRECTION.path(),
        "the prior's divergence from samples that stop early is infinite",
        "with kl_direction = \"prior_network\" let unroll be \"fixed\"",
    ))
}
