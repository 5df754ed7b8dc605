//! A text with names in braces, which values take the place of. Only a word in braces is a name:
//! other braces are themselves, so that scripts of other languages pass. `{{word}}` is `{word}`.

/// A text with names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<'a>(Vec<Part<'a>>);

/// A part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text as it stands.
    Text(&'a str),
    /// A name.
    Name(&'a str),
}

impl<'a> Template<'a> {
    /// The parts of a text.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            let (part, length) = match word(&from[1..]) {
                Some(name) => (Part::Name(name), name.len() + 2),
                None => match from[1..].strip_prefix('{').and_then(word) {
                    // The inner braces stand, the outer ones go.
                    Some(name) if from[name.len() + 3..].starts_with('}') => {
                        (Part::Text(&from[1..name.len() + 3]), name.len() + 4)
                    }
                    _ => (Part::Text("{"), 1),
                },
            };
            parts.extend([Part::Text(before), part]);
            rest = &from[length..];
        }
        parts.push(Part::Text(rest));
        parts.retain(|part| *part != Part::Text(""));
        Self(parts)
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(*name),
            Part::Text(_) => None,
        })
    }

    /// The text with a value for each name.
    #[must_use]
    pub fn filled(&self, value: impl Fn(&str) -> String) -> String {
        let part = |part: &Part<'a>| match part {
            Part::Text(text) => (*text).to_owned(),
            Part::Name(name) => value(name),
        };
        self.0.iter().map(part).collect()
    }
}

/// The word that the text starts with, if a brace ends it.
fn word(text: &str) -> Option<&str> {
    let (word, _) = text.split_once('}')?;
    let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word.then_some(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str) -> String {
        Template::of(text).filled(|name| format!("<{name}>"))
    }

    #[test]
    fn a_word_in_braces_is_a_name_and_nothing_else_is() {
        assert_eq!(filled("--lr={lr}"), "--lr=<lr>");
        assert_eq!(filled("{a}{b_2}"), "<a><b_2>");
        assert_eq!(filled("{{a}}"), "{a}");
        assert_eq!(filled("${{HOME}}"), "${HOME}");
        for same in [
            "awk '{print $1}'",
            "{}",
            "{ a }",
            "{1}",
            "{\"a\":{\"b\":1}}",
            "{{",
            "}}",
            "{{a}",
            "a}",
            "{",
        ] {
            let expected = if same == "{{a}" { "{<a>" } else { same };
            assert_eq!(filled(same), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read_and_one_without_names_is_itself(text in "[{}a ]{0,12}") {
            let template = Template::of(&text);
            if !text.contains('a') {
                prop_assert_eq!(template.filled(|_| unreachable!()), text);
            }
        }
    }
}
