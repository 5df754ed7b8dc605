-- The tables: what was asked for, who ran what, and what came out.
--
-- One program writes here, the coordinator; everybody may read. Read the views of the next
-- migration rather than these tables: the columns of the views are documented and stay.
--
-- Words. A sweep is a search space and its replicates. A configuration is one point of the space.
-- A trial is a configuration and a replicate: the unit of work and of result. An attempt is one
-- execution of a trial, counted from 1. An observation is one number an attempt measured.
--
-- Rules. Every table is STRICT: SQLite then refuses a text where a number belongs. Units stand in
-- the names (`_ms` is milliseconds, and a moment is counted from 1970-01-01 UTC). Moments come from
-- the coordinator's wall clock, which may be set back, so no constraint compares two of them.
-- The coordinator decides in memory and writes what it decided; the constraints below state the
-- same rules again, so that a mistake in the program fails loudly instead of spoiling results.
-- They list names with OR, not with IN, where a commit writes: for an IN with more than two, SQLite
-- builds a temporary table at every row.
--
-- Every migration ends by setting `user_version` to its number: readers compare it with what they
-- know. `application_id`, which tells these files from other SQLite files, is set on creation.

-- This database's own name, drawn when it was made: blobs outside of it are filed under it.
CREATE TABLE identity (
    database_id TEXT NOT NULL PRIMARY KEY
        CHECK (length(database_id) = 32 AND database_id NOT GLOB '*[^0-9a-f]*')
) STRICT;

INSERT INTO identity VALUES (lower(hex(randomblob(16))));

-- One search space, frozen when it was submitted.
CREATE TABLE sweep (
    -- The first sixteen hexadecimal digits of `spec_sha256`: equal specifications are one sweep.
    sweep_id TEXT NOT NULL PRIMARY KEY,
    -- For people; two sweeps may share it.
    name TEXT NOT NULL,
    -- The whole specification as canonical JSON: keys sorted, no white space.
    spec TEXT NOT NULL,
    -- SHA-256 of `spec`.
    spec_sha256 TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    -- Why it is in that state, for people.
    state_reason TEXT NOT NULL DEFAULT '',
    -- Its failure rate is counted from here on: trials that had a result or had failed, and those
    -- that had failed, when a person last resumed the sweep or retried its trials.
    baseline_ended INTEGER NOT NULL DEFAULT 0 CHECK (baseline_ended >= baseline_failed),
    baseline_failed INTEGER NOT NULL DEFAULT 0 CHECK (baseline_failed >= 0),
    -- Number of points of the space.
    configurations INTEGER NOT NULL,
    -- Repetitions of each at most; those beyond the specification's `initial_replicates` are withheld
    -- until they are allotted.
    replicates INTEGER NOT NULL,
    -- A trial is solved when its `accuracy_interpolation` reaches this share.
    solved_threshold REAL NOT NULL,
    -- Its trials are numbered without a gap: first_trial_id .. first_trial_id + configurations *
    -- replicates - 1. A sweep's trials are found by this range.
    first_trial_id INTEGER NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    CONSTRAINT sweep_id_is_the_head_of_its_hash CHECK (sweep_id = substr(spec_sha256, 1, 16)),
    CONSTRAINT sweep_hash_is_hexadecimal
        CHECK (length(spec_sha256) = 64 AND spec_sha256 NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT sweep_spec_is_json CHECK (json_valid(spec)),
    CONSTRAINT sweep_state_is_known CHECK (
        state = 'active' OR state = 'paused' OR state = 'cancelled' OR state = 'finished'
    ),
    CONSTRAINT sweep_has_trials CHECK (configurations >= 1 AND replicates >= 1),
    CONSTRAINT sweep_threshold_is_a_share CHECK (solved_threshold > 0 AND solved_threshold <= 1),
    CONSTRAINT sweep_trials_are_counted_from_1 CHECK (first_trial_id >= 1)
) STRICT;

-- One point of a search space.
CREATE TABLE configuration (
    configuration_id INTEGER PRIMARY KEY,
    sweep_id TEXT NOT NULL REFERENCES sweep,
    -- Its place in the order of the space, from 0.
    position INTEGER NOT NULL CHECK (position >= 0),
    -- Hash of `spec`: the same point has the same key in every sweep.
    configuration_key TEXT NOT NULL
        CHECK (length(configuration_key) = 16 AND configuration_key NOT GLOB '*[^0-9a-f]*'),
    -- Every setting, as canonical JSON.
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    UNIQUE (sweep_id, position),
    UNIQUE (sweep_id, configuration_key),
    -- Not a rule of its own: it lets a trial name its configuration together with its sweep.
    UNIQUE (configuration_id, sweep_id)
) STRICT;

-- One configuration with one replicate.
CREATE TABLE trial (
    trial_id INTEGER PRIMARY KEY,
    sweep_id TEXT NOT NULL,
    configuration_id INTEGER NOT NULL,
    -- Index of the repetition, from 0; it selects the random streams.
    replicate INTEGER NOT NULL CHECK (replicate >= 0),
    -- Hash of configuration, seed and replicate. Unique in a sweep, so no trial is run twice.
    trial_key TEXT NOT NULL CHECK (length(trial_key) = 16 AND trial_key NOT GLOB '*[^0-9a-f]*'),
    state TEXT NOT NULL DEFAULT 'pending',
    -- The current or last attempt; 0 before the first. It is the fencing token: whoever speaks for
    -- an older one is refused.
    attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    -- What stands against it since the last `retry`; each has a limit of its own. Attempts that
    -- failed by its own doing: panicked, crashed, or other.
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- Attempts that ran out of memory.
    out_of_memory INTEGER NOT NULL DEFAULT 0 CHECK (out_of_memory >= 0),
    -- Attempts lost with their worker while it ran nothing else. Counted apart: a lost machine is
    -- not the trial's fault.
    worker_losses INTEGER NOT NULL DEFAULT 0 CHECK (worker_losses >= 0),
    -- A suspect runs last and alone, because workers died while they ran it and others.
    suspicion TEXT NOT NULL DEFAULT 'none'
        CHECK (suspicion = 'none' OR suspicion = 'lost_once' OR suspicion = 'suspect'),
    UNIQUE (configuration_id, replicate),
    -- The key first: it also finds a trial by the first digits, and a million trials that share a
    -- sweep are told apart at the first byte.
    UNIQUE (trial_key, sweep_id),
    FOREIGN KEY (configuration_id, sweep_id) REFERENCES configuration (configuration_id, sweep_id),
    CONSTRAINT trial_state_is_known CHECK (
        state = 'pending' OR state = 'leased' OR state = 'succeeded' OR state = 'infeasible'
        OR state = 'failed' OR state = 'cancelled' OR state = 'withheld'
    ),
    -- `withheld`: not to be run unless its configuration is allotted more replicates.
    CONSTRAINT trial_needs_an_attempt_for_a_result CHECK (
        attempt >= 1 OR state = 'pending' OR state = 'cancelled' OR state = 'withheld'
    ),
    CONSTRAINT trial_withheld_was_never_run CHECK (attempt = 0 OR state != 'withheld')
) STRICT;

-- Who may call the coordinator. A token is 256 random bits that only its holder has; here is its
-- SHA-256, from which nobody finds it. `pondersweep token` writes this table, also while a
-- coordinator serves; rows are never deleted, since events and workers name them.
CREATE TABLE token (
    -- The first twelve hexadecimal digits of `token_sha256`: the token's public name.
    token_id TEXT NOT NULL PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE
        CHECK (length(token_sha256) = 64 AND token_sha256 NOT GLOB '*[^0-9a-f]*'),
    role TEXT NOT NULL,
    -- For people.
    name TEXT NOT NULL DEFAULT '',
    created_at_ms INTEGER NOT NULL,
    -- From when on it is refused; NULL for never.
    expires_at_ms INTEGER,
    -- When it was taken back; NULL while it is valid.
    revoked_at_ms INTEGER,
    CONSTRAINT token_id_is_the_head_of_its_hash CHECK (token_id = substr(token_sha256, 1, 12)),
    CONSTRAINT token_role_is_known CHECK (role IN ('viewer', 'submitter', 'worker'))
) STRICT;

-- A revoked token stays revoked, and no token changes its role.
CREATE TRIGGER token_is_only_revoked BEFORE UPDATE ON token
WHEN old.revoked_at_ms IS NOT NULL
    OR (new.token_id, new.token_sha256, new.role, new.created_at_ms, new.expires_at_ms)
        IS NOT (old.token_id, old.token_sha256, old.role, old.created_at_ms, old.expires_at_ms)
BEGIN
    SELECT raise(ABORT, 'a token is only revoked');
END;

CREATE TRIGGER token_is_never_deleted BEFORE DELETE ON token
BEGIN
    SELECT raise(ABORT, 'a token is never deleted');
END;

-- A process that trains.
CREATE TABLE worker (
    -- Chosen by the worker, unique for its life.
    worker_id TEXT NOT NULL PRIMARY KEY CHECK (length(worker_id) BETWEEN 1 AND 64),
    host TEXT NOT NULL,
    process_id INTEGER NOT NULL,
    -- What it computes on, such as "cpu" or "cuda:0".
    device TEXT NOT NULL,
    -- The library it computes with, such as "flex".
    backend TEXT NOT NULL,
    version TEXT NOT NULL,
    -- SHA-256 of its executable: a sweep trained by two binaries says so.
    binary_sha256 TEXT NOT NULL,
    -- Trials it can train at once.
    slots INTEGER NOT NULL CHECK (slots >= 0),
    -- The machine, as it describes itself: the processor's model, those of its instruction set
    -- extensions that matter to arithmetic (separated by spaces), the vector instructions of the
    -- kernels (empty where the device has none) and its graphics processors (separated by commas).
    cpu TEXT NOT NULL DEFAULT '',
    cpu_features TEXT NOT NULL DEFAULT '',
    instructions TEXT NOT NULL DEFAULT '',
    gpu TEXT NOT NULL DEFAULT '',
    -- The token it registered with: no other speaks for it. NULL where none was asked for.
    token_id TEXT REFERENCES token,
    -- When it was first heard of.
    registered_at_ms INTEGER NOT NULL,
    -- When it was last heard of. Written every few seconds at most, so it may lag by that much.
    last_heard_at_ms INTEGER NOT NULL,
    -- The term of its leases, as it was told. Who is not heard of for longer is missing.
    lease_duration_ms INTEGER NOT NULL CHECK (lease_duration_ms >= 0),
    -- `draining`: it ends what it holds and takes nothing more. `left`: it has handed everything back.
    state TEXT NOT NULL DEFAULT 'working',
    CONSTRAINT worker_state_is_known
        CHECK (state = 'working' OR state = 'draining' OR state = 'left')
) STRICT;

-- One execution of a trial: the lease while it lives, its history afterwards.
CREATE TABLE attempt (
    trial_id INTEGER NOT NULL REFERENCES trial,
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    worker_id TEXT NOT NULL REFERENCES worker,
    -- The acquisition it was granted to; a repeated acquisition gets the same leases.
    request_id TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    -- NULL while it lives.
    ended_at_ms INTEGER,
    -- How it ended. `lapsed`: its lease was not renewed in time. `returned`: handed back.
    ending TEXT,
    -- Why it failed or diverged.
    message TEXT NOT NULL DEFAULT '',
    -- What it died of; NULL unless it failed or lapsed.
    cause TEXT,
    -- Whether that was counted against the trial: 0 when its worker died while running others, too.
    blamed INTEGER NOT NULL DEFAULT 0 CHECK (blamed IN (0, 1)),
    -- Compute time as the worker measured it; NULL when the worker never said.
    seconds REAL CHECK (seconds >= 0),
    -- Whose checkpoint it started from, and the parameter updates done by then; NULL for an attempt
    -- that started at update 0. It has taken over that attempt's observations until then.
    started_from_attempt INTEGER
        CHECK (started_from_attempt >= 1 AND started_from_attempt <= attempt),
    started_from_updates INTEGER CHECK (started_from_updates >= 1),
    PRIMARY KEY (trial_id, attempt),
    CONSTRAINT attempt_that_started_later_says_where
        CHECK ((started_from_attempt IS NULL) = (started_from_updates IS NULL)),
    CONSTRAINT attempt_ends_in_a_known_way CHECK (
        ending = 'succeeded' OR ending = 'infeasible' OR ending = 'failed' OR ending = 'lapsed'
        OR ending = 'returned' OR ending = 'cancelled'
    ),
    CONSTRAINT attempt_that_ended_says_how CHECK ((ended_at_ms IS NULL) = (ending IS NULL)),
    CONSTRAINT attempt_dies_of_a_known_cause CHECK (
        cause = 'panicked' OR cause = 'crashed' OR cause = 'out_of_memory'
        OR cause = 'worker_lost' OR cause = 'other'
    ),
    CONSTRAINT attempt_has_a_cause_if_it_died
        CHECK ((cause IS NOT NULL) = (ending IS NOT NULL AND ending IN ('failed', 'lapsed'))),
    CONSTRAINT attempt_is_blamed_for_a_cause CHECK (blamed = 0 OR cause IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- At most one live attempt for each trial: two workers never hold the same trial.
CREATE UNIQUE INDEX attempt_live ON attempt (trial_id) WHERE ended_at_ms IS NULL;

-- Numbers measured by attempts. Kept for every attempt: what a lost attempt saw is evidence too.
CREATE TABLE observation (
    trial_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    -- Parameter updates done when it was measured.
    step INTEGER NOT NULL CHECK (step >= 0),
    -- What was measured; the names are columns of `result`.
    metric TEXT NOT NULL,
    -- Always finite: a diverged trial ends as infeasible instead. (SQLite has no NaN.)
    value REAL NOT NULL CHECK (abs(value) < 9e999),
    PRIMARY KEY (trial_id, attempt, step, metric),
    -- Checked at the end of a transaction, so that one batch may hold an attempt and its reports
    -- in any order.
    FOREIGN KEY (trial_id, attempt) REFERENCES attempt (trial_id, attempt)
        DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

-- Where a trial that has not ended can go on: its newest checkpoint. The row is written when
-- the bytes are durable, and goes when the trial has ended.
CREATE TABLE checkpoint (
    trial_id INTEGER PRIMARY KEY REFERENCES trial,
    -- The attempt that wrote it.
    attempt INTEGER NOT NULL,
    -- Parameter updates done by then.
    updates_done INTEGER NOT NULL CHECK (updates_done >= 1),
    bytes INTEGER NOT NULL CHECK (bytes >= 1),
    -- Name of the file or object with the bytes, below this database's id.
    blob TEXT NOT NULL UNIQUE,
    saved_at_ms INTEGER NOT NULL,
    FOREIGN KEY (trial_id, attempt) REFERENCES attempt (trial_id, attempt)
) STRICT;

-- The last evaluation of every trial that succeeded: one row for each, one column a metric, so
-- that a report over a million trials reads a million rows and pivots nothing. NULL where the
-- metric was not measured.
CREATE TABLE result (
    trial_id INTEGER PRIMARY KEY REFERENCES trial,
    attempt INTEGER NOT NULL,
    -- Parameter updates done at that evaluation; NULL when the attempt reported nothing.
    step INTEGER,
    accuracy_interpolation REAL,
    accuracy_expected_interpolation REAL,
    ponder_steps_interpolation REAL,
    ponder_steps_expected_interpolation REAL,
    loss_interpolation REAL,
    accuracy_extrapolation REAL,
    accuracy_expected_extrapolation REAL,
    ponder_steps_extrapolation REAL,
    ponder_steps_expected_extrapolation REAL,
    loss_extrapolation REAL,
    loss_training REAL,
    ponder_steps_computed REAL,
    FOREIGN KEY (trial_id, attempt) REFERENCES attempt (trial_id, attempt)
) STRICT;

-- The samples of that last evaluation by difficulty: a row for each range of non-zero elements, at
-- most ten ranges of equal width. Whole numbers, so that they add up. Halting as it was drawn.
CREATE TABLE difficulty (
    trial_id INTEGER NOT NULL REFERENCES result,
    -- 'interpolation': as many non-zeros as in training; 'extrapolation': more.
    range TEXT NOT NULL CHECK (range IN ('interpolation', 'extrapolation')),
    -- Its samples have so many non-zeros, both ends included.
    first_nonzeros INTEGER NOT NULL CHECK (first_nonzeros >= 1),
    last_nonzeros INTEGER NOT NULL CHECK (last_nonzeros >= first_nonzeros),
    -- Samples, and those answered rightly.
    examples INTEGER NOT NULL CHECK (examples >= 1),
    correct INTEGER NOT NULL CHECK (correct BETWEEN 0 AND examples),
    -- Steps of all of them together.
    ponder_steps INTEGER NOT NULL CHECK (ponder_steps >= examples),
    PRIMARY KEY (trial_id, range, first_nonzeros)
) STRICT, WITHOUT ROWID;

-- The same samples by the step at which they halted; no row where none did.
CREATE TABLE halting (
    trial_id INTEGER NOT NULL REFERENCES result,
    range TEXT NOT NULL CHECK (range IN ('interpolation', 'extrapolation')),
    -- The ponder step, from 1.
    step INTEGER NOT NULL CHECK (step >= 1),
    examples INTEGER NOT NULL CHECK (examples >= 1),
    PRIMARY KEY (trial_id, range, step)
) STRICT, WITHOUT ROWID;

-- The audit log: everything that was decided, in the order it was decided. Appended to, never
-- changed. It has no foreign keys on purpose: a refused call may name a trial that never was.
CREATE TABLE event (
    -- Ascending, since no event is ever deleted.
    event_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sweep_id TEXT,
    trial_id INTEGER,
    attempt INTEGER,
    worker_id TEXT,
    -- The state the sweep or trial was left in.
    state TEXT,
    -- `ended`: how and why. `started_from_checkpoint`: which. `refused`: the call. `leased`: the request. `sweep_state`: the reason.
    -- `token_created`, `token_revoked`: the token's id, role and name.
    detail TEXT NOT NULL DEFAULT '',
    CONSTRAINT event_kind_is_known CHECK (
        kind = 'leased' OR kind = 'ended' OR kind = 'trial_state' OR kind = 'sweep_state'
        OR kind = 'sweep_created' OR kind = 'worker_registered' OR kind = 'refused'
        OR kind = 'started_from_checkpoint' OR kind = 'token_created' OR kind = 'token_revoked'
    )
) STRICT;

CREATE INDEX event_of_trial ON event (trial_id) WHERE trial_id IS NOT NULL;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN
    SELECT raise(ABORT, 'event is append-only');
END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN
    SELECT raise(ABORT, 'event is append-only');
END;

PRAGMA user_version = 1;
