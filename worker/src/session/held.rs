//! The leases a worker holds now, shared between its slots and its heartbeat.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use pondersweep_proto::id::LeaseToken;
use tokio_util::sync::CancellationToken;

/// What a lane's compute thread and the rest of the worker tell each other.
#[derive(Debug, Default)]
pub(super) struct LaneControl {
    updates_done: AtomicU64,
    lost: CancellationToken,
}

impl LaneControl {
    /// Notes how far the lane has come.
    pub(super) fn set_updates_done(&self, updates: u64) {
        self.updates_done.store(updates, Ordering::Relaxed);
    }

    /// Notes that the lease is gone: the lane's work is of no use to anyone.
    pub(super) fn lose(&self) {
        self.lost.cancel();
    }

    /// Whether the lease is gone.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Cancelled when the lease is gone.
    pub(super) fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }
}

/// The leases held. Cheap to clone; clones share the leases.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<Mutex<BTreeMap<LeaseToken, Arc<LaneControl>>>>);

impl Held {
    /// Takes a lease up.
    pub(super) fn insert(&self, token: LeaseToken) -> Arc<LaneControl> {
        Arc::clone(self.leases().entry(token).or_default())
    }

    /// Lets a lease go.
    pub(super) fn remove(&self, token: LeaseToken) {
        self.leases().remove(&token);
    }

    /// Marks a lease as lost.
    pub(super) fn lose(&self, token: LeaseToken) {
        if let Some(lane) = self.leases().get(&token) {
            lane.lose();
        }
    }

    /// Every lease with the updates it has done.
    pub(super) fn progress(&self) -> Vec<(LeaseToken, u64)> {
        let leases = self.leases();
        let progress = leases.iter().filter(|(_, lane)| !lane.is_lost());
        progress
            .map(|(&token, lane)| (token, lane.updates_done.load(Ordering::Relaxed)))
            .collect()
    }

    fn leases(&self) -> MutexGuard<'_, BTreeMap<LeaseToken, Arc<LaneControl>>> {
        // Every change under the lock is a single map operation, so a poisoned map is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
