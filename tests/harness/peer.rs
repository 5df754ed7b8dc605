//! A worker's side of the protocol, call by call: for tests that decide themselves what is said
//! when.

use std::time::Duration;

use pondersweep_proto::{
    limit::PROTOCOL,
    wire::{self, leases_client::LeasesClient},
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

/// How long a call may take; a coordinator that is stuck must not keep a test for ever.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A peer under one name.
pub(crate) struct Peer {
    name: String,
    requests: u32,
    pub(crate) leases: LeasesClient<Channel>,
}

impl Peer {
    /// A peer that is registered.
    pub(crate) async fn register(url: &str, name: &str) -> Self {
        let worker = wire::WorkerInfo {
            worker_id: name.to_owned(),
            slots: 1,
            ..wire::WorkerInfo::default()
        };
        Self::register_as(url, worker).await
    }

    /// A peer that is registered as what it says.
    pub(crate) async fn register_as(url: &str, worker: wire::WorkerInfo) -> Self {
        let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL");
        let channel = endpoint.timeout(CALL_TIMEOUT).connect().await;
        let mut peer = Self {
            name: worker.worker_id.clone(),
            requests: 0,
            leases: LeasesClient::new(channel.expect("a coordinator")),
        };
        let worker = Some(worker);
        let registered = peer
            .leases
            .register(wire::RegisterRequest {
                worker,
                protocol: PROTOCOL,
            })
            .await;
        registered.expect("registered");
        peer
    }

    /// Leases a trial.
    pub(crate) async fn acquire(&mut self) -> wire::LeaseToken {
        self.requests += 1;
        let request = wire::AcquireRequest {
            worker_id: self.name.clone(),
            request_id: self.requests.to_string(),
            max_lanes: 1,
            sweep_id: String::new(),
            together_with: None,
            offers: Vec::new(),
        };
        let answer = self.leases.acquire(request).await.expect("an answer");
        let leases = answer.into_inner().leases;
        leases[0].token.expect("a lease has a token")
    }

    /// Reports the same number at several steps.
    pub(crate) async fn report(
        &mut self,
        token: wire::LeaseToken,
        steps: std::ops::Range<u64>,
    ) -> Result<(), Status> {
        let observations = steps.map(observation).collect();
        let worker_id = self.name.clone();
        let token = Some(token);
        let request = wire::ReportRequest {
            worker_id,
            token,
            observations,
        };
        self.leases.report(request).await.map(drop)
    }

    /// Ends an attempt with success, and with a last observation at this step. An attempt that is
    /// not its own is a refusal.
    pub(crate) async fn finish(
        &mut self,
        token: wire::LeaseToken,
        step: u64,
    ) -> Result<(), Status> {
        let request = wire::FinishRequest {
            worker_id: self.name.clone(),
            attempts: vec![wire::EndedAttempt {
                token: Some(token),
                ending: wire::Ending::Succeeded.into(),
                observations: vec![observation(step)],
                seconds: 1.0,
                ..wire::EndedAttempt::default()
            }],
            next: None,
        };
        let lost = self.leases.finish(request).await?.into_inner().lost;
        match lost[..] {
            [] => Ok(()),
            _ => Err(Status::failed_precondition("lost")),
        }
    }
}

fn observation(step: u64) -> wire::Observation {
    wire::Observation {
        step,
        metric: "accuracy_interpolation".into(),
        value: 0.75,
    }
}
