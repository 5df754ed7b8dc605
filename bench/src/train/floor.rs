//! The machine's floor: plain matrix multiplications, on as many threads as training has.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use pondersweep::clock;
use pondersweep_worker::kernel::{FloorMultiplication, InstructionSet};

/// Runs between two looks at the clock: a fraction of a millisecond on any CPU.
const RUNS_AT_ONCE: u32 = 4;

/// What `threads` threads achieve together in plain multiplications for so long, in 10^9
/// operations a second.
///
/// # Panics
/// There is no thread.
pub(super) fn floor_gigaflops(threads: usize, window: Duration) -> f64 {
    assert!(threads > 0, "somebody must multiply");
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        let multiply = || multiply(&start, window);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(multiply)).collect();
        let rate = |thread: thread::ScopedJoinHandle<'_, f64>| {
            thread.join().expect("a multiplication never panics")
        };
        running.into_iter().map(rate).sum()
    })
}

/// One thread's share.
fn multiply(start: &Barrier, window: Duration) -> f64 {
    let mut multiplication = FloorMultiplication::default();
    let instructions = InstructionSet::detect();
    multiplication.run(instructions);
    start.wait();
    let started: Instant = clock::now();
    let mut runs = 0_u32;
    loop {
        for _ in 0..RUNS_AT_ONCE {
            multiplication.run(instructions);
        }
        runs += RUNS_AT_ONCE;
        let elapsed = clock::now() - started;
        if elapsed >= window {
            let operations = FloorMultiplication::OPERATIONS as f64 * f64::from(runs);
            return operations / elapsed.as_secs_f64() / 1e9;
        }
    }
}
