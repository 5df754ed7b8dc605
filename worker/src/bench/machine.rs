//! What this machine is and how busy it is, read from the kernel's files where there are any.

use std::{fs, thread};

use crate::kernel::InstructionSet;

/// A machine, as people name it.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The CPU's model name, where the system tells.
    pub cpu: Option<String>,
    /// The vector instructions the kernels use on it.
    pub instruction_set: &'static str,
    /// Threads that can run at once.
    pub cores: usize,
    /// Mean number of runnable threads over the last minute, where the system tells.
    pub load_average: Option<f64>,
}

impl Machine {
    /// Looks at this machine. What the system does not tell is `None`.
    #[must_use]
    pub fn look() -> Self {
        let read = |path| fs::read_to_string(path).ok();
        Self {
            cpu: read("/proc/cpuinfo").and_then(|text| field(&text, "model name")),
            instruction_set: InstructionSet::detect().name(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            load_average: read("/proc/loadavg").and_then(|text| first_number(&text)),
        }
    }
}

/// The most memory this process ever had resident, where the system tells.
pub(crate) fn peak_resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    bytes(&status, "VmHWM")
}

/// The memory that programs could still take without swapping, where the system tells.
pub(crate) fn available_bytes() -> Option<u64> {
    let memory = fs::read_to_string("/proc/meminfo").ok()?;
    bytes(&memory, "MemAvailable")
}

/// The value of the first line `name : value kB`, in bytes.
fn bytes(text: &str, name: &str) -> Option<u64> {
    let kibibytes: u64 = field(text, name)?.strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_files_are_read_by_name() {
        let text = "processor\t: 0\nmodel name\t: A CPU\nmodel name\t: other\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A CPU"));
        assert_eq!(field(text, "model"), None);
        assert_eq!(bytes("A:  1 kB\nB: 20 kB\nC: 3\n", "B"), Some(20_480));
        assert_eq!(bytes("C: 3\n", "C"), None);
        assert_eq!(first_number("0.42 0.35 0.30 1/99 1\n"), Some(0.42));
    }
}
