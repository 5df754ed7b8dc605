//! What `squeue` says of a launch's tasks.

/// The columns asked of `squeue`: task, state, node, reason, time used.
pub const QUEUE_COLUMNS: &str = "%i|%T|%N|%r|%M";

/// A task of the array: a worker that waits, works or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The task's number in the array.
    pub number: u32,
    /// How it stands.
    pub state: TaskState,
    /// Where it runs; empty while it waits.
    pub node: String,
    /// Why it waits, in Slurm's words.
    pub reason: String,
    /// How long it has run, as Slurm writes it.
    pub elapsed: String,
}

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Not started, or to be started again.
    Pending,
    /// A worker works.
    Running,
    /// It is being ended.
    Ending,
    /// It has ended, in Slurm's word in lower case.
    Ended(String),
}

impl Task {
    /// Whether a worker is there or will be.
    #[must_use]
    pub const fn lives(&self) -> bool {
        !matches!(self.state, TaskState::Ended(_))
    }
}

impl TaskState {
    /// The state in a word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Ending => "leaving",
            Self::Ended(word) => word,
        }
    }

    fn read(word: &str) -> Self {
        match word {
            "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT"
            | "SUSPENDED" => Self::Pending,
            "CONFIGURING" | "RUNNING" | "RESIZING" | "SIGNALING" => Self::Running,
            "COMPLETING" | "STAGE_OUT" | "STOPPED" => Self::Ending,
            other => Self::Ended(other.to_ascii_lowercase()),
        }
    }
}

/// The tasks in the output of `squeue --noheader --array`, in the order of their numbers. Lines
/// that cannot be read are left out.
#[must_use]
pub fn parse_queue(output: &str) -> Vec<Task> {
    let mut tasks: Vec<Task> = output.lines().filter_map(parse_task).collect();
    tasks.sort_by_key(|task| task.number);
    tasks
}

fn parse_task(line: &str) -> Option<Task> {
    let mut fields = line.trim().split('|').map(str::trim);
    let (_, number) = fields.next()?.split_once('_')?;
    let number = number.parse().ok()?;
    let mut next = || fields.next().map(str::to_owned);
    Some(Task {
        number,
        state: TaskState::read(&next()?),
        node: next()?,
        reason: next()?,
        elapsed: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read_in_their_order_and_noise_is_left_out() {
        let tasks = parse_queue(
            "7_1|CANCELLED|node3|None|0:02\n7_0|PENDING||BeginTime|0:00\nslurm: hello\n7_[2-9]|PENDING||x|0:00\n",
        );
        let seen: Vec<_> = tasks
            .iter()
            .map(|t| (t.number, t.state.name(), t.lives()))
            .collect();
        assert_eq!(seen, [(0, "pending", true), (1, "cancelled", false)]);
        assert_eq!(
            (tasks[0].reason.as_str(), tasks[1].node.as_str()),
            ("BeginTime", "node3")
        );
    }
}
