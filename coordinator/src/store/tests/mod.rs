//! The rules of the room, tried on real files.

mod commit;
mod disk;
mod open;
mod read;
mod schema;
