//! The same for many, some at once, with what comes back in the order they were given.

use std::{num::NonZeroUsize, sync::Arc};

use tokio::{sync::Semaphore, task::JoinSet};

/// Does `work` for each of `items`, at most `at_once` at the same time.
pub(super) async fn for_each<I, T, W>(
    items: impl IntoIterator<Item = I>,
    at_once: NonZeroUsize,
    mut work: impl FnMut(I) -> W,
) -> Vec<T>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(at_once.get()));
    let mut running = JoinSet::new();
    for (number, item) in items.into_iter().enumerate() {
        let (permits, work) = (permits.clone(), work(item));
        running.spawn(async move {
            let _permit = permits
                .acquire()
                .await
                .expect("the semaphore is never closed");
            (number, work.await)
        });
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_run_at_once_than_allowed_and_results_keep_their_order() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        let results = for_each(0..20_usize, NonZeroUsize::new(3).unwrap(), async |item| {
            let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
            for _ in 0..(20 - item) {
                tokio::task::yield_now().await;
            }
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            (item, running)
        })
        .await;
        assert!(
            results.iter().all(|(_, running)| *running <= 3),
            "{results:?}"
        );
        assert!(results.iter().map(|(item, _)| *item).eq(0..20));
    }
}
