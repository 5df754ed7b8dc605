//! The rules of the room, tried on real files.

mod commit;
mod digest;
mod disk;
mod open;
mod read;
mod schema;
