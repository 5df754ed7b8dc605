//! A whole coordinator in this process: database, driver and services, started and stopped as one.
//! `serve` is one that waits for a signal; `run` is one with workers of its own.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    checkpoint::{Blobs, CheckpointLocation, Collector},
    clock,
    driver::{Driver, DriverHandle},
    grpc,
    scheduler::SchedulerLimits,
    store::Store,
};

/// How long a lease lasts without renewal, unless told otherwise: long enough for a worker to
/// survive a restart of the coordinator, short enough that a dead one is not missed for long.
pub const DEFAULT_LEASE_DURATION: Duration = Duration::from_secs(30);

/// What a coordinator serves, and where.
#[derive(Clone, Debug)]
pub struct CoordinatorOptions {
    /// The database; created if it is not there.
    pub database: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How long a lease lasts without renewal.
    pub lease_duration: Duration,
    /// Where checkpoints are kept.
    pub checkpoints: CheckpointLocation,
}

impl CoordinatorOptions {
    /// A coordinator for this machine only, on any free port.
    #[must_use]
    pub fn loopback(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            lease_duration: DEFAULT_LEASE_DURATION,
            checkpoints: CheckpointLocation::beside(database),
        }
    }
}

/// A running coordinator.
pub struct Coordinator {
    /// Asks the driver directly.
    pub driver: DriverHandle,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    driving: JoinHandle<anyhow::Result<()>>,
    collector: Collector,
}

impl Coordinator {
    /// Opens the database, goes on from it and listens.
    ///
    /// # Errors
    /// The address is taken, or the database cannot be opened or read back.
    pub async fn start(options: CoordinatorOptions) -> anyhow::Result<Self> {
        let listener = listen(options.listen).await?;
        let address = listener.local_addr()?;
        let mut store = Store::open(&options.database).await?;
        let database_id = store.database_id().await?;
        let blobs = Blobs::new(options.checkpoints, &database_id, clock::now_ms());
        let limits = SchedulerLimits {
            lease_duration: options.lease_duration,
        };
        let (running, driver) = Driver::restore(store, limits).await?;
        let kept = running.kept_blobs().map(str::to_owned).collect();
        let (collector, garbage) = Collector::start(blobs.clone(), kept);
        let running = running.with_garbage(garbage);
        let stop = CancellationToken::new();
        let driver_stop = CancellationToken::new();
        // A driver that fails ends the services too: a coordinator that cannot write is none.
        let guard = stop.clone().drop_guard();
        let stopped = driver_stop.clone();
        let driving = tokio::spawn(async move {
            let _ends_the_services = guard;
            Ok(running.run(stopped).await?)
        });
        let services = grpc::serve(
            listener,
            driver.clone(),
            blobs,
            options.database,
            stop.clone(),
        );
        let serving = tokio::spawn(async move {
            let outcome = services.await;
            // Calls under way are answered before the driver goes.
            driver_stop.cancel();
            outcome
        });
        Ok(Self {
            driver,
            address,
            stop,
            serving,
            driving,
            collector,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for clients on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Resolves when the coordinator is ending, by [`Self::stop`] or by itself after a failure.
    pub async fn ending(&self) {
        self.stop.cancelled().await;
    }

    /// Stops in order: no new calls, the last ones answered, the database closed.
    ///
    /// # Errors
    /// Why it ended by itself, if it did; the database could not be written.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        drop(self.driver);
        let served = self.serving.await.context("the services panicked")?;
        let drove = self.driving.await.context("the driver panicked")?;
        // It ends with the driver, which names what it removes.
        self.collector.finish().await;
        drove.and(served)
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => anyhow::anyhow!(
                "{address} is already in use\n\
             hint: another coordinator may be running there; choose another with --listen"
            ),
            _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
        })
}
