//! Which known name a mistyped one was most likely meant to be.

/// The candidate with the fewest single-character edits, if they are few enough to be a typing
/// mistake: one for every three characters, at least one.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
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

/// Levenshtein's distance: insertions, deletions and replacements of one character.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_character_edits() {
        assert_eq!(distance("lambda_p", "lambda_p"), 0);
        assert_eq!(distance("lamda_p", "lambda_p"), 1);
        assert_eq!(distance("bata", "beta"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "tau"), 3);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["lambda_p", "beta", "max_steps"];
        assert_eq!(nearest("lambda", names), Some("lambda_p"));
        assert_eq!(nearest("maxsteps", names), Some("max_steps"));
        assert_eq!(nearest("tau", names), None);
    }
}
