"""Writes fixtures/*.json: the losses of PonderNet, of ACT and of a fixed number of steps, and their
gradients, in float64, from plain formulas.

An implementation of its own, to check the one in worker/src/model against: probabilities are
multiplied, not added in log space; samples are looped over; there is no automatic differentiation.
The gradient is by complex steps: Im f(w + ih) / h is f'(w) to machine precision for analytic f, as
nothing is subtracted (Squire and Trapp 1998).

Needs numpy. Run from anywhere: python3 tests/reference/reference.py
The flat order of the parameters is the one documented in worker/src/model/parameters.rs.
"""

import itertools
import json
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"
ELEMENTS, HIDDEN, BATCH, MAX_STEPS = 3, 4, 5, 6
LAMBDA_P, BETA, EPSILON = 0.35, 0.4, 0.25
TAU, ACT_EPSILON = 0.3, 0.2
STEP = 1e-30
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


class Unfit(Exception):
    """The drawn numbers do not try what the case is there to try."""


def answers(case):
    """Logits of an answer: one tells two classes apart, more are one for each class."""
    return case.get("classes", 1)


def flags(case):
    """Columns of the input that tell the first step from the others: the last ones, 1 there."""
    return int(case.get("first_step_flag") == "on")


def cut(flat, case):
    """The named parameters of a flat row."""
    flat = list(flat)

    def take(*shape):
        size = int(np.prod(shape))
        part = np.array(flat[:size]).reshape(shape)
        del flat[:size]
        return part

    gates = [
        {
            "W": take(ELEMENTS + flags(case), HIDDEN),
            "b": take(HIDDEN),
            "U": take(HIDDEN, HIDDEN),
            "c": take(HIDDEN),
        }
        for _ in range(GATES[case["step_function"]])
    ]
    answer = take(HIDDEN, answers(case)), take(answers(case))
    halting = take(HIDDEN), take(1)[0]
    assert not flat
    return gates, answer, halting


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def next_state(gates, x, state):
    """The paper's tanh layer, or the formulas of torch.nn.GRUCell or LSTMCell. A state is h, and c of
    the last."""
    (h, c) = state
    if len(gates) == 1:
        (g,) = gates
        return np.tanh(x @ g["W"] + g["b"] + h @ g["U"] + g["c"]), c
    if len(gates) == 4:
        i, f, g, o = (x @ gate["W"] + gate["b"] + h @ gate["U"] + gate["c"] for gate in gates)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    r, z, n = gates
    reset = sigmoid(x @ r["W"] + r["b"] + h @ r["U"] + r["c"])
    update = sigmoid(x @ z["W"] + z["b"] + h @ z["U"] + z["c"])
    candidate = np.tanh(x @ n["W"] + n["b"] + reset * (h @ n["U"] + n["c"]))
    return (1 - update) * candidate + update * h, c


def halting_distribution(lambdas, unroll, residual):
    """p_n for n = 1..N, where N is MAX_STEPS or the smallest n with sum_{j<=n} p_j > 1 - epsilon."""
    p, survival = [], 1.0
    for lambda_n in lambdas:
        p.append(lambda_n * survival)
        survival = survival * (1 - lambda_n)
        halted = sum(p).real
        if unroll == "cumulative":
            # Too close to call in single precision would make a poor fixture.
            if abs(halted - (1 - EPSILON)) < 1e-3:
                raise Unfit
            if halted > 1 - EPSILON:
                break
    if residual == "remainder":
        p[-1] = 1 - sum(p[:-1])
    else:
        total = sum(p)
        p = [p_n / total for p_n in p]
    return p


def prior():
    """The geometric prior, truncated at MAX_STEPS and renormalised."""
    p = [LAMBDA_P * (1 - LAMBDA_P) ** n for n in range(MAX_STEPS)]
    return [p_n / sum(p) for p_n in p]


def act_distribution(lambdas):
    """Graves 2016, equations 6 to 9: N is the first n with sum_{j<=n} lambda_j >= 1 - epsilon."""
    p = []
    for lambda_n in lambdas:
        p.append(lambda_n)
        halted = sum(p).real
        if abs(halted - (1 - ACT_EPSILON)) < 1e-3:
            raise Unfit
        if halted >= 1 - ACT_EPSILON:
            break
    p[-1] = 1 - sum(p[:-1])
    return p


def logits_of(flat, case, x):
    """The logits of all steps of one sample."""
    gates, (w_y, b_y), (w_l, b_l) = cut(flat, case)
    state = np.zeros(HIDDEN), np.zeros(HIDDEN)
    y, z = [], []
    for n in range(MAX_STEPS):
        flag = [float(n == 0)] * flags(case)
        h, _ = state = next_state(gates, np.concatenate([x, flag]), state)
        y.append(h @ w_y + b_y)
        z.append(h @ w_l + b_l)
    return y, z


def cross_entropy(y, label):
    """Of the logits of an answer: a sigmoid of one, a softmax of more."""
    if len(y) > 1:
        return -np.log(np.exp(y[label]) / sum(np.exp(y)))
    probability = sigmoid(y[0]) if label else 1 - sigmoid(y[0])
    return -np.log(probability)


def sample_terms(flat, case, x, label):
    """Everything about one sample."""
    y, z = logits_of(flat, case, x)
    if case["kind"] == "act":
        p = act_distribution([sigmoid(z_n) for z_n in z])
        mean = [sum(p_n * y_c for p_n, y_c in zip(p, of_class)) for of_class in zip(*y)]
        prediction = cross_entropy(mean, label)
        # The steps taken, and the remainder.
        return {"answer": y, "halting": z, "p": p, "prediction": prediction, "cost": len(p) + p[-1]}
    if case["kind"] == "fixed":
        p = [0.0] * (MAX_STEPS - 1) + [1.0]
        return {"answer": y, "halting": z, "p": p, "prediction": cross_entropy(y[-1], label), "cost": 0}
    p = halting_distribution([sigmoid(z_n) for z_n in z], case["unroll"], case["residual"])
    prediction = sum(p_n * cross_entropy(y_n, label) for p_n, y_n in zip(p, y))
    if case.get("kl_direction") == "prior_network":
        divergence = sum(q_n * np.log(q_n / p_n) for p_n, q_n in zip(p, prior()))
    else:
        divergence = sum(p_n * np.log(p_n / q_n) for p_n, q_n in zip(p, prior()))
    return {"answer": y, "halting": z, "p": p, "prediction": prediction, "cost": divergence}


def loss(flat, case, xs, labels):
    samples = [sample_terms(flat, case, x, label) for x, label in zip(xs, labels)]
    weight = {"ponder_net": BETA, "act": TAU, "fixed": 0}[case["kind"]]
    return sum(s["prediction"] + weight * s["cost"] for s in samples) / len(samples)


def gradient(flat, case, xs, labels):
    result = []
    for index in range(len(flat)):
        shifted = flat.astype(complex)
        shifted[index] += 1j * STEP
        result.append(loss(shifted, case, xs, labels).imag / STEP)
    return result


def make(number, case):
    random = np.random.default_rng(number)
    size = GATES[case["step_function"]] * (ELEMENTS + flags(case) + HIDDEN + 2) * HIDDEN
    size += (answers(case) + 1) * (HIDDEN + 1)
    flat = random.uniform(-1, 1, size)
    # Strong halting weights, so that samples of one batch halt at different steps.
    flat[-HIDDEN - 1 : -1] *= 4
    flat[-1] = -0.5
    flat = flat.round(4)
    xs = random.choice([-1.0, 0.0, 1.0], (BATCH, ELEMENTS))
    labels = [label_of(case, x) for x in xs]
    samples = [sample_terms(flat, case, x, label) for x, label in zip(xs, labels)]
    if case.get("unroll") == "cumulative" or case["kind"] == "act":
        taken = {len(s["p"]) for s in samples}
        if MAX_STEPS not in taken or len(taken) < 2:
            raise Unfit
    if case.get("kl_direction") == "prior_network" and min(min(s["p"]) for s in samples) < 1e-2:
        # Its logarithm would keep too few digits of a p_n that comes of a subtraction.
        raise Unfit
    if case["kind"] == "act":
        # Samples that would take another step without epsilon.
        halted = [sum(sigmoid(np.array(s["halting"][: len(s["p"])]))) for s in samples]
        if sum(1 - ACT_EPSILON < total < 1 for total in halted) < 2:
            raise Unfit
    return case | {
        "elements": ELEMENTS,
        "hidden": HIDDEN,
        "max_steps": MAX_STEPS,
        **settings_of(case),
        "parameters": flat.tolist(),
        "x": xs.tolist(),
        "labels": labels,
        "answer_logits": [answer_logits(s["answer"]) for s in samples],
        "halting_logits": [[float(v) for v in s["halting"]] for s in samples],
        "p": [[float(v) for v in s["p"]] for s in samples],
        "prediction": [float(s["prediction"]) for s in samples],
        "cost": [float(s["cost"]) for s in samples],
        "loss": float(loss(flat, case, xs, labels)),
        "gradient": [float(v) for v in gradient(flat, case, xs, labels)],
    }


def label_of(case, x):
    """The number of ones, by its remainder."""
    remainder = int(sum(x == 1) % case.get("classes", 2))
    return remainder if "classes" in case else bool(remainder)


def answer_logits(y):
    """Of every step one number, or of every step all classes' in a row."""
    return [float(v) for y_n in y for v in y_n]


def settings_of(case):
    """The numbers of the loss."""
    return {
        "ponder_net": {"lambda_p": LAMBDA_P, "beta": BETA, "epsilon": EPSILON},
        "act": {"tau": TAU, "epsilon": ACT_EPSILON},
        "fixed": {},
    }[case["kind"]]


def first_fit(case):
    """The fixture of the first seed that fits the case."""
    for number in itertools.count():
        try:
            return make(number, case)
        except Unfit:
            continue


def main():
    FIXTURES.mkdir(exist_ok=True)
    choices = itertools.product(
        ("rnn", "gru"), ("fixed", "cumulative"), ("remainder", "normalise")
    )
    cases = {}
    for step_function, unroll, residual in choices:
        case = {"kind": "ponder_net", "step_function": step_function}
        case |= {"unroll": unroll, "residual": residual}
        cases[f"{step_function}_{unroll}_{residual}"] = case
    for step_function, kind in itertools.product(("rnn", "gru"), ("act", "fixed")):
        cases[f"{step_function}_{kind}"] = {"kind": kind, "step_function": step_function}
    for step_function, residual in itertools.product(("rnn", "gru"), ("remainder", "normalise")):
        name = f"{step_function}_fixed_{residual}"
        cases[f"{name}_reverse"] = cases[name] | {"kl_direction": "prior_network"}
    for name in ("rnn_act", "gru_act", "gru_cumulative_remainder", "rnn_fixed_normalise"):
        cases[f"{name}_flagged"] = cases[name] | {"first_step_flag": "on"}
    for name in ("gru_cumulative_remainder", "gru_fixed_normalise", "gru_act", "gru_act_flagged"):
        cases[name.replace("gru", "lstm")] = cases[name] | {"step_function": "lstm"}
    for name in ("gru_cumulative_remainder", "rnn_act", "gru_fixed"):
        cases[f"{name}_classes"] = cases[name] | {"classes": 3}
    for name, case in cases.items():
        path = FIXTURES / f"{name}.json"
        path.write_text(json.dumps(first_fit(case)) + "\n")
        print(path.name)


if __name__ == "__main__":
    main()
