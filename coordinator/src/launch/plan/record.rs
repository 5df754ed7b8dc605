//! What is remembered of a launch, as the state file has it.

use serde::{Deserialize, Serialize};

use super::{Host, HostName, LaunchName, WorkerPlan};

/// Version of the state file; a change that breaks a reader counts it up.
const SCHEMA: u32 = 1;

/// A launch: what was started, how, and where to ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    schema: u32,
    /// Its name.
    pub name: LaunchName,
    /// When it was launched first, in milliseconds since 1970-01-01 UTC.
    pub started_at_ms: i64,
    /// How every worker is started.
    pub worker: WorkerPlan,
    /// Where they are.
    pub launched: Launched,
}

/// The ways that lead to other machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launched {
    /// A worker on each of some hosts.
    Ssh {
        /// The words of the ssh command.
        ssh: Vec<String>,
        /// The folder of launches on the hosts, unless it is the usual one.
        directory: Option<String>,
        /// The hosts.
        hosts: Vec<HostRecord>,
    },
    /// A job array.
    Slurm(JobRecord),
}

/// A host that was launched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The host.
    #[serde(flatten)]
    pub host: Host,
    /// The tunnel through which its worker reaches the coordinator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<Tunnel>,
}

/// A port of a host's loopback that leads back here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// The socket through which the ssh that holds it is steered.
    pub control_path: String,
    /// The port on the host.
    pub port: u16,
    /// Where it leads, as `HOST:PORT` seen from here.
    pub target: String,
}

/// A job array that was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Slurm's number of it, with its cluster if it said one.
    pub job: String,
    /// Tasks of the array.
    pub workers: u32,
    /// The folder of its script and logs.
    pub folder: String,
}

impl Launch {
    /// A launch that is about to happen.
    #[must_use]
    pub const fn new(
        name: LaunchName,
        started_at_ms: i64,
        worker: WorkerPlan,
        launched: Launched,
    ) -> Self {
        Self {
            schema: SCHEMA,
            name,
            started_at_ms,
            worker,
            launched,
        }
    }

    /// Whether this program knows the form of the state file.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.schema == SCHEMA
    }

    /// The hosts, of a launch through ssh.
    #[must_use]
    pub fn hosts(&self) -> &[HostRecord] {
        match &self.launched {
            Launched::Ssh { hosts, .. } => hosts,
            Launched::Slurm(_) => &[],
        }
    }

    /// Whether `known`, of the same name, may go on as this launch, on these hosts: it led to the same
    /// coordinator in the same way.
    #[must_use]
    pub fn continues(&self, known: &Self, records: &[HostRecord]) -> bool {
        let (Launched::Ssh { directory, .. }, Launched::Ssh { directory: old, .. }) =
            (&self.launched, &known.launched)
        else {
            return false;
        };
        let as_before = |known: &HostRecord| {
            let mut again = records
                .iter()
                .filter(|record| record.host.name == known.host.name);
            again.all(|record| record.tunnel == known.tunnel)
        };
        directory == old
            && self.worker.coordinator == known.worker.coordinator
            && known.hosts().iter().all(as_before)
    }

    /// This launch with the age and the hosts of the one that it continues.
    #[must_use]
    pub fn after(mut self, known: Self) -> Self {
        self.started_at_ms = known.started_at_ms;
        if let (Launched::Ssh { hosts, .. }, Launched::Ssh { hosts: old, .. }) =
            (&mut self.launched, known.launched)
        {
            *hosts = old;
        }
        self
    }

    /// Adds a host, or replaces what was known of it.
    pub fn remember(&mut self, record: HostRecord) {
        let Launched::Ssh { hosts, .. } = &mut self.launched else {
            return;
        };
        match hosts
            .iter_mut()
            .find(|known| known.host.name == record.host.name)
        {
            Some(known) => *known = record,
            None => hosts.push(record),
        }
    }

    /// Forgets a host on which nothing was started.
    pub fn forget(&mut self, name: &HostName) {
        if let Launched::Ssh { hosts, .. } = &mut self.launched {
            hosts.retain(|known| known.host.name != *name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(host: &str) -> HostRecord {
        HostRecord {
            host: host.parse().unwrap(),
            tunnel: None,
        }
    }

    #[test]
    fn only_a_launch_to_the_same_coordinator_in_the_same_way_goes_on() {
        let launch = |url: &str, directory: Option<&str>, hosts: &[HostRecord]| {
            let launched = Launched::Ssh {
                ssh: vec!["ssh".into()],
                directory: directory.map(str::to_owned),
                hosts: hosts.to_vec(),
            };
            let worker = WorkerPlan::for_coordinator(url);
            Launch::new("demo".parse().unwrap(), 7, worker, launched)
        };
        let tunnelled = |host: &str, port| HostRecord {
            tunnel: Some(Tunnel {
                control_path: "/s".into(),
                port,
                target: "localhost:1".into(),
            }),
            ..record(host)
        };
        let known = launch("http://c:1", None, &[record("a"), tunnelled("b", 1)]);
        let new = launch("http://c:1", None, &[]);
        let again = [record("a:2"), tunnelled("b", 1), record("c")];
        assert!(new.continues(&known, &again));
        assert_eq!(new.clone().after(known.clone()).hosts(), known.hosts());
        assert!(!new.continues(&known, &[tunnelled("b", 2)]), "another port");
        assert!(!new.continues(&known, &[tunnelled("a", 1)]), "a tunnel now");
        assert!(!launch("http://d:1", None, &[]).continues(&known, &again));
        assert!(!launch("http://c:1", Some("/there"), &[]).continues(&known, &again));
        let slurm = Launched::Slurm(JobRecord {
            job: "7".into(),
            workers: 1,
            folder: "/f".into(),
        });
        let slurm = Launch {
            launched: slurm,
            ..known.clone()
        };
        assert!(!new.continues(&slurm, &again));
    }

    #[test]
    fn a_launch_is_read_back_as_it_was_written_and_holds_each_host_once() {
        let launched = Launched::Ssh {
            ssh: vec!["ssh".into()],
            directory: None,
            hosts: Vec::new(),
        };
        let worker = WorkerPlan::for_coordinator("http://c:1");
        let mut launch = Launch::new("demo".parse().unwrap(), 7, worker, launched);
        for host in ["a", "b:2", "a:3"] {
            launch.remember(record(host));
        }
        launch.forget(&"b".parse().unwrap());
        assert_eq!(launch.hosts(), [record("a:3")]);
        let text = serde_json::to_string(&launch).unwrap();
        assert_eq!(serde_json::from_str::<Launch>(&text).unwrap(), launch);
    }
}
