//! Which known name a mistyped one was most likely meant to be.

use strsim::levenshtein;

/// The candidate with the fewest single-character edits, if they are few enough to be a typing
/// mistake: one for every three characters, at least one.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (levenshtein(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= most)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// What to say about a name that is not one of the candidates.
pub(super) fn hint(name: &str, candidates: &[&str]) -> String {
    match nearest(name, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean {candidate}?"),
        None => format!("one of {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["lambda_p", "beta", "max_steps"];
        assert_eq!(nearest("lambda", names), Some("lambda_p"));
        assert_eq!(nearest("lamda_p", names), Some("lambda_p"));
        assert_eq!(nearest("bata", names), Some("beta"));
        assert_eq!(nearest("maxsteps", names), Some("max_steps"));
        assert_eq!(nearest("tau", names), None);
    }
}
