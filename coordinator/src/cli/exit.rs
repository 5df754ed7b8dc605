//! Exit codes, documented in README.md and the same for every command.

use std::{io, process::ExitCode};

use pondersweep_proto::error::SweepError;
use pondersweep_worker::interrupt::EXIT_INTERRUPTED;

use crate::{
    store::{OpenError, ReadError},
    sweep::SweepFileError,
};

/// The sweep finished, but some of its trials failed.
pub(super) const FAILED_TRIALS: u8 = 3;
/// What was named does not exist, or its name fits several.
const NOT_FOUND: u8 = 5;
/// The coordinator cannot be reached.
const UNREACHABLE: u8 = 69;
/// Somebody else holds the database; try again later.
const TEMPORARY: u8 = 75;
/// The sweep file, or the specification in it, cannot be run.
const BAD_SWEEP: u8 = 78;
/// A wait took longer than allowed.
pub(super) const TIMED_OUT: u8 = 124;
/// Stopped by Ctrl-C.
pub(super) const INTERRUPTED: u8 = EXIT_INTERRUPTED;

/// Says what went wrong on standard error and returns its code. A reader who has seen enough, such
/// as `head`, is no failure.
pub(super) fn fail(error: &anyhow::Error) -> ExitCode {
    // The error itself only: further down the chain it would be somebody else's pipe.
    if is_closed_output(error.as_ref()) {
        return ExitCode::SUCCESS;
    }
    // A sweep file's errors, of which there may be several, each begin with their own "error: ".
    match error.downcast_ref::<SweepFileError>() {
        Some(errors) => eprintln!("{errors}"),
        None => eprintln!("error: {error:#}"),
    }
    ExitCode::from(code(error))
}

fn is_closed_output(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<csv::Error>() {
        return matches!(error.kind(), csv::ErrorKind::Io(error) if is_closed_output(error));
    }
    let Some(error) = error.downcast_ref::<io::Error>() else {
        return false;
    };
    // The csv crate wraps the pipe's error in its own, and that in another of this type.
    let wrapped = || error.get_ref().is_some_and(|inner| is_closed_output(inner));
    error.kind() == io::ErrorKind::BrokenPipe || wrapped()
}

fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of_cause).unwrap_or(1)
}

fn code_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<SweepFileError>() {
        return Some(BAD_SWEEP);
    }
    if let Some(error) = cause.downcast_ref::<SweepError>() {
        return Some(code_of_refusal(error));
    }
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return match error {
            OpenError::Missing { .. } => Some(NOT_FOUND),
            OpenError::InUse { .. } => Some(TEMPORARY),
            _ => None,
        };
    }
    match cause.downcast_ref::<ReadError>()? {
        ReadError::Sweep(error) => Some(code_of_refusal(error)),
        ReadError::UnknownTrial { .. } | ReadError::AmbiguousTrial { .. } => Some(NOT_FOUND),
        ReadError::Sql { .. } | ReadError::Unreadable { .. } | ReadError::Database(_) => None,
    }
}

const fn code_of_refusal(error: &SweepError) -> u8 {
    match error {
        SweepError::NotFound(_) | SweepError::Ambiguous(_) => NOT_FOUND,
        SweepError::Invalid(_) => BAD_SWEEP,
        SweepError::WrongState(_) => 1,
        SweepError::Unavailable(_) => UNREACHABLE,
    }
}

/// The code of a sweep that has ended.
pub(super) fn of_ended(counts: &crate::scheduler::TrialCounts) -> ExitCode {
    if counts.failed > 0 {
        ExitCode::from(FAILED_TRIALS)
    } else {
        ExitCode::SUCCESS
    }
}
