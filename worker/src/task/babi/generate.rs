//! Stories like those of bAbI, told by a small simulation of people, places and objects. Own code
//! from the description of Weston et al. 2015, section 3 and 4: the same kinds of sentence and
//! question in the same words, not the same stories.

use super::{Sentence, Story};
use crate::seed::Draws;

const PEOPLE: [&str; 4] = ["mary", "john", "sandra", "daniel"];
const PLACES: [&str; 6] = [
    "bathroom", "hallway", "kitchen", "garden", "office", "bedroom",
];
const OBJECTS: [&str; 3] = ["football", "milk", "apple"];
const MOVES: [&str; 5] = [
    "moved to the",
    "went to the",
    "journeyed to the",
    "travelled to the",
    "went back to the",
];
const GRABS: [&str; 4] = ["got the", "took the", "picked up the", "grabbed the"];
const DROPS: [&str; 4] = ["dropped the", "left the", "put down the", "discarded the"];

/// A story of one of the tasks that can be generated.
///
/// # Panics
/// It is none of them.
pub(super) fn story(task: u32, draws: &mut Draws) -> Story {
    match task {
        1 => where_is_a_person(draws),
        2 => where_is_an_object(draws),
        3 => where_was_an_object(draws),
        6 => is_a_person_there(draws),
        9 => negated(draws),
        12 => together(draws),
        15 => afraid(draws),
        20 => motivated(draws),
        task => unreachable!("stories of task {task} cannot be generated"),
    }
}

fn below(draws: &mut Draws, bound: usize) -> usize {
    let bound = u32::try_from(bound).expect("lists are short");
    draws.below(bound) as usize
}

fn one_of<T: Copy>(draws: &mut Draws, list: &[T]) -> T {
    list[below(draws, list.len())]
}

/// Any number below `bound` but this one.
fn other(draws: &mut Draws, bound: usize, but: Option<usize>) -> usize {
    match but {
        None => below(draws, bound),
        Some(but) => (but + 1 + below(draws, bound - 1)) % bound,
    }
}

fn words(text: &[&'static str]) -> Sentence {
    let words = text.iter().flat_map(|part| part.split(' '));
    words.collect()
}

/// What happened so far, and what was told of it.
#[derive(Default)]
struct World {
    sentences: Vec<Sentence>,
    /// Where people are, once that was told.
    people: [Option<usize>; PEOPLE.len()],
    /// Who holds an object.
    holders: [Option<usize>; OBJECTS.len()],
    /// The places where an object was known to be, each once in a row.
    paths: [Vec<usize>; OBJECTS.len()],
}

impl World {
    fn tell(&mut self, text: &[&'static str]) {
        self.sentences.push(words(text));
    }

    fn move_to(&mut self, draws: &mut Draws, person: usize, place: usize) {
        self.people[person] = Some(place);
        for (path, holder) in self.paths.iter_mut().zip(self.holders) {
            if holder == Some(person) {
                path.push(place);
            }
        }
        self.tell(&[PEOPLE[person], one_of(draws, &MOVES), PLACES[place]]);
    }

    /// Someone goes somewhere else.
    fn someone_moves(&mut self, draws: &mut Draws) {
        let person = below(draws, PEOPLE.len());
        let place = other(draws, PLACES.len(), self.people[person]);
        self.move_to(draws, person, place);
    }

    /// Someone takes an object, lets one go, or moves, which is likeliest.
    fn someone_acts(&mut self, draws: &mut Draws) {
        let person = below(draws, PEOPLE.len());
        let wish = below(draws, 10);
        let (Some(place), 0..4) = (self.people[person], wish) else {
            return self.someone_moves(draws);
        };
        let object = below(draws, OBJECTS.len());
        let there = ["", "there"][below(draws, 2)];
        let lies_here = self.paths[object].last().is_none_or(|&last| last == place);
        if wish < 2 && self.holders[object].is_none() && lies_here {
            self.holders[object] = Some(person);
            if self.paths[object].is_empty() {
                self.paths[object].push(place);
            }
            self.tell_of(draws, person, &GRABS, object, there);
        } else if wish >= 2 && self.holders[object] == Some(person) {
            self.holders[object] = None;
            self.tell_of(draws, person, &DROPS, object, there);
        } else {
            self.someone_moves(draws);
        }
    }

    fn tell_of(
        &mut self,
        draws: &mut Draws,
        person: usize,
        deeds: &[&'static str],
        object: usize,
        there: &'static str,
    ) {
        let deed = one_of(draws, deeds);
        let text = [PEOPLE[person], deed, OBJECTS[object], there];
        let said = if there.is_empty() { 3 } else { 4 };
        self.tell(&text[..said]);
    }

    /// Someone whose place was told, and the place.
    fn known_person(&self, draws: &mut Draws) -> (usize, usize) {
        let known = (0..PEOPLE.len()).filter_map(|person| Some((person, self.people[person]?)));
        one_of(draws, &known.collect::<Vec<_>>())
    }

    fn ask(self, question: &[&'static str], answer: &'static str) -> Story {
        Story {
            sentences: self.sentences,
            question: words(question),
            answer,
        }
    }
}

/// As many sentences as before one of five questions, of which each comes after two more.
fn two_for_each_of_five(draws: &mut Draws) -> usize {
    2 * (1 + below(draws, 5))
}

/// Task 1, one supporting fact.
fn where_is_a_person(draws: &mut Draws) -> Story {
    let mut world = World::default();
    for _ in 0..two_for_each_of_five(draws) {
        world.someone_moves(draws);
    }
    let (person, place) = world.known_person(draws);
    world.ask(&["where is", PEOPLE[person]], PLACES[place])
}

/// Task 2, two supporting facts: who has it, and where that person is.
fn where_is_an_object(draws: &mut Draws) -> Story {
    let mut world = World::default();
    let least = 2 + below(draws, 19);
    while world.sentences.len() < least || world.paths.iter().all(Vec::is_empty) {
        world.someone_acts(draws);
    }
    let known =
        (0..OBJECTS.len()).filter_map(|object| Some((object, *world.paths[object].last()?)));
    let (object, place) = one_of(draws, &known.collect::<Vec<_>>());
    world.ask(&["where is the", OBJECTS[object]], PLACES[place])
}

/// Task 3, three supporting facts: also where that person was before. Of a place that the object
/// came to several times the last one counts.
fn where_was_an_object(draws: &mut Draws) -> Story {
    let mut world = World::default();
    let least = 4 + below(draws, 37);
    while world.sentences.len() < least || world.paths.iter().all(|path| path.len() < 2) {
        world.someone_acts(draws);
    }
    let moved = world.paths.iter().zip(OBJECTS).flat_map(|(path, object)| {
        let last = |place: usize| path.iter().rposition(|&other| other == place);
        let pairs = (1..path.len()).filter(move |&at| last(path[at]) == Some(at));
        pairs.map(move |at| (object, path[at], path[at - 1]))
    });
    let (object, place, before) = one_of(draws, &moved.collect::<Vec<_>>());
    let question = ["where was the", object, "before the", PLACES[place]];
    world.ask(&question, PLACES[before])
}

/// Asks whether a person is at a place, so that both answers are as likely.
fn ask_whether(world: World, draws: &mut Draws, person: usize, place: usize) -> Story {
    let (asked, answer) = match below(draws, 2) {
        0 => (place, "yes"),
        _ => (other(draws, PLACES.len(), Some(place)), "no"),
    };
    world.ask(&["is", PEOPLE[person], "in the", PLACES[asked]], answer)
}

/// Task 6, yes or no.
fn is_a_person_there(draws: &mut Draws) -> Story {
    let mut world = World::default();
    for _ in 0..two_for_each_of_five(draws) {
        world.someone_acts(draws);
    }
    let (person, place) = world.known_person(draws);
    ask_whether(world, draws, person, place)
}

/// Task 9, negation: some sentences tell where people are not.
fn negated(draws: &mut Draws) -> Story {
    let mut world = World::default();
    // Where people are not, where that was the last that was told.
    let mut absent: [Option<usize>; PEOPLE.len()] = Default::default();
    for _ in 0..two_for_each_of_five(draws) {
        let person = below(draws, PEOPLE.len());
        let was = world.people[person];
        absent[person] = None;
        match below(draws, 4) {
            0 => {
                let place = was.unwrap_or_else(|| below(draws, PLACES.len()));
                let not = one_of(draws, &["is no longer in the", "is not in the"]);
                world.people[person] = None;
                absent[person] = Some(place);
                world.tell(&[PEOPLE[person], not, PLACES[place]]);
            }
            1 => {
                let place = other(draws, PLACES.len(), was);
                world.people[person] = Some(place);
                world.tell(&[PEOPLE[person], "is in the", PLACES[place]]);
            }
            _ => {
                let place = other(draws, PLACES.len(), was);
                world.move_to(draws, person, place);
            }
        }
    }
    let told = (0..PEOPLE.len())
        .filter(|&person| world.people[person].is_some() || absent[person].is_some());
    let person = one_of(draws, &told.collect::<Vec<_>>());
    match (world.people[person], absent[person]) {
        (None, Some(place)) => world.ask(&["is", PEOPLE[person], "in the", PLACES[place]], "no"),
        (place, _) => ask_whether(world, draws, person, place.expect("it was told")),
    }
}

/// Task 12, conjunction: two people move at once.
fn together(draws: &mut Draws) -> Story {
    let mut world = World::default();
    for _ in 0..two_for_each_of_five(draws) {
        let first = below(draws, PEOPLE.len());
        let second = other(draws, PEOPLE.len(), Some(first));
        let place = other(draws, PLACES.len(), world.people[first]);
        (world.people[first], world.people[second]) = (Some(place), Some(place));
        let deed = one_of(draws, &MOVES);
        world.tell(&[PEOPLE[first], "and", PEOPLE[second], deed, PLACES[place]]);
    }
    let (person, place) = world.known_person(draws);
    world.ask(&["where is", PEOPLE[person]], PLACES[place])
}

/// Task 15, deduction: what a kind is afraid of, and of which kind someone is.
fn afraid(draws: &mut Draws) -> Story {
    const NAMES: [&str; 4] = ["gertrude", "emily", "jessica", "winona"];
    const ONE: [&str; 4] = ["mouse", "cat", "sheep", "wolf"];
    const MANY: [&str; 4] = ["mice", "cats", "sheep", "wolves"];
    let mut world = World::default();
    let mut feared = [0; ONE.len()];
    for kind in 0..ONE.len() {
        feared[kind] = other(draws, ONE.len(), Some(kind));
        world.tell(&[MANY[kind], "are afraid of", MANY[feared[kind]]]);
    }
    let mut kinds = [0; NAMES.len()];
    for (name, kind) in NAMES.iter().zip(&mut kinds) {
        *kind = below(draws, ONE.len());
        world.tell(&[name, "is a", ONE[*kind]]);
    }
    for last in (1..world.sentences.len()).rev() {
        world.sentences.swap(last, below(draws, last + 1));
    }
    let name = below(draws, NAMES.len());
    let answer = ONE[feared[kinds[name]]];
    world.ask(&["what is", NAMES[name], "afraid of"], answer)
}

/// Task 20, motivations: how someone feels, where that leads, and what for.
fn motivated(draws: &mut Draws) -> Story {
    const NAMES: [&str; 4] = ["sumit", "yann", "jason", "antoine"];
    /// The feeling, the place, and the object.
    const REASONS: [[&str; 3]; 4] = [
        ["tired", "bedroom", "pajamas"],
        ["bored", "garden", "football"],
        ["hungry", "kitchen", "apple"],
        ["thirsty", "kitchen", "milk"],
    ];
    let mut world = World::default();
    let reasons: [_; NAMES.len()] = std::array::from_fn(|_| one_of(draws, &REASONS));
    let mut told = [0_usize; NAMES.len()];
    for _ in 0..1 + below(draws, 3 * NAMES.len()) {
        let open = (0..NAMES.len()).filter(|&name| told[name] < 3);
        let name = one_of(draws, &open.collect::<Vec<_>>());
        let [feeling, place, object] = reasons[name];
        match told[name] {
            0 => world.tell(&[NAMES[name], "is", feeling]),
            1 => {
                let deed = one_of(draws, &MOVES);
                world.tell(&[NAMES[name], deed, place]);
            }
            _ => {
                let deed = one_of(draws, &GRABS);
                world.tell(&[NAMES[name], deed, object, "there"]);
            }
        }
        told[name] += 1;
    }
    let known = (0..NAMES.len()).filter(|&name| told[name] > 0);
    let name = one_of(draws, &known.collect::<Vec<_>>());
    let [feeling, place, object] = reasons[name];
    match told[name] {
        1 => world.ask(&["where will", NAMES[name], "go"], place),
        2 => world.ask(&["why did", NAMES[name], "go to the", place], feeling),
        _ => world.ask(&["why did", NAMES[name], "get the", object], feeling),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pondersweep_proto::task::babi::{ANSWERS, GENERATED, MOST_WORDS, WORDS};

    use super::*;
    use crate::{
        seed::{Purpose, Seeds},
        test_support::trial,
    };

    fn stories(task: u32) -> impl Iterator<Item = Story> {
        let seeds = Seeds::of(&trial(|_| {}));
        (0..500).map(move |number| story(task, &mut seeds.draws(Purpose::Data, [0, number])))
    }

    /// What a reader of a story knows of people and objects, from its words alone.
    #[derive(Default)]
    struct Reader {
        at: BTreeMap<String, String>,
        /// Where someone is not.
        not_at: BTreeMap<String, String>,
        holder: BTreeMap<String, String>,
        path: BTreeMap<String, Vec<String>>,
    }

    impl Reader {
        fn of(story: &Story) -> Self {
            let mut reader = Self::default();
            story
                .sentences
                .iter()
                .for_each(|sentence| reader.read(sentence));
            reader
        }

        fn read(&mut self, sentence: &[&str]) {
            let last = (*sentence.last().unwrap()).to_owned();
            let (who, told) = match sentence {
                [first, "and", second, told @ ..] => (vec![*first, *second], told),
                [first, told @ ..] => (vec![*first], told),
                [] => panic!("an empty sentence"),
            };
            let object = told.iter().find(|word| OBJECTS.contains(word)).copied();
            for person in who {
                if let Some(object) = object {
                    let path = self.path.entry(object.to_owned()).or_default();
                    if ["dropped", "left", "put", "discarded"].contains(&told[0]) {
                        let held = self.holder.remove(object);
                        assert_eq!(held.as_deref(), Some(person), "who has it lets it go");
                        continue;
                    }
                    let here = self.at[person].clone();
                    assert!(
                        path.last().is_none_or(|place| *place == here),
                        "it lies here"
                    );
                    if path.is_empty() {
                        path.push(here);
                    }
                    let held = self.holder.insert(object.to_owned(), person.to_owned());
                    assert_eq!(held, None, "no one has it");
                } else if told.contains(&"no") || told.contains(&"not") {
                    self.at.remove(person);
                    self.not_at.insert(person.to_owned(), last.clone());
                } else {
                    self.not_at.remove(person);
                    self.at.insert(person.to_owned(), last.clone());
                    for (object, holder) in &self.holder {
                        if holder == person {
                            self.path.get_mut(object).unwrap().push(last.clone());
                        }
                    }
                }
            }
        }

        fn answer(&self, question: &[&str]) -> String {
            match question {
                ["where", "is", "the", object] => self.path[*object].last().unwrap().clone(),
                ["where", "is", person] => self.at[*person].clone(),
                ["where", "was", "the", object, "before", "the", place] => {
                    let path = &self.path[*object];
                    let at = path.iter().rposition(|other| other == place).unwrap();
                    path[at - 1].clone()
                }
                ["is", person, "in", "the", place] => {
                    let at = self.at.get(*person);
                    let not_at = self.not_at.get(*person);
                    assert!(at.is_some() || not_at.is_some_and(|other| other == place));
                    let yes = at.is_some_and(|at| at == place);
                    (if yes { "yes" } else { "no" }).to_owned()
                }
                question => panic!("{question:?}"),
            }
        }
    }

    #[test]
    fn a_reader_of_the_story_finds_its_answer() {
        for task in [1, 2, 3, 6, 9, 12] {
            for story in stories(task) {
                let found = Reader::of(&story).answer(&story.question);
                assert_eq!(found, story.answer, "{task}: {story:?}");
            }
        }
    }

    #[test]
    fn what_someone_is_afraid_of_follows_from_their_kind() {
        let one = |many: &str| match many {
            "mice" => "mouse",
            "wolves" => "wolf",
            "cats" => "cat",
            "sheep" => "sheep",
            other => panic!("{other}"),
        };
        for story in stories(15) {
            let (mut fears, mut kinds) = (BTreeMap::new(), BTreeMap::new());
            for sentence in &story.sentences {
                match sentence[..] {
                    [kind, "are", "afraid", "of", feared] => fears.insert(one(kind), one(feared)),
                    [name, "is", "a", kind] => kinds.insert(name, kind),
                    _ => panic!("{sentence:?}"),
                };
            }
            assert_eq!((fears.len(), kinds.len()), (4, 4));
            assert_eq!(fears[kinds[story.question[2]]], story.answer, "{story:?}");
        }
    }

    #[test]
    fn a_motive_is_the_feeling_that_was_told_and_leads_where_it_always_does() {
        for story in stories(20) {
            let name = story.question[2];
            let of_name = |sentence: &&Sentence| sentence[0] == name;
            let told: Vec<_> = story.sentences.iter().filter(of_name).collect();
            let feeling = *told[0].last().unwrap();
            match story.question[0] {
                "why" => assert_eq!(story.answer, feeling),
                _ => assert_eq!(
                    story.answer,
                    match feeling {
                        "tired" => "bedroom",
                        "bored" => "garden",
                        _ => "kitchen",
                    }
                ),
            }
        }
    }

    #[test]
    fn every_task_has_only_known_words_and_answers_of_more_than_one_kind() {
        for &task in GENERATED {
            let mut answers = BTreeMap::new();
            for story in stories(task) {
                for sentence in story.sentences.iter().chain([&story.question]) {
                    assert!(sentence.len() <= MOST_WORDS, "{sentence:?}");
                    assert!(
                        sentence.iter().all(|word| WORDS.contains(word)),
                        "{sentence:?}"
                    );
                }
                assert!(ANSWERS.contains(&story.answer), "{story:?}");
                *answers.entry(story.answer).or_insert(0) += 1;
            }
            let most = answers.values().max().unwrap();
            assert!(*most < 350, "task {task} can be guessed: {answers:?}");
        }
    }
}
