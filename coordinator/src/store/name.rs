//! The names that states and endings have in the database, and back. It decides nothing.

use crate::scheduler::{Ending, SweepState, TrialState};

/// A name in the database that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("the database holds {0:?}, which is no {1}")]
pub struct UnknownName(String, &'static str);

/// Defines the names of a state in both directions.
macro_rules! names {
    ($type:ident, $what:literal, $name:ident, $parse:ident { $($variant:ident = $text:literal,)* }) => {
        #[doc = concat!("The name of a ", $what, " in the database.")]
        pub(super) const fn $name(state: $type) -> &'static str {
            match state { $($type::$variant => $text,)* }
        }

        #[doc = concat!("The ", $what, " with this name.")]
        pub(super) fn $parse(name: &str) -> Result<$type, UnknownName> {
            match name {
                $($text => Ok($type::$variant),)*
                other => Err(UnknownName(other.into(), $what)),
            }
        }
    };
}

names!(SweepState, "sweep state", sweep_state_name, sweep_state {
    Active = "active",
    Paused = "paused",
    Cancelled = "cancelled",
    Finished = "finished",
});

names!(TrialState, "trial state", trial_state_name, trial_state {
    Pending = "pending",
    Leased = "leased",
    Succeeded = "succeeded",
    Infeasible = "infeasible",
    Failed = "failed",
    Cancelled = "cancelled",
});

/// The name of an ending in the database.
pub(super) const fn ending_name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Succeeded => "succeeded",
        Ending::Infeasible(_) => "infeasible",
        Ending::Failed(_) => "failed",
        Ending::Lapsed => "lapsed",
        Ending::Returned => "returned",
        Ending::Cancelled => "cancelled",
    }
}

/// What an ending says for people; empty where its name says it all.
pub(super) fn ending_message(ending: &Ending) -> &str {
    match ending {
        Ending::Infeasible(message) | Ending::Failed(message) => message,
        Ending::Succeeded | Ending::Lapsed | Ending::Returned | Ending::Cancelled => "",
    }
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
            let name = ending_name(&before);
            assert_eq!(
                ending(name, ending_message(&before).into()).unwrap(),
                before
            );
        }
        assert!(ending("lost", String::new()).is_err());
    }
}
