"""Starts the engines, has them checked, times them in turn with pondersweep, prints one table.

Every round times every engine once, so that what else the machine does hits all alike; a ratio is
taken within a round before the median over rounds.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ENGINES = {
    "torch-eager": "PyTorch eager, a cell in a loop",
    "torch-hoisted": "PyTorch eager, x W once",
    "torch-compile": "torch.compile, x W once",
    "jax-scan": "JAX jit, scan, x W once",
    "jax-vmap": "the same, vmap over 8 trials",
}
CASES = ["gru 128", "gru 64", "rnn 128", "rnn 64"]
# Updates that are compared before anything is timed.
CHECKED_UPDATES = 8
CORES = sorted(os.sched_getaffinity(0))[:2]
OURS = "pondersweep"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.6, help="of an engine, case and round")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES, metavar="CASE")
    parser.add_argument("--check-only", action="store_true")
    return parser.parse_args()


def on(cores):
    return lambda: os.sched_setaffinity(0, cores)


def bench(options, case, *more, cores=CORES):
    kind, hidden = case.split()
    command = [options.binary, "train", "--kind", kind, "--hidden", hidden, *more]
    found = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=on(cores), check=True
    )
    return found.stdout


class Engine:
    """A process on one core."""

    def __init__(self, name, core, dumps):
        self.name = name
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, HERE / "engine.py", name, *dumps],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=on([core]),
        )

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: {self.name} ended; it says why above")
        return json.loads(line)

    def start(self, case, seconds):
        print(json.dumps({"case": case, "seconds": seconds}), file=self.process.stdin, flush=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start_engines(options, dumps):
    """Two processes of each engine, one a core, checked."""
    engines = {name: [Engine(name, core, dumps) for core in CORES] for name in options.engines}
    versions, norms = {"python": platform.python_version()}, {}
    for name, processes in engines.items():
        for process in processes:
            ready = process.read()
            versions |= ready["versions"]
            norms[name] = ready["norms"]
        print(f"{name}: losses of {CHECKED_UPDATES} updates are pondersweep's", file=sys.stderr)
    for case in options.cases:
        of_case = [norm[case] for norm in norms.values()]
        assert max(of_case) - min(of_case) < 1e-5 * max(of_case), f"gradient norms differ: {norms}"
    return engines, versions


def time_peer(processes, case, seconds):
    """Updates a second of all processes, at the same time."""
    for process in processes:
        process.start(case, seconds)
    return sum(process.read() for process in processes)


def time_ours(options, case, cores):
    """A bundle of as many lanes as cores: updates a second, and as a fraction of the floor."""
    count = str(len(cores))
    more = ["--lanes", count, "--threads", count, "--rounds", "1", "--json"]
    found = json.loads(bench(options, case, *more, "--seconds", str(options.seconds), cores=cores))
    (row,) = found["cases"]
    return row | {"machine": found["machine"], "floor": found["floors"][0]["gigaflops"]}


def measure(options, engines):
    """{(case, engine, number of cores): updates a second of each round}, floors and machine."""
    rates, floors, machine = {}, {}, None
    for number in range(options.rounds):
        for case in options.cases:
            for count in (1, 2):
                cores = CORES[:count]
                ours = time_ours(options, case, cores)
                machine = machine or ours["machine"]
                operations = ours["operations_per_update"]
                floors.setdefault((case, count), []).append(ours["floor"] * 1e9 / operations)
                rates.setdefault((case, OURS, count), []).append(ours["updates_per_second"])
                for name, processes in engines.items():
                    rate = time_peer(processes[:count], case, options.seconds)
                    rates.setdefault((case, name, count), []).append(rate)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return rates, floors, machine


def spread(numbers, digits):
    middle = statistics.median(numbers)
    return f"{middle:.{digits}f} ({min(numbers):.{digits}f} - {max(numbers):.{digits}f})"


def table(options, rates, floors):
    """Markdown: a row for each case and engine."""
    yield (
        "| case | engine | 1 core: updates/s | of floor | pondersweep is faster by "
        "| 2 cores: updates/s | of floor | pondersweep is faster by |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for case in options.cases:
        for name in [OURS, *options.engines]:
            cells = [case, ENGINES.get(name, name)]
            for count in (1, 2):
                rate, ours = rates[case, name, count], rates[case, OURS, count]
                of_floor = [r / floor for r, floor in zip(rate, floors[case, count])]
                faster = [o / r for o, r in zip(ours, rate)]
                cells += [
                    spread(rate, 1),
                    f"{statistics.median(of_floor):.0%}",
                    "" if name == OURS else spread(faster, 2),
                ]
            yield "| " + " | ".join(cells) + " |"


def write_dumps(options, folder):
    paths = []
    for case in options.cases:
        path = Path(folder) / f"{case.replace(' ', '_')}.json"
        path.write_bytes(bench(options, case, "--dump", str(CHECKED_UPDATES)))
        paths.append(path)
    return paths


def main():
    options = arguments()
    if len(CORES) < 2:
        sys.exit("error: this comparison needs two cores")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        engines, versions = start_engines(options, write_dumps(options, folder))
    if options.check_only:
        return
    rates, floors, machine = measure(options, engines)
    for process in sum(engines.values(), []):
        process.close()
    print(f"{machine['cpu']}, {machine['instruction_set']}, cores {CORES}; load average {load:.2f} before")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(
        f"Parity of 64, batch 128, 20 steps, f32; medians and ranges of {options.rounds} rounds of "
        f"{options.seconds} s. Two cores: pondersweep trains two lanes on two threads, the others are "
        "two processes, one a core. The peers' batches are made beforehand, pondersweep's are not.\n"
    )
    print("\n".join(table(options, rates, floors)))


if __name__ == "__main__":
    main()
