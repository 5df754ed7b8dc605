//! What this machine is made of, as far as it explains why two machines compute at another pace or
//! round otherwise. Reads what the system tells; what it does not tell stays empty.

use std::fs;

/// What Linux says of its processors.
const PROCESSORS: &str = "/proc/cpuinfo";
/// Where NVIDIA's driver describes each of its devices in a folder.
const NVIDIA: &str = "/proc/driver/nvidia/gpus";
/// Where Linux lists what is on the bus, for all other graphics processors.
const BUS: &str = "/sys/bus/pci/devices";

/// The processor's model.
#[must_use]
pub fn cpu() -> String {
    let described = fs::read_to_string(PROCESSORS).unwrap_or_default();
    let model = field(&described, "model name").or_else(|| field(&described, "Model"));
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// The instruction set extensions of this processor that matter to arithmetic, separated by spaces.
pub(super) fn cpu_features() -> String {
    let present = features().into_iter().filter(|(_, present)| *present);
    let names: Vec<&str> = present.map(|(name, _)| name).collect();
    names.join(" ")
}

#[cfg(target_arch = "x86_64")]
fn features() -> [(&'static str, bool); 8] {
    [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
    ]
}

#[cfg(target_arch = "aarch64")]
fn features() -> [(&'static str, bool); 2] {
    use std::arch::is_aarch64_feature_detected;
    [
        ("neon", is_aarch64_feature_detected!("neon")),
        ("sve", is_aarch64_feature_detected!("sve")),
    ]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> [(&'static str, bool); 0] {
    []
}

/// The graphics processors, separated by commas: NVIDIA's by model, others by their numbers on the
/// bus, such as `pci 1002:73bf`.
pub(super) fn gpu() -> String {
    let mut found = each_in(NVIDIA, "information", |text| {
        field(text, "Model").map(str::to_owned)
    });
    if found.is_empty() {
        found = each_in(BUS, "uevent", bus_number);
    }
    found.sort();
    found.join(", ")
}

/// What is found in a file of this name in every folder of `root`.
fn each_in(root: &str, file: &str, find: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let folders = fs::read_dir(root).into_iter().flatten().flatten();
    let texts = folders.filter_map(|folder| fs::read_to_string(folder.path().join(file)).ok());
    texts.filter_map(|text| find(&text)).collect()
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = pairs.filter(|(key, _)| key.trim() == name);
    values.next().map(|(_, value)| value.trim())
}

/// A display controller's numbers: in the bus's classes those begin with 3.
fn bus_number(uevent: &str) -> Option<String> {
    let value = |name: &str| {
        let mut values = uevent.lines().filter_map(|line| line.strip_prefix(name));
        values.next()
    };
    let class = value("PCI_CLASS=")?;
    // The class is printed without leading zeros, as 30000 or 38000; shorter ones are other things.
    let is_display = class.len() == 5 && class.starts_with('3');
    let number = value("PCI_ID=")?.to_ascii_lowercase();
    is_display.then(|| format!("pci {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processors_model_is_found_among_what_the_system_says() {
        let described = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 106\n\
                         model name\t: Intel(R) Xeon(R) CPU @ 2.60GHz\nflags\t\t: fpu vme";
        assert_eq!(
            field(described, "model name"),
            Some("Intel(R) Xeon(R) CPU @ 2.60GHz")
        );
        assert_eq!(field(described, "Model"), None);
    }

    #[test]
    fn a_graphics_processor_is_told_from_what_else_is_on_the_bus() {
        let device = |class: &str| format!("DRIVER=x\nPCI_CLASS={class}\nPCI_ID=1002:73BF\n");
        assert_eq!(bus_number(&device("30000")), Some("pci 1002:73bf".into()));
        assert_eq!(bus_number(&device("38000")), Some("pci 1002:73bf".into()));
        // A network card, a bridge, and something that is 3 only at first sight.
        for other in ["20000", "60400", "300"] {
            assert_eq!(bus_number(&device(other)), None);
        }
    }

    #[test]
    fn this_machine_names_its_processor() {
        assert!(!cpu().is_empty());
    }
}
