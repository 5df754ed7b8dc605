//! Which workers share a process, and therefore die together: a process lives once for each of its
//! devices. It decides nothing.

use std::collections::HashMap;

use pondersweep_proto::id::WorkerId;

/// A process of a machine, while it lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// The machine.
    pub host: String,
    /// The process there.
    pub process_id: u32,
}

/// The processes that were heard of.
#[derive(Debug, Default)]
pub(super) struct Processes {
    of_worker: HashMap<WorkerId, Process>,
    workers: HashMap<Process, Vec<WorkerId>>,
}

impl Processes {
    /// Notes which process a worker lives in.
    pub(super) fn register(&mut self, worker_id: &WorkerId, process: Process) {
        let former = self.of_worker.insert(worker_id.clone(), process.clone());
        if former.as_ref() == Some(&process) {
            return;
        }
        if let Some(workers) = former.and_then(|former| self.workers.get_mut(&former)) {
            workers.retain(|other| other != worker_id);
        }
        let workers = self.workers.entry(process).or_default();
        workers.push(worker_id.clone());
    }

    pub(super) fn forget(&mut self, worker_id: &WorkerId) {
        let Some(process) = self.of_worker.remove(worker_id) else {
            return;
        };
        if let Some(workers) = self.workers.get_mut(&process) {
            workers.retain(|other| other != worker_id);
            if workers.is_empty() {
                self.workers.remove(&process);
            }
        }
    }

    /// The process of a worker, where it is known.
    pub(super) fn of(&self, worker_id: &WorkerId) -> Option<&Process> {
        self.of_worker.get(worker_id)
    }

    pub(super) fn workers(&self, process: &Process) -> &[WorkerId] {
        self.workers.get(process).map_or(&[], Vec::as_slice)
    }

    /// The workers that share a worker's process, itself among them. One whose process is not known
    /// has it for itself.
    pub(super) fn companions<'a>(&'a self, worker_id: &'a WorkerId) -> &'a [WorkerId] {
        match self.of_worker.get(worker_id) {
            Some(process) => self.workers(process),
            None => std::slice::from_ref(worker_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_of_one_process_are_companions_until_one_says_otherwise() {
        let [a, b] = ["a", "b"].map(|name| name.parse::<WorkerId>().unwrap());
        let process = |process_id| Process {
            host: "node".into(),
            process_id,
        };
        let mut processes = Processes::default();
        assert_eq!(processes.companions(&a), std::slice::from_ref(&a));
        processes.register(&a, process(1));
        processes.register(&b, process(1));
        processes.register(&a, process(1));
        assert_eq!(processes.companions(&a), [a.clone(), b.clone()]);
        processes.register(&a, process(2));
        assert_eq!(processes.companions(&b), std::slice::from_ref(&b));
        assert_eq!(processes.workers(&process(2)), std::slice::from_ref(&a));
        processes.forget(&a);
        assert_eq!(processes.of(&a), None);
        assert_eq!(processes.workers(&process(2)), []);
    }
}
