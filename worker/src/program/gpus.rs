//! EDGE: the graphics processors that programs may use, each lent to one program at a time. Reads
//! the environment and the driver's list.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What CUDA reads which processors a process may use from.
pub(super) const VARIABLE: &str = "CUDA_VISIBLE_DEVICES";
/// The driver's list of processors.
const DRIVER: &str = "/proc/driver/nvidia/gpus";

/// The processors that this process sees: those that its environment names, else all of the
/// machine.
#[must_use]
pub fn visible_gpus() -> Vec<String> {
    let named = std::env::var(VARIABLE).ok();
    let all = || {
        let count = fs::read_dir(DRIVER).map_or(0, Iterator::count);
        (0..count).map(|number| number.to_string()).collect()
    };
    named.map_or_else(all, |names| {
        let names = names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    })
}

/// Those of a worker.
#[derive(Debug)]
pub(super) struct Gpus {
    free: Arc<Mutex<Vec<String>>>,
    permits: Arc<Semaphore>,
    count: usize,
}

/// Processors that a program has for itself. Dropped, they are free again.
#[derive(Debug)]
pub(super) struct Lent {
    names: Vec<String>,
    free: Arc<Mutex<Vec<String>>>,
    _permit: OwnedSemaphorePermit,
}

impl Gpus {
    pub(super) fn new(mut names: Vec<String>) -> Self {
        // The first ones are lent first.
        names.reverse();
        Self {
            permits: Arc::new(Semaphore::new(names.len())),
            count: names.len(),
            free: Arc::new(Mutex::new(names)),
        }
    }

    /// Lends `wanted` of them as soon as they are free; `None` if that is 0.
    ///
    /// # Errors
    /// There are fewer.
    pub(super) async fn lend(&self, wanted: u32) -> Result<Option<Lent>, String> {
        if wanted == 0 {
            return Ok(None);
        }
        if wanted as usize > self.count {
            return Err(format!(
                "the program asks for {wanted} graphics processors, and this worker has {}",
                self.count
            ));
        }
        let permits = Arc::clone(&self.permits).acquire_many_owned(wanted).await;
        let permit = permits.expect("it is never closed");
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = free.len() - wanted as usize;
        Ok(Some(Lent {
            names: free.split_off(kept).into_iter().rev().collect(),
            free: Arc::clone(&self.free),
            _permit: permit,
        }))
    }
}

impl Lent {
    /// Their names, as CUDA reads them.
    pub(super) fn names(&self) -> String {
        self.names.join(",")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Before the permit goes.
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.names.drain(..).rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_two_programs_share_a_processor_and_one_that_is_not_there_is_refused() {
        let gpus = Gpus::new(["0", "1", "2"].map(String::from).into());
        let one = gpus.lend(1).await.unwrap().unwrap();
        let two = gpus.lend(2).await.unwrap().unwrap();
        assert_eq!((one.names(), two.names()), ("0".into(), "1,2".into()));
        let mut third = Box::pin(gpus.lend(1));
        assert!(
            tokio::time::timeout(std::time::Duration::ZERO, &mut third)
                .await
                .is_err()
        );
        drop(two);
        assert_eq!(third.await.unwrap().unwrap().names(), "1");
        assert!(
            gpus.lend(4)
                .await
                .unwrap_err()
                .contains("this worker has 3")
        );
        assert!(gpus.lend(0).await.unwrap().is_none());
    }
}
