//! PURE: bytes as they come, cut into lines. A carriage return ends a line too, as progress bars
//! write it. Lines have a limit: what is beyond it is dropped until the line ends.

/// Bytes of a line that are kept.
const MAX_LINE_BYTES: usize = 64 * 1_024;

/// The line that has not ended yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    open: Vec<u8>,
    /// Whether the open line was longer than is kept.
    cut: bool,
}

impl Lines {
    /// Takes bytes up and hands over every line that they end; `true` for one that was cut.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&str, bool)) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.keep(&bytes[..end]);
            self.end(&mut line);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// Hands over the last line, which nothing ended.
    pub(super) fn finish(&mut self, mut line: impl FnMut(&str, bool)) {
        self.end(&mut line);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE_BYTES - self.open.len();
        self.cut |= bytes.len() > room;
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(&mut self, line: &mut impl FnMut(&str, bool)) {
        if !self.open.is_empty() {
            line(&String::from_utf8_lossy(&self.open), self.cut);
        }
        self.open.clear();
        self.cut = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<(String, bool)> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.feed(piece, |line, cut| found.push((line.to_owned(), cut)));
        }
        lines.finish(|line, cut| found.push((line.to_owned(), cut)));
        found
    }

    #[test]
    fn the_last_line_needs_no_end_and_a_carriage_return_is_one() {
        let whole = |text: &str| (text.to_owned(), false);
        assert_eq!(lines(&[b"a\nb\r", b"c", b"d"]), ["a", "b", "cd"].map(whole));
        assert_eq!(lines(&[b"\n\n"]), []);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_its_limit() {
        let long = vec![b'x'; 3 * MAX_LINE_BYTES];
        let found = lines(&[&long, &long, b"\nshort"]);
        assert_eq!((found[0].0.len(), found[0].1), (MAX_LINE_BYTES, true));
        assert_eq!(found[1], ("short".to_owned(), false));
    }

    proptest! {
        #[test]
        fn how_the_bytes_come_makes_no_difference(text in "[ab\n]{0,40}", size in 1_usize..7) {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let expected = text.split('\n').filter(|line| !line.is_empty());
            let found: Vec<String> = lines(&pieces).into_iter().map(|(line, _)| line).collect();
            prop_assert!(found.iter().map(String::as_str).eq(expected));
        }
    }
}
