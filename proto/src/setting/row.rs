//! What rows are made of, so that a table reads as a list of what differs between its rows.

use super::{Default, Kind, LeftOut, Row, Use};

/// What most rows share.
pub const BASE: Row = Row {
    section: "",
    name: "",
    kind: Kind::Text,
    uses: &[],
    decided_by: "kind",
    may_vary: false,
    per_lane: None,
    together: false,
    label: "",
    meaning: "",
    hint: None,
};

/// Taken by every kind that no other use names.
#[must_use]
pub const fn always(left_out: LeftOut) -> Use {
    Use {
        kind: None,
        left_out,
    }
}

/// Taken by this kind.
#[must_use]
pub const fn of(kind: &'static str, left_out: LeftOut) -> Use {
    Use {
        kind: Some(kind),
        left_out,
    }
}

/// This number stands for it where it is left out.
#[must_use]
pub const fn number(value: f64) -> LeftOut {
    LeftOut::Value(Default::Number(value))
}

/// This whole number stands for it where it is left out.
#[must_use]
pub const fn integer(value: u64) -> LeftOut {
    LeftOut::Value(Default::Integer(value))
}

/// This choice stands for it where it is left out.
#[must_use]
pub const fn choice(name: &'static str) -> LeftOut {
    LeftOut::Value(Default::Choice(name))
}

/// This flag stands for it where it is left out.
#[must_use]
pub const fn flag(value: bool) -> LeftOut {
    LeftOut::Value(Default::Flag(value))
}

/// This choice stands for it where it is left out, and is left out of the canonical form.
#[must_use]
pub const fn implied(name: &'static str) -> LeftOut {
    LeftOut::Implied(Default::Choice(name))
}

/// A whole number from 1.
#[must_use]
pub const fn count(most: u64) -> Kind {
    Kind::Integer { least: 1, most }
}
