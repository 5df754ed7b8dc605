//! The report as a whole: what its tables say, and that every sweep can be drawn.

use std::path::Path;

use super::*;

#[test]
fn render_simulated() {
    let report = Report::new(&simulated::robustness().input(), 0);
    println!("{}", terminal::render(&report, 100));
    write_all(&report, Path::new("/tmp/figs/robust")).unwrap();
}
