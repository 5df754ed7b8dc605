"""One engine in a process of its own, on the core it was started on. It answers lines of JSON.

The first lines it reads name the engine and give one problem per case. It checks that it computes
what pondersweep computes, says so, and then trains for as long as it is told, again and again.
"""

import json
import sys
import time

import numpy as np

import problem

# Single precision against double, numbers of order one; the same bounds as pondersweep's own tests
# have, times the few for updates that build on each other.
FIXTURE_TOLERANCE = 1e-5
LOSS_TOLERANCE = 3e-5


def make(engine):
    family, style = engine.split("-")
    if family == "torch":
        import torch_engine as module

        return module.versions(), lambda p: module.TorchEngine(p, style)
    import jax_engine as module

    return module.versions(), lambda p: module.JaxEngine(p, style)


def check_fixture(build, kind):
    """The loss and every number of the gradient against the float64 reference."""
    fixture = problem.of_fixture(kind)
    trained = build(fixture)
    if not trained.can_check_fixture:
        return
    loss = trained.read(trained.update(0))
    close("the fixture's loss", loss, fixture.losses[0], FIXTURE_TOLERANCE)
    error = np.abs(problem.flatten(trained.gradient()) - fixture.gradient).max()
    assert error < FIXTURE_TOLERANCE, f"the fixture's gradient is off by {error}"


def check_updates(trained, expected):
    """The losses of updates that build on each other; returns the first gradient's norm."""
    norm = None
    for number, loss in enumerate(expected.losses):
        close(f"loss {number}", trained.read(trained.update(number)), loss, LOSS_TOLERANCE)
        if number == 0:
            norm = float(np.linalg.norm(problem.flatten(trained.gradient())))
    return norm


def close(what, found, expected, tolerance):
    assert abs(found - expected) < tolerance, f"{what} is {found}, pondersweep's is {expected}"


def time_updates(trained, seconds):
    """Updates of all lanes, a second."""
    calls, started = 0, time.perf_counter()
    while True:
        trained.read(trained.update(calls + 1))
        calls += 1
        elapsed = time.perf_counter() - started
        if elapsed >= seconds:
            return calls * trained.lanes / elapsed


def main():
    say = lambda value: print(json.dumps(value), flush=True)
    versions, build = make(sys.argv[1])
    cases, norms = {}, {}
    for path in sys.argv[2:]:
        with open(path) as file:
            expected = problem.of_dump(file.read())
        case = f"{expected.kind} {expected.hidden}"
        check_fixture(build, expected.kind)
        cases[case] = build(expected)
        norms[case] = check_updates(cases[case], expected)
    say({"versions": versions, "norms": norms})
    for line in sys.stdin:
        command = json.loads(line)
        say(time_updates(cases[command["case"]], command["seconds"]))


main()
