//! Which trials of a sweep a page is about: those with chosen values of parameters.

use maud::{Markup, html};

use crate::{report::ReportInput, sweep::Axis};

/// Parameters that are chosen at once, and how long a name or value may be.
const MOST: usize = 32;
const LONGEST: usize = 200;
/// Values that can be chosen from: a list of more is no help.
const MOST_VALUES: usize = 200;
/// What the names of parameters start with in an address.
const PREFIX: &str = "p.";

/// Chosen values, by the names of parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::web) struct Filter(Vec<(String, String)>);

impl Filter {
    /// The choice that an address makes.
    pub(in crate::web) fn of(
        pairs: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let mut chosen = Vec::new();
        for (name, value) in pairs {
            if let Some(name) = name.strip_prefix(PREFIX)
                && !value.is_empty()
            {
                chosen.push((name.to_owned(), value));
            }
        }
        let short = |(name, value): &(String, String)| name.len().max(value.len()) <= LONGEST;
        if chosen.len() > MOST || !chosen.iter().all(short) {
            return Err("no sweep has as many parameters, or names as long".into());
        }
        Ok(Self(chosen))
    }

    /// Leaves the chosen trials in a sweep, and on its axes the chosen values.
    pub(in crate::web) fn apply(&self, input: &mut ReportInput) -> Result<(), String> {
        for (name, value) in &self.0 {
            let axes = &mut input.terms.axes;
            let place = axes.iter().position(|axis| axis.parameter.name == name);
            let place = place.ok_or_else(|| format!("this sweep varies no {name:?}"))?;
            let values = &mut axes[place].values;
            values.retain(|known| known.to_string() == *value);
            if values.is_empty() {
                return Err(format!("{name} is never {value:?} in this sweep"));
            }
            let chosen = values[0].clone();
            input.trials.retain(|trial| trial.values[place] == chosen);
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What it leaves, in words; `None` where that is all.
    pub(super) fn words(&self) -> Option<String> {
        let parts = self
            .0
            .iter()
            .map(|(name, value)| format!("{name} = {value}"));
        let parts: Vec<_> = parts.collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Lists to choose from, and a button.
    pub(super) fn form(&self, axes: &[Axis]) -> Markup {
        let offered: Vec<&Axis> = axes
            .iter()
            .filter(|axis| (2..=MOST_VALUES).contains(&axis.values.len()))
            .collect();
        html! {
            @if !offered.is_empty() {
                form.filter method="get" {
                    @for axis in &offered {
                        label {
                            (axis.parameter.name)
                            select name={ (PREFIX) (axis.parameter.name) } {
                                option value="" { "all" }
                                @for value in axis.values.iter().map(ToString::to_string) {
                                    option value=(value)
                                        selected[self.value(axis.parameter.name) == Some(&value)] { (value) }
                                }
                            }
                        }
                    }
                    button type="submit" { "Show these trials" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::setting::Setting;

    use super::*;
    use crate::report::simulated::SimulatedSweep;

    fn filter(pairs: &[(&str, &str)]) -> Filter {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Filter::of(pairs).unwrap()
    }

    #[test]
    fn chosen_values_leave_their_trials_and_nothing_else() {
        let mut input = SimulatedSweep::new(3)
            .numbers(Setting::LAMBDA_P, &[0.1, 0.2, 0.9])
            .input();
        let all = input.trials.len();
        filter(&[("p.lambda_p", ""), ("other", "x")])
            .apply(&mut input)
            .unwrap();
        assert_eq!(input.trials.len(), all);
        let chosen = filter(&[("p.lambda_p", "0.2")]);
        chosen.apply(&mut input).unwrap();
        assert_eq!(input.trials.len(), all / 3);
        assert_eq!(chosen.words().as_deref(), Some("lambda_p = 0.2"));
        // What was left is a sweep that a report can be made of.
        let _ = crate::report::Study::new(std::slice::from_ref(&input), 0);
        for (name, value) in [("p.lambda_p", "0.3"), ("p.x\"<", "1")] {
            let problem = filter(&[(name, value)]).apply(&mut input.clone());
            assert!(problem.is_err(), "{name} {value}");
        }
    }
}
