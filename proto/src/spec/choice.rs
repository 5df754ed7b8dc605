//! The choices that the program's own experiment knows by name. What a choice does is decided where
//! it acts; which settings take it, by their rows.

use crate::setting::ParameterValue;

/// An enumeration whose variants have one name each, in files, JSON and SQL.
pub trait Choice: Sized + Copy + 'static {
    /// Every choice, by name.
    const NAMES: &'static [&'static str];

    /// The choice with this name, if there is one.
    fn from_name(name: &str) -> Option<Self>;
}

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every choice.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The choice's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl From<$name> for ParameterValue {
            fn from(choice: $name) -> Self {
                choice.name().into()
            }
        }

        impl Choice for $name {
            const NAMES: &'static [&'static str] = &[$($text,)*];

            fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

choice! {
    /// The learning problem.
    TaskKind {
        /// Is the number of +1 in a vector of -1, 0 and +1 odd? (Paper, appendix B; Graves 2016.)
        Parity = "parity",
        /// Which of two items is associated with a third, directly or through others? (Paper,
        /// section 3.3; Banino et al. 2020, arXiv 2001.10913.)
        PairedAssociates = "paired_associates",
        /// Questions about short stories (Weston et al. 2015, arXiv 1502.05698).
        Babi = "babi",
    }
}
choice! {
    /// Where a parity vector has its non-zero elements. Not stated by the paper.
    Positions {
        /// Anywhere: the harder task, and the default.
        Random = "random",
        /// In the first slots, as some public code does.
        Packed = "packed",
    }
}
choice! {
    /// How halting is learnt.
    ModelKind {
        /// PonderNet: a halting distribution regularised towards a geometric prior.
        PonderNet = "ponder_net",
        /// Adaptive computation time (Graves 2016): halting probabilities are cumulated, a ponder
        /// cost is paid.
        Act = "act",
        /// None is learnt: always `max_steps` steps, the last one answers. One step is a plain RNN.
        Fixed = "fixed",
    }
}
choice! {
    /// The function that is iterated, `s(x, h_n)`.
    StepFunction {
        /// One tanh layer, the paper's.
        Rnn = "rnn",
        /// A gated recurrent unit, as common re-implementations use.
        Gru = "gru",
        /// Long short-term memory.
        Lstm = "lstm",
        /// The block of a Universal Transformer (Dehghani et al. 2018, arXiv 1807.03819).
        Transformer = "transformer",
    }
}
choice! {
    /// Where the stories of bAbI come from.
    StorySource {
        /// From the published files.
        Published = "published",
        /// They are drawn as they are needed.
        Generated = "generated",
    }
}
choice! {
    /// Which of the published sets is taken.
    StorySet {
        /// 10,000 questions a task for training.
        Large = "en-10k",
        /// 1,000 questions a task.
        Small = "en",
    }
}
choice! {
    /// Where a transformer normalises. The paper does not say; its sources differ.
    LayerNorm {
        /// What goes into attention and transition, and what is read at last, as tensor2tensor
        /// does.
        Before = "before",
        /// The sums that come after them, as arXiv 1807.03819 writes it.
        After = "after",
    }
}
choice! {
    /// What tells a transformer at which step it is.
    StepSignal {
        /// A vector for every step, learnt.
        Learned = "learned",
        /// Sines and cosines of the step's number (arXiv 1807.03819, section 2.1).
        Sinusoidal = "sinusoidal",
    }
}
choice! {
    /// What the weights of a transformer's keys are before training.
    KeyStart {
        /// Drawn, as all others.
        Drawn = "drawn",
        /// The same as those of its queries, so that equal tokens attend to each other.
        Query = "query",
    }
}
choice! {
    /// How many steps training computes.
    Unroll {
        /// Always `max_steps`.
        Fixed = "fixed",
        /// Up to the smallest n with `sum_{j<=n} p_j > 1 - epsilon` (paper, section 2.3).
        Cumulative = "cumulative",
    }
}
choice! {
    /// What happens to the halting mass left after the last step. Not stated by the paper.
    Residual {
        /// The last step takes it: `p_N = 1 - sum_{n<N} p_n`.
        Remainder = "remainder",
        /// `p` is divided by its sum over 1..N.
        Normalise = "normalise",
    }
}
choice! {
    /// Which way the divergence between halting distribution and prior is taken.
    KlDirection {
        /// `KL(p || p_G)`: the paper's, section 2.2.
        NetworkPrior = "network_prior",
        /// `KL(p_G || p)`: what a widely copied public re-implementation computes, for comparison.
        PriorNetwork = "prior_network",
    }
}
choice! {
    /// Whether the input tells the first ponder step from the others, by one more column that is 1
    /// there and 0 after it (Graves 2016, section 2). Whether the paper's ACT has it is not stated.
    FirstStepFlag {
        /// It does not.
        Off = "off",
        /// It does: the default of `act`.
        On = "on",
    }
}
choice! {
    /// On which difficulties an evaluation is made.
    EvaluationRange {
        /// On those that training shows.
        Interpolation = "interpolation",
        /// On others.
        Extrapolation = "extrapolation",
    }
}
