//! The floors of one machine under any coordinator: how long its disk takes to flush, and how many
//! calls a second its loopback interface and our server carry. (What its disk commits is
//! in `commits` and `bulk`.)

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use pondersweep::clock;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Flushes of one probe: a fraction of a second on a disk, a few milliseconds on a fast one.
const FLUSHES: usize = 64;
/// What one commit appends to a log at the least: a page.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// How long the disk takes to make one page durable, each time in turn.
pub(super) fn flush_times(path: &Path) -> anyhow::Result<Vec<Duration>> {
    let mut file =
        File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    // As a log that is used again: the space is there already.
    file.write_all(&PAGE.repeat(FLUSHES))?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let mut flush = || {
        let started = clock::now();
        file.write_all(&PAGE)?;
        file.sync_all()?;
        Ok(clock::now() - started)
    };
    (0..FLUSHES).map(|_| flush()).collect()
}

/// Calls a second that the server at a URL answers without doing anything, over a number of
/// connections with a number of calls under way on each.
pub(super) async fn calls_per_second(
    url: &str,
    connections: u32,
    calls_under_way: u32,
    window: Duration,
) -> anyhow::Result<f64> {
    let mut channels = Vec::new();
    for _ in 0..connections {
        channels.push(Endpoint::from_shared(url.to_owned())?.connect().await?);
    }
    let ended = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    let started = clock::now();
    for channel in channels {
        for _ in 0..calls_under_way {
            callers.spawn(call_until(channel.clone(), Arc::clone(&ended)));
        }
    }
    tokio::time::sleep(window).await;
    ended.store(true, Ordering::Relaxed);
    let mut calls = 0.0;
    while let Some(called) = callers.join_next().await {
        calls += called.context("a caller panicked")??;
    }
    Ok(calls / (clock::now() - started).as_secs_f64())
}

async fn call_until(channel: Channel, ended: Arc<AtomicBool>) -> anyhow::Result<f64> {
    let mut client = HealthClient::new(channel);
    let mut calls = 0.0;
    while !ended.load(Ordering::Relaxed) {
        client.check(HealthCheckRequest::default()).await?;
        calls += 1.0;
    }
    Ok(calls)
}
