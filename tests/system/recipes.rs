//! The commands of the documents, run as a reader gives them: page by page, block after block, in a
//! folder that has the sweep files of the repository, shortened to seconds.

use std::{
    ffi::OsString,
    fs::{self, File},
    net::TcpStream,
    os::unix::{fs::symlink, process::CommandExt as _},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::harness::{
    Block, Document, Sandbox, documents, free_port, program, repository, skip, wait_until,
};

/// What makes a sweep take seconds; the commands are the same.
const SHORTENED: [(&str, &str); 4] = [
    ("updates", "40"),
    ("every", "20"),
    ("examples", "100"),
    ("hidden", "8"),
];

#[test]
fn every_command_of_the_documents_runs() {
    let mut count = 0;
    for document in documents() {
        let blocks = document.blocks();
        if blocks.iter().any(|block| block.is_marked("run")) {
            count += Reader::new(&blocks).read(&document, &blocks);
        }
    }
    assert!(count > 20, "only {count} blocks ran");
}

#[test]
fn what_is_shown_is_compared_digits_apart() {
    let printed = "n  solved\n═══\n8  5/8 = 0.62\nthe end of\nit all";
    assert_eq!(
        missing("n solved\n...\n2  1/2 = 0.50\nthe end of it all", printed),
        None
    );
    assert_eq!(missing("n  share\n", printed).as_deref(), Some("n  share"));
    assert_eq!(
        missing("it all\nn  solved", printed).as_deref(),
        Some("n  solved")
    );
}

/// Reads one page and does what it says.
struct Reader {
    sandbox: Sandbox,
    /// Instead of the ports that pages name, which others may use at the same time.
    ports: [(&'static str, String); 2],
    /// Whether the page starts a coordinator, which its commands then call.
    serves: bool,
    /// The process groups of blocks; what they left in the background is killed with the reader.
    groups: Vec<Pid>,
}

impl Reader {
    fn new(blocks: &[Block<'_>]) -> Self {
        let sandbox = Sandbox::new();
        for folder in ["bin", "home", "sweeps"] {
            fs::create_dir(sandbox.path(folder)).unwrap();
        }
        for (name, path) in [
            ("pondersweep", env!("CARGO_BIN_EXE_pondersweep-under-test")),
            (
                "pondersweep-bench",
                env!("CARGO_BIN_EXE_pondersweep-bench-under-test"),
            ),
        ] {
            symlink(path, sandbox.path("bin").join(name)).unwrap();
        }
        for entry in fs::read_dir(repository().join("sweeps")).unwrap() {
            let path = entry.unwrap().path();
            let text = shortened(&fs::read_to_string(&path).unwrap());
            let name = path.file_name().unwrap();
            fs::write(sandbox.path("sweeps").join(name), text).unwrap();
        }
        let named = |folder: &&str| {
            let path = format!("{folder}/");
            blocks.iter().any(|block| block.text.contains(&path))
        };
        for folder in ["results", "examples"].into_iter().filter(named) {
            let copied = Command::new("cp")
                .arg("-r")
                .arg(repository().join(folder))
                .arg(sandbox.path(""))
                .status();
            assert!(copied.unwrap().success());
        }
        Self {
            sandbox,
            ports: ["7878", "9090"].map(|named| (named, free_port().to_string())),
            serves: blocks.iter().any(serves),
            groups: Vec::new(),
        }
    }

    /// Runs the blocks of a page in their order; how many there were.
    fn read(mut self, document: &Document, blocks: &[Block<'_>]) -> usize {
        let mut count = 0;
        let mut printed = None;
        for block in blocks {
            let place = format!("{}:{}", document.name, block.line);
            if let Some(name) = block
                .marks
                .iter()
                .find_map(|mark| mark.strip_prefix("file="))
            {
                fs::write(self.sandbox.path(name), shortened(&block.text)).unwrap();
            } else if block.is_marked("run") {
                printed = self.run(block, &place);
                count += 1;
            } else if block.is_marked("shown")
                && let Some(printed) = &printed
                && let Some(line) = missing(&block.text, printed)
            {
                panic!("{place}: this is not printed: {line}\nbut:\n{printed}");
            }
        }
        count
    }

    /// Runs a block to its end; what it printed, or nothing where the machine lacks what it needs.
    fn run(&mut self, block: &Block<'_>, place: &str) -> Option<String> {
        let mut command = match block.language {
            "sh" => {
                let mut programs = block.marks.iter().filter(|mark| **mark != "run");
                if let Some(missing) = programs.find(|name| program(name).is_none()) {
                    skip(missing, &format!("{missing} is not installed"));
                    return None;
                }
                let mut command = Command::new("sh");
                command.args(["-eu", "-c"]);
                command
            }
            "python" => {
                let marks = block.marks.iter().copied();
                let modules: Vec<&str> = marks.filter(|mark| *mark != "run").collect();
                if !has_modules(&modules) {
                    return None;
                }
                let mut command = Command::new("python3");
                command.arg("-c");
                command
            }
            other => panic!("{place}: {other} cannot be run"),
        };
        self.set_environment(&mut command);
        let output = self.sandbox.path("printed");
        let file = File::create(&output).unwrap();
        let mut child = command
            .arg(self.text(block))
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn()
            .unwrap();
        self.groups.push(Pid::from_child(&child));
        wait_until(place, || child.try_wait().unwrap().is_some());
        let status = child.wait().unwrap();
        let printed = fs::read_to_string(output).unwrap();
        assert!(status.success(), "{place}: {status}\n{printed}");
        assert!(!printed.contains(" WARN"), "{place}: {printed}");
        if serves(block) {
            let address = format!("127.0.0.1:{}", self.ports[0].1);
            wait_until(place, || TcpStream::connect(&address).is_ok());
        }
        Some(printed)
    }

    /// What a block says, with ports that are free, and with this machine for the coordinator's.
    fn text(&self, block: &Block<'_>) -> String {
        let text = block.text.replace("//coordinator:", "//localhost:");
        self.ports
            .iter()
            .fold(text, |text, (named, free)| text.replace(named, free))
    }

    fn set_environment(&self, command: &mut Command) {
        command.current_dir(self.sandbox.path(""));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PONDERSWEEP_")) {
            command.env_remove(name);
        }
        let mut path = OsString::from(self.sandbox.path("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command
            .env("PATH", path)
            .env("HOME", self.sandbox.path("home"))
            .env("XDG_STATE_HOME", self.sandbox.path("state"))
            // As if the package were installed.
            .env("PYTHONPATH", repository().join("python"))
            .env(
                "PONDERSWEEP_LISTEN",
                format!("127.0.0.1:{}", self.ports[0].1),
            );
        if self.serves {
            let url = format!("http://127.0.0.1:{}", self.ports[0].1);
            command.env("PONDERSWEEP_COORDINATOR", url);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for group in &self.groups {
            let _ = kill_process_group(*group, Signal::KILL);
        }
    }
}

/// Whether a block that runs starts a coordinator.
fn serves(block: &Block<'_>) -> bool {
    block.is_marked("run") && block.text.contains("pondersweep serve")
}

/// A sweep file with less to do.
fn shortened(text: &str) -> String {
    let line = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        let short = SHORTENED.iter().find(|(name, _)| *name == key);
        short.map_or_else(
            || line.to_owned(),
            |(name, value)| format!("{name} = {value}"),
        )
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether Python is there with these modules.
fn has_modules(modules: &[&str]) -> bool {
    let imports = format!("import sqlite3, {}", modules.join(", "));
    let imports = imports.trim_end_matches([',', ' ']);
    let found = program("python3").is_some_and(|python| {
        let imported = Command::new(python)
            .args(["-c", imports])
            .stderr(Stdio::null())
            .status();
        imported.is_ok_and(|status| status.success())
    });
    if !found {
        skip("python", &format!("python3 cannot `{imports}`"));
    }
    found
}

/// The first line that is shown and does not follow in what was printed. Words with a digit are
/// alike, and where lines break does not count.
fn missing(shown: &str, printed: &str) -> Option<String> {
    let printed = words(printed);
    let mut rest = &printed[..];
    for line in shown.lines().filter(|line| line.trim() != "...") {
        let wanted = words(line);
        if wanted.is_empty() {
            continue;
        }
        let Some(at) = rest.windows(wanted.len()).position(|found| found == wanted) else {
            return Some(line.to_owned());
        };
        rest = &rest[at + wanted.len()..];
    }
    None
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace()
        .filter(|word| !word.chars().all(|c| "─═-=".contains(c)))
        .map(|word| {
            if word.contains(|c: char| c.is_ascii_digit()) {
                "0"
            } else {
                word
            }
        })
        .collect()
}
