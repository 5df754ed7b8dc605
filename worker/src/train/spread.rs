//! EDGE inside a pure room: numbered pieces of work over threads. It decides who computes a piece
//! and when, never what comes out: no piece sees another.

use std::{
    iter, panic,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// The results of all pieces, in their order. A thread takes the next piece when it is done with
/// one, so that none idles while there is work.
///
/// # Panics
/// A piece did; those under way are finished first, the others not begun.
pub(super) fn spread<T: Send>(
    pieces: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    if threads.min(pieces) <= 1 {
        return (0..pieces).map(work).collect();
    }
    let queue = Queue {
        next: AtomicUsize::new(0),
        pieces,
    };
    let run = || {
        let _close = CloseOnPanic(&queue);
        let results = queue.take().map(|piece| (piece, work(piece)));
        results.collect::<Vec<_>>()
    };
    let mut results = thread::scope(|scope| {
        let running: Vec<_> = (0..threads.min(pieces)).map(|_| scope.spawn(run)).collect();
        let ended = running.into_iter().map(|thread| thread.join());
        // Joined, so that the panic that is passed on is the piece's own.
        let results: Vec<_> = ended.collect();
        let results = results.into_iter();
        let results = results.map(|result| result.unwrap_or_else(|why| panic::resume_unwind(why)));
        results.flatten().collect::<Vec<_>>()
    });
    results.sort_unstable_by_key(|(piece, _)| *piece);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The pieces that no thread has taken.
struct Queue {
    next: AtomicUsize,
    pieces: usize,
}

impl Queue {
    fn take(&self) -> impl Iterator<Item = usize> {
        iter::repeat_with(|| self.next.fetch_add(1, Ordering::Relaxed))
            .take_while(|piece| *piece < self.pieces)
    }
}

/// Takes the rest of the work away when a piece panics: its results would be thrown away.
struct CloseOnPanic<'a>(&'a Queue);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.next.store(self.0.pieces, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once_and_results_keep_their_order() {
        for threads in [1, 2, 7] {
            for pieces in [0, 1, 3, 40] {
                let done = AtomicUsize::new(0);
                let results = spread(pieces, threads, |piece| {
                    done.fetch_add(1, Ordering::Relaxed);
                    piece * piece
                });
                assert_eq!(done.into_inner(), pieces);
                assert!(
                    results
                        .into_iter()
                        .eq((0..pieces).map(|piece| piece * piece))
                );
            }
        }
    }

    #[test]
    #[should_panic(expected = "piece 3")]
    fn a_panic_is_passed_on_with_its_message() {
        spread(10, 2, |piece| assert!(piece != 3, "piece {piece}"));
    }
}
