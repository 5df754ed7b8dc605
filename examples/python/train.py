"""Trains a small network to compute XOR, in Python alone: many seeds never learn it."""

import math
import random

import pondersweep

p = pondersweep.parameters(learning_rate=0.5, hidden=3)
rate, hidden = p["learning_rate"], p["hidden"]
draw = random.Random(pondersweep.seed())
first = [[draw.uniform(-1, 1) for _ in range(3)] for _ in range(hidden)]
last = [draw.uniform(-1, 1) for _ in range(hidden + 1)]
samples = [(a, b, a ^ b) for a in (0, 1) for b in (0, 1)]


def forward(a, b):
    units = [math.tanh(w[0] * a + w[1] * b + w[2]) for w in first]
    answer = sum(w * u for w, u in zip(last, units)) + last[-1]
    return units, 1 / (1 + math.exp(-answer))


for step in range(1, 2001):
    a, b, wanted = draw.choice(samples)
    units, answer = forward(a, b)
    error = answer - wanted
    for i, unit in enumerate(units):
        back = error * last[i] * (1 - unit * unit)
        last[i] -= rate * error * unit
        first[i] = [w - rate * back * x for w, x in zip(first[i], (a, b, 1))]
    last[-1] -= rate * error
    if step % 500 == 0:
        answers = [forward(a, b)[1] for a, b, _ in samples]
        right = sum((answer > 0.5) == bool(wanted) for answer, (_, _, wanted) in zip(answers, samples))
        loss = -sum(math.log(max(y if w else 1 - y, 1e-12)) for y, (_, _, w) in zip(answers, samples)) / 4
        pondersweep.report(step=step, accuracy=right / 4, loss=loss)
