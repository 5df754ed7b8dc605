//! How much memory there is, read from the kernel's files where there are any.

use std::fs;

/// The most memory this process ever had resident, where the system tells.
pub(super) fn peak_resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    bytes(&status, "VmHWM:")
}

/// The memory that programs could still take without swapping, where the system tells.
pub(super) fn available_bytes() -> Option<u64> {
    let memory = fs::read_to_string("/proc/meminfo").ok()?;
    bytes(&memory, "MemAvailable:")
}

/// The value of the line `name value kB`, in bytes.
fn bytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_files_are_read_by_name() {
        let text = "A:  1 kB\nB: 20 kB\nC: 3\n";
        assert_eq!(bytes(text, "B:"), Some(20_480));
        assert_eq!(bytes(text, "C:"), None);
        assert_eq!(bytes(text, "D:"), None);
    }
}
