"""Runs trials that return at once in one peer and prints, as JSON, how many a second and its version.

Every trial reports as many intermediate values as asked for and returns a number. What starts once,
such as a study or a cluster, is not timed; what every trial needs is.
"""

import argparse
import json
import logging
import multiprocessing
import os
import sys
import time

# Each is what its documentation recommends for two slots on one machine.
PEERS = ["optuna-journal", "optuna-sqlite", "ray-tune"]


def optuna_storage(peer, folder):
    import optuna

    if peer == "optuna-sqlite":
        return optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
    backend = optuna.storages.journal.JournalFileBackend(f"{folder}/optuna.journal")
    return optuna.storages.JournalStorage(backend)


def optuna_worker(peer, folder, trials, reports, started, ended):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        trial.suggest_float("lambda_p", 0.0, 1.0)
        for step in range(1, reports + 1):
            trial.report(0.5, step)
        return 0.5

    sampler = optuna.samplers.RandomSampler()
    study = optuna.load_study(study_name="null", storage=optuna_storage(peer, folder), sampler=sampler)
    started.wait()
    study.optimize(objective, n_trials=trials)
    ended.wait()


def optuna(peer, folder, trials, reports):
    """The journal is fastest from one process, SQLite from two."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(study_name="null", storage=optuna_storage(peer, folder))
    processes = 1 if peer == "optuna-journal" else 2
    spawn = multiprocessing.get_context("spawn")
    barriers = [spawn.Barrier(processes + 1) for _ in range(2)]
    arguments = (peer, folder, trials // processes, reports, *barriers)
    workers = [spawn.Process(target=optuna_worker, args=arguments) for _ in range(processes)]
    for worker in workers:
        worker.start()
    barriers[0].wait()
    started = time.perf_counter()
    barriers[1].wait()
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    study = optuna.load_study(study_name="null", storage=optuna_storage(peer, folder))
    done = len(study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]))
    return done, seconds, f"optuna {optuna.__version__}, {processes} process(es)"


def ray_tune(folder, trials, reports):
    """Two actors that are used again for trial after trial."""
    os.environ |= {"RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}
    import ray
    from ray import tune

    class Null(tune.Trainable):
        def setup(self, config):
            self.steps = 0

        def reset_config(self, config):
            self.steps = 0
            return True

        def step(self):
            self.steps += 1
            return {"value": 0.5, "done": self.steps >= max(reports, 1)}

        # Written at the end of every trial, whether wanted or not.
        def save_checkpoint(self, folder):
            pass

        def load_checkpoint(self, folder):
            pass

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    tuner = tune.Tuner(
        tune.with_resources(Null, {"cpu": 1}),
        param_space={"lambda_p": tune.uniform(0.0, 1.0)},
        tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
        run_config=tune.RunConfig(storage_path=folder, name="null", verbose=0),
    )
    started = time.perf_counter()
    results = tuner.fit()
    seconds = time.perf_counter() - started
    done = sum(1 for result in results if result.error is None)
    ray.shutdown()
    return done, seconds, f"ray {ray.__version__}, 2 actors"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--reports", type=int, required=True)
    options = parser.parse_args()
    # Ray talks on standard output, too.
    data = os.dup(1)
    os.dup2(2, 1)
    if options.peer == "ray-tune":
        done, seconds, version = ray_tune(options.folder, options.trials, options.reports)
    else:
        done, seconds, version = optuna(options.peer, options.folder, options.trials, options.reports)
    if done != options.trials:
        sys.exit(f"error: {done} of {options.trials} trials ended well")
    with os.fdopen(data, "w") as out:
        json.dump({"trials_per_second": done / seconds, "version": version}, out)


if __name__ == "__main__":
    main()
