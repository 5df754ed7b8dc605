//! The ends of attempts, and the calls they take: as few as the bounds of a message allow.

use pondersweep_proto::{
    breakdown::Breakdown,
    error::LeaseError,
    failure::Failure,
    id::LeaseToken,
    limit::{MAX_ENDS, MAX_OBSERVATIONS},
    metric::Observation,
    wire,
};

use super::Client;

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

impl Client {
    /// Ends attempts, each by itself; returns once every outcome is durable, with the attempts that
    /// were no longer the worker's to end.
    ///
    /// # Errors
    /// The coordinator refused for good.
    pub async fn finish(&self, ends: Vec<AttemptEnd>) -> Result<Vec<LeaseToken>, LeaseError> {
        let mut lost = Vec::new();
        for ends in calls(ends) {
            let request = wire::FinishRequest {
                worker_id: self.worker_id.to_string(),
                ends,
            };
            let answer = self
                .persist("finish", || {
                    let (mut service, request) = (self.service.clone(), request.clone());
                    async move { service.finish(request).await }
                })
                .await?;
            lost.extend(answer.into_inner().lost.into_iter().map(LeaseToken::from));
        }
        Ok(lost)
    }
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
        metric::Metric,
    };

    use super::*;

    /// Ends of the trials 0, 1, .. with so many observations each.
    fn ends(observations: &[usize]) -> Vec<AttemptEnd> {
        let observation = Observation {
            step: 1,
            metric: Metric::LossTraining,
            value: 0.5,
        };
        let end = |(trial_id, &observations): (u64, &usize)| AttemptEnd {
            token: LeaseToken {
                trial_id: TrialId(trial_id),
                attempt: Attempt(1),
            },
            outcome: Outcome::Succeeded,
            observations: vec![observation; observations],
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
}
