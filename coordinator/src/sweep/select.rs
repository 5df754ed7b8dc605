//! How people name a sweep: by its id, by a prefix of it that fits no other, by its name, or by
//! `last`.

use pondersweep_proto::{error::SweepError, id::SweepId, limit::shown};

/// The sweep that a text means among sweeps and their names, oldest first.
///
/// # Errors
/// None or several fit.
pub fn select(text: &str, sweeps: &[(SweepId, String)]) -> Result<SweepId, SweepError> {
    let not_found = || SweepError::NotFound(shown(text));
    if text == "last" {
        return sweeps.last().map(|(id, _)| *id).ok_or_else(not_found);
    }
    let prefix = text.to_ascii_lowercase();
    let fits = |(id, name): &&(SweepId, String)| {
        !prefix.is_empty() && (name == text || id.to_string().starts_with(&prefix))
    };
    match sweeps.iter().filter(fits).collect::<Vec<_>>().as_slice() {
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
        assert_eq!(select("last", &sweeps).unwrap(), sweeps[2].0);
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
