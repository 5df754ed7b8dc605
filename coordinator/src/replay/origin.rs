//! What computed a stored result, what computed its replay, and which of the differences between
//! the two is likely to be why their numbers differ.

/// What is known of the program and machine behind some numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The machine.
    pub host: String,
    /// On what it computed, such as `cpu`.
    pub device: String,
    /// With which library.
    pub backend: String,
    /// The vector instructions of the kernels; `None` where they are not known or there are none.
    pub instructions: Option<String>,
    /// What the processor can do beyond them, separated by spaces; `None` where it is not known.
    pub cpu_features: Option<String>,
    /// The machine's graphics processors; `None` where there are none or they are not known.
    pub gpu: Option<String>,
    /// SHA-256 of the program's file.
    pub binary_sha256: String,
    /// The program's version.
    pub version: String,
}

/// One thing in which two origins differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contrast {
    /// Which, such as `device`.
    pub what: &'static str,
    /// What it is for the stored numbers.
    pub stored: String,
    /// What it is for the replay.
    pub replayed: String,
}

/// In what two origins differ, the likeliest cause of other numbers first. The machine itself is
/// none: what matters of it has a place of its own.
#[must_use]
pub fn contrasts(stored: &Origin, replayed: &Origin) -> Vec<Contrast> {
    // What is not recorded cannot be said to differ.
    let known = |of: fn(&Origin) -> &Option<String>| match (of(stored), of(replayed)) {
        (Some(stored), Some(replayed)) => [stored.clone(), replayed.clone()],
        _ => [String::new(), String::new()],
    };
    // Elsewhere than on the processor its graphics processor computed, and only there.
    let gpu = if stored.device == "cpu" {
        [String::new(), String::new()]
    } else {
        known(|origin| &origin.gpu)
    };
    let pairs = [
        ("device", [stored.device.clone(), replayed.device.clone()]),
        (
            "backend",
            [stored.backend.clone(), replayed.backend.clone()],
        ),
        ("gpu", gpu),
        ("instructions", known(|origin| &origin.instructions)),
        (
            "version",
            [stored.version.clone(), replayed.version.clone()],
        ),
        (
            "binary",
            [stored.binary_sha256.clone(), replayed.binary_sha256.clone()],
        ),
        ("cpu_features", known(|origin| &origin.cpu_features)),
    ];
    let differing = pairs.into_iter().filter(|(_, [a, b])| a != b);
    differing
        .map(|(what, [stored, replayed])| Contrast {
            what,
            stored,
            replayed,
        })
        .collect()
}

/// Why a replay that differs is likely to differ, for people.
#[must_use]
pub fn likely_reason(stored: &Origin, replayed: &Origin) -> String {
    match contrasts(stored, replayed).first() {
        Some(Contrast {
            what: "device" | "backend",
            stored,
            replayed,
        }) => format!(
            "computed on {stored}, replayed on {replayed}: two devices or libraries agree to rounding, \
             not to the bit"
        ),
        Some(Contrast {
            what: "instructions",
            stored,
            replayed,
        }) => format!(
            "computed with {stored} instructions, replayed with {replayed}: the kernels of two \
             instruction sets agree to rounding, not to the bit"
        ),
        Some(Contrast {
            what: "gpu",
            stored,
            replayed,
        }) => format!(
            "computed by {stored}, replayed by {replayed}: two graphics processors agree to rounding, \
             not to the bit"
        ),
        Some(Contrast {
            what: "version",
            stored,
            replayed,
        }) => format!("computed by version {stored}, replayed by version {replayed}"),
        Some(Contrast {
            what: "cpu_features",
            stored,
            replayed,
        }) => format!(
            "computed by a processor with {stored}, replayed by one with {replayed}; the same kernels ran \
             on both and should repeat to the bit, so changed rows are as likely"
        ),
        Some(Contrast { .. }) => {
            "computed by another build of the same version; the compiler, its options or the source \
             may have changed the arithmetic"
                .into()
        }
        None => unexplained(stored, replayed),
    }
}

/// Why the same program with the same device may have said something else.
fn unexplained(stored: &Origin, replayed: &Origin) -> String {
    if stored.device != "cpu" {
        return format!(
            "the same program on the same device; off cpu the bits of a trial may depend on the trials \
             it was trained with, and on the driver of {}",
            stored.device
        );
    }
    let unknown = stored.instructions.is_none() && replayed.instructions.is_some();
    let processor = if unknown && stored.host != replayed.host {
        format!(
            "the processor of {} may have other vector instructions (not recorded); else ",
            stored.host
        )
    } else {
        String::new()
    };
    format!(
        "the same program on the same device, which repeats to the bit: {processor}the stored rows were \
         changed after they were written, or one of the two machines computes wrongly"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            host: "here".into(),
            device: "cpu".into(),
            backend: "flex".into(),
            instructions: Some("avx2".into()),
            cpu_features: Some("avx2 fma".into()),
            gpu: None,
            binary_sha256: "aa".into(),
            version: "0.1.0".into(),
        }
    }

    fn reason(change: impl FnOnce(&mut Origin)) -> String {
        let mut replayed = origin();
        change(&mut replayed);
        likely_reason(&origin(), &replayed)
    }

    #[test]
    fn a_device_explains_more_than_a_binary() {
        let told = reason(|origin| {
            origin.device = "wgpu:0".into();
            origin.binary_sha256 = "bb".into();
        });
        assert!(
            told.starts_with("computed on cpu, replayed on wgpu:0"),
            "{told}"
        );
    }

    #[test]
    fn instruction_sets_versions_and_builds_are_told_apart() {
        let told = reason(|origin| origin.instructions = Some("avx512".into()));
        assert!(
            told.contains("avx2 instructions, replayed with avx512"),
            "{told}"
        );
        let told = reason(|origin| origin.version = "0.2.0".into());
        assert!(told.contains("version 0.2.0"), "{told}");
        let told = reason(|origin| origin.binary_sha256 = "bb".into());
        assert!(told.contains("another build of the same version"), "{told}");
    }

    #[test]
    fn a_processor_explains_less_than_a_build_and_a_graphics_processor_only_what_it_computed() {
        let told = reason(|origin| origin.cpu_features = Some("avx2".into()));
        assert!(
            told.contains("with avx2 fma, replayed by one with avx2"),
            "{told}"
        );
        let told = reason(|origin| {
            origin.cpu_features = Some("avx2".into());
            origin.binary_sha256 = "bb".into();
        });
        assert!(told.contains("another build"), "{told}");
        let on = |device: &str, gpu: &str| Origin {
            device: device.into(),
            gpu: Some(gpu.into()),
            ..origin()
        };
        assert_eq!(contrasts(&on("cpu", "a"), &on("cpu", "b")), []);
        let told = likely_reason(&on("cuda:0", "a"), &on("cuda:0", "b"));
        assert!(told.starts_with("computed by a, replayed by b"), "{told}");
    }

    #[test]
    fn what_was_not_recorded_is_not_said_to_differ() {
        let told = reason(|origin| origin.instructions = None);
        assert!(told.contains("the stored rows were changed"), "{told}");
    }

    #[test]
    fn equal_origins_leave_changed_rows_or_a_broken_machine() {
        let told = reason(|_| ());
        assert!(told.contains("the stored rows were changed"), "{told}");
        assert_eq!(contrasts(&origin(), &origin()), []);
    }

    #[test]
    fn another_machine_whose_instructions_are_unknown_is_named() {
        let stored = Origin {
            instructions: None,
            host: "there".into(),
            ..origin()
        };
        let told = likely_reason(&stored, &origin());
        assert!(told.contains("the processor of there may have"), "{told}");
    }

    #[test]
    fn off_cpu_the_neighbours_in_a_program_may_explain_it() {
        let gpu = Origin {
            device: "cuda:0".into(),
            ..origin()
        };
        assert!(likely_reason(&gpu, &gpu).contains("off cpu"));
    }
}
