//! The refusals of the two services, and the one place where they become gRPC statuses and back.

use tonic::{Code, Status};

use crate::{id::LeaseToken, limit::MAX_MESSAGE_BYTES, spec::SpecError};

/// Why a worker's call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Another attempt has the trial, or it has ended: drop this attempt's work.
    #[error("{0} is no longer the current lease")]
    Superseded(String),
    /// The coordinator does not know the worker: register, then repeat the call.
    #[error("worker {0} is not registered")]
    UnknownWorker(String),
    /// The message breaks the contract: a bug in the sender, do not repeat it.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// The checkpoint's bytes are gone or cannot be read: start the trial at update 0.
    #[error("the checkpoint is lost: {0}")]
    CheckpointLost(String),
    /// The worker's credential does not allow it: repeating the call with it is no use.
    #[error("{0}")]
    Denied(String),
    /// The coordinator cannot answer now, or was asked too much: repeat the same call later.
    #[error("coordinator unavailable: {0}")]
    Unavailable(String),
}

impl LeaseError {
    /// The refusal of a token that is not the trial's current lease.
    #[must_use]
    pub fn superseded(token: LeaseToken) -> Self {
        Self::Superseded(token.to_string())
    }
}

impl From<LeaseError> for Status {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Superseded(what) => status(Code::FailedPrecondition, what),
            LeaseError::UnknownWorker(who) => status(Code::NotFound, who),
            LeaseError::Malformed(what) => status(Code::InvalidArgument, what),
            LeaseError::CheckpointLost(why) => status(Code::DataLoss, why),
            LeaseError::Denied(why) => status(Code::PermissionDenied, why),
            LeaseError::Unavailable(why) => status(Code::Unavailable, why),
        }
    }
}

impl From<Status> for LeaseError {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            Code::FailedPrecondition => Self::Superseded(message),
            Code::NotFound => Self::UnknownWorker(message),
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
                Self::Malformed(message)
            }
            Code::DataLoss => Self::CheckpointLost(message),
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied(message),
            _ => Self::Unavailable(message),
        }
    }
}

/// Why a person's call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// No sweep has this id or prefix.
    #[error("{}", not_found(.0))]
    NotFound(String),
    /// The name fits several sweeps: give more of the id.
    #[error("{0}\nhint: give more digits of the id")]
    Ambiguous(String),
    /// The specification cannot be run.
    #[error("{0}")]
    Invalid(String),
    /// The sweep's state does not allow it.
    #[error("{0}")]
    WrongState(String),
    /// The caller's credential does not allow it.
    #[error("{0}")]
    Denied(String),
    /// The coordinator cannot answer now: repeat the same call later.
    #[error("coordinator unavailable: {0}")]
    Unavailable(String),
}

impl From<SpecError> for SweepError {
    fn from(error: SpecError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<SweepError> for Status {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::NotFound(what) => status(Code::NotFound, what),
            SweepError::Ambiguous(what) => status(Code::OutOfRange, what),
            SweepError::Invalid(what) => status(Code::InvalidArgument, what),
            SweepError::WrongState(what) => status(Code::FailedPrecondition, what),
            SweepError::Denied(why) => status(Code::PermissionDenied, why),
            SweepError::Unavailable(why) => status(Code::Unavailable, why),
        }
    }
}

impl From<Status> for SweepError {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            Code::NotFound => Self::NotFound(message),
            Code::OutOfRange => Self::Ambiguous(message),
            Code::InvalidArgument => Self::Invalid(message),
            Code::FailedPrecondition => Self::WrongState(message),
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied(message),
            _ => Self::Unavailable(message),
        }
    }
}

fn not_found(name: &str) -> String {
    match name {
        "last" => "there is no sweep yet\nhint: `pondersweep run FILE` makes one; --db and --coordinator say where to look".into(),
        _ => format!(
            "no sweep {name:?} there\nhint: `pondersweep ls` lists the sweeps, with the same --db or --coordinator"
        ),
    }
}

/// A status travels in trailers, whose size both sides bound: a text that repeats what a peer sent
/// may not grow with it.
fn status(code: Code, mut text: String) -> Status {
    text.truncate(text.floor_char_boundary(MAX_MESSAGE_BYTES));
    Status::new(code, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_grow_with_what_was_refused() {
        let status = Status::from(SweepError::Invalid("é".repeat(1_000_000)));
        assert!(status.message().len() <= MAX_MESSAGE_BYTES);
        assert!(status.message().len() > MAX_MESSAGE_BYTES - 4);
    }

    #[test]
    fn a_refusal_keeps_its_kind_across_the_wire() {
        for error in [
            LeaseError::Superseded("a".into()),
            LeaseError::UnknownWorker("b".into()),
            LeaseError::Malformed("c".into()),
            LeaseError::CheckpointLost("d".into()),
            LeaseError::Denied("e".into()),
            LeaseError::Unavailable("f".into()),
        ] {
            assert_eq!(LeaseError::from(Status::from(error.clone())), error);
        }
        for error in [
            SweepError::NotFound("a".into()),
            SweepError::Ambiguous("b".into()),
            SweepError::Invalid("c".into()),
            SweepError::WrongState("d".into()),
            SweepError::Denied("e".into()),
            SweepError::Unavailable("f".into()),
        ] {
            assert_eq!(SweepError::from(Status::from(error.clone())), error);
        }
    }
}
