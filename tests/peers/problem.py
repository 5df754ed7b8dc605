"""What is trained, as every engine gets it: sizes, parameters by name, batches. Numpy only."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GATES = {"rnn": 1, "gru": 3}
FIXTURES = Path(__file__).parent.parent / "reference" / "fixtures"


@dataclass
class Problem:
    """One trial, and what its first updates are known to give."""

    kind: str
    elements: int
    hidden: int
    max_steps: int
    lambda_p: float
    beta: float
    learning_rate: float
    parameters: dict[str, np.ndarray]
    batches: list[tuple[np.ndarray, np.ndarray]]
    # The loss of each batch, each after the updates before it.
    losses: list[float]
    # The gradient of the first batch, where it is known.
    gradient: np.ndarray | None = None

    @property
    def log_prior(self):
        """The geometric prior, truncated at max_steps and renormalised, as logarithms."""
        n = np.arange(self.max_steps)
        p = self.lambda_p * (1 - self.lambda_p) ** n
        return np.log(p / p.sum()).astype(np.float32)


def cut(flat, kind, elements, hidden):
    """The named parameters of a flat row, whose order worker/src/model/parameters.rs states.

    Gates are joined, as torch.nn.GRUCell and others hold them: W [elements, gates * hidden].
    """
    flat = np.asarray(flat, dtype=np.float32)
    position = 0

    def take(*shape):
        nonlocal position
        size = int(np.prod(shape))
        position += size
        return flat[position - size : position].reshape(shape)

    shapes = [(elements, hidden), (hidden,), (hidden, hidden), (hidden,)]
    gates = [[take(*shape) for shape in shapes] for _ in range(GATES[kind])]
    joined = [np.concatenate(parts, axis=-1) for parts in zip(*gates)]
    named = dict(zip(("W", "b", "U", "c"), joined))
    for head in ("answer", "halting"):
        named[f"{head}_weights"] = take(hidden)
        named[f"{head}_bias"] = take(1)
    assert position == len(flat)
    return named


def of_dump(text):
    """The problem in the output of `pondersweep-bench train --dump`."""
    dump = json.loads(text)
    settings = dump["configuration"]
    task, model, training = (settings[name] for name in ("task", "model", "training"))
    kind, elements, hidden = model["step_function"], task["elements"], model["hidden"]
    batches = [
        (
            np.array(batch["x"], dtype=np.float32).reshape(-1, elements),
            np.array(batch["labels"], dtype=np.float32),
        )
        for batch in dump["batches"]
    ]
    return Problem(
        kind=kind,
        elements=elements,
        hidden=hidden,
        max_steps=model["max_steps"],
        lambda_p=model["lambda_p"],
        beta=model["beta"],
        learning_rate=training["learning_rate"],
        parameters=cut(dump["parameters"], kind, elements, hidden),
        batches=batches,
        losses=dump["losses"],
    )


def of_fixture(kind):
    """The float64 reference that pondersweep's own tests are held to."""
    fixture = json.loads((FIXTURES / f"{kind}_fixed_remainder.json").read_text())
    elements, hidden = fixture["elements"], fixture["hidden"]
    named = cut(fixture["parameters"], kind, elements, hidden)
    gradient = cut(fixture["gradient"], kind, elements, hidden)
    batch = (
        np.array(fixture["x"], dtype=np.float32),
        np.array(fixture["labels"], dtype=np.float32),
    )
    return Problem(
        kind=kind,
        elements=elements,
        hidden=hidden,
        max_steps=fixture["max_steps"],
        lambda_p=fixture["lambda_p"],
        beta=fixture["beta"],
        learning_rate=3e-4,
        parameters=named,
        batches=[batch],
        losses=[fixture["loss"]],
        gradient=flatten(gradient),
    )


def flatten(named):
    """Named arrays as one row, in a fixed order of names."""
    names = ("W", "b", "U", "c", "answer_weights", "answer_bias", "halting_weights", "halting_bias")
    return np.concatenate([np.asarray(named[name], dtype=np.float64).ravel() for name in names])
