//! Exit codes, documented in docs/operating.md and the same for every command.

use std::{io, process::ExitCode};

use pondersweep_proto::error::SweepError;
use pondersweep_worker::{
    cli::trust_exit_code,
    interrupt::EXIT_INTERRUPTED,
    say,
    streams::{EXIT_OUTPUT, output_error},
    trust::TrustError,
};

use crate::{
    driver::DriverError,
    launch::LedgerError,
    scheduler::TrialCounts,
    store::{
        BackupError, CommitError, DatabaseError, OpenError, ReadError, RestoreError, TokenError,
    },
    sweep::SweepFileError,
};

/// The sweep finished, but some of its trials failed.
pub(super) const FAILED_TRIALS: u8 = 3;
/// The sweep was cancelled before all of its trials were run.
const CANCELLED: u8 = 4;
/// What was named does not exist, or its name fits several.
const NOT_FOUND: u8 = 5;
/// The coordinator cannot be reached.
const UNREACHABLE: u8 = 69;
/// Somebody else holds the database, or its disk is full; try again later.
const TEMPORARY: u8 = 75;
/// The database may not be read or written, a token does not allow the call, or a certificate is not
/// trusted.
const PERMISSION: u8 = 77;
/// The sweep file, or the specification in it, cannot be run.
const BAD_SWEEP: u8 = 78;
/// A wait took longer than allowed.
pub(super) const TIMED_OUT: u8 = 124;
/// Stopped by Ctrl-C.
pub(super) const INTERRUPTED: u8 = EXIT_INTERRUPTED;

/// A change that was not made because its outcome could not be printed, as the context of that error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotApplied(pub(super) &'static str);

/// Says what went wrong on standard error and returns its code. A reader who has seen enough, such
/// as `head`, is no failure.
pub(super) fn fail(error: &anyhow::Error) -> ExitCode {
    let output = output_error(error.as_ref());
    let is_closed = output.is_some_and(|why| why.kind() == io::ErrorKind::BrokenPipe);
    if is_closed && !error.is::<NotApplied>() {
        return ExitCode::SUCCESS;
    }
    // A sweep file's errors, of which there may be several, each begin with their own "error: ".
    match error.downcast_ref::<SweepFileError>() {
        Some(errors) => say!("{errors}"),
        None => say!("error: {}", told_once(error)),
    }
    ExitCode::from(code(error))
}

/// The error and its causes, without those that the text before already quotes.
fn told_once(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .fold(error.to_string(), |text, cause| {
            let cause = cause.to_string();
            if text.contains(&cause) {
                text
            } else {
                format!("{text}: {cause}")
            }
        })
}

fn code(error: &anyhow::Error) -> u8 {
    if output_error(error.as_ref()).is_some() {
        return EXIT_OUTPUT;
    }
    error.chain().find_map(code_of_cause).unwrap_or(1)
}

fn code_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<SweepFileError>() {
        return Some(BAD_SWEEP);
    }
    if let Some(error) = cause.downcast_ref::<SweepError>() {
        return Some(code_of_refusal(error));
    }
    if let Some(error) = cause.downcast_ref::<TrustError>() {
        return Some(trust_exit_code(error));
    }
    if let Some(error) = cause.downcast_ref::<TokenError>() {
        return code_of_token(error);
    }
    if let Some(LedgerError::Unknown(_) | LedgerError::Ambiguous(..)) = cause.downcast_ref() {
        return Some(NOT_FOUND);
    }
    if let Some(error) = cause.downcast_ref::<OpenError>() {
        return code_of_opening(error);
    }
    if let Some(error) = cause.downcast_ref::<BackupError>() {
        return match error {
            BackupError::Open(error) => code_of_opening(error),
            BackupError::Copy { source, .. } => code_of_database(source),
            BackupError::Served { .. } => Some(TEMPORARY),
            // The cause says it.
            BackupError::Exists { .. } | BackupError::Write { .. } => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return code_of_io(error.kind());
    }
    match cause.downcast_ref::<DriverError>() {
        Some(
            DriverError::Commit(CommitError::Database(error))
            | DriverError::Restore(RestoreError::Database(error))
            | DriverError::Close(error),
        ) => return code_of_database(error),
        Some(DriverError::Commit(_) | DriverError::Restore(_)) => return None,
        None => {}
    }
    match cause.downcast_ref::<ReadError>()? {
        ReadError::Sweep(error) => Some(code_of_refusal(error)),
        ReadError::UnknownTrial { .. } | ReadError::AmbiguousTrial { .. } => Some(NOT_FOUND),
        ReadError::Database(error) => code_of_database(error),
        ReadError::Sql { .. }
        | ReadError::SeveralStatements
        | ReadError::NotAQuery { .. }
        | ReadError::Unreadable { .. } => None,
    }
}

fn code_of_opening(error: &OpenError) -> Option<u8> {
    match error {
        OpenError::Missing { .. } => Some(NOT_FOUND),
        OpenError::InUse { .. } => Some(TEMPORARY),
        OpenError::Denied { source, .. } => code_of_io(source.kind()).or(Some(PERMISSION)),
        OpenError::Database { source, .. } => code_of_database(source),
        _ => None,
    }
}

/// A disk that is full may have room later; another failure of it means nothing by itself.
fn code_of_io(kind: io::ErrorKind) -> Option<u8> {
    let is_full = matches!(
        kind,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    is_full.then_some(TEMPORARY)
}

const fn code_of_token(error: &TokenError) -> Option<u8> {
    match error {
        TokenError::Unknown(_) | TokenError::Ambiguous(_) => Some(NOT_FOUND),
        TokenError::Database(error) => code_of_database(error),
        // The cause says it.
        TokenError::Read(_) => None,
    }
}

const fn code_of_database(error: &DatabaseError) -> Option<u8> {
    match error {
        DatabaseError::Locked(_) | DatabaseError::DiskFull(_) => Some(TEMPORARY),
        DatabaseError::ReadOnly(_) => Some(PERMISSION),
        DatabaseError::Corrupt(_)
        | DatabaseError::DiskFailed(_)
        | DatabaseError::Disturbed(_)
        | DatabaseError::Other(_) => None,
    }
}

const fn code_of_refusal(error: &SweepError) -> u8 {
    match error {
        SweepError::NotFound(_) | SweepError::Ambiguous(_) => NOT_FOUND,
        SweepError::Invalid(_) => BAD_SWEEP,
        SweepError::WrongState(_) => 1,
        SweepError::Denied(_) => PERMISSION,
        SweepError::Unavailable(_) => UNREACHABLE,
    }
}

/// The code of a sweep that has ended.
pub(super) fn of_ended(counts: &TrialCounts) -> ExitCode {
    match counts {
        TrialCounts { cancelled: 1.., .. } => CANCELLED.into(),
        TrialCounts { failed: 1.., .. } => FAILED_TRIALS.into(),
        _ => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let denied = OpenError::Denied {
            action: "write",
            path: "results.db".into(),
            source: io::ErrorKind::PermissionDenied.into(),
        };
        let error = anyhow::Error::new(denied).context("cannot start");
        let text = told_once(&error);
        assert!(
            text.starts_with("cannot start: cannot write results.db"),
            "{text}"
        );
        assert_eq!(text.matches("permission denied").count(), 1, "{text}");
    }

    #[test]
    fn a_database_that_cannot_be_written_says_by_its_code_what_to_do() {
        let commit = |error| anyhow::Error::new(DriverError::Commit(CommitError::Database(error)));
        let text = || "told".to_owned();
        assert_eq!(code(&commit(DatabaseError::Locked(text()))), TEMPORARY);
        assert_eq!(code(&commit(DatabaseError::DiskFull(text()))), TEMPORARY);
        assert_eq!(code(&commit(DatabaseError::ReadOnly(text()))), PERMISSION);
        assert_eq!(code(&commit(DatabaseError::Corrupt(text()))), 1);
        let path = std::path::PathBuf::from("results.db");
        let source = io::ErrorKind::PermissionDenied.into();
        let action = "write";
        let denied = OpenError::Denied {
            action,
            path,
            source,
        };
        assert_eq!(code(&denied.into()), PERMISSION);
    }
}
