//! EDGE: runs another program to its end, with a limit to how long and how much it may say.

use std::{io, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

/// Most that is read of what a program says, in bytes: a log that is fetched whole.
const MAX_OUTPUT_BYTES: u64 = 256 * 1_024 * 1_024;

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub(super) code: Option<i32>,
    /// Its standard output.
    pub(super) stdout: String,
    /// Its standard error, without the white space at its end.
    pub(super) stderr: String,
}

/// Why a program could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It is not installed.
    #[error("there is no program {0}\nhint: install it, or put it on the path")]
    Missing(String),
    /// It ran too long and was killed.
    #[error("{program} took longer than {} s", limit.as_secs())]
    TooLong {
        /// The program.
        program: String,
        /// How long it may take.
        limit: Duration,
    },
    /// The machine would not run it.
    #[error("cannot run {program}: {source}")]
    Io {
        /// The program.
        program: String,
        /// The machine's reason.
        source: io::Error,
    },
}

/// Runs a program with this on its standard input, and waits for its end; kills it after `limit`.
pub(super) async fn run(
    words: &[String],
    stdin: &[u8],
    limit: Duration,
) -> Result<Finished, ProcessError> {
    let program = words.first().cloned().unwrap_or_default();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ProcessError::Missing(program.clone()),
        _ => ProcessError::Io {
            program: program.clone(),
            source,
        },
    };
    let mut child = Command::new(&program)
        .args(words.iter().skip(1))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut input = child.stdin.take().expect("standard input is piped");
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let feed = async move {
        // A program may end without reading it all; how it ended tells more than the broken pipe.
        let _ = input.write_all(stdin).await;
    };
    let whole = async { tokio::join!(feed, read(stdout), read(stderr), child.wait()) };
    let Ok(((), stdout, stderr, status)) = tokio::time::timeout(limit, whole).await else {
        return Err(ProcessError::TooLong { program, limit });
    };
    Ok(Finished {
        code: status.map_err(failed)?.code(),
        stdout: stdout.map_err(failed)?,
        stderr: stderr.map_err(failed)?.trim_end().to_owned(),
    })
}

async fn read(pipe: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut bytes = Vec::new();
    pipe.take(MAX_OUTPUT_BYTES).read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn a_program_is_fed_heard_and_waited_for() {
        let script = shell("cat; echo trouble >&2; exit 3");
        let finished = run(&script, b"hello", Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(finished.code, Some(3));
        assert_eq!(
            (finished.stdout.as_str(), finished.stderr.as_str()),
            ("hello", "trouble")
        );
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_does_not_end_is_an_error() {
        let missing = run(&["no-such-program".into()], b"", Duration::from_secs(60)).await;
        assert!(
            matches!(missing, Err(ProcessError::Missing(_))),
            "{missing:?}"
        );
        let endless = run(&shell("exec sleep 600"), b"", Duration::from_millis(50)).await;
        assert!(
            matches!(endless, Err(ProcessError::TooLong { .. })),
            "{endless:?}"
        );
    }
}
