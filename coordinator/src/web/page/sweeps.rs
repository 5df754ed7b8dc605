//! The list of sweeps: how far each is, how fast it goes and what it waits for.

use maud::{Markup, html};

use super::{
    Board, Standing,
    words::{ago, bar, pace, progress, states},
};

/// Digits of an id that tell it from others.
const ID_DIGITS: usize = 8;

pub(in crate::web) fn sweeps(board: &Board) -> Markup {
    let several = board.sweeps.len() > 1;
    html! {
        h1 { "Sweeps" }
        form action="/compare" method="get" {
            div #sweeps data-live {
                @if board.sweeps.is_empty() {
                    p { "There is no sweep yet. " code { "pondersweep submit FILE" } " adds one." }
                }
                ol.sweeps {
                    // The newest is what people look for.
                    @for standing in board.sweeps.iter().rev() { (entry(standing, board.now_ms, several)) }
                }
                @if several { p { button type="submit" { "Compare the chosen sweeps" } } }
            }
        }
    }
}

fn entry(standing: &Standing, now_ms: i64, can_choose: bool) -> Markup {
    let sweep = &standing.sweep;
    let id = sweep.sweep_id.to_string();
    html! {
        li {
            h2 { a href={ "/sweeps/" (id) } { (sweep.name) } }
            (bar(&sweep.trials))
            div.line {
                span.state { (sweep.state.name()) }
                span { (progress(&sweep.trials)) }
                @for (state, count) in states(&sweep.trials) { span { (count) " " (state) } }
                @if let Some(going) = standing.going { span { (pace(going)) } }
                span { "created " (ago(sweep.created_at_ms, now_ms)) }
                code title=(id) { (id.get(..ID_DIGITS).unwrap_or(&id)) }
                @if can_choose {
                    label { input type="checkbox" name="sweep" value=(id); "compare" }
                }
            }
            @if let Some(waits) = &standing.waits { p.wait { (waits) } }
        }
    }
}
