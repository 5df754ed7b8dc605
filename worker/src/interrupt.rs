//! EDGE: Ctrl-C and SIGTERM, for every command that runs until told to stop. The first asks it to
//! stop in order, the second ends the process at once. And the end of standard input, for children.

use std::io;

use tokio::{
    io::AsyncReadExt as _,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// Exit code of a process that a second signal ended at once: 128 and the number of SIGINT.
pub const EXIT_INTERRUPTED: u8 = 130;

/// A token that is cancelled by the first SIGINT or SIGTERM. Others may cancel it as well: signals
/// are counted by themselves, since Ctrl-C reaches a child also as the end of its standard input,
/// and is still the first.
///
/// # Errors
/// The process may not handle signals.
pub fn on_interrupt() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
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

/// Cancels a token when standard input closes: a child that does so never outlives whoever started
/// it, since the kernel closes the pipe even when that process is killed.
pub async fn cancel_on_end_of_stdin(stop: CancellationToken) {
    let mut ignored = [0; 64];
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
    stop.cancel();
}
