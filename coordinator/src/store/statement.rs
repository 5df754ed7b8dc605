//! Where SQL texts are kept: every statement of this room is a constant made by [`statements!`], so
//! that one test can prepare all of them against the migrated schema. It holds no SQL itself.

/// Defines SQL statements as constants, and `STATEMENTS`, the list of them all.
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$meta])* const $name: &str = $sql;)*

        /// Every statement of this file, for the test that prepares them.
        #[cfg(test)]
        pub(super) const STATEMENTS: &[&str] = &[$($name,)*];
    };
}

pub(super) use statements;
