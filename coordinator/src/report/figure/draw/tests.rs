//! Every sweep can be drawn: no label is cut off by the picture's edge or lies on another.

use std::sync::LazyLock;

use pondersweep_proto::setting::Setting;

use super::{
    scene::{HEIGHT, Shape, WIDTH},
    *,
};
use crate::{
    report::{
        Report, Study,
        simulated::{SimulatedSweep, methods, robustness},
    },
    scheduler::TrialState,
};

fn scenes(sweep: SimulatedSweep) -> Vec<Scene> {
    let figures = Report::new(&sweep.input(), 0).figures;
    let accuracy = figures.headline.iter().map(draw_box_plot);
    let steps = figures.ponder_steps.iter().map(draw_ponder_steps);
    let heat_maps = figures.heat_maps.iter().map(draw_heat_map);
    accuracy.chain(steps).chain(heat_maps).collect()
}

fn even(count: usize) -> Vec<f64> {
    (1..=count)
        .map(|index| index as f64 / (count + 1) as f64)
        .collect()
}

/// Sweeps that are hard to draw, by name.
fn sweeps() -> Vec<(&'static str, SimulatedSweep)> {
    let lambda = |count: usize| SimulatedSweep::new(10).numbers(Setting::LAMBDA_P, &even(count));
    let long_name = "a very long name of a sweep that says everything about it ".repeat(3);
    vec![
        ("robustness", robustness()),
        ("one cell", lambda(1)),
        (
            "one replicate",
            SimulatedSweep::new(1).numbers(Setting::LAMBDA_P, &even(9)),
        ),
        (
            "nothing finished",
            robustness().outcomes(|_| TrialState::Pending),
        ),
        (
            "all infeasible",
            robustness().outcomes(|_| TrialState::Infeasible),
        ),
        (
            "half finished",
            robustness().outcomes(|trial| {
                if trial < 77 {
                    TrialState::Succeeded
                } else {
                    TrialState::Pending
                }
            }),
        ),
        (
            "choices",
            lambda(5)
                .choices(Setting::STEP_FUNCTION, &["rnn", "gru"])
                .choices(Setting::RESIDUAL, &["remainder", "normalise"]),
        ),
        (
            "thirty values",
            lambda(30).numbers(Setting::BETA, &even(30)),
        ),
        (
            "many trials",
            SimulatedSweep::new(1_200).numbers(Setting::LAMBDA_P, &even(24)),
        ),
        ("sixty values", lambda(60).named(&long_name)),
        (
            "eight long colours",
            lambda(9).numbers(
                Setting::LEARNING_RATE,
                &[1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.012_345, 0.1],
            ),
        ),
    ]
}

/// Their pictures, drawn once for all tests.
static DRAWN: LazyLock<Vec<(&'static str, Vec<Scene>)>> = LazyLock::new(|| {
    let sweeps = sweeps().into_iter();
    sweeps.map(|(name, sweep)| (name, scenes(sweep))).collect()
});

#[test]
fn no_label_is_cut_off_or_lies_on_another() {
    let study = Study::new(&methods(), 0);
    let pictures = study.document.pictures();
    let pictures = pictures.map(|picture| draw(&picture.figure)).collect();
    for (name, scenes) in DRAWN.iter().chain([&("methods", pictures)]) {
        for scene in scenes {
            let boxes = scene.text_boxes();
            for (index, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
                let inside = *left >= 4.0
                    && *top >= 4.0 - scene.raised
                    && *right <= WIDTH - 4.0
                    && *bottom <= HEIGHT - 4.0;
                assert!(inside, "{name}: {text:?} leaves the picture");
                for (other, [other_left, other_top, other_right, other_bottom]) in &boxes[..index] {
                    let apart = right <= other_left
                        || other_right <= left
                        || bottom <= other_top
                        || other_bottom <= top;
                    assert!(apart, "{name}: {text:?} lies on {other:?}");
                }
            }
        }
    }
}

#[test]
fn a_picture_has_its_size_and_its_words_in_both_formats() {
    let scene = &scenes(robustness())[0];
    let svg = scene.to_svg();
    assert!(svg.contains("width=\"1200\" height=\"750\" viewBox=\"0 0 1200 750\""));
    assert!(svg.contains(">Accuracy over seeds against lambda_p</text>"));
    assert!(svg.contains("lambda_p = 0.3, beta = 0.1, max_steps = 5, replicate 4</title>"));
    let png = tiny_skia::Pixmap::decode_png(&scene.to_png()).unwrap();
    assert_eq!((png.width(), png.height()), (1200, 750));
    let white = |x, y| {
        png.pixel(x, y).unwrap()
            == tiny_skia::PremultipliedColorU8::from_rgba(255, 255, 255, 255).unwrap()
    };
    assert!(white(2, 2));
    let title = (112..500).flat_map(|x| (24..44).map(move |y| (x, y)));
    assert!(title.filter(|&(x, y)| !white(x, y)).count() > 500);
}

#[test]
fn every_picture_is_sound_xml_without_script_link_or_name() {
    let hostile = "<script>alert(1)</script> & <a href='http://b'>c</a> \u{0}\u{1b}\u{FFFE}\"";
    let drawn = DRAWN.iter().flat_map(|(_, scenes)| scenes);
    let hostile = robustness()
        .choices(Setting::STEP_FUNCTION, &[hostile, "gru"])
        .named(hostile);
    for scene in drawn.chain(&scenes(hostile)) {
        let svg = scene.to_svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        for element in document.descendants().filter(roxmltree::Node::is_element) {
            const KNOWN: [&str; 7] = [
                "svg", "rect", "polyline", "polygon", "circle", "text", "title",
            ];
            let name = element.tag_name().name();
            assert!(KNOWN.contains(&name), "{name}");
            for attribute in element.attributes() {
                let forbidden = ["id", "href", "style"].contains(&attribute.name());
                assert!(
                    !forbidden && !attribute.name().starts_with("on"),
                    "{attribute:?}"
                );
            }
        }
    }
}

#[test]
fn every_point_lies_in_the_plot() {
    for (name, scenes) in DRAWN.iter() {
        for scene in scenes {
            let told = scene.marks.iter().filter(|mark| mark.words.is_some());
            for mark in told {
                let Shape::Circle { centre: (x, y), .. } = mark.shape else {
                    continue;
                };
                let inside = (frame::LEFT..=frame::RIGHT).contains(&x)
                    && (frame::TOP..=frame::BOTTOM).contains(&y);
                assert!(inside, "{name}: {mark:?} leaves the plot");
            }
        }
    }
}

#[test]
fn an_axis_is_that_of_its_data_and_says_what_lies_beyond_it() {
    let mut input = robustness().input();
    for (trial, value) in input.trials.iter_mut().zip((0..10).cycle()) {
        let accuracy = 0.97 + 0.003 * f64::from(value);
        trial.metrics = vec![Some(accuracy)].into();
    }
    let scene = draw_box_plot(&Report::new(&input, 0).figures.headline[0]);
    let texts = scene.text_boxes();
    let has = |text: &str| texts.iter().any(|(found, _)| found == text);
    assert!(has("chance 0.5: below this axis"), "{texts:?}");
    assert!(
        has("solved ≥ 0.95") && has("0.97") && has("0.98") && !has("0.94"),
        "{texts:?}"
    );
}

#[test]
fn a_sweep_without_parameters_has_no_figure() {
    assert!(scenes(SimulatedSweep::new(3)).is_empty());
}

/// For the eye: `PONDERSWEEP_FIGURES=folder cargo test -- --ignored every_simulated_figure`.
#[test]
#[ignore = "writes pictures for people to look at"]
fn every_simulated_figure_is_written() {
    let folder =
        std::env::var_os("PONDERSWEEP_FIGURES").expect("PONDERSWEEP_FIGURES names a folder");
    for (name, sweep) in sweeps() {
        for (index, scene) in scenes(sweep).iter().enumerate() {
            let path = std::path::Path::new(&folder).join(format!("{name} {index}.png"));
            std::fs::write(path.with_extension("svg"), scene.to_svg()).unwrap();
            std::fs::write(path, scene.to_png()).unwrap();
        }
    }
}
