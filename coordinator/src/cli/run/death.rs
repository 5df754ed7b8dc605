//! What a worker process died of, as its parent can know it: by its exit status, its last words and
//! the kernel's own count of processes ended for want of memory. Decides nothing else.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use pondersweep_proto::failure::{Cause, Failure};
use rustix::process::Signal;

/// What Rust's runtime says before it aborts because an allocation failed.
const ALLOCATION_FAILED: &str = "memory allocation of";

/// Signals that the code of a process brings upon itself.
const OF_ITS_OWN: [Signal; 7] = [
    Signal::SEGV,
    Signal::ABORT,
    Signal::BUS,
    Signal::ILL,
    Signal::FPE,
    Signal::TRAP,
    Signal::SYS,
];

/// The failure of a process that ended unasked, from its status and the last lines it wrote to
/// standard error. `memory_kills` are those since it started, where the kernel tells.
pub(super) fn failure_of(status: ExitStatus, last_words: &[String], memory_kills: u64) -> Failure {
    let about_memory = last_words.iter().find(|line| is_telling(line));
    let signal = status.signal();
    let killed = signal == Some(Signal::KILL.as_raw());
    let cause = if about_memory.is_some() || killed && memory_kills > 0 {
        Cause::OutOfMemory
    } else if OF_ITS_OWN.iter().any(|own| signal == Some(own.as_raw())) {
        Cause::Crashed
    } else {
        Cause::WorkerLost
    };
    let mut message = status.to_string();
    if let Some(words) = about_memory.or(last_words.last()) {
        message += &format!(": {words}");
    } else if killed && memory_kills > 0 {
        message +=
            &format!("; the kernel ended {memory_kills} processes for want of memory while it ran");
    }
    Failure::new(cause, message)
}

/// Whether a line says what a process is dying of.
pub(super) fn is_telling(line: &str) -> bool {
    line.contains(ALLOCATION_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(raw_status: i32, last_words: &[&str], memory_kills: u64) -> Cause {
        let words: Vec<String> = last_words.iter().map(ToString::to_string).collect();
        failure_of(ExitStatus::from_raw(raw_status), &words, memory_kills).cause
    }

    #[test]
    fn a_death_is_told_by_signal_last_words_and_the_kernels_count() {
        let (abort, kill, segv, term) = (6, 9, 11, 15);
        let allocation = "memory allocation of 805306368 bytes failed";
        assert_eq!(cause(abort, &[allocation], 0), Cause::OutOfMemory);
        assert_eq!(cause(abort, &["double free"], 0), Cause::Crashed);
        assert_eq!(cause(segv, &[], 3), Cause::Crashed);
        assert_eq!(cause(kill, &[], 0), Cause::WorkerLost);
        assert_eq!(cause(kill, &[], 1), Cause::OutOfMemory);
        assert_eq!(cause(term, &[], 1), Cause::WorkerLost);
        // Exit code 1 of a worker that was refused.
        assert_eq!(cause(1 << 8, &["error: refused"], 0), Cause::WorkerLost);
    }

    #[test]
    fn the_message_holds_the_telling_line() {
        let words = [
            "starting",
            "memory allocation of 8 bytes failed",
            "note: run with",
        ];
        let words = words.map(ToString::to_string);
        let failure = failure_of(ExitStatus::from_raw(6), &words, 0);
        assert!(failure.message.contains("signal: 6"), "{failure:?}");
        assert!(
            failure.message.ends_with("of 8 bytes failed"),
            "{failure:?}"
        );
    }
}
