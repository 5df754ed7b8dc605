//! How every worker of a launch is started: the arguments of `pondersweep worker`. Paths of
//! credentials are left to the caller, who knows where they are on the other side.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// What a worker is told, wherever it runs. As it is remembered in the state file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerPlan {
    /// Where workers find the coordinator, as seen from their machine.
    pub coordinator: String,
    /// Where to compute; the other machine knows which names are right.
    pub devices: Vec<String>,
    /// Bundles trained side by side on each device.
    pub slots: Option<NonZeroU32>,
    /// The most trials trained as one program.
    pub lanes: Option<NonZeroU32>,
    /// The one sweep to work for.
    pub sweep: Option<String>,
    /// Seconds between two checkpoints of a trial.
    pub checkpoint_every_seconds: Option<u64>,
    /// Leave when there is nothing to do.
    pub exit_when_idle: bool,
    /// Leave in order after this many seconds.
    pub lifetime_seconds: Option<u64>,
    /// How long leaving in order may take, in seconds.
    pub grace_seconds: Option<u64>,
    /// Send the token unencrypted, over a network that is trusted.
    #[serde(default)]
    pub insecure: bool,
    /// Run users' programs.
    #[serde(default)]
    pub allow_programs: bool,
}

impl WorkerPlan {
    /// Workers as they are by themselves, for a coordinator.
    #[must_use]
    pub fn for_coordinator(url: &str) -> Self {
        Self {
            coordinator: url.to_owned(),
            devices: Vec::new(),
            slots: None,
            lanes: None,
            sweep: None,
            checkpoint_every_seconds: None,
            exit_when_idle: false,
            lifetime_seconds: None,
            grace_seconds: None,
            insecure: false,
            allow_programs: false,
        }
    }

    /// Whether the devices are all processors, of which the machine's count says how many slots.
    #[must_use]
    pub fn is_on_processors(&self) -> bool {
        self.devices.iter().all(|device| device == "cpu")
    }

    /// The arguments after `pondersweep worker`.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--coordinator".into(), self.coordinator.clone()];
        let mut add = |flag: &str, value: Option<String>| {
            arguments.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
        };
        add(
            "--device",
            (!self.devices.is_empty()).then(|| self.devices.join(",")),
        );
        add("--slots", self.slots.as_ref().map(ToString::to_string));
        add("--lanes", self.lanes.as_ref().map(ToString::to_string));
        add("--sweep", self.sweep.clone());
        add(
            "--checkpoint-every",
            self.checkpoint_every_seconds
                .as_ref()
                .map(ToString::to_string),
        );
        add(
            "--lifetime",
            self.lifetime_seconds.as_ref().map(ToString::to_string),
        );
        add(
            "--grace",
            self.grace_seconds.as_ref().map(ToString::to_string),
        );
        if self.exit_when_idle {
            arguments.push("--exit-when-idle".into());
        }
        if self.insecure {
            arguments.push("--insecure".into());
        }
        if self.allow_programs {
            arguments.push("--allow-programs".into());
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_is_passed_on() {
        let mut worker = WorkerPlan::for_coordinator("http://c:7878");
        assert_eq!(worker.arguments(), ["--coordinator", "http://c:7878"]);
        assert!(worker.is_on_processors());
        worker.devices = vec!["cuda:0".into(), "cpu".into()];
        worker.slots = NonZeroU32::new(2);
        worker.checkpoint_every_seconds = Some(0);
        worker.exit_when_idle = true;
        worker.insecure = true;
        worker.allow_programs = true;
        assert!(!worker.is_on_processors());
        let said = worker.arguments().join(" ");
        assert_eq!(
            said,
            "--coordinator http://c:7878 --device cuda:0,cpu --slots 2 --checkpoint-every 0 --exit-when-idle --insecure \
             --allow-programs"
        );
    }
}
