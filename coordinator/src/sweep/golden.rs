//! What is published about sweeps stays: the ids, canonical forms, keys and shapes that earlier
//! releases gave to the shipped sweep files and to the corners of the settings. The snapshots were
//! made by the release that trained `results/`; a change of one breaks every database out there.

use pondersweep_proto::{
    id::{ContentKey, canonical_json},
    shape::ShapeKey,
};

use super::{SweepFile, SweepSpec};

/// One line for a sweep: its id, then hashes of all its configurations, shapes and trials.
fn fingerprint(spec: &SweepSpec) -> String {
    let hash_of = |texts: Vec<String>| ContentKey::of(&texts);
    let configurations = (0..spec.configurations()).map(|index| spec.configuration(index));
    let (mut keys, mut forms, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
    for configuration in configurations {
        keys.push(configuration.key().to_string());
        shapes.push(ShapeKey::of(&configuration).to_string());
        forms.push(canonical_json(&configuration));
    }
    let trials = (0..spec.trials()).map(|index| spec.trial(index).key().to_string());
    format!(
        "{} configurations {} forms {} shapes {} trials {}",
        spec.id(),
        hash_of(keys),
        hash_of(forms),
        hash_of(shapes),
        hash_of(trials.collect()),
    )
}

#[test]
fn the_shipped_sweeps_keep_their_ids_keys_and_shapes() {
    macro_rules! shipped {
        ($($name:literal),* $(,)?) => {
            [$(($name, include_str!(concat!("../../../sweeps/", $name, ".toml")))),*]
        };
    }
    let shipped = shipped![
        "adaptive",
        "factorial",
        "first",
        "paper-figure2",
        "paper-figure2-steps",
        "paper-figure2-tau",
        "pilot",
        "robustness",
        "robustness-act",
        "robustness-rnn",
        "unroll",
    ];
    let line = |(name, text): (&str, &str)| {
        let spec = SweepFile::parse(text, name).unwrap();
        format!("{name} {}", fingerprint(&spec))
    };
    let lines: Vec<String> = shipped.into_iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// Sweep files of one line a section that use what the shipped ones do not.
const CORNERS: &[&str] = &[
    "[model]\nkind = 'ponder_net'\nlambda_p = 0.2",
    "[model]\nkind = 'ponder_net'\nlambda_p = 0.2\nkl_direction = 'prior_network'",
    "[model]\nkind = 'ponder_net'\nlambda_p = 0.2\nkl_direction = 'network_prior'\nbeta = 0",
    "[model]\nkind = 'ponder_net'\nlambda_p = 0.2\nunroll = 'cumulative'\nresidual = 'normalise'",
    "[model]\nkind = 'ponder_net'\nlambda_p = 0.2\nfirst_step_flag = 'on'\ninitial_scale = 2",
    "[model]\nkind = 'ponder_net'\nlambda_p = 0.2\nfirst_step_flag = 'off'\ninitial_scale = 1",
    "[model]\nkind = 'act'\ntau = 0.001",
    "[model]\nkind = 'act'\ntau = 0.001\nfirst_step_flag = 'off'\nhalting_bias = -1.5",
    "[model]\nkind = 'act'\ntau = 0\nstep_function = 'gru'\nhidden = 7\nepsilon = 0.02",
    "[model]\nkind = 'fixed'\nmax_steps = 3",
    "[model]\nkind = 'fixed'\nfirst_step_flag = 'on'\n[evaluation]\nextrapolate = true\nevery = 7",
    "[model]\nkind = 'fixed'\nfirst_step_flag = 'off'\n[evaluation]\nexamples = 3",
];

#[test]
fn every_corner_of_the_settings_keeps_its_canonical_form() {
    let tasks = [
        "elements = 8",
        "elements = 8\nmax_nonzeros = 4\npositions = 'packed'",
    ];
    let trainings = [
        "updates = 10",
        "updates = 10\nbatch = 3\nlearning_rate = 1e-8\ngradient_clip = 0.5\nadam_beta_1 = 0.8\n\
         adam_beta_2 = 0.99\nadam_epsilon = 1e-5",
    ];
    let mut lines = Vec::new();
    for corner in CORNERS {
        for (task, training) in tasks.iter().zip(trainings) {
            let text = format!(
                "[sweep]\nname = 'corner'\n[task]\nkind = 'parity'\n{task}\n\
                 [training]\n{training}\n{corner}"
            );
            let spec = SweepFile::parse(&text, "corner").unwrap();
            let form = canonical_json(&spec.configuration(0));
            lines.push(format!("{}\n{form}", fingerprint(&spec)));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}
