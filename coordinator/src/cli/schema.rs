//! `pondersweep schema`: the JSON Schema of sweep files.

use std::process::ExitCode;

use super::output::print_text;

/// Print the JSON Schema of sweep files, for editors
///
/// Save it with `pondersweep schema > pondersweep.schema.json` and write
/// `#:schema pondersweep.schema.json` into the first line of a sweep file: editors with Taplo then
/// complete keys, show what they mean and mark mistakes.
#[derive(Debug, clap::Args)]
pub(super) struct SchemaArgs {}

pub(super) fn run(_: &SchemaArgs) -> anyhow::Result<ExitCode> {
    print_text(&serde_json::to_string_pretty(&crate::sweep::schema())?)?;
    Ok(ExitCode::SUCCESS)
}
