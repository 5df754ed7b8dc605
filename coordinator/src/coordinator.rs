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
    grpc::{self, Keys, Served},
    monitor,
    protection::{PeerLimits, Protection},
    scheduler::SchedulerLimits,
    store::Store,
    trust::Secret,
    web::{self, WebOptions},
};

/// How long a lease lasts without renewal, unless told otherwise: long enough for a worker to
/// survive a restart of the coordinator, short enough that a dead one is not missed for long.
pub const DEFAULT_LEASE_DURATION: Duration = Duration::from_secs(30);

/// The share of a sweep's ended trials that may have failed before it is paused, unless told
/// otherwise. When most fail, the cause is the sweep or the machines, and running the rest in the
/// same way only costs time.
pub const DEFAULT_MAX_FAILURE_RATE: f64 = 0.5;

/// What a coordinator serves, and where.
#[derive(Clone, Debug)]
pub struct CoordinatorOptions {
    /// The database; created if it is not there.
    pub database: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How long a lease lasts without renewal.
    pub lease_duration: Duration,
    /// The share of a sweep's ended trials that may have failed before it is paused, from 0 to 1.
    pub max_failure_rate: f64,
    /// Where Prometheus may scrape, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Where browsers may look, if anywhere.
    pub web: Option<WebOptions>,
    /// Where checkpoints are kept.
    pub checkpoints: CheckpointLocation,
    /// What stands between the port and the services.
    pub protection: Protection,
}

impl CoordinatorOptions {
    /// The same, for holders of this secret only: the process that starts it, and its children.
    #[must_use]
    pub fn owned_by(self, own: Secret) -> Self {
        let protection = Protection {
            own: Some(own),
            ..self.protection
        };
        Self { protection, ..self }
    }

    /// A coordinator for this machine only, on any free port.
    #[must_use]
    pub fn loopback(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            lease_duration: DEFAULT_LEASE_DURATION,
            max_failure_rate: DEFAULT_MAX_FAILURE_RATE,
            metrics_listen: None,
            web: None,
            checkpoints: CheckpointLocation::next_to(database),
            protection: Protection::default(),
        }
    }
}

/// A running coordinator.
pub struct Coordinator {
    /// Asks the driver directly.
    pub driver: DriverHandle,
    address: SocketAddr,
    is_encrypted: bool,
    is_barred: bool,
    metrics_address: Option<SocketAddr>,
    web_url: Option<String>,
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
        let protection = options.protection;
        let server = grpc::server(protection.tls.as_ref())?;
        let listener = listen(options.listen).await?;
        let address = listener.local_addr()?;
        let metrics_listener = match options.metrics_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let metrics_address = metrics_listener
            .as_ref()
            .map(TcpListener::local_addr)
            .transpose()?;
        let web = match options.web {
            Some(web) => Some((listen(web.listen).await?, web)),
            None => None,
        };
        let web_url = web
            .as_ref()
            .map(|(listener, web)| Ok::<_, io::Error>(web.url(listener.local_addr()?)))
            .transpose()?;
        let mut store = Store::open(&options.database).await?;
        let (keys, keys_watch) = Keys::open(&options.database, protection.own.as_ref()).await?;
        let is_barred = protection.needs_tokens && keys.is_barred();
        let is_encrypted = protection.tls.is_some();
        let database_id = store.database_id().await?;
        let blobs = Blobs::new(options.checkpoints, &database_id, clock::now_ms());
        let limits = SchedulerLimits {
            lease_duration: options.lease_duration,
            max_failure_rate: options.max_failure_rate,
        };
        let (running, driver) = Driver::restore(store, limits).await?;
        let kept = running.kept_blobs().map(str::to_owned).collect();
        let (collector, garbage) = Collector::start(blobs.clone(), kept);
        let running = running.with_garbage(garbage);
        let stop = CancellationToken::new();
        let driver_stop = CancellationToken::new();
        // A driver that fails ends the services too: a coordinator that cannot write is none.
        let guard = stop.clone().drop_guard();
        let running = running.start(driver_stop.clone());
        let driving = tokio::spawn(async move {
            let _ends_the_services = guard;
            Ok(running.await.context("the driver panicked")??)
        });
        let scraped = serve_metrics(
            metrics_listener,
            driver.monitor(),
            protection.limits,
            stop.clone(),
        );
        let shown = serve_pages(web, options.database.clone(), stop.clone());
        let served = Served {
            driver: driver.clone(),
            blobs,
            database: options.database,
            keys,
        };
        let serving_stop = stop.clone();
        let serving = tokio::spawn(async move {
            let watching = keys_watch.run(serving_stop.clone());
            let services = grpc::serve(server, listener, served, &protection, serving_stop);
            let (outcome, scraped, shown, ()) = tokio::join!(services, scraped, shown, watching);
            // Calls under way are answered before the driver goes.
            driver_stop.cancel();
            outcome.and(scraped).and(shown)
        });
        Ok(Self {
            driver,
            address,
            is_encrypted,
            is_barred,
            metrics_address,
            web_url,
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
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Whether it asks for a token, and none was valid when it started.
    #[must_use]
    pub const fn is_barred(&self) -> bool {
        self.is_barred
    }

    /// Where Prometheus may scrape, if anywhere.
    #[must_use]
    pub fn metrics_url(&self) -> Option<String> {
        let address = self.metrics_address?;
        Some(format!("http://{address}/metrics"))
    }

    /// Where browsers may look, if anywhere.
    #[must_use]
    pub fn web_url(&self) -> Option<&str> {
        self.web_url.as_deref()
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
        let drove = self
            .driving
            .await
            .context("waiting for the driver panicked")?;
        // It ends with the driver, which names what it removes.
        self.collector.finish().await;
        drove.and(served)
    }
}

/// Answers scrapes until told to stop, if there is somewhere to listen.
async fn serve_metrics(
    listener: Option<TcpListener>,
    monitor: monitor::Monitor,
    limits: PeerLimits,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    match listener {
        Some(listener) => monitor::serve(listener, monitor, limits, stop).await,
        None => Ok(()),
    }
}

/// Shows pages until told to stop, if there is somewhere to listen. A page that cannot be shown ends the
/// coordinator, as everything does that was asked for and is not there.
async fn serve_pages(
    web: Option<(TcpListener, WebOptions)>,
    database: PathBuf,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some((listener, options)) = web else {
        return Ok(());
    };
    let shown = web::serve(listener, database, options, stop.clone()).await;
    if shown.is_err() {
        stop.cancel();
    }
    shown
}

/// Listens at an address, or says what is there.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => anyhow::anyhow!(
                "{address} is already in use\n\
             hint: another coordinator may be running there; choose another with --listen, --metrics-listen or --web"
            ),
            _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
        })
}
