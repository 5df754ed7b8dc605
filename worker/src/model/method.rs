//! How halting is learnt, with the settings that takes and no others.

use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, KlDirection, ModelKind, Residual, Unroll},
};

use super::prior::Prior;

/// How halting is learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// See [`ModelKind::PonderNet`].
    PonderNet(PonderNet),
    /// See [`ModelKind::Act`].
    Act(Act),
    /// See [`ModelKind::Fixed`].
    Fixed,
}

/// The settings of PonderNet; each is documented where it is a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "documented where they are settings")]
pub struct PonderNet {
    pub prior: Prior,
    pub beta: f64,
    pub unroll: Unroll,
    pub epsilon: f64,
    pub residual: Residual,
    pub kl_direction: KlDirection,
}

/// The settings of adaptive computation time; each is documented where it is a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "documented where they are settings")]
pub struct Act {
    pub tau: f64,
    pub epsilon: f64,
}

impl Method {
    /// The method of a configuration.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        match configuration.choice(Setting::METHOD) {
            ModelKind::PonderNet => Self::PonderNet(PonderNet {
                prior: Prior {
                    lambda_p: configuration.number(Setting::LAMBDA_P),
                    floor: configuration.number(Setting::PRIOR_FLOOR),
                },
                beta: configuration.number(Setting::BETA),
                unroll: configuration.choice(Setting::UNROLL),
                epsilon: configuration.number(Setting::EPSILON),
                residual: configuration.choice(Setting::RESIDUAL),
                kl_direction: configuration.choice(Setting::KL_DIRECTION),
            }),
            ModelKind::Act => Self::Act(Act {
                tau: configuration.number(Setting::TAU),
                epsilon: configuration.number(Setting::EPSILON),
            }),
            ModelKind::Fixed => Self::Fixed,
        }
    }
}
