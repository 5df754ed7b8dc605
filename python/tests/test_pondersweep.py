"""The package inside of a sweep, by hand, and against a database that a sweep made."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import pondersweep

SCRIPT = """
import pondersweep
p = pondersweep.parameters(depth=1, rate=0.5)
pondersweep.report(step=3, accuracy=p["depth"], loss=float("inf"))
pondersweep.report(accuracy=p["rate"])
print(pondersweep.is_sweep(), pondersweep.seed(), pondersweep.seed(32))
(pondersweep.output_dir() / "model").write_text("weights")
assert pondersweep.checkpoint_dir().is_dir()
"""


def run(environment):
    own = {name: value for name, value in os.environ.items() if not name.startswith("PONDERSWEEP_")}
    package = str(Path(pondersweep.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**own, "PYTHONPATH": package, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()


def test_a_script_runs_by_hand_with_its_own_values():
    lines = run({})
    assert json.loads(lines[0]) == {"accuracy": 1.0, "loss": None, "step": 3}
    assert json.loads(lines[1]) == {"accuracy": 0.5}
    assert lines[2] == "False 0 0"


def test_a_trial_is_told_its_parameters_and_reports_to_its_pipe(tmp_path):
    report = tmp_path / "report"
    report.touch()
    lines = run(
        {
            "PONDERSWEEP_PARAMETERS": '{"depth": 7, "name": "sgd"}',
            "PONDERSWEEP_SEED": str(2**64 - 1),
            "PONDERSWEEP_REPORT": str(report),
            "PONDERSWEEP_OUTPUT_DIR": str(tmp_path),
            "PONDERSWEEP_CHECKPOINT_DIR": str(tmp_path),
        }
    )
    assert lines == [f"True {2**64 - 1} {2**32 - 1}"]
    reported = [json.loads(line) for line in report.read_text().splitlines()]
    assert reported == [{"accuracy": 7.0, "loss": None, "step": 3}, {"accuracy": 0.5}]
    assert (tmp_path / "model").read_text() == "weights"


@pytest.fixture
def database(tmp_path):
    """What the views and tables that are read look like, with two sweeps."""
    path = tmp_path / "results.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        create table sweep (sweep_id, name, first_trial_id);
        insert into sweep values ('00aa', 'old', 1), ('00bb', 'new', 10);
        create table metric (sweep_id, name, position);
        insert into metric values ('00bb', 'accuracy', 0), ('00bb', 'loss', 1);
        create table trial_json
            (trial_id, trial_key, replicate, outcome, solved, parameters, metrics, sweep_id);
        """
    )
    program = {"sha256": "00"}
    for trial, (depth, measured) in enumerate([(2, {"accuracy": 1.0}), (3, {})]):
        settings = {"parameters": {"depth": depth, "rate": 0.5, "name": "a", "fast": True}, "program": program}
        row = (trial, "k", 0, "succeeded", 1, json.dumps(settings), json.dumps(measured), "00bb")
        connection.execute("insert into trial_json values (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()
    return path


def test_results_have_a_column_of_its_type_for_each_parameter_and_metric(database):
    rows, kinds = pondersweep._rows(database, "last")
    assert kinds["depth"] == "int" and kinds["rate"] == "float"
    assert (kinds["name"], kinds["fast"], kinds["loss"]) == ("str", "bool", "float")
    assert [row["depth"] for row in rows] == [2, 3]
    assert "sha256" not in kinds


def test_a_frame_is_made_by_whichever_library_is_there(database):
    if not any(__import__("importlib.util").util.find_spec(name) for name in ("pandas", "polars")):
        pytest.skip("neither pandas nor polars is there")
    frame = pondersweep.read(database, "new")
    assert list(frame["depth"]) == [2, 3]
    assert frame["accuracy"][0] == 1.0
    assert "float" in str(frame["loss"].dtype).lower()


def test_a_sweep_that_is_not_there_is_an_error_that_names_those_that_are(database, tmp_path):
    with pytest.raises(LookupError, match="new"):
        pondersweep.read(database, "other")
    with pytest.raises(LookupError, match="2 sweeps"):
        pondersweep.read(database, "00")
    with pytest.raises(FileNotFoundError):
        pondersweep.read(tmp_path / "absent.db")
