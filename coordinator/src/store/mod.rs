//! The one SQLite database: open, migrate, commit, restore, read.
