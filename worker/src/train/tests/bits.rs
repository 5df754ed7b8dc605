//! A lane's bits do not depend on the bundle, its place in it, or the number of threads; not even
//! when other lanes diverge or are stopped.

use pondersweep_proto::{setting::Setting, spec::TrialSpec};

use super::{LaneEnding, Recorder, each_shape_of, run_together_with, run_with};
use crate::{operation::Body, test_support::of_tokens};

/// How a bundle is trained.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Lane by lane, on this many threads.
    Spread(usize),
    /// As one program.
    Together(Body),
}

/// What is known of a lane in the end.
type Story = (LaneEnding, Vec<(u64, String, u64)>);

impl Way {
    fn stories(self, bundle: &[TrialSpec]) -> Vec<Story> {
        let recorder = Recorder::default();
        let recorder = Recorder {
            stop_at: stops(bundle).map(|lane| (lane, 3)).collect(),
            ..recorder
        };
        let ends = match self {
            Self::Spread(threads) => run_with(threads, bundle, &recorder),
            Self::Together(body) => run_together_with(body, bundle, &recorder),
        };
        let story = |(lane, end)| (end, recorder.bits(lane));
        ends.into_iter().enumerate().map(story).collect()
    }

    /// Compares bundles of all widths, in two orders, with lanes alone.
    fn check(self, body: Body) {
        for mut lanes in each_shape_of(32) {
            lanes.iter_mut().for_each(make_some_diverge);
            let alone = |lane: &TrialSpec| {
                let lane = std::slice::from_ref(lane);
                Self::Together(body).stories(lane).remove(0)
            };
            let mut alone: Vec<Story> = lanes.iter().map(alone).collect();
            assert_all_ends_occur(&alone);
            for _ in 0..2 {
                for width in [1, 2, 7, 32] {
                    let together = lanes.chunks(width).flat_map(|bundle| self.stories(bundle));
                    for (lane, (found, expected)) in together.zip(&alone).enumerate() {
                        assert_eq!(found, *expected, "{self:?}, width {width}, lane {lane}");
                    }
                }
                lanes.reverse();
                alone.reverse();
            }
        }
    }
}

/// The lanes that are stopped after their third update.
fn stops(bundle: &[TrialSpec]) -> impl Iterator<Item = usize> {
    let stops = |(lane, trial): (usize, &TrialSpec)| (trial.replicate % 6 == 4).then_some(lane);
    bundle.iter().enumerate().filter_map(stops)
}

fn make_some_diverge(lane: &mut TrialSpec) {
    if lane.replicate % 5 == 3 {
        let mut wild = lane.configuration.to_settings();
        wild.set(Setting::LEARNING_RATE, 1e38).unwrap();
        lane.configuration = wild.try_into().unwrap();
    }
}

fn assert_all_ends_occur(stories: &[Story]) {
    let occurs = |matches: fn(&LaneEnding) -> bool| stories.iter().any(|(end, _)| matches(end));
    assert!(occurs(|end| *end == LaneEnding::Succeeded));
    assert!(occurs(|end| *end == LaneEnding::Stopped));
    assert!(occurs(|end| matches!(end, LaneEnding::Infeasible { .. })));
}

#[test]
fn a_lanes_bits_do_not_depend_on_bundle_place_or_threads() {
    Way::Spread(1).check(Body::Kernels);
    Way::Spread(2).check(Body::Kernels);
}

#[test]
fn a_lanes_bits_do_not_depend_on_the_lanes_in_its_program() {
    Way::Together(Body::Kernels).check(Body::Kernels);
    Way::Together(Body::Tensors).check(Body::Tensors);
}

#[test]
fn lanes_of_tokens_are_computed_one_by_one_and_have_the_same_bits_in_any_bundle() {
    for lanes in of_tokens() {
        let alone = lanes.iter().map(|lane| {
            let stories = Way::Spread(1).stories(std::slice::from_ref(lane));
            stories.into_iter().next().unwrap()
        });
        let alone: Vec<Story> = alone.collect();
        assert_ne!(alone[0], alone[1]);
        for threads in [1, 2] {
            assert_eq!(Way::Spread(threads).stories(&lanes), alone);
        }
    }
}
