//! Where in a document something stands, and what somebody may have meant.

use std::ops::Range;

use pondersweep_proto::spec::SpecError;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The place a specification's error is about: the very value if it can be told, else its key's
/// value, else its table.
pub(super) fn find(document: &DeTable<'_>, error: &SpecError) -> Range<usize> {
    let (section, key) = error.path.split_once('.').unwrap_or((&error.path, ""));
    let value_in = |section: &str| document.get(section)?.get_ref().get(key);
    let Some(value) = value_in(section).or_else(|| value_in("space")) else {
        return document.get(section).map_or(0..0, Spanned::span);
    };
    // The message names the bad value, so the last element with that text is the one meant.
    let named = |element: &&Spanned<DeValue<'_>>| {
        let text = text_of(element.get_ref());
        error.problem.split(' ').any(|word| same_value(word, &text))
    };
    let elements = value
        .get_ref()
        .as_array()
        .into_iter()
        .flat_map(|array| array.iter());
    elements.filter(named).last().unwrap_or(value).span()
}

fn text_of(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Float(float) => float.as_str().replace('_', ""),
        DeValue::Integer(integer) => integer.as_str().replace('_', ""),
        DeValue::String(text) => text.to_string(),
        _ => String::new(),
    }
}

/// Whether two texts are one value, such as `1e-1` and `0.1`.
fn same_value(left: &str, right: &str) -> bool {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.to_bits() == right.to_bits(),
        _ => left == right,
    }
}

/// The known word nearest to an unknown one, if it is near at all.
pub(super) fn nearest<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let near = known
        .into_iter()
        .map(|word| (distance(unknown, word), word));
    let (distance, word) = near.min()?;
    (distance <= 1 + unknown.len() / 4).then_some(word)
}

/// The edit distance of Levenshtein.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (done, character) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = done + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_insertions_deletions_and_replacements() {
        assert_eq!(distance("hiden", "hidden"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn only_a_near_word_is_offered() {
        let known = ["lambda_p", "beta", "max_steps"];
        assert_eq!(nearest("lamda_p", known), Some("lambda_p"));
        assert_eq!(nearest("bata", known), Some("beta"));
        assert_eq!(nearest("temperature", known), None);
    }
}
