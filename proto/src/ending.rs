//! How an attempt ended, as its worker reports it, and what goes with that. An attempt has an
//! *ending*; what a trial has in the end is its *outcome*.

use crate::{
    breakdown::Breakdown,
    error::LeaseError,
    failure::Failure,
    id::LeaseToken,
    limit::{MAX_MESSAGE_BYTES, MAX_SECONDS},
    metric::Observation,
    wire,
};

/// How an attempt ended, as its worker says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportedEnding {
    /// Trained and measured.
    Succeeded,
    /// Training diverged; the text says at which update.
    Infeasible(String),
    /// The attempt failed.
    Failed(Failure),
}

impl ReportedEnding {
    /// Its name, for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Infeasible(_) => "infeasible",
            Self::Failed(_) => "failed",
        }
    }
}

/// An attempt that ended.
#[derive(Clone, Debug)]
pub struct EndedAttempt {
    /// Which attempt.
    pub token: LeaseToken,
    /// How it ended.
    pub ending: ReportedEnding,
    /// What was observed and not reported yet.
    pub observations: Vec<Observation>,
    /// Compute time, in seconds.
    pub seconds: f64,
    /// The last evaluation, broken down; of a success only.
    pub breakdown: Option<Breakdown>,
}

impl From<EndedAttempt> for wire::EndedAttempt {
    fn from(ended: EndedAttempt) -> Self {
        let unspecified = wire::Cause::Unspecified;
        let (ending, cause, message) = match ended.ending {
            ReportedEnding::Succeeded => (wire::Ending::Succeeded, unspecified, String::new()),
            ReportedEnding::Infeasible(message) => (wire::Ending::Infeasible, unspecified, message),
            ReportedEnding::Failed(Failure { cause, message }) => {
                (wire::Ending::Failed, cause.into(), message)
            }
        };
        Self {
            token: Some(ended.token.into()),
            ending: ending.into(),
            cause: cause.into(),
            message,
            observations: ended.observations.into_iter().map(Into::into).collect(),
            seconds: ended.seconds,
            breakdown: ended.breakdown.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<wire::EndedAttempt> for EndedAttempt {
    type Error = LeaseError;

    fn try_from(ended: wire::EndedAttempt) -> Result<Self, LeaseError> {
        let seconds = ended.seconds;
        if !(0.0..=MAX_SECONDS).contains(&seconds) {
            return Err(LeaseError::Malformed(format!(
                "compute time is 0 to {MAX_SECONDS} seconds, not {seconds}"
            )));
        }
        let malformed = |error: &dyn std::fmt::Display| LeaseError::Malformed(error.to_string());
        let breakdown = ended.breakdown.as_ref();
        if breakdown.is_some() && ended.ending() != wire::Ending::Succeeded {
            return Err(malformed(&"only a success has a breakdown"));
        }
        Ok(Self {
            token: ended
                .token
                .ok_or_else(|| malformed(&"no lease token"))?
                .into(),
            ending: ending(ended.ending(), ended.cause(), ended.message)?,
            observations: ended
                .observations
                .into_iter()
                .map(Observation::try_from)
                .collect::<Result<_, _>>()
                .map_err(|error| malformed(&error))?,
            seconds,
            breakdown: ended
                .breakdown
                .map(Breakdown::try_from)
                .transpose()
                .map_err(|error| malformed(&error))?,
        })
    }
}

/// A message that is too long is cut at the end of a character.
fn ending(
    ending: wire::Ending,
    cause: wire::Cause,
    mut message: String,
) -> Result<ReportedEnding, LeaseError> {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    match ending {
        wire::Ending::Succeeded => Ok(ReportedEnding::Succeeded),
        wire::Ending::Infeasible => Ok(ReportedEnding::Infeasible(message)),
        wire::Ending::Failed => Ok(ReportedEnding::Failed(Failure::new(cause.into(), message))),
        wire::Ending::Unspecified => Err(LeaseError::Malformed("no ending".into())),
    }
}
