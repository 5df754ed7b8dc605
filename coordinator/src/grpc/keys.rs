//! The tokens of the database as the services see them: read again every second, and at once when
//! somebody shows a token that is not known. So a token that was just made is accepted, a revoked
//! one is refused within a second, and nothing must be told to the coordinator. It writes nothing.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    store::{OpenError, ReadError, Reader},
    trust::{Caller, Keyring, Refusal, Secret, SecretHash, TokenRecord},
};

/// How long a revoked token may still be accepted.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Strangers cause no more readings than one in this time, and wait for it.
const PAUSE: Duration = Duration::from_millis(100);
/// Callers that may wait for a reading; others wait for their turn to wait.
const MAX_WAITING: usize = 256;

/// The tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    current: watch::Receiver<Arc<Keyring>>,
    look_again: mpsc::Sender<oneshot::Sender<()>>,
}

/// Keeps the tokens up to date; runs until told to stop.
pub(crate) struct KeysWatch {
    reader: Reader,
    own: Option<SecretHash>,
    seen: Vec<TokenRecord>,
    current: watch::Sender<Arc<Keyring>>,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

/// Why the tokens cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Keys {
    /// Reads the tokens of a database for the first time.
    pub(crate) async fn open(
        database: &Path,
        own: Option<&Secret>,
    ) -> Result<(Self, KeysWatch), KeysError> {
        let mut reader = Reader::open(database).await?;
        let seen = reader.tokens().await?;
        let own = own.map(Secret::hash);
        let (sender, current) = watch::channel(Arc::new(Keyring::new(seen.clone(), own)));
        let (look_again, asked) = mpsc::channel(MAX_WAITING);
        let keys = Self {
            current,
            look_again,
        };
        let watch = KeysWatch {
            reader,
            own,
            seen,
            current: sender,
            asked,
        };
        Ok((keys, watch))
    }

    /// The tokens as last read.
    pub(crate) fn current(&self) -> Arc<Keyring> {
        Arc::clone(&self.current.borrow())
    }

    /// Whether no token is valid now.
    pub(crate) fn is_barred(&self) -> bool {
        self.current().is_barred(clock::now_ms())
    }

    /// Who shows this text.
    pub(crate) async fn judge(&self, shown: &str) -> Result<Caller, Refusal> {
        match self.current().judge(shown, clock::now_ms()) {
            Err(Refusal::Unknown) if Secret::parse(shown).is_ok() => {}
            judged => return judged,
        }
        let (reply, looked) = oneshot::channel();
        // Without an answer the coordinator is stopping.
        if self.look_again.send(reply).await.is_ok() {
            let _ = looked.await;
        }
        self.current().judge(shown, clock::now_ms())
    }
}

impl KeysWatch {
    /// Reads the tokens again and again, until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(LOOK_EVERY);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let mut waiting = Vec::new();
            tokio::select! {
                _ = beat.tick() => {}
                Some(reply) = self.asked.recv() => waiting.push(reply),
                () = stop.cancelled() => break,
            }
            while let Ok(reply) = self.asked.try_recv() {
                waiting.push(reply);
            }
            self.look().await;
            let was_asked = !waiting.is_empty();
            for reply in waiting {
                // Who asked may have gone.
                let _ = reply.send(());
            }
            if was_asked {
                tokio::time::sleep(PAUSE).await;
            }
        }
        self.reader.close().await;
    }

    async fn look(&mut self) {
        match self.reader.tokens().await {
            Ok(tokens) if tokens == self.seen => {}
            Ok(tokens) => {
                self.seen.clone_from(&tokens);
                self.current
                    .send_replace(Arc::new(Keyring::new(tokens, self.own)));
            }
            // What was known stays valid until it expires; the driver ends the coordinator if the
            // database is lost.
            Err(error) => tracing::warn!(%error, "the tokens cannot be read"),
        }
    }
}
