//! `pondersweep explain`: why a trial stands as it does, attempt by attempt, and why a sweep is
//! pending, paused, slow or losing attempts.

use std::process::ExitCode;

use clap::Args;
use pondersweep_proto::{error::SweepError, id::SweepId};
use serde_json::json;

use super::{
    at_hand::AtHand,
    output::{Format, OutputArgs, print_json, print_labelled},
    place::PlaceArgs,
};
use crate::{
    clock,
    explain::{self, Scene},
    scheduler::TrialState,
    store::{ReadError, Reader},
};

/// Explain the state of a trial or a sweep: attempts, causes, and what it waits for
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A trial, by its number or a prefix of its key; or a sweep, by its id, a prefix of it, its name
    /// or `last`
    #[arg(default_value = "last")]
    name: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is explained, and what there is to say about it.
type Explanation = (String, Vec<String>);

pub(super) async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let at_hand = AtHand::of(&args.place).await?;
    let database = Database {
        reader: at_hand.reader().await?,
        at_hand: &at_hand,
    };
    let (subject, findings) = database.explain(&args.name).await?;
    match args.output.output {
        Format::Json => print_json(&json!({ "subject": subject, "findings": findings }))?,
        Format::Table | Format::Csv => {
            print_labelled("", &subject)?;
            for finding in findings {
                print_labelled("- ", &finding)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Database<'a> {
    reader: Reader,
    at_hand: &'a AtHand,
}

impl Database<'_> {
    /// A small number is a trial before it is the beginning of a sweep's id.
    async fn explain(mut self, name: &str) -> anyhow::Result<Explanation> {
        if name.parse::<u32>().is_ok()
            && let Some(found) = self.trial(name).await?
        {
            return Ok(found);
        }
        match self.reader.find_sweep(name).await {
            Ok(sweep_id) => {
                let scene = self.scene(sweep_id).await?;
                Ok((explain::subject(&scene), explain::findings(&scene)))
            }
            Err(unknown @ ReadError::Sweep(SweepError::NotFound(_))) => {
                let trial = self.trial(name).await?;
                trial.ok_or_else(|| unknown.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn trial(&mut self, name: &str) -> anyhow::Result<Option<Explanation>> {
        let trial = match self.reader.trial(name).await {
            Ok(trial) => trial,
            Err(ReadError::UnknownTrial { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let spec = self.reader.spec(trial.sweep_id).await?;
        let mut findings = explain::trial_findings(&trial, spec.terms());
        if matches!(trial.state, TrialState::Pending | TrialState::Leased) {
            let scene = self.scene(trial.sweep_id).await?;
            findings.extend(explain::waits_for(&trial, &scene));
        }
        Ok(Some((explain::trial_subject(&trial), findings)))
    }

    async fn scene(&mut self, sweep_id: SweepId) -> anyhow::Result<Scene> {
        let sweeps = self.reader.sweeps().await?;
        let place = sweeps.iter().position(|sweep| sweep.sweep_id == sweep_id);
        let place = place.expect("a sweep is never deleted");
        let workers = self.reader.workers().await?;
        let now_ms = clock::now_ms();
        let is_served = self.at_hand.is_served(&workers, now_ms);
        let reader = &mut self.reader;
        Ok(explain::scene(reader, is_served, &sweeps, place, &workers, now_ms).await?)
    }
}
