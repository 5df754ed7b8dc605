//! Makes what a page shows of the results of sweeps: the very document that `pondersweep report` makes.

use std::sync::Arc;

use pondersweep_proto::id::SweepId;

use super::{
    page::{Filter, StudyPart},
    readers::Readers,
};
use crate::{
    clock,
    report::{BOOTSTRAP_SEED, Report, ReportInput, Study, TrialRow, html},
    report_input::{Depth, Judgement, read_from},
    scheduler::{TrialCounts, TrialState},
};

/// Trials of which a page that is made again and again draws figures and learning curves.
const MOST_WITH_FIGURES: u64 = 5_000;
/// Cells that are shown of more.
const MOST_CELLS: usize = 200;

/// Which sweeps, which trials of them, and how far they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub(super) sweeps: Vec<SweepId>,
    pub(super) filter: Filter,
}

/// Reads the sweeps and makes their document, or says why it cannot.
pub(super) async fn make(
    readers: Arc<Readers>,
    subject: Subject,
    counts: Vec<TrialCounts>,
) -> Result<StudyPart, String> {
    let trials: u64 = counts.iter().map(TrialCounts::total).sum();
    let depth = if trials > MOST_WITH_FIGURES {
        Depth::Results
    } else {
        Depth::Curves
    };
    let mut inputs = Vec::new();
    {
        let opened = readers.take().await;
        let mut reader = opened.map_err(|error| error.to_string())?;
        for sweep_id in &subject.sweeps {
            let read = read_from(&mut reader, *sweep_id, &Judgement::default(), depth).await;
            inputs.push(read.map_err(|error| format!("{error:#}"))?);
        }
    }
    let making = tokio::task::spawn_blocking(move || part(inputs, &subject, counts, depth));
    // Only a bug can make it panic; the page that asked says so and the next one tries again.
    making.await.map_err(|error| error.to_string())?
}

fn part(
    mut inputs: Vec<ReportInput>,
    subject: &Subject,
    counts: Vec<TrialCounts>,
    depth: Depth,
) -> Result<StudyPart, String> {
    let axes = match &inputs[..] {
        [only] => only.terms.axes.clone(),
        _ => Vec::new(),
    };
    for input in &mut inputs {
        subject.filter.apply(input)?;
    }
    let trials = inputs.iter().flat_map(|input| &input.trials);
    let with_result = |trial: &&TrialRow| {
        matches!(
            trial.outcome,
            TrialState::Succeeded | TrialState::Infeasible
        )
    };
    let with_result = trials.filter(with_result).count();
    let document = match (depth, &inputs[..]) {
        (Depth::Results, [only]) => Report::overview(only, BOOTSTRAP_SEED, MOST_CELLS).document(),
        _ => Study::new(&inputs, BOOTSTRAP_SEED).document,
    };
    Ok(StudyPart {
        html: html::part(&document),
        has_figures: depth == Depth::Curves,
        filter: subject.filter.clone(),
        axes,
        trials: with_result,
        counts,
        at_ms: clock::now_ms(),
    })
}
