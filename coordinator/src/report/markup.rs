//! Text inside SVG and HTML. It never becomes markup, whatever it holds.

use pondersweep_proto::foreign::is_seen;

/// The text with everything escaped that SVG and HTML take for markup. What XML forbids altogether,
/// even escaped, becomes U+FFFD, since one such character makes a whole picture unreadable; so does
/// what is not seen or changes the direction of the text around it.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            _ if !is_seen(character) => safe.push('\u{FFFD}'),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_element() {
        assert_eq!(escaped("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }

    #[test]
    fn what_xml_forbids_is_replaced() {
        assert_eq!(
            escaped("a\u{0}b\u{1b}c\u{FFFE}d\u{FFFF}e\nf\u{202E}g"),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e f\u{FFFD}g"
        );
    }
}
