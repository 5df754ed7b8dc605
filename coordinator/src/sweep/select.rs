//! How people name a sweep: by its id, by a prefix of it that fits no other, or by `last`.

use pondersweep_proto::{error::SweepError, id::SweepId};

/// The sweep that `name` means among the ids, oldest first.
///
/// # Errors
/// None or several fit.
pub fn select(name: &str, ids: &[SweepId]) -> Result<SweepId, SweepError> {
    let not_found = || SweepError::NotFound(name.to_owned());
    if name == "last" {
        return ids.last().copied().ok_or_else(not_found);
    }
    let prefix = name.to_ascii_lowercase();
    let fits = |id: &&SweepId| !prefix.is_empty() && id.to_string().starts_with(&prefix);
    match ids.iter().filter(fits).collect::<Vec<_>>().as_slice() {
        [] => Err(not_found()),
        [id] => Ok(**id),
        several => {
            let list: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(SweepError::Ambiguous(format!("{name:?} fits {}", list.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<SweepId> {
        ["00aa000000000000", "00ab000000000000", "f000000000000000"]
            .map(|text| text.parse().unwrap())
            .to_vec()
    }

    #[test]
    fn a_sweep_is_named_by_id_prefix_or_last() {
        let ids = ids();
        assert_eq!(select("f000000000000000", &ids).unwrap(), ids[2]);
        assert_eq!(select("00AB", &ids).unwrap(), ids[1]);
        assert_eq!(select("last", &ids).unwrap(), ids[2]);
    }

    #[test]
    fn a_name_that_fits_none_or_several_is_refused() {
        assert!(matches!(select("00a", &ids()), Err(SweepError::Ambiguous(_))));
        for name in ["", "1", "latest"] {
            assert!(matches!(select(name, &ids()), Err(SweepError::NotFound(_))), "{name:?}");
        }
        assert!(matches!(select("last", &[]), Err(SweepError::NotFound(_))));
    }
}
