//! PURE: what a program reports, line by line, and what of it counts.
//!
//! A report is one line of JSON: numbers by the names of metrics, and the step. Without a step the
//! line is one step after the last that had this metric. Of several values of a metric at one step
//! the first counts, at whatever step; what a trial measured is the value of the last step. `NaN`
//! and infinities say that there is no number: of the headline, that these parameters give no
//! result. Anything else that cannot be read is passed over and noted, since a program that works
//! is not to fail for a line.

use pondersweep_proto::{
    limit::{MAX_UPDATES, shown},
    metric::{MetricName, Observation},
    program::{Pattern, ProgramSpec, REPORT_PREFIX},
};
use serde_json::Value;

/// Notes that are kept; of others only the number.
const MAX_NOTES: usize = 5;

/// What a metric has reported so far.
#[derive(Debug)]
struct Reported {
    name: MetricName,
    pattern: Option<Pattern>,
    /// The last step, and whether it had a number.
    last: Option<(u64, bool)>,
    /// The step at which a line without one would be, less one.
    steps: u64,
}

/// The reports of one attempt.
#[derive(Debug)]
pub(super) struct Reports {
    metrics: Vec<Reported>,
    notes: Vec<String>,
    more_notes: u64,
}

/// What the headline says at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Headline {
    /// It was never reported.
    Missing,
    /// Its last value, at this step, is no number.
    NoNumber(u64),
    /// It has a value.
    Measured,
}

impl Reports {
    /// None yet, of an attempt that goes on after `steps_done` steps.
    pub(super) fn new(program: &ProgramSpec, steps_done: u64) -> Self {
        let reported = |metric: &pondersweep_proto::program::ProgramMetric| Reported {
            name: metric.name.clone(),
            pattern: metric.compile().unwrap_or_default(),
            last: None,
            steps: steps_done,
        };
        Self {
            metrics: program.metrics.iter().map(reported).collect(),
            notes: Vec::new(),
            more_notes: 0,
        }
    }

    /// A line of the program's output: a report behind the prefix, or text that patterns look into.
    pub(super) fn output(&mut self, line: &str, to: &mut Vec<Observation>) {
        if let Some(report) = line.strip_prefix(REPORT_PREFIX) {
            self.report(report, to);
            return;
        }
        for index in 0..self.metrics.len() {
            let Some(pattern) = self.metrics[index].pattern.clone() else {
                continue;
            };
            for found in pattern.find(line) {
                match found.trim().parse::<f64>() {
                    Ok(number) => self.measured(index, None, Some(number), to),
                    Err(_) => {
                        let name = &self.metrics[index].name;
                        self.note(format!("{name}: {:?} is no number", shown(found)));
                    }
                }
            }
        }
    }

    pub(super) fn report(&mut self, line: &str, to: &mut Vec<Observation>) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        let parsed = serde_json::from_str(line);
        // Python writes NaN and Infinity, which JSON does not have.
        let parsed = parsed.or_else(|_| serde_json::from_str(&without_words(line)));
        let Ok(Value::Object(values)) = parsed else {
            self.note(format!("{:?} is no JSON object", shown(line)));
            return;
        };
        let step = match values.get("step").map(|step| (step.as_u64(), step)) {
            None => None,
            Some((Some(step), _)) if step <= MAX_UPDATES => Some(step),
            Some((_, step)) => {
                self.note(format!("{step} is no step: a whole number, 0 or above"));
                return;
            }
        };
        for (name, value) in values.iter().filter(|(name, _)| *name != "step") {
            let known = self.metrics.iter();
            let Some(index) = known.clone().position(|metric| *metric.name == **name) else {
                let names: Vec<&str> = known.map(|metric| metric.name.as_str()).collect();
                let names = names.join(", ");
                self.note(format!(
                    "{:?} is no metric of the sweep, which has {names}",
                    shown(name)
                ));
                continue;
            };
            match value {
                Value::Number(number) => self.measured(index, step, number.as_f64(), to),
                Value::Null => self.measured(index, step, None, to),
                other => self.note(format!(
                    "{name} is {}, no number",
                    shown(&other.to_string())
                )),
            }
        }
    }

    fn measured(
        &mut self,
        index: usize,
        step: Option<u64>,
        number: Option<f64>,
        to: &mut Vec<Observation>,
    ) {
        let metric = &mut self.metrics[index];
        let step = step.unwrap_or((metric.steps + 1).min(MAX_UPDATES));
        let number = number.filter(|number| number.is_finite());
        if metric.last.is_some_and(|(last, _)| last == step) {
            let name = metric.name.clone();
            self.note(format!(
                "{name} was reported twice at step {step}; the first counts"
            ));
            return;
        }
        if metric.last.is_none_or(|(last, _)| step > last) {
            metric.last = Some((step, number.is_some()));
            metric.steps = step;
        }
        let metric = metric.name.clone();
        match number {
            Some(value) => to.push(Observation {
                step,
                metric,
                value,
            }),
            None => self.note(format!("{metric} is no number at step {step}")),
        }
    }

    /// The last step that was reported.
    pub(super) fn last_step(&self) -> u64 {
        let steps = self.metrics.iter().map(|metric| metric.steps);
        steps.max().unwrap_or(0)
    }

    /// What the headline says.
    pub(super) fn headline(&self) -> (&MetricName, Headline) {
        let metric = &self.metrics[0];
        let said = match metric.last {
            None => Headline::Missing,
            Some((step, false)) => Headline::NoNumber(step),
            Some((_, true)) => Headline::Measured,
        };
        (&metric.name, said)
    }

    /// A line was longer than is read.
    pub(super) fn too_long(&mut self) {
        self.note("a line is too long to be read".to_owned());
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        } else {
            self.more_notes += 1;
        }
    }

    /// What was passed over, for people.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let more = (self.more_notes > 0).then(|| format!("and {} more", self.more_notes));
        self.notes.iter().cloned().chain(more)
    }
}

/// The line with `null` in place of the words for what is no number, outside of texts.
fn without_words(line: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(first) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"]
            .iter()
            .find(|word| rest.starts_with(**word));
        let length = match (first, word) {
            ('"', _) => {
                let end = end_of_text(rest);
                text.push_str(&rest[..end]);
                end
            }
            (_, Some(word)) => {
                text.push_str("null");
                word.len()
            }
            (first, None) => {
                text.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    text
}

/// Where the text ends that starts with a quotation mark.
fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pondersweep_proto::{metric::Better, program::ProgramMetric};
    use proptest::prelude::*;

    use super::*;

    fn reports() -> Reports {
        let metric = |name: &str| ProgramMetric::new(name.parse().unwrap(), Better::Higher);
        let printed = ProgramMetric {
            pattern: Some("loss: ([^ ]+)".into()),
            ..metric("loss")
        };
        let program = ProgramSpec {
            command: vec!["true".into()],
            environment: BTreeMap::new(),
            files: BTreeMap::new(),
            gpus: 0,
            grace_seconds: 10,
            infeasible_exit_code: None,
            metrics: vec![metric("accuracy"), printed],
            timeout_seconds: None,
            working_directory: None,
        };
        Reports::new(&program, 0)
    }

    /// What lines of the report lead to, and the notes.
    fn read(lines: &[&str]) -> (Vec<(u64, String, f64)>, Reports) {
        let (mut reports, mut found) = (reports(), Vec::new());
        for line in lines {
            reports.report(line, &mut found);
        }
        let plain = found
            .into_iter()
            .map(|found| (found.step, found.metric.to_string(), found.value));
        (plain.collect(), reports)
    }

    fn accuracy(step: u64, value: f64) -> (u64, String, f64) {
        (step, "accuracy".into(), value)
    }

    #[test]
    fn numbers_count_by_name_and_step() {
        let (found, reports) = read(&[
            "{\"step\": 10, \"accuracy\": 0.5}",
            " {\"accuracy\": 1, \"loss\": -2.5e3} ",
            "",
            "{\"step\": 3, \"accuracy\": 0.25}",
        ]);
        let loss = (1, "loss".to_owned(), -2500.0);
        assert_eq!(
            found,
            [
                accuracy(10, 0.5),
                accuracy(11, 1.0),
                loss,
                accuracy(3, 0.25)
            ]
        );
        assert_eq!(reports.last_step(), 11);
        assert_eq!(reports.headline().1, Headline::Measured);
        assert_eq!(reports.notes().count(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_and_noted() {
        for (line, note) in [
            ("{\"step\": 10, \"accur", "no JSON object"),
            ("0.5", "no JSON object"),
            ("accuracy: 0.5", "no JSON object"),
            (
                "{\"accurcy\": 0.5}",
                "no metric of the sweep, which has accuracy, loss",
            ),
            ("{\"accuracy\": \"0.5\"}", "no number"),
            ("{\"accuracy\": [0.5]}", "no number"),
            ("{\"accuracy\": true}", "no number"),
            ("{\"step\": -1, \"accuracy\": 0.5}", "no step"),
            ("{\"step\": 0.5, \"accuracy\": 0.5}", "no step"),
            (
                "{\"step\": 99999999999999999999, \"accuracy\": 0.5}",
                "no step",
            ),
        ] {
            let (found, reports) = read(&[line]);
            assert_eq!(found, [], "{line}");
            let noted = reports.notes().next().unwrap();
            assert!(noted.contains(note), "{noted}");
            assert_eq!(reports.headline().1, Headline::Missing);
        }
    }

    #[test]
    fn a_headline_that_is_no_number_at_last_says_that_there_is_no_result() {
        for word in ["NaN", "Infinity", "-Infinity", "null", "1e999"] {
            let (found, reports) = read(&[
                "{\"step\": 1, \"accuracy\": 0.5}",
                &format!("{{\"step\": 2, \"accuracy\": {word}, \"loss\": 1}}"),
            ]);
            // Numbers beyond what 64 bits hold are no JSON here, and are noted.
            let expected = if word == "1e999" {
                Headline::Measured
            } else {
                Headline::NoNumber(2)
            };
            assert_eq!(reports.headline().1, expected, "{word}");
            assert_eq!(found[0], accuracy(1, 0.5));
        }
        let (_, reports) = read(&["{\"accuracy\": NaN}", "{\"accuracy\": 0.5}"]);
        assert_eq!(reports.headline().1, Headline::Measured);
    }

    #[test]
    fn of_two_values_at_one_step_the_first_counts() {
        let (found, reports) = read(&[
            "{\"step\":1,\"accuracy\":0.5}",
            "{\"step\":1,\"accuracy\":0.7}",
        ]);
        assert_eq!(found, [accuracy(1, 0.5)]);
        assert!(reports.notes().next().unwrap().contains("twice at step 1"));
    }

    #[test]
    fn a_hundred_thousand_lines_are_as_many_observations_and_few_notes() {
        let (mut reports, mut found) = (reports(), Vec::new());
        for step in 0..100_000 {
            reports.report(&format!("{{\"step\":{step},\"accuracy\":0.5}}"), &mut found);
            reports.report("what", &mut found);
        }
        assert_eq!(found.len(), 100_000);
        assert_eq!(reports.notes().count(), MAX_NOTES + 1);
        assert_eq!(reports.notes().last().unwrap(), "and 99995 more");
    }

    #[test]
    fn output_is_read_by_prefix_and_by_pattern() {
        let (mut reports, mut found) = (reports(), Vec::new());
        for line in [
            "epoch 1, loss: 0.5 and loss: 0.25",
            "accuracy: 1",
            "loss: nothing",
            "loss: nan",
            "pondersweep-report {\"accuracy\": 0.75}",
            "not pondersweep-report {\"accuracy\": 0.1}",
        ] {
            reports.output(line, &mut found);
        }
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.step, &*found.metric, found.value))
            .collect();
        assert_eq!(
            found,
            [(1, "loss", 0.5), (2, "loss", 0.25), (1, "accuracy", 0.75)]
        );
        assert_eq!(reports.notes().count(), 2);
    }

    #[test]
    fn words_in_texts_stay() {
        assert_eq!(
            without_words(r#"{"a\"NaN": NaN, "b": -Infinity}"#),
            r#"{"a\"NaN": null, "b": null}"#
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in any::<String>(), braces in "[{}\":, NaIfity0-9a-z]{0,30}") {
            let (mut reports, mut found) = (reports(), Vec::new());
            for line in [&line, &braces] {
                reports.report(line, &mut found);
                reports.output(line, &mut found);
            }
        }
    }
}
