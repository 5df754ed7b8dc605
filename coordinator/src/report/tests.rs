//! The report as a whole: what its tables say, whatever the sweep.

use std::{collections::BTreeSet, path::PathBuf};

use pondersweep_proto::setting::Setting;

mod formats;

use super::{
    input::HEADLINE,
    simulated::{EXTRAPOLATION, SimulatedSweep, robustness},
    *,
};
use crate::scheduler::TrialState::{
    self, Cancelled, Failed, Infeasible, Leased, Pending, Succeeded, Withheld,
};

fn small() -> SimulatedSweep {
    SimulatedSweep::new(4)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.1 + 0.2, 0.9])
        .numbers(Setting::BETA, &[0.01, 0.1])
}

/// The third trial diverges, the sixth breaks the machinery.
fn mixed(trial: u64) -> TrialState {
    match trial {
        2 => Infeasible,
        5 => Failed,
        _ => Succeeded,
    }
}

fn unfinished(trial: u64) -> TrialState {
    match trial {
        0..8 => Succeeded,
        8 => Leased,
        9 => Cancelled,
        _ => Pending,
    }
}

fn with_extrapolation(mut input: ReportInput) -> ReportInput {
    for trial in &mut input.trials {
        let accuracy = trial.metric(HEADLINE).unwrap();
        trial.set(EXTRAPOLATION, 0.5 + accuracy / 3.0);
    }
    input
}

#[test]
fn a_finished_sweep_reads_well_on_a_terminal() {
    let input = with_extrapolation(small().outcomes(mixed).input());
    insta::assert_snapshot!(terminal::render(&Report::new(&input, 0).document(), 120));
}

#[test]
fn a_narrow_terminal_wraps_and_rules_off_its_rows() {
    let text = terminal::render(&Report::new(&small().input(), 0).document(), 60);
    insta::assert_snapshot!(text);
    assert!(text.lines().all(|line| line.chars().count() <= 60));
}

#[test]
fn an_unfinished_mixed_sweep_says_so_on_its_face() {
    let mut input = small().outcomes(unfinished).input();
    input.completeness.distinct_binaries = 2;
    insta::assert_snapshot!(markdown::render(&Report::new(&input, 0).document()));
}

#[test]
fn a_sweep_without_a_finished_trial_still_has_a_report() {
    let report = Report::new(&small().outcomes(|_| Pending).input(), 0);
    insta::assert_snapshot!(terminal::render(&report.document(), 100));
    assert!(report.cells.is_empty());
}

#[test]
fn tables_for_programs_are_stable() {
    let input = small().outcomes(mixed).input();
    let report = Report::new(&input, 0);
    insta::assert_snapshot!("cells_csv", csv::cells(&report));
    insta::assert_snapshot!("parameters_csv", csv::parameters(&report));
    let one_cell = SimulatedSweep::new(2).numbers(Setting::LAMBDA_P, &[0.2]);
    insta::assert_snapshot!(
        "report_json",
        json::render(&Report::new(&one_cell.input(), 0))
    );
}

#[test]
fn an_infeasible_trial_counts_as_unsolved_and_a_failed_one_not_at_all() {
    let report = Report::new(&small().outcomes(mixed).input(), 0);
    let diverged = &report.cells[0].sensitivity;
    assert_eq!(
        (diverged.n, diverged.infeasible, diverged.failed),
        (4, 1, 0)
    );
    assert_eq!((diverged.solved, diverged.share_solved), (3, Some(0.75)));
    assert_eq!(diverged.estimates.headline().unwrap().summary.count, 3);
    let broken = &report.cells[1].sensitivity;
    assert_eq!((broken.n, broken.infeasible, broken.failed), (3, 0, 1));
}

#[test]
fn of_fewer_than_five_trials_none_is_resampled() {
    let intervals = |replicates, seed| {
        let input = SimulatedSweep::new(replicates)
            .numbers(Setting::LAMBDA_P, &[0.1])
            .input();
        let report = Report::new(&input, seed);
        let interval = report.cells[0]
            .sensitivity
            .estimates
            .headline()
            .unwrap()
            .mean_interval;
        let told = report
            .document()
            .notes
            .concat()
            .contains("of fewer than 5 trials Student's t");
        (interval.unwrap(), told)
    };
    let ((few, told), (again, _)) = (intervals(4, 0), intervals(4, 1));
    assert!(few == again && told && few.upper < 1.0);
    let ((many, told), (other, _)) = (intervals(5, 0), intervals(5, 1));
    assert!(many != other && !told);
}

#[test]
fn in_rows_over_configurations_with_common_seeds_a_replicate_counts_once() {
    let mut input = SimulatedSweep::new(5)
        .numbers(Setting::LAMBDA_P, &[0.1, 0.9])
        .numbers(Setting::BETA, &[0.01, 0.03, 0.1])
        .input();
    // What a seed is in one configuration, it is in all.
    for trial in &mut input.trials {
        trial.set(
            HEADLINE,
            [0.97, 0.6, 0.96, 0.99, 0.7][trial.replicate as usize],
        );
    }
    let row = |input: &ReportInput| {
        let report = Report::new(input, 0);
        let row = &report.parameters[0].rows[0].sensitivity;
        let mean = row.estimates.headline().unwrap().mean_interval.unwrap();
        (mean.upper - mean.lower, row.share_solved_interval.unwrap())
    };
    let (independent, wilson) = row(&input);
    input.terms.common_seeds = true;
    let (shared, clustered) = row(&input);
    assert!(shared > 1.5 * independent, "{shared} {independent}");
    assert!(clustered.lower < wilson.lower && wilson.upper < clustered.upper);
    let report = Report::new(&input, 0);
    assert!(
        report
            .document()
            .notes
            .concat()
            .contains("a replicate is one draw")
    );
    let cell = &report.cells[0].sensitivity;
    assert_eq!(
        cell.share_solved_interval,
        crate::statistics::wilson_interval(3, 5)
    );
}

#[test]
fn a_trial_at_the_threshold_is_solved() {
    let mut input = SimulatedSweep::new(2)
        .numbers(Setting::LAMBDA_P, &[0.1])
        .input();
    for (trial, accuracy) in input.trials.iter_mut().zip([0.95, 0.949_999]) {
        trial.set(HEADLINE, accuracy);
    }
    assert_eq!(Report::new(&input, 0).cells[0].sensitivity.solved, 1);
}

#[test]
fn the_order_in_which_trials_ended_changes_nothing() {
    let input = robustness().outcomes(mixed).input();
    let mut shuffled = input.clone();
    shuffled.trials.reverse();
    shuffled.trials.swap(3, 90);
    assert_eq!(Report::new(&input, 7), Report::new(&shuffled, 7));
}

#[test]
fn the_bootstrap_seed_moves_intervals_and_nothing_else() {
    let input = robustness().input();
    let [mut first, second] = [1, 2].map(|seed| Report::new(&input, seed));
    assert_ne!(first.cells, second.cells);
    for (a, b) in first.cells.iter_mut().zip(&second.cells) {
        let (a, b) = (&mut a.sensitivity, &b.sensitivity);
        assert_eq!(
            a.estimates.headline().unwrap().summary,
            b.estimates.headline().unwrap().summary
        );
        assert_eq!(a.share_solved_interval, b.share_solved_interval);
    }
}

#[test]
fn every_row_of_a_marginal_table_pools_all_other_parameters() {
    let report = Report::new(&robustness().input(), 0);
    let by_beta = report
        .parameters
        .iter()
        .find(|table| table.parameter == Setting::BETA);
    let counts: Vec<u64> = by_beta
        .unwrap()
        .rows
        .iter()
        .map(|row| row.sensitivity.n)
        .collect();
    assert_eq!(counts, [90, 90]);
    let solved: u64 = report
        .cells
        .iter()
        .map(|cell| cell.sensitivity.solved)
        .sum();
    for table in &report.parameters {
        let pooled: u64 = table.rows.iter().map(|row| row.sensitivity.solved).sum();
        assert_eq!(pooled, solved, "{}", table.parameter);
    }
}

/// A sweep of six replicates of which the first two were run anyway, and of the first cell all, of the
/// second three.
fn adaptive(sweep: SimulatedSweep) -> ReportInput {
    let outcome = |trial| match trial {
        0..6 => Succeeded,
        6..9 => Succeeded,
        trial if trial % 6 < 2 => Succeeded,
        _ => Withheld,
    };
    sweep.initially(2).outcomes(outcome).input()
}

#[test]
fn where_replicates_were_added_after_looking_a_cell_has_the_interval_that_allows_it() {
    let sweep = SimulatedSweep::new(6).numbers(Setting::LAMBDA_P, &[0.1, 0.5, 0.9]);
    let report = Report::new(&adaptive(sweep), 0);
    let counts: Vec<u64> = report.cells.iter().map(|cell| cell.sensitivity.n).collect();
    assert_eq!(counts, [6, 3, 2]);
    // Of a single axis a row is a cell.
    let rows = report.parameters[0].rows.iter().map(|row| &row.sensitivity);
    let cells = report.cells.iter().map(|cell| &cell.sensitivity);
    for cell in rows.chain(cells) {
        let interval = crate::statistics::confidence_sequence(cell.solved, cell.n);
        assert_eq!(cell.share_solved_interval, Some(interval));
    }
    let text = terminal::render(&report.document(), 120);
    assert!(
        text.contains("11 trials expected (7 more withheld): 11 accepted"),
        "{text}"
    );
    assert!(text.contains("share [95 % confidence sequence]"), "{text}");
    assert!(!text.contains("Wilson"), "{text}");
}

#[test]
fn a_row_over_several_cells_takes_the_replicates_that_all_of_them_were_given_anyway() {
    let sweep = || {
        SimulatedSweep::new(6)
            .numbers(Setting::LAMBDA_P, &[0.1, 0.5])
            .numbers(Setting::BETA, &[0.01, 0.1])
    };
    let report = Report::new(&adaptive(sweep()), 0);
    let mut fixed = adaptive(sweep());
    fixed.trials.retain(|trial| trial.replicate < 2);
    fixed.terms.initial_replicates = None;
    let fixed = Report::new(&fixed, 0);
    assert_eq!(report.parameters, fixed.parameters);
    assert_eq!(report.cells[0].sensitivity.n, 6);
    assert_eq!(fixed.cells[0].sensitivity.n, 2);
    let text = markdown::render(&report.document());
    assert!(
        text.contains("take the first 2 replicates of each"),
        "{text}"
    );
}

#[test]
fn an_overview_shows_the_rows_of_the_report_and_draws_no_others() {
    let input = robustness().input();
    let mut report = Report::new(&input, 7);
    let overview = Report::overview(&input, 7, 1);
    assert_eq!(overview.cells, report.cells[..1]);
    for (table, whole) in overview.parameters.iter().zip(&mut report.parameters) {
        assert_eq!(table.rows[0], whole.rows[0], "{}", table.parameter);
        for (row, whole) in table.rows.iter().zip(&mut whole.rows).skip(1) {
            let accuracy = whole.sensitivity.estimates.headline_mut().unwrap();
            let estimate = *row.sensitivity.estimates.headline().unwrap();
            assert_ne!(accuracy.mean_interval.take(), None);
            assert_eq!(estimate, *accuracy);
        }
    }
}

#[test]
fn one_replicate_has_no_interval_of_its_mean() {
    let sweep = SimulatedSweep::new(1).numbers(Setting::LAMBDA_P, &[0.1, 0.2]);
    let report = Report::new(&sweep.input(), 0);
    let accuracy = report.cells[0].sensitivity.estimates.headline().unwrap();
    assert_eq!(accuracy.mean_interval, None);
    assert!(terminal::render(&report.document(), 100).contains("0.98"));
}

#[test]
fn a_number_survives_csv_and_json_exactly() {
    let report = Report::new(&small().input(), 0);
    let mean = report.cells[0]
        .sensitivity
        .estimates
        .headline()
        .unwrap()
        .summary
        .mean;
    let document: serde_json::Value = serde_json::from_str(&json::render(&report)).unwrap();
    assert_eq!(document["schema"], "pondersweep.report/1");
    let cell = &document["cells"][0]["sensitivity"];
    assert_eq!(cell["accuracy_interpolation"]["mean"].as_f64(), Some(mean));
    let table = csv::cells(&report);
    let mut reader = ::csv::Reader::from_reader(table.as_bytes());
    let column = reader
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "accuracy_interpolation_mean");
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!(row[column.unwrap()].parse::<f64>().unwrap(), mean);
}

#[test]
fn a_name_cannot_break_out_of_its_line_of_markdown() {
    let report = Report::new(&small().named("<b>a|b</b> `x` # *y*").input(), 0);
    let text = markdown::render(&report.document());
    assert!(text.starts_with("# Sensitivity of \\<b\\>a\\|b\\</b\\> \\`x\\` \\# \\*y\\*\n"));
}

#[test]
fn on_a_terminal_no_heading_stands_over_pictures_only() {
    let study = Study::new(&[small().input(), small().input()], 0);
    let text = terminal::render(&study.document, 100);
    let (full, empty): (Vec<_>, Vec<_>) = study.document.sections.iter().partition(|section| {
        let is_figure = |block: &_| matches!(block, document::Block::Figure(_));
        section.level == 1 || !section.blocks.iter().all(is_figure)
    });
    assert!(!empty.is_empty());
    let heading = |section: &&document::Section| format!("\n{}\n--", section.title);
    assert!(
        empty
            .iter()
            .all(|section| !text.contains(&heading(section)))
    );
    let parts = full.iter().filter(|section| section.level == 2);
    assert!(
        parts
            .clone()
            .all(|section| text.contains(&heading(section)))
    );
    assert!(parts.count() > 0);
}

#[test]
fn everything_is_written_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let study = Study::new(&[small().input()], 0);
    let written = write_all(
        &study,
        &folder.path().join("new/report"),
        Pictures::SvgAndPng,
    )
    .unwrap();
    let names: Vec<&str> = written
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    insta::assert_snapshot!(names.join("\n"));
    assert!(
        written
            .iter()
            .all(|path| path.metadata().unwrap().len() > 100)
    );
}

#[test]
fn pngs_that_are_left_out_are_all_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let study = Study::new(&[small().input()], 0);
    let write = |name: &str, pictures| {
        let folder = folder.path().join(name);
        let written = write_all(&study, &folder, pictures).unwrap();
        let name = |path: &PathBuf| path.strip_prefix(&folder).unwrap().to_owned();
        written.iter().map(name).collect::<BTreeSet<_>>()
    };
    let all = write("all", Pictures::SvgAndPng);
    let rest = write("rest", Pictures::Svg);
    let svg: BTreeSet<PathBuf> = rest
        .iter()
        .filter(|path| path.extension().unwrap() == "svg")
        .cloned()
        .collect();
    let missing: BTreeSet<PathBuf> = all
        .difference(&rest)
        .map(|path| path.with_extension("svg"))
        .collect();
    assert!(!svg.is_empty());
    assert_eq!(missing, svg);
    assert!(rest.is_subset(&all));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let study = Study::new(&[small().input()], 0);
    let error = write_all(&study, &file.path().join("report"), Pictures::Svg).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot write") && text.contains("hint:"),
        "{text}"
    );
}
