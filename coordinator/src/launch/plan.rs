//! PURE: what is launched, decided before anything is run. Hosts are read, shell scripts and
//! manifests are written, and what hosts and batch systems say is understood; nothing here talks to
//! them.

mod answer;
mod batch;
mod credentials;
mod host;
pub mod kubernetes;
mod name;
mod queue;
mod record;
mod refusal;
mod remote;
mod shell;
mod time_limit;
mod worker;

pub use answer::{Answer, Said};
pub use batch::Batch;
pub use credentials::{Credential, Credentials};
pub use host::{Host, HostName, parse_hosts};
pub use name::LaunchName;
pub use queue::{QUEUE_COLUMNS, Task, parse_queue};
pub use record::{HostRecord, JobRecord, Launch, Launched, Tunnel};
pub use refusal::{is_of_tunnel, slurm_hint, ssh_hint};
pub use remote::{Remote, Stop, run_from_stdin};
pub use shell::quote;
pub use time_limit::{TimeLimit, TimeLimitError};
pub use worker::WorkerPlan;
