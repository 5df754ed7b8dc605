//! Text that others wrote, such as names, messages of failed attempts and addresses: what of it may
//! be shown as it is. A terminal obeys some characters, some are not seen, and some make others
//! seem to stand elsewhere; those are shown by their numbers.

use std::borrow::Cow;

/// Whether a character is seen as itself, where it stands: no control, nothing without a width,
/// nothing that ends a line or changes the direction of writing, no noncharacter.
#[must_use]
pub const fn is_seen(character: char) -> bool {
    let number = character as u32;
    let is_unseen = matches!(
        number,
        0x00..=0x1f
            | 0x7f..=0x9f
            | 0xad
            | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfdd0..=0xfdef
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
            | 0x1_bca0..=0x1_bca3
            | 0x1_d173..=0x1_d17a
            | 0xe_0000..=0xe_0fff
    );
    // The last two of each plane are no characters.
    !is_unseen && number & 0xfffe != 0xfffe
}

/// The text on one line.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_seen, |character, shown| {
        shown.extend(character.escape_default());
    })
}

/// The text with its own lines and tabulators.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    let is_plain = |character| is_seen(character) || matches!(character, '\n' | '\t');
    escaped(text, is_plain, |character, shown| {
        shown.extend(character.escape_default());
    })
}

/// JSON as a text, to the same values: where it has such characters they stand in strings, which
/// may name them by their numbers. Its own line ends stay.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let is_plain = |character| is_seen(character) || character == '\n';
    escaped(text, is_plain, |character, shown| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            *shown += &format!("\\u{unit:04x}");
        }
    })
}

fn escaped(
    text: &str,
    is_plain: impl Fn(char) -> bool,
    escape: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if text.chars().all(&is_plain) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            escape(character, &mut shown);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_seen_is_shown_by_its_number() {
        for (text, shown) in [
            ("a \\ b", "a \\ b"),
            ("Größe λ 大き 🙂", "Größe λ 大き 🙂"),
            ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
            (
                "a\u{2028}b\u{2029}c\u{85}d",
                "a\\u{2028}b\\u{2029}c\\u{85}d",
            ),
            ("a\u{fffe}b\u{1ffff}", "a\\u{fffe}b\\u{1ffff}"),
            ("a\u{e0041}\u{9b}2J", "a\\u{e0041}\\u{9b}2J"),
        ] {
            assert_eq!(line(text), shown);
            assert_eq!(lines(text), shown);
        }
        assert_eq!(line("a\n\tb\r"), "a\\n\\tb\\r");
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\\r");
    }

    proptest! {
        #[test]
        fn json_keeps_its_values_and_shows_only_what_is_seen(text in any::<String>()) {
            let value = serde_json::json!({ "text": text, "\u{202e}": [1, 2] });
            let plain = format!("{value:#}");
            let shown = json(&plain);
            prop_assert!(shown.chars().all(|c| is_seen(c) || c == '\n'));
            let again: serde_json::Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(again, value);
        }

        #[test]
        fn one_line_is_one_line(text in any::<String>()) {
            prop_assert!(line(&text).chars().all(is_seen));
        }
    }
}
