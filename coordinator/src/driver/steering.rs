//! Decisions about sweeps of very many trials. The trials follow in pieces, a piece a commit, and
//! others are served in between. A decision is answered when all have followed, and a later one
//! about the same sweep waits for that. What trials become is the scheduler's to say.

use pondersweep_proto::{error::SweepError, id::SweepId};
use tokio::sync::oneshot;

use super::{
    Driver, Round,
    command::{Command, SweepChange, SweepView},
};

/// Trials that follow a decision in one commit: some tens of milliseconds, in which no other
/// call is answered.
pub(super) const MAX_TRIALS_STEERED_PER_COMMIT: usize = 4_096;

/// Where the answer to a decision goes.
type Reply = oneshot::Sender<Result<(SweepView, u64), SweepError>>;

/// What waits until trials have followed a decision.
#[derive(Default)]
pub(super) struct Waiting {
    /// Decisions that are under way.
    unanswered: Vec<Unanswered>,
    /// Later decisions about the same sweeps, in the order in which they came.
    deferred: Vec<Command>,
}

struct Unanswered {
    sweep_id: SweepId,
    /// Trials that follow.
    moved: u64,
    reply: Reply,
}

impl Driver {
    /// Whether there is work left without a command or a deadline.
    pub(super) fn has_more_to_do(&self) -> bool {
        self.scheduler.is_steering(None) || !self.waiting.deferred.is_empty()
    }

    /// Decisions that waited for their turn.
    pub(super) fn take_deferred(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.waiting.deferred)
    }

    /// Begins what a person decided about a sweep, or lets it wait its turn.
    pub(super) fn decide(
        &mut self,
        name: String,
        change: SweepChange,
        reply: Reply,
        round: &mut Round,
    ) {
        let only_looks = matches!(change, SweepChange::None);
        let named = self.sweeps.named(&name).map(|entry| entry.sweep_id);
        match named {
            Ok(sweep_id) if !only_looks && self.scheduler.is_steering(Some(sweep_id)) => {
                // By its id: by then `last` may be another.
                let name = sweep_id.to_string();
                self.waiting.deferred.push(Command::Sweep {
                    name,
                    change,
                    reply,
                });
            }
            _ => match self.change_sweep(&name, change) {
                Ok((view, moved))
                    if !only_looks && self.scheduler.is_steering(Some(view.sweep_id)) =>
                {
                    self.waiting.unanswered.push(Unanswered {
                        sweep_id: view.sweep_id,
                        moved,
                        reply,
                    });
                }
                answer => round.replies.add(reply, answer),
            },
        }
    }

    /// Lets the next trials follow, and prepares the answers that need not wait any longer.
    pub(super) fn steer(&mut self, round: &mut Round) {
        self.scheduler.steer(MAX_TRIALS_STEERED_PER_COMMIT);
        let (under_way, over) = std::mem::take(&mut self.waiting.unanswered)
            .into_iter()
            .partition::<Vec<_>, _>(|answer| self.scheduler.is_steering(Some(answer.sweep_id)));
        self.waiting.unanswered = under_way;
        for answer in over {
            let entry = self.sweeps.get(answer.sweep_id);
            let view = self.view(entry.expect("a sweep is never forgotten"));
            round.replies.add(answer.reply, Ok((view, answer.moved)));
        }
    }
}
