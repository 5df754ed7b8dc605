//! Reaches the coordinator of a place: one that is running, or one that is started for a database.

use std::{fs::File, io::Write as _, path::Path, time::Duration};

use anyhow::Context as _;
use clap::Args;
use pondersweep_proto::{
    error::SweepError,
    limit::{MAX_CELLS_OF_PAGE, MAX_WIRE_MESSAGE_BYTES},
    wire::{self, get_database_copy_response::Part, sweeps_client::SweepsClient},
};
use pondersweep_worker::{
    cli::DEFAULT_COORDINATOR,
    trust::{Bearer, Trust, chain, distrust},
};
use tokio::time::timeout;
use tonic::{
    Code, Request, Response, Status, service::interceptor::InterceptedService, transport::Channel,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    place::{Place, PlaceArgs, SaidBy, coordinator_of_environment},
    token::draw_secret,
};
use crate::{
    allocation::Allocation,
    coordinator::{Coordinator, CoordinatorOptions, DEFAULT_MAX_FAILURE_RATE},
    store::{OpenError, Reader},
    sweep::SweepSpec,
};

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first answer may take: what accepts connections may be no coordinator.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for this long is probed...
const KEEPALIVE: Duration = Duration::from_secs(10);
/// ...and counts as lost when no answer to the probe arrives within this time.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// When a sweep that fails too often is paused.
#[derive(Clone, Debug, Args)]
pub(super) struct FailureRateArgs {
    /// Pause a sweep when more than this share of its ended trials has failed, once ten have ended;
    /// `resume` goes on and starts counting again. 0 pauses at the first failure, 1 never
    #[arg(
        long,
        env = "PONDERSWEEP_MAX_FAILURE_RATE",
        default_value_t = DEFAULT_MAX_FAILURE_RATE,
        value_name = "SHARE",
        value_parser = share
    )]
    pub(super) max_failure_rate: f64,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share is a number from 0 to 1".into())
}

/// The sweeps of a coordinator that is running, or of one that runs for this command only.
pub(super) struct Control {
    /// The service.
    pub(super) sweeps: Sweeps,
    /// Whose.
    pub(super) place: Place,
    local: Option<Coordinator>,
}

impl Control {
    /// Reaches the coordinator, or becomes one of a database that is there.
    pub(super) async fn open(args: &PlaceArgs) -> anyhow::Result<Self> {
        let (place, _) = args.choose();
        match place {
            Place::Database(path) if !path.exists() => Err(OpenError::Missing { path }.into()),
            place => Self::at(place, &args.trust()?).await,
        }
    }

    /// The same; a database that was named is made where there is none.
    pub(super) async fn open_or_make(args: &PlaceArgs) -> anyhow::Result<Self> {
        match args.choose() {
            (_, SaidBy::Nothing) => Self::open(args).await,
            (place, _) => Self::at(place, &args.trust()?).await,
        }
    }

    async fn at(place: Place, trust: &Trust) -> anyhow::Result<Self> {
        let path = match &place {
            Place::Database(path) => path,
            Place::Coordinator(url) => {
                return Ok(Self {
                    sweeps: Sweeps::connect(url, trust).await?,
                    place,
                    local: None,
                });
            }
        };
        match Self::local(path).await {
            Err(error) if matches!(error.downcast_ref(), Some(OpenError::InUse { .. })) => {
                Self::serving(path, trust).await.ok_or(error)
            }
            opened => opened,
        }
    }

    async fn local(path: &Path) -> anyhow::Result<Self> {
        let own = draw_secret()?;
        let trust = Trust::of_token(&own.reveal())?;
        let options = CoordinatorOptions::loopback(path).owned_by(own);
        let coordinator = Coordinator::start(options).await?;
        match Sweeps::connect(&coordinator.url(), &trust).await {
            Ok(sweeps) => Ok(Self {
                sweeps,
                place: Place::Database(path.to_owned()),
                local: Some(coordinator),
            }),
            Err(error) => {
                coordinator.stop().await?;
                Err(error)
            }
        }
    }

    /// The coordinator that has a database, if it is the one where coordinators listen: on a shared
    /// host that may be another's.
    async fn serving(path: &Path, trust: &Trust) -> Option<Self> {
        let url = coordinator_of_environment().unwrap_or_else(|| DEFAULT_COORDINATOR.into());
        let mut sweeps = Sweeps::connect(&url, trust).await.ok()?;
        let theirs = sweeps.database_id().await.ok()?;
        let ours = Reader::open(path).await.ok()?.database_id().await.ok()?;
        (theirs == ours).then_some(Self {
            sweeps,
            place: Place::Coordinator(url),
            local: None,
        })
    }

    /// Ends what this command started.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        match self.local {
            Some(coordinator) => coordinator.stop().await,
            None => Ok(()),
        }
    }
}

/// The service `Sweeps` of a coordinator, with its refusals as [`SweepError`].
#[derive(Clone)]
pub(super) struct Sweeps(SweepsClient<InterceptedService<Channel, Bearer>>);

impl Sweeps {
    /// Connects to the coordinator at a URL.
    pub(super) async fn connect(url: &str, trust: &Trust) -> anyhow::Result<Self> {
        let away = |what: String| {
            SweepError::Unavailable(format!(
                "no coordinator at {url}: {what}\n\
                 hint: start one with `pondersweep serve`, or name another with --coordinator URL"
            ))
        };
        let endpoint = trust
            .endpoint(url)?
            .connect_timeout(CONNECT_TIMEOUT)
            // Only while a call is under way, such as a watch that waits for the next change.
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT);
        let silent = |_| away(format!("no answer within {} s", FIRST_ANSWER.as_secs()));
        let channel = timeout(FIRST_ANSWER, endpoint.connect())
            .await
            .map_err(silent)?;
        let channel = channel.map_err(|error| match distrust(&error) {
            Some(why) => SweepError::Denied(why),
            None => away(chain(&error)),
        })?;
        let greeted = timeout(FIRST_ANSWER, greet(channel.clone(), url)).await;
        greeted.map_err(silent)??;
        Ok(Self(
            SweepsClient::with_interceptor(channel, trust.bearer())
                .max_decoding_message_size(MAX_WIRE_MESSAGE_BYTES),
        ))
    }

    pub(super) async fn create(
        &mut self,
        spec: &SweepSpec,
        accept_large: bool,
    ) -> Result<wire::CreateSweepResponse, SweepError> {
        let request = wire::CreateSweepRequest {
            spec: spec.json().into(),
            accept_large,
            files: spec
                .files()
                .iter()
                .map(|(path, content)| wire::ProgramFile {
                    path: path.clone(),
                    content: content.clone(),
                })
                .collect(),
        };
        unwrap(self.0.create_sweep(Request::new(request)).await)
    }

    pub(super) async fn get(&mut self, sweep: &str) -> Result<wire::Sweep, SweepError> {
        unwrap(
            self.0
                .get_sweep(wire::GetSweepRequest {
                    sweep: sweep.into(),
                })
                .await,
        )
    }

    pub(super) async fn list(&mut self) -> Result<Vec<wire::Sweep>, SweepError> {
        all_pages(async |page_token| {
            let request = wire::ListSweepsRequest { page_token };
            let page = unwrap(self.0.list_sweeps(request).await)?;
            Ok((page.sweeps, page.next_page_token))
        })
        .await
    }

    /// Every worker, the one heard of last first.
    pub(super) async fn workers(&mut self) -> Result<Vec<wire::WorkerStatus>, SweepError> {
        let mut workers = all_pages(async |page_token| {
            let request = wire::ListWorkersRequest { page_token };
            let page = unwrap(self.0.list_workers(request).await)?;
            Ok((page.workers, page.next_page_token))
        })
        .await?;
        workers.sort_by_key(|worker| std::cmp::Reverse(worker.last_heard_at_ms));
        Ok(workers)
    }

    /// Which database it has.
    pub(super) async fn database_id(&mut self) -> Result<String, SweepError> {
        let asked = self.0.get_database(wire::GetDatabaseRequest {});
        Ok(unwrap(asked.await)?.database_id)
    }

    /// Writes a copy of its database into an empty file.
    pub(super) async fn copy_database(&mut self, url: &str, file: &mut File) -> anyhow::Result<()> {
        let asked = self
            .0
            .get_database_copy(wire::GetDatabaseCopyRequest {})
            .await;
        if asked
            .as_ref()
            .is_err_and(|status| status.code() == Code::Unimplemented)
        {
            anyhow::bail!(
                "the coordinator at {url} is of an older version and gives no copy of its database\n\
                 hint: run this where the database lies, with --db, or update the coordinator"
            );
        }
        let mut parts = unwrap(asked)?;
        let (mut announced, mut received) = (None, 0);
        while let Some(message) = parts.message().await.map_err(SweepError::from)? {
            match message.part {
                Some(Part::Bytes(bytes)) if announced.is_none() => announced = Some(bytes),
                Some(Part::Piece(piece)) if announced.is_some() => {
                    received += piece.len() as u64;
                    anyhow::ensure!(
                        announced >= Some(received),
                        "{url} sends more than it announced"
                    );
                    let written = file.write_all(&piece);
                    written.context("cannot keep the copy\nhint: TMPDIR names another folder")?;
                }
                _ => anyhow::bail!("{url} sends no copy of a database"),
            }
        }
        anyhow::ensure!(
            announced == Some(received),
            "the copy of {url} ended early\nhint: ask again"
        );
        Ok(())
    }

    pub(super) async fn pause(&mut self, sweep: &str) -> Result<wire::Sweep, SweepError> {
        unwrap(
            self.0
                .pause_sweep(wire::PauseSweepRequest {
                    sweep: sweep.into(),
                })
                .await,
        )
    }

    pub(super) async fn resume(&mut self, sweep: &str) -> Result<wire::Sweep, SweepError> {
        unwrap(
            self.0
                .resume_sweep(wire::ResumeSweepRequest {
                    sweep: sweep.into(),
                })
                .await,
        )
    }

    pub(super) async fn cancel(&mut self, sweep: &str) -> Result<wire::Sweep, SweepError> {
        unwrap(
            self.0
                .cancel_sweep(wire::CancelSweepRequest {
                    sweep: sweep.into(),
                })
                .await,
        )
    }

    pub(super) async fn retry(
        &mut self,
        sweep: &str,
        states: Vec<wire::TrialState>,
    ) -> Result<wire::RetryTrialsResponse, SweepError> {
        let states = states.into_iter().map(Into::into).collect();
        unwrap(
            self.0
                .retry_trials(wire::RetryTrialsRequest {
                    sweep: sweep.into(),
                    states,
                })
                .await,
        )
    }

    /// Lets configurations have more of the replicates that were withheld.
    pub(super) async fn allocate(
        &mut self,
        sweep: &str,
        allocations: &[Allocation],
    ) -> Result<wire::AllocateReplicatesResponse, SweepError> {
        let message = |allocation: &Allocation| wire::Allocation {
            position: allocation.position,
            replicates: allocation.replicates,
        };
        unwrap(
            self.0
                .allocate_replicates(wire::AllocateReplicatesRequest {
                    sweep: sweep.into(),
                    allocations: allocations.iter().map(message).collect(),
                })
                .await,
        )
    }

    /// Every configuration's replicates, counted, in the order of the space.
    pub(super) async fn cells(&mut self, sweep: &str) -> Result<Vec<wire::Cell>, SweepError> {
        all_pages(async |page_token| {
            let request = wire::ListCellsRequest {
                sweep: sweep.into(),
                page_size: MAX_CELLS_OF_PAGE,
                page_token,
            };
            let page = unwrap(self.0.list_cells(request).await)?;
            Ok((page.cells, page.next_page_token))
        })
        .await
    }

    pub(super) async fn watch(
        &mut self,
        sweep: &str,
    ) -> Result<tonic::Streaming<wire::SweepProgress>, SweepError> {
        unwrap(
            self.0
                .watch_sweep(wire::WatchSweepRequest {
                    sweep: sweep.into(),
                })
                .await,
        )
    }
}

/// Makes sure that a coordinator is there and understands: a certificate that it asks for in vain
/// is noticed by the first call only, and so is that one side encrypts and the other does not.
async fn greet(channel: Channel, url: &str) -> Result<(), SweepError> {
    let mut health = HealthClient::new(channel);
    let Err(status) = health.check(HealthCheckRequest::default()).await else {
        return Ok(());
    };
    if let Some(why) = distrust(&status) {
        return Err(SweepError::Denied(why));
    }
    match status.code() {
        Code::Cancelled | Code::Unknown | Code::Internal => {}
        Code::Unavailable | Code::ResourceExhausted => return Err(status.into()),
        // Somebody who understands.
        _ => return Ok(()),
    }
    let why = format!(
        "the coordinator at {url} ended the connection: {}",
        status.message()
    );
    Err(if url.starts_with("https:") {
        SweepError::Denied(format!(
            "{why}\nhint: it may ask for a certificate: --tls-cert and --tls-key"
        ))
    } else {
        SweepError::Unavailable(format!(
            "{why}\nhint: it may encrypt its calls: use https:// and --tls-ca"
        ))
    })
}

/// Everything of a list that comes in pages, which `page` fetches by their tokens.
async fn all_pages<T>(
    mut page: impl AsyncFnMut(String) -> Result<(Vec<T>, String), SweepError>,
) -> Result<Vec<T>, SweepError> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let (rows, next) = page(page_token).await?;
        // A page without rows is the last, whatever it says.
        let more = !rows.is_empty() && !next.is_empty();
        all.extend(rows);
        if !more {
            return Ok(all);
        }
        page_token = next;
    }
}

fn unwrap<T>(answer: Result<Response<T>, Status>) -> Result<T, SweepError> {
    let answer = answer.map_err(|status| match distrust(&status) {
        Some(why) => SweepError::Denied(why),
        None => status.into(),
    });
    Ok(answer?.into_inner())
}
