//! What a host said: the scripts' own lines, and everything else that its shells and programs may
//! have said around them.

/// What begins a line of the scripts: login shells say things, too.
const MARK: &str = "pondersweep-launch: ";

/// What the script on a host came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A worker of this launch lives there already.
    Alive(u32),
    /// Started, and the coordinator has registered it.
    Registered(u32),
    /// Started; it has not reached the coordinator yet.
    Started(u32),
    /// It ended with this code as soon as it was started.
    Ended(u8),
    /// It was asked to leave and has not finished yet.
    Leaving(u32),
    /// No worker lives there any more.
    Gone,
    /// There never was one.
    Absent,
    /// No such program there; the machine is of this kind, such as `Linux x86_64`.
    Missing(String),
    /// The program there does not run.
    Broken(String),
    /// The program there says that it is this.
    Other(String),
    /// The program was copied.
    Copied,
    /// The log follows.
    Log,
}

/// What a host said: the script's answer, if it gave one, and all other lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What the script came to; `None` if it did not get that far.
    pub answer: Option<Answer>,
    /// Lines after the answer, or all of them without one.
    pub rest: String,
}

impl Said {
    /// Reads a host's standard output. The last answer counts; there should be but one.
    #[must_use]
    pub fn read(output: &str) -> Self {
        let mut said = Self {
            answer: None,
            rest: String::new(),
        };
        for line in output.lines() {
            match line.strip_prefix(MARK).and_then(Answer::read) {
                Some(answer) => {
                    said = Self {
                        answer: Some(answer),
                        rest: String::new(),
                    }
                }
                None => {
                    said.rest.push_str(line);
                    said.rest.push('\n');
                }
            }
        }
        said
    }
}

impl Answer {
    fn read(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let process = || rest.parse().ok();
        Some(match word {
            "alive" => Self::Alive(process()?),
            "registered" => Self::Registered(process()?),
            "started" => Self::Started(process()?),
            "leaving" => Self::Leaving(process()?),
            "ended" => Self::Ended(rest.parse().ok()?),
            "gone" => Self::Gone,
            "absent" => Self::Absent,
            "missing" => Self::Missing(rest.to_owned()),
            "broken" => Self::Broken(rest.to_owned()),
            "other" => Self::Other(rest.to_owned()),
            "copied" => Self::Copied,
            "log" => Self::Log,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_among_what_login_shells_say() {
        let said = Said::read("Welcome!\npondersweep-launch: ended 69\nerror: no coordinator\n");
        assert_eq!(said.answer, Some(Answer::Ended(69)));
        assert_eq!(said.rest, "error: no coordinator\n");
    }

    #[test]
    fn what_is_no_answer_is_passed_on_whole() {
        for text in [
            "sh: not found\n",
            "pondersweep-launch: dances 7\n",
            "pondersweep-launch: alive and well\n",
        ] {
            let said = Said::read(text);
            assert_eq!((said.answer, said.rest.as_str()), (None, text));
        }
    }
}
