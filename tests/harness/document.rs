//! The documents that people read, as text: their fenced blocks, and what is left without them.
//!
//! A block of commands says after its language how it is held: `sh run` and `python run` are given
//! one after the other in the folder of their page (`sh run rustc` where there is such a program,
//! `python run pandas` such a module); `toml file=NAME` is written there before; `text shown` is
//! what the block above it prints, digits apart. Any other `sh` block names what it needs instead
//! (`sh slurm`), and its commands are only parsed.

use std::{fs, path::PathBuf};

/// The folders and files that people read.
const ROOTS: [&str; 8] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "docs",
    "results",
    ".github",
    ".github/ISSUE_TEMPLATE",
];

/// A page of the repository.
pub(crate) struct Document {
    /// Its path from the root of the repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block of a page.
pub(crate) struct Block<'a> {
    /// Where its fence opens, for messages.
    pub(crate) line: usize,
    pub(crate) language: &'a str,
    /// The words after the language.
    pub(crate) marks: Vec<&'a str>,
    pub(crate) text: String,
}

impl Block<'_> {
    pub(crate) fn is_marked(&self, mark: &str) -> bool {
        self.marks.contains(&mark)
    }
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every page, without those below `results/` that the program wrote.
pub(crate) fn documents() -> Vec<Document> {
    let mut names = Vec::new();
    for root in ROOTS {
        let path = repository().join(root);
        if path.is_file() {
            names.push(root.to_owned());
            continue;
        }
        for entry in fs::read_dir(path).unwrap_or_else(|error| panic!("{root}: {error}")) {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                names.push(format!("{root}/{name}"));
            }
        }
    }
    names.sort();
    names.into_iter().map(Document::read).collect()
}

impl Document {
    fn read(name: String) -> Self {
        let text = fs::read_to_string(repository().join(&name)).unwrap();
        Self { name, text }
    }

    /// Its fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut inside = false;
        for (index, line) in self.text.lines().enumerate() {
            match line.trim_start().strip_prefix("```") {
                Some(information) if !inside => {
                    let mut words = information.split_whitespace();
                    blocks.push(Block {
                        line: index + 1,
                        language: words.next().unwrap_or_default(),
                        marks: words.collect(),
                        text: String::new(),
                    });
                    inside = true;
                }
                Some(_) => inside = false,
                None => {
                    if let Some(block) = blocks.last_mut().filter(|_| inside) {
                        block.text.push_str(line);
                        block.text.push('\n');
                    }
                }
            }
        }
        assert!(!inside, "{}: the last block does not end", self.name);
        blocks
    }

    /// Its lines outside of blocks.
    pub(crate) fn outside(&self) -> String {
        let mut inside = false;
        let lines = self.text.lines().filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            inside ^= is_fence;
            !inside && !is_fence
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Its sentences on one line: no blocks, no code, no white space twice.
    pub(crate) fn prose(&self) -> String {
        let outside = self.outside();
        let words = outside
            .split('`')
            .step_by(2)
            .flat_map(str::split_whitespace);
        words.collect::<Vec<_>>().join(" ")
    }
}
