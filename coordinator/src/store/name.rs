//! The states and endings that names in the database stand for. It decides nothing.

use crate::scheduler::{Ending, SweepState, TrialState};

/// A name in the database that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("the database holds {0:?}, which is no {1}")]
pub struct UnknownName(String, &'static str);

/// The sweep state with this name.
pub(super) fn sweep_state(name: &str) -> Result<SweepState, UnknownName> {
    use SweepState::{Active, Cancelled, Finished, Paused};
    let found = [Active, Paused, Cancelled, Finished]
        .into_iter()
        .find(|state| state.name() == name);
    found.ok_or_else(|| UnknownName(name.into(), "sweep state"))
}

/// The trial state with this name.
pub(super) fn trial_state(name: &str) -> Result<TrialState, UnknownName> {
    use TrialState::{Cancelled, Failed, Infeasible, Leased, Pending, Succeeded};
    let states = [Pending, Leased, Succeeded, Infeasible, Failed, Cancelled];
    let found = states.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| UnknownName(name.into(), "trial state"))
}

/// The ending with this name.
pub(super) fn ending(name: &str, message: String) -> Result<Ending, UnknownName> {
    match name {
        "succeeded" => Ok(Ending::Succeeded),
        "infeasible" => Ok(Ending::Infeasible(message)),
        "failed" => Ok(Ending::Failed(message)),
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
        for before in [
            Ending::Succeeded,
            Ending::Infeasible("nan at update 7".into()),
            Ending::Failed("panicked".into()),
            Ending::Lapsed,
            Ending::Returned,
            Ending::Cancelled,
        ] {
            let name = before.name();
            assert_eq!(ending(name, before.message().into()).unwrap(), before);
        }
        assert!(ending("lost", String::new()).is_err());
    }
}
