//! What a replay says, for people and programs. It computes nothing.

use std::io;

use serde_json::{Value, json};

use super::Replayed;
use crate::{
    cli::output::{Format, Rows, print_json, print_text},
    replay::{Difference, Origin, Outcome, contrasts, likely_reason},
};

/// The version of the JSON below.
const SCHEMA: &str = "pondersweep.replay/1";

pub(super) fn print(replayed: &Replayed, format: Format) -> io::Result<()> {
    match format {
        Format::Json => print_json(&document(replayed)),
        Format::Csv => Rows::of(&COLUMNS, std::iter::once(replayed.cells())).print(format),
        Format::Table => print_text(&text(replayed)),
    }
}

/// The columns of a replay as a row.
pub(in crate::cli) const COLUMNS: [&str; 11] = [
    "trial_id",
    "trial_key",
    "verdict",
    "observations",
    "place",
    "step",
    "metric",
    "stored",
    "replayed",
    "ulps",
    "reason",
];

impl Replayed {
    /// "EXACT" or "DIFFERS".
    pub(in crate::cli) const fn verdict(&self) -> &'static str {
        if self.is_exact() { "EXACT" } else { "DIFFERS" }
    }

    /// A value for each of [`COLUMNS`].
    pub(in crate::cli) fn cells(&self) -> Vec<Value> {
        let difference = self.difference.as_ref().map(difference);
        let field = |name| {
            difference
                .as_ref()
                .map_or(Value::Null, |value| value[name].clone())
        };
        vec![
            json!(self.trial.trial_id.0),
            json!(self.trial.trial_key),
            json!(self.verdict()),
            json!(self.observations),
            field("place"),
            field("step"),
            field("metric"),
            field("stored"),
            field("replayed"),
            field("ulps"),
            json!(self.reason()),
        ]
    }

    /// Why it differs, probably; `None` for one that is exact.
    fn reason(&self) -> Option<String> {
        let reason = || likely_reason(&self.trial.stored_origin, &self.replay_origin);
        self.difference.as_ref().map(|_| reason())
    }
}

fn document(replayed: &Replayed) -> Value {
    let (stored, here) = (&replayed.trial.stored_origin, &replayed.replay_origin);
    let contrasts = contrasts(stored, here);
    json!({
        "schema": SCHEMA,
        "trial_id": replayed.trial.trial_id.0,
        "trial_key": replayed.trial.trial_key,
        "verdict": replayed.verdict(),
        "observations": replayed.observations,
        "difference": replayed.difference.as_ref().map(difference),
        "reason": replayed.reason(),
        "origins_differ_in": contrasts.iter().map(|contrast| contrast.what).collect::<Vec<_>>(),
        "stored_origin": origin(stored),
        "replay_origin": origin(here),
    })
}

fn difference(difference: &Difference) -> Value {
    match difference {
        Difference::Number {
            place,
            step,
            metric,
            stored,
            replayed,
        } => json!({
            "place": place.name(),
            "step": step,
            "metric": metric.as_str(),
            "stored": stored,
            "replayed": replayed,
            "ulps": difference.ulps(),
        }),
        Difference::Count {
            name,
            stored,
            replayed,
        } => json!({
            "place": name.table,
            "count": name.to_string(),
            "stored": stored,
            "replayed": replayed,
        }),
        Difference::Outcome { stored, replayed } => json!({
            "place": "end",
            "stored": end(stored),
            "replayed": end(replayed),
        }),
    }
}

fn origin(origin: &Origin) -> Value {
    json!({
        "host": origin.host,
        "device": origin.device,
        "backend": origin.backend,
        "instructions": origin.instructions,
        "cpu_features": origin.cpu_features,
        "gpu": origin.gpu,
        "version": origin.version,
        "binary_sha256": origin.binary_sha256,
    })
}

fn end(end: &Outcome) -> String {
    match end {
        Outcome::Succeeded => "succeeded".into(),
        Outcome::Infeasible(why) => format!("infeasible, {why}"),
    }
}

fn text(replayed: &Replayed) -> String {
    let (trial, here) = (&replayed.trial, &replayed.replay_origin);
    let name = format!("trial {} ({})", trial.trial_id, trial.trial_key);
    let Some(difference) = &replayed.difference else {
        return format!(
            "EXACT: {name} measures again what is stored, {} observations and its result, bit by bit\n{}",
            replayed.observations,
            origins(&trial.stored_origin, here)
        );
    };
    format!(
        "DIFFERS: {name}, first at {}\nlikely reason: {}\n{}",
        first(difference),
        likely_reason(&trial.stored_origin, here),
        origins(&trial.stored_origin, here)
    )
}

/// A difference in one sentence.
pub(in crate::cli) fn first(difference: &Difference) -> String {
    fn told(value: Option<impl std::fmt::Debug>) -> String {
        value.map_or("nothing".into(), |value| format!("{value:?}"))
    }
    match difference {
        Difference::Number {
            place,
            step,
            metric,
            stored,
            replayed,
        } => {
            let far = difference.ulps();
            let far = far.map_or(String::new(), |ulps| format!(" ({ulps} ulps apart)"));
            format!(
                "{} step {step} {metric}: stored {}, replayed {}{far}",
                place.name(),
                told(*stored),
                told(*replayed)
            )
        }
        Difference::Count {
            name,
            stored,
            replayed,
        } => format!(
            "{name}: stored {}, replayed {}",
            told(*stored),
            told(*replayed)
        ),
        Difference::Outcome { stored, replayed } => {
            format!(
                "its end: stored {}, replayed {}",
                end(stored),
                end(replayed)
            )
        }
    }
}

fn origins(stored: &Origin, here: &Origin) -> String {
    let line = |what: &str, origin: &Origin| {
        let instructions = origin.instructions.as_deref().unwrap_or("not recorded");
        format!(
            "{what} {} ({}, instructions {instructions}) on {} by version {}, binary {}",
            origin.device,
            origin.backend,
            origin.host,
            origin.version,
            origin
                .binary_sha256
                .get(..12)
                .unwrap_or(&origin.binary_sha256)
        )
    };
    format!("{}\n{}", line("stored:  ", stored), line("replayed:", here))
}
