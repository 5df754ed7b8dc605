//! The rounds of `run --until-ci`: when everything has ended that was to be run, the rule in
//! `allocation/` says which configurations get more replicates. It looks at stored results only, so
//! a run that is given again goes on with the round at which it was killed.

use std::path::PathBuf;

use clap::Args;

use crate::{
    allocation::{Precision, Replicates, Standing, calls, trials_added},
    cli::precision::{half_width, of_tally, precision, threshold},
    driver::{DriverHandle, SweepView},
    scheduler::SweepState,
    store::Reader,
    sweep::SweepSpec,
};

/// When a run has enough replicates.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct UntilArgs {
    /// Add replicates, up to `most` in the file, until each configuration's success rate is known
    /// to within this much either way, at 95 %
    #[arg(long, value_name = "HALF_WIDTH", value_parser = half_width)]
    until_ci: Option<f64>,
    /// Or until it is known on which side of this success rate it lies
    #[arg(long, value_name = "SHARE", requires = "until_ci", value_parser = threshold)]
    threshold: Option<f64>,
}

/// The rounds of a run.
pub(super) struct Rounds {
    driver: DriverHandle,
    database: PathBuf,
    precision: Option<Precision>,
}

impl UntilArgs {
    /// The precision a run is to reach, if it has one.
    pub(super) fn precision(self, spec: &SweepSpec) -> anyhow::Result<Option<Precision>> {
        let precision = self
            .until_ci
            .map(|half_width| precision(spec, half_width, self.threshold));
        Ok(precision.transpose()?)
    }
}

impl Rounds {
    pub(super) const fn new(
        driver: DriverHandle,
        database: PathBuf,
        precision: Option<Precision>,
    ) -> Self {
        Self {
            driver,
            database,
            precision,
        }
    }

    /// Begins the next round of a sweep that has finished, and says so; `None` if there is none.
    pub(super) async fn next(
        &self,
        sweep: &SweepView,
        tell: impl Fn(&str),
    ) -> anyhow::Result<Option<SweepView>> {
        let Some(precision) = self
            .precision
            .filter(|_| sweep.state == SweepState::Finished)
        else {
            return Ok(None);
        };
        let mut reader = Reader::open(&self.database).await?;
        let tallies = reader.tallies(sweep.sweep_id, 0, u32::MAX).await?;
        reader.close().await;
        let cells: Vec<Replicates> = tallies.iter().map(of_tally).collect();
        let allocations = precision.allocate(&cells, None);
        tell(&summary(&precision, &cells));
        let mut latest = None;
        for call in calls(&allocations, &cells) {
            let name = sweep.sweep_id.to_string();
            let (view, _) = self.driver.allocate(&name, call).await?;
            latest = Some(view);
        }
        if latest.is_some() {
            tell(&format!(
                "{} more trials for {} configurations",
                trials_added(&allocations, &cells),
                allocations.len()
            ));
        }
        Ok(latest)
    }
}

/// How many configurations stand how.
fn summary(precision: &Precision, cells: &[Replicates]) -> String {
    let standings: Vec<Standing> = cells
        .iter()
        .map(|cell| precision.assess(cell).standing)
        .collect();
    let count = |standing| standings.iter().filter(|&&found| found == standing).count();
    let mut text = format!(
        "{} of {} configurations are known to within {}",
        count(Standing::Narrow),
        cells.len(),
        precision.half_width
    );
    if let Some(threshold) = precision.threshold {
        text += &format!(
            ", {} more on which side of {threshold} they lie",
            count(Standing::Decided)
        );
    }
    text += &format!(
        "; {} have used up their {} replicates",
        count(Standing::UsedUp),
        precision.most
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_the_configurations_stand_is_told() {
        let cell = |solved, results| Replicates {
            results,
            solved,
            waiting: 0,
            given: u32::try_from(results).unwrap(),
        };
        let cells = [cell(20, 20), cell(4, 8), cell(12, 24), cell(0, 4)];
        let precision = Precision {
            half_width: 0.15,
            threshold: Some(0.9),
            most: 24,
        };
        assert_eq!(
            summary(&precision, &cells),
            "1 of 4 configurations are known to within 0.15, 2 more on which side of 0.9 they lie; 0 have \
             used up their 24 replicates"
        );
        let precision = Precision {
            threshold: None,
            ..precision
        };
        assert_eq!(
            summary(&precision, &cells),
            "1 of 4 configurations are known to within 0.15; 1 have used up their 24 replicates"
        );
    }
}
