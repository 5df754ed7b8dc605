//! Words for a POSIX shell, written so that it reads no more into them. Runs nothing.

use shlex::Quoter;

/// Words of a POSIX shell in one line, whatever is in them.
#[must_use]
pub fn quote<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoter = Quoter::new().allow_nul(true);
    quoter
        .join(words)
        .expect("a zero byte is the only word that cannot be quoted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_quoted_words_back_as_they_were() {
        let words = ["it's $HOME `x` \"y\" \\ ! * \n end", "", "~", "a=b"];
        let script = format!("printf '%s|' {}", quote(words));
        let shell = std::process::Command::new("sh")
            .args(["-c", &script])
            .output();
        let read_back = String::from_utf8(shell.unwrap().stdout).unwrap();
        assert_eq!(read_back, words.map(|word| format!("{word}|")).concat());
    }
}
