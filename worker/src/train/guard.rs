//! Keeps a panic in the lane it belongs to. It decides what a panicking bundle is worth, and never
//! what a lane computes.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::LaneEnding;

/// Trains lanes together. A panic does not say which lane caused it, so each is then trained again
/// alone: the innocent ones end as they would have, and measure the same once more.
pub(super) fn guarded(
    lanes: &[usize],
    train_together: &(impl Fn(&[usize]) -> Vec<LaneEnding> + Sync),
) -> Vec<LaneEnding> {
    match caught(|| train_together(lanes)) {
        Ok(ends) => ends,
        Err(text) if lanes.len() == 1 => vec![LaneEnding::Panicked(text)],
        Err(_) => lanes
            .chunks(1)
            .flat_map(|lane| guarded(lane, train_together))
            .collect(),
    }
}

/// What the work returns, or the text of its panic.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // Nothing that a panic may have left half done is looked at again: the tensors of the lanes are
    // dropped, and what observers share is whole after each of their operations.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| text_of(panic.as_ref()).to_owned())
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_bundle_that_panics_is_trained_again_lane_by_lane() {
        let tried = Mutex::new(Vec::new());
        let train = |lanes: &[usize]| {
            tried.lock().unwrap().push(lanes.to_vec());
            assert!(!lanes.contains(&2), "lane 2 is poison");
            vec![LaneEnding::Succeeded; lanes.len()]
        };
        let ends = guarded(&[1, 2, 3], &train);
        assert_eq!(ends[0], LaneEnding::Succeeded);
        assert_eq!(ends[1], LaneEnding::Panicked("lane 2 is poison".into()));
        assert_eq!(ends[2], LaneEnding::Succeeded);
        assert_eq!(
            tried.into_inner().unwrap(),
            [vec![1, 2, 3], vec![1], vec![2], vec![3]]
        );
    }
}
