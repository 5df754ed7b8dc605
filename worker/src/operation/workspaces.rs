//! The kernels' memory, lent to one pass at a time and used again by the next: after the first
//! update of a bundle none is allocated.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::kernel::{InstructionSet, Pass, Shape, Workspace};

/// The workspaces of a bundle that no pass holds at the moment. Clones share them.
#[derive(Clone)]
pub(super) struct Workspaces {
    instructions: InstructionSet,
    idle: Arc<Mutex<Vec<(Pass, Workspace)>>>,
}

impl Workspaces {
    /// None yet, for the best instructions of this processor.
    pub(super) fn new() -> Self {
        Self {
            instructions: InstructionSet::detect(),
            idle: Arc::default(),
        }
    }

    /// Lends one workspace for each lane.
    pub(super) fn lend(&self, shape: Shape, pass: Pass, lanes: usize) -> Lent {
        let mut idle = self.idle();
        let workspaces = (0..lanes).map(|_| {
            let fits = |(for_what, workspace): &(Pass, Workspace)| {
                *for_what == pass && *workspace.shape() == shape
            };
            match idle.iter().position(fits) {
                Some(index) => idle.swap_remove(index).1,
                None => Workspace::new(shape, pass, self.instructions),
            }
        });
        Lent {
            workspaces: workspaces.collect(),
            pass,
            owner: self.clone(),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Pass, Workspace)>> {
        // A workspace remembers nothing of the pass before, not even of one that panicked.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Workspaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspaces").finish_non_exhaustive()
    }
}

/// One workspace a lane, given back when dropped: after the backward pass, or with a graph that
/// is never differentiated.
pub(super) struct Lent {
    pub(super) workspaces: Vec<Workspace>,
    pass: Pass,
    owner: Workspaces,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let pass = self.pass;
        let back = self.workspaces.drain(..);
        let mut idle = self.owner.idle();
        idle.extend(back.map(|workspace| (pass, workspace)));
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({})", self.workspaces.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Cell;

    #[test]
    fn a_workspace_given_back_is_lent_again_for_the_same_shape_and_purpose_only() {
        let shape = Shape {
            cell: Cell::Rnn,
            batch: 2,
            elements: 3,
            first_step_flag: false,
            hidden: 4,
            steps: 5,
        };
        let workspaces = Workspaces::new();
        drop(workspaces.lend(shape, Pass::Training, 2));
        assert_eq!(workspaces.idle().len(), 2);
        let lent = workspaces.lend(shape, Pass::Training, 1);
        assert_eq!(workspaces.idle().len(), 1);
        drop(workspaces.lend(shape, Pass::Evaluation, 1));
        drop(workspaces.lend(Shape { batch: 1, ..shape }, Pass::Training, 1));
        assert_eq!(workspaces.idle().len(), 3);
        drop(lent);
        assert_eq!(workspaces.idle().len(), 4);
    }
}
