//! The settings of the built-in training. To add one, write its row here and use it where it acts.
//!
//! Values that a file leaves out are the paper's (arXiv 2107.05407) where it states one.

use super::{
    Default, Interval, Kind, LeftOut, Row, Rule, Setting, SettingTable,
    row::{self, always, choice, count, flag, implied, integer, number, of},
};
use crate::{
    limit::{
        MAX_BATCH, MAX_ELEMENTS, MAX_EXAMPLES, MAX_HEADS, MAX_HIDDEN, MAX_LAYERS, MAX_PONDER_STEPS,
        MAX_POOL, MAX_SENTENCES, MAX_SEQUENCE_LENGTH, MAX_SEQUENCES, MAX_STORY_WORDS, MAX_UPDATES,
    },
    spec::{
        Choice as _, FirstStepFlag, KeyStart, KlDirection, LayerNorm, ModelKind, Positions,
        Residual, Settings, SpecError, StepFunction, StepSignal, StorySet, StorySource, TaskKind,
        Unroll,
    },
    task::{Input, babi},
};

/// The table.
pub static TRAINING: SettingTable = SettingTable::new(ROWS, RULES);

const PONDER_NET: &str = ModelKind::PonderNet.name();
const ACT: &str = ModelKind::Act.name();
const PARITY: &str = TaskKind::Parity.name();
const PAIRED_ASSOCIATES: &str = TaskKind::PairedAssociates.name();
const BABI: &str = TaskKind::Babi.name();
const TRANSFORMER: &str = StepFunction::Transformer.name();

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
                  +1 is odd; \"paired_associates\", which of two items belongs to a third, by a chain of \
                  pairs in memory; or \"babi\", questions about short stories. docs/tasks.md describes \
                  each.",
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
        kind: Kind::Number(Interval::SHARE),
        uses: &[of(PONDER_NET, LeftOut::Required)],
        per_lane: Some(None),
        together: true,
        label: "parameter of the geometric prior",
        meaning: "Parameter of the geometric prior p_G(lambda_p): its probability of halting at \
                  each step. 1 needs `prior_floor`.",
        hint: Some("the prior's halting probability lies above 0, up to 1, for example 0.2"),
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
                  gated recurrent unit; \"lstm\", long short-term memory, which has no fast kernels \
                  on processors; or \"transformer\", a block of attention and transition over a \
                  memory of tokens, for the tasks that have one.",
        ..BASE
    };
    HIDDEN = Row {
        section: "model",
        name: "hidden",
        kind: count(MAX_HIDDEN as u64),
        uses: &[always(integer(128))],
        label: "units of the hidden state",
        meaning: "Units of the hidden state; of a transformer, of every token's.",
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
        uses: &[of(PARITY, LeftOut::Required)],
        label: "length of the input vector",
        meaning: "Length of the input vector.",
        ..BASE
    };
    MAX_NONZEROS = Row {
        section: "task",
        name: "max_nonzeros",
        kind: count(MAX_ELEMENTS as u64),
        uses: &[of(PARITY, LeftOut::Derived(default_nonzeros))],
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
        uses: &[of(PARITY, choice(Positions::Random.name()))],
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
                  s. Not stated by the paper. Of a transformer it scales every range that its weights \
                  are drawn from.",
        ..BASE
    };
    PRIOR_FLOOR = Row {
        section: "model",
        name: "prior_floor",
        kind: Kind::Number(Interval::BELOW_ONE),
        uses: &[of(PONDER_NET, LeftOut::Implied(Default::Number(0.0)))],
        per_lane: Some(None),
        together: true,
        label: "least that a step counts as in the prior",
        meaning: "The least that p_G of a step counts as in the divergence. With lambda_p = 1 the \
                  prior gives steps after the first nothing, and the divergence from it is infinite \
                  without a floor. Not in the paper, whose grid has lambda_p = 1.",
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
    ATTENTION_WIDTH = Row {
        name: "attention_width",
        kind: count(MAX_HIDDEN as u64),
        uses: &[of(TRANSFORMER, integer(512))],
        label: "width of the attention",
        meaning: "Numbers of a token's query, key and value, all heads together.",
        ..BLOCK
    };
    HEADS = Row {
        name: "heads",
        kind: count(MAX_HEADS as u64),
        uses: &[of(TRANSFORMER, integer(8))],
        label: "heads of the attention",
        meaning: "Heads of the attention, which share its width.",
        ..BLOCK
    };
    TRANSITION_WIDTH = Row {
        name: "transition_width",
        kind: count(MAX_HIDDEN as u64),
        uses: &[of(TRANSFORMER, integer(128))],
        label: "units of the transition",
        meaning: "Units of the transition between its layers.",
        ..BLOCK
    };
    TRANSITION_LAYERS = Row {
        name: "transition_layers",
        kind: count(MAX_LAYERS as u64),
        uses: &[of(TRANSFORMER, integer(2))],
        label: "layers of the transition",
        meaning: "Layers of the transition, an MLP on every token: all but the last end in a \
                  rectifier, the last leads back to the state.",
        ..BLOCK
    };
    DROPOUT = Row {
        name: "dropout",
        kind: Kind::Number(Interval::BELOW_ONE),
        uses: &[of(TRANSFORMER, number(0.1))],
        label: "share dropped in training",
        meaning: "Share of numbers that training drops at random: of the tokens when they are \
                  embedded, and of what attention and transition add to them.",
        ..BLOCK
    };
    LAYER_NORM = Row {
        name: "layer_norm",
        kind: Kind::Choice(LayerNorm::NAMES),
        uses: &[of(TRANSFORMER, choice(LayerNorm::Before.name()))],
        label: "where states are normalised",
        meaning: "Where states are normalised: \"before\" attention, transition and reading, as \
                  tensor2tensor does; or \"after\" the sums with what attention and transition add \
                  (arXiv 1807.03819, section 2.1). Not stated by the paper.",
        ..BLOCK
    };
    STEP_SIGNAL = Row {
        name: "step_signal",
        kind: Kind::Choice(StepSignal::NAMES),
        uses: &[of(TRANSFORMER, choice(StepSignal::Learned.name()))],
        label: "what tells the steps apart",
        meaning: "What is added to every token's state before a step, so that steps can differ: \
                  \"learned\", a vector for each; or \"sinusoidal\" (arXiv 1807.03819, section 2.1). \
                  Not stated by the paper.",
        ..BLOCK
    };
    KEY_START = Row {
        name: "key_start",
        kind: Kind::Choice(KeyStart::NAMES),
        uses: &[of(TRANSFORMER, choice(KeyStart::Drawn.name()))],
        label: "weights of the keys before training",
        meaning: "The weights of the keys before training: \"drawn\"; or \"query\", a copy of the \
                  queries', with which a token starts by attending to tokens like itself. Not stated by \
                  the paper.",
        ..BLOCK
    };
    WARM_UP = Row {
        section: "training",
        name: "warm_up",
        kind: Kind::Integer { least: 0, most: MAX_UPDATES },
        uses: &[always(LeftOut::Implied(Default::Integer(0)))],
        label: "updates of warm-up",
        meaning: "Updates over which the step size rises in equal steps to the learning rate.",
        ..BASE
    };
    SEQUENCES = Row {
        section: "task",
        name: "sequences",
        kind: count(MAX_SEQUENCES as u64),
        uses: &[of(PAIRED_ASSOCIATES, integer(16))],
        label: "sequences in memory",
        meaning: "Sequences of items whose pairs of neighbours are in memory.",
        ..BASE
    };
    LENGTH = Row {
        section: "task",
        name: "length",
        kind: Kind::Integer { least: 2, most: MAX_SEQUENCE_LENGTH as u64 },
        uses: &[of(PAIRED_ASSOCIATES, integer(3))],
        label: "items of a sequence",
        meaning: "Items of a sequence: the paper's is 3, A-B-C.",
        ..BASE
    };
    EMBEDDING = Row {
        section: "task",
        name: "embedding",
        kind: count(MAX_ELEMENTS as u64),
        uses: &[of(PAIRED_ASSOCIATES, integer(1000))],
        label: "numbers of an item",
        meaning: "Numbers of an item. Random ones stand in for the paper's embedded images, which \
                  cannot be passed on.",
        ..BASE
    };
    POOL = Row {
        section: "task",
        name: "pool",
        kind: count(MAX_POOL as u64),
        uses: &[of(PAIRED_ASSOCIATES, integer(1000))],
        label: "items there are",
        meaning: "Items that training draws from; evaluation draws from as many others, which training \
                  never shows.",
        ..BASE
    };
    NOVEL_LURES = Row {
        section: "task",
        name: "novel_lures",
        kind: Kind::Number(Interval::UNIT),
        uses: &[of(PAIRED_ASSOCIATES, number(0.0))],
        label: "share of lures that are not in memory",
        meaning: "Share of the lures in training that are items which memory does not hold. The \
                  paper's is 0; small networks learn nothing then, and with 0.5 they do. Evaluation has \
                  none.",
        ..BASE
    };
    SOURCE = Row {
        section: "task",
        name: "source",
        kind: Kind::Choice(StorySource::NAMES),
        uses: &[of(BABI, LeftOut::Required)],
        label: "where stories come from",
        meaning: "Where the stories of training come from: \"published\", the files of Weston et al. \
                  2015; or \"generated\", drawn as they are needed, so that no two samples share one.",
        ..BASE
    };
    TESTED_ON = Row {
        section: "task",
        name: "tested_on",
        kind: Kind::Choice(StorySource::NAMES),
        uses: &[of(BABI, LeftOut::Absent)],
        label: "where stories of evaluation come from",
        meaning: "Where the stories of evaluation come from. Left out: as `source`. Of published ones \
                  the questions of the test files are asked, one after the other.",
        ..BASE
    };
    STORY_SET = Row {
        section: "task",
        name: "set",
        kind: Kind::Choice(StorySet::NAMES),
        uses: &[of(BABI, implied(StorySet::Large.name()))],
        may_vary: false,
        label: "set of published stories",
        meaning: "Which of the published sets is taken: \"en-10k\", or \"en\" with a tenth of its \
                  questions for training. A training file that en-10k lacks is taken from en.",
        ..BASE
    };
    FOLDER = Row {
        section: "task",
        name: "folder",
        kind: Kind::Text,
        uses: &[of(BABI, implied(""))],
        may_vary: false,
        label: "folder of the published stories",
        meaning: "The folder with the published stories, which holds en and en-10k. Left out: the \
                  environment's PONDERSWEEP_BABI. It is no part of a configuration: its content is.",
        ..BASE
    };
    STORIES = Row {
        section: "task",
        name: "stories",
        kind: Kind::Text,
        uses: &[of(BABI, implied(""))],
        may_vary: false,
        label: "hash of the published stories",
        meaning: "SHA-256 of the published stories. Filled in from the folder, as the next three.",
        ..BASE
    };
    VOCABULARY = Row {
        name: "vocabulary",
        label: "words of the published stories",
        meaning: "Words of the published training files.",
        ..FROM_STORIES
    };
    ANSWERS = Row {
        name: "answers",
        label: "answers of the published stories",
        meaning: "Answers of the published training files; several words make one.",
        ..FROM_STORIES
    };
    SENTENCE_WORDS = Row {
        name: "sentence_words",
        label: "most words of a published sentence",
        meaning: "The most words of a sentence in the published training files.",
        ..FROM_STORIES
    };
    TASKS = Row {
        section: "task",
        name: "tasks",
        kind: Kind::Text,
        uses: &[of(BABI, LeftOut::Required)],
        label: "tasks learnt together",
        meaning: "The numbers of the tasks that are learnt together, such as \"1\" or \"1-3,6\"; a \
                  sample is of each as often. Of generated stories there are 1, 2, 3, 6, 9, 12, 15 and 20.",
        ..BASE
    };
    MAX_SENTENCES = Row {
        section: "task",
        name: "max_sentences",
        kind: count(MAX_SENTENCES as u64),
        uses: &[of(BABI, integer(70))],
        label: "sentences in memory",
        meaning: "Sentences of a story that memory holds: the last ones of a longer story.",
        ..BASE
    };
}

/// What the rows share that follow from published stories.
const FROM_STORIES: Row = Row {
    section: "task",
    kind: Kind::Integer {
        least: 0,
        most: MAX_STORY_WORDS as u64,
    },
    uses: &[of(BABI, LeftOut::Implied(Default::Integer(0)))],
    may_vary: false,
    ..BASE
};

/// What the rows of the transformer share.
const BLOCK: Row = Row {
    section: "model",
    decided_by: "step_function",
    ..BASE
};

/// What several settings allow together.
static RULES: &[Rule] = &[
    nonzeros_fit_the_elements,
    extrapolation_has_somewhere_to_go,
    samples_that_stop_early_have_a_divergence,
    every_step_has_a_prior,
    step_functions_read_what_tasks_show,
    heads_share_the_attention,
    items_suffice,
    stories_can_be_told,
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
    if !settings.flag(Setting::EXTRAPOLATE) {
        return Ok(());
    }
    let task = settings.choice::<TaskKind>(Setting::TASK);
    if task != TaskKind::Parity {
        return Err(SpecError::new(
            Setting::EXTRAPOLATE.path(),
            format!("{} has no samples beyond those of training", task.name()),
            "leave it out",
        ));
    }
    let (trained, elements) = (
        settings.count(Setting::MAX_NONZEROS),
        settings.count(Setting::ELEMENTS),
    );
    if (1..elements).contains(&trained) {
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
    if !(settings.says(Setting::KL_DIRECTION, KlDirection::PriorNetwork.name())
        && settings.says(Setting::UNROLL, Unroll::Cumulative.name()))
    {
        return Ok(());
    }
    Err(SpecError::new(
        Setting::KL_DIRECTION.path(),
        "the prior's divergence from samples that stop early is infinite",
        "with kl_direction = \"prior_network\" let unroll be \"fixed\"",
    ))
}

fn every_step_has_a_prior(settings: &Settings) -> Result<(), SpecError> {
    if settings.choice::<ModelKind>(Setting::METHOD) != ModelKind::PonderNet {
        return Ok(());
    }
    let [lambda_p, floor] =
        [Setting::LAMBDA_P, Setting::PRIOR_FLOOR].map(|row| settings.number(row));
    if floor > 0.0 && settings.says(Setting::KL_DIRECTION, KlDirection::PriorNetwork.name()) {
        return Err(SpecError::new(
            Setting::PRIOR_FLOOR.path(),
            "the prior's divergence from the network has no floor",
            "leave it out, or kl_direction",
        ));
    }
    if lambda_p < 1.0 || floor > 0.0 {
        return Ok(());
    }
    Err(SpecError::new(
        Setting::LAMBDA_P.path(),
        "lambda_p = 1 gives steps after the first no prior: the divergence is infinite",
        "let lambda_p be below 1, or set model.prior_floor, for example to 1e-6",
    ))
}

fn step_functions_read_what_tasks_show(settings: &Settings) -> Result<(), SpecError> {
    let step_function = settings.choice::<StepFunction>(Setting::STEP_FUNCTION);
    let task = settings.choice::<TaskKind>(Setting::TASK).name();
    let reads_tokens = step_function == StepFunction::Transformer;
    let input = Input::of(settings);
    let hint = match (input, reads_tokens) {
        (Input::Vector { .. }, false) | (Input::Tokens(_), true) => return input_fits(input),
        (Input::Vector { .. }, true) => "choose step_function = \"rnn\", \"gru\" or \"lstm\"",
        (Input::Tokens(_), false) => "choose step_function = \"transformer\"",
    };
    let what = if reads_tokens { "tokens" } else { "a vector" };
    Err(SpecError::new(
        Setting::STEP_FUNCTION.path(),
        format!(
            "{} reads {what}, which {task} has not",
            step_function.name()
        ),
        hint,
    ))
}

fn input_fits(input: Input) -> Result<(), SpecError> {
    let elements = input.elements();
    if elements <= MAX_ELEMENTS as usize {
        return Ok(());
    }
    Err(SpecError::new(
        "task",
        format!("a sample has {elements} numbers"),
        format!("up to {MAX_ELEMENTS} fit"),
    ))
}

fn heads_share_the_attention(settings: &Settings) -> Result<(), SpecError> {
    if settings.choice::<StepFunction>(Setting::STEP_FUNCTION) != StepFunction::Transformer {
        return Ok(());
    }
    let [width, heads] = [Setting::ATTENTION_WIDTH, Setting::HEADS].map(|row| settings.count(row));
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(SpecError::new(
        Setting::HEADS.path(),
        format!("{heads} heads cannot share an attention width of {width} equally"),
        "let heads divide attention_width",
    ))
}

/// A sample shows every item once, and one more where its lure is new.
fn items_suffice(settings: &Settings) -> Result<(), SpecError> {
    if settings.choice::<TaskKind>(Setting::TASK) != TaskKind::PairedAssociates {
        return Ok(());
    }
    let [sequences, length] = [Setting::SEQUENCES, Setting::LENGTH].map(|row| settings.count(row));
    let (pool, needed) = (settings.count(Setting::POOL), sequences * length + 1);
    if sequences < 2 {
        return Err(SpecError::new(
            Setting::SEQUENCES.path(),
            "a lure comes from another sequence, and there is only one",
            "let sequences be at least 2",
        ));
    }
    if pool >= needed {
        return Ok(());
    }
    Err(SpecError::new(
        Setting::POOL.path(),
        format!("a sample has up to {needed} items, and there are {pool}"),
        format!("let pool be at least {needed}"),
    ))
}

fn stories_can_be_told(settings: &Settings) -> Result<(), SpecError> {
    if settings.choice::<TaskKind>(Setting::TASK) != TaskKind::Babi {
        return Ok(());
    }
    let path = Setting::TASKS.path();
    let text = settings.get(Setting::TASKS).map(ToString::to_string);
    let tasks = babi::tasks(&path, &text.unwrap_or_default())?;
    let [training, test] = babi::sources(settings);
    let uses = |source| training == source || test == source;
    let unknown = tasks.iter().find(|task| !babi::GENERATED.contains(task));
    if let (Some(unknown), true) = (unknown, uses(StorySource::Generated)) {
        return Err(SpecError::new(
            path,
            format!("stories of task {unknown} cannot be generated"),
            format!("those of {} can", babi::written(babi::GENERATED)),
        ));
    }
    let is_named = |setting| {
        settings
            .get(setting)
            .is_some_and(|name| !name.to_string().is_empty())
    };
    let sizes = [
        Setting::VOCABULARY,
        Setting::ANSWERS,
        Setting::SENTENCE_WORDS,
    ];
    let known = is_named(Setting::STORIES) && sizes.iter().all(|&size| settings.whole(size) > 0);
    if is_named(Setting::FOLDER) || !known && uses(StorySource::Published) {
        return Err(SpecError::new(
            Setting::FOLDER.path(),
            "the published stories were not read",
            "submit the sweep file where its folder is",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::ParameterValue, *};

    /// Settings of every kind that can be without stories.
    fn complete() -> Vec<Settings> {
        let mut found = Vec::new();
        for &task in TaskKind::NAMES {
            for &method in ModelKind::NAMES {
                for &step_function in StepFunction::NAMES {
                    let mut settings = Settings::new(&TRAINING);
                    for (row, value) in [
                        (Setting::TASK, ParameterValue::Choice(task.into())),
                        (Setting::METHOD, ParameterValue::Choice(method.into())),
                        (
                            Setting::STEP_FUNCTION,
                            ParameterValue::Choice(step_function.into()),
                        ),
                        (Setting::UPDATES, 100_u64.into()),
                    ] {
                        settings.set(row, value).unwrap();
                    }
                    for (row, value) in [(Setting::LAMBDA_P, 0.2), (Setting::TAU, 0.1)] {
                        if settings.takes(row).is_ok() {
                            settings.set(row, value).unwrap();
                        }
                    }
                    if settings.takes(Setting::ELEMENTS).is_ok() {
                        settings.set(Setting::ELEMENTS, 8_u32).unwrap();
                    }
                    found.extend(settings.completed());
                }
            }
        }
        found
    }

    #[test]
    fn no_rule_reads_what_stands_alone() {
        let complete = complete();
        assert!(complete.len() >= 6, "{}", complete.len());
        let alone: Vec<Setting> = (ROWS.iter().copied())
            .filter(|&row| TRAINING.stands_alone(row))
            .collect();
        assert!(alone.contains(&Setting::BETA) && !alone.contains(&Setting::LAMBDA_P));
        for settings in &complete {
            for &row in &alone {
                for value in [None, Some(1e-9), Some(0.5), Some(1e9)] {
                    let mut changed = settings.clone();
                    changed.set_or_clear(row, value).unwrap();
                    for rule in RULES {
                        assert_eq!(rule(&changed), Ok(()), "{row:?} = {value:?}");
                    }
                }
            }
        }
    }
}
