//! The rules of the room, tried on real files.

mod breakdown;
mod checkpoint;
mod commit;
mod create;
mod digest;
mod disk;
mod open;
mod read;
mod schema;
mod token;
mod upgrade;
