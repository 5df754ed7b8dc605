//! The network a bundle trains, unrolled by the kernels or as the plain program.

use burn::{
    backend::Dispatch,
    tensor::{DType, Gradients, Tensor},
};

use super::{
    Body,
    extension::{Pondering, Unrolling},
    workspaces::Workspaces,
};
use crate::model::{Dropout, Layout, Logits, StepLimit, Weights, loss, unroll};

/// A network without its parameters, and the way its device computes it.
#[derive(Clone, Debug)]
pub struct Network {
    layout: Layout,
    limit: StepLimit,
    /// The kernels' memory, on a device that has kernels.
    kernels: Option<Workspaces>,
}

/// The parameters of a bundle, as an unroll takes them.
#[derive(Clone, Debug)]
pub struct Parameters(Form);

#[derive(Clone, Debug)]
enum Form {
    /// `[lanes, layout.size()]`, for the kernels.
    Rows(Tensor<2>),
    /// Leaves of the plain program.
    Named(Weights),
}

/// What the network says before its sigmoids.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// Of the answers `y_n` and of the halting probabilities `lambda_n`,
    /// `[lanes, answers + 1, steps, batch]`: halting is the last.
    pub logits: Tensor<4>,
    /// Each sample's last step, `[lanes, batch]`, where the kernels unrolled to the limit of
    /// training; its logits after it are zero.
    pub(super) stops: Option<Tensor<2>>,
}

impl Network {
    /// A network that training unrolls up to the limit.
    #[must_use]
    pub fn new(layout: Layout, limit: StepLimit, body: Body) -> Self {
        Self {
            layout,
            limit,
            kernels: (body == Body::Kernels).then(Workspaces::new),
        }
    }

    /// The rows (`[lanes, layout.size()]`) as constants.
    #[must_use]
    pub fn constant(&self, rows: &Tensor<2>) -> Parameters {
        Parameters(match self.kernels_for(rows) {
            Some(_) => Form::Rows(rows.clone()),
            None => Form::Named(Weights::constant(rows, &self.layout)),
        })
    }

    /// The rows as leaves whose gradient can be asked for.
    #[must_use]
    pub fn tracked(&self, rows: &Tensor<2>) -> Parameters {
        Parameters(match self.kernels_for(rows) {
            Some(_) => Form::Rows(rows.clone().autodiff().require_grad()),
            None => Form::Named(Weights::tracked(rows, &self.layout)),
        })
    }

    /// The outputs for `x` (`[lanes, batch, elements]`), up to the limit of training.
    #[must_use]
    pub fn unroll(&self, parameters: &Parameters, x: &Tensor<3>) -> Outputs {
        self.unroll_to(parameters, x, self.limit, None)
    }

    /// The same of training, which may drop some of what the network computes.
    #[must_use]
    pub fn unroll_dropping(
        &self,
        parameters: &Parameters,
        x: &Tensor<3>,
        dropout: Option<&Dropout>,
    ) -> Outputs {
        self.unroll_to(parameters, x, self.limit, dropout)
    }

    /// The outputs of all steps for `x`, whatever the limit of training.
    #[must_use]
    pub fn unroll_all(&self, parameters: &Parameters, x: &Tensor<3>) -> Outputs {
        let limit = StepLimit::fixed(self.limit.max_steps());
        self.unroll_to(parameters, x, limit, None)
    }

    /// The mean steps that an unroll up to the limit of training computes for a sample of each lane.
    #[must_use]
    pub fn mean_steps(&self, outputs: &Outputs) -> Vec<f64> {
        let [lanes, _, steps, _] = outputs.logits.dims();
        if self.limit.stop_rule().is_none() {
            return vec![steps as f64; lanes];
        }
        let taken = match &outputs.stops {
            Some(stops) => stops.clone().inner(),
            None => self.limit.steps_taken(outputs.apart().halting),
        };
        let means = loss::per_lane(taken).try_into_vec_as();
        means.expect("a device gives back numbers of its own")
    }

    fn unroll_to(
        &self,
        parameters: &Parameters,
        x: &Tensor<3>,
        limit: StepLimit,
        dropout: Option<&Dropout>,
    ) -> Outputs {
        match (&parameters.0, &self.kernels) {
            (Form::Rows(rows), Some(workspaces)) => {
                let unrolling = Unrolling {
                    layout: self.layout,
                    steps: limit.max_steps(),
                    stop: limit.stop_rule(),
                    workspaces: workspaces.clone(),
                };
                let (rows, x) = (rows.clone().into_dispatch(), x.clone().into_dispatch());
                let (logits, stops) = Dispatch::unrolled(rows, x, unrolling);
                Outputs {
                    logits: Tensor::from_dispatch(logits),
                    // Steps beyond the limit say nothing of where training stops.
                    stops: (limit == self.limit).then(|| Tensor::from_dispatch(stops)),
                }
            }
            (Form::Named(weights), _) => Outputs::of(unroll(x, weights, limit, dropout)),
            (Form::Rows(_), None) => unreachable!("only a device with kernels has rows"),
        }
    }

    /// The kernels, if there are any and the numbers are what they compute with.
    fn kernels_for(&self, rows: &Tensor<2>) -> Option<&Workspaces> {
        let kernels = self.kernels.as_ref();
        kernels.filter(|_| rows.dtype() == DType::F32)
    }
}

impl Parameters {
    /// The gradient of every parameter, `[lanes, layout.size()]`.
    ///
    /// # Panics
    /// They are constants, or have no part in what was differentiated.
    #[must_use]
    pub fn gradient(&self, gradients: &mut Gradients) -> Tensor<2> {
        match &self.0 {
            Form::Rows(rows) => {
                let gradient = rows.grad_remove(gradients);
                gradient.expect("the loss depends on the parameters")
            }
            Form::Named(weights) => weights.gradient(gradients),
        }
    }
}

impl Outputs {
    fn of(logits: Logits) -> Self {
        Self {
            logits: Tensor::cat(vec![logits.answer, logits.halting.unsqueeze_dim(1)], 1),
            stops: None,
        }
    }

    /// The two kinds of logits.
    pub(super) fn apart(&self) -> Logits {
        let [_, outputs, _, _] = self.logits.dims();
        let halting = self.logits.clone().narrow(1, outputs - 1, 1);
        Logits {
            answer: self.logits.clone().narrow(1, 0, outputs - 1),
            halting: halting.squeeze_dim(1),
        }
    }
}
