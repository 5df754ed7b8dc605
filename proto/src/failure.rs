//! What an attempt that gave no result died of. Causes are told apart because they are limited
//! apart; which limit counts for which is the coordinator's to decide, not decided here.
//!
//! Training that diverges is no failure: it is a result, and has an outcome of its own.

use std::fmt;

use crate::{limit::MAX_MESSAGE_BYTES, wire};

/// What an attempt died of, as far as anybody can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Training panicked; its process caught it and lives on.
    Panicked,
    /// The process was ended by a signal that its own code raised, such as SIGSEGV or SIGABRT.
    Crashed,
    /// An allocation failed, or the kernel ended the process to get memory back.
    OutOfMemory,
    /// The process or its machine is gone and no one saw why: no word for a whole lease term, or
    /// ended from outside, as by SIGKILL.
    WorkerLost,
    /// Something else, which the message tells.
    Other,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] = [
        Self::Panicked,
        Self::Crashed,
        Self::OutOfMemory,
        Self::WorkerLost,
        Self::Other,
    ];

    /// Its name in SQL and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
            Self::OutOfMemory => "out_of_memory",
            Self::WorkerLost => "worker_lost",
            Self::Other => "other",
        }
    }

    /// The cause with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an attempt gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it died of.
    pub cause: Cause,
    /// How, for people; at most [`MAX_MESSAGE_BYTES`].
    pub message: String,
}

impl Failure {
    /// A failure; a message that is too long is cut at the end of a character.
    #[must_use]
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Self { cause, message }
    }

    /// The failure of a panic with this text. Libraries of devices panic when memory runs out, and
    /// their text is all there is to know it by.
    #[must_use]
    pub fn of_panic(text: &str) -> Self {
        let lower = text.to_lowercase();
        let out_of_memory = ["out of memory", "outofmemory", "memory allocation of"];
        let cause = if out_of_memory.iter().any(|sign| lower.contains(sign)) {
            Cause::OutOfMemory
        } else {
            Cause::Panicked
        };
        Self::new(cause, format!("training panicked: {text}"))
    }
}

impl From<Cause> for wire::Cause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Panicked => Self::Panicked,
            Cause::Crashed => Self::Crashed,
            Cause::OutOfMemory => Self::OutOfMemory,
            Cause::WorkerLost => Self::WorkerLost,
            Cause::Other => Self::Other,
        }
    }
}

/// A cause left out, or one this program does not know, is none in particular.
impl From<wire::Cause> for Cause {
    fn from(cause: wire::Cause) -> Self {
        match cause {
            wire::Cause::Panicked => Self::Panicked,
            wire::Cause::Crashed => Self::Crashed,
            wire::Cause::OutOfMemory => Self::OutOfMemory,
            wire::Cause::WorkerLost => Self::WorkerLost,
            wire::Cause::Other | wire::Cause::Unspecified => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_survives_the_wire_and_its_name() {
        for cause in Cause::ALL {
            assert_eq!(Cause::from(wire::Cause::from(cause)), cause);
            assert_eq!(Cause::from_name(cause.name()), Some(cause));
        }
    }

    #[test]
    fn a_panic_about_memory_is_told_from_other_panics() {
        let cause = |text| Failure::of_panic(text).cause;
        assert_eq!(cause("CUDA out of memory. Tried ..."), Cause::OutOfMemory);
        assert_eq!(cause("index 3 out of bounds"), Cause::Panicked);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let failure = Failure::new(Cause::Other, "é".repeat(MAX_MESSAGE_BYTES));
        assert_eq!(failure.message.len(), MAX_MESSAGE_BYTES);
        let failure = Failure::new(Cause::Other, format!("a{}", "é".repeat(MAX_MESSAGE_BYTES)));
        assert_eq!(failure.message.len(), MAX_MESSAGE_BYTES - 1);
    }
}
