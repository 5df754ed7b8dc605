//! When a bundle's lanes are checkpointed, and sending one. A checkpoint that cannot be saved loses
//! nothing but the time since the last: training and results never wait for one.

use std::time::{Duration, Instant};

use pondersweep_proto::error::LeaseError;
use tokio_util::sync::CancellationToken;

use super::{Lane, Slot, outbox::Checkpoint};

/// What is decided about all lanes that have done as many updates, so that lanes of one program
/// stay in step when they are stopped, and go on as one program elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// Training stops here.
    pub(super) stop: bool,
    /// The lanes' states are kept.
    pub(super) keep: bool,
}

/// Decides at every update. Time is an argument.
#[derive(Debug)]
pub(super) struct Cadence {
    every: Option<Duration>,
    /// When states were last kept, at first when training began.
    last: Option<Instant>,
    /// The update that was last decided about.
    decided: Option<(u64, Decision)>,
}

impl Cadence {
    /// Keeps states every so often; never for `None`.
    pub(super) const fn new(every: Option<Duration>) -> Self {
        Self {
            every,
            last: None,
            decided: None,
        }
    }

    /// What happens after this many updates. The first lane that asks decides for all.
    pub(super) fn decide(&mut self, updates_done: u64, stop: bool, now: Instant) -> Decision {
        match self.decided {
            Some((update, decision)) if update == updates_done => decision,
            _ => {
                let decision = self.decide_now(stop, now);
                self.decided = Some((updates_done, decision));
                decision
            }
        }
    }

    fn decide_now(&mut self, stop: bool, now: Instant) -> Decision {
        let since = now.saturating_duration_since(*self.last.get_or_insert(now));
        let keep = self.every.is_some_and(|every| stop || since >= every);
        if keep {
            self.last = Some(now);
        }
        Decision { stop, keep }
    }
}

impl Slot {
    /// Saves a checkpoint: tried once, since the next one comes soon; but persistently when there
    /// is none to come.
    pub(super) async fn save(&self, lane: &Lane, checkpoint: Checkpoint, stop: &CancellationToken) {
        let (token, updates_done) = (lane.lease.token, checkpoint.updates_done);
        if lane.control.is_lost() {
            return;
        }
        let bytes = checkpoint.bytes.len();
        let saved = if stop.is_cancelled() {
            let bytes = &checkpoint.bytes;
            self.client
                .save_checkpoint(token, updates_done, bytes)
                .await
        } else {
            let bytes = &checkpoint.bytes;
            self.client
                .save_checkpoint_once(token, updates_done, bytes)
                .await
        };
        match saved {
            Ok(()) => tracing::debug!(updates_done, bytes, "checkpoint saved"),
            Err(LeaseError::Superseded(_)) => {
                tracing::warn!("superseded, dropping its work");
                lane.control.lose();
            }
            Err(error) => tracing::warn!(updates_done, %error, "checkpoint not saved"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_ON: Decision = Decision {
        stop: false,
        keep: false,
    };

    fn beginning() -> Instant {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant will do as a beginning"
        )]
        Instant::now()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn states_are_kept_every_so_often_and_of_all_lanes_at_the_same_update() {
        let (start, mut cadence) = (beginning(), Cadence::new(Some(seconds(10))));
        let keep = Decision {
            keep: true,
            ..GO_ON
        };
        assert_eq!(cadence.decide(1, false, start), GO_ON);
        assert_eq!(cadence.decide(2, false, start + seconds(9)), GO_ON);
        // The second lane of the same update is late, and stays in step.
        assert_eq!(cadence.decide(2, false, start + seconds(11)), GO_ON);
        assert_eq!(cadence.decide(3, false, start + seconds(11)), keep);
        assert_eq!(cadence.decide(3, false, start + seconds(12)), keep);
        assert_eq!(cadence.decide(4, false, start + seconds(12)), GO_ON);
        assert_eq!(cadence.decide(5, false, start + seconds(21)), keep);
    }

    #[test]
    fn a_stop_keeps_states_and_stops_all_lanes_at_the_same_update() {
        let (start, mut cadence) = (beginning(), Cadence::new(Some(seconds(60))));
        assert_eq!(cadence.decide(1, false, start), GO_ON);
        assert_eq!(cadence.decide(1, true, start + seconds(2)), GO_ON);
        let stop = Decision {
            stop: true,
            keep: true,
        };
        assert_eq!(cadence.decide(2, true, start + seconds(2)), stop);
        assert_eq!(cadence.decide(2, true, start + seconds(3)), stop);
    }

    #[test]
    fn without_checkpoints_nothing_is_ever_kept() {
        let (start, mut cadence) = (beginning(), Cadence::new(None));
        for update in 0..100 {
            let decision = cadence.decide(update, update == 99, start + seconds(100 * update));
            assert!(!decision.keep);
            assert_eq!(decision.stop, update == 99);
        }
    }
}
