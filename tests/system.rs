//! The system tests: one binary, real processes, real sockets, real databases.

mod harness;

#[path = "system/bad_input.rs"]
mod bad_input;
#[path = "system/command_line.rs"]
mod command_line;
#[path = "system/faults.rs"]
mod faults;
#[path = "system/load.rs"]
mod load;
#[path = "system/metrics.rs"]
mod metrics;
#[path = "system/run.rs"]
mod run;
#[path = "system/services.rs"]
mod services;
#[path = "system/tidy.rs"]
mod tidy;
