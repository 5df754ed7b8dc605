//! What every benchmark says of the machine it ran on, and how busy that is.

use std::{fs, thread};

use pondersweep_worker::{identity, kernel::InstructionSet, say};
use serde_json::{Value, json};

/// Runnable threads of others, over the last minute, that disturb a measurement.
const BUSY: f64 = 0.3;

/// A machine, as people name it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    /// The processor's model.
    pub(crate) cpu: String,
    /// The vector instructions the kernels use on it.
    pub(crate) instruction_set: &'static str,
    /// Threads that can run at once.
    pub(crate) cores: usize,
    /// Mean number of runnable threads over the last minute, where the system tells.
    pub(crate) load_average: Option<f64>,
}

impl Machine {
    /// Looks at this machine, and says so on standard error if something else seems to run.
    pub(crate) fn look() -> Self {
        let load = fs::read_to_string("/proc/loadavg").ok();
        let machine = Self {
            cpu: identity::cpu(),
            instruction_set: InstructionSet::detect().name(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            load_average: load.and_then(|text| text.split_whitespace().next()?.parse().ok()),
        };
        if let Some(note) = machine.load_note() {
            say!("note: {note}");
        }
        machine
    }

    fn load_note(&self) -> Option<String> {
        let load = self.load_average.filter(|load| *load > BUSY)?;
        Some(format!(
            "the load average is {load:.2}: something else runs or just ran; only ratios of this run count"
        ))
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "instruction_set": self.instruction_set,
            "cores": self.cores,
            "load_average": self.load_average,
        })
    }
}

#[cfg(test)]
pub(crate) fn test_machine(load_average: f64) -> Machine {
    Machine {
        cpu: "A CPU".into(),
        instruction_set: "avx512",
        cores: 2,
        load_average: Some(load_average),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_is_told_of_and_an_idle_one_is_not() {
        assert_eq!(test_machine(0.1).load_note(), None);
        let note = test_machine(1.8).load_note();
        assert!(note.unwrap().contains("1.80"));
    }
}
