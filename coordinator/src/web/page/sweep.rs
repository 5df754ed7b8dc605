//! The page of a sweep, and several sweeps next to each other: how they stand, and the report's own
//! tables and figures of the results so far.

use maud::{Markup, PreEscaped, html};
use pondersweep_proto::id::SweepId;

use super::{
    Board, Filter, Standing, StudyPart,
    words::{ago, bar, grouped, pace, progress, states},
};

/// What is known of the results: nothing yet, the document, or why there is none.
type Study<'a> = Option<Result<&'a StudyPart, &'a String>>;

pub(in crate::web) fn sweep(
    standing: &Standing,
    board: &Board,
    study: Study<'_>,
    filter: &Filter,
) -> Markup {
    let sweep = &standing.sweep;
    let id = sweep.sweep_id.to_string();
    html! {
        h1 { (sweep.name) }
        div #standing data-live {
            (bar(&sweep.trials))
            div.facts {
                span.state { (sweep.state.name()) }
                span { (progress(&sweep.trials)) }
                @if let Some(going) = standing.going { span { (pace(going)) } }
                span { "created " (ago(sweep.created_at_ms, board.now_ms)) }
                code { (id) }
            }
            p {
                "Trials: " a href={ "/sweeps/" (id) "/trials" } { "all" }
                @for (state, count) in states(&sweep.trials) {
                    @let name = if state == "running" { "leased" } else { state };
                    ", " a href={ "/sweeps/" (id) "/trials?state=" (name) } { (grouped(count)) " " (state) }
                }
            }
            ul.findings { @for finding in &standing.findings { li { (finding) } } }
        }
        div #filter data-live {
            @if let Some(Ok(part)) = study { (filter.form(&part.axes)) }
        }
        (results(study, board.now_ms))
    }
}

pub(in crate::web) fn compare(board: &Board, sweeps: &[SweepId], study: Study<'_>) -> Markup {
    html! {
        h1 { "Comparison" }
        ol.sweeps #standing data-live {
            @for standing in sweeps.iter().filter_map(|sweep_id| board.sweep(*sweep_id)) {
                @let sweep = &standing.sweep;
                li {
                    h2 { a href={ "/sweeps/" (sweep.sweep_id.to_string()) } { (sweep.name) } }
                    (bar(&sweep.trials))
                    div.line { span.state { (sweep.state.name()) } span { (progress(&sweep.trials)) } }
                }
            }
        }
        (results(study, board.now_ms))
    }
}

fn results(study: Study<'_>, now_ms: i64) -> Markup {
    html! {
        div #results data-live {
            @match study {
                None => {
                    p data-soon { "The tables are being made. They stand here as soon as they are." }
                },
                Some(Err(problem)) => { @for line in problem.lines() { p.warning { (line) } } },
                Some(Ok(part)) => { (made(part, now_ms)) },
            }
        }
    }
}

fn made(part: &StudyPart, now_ms: i64) -> Markup {
    html! {
        p.rule {
            "From " strong { (grouped(part.trials as u64)) " trials" } " with a result"
            @if let Some(words) = part.filter.words() {
                ", those with " strong { (words) } "; the counts below are of the whole sweep"
            }
            ", read " (ago(part.at_ms, now_ms)) "."
            @if !part.has_figures {
                " Figures, learning curves and further cells are left out above 5,000 trials: "
                code { "pondersweep report --out DIR" } " has them all."
            }
        }
        // The report's own HTML, which it escapes.
        (PreEscaped(&part.html))
    }
}
