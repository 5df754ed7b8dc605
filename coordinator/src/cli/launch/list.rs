//! `pondersweep launch ls`: what was launched from here, and whether it lives.

use std::process::ExitCode;

use clap::Args;

use super::{
    arguments::{AtOnceArgs, StateArgs},
    code_of,
    inventory::{Place, places, rows},
};
use crate::cli::output::OutputArgs;

/// List launches from this machine, and ask hosts and Slurm what is still running
#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    /// Only this launch: its name, a beginning of it, or `last`
    launch: Option<String>,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    at_once: AtOnceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: LsArgs) -> anyhow::Result<ExitCode> {
    let ledger = args.state.open()?;
    let launches = match &args.launch {
        Some(text) => vec![ledger.find(text)?],
        None => ledger.all()?,
    };
    let mut all = Vec::new();
    let mut answered = true;
    for launch in &launches {
        let known = places(launch, args.at_once.at_once)
            .await
            .unwrap_or_else(|error| {
                // Slurm may be away while the hosts of other launches are not.
                vec![Place {
                    name: launch.name.to_string(),
                    state: "unknown".into(),
                    lives: None,
                    detail: error.to_string(),
                }]
            });
        answered &= known.iter().all(|place| place.lives.is_some());
        all.extend(known.into_iter().map(|place| (launch, place)));
    }
    rows(all).print(args.output.output)?;
    Ok(code_of(answered))
}
