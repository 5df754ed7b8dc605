//! A lane's state as bytes, and back. The bytes say what they are: their format, who computed them
//! and for which trial, and a checksum over all of it. A worker or trial that differs gets an error
//! instead of a state: training goes on to the bit or from the beginning, never in between.
//!
//! Format 1, all numbers little-endian: `PSCKPT`, the format (u16); device, backend, instructions
//! and binary, each a length (u16) and UTF-8; the trial's key, the updates done, those not yet
//! reported (u64 each), the sums of what training measured in those (f64 each); the number of
//! parameters (u64), the parameters, their first and second moments (f32 each); the SHA-256 of
//! everything before it.

mod bytes;

use pondersweep_proto::{setting::Setting, spec::TrialSpec};
use sha2::{Digest as _, Sha256};

use super::{LaneState, lane::Sums};
use crate::{kernel::Adam, model::Layout};
use bytes::{Reader, TooShort, Writer};

/// The first bytes of every checkpoint.
const MAGIC: &[u8; 6] = b"PSCKPT";
/// The format this program writes, and the only one it reads.
const FORMAT: u16 = 1;
/// Bytes of the checksum at the end.
const CHECKSUM: usize = 32;

/// What computed a state. Arithmetic repeats to the bit only where all of it is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Such as `cpu` or `cuda:0`.
    pub device: String,
    /// The library behind the device, such as `flex`.
    pub backend: String,
    /// The vector instructions the kernels use, such as `avx512`.
    pub instructions: String,
    /// SHA-256 of the program.
    pub binary_sha256: String,
}

impl Origin {
    fn parts(&self) -> [(&'static str, &str); 4] {
        [
            ("device", &self.device),
            ("backend", &self.backend),
            ("instruction set", &self.instructions),
            ("binary", &self.binary_sha256),
        ]
    }
}

/// Why a checkpoint is not resumed; the trial then starts at update 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedCheckpoint {
    /// It is not a checkpoint, or not a whole one.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(&'static str),
    /// Another version of the program wrote it.
    #[error("the checkpoint has format {0}, this program reads {FORMAT}")]
    OtherFormat(u16),
    /// It was computed elsewhere or otherwise, so the next bits would not be the same.
    #[error("the checkpoint is of another {what}: {found}")]
    OtherOrigin {
        /// What differs.
        what: &'static str,
        /// What it is in the checkpoint.
        found: String,
    },
    /// It is another trial's.
    #[error("the checkpoint is of another trial")]
    OtherTrial,
}

impl From<TooShort> for RefusedCheckpoint {
    fn from(TooShort: TooShort) -> Self {
        Self::Damaged("it ends too soon")
    }
}

/// The state of a trial's lane as bytes.
#[must_use]
pub fn encode(state: &LaneState, trial: &TrialSpec, origin: &Origin) -> Vec<u8> {
    let LaneState {
        parameters,
        optimizer,
        sums,
    } = state;
    let mut writer = Writer::default();
    writer.bytes(MAGIC);
    writer.u16(FORMAT);
    for (_, part) in origin.parts() {
        writer.text(part);
    }
    writer.u64(trial.key().as_u64());
    writer.u64(optimizer.updates);
    writer.u64(sums.updates);
    sums.totals.iter().for_each(|&total| writer.f64(total));
    writer.u64(parameters.len() as u64);
    writer.f32s(parameters);
    writer.f32s(&optimizer.first_moment);
    writer.f32s(&optimizer.second_moment);
    let mut bytes = writer.into_bytes();
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The state in the bytes, if it is of this trial and origin.
///
/// # Errors
/// It is not: the trial must start at update 0.
pub fn decode(
    bytes: &[u8],
    trial: &TrialSpec,
    origin: &Origin,
) -> Result<LaneState, RefusedCheckpoint> {
    let mut reader = Reader::new(checked(bytes)?);
    reader.bytes(MAGIC.len() + size_of_val(&FORMAT))?;
    for (what, ours) in origin.parts() {
        let found = reader.text()?;
        if found != ours.as_bytes() {
            let found = String::from_utf8_lossy(found).into_owned();
            return Err(RefusedCheckpoint::OtherOrigin { what, found });
        }
    }
    if reader.u64()? != trial.key().as_u64() {
        return Err(RefusedCheckpoint::OtherTrial);
    }
    let updates = reader.u64()?;
    if updates >= trial.configuration.whole(Setting::UPDATES) {
        return Err(RefusedCheckpoint::Damaged("it is of the end of the trial"));
    }
    let mut sums = Sums {
        updates: reader.u64()?,
        ..Sums::default()
    };
    for total in &mut sums.totals {
        *total = reader.f64()?;
    }
    let parameters = Layout::of(&trial.configuration).size();
    if reader.u64()? != parameters as u64 {
        return Err(RefusedCheckpoint::Damaged("it has other parameters"));
    }
    let state = LaneState {
        parameters: reader.f32s(parameters)?,
        optimizer: Adam {
            first_moment: reader.f32s(parameters)?,
            second_moment: reader.f32s(parameters)?,
            updates,
        },
        sums,
    };
    match reader.rest() {
        [] => Ok(state),
        _ => Err(RefusedCheckpoint::Damaged("it goes on after its end")),
    }
}

/// The bytes without their checksum, which fits. The format is looked at first: another one may
/// have another checksum.
fn checked(bytes: &[u8]) -> Result<&[u8], RefusedCheckpoint> {
    let mut head = Reader::new(bytes);
    if head.bytes(MAGIC.len())? != MAGIC {
        return Err(RefusedCheckpoint::Damaged("it does not begin as one"));
    }
    let format = head.u16()?;
    if format != FORMAT {
        return Err(RefusedCheckpoint::OtherFormat(format));
    }
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(TooShort)?;
    if Sha256::digest(content).as_slice() != checksum {
        return Err(RefusedCheckpoint::Damaged("its checksum does not fit"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support;

    fn origin() -> Origin {
        Origin {
            device: "cpu".into(),
            backend: "flex".into(),
            instructions: "avx512".into(),
            binary_sha256: "ab".repeat(32),
        }
    }

    /// The smallest network, so that every byte can be tried.
    fn trial() -> TrialSpec {
        test_support::trial(|settings| {
            settings.set(Setting::ELEMENTS, 1_u32).unwrap();
            settings.set(Setting::HIDDEN, 1_u32).unwrap();
            settings.set(Setting::UPDATES, 20_000_u32).unwrap();
        })
    }

    /// With numbers that only survive bit by bit.
    fn state() -> LaneState {
        let special = [0.1, -0.0, f32::from_bits(1), f32::MIN, 3.25, f32::EPSILON];
        let size = Layout::of(&trial().configuration).size();
        let numbers = |first| special.iter().copied().cycle().skip(first).take(size);
        LaneState {
            parameters: numbers(0).collect(),
            optimizer: Adam {
                first_moment: numbers(1).collect(),
                second_moment: numbers(2).collect(),
                updates: 12_345,
            },
            sums: Sums {
                updates: 345,
                totals: std::array::from_fn(|index| [0.1 + 0.2, 1e300][index % 2]),
            },
        }
    }

    fn encoded() -> Vec<u8> {
        encode(&state(), &trial(), &origin())
    }

    fn refusal(bytes: &[u8]) -> RefusedCheckpoint {
        decode(bytes, &trial(), &origin()).unwrap_err()
    }

    #[test]
    fn a_state_comes_back_to_the_bit() {
        let back = decode(&encoded(), &trial(), &origin()).unwrap();
        assert_eq!(back, state());
        assert_eq!(back.updates_done(), 12_345);
        // Equal numbers may differ in bits (-0.0), equal bytes do not.
        assert_eq!(encode(&back, &trial(), &origin()), encoded());
    }

    #[test]
    fn a_checkpoint_with_any_byte_changed_or_missing_is_refused() {
        let bytes = encoded();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x10;
            refusal(&changed);
            refusal(&bytes[..index]);
        }
        refusal(&[&bytes[..], &[0]].concat());
    }

    #[test]
    fn another_device_backend_instruction_set_or_binary_is_refused_by_name() {
        type Change = fn(&mut Origin);
        let others: [(&str, Change); 4] = [
            ("device", |origin| origin.device = "cuda:0".into()),
            ("backend", |origin| origin.backend = "tch".into()),
            ("instruction set", |origin| {
                origin.instructions = "avx2".into();
            }),
            ("binary", |origin| origin.binary_sha256 = "cd".repeat(32)),
        ];
        for (expected, change) in others {
            let mut other = origin();
            change(&mut other);
            let refused = decode(&encoded(), &trial(), &other).unwrap_err();
            let RefusedCheckpoint::OtherOrigin { what, .. } = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(what, expected);
        }
    }

    #[test]
    fn another_trials_checkpoint_is_refused() {
        let mut other = trial();
        other.replicate += 1;
        let refused = decode(&encoded(), &other, &origin()).unwrap_err();
        assert_eq!(refused, RefusedCheckpoint::OtherTrial);
    }

    #[test]
    fn another_format_is_refused_as_that_even_if_nothing_else_can_be_read() {
        let refused = refusal(&[&MAGIC[..], &2_u16.to_le_bytes(), b"whatever"].concat());
        assert_eq!(refused, RefusedCheckpoint::OtherFormat(2));
        assert_eq!(
            refused.to_string(),
            "the checkpoint has format 2, this program reads 1"
        );
    }

    #[test]
    fn a_state_after_the_last_update_is_refused_since_nothing_could_be_measured_from_it() {
        let mut state = state();
        state.optimizer.updates = trial().configuration.whole(Setting::UPDATES);
        refusal(&encode(&state, &trial(), &origin()));
    }

    #[test]
    fn a_state_of_another_size_is_refused() {
        for change in [-1, 1] {
            let mut state = state();
            let size = state.parameters.len().checked_add_signed(change).unwrap();
            state.parameters.resize(size, 0.0);
            refusal(&encode(&state, &trial(), &origin()));
        }
    }
}
