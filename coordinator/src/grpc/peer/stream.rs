//! A connection whose peer is given up when it says nothing: silence before the first call, whether
//! in the cipher's handshake or after it, would hold a connection for ever and cost the peer
//! nothing.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::Peer;

/// How long a peer may take to make a call that it is let in with. Anybody may ask for the
/// coordinator's health, so that does not count.
const MAX_SILENCE: Duration = Duration::from_secs(10);
/// How long the calls of known peers may take to end after the stop: a commit takes milliseconds.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A connection that says whose it is.
pub(crate) struct PeerStream {
    stream: TcpStream,
    peer: Peer,
    /// Resolves when it is given up; gone once it has.
    patience: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl PeerStream {
    /// A peer's connection, given up if it does not become known in time, and soon after the stop.
    pub(super) fn new(
        stream: TcpStream,
        peer: Peer,
        known: CancellationToken,
        stop: CancellationToken,
    ) -> Self {
        Self {
            stream,
            peer,
            patience: Some(Box::pin(patience(known, stop))),
        }
    }

    /// Whether it is given up; if not, the task is woken when it is.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if let Some(patience) = &mut self.patience {
            if patience.as_mut().poll(context).is_pending() {
                return Ok(());
            }
            self.patience = None;
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Resolves when a connection is to be given up.
async fn patience(known: CancellationToken, stop: CancellationToken) {
    tokio::select! {
        () = known.cancelled() => {}
        () = stop.cancelled() => return,
        () = sleep(MAX_SILENCE) => return,
    }
    stop.cancelled().await;
    sleep(LAST_WORDS).await;
}

impl Connected for PeerStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
