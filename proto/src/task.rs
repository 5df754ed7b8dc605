//! What follows from the settings of a task, for all who ask: the form of its input, the classes of
//! its answers, how difficult its samples are. How samples are drawn is the worker's.
//!
//! To add a task, state its name and its settings, say here what follows from them, and write the
//! file that draws its samples.

pub mod babi;

use std::ops::RangeInclusive;

use crate::{
    limit::MAX_DIFFICULTY_BUCKETS,
    setting::Setting,
    spec::{EvaluationRange, Settings, TaskKind},
};

/// How the numbers of a sample are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// As one vector.
    Vector {
        /// Its length.
        elements: usize,
    },
    /// As tokens, the memory's before the query's.
    Tokens(Tokens),
}

/// The tokens of a sample: those of memory, a question, and the candidates for its answer, if it
/// has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of memory.
    pub memory: usize,
    /// Candidates, one of which is the answer: each gets a logit from its own token. Without any
    /// the question's token gets a logit for every class.
    pub candidates: usize,
    /// Numbers of a token.
    pub numbers: usize,
    /// What the numbers are.
    pub content: Content,
}

/// What the numbers of tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Those of vectors. The tokens of memory have no order.
    Vectors,
    /// Words by their number from 1; 0 is none, and a token without any is padding. Memory is in
    /// order, its last token next to the question, padding at the beginning.
    Sentences {
        /// How many words there are.
        vocabulary: usize,
    },
}

impl Input {
    /// That of the settings' task.
    ///
    /// # Panics
    /// They were not checked.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let count = |setting| settings.count(setting) as usize;
        match settings.choice(Setting::TASK) {
            TaskKind::Parity => Self::Vector {
                elements: count(Setting::ELEMENTS),
            },
            TaskKind::PairedAssociates => Self::Tokens(Tokens {
                // The pairs of neighbours.
                memory: count(Setting::SEQUENCES) * (count(Setting::LENGTH) - 1),
                // The match and the lure.
                candidates: 2,
                numbers: count(Setting::EMBEDDING),
                content: Content::Vectors,
            }),
            TaskKind::Babi => {
                let [vocabulary, _, numbers] = babi::sizes(settings);
                Self::Tokens(Tokens {
                    memory: count(Setting::MAX_SENTENCES),
                    candidates: 0,
                    numbers,
                    content: Content::Sentences { vocabulary },
                })
            }
        }
    }

    /// Numbers of a sample.
    #[must_use]
    pub const fn elements(&self) -> usize {
        match self {
            Self::Vector { elements } => *elements,
            Self::Tokens(tokens) => tokens.count() * tokens.numbers,
        }
    }
}

impl Tokens {
    /// Those of memory, the question and the candidates.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.memory + self.query()
    }

    /// The question and the candidates.
    #[must_use]
    pub const fn query(&self) -> usize {
        1 + self.candidates
    }
}

/// Classes of the answers to the settings' task, two or more.
///
/// # Panics
/// They were not checked.
#[must_use]
pub fn classes(settings: &Settings) -> u32 {
    match settings.choice(Setting::TASK) {
        // Even or odd; the first candidate or the second.
        TaskKind::Parity | TaskKind::PairedAssociates => 2,
        TaskKind::Babi => {
            let [_, answers, _] = babi::sizes(settings);
            answers as u32
        }
    }
}

/// How difficult samples of an evaluation may be.
///
/// # Panics
/// The settings were not checked.
#[must_use]
pub fn difficulties(settings: &Settings, range: EvaluationRange) -> RangeInclusive<u32> {
    match (settings.choice(Setting::TASK), range) {
        (TaskKind::Parity, EvaluationRange::Interpolation) => {
            1..=settings.count(Setting::MAX_NONZEROS)
        }
        (TaskKind::Parity, EvaluationRange::Extrapolation) => {
            settings.count(Setting::MAX_NONZEROS) + 1..=settings.count(Setting::ELEMENTS)
        }
        // Pairs between the question and its answer.
        (TaskKind::PairedAssociates, _) => 1..=settings.count(Setting::LENGTH) - 1,
        // The task's number.
        (TaskKind::Babi, _) => 1..=babi::TASKS,
    }
}

/// Ranges of difficulties that the breakdown of an evaluation tells apart, at most.
///
/// # Panics
/// The settings were not checked.
#[must_use]
pub fn buckets(settings: &Settings) -> u32 {
    match settings.choice(Setting::TASK) {
        // A power of two divides the usual sizes.
        TaskKind::Parity => 8,
        // Every distance and every task by itself.
        TaskKind::PairedAssociates | TaskKind::Babi => MAX_DIFFICULTY_BUCKETS as u32,
    }
}
