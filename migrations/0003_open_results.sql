-- Results become open: what a trial measured is (trial, metric, value), and a table says which metrics a
-- sweep has. A metric that is added is then a row, here and in every result, and no column.
--
-- The views go. The program makes them from its tables of settings and metrics whenever it opens a
-- database to write, and their texts say what each column means (`.schema` shows them). Columns that
-- were documented stay, by name and by value.
DROP VIEW trial_result;
DROP VIEW cell_result;
DROP VIEW difficulty_result;
DROP VIEW halting_result;
DROP VIEW compute_result;

-- What the trials of a sweep may measure. The program writes the rows when it creates the sweep; a newer
-- program that opens the database adds the metrics that its trials can measure from then on.
CREATE TABLE metric (
    metric_id INTEGER PRIMARY KEY,
    sweep_id TEXT NOT NULL REFERENCES sweep,
    -- Its place among the sweep's metrics, from 0.
    position INTEGER NOT NULL CHECK (position >= 0),
    -- The name says on which data it is measured.
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^a-z0-9_]*'),
    -- What it counts: "share", "steps".
    unit TEXT NOT NULL DEFAULT '',
    -- Which direction is better.
    better TEXT NOT NULL DEFAULT 'neither' CHECK (better IN ('higher', 'lower', 'neither')),
    -- A trial is solved when its value reaches this one, in the direction that is better; NULL for all
    -- metrics of a sweep but the one that decides. (`sweep.solved_threshold` is the same number where it
    -- is a share, and 1 where it is not: it is no longer read.)
    solved_threshold REAL CHECK (abs(solved_threshold) < 9e999),
    -- What it means, in one sentence.
    meaning TEXT NOT NULL DEFAULT '',
    -- When a newer program added it; NULL if the sweep had it from the beginning.
    added_at_ms INTEGER,
    UNIQUE (sweep_id, name)
) STRICT;

-- One metric decides whether a trial is solved.
CREATE UNIQUE INDEX metric_that_decides ON metric (sweep_id) WHERE solved_threshold IS NOT NULL;

-- The metrics that results had as columns.
INSERT INTO metric (sweep_id, position, name)
SELECT sweep_id, key, value
FROM sweep, json_each('[
    "accuracy_interpolation", "accuracy_expected_interpolation", "ponder_steps_interpolation",
    "ponder_steps_expected_interpolation", "loss_interpolation", "accuracy_extrapolation",
    "accuracy_expected_extrapolation", "ponder_steps_extrapolation",
    "ponder_steps_expected_extrapolation", "loss_extrapolation", "loss_training",
    "ponder_steps_computed"
]')
ORDER BY first_trial_id, key;

UPDATE metric SET better = 'higher', solved_threshold = (
    SELECT solved_threshold FROM sweep WHERE sweep.sweep_id = metric.sweep_id
)
WHERE name = 'accuracy_interpolation';

ALTER TABLE result RENAME TO old_result;

-- Every trial that succeeded.
CREATE TABLE result (
    trial_id INTEGER PRIMARY KEY REFERENCES trial,
    -- The attempt that gave it.
    attempt INTEGER NOT NULL,
    -- Parameter updates done when it was last measured; NULL when the attempt reported nothing.
    step INTEGER,
    FOREIGN KEY (trial_id, attempt) REFERENCES attempt (trial_id, attempt)
) STRICT;

INSERT INTO result SELECT trial_id, attempt, step FROM old_result ORDER BY trial_id;

-- What it measured: of every metric that its attempt reported, the last value. No row where the metric
-- was not measured. In the order of the trials, so that a report over a million reads them in one walk.
CREATE TABLE measurement (
    trial_id INTEGER NOT NULL REFERENCES result,
    metric_id INTEGER NOT NULL REFERENCES metric,
    value REAL NOT NULL CHECK (abs(value) < 9e999),
    PRIMARY KEY (trial_id, metric_id)
) STRICT, WITHOUT ROWID;

INSERT INTO measurement
SELECT trial_id, metric_id, value FROM (
    SELECT
        old_result.trial_id,
        metric.metric_id,
        CASE metric.name
            WHEN 'accuracy_interpolation' THEN accuracy_interpolation
            WHEN 'accuracy_expected_interpolation' THEN accuracy_expected_interpolation
            WHEN 'ponder_steps_interpolation' THEN ponder_steps_interpolation
            WHEN 'ponder_steps_expected_interpolation' THEN ponder_steps_expected_interpolation
            WHEN 'loss_interpolation' THEN loss_interpolation
            WHEN 'accuracy_extrapolation' THEN accuracy_extrapolation
            WHEN 'accuracy_expected_extrapolation' THEN accuracy_expected_extrapolation
            WHEN 'ponder_steps_extrapolation' THEN ponder_steps_extrapolation
            WHEN 'ponder_steps_expected_extrapolation' THEN ponder_steps_expected_extrapolation
            WHEN 'loss_extrapolation' THEN loss_extrapolation
            WHEN 'loss_training' THEN loss_training
            WHEN 'ponder_steps_computed' THEN ponder_steps_computed
        END AS value
    FROM old_result
    JOIN trial ON trial.trial_id = old_result.trial_id
    JOIN metric ON metric.sweep_id = trial.sweep_id
)
WHERE value IS NOT NULL
ORDER BY trial_id, metric_id;

-- The last evaluation of those trials, broken down: whole numbers, so that they add up. Which tables
-- there are, and what they count, the experiment says: of the built-in training, table "difficulty"
-- counts, for each evaluation ("interpolation", "extrapolation") and range of non-zero elements, samples
-- ("examples"), those answered rightly ("correct") and their "ponder_steps"; table "halting" counts the
-- samples that halted at each step.
CREATE TABLE breakdown (
    trial_id INTEGER NOT NULL REFERENCES result,
    table_name TEXT NOT NULL,
    group_name TEXT NOT NULL,
    -- The row's place in its table and group, from 0.
    position INTEGER NOT NULL CHECK (position >= 0),
    row_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (trial_id, table_name, group_name, position, column_name)
) STRICT, WITHOUT ROWID;

INSERT INTO breakdown
SELECT
    trial_id,
    'difficulty',
    range,
    row_number() OVER (PARTITION BY trial_id, range, column.value ORDER BY first_nonzeros) - 1,
    iif(first_nonzeros = last_nonzeros, first_nonzeros, first_nonzeros || '-' || last_nonzeros),
    column.value,
    CASE column.value
        WHEN 'examples' THEN examples WHEN 'correct' THEN correct ELSE ponder_steps
    END
FROM difficulty, json_each('["examples", "correct", "ponder_steps"]') AS column;

INSERT INTO breakdown
SELECT
    trial_id,
    'halting',
    range,
    row_number() OVER (PARTITION BY trial_id, range ORDER BY step) - 1,
    step,
    'examples',
    examples
FROM halting;

DROP TABLE difficulty;
DROP TABLE halting;
DROP TABLE old_result;

PRAGMA user_version = 3;
