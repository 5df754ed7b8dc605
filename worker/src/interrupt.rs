//! EDGE: Ctrl-C, SIGTERM and the end of standard input, for every command that runs until told to
//! stop. The first signal asks it to stop in order, the second ends the process at once. For workers
//! also SIGUSR1, with which batch systems announce the end of a job.

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

/// Cancels the token when standard input closes: the kernel closes it when whoever holds its other
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
