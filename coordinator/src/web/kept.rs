//! A value that takes long to make, kept: who asks gets what there is, and never waits long. It is made
//! again when a page asks and finds it old, by one task at a time, and never when no one looks.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinSet};

use crate::clock;

/// How long a page waits for a value that is being made: its first byte is due after 200 ms.
const PATIENCE: Duration = Duration::from_millis(120);

/// A value, and when and how long it was made.
#[derive(Debug)]
pub(super) struct Made<T> {
    pub(super) value: T,
    at: Instant,
    took: Duration,
}

impl<T> Made<T> {
    /// Whether it is younger than this, or than a multiple of the time it took: however large a
    /// database is, looking at it takes at most a small share of one core.
    pub(super) fn is_young(&self, age: Duration) -> bool {
        const SHARE: u32 = 8;
        clock::now() - self.at < age.max(self.took * SHARE)
    }
}

/// The value; clones share it.
#[derive(Debug)]
pub(super) struct Kept<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    current: watch::Sender<Option<Arc<Made<T>>>>,
    is_being_made: AtomicBool,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::new(Inner {
            current: watch::Sender::new(None),
            is_being_made: AtomicBool::new(false),
        }))
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Lets the next task begin, however this one ends.
struct Turn<T>(Arc<Inner<T>>);

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        self.0.is_being_made.store(false, Ordering::Release);
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// What there is, however old.
    pub(super) fn current(&self) -> Option<Arc<Made<T>>> {
        self.0.current.borrow().clone()
    }

    /// The value: at once if it is fresh enough, else after a moment what there is then, old or new.
    /// `None` if it is made for the first time and that takes longer.
    pub(super) async fn get<F>(
        &self,
        tasks: &Tasks,
        is_fresh: impl FnOnce(&Made<T>) -> bool,
        make: impl FnOnce() -> F,
    ) -> Option<Arc<Made<T>>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut changes = self.0.current.subscribe();
        let current = changes.borrow_and_update().clone();
        if current.as_ref().is_some_and(|made| is_fresh(made)) {
            return current;
        }
        if !self.0.is_being_made.swap(true, Ordering::Acquire) {
            let turn = Turn(Arc::clone(&self.0));
            let making = make();
            tasks.spawn(async move {
                let started = clock::now();
                let value = making.await;
                let at = clock::now();
                let took = at - started;
                turn.0
                    .current
                    .send_replace(Some(Arc::new(Made { value, at, took })));
            });
        }
        let _ = tokio::time::timeout(PATIENCE, changes.changed()).await;
        self.current()
    }
}

/// What is being made.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends them.
    pub(super) async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn who_asks_never_waits_long_and_a_value_is_made_once_at_a_time() {
        let (kept, tasks) = (Kept::<u32>::default(), Tasks::default());
        let old = |_: &Made<u32>| false;
        assert!(kept.get(&tasks, old, pending::<u32>).await.is_none());
        // Another is not begun while the first is being made.
        assert!(kept.get(&tasks, old, || async { 2 }).await.is_none());
        tasks.stop().await;
        let made = kept.get(&tasks, old, || async { 3 }).await;
        assert_eq!(made.expect("at once").value, 3);
        // What is old is better than nothing.
        let made = kept.get(&tasks, old, pending::<u32>).await;
        let made = made.expect("the old one");
        assert_eq!(made.value, 3);
        assert!(made.is_young(Duration::from_secs(3_600)));
        assert!(!made.is_young(Duration::ZERO));
    }
}
