//! What every benchmark says of the machine it ran on. Pure.

use pondersweep_worker::bench::Machine;
use serde_json::{Value, json};

/// Runnable threads of others, over the last minute, that disturb a measurement.
const BUSY: f64 = 0.3;

/// What to say when something else seems to run.
pub(super) fn load_note(machine: &Machine) -> Option<String> {
    let load = machine.load_average.filter(|load| *load > BUSY)?;
    Some(format!(
        "the load average is {load:.2}: something else runs or just ran; only ratios of this run count"
    ))
}

/// The machine, for programs.
pub(super) fn json(machine: &Machine) -> Value {
    json!({
        "cpu": machine.cpu,
        "instruction_set": machine.instruction_set,
        "cores": machine.cores,
        "load_average": machine.load_average,
    })
}

#[cfg(test)]
pub(super) fn test_machine(load_average: f64) -> Machine {
    Machine {
        cpu: Some("A CPU".into()),
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
        assert_eq!(load_note(&test_machine(0.1)), None);
        assert!(load_note(&test_machine(1.8)).unwrap().contains("1.80"));
    }
}
