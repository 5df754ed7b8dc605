//! Which analysis of a sweep is asked for, and how it counts replicates without an accuracy. It computes
//! nothing.

use clap::Args;

use super::BOOTSTRAP_SEED;
use crate::{
    report::{
        ReportInput,
        analysis::{self, Analysis, AnalysisError},
    },
    report_input::Depth,
    statistics::{Counted, Counting},
};

/// Prints one analysis instead of the sensitivity tables.
#[derive(Debug, Args)]
pub(super) struct AnalysisArgs {
    /// Instead: how much of the variation each swept parameter, every interaction and the seeds explain
    #[arg(long, group = "analysis", conflicts_with = "out")]
    anova: bool,
    /// Instead: which configurations cannot be told apart from the best
    #[arg(long, group = "analysis", conflicts_with = "out")]
    best: bool,
    /// Instead: the share of the grid that is nearly as good as the best, and the worst drop one step away
    #[arg(long, group = "analysis", conflicts_with = "out")]
    robustness: bool,
    /// Instead: how many seeds would detect a difference
    #[arg(long, group = "analysis", conflicts_with = "out")]
    power: bool,
    /// Instead: after how many updates trials reach this value of the metric (Kaplan-Meier), and whether settings
    /// differ in it (log-rank)
    #[arg(
        long,
        group = "analysis",
        conflicts_with = "out",
        value_name = "ACCURACY",
        allow_negative_numbers = true,
        value_parser = finite
    )]
    time_to: Option<f64>,
    /// What "nearly as good" means, in accuracy
    #[arg(
        long,
        requires = "robustness",
        value_name = "ACCURACY",
        value_delimiter = ',',
        default_values_t = [0.01, 0.02, 0.05],
        value_parser = accuracy
    )]
    epsilon: Vec<f64>,
    /// The accuracy that a diverged (infeasible) trial counts as in an analysis [default: that of
    /// guessing, or just below the worst that was measured where that is lower]
    #[arg(
        long,
        requires = "analysis",
        value_name = "ACCURACY",
        value_parser = accuracy
    )]
    infeasible_as: Option<f64>,
    /// Leave diverged (infeasible) trials out of an analysis, which flatters what diverges
    #[arg(long, requires = "analysis", conflicts_with = "infeasible_as")]
    without_infeasible: bool,
}

/// An analysis to choose.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Anova,
    Best,
    Robustness,
    Power,
    TimeTo(f64),
}

impl AnalysisArgs {
    /// The analysis that is asked for, if any.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let choices = [
            (self.anova, Wanted::Anova),
            (self.best, Wanted::Best),
            (self.robustness, Wanted::Robustness),
            (self.power, Wanted::Power),
        ];
        let mut chosen = choices.into_iter().filter(|(chosen, _)| *chosen);
        let wanted = chosen.next().map(|(_, wanted)| wanted);
        wanted.or_else(|| self.time_to.map(Wanted::TimeTo))
    }

    /// An error about what was taken for a sweep, unless that is a value of `--epsilon`.
    pub(super) fn tell_of_commas(&self, sweep: &str, error: anyhow::Error) -> anyhow::Error {
        match sweep.parse::<f64>() {
            Ok(_) if self.robustness && sweep.contains('.') => anyhow::anyhow!(
                "{sweep} was taken for the name of a sweep\n\
                 hint: --epsilon takes several values with commas: --epsilon 0.01,{sweep}"
            ),
            _ => error,
        }
    }

    /// Makes it.
    pub(super) fn of(
        &self,
        wanted: Wanted,
        input: &ReportInput,
    ) -> Result<Analysis, AnalysisError> {
        let counting = self.counting(input);
        match wanted {
            Wanted::Anova => analysis::anova(input, &counting),
            Wanted::Best => analysis::best(input, &counting, BOOTSTRAP_SEED),
            Wanted::Robustness => {
                analysis::robustness(input, &self.epsilon, &counting, BOOTSTRAP_SEED)
            }
            Wanted::Power => analysis::power(input, &counting),
            Wanted::TimeTo(value) => analysis::time_to(input, value, &counting),
        }
    }

    fn counting(&self, input: &ReportInput) -> Counting {
        let mut counting = match self.infeasible_as {
            Some(score) => Counting {
                infeasible: Counted::As(score),
                ..input.counting()
            },
            None => input.counting(),
        };
        if self.without_infeasible {
            counting.infeasible = Counted::LeftOut;
        }
        counting
    }
}

impl Wanted {
    /// How much of the sweep it takes.
    pub(super) const fn depth(self) -> Depth {
        match self {
            Self::TimeTo(_) => Depth::Curves,
            Self::Anova | Self::Best | Self::Robustness | Self::Power => Depth::Results,
        }
    }
}

fn finite(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err("not a finite number".to_owned())
    }
}

fn accuracy(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&number) {
        Ok(number)
    } else {
        Err("an accuracy lies between 0 and 1".to_owned())
    }
}
