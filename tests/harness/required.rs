//! What a test needs of the machine besides the program: sshd, Slurm, a validator, namespaces.
//! Where it is not there the test says so and passes, unless `PONDERSWEEP_REQUIRE` names it, as
//! `.ci/run` does.

use std::{
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
};

/// Says why a test is skipped; fails instead where what it lacks is required.
pub(crate) fn skip(what: &str, reason: &str) {
    let required = std::env::var("PONDERSWEEP_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == what),
        "{what} is required: {reason}"
    );
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test").to_owned();
    // Not by a macro, whose output is shown only when a test fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test says it, not the program"
    )]
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "skipped {test}: {reason}");
}

/// Where a program is, if it is installed. Daemons are not on everybody's path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]);
    let mut files = folders.map(|folder| Path::new(folder).join(name));
    files.find(|file| file.is_file())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
