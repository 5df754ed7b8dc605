//! Every message of a bad sweep file, as people read it, and what good ones mean.

use pondersweep_proto::setting::{ParameterValue, Setting};

use super::*;

mod program;

const GOOD: &str = r#"
[sweep]
name = "good"

[task]
kind = "parity"
elements = 8

[model]
kind = "ponder_net"

[space]
lambda_p = [0.1, 0.5]
max_steps = 5

[training]
updates = 100
"#;

/// `GOOD` with one piece of it replaced.
fn edited(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?}");
    GOOD.replace(from, to)
}

fn message(text: impl AsRef<[u8]>) -> String {
    let error = SweepFile::parse(text, "sweeps/bad.toml").expect_err("the file is bad");
    error.to_string()
}

/// Replacements of `GOOD` and the name of the message they lead to.
const BAD: &[(&str, &str, &str)] = &[
    ("syntax", "elements = 8", "elements = = 8"),
    ("syntax_unclosed_list", "[0.1, 0.5]", "[0.1, 0.5"),
    (
        "duplicate_key",
        "elements = 8",
        "elements = 8\nelements = 9",
    ),
    ("unknown_table", "[training]", "[trainig]"),
    ("table_that_is_none", "[sweep]", "limits = 3\n[sweep]"),
    ("key_outside_of_tables", "[sweep]", "updates = 3\n[sweep]"),
    (
        "unknown_key",
        "updates = 100",
        "updates = 100\nlearning_rat = 0.1",
    ),
    (
        "unknown_key_far_from_any",
        "updates = 100",
        "updates = 100\nzzz = 0.1",
    ),
    (
        "key_of_another_table",
        "updates = 100",
        "updates = 100\nhidden = 64",
    ),
    ("unknown_parameter", "max_steps = 5", "max_step = 5"),
    ("number_in_quotes", "max_steps = 5", "beta = \"0.1\""),
    ("text_without_quotes", "\"good\"", "17"),
    (
        "fraction_for_a_whole_number",
        "elements = 8",
        "elements = 8.5",
    ),
    (
        "exponent_for_a_whole_number",
        "updates = 100",
        "updates = 1e4",
    ),
    (
        "negative_whole_number",
        "max_steps = 5",
        "max_steps = [5, -5]",
    ),
    (
        "whole_number_too_large",
        "max_steps = 5",
        "max_steps = 5_000_000_000",
    ),
    ("infinite_number", "max_steps = 5", "beta = [0.1, inf]"),
    (
        "unknown_choice",
        "max_steps = 5",
        "step_function = [\"gru\", \"grru\"]",
    ),
    ("choice_that_is_no_text", "kind = \"parity\"", "kind = 3"),
    (
        "flag_in_quotes",
        "[training]",
        "[evaluation]\nextrapolate = \"yes\"\n[training]",
    ),
    (
        "list_outside_of_the_space",
        "\"ponder_net\"",
        "\"ponder_net\"\nbeta = [0.1, 0.2]",
    ),
    (
        "value_over_several_lines",
        "elements = 8",
        "elements = [\n  8,\n  9,\n]",
    ),
    (
        "zero_of_either_sign_is_one_value",
        "max_steps = 5",
        "beta = [0, -0.0]",
    ),
    (
        "range_too_narrow_for_its_count",
        "lambda_p = [0.1, 0.5]",
        "lambda_p = { linspace = [0.1, 0.1000000000001, 9] }",
    ),
    ("missing_key", "elements = 8", ""),
    ("missing_kind", "kind = \"ponder_net\"", ""),
    (
        "missing_table",
        "[task]\nkind = \"parity\"\nelements = 8",
        "",
    ),
    ("neither_fixed_nor_swept", "lambda_p = [0.1, 0.5]", ""),
    (
        "fixed_and_swept",
        "\"ponder_net\"",
        "\"ponder_net\"\nlambda_p = 0.2",
    ),
    ("empty_list", "[0.1, 0.5]", "[]"),
    ("repeated_value", "[0.1, 0.5]", "[0.1, 0.5, 0.10]"),
    (
        "swept_though_the_model_ignores_it",
        "kind = \"ponder_net\"",
        "kind = \"act\"\ntau = 0.001",
    ),
    (
        "stated_though_the_model_ignores_it",
        "\"ponder_net\"",
        "\"ponder_net\"\ntau = 0.001",
    ),
    (
        "tau_is_missing",
        "kind = \"ponder_net\"\n\n[space]\nlambda_p = [0.1, 0.5]",
        "kind = \"act\"\n\n[space]",
    ),
    ("lambda_p_at_one", "[0.1, 0.5]", "[0.1, 1.0]"),
    ("lambda_p_beyond_one", "[0.1, 0.5]", "[0.1, 1.5, 0.3, 0.0]"),
    ("lambda_p_first_of_its_axis", "[0.1, 0.5]", "[-0.1, 0.5]"),
    (
        "lambda_p_at_the_end_of_a_range",
        "[0.1, 0.5]",
        "{ linspace = [0.1, 1.0, 10] }",
    ),
    ("max_steps_zero", "max_steps = 5", "max_steps = 0"),
    ("elements_zero", "elements = 8", "elements = 0"),
    (
        "beta_negative",
        "\"ponder_net\"",
        "\"ponder_net\"\nbeta = -1",
    ),
    (
        "more_nonzeros_than_elements",
        "elements = 8",
        "elements = 8\nmax_nonzeros = 9",
    ),
    (
        "nothing_to_extrapolate_to",
        "elements = 8",
        "elements = 8\nmax_nonzeros = 8\n[evaluation]\nextrapolate = true",
    ),
    ("empty_name", "\"good\"", "\"\""),
    (
        "threshold_out_of_range",
        "name = \"good\"",
        "name = \"good\"\nsolved_threshold = 95",
    ),
    (
        "device_that_is_none",
        "name = \"good\"",
        "name = \"good\"\ndevice = \"CUDA 0\"",
    ),
    (
        "no_replicates",
        "[space]",
        "[replicates]\ncount = 0\n[space]",
    ),
    (
        "fewer_replicates_at_most_than_at_first",
        "[space]",
        "[replicates]\ncount = 5\nmost = 4\n[space]",
    ),
    (
        "no_failures_allowed",
        "[space]",
        "[limits]\nmax_failures = 0\n[space]",
    ),
    ("unknown_range", "[0.1, 0.5]", "{ linspce = [0.1, 0.5, 3] }"),
    (
        "range_of_two_forms",
        "[0.1, 0.5]",
        "{ linspace = [0.1, 0.5, 3], logspace = [0.1, 0.5, 3] }",
    ),
    (
        "range_without_a_count",
        "[0.1, 0.5]",
        "{ linspace = [0.1, 0.5] }",
    ),
    ("range_of_one", "[0.1, 0.5]", "{ linspace = [0.1, 0.5, 1] }"),
    (
        "range_without_extent",
        "[0.1, 0.5]",
        "{ linspace = [0.5, 0.5, 3] }",
    ),
    (
        "logarithm_of_zero",
        "[0.1, 0.5]",
        "{ logspace = [0, 0.5, 3] }",
    ),
    (
        "range_of_fractions_for_a_whole_number",
        "max_steps = 5",
        "max_steps = { linspace = [5, 10, 4] }",
    ),
    (
        "range_of_a_choice",
        "max_steps = 5",
        "unroll = { linspace = [0, 1, 2] }",
    ),
    (
        "excluded_parameter_not_swept",
        "[training]",
        "[[space.exclude]]\nbeta = 0.1\n[training]",
    ),
    (
        "excluded_parameter_unknown",
        "[training]",
        "[[space.exclude]]\nbetta = 0.1\n[training]",
    ),
    (
        "excluded_value_not_of_the_axis",
        "[training]",
        "[[space.exclude]]\nlambda_p = [0.1, 0.2]\n[training]",
    ),
    (
        "excluded_value_of_another_kind",
        "[training]",
        "[[space.exclude]]\nlambda_p = \"all\"\n[training]",
    ),
    (
        "exclusion_without_values",
        "[training]",
        "[[space.exclude]]\nlambda_p = []\n[training]",
    ),
    (
        "exclusion_without_conditions",
        "[training]",
        "[[space.exclude]]\n[training]",
    ),
    (
        "exclusion_of_everything",
        "[training]",
        "[[space.exclude]]\nlambda_p = [0.1, 0.5]\n[training]",
    ),
    (
        "exclusion_that_is_no_rule",
        "[training]",
        "exclude = 0.1\n[training]",
    ),
    (
        "grid_too_large",
        "[0.1, 0.5]",
        "{ linspace = [0.1, 0.5, 100_000] }\nbeta = { linspace = [0.1, 0.5, 100_000] }",
    ),
    (
        "too_many_trials",
        "[space]",
        "[replicates]\ncount = 1_000_000\n[space]\nbatch = { linspace = [1, 1000, 1000] }",
    ),
];

#[test]
fn every_error_says_where_what_and_what_would_be_right() {
    for (name, from, to) in BAD {
        let message = message(edited(from, to));
        assert!(message.starts_with("error: sweeps/bad.toml:"), "{message}");
        assert!(message.contains("\nhint: "), "{message}");
        insta::assert_snapshot!(*name, message);
    }
}

#[test]
fn a_file_that_is_not_text_is_refused_where_it_stops_being_text() {
    let mut bytes = edited("\"good\"", "\"g??d\"").into_bytes();
    let at = bytes.iter().position(|&byte| byte == b'?').unwrap();
    bytes[at] = 0xff;
    insta::assert_snapshot!("not_utf8", message(bytes));
}

#[test]
fn an_empty_file_is_told_all_that_it_lacks() {
    insta::assert_snapshot!("empty_file", message(""));
}

#[test]
fn errors_of_several_tables_are_shown_together_in_the_order_of_the_file() {
    let text = edited("updates = 100", "updates = 0.5\nbach = 3")
        .replace("elements = 8", "elements = \"8\"")
        .replace("[0.1, 0.5]", "[0.1, 0.1]");
    insta::assert_snapshot!("several", message(text));
}

#[test]
fn a_long_line_is_shown_around_its_error_and_wide_characters_take_one_column() {
    let values: Vec<String> = (1..500).map(|i| format!("0.{i:03}")).collect();
    let list = format!("[ {}, 7.0, 0.9 ] # \u{e9}", values.join(", "));
    insta::assert_snapshot!("long_line", message(edited("[0.1, 0.5]", &list)));
    let list = "[ 0.1, 0.2, 7.0 ]".replace(' ', "\t");
    insta::assert_snapshot!("tabs", message(edited("[0.1, 0.5]", &list)));
    let text =
        edited("\"ponder_net\"", "\"ponder_net\" # x").replace("[model]", "[model] # \u{4e2d}");
    insta::assert_snapshot!(
        "after_wide_characters",
        message(text.replace("name = \"good\"", "name = \"\u{4e2d}\u{6587}\"; x"))
    );
}

#[test]
fn of_very_many_errors_the_first_are_shown() {
    let list = format!(
        "[{}]",
        (2..=13).map(|i| format!("{i}, ")).collect::<String>()
    );
    let message = message(edited("[0.1, 0.5]", &list));
    assert_eq!(message.matches("is out of range").count(), 10);
    assert!(
        message.ends_with("error: sweeps/bad.toml: 2 more\nhint: correct these first"),
        "{message}"
    );
}

#[test]
fn windows_line_ends_change_nothing() {
    let unix = SweepFile::parse(GOOD, "good.toml").unwrap();
    let windows = SweepFile::parse(GOOD.replace('\n', "\r\n"), "good.toml").unwrap();
    assert_eq!(unix.id(), windows.id());
    let bad = edited("[0.1, 0.5]", "[0.1, 1.5]");
    assert_eq!(message(bad.replace('\n', "\r\n")), message(bad));
}

#[test]
fn what_a_file_leaves_out_has_its_documented_value() {
    let spec = SweepFile::parse(GOOD, "good.toml").unwrap();
    let terms = spec.terms();
    let replicates = (terms.replicates, terms.seed, terms.common_seeds);
    assert_eq!(replicates, (1, 0, false));
    assert_eq!(terms.solved_threshold, 0.95);
    assert_eq!(
        (
            terms.max_failures,
            terms.max_out_of_memory,
            terms.max_worker_losses
        ),
        (3, 3, 5)
    );
    assert_eq!(terms.template.count(Setting::HIDDEN), 128);
    assert_eq!(terms.template.count(Setting::EXAMPLES), 10_000);
}

#[test]
fn the_axes_stand_in_the_order_of_the_file_and_a_single_value_is_an_axis() {
    let spec = SweepFile::parse(GOOD, "good.toml").unwrap();
    let axes: Vec<_> = spec
        .terms()
        .axes
        .iter()
        .map(|axis| axis.parameter)
        .collect();
    assert_eq!(axes, [Setting::LAMBDA_P, Setting::MAX_STEPS]);
    assert_eq!(spec.terms().axes[1].values, [ParameterValue::Integer(5)]);
    assert_eq!(spec.configuration(1).number(Setting::LAMBDA_P), 0.5);
    assert_eq!(spec.configuration(1).count(Setting::MAX_STEPS), 5);
}

#[test]
fn equal_spaces_are_one_sweep_however_they_are_written() {
    let id = |space: &str| {
        let text = edited("[0.1, 0.5]", space);
        SweepFile::parse(text, "good.toml").unwrap().id()
    };
    let list = id("[0.1, 0.2, 0.3, 0.4, 0.5]");
    assert_eq!(list, id("{ linspace = [0.1, 0.5, 5] }"));
    assert_eq!(
        list,
        id("[\n  1e-1, # a comment\n  2e-1, 0.30, 0.4, 0.5,\n]")
    );
    assert_ne!(list, id("[0.5, 0.4, 0.3, 0.2, 0.1]"));
    let tenths = id("[0.001, 0.01, 0.1]");
    assert_eq!(tenths, id("{ logspace = [0.001, 0.1, 3] }"));
}

#[test]
fn every_key_is_read_into_its_own_setting() {
    let text = r#"
        [sweep]
        name = "all"
        solved_threshold = 0.9
        [task]
        kind = "parity"
        elements = 9
        max_nonzeros = 4
        positions = "packed"
        [model]
        kind = "ponder_net"
        step_function = "gru"
        hidden = 10
        lambda_p = 0.3
        beta = 2
        max_steps = 11
        unroll = "cumulative"
        epsilon = 0.04
        residual = "normalise"
        halting_bias = -1
        kl_direction = "network_prior"
        first_step_flag = "on"
        initial_scale = 0.5
        [training]
        updates = 12
        batch = 13
        learning_rate = 1e-4
        gradient_clip = 0.5
        adam_beta_1 = 0.8
        adam_beta_2 = 0.99
        adam_epsilon = 1e-7
        [evaluation]
        every = 14
        examples = 15
        extrapolate = true
        [replicates]
        count = 15
        most = 16
        seed = 17
        common_seeds = true
        [limits]
        max_failures = 18
        max_worker_losses = 19
        max_out_of_memory = 20
    "#;
    let spec = SweepFile::parse(text, "all.toml").unwrap();
    assert_eq!(spec.trials(), 16);
    insta::assert_snapshot!(
        "all_keys",
        serde_json::to_string_pretty(&serde_json::to_value(spec.terms()).unwrap()).unwrap()
    );
}

#[test]
fn exclusions_leave_out_what_matches_all_of_their_conditions() {
    let rules = "[[space.exclude]]\nlambda_p = 0.1\nmax_steps = [5, 20]\n\
                 [[space.exclude]]\nmax_steps = 10\n[training]";
    let text = edited("[training]", rules).replace("max_steps = 5\n", "max_steps = [5, 10, 20]\n");
    let spec = SweepFile::parse(text, "good.toml").unwrap();
    let kept: Vec<_> = (0..spec.configurations())
        .map(|index| spec.configuration(index))
        .map(|configuration| {
            (
                configuration.number(Setting::LAMBDA_P),
                configuration.count(Setting::MAX_STEPS),
            )
        })
        .collect();
    assert_eq!(kept, [(0.5, 5), (0.5, 20)]);
}

#[test]
fn every_table_may_be_missing_when_the_space_gives_what_it_must_hold() {
    let text = edited("[training]\nupdates = 100", "")
        .replace("max_steps = 5", "max_steps = 5\nupdates = [100, 200]");
    let spec = SweepFile::parse(text, "good.toml").unwrap();
    assert_eq!(spec.configurations(), 4);
    let without_space = edited("[space]\nlambda_p = [0.1, 0.5]\nmax_steps = 5", "")
        .replace("\"ponder_net\"", "\"ponder_net\"\nlambda_p = 0.2");
    let spec = SweepFile::parse(without_space, "good.toml").unwrap();
    assert_eq!(spec.configurations(), 1);
}

#[test]
fn a_device_is_part_of_what_names_a_sweep_only_where_one_is_asked_for() {
    let plain = SweepFile::parse(GOOD, "good.toml").unwrap();
    let text = serde_json::to_string(plain.terms()).unwrap();
    assert!(!text.contains("device"), "{text}");
    let asking = edited("name = \"good\"", "name = \"good\"\ndevice = \"cuda\"");
    let asking = SweepFile::parse(asking, "good.toml").unwrap();
    assert_eq!(asking.terms().device.as_deref(), Some("cuda"));
    assert_ne!(asking.id(), plain.id());
}

#[test]
fn replicates_are_withheld_only_where_more_are_allowed_than_are_run_at_first() {
    let read = |replicates: &str| {
        let text = edited("[space]", &format!("[replicates]\n{replicates}\n[space]"));
        SweepFile::parse(text, "good.toml").unwrap()
    };
    let plain = read("count = 4");
    // The id of the program that knew of no withheld replicates.
    let text = serde_json::to_string(plain.terms()).unwrap();
    assert!(!text.contains("initial_replicates"), "{text}");
    assert_eq!(read("count = 4\nmost = 4"), plain);
    let adaptive = read("count = 4\nmost = 40");
    assert_eq!((adaptive.initial_trials(), adaptive.trials()), (8, 80));
    assert_eq!(adaptive.terms().initial_replicates, Some(4));
    assert_ne!(adaptive.id(), read("count = 40").id());
    assert_eq!(read("most = 3").initial_replicates(), 1);
}

#[test]
fn zero_of_either_sign_makes_one_sweep() {
    let of = |zero: &str| {
        let text = edited("[training]", &format!("[training]\nweight_decay = {zero}"));
        let text = text.replace("max_steps = 5", &format!("beta = [{zero}, 0.5]"));
        SweepFile::parse(text, "good.toml").unwrap().id()
    };
    assert_eq!(of("0"), of("-0.0"));
    assert_eq!(of("0.0"), of("-0"));
}
