"""PonderNet in PyTorch: as people write it, with x W taken out of the loop, and compiled."""

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)


class Eager(nn.Module):
    """A loop over steps with a cell of torch.nn on the same input, as the public code has it.

    What it leaves out to its own advantage: sampling where to halt, and making batches.
    """

    def __init__(self, problem):
        super().__init__()
        cell = {"rnn": nn.RNNCell, "gru": nn.GRUCell}[problem.kind]
        self.cell = cell(problem.elements, problem.hidden)
        self.answer = nn.Linear(problem.hidden, 1)
        self.halting = nn.Linear(problem.hidden, 1)
        self.hidden, self.max_steps, self.beta = problem.hidden, problem.max_steps, problem.beta
        self.register_buffer("log_prior", torch.from_numpy(problem.log_prior))
        self.load(problem.parameters)

    def load(self, named):
        """Sets the parameters; torch keeps matrices transposed."""
        targets = self.named()
        with torch.no_grad():
            for name, (target, transposed) in targets.items():
                value = torch.from_numpy(np.ascontiguousarray(named[name]))
                target.copy_((value.T if transposed else value).reshape(target.shape))

    def named(self):
        """The parameters by the names of `problem.cut`, and whether each is transposed."""
        return {
            "W": (self.cell.weight_ih, True),
            "b": (self.cell.bias_ih, False),
            "U": (self.cell.weight_hh, True),
            "c": (self.cell.bias_hh, False),
            "answer_weights": (self.answer.weight, False),
            "answer_bias": (self.answer.bias, False),
            "halting_weights": (self.halting.weight, False),
            "halting_bias": (self.halting.bias, False),
        }

    def states(self, x):
        """h_1 .. h_N."""
        h = x.new_zeros(x.shape[0], self.hidden)
        for _ in range(self.max_steps):
            h = self.cell(x, h)
            yield h

    def forward(self, x, labels):
        """The loss of a batch."""
        survival = x.new_ones(x.shape[0])
        p, losses = [], []
        for n, h in enumerate(self.states(x), start=1):
            y = self.answer(h)[:, 0]
            if n < self.max_steps:
                lambda_n = torch.sigmoid(self.halting(h))[:, 0]
            else:
                lambda_n = x.new_ones(x.shape[0])
            p.append(survival * lambda_n)
            survival = survival * (1 - lambda_n)
            losses.append(nn.functional.binary_cross_entropy_with_logits(y, labels, reduction="none"))
        p, losses = torch.stack(p), torch.stack(losses)
        prediction = (p * losses).sum(0).mean()
        divergence = (p * (p.log() - self.log_prior[:, None])).sum(0).mean()
        return prediction + self.beta * divergence


class Hoisted(Eager):
    """The same with x W + b computed once, which the cells of torch.nn cannot do."""

    def states(self, x):
        cell = self.cell
        input_share = nn.functional.linear(x, cell.weight_ih, cell.bias_ih)
        h = x.new_zeros(x.shape[0], self.hidden)
        for _ in range(self.max_steps):
            state_share = nn.functional.linear(h, cell.weight_hh, cell.bias_hh)
            if isinstance(cell, nn.RNNCell):
                h = torch.tanh(input_share + state_share)
            else:
                reset_x, update_x, candidate_x = input_share.chunk(3, 1)
                reset_h, update_h, candidate_h = state_share.chunk(3, 1)
                reset = torch.sigmoid(reset_x + reset_h)
                update = torch.sigmoid(update_x + update_h)
                candidate = torch.tanh(candidate_x + reset * candidate_h)
                h = candidate + update * (h - candidate)
            yield h


class TorchEngine:
    """Trains one trial; `lanes` updates a call."""

    lanes = 1

    def __init__(self, problem, style):
        self.module = (Eager if style == "eager" else Hoisted)(problem)
        compiled = style == "compile"
        self.loss = torch.compile(self.module, dynamic=False) if compiled else self.module
        # Compiling for the tiny sizes of the fixture as well would take longer than it tells.
        self.can_check_fixture = not compiled
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=problem.learning_rate)
        self.batches = [tuple(map(torch.from_numpy, batch)) for batch in problem.batches]

    def update(self, number):
        """One update on a batch; returns the loss before it, not read yet."""
        x, labels = self.batches[number % len(self.batches)]
        self.optimizer.zero_grad()
        loss = self.loss(x, labels)
        loss.backward()
        self.optimizer.step()
        return loss

    def read(self, loss):
        return float(loss.detach())

    def gradient(self):
        """The gradient of the latest update, by the names of `problem.cut`."""
        named = self.module.named()
        return {
            name: (p.grad.T if transposed else p.grad).numpy()
            for name, (p, transposed) in named.items()
        }


def versions():
    return {"torch": torch.__version__}
