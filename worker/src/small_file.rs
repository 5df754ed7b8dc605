//! EDGE: files that people write and programs read whole, such as sweep files, tokens and certificates. A
//! device that never ends, or a file that was named by mistake, is refused before it fills the memory.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// More than any text that people write by hand.
pub const MAX_TEXT_BYTES: u64 = 16 * 1_024 * 1_024;

/// The text of a file.
///
/// # Errors
/// It cannot be read, is too long, or no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    text_of(File::open(path)?)
}

/// What is left of a stream, as a text.
///
/// # Errors
/// As for [`read_text`].
pub fn text_of(stream: impl Read) -> io::Result<String> {
    let bytes = bytes_of(stream, MAX_TEXT_BYTES)?;
    let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text");
    String::from_utf8(bytes).map_err(no_text)
}

/// The bytes of a file, up to so many.
///
/// # Errors
/// It cannot be read, or has more.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    bytes_of(File::open(path)?, most)
}

fn bytes_of(stream: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let problem = format!("it has more than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_refused() {
        assert_eq!(bytes_of(&b"abc"[..], 3).unwrap(), b"abc");
        assert!(bytes_of(&b"abcd"[..], 3).is_err());
        let error = text_of(io::repeat(0)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(text_of(&b"\xff"[..]).is_err());
    }
}
