//! A coordinator of its own for a benchmark: `pondersweep serve` as a child process, so that what
//! it needs can be told from what its workers need. It ends when its standard input closes.

use std::{path::Path, process::Stdio};

use anyhow::Context as _;
use pondersweep::sweep::SweepSpec;
use pondersweep_proto::wire::{self, sweeps_client::SweepsClient};
use pondersweep_worker::say;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr},
    task::JoinHandle,
};
use tonic::transport::Endpoint;

use crate::{product, usage::Usage};

/// A running coordinator.
pub(super) struct Serve {
    child: Child,
    url: String,
    /// Reads what it says, so that the pipe does not fill up.
    talk: JoinHandle<()>,
}

impl Serve {
    /// Starts one on a database, on any free port of this machine; returns when it listens.
    pub(super) async fn start(database: &Path) -> anyhow::Result<Self> {
        let mut child = product::command()?
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--stop-with-stdin"])
            // It is measured how fast it is, not how patient.
            .args(["--max-call-rate", "0"])
            .arg("--db")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start a coordinator")?;
        let stderr = child.stderr.take().expect("standard error is piped");
        let mut lines = BufReader::new(stderr).lines();
        let url = first_url(&mut lines).await?;
        let talk = tokio::spawn(pass_on(lines));
        Ok(Self { child, url, talk })
    }

    /// Where it listens.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Creates a sweep, of any size.
    pub(super) async fn create(&self, spec: &SweepSpec) -> anyhow::Result<()> {
        let channel = Endpoint::from_shared(self.url.clone())?.connect_lazy();
        let mut sweeps = SweepsClient::new(channel);
        let request = wire::CreateSweepRequest {
            spec: spec.json().into(),
            accept_large: true,
            files: Vec::new(),
        };
        sweeps.create_sweep(request).await?;
        Ok(())
    }

    /// What it needs of the machine, where the system tells.
    pub(super) fn usage(&self) -> Option<Usage> {
        Usage::of(self.child.id()?)
    }

    /// Kills it the hard way.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        self.talk.abort();
        Ok(self.child.kill().await?)
    }

    /// Stops it in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        self.talk.abort();
        anyhow::ensure!(status.success(), "the coordinator failed: {status}");
        Ok(())
    }
}

/// The address in `serving DATABASE on URL`; what else is said before it is passed on.
async fn first_url(lines: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<String> {
    while let Some(line) = lines.next_line().await? {
        match line.rsplit_once(" on ") {
            Some((start, url)) if start.starts_with("serving ") => return Ok(url.to_owned()),
            _ => say!("{line}"),
        }
    }
    anyhow::bail!("the coordinator ended before it served")
}

async fn pass_on(mut lines: Lines<BufReader<ChildStderr>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        if line != "stopping" {
            say!("{line}");
        }
    }
}
