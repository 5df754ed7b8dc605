//! A real Slurm for one test: a controller, a node and their authentication, on this machine and on
//! loopback only, without systemd, control groups or accounting. Slurm runs jobs only as root.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{
    Sandbox,
    required::{free_port, program, skip},
    wait_until,
};

/// How long a job's credential is good, in seconds: also how long Slurm lets a task wait that is
/// queued again, lest its former run is taken for the next. Two minutes unless said; but a node
/// that is slower than this to start a job refuses it.
const CREDENTIAL_SECONDS: u32 = 5;

/// A Slurm that runs, stopped with the value.
pub(crate) struct Slurm {
    /// In the order in which they were started.
    daemons: Vec<Child>,
    configuration: PathBuf,
}

impl Slurm {
    /// Starts one in a folder of the sandbox; `None` where there is none.
    pub(crate) fn start(sandbox: &Sandbox) -> Option<Self> {
        let needed = ["munged", "slurmctld", "slurmd", "sbatch"];
        if let Some(missing) = needed.iter().find(|name| program(name).is_none()) {
            skip(
                "slurm",
                &format!(
                    "{missing} is not installed (Debian: slurmctld slurmd slurm-client munge)"
                ),
            );
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            skip("slurm", "slurmd runs jobs only as root");
            return None;
        }
        let folder = sandbox.path("slurm");
        for name in ["", "state", "spool"] {
            fs::create_dir(folder.join(name)).expect("the sandbox can be written");
        }
        let configuration = folder.join("slurm.conf");
        fs::write(&configuration, configure(&folder)).expect("the sandbox can be written");
        let mut slurm = Self {
            daemons: Vec::new(),
            configuration,
        };
        slurm.start_daemons(&folder);
        Some(slurm)
    }

    fn start_daemons(&mut self, folder: &Path) {
        let key = folder.join("key");
        // Shared by these daemons only, and for as long as they live.
        fs::write(&key, [7; 128]).expect("the sandbox can be written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&key, mode).expect("it is ours");
        let at = folder.display().to_string();
        let munged = [
            "--foreground".into(),
            "--force".into(),
            format!("--key-file={at}/key"),
            format!("--socket={at}/munge"),
            format!("--pid-file={at}/munged.pid"),
            format!("--log-file={at}/munged.log"),
            format!("--seed-file={at}/munged.seed"),
        ];
        self.daemon("munged", &munged, folder);
        wait_until("munge answers", || folder.join("munge").exists());
        let configuration = self.configuration.display().to_string();
        let controller = ["-D".into(), "-f".into(), configuration.clone()];
        self.daemon("slurmctld", &controller, folder);
        let node = ["-D", "-N", "localhost", "-f", &configuration].map(str::to_owned);
        self.daemon("slurmd", &node, folder);
        wait_until("a node is idle", || {
            let said = self.ask(&["sinfo", "--noheader", "--format=%T"]);
            ["idle", "mixed"].contains(&said.trim())
        });
    }

    fn daemon(&mut self, name: &str, arguments: &[String], folder: &Path) {
        let log = fs::File::create(folder.join(format!("{name}.out")))
            .expect("the sandbox can be written");
        let child = Command::new(program(name).expect("looked for before"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.daemons.push(child.expect("the daemon starts"));
    }

    /// The setting by which Slurm's programs find this one.
    pub(crate) fn setting(&self) -> (&'static str, &Path) {
        ("SLURM_CONF", &self.configuration)
    }

    /// What one of Slurm's programs answers.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let (name, value) = self.setting();
        let output = Command::new(words[0])
            .args(&words[1..])
            .env(name, value)
            .output();
        String::from_utf8(output.expect("the program starts").stdout).expect("UTF-8")
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        // What a failed test has left must not outlive its node.
        self.ask(&["scancel", "--user=root"]);
        self.ask(&["scancel", "--user=root", "--signal=KILL", "--full"]);
        for daemon in self.daemons.iter_mut().rev() {
            let pid = rustix::process::Pid::from_child(daemon);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = daemon.wait();
        }
    }
}

fn configure(folder: &Path) -> String {
    let at = folder.display();
    let (controller, node) = (free_port(), free_port());
    format!(
        "ClusterName=test\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort={controller}\nSlurmdPort={node}\n\
         CommunicationParameters=NoInAddrAny,NoCtldInAddrAny\nSlurmUser=root\nSlurmdUser=root\n\
         AuthType=auth/munge\nAuthInfo=socket={at}/munge,cred_expire={CREDENTIAL_SECONDS}\nCredType=cred/munge\n\
         StateSaveLocation={at}/state\nSlurmdSpoolDir={at}/spool\n\
         SlurmctldPidFile={at}/slurmctld.pid\nSlurmdPidFile={at}/slurmd.pid\n\
         SlurmctldLogFile={at}/slurmctld.log\nSlurmdLogFile={at}/slurmd.log\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none\n\
         JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU_Memory\n\
         SchedulerType=sched/backfill\nSchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1\n\
         ReturnToService=2\nPropagateResourceLimits=NONE\n\
         # More processors than the machine may have, so that no job waits for another.\n\
         SlurmdParameters=config_overrides\n\
         NodeName=localhost NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN\n\
         PartitionName=test Nodes=localhost Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=100\n"
    )
}
