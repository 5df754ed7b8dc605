//! A coordinator process under test.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::Sandbox;

/// A `pondersweep serve` that runs, killed when the test forgets it.
pub(crate) struct Serve {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl Serve {
    /// Starts one on any free port, with leases of one second.
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        Self::start_at(sandbox, "127.0.0.1:0")
    }

    /// Starts one at an address.
    pub(crate) fn start_at(sandbox: &Sandbox, address: &str) -> Self {
        let mut child = sandbox
            .command(&["serve", "--listen", address, "--lease", "1"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let first = lines.next().expect("a first line").expect("UTF-8");
        let url = first
            .split(" on ")
            .nth(1)
            .unwrap_or_else(|| panic!("no address in {first:?}"));
        let url = url.to_owned();
        // The pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// The address without the scheme, for starting another one in its place.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
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
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
