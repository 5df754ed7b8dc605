//! EDGE: all processes of a program, ended together.

use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

use super::host::Host;

/// The processes of a program. Dropped, they are killed.
pub(super) struct Group {
    pid: Option<Pid>,
    host: Arc<Host>,
}

impl Group {
    /// The group that a program leads, which is guarded from now on.
    pub(super) fn of(child: &Child, host: &Arc<Host>) -> Self {
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            host.watch(pid);
        }
        Self {
            pid,
            host: Arc::clone(host),
        }
    }

    /// Sends all of them a signal.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may be gone already.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(pid) = self.pid {
            self.host.forget(pid);
        }
    }
}
