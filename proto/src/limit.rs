//! A limit on everything a peer or a sweep file may ask for, each with its reason.

/// The version of the protocol between workers and coordinator. It rises whenever a message that
/// one of them sends would be misread by the other.
pub const PROTOCOL: u32 = 2;
/// Buckets of difficulty of one evaluation: a curve that people can read, a few rows a trial; a row
/// for each of the tasks of bAbI.
pub const MAX_DIFFICULTY_BUCKETS: usize = 20;
/// Trials of one sweep without an explicit confirmation: a larger grid is more often a typing
/// mistake than a wish.
pub const MAX_TRIALS_UNCONFIRMED: u64 = 1_000_000;
/// Trials of one sweep at all: the coordinator keeps a few dozen bytes for each in memory.
pub const MAX_TRIALS: u64 = 50_000_000;
/// Values of one axis.
pub const MAX_AXIS_VALUES: usize = 100_000;
/// Exclusion rules, each tried on every configuration.
pub const MAX_EXCLUSIONS: usize = 1_000;
/// Conditions of exclusion rules tried on points of the grid, of one sweep: some seconds.
pub const MAX_RULE_CHECKS: u64 = 1 << 31;
/// Combinations of values that depend on each other, in a peer's sweep: some seconds to check
/// them.
pub const MAX_COMBINATIONS: u64 = 2_000_000;
/// Bytes of a specification: with the rest of the message, an answer stays below
/// [`MAX_WIRE_MESSAGE_BYTES`].
pub const MAX_SPECIFICATION_BYTES: usize = 3 * 1_024 * 1_024;
/// Replicates of one configuration.
pub const MAX_REPLICATES: u32 = 1_000_000;
/// Length of a sweep's name.
pub const MAX_NAME_BYTES: usize = 128;
/// Length of a worker's identifier.
pub const MAX_WORKER_ID_BYTES: usize = 64;
/// Length of a request's identifier.
pub const MAX_REQUEST_ID_BYTES: usize = 64;
/// Needs that a worker may offer to meet.
pub const MAX_OFFERS: usize = 16;
/// The length of each.
pub const MAX_OFFER_BYTES: usize = 128;
/// Length of a message about a failed attempt; longer ones are cut.
pub const MAX_MESSAGE_BYTES: usize = 4_096;
/// Length of a worker's descriptive fields (host, device, backend, version).
pub const MAX_WORKER_FIELD_BYTES: usize = 256;
/// Observations of one call.
pub const MAX_OBSERVATIONS: usize = 4_096;
/// Workers that are known and never ran anything: more than any fleet that was tried.
pub const MAX_IDLE_WORKERS: usize = 16_384;
/// Bundles one worker trains side by side; what it holds at most follows with [`MAX_LANES`].
pub const MAX_SLOTS: u32 = 1_024;
/// Length of a metric's name.
pub const MAX_METRIC_BYTES: usize = 64;
/// Metrics of an experiment: every one is a row of each trial's result.
pub const MAX_METRICS: usize = 256;
/// Tables of a trial's breakdown.
pub const MAX_BREAKDOWN_TABLES: usize = 16;
/// Counts of a trial's breakdown: two evaluations, by every ponder step and by difficulty.
pub const MAX_BREAKDOWN_COUNTS: usize =
    2 * (MAX_PONDER_STEPS as usize + 4 * MAX_DIFFICULTY_BUCKETS);
/// Length of a table's, group's, row's or column's name in a breakdown.
pub const MAX_BREAKDOWN_WORD_BYTES: usize = 64;
/// Compute time of an attempt, in seconds: ten years.
pub const MAX_SECONDS: f64 = 315_360_000.0;
/// Lanes of one bundle.
pub const MAX_LANES: u32 = 1_024;
/// Attempts that one call ends: with the longest messages they are a third of
/// [`MAX_WIRE_MESSAGE_BYTES`].
pub const MAX_ENDED_ATTEMPTS: usize = 256;
/// Leases of one renewal.
pub const MAX_RENEWALS: usize = 4_096;
/// Configurations that one call allocates replicates to; more take several calls.
pub const MAX_ALLOCATIONS: usize = 65_536;
/// Bytes of one configuration as JSON: fifty settings with long names and values.
pub const MAX_CONFIGURATION_BYTES: usize = 16 * 1_024;
/// Parameters of a program.
pub const MAX_PARAMETERS: usize = 128;
/// Length of a parameter's name.
pub const MAX_PARAMETER_BYTES: usize = 64;
/// Different parameters of programs, and tables of them, that a process ever knows: a few hundred
/// bytes each, which are never given back.
pub const MAX_PARAMETER_ROWS: usize = 100_000;
/// Bytes of a program's canonical JSON form.
pub const MAX_PROGRAM_BYTES: usize = 16 * 1_024;
/// Arguments of a program's command.
pub const MAX_ARGUMENTS: usize = 1_024;
/// Files of a program.
pub const MAX_PROGRAM_FILES: usize = 128;
/// Bytes of all files of a program together: they travel in one message.
pub const MAX_PROGRAM_FILE_BYTES: usize = 3 * 1_024 * 1_024;
/// Configurations of one page.
pub const MAX_CELLS_OF_PAGE: u32 = 10_000;
/// Workers or sweeps of one page...
pub const MAX_ROWS_OF_PAGE: usize = 1_000;
/// ...and their bytes, unless a single one has more.
pub const MAX_BYTES_OF_PAGE: usize = 1_024 * 1_024;
/// Bytes of one gRPC message in either direction.
pub const MAX_WIRE_MESSAGE_BYTES: usize = 4 * 1_024 * 1_024;
/// Bytes of one checkpoint: twelve for each parameter, so five million parameters. Trials of larger
/// networks are not checkpointed.
pub const MAX_CHECKPOINT_BYTES: u64 = 64 * 1_024 * 1_024;
/// Bytes of a checkpoint in one message: well below [`MAX_WIRE_MESSAGE_BYTES`].
pub const MAX_CHECKPOINT_PIECE_BYTES: usize = 1_024 * 1_024;
/// Units of a hidden state: beyond it a trial no longer fits the machines this is made for.
pub const MAX_HIDDEN: u32 = 8_192;
/// Elements of a task's input vector.
pub const MAX_ELEMENTS: u32 = 65_536;
/// Sequences of items in a memory, and items of one: their pairs still fit [`MAX_ELEMENTS`].
pub const MAX_SEQUENCES: u32 = 1_024;
/// Items of one sequence: a row of a table for every distance between two of them.
pub const MAX_SEQUENCE_LENGTH: u32 = 9;
/// Items that a task draws from.
pub const MAX_POOL: u32 = 1_000_000;
/// Sentences of a story in memory: the longest that was published has 228.
pub const MAX_SENTENCES: u32 = 1_024;
/// Words, and answers, of stories: fewer than numbers of 16 bits.
pub const MAX_STORY_WORDS: u32 = 60_000;
/// Heads of an attention.
pub const MAX_HEADS: u32 = 256;
/// Layers of a transition.
pub const MAX_LAYERS: u32 = 16;
/// Ponder steps of a sample.
pub const MAX_PONDER_STEPS: u32 = 1_000;
/// Samples of one update.
pub const MAX_BATCH: u32 = 65_536;
/// Samples of one evaluation.
pub const MAX_EXAMPLES: u32 = 10_000_000;
/// Parameter updates of one trial.
pub const MAX_UPDATES: u64 = 1_000_000_000_000;
/// Characters of a peer's text that an answer repeats: enough to recognise it by, and few enough
/// for an answer to fit where answers go.
pub const MAX_SHOWN_CHARACTERS: usize = 80;

/// The beginning of a text, as an answer or an error repeats it.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARACTERS).collect()
}
