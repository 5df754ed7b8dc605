//! The sweep whose trials are leased: of a realistic form, with ten replicates of every
//! configuration. Pure.

use pondersweep::sweep::{SweepFile, SweepFileError, SweepSpec};

/// Replicates of a configuration, as in the paper.
const REPLICATES: u64 = 10;
/// Values of `lambda_p`, and the most of `beta`: what remains is more replicates.
const LAMBDAS: u64 = 100;
const MAX_BETAS: u64 = 1_000;

/// A sweep of at least `trials` trials, each with `updates` parameter updates. It is written as a
/// sweep file, so that a setting it does not name has its default.
pub(super) fn null_sweep(trials: u64, updates: u32) -> Result<SweepSpec, SweepFileError> {
    let lambdas = trials.div_ceil(REPLICATES).clamp(1, LAMBDAS);
    let betas = trials.div_ceil(REPLICATES * lambdas).clamp(1, MAX_BETAS);
    let text = format!(
        "[sweep]\nname = \"null\"\n\
         [task]\nkind = \"parity\"\nelements = 8\n\
         [model]\nkind = \"ponder_net\"\n\
         [space]\nlambda_p = {}\nbeta = {}\n\
         [replicates]\ncount = {}\n\
         [training]\nupdates = {}\n",
        values(lambdas),
        values(betas),
        trials.div_ceil(lambdas * betas).max(1),
        updates.max(1),
    );
    SweepFile::parse(text, "null")
}

/// `count` values, evenly between 0 and 1, as a list of TOML.
fn values(count: u64) -> String {
    let value = |index| ((index as f64 + 1.0) / (count as f64 + 1.0)).to_string();
    let values: Vec<String> = (0..count).map(value).collect();
    format!("[{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_has_the_trials_asked_for_and_few_more() {
        for trials in [1, 9, 10, 1_000, 12_345, 1_000_000, 3_000_000] {
            let spec = null_sweep(trials, 1).unwrap();
            let found = spec.trials();
            assert!(found >= trials, "{found} of {trials}");
            assert!(found <= trials + trials / 10 + 1_000, "{found} of {trials}");
        }
        assert_eq!(null_sweep(1_000_000, 1).unwrap().configurations(), 100_000);
    }
}
