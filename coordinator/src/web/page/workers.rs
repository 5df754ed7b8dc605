//! The workers: what each does, when it was heard of last, and how much of it is in use.

use maud::{Markup, html};

use super::{Board, words::ago};
use crate::store::{WorkerStanding, WorkerStatus};

/// Workers that are shown; those that left come last.
const MOST: usize = 500;
/// Trials that are named of each.
const MOST_TRIALS: usize = 12;

pub(in crate::web) fn workers(board: &Board) -> Markup {
    let mut workers: Vec<(WorkerStanding, &WorkerStatus)> = board
        .workers
        .iter()
        .map(|worker| (worker.standing(board.now_ms), worker))
        .collect();
    // Stable: of those that stand alike, the one heard of last comes first.
    workers.sort_by_key(|(standing, _)| *standing);
    let connected = workers.iter().filter(|(how, _)| how.is_connected());
    let (mut there, mut slots, mut taken) = (0, 0_u64, 0);
    for (_, status) in connected {
        there += 1;
        slots += u64::from(status.worker.slots);
        taken += status.holds;
    }
    html! {
        h1 { "Workers" }
        div #workers data-live {
            @if workers.is_empty() {
                p { "No worker has ever connected. " code { "pondersweep worker --coordinator URL" } " starts one." }
            } @else {
                p { (there) " connected; " (taken) " of their " (slots) " slots are taken." }
                div.scroll tabindex="0" {
                    table.plain {
                        thead { tr {
                            @for column in ["worker", "stands", "machine", "device", "heard of", "slots taken", "runs", "done", "failed", "lost"] {
                                th scope="col" { (column) }
                            }
                        } }
                        tbody { @for (standing, status) in workers.iter().take(MOST) { (row(*standing, status, board)) } }
                    }
                }
                @if workers.len() > MOST { p.rule { "and " (workers.len() - MOST) " more" } }
            }
        }
    }
}

fn row(standing: WorkerStanding, status: &WorkerStatus, board: &Board) -> Markup {
    let worker = &status.worker;
    let of_it = |worker_id: &str| worker_id == worker.worker_id.as_str();
    let running = board
        .running
        .iter()
        .filter(|running| of_it(&running.worker_id));
    html! {
        tr {
            td { (worker.worker_id.as_str()) }
            td { (standing.name()) }
            td { (worker.host) " · " (worker.machine.cpu) }
            td { (worker.device) " " (worker.machine.instructions) }
            td { (ago(status.last_heard_at_ms, board.now_ms)) }
            td.number { (status.holds) " of " (worker.slots) }
            td {
                @for running in running.take(MOST_TRIALS) {
                    a href={ "/trials/" (running.trial_id.to_string()) } { (running.trial_id.to_string()) } " "
                }
            }
            td.number { (status.done) }
            td.number { (status.failed) }
            td.number { (status.lapsed) }
        }
    }
}
