//! What is timed: combinations of shape, lanes and threads. Pure.

use super::shape::Shape;

/// One bundle on a number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) shape: Shape,
    /// Trials of the bundle.
    pub(super) lanes: u32,
    /// Threads that share them.
    pub(super) threads: u32,
}

/// Every combination in which each thread has a lane.
pub(super) fn combine(shapes: &[Shape], lanes: &[u32], threads: &[u32]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &shape in shapes {
        for &lanes in lanes {
            for &threads in threads.iter().filter(|&&threads| threads <= lanes) {
                cases.push(Case {
                    shape,
                    lanes,
                    threads,
                });
            }
        }
    }
    cases
}

#[cfg(test)]
pub(super) fn gru(lanes: u32, threads: u32) -> Case {
    use pondersweep_proto::spec::{StepFunction, Unroll};
    let shape = Shape {
        step_function: StepFunction::Gru,
        hidden: 128,
        elements: 64,
        batch: 128,
        max_steps: 20,
        unroll: Unroll::Fixed,
    };
    Case {
        shape,
        lanes,
        threads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_thread_is_without_a_lane() {
        let cases = combine(&[gru(1, 1).shape], &[1, 2], &[1, 2]);
        assert_eq!(cases, [gru(1, 1), gru(2, 1), gru(2, 2)]);
    }
}
