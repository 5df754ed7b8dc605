//! How far replays are, in parameter updates: a bar on a terminal, nothing elsewhere. Talk only.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use pondersweep_worker::say;

use crate::cli::output::progress_target;

/// Counts updates, of several threads together.
pub(in crate::cli) struct Updates(ProgressBar);

impl Updates {
    /// A bar for `updates` updates.
    pub(in crate::cli) fn new(updates: u64) -> Arc<Self> {
        // Hidden by itself where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(Some(updates), progress_target());
        let template = "{bar:30} {percent:>3}% {pos} of {len} updates, {eta} left";
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.expect("the template is well formed"));
        Arc::new(Self(bar))
    }

    /// An update is done.
    pub(in crate::cli) fn one_more(&self) {
        self.0.inc(1);
    }

    /// Says a line above the bar, or plainly where there is no terminal.
    pub(in crate::cli) fn say(&self, line: &str) {
        self.0.suspend(|| say!("{line}"));
    }

    /// Takes the bar away.
    pub(in crate::cli) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
