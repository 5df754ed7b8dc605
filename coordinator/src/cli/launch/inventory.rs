//! What of a launch is there: asked of its hosts, or of Slurm.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::each::for_each;
use crate::{
    cli::output::{Rows, iso_time},
    launch::{
        plan::{
            Answer, HostName, HostRecord, JobRecord, Launch, LaunchName, Launched, Remote, Stop,
            Task,
        },
        slurm::{self, SlurmError},
        ssh::{Ssh, SshError},
    },
};

/// Longest detail of a row, in characters.
const MAX_DETAIL: usize = 120;

/// One place of a launch and how it stands.
#[derive(Debug)]
pub(super) struct Place {
    /// The host, or the task of the array.
    pub(super) name: String,
    /// In a word.
    pub(super) state: String,
    /// Whether a worker is there or will be; `None` if that is unknown.
    pub(super) lives: Option<bool>,
    /// What else there is to know.
    pub(super) detail: String,
}

impl Place {
    fn note(&mut self, note: &str) {
        let comma = match self.detail.is_empty() || note.is_empty() {
            true => "",
            false => ", ",
        };
        self.detail += &format!("{comma}{note}");
    }
}

/// What a host is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// Whether its worker lives.
    State,
    /// To end its worker.
    Stop(Stop),
    /// Its log, or the last lines of it.
    Logs(Option<u32>),
}

impl Question {
    fn script(self, remote: &Remote<'_>) -> String {
        match self {
            Self::State => remote.state(),
            Self::Stop(how) => remote.stop(how),
            Self::Logs(lines) => remote.logs(lines),
        }
    }

    /// How long the script may wait by itself.
    const fn patience(self) -> Duration {
        match self {
            // Slow machines take longer for each of its moments.
            Self::Stop(Stop::InOrder { moments }) => Duration::from_millis(moments as u64 * 200),
            _ => Duration::ZERO,
        }
    }
}

/// Asks every host of a launch through ssh the same.
pub(super) async fn ask(
    launch: &Launch,
    question: Question,
    at_once: NonZeroUsize,
) -> Vec<(HostRecord, Result<(Answer, String), SshError>)> {
    let Launched::Ssh {
        ssh,
        directory,
        hosts,
    } = &launch.launched
    else {
        return Vec::new();
    };
    let shared = Arc::new((
        Ssh::new(ssh.clone()),
        launch.name.clone(),
        directory.clone(),
    ));
    for_each(hosts.clone(), at_once, |record| {
        let shared = shared.clone();
        async move {
            let (ssh, name, directory) = &*shared;
            let answer =
                ask_host(ssh, name, directory.as_deref(), &record.host.name, question).await;
            (record, answer)
        }
    })
    .await
}

async fn ask_host(
    ssh: &Ssh,
    launch: &LaunchName,
    directory: Option<&str>,
    host: &HostName,
    question: Question,
) -> Result<(Answer, String), SshError> {
    let script = question.script(&Remote {
        launch,
        host,
        directory,
    });
    ssh.script(host, &script, question.patience()).await
}

/// How a launch stands.
pub(super) async fn places(
    launch: &Launch,
    at_once: NonZeroUsize,
) -> Result<Vec<Place>, SlurmError> {
    match &launch.launched {
        Launched::Slurm(job) => Ok(places_of_job(job, slurm::tasks(&job.job).await?)),
        Launched::Ssh { ssh, .. } => {
            let ssh = Ssh::new(ssh.clone());
            let mut places = Vec::new();
            for (record, answer) in ask(launch, Question::State, at_once).await {
                let mut place = place_of_host(&record, &answer);
                if let (Some(tunnel), Some(lives)) = (&record.tunnel, place.lives) {
                    let open = ssh.has_tunnel(&record.host.name, tunnel).await;
                    place.note(match (lives, open) {
                        (true, false) => "its tunnel is down: launch again to open it",
                        (false, true) => "its tunnel is open: `launch stop` closes it",
                        _ => "",
                    });
                }
                places.push(place);
            }
            Ok(places)
        }
    }
}

/// Makes the name of a launch free for another: closes the tunnels that have no worker any more.
/// Refused while something of it lives, or may live.
pub(super) async fn release(launch: &Launch, at_once: NonZeroUsize) -> anyhow::Result<()> {
    let (name, way) = (&launch.name, way(launch));
    let places = places(launch, at_once)
        .await
        .with_context(|| format!("cannot ask how the launch {name} through {way} stands"))?;
    if let Some(place) = places.iter().find(|place| place.lives != Some(false)) {
        let (place, state) = (&place.name, &place.state);
        anyhow::bail!(
            "the launch {name} through {way} is not over: {place} is {state}\n\
             hint: choose another --name, or end it with `pondersweep launch stop {name}`"
        );
    }
    close_tunnels(launch, |_| true).await;
    Ok(())
}

/// Closes the tunnels of some hosts of a launch.
pub(super) async fn close_tunnels(launch: &Launch, of: impl Fn(&HostName) -> bool) {
    let Launched::Ssh { ssh, hosts, .. } = &launch.launched else {
        return;
    };
    let ssh = Ssh::new(ssh.clone());
    for record in hosts.iter().filter(|record| of(&record.host.name)) {
        if let Some(tunnel) = &record.tunnel {
            ssh.close_tunnel(&record.host.name, tunnel).await;
        }
    }
}

/// How a host stands by what it said.
pub(super) fn place_of_host(
    record: &HostRecord,
    answer: &Result<(Answer, String), SshError>,
) -> Place {
    let process = |process: &u32| format!("process {process}");
    let (state, lives, detail) = match answer {
        Ok((Answer::Alive(number), _)) => ("running", Some(true), process(number)),
        Ok((Answer::Leaving(number), _)) => ("leaving", Some(true), process(number)),
        Ok((Answer::Gone, last)) => ("ended", Some(false), last.trim_end().to_owned()),
        Ok((Answer::Absent, _)) => ("absent", Some(false), String::new()),
        Ok((other, _)) => ("odd", None, format!("{other:?}")),
        Err(SshError::Unreachable { said, .. }) => ("unreachable", None, said.clone()),
        Err(error) => ("odd", None, error.to_string()),
    };
    Place {
        name: record.host.name.to_string(),
        state: state.to_owned(),
        lives,
        detail,
    }
}

/// The tasks of a job, with those that Slurm has forgotten.
fn places_of_job(job: &JobRecord, tasks: Vec<Task>) -> Vec<Place> {
    let place = |number: u32| match tasks.iter().find(|task| task.number == number) {
        Some(task) => Place {
            name: format!("{}_{number}", job.job),
            state: task.state.name().to_owned(),
            lives: Some(task.lives()),
            detail: match task.node.as_str() {
                "" => task.reason.clone(),
                node => format!("on {node} for {}", task.elapsed),
            },
        },
        None => Place {
            name: format!("{}_{number}", job.job),
            state: "ended".into(),
            lives: Some(false),
            detail: String::new(),
        },
    };
    (0..job.workers).map(place).collect()
}

pub(super) fn rows<'a>(places: impl IntoIterator<Item = (&'a Launch, Place)>) -> Rows {
    let rows = places.into_iter().map(|(launch, place)| {
        vec![
            json!(launch.name.as_str()),
            json!(way(launch)),
            json!(place.name),
            json!(place.state),
            one_line(&place.detail),
            iso_time(launch.started_at_ms),
        ]
    });
    Rows::of(
        &["launch", "by", "place", "state", "detail", "launched_at"],
        rows,
    )
}

/// A detail that fits a row; logs have the rest.
fn one_line(text: &str) -> Value {
    let line = text.lines().collect::<Vec<_>>().join("; ");
    if line.chars().count() <= MAX_DETAIL {
        return json!(line);
    }
    let cut: String = line.chars().take(MAX_DETAIL).collect();
    json!(format!("{cut} .."))
}

const fn way(launch: &Launch) -> &'static str {
    match launch.launched {
        Launched::Ssh { .. } => "ssh",
        Launched::Slurm(_) => "slurm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::plan::parse_queue;

    #[test]
    fn tasks_that_slurm_has_forgotten_have_ended() {
        let job = JobRecord {
            job: "7".into(),
            workers: 3,
            folder: String::new(),
        };
        let places = places_of_job(
            &job,
            parse_queue("7_1|RUNNING|node3|None|1:02\n7_2|PENDING||Priority|0:00\n"),
        );
        let seen: Vec<_> = places
            .iter()
            .map(|p| (p.name.as_str(), p.state.as_str(), p.detail.as_str()))
            .collect();
        let expected = [
            ("7_0", "ended", ""),
            ("7_1", "running", "on node3 for 1:02"),
            ("7_2", "pending", "Priority"),
        ];
        assert_eq!(seen, expected);
    }
}
