//! Machines of their own for a coordinator and two workers, as network namespaces: each worker is
//! joined with the coordinator by a cable, and nothing leads to or from the network of this
//! machine. Cables are cut by nftables, which drops packets without an error, as a broken switch
//! does.
//!
//! The addresses are those set aside for documentation (RFC 5737); they exist only in the
//! namespaces.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{program, skip};

/// What `PONDERSWEEP_REQUIRE` calls them.
const REQUIREMENT: &str = "netns";
pub(crate) const WORKERS: [usize; 2] = [0, 1];

/// Which packets get lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Both,
    ToCoordinator,
    ToWorker,
}

/// A coordinator's machine and two workers', removed when the test forgets them.
pub(crate) struct Namespaces {
    coordinator: String,
    workers: [String; 2],
}

impl Namespaces {
    /// The machines; none, with a word about it, where they cannot be made.
    pub(crate) fn new() -> Option<Self> {
        let namespaces = Self::named();
        if let Err(reason) = namespaces.make() {
            skip(REQUIREMENT, &reason);
            return None;
        }
        for worker in WORKERS {
            namespaces.connect(worker);
            namespaces.tell_address(worker, 1);
        }
        Some(namespaces)
    }

    /// Names that no other test has.
    fn named() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = |role| format!("pondersweep-{}-{number}-{role}", std::process::id());
        Self {
            coordinator: name("coordinator"),
            workers: [name("worker0"), name("worker1")],
        }
    }

    /// Makes the namespaces and looks whether packets can be dropped in them.
    fn make(&self) -> Result<(), String> {
        for tool in ["ip", "nft"] {
            program(tool).ok_or_else(|| format!("{tool} is not installed"))?;
        }
        for name in self.names() {
            attempt("ip", &["netns", "add", name])?;
            attempt("ip", &["-n", name, "link", "set", "lo", "up"])?;
        }
        attempt(
            "ip",
            &["netns", "exec", &self.coordinator, "nft", "list", "tables"],
        )
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let workers = self.workers.iter();
        workers.chain([&self.coordinator]).map(String::as_str)
    }

    /// Lays the cable between a worker and the coordinator.
    fn connect(&self, worker: usize) {
        let (name, cable) = (&self.workers[worker], cable(worker));
        run(&format!(
            "-n {} link add {cable} type veth peer name {cable} netns {name}",
            self.coordinator
        ));
        for (end, last) in [(&self.coordinator, 1), (name, 2)] {
            let address = address(worker, last);
            run(&format!("-n {end} addr add {address}/24 dev {cable}"));
            run(&format!("-n {end} link set {cable} up"));
        }
    }

    /// What a worker's machine takes the name `coordinator` for.
    fn tell_address(&self, worker: usize, last: u8) {
        let folder = self.folder(worker);
        fs::create_dir_all(&folder).expect("root may write below /etc/netns");
        let line = format!("{} coordinator\n", address(worker, last));
        fs::write(folder.join("hosts"), line).expect("root may write below /etc/netns");
    }

    /// The folder whose files a namespace sees in /etc.
    fn folder(&self, worker: usize) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.workers[worker])
    }

    /// The command, on the coordinator's machine.
    pub(crate) fn on_coordinator(&self, command: &Command) -> Command {
        inside(&self.coordinator, command)
    }

    /// The command, on a worker's machine.
    pub(crate) fn on_worker(&self, worker: usize, command: &Command) -> Command {
        inside(&self.workers[worker], command)
    }

    /// Loses every packet of one direction, or of both, until [`Self::mend`].
    pub(crate) fn cut(&self, worker: usize, direction: Direction) {
        // Where they arrive: a packet dropped where it starts would be an error to its sender.
        if direction != Direction::ToWorker {
            self.drop_arriving(&self.coordinator, worker);
        }
        if direction != Direction::ToCoordinator {
            self.drop_arriving(&self.workers[worker], worker);
        }
    }

    fn drop_arriving(&self, name: &str, worker: usize) {
        let cable = cable(worker);
        let rule = format!(
            "add table inet {cable}; \
             add chain inet {cable} arriving {{ type filter hook input priority 0; }}; \
             add rule inet {cable} arriving iifname {cable} drop"
        );
        let nft = attempt("ip", &["netns", "exec", name, "nft", &rule]);
        nft.expect("nftables was there a moment ago");
    }

    /// Lets every packet through again.
    pub(crate) fn mend(&self, worker: usize) {
        let table = format!("table inet {}", cable(worker));
        for name in [&self.coordinator, &self.workers[worker]] {
            // Adding it first makes the removal succeed where it was not.
            let both = format!("add {table}; delete {table}");
            let nft = attempt("ip", &["netns", "exec", name, "nft", &both]);
            nft.expect("nftables was there a moment ago");
        }
    }

    /// Gives a worker's machine another address; connections from the old one are dead,
    /// without an error.
    pub(crate) fn move_worker(&self, worker: usize) {
        self.move_end(&self.workers[worker], worker, 2, 3);
    }

    /// Gives the coordinator's machine another address on a worker's cable, and the name of it.
    pub(crate) fn move_coordinator(&self, worker: usize) {
        self.move_end(&self.coordinator, worker, 1, 4);
        self.tell_address(worker, 4);
    }

    fn move_end(&self, name: &str, worker: usize, from: u8, to: u8) {
        let (cable, from, to) = (cable(worker), address(worker, from), address(worker, to));
        run(&format!("-n {name} addr del {from}/24 dev {cable}"));
        run(&format!("-n {name} addr add {to}/24 dev {cable}"));
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in self.names() {
            let _ = attempt("ip", &["netns", "del", name]);
        }
        for worker in WORKERS {
            let _ = fs::remove_dir_all(self.folder(worker));
        }
    }
}

fn cable(worker: usize) -> String {
    format!("cable{worker}")
}

/// An address on a worker's cable.
fn address(worker: usize, last: u8) -> String {
    let network = ["198.51.100", "203.0.113"][worker];
    format!("{network}.{last}")
}

/// The same command in a namespace: `ip` becomes it, so signals reach it.
fn inside(name: &str, command: &Command) -> Command {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", name]);
    inside.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(variable, value),
            None => inside.env_remove(variable),
        };
    }
    inside.stdin(std::process::Stdio::null());
    inside
}

/// An `ip` command that must succeed.
fn run(arguments: &str) {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    attempt("ip", &arguments).expect("a namespace can be arranged by who made it");
}

fn attempt(tool: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program(tool).unwrap_or_else(|| tool.into()))
        .args(arguments)
        .output()
        .map_err(|error| format!("{tool} {arguments:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let problem = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{tool} {}: {}",
        arguments.join(" "),
        problem.trim()
    ))
}
