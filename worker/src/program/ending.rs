//! PURE: how the end of a program counts: by its exit status, what it reported, and why it was
//! stopped.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use pondersweep_proto::{
    ending::ReportedEnding,
    failure::{Cause, Failure},
    limit::MAX_MESSAGE_BYTES,
    program::ProgramSpec,
};
use rustix::process::Signal;

use super::{
    last_bytes,
    report::{Headline, Reports},
};

/// Bytes of the last output that go with the message of an attempt.
const MAX_TAIL_BYTES: usize = MAX_MESSAGE_BYTES - 1_024;

/// What programs say when they have no memory: of Python, of libraries for graphics processors, of
/// C++ and of Rust.
const ABOUT_MEMORY: [&str; 5] = [
    "MemoryError",
    "out of memory",
    "OutOfMemory",
    "std::bad_alloc",
    "memory allocation of",
];

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

/// Why the program was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The worker leaves, or the lease is gone: nothing of it counts.
    Stopped,
    /// It ran longer than it may.
    TimedOut,
}

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Death<'a> {
    pub(super) status: ExitStatus,
    pub(super) asked: Option<Asked>,
    /// Whether the kernel ended processes for want of memory while it ran.
    pub(super) memory_kills: bool,
    /// The last of its output.
    pub(super) tail: &'a str,
}

impl Death<'_> {
    /// What to report; `None` for a program that was stopped.
    pub(super) fn ending(
        &self,
        program: &ProgramSpec,
        reports: &Reports,
    ) -> Option<ReportedEnding> {
        match self.asked {
            Some(Asked::Stopped) => return None,
            Some(Asked::TimedOut) => {
                let seconds = program.timeout_seconds.unwrap_or_default();
                return Some(
                    self.failed(Cause::Other, format!("timed out after {seconds} seconds")),
                );
            }
            None => {}
        }
        let code = self.status.code();
        let said_infeasible = code.is_some() && code == program.infeasible_exit_code.map(i32::from);
        Some(match (code, reports.headline()) {
            (Some(code), _) if said_infeasible => {
                let last = self.tail.lines().rfind(|line| !line.trim().is_empty());
                let last = last.map(|line| format!(": {line}")).unwrap_or_default();
                ReportedEnding::Infeasible(cut(format!(
                    "exited with {code}, which says infeasible{last}"
                )))
            }
            (Some(0), (_, Headline::Measured)) => ReportedEnding::Succeeded,
            (Some(0), (name, Headline::NoNumber(step))) => {
                ReportedEnding::Infeasible(format!("{name} is no number at step {step}"))
            }
            (Some(0), (name, Headline::Missing)) => {
                let notes: Vec<String> = reports.notes().collect();
                let notes = match notes.is_empty() {
                    true => String::new(),
                    false => format!("; of what it reported: {}", notes.join("; ")),
                };
                self.failed(
                    Cause::Other,
                    format!("ended without reporting {name}{notes}"),
                )
            }
            (Some(code), _) => self.failed(self.cause(Cause::Other), format!("exited with {code}")),
            (None, _) => self.killed(),
        })
    }

    fn killed(&self) -> ReportedEnding {
        let signal = self.status.signal().unwrap_or_default();
        let own = OF_ITS_OWN.iter().any(|own| own.as_raw() == signal);
        let cause = match (own, signal == Signal::KILL.as_raw() && self.memory_kills) {
            (_, true) => Cause::OutOfMemory,
            (true, _) => self.cause(Cause::Crashed),
            (false, _) => Cause::Other,
        };
        self.failed(cause, format!("ended by {}", self.status))
    }

    /// The cause, unless its last words are about memory.
    fn cause(&self, otherwise: Cause) -> Cause {
        let about_memory = ABOUT_MEMORY.iter().any(|sign| self.tail.contains(sign));
        if about_memory {
            Cause::OutOfMemory
        } else {
            otherwise
        }
    }

    fn failed(&self, cause: Cause, mut message: String) -> ReportedEnding {
        let tail = self.tail.trim_end();
        if !tail.is_empty() {
            message = cut(message);
            message += "\n";
            message += last_bytes(tail, MAX_TAIL_BYTES);
        }
        ReportedEnding::Failed(Failure::new(cause, message))
    }
}

/// A message with room for the last output behind it.
fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES - MAX_TAIL_BYTES - 1));
    message
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pondersweep_proto::{metric::Better, program::ProgramMetric};

    use super::*;

    fn program() -> ProgramSpec {
        ProgramSpec {
            command: vec!["true".into()],
            environment: BTreeMap::new(),
            files: BTreeMap::new(),
            gpus: 0,
            grace_seconds: 10,
            infeasible_exit_code: Some(3),
            metrics: vec![ProgramMetric::new(
                "accuracy".parse().unwrap(),
                Better::Higher,
            )],
            timeout_seconds: Some(60),
            working_directory: None,
        }
    }

    /// The ending of a raw status, with this report and this last output.
    fn ending(raw: i32, report: &str, tail: &str, memory_kills: bool) -> Option<ReportedEnding> {
        let mut reports = Reports::new(&program(), 0);
        reports.report(report, &mut Vec::new());
        let death = Death {
            status: ExitStatus::from_raw(raw),
            asked: None,
            memory_kills,
            tail,
        };
        death.ending(&program(), &reports)
    }

    fn failure(raw: i32, report: &str, tail: &str, memory_kills: bool) -> (Cause, String) {
        match ending(raw, report, tail, memory_kills) {
            Some(ReportedEnding::Failed(failure)) => (failure.cause, failure.message),
            other => panic!("{other:?}"),
        }
    }

    const EXIT_1: i32 = 1 << 8;
    const EXIT_3: i32 = 3 << 8;
    const GOOD: &str = "{\"accuracy\": 0.5}";

    #[test]
    fn an_end_in_order_counts_by_the_headline() {
        assert_eq!(ending(0, GOOD, "", false), Some(ReportedEnding::Succeeded));
        let infeasible = ending(0, "{\"accuracy\": NaN}", "", false);
        assert_eq!(
            infeasible,
            Some(ReportedEnding::Infeasible(
                "accuracy is no number at step 1".into()
            ))
        );
        let (cause, message) = failure(0, "{\"accurate\": 1}", "training\ndone", false);
        assert_eq!(cause, Cause::Other);
        assert!(
            message.starts_with("ended without reporting accuracy; of what"),
            "{message}"
        );
        assert!(
            message.contains("\"accurate\" is no metric") && message.ends_with("\ntraining\ndone")
        );
    }

    #[test]
    fn the_programs_own_code_says_infeasible_whatever_it_reported() {
        let said = ending(EXIT_3, GOOD, "loss exploded\n", false);
        let expected = "exited with 3, which says infeasible: loss exploded";
        assert_eq!(said, Some(ReportedEnding::Infeasible(expected.into())));
    }

    #[test]
    fn failures_are_told_apart() {
        let (abort, segv, kill, term) = (6, 11, 9, 15);
        assert_eq!(
            failure(EXIT_1, GOOD, "Traceback\nValueError: x", false).0,
            Cause::Other
        );
        assert_eq!(
            failure(EXIT_1, GOOD, "MemoryError", false).0,
            Cause::OutOfMemory
        );
        assert_eq!(failure(segv, GOOD, "", false).0, Cause::Crashed);
        assert_eq!(
            failure(abort, GOOD, "what():  std::bad_alloc", false).0,
            Cause::OutOfMemory
        );
        assert_eq!(failure(kill, GOOD, "", true).0, Cause::OutOfMemory);
        assert_eq!(failure(kill, GOOD, "", false).0, Cause::Other);
        assert_eq!(failure(term, GOOD, "", true).0, Cause::Other);
        assert!(failure(segv, GOOD, "", false).1.contains("signal: 11"));
    }

    #[test]
    fn a_program_that_was_stopped_says_nothing_and_one_out_of_time_says_so() {
        let end = |asked| {
            let death = Death {
                status: ExitStatus::from_raw(15),
                asked: Some(asked),
                memory_kills: false,
                tail: "",
            };
            death.ending(&program(), &Reports::new(&program(), 0))
        };
        assert_eq!(end(Asked::Stopped), None);
        let Some(ReportedEnding::Failed(failure)) = end(Asked::TimedOut) else {
            panic!("it failed");
        };
        assert_eq!(failure.message, "timed out after 60 seconds");
    }

    #[test]
    fn the_last_output_is_kept_as_far_as_a_message_goes() {
        let tail = format!("{}\nthe end", "é".repeat(10_000));
        let message = failure(EXIT_1, GOOD, &tail, false).1;
        assert!(message.starts_with("exited with 1\n") && message.ends_with("\nthe end"));
        assert!(message.len() <= MAX_MESSAGE_BYTES);
    }
}
