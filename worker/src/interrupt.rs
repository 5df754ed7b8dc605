//! EDGE: Ctrl-C, SIGTERM, SIGHUP and the end of standard input, for every command that runs until
//! told to stop. The first signal asks it to stop in order, the second ends the process at once.
//! For workers also SIGUSR1, with which batch systems announce the end of a job.

use std::{fs, io};

use tokio::{
    io::AsyncReadExt as _,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// Exit code of a process that a second signal ended at once: 128 and the number of SIGINT.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Says which signals a process ignores, as bits: those of a child of `nohup` have the first.
const PROCESS_STATUS: &str = "/proc/self/status";

/// A token that is cancelled by the first SIGINT, SIGTERM or, unless it is ignored, SIGHUP. Others
/// may cancel it as well: signals are counted by themselves, since Ctrl-C reaches a child also as
/// the end of its standard input, and is still the first.
///
/// # Errors
/// The process may not handle signals.
pub fn on_interrupt() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = (!ignores_hang_up())
        .then(|| signal(SignalKind::hangup()))
        .transpose()?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = received(&mut hang_up) => {}
            }
            if asked {
                std::process::exit(EXIT_INTERRUPTED.into());
            }
            asked = true;
            stopping.cancel();
        }
    });
    Ok(stop)
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process was started to go on when its terminal is gone, as by `nohup`.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string(PROCESS_STATUS).unwrap_or_default();
    ignores_first_signal(&status)
}

fn ignores_first_signal(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits & 1 == 1)
}

/// Cancels the token when standard input closes: the kernel closes it when the process at its other
/// end is gone, however that ended.
pub async fn cancel_on_end_of_stdin(stop: CancellationToken) {
    let mut ignored = [0; 64];
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
    stop.cancel();
}

/// Cancels the token when SIGUSR1 comes. Batch systems send it to every process of a job, and often
/// SIGTERM after it: so it never counts as a second signal, nor as the first.
///
/// # Errors
/// The process may not handle signals.
pub fn stop_on_announcement(stop: CancellationToken) -> io::Result<()> {
    let mut announcement = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while announcement.recv().await.is_some() {
            tracing::info!("the end of this job was announced, leaving");
            stop.cancel();
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_started_by_nohup_is_known_by_its_status() {
        let status = |bits| format!("Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t{bits}\n");
        assert!(ignores_first_signal(&status("0000000000001001")));
        assert!(!ignores_first_signal(&status("0000000000001000")));
        assert!(!ignores_first_signal("Name:\tx\n"));
    }
}
