"""What a program of a pondersweep sweep needs, and a way to read the results.

Inside of a sweep the program's parameters, its seed and its folders come from the worker. Everything also
works when the script is run by hand: then the parameters are those given to :func:`parameters`, and what is
reported is printed.

    import pondersweep

    p = pondersweep.parameters(learning_rate=0.01, depth=4)  # values for a run by hand
    for step in range(100):
        ...
        pondersweep.report(step=step, accuracy=accuracy)
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import IO, Any, Dict, List, Optional, Union

__all__ = [
    "parameters",
    "seed",
    "report",
    "checkpoint_dir",
    "output_dir",
    "is_sweep",
    "read",
]

Value = Union[int, float, str, bool]

_report: Optional[IO[str]] = None


def is_sweep() -> bool:
    """Whether this process runs as a trial of a sweep."""
    return "PONDERSWEEP_PARAMETERS" in os.environ


def parameters(**by_hand: Value) -> Dict[str, Value]:
    """The trial's parameters by name, with their types.

    Keyword arguments are the values of a run by hand; in a sweep they stand for parameters that the sweep
    does not have.
    """
    told = json.loads(os.environ.get("PONDERSWEEP_PARAMETERS", "{}"))
    return {**by_hand, **told}


def seed(bits: int = 64) -> int:
    """The trial's seed: it follows from the sweep, the parameters and the replicate.

    It has 64 bits. Libraries that take fewer get the lowest ones: ``seed(32)`` for numpy's older generators
    and scikit-learn. 0 in a run by hand.
    """
    return int(os.environ.get("PONDERSWEEP_SEED", "0")) % (1 << bits)


def report(step: Optional[int] = None, **metrics: float) -> None:
    """Reports numbers by the names of the sweep's metrics.

    ``step`` is where training is, a whole number; without it each report is one step. A value that is no
    number says that there is none: of the headline, that these parameters give no result.
    """
    line: Dict[str, Any] = {name: _number(value) for name, value in metrics.items()}
    if step is not None:
        line["step"] = int(step)
    text = json.dumps(line)
    if not is_sweep():
        print(text)
        return
    global _report
    if _report is None:
        _report = open(os.environ["PONDERSWEEP_REPORT"], "w", encoding="utf-8")
    _report.write(text + "\n")
    _report.flush()


def checkpoint_dir() -> Path:
    """A folder that survives the loss of a worker: what is in it is there again where the trial goes on.

    Write a file under another name that ends with ``.tmp`` and rename it: such files are not kept, so that
    none is kept half. In a run by hand a new folder.
    """
    return _folder("PONDERSWEEP_CHECKPOINT_DIR")


def output_dir() -> Path:
    """A folder for what the trial makes besides numbers; it stays on the machine where the trial ran."""
    return _folder("PONDERSWEEP_OUTPUT_DIR")


def _folder(variable: str) -> Path:
    if variable not in os.environ:
        os.environ[variable] = tempfile.mkdtemp(prefix="pondersweep-")
    return Path(os.environ[variable])


def _number(value: Any) -> Optional[float]:
    # Numbers of numpy and torch, too.
    number = float(value)
    is_number = number == number and abs(number) != float("inf")
    return number if is_number else None


def read(database: Union[str, Path] = "results.db", sweep: str = "last") -> Any:
    """The trials of a sweep that have ended, as a data frame of pandas, or of polars if only that is there.

    ``sweep`` is an id, the beginning of one, a name, or ``last``. Each parameter and each metric is a column
    of its type: whole numbers, numbers, texts, or True and False.
    """
    rows, kinds = _rows(Path(database), sweep)
    columns: Dict[str, List[Any]] = {name: [row.get(name) for row in rows] for name in kinds}
    try:
        import pandas
    except ImportError:
        import polars

        types = {"int": polars.Int64, "float": polars.Float64, "str": polars.Utf8, "bool": polars.Boolean}
        return polars.DataFrame(columns, schema={name: types[kind] for name, kind in kinds.items()})
    types = {"int": "Int64", "float": "float64", "str": "object", "bool": "boolean"}
    series = {name: pandas.Series(columns[name], dtype=types[kind]) for name, kind in kinds.items()}
    return pandas.DataFrame(series)


def _rows(database: Path, sweep: str) -> "tuple[List[Dict[str, Any]], Dict[str, str]]":
    if not database.exists():
        raise FileNotFoundError(f"there is no {database}")
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        sweep_id = _sweep_id(connection, sweep)
        found = connection.execute(
            "select trial_id, trial_key, replicate, outcome, solved, parameters, metrics"
            " from trial_json where sweep_id = ? order by trial_id",
            (sweep_id,),
        ).fetchall()
        query = "select name from metric where sweep_id = ? order by position"
        metrics = [name for (name,) in connection.execute(query, (sweep_id,))]
    finally:
        connection.close()
    kinds = {"trial_id": "int", "trial_key": "str", "replicate": "int", "outcome": "str", "solved": "int"}
    rows: List[Dict[str, Any]] = []
    for *head, settings, measured in found:
        row: Dict[str, Any] = dict(zip(kinds, head))
        for section, values in json.loads(settings).items():
            if section != "program":
                row.update(values)
        row.update(json.loads(measured))
        rows.append(row)
    head = set(kinds)
    for row in rows:
        for name, value in row.items():
            if name not in head and name not in metrics:
                kinds[name] = _wider(kinds.get(name), value)
    kinds.update({name: "float" for name in metrics})
    return rows, {name: kind or "str" for name, kind in kinds.items()}


def _wider(kind: Optional[str], value: Any) -> Optional[str]:
    """The kind of a column that has held values of one kind and holds this one."""
    if value is None:
        return kind
    own = type(value).__name__
    if kind in (None, own):
        return own
    return "float" if {kind, own} == {"int", "float"} else "str"


def _sweep_id(connection: sqlite3.Connection, sweep: str) -> str:
    query = "select sweep_id, name from sweep order by first_trial_id"
    known = connection.execute(query).fetchall()
    if sweep == "last" and known:
        return str(known[-1][0])
    fitting = [id for id, name in known if name == sweep or (sweep and id.startswith(sweep.lower()))]
    if len(fitting) != 1:
        names = ", ".join(f"{id} ({name})" for id, name in known) or "none"
        raise LookupError(f"{len(fitting)} sweeps are called {sweep!r}; there are: {names}")
    return str(fitting[0])
