//! Gathers a report's manifest: hashes from the database and of the files that were written, and writes
//! it to their folder.

use std::{fs, io, path::Path};

use anyhow::Context as _;
use pondersweep_proto::id::{SweepId, hexadecimal};
use pondersweep_worker::identity::binary_sha256;
use sha2::{Digest as _, Sha256};

use crate::{
    report::manifest::{
        MANIFEST_FILE, MANIFEST_SCHEMA, Manifest, ManifestCounts, ManifestFile, ManifestProducer,
        ManifestProgram, ManifestResults, ManifestSweep,
    },
    report_input::Judgement,
    store::{Producer, Reader, SweepFingerprint},
    whole_file,
};

/// Writes the manifest of a report on these sweeps, made of these files, into its folder.
pub(super) async fn write(
    database: &Path,
    sweeps: &[SweepId],
    judgement: &Judgement,
    files: &[impl AsRef<Path>],
    folder: &Path,
) -> anyhow::Result<Manifest> {
    let mut reader = Reader::open(database).await?;
    let mut described = Vec::new();
    for &sweep_id in sweeps {
        described.push(describe(&mut reader, sweep_id).await?.0);
    }
    let files = files.iter().map(|file| hash_file(folder, file.as_ref()));
    let manifest = Manifest {
        schema: MANIFEST_SCHEMA.to_owned(),
        complete: described
            .iter()
            .all(|sweep| sweep.trials.without_result() == 0),
        made_by: this_program()?,
        metric: judgement.metric.clone(),
        solved_at: judgement.solved_at,
        sweeps: described,
        files: files.collect::<anyhow::Result<_>>()?,
    };
    let path = folder.join(MANIFEST_FILE);
    let mut text = serde_json::to_string_pretty(&manifest)?;
    text.push('\n');
    whole_file::write(&path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(manifest)
}

/// A sweep as a manifest has it, and the number of its first trial in this database.
pub(super) async fn describe(
    reader: &mut Reader,
    sweep_id: SweepId,
) -> anyhow::Result<(ManifestSweep, u64)> {
    let found = reader.fingerprint(sweep_id).await?;
    let first_trial_id = found.first_trial_id;
    let sweep = ManifestSweep {
        program_files: reader.program_files(sweep_id).await?,
        sweep_id: sweep_id.to_string(),
        trials: counts(&found),
        name: found.name,
        spec_sha256: found.spec_sha256,
        trial_set_sha256: found.trial_set_sha256,
        results: ManifestResults {
            trials: found.results.trials,
            observations: found.results.observations,
            sha256: found.results.sha256,
            trials_per_block: found.blocks.trials_per_block,
            blocks: found.blocks.hashes,
        },
        producers: found.producers.into_iter().map(producer).collect(),
    };
    Ok((sweep, first_trial_id))
}

const fn counts(found: &SweepFingerprint) -> ManifestCounts {
    let counts = &found.counts;
    ManifestCounts {
        expected: counts.total(),
        succeeded: counts.succeeded,
        infeasible: counts.infeasible,
        failed: counts.failed,
        cancelled: counts.cancelled,
        pending: counts.pending,
        leased: counts.leased,
        withheld: counts.withheld,
    }
}

fn producer(producer: Producer) -> ManifestProducer {
    ManifestProducer {
        binary_sha256: producer.binary_sha256,
        version: producer.version,
        device: producer.device,
        backend: producer.backend,
        results: producer.results,
    }
}

fn hash_file(folder: &Path, file: &Path) -> anyhow::Result<ManifestFile> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file.strip_prefix(folder).unwrap_or(file);
    Ok(ManifestFile {
        name: name.display().to_string(),
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
    })
}

/// The hash of some bytes, as hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(super) fn this_program() -> io::Result<ManifestProgram> {
    Ok(ManifestProgram {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        binary_sha256: binary_sha256()?,
    })
}
