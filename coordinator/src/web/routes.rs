//! The routes: what is asked for, what is read for it, and which page says it.

use std::{
    collections::HashMap,
    convert::Infallible,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path as FilePath, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use pondersweep_proto::{
    error::SweepError,
    id::{SweepId, TrialId},
};
use pondersweep_worker::{cli::default_work_dir, program::log_of};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::{
    board,
    door::{Door, Visitor, guard},
    kept::{Kept, Made, Tasks},
    page::{self, Board, Filter, Output, StudyPart, TRIALS_OF_PAGE},
    readers::Readers,
    study::{self, Subject},
};
use crate::{
    clock,
    report::html,
    scheduler::TrialState,
    store::{OpenError, ReadError, TrialDetail},
};

/// How old what pages say of sweeps and workers may be, if reading it is cheap.
const BOARD_AGE: Duration = Duration::from_secs(2);
/// How old the tables of a sweep that goes on may be, if making them is cheap.
const STUDY_AGE: Duration = Duration::from_secs(5);
/// Documents that are kept: each may have a megabyte.
const MOST_STUDIES: usize = 12;
/// Sweeps that are compared at once.
const MOST_COMPARED: usize = 8;
/// Pages that are told of changes.
const MOST_WATCHING: usize = 64;
/// Pages are told so often at least: they also say how long ago something was.
const BEAT: Duration = Duration::from_secs(15);
/// How much of the end of a trial's output is shown.
const OUTPUT_BYTES: u64 = 16_384;

const STYLE: &str = include_str!("assets/page.css");
/// What shows of marks, as in reports, and what fetches.
const LIVE: &str = concat!(
    include_str!("../report/html/page.js"),
    include_str!("assets/live.js")
);

type Studies = HashMap<Subject, (Kept<Result<StudyPart, String>>, Instant)>;

/// What the routes share.
#[derive(Clone)]
pub(super) struct Window(Arc<Shared>);

struct Shared {
    database: PathBuf,
    readers: Arc<Readers>,
    board: Kept<Result<Board, String>>,
    studies: Mutex<Studies>,
    tasks: Tasks,
    watching: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Why there is no page.
enum Failure {
    /// What was asked for is not there.
    Unknown(String),
    /// What was asked for makes no sense.
    Bad(String),
    /// The database cannot be read.
    Broken(String),
    /// It is still being read for the first time.
    Soon,
}

type Answer = Result<Response, Failure>;

/// All routes, behind the door.
pub(super) fn router(window: Window, door: Door) -> Router {
    Router::new()
        .route("/", get(sweeps))
        .route("/workers", get(workers))
        .route("/compare", get(compare))
        .route("/sweeps/{sweep}", get(sweep))
        .route("/sweeps/{sweep}/trials", get(trials))
        .route("/trials/{trial}", get(trial))
        .route("/changes", get(changes))
        .route("/page.css", get(style))
        .route("/live.js", get(script))
        .fallback(nothing)
        .with_state(window)
        .layer(from_fn_with_state(door, guard))
}

impl Window {
    pub(super) fn new(database: PathBuf, readers: Arc<Readers>, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            database,
            readers,
            board: Kept::default(),
            studies: Mutex::default(),
            tasks: Tasks::default(),
            watching: Arc::new(Semaphore::new(MOST_WATCHING)),
            stop,
        }))
    }

    /// Ends what is read, and closes the database.
    pub(super) async fn close(&self) {
        self.0.tasks.stop().await;
        self.0.readers.close().await;
    }

    /// How all stands, as of a moment ago.
    async fn board(&self) -> Option<Arc<Made<Result<Board, String>>>> {
        let shared = Arc::clone(&self.0);
        let before = shared.board.current();
        let make = || async move {
            let mut reader = shared.readers.take().await.map_err(words)?;
            let before = before.as_ref().and_then(|made| made.value.as_ref().ok());
            let read = board::read(&mut reader, &shared.database, before).await;
            read.map_err(words)
        };
        let is_fresh = |made: &Made<_>| made.is_young(BOARD_AGE);
        self.0.board.get(&self.0.tasks, is_fresh, make).await
    }

    /// The results of sweeps, as of a moment ago; `None` while they are read for the first time.
    async fn study(
        &self,
        subject: Subject,
        board: &Board,
    ) -> Option<Arc<Made<Result<StudyPart, String>>>> {
        let counts: Vec<_> = subject
            .sweeps
            .iter()
            .filter_map(|sweep_id| Some(board.sweep(*sweep_id)?.sweep.trials))
            .collect();
        let kept = self.kept_study(&subject);
        let readers = Arc::clone(&self.0.readers);
        let is_fresh = |made: &Made<Result<StudyPart, String>>| {
            let same = made.value.as_ref().is_ok_and(|part| part.counts == counts);
            same || made.is_young(STUDY_AGE)
        };
        let made_of = counts.clone();
        let make = || study::make(readers, subject, made_of);
        kept.get(&self.0.tasks, is_fresh, make).await
    }

    fn kept_study(&self, subject: &Subject) -> Kept<Result<StudyPart, String>> {
        let mut studies = self
            .0
            .studies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        if let Some((kept, used_at)) = studies.get_mut(subject) {
            *used_at = now;
            return kept.clone();
        }
        if studies.len() >= MOST_STUDIES {
            let oldest = studies.iter().min_by_key(|(_, (_, used_at))| *used_at);
            let oldest = oldest.map(|(subject, _)| subject.clone());
            oldest.and_then(|oldest| studies.remove(&oldest));
        }
        let kept = Kept::default();
        studies.insert(subject.clone(), (kept.clone(), now));
        kept
    }
}

async fn sweeps(State(window): State<Window>) -> Answer {
    let made = window.board().await.ok_or(Failure::Soon)?;
    Ok(page_of("Sweeps", page::sweeps(board_of(&made)?)))
}

async fn workers(State(window): State<Window>) -> Answer {
    let made = window.board().await.ok_or(Failure::Soon)?;
    Ok(page_of("Workers", page::workers(board_of(&made)?)))
}

async fn sweep(
    State(window): State<Window>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let made = window.board().await.ok_or(Failure::Soon)?;
    let board = board_of(&made)?;
    let sweep_id = find_sweep(&window, &name).await?;
    // It may be younger than what is known of all.
    let standing = board.sweep(sweep_id).ok_or(Failure::Soon)?;
    let filter = Filter::of(pairs(query.as_deref())).map_err(Failure::Bad)?;
    let subject = Subject {
        sweeps: vec![sweep_id],
        filter: filter.clone(),
    };
    let study = window.study(subject, board).await;
    let study = study.as_ref().map(|made| made.value.as_ref());
    let title = standing.sweep.name.clone();
    Ok(page_of(
        &title,
        page::sweep(standing, board, study, &filter),
    ))
}

async fn compare(State(window): State<Window>, RawQuery(query): RawQuery) -> Answer {
    let made = window.board().await.ok_or(Failure::Soon)?;
    let board = board_of(&made)?;
    let mut sweeps: Vec<SweepId> = Vec::new();
    for (name, value) in pairs(query.as_deref()) {
        if name == "sweep" {
            let sweep_id = find_sweep(&window, &value).await?;
            if !sweeps.contains(&sweep_id) {
                sweeps.push(sweep_id);
            }
        }
    }
    if !(2..=MOST_COMPARED).contains(&sweeps.len()) {
        return Err(Failure::Bad(format!(
            "from 2 to {MOST_COMPARED} sweeps are compared\nhint: choose them in the list of sweeps"
        )));
    }
    let subject = Subject {
        sweeps: sweeps.clone(),
        filter: Filter::default(),
    };
    let study = window.study(subject, board).await;
    let study = study.as_ref().map(|made| made.value.as_ref());
    Ok(page_of("Comparison", page::compare(board, &sweeps, study)))
}

async fn trials(
    State(window): State<Window>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let sweep_id = find_sweep(&window, &name).await?;
    let (mut after, mut state) = (None, None);
    for (name, value) in pairs(query.as_deref()) {
        match &*name {
            "after" => after = value.parse().ok().map(TrialId),
            "state" if value.is_empty() => {}
            "state" => {
                let found = TrialState::ALL
                    .into_iter()
                    .find(|state| state.name() == value);
                let unknown = || Failure::Bad(format!("no trial is ever {value:?}"));
                state = Some(found.ok_or_else(unknown)?);
            }
            _ => {}
        }
    }
    let mut reader = window.0.readers.take().await?;
    let terms = reader.terms(sweep_id).await?;
    // One more tells whether there is another page.
    let found = reader
        .trials_after(sweep_id, after, state, TRIALS_OF_PAGE + 1)
        .await?;
    let title = format!("Trials of {}", terms.name);
    let body = page::trials(sweep_id, &terms, &found, state);
    Ok(page_of(&title, body))
}

async fn trial(State(window): State<Window>, Path(name): Path<String>) -> Answer {
    let (trial, terms) = {
        let mut reader = window.0.readers.take().await?;
        let trial = reader.trial(&name).await?;
        let terms = reader.terms(trial.sweep_id).await?;
        (trial, terms)
    };
    let output = output_of(&window.0.database, &trial).await;
    let title = format!("Trial {}", trial.trial_id);
    let database = window.0.database.display().to_string();
    let body = page::trial(&trial, &terms, &output, &database, clock::now_ms());
    Ok(page_of(&title, body))
}

/// The end of what the last attempt wrote, if it ran on this machine.
async fn output_of(database: &FilePath, trial: &TrialDetail) -> Output {
    let Some(last) = trial.attempts.last() else {
        return Output::default();
    };
    let folders = [database.with_extension("work"), default_work_dir()];
    let (key, attempt) = (trial.trial_key, last.attempt);
    let reading = tokio::task::spawn_blocking(move || {
        let path = folders
            .iter()
            .find_map(|folder| log_of(folder, key, attempt))?;
        let mut file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let left_out = length.saturating_sub(OUTPUT_BYTES);
        file.seek(SeekFrom::Start(left_out)).ok()?;
        let mut bytes = Vec::new();
        file.take(OUTPUT_BYTES).read_to_end(&mut bytes).ok()?;
        Some(Output {
            text: Some(String::from_utf8_lossy(&bytes).into_owned()),
            left_out,
        })
    });
    reading.await.ok().flatten().unwrap_or_default()
}

/// Tells a page when it has something new to say, as server-sent events.
async fn changes(State(window): State<Window>, Extension(visitor): Extension<Visitor>) -> Response {
    let Ok(permit) = Arc::clone(&window.0.watching).try_acquire_owned() else {
        let words =
            "too many pages are open\nhint: close some, or reload this one to see what is new";
        return problem(StatusCode::SERVICE_UNAVAILABLE, words);
    };
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    tokio::spawn(async move {
        let _permit = permit;
        let stop = window.0.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = sender.closed() => {}
            () = tell(&window, &visitor, &sender) => {}
        }
    });
    let body = Body::from_stream(ReceiverStream::new(receiver));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// Looks again and again, and says when something is new.
async fn tell(
    window: &Window,
    visitor: &Visitor,
    sender: &mpsc::Sender<Result<Bytes, Infallible>>,
) {
    let mut seen: Option<Arc<Made<Result<Board, String>>>> = None;
    let mut told_at = clock::now();
    while visitor.may_stay() {
        let board = window.board().await;
        let is_new = match (&seen, &board) {
            (Some(seen), Some(board)) => seen.value != board.value,
            (None, _) => true,
            (Some(_), None) => false,
        };
        if is_new || clock::now() - told_at >= BEAT {
            told_at = clock::now();
            let event = Bytes::from_static(b"data: changed\n\n");
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
        seen = board.or(seen);
        tokio::time::sleep(BOARD_AGE).await;
    }
}

async fn style() -> Response {
    let style = [html::STYLE, STYLE].concat();
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], style).into_response()
}

async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], LIVE).into_response()
}

async fn nothing() -> Response {
    let words = "there is no such page\nhint: the list of sweeps leads to all of them";
    problem(StatusCode::NOT_FOUND, words)
}

/// The sweep of a link: an id, or whatever a command takes for one.
async fn find_sweep(window: &Window, name: &str) -> Result<SweepId, Failure> {
    let mut reader = window.0.readers.take().await?;
    Ok(reader.find_sweep(name).await?)
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let query = query.unwrap_or_default().as_bytes();
    let pairs: Vec<_> = form_urlencoded::parse(query).into_owned().collect();
    pairs.into_iter()
}

fn board_of(made: &Made<Result<Board, String>>) -> Result<&Board, Failure> {
    let board = made.value.as_ref();
    board.map_err(|problem| Failure::Broken(problem.clone()))
}

fn page_of(title: &str, body: maud::Markup) -> Response {
    let text = page::frame(title, body).into_string();
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// A page that says why there is no other.
pub(super) fn problem(status: StatusCode, words: &str) -> Response {
    let mut response = page_of("No page", page::problem(words));
    *response.status_mut() = status;
    response
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown(words) => problem(StatusCode::NOT_FOUND, &words),
            Self::Bad(words) => problem(StatusCode::BAD_REQUEST, &words),
            Self::Broken(words) => {
                tracing::warn!(%words, "a page cannot be made");
                problem(StatusCode::INTERNAL_SERVER_ERROR, &words)
            }
            Self::Soon => page_of("Reading", page::soon()),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let words = error.to_string();
        match error {
            ReadError::Sweep(SweepError::NotFound(_)) | ReadError::UnknownTrial { .. } => {
                Self::Unknown(words)
            }
            ReadError::Sweep(SweepError::Ambiguous(_)) | ReadError::AmbiguousTrial { .. } => {
                Self::Bad(words)
            }
            _ => Self::Broken(words),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Broken(error.to_string())
    }
}
