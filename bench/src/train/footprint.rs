//! Memory of a lane: what one more of them in training adds to the most memory a process ever had.
//! Every measurement has a process of its own, since none gives memory back for the next to be
//! counted.

use std::{
    collections::{HashMap, hash_map::Entry},
    process::{Command, Stdio},
    sync::Mutex,
};

use anyhow::Context as _;
use pondersweep_proto::metric::Observation;
use pondersweep_worker::train::{Continue, Observer};

use super::{case::Case, shape::Shape, updates::train_updates};
use crate::{product::this_program, usage::Usage};

/// Lanes whose memory is compared with that of one: enough to drown the noise of a few pages.
const MORE_LANES: u32 = 8;

/// Bytes of a lane of each case; cases of one shape share a measurement.
pub(super) fn of_cases(cases: &[Case]) -> anyhow::Result<Vec<Option<u64>>> {
    let mut known: HashMap<(&str, u32), Option<u64>> = HashMap::new();
    let mut bytes = Vec::with_capacity(cases.len());
    for Case { shape, .. } in cases {
        // The other sizes are one command's, and so the same for all.
        let key = (shape.step_function.name(), shape.hidden);
        bytes.push(match known.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(of_a_lane(shape)?),
        });
    }
    Ok(bytes)
}

/// The most memory this process has used after training `lanes` lanes at the same time; 0 where the
/// system does not tell.
pub(super) fn take(shape: &Shape, lanes: u32) -> anyhow::Result<u64> {
    let trials = shape.trials(lanes)?;
    let together = Together(Mutex::new(vec![false; trials.len()]));
    // A thread a lane: a lane that waits for a thread takes no memory.
    train_updates(&trials, trials.len(), &together);
    Ok(Usage::of(std::process::id()).map_or(0, |usage| usage.peak_bytes))
}

/// Keeps every lane in training until each has done an update.
struct Together(Mutex<Vec<bool>>);

impl Observer for Together {
    fn observe(&self, _: usize, _: Observation) {}

    fn after_update(&self, lane: usize, _: u64) -> Continue {
        let mut updated = self.0.lock().expect("training never panics with it");
        updated[lane] = true;
        if updated.iter().all(|&updated| updated) {
            Continue::Stop
        } else {
            Continue::Yes
        }
    }
}

fn of_a_lane(shape: &Shape) -> anyhow::Result<Option<u64>> {
    let one = in_a_child(shape, 1)?;
    let more = in_a_child(shape, 1 + MORE_LANES)?;
    Ok(per_lane(one, more))
}

fn per_lane(one: u64, more: u64) -> Option<u64> {
    (one > 0).then(|| more.saturating_sub(one) / u64::from(MORE_LANES))
}

fn in_a_child(shape: &Shape, lanes: u32) -> anyhow::Result<u64> {
    let output = Command::new(this_program()?)
        .args(["train", "--footprint"])
        .args(["--kind", shape.step_function.name()])
        .args(["--unroll", shape.unroll.name()])
        .args(["--hidden", &shape.hidden.to_string()])
        .args(["--elements", &shape.elements.to_string()])
        .args(["--batch", &shape.batch.to_string()])
        .args(["--max-steps", &shape.max_steps.to_string()])
        .args(["--lanes", &lanes.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start a process to measure memory in")?;
    anyhow::ensure!(
        output.status.success(),
        "measuring memory failed: {}",
        output.status
    );
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .context("a process that measures memory prints a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_what_eight_more_lanes_add_divided_by_eight() {
        assert_eq!(per_lane(30_000_000, 46_000_000), Some(2_000_000));
        assert_eq!(per_lane(30_000_000, 29_000_000), Some(0));
        assert_eq!(per_lane(0, 0), None);
    }
}
