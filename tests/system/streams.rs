//! What is said never ends what is done, and data that cannot be written is an error: every command with
//! a standard error or a standard output that is full, that has no reader, or that nothing empties.

use std::{
    fs::File,
    io::PipeReader,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use crate::harness::{Finished, Sandbox, TINY, free_port, wait_until};

/// The code for a standard output that cannot be written.
const OUTPUT: i32 = 74;

fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it")
        .into()
}

fn without_reader() -> Stdio {
    std::io::pipe().expect("a pipe").1.into()
}

/// A pipe that has a reader who never reads.
fn unread() -> (PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (reader, writer.into())
}

/// Runs a command to its end with these streams, or with such as are read.
fn run(mut command: Command, stdout: Option<Stdio>, stderr: Option<Stdio>) -> Finished {
    let output = command
        .stdout(stdout.unwrap_or_else(Stdio::piped))
        .stderr(stderr.unwrap_or_else(Stdio::piped))
        .spawn()
        .and_then(std::process::Child::wait_with_output);
    let mut output = output.expect("the program starts");
    // Parquet is no text.
    output.stdout = String::from_utf8_lossy(&output.stdout)
        .into_owned()
        .into_bytes();
    Finished::from(output)
}

/// A sandbox whose sweep was run while nothing could be said.
fn finished_in_silence(stderr: Stdio) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let mut command = sandbox.command(&["run", "tiny.toml"]);
    command.env("PONDERSWEEP_LOG", "trace");
    run(command, None, Some(stderr)).assert_code(0);
    assert_eq!(sandbox.count("select count(*) from trial_result"), 8);
    sandbox
}

/// Commands that end by themselves, and whether they print data.
const COMMANDS: [(&[&str], bool); 34] = [
    (&["plan", "tiny.toml"], true),
    (&["plan", "tiny.toml", "--output", "json"], true),
    (&["schema"], true),
    (&["submit", "tiny.toml", "--db", "results.db"], true),
    (&["ls"], true),
    (&["ls", "--output", "json"], true),
    (&["ls", "--output", "csv"], true),
    (&["status"], true),
    (&["status", "--workers"], true),
    (&["watch"], false),
    (&["wait"], false),
    (&["query", "select * from trial"], true),
    (&["query", "select * from trial", "--output", "json"], true),
    (&["query", "select * from trial", "--output", "csv"], true),
    (&["query", "select nonsense"], false),
    (&["export", "--format", "csv"], true),
    (&["export", "--format", "jsonl"], true),
    (&["export", "--format", "parquet"], true),
    (&["explain"], true),
    (&["report"], true),
    (&["report", "--format", "json"], true),
    (&["report", "--anova", "--format", "csv"], true),
    (&["report", "--out", "folder"], true),
    (&["audit", "--fraction", "0.1"], true),
    (&["trial", "show", "1"], true),
    (&["trial", "replay", "1"], true),
    (&["backup", "results.db", "copy.db", "--force"], false),
    (&["token", "new", "--role", "viewer"], true),
    (&["token", "ls"], true),
    (&["token", "revoke", "0"], false),
    (&["tls", "init", "keys", "--force"], false),
    (&["launch", "ls", "--state", "launches"], true),
    (&["launch", "stop", "--state", "launches"], false),
    (&["launch", "probe", "--file", "alive"], false),
];

#[test]
fn a_command_ends_the_same_whether_or_not_it_is_heard() {
    let sandbox = finished_in_silence(full());
    for (arguments, _) in COMMANDS {
        let command = || sandbox.command(arguments);
        let heard = run(command(), None, None).code;
        for silent in [full(), without_reader()] {
            let unheard = run(command(), None, Some(silent)).code;
            assert_eq!(unheard, heard, "{arguments:?}");
        }
        assert!(matches!(heard, 0 | 1 | 2 | 5), "{arguments:?}: {heard}");
    }
}

#[test]
fn data_that_cannot_be_written_is_an_error_and_a_reader_who_left_is_none() {
    let sandbox = finished_in_silence(without_reader());
    let tokens = || sandbox.count("select count(*) from token");
    for (arguments, _) in COMMANDS.iter().filter(|(_, prints)| *prints) {
        let lost = run(sandbox.command(arguments), Some(full()), None);
        assert_eq!(lost.code, OUTPUT, "{arguments:?}: {}", lost.stderr);
        lost.assert_told("cannot write standard output: ");
        let left = run(sandbox.command(arguments), Some(without_reader()), None);
        let makes_token = arguments.starts_with(&["token", "new"]);
        let expected = if makes_token { OUTPUT } else { 0 };
        assert_eq!(left.code, expected, "{arguments:?}: {}", left.stderr);
        assert_eq!(tokens(), 0, "a token that no one could read was made");
    }
}

#[test]
fn the_help_of_every_command_is_data_and_what_is_wrong_is_talk() {
    fn check(sandbox: &Sandbox, command: &clap::Command, path: &[&str]) {
        let help = [path, &["--help"]].concat();
        let lost = run(sandbox.command(&help), Some(full()), None);
        assert_eq!(lost.code, OUTPUT, "{help:?}: {}", lost.stderr);
        lost.assert_told("cannot write standard output: ");
        let read = run(sandbox.command(&help), None, Some(full()));
        read.assert_code(0).assert_printed("Usage: ");
        assert!(!read.stdout.contains('\u{1b}'), "colours in a file");
        let wrong = [path, &["--nonsense"]].concat();
        run(sandbox.command(&wrong), None, Some(full())).assert_code(2);
        for command in command.get_subcommands() {
            check(sandbox, command, &[path, &[command.get_name()]].concat());
        }
    }
    let sandbox = Sandbox::new();
    check(&sandbox, &pondersweep::cli::command(), &[]);
    let version = run(sandbox.command(&["--version"]), Some(full()), None);
    version.assert_code(OUTPUT);
    let bench = run(sandbox.bench_command(&["--help"]), Some(full()), None);
    bench.assert_code(OUTPUT);
}

/// A coordinator and a worker that log everything to such a stream work as others do.
fn check_service(stream: impl Fn() -> Stdio) {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let address = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{address}");
    let logging = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        command.env("PONDERSWEEP_LOG", "trace").stderr(stream());
        command
    };
    let mut serve = logging(&["serve", "--listen", &address, "--lease", "2"]);
    let mut serve = serve.spawn().expect("the program starts");
    let submit = ["submit", "tiny.toml", "--coordinator", &url];
    wait_until("the coordinator answers", || sandbox.run(&submit).code == 0);
    let worker = ["worker", "--coordinator", &url, "--exit-when-idle"];
    let status = logging(&worker).status().expect("the program starts");
    assert_eq!(status.code(), Some(0));
    assert_eq!(sandbox.count("select count(*) from trial_result"), 8);
    let pid = rustix::process::Pid::from_child(&serve);
    rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
    assert_eq!(serve.wait().expect("a child").code(), Some(0));
}

#[test]
fn a_service_goes_on_when_its_log_is_full_unread_or_gone() {
    check_service(full);
    check_service(without_reader);
    let readers = std::cell::RefCell::new(Vec::new());
    check_service(|| {
        let (reader, stream) = unread();
        readers.borrow_mut().push(reader);
        stream
    });
}

#[test]
fn logs_hold_no_colours() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let mut command = sandbox.command(&["run", "tiny.toml"]);
    command.env("PONDERSWEEP_LOG", "debug");
    let logged = run(command, None, None);
    logged.assert_code(0).assert_told("DEBUG");
    assert!(!logged.stderr.contains('\u{1b}'), "{}", logged.stderr);
}
