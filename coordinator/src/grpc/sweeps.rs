//! The service `Sweeps`: what people call. Results are read from the database, read-only, so that
//! no reader ever makes the driver wait.

use std::{path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use pondersweep_proto::{
    error::SweepError,
    id::WorkerId,
    limit::{MAX_ALLOCATIONS, MAX_CELLS_OF_PAGE, MAX_ROWS_OF_PAGE, MAX_TRIALS_UNCONFIRMED},
    program::ProgramFile,
    wire::{self, sweeps_server::Sweeps},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{
    copies::{Copies, Message},
    gate::Pass,
    page::Page,
    view,
};
use crate::{
    allocation::Allocation,
    clock,
    driver::{DriverHandle, SweepView},
    scheduler::{SweepState, TrialState},
    store::Reader,
    sweep::SweepSpec,
};

/// Progress is sent at most this often: people cannot read faster.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// Cells of a page when the caller does not say.
const DEFAULT_CELLS_OF_PAGE: u32 = 1_000;
/// Specifications that are checked at the same time: each takes a core for up to a minute.
const CHECKS_AT_ONCE: usize = 1;
/// How long one waits for its turn.
const MAX_WAIT_FOR_CHECK: Duration = Duration::from_secs(30);

/// Serves people by asking the driver.
pub(super) struct SweepService {
    driver: DriverHandle,
    database: Arc<PathBuf>,
    copies: Copies,
    stop: CancellationToken,
    checks: Arc<Semaphore>,
}

impl SweepService {
    pub(super) fn new(
        driver: DriverHandle,
        database: Arc<PathBuf>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            driver,
            copies: Copies::new(Arc::clone(&database)),
            database,
            stop,
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
        }
    }

    /// The specification that a peer sent, once it is its turn to be checked.
    async fn check(
        &self,
        json: Vec<u8>,
        files: Vec<ProgramFile>,
        most: u64,
    ) -> Result<SweepSpec, SweepError> {
        let turn = Arc::clone(&self.checks).acquire_owned();
        let turn = tokio::time::timeout(MAX_WAIT_FOR_CHECK, turn).await;
        let busy = |_| SweepError::Unavailable("it is checking other specifications".into());
        let turn = turn.map_err(busy)?;
        // Every configuration of a large space is looked at, which takes a moment; the services go
        // on, and the turn lasts as long, whether the caller waits or not.
        let checking = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            SweepSpec::from_peer(&json, most)?.with_files(files)
        });
        let lost = |_| SweepError::Invalid("the specification could not be checked".into());
        Ok(checking.await.map_err(lost)??)
    }
}

type ProgressStream = Pin<Box<dyn Stream<Item = Result<wire::SweepProgress, Status>> + Send>>;

#[tonic::async_trait]
impl Sweeps for SweepService {
    type GetDatabaseCopyStream = ReceiverStream<Message>;
    type WatchSweepStream = ProgressStream;

    async fn create_sweep(
        &self,
        request: Request<wire::CreateSweepRequest>,
    ) -> Result<Response<wire::CreateSweepResponse>, Status> {
        let wire::CreateSweepRequest {
            spec,
            accept_large,
            files,
        } = request.into_inner();
        let files = files.into_iter().map(|file| (file.path, file.content));
        let most = if accept_large {
            u64::MAX
        } else {
            MAX_TRIALS_UNCONFIRMED
        };
        let spec = self.check(spec, files.collect(), most).await?;
        if let Err(error) = spec.check_new() {
            // What was made before may be named again.
            let made = self.driver.sweep(&spec.id().to_string()).await;
            made.map_err(|_| SweepError::from(error))?;
        }
        let (sweep, created) = self.driver.create_sweep(spec).await?;
        let sweep = Some(view::sweep(&sweep));
        Ok(Response::new(wire::CreateSweepResponse { sweep, created }))
    }

    async fn get_sweep(
        &self,
        request: Request<wire::GetSweepRequest>,
    ) -> Result<Response<wire::Sweep>, Status> {
        answer(self.driver.sweep(&request.into_inner().sweep).await)
    }

    async fn list_sweeps(
        &self,
        request: Request<wire::ListSweepsRequest>,
    ) -> Result<Response<wire::ListSweepsResponse>, Status> {
        // How many came before: they are never fewer, and in the order of their submission.
        let first = parse_page_token(&request.into_inner().page_token)?;
        let sweeps = self.driver.sweeps().await?;
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let page = Page::of(sweeps.iter().skip(first).map(view::sweep));
        let end = first.saturating_add(page.rows.len());
        let next = (end < sweeps.len()).then(|| end.to_string());
        Ok(Response::new(wire::ListSweepsResponse {
            sweeps: page.rows,
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn pause_sweep(
        &self,
        request: Request<wire::PauseSweepRequest>,
    ) -> Result<Response<wire::Sweep>, Status> {
        answer(self.driver.pause(&request.into_inner().sweep).await)
    }

    async fn resume_sweep(
        &self,
        request: Request<wire::ResumeSweepRequest>,
    ) -> Result<Response<wire::Sweep>, Status> {
        answer(self.driver.resume(&request.into_inner().sweep).await)
    }

    async fn cancel_sweep(
        &self,
        request: Request<wire::CancelSweepRequest>,
    ) -> Result<Response<wire::Sweep>, Status> {
        answer(self.driver.cancel(&request.into_inner().sweep).await)
    }

    async fn retry_trials(
        &self,
        request: Request<wire::RetryTrialsRequest>,
    ) -> Result<Response<wire::RetryTrialsResponse>, Status> {
        let request = request.into_inner();
        let states = states_to_retry(request.states())?;
        let (sweep, retried) = self.driver.retry(&request.sweep, states).await?;
        let sweep = Some(view::sweep(&sweep));
        Ok(Response::new(wire::RetryTrialsResponse { retried, sweep }))
    }

    async fn allocate_replicates(
        &self,
        request: Request<wire::AllocateReplicatesRequest>,
    ) -> Result<Response<wire::AllocateReplicatesResponse>, Status> {
        let request = request.into_inner();
        let allocations = allocations(&request.allocations)?;
        let (sweep, allocated) = self.driver.allocate(&request.sweep, allocations).await?;
        let sweep = Some(view::sweep(&sweep));
        Ok(Response::new(wire::AllocateReplicatesResponse {
            allocated,
            sweep,
        }))
    }

    async fn watch_sweep(
        &self,
        request: Request<wire::WatchSweepRequest>,
    ) -> Result<Response<ProgressStream>, Status> {
        let driver = self.driver.clone();
        let pass = request.extensions().get::<Pass>().cloned();
        // The id, since `last` and prefixes may mean another sweep tomorrow.
        let sweep_id = driver
            .sweep(&request.into_inner().sweep)
            .await?
            .sweep_id
            .to_string();
        let (sender, receiver) = mpsc::channel(1);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = send_progress(driver, sweep_id, pass, sender) => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn list_cells(
        &self,
        request: Request<wire::ListCellsRequest>,
    ) -> Result<Response<wire::ListCellsResponse>, Status> {
        let wire::ListCellsRequest {
            sweep,
            page_size,
            page_token,
        } = request.into_inner();
        let sweep = self.driver.sweep(&sweep).await?;
        let first = parse_page_token(&page_token)?;
        let page_size = match page_size {
            0 => DEFAULT_CELLS_OF_PAGE,
            asked => asked.min(MAX_CELLS_OF_PAGE),
        };
        let mut reader = Reader::open(&self.database).await.map_err(unreadable)?;
        let page = reader.tallies(sweep.sweep_id, first, page_size).await;
        let page = page.map_err(unreadable)?;
        let end = first.saturating_add(page_size.into());
        let next = (end < sweep.spec.configurations()).then(|| end.to_string());
        Ok(Response::new(wire::ListCellsResponse {
            cells: page.iter().map(view::cell).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn get_database(
        &self,
        _: Request<wire::GetDatabaseRequest>,
    ) -> Result<Response<wire::GetDatabaseResponse>, Status> {
        let mut reader = Reader::open(&self.database).await.map_err(unreadable)?;
        let database_id = reader.database_id().await.map_err(unreadable)?;
        Ok(Response::new(wire::GetDatabaseResponse { database_id }))
    }

    async fn get_database_copy(
        &self,
        request: Request<wire::GetDatabaseCopyRequest>,
    ) -> Result<Response<ReceiverStream<Message>>, Status> {
        let pass = request.extensions().get::<Pass>().cloned();
        let receiver = self.copies.send(pass).await?;
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn list_workers(
        &self,
        request: Request<wire::ListWorkersRequest>,
    ) -> Result<Response<wire::ListWorkersResponse>, Status> {
        let after = parse_last_worker(&request.into_inner().page_token)?;
        let mut reader = Reader::open(&self.database).await.map_err(unreadable)?;
        // One more than a page has, to know whether there is another.
        let workers = reader.workers_after(after.as_ref(), MAX_ROWS_OF_PAGE + 1);
        let workers = workers.await.map_err(unreadable)?;
        let now_ms = clock::now_ms();
        let page = Page::of(workers.iter().map(|worker| view::worker(worker, now_ms)));
        let last = page.is_cut.then(|| &workers[page.rows.len() - 1].worker);
        let next = last.map(|last| last.worker_id.to_string());
        Ok(Response::new(wire::ListWorkersResponse {
            workers: page.rows,
            next_page_token: next.unwrap_or_default(),
        }))
    }
}

fn unreadable(error: impl std::fmt::Display) -> SweepError {
    SweepError::Unavailable(error.to_string())
}

fn answer(sweep: Result<SweepView, SweepError>) -> Result<Response<wire::Sweep>, Status> {
    Ok(Response::new(view::sweep(&sweep?)))
}

fn states_to_retry(
    states: impl Iterator<Item = wire::TrialState>,
) -> Result<Vec<TrialState>, SweepError> {
    let mut retried = Vec::new();
    for state in states {
        let ended = TrialState::try_from(state).ok().filter(|state| {
            matches!(
                state,
                TrialState::Failed | TrialState::Infeasible | TrialState::Cancelled
            )
        });
        retried.push(ended.ok_or_else(|| {
            SweepError::Invalid("only failed, infeasible or cancelled trials are retried".into())
        })?);
    }
    if retried.is_empty() {
        retried.push(TrialState::Failed);
    }
    Ok(retried)
}

fn allocations(messages: &[wire::Allocation]) -> Result<Vec<Allocation>, SweepError> {
    if messages.len() > MAX_ALLOCATIONS {
        return Err(SweepError::Invalid(format!(
            "{} allocations are more than the {MAX_ALLOCATIONS} of one call",
            messages.len()
        )));
    }
    let allocation = |message: &wire::Allocation| Allocation {
        position: message.position,
        replicates: message.replicates,
    };
    Ok(messages.iter().map(allocation).collect())
}

/// The worker that a page begins after.
fn parse_last_worker(token: &str) -> Result<Option<WorkerId>, SweepError> {
    let last = (!token.is_empty()).then(|| token.parse()).transpose();
    last.map_err(|_| SweepError::Invalid("not a page token".into()))
}

/// The cell or sweep that a page begins with.
fn parse_page_token(token: &str) -> Result<u64, SweepError> {
    if token.is_empty() {
        return Ok(0);
    }
    // The database numbers cells below 2^63.
    let first = token.parse().ok();
    let first = first.filter(|&first| i64::try_from(first).is_ok());
    first.ok_or_else(|| SweepError::Invalid("not a page token".into()))
}

/// Sends progress whenever it changes, until the sweep has ended or the client has gone.
async fn send_progress(
    driver: DriverHandle,
    sweep_id: String,
    pass: Option<Pass>,
    sender: mpsc::Sender<Result<wire::SweepProgress, Status>>,
) {
    let mut version = driver.version();
    loop {
        if pass.as_ref().is_some_and(|pass| !pass.is_valid()) {
            let over = Status::unauthenticated("the token is no longer valid");
            let _ = sender.send(Err(over)).await;
            return;
        }
        let progress = driver.progress(&sweep_id).await;
        let ended = progress.as_ref().map_or(true, |progress| {
            matches!(
                progress.sweep.state,
                SweepState::Finished | SweepState::Cancelled
            )
        });
        let message = progress
            .map(|progress| view::progress(&progress))
            .map_err(Status::from);
        if sender.send(message).await.is_err() || ended {
            return;
        }
        tokio::time::sleep(PROGRESS_INTERVAL).await;
        // Renewals change how far trials are without a commit, so look again after a while anyway.
        let _ = tokio::time::timeout(5 * PROGRESS_INTERVAL, version.changed()).await;
    }
}
