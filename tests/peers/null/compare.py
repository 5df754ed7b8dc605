"""Times trials that return at once in pondersweep and in its peers, in turn, and prints one table.

Every round times every system once, on the same disk, so that what else the machine does hits all
alike; a ratio is taken within a round before the median over rounds.
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
# Trials of a round: enough that one takes seconds.
TRIALS = {"optuna-journal": 600, "optuna-sqlite": 100, "ray-tune": 60}
OURS = 10_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--observations", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--peers", nargs="+", choices=TRIALS, default=list(TRIALS))
    parser.add_argument("--folder", default=".", help="on the disk that is measured")
    return parser.parse_args()


def read(command):
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if found.returncode != 0:
        sys.exit(f"error: {command[0]} failed:\n{found.stderr}")
    return json.loads(found.stdout)


def time_ours(options, observations):
    command = [options.binary, "null", "--json", "--rounds", "1", "--trials", str(OURS)]
    return read([*command, "--observations", str(observations), "--folder", options.folder])


def time_peer(options, peer, observations):
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        command = [sys.executable, str(HERE / "peer.py"), peer, "--folder", os.path.abspath(folder)]
        return read([*command, "--trials", str(TRIALS[peer]), "--reports", str(observations)])


def spread(numbers, digits):
    middle = statistics.median(numbers)
    return f"{middle:,.{digits}f} ({min(numbers):,.{digits}f} - {max(numbers):,.{digits}f})"


def measure(options):
    """{(system, observations): results of each round}"""
    results = {}
    for number in range(options.rounds):
        for observations in options.observations:
            ours = time_ours(options, observations)
            results.setdefault(("pondersweep", observations), []).append(ours)
            for peer in options.peers:
                theirs = time_peer(options, peer, observations)
                results.setdefault((peer, observations), []).append(theirs)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return results


def table(options, results):
    yield "| system | observations | trials/s | pondersweep is faster by |"
    yield "|---|---|---|---|"
    for observations in options.observations:
        rates = {
            system: [result["trials_per_second"] for result in results[system, observations]]
            for system in ["pondersweep", *options.peers]
        }
        for system, rate in rates.items():
            faster = [ours / theirs for ours, theirs in zip(rates["pondersweep"], rate)]
            ratio = "" if system == "pondersweep" else spread(faster, 1)
            yield f"| {system} | {observations} | {spread(rate, 0)} | {ratio} |"


def main():
    options = arguments()
    load = os.getloadavg()[0]
    results = measure(options)
    ours = results["pondersweep", options.observations[0]][0]
    flushes = [
        result["floors"]["flush_seconds"] * 1e3
        for (system, _), rounds in results.items()
        if system == "pondersweep"
        for result in rounds
    ]
    machine = ours["machine"]
    print(f"{machine['cpu']}, {machine['cores']} cores; load average {load:.2f} before; ", end="")
    print(f"a flush of the disk takes {spread(flushes, 3)} ms")
    versions = [results[peer, options.observations[0]][0]["version"] for peer in options.peers]
    print("; ".join([f"python {platform.python_version()}", *versions]))
    print(
        f"Medians and ranges of {options.rounds} rounds. pondersweep: {ours['workers']} connections that "
        f"lease {ours['lanes']} trials by one call and end them by another, lease and end both on the disk "
        "before they are answered; observations come with the end. The peers: two slots, see peer.py.\n"
    )
    print("\n".join(table(options, results)))


if __name__ == "__main__":
    main()
