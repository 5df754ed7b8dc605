//! This program as something that can be copied to a host.

use anyhow::Context as _;
use pondersweep_proto::id::hexadecimal;
use sha2::{Digest as _, Sha256};

/// Digits of the hash in the name of a copy.
const DIGITS: usize = 12;

/// The version that workers must have.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The bytes of this program, under the name that a copy has: by its content, so that a copy that
/// is there is the right one, and one that is in use is never written over.
pub(super) struct Program {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Program {
    /// Reads this program.
    pub(super) fn read() -> anyhow::Result<Self> {
        let path = std::env::current_exe().context("cannot find this program")?;
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let digits = hexadecimal(&Sha256::digest(&bytes));
        Ok(Self {
            name: format!("pondersweep-{VERSION}-{}", &digits[..DIGITS]),
            bytes,
        })
    }
}

/// What this program was built for, as `uname -sm` has it.
pub(super) fn system() -> String {
    let name = rustix::system::uname();
    format!(
        "{} {}",
        name.sysname().to_string_lossy(),
        name.machine().to_string_lossy()
    )
}
