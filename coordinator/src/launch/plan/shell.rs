//! Words of a POSIX shell: written so that no shell reads more into them, and read from a setting
//! such as `PONDERSWEEP_SSH`. Runs nothing.

/// Why a text is no list of words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A quotation mark that is never closed, or a backslash at the end.
    #[error("{0:?} ends within a quotation")]
    Unclosed(String),
}

/// A word as a shell reads it back, whatever is in it.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Words of a shell in one line.
#[must_use]
pub(super) fn quote_all<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let quoted = words.into_iter().map(|word| quote(word.as_ref()));
    quoted.collect::<Vec<_>>().join(" ")
}

/// The words of a text, with the quotation marks and backslashes of a shell but none of its
/// expansions.
///
/// # Errors
/// A quotation is not closed.
pub fn split(text: &str) -> Result<Vec<String>, SplitError> {
    let unclosed = || SplitError::Unclosed(text.to_owned());
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next().ok_or_else(unclosed)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => double_quoted(&mut rest, word.get_or_insert_default()).ok_or_else(unclosed)?,
            '\\' => {
                let escaped = rest.next().ok_or_else(unclosed)?;
                word.get_or_insert_default().push(escaped);
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads to the closing mark; `None` if there is none.
fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            '"' => return Some(()),
            '\\' => match rest.next()? {
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quoted_words_are_read_back_as_they_were(words in prop::collection::vec(".{0,12}", 0..5)) {
            prop_assert_eq!(split(&quote_all(&words)), Ok(words));
        }
    }

    #[test]
    fn a_shell_reads_a_quoted_word_back_as_it_was() {
        let word = "it's $HOME `x` \"y\" \\ ! * \n end";
        let script = format!("printf %s {}", quote(word));
        let shell = std::process::Command::new("sh")
            .args(["-c", &script])
            .output();
        assert_eq!(String::from_utf8(shell.unwrap().stdout).unwrap(), word);
    }

    #[test]
    fn settings_are_split_like_a_shell_would() {
        let words = |text| split(text).unwrap();
        assert_eq!(
            words("ssh -F 'my config' -p 22"),
            ["ssh", "-F", "my config", "-p", "22"]
        );
        assert_eq!(words(r#" a"b \" c"d  \e "#), [r#"ab " cd"#, "e"]);
        assert_eq!(words("''"), [""]);
        assert!(words("  ").is_empty());
        for open in ["'a", "\"a", "a\\"] {
            assert_eq!(split(open), Err(SplitError::Unclosed(open.into())));
        }
    }
}
