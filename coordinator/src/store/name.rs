//! The states and endings that names in the database stand for. It decides nothing.

use pondersweep_proto::failure::{Cause, Failure};

use super::record::WorkerState;
use crate::scheduler::{Ending, Suspicion, SweepState, TrialState};

/// A name in the database that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("the database holds {0:?}, which is no {1}")]
pub struct UnknownName(String, &'static str);

pub(super) fn sweep_state(name: &str) -> Result<SweepState, UnknownName> {
    use SweepState::{Active, Cancelled, Finished, Paused};
    let found = [Active, Paused, Cancelled, Finished]
        .into_iter()
        .find(|state| state.name() == name);
    found.ok_or_else(|| UnknownName(name.into(), "sweep state"))
}

pub(super) fn trial_state(name: &str) -> Result<TrialState, UnknownName> {
    let found = TrialState::ALL
        .into_iter()
        .find(|state| state.name() == name);
    found.ok_or_else(|| UnknownName(name.into(), "trial state"))
}

pub(super) fn suspicion(name: &str) -> Result<Suspicion, UnknownName> {
    let found = Suspicion::ALL.into_iter().find(|s| s.name() == name);
    found.ok_or_else(|| UnknownName(name.into(), "suspicion"))
}

pub(super) fn worker_state(name: &str) -> Result<WorkerState, UnknownName> {
    let found = WorkerState::ALL
        .into_iter()
        .find(|state| state.name() == name);
    found.ok_or_else(|| UnknownName(name.into(), "worker state"))
}

/// The ending with this name, cause and message.
pub(super) fn ending(
    name: &str,
    cause: Option<&str>,
    message: String,
) -> Result<Ending, UnknownName> {
    match name {
        "succeeded" => Ok(Ending::Succeeded),
        "infeasible" => Ok(Ending::Infeasible(message)),
        "failed" => {
            let cause = cause.unwrap_or_default();
            let known = Cause::from_name(cause);
            let cause = known.ok_or_else(|| UnknownName(cause.into(), "cause"))?;
            Ok(Ending::Failed(Failure { cause, message }))
        }
        "lapsed" => Ok(Ending::Lapsed),
        "returned" => Ok(Ending::Returned),
        "cancelled" => Ok(Ending::Cancelled),
        other => Err(UnknownName(other.into(), "ending")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_survives_the_database() {
        let failed = |cause| Ending::Failed(Failure::new(cause, "how"));
        let endings = [
            Ending::Succeeded,
            Ending::Infeasible("nan at update 7".into()),
            Ending::Lapsed,
            Ending::Returned,
            Ending::Cancelled,
        ];
        for before in endings.into_iter().chain(Cause::ALL.map(failed)) {
            let (name, cause) = (before.name(), before.cause().map(Cause::name));
            assert_eq!(
                ending(name, cause, before.message().into()).unwrap(),
                before
            );
        }
        assert!(ending("lost", None, String::new()).is_err());
        assert!(ending("failed", Some("bad luck"), String::new()).is_err());
    }
}
