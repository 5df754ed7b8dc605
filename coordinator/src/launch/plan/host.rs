//! The hosts of a launch, from the command line or a file: `name`, `user@name`, `name:slots`,
//! `user@[address]:slots`.
//! Whether they exist is ssh's business.

use std::{collections::HashSet, fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize};

/// A host to start a worker on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// What ssh calls it.
    pub name: HostName,
    /// Bundles trained side by side there; as many as the worker thinks right unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<NonZeroU32>,
}

/// A host as ssh knows it: a name of its configuration, of the network, or an address. It begins
/// with no hyphen, so ssh cannot take it for an option, and names a folder as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// Why a text names no hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// A name with characters that no host has.
    #[error("{0:?} is not the name of a host\nhint: use NAME, USER@NAME or NAME:SLOTS")]
    BadName(String),
    /// What follows the colon is no number from 1.
    #[error(
        "{0:?}: slots are a number from 1\n\
         hint: use NAME:SLOTS; set another port in ~/.ssh/config, and write an IPv6 address as [ADDRESS] or USER@[ADDRESS]"
    )]
    BadSlots(String),
    /// The same host again: which slots would count?
    #[error("the host {0} is named twice\nhint: say how much it trains at once with NAME:SLOTS")]
    Twice(HostName),
    /// Nothing but white space and comments.
    #[error("no hosts are named")]
    None,
}

impl HostName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@:%".contains(c);
        let starts_well =
            text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        if starts_well && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(HostError::BadName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for HostName {
    type Error = HostError;

    fn try_from(text: String) -> Result<Self, HostError> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (name, slots) = split_slots(text)?;
        let bad = || HostError::BadSlots(text.to_owned());
        let slots = slots.map(|slots| slots.parse().map_err(|_| bad()));
        // Slots first: of an address without brackets, they are what cannot be read.
        let slots = slots.transpose()?;
        Ok(Self {
            name: name.parse()?,
            slots,
        })
    }
}

/// The name and what follows its colon. An address with colons stands in brackets, after the user
/// or with it.
fn split_slots(text: &str) -> Result<(String, Option<&str>), HostError> {
    let Some((before, bracketed)) = text.split_once('[') else {
        return Ok(match text.split_once(':') {
            Some((name, slots)) => (name.to_owned(), Some(slots)),
            None => (text.to_owned(), None),
        });
    };
    let bad = || HostError::BadName(text.to_owned());
    let (address, rest) = bracketed.split_once(']').ok_or_else(bad)?;
    if !(before.is_empty() || before.ends_with('@')) {
        return Err(bad());
    }
    let name = format!("{before}{address}");
    match rest.strip_prefix(':') {
        Some(slots) => Ok((name, Some(slots))),
        None if rest.is_empty() => Ok((name, None)),
        None => Err(bad()),
    }
}

/// The hosts of a text: separated by commas, white space or lines; `#` begins a comment.
///
/// # Errors
/// An entry cannot be read, a host is named twice, or there is none.
pub fn parse_hosts(text: &str) -> Result<Vec<Host>, HostError> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let entries = lines.flat_map(|line| line.split(|c: char| c == ',' || c.is_whitespace()));
    let hosts: Vec<Host> = entries
        .filter(|entry| !entry.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let mut seen = HashSet::new();
    match hosts.iter().find(|host| !seen.insert(&host.name)) {
        Some(host) => Err(HostError::Twice(host.name.clone())),
        None if hosts.is_empty() => Err(HostError::None),
        None => Ok(hosts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, u32)]) {
        let hosts = parse_hosts(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let slots = |host: &Host| host.slots.map_or(0, NonZeroU32::get);
        let hosts: Vec<_> = hosts.iter().map(|h| (h.name.as_str(), slots(h))).collect();
        assert_eq!(hosts, expect, "{text}");
    }

    #[test]
    fn hosts_are_read_from_lists_and_from_files() {
        check("a,b:4 c", &[("a", 0), ("b", 4), ("c", 0)]);
        check(
            "# ours\nme@gpu-1.lab:2  # the new one\n\n10.0.0.7\n",
            &[("me@gpu-1.lab", 2), ("10.0.0.7", 0)],
        );
        check("[fe80::1%eth0]:3,[::1]", &[("fe80::1%eth0", 3), ("::1", 0)]);
        check("root@[::1]:2,me@[::1]", &[("root@::1", 2), ("me@::1", 0)]);
        check("[root@::1]:2", &[("root@::1", 2)]);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let refusal = |text| parse_hosts(text).unwrap_err();
        // ssh would run it.
        assert_eq!(
            refusal("-oProxyCommand=x"),
            HostError::BadName("-oProxyCommand=x".into())
        );
        assert!(matches!(refusal("../a"), HostError::BadName(_)));
        assert!(matches!(refusal("a;b"), HostError::BadName(_)));
        assert!(matches!(refusal("[::1"), HostError::BadName(_)));
        assert!(matches!(refusal("a[::1]"), HostError::BadName(_)));
        assert!(matches!(refusal("@[::1]"), HostError::BadName(_)));
        assert!(matches!(refusal("root@[::1]2"), HostError::BadName(_)));
        assert!(matches!(refusal("root@::1"), HostError::BadSlots(_)));
        assert!(matches!(refusal("a:0"), HostError::BadSlots(_)));
        assert!(matches!(refusal("::1"), HostError::BadSlots(_)));
        assert_eq!(refusal("a,a:2"), HostError::Twice(HostName("a".into())));
        assert_eq!(refusal(" # none\n"), HostError::None);
    }
}
