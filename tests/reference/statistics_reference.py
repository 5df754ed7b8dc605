"""Writes fixtures/statistics/*.json: what rliable, statsmodels, lifelines and scipy make of seeded numbers.

The tests of coordinator/src/statistics hold our own implementations to these files. Resamples are
written out, so that both sides compute on the same ones.

Run from anywhere, with the packages of requirements.txt in an environment outside the repository:
    python3 -m venv ENVIRONMENT && ENVIRONMENT/bin/pip install -r tests/reference/requirements.txt
    ENVIRONMENT/bin/python tests/reference/statistics_reference.py
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.formula.api as formula
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from rliable import library, metrics
from scipy import stats
from statsmodels.duration.survfunc import survdiff
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower

FIXTURES = Path(__file__).parent / "fixtures" / "statistics"
RESAMPLES = 120
TAUS = [0.0, 0.5, 0.9, 0.95, 0.975, 1.0]


class Replayed(library.StratifiedBootstrap):
    """rliable's bootstrap with the resamples written out in a list."""

    _name = "replayed"

    def replay(self, indices):
        self._left = iter(indices)
        return self

    def update_indices(self):
        return (next(self._left), *self._strata_indices)


class ReplayedPairs(library.StratifiedIndependentBootstrap):
    """The same for two groups that are resampled independently."""

    _name = "replayed pairs"

    def replay(self, pairs):
        self._left = iter(pairs)
        return self

    def update_indices(self):
        pair = next(self._left)
        strata = self._args_strata_indices
        return [(pair[i], *strata[i]) for i in range(2)], {}


def accuracies(generator, runs, tasks):
    """Scores like ours: most runs solve the task, some stay near chance."""
    solved = generator.random((runs, tasks)) < 0.8
    good = 1.0 - 0.05 * generator.random((runs, tasks))
    return np.where(solved, good, 0.5 + 0.2 * generator.random((runs, tasks)))


def bootstrap_case(name, generator, runs, tasks):
    scores = accuracies(generator, runs, tasks)
    indices = generator.integers(0, runs, (RESAMPLES, runs, tasks))
    statistics = {
        "mean": metrics.aggregate_mean,
        "median_of_means": metrics.aggregate_median,
        "interquartile_mean": metrics.aggregate_iqm,
    }
    if tasks == 1:
        statistics["median"] = np.median
    case = {"name": name, "scores": scores.T.tolist(), "resamples": [], "statistics": {}}
    case["resamples"] = indices.transpose(0, 2, 1).tolist()
    for key, aggregate in statistics.items():
        function = lambda x, aggregate=aggregate: np.array([aggregate(x)])
        bootstrap = Replayed(scores).replay(indices)
        interval = bootstrap.conf_int(function, reps=RESAMPLES, method="percentile")
        entry = {"value": float(aggregate(scores)), "interval": interval[:, 0].tolist()}
        entry["replicates"] = bootstrap._results[:, 0].tolist()
        case["statistics"][key] = entry
    np.random.seed(7)
    _, interval = library.get_interval_estimates(
        {"x": scores}, lambda x: np.array([metrics.aggregate_iqm(x)]), reps=50_000
    )
    case["interquartile_mean_interval_of_50000_resamples"] = interval["x"][:, 0].tolist()
    return case | profiles(scores, indices)


def profiles(scores, indices):
    taus = np.array(TAUS)
    function = lambda x: library.score_distributions(x, taus)
    bands = Replayed(scores).replay(indices).conf_int(
        function, reps=RESAMPLES, method="percentile"
    )
    return {
        "taus": TAUS,
        "profile": function(scores).tolist(),
        "profile_bands": bands.T.tolist(),
    }


def improvement_case(name, generator, runs, tasks, decimals):
    x, y = (np.round(accuracies(generator, n, tasks), decimals) for n in runs)
    pairs = [
        [generator.integers(0, n, (n, tasks)) for n in runs] for _ in range(RESAMPLES)
    ]
    function = lambda x, y: np.array([metrics.probability_of_improvement(x, y)])
    interval = ReplayedPairs(x, y).replay(pairs).conf_int(
        function, reps=RESAMPLES, method="percentile"
    )
    return {
        "name": name,
        "x": x.T.tolist(),
        "y": y.T.tolist(),
        "resamples": [[side.T.tolist() for side in pair] for pair in pairs],
        "value": float(function(x, y)[0]),
        "interval": interval[:, 0].tolist(),
    }


def anova_case(name, generator, levels, replicates, offset):
    """Values in the order of the cells, the last factor varying fastest, replicates innermost."""
    names = [chr(ord("a") + i) for i in range(len(levels))]
    cells = list(itertools.product(*(range(n) for n in levels)))
    rows = [
        dict(zip(names, cell))
        | {"y": offset + 0.1 * sum(cell) + 0.05 * cell[0] * cell[-1] + 0.08 * generator.standard_normal()}
        for cell in cells
        for _ in range(replicates)
    ]
    frame = pd.DataFrame(rows)
    model = formula.ols("y ~ " + " * ".join(f"C({n})" for n in names), frame).fit()
    table = anova_lm(model, typ=2)
    total = float(((frame.y - frame.y.mean()) ** 2).sum())
    residual = table.loc["Residual"]
    mean_square = residual.sum_sq / residual.df
    effects = []
    for label, row in table.iterrows():
        if label == "Residual":
            continue
        explained = row.sum_sq - row.df * mean_square
        effects.append(
            {
                "factors": [names.index(part[2:-1]) for part in label.split(":")],
                "sum_of_squares": row.sum_sq,
                "degrees_of_freedom": row.df,
                "f": row.F,
                "p": row["PR(>F)"],
                "eta_squared": row.sum_sq / total,
                "partial_eta_squared": row.sum_sq / (row.sum_sq + residual.sum_sq),
                "omega_squared": explained / (total + mean_square),
                "partial_omega_squared": explained
                / (row.sum_sq + (len(frame) - row.df) * mean_square),
            }
        )
    return {
        "name": name,
        "levels": list(levels),
        "replicates": replicates,
        "values": frame.y.tolist(),
        "effects": effects,
        "residual": {"sum_of_squares": residual.sum_sq, "degrees_of_freedom": residual.df},
        "total_sum_of_squares": total,
    }


def every_permutation():
    return stats.PermutationMethod(n_resamples=np.inf)


def signed_rank_cases(generator):
    samples = {
        "untied": generator.standard_normal(9) + 0.7,
        "tied": np.array([1.0, 2, 2, -2, 3, 3, -1, 4, 5, 5]),
        "zeros": np.array([0.0, 0, 0, 1, 2, 2, -1, 3, 4]),
        "all_positive": np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
        "balanced": np.array([-1.0, 1.0, -2.0, 2.0]),
    }
    cases = []
    for name, differences in samples.items():
        test = stats.wilcoxon(
            differences, zero_method="pratt", method=every_permutation(), correction=False
        )
        cases.append({"name": name, "differences": differences.tolist(), "p": test.pvalue})
    differences = generator.standard_normal(120) + 0.2
    test = stats.wilcoxon(differences, zero_method="pratt", method="asymptotic")
    cases.append({"name": "many", "differences": differences.tolist(), "p": test.pvalue})
    return cases


def rank_sum_cases(generator):
    samples = {
        "untied": (generator.standard_normal(7) + 1.0, generator.standard_normal(6)),
        "tied": (np.array([1.0, 1, 2, 3, 3]), np.array([1.0, 2, 2, 0, 0])),
        "apart": (np.array([1.0, 2, 3, 4, 5]), np.array([6.0, 7, 8, 9, 10])),
        "equal": (np.array([1.0, 1, 1]), np.array([1.0, 1, 1])),
        "unequal_counts": (np.array([1.0, 5, 5, 8]), np.array([2.0, 2, 5])),
    }
    cases = []
    for name, (x, y) in samples.items():
        method = "exact" if name == "untied" else every_permutation()
        test = stats.mannwhitneyu(x, y, method=method)
        cases.append({"name": name, "x": x.tolist(), "y": y.tolist(), "p": test.pvalue})
    x, y = generator.standard_normal(80).round(1) + 0.3, generator.standard_normal(90).round(1)
    test = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=False)
    cases.append({"name": "many", "x": x.tolist(), "y": y.tolist(), "p": test.pvalue})
    return cases


def holm_cases():
    samples = [[0.01, 0.04, 0.03, 0.005], [0.5, 0.6, 0.7], [0.02, 0.02, 0.9], [0.001], [0.04, 0.04]]
    return [
        {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in samples
    ]


def fisher_power(n, first, second, alpha):
    """By every pair of outcomes, each judged by scipy's two-sided test."""
    outcomes = range(n + 1)
    chance = lambda k, share: stats.binom.pmf(k, n, share)
    return sum(
        chance(a, first) * chance(b, second)
        for a in outcomes
        for b in outcomes
        if stats.fisher_exact([[a, n - a], [b, n - b]])[1] <= alpha
    )


def power_cases():
    independent = [
        {"n": n, "effect": d, "alpha": a, "power": TTestIndPower().power(d, n, a)}
        for n, d, a in [(5, 0.5, 0.05), (10, 1.0, 0.05), (30, 0.8, 0.01), (300, 0.2, 0.05), (5, 4.0, 0.05)]
    ]
    fisher = [
        {"n": n, "first": p, "second": q, "alpha": 0.05, "power": float(fisher_power(n, p, q, 0.05))}
        for n, p, q in [(5, 0.1, 0.9), (10, 0.3, 0.9), (20, 0.5, 0.95), (17, 0.4, 0.4)]
    ]
    return {"independent": independent, "fisher": fisher}


def kaplan_meier_case(name, subjects):
    """lifelines has no interval from where none waits: NaN, as we have none."""
    times, happened = zip(*subjects)
    fitter = KaplanMeierFitter().fit(times, happened)
    share, ends = fitter.survival_function_.iloc[:, 0], fitter.confidence_interval_
    table = [
        [t, share.loc[t], None if share.loc[t] == 0 else ends.loc[t].tolist()]
        for t in sorted({t for t, h in subjects if h})
    ]
    known = ends[share > 0]
    median = lambda curve: next((t for t, s in curve.items() if s <= 0.5), None)
    return {
        "name": name,
        "subjects": subjects,
        "table": table,
        "median": None if np.isinf(fitter.median_survival_time_) else fitter.median_survival_time_,
        "median_interval": [median(known.iloc[:, 0]), median(known.iloc[:, 1])],
    }


def log_rank_case(name, strata):
    rows = [
        (t, h, group, stratum)
        for stratum, groups in enumerate(strata)
        for group, subjects in enumerate(groups)
        for t, h in subjects
    ]
    frame = pd.DataFrame(rows, columns=["time", "happened", "group", "stratum"])
    if len(strata) == 1:
        test = multivariate_logrank_test(frame.time, frame.group, frame.happened)
        statistic, p = test.test_statistic, test.p_value
    else:
        statistic, p = survdiff(frame.time, frame.happened, frame.group, strata=frame.stratum)
    return {
        "name": name,
        "strata": strata,
        "statistic": float(statistic),
        "degrees_of_freedom": int(frame.group.nunique()) - 1,
        "p": float(p),
    }


def subjects(generator, count, pace, budget):
    """Evaluated every 100 updates until the budget, so times tie."""
    times = np.ceil(generator.exponential(pace, count)) * 100
    return [[float(min(t, budget)), bool(t <= budget)] for t in times]


def survival_cases(generator):
    group = lambda count, pace, budget=1000: subjects(generator, count, pace, budget)
    staggered = [[float(t), bool(generator.random() < 0.7)] for t in generator.integers(1, 9, 25)]
    estimates = {
        "budget": group(12, 6),
        "all": group(9, 3, 10_000),
        "few": [[400.0, True], [1000.0, False]],
        "seldom": group(20, 60),
        "staggered": staggered,
    }
    tests = {
        "two": [[group(10, 3), group(8, 9)]],
        "three": [[group(10, 3), group(8, 9), group(12, 6)]],
        "alike": [[group(10, 5), group(10, 5)]],
        "censored_apart": [[group(10, 5), group(10, 5, 300)]],
        "strata": [[group(6, 3), group(7, 6)], [group(5, 8), group(6, 20)]],
        "three_in_strata": [[group(6, p), group(5, 2 * p), group(7, 3 * p)] for p in (2, 4, 8)],
    }
    return {
        "kaplan_meier": [kaplan_meier_case(*case) for case in estimates.items()],
        "log_rank": [log_rank_case(*case) for case in tests.items()],
    }


def write(name, value):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    (FIXTURES / name).write_text(json.dumps(value) + "\n")


def main():
    generator = np.random.default_rng(2107_05407)
    write(
        "bootstrap.json",
        [
            bootstrap_case("one_stratum", generator, 15, 1),
            bootstrap_case("three_strata", generator, 8, 3),
        ],
    )
    write(
        "improvement.json",
        [
            improvement_case("untied", generator, (8, 6), 3, 12),
            improvement_case("tied", generator, (5, 5), 2, 1),
        ],
    )
    write(
        "anova.json",
        [
            anova_case("one_factor", generator, (4,), 5, 0.5),
            anova_case("two_factors", generator, (3, 2), 4, 0.9),
            anova_case("three_factors", generator, (3, 2, 4), 3, 0.0),
        ],
    )
    write(
        "tests.json",
        {
            "signed_rank": signed_rank_cases(generator),
            "rank_sum": rank_sum_cases(generator),
            "holm": holm_cases(),
        },
    )
    write("power.json", power_cases())
    write("survival.json", survival_cases(np.random.default_rng(1958_53)))


if __name__ == "__main__":
    main()
