//! The texts of the views, with places for what follows from the tables. It decides nothing.

/// Whether a trial that succeeded reached the sweep's threshold, in the direction that is better.
pub(super) const SOLVED: &str = "
coalesce((
            SELECT CASE metric.better
                WHEN 'higher' THEN measurement.value >= metric.solved_threshold
                WHEN 'lower' THEN measurement.value <= metric.solved_threshold
            END
            FROM metric JOIN measurement
                ON measurement.trial_id = trial.trial_id
                AND measurement.metric_id = metric.metric_id
            WHERE metric.sweep_id = trial.sweep_id AND metric.solved_threshold IS NOT NULL
        ), 0)";

/// One row for every trial with an outcome.
pub(super) const TRIALS: &str = r#"
AS
-- One row for every trial with an outcome. Cancelled and unfinished trials have none.
SELECT
    -- Which sweep, by id and by name.
    trial.sweep_id AS sweep_id,
    sweep.name AS sweep,
    -- Which trial: its number in this file, and the hash that names it in every file.
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    -- The configuration; a setting that the method does not take is NULL. method: "ponder_net",
    -- "act" or "fixed".
    configuration.spec ->> '$.model.kind' AS method,
    {parameters}
    -- Index of the repetition, from 0.
    trial.replicate AS replicate,
    -- "succeeded", "infeasible" (training diverged) or "failed" (the machinery did).
    trial.state AS outcome,
    -- 1 if the metric that decides reached the sweep's threshold, else 0; NULL if failed.
    CASE trial.state
        WHEN 'succeeded' THEN {solved}
        WHEN 'infeasible' THEN 0
    END AS solved,
    -- The last value of each metric; NULL unless succeeded and measured.
    {metrics}
    -- Parameter updates done when it was last measured.
    result.step AS step,
    -- Attempts it took, and the compute time of the last in seconds: of its own part only, where it
    -- went on from a checkpoint.
    trial.attempt AS attempts,
    attempt.seconds AS seconds,
    -- Who ran the last attempt, and with which executable.
    attempt.worker_id AS worker_id,
    worker.host AS host,
    worker.device AS device,
    worker.backend AS backend,
    worker.binary_sha256 AS binary_sha256,
    -- Why it diverged or failed.
    attempt.message AS message,
    -- ISO 8601, UTC.
    strftime('%Y-%m-%dT%H:%M:%fZ', attempt.ended_at_ms / 1000.0, 'unixepoch') AS finished_at
FROM trial
JOIN sweep ON sweep.sweep_id = trial.sweep_id
JOIN configuration ON configuration.configuration_id = trial.configuration_id
JOIN attempt ON attempt.trial_id = trial.trial_id AND attempt.attempt = trial.attempt
JOIN worker ON worker.worker_id = attempt.worker_id
LEFT JOIN result ON result.trial_id = trial.trial_id
WHERE trial.state IN ('succeeded', 'infeasible', 'failed')
"#;

/// One row for every configuration, over its replicates.
pub(super) const CELLS: &str = r#"
AS
-- One row for every configuration, over its replicates.
WITH counted AS (
    SELECT
        trial.sweep_id,
        trial.configuration_id,
        sum(trial.state IN ('succeeded', 'infeasible')) AS n,
        sum(trial.state = 'succeeded') AS succeeded,
        sum(trial.state = 'infeasible') AS infeasible,
        sum(trial.state = 'failed') AS failed,
        sum(trial.state = 'cancelled') AS cancelled,
        sum(trial.state IN ('pending', 'leased')) AS pending,
        sum({solved}) AS solved
        {sums}
    FROM trial
    {values}
    GROUP BY trial.sweep_id, trial.configuration_id
),
-- The share solved and its 95 % Wilson interval, with z = 1.959964 and z^2 = 3.841459:
--     (share + z^2 / 2n  -+  z sqrt(share (1 - share) / n + z^2 / 4n^2)) / (1 + z^2 / n)
-- and the variance of each metric with n - 1, from its sum of squares (exact zero when all values
-- are equal, which rounding would otherwise miss).
moments AS (
    SELECT
        counted.*,
        solved * 1.0 / nullif(n, 0) AS share,
        (solved * 1.0 * (n - solved) / n + 3.841458820694124 / 4) / (1.0 * n * n)
            AS wilson_variance
        {variances}
    FROM counted
),
-- Square roots by Newton's rule, because many builds of SQLite lack sqrt(): starting above the
-- root it falls until rounding stops it, in about ten rounds.
spread AS (
    SELECT
        moments.*,
        (
            WITH RECURSIVE newton (root) AS (
                SELECT 1.0 WHERE wilson_variance > 0
                UNION ALL
                SELECT (root + wilson_variance / root) / 2 FROM newton
                WHERE (root + wilson_variance / root) / 2 < root
            )
            SELECT min(root) FROM newton
        ) AS wilson_deviation
        {deviations}
    FROM moments
)
SELECT
    -- Which sweep and configuration; position is its place in the order of the space, from 0.
    spread.sweep_id AS sweep_id,
    sweep.name AS sweep,
    spread.configuration_id AS configuration_id,
    configuration.configuration_key AS configuration_key,
    configuration.position AS position,
    -- The configuration, as in trial_result.
    configuration.spec ->> '$.model.kind' AS method,
    {parameters}
    -- Trials with a result: n = succeeded + infeasible. Next to it, those that failed or were
    -- cancelled, and those that have not ended yet (pending or leased).
    n,
    succeeded,
    infeasible,
    failed,
    cancelled,
    pending,
    -- Trials that reached the sweep's threshold, their share of n, and the share's 95 % Wilson
    -- interval; NULL while n is 0.
    solved,
    share AS solved_share,
    max(0.0, (share + 1.920729410347062 / n - 1.959963984540054 * wilson_deviation)
        / (1 + 3.841458820694124 / n)) AS solved_share_low,
    min(1.0, (share + 1.920729410347062 / n + 1.959963984540054 * wilson_deviation)
        / (1 + 3.841458820694124 / n)) AS solved_share_high
    {summaries}
FROM spread
JOIN sweep ON sweep.sweep_id = spread.sweep_id
JOIN configuration ON configuration.configuration_id = spread.configuration_id
"#;

/// The breakdown by difficulty, a column for each count.
pub(super) const DIFFICULTY: &str = r"
AS
-- One row for every trial that succeeded, range of the evaluation and range of difficulties.
SELECT
    -- Which trial, as in trial_result.
    trial.sweep_id AS sweep_id,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    -- 'interpolation' or 'extrapolation'; samples with this many non-zeros, both ends included.
    counted.group_name AS range,
    CAST(counted.row_name AS INTEGER) AS first_nonzeros,
    CAST(substr(counted.row_name, instr(counted.row_name, '-') + 1) AS INTEGER) AS last_nonzeros,
    -- Samples of the last evaluation, those answered rightly, and steps of all of them together.
    counted.count AS examples,
    correct.count AS correct,
    ponder_steps.count AS ponder_steps,
    -- The share answered rightly, and the mean steps of a sample; halting as it was drawn.
    correct.count * 1.0 / counted.count AS accuracy,
    ponder_steps.count * 1.0 / counted.count AS ponder_steps_mean
FROM breakdown AS counted
JOIN breakdown AS correct
    ON correct.trial_id = counted.trial_id AND correct.table_name = counted.table_name
    AND correct.group_name = counted.group_name AND correct.position = counted.position
    AND correct.column_name = 'correct'
JOIN breakdown AS ponder_steps
    ON ponder_steps.trial_id = counted.trial_id AND ponder_steps.table_name = counted.table_name
    AND ponder_steps.group_name = counted.group_name AND ponder_steps.position = counted.position
    AND ponder_steps.column_name = 'ponder_steps'
JOIN trial ON trial.trial_id = counted.trial_id
WHERE counted.table_name = 'difficulty' AND counted.column_name = 'examples'
";

/// The breakdown by halting step.
pub(super) const HALTING: &str = r"
AS
-- One row for every trial that succeeded, range of the evaluation and step at which samples halted.
SELECT
    -- Which trial, as in trial_result.
    trial.sweep_id AS sweep_id,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    -- 'interpolation' or 'extrapolation'; the ponder step, from 1.
    breakdown.group_name AS range,
    CAST(breakdown.row_name AS INTEGER) AS step,
    -- Samples of the last evaluation that halted there. Steps at which none did have no row.
    breakdown.count AS examples
FROM breakdown
JOIN trial ON trial.trial_id = breakdown.trial_id
WHERE breakdown.table_name = 'halting' AND breakdown.column_name = 'examples'
";

/// What every trial that succeeded cost.
pub(super) const COMPUTE: &str = r"
AS
-- What every trial that succeeded cost in forward passes, each one step of one sample.
SELECT
    -- Which trial, as in trial_result.
    trial.sweep_id AS sweep_id,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    -- Those that training computed, for all samples of all updates; NULL if it did not say. The
    -- means that training reports are of the updates since the report before.
    (
        SELECT sum(steps.value * (steps.step - steps.before))
        FROM (
            SELECT value, step, lag(step, 1, 0) OVER (ORDER BY step) AS before
            FROM observation
            WHERE observation.trial_id = trial.trial_id AND observation.attempt = trial.attempt
                AND metric = 'ponder_steps_computed'
        ) AS steps
    ) * (configuration.spec ->> '$.training.batch') AS forward_passes_training,
    -- Those that answering the samples of the last evaluation needed, as halting was drawn; NULL
    -- where it was not counted. The paper's Figure 1c sets them against accuracy.
    (
        SELECT sum(count) FROM breakdown
        WHERE breakdown.trial_id = trial.trial_id AND table_name = 'difficulty'
            AND group_name = 'interpolation' AND column_name = 'ponder_steps'
    ) AS forward_passes_interpolation,
    (
        SELECT sum(count) FROM breakdown
        WHERE breakdown.trial_id = trial.trial_id AND table_name = 'difficulty'
            AND group_name = 'extrapolation' AND column_name = 'ponder_steps'
    ) AS forward_passes_extrapolation
FROM trial
JOIN configuration ON configuration.configuration_id = trial.configuration_id
WHERE trial.state = 'succeeded'
";

/// Settings as rows, whatever the sweep.
pub(super) const PARAMETERS: &str = r"
AS
-- One row for every trial and setting of its configuration, whatever kind of trial it is.
SELECT
    -- Which trial, as in trial_result; also those that have not ended.
    trial.sweep_id AS sweep_id,
    sweep.name AS sweep,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    -- The setting by its place in the sweep file, such as 'model.lambda_p', and its value. A setting
    -- that is left out of the configuration's form, which is at its default, has no row.
    section.key || '.' || setting.key AS parameter,
    setting.value AS value
FROM trial
JOIN sweep ON sweep.sweep_id = trial.sweep_id
JOIN configuration ON configuration.configuration_id = trial.configuration_id
JOIN json_each(configuration.spec) AS section
JOIN json_each(section.value) AS setting
WHERE section.type = 'object'
";

/// Metrics as rows, whatever the sweep.
pub(super) const METRICS: &str = r"
AS
-- One row for every trial that succeeded and metric that it measured, whatever kind of trial it is.
SELECT
    -- Which trial, as in trial_result.
    trial.sweep_id AS sweep_id,
    sweep.name AS sweep,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    -- The metric, its unit, and which direction is better: 'higher', 'lower' or 'neither'.
    metric.name AS metric,
    metric.unit AS unit,
    metric.better AS better,
    -- Its last value.
    measurement.value AS value
FROM measurement
JOIN metric ON metric.metric_id = measurement.metric_id
JOIN trial ON trial.trial_id = measurement.trial_id
JOIN sweep ON sweep.sweep_id = trial.sweep_id
";

/// A trial's settings and metrics as JSON, whatever the sweep.
pub(super) const JSON: &str = r"
AS
-- One row for every trial with an outcome, whatever kind of trial it is, its settings and metrics as JSON.
SELECT
    -- Which trial, and how it ended, as in trial_result.
    trial.sweep_id AS sweep_id,
    sweep.name AS sweep,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    trial.state AS outcome,
    CASE trial.state
        WHEN 'succeeded' THEN {solved}
        WHEN 'infeasible' THEN 0
    END AS solved,
    -- {section: {setting: value}}, in the canonical form.
    configuration.spec AS parameters,
    -- {metric: last value}; empty unless succeeded.
    (
        SELECT json_group_object(metric.name, measurement.value)
        FROM measurement JOIN metric ON metric.metric_id = measurement.metric_id
        WHERE measurement.trial_id = trial.trial_id
    ) AS metrics
FROM trial
JOIN sweep ON sweep.sweep_id = trial.sweep_id
JOIN configuration ON configuration.configuration_id = trial.configuration_id
WHERE trial.state IN ('succeeded', 'infeasible', 'failed')
";
