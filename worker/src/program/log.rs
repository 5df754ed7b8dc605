//! EDGE: what a program writes: to a file, as far as there is room for it, and the last of it in memory.

use std::{fs, io::Write as _, path::PathBuf};

use super::{folder::Folder, last_bytes};

/// Bytes of output that wait to be logged.
const LOG_AT_ONCE: usize = 64 * 1_024;
/// Bytes of a log. What a program writes beyond is dropped.
const MAX_LOG_BYTES: u64 = 64 * 1_024 * 1_024;
/// Bytes of the last output that are kept in memory.
const TAIL_BYTES: usize = 8 * 1_024;

/// The output of a program: to its file, and the last of it in memory.
pub(super) struct Log {
    path: PathBuf,
    file: Option<fs::File>,
    written: u64,
    waiting: Vec<u8>,
    tail: Vec<u8>,
}

impl Log {
    /// The log of an attempt, empty.
    pub(super) fn new(folder: &Folder) -> Self {
        Self {
            path: folder.log.clone(),
            file: None,
            written: 0,
            waiting: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// Takes output up.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
        if self.tail.len() > 4 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
        }
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= LOG_AT_ONCE {
            self.write();
        }
    }

    /// Writes what waits.
    pub(super) fn write(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() || self.written > MAX_LOG_BYTES {
            return;
        }
        self.written += waiting.len() as u64;
        if self.file.is_none() {
            self.file = fs::File::create(&self.path).ok();
        }
        // A log that cannot be written is no reason to end a trial.
        if let Some(file) = &mut self.file {
            let _ = file.write_all(&waiting);
            if self.written > MAX_LOG_BYTES {
                let _ = file.write_all(b"\npondersweep: the rest was not logged\n");
            }
        }
    }

    /// Whether anything waits to be written.
    pub(super) const fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The last of the output.
    pub(super) fn tail(&self) -> String {
        last_bytes(&String::from_utf8_lossy(&self.tail), TAIL_BYTES).to_owned()
    }
}
