//! The published stories (Weston et al. 2015; `tasks_1-20_v1-2`, CC BY 3.0) as numbers: words and
//! answers of all training files, in the order of the alphabet, and every question with its story.
//! It reads texts that are handed in, and no file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryFile {
    /// Its path, for people.
    pub path: String,
    /// The task it is about.
    pub task: u32,
    /// Whether training shows it; evaluation asks the others.
    pub trains: bool,
    /// What it says.
    pub text: String,
}

/// A line that is not as the published ones are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}: {problem}\nhint: {hint}")]
pub struct MalformedStory {
    /// The file.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
    /// What was expected.
    pub hint: &'static str,
}

/// All stories of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    words: Vec<String>,
    answers: Vec<String>,
    most_words: usize,
    sha256: String,
    training: BTreeMap<u32, Questions>,
    test: BTreeMap<u32, Questions>,
}

/// The questions of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Questions {
    /// Of all its stories, one after the other.
    sentences: Vec<Words>,
    questions: Vec<Question>,
}

/// Words by their number from 1.
type Words = Box<[u16]>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    /// Its story up to it, among the sentences.
    story: Range<usize>,
    words: Words,
    /// The number of its answer; one more than the last where training never gave it.
    answer: u32,
}

/// What a line says.
enum Line<'a> {
    Sentence(Vec<String>),
    Question(Vec<String>, &'a str),
}

impl Published {
    /// What these files tell, which are one of each kind for every task.
    ///
    /// # Errors
    /// A line is not as the published ones are.
    pub fn read(files: &[StoryFile]) -> Result<Self, MalformedStory> {
        let mut lines = Vec::with_capacity(files.len());
        for file in files {
            lines.push(file.lines()?);
        }
        let training = files.iter().zip(&lines).filter(|(file, _)| file.trains);
        let (mut words, mut answers) = (BTreeSet::new(), BTreeSet::new());
        let mut most_words = 0;
        for (_, line) in training.flat_map(|(_, lines)| lines) {
            let (said, answer) = line.parts();
            most_words = most_words.max(said.len());
            words.extend(said.iter().cloned());
            answers.extend(answer.map(str::to_lowercase));
        }
        let mut published = Self {
            words: words.into_iter().collect(),
            answers: answers.into_iter().collect(),
            most_words,
            sha256: digest(files),
            training: BTreeMap::new(),
            test: BTreeMap::new(),
        };
        for (file, lines) in files.iter().zip(&lines) {
            let questions = published.questions(lines);
            let side = match file.trains {
                true => &mut published.training,
                false => &mut published.test,
            };
            side.insert(file.task, questions);
        }
        Ok(published)
    }

    /// What names the files' content, as 64 digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Words of the training files.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Answers of the training files. Several words, as of tasks 8 and 19, are one answer.
    #[must_use]
    pub fn answers(&self) -> &[String] {
        &self.answers
    }

    /// The most words of a sentence or question of the training files.
    #[must_use]
    pub const fn most_words(&self) -> usize {
        self.most_words
    }

    /// The questions of training or of the test about a task.
    ///
    /// # Panics
    /// There is no such task.
    pub(super) fn of(&self, task: u32, trains: bool) -> &Questions {
        let side = if trains { &self.training } else { &self.test };
        &side[&task]
    }

    /// The number of a word from 1, or 0 where training never used it.
    pub(super) fn word(&self, word: &str) -> u16 {
        let place = self
            .words
            .binary_search_by(|other| other.as_str().cmp(word));
        place.map_or(0, |place| place as u16 + 1)
    }

    /// The number of an answer, or one more than the last where training never gave it.
    pub(super) fn answer(&self, answer: &str) -> u32 {
        let place = self
            .answers
            .binary_search_by(|other| other.as_str().cmp(answer));
        place.unwrap_or(self.answers.len()) as u32
    }

    fn questions(&self, lines: &[(bool, Line<'_>)]) -> Questions {
        let mut questions = Questions::default();
        let mut first = 0;
        for (begins, line) in lines {
            if *begins {
                first = questions.sentences.len();
            }
            let (said, answer) = line.parts();
            let words = said.iter().map(|word| self.word(word)).collect();
            match answer {
                None => questions.sentences.push(words),
                Some(answer) => questions.questions.push(Question {
                    story: first..questions.sentences.len(),
                    words,
                    answer: self.answer(&answer.to_lowercase()),
                }),
            }
        }
        questions
    }
}

impl Questions {
    pub(super) fn count(&self) -> usize {
        self.questions.len()
    }

    /// Sentences of the story, question and answer with this number.
    pub(super) fn get(&self, number: usize) -> (&[Words], &Words, u32) {
        let question = &self.questions[number];
        let story = &self.sentences[question.story.clone()];
        (story, &question.words, question.answer)
    }
}

impl Line<'_> {
    /// The words, and the answer of a question.
    fn parts(&self) -> (&[String], Option<&str>) {
        match self {
            Self::Sentence(words) => (words, None),
            Self::Question(words, answer) => (words, Some(answer)),
        }
    }
}

impl StoryFile {
    /// Every line, and whether it begins a story.
    fn lines(&self) -> Result<Vec<(bool, Line<'_>)>, MalformedStory> {
        let mut lines = Vec::new();
        let mut number = 0;
        for (index, text) in self.text.lines().enumerate() {
            let wrong = |problem: String, hint| MalformedStory {
                path: self.path.clone(),
                line: index + 1,
                problem,
                hint,
            };
            let shown = || text.chars().take(60).collect::<String>();
            let hint = "a line is a number, a space and a sentence";
            let (stated, rest) = text
                .split_once(' ')
                .ok_or_else(|| wrong(format!("{:?} is no line of a story", shown()), hint))?;
            let stated: u32 = stated
                .parse()
                .map_err(|_| wrong(format!("{:?} does not begin with a number", shown()), hint))?;
            if stated != 1 && stated != number + 1 {
                let problem = format!("line {stated} of a story comes after its line {number}");
                return Err(wrong(
                    problem,
                    "lines of a story are counted, and 1 begins another",
                ));
            }
            number = stated;
            let line = match rest.split('\t').collect::<Vec<_>>()[..] {
                [sentence] => Line::Sentence(words(sentence)),
                [question, answer, _supporting] => Line::Question(words(question), answer.trim()),
                _ => {
                    let hint =
                        "a question, its answer and the supporting lines, with tabs between them";
                    return Err(wrong(
                        format!("{:?} has another number of parts", shown()),
                        hint,
                    ));
                }
            };
            let (said, answer) = line.parts();
            if said.is_empty() || answer.is_some_and(str::is_empty) {
                return Err(wrong(
                    format!("{:?} says nothing", shown()),
                    "words and an answer",
                ));
            }
            lines.push((stated == 1, line));
        }
        match lines.iter().any(|(_, line)| line.parts().1.is_some()) {
            true => Ok(lines),
            false => Err(MalformedStory {
                path: self.path.clone(),
                line: self.text.lines().count().max(1),
                problem: "the file ends without a question".into(),
                hint: "stories with questions",
            }),
        }
    }
}

/// The words of a sentence, in lower case.
fn words(sentence: &str) -> Vec<String> {
    let words = sentence.split(|c: char| c.is_whitespace() || ".?,".contains(c));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Of tasks, kinds and texts, not of paths: two folders with the same files are the same.
pub(crate) fn digest(files: &[StoryFile]) -> String {
    let mut order: Vec<&StoryFile> = files.iter().collect();
    order.sort_by_key(|file| (file.task, !file.trains));
    let mut hasher = Sha256::new();
    for file in order {
        let side = if file.trains { "train" } else { "test" };
        hasher.update(format!("{} {side} {}\n", file.task, file.text.len()));
        hasher.update(&file.text);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        write!(text, "{byte:02x}").expect("a String takes every write");
    }
    text
}

/// Stories that an edge has read. They are found by their content's hash, so that it does not
/// matter who put them here.
static SHELF: Mutex<BTreeMap<String, Arc<Published>>> = Mutex::new(BTreeMap::new());

/// Keeps stories for as long as the program runs.
pub fn keep(published: Published) {
    let mut shelf = SHELF.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.insert(published.sha256.clone(), Arc::new(published));
}

/// The stories with this hash, if they were kept.
#[must_use]
pub fn kept(sha256: &str) -> Option<Arc<Published>> {
    let shelf = SHELF.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.get(sha256).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "1 Mary moved to the bathroom.\n2 John went to the hallway.\n\
        3 Where is Mary? \tbathroom\t1\n4 Daniel went back to the hallway.\n\
        5 Where is Daniel?\tHallway\t4\n1 Sandra is here.\n2 What, then?\tmilk,apple\t1\n";

    fn file(task: u32, trains: bool, text: &str) -> StoryFile {
        StoryFile {
            path: format!("qa{task}"),
            task,
            trains,
            text: text.into(),
        }
    }

    fn read(text: &str) -> Result<Published, MalformedStory> {
        let test = "1 Mary went.\n2 Where is Zoe?\tnowhere\t1\n";
        Published::read(&[file(1, true, text), file(1, false, test)])
    }

    fn said(published: &Published, words: &[u16]) -> String {
        let words = words.iter().map(|&word| match word {
            0 => "?",
            word => &published.words[usize::from(word) - 1],
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_question_has_its_story_up_to_it_and_no_other_question() {
        let published = read(STORY).unwrap();
        let questions = published.of(1, true);
        assert_eq!(questions.count(), 3);
        let shown = |number| {
            let (story, question, answer) = questions.get(number);
            let story: Vec<String> = story.iter().map(|words| said(&published, words)).collect();
            (
                story,
                said(&published, question),
                published.answers[answer as usize].clone(),
            )
        };
        let first = ["mary moved to the bathroom", "john went to the hallway"];
        assert_eq!(
            shown(0),
            (
                first.map(str::to_owned).to_vec(),
                "where is mary".into(),
                "bathroom".into()
            )
        );
        let (story, question, answer) = shown(1);
        assert_eq!(
            (story.len(), &*question, &*answer),
            (3, "where is daniel", "hallway")
        );
        let (story, question, answer) = shown(2);
        assert_eq!(
            (story, &*question, &*answer),
            (vec!["sandra is here".into()], "what then", "milk,apple")
        );
    }

    #[test]
    fn words_and_answers_are_those_of_training_and_others_are_none() {
        let published = read(STORY).unwrap();
        assert_eq!(published.answers(), ["bathroom", "hallway", "milk,apple"]);
        assert!(published.words().iter().all(|word| word != "zoe"));
        assert_eq!(published.most_words(), 6);
        let (_, question, answer) = published.of(1, false).get(0);
        assert_eq!(said(&published, question), "where is ?");
        assert_eq!(answer, 3);
    }

    #[test]
    fn the_hash_is_of_what_files_say_and_not_of_where_they_are() {
        let base = read(STORY).unwrap();
        let mut moved = [
            file(1, false, "1 Mary went.\n2 Where is Zoe?\tnowhere\t1\n"),
            file(1, true, STORY),
        ];
        moved[0].path = "elsewhere".into();
        assert_eq!(Published::read(&moved).unwrap().sha256(), base.sha256());
        let other = read(&STORY.replace("Sandra", "Mary")).unwrap();
        assert_ne!(other.sha256(), base.sha256());
        assert_eq!(base.sha256().len(), 64);
    }

    #[test]
    fn a_malformed_line_is_named_with_what_was_expected() {
        for (text, line, problem, hint) in [
            (
                "Mary moved.\n",
                1,
                "does not begin with a number",
                "a number, a space",
            ),
            (
                "1 Mary moved.\nnonsense\n",
                2,
                "is no line of a story",
                "a number, a space",
            ),
            (
                "1 Mary moved.\n3 John went.\n",
                2,
                "comes after its line 1",
                "are counted",
            ),
            (
                "1 Mary moved.\n2 Where?\there\n",
                2,
                "another number of parts",
                "with tabs",
            ),
            (
                "1 Mary moved.\n2 Where?\t\t1\n",
                2,
                "says nothing",
                "an answer",
            ),
            ("1 .\n", 1, "says nothing", "words"),
            ("1 Mary moved.\n", 1, "without a question", "with questions"),
            ("", 1, "without a question", "with questions"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!((&*error.path, error.line), ("qa1", line), "{error}");
            assert!(
                error.problem.contains(problem) && error.hint.contains(hint),
                "{error}"
            );
        }
    }
}
