"""PonderNet in JAX: one jitted update, the steps in `lax.scan`, lanes by `vmap`; x W is hoisted."""

import os

# One thread: the process is given one core. Set before JAX looks.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def next_state(kind, w, input_share, h):
    state_share = h @ w["U"] + w["c"]
    if kind == "rnn":
        return jnp.tanh(input_share + state_share)
    reset_x, update_x, candidate_x = jnp.split(input_share, 3, axis=1)
    reset_h, update_h, candidate_h = jnp.split(state_share, 3, axis=1)
    reset = jax.nn.sigmoid(reset_x + reset_h)
    update = jax.nn.sigmoid(update_x + update_h)
    candidate = jnp.tanh(candidate_x + reset * candidate_h)
    return (1 - update) * candidate + update * h


def make_loss(problem):
    """The loss of one trial's batch."""
    log_prior = jnp.asarray(problem.log_prior)

    def loss(w, x, labels):
        input_share = x @ w["W"] + w["b"]

        def step(h, _):
            h = next_state(problem.kind, w, input_share, h)
            y = h @ w["answer_weights"] + w["answer_bias"]
            z = h @ w["halting_weights"] + w["halting_bias"]
            return h, (y, z)

        h = jnp.zeros((x.shape[0], problem.hidden), jnp.float32)
        _, (y, z) = lax.scan(step, h, None, length=problem.max_steps)
        lambdas = jax.nn.sigmoid(z).at[-1].set(1.0)
        survival = jnp.cumprod(1 - lambdas[:-1], axis=0)
        survival = jnp.concatenate([jnp.ones((1, x.shape[0])), survival])
        p = lambdas * survival
        # Cross entropy of a logit: softplus(y) - label y.
        prediction = (p * (jax.nn.softplus(y) - labels * y)).sum(0).mean()
        divergence = (p * (jnp.log(p) - log_prior[:, None])).sum(0).mean()
        return prediction + problem.beta * divergence

    return loss


def make_update(problem, lanes):
    """One update of Adam: state, batch -> state, loss, gradient. Lanes in front if more than one."""
    loss = jax.value_and_grad(make_loss(problem))

    def update(state, x, labels):
        w, first, second, done = state
        value, gradient = loss(w, x, labels)
        done = done + 1
        tree = jax.tree_util.tree_map
        first = tree(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first, gradient)
        second = tree(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradient)
        correction_1, correction_2 = 1 - BETA_1**done, 1 - BETA_2**done

        def step(w, m, v):
            scale = jnp.sqrt(v / correction_2) + EPSILON
            return w - problem.learning_rate * (m / correction_1) / scale

        return (tree(step, w, first, second), first, second, done), value, gradient

    return jax.vmap(update) if lanes > 1 else update


class JaxEngine:
    """Trains `lanes` equal trials at once."""

    can_check_fixture = True

    def __init__(self, problem, style):
        self.lanes = 8 if style == "vmap" else 1
        update = make_update(problem, self.lanes)
        # The gradient leaves the program for the check only.
        self.update_with_gradient = jax.jit(update)
        self.update_alone = jax.jit(lambda *a: update(*a)[:2], donate_argnums=0)
        zeros = {name: np.zeros_like(value) for name, value in problem.parameters.items()}
        state = (problem.parameters, zeros, zeros, np.float32(0))
        self.state = jax.tree_util.tree_map(self.stack, state)
        self.batches = [tuple(map(self.stack, batch)) for batch in problem.batches]
        self.latest_gradient = None

    def stack(self, array):
        """On the device, once for each lane."""
        if self.lanes > 1:
            array = np.broadcast_to(array, (self.lanes, *np.shape(array)))
        return jnp.array(array)

    def update(self, number):
        """One update of every lane; returns the losses before it, not read yet."""
        x, labels = self.batches[number % len(self.batches)]
        if number == 0:
            self.state, loss, self.latest_gradient = self.update_with_gradient(self.state, x, labels)
        else:
            self.state, loss = self.update_alone(self.state, x, labels)
        return loss

    def read(self, loss):
        return float(np.ravel(loss)[-1])

    def gradient(self):
        """The gradient of update 0, by the names of `problem.cut`; of the last lane."""
        gradient = self.latest_gradient
        return {n: np.asarray(g)[-1] if self.lanes > 1 else np.asarray(g) for n, g in gradient.items()}


def versions():
    return {"jax": jax.__version__, "numpy": np.__version__}
