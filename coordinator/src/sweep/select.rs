//! How people name a sweep: by its id, by a prefix of it that fits no other, by its name, or by
//! `last`.

use pondersweep_proto::{error::SweepError, id::SweepId, limit::shown};

/// Whether a text means a sweep of this name.
type Rule<'a> = &'a dyn Fn(&&(SweepId, String)) -> bool;

/// What names the newest sweep.
pub(super) const LAST: &str = "last";

/// The sweep that a text means among sweeps and their names, oldest first: its id, or else its
/// name, or else the beginning of its id.
///
/// # Errors
/// None or several fit.
pub fn select(text: &str, sweeps: &[(SweepId, String)]) -> Result<SweepId, SweepError> {
    let not_found = || SweepError::NotFound(shown(text));
    if text == LAST {
        return sweeps.last().map(|(id, _)| *id).ok_or_else(not_found);
    }
    let prefix = text.to_ascii_lowercase();
    // The rules in their order: the first that any sweep fits decides.
    let rules: [Rule<'_>; 3] = [
        &|(id, _)| id.to_string() == prefix,
        &|(_, name)| name == text,
        &|(id, _)| !prefix.is_empty() && id.to_string().starts_with(&prefix),
    ];
    let fits = |rule| sweeps.iter().filter(rule).collect::<Vec<_>>();
    let found = rules.into_iter().map(fits).find(|found| !found.is_empty());
    match found.unwrap_or_default().as_slice() {
        [] => Err(not_found()),
        [(id, _)] => Ok(*id),
        several => {
            let list: Vec<String> = several.iter().map(|(id, _)| id.to_string()).collect();
            Err(SweepError::Ambiguous(format!(
                "{:?} fits {}",
                shown(text),
                list.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweeps() -> Vec<(SweepId, String)> {
        [
            ("00aa000000000000", "first"),
            ("00ab000000000000", "paper"),
            ("f000000000000000", "first"),
            // As names could be before.
            ("f100000000000000", "00aa000000000000"),
            ("f200000000000000", "00"),
        ]
        .map(|(id, name)| (id.parse().unwrap(), name.to_owned()))
        .to_vec()
    }

    #[test]
    fn a_sweep_is_named_by_id_prefix_name_or_last() {
        let sweeps = sweeps();
        assert_eq!(select("f000000000000000", &sweeps).unwrap(), sweeps[2].0);
        assert_eq!(select("00AB", &sweeps).unwrap(), sweeps[1].0);
        assert_eq!(select("paper", &sweeps).unwrap(), sweeps[1].0);
        assert_eq!(select("last", &sweeps).unwrap(), sweeps[4].0);
    }

    #[test]
    fn an_id_wins_over_a_name_and_a_name_over_the_beginning_of_an_id() {
        let sweeps = sweeps();
        assert_eq!(select("00aa000000000000", &sweeps).unwrap(), sweeps[0].0);
        assert_eq!(select("00", &sweeps).unwrap(), sweeps[4].0);
        assert_eq!(select("00a", &sweeps[..1]).unwrap(), sweeps[0].0);
    }

    #[test]
    fn a_name_that_fits_none_or_several_is_refused() {
        for text in ["00a", "first"] {
            assert!(
                matches!(select(text, &sweeps()), Err(SweepError::Ambiguous(_))),
                "{text:?}"
            );
        }
        for text in ["", "1", "latest"] {
            assert!(
                matches!(select(text, &sweeps()), Err(SweepError::NotFound(_))),
                "{text:?}"
            );
        }
        assert!(matches!(select("last", &[]), Err(SweepError::NotFound(_))));
    }
}
