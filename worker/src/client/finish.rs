//! The ends of attempts, and the calls they take: as few as the bounds of a message allow.

use pondersweep_proto::{
    breakdown::Breakdown,
    error::LeaseError,
    failure::Failure,
    id::{LeaseToken, WorkerId},
    limit::{MAX_ENDS, MAX_OBSERVATIONS},
    metric::Observation,
    wire,
};

use super::{Acquired, Client, Wanted, acquired};

/// How an attempt ended, as the worker saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Trained and measured.
    Succeeded,
    /// Training diverged; the text says at which update.
    Infeasible(String),
    /// The attempt failed.
    Failed(Failure),
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub struct AttemptEnd {
    /// Which attempt.
    pub token: LeaseToken,
    /// How it ended.
    pub outcome: Outcome,
    /// What was observed and not reported yet.
    pub observations: Vec<Observation>,
    /// Compute time, in seconds.
    pub seconds: f64,
    /// The last evaluation broken down; of a success only.
    pub breakdown: Option<Breakdown>,
}

/// What became of ends.
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
    /// the same commit; returns once every outcome is durable. Without an end nothing is asked.
    ///
    /// # Errors
    /// The coordinator refused for good.
    pub async fn finish(
        &self,
        ends: Vec<AttemptEnd>,
        next: Option<Wanted>,
    ) -> Result<Finished, LeaseError> {
        let next = next.map(|wanted| self.acquisition(wanted));
        let mut finished = Finished::default();
        for request in requests(&self.worker_id, ends, next) {
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
    ends: Vec<AttemptEnd>,
    next: Option<wire::AcquireRequest>,
) -> Vec<wire::FinishRequest> {
    let request = |ends| wire::FinishRequest {
        worker_id: worker_id.to_string(),
        ends,
        next: None,
    };
    let mut requests: Vec<_> = calls(ends).into_iter().map(request).collect();
    if let Some(last) = requests.last_mut() {
        last.next = next;
    }
    requests
}

/// The ends of each call. One with too many observations for any call goes alone, to be refused.
fn calls(ends: Vec<AttemptEnd>) -> Vec<Vec<wire::AttemptEnd>> {
    let mut calls: Vec<Vec<wire::AttemptEnd>> = Vec::new();
    let mut room = None;
    for end in ends {
        let observations = end.observations.len();
        let left = room.and_then(|room: usize| room.checked_sub(observations));
        match calls.last_mut() {
            Some(call) if call.len() < MAX_ENDS && left.is_some() => {
                room = left;
                call.push(end.into());
            }
            _ => {
                room = MAX_OBSERVATIONS.checked_sub(observations);
                calls.push(vec![end.into()]);
            }
        }
    }
    calls
}

impl From<AttemptEnd> for wire::AttemptEnd {
    fn from(end: AttemptEnd) -> Self {
        let unspecified = wire::Cause::Unspecified;
        let (outcome, cause, message) = match end.outcome {
            Outcome::Succeeded => (wire::Outcome::Succeeded, unspecified, String::new()),
            Outcome::Infeasible(message) => (wire::Outcome::Infeasible, unspecified, message),
            Outcome::Failed(Failure { cause, message }) => {
                (wire::Outcome::Failed, cause.into(), message)
            }
        };
        Self {
            token: Some(end.token.into()),
            outcome: outcome.into(),
            cause: cause.into(),
            message,
            observations: end.observations.into_iter().map(Into::into).collect(),
            seconds: end.seconds,
            breakdown: end.breakdown.as_ref().map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::{
        id::{Attempt, TrialId},
        metric::built_in,
    };

    use super::*;

    /// Ends of the trials 0, 1, .. with these numbers of observations.
    fn ends(observations: &[usize]) -> Vec<AttemptEnd> {
        let observation = Observation {
            step: 1,
            metric: built_in::LOSS_TRAINING,
            value: 0.5,
        };
        let end = |(trial_id, &observations): (u64, &usize)| AttemptEnd {
            token: LeaseToken {
                trial_id: TrialId(trial_id),
                attempt: Attempt(1),
            },
            outcome: Outcome::Succeeded,
            observations: vec![observation.clone(); observations],
            seconds: 1.0,
            breakdown: None,
        };
        (0..).zip(observations).map(end).collect()
    }

    /// How many ends each call has; in all calls together, every end is there once and in order.
    fn lengths(observations: &[usize]) -> Vec<usize> {
        let calls = calls(ends(observations));
        let trials = calls
            .iter()
            .flatten()
            .map(|end| end.token.unwrap().trial_id);
        assert!(trials.eq(0..observations.len() as u64));
        calls.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_bundle_ends_with_one_call() {
        assert_eq!(lengths(&[0; MAX_ENDS]), [MAX_ENDS]);
        assert_eq!(lengths(&[MAX_OBSERVATIONS / 4; 4]), [4]);
        assert_eq!(lengths(&[]), [0; 0]);
    }

    #[test]
    fn what_does_not_fit_into_a_call_takes_more() {
        assert_eq!(lengths(&[0; MAX_ENDS + 1]), [MAX_ENDS, 1]);
        assert_eq!(lengths(&[1, MAX_OBSERVATIONS, 0, 1]), [1, 2, 1]);
        assert_eq!(lengths(&[MAX_OBSERVATIONS + 1, 0]), [1, 1]);
    }

    #[test]
    fn what_is_wanted_next_goes_with_the_last_call() {
        let worker_id = "w".parse().unwrap();
        let next = wire::AcquireRequest::default();
        let asked = |observations: &[usize]| -> Vec<bool> {
            let requests = requests(&worker_id, ends(observations), Some(next.clone()));
            requests
                .iter()
                .map(|request| request.next.is_some())
                .collect()
        };
        assert_eq!(asked(&[0; 3]), [true]);
        assert_eq!(asked(&[0; 2 * MAX_ENDS + 1]), [false, false, true]);
        assert_eq!(asked(&[]), [false; 0]);
    }
}
