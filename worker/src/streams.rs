//! EDGE: the two streams of every program here. Talk goes to standard error and must never end what is
//! done: a reader who has left, a full disk, or a pipe that nothing empties costs the words only. Data goes
//! to standard output, where what cannot be written is an error. Nothing else writes to either
//! (clippy.toml), and this decides nothing about what is said.

use std::{
    error::Error,
    fmt,
    io::{self, IsTerminal as _, Write},
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use clap::Parser;
use pondersweep_proto::foreign;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    stdio::{stderr, stdout},
};

/// Exit code when standard output cannot be written (BSD `EX_IOERR`).
pub const EXIT_OUTPUT: u8 = 74;

/// Says a line to people, written as for `println!`.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::streams::line(::std::format_args!($($text)*)) };
}

/// Says a line. Whatever others wrote of it, a terminal only shows it.
pub fn line(text: fmt::Arguments<'_>) {
    write_to_stderr(foreign::lines(&format!("{text}\n")).as_bytes());
}

/// Standard error as a writer that never fails.
#[derive(Clone, Copy, Debug)]
pub enum Talk {
    /// Of one event of a log after the other.
    Event,
    /// Of whole lines of JSON.
    Json,
    /// Of what moves a terminal's cursor.
    Drawing,
}

impl Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        match self {
            // One event is one line, whatever its texts hold.
            Self::Event => {
                let text = text.trim_end().replace("\nhint: ", "; hint: ");
                line(format_args!("{}", foreign::line(&text)));
            }
            Self::Json => write_to_stderr(foreign::json(&text).as_bytes()),
            Self::Drawing => write_to_stderr(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsRawFd for Talk {
    fn as_raw_fd(&self) -> RawFd {
        stderr().as_raw_fd()
    }
}

/// Whether somebody sits before what is said.
#[must_use]
pub fn is_heard_at_terminal() -> bool {
    stderr().is_terminal()
}

/// A pipe that can be written at all takes this much at once (Linux: a page).
const PIECE: usize = 4_096;
/// How long a stream that takes nothing is waited for, once; then it loses words until it takes some again.
const PATIENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};
const NONE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

fn write_to_stderr(mut bytes: &[u8]) {
    /// Lines of several threads stay whole; says whether the stream takes nothing.
    static IS_STALLED: Mutex<bool> = Mutex::new(false);
    let mut is_stalled = IS_STALLED.lock().unwrap_or_else(PoisonError::into_inner);
    while !bytes.is_empty() {
        *is_stalled = !takes_more(if *is_stalled { &NONE } else { &PATIENCE });
        if *is_stalled {
            return;
        }
        match rustix::io::write(stderr(), &bytes[..bytes.len().min(PIECE)]) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn takes_more(patience: &Timespec) -> bool {
    let stream = stderr();
    loop {
        // Also ready when it can only fail.
        match poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(patience)) {
            Ok(ready) => return ready > 0,
            Err(Errno::INTR) => {}
            Err(_) => return true,
        }
    }
}

/// Standard output, unbuffered: what it cannot take is an [`OutputError`] inside an [`io::Error`]. Files
/// and programs get what is written; a terminal is shown it.
#[derive(Debug, Default)]
pub struct Data {
    /// The beginning of a character whose end is not written yet.
    begun: Vec<u8>,
}

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write standard output: {0}")]
pub struct OutputError(pub io::Error);

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !is_data_at_terminal() {
            return hand_over(bytes);
        }
        let text = [&*self.begun, bytes].concat();
        let end = text.utf8_chunks().last().map_or(0, |last| {
            let unread = str::from_utf8(last.invalid());
            let is_begun = unread.is_err_and(|error| error.error_len().is_none());
            if is_begun { last.invalid().len() } else { 0 }
        });
        let (whole, begun) = text.split_at(text.len() - end);
        hand_over_all(foreign::lines(&String::from_utf8_lossy(whole)).as_bytes())?;
        self.begun = begun.to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hand_over(bytes: &[u8]) -> io::Result<usize> {
    rustix::io::write(stdout(), bytes).map_err(|errno| {
        let error = io::Error::from(errno);
        match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, OutputError(error)),
        }
    })
}

fn hand_over_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match hand_over(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether somebody sits before the data.
#[must_use]
pub fn is_data_at_terminal() -> bool {
    stdout().is_terminal()
}

/// Why standard output could not be written, if that is what an error or one of its causes says.
#[must_use]
pub fn output_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(OutputError(why)) = error.downcast_ref() {
            return Some(why);
        }
        // It hides what it holds from the chain of causes.
        let held = error.downcast_ref().and_then(io::Error::get_ref);
        if let Some(why) = held.and_then(|held| output_error(held)) {
            return Some(why);
        }
        cause = error.source();
    }
    None
}

/// The arguments of this process; or the exit code, once the help or what is wrong with them is told.
///
/// # Errors
/// There is nothing to go on with.
pub fn parse<Arguments: Parser>() -> Result<Arguments, ExitCode> {
    Arguments::try_parse().map_err(|error| {
        let text = error.render();
        let shown = |is_coloured: bool| match is_coloured {
            true => text.ansi().to_string(),
            false => text.to_string(),
        };
        let code = u8::try_from(error.exit_code()).unwrap_or(1);
        if error.use_stderr() {
            write_to_stderr(shown(takes_colours(stderr())).as_bytes());
            return code.into();
        }
        match hand_over_all(shown(takes_colours(stdout())).as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                say!("error: {error}");
                EXIT_OUTPUT.into()
            }
            _ => code.into(),
        }
    })
}

/// A terminal, unless its user wants none of them (no-color.org).
fn takes_colours(stream: BorrowedFd<'_>) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb
}
