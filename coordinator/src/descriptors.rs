//! EDGE: how many files and connections this process may have open at a time.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open besides connections: the database, checkpoints on their way, listeners, logs.
const OTHERS: u64 = 64;

/// Raises this process's limit until `connections` connections fit, as far as the system allows.
/// Returns how many do.
pub(crate) fn make_room(connections: usize) -> usize {
    let wanted = OTHERS.saturating_add(connections as u64);
    let limit = getrlimit(Resource::Nofile);
    // Without a number there is no limit.
    let (current, maximum) = (limit.current.unwrap_or(wanted), limit.maximum);
    let raised = wanted.min(maximum.unwrap_or(wanted));
    let room = if current < raised {
        let new = Rlimit {
            current: Some(raised),
            maximum,
        };
        setrlimit(Resource::Nofile, new).map_or(current, |()| raised)
    } else {
        current.min(wanted)
    };
    usize::try_from(room.saturating_sub(OTHERS)).unwrap_or(connections)
}
