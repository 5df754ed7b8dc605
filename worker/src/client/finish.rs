//! Attempts that ended, and the calls they take: as few as the bounds of a message allow.

use pondersweep_proto::{
    ending::EndedAttempt,
    error::LeaseError,
    id::{LeaseToken, WorkerId},
    limit::{MAX_ENDED_ATTEMPTS, MAX_OBSERVATIONS},
    wire,
};

use super::{Acquired, Client, Wanted, acquired};

/// How attempts that ended were received.
#[derive(Debug, Default)]
pub struct Finished {
    /// Attempts that were no longer the worker's to end.
    pub lost: Vec<LeaseToken>,
    /// The answer to what was wanted next; none if nothing was, or if there was no call to ask
    /// with.
    pub next: Option<Acquired>,
}

impl Client {
    /// Ends attempts, each by itself, and asks for what the worker wants next, which is granted in
    /// the same commit; returns once every ending is durable. Without an attempt nothing is asked.
    ///
    /// # Errors
    /// The coordinator refused for good.
    pub async fn finish(
        &self,
        attempts: Vec<EndedAttempt>,
        next: Option<Wanted>,
    ) -> Result<Finished, LeaseError> {
        let next = next.map(|wanted| self.acquisition(wanted));
        let mut finished = Finished::default();
        for request in requests(&self.worker_id, attempts, next) {
            let answer = self
                .persist("finish", || {
                    let (mut service, request) = (self.service.clone(), request.clone());
                    async move { service.finish(request).await }
                })
                .await?
                .into_inner();
            let lost = answer.lost.into_iter().map(LeaseToken::from);
            finished.lost.extend(lost);
            finished.next = answer.next.map(acquired).transpose()?;
        }
        Ok(finished)
    }
}

/// The calls that end attempts; the last one asks for what is wanted next.
fn requests(
    worker_id: &WorkerId,
    attempts: Vec<EndedAttempt>,
    next: Option<wire::AcquireRequest>,
) -> Vec<wire::FinishRequest> {
    let request = |attempts| wire::FinishRequest {
        worker_id: worker_id.to_string(),
        attempts,
        next: None,
    };
    let mut requests: Vec<_> = calls(attempts).into_iter().map(request).collect();
    if let Some(last) = requests.last_mut() {
        last.next = next;
    }
    requests
}

/// The attempts of each call. One with too many observations for any call goes alone, to be
/// refused.
fn calls(attempts: Vec<EndedAttempt>) -> Vec<Vec<wire::EndedAttempt>> {
    let mut calls: Vec<Vec<wire::EndedAttempt>> = Vec::new();
    let mut room = None;
    for ended in attempts {
        let observations = ended.observations.len();
        let left = room.and_then(|room: usize| room.checked_sub(observations));
        match calls.last_mut() {
            Some(call) if call.len() < MAX_ENDED_ATTEMPTS && left.is_some() => {
                room = left;
                call.push(ended.into());
            }
            _ => {
                room = MAX_OBSERVATIONS.checked_sub(observations);
                calls.push(vec![ended.into()]);
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::{
        ending::ReportedEnding,
        id::{Attempt, TrialId},
        metric::{Observation, built_in},
    };

    use super::*;

    /// Attempts at the trials 0, 1, .. that ended with these numbers of observations.
    fn ended(observations: &[usize]) -> Vec<EndedAttempt> {
        let observation = Observation {
            step: 1,
            metric: built_in::LOSS_TRAINING,
            value: 0.5,
        };
        let end = |(trial_id, &observations): (u64, &usize)| EndedAttempt {
            token: LeaseToken {
                trial_id: TrialId(trial_id),
                attempt: Attempt(1),
            },
            ending: ReportedEnding::Succeeded,
            observations: vec![observation.clone(); observations],
            seconds: 1.0,
            breakdown: None,
        };
        (0..).zip(observations).map(end).collect()
    }

    /// How many attempts each call has; in all calls together, each is there once and in order.
    fn lengths(observations: &[usize]) -> Vec<usize> {
        let calls = calls(ended(observations));
        let trials = calls
            .iter()
            .flatten()
            .map(|end| end.token.unwrap().trial_id);
        assert!(trials.eq(0..observations.len() as u64));
        calls.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_bundle_ends_with_one_call() {
        assert_eq!(lengths(&[0; MAX_ENDED_ATTEMPTS]), [MAX_ENDED_ATTEMPTS]);
        assert_eq!(lengths(&[MAX_OBSERVATIONS / 4; 4]), [4]);
        assert_eq!(lengths(&[]), [0; 0]);
    }

    #[test]
    fn what_does_not_fit_into_a_call_takes_more() {
        assert_eq!(
            lengths(&[0; MAX_ENDED_ATTEMPTS + 1]),
            [MAX_ENDED_ATTEMPTS, 1]
        );
        assert_eq!(lengths(&[1, MAX_OBSERVATIONS, 0, 1]), [1, 2, 1]);
        assert_eq!(lengths(&[MAX_OBSERVATIONS + 1, 0]), [1, 1]);
    }

    #[test]
    fn what_is_wanted_next_goes_with_the_last_call() {
        let worker_id = "w".parse().unwrap();
        let next = wire::AcquireRequest::default();
        let asked = |observations: &[usize]| -> Vec<bool> {
            let requests = requests(&worker_id, ended(observations), Some(next.clone()));
            requests
                .iter()
                .map(|request| request.next.is_some())
                .collect()
        };
        assert_eq!(asked(&[0; 3]), [true]);
        assert_eq!(
            asked(&[0; 2 * MAX_ENDED_ATTEMPTS + 1]),
            [false, false, true]
        );
        assert_eq!(asked(&[]), [false; 0]);
    }
}
