//! Who this worker is: host, process, machine, version and the hash of its own program, so that
//! every result says what computed it. Reads the machine; decides nothing.

mod machine;

use std::{fs, io, process};

use pondersweep_proto::{
    id::{WorkerId, hexadecimal},
    wire,
};
use sha2::{Digest, Sha256};

use crate::device::DeviceName;
pub use machine::cpu;

/// Describes this process as a worker with `slots` slots on a device, its device `number`.
///
/// # Errors
/// The program's own file cannot be read.
pub fn identify(
    number: usize,
    device: DeviceName,
    slots: u32,
) -> io::Result<(WorkerId, wire::WorkerInfo)> {
    let host = host();
    let worker_id = worker_id(&host, number)?;
    let info = wire::WorkerInfo {
        worker_id: worker_id.to_string(),
        host,
        process_id: process::id(),
        device: device.to_string(),
        backend: device.backend().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        binary_sha256: binary_sha256()?,
        slots,
        cpu: machine::cpu(),
        cpu_features: machine::cpu_features(),
        instructions: device.instructions().to_owned(),
        gpu: machine::gpu(),
    };
    Ok((worker_id, info))
}

/// The name of this machine, as workers report it.
#[must_use]
pub fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// A name no other worker has: host, process id, when this process looked at the clock, and which
/// of its devices. The process id alone comes back after a reboot, the host alone is shared by
/// every process of a machine.
fn worker_id(host: &str, number: usize) -> io::Result<WorkerId> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an edge: only makes the name unique"
    )]
    let now = std::time::SystemTime::now();
    let nanos = now
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let host: String = host
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(24)
        .collect();
    let text = format!(
        "{host}-{}-{:x}-{number}",
        process::id(),
        nanos & 0xffff_ffff_ffff
    );
    text.parse().map_err(io::Error::other)
}

/// The SHA-256 of this program, as hexadecimal digits.
///
/// # Errors
/// Its file cannot be read.
pub fn binary_sha256() -> io::Result<String> {
    let program = fs::read(std::env::current_exe()?)?;
    Ok(hexadecimal(&Sha256::digest(program)))
}
