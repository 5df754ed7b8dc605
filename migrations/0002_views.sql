-- The views people read. Their columns are documented here and stay what they are: later
-- migrations may add columns at the end, never rename or drop one.
--
-- How outcomes count. A trial that diverged is `infeasible`: that is a result, so it counts in n,
-- and as not solved. A trial that `failed` (its machinery did, more often than allowed) or was
-- cancelled says nothing about the configuration: it is left out of n and shown beside it.

-- One row for every trial with an outcome. Cancelled and unfinished trials have none.
CREATE VIEW trial_result AS
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
    -- lambda_p: parameter of PonderNet's geometric prior. beta: weight of its KL term. tau: weight
    -- of ACT's ponder cost.
    configuration.spec ->> '$.model.lambda_p' AS lambda_p,
    configuration.spec ->> '$.model.beta' AS beta,
    configuration.spec ->> '$.model.tau' AS tau,
    -- The most ponder steps a sample may take.
    configuration.spec ->> '$.model.max_steps' AS max_steps,
    configuration.spec ->> '$.training.learning_rate' AS learning_rate,
    -- "rnn" or "gru".
    configuration.spec ->> '$.model.step_function' AS step_function,
    -- Units of the hidden state.
    configuration.spec ->> '$.model.hidden' AS hidden,
    -- Bias of the halting head before training.
    configuration.spec ->> '$.model.halting_bias' AS halting_bias,
    -- Who takes the mass left after the last step: "remainder" or "normalise".
    configuration.spec ->> '$.model.residual' AS residual,
    -- "fixed" or "cumulative"; epsilon is the mass the latter, or ACT, may leave.
    configuration.spec ->> '$.model.unroll' AS unroll,
    configuration.spec ->> '$.model.epsilon' AS epsilon,
    -- Largest gradient norm; NULL means no clipping.
    configuration.spec ->> '$.training.gradient_clip' AS gradient_clip,
    -- Samples of one update, and updates of the trial.
    configuration.spec ->> '$.training.batch' AS batch,
    configuration.spec ->> '$.training.updates' AS updates,
    -- Length of the task's input, and where its non-zeros stand ("random" or "packed").
    configuration.spec ->> '$.task.elements' AS elements,
    configuration.spec ->> '$.task.positions' AS positions,
    -- Which way the divergence from the prior is taken: "network_prior" is the paper's. "on" if the
    -- first step is flagged in the input. Factor on the range of weights before training. (At their
    -- defaults these are not part of a configuration's form.)
    CASE configuration.spec ->> '$.model.kind' WHEN 'ponder_net'
        THEN coalesce(configuration.spec ->> '$.model.kl_direction', 'network_prior') END
        AS kl_direction,
    coalesce(configuration.spec ->> '$.model.first_step_flag', 'off') AS first_step_flag,
    coalesce(configuration.spec ->> '$.model.initial_scale', 1.0) AS initial_scale,
    -- Index of the repetition, from 0.
    trial.replicate AS replicate,
    -- "succeeded", "infeasible" (training diverged) or "failed" (the machinery did).
    trial.state AS outcome,
    -- 1 if accuracy_interpolation reached the sweep's threshold, else 0; NULL if failed.
    CASE trial.state
        WHEN 'succeeded' THEN coalesce(result.accuracy_interpolation >= sweep.solved_threshold, 0)
        WHEN 'infeasible' THEN 0
    END AS solved,
    -- The last evaluation; NULL unless succeeded and measured. "interpolation": as many non-zeros
    -- as in training; "extrapolation": more. "expected": averaged over the halting distribution
    -- instead of sampled from it.
    result.accuracy_interpolation AS accuracy_interpolation,
    result.accuracy_expected_interpolation AS accuracy_expected_interpolation,
    result.ponder_steps_interpolation AS ponder_steps_interpolation,
    result.ponder_steps_expected_interpolation AS ponder_steps_expected_interpolation,
    result.loss_interpolation AS loss_interpolation,
    result.accuracy_extrapolation AS accuracy_extrapolation,
    result.accuracy_expected_extrapolation AS accuracy_expected_extrapolation,
    result.ponder_steps_extrapolation AS ponder_steps_extrapolation,
    result.ponder_steps_expected_extrapolation AS ponder_steps_expected_extrapolation,
    result.loss_extrapolation AS loss_extrapolation,
    result.loss_training AS loss_training,
    -- Mean steps that training computed for a sample, since the evaluation before.
    result.ponder_steps_computed AS ponder_steps_computed,
    -- Parameter updates done at that evaluation.
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
WHERE trial.state IN ('succeeded', 'infeasible', 'failed');

-- One row for every configuration, over its replicates.
CREATE VIEW cell_result AS
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
        sum(coalesce(result.accuracy_interpolation >= sweep.solved_threshold, 0)) AS solved,
        count(result.accuracy_interpolation) AS measured,
        avg(result.accuracy_interpolation) AS accuracy_mean,
        min(result.accuracy_interpolation) AS accuracy_min,
        max(result.accuracy_interpolation) AS accuracy_max,
        sum(result.accuracy_interpolation * result.accuracy_interpolation) AS accuracy_squares,
        avg(result.ponder_steps_interpolation) AS ponder_steps_mean
    FROM trial
    JOIN sweep ON sweep.sweep_id = trial.sweep_id
    LEFT JOIN result ON result.trial_id = trial.trial_id
    GROUP BY trial.sweep_id, trial.configuration_id
),
-- The share solved and its 95 % Wilson interval, with z = 1.959964 and z^2 = 3.841459:
--     (share + z^2 / 2n  -+  z sqrt(share (1 - share) / n + z^2 / 4n^2)) / (1 + z^2 / n)
-- and the variance of the accuracies with n - 1, from their sum of squares (exact zero when all
-- are equal, which rounding would otherwise miss).
moments AS (
    SELECT
        counted.*,
        solved * 1.0 / nullif(n, 0) AS share,
        (solved * 1.0 * (n - solved) / n + 3.841458820694124 / 4) / (1.0 * n * n)
            AS wilson_variance,
        CASE
            WHEN accuracy_min = accuracy_max THEN 0.0
            ELSE max(0.0, accuracy_squares - measured * accuracy_mean * accuracy_mean)
                / (measured - 1)
        END AS accuracy_variance
    FROM counted
),
-- Square roots by Newton's rule, because many builds of SQLite lack sqrt(): starting above the
-- root it falls until rounding stops it, in about ten rounds. Both numbers here are at most 1.
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
        ) AS wilson_deviation,
        CASE WHEN measured < 2 THEN NULL WHEN accuracy_variance = 0 THEN 0.0 ELSE (
            WITH RECURSIVE newton (root) AS (
                SELECT 1.0
                UNION ALL
                SELECT (root + accuracy_variance / root) / 2 FROM newton
                WHERE (root + accuracy_variance / root) / 2 < root
            )
            SELECT min(root) FROM newton
        ) END AS accuracy_deviation
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
    configuration.spec ->> '$.model.lambda_p' AS lambda_p,
    configuration.spec ->> '$.model.beta' AS beta,
    configuration.spec ->> '$.model.tau' AS tau,
    configuration.spec ->> '$.model.max_steps' AS max_steps,
    configuration.spec ->> '$.training.learning_rate' AS learning_rate,
    configuration.spec ->> '$.model.step_function' AS step_function,
    configuration.spec ->> '$.model.hidden' AS hidden,
    configuration.spec ->> '$.model.halting_bias' AS halting_bias,
    configuration.spec ->> '$.model.residual' AS residual,
    configuration.spec ->> '$.model.unroll' AS unroll,
    configuration.spec ->> '$.model.epsilon' AS epsilon,
    configuration.spec ->> '$.training.gradient_clip' AS gradient_clip,
    configuration.spec ->> '$.training.batch' AS batch,
    configuration.spec ->> '$.training.updates' AS updates,
    configuration.spec ->> '$.task.elements' AS elements,
    configuration.spec ->> '$.task.positions' AS positions,
    CASE configuration.spec ->> '$.model.kind' WHEN 'ponder_net'
        THEN coalesce(configuration.spec ->> '$.model.kl_direction', 'network_prior') END
        AS kl_direction,
    coalesce(configuration.spec ->> '$.model.first_step_flag', 'off') AS first_step_flag,
    coalesce(configuration.spec ->> '$.model.initial_scale', 1.0) AS initial_scale,
    -- Trials with a result: n = succeeded + infeasible. Beside it, those that failed or were
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
        / (1 + 3.841458820694124 / n)) AS solved_share_high,
    -- Over the succeeded trials (a diverged one has no accuracy); sd divides by n - 1.
    accuracy_mean AS accuracy_interpolation_mean,
    accuracy_min AS accuracy_interpolation_min,
    accuracy_max AS accuracy_interpolation_max,
    accuracy_deviation AS accuracy_interpolation_sd,
    ponder_steps_mean AS ponder_steps_interpolation_mean
FROM spread
JOIN sweep ON sweep.sweep_id = spread.sweep_id
JOIN configuration ON configuration.configuration_id = spread.configuration_id;

-- One row for every trial that succeeded, range of the evaluation and range of difficulties.
CREATE VIEW difficulty_result AS
SELECT
    -- Which trial, as in trial_result.
    trial.sweep_id AS sweep_id,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    -- "interpolation" or "extrapolation"; samples with so many non-zeros, both ends included.
    difficulty.range AS range,
    difficulty.first_nonzeros AS first_nonzeros,
    difficulty.last_nonzeros AS last_nonzeros,
    -- Samples of the last evaluation, those answered rightly, and steps of all of them together.
    difficulty.examples AS examples,
    difficulty.correct AS correct,
    difficulty.ponder_steps AS ponder_steps,
    -- The share answered rightly, and the mean steps of a sample; halting as it was drawn.
    difficulty.correct * 1.0 / difficulty.examples AS accuracy,
    difficulty.ponder_steps * 1.0 / difficulty.examples AS ponder_steps_mean
FROM difficulty
JOIN trial ON trial.trial_id = difficulty.trial_id;

-- One row for every trial that succeeded, range of the evaluation and step at which samples halted.
CREATE VIEW halting_result AS
SELECT
    -- Which trial, as in trial_result.
    trial.sweep_id AS sweep_id,
    trial.trial_id AS trial_id,
    trial.trial_key AS trial_key,
    trial.configuration_id AS configuration_id,
    trial.replicate AS replicate,
    -- "interpolation" or "extrapolation"; the ponder step, from 1.
    halting.range AS range,
    halting.step AS step,
    -- Samples of the last evaluation that halted there. Steps at which none did have no row.
    halting.examples AS examples
FROM halting
JOIN trial ON trial.trial_id = halting.trial_id;

-- What every trial that succeeded cost in forward passes, each one step of one sample.
CREATE VIEW compute_result AS
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
        SELECT sum(ponder_steps) FROM difficulty
        WHERE difficulty.trial_id = trial.trial_id AND range = 'interpolation'
    ) AS forward_passes_interpolation,
    (
        SELECT sum(ponder_steps) FROM difficulty
        WHERE difficulty.trial_id = trial.trial_id AND range = 'extrapolation'
    ) AS forward_passes_extrapolation
FROM trial
JOIN configuration ON configuration.configuration_id = trial.configuration_id
WHERE trial.state = 'succeeded';

PRAGMA user_version = 2;
