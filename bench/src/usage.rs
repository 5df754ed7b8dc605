//! What a process needs of the machine, read from the kernel's files where there are any.

use std::{fs, path::Path, time::Duration};

/// What a process needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Memory that is resident now, in bytes.
    pub(super) resident_bytes: u64,
    /// The most that ever was.
    pub(super) peak_bytes: u64,
    /// CPU time of its threads so far.
    pub(super) cpu: Duration,
}

impl Usage {
    /// Of a process; `None` where the system does not tell.
    pub(super) fn of(process_id: u32) -> Option<Self> {
        let folder = format!("/proc/{process_id}");
        let status = fs::read_to_string(format!("{folder}/status")).ok()?;
        Some(Self {
            resident_bytes: bytes(&status, "VmRSS:")?,
            peak_bytes: bytes(&status, "VmHWM:")?,
            cpu: cpu(Path::new(&folder).join("task").as_path())?,
        })
    }
}

/// The value of a line `VmRSS:   1234 kB`.
fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// CPU time of every thread: the first number of its `schedstat`, in nanoseconds.
fn cpu(tasks: &Path) -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(tasks).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_by_its_name() {
        let status = "Name:\tpondersweep\nVmHWM:\t   14240 kB\nVmRSS:\t    1000 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(1_024_000));
        assert_eq!(bytes(status, "VmSwap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_needs_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 0 && usage.peak_bytes >= usage.resident_bytes);
    }
}
