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
# A transformer's samples: tokens of memory, then a question, then the candidates if it has some. A token
# has numbers, or words by their number from 1 and 0 for none.
MEMORY, NUMBERS, VOCABULARY = 3, 2, 4
ATTENTION, HEADS, TRANSITION = 6, 2, 3
NORM_EPSILON = 1e-5


class Unfit(Exception):
    """The drawn numbers do not try what the case is there to try."""


def answers(case):
    """Logits of an answer: one tells two classes apart, more are one for each class."""
    return case.get("classes", 1)


def flags(case):
    """Columns of the input that tell the first step from the others: the last ones, 1 there."""
    return int(case.get("first_step_flag") == "on")


def is_transformer(case):
    return case["step_function"] == "transformer"


def has_words(case):
    return "vocabulary" in case


def places(case):
    """Of the question, of candidates if there are any, of memory; where it is in order of each token."""
    return 1 + (1 if case["candidates"] else 0) + (MEMORY if has_words(case) else 1)


def tokens(case):
    """Tokens of a sample."""
    return MEMORY + 1 + case["candidates"]


def transition_widths(case):
    return [HIDDEN, *[TRANSITION] * (case["layers"] - 1), HIDDEN]


def cut(flat, case):
    """The named parameters of a flat row."""
    flat = list(flat)

    def take(*shape):
        size = int(np.prod(shape))
        part = np.array(flat[:size]).reshape(shape)
        del flat[:size]
        return part

    def take_norm():
        return take(HIDDEN), take(HIDDEN)

    if is_transformer(case):
        block = {
            "tokens": take(NUMBERS, HIDDEN) if not has_words(case) else None,
            "words": take(VOCABULARY, HIDDEN) if has_words(case) else None,
            "word_weights": take(NUMBERS, HIDDEN) if has_words(case) else None,
            "places": take(places(case), HIDDEN),
            "steps": take(MAX_STEPS, HIDDEN) if case["step_signal"] == "learned" else sinusoids(),
            "first": take(HIDDEN) if flags(case) else np.zeros(HIDDEN),
            "attention_norm": take_norm(),
            "Q": take(HIDDEN, ATTENTION),
            "K": take(HIDDEN, ATTENTION),
            "V": take(HIDDEN, ATTENTION),
            "O": take(ATTENTION, HIDDEN),
            "transition_norm": take_norm(),
            "transition": [
                (take(inputs, outputs), take(outputs))
                for inputs, outputs in itertools.pairwise(transition_widths(case))
            ],
            "read_norm": take_norm() if case["layer_norm"] == "before" else None,
        }
        columns = 1 if case["candidates"] else answers(case)
        answer = take(HIDDEN, columns), take(columns)
        halting = take(HIDDEN), take(1)[0]
        assert not flat
        return block, answer, halting
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


def sinusoids():
    """Vaswani et al. 2017, section 3.5, over steps."""
    signal = np.zeros((MAX_STEPS, HIDDEN))
    for t in range(1, MAX_STEPS + 1):
        for j in range(HIDDEN // 2):
            angle = t / 10000 ** (2 * j / HIDDEN)
            signal[t - 1, 2 * j : 2 * j + 2] = np.sin(angle), np.cos(angle)
    return signal


def norm(states, gain_and_bias):
    gain, bias = gain_and_bias
    rows = []
    for state in states:
        mean = sum(state) / HIDDEN
        variance = sum((v - mean) ** 2 for v in state) / HIDDEN
        rows.append((state - mean) / np.sqrt(variance + NORM_EPSILON) * gain + bias)
    return np.array(rows)


def embed(block, case, x):
    """Every token with its place, and which of them are not padding."""
    rows = np.reshape(x, (tokens(case), NUMBERS))
    here = block["places"]
    if not has_words(case):
        order = [here[-1]] * MEMORY + [here[0]] + [here[1]] * case["candidates"]
        return rows @ block["tokens"] + np.array(order), [True] * len(rows)
    states = []
    for distance, row in zip(reversed(range(len(rows))), rows):
        state = here[distance]
        for place, word in enumerate(row):
            if word > 0:
                state = state + block["words"][int(word) - 1] * block["word_weights"][place]
        states.append(state)
    return np.array(states), [any(row > 0) for row in rows]


def attention(block, states, present):
    """Token by token and head by head; what is padding is attended to by none."""
    heads = []
    for head in np.split(np.arange(ATTENTION), HEADS):
        q, k, v = (states @ block[name][:, head] for name in "QKV")
        rows = []
        for query in q:
            scores = np.array([np.exp(query @ key / np.sqrt(ATTENTION // HEADS)) for key in k])
            scores = np.where(present, scores, 0)
            rows.append((scores / sum(scores)) @ v)
        heads.append(np.array(rows))
    return np.concatenate(heads, axis=1) @ block["O"]


def transition(block, states, _present):
    *inner, (w, b) = block["transition"]
    for w_i, b_i in inner:
        states = states @ w_i + b_i
        if np.abs(states.real).min() < 1e-4:
            # Too near to the rectifier's edge.
            raise Unfit
        states = np.where(states.real > 0, states, 0)
    return states @ w + b


def transformer_logits(flat, case, x):
    """The logits of all steps of one sample: Dehghani et al. 2018, with the norms where the case says."""
    block, (w_y, b_y), (w_l, b_l) = cut(flat, case)
    states, present = embed(block, case, x)
    y, z = [], []
    for n in range(MAX_STEPS):
        states = states + block["steps"][n] + (block["first"] if n == 0 else 0)
        for part, of in ((attention, "attention_norm"), (transition, "transition_norm")):
            if case["layer_norm"] == "before":
                states = states + part(block, norm(states, block[of]), present)
            else:
                states = norm(states + part(block, states, present), block[of])
        query = states[MEMORY:]
        if case["layer_norm"] == "before":
            query = norm(query, block["read_norm"])
        z.append(sum(query) / len(query) @ w_l + b_l)
        if case["candidates"]:
            first, second = ((q @ w_y + b_y)[0] for q in query[1:])
            y.append(np.array([second - first]))
        else:
            y.append(query[0] @ w_y + b_y)
    return y, z


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
    if is_transformer(case):
        return transformer_logits(flat, case, x)
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
    flat = random.uniform(-1, 1, size_of(case))
    # Strong halting weights, so that samples of one batch halt at different steps.
    flat[-HIDDEN - 1 : -1] *= 4
    flat[-1] = -0.5
    flat = flat.round(4)
    if is_transformer(case) and has_words(case):
        xs = random.integers(1, VOCABULARY + 1, (BATCH, tokens(case), NUMBERS))
        # Shorter sentences, and stories that begin with padding.
        xs[:, :, -1] *= random.integers(0, 2, (BATCH, tokens(case)))
        for sample, padding in zip(xs, [0, 1, 2, 3, 1]):
            sample[:padding] = 0
        xs = xs.reshape(BATCH, -1).astype(float)
    elif is_transformer(case):
        xs = random.uniform(-2, 2, (BATCH, tokens(case) * NUMBERS)).round(3)
    else:
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
    return case | sizes_of(case) | {
        "elements": xs.shape[1],
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


def size_of(case):
    """Numbers of a flat row."""
    if not is_transformer(case):
        size = GATES[case["step_function"]] * (ELEMENTS + flags(case) + HIDDEN + 2) * HIDDEN
        return size + (answers(case) + 1) * (HIDDEN + 1)
    columns = 1 if case["candidates"] else answers(case)
    embedding = VOCABULARY + NUMBERS if has_words(case) else NUMBERS
    size = (embedding + places(case) + flags(case)) * HIDDEN
    size += MAX_STEPS * HIDDEN if case["step_signal"] == "learned" else 0
    size += 4 * HIDDEN * ATTENTION
    size += 2 * HIDDEN * (3 if case["layer_norm"] == "before" else 2)
    for inputs, outputs in itertools.pairwise(transition_widths(case)):
        size += (inputs + 1) * outputs
    return size + (columns + 1) * (HIDDEN + 1)


def sizes_of(case):
    """Those of a transformer alone."""
    if not is_transformer(case):
        return {}
    sizes = {"memory": MEMORY, "numbers": NUMBERS, "attention": ATTENTION, "heads": HEADS}
    return sizes | {"transition": TRANSITION}


def label_of(case, x):
    """The number of ones, by its remainder; of numbers, those above zero."""
    ones = x > 0 if is_transformer(case) else x == 1
    remainder = int(sum(ones) % case.get("classes", 2))
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
    block = {"step_function": "transformer", "candidates": 2, "layers": 2}
    block |= {"layer_norm": "before", "step_signal": "learned"}
    other = {"candidates": 0, "classes": 3, "layers": 3}
    other |= {"layer_norm": "after", "step_signal": "sinusoidal"}
    for name in ("gru_cumulative_remainder", "gru_fixed_normalise", "gru_act_flagged", "gru_fixed"):
        name, case = name.replace("gru", "transformer"), cases[name] | block
        cases[name] = case
        cases[f"{name}_classes"] = case | other
    cases["transformer_act"] = cases["transformer_act_flagged"] | {"first_step_flag": "off"}
    cases["transformer_act"] |= {"layers": 1}
    words = {"candidates": 0, "classes": 3, "vocabulary": VOCABULARY}
    for name in ("transformer_cumulative_remainder", "transformer_fixed"):
        cases[f"{name}_words"] = cases[name] | words
    for name, case in cases.items():
        path = FIXTURES / f"{name}.json"
        path.write_text(json.dumps(first_fit(case)) + "\n")
        print(path.name)


if __name__ == "__main__":
    main()
