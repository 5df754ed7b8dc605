//! The system tests: one binary, real processes, real sockets, real databases.

mod harness;

#[path = "system/adaptive.rs"]
mod adaptive;
#[path = "system/asking.rs"]
mod asking;
#[path = "system/at_rest.rs"]
mod at_rest;
#[path = "system/bad_input.rs"]
mod bad_input;
#[path = "system/blame.rs"]
mod blame;
#[path = "system/chaos.rs"]
mod chaos;
#[path = "system/checkpoint_services.rs"]
mod checkpoint_services;
#[path = "system/checkpoint_uploads.rs"]
mod checkpoint_uploads;
#[path = "system/checkpoints.rs"]
mod checkpoints;
#[path = "system/claims.rs"]
mod claims;
#[path = "system/command_line.rs"]
mod command_line;
#[path = "system/documents.rs"]
mod documents;
#[path = "system/drain.rs"]
mod drain;
#[path = "system/faults.rs"]
mod faults;
#[path = "system/foreign_text.rs"]
mod foreign_text;
#[path = "system/hostile.rs"]
mod hostile;
#[path = "system/launch_kubernetes.rs"]
mod launch_kubernetes;
#[path = "system/launch_slurm.rs"]
mod launch_slurm;
#[path = "system/launch_ssh.rs"]
mod launch_ssh;
#[path = "system/load.rs"]
mod load;
#[path = "system/machines.rs"]
mod machines;
#[path = "system/metrics.rs"]
mod metrics;
#[path = "system/network.rs"]
mod network;
#[path = "system/older.rs"]
mod older;
#[path = "system/page.rs"]
mod page;
#[path = "system/page_browser.rs"]
mod page_browser;
#[path = "system/place.rs"]
mod place;
#[path = "system/programs.rs"]
mod programs;
#[path = "system/promises.rs"]
mod promises;
#[path = "system/recipes.rs"]
mod recipes;
#[path = "system/replay.rs"]
mod replay;
#[path = "system/results.rs"]
mod results;
#[path = "system/run.rs"]
mod run;
#[path = "system/services.rs"]
mod services;
#[path = "system/storage.rs"]
mod storage;
#[path = "system/stories.rs"]
mod stories;
#[path = "system/streams.rs"]
mod streams;
#[path = "system/tidy.rs"]
mod tidy;
#[path = "system/trust.rs"]
mod trust;
#[path = "system/trust_peers.rs"]
mod trust_peers;
#[path = "system/trust_tls.rs"]
mod trust_tls;
#[path = "system/words.rs"]
mod words;
