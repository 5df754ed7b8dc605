//! The trials of a sweep, a page at a time.

use maud::{Markup, html};
use pondersweep_proto::{id::SweepId, setting::Setting};

use crate::{scheduler::TrialState, store::ListedTrial, sweep::SweepTerms};

/// Trials of one page.
pub(in crate::web) const TRIALS_OF_PAGE: u32 = 100;

/// Up to one trial more than a page has, which tells that there is another page.
pub(in crate::web) fn trials(
    sweep_id: SweepId,
    terms: &SweepTerms,
    found: &[ListedTrial],
    state: Option<TrialState>,
) -> Markup {
    let (id, most) = (sweep_id.to_string(), TRIALS_OF_PAGE as usize);
    let shown = &found[..found.len().min(most)];
    let next = shown.last().filter(|_| found.len() > most);
    let swept: Vec<Setting> = terms
        .axes
        .iter()
        .filter(|axis| axis.values.len() > 1)
        .map(|axis| axis.parameter)
        .collect();
    html! {
        h1 { "Trials of " a href={ "/sweeps/" (id) } { (terms.name) } }
        div.pages role="navigation" aria-label="States" {
            a href={ "/sweeps/" (id) "/trials" } aria-current=[state.is_none().then_some("true")] { "all" }
            @for of in TrialState::ALL {
                a href={ "/sweeps/" (id) "/trials?state=" (of.name()) }
                    aria-current=[(state == Some(of)).then_some("true")] { (of.name()) }
            }
        }
        div #trials data-live {
            @if shown.is_empty() { p { "There are no such trials." } }
            @else {
                div.scroll tabindex="0" {
                    table.plain {
                        caption { "In the order of the space" }
                        thead { tr {
                            th.number scope="col" { "trial" }
                            th scope="col" { "state" }
                            th.number scope="col" { "attempts" }
                            @for setting in &swept { th.number scope="col" { (setting.name) } }
                            th.number scope="col" { "replicate" }
                            th.number scope="col" { (terms.goal().metric.to_string()) }
                        } }
                        tbody { @for trial in shown { (row(trial, &swept)) } }
                    }
                }
            }
        }
        div.pages role="navigation" aria-label="More" {
            @if let Some(last) = next {
                @let after = format!("after={}", last.trial_id);
                @let state = state.map(|state| format!("&state={}", state.name())).unwrap_or_default();
                a rel="next" href={ "/sweeps/" (id) "/trials?" (after) (state) } { "Next " (TRIALS_OF_PAGE) }
            }
        }
    }
}

fn row(trial: &ListedTrial, swept: &[Setting]) -> Markup {
    let id = trial.trial_id.to_string();
    let spec = &trial.configuration.spec;
    html! {
        tr {
            td.number { a href={ "/trials/" (id) } { (id) } }
            td { (trial.state.name()) }
            td.number { (trial.attempts) }
            @for setting in swept {
                td.number { (spec.get(*setting).map(ToString::to_string).unwrap_or_default()) }
            }
            td.number { (trial.replicate) }
            td.number { (trial.value.map(|value| value.to_string()).unwrap_or_default()) }
        }
    }
}
