"""Times one program that reports a number and ends, started by pondersweep and by its peers, in turn.

Every round times every system once, so that what else the machine does hits all alike. Two processes run
at a time. What each keeps: pondersweep a durable row for every trial; xargs nothing; HyperQueue its journal
in memory; Optuna a journal file; Ray Tune its own files.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    const char *name = getenv("PONDERSWEEP_REPORT");
    FILE *report = name ? fopen(name, "w") : stdout;
    if (!report) return 1;
    fputs("{\"value\": 1}\n", report);
    return fclose(report);
}
"""

SWEEP = """
[sweep]
name = "null"
[program]
command = ["{program}"]
[metrics]
value = "lower"
[replicates]
count = {trials}
"""


def wait(command, **options):
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    return time.monotonic() - started


def pondersweep(options, program, folder, trials):
    file = folder / "sweep.toml"
    file.write_text(SWEEP.format(program=program, trials=trials))
    command = [options.binary, "run", str(file), "--db", str(folder / "r.db"), "--workers", "2"]
    return wait(command)


def xargs(_, program, __, trials):
    numbers = "\n".join(map(str, range(trials))).encode()
    return wait(["xargs", "-P2", "-n1", str(program)], input=numbers)


def hyperqueue(_, program, folder, trials):
    directory = ["--server-dir", str(folder / "hq")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(["hq", *directory, "server", "start"], **quiet)
    time.sleep(2)
    worker = subprocess.Popen(["hq", *directory, "worker", "start", "--cpus", "2"], **quiet)
    time.sleep(2)
    try:
        submit = ["hq", *directory, "submit", "--wait", "--array", f"1-{trials}"]
        return wait([*submit, "--stdout", "none", "--stderr", "none", str(program)])
    finally:
        worker.terminate()
        server.terminate()


def optuna(_, program, folder, trials):
    import optuna as library
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    library.logging.set_verbosity(library.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(folder / "journal")))
    study = library.create_study(storage=storage, sampler=library.samplers.RandomSampler())

    def objective(trial):
        trial.suggest_float("x", 0, 1)
        return float(len(subprocess.run([str(program)], check=True, capture_output=True).stdout))

    started = time.monotonic()
    study.optimize(objective, n_trials=trials, n_jobs=2)
    return time.monotonic() - started


def ray_tune(_, program, folder, trials):
    import ray
    from ray import tune

    def trainable(_):
        subprocess.run([str(program)], check=True, capture_output=True)
        return {"value": 1}

    ray.init(num_cpus=2, log_to_driver=False, logging_level="error", include_dashboard=False)
    try:
        run = tune.RunConfig(storage_path=str(folder / "ray"), verbose=0)
        tuner = tune.Tuner(trainable, tune_config=tune.TuneConfig(num_samples=trials), run_config=run)
        started = time.monotonic()
        tuner.fit()
        return time.monotonic() - started
    finally:
        ray.shutdown()


SYSTEMS = {
    "xargs": (xargs, 1),
    "hyperqueue": (hyperqueue, 1),
    "optuna": (optuna, 10),
    "ray-tune": (ray_tune, 100),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--peers", nargs="*", choices=SYSTEMS, default=list(SYSTEMS))
    options = parser.parse_args()
    peers = [peer for peer in options.peers if peer != "hyperqueue" or shutil.which("hq")]
    systems = {"pondersweep": (pondersweep, 1), **{peer: SYSTEMS[peer] for peer in peers}}
    rates = {system: [] for system in systems}
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "null"
        subprocess.run(["cc", "-O2", "-x", "c", "-", "-o", program], input=PROGRAM.encode(), check=True)
        for number in range(options.rounds):
            for system, (measure, fewer) in systems.items():
                with tempfile.TemporaryDirectory(dir=scratch) as folder:
                    trials = max(options.trials // fewer, 20)
                    seconds = measure(options, program, Path(folder), trials)
                    rates[system].append(trials / seconds)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}; {options.rounds} rounds\n")
    print("| system | programs a second | of pondersweep's |")
    print("|---|---|---|")
    ours = rates["pondersweep"]
    for system, found in rates.items():
        ratio = statistics.median(rate / own for rate, own in zip(found, ours))
        print(f"| {system} | {statistics.median(found):,.0f} ({min(found):,.0f} - {max(found):,.0f}) | {ratio:.2f} |")


if __name__ == "__main__":
    main()
