//! A coordinator process under test.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Finished, Sandbox, wait_until};

/// A `pondersweep serve` that runs, killed when the test forgets it.
pub(crate) struct Serve {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
    /// What it says but where it listens; the pipe must not fill up.
    rest: Option<JoinHandle<String>>,
    /// Where it answers scrapes, if it was asked to.
    pub(crate) metrics_url: Option<String>,
    /// Where it shows pages, if it was asked to.
    pub(crate) web_url: Option<String>,
}

impl Serve {
    /// Starts one on any free port, with leases of one second.
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        Self::start_at(sandbox, "127.0.0.1:0")
    }

    /// Starts one that answers scrapes, too.
    pub(crate) fn start_with_metrics(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, "127.0.0.1:0", &["--metrics-listen", "127.0.0.1:0"])
    }

    pub(crate) fn start_at(sandbox: &Sandbox, address: &str) -> Self {
        Self::start_with(sandbox, address, &[])
    }

    /// Starts one that can write no file beyond `blocks` blocks of 512 bytes (of 1,024 with some
    /// shells): to the program, writing more fails as on a disk that does.
    pub(crate) fn start_on_small_disk(sandbox: &Sandbox, blocks: u32) -> Self {
        // Without the trap the kernel would end the program before it can say why.
        Self::start_after(sandbox, &format!("trap '' XFSZ; ulimit -f {blocks}"))
    }

    /// Starts one that may have `files` files and connections open.
    pub(crate) fn start_with_few_files(sandbox: &Sandbox, files: u32) -> Self {
        Self::start_after(sandbox, &format!("ulimit -n {files}"))
    }

    /// Starts one in a shell that has run these commands.
    pub(crate) fn start_after(sandbox: &Sandbox, commands: &str) -> Self {
        let program = sandbox.command(&["serve", "--listen", "127.0.0.1:0", "--lease", "60"]);
        let mut command = Command::new("sh");
        let script = format!("{commands}; exec \"$@\"");
        command.args(["-c", &script, "sh"]);
        command.arg(program.get_program()).args(program.get_args());
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        for (name, _) in program.get_envs() {
            command.env_remove(name);
        }
        Self::spawn(command)
    }

    /// Starts one at an address, with more arguments.
    pub(crate) fn start_with(sandbox: &Sandbox, address: &str, more: &[&str]) -> Self {
        let mut command = sandbox.command(&["serve", "--listen", address, "--lease", "1"]);
        command.args(more);
        Self::spawn(command)
    }

    /// Starts a command that serves.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let asked = |flag: &str| command.get_args().any(|argument| argument == flag);
        let (with_metrics, with_web) = (asked("--metrics-listen"), asked("--web"));
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut said: Vec<String> = Vec::new();
        let mut address = || {
            // What is logged may come before.
            let starts = ["serving ", "metrics ", "page "];
            let told = |line: &String| starts.iter().any(|start| line.starts_with(start));
            let line = loop {
                let line = lines.next().expect("it says where").expect("UTF-8");
                if told(&line) {
                    break line;
                }
                said.push(line);
            };
            let address = line.split(" on ").nth(1);
            address
                .unwrap_or_else(|| panic!("no address in {line:?}"))
                .to_owned()
        };
        let url = address();
        let metrics_url = with_metrics.then(&mut address);
        let web_url = with_web.then(address);
        let rest = std::thread::spawn(move || {
            said.extend(lines.map_while(Result::ok));
            said.join("\n")
        });
        Self {
            child,
            url,
            metrics_url,
            web_url,
            rest: Some(rest),
        }
    }

    /// The address without the scheme, for starting another one in its place.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Submits a sweep file of the sandbox to it.
    pub(crate) fn submit(&self, sandbox: &Sandbox, file: &str) {
        let submitted = sandbox.run(&["submit", file, "--coordinator", &self.url]);
        assert_eq!(submitted.code, 0, "{}", submitted.stderr);
    }

    /// Kills it the hard way.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was a child");
    }

    /// Asks it to stop and returns its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        self.child
            .wait()
            .expect("it was a child")
            .code()
            .unwrap_or(-1)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> Finished {
        wait_until("the coordinator ends", || {
            self.child.try_wait().expect("a child").is_some()
        });
        let status = self.child.wait().expect("a child");
        let rest = self.rest.take().expect("taken once");
        Finished {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: rest.join().expect("reading lines never panics"),
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
