//! A report as data: sections, tables and figures, before any format. Renderers lay it out and
//! compute nothing, so that no format has other numbers than another.

mod comparison;
mod compute;
mod paper;
mod profile;
mod sensitivity;
mod study;
mod sweep;
mod words;

pub use self::study::{Study, StudySweep};
pub(super) use self::{
    sensitivity::sensitivity,
    words::{completeness_line, counted},
};
use super::{field::Field, figure::Figure};

/// Everything a reader is told, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is about.
    pub title: String,
    /// Why to read it with care, the gravest first.
    pub warnings: Vec<String>,
    /// The abstract: what was swept, and what became of the trials.
    pub summary: Vec<String>,
    /// Everything else.
    pub sections: Vec<Section>,
    /// How to read all tables.
    pub notes: Vec<String>,
}

/// Blocks under one heading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// The heading; empty where the document's title is enough.
    pub title: String,
    /// 1 for a chapter, 2 for a part of one.
    pub level: u8,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// One thing in a section.
#[expect(
    clippy::large_enum_variant,
    reason = "a document has some dozens of blocks"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Words.
    Paragraph(String),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Picture),
}

/// A table, not yet laid out.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The file that holds all of its rows, without the ending.
    pub file: String,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// A field for each column.
    pub rows: Vec<Vec<Field>>,
    /// Rows that are left out, after those that are here.
    pub left_out: usize,
    /// How its numbers were made, one sentence each.
    pub rules: Vec<String>,
}

/// A figure in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The files that hold it, without the ending.
    pub file: String,
    /// What it shows.
    pub figure: Figure,
    /// How to read it.
    pub rule: String,
}

impl Document {
    /// Its tables, in order.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blocks().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        })
    }

    /// Its figures, in order.
    pub fn pictures(&self) -> impl Iterator<Item = &Picture> {
        self.blocks().filter_map(|block| match block {
            Block::Figure(picture) => Some(picture),
            _ => None,
        })
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|section| &section.blocks)
    }
}

impl Table {
    /// The rows that a format of at most `most` rows shows, and how many it leaves out.
    pub(super) fn first_rows(&self, most: usize) -> (&[Vec<Field>], usize) {
        let shown = &self.rows[..self.rows.len().min(most)];
        (shown, self.rows.len() - shown.len() + self.left_out)
    }

    /// Where the rows are that a format leaves out; `None` if it shows all.
    pub(super) fn more(&self, most: usize) -> Option<String> {
        let (_, left_out) = self.first_rows(most);
        let words = || {
            format!(
                "and {left_out} more rows: {}.csv of `--out` has them all",
                self.file
            )
        };
        (left_out > 0).then(words)
    }
}

impl Section {
    fn new(level: u8, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            level,
            blocks: Vec::new(),
        }
    }

    fn with(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.blocks.extend(blocks);
        self
    }
}
