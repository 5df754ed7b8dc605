//! The rules of the room, tried on real files.

mod checkpoint;
mod commit;
mod open;
mod read;
mod schema;
