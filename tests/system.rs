//! The system tests: one binary, real processes, real sockets, real databases.

mod harness;

#[path = "system/bad_input.rs"]
mod bad_input;
#[path = "system/checkpoint_services.rs"]
mod checkpoint_services;
#[path = "system/checkpoints.rs"]
mod checkpoints;
#[path = "system/command_line.rs"]
mod command_line;
#[path = "system/drain.rs"]
mod drain;
#[path = "system/faults.rs"]
mod faults;
#[path = "system/run.rs"]
mod run;
#[path = "system/services.rs"]
mod services;
#[path = "system/tidy.rs"]
mod tidy;
