//! The bAbI tasks (Weston et al. 2015, arXiv 1502.05698): questions about short stories, answered
//! with one word. Sentences are bags of words in their order, the question is the last token; the
//! difficulty of a sample is the number of its task.

mod generate;
pub mod published;

use std::sync::Arc;

use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, StorySource},
    task::{
        Input, babi,
        babi::{ANSWERS, WORDS},
    },
};

use self::published::Published;
use super::{Place, Sample, Source};
use crate::seed::Draws;

/// A sentence: its words, in lower case.
type Sentence = Vec<&'static str>;

/// A story up to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Story {
    sentences: Vec<Sentence>,
    question: Sentence,
    answer: &'static str,
}

/// What draws a configuration's samples.
#[derive(Clone, Debug)]
pub(super) struct Babi {
    /// The tasks, each as likely.
    tasks: Vec<u32>,
    /// Where the stories of training and of evaluation come from.
    sources: [StorySource; 2],
    /// The published stories, where the configuration is about some.
    published: Option<Arc<Published>>,
    /// Places for the words of a sentence.
    places: usize,
}

impl Babi {
    /// The task of a configuration.
    ///
    /// # Panics
    /// Its published stories were not kept: an edge reads them before anything trains.
    pub(super) fn of(configuration: &ConfigurationSpec) -> Self {
        let text = |setting| configuration.get(setting).map(ToString::to_string);
        let tasks = babi::tasks("task.tasks", &text(Setting::TASKS).unwrap_or_default());
        let stories = text(Setting::STORIES).filter(|stories| !stories.is_empty());
        Self {
            tasks: tasks.expect("the configuration was checked"),
            sources: babi::sources(configuration),
            published: stories.map(|stories| {
                published::kept(&stories).expect("the stories were read before training")
            }),
            places: match Input::of(configuration) {
                Input::Tokens(tokens) => tokens.numbers,
                Input::Vector { .. } => unreachable!("stories are no vector"),
            },
        }
    }

    /// Draws a sample of any story of a task.
    fn generated(&self, task: u32, draws: &mut Draws, x: &mut [f32]) -> Sample {
        let story = generate::story(task, draws);
        let sentences = story.sentences.iter().rev();
        let tokens = [&story.question].into_iter().chain(sentences);
        let numbers = tokens.map(|sentence| sentence.iter().map(|word| self.word(word)));
        self.write(numbers, x);
        let class = match &self.published {
            Some(published) => published.answer(story.answer),
            None => place(ANSWERS, story.answer) as u32,
        };
        Sample {
            class,
            difficulty: task,
        }
    }

    /// Takes one of the published questions about a task.
    fn published(&self, task: u32, trains: bool, number: usize, x: &mut [f32]) -> Sample {
        let published = self.published.as_ref();
        let published = published.expect("a configuration states the stories that it needs");
        let questions = published.of(task, trains);
        let (story, question, class) = questions.get(number % questions.count());
        let tokens = [question].into_iter().chain(story.iter().rev());
        self.write(tokens.map(|words| words.iter().copied()), x);
        Sample {
            class,
            difficulty: task,
        }
    }

    /// Writes the question and then the sentences before it, from the end; what has no place is
    /// cut.
    fn write<W: Iterator<Item = u16>>(&self, tokens: impl Iterator<Item = W>, x: &mut [f32]) {
        x.fill(0.0);
        for (words, token) in tokens.zip(x.rchunks_exact_mut(self.places)) {
            for (word, number) in words.zip(token) {
                *number = word.into();
            }
        }
    }

    /// The number of a word of a generated story, from 1.
    fn word(&self, word: &str) -> u16 {
        match &self.published {
            Some(published) => published.word(word),
            None => place(WORDS, word) as u16 + 1,
        }
    }
}

impl Source for Babi {
    /// The questions of the test are asked in turn, one of each task, so that every one is asked
    /// once where there are as many examples as questions.
    fn draw(&self, place: &Place<'_>, draws: &mut Draws, x: &mut [f32]) -> Sample {
        let among = self.tasks.len();
        let [training, test] = self.sources;
        match (place.trains(), if place.trains() { training } else { test }) {
            (false, StorySource::Published) => {
                let number = place.number as usize;
                self.published(self.tasks[number % among], false, number / among, x)
            }
            (trains, source) => {
                let among = u32::try_from(among).expect("there are twenty at most");
                let task = self.tasks[draws.below(among) as usize];
                match source {
                    StorySource::Generated => self.generated(task, draws, x),
                    // As good as uniform: there are far fewer questions than numbers.
                    StorySource::Published => {
                        self.published(task, trains, draws.bits() as usize, x)
                    }
                }
            }
        }
    }
}

fn place(words: &[&str], word: &str) -> usize {
    let place = words.binary_search(&word);
    place.unwrap_or_else(|_| panic!("{word:?} is not among the words of generated stories"))
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::spec::{EvaluationRange, TrialSpec};

    use pondersweep_proto::task::babi::MOST_WORDS;

    use super::*;
    use crate::{
        seed::Seeds,
        task::{Occasion, Task},
    };

    fn trial(tasks: &str, max_sentences: u32) -> TrialSpec {
        let configuration = ConfigurationSpec::from_json(serde_json::json!({
            "task": {
                "kind": "babi", "source": "generated", "tasks": tasks,
                "max_sentences": max_sentences,
            },
            "model": { "kind": "fixed", "step_function": "transformer" },
            "training": { "updates": 1 },
        }))
        .unwrap();
        TrialSpec {
            configuration,
            seed: 5,
            replicate: 0,
            common_seeds: false,
            program: None,
        }
    }

    /// A sample and its tokens as text.
    fn read(trial: &TrialSpec, number: u64) -> (Sample, Vec<String>) {
        let (task, seeds) = (Task::of(&trial.configuration), Seeds::of(trial));
        let mut x = vec![9.0; task.elements()];
        let occasion = Occasion::Evaluation(EvaluationRange::Interpolation);
        let sample = task.draw(occasion, &seeds, number, &mut x);
        let text = |token: &[f32]| {
            let words = token.iter().filter(|number| **number > 0.0);
            let words: Vec<&str> = words.map(|number| WORDS[*number as usize - 1]).collect();
            words.join(" ")
        };
        (sample, x.chunks_exact(MOST_WORDS).map(text).collect())
    }

    #[test]
    fn a_story_ends_at_its_question_and_padding_comes_first() {
        for number in 0..50 {
            let (sample, tokens) = read(&trial("1", 20), number);
            let padding = tokens.iter().take_while(|token| token.is_empty()).count();
            let (question, story) = tokens[padding..].split_last().unwrap();
            assert!((2..=10).contains(&story.len()), "{tokens:?}");
            assert!(story.iter().all(|sentence| sentence.contains(" the ")));
            let person = question.strip_prefix("where is ").unwrap();
            let last = story
                .iter()
                .rev()
                .find(|sentence| sentence.starts_with(person));
            let place = last.unwrap().rsplit(' ').next().unwrap();
            assert_eq!(place, ANSWERS[sample.class as usize]);
        }
    }

    #[test]
    fn of_a_longer_story_the_last_sentences_are_kept() {
        for number in 0..50 {
            let (_, whole) = read(&trial("2", 70), number);
            let mut short = trial("2", 3);
            // The same streams, which otherwise belong to a configuration.
            short.common_seeds = true;
            let (_, cut) = read(&short, number);
            assert_eq!((whole.len(), cut.len()), (71, 4));
            assert!(cut.iter().all(|token| !token.is_empty()) || whole[67].is_empty());
        }
    }

    #[test]
    fn tasks_that_are_learnt_together_are_drawn_about_equally_often() {
        let trial = trial("1,15,20", 20);
        let mut counts = [0_i32; 21];
        for number in 0..3_000 {
            counts[read(&trial, number).0.difficulty as usize] += 1;
        }
        for task in [1, 15, 20] {
            // Five standard deviations.
            assert!((counts[task] - 1_000).abs() < 130, "{counts:?}");
        }
        assert_eq!(counts.iter().sum::<i32>(), 3_000);
    }
}
