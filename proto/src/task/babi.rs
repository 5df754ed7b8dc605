//! The bAbI tasks (Weston et al. 2015, arXiv 1502.05698): which of the twenty a configuration
//! takes, and the words of stories that are generated. How stories are generated is the worker's.

use crate::{
    setting::Setting,
    spec::{Choice as _, Settings, SpecError, StorySource},
};

/// How many tasks there are.
pub const TASKS: u32 = 20;
/// The tasks whose stories can be generated.
pub const GENERATED: &[u32] = &[1, 2, 3, 6, 9, 12, 15, 20];
/// The words of generated stories and their questions, sorted.
pub const WORDS: &[&str] = &[
    "a",
    "afraid",
    "and",
    "antoine",
    "apple",
    "are",
    "back",
    "bathroom",
    "bedroom",
    "before",
    "bored",
    "cat",
    "cats",
    "daniel",
    "did",
    "discarded",
    "down",
    "dropped",
    "emily",
    "football",
    "garden",
    "gertrude",
    "get",
    "go",
    "got",
    "grabbed",
    "hallway",
    "hungry",
    "in",
    "is",
    "jason",
    "jessica",
    "john",
    "journeyed",
    "kitchen",
    "left",
    "longer",
    "mary",
    "mice",
    "milk",
    "mouse",
    "moved",
    "no",
    "not",
    "of",
    "office",
    "pajamas",
    "picked",
    "put",
    "sandra",
    "sheep",
    "sumit",
    "the",
    "there",
    "thirsty",
    "tired",
    "to",
    "took",
    "travelled",
    "up",
    "was",
    "went",
    "what",
    "where",
    "why",
    "will",
    "winona",
    "wolf",
    "wolves",
    "yann",
];
/// The answers to questions about generated stories, sorted.
pub const ANSWERS: &[&str] = &[
    "bathroom", "bedroom", "bored", "cat", "garden", "hallway", "hungry", "kitchen", "mouse", "no",
    "office", "sheep", "thirsty", "tired", "wolf", "yes",
];
/// The most words of a generated sentence or question.
pub const MOST_WORDS: usize = 8;

/// Where the stories of training and of evaluation come from.
///
/// # Panics
/// The settings were not checked.
#[must_use]
pub fn sources(settings: &Settings) -> [StorySource; 2] {
    let training = settings.choice(Setting::SOURCE);
    let test = settings.get(Setting::TESTED_ON).map(ToString::to_string);
    let test = test.and_then(|name| StorySource::from_name(&name));
    [training, test.unwrap_or(training)]
}

/// Words that are told apart, classes of answers, and the most words of a sentence: of the
/// published stories, where the settings are about some.
pub(super) fn sizes(settings: &Settings) -> [usize; 3] {
    match settings.whole(Setting::VOCABULARY) {
        0 => [WORDS.len(), ANSWERS.len(), MOST_WORDS],
        words => {
            let count = |setting| settings.whole(setting) as usize;
            let most_words = count(Setting::SENTENCE_WORDS).max(MOST_WORDS);
            [words as usize, count(Setting::ANSWERS), most_words]
        }
    }
}

/// The numbers in a text such as `1-3, 6`, in order; `None` where it is not one.
#[must_use]
pub fn numbers(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = first.trim().parse().ok()?..=last.trim().parse::<u32>().ok()?;
        if range.is_empty() || *range.start() == 0 || *range.end() > TASKS {
            return None;
        }
        numbers.extend(range);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

/// The one way to write these numbers, which ascend.
#[must_use]
pub fn written(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|before, after| before + 1 == *after);
    let parts = runs.map(|run| match run {
        [] => String::new(),
        [only] => only.to_string(),
        [first, second] => format!("{first},{second}"),
        [first, .., last] => format!("{first}-{last}"),
    });
    parts.collect::<Vec<_>>().join(",")
}

/// The tasks that a text names, in order.
///
/// # Errors
/// It names none, or is not written as equal ones are: equal choices have one form.
pub fn tasks(path: &str, text: &str) -> Result<Vec<u32>, SpecError> {
    let Some(numbers) = numbers(text) else {
        return Err(SpecError::new(
            path,
            format!("{text:?} does not name tasks"),
            format!("numbers and ranges from 1 to {TASKS}, such as \"1,6,9\" or \"1-3,20\""),
        ));
    };
    let expected = written(&numbers);
    if text == expected {
        return Ok(numbers);
    }
    Err(SpecError::new(
        path,
        format!("{text:?} can be written in a shorter way"),
        format!("write {expected:?}, so that equal choices have one form"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_numbers_and_ranges_in_one_form() {
        for (text, expected) in [
            ("1", vec![1]),
            ("1,2", vec![1, 2]),
            ("1-3,6,20", vec![1, 2, 3, 6, 20]),
            ("1-20", (1..=20).collect()),
        ] {
            assert_eq!(tasks("task.tasks", text).unwrap(), expected);
            assert_eq!(written(&expected), text);
        }
        for (text, hint) in [
            ("2,1", "\"1,2\""),
            ("1, 2", "\"1,2\""),
            ("1-2", "\"1,2\""),
            ("1,2,3", "\"1-3\""),
            ("3,3", "\"3\""),
            ("0", "from 1 to 20"),
            ("21", "from 1 to 20"),
            ("3-1", "from 1 to 20"),
            ("", "from 1 to 20"),
            ("all", "from 1 to 20"),
        ] {
            let error = tasks("task.tasks", text).unwrap_err();
            assert!(error.hint.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn words_are_sorted_and_none_is_there_twice() {
        for words in [WORDS, ANSWERS] {
            assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
