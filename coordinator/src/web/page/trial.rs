//! The page of a trial: how it stands, its attempts and their machines, what it measured, its settings, the
//! end of its output, and the command that trains it again.

use maud::{Markup, PreEscaped, html};

use super::words::ago;
use crate::{
    explain,
    report::{
        figure::{BandFigure, Figure, draw::draw},
        shown_metrics,
    },
    scheduler::TrialState,
    store::{AttemptDetail, Event, TrialDetail},
    sweep::SweepTerms,
};

/// Events that are shown, the last ones: a trial that is retried for days has thousands.
const MOST_EVENTS: usize = 200;

/// What a trial's program wrote, as far as it is here.
#[derive(Debug, Default)]
pub(in crate::web) struct Output {
    /// Its end; `None` where it is not on this machine.
    pub(in crate::web) text: Option<String>,
    /// Bytes before that.
    pub(in crate::web) left_out: u64,
}

pub(in crate::web) fn trial(
    trial: &TrialDetail,
    terms: &SweepTerms,
    output: &Output,
    database: &str,
    now_ms: i64,
) -> Markup {
    let sweep_id = trial.sweep_id.to_string();
    html! {
        h1 { "Trial " (trial.trial_id.to_string()) " of " a href={ "/sweeps/" (sweep_id) } { (terms.name) } }
        div #trial data-live {
            div.facts {
                span.state { (trial.state.name()) }
                span { "replicate " (trial.replicate) }
                span { "key " code { (trial.trial_key.to_string()) } }
            }
            ul.findings {
                @for finding in explain::trial_findings(trial, terms) { li { (finding) } }
            }
            (curves(trial, terms))
            (attempts(trial, now_ms))
            (written(output))
        }
        (replay(trial, terms, database))
        (settings(trial, terms))
        div #events data-live { (events(trial)) }
    }
}

/// What the last attempt that measured anything measured on its way.
fn curves(trial: &TrialDetail, terms: &SweepTerms) -> Markup {
    let attempt = trial.observations.iter().map(|(attempt, _)| *attempt).max();
    let experiment = terms.experiment();
    let table = experiment.metrics();
    let goal = terms.goal();
    let name = format!("trial {} of {}", trial.trial_id, terms.name);
    let figure = |metric: &pondersweep_proto::metric::Metric| {
        let of = trial.observations.iter();
        let of = of
            .filter(|(by, observation)| Some(*by) == attempt && observation.metric == metric.name);
        let points: Vec<_> = of.map(|(_, seen)| (seen.step, seen.value)).collect();
        let figure = BandFigure::of_trial(name.clone(), metric, &points, goal.clone());
        (points.len() > 1).then(|| draw(&Figure::Band(figure)).to_svg())
    };
    let shown = shown_metrics(table, table.headline(), &goal.metric);
    let figures: Vec<String> = shown.iter().filter_map(figure).collect();
    html! {
        @if let Some(attempt) = attempt.filter(|_| !figures.is_empty()) {
            h2 { "What attempt " (attempt.to_string()) " measured" }
            // Drawn, and escaped, by the report.
            @for svg in figures { figure { div.scroll tabindex="0" { (PreEscaped(svg)) } } }
        }
    }
}

fn attempts(trial: &TrialDetail, now_ms: i64) -> Markup {
    html! {
        h2 { "Attempts" }
        @if trial.attempts.is_empty() { p { "None yet." } }
        @else {
            div.scroll tabindex="0" {
                table.plain {
                    thead { tr {
                        @for column in ["attempt", "how it ended", "machine", "device", "worker", "started", "seconds"] {
                            th scope="col" { (column) }
                        }
                    } }
                    tbody { @for attempt in &trial.attempts { (attempt_row(attempt, now_ms)) } }
                }
            }
        }
    }
}

fn attempt_row(attempt: &AttemptDetail, now_ms: i64) -> Markup {
    let ending = attempt.ended.as_ref().map(|(_, ending)| ending);
    html! {
        tr {
            td.number { (attempt.attempt.to_string()) }
            td {
                @match ending {
                    None => { "runs" },
                    Some(ending) => {
                        (ending.name())
                        @if let Some(cause) = ending.cause() { " (" (cause.to_string()) ")" }
                    },
                }
            }
            td { (attempt.host) }
            td { (attempt.device) " " (attempt.instructions) }
            td { (attempt.worker_id) }
            td { (ago(attempt.started_at_ms, now_ms)) }
            td.number { (attempt.seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default()) }
        }
    }
}

fn written(output: &Output) -> Markup {
    html! {
        @if let Some(text) = &output.text {
            h2 { "Output of the last attempt" }
            @if output.left_out > 0 {
                p.rule { "The end; " (output.left_out) " bytes before it: " code { "pondersweep trial logs" } " has all." }
            }
            pre tabindex="0" { (text) }
        }
    }
}

fn replay(trial: &TrialDetail, terms: &SweepTerms, database: &str) -> Markup {
    let ended = matches!(trial.state, TrialState::Succeeded | TrialState::Infeasible);
    let allow = if terms.program.is_some() {
        " --allow-programs"
    } else {
        ""
    };
    // A path with a NUL cannot be said to a shell; no file has one.
    let path = shlex::try_quote(database).unwrap_or_default().into_owned();
    html! {
        @if ended {
            h2 { "Train it again" }
            pre tabindex="0" { "pondersweep trial replay " (trial.trial_id.to_string()) " --db " (path) (allow) }
        }
    }
}

fn settings(trial: &TrialDetail, terms: &SweepTerms) -> Markup {
    let spec = &trial.configuration.spec;
    let is_swept = |name: &str| {
        let mut axes = terms.axes.iter();
        axes.any(|axis| axis.parameter.name == name && axis.values.len() > 1)
    };
    html! {
        h2 { "Settings" }
        table.plain {
            thead { tr { th scope="col" { "setting" } th scope="col" { "value" } } }
            tbody {
                @for setting in spec.table().parameters() {
                    @if let Some(value) = spec.get(setting) {
                        tr {
                            td title=(setting.meaning) { (setting.name) @if is_swept(setting.name) { " (swept)" } }
                            td { (value.to_string()) }
                        }
                    }
                }
            }
        }
    }
}

fn events(trial: &TrialDetail) -> Markup {
    let first = trial.events.len().saturating_sub(MOST_EVENTS);
    let row = |event: &Event| {
        html! {
            tr {
                td { (explain::iso_time(event.at_ms)) }
                td { (event.kind) }
                td { (event.attempt.map(|attempt| attempt.to_string()).unwrap_or_default()) }
                td { (event.worker_id.as_deref().unwrap_or_default()) }
                td { (event.state.as_deref().unwrap_or_default()) }
                td { (event.detail) }
            }
        }
    };
    html! {
        h2 { "Events" }
        @if first > 0 { p.rule { "The last " (MOST_EVENTS) "; " (first) " came before." } }
        div.scroll tabindex="0" {
            table.plain {
                thead { tr {
                    @for column in ["at", "event", "attempt", "worker", "state", "detail"] {
                        th scope="col" { (column) }
                    }
                } }
                tbody { @for event in &trial.events[first..] { (row(event)) } }
            }
        }
    }
}
