//! The files of users' programs, by their hash: written with a sweep, read for its workers.

use pondersweep_proto::program::{ProgramFile, ProgramSpec, file_sha256};
use rusqlite::Connection;

use super::{Store, error::DatabaseError, statement::statements};

statements! {
    INSERT_FILE = "
        INSERT INTO program_file (sha256, content) VALUES (?1, ?2) ON CONFLICT (sha256) DO NOTHING";
    FILE = "
        SELECT content FROM program_file WHERE sha256 = ?1";
}

/// Writes the files of a new sweep.
pub(super) fn insert_files(
    connection: &Connection,
    files: &[ProgramFile],
) -> Result<(), rusqlite::Error> {
    let mut insert = connection.prepare_cached(INSERT_FILE)?;
    for (_, content) in files {
        insert.execute((file_sha256(content), content))?;
    }
    Ok(())
}

impl Store {
    /// The files of a program.
    ///
    /// # Errors
    /// One is not there, or the disk failed.
    pub fn program_files(&self, program: &ProgramSpec) -> Result<Vec<ProgramFile>, DatabaseError> {
        let mut read = self.writer.prepare_cached(FILE)?;
        let files = program.files.iter().map(|(path, sha256)| {
            let content = read.query_row([sha256], |row| row.get(0))?;
            Ok((path.clone(), content))
        });
        files.collect()
    }
}
