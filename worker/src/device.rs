//! EDGE: a device's name to a burn device. The only room that opens one; besides it only
//! `operation/` names a backend, the one that has kernels. It decides nothing about training.
//!
//! A [`DeviceName`] that exists can compute here: its backend is in this build and its hardware in
//! this machine. Which backends a build has is chosen by Cargo features (docs/devices.md says how).

mod backend;

use std::{fmt, str::FromStr};

use burn::tensor::Device;

use self::backend::Backend;
use crate::kernel::InstructionSet;

/// Characters of a refused name that an error repeats.
const MAX_QUOTED: usize = 40;

/// Where training computes: a device of this build and this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceName {
    backend: Backend,
    index: usize,
}

impl DeviceName {
    /// This machine's processor, with burn's Flex backend: in every build, on every machine.
    pub const CPU: Self = Self {
        backend: Backend::Flex,
        index: 0,
    };

    /// Every device this build can compute on here. Asks the drivers.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let of_backend = |&backend: &Backend| {
            let indices = 0..backend.devices();
            indices.map(move |index| Self { backend, index })
        };
        Backend::ALL.iter().flat_map(of_backend).collect()
    }

    /// The library behind it, as the database keeps it.
    #[must_use]
    pub const fn backend(self) -> &'static str {
        self.backend.library()
    }

    /// The vector instructions that the kernels use on it, such as `avx512`; none where the device
    /// has no kernels of ours.
    #[must_use]
    pub fn instructions(self) -> &'static str {
        match self.backend {
            Backend::Flex => InstructionSet::detect().name(),
            Backend::LibTorchCpu | Backend::LibTorchCuda | Backend::Cuda | Backend::Wgpu => "",
        }
    }

    /// Bundles it trains side by side unless told otherwise, given the machine's cores. Flex
    /// gives a bundle one core; every other backend spreads one bundle over the whole device.
    #[must_use]
    pub const fn default_slots(self, cores: u32) -> u32 {
        match self.backend {
            Backend::Flex => cores,
            Backend::LibTorchCpu | Backend::LibTorchCuda | Backend::Cuda | Backend::Wgpu => 1,
        }
    }

    /// The device, ready to compute.
    ///
    /// # Panics
    /// It has left the machine since it was named.
    #[must_use]
    pub fn open(self) -> Device {
        self.backend
            .open(self.index)
            .expect("a device that was there when it was named")
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.backend.name())?;
        if self.backend.is_indexed() {
            write!(f, ":{}", self.index)?;
        }
        Ok(())
    }
}

/// Why nothing can be computed on what a text names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Name one of the devices there are.
    #[error("no device {name:?}\nhint: available here: {available}; others: {others}")]
    Unknown {
        /// The text, cut.
        name: String,
        /// The devices of this build and machine.
        available: String,
        /// The names other builds know.
        others: String,
    },
    /// Use a build with the feature.
    #[error(
        "device {name} is not in this build\n\
         hint: available here: {available}; build with `--features {feature}` for it"
    )]
    NotBuilt {
        /// The device's name.
        name: DeviceName,
        /// The Cargo feature it needs.
        feature: &'static str,
        /// The devices of this build and machine.
        available: String,
    },
    /// Name a device the machine has, or mend its driver.
    #[error(
        "device {name} is not on this machine\n\
         hint: available here: {available}; check that its driver is installed"
    )]
    Absent {
        /// The device's name.
        name: DeviceName,
        /// The devices of this build and machine.
        available: String,
    },
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let name = parse(text).ok_or_else(|| DeviceError::Unknown {
            name: text.chars().take(MAX_QUOTED).collect(),
            available: available_names(),
            others: forms_of_other_builds(),
        })?;
        if let Some(feature) = name.backend.missing_feature() {
            let available = available_names();
            return Err(DeviceError::NotBuilt {
                name,
                feature,
                available,
            });
        }
        if name.index >= name.backend.devices() {
            let available = available_names();
            return Err(DeviceError::Absent { name, available });
        }
        Ok(name)
    }
}

/// The device a text names, whether or not it is here.
fn parse(text: &str) -> Option<DeviceName> {
    let of_backend = |&backend: &Backend| {
        let rest = text.strip_prefix(backend.name())?;
        let index = match (backend.is_indexed(), rest.strip_prefix(':')) {
            (false, None) if rest.is_empty() => 0,
            // Digits alone, so that a device has one name: neither "+0" nor "00".
            (true, Some(digits)) => digits
                .parse()
                .ok()
                .filter(|index: &usize| index.to_string() == digits)?,
            _ => return None,
        };
        Some(DeviceName { backend, index })
    };
    Backend::ALL.iter().find_map(of_backend)
}

fn available_names() -> String {
    join(DeviceName::available().iter())
}

fn forms_of_other_builds() -> String {
    let other = |backend: &&Backend| backend.missing_feature().is_some();
    let name = |&backend| DeviceName { backend, index: 0 };
    let forms = join(Backend::ALL.iter().filter(other).map(name));
    if forms.is_empty() {
        "none".into()
    } else {
        forms
    }
}

fn join(names: impl Iterator<Item = impl fmt::Display>) -> String {
    names
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_device_is_found_by_its_name() {
        let available = DeviceName::available();
        assert_eq!(available[0], DeviceName::CPU);
        for name in available {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[test]
    fn a_name_of_no_backend_is_refused_with_what_there_is() {
        let names = [
            "abacus",
            "",
            "cpu:0",
            "CPU",
            " cpu",
            "cuda",
            "cuda:",
            "cuda:+1",
            "cuda:01",
            "cuda:-1",
            "tch",
            "tch:cuda",
            "tch:gpu:0",
            "wgpu:0:1",
            "cuda:99999999999999999999999",
        ];
        for name in names {
            let error = name.parse::<DeviceName>().unwrap_err();
            assert!(matches!(error, DeviceError::Unknown { .. }), "{name}");
            assert!(error.to_string().contains("available here: cpu"), "{error}");
        }
        let long = "x".repeat(1_000).parse::<DeviceName>().unwrap_err();
        assert!(long.to_string().len() < 200, "{long}");
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_device_of_another_build_is_refused_with_the_feature_it_needs() {
        let error = "cuda:0".parse::<DeviceName>().unwrap_err().to_string();
        assert!(
            error.starts_with("device cuda:0 is not in this build\nhint: available here: cpu"),
            "{error}"
        );
        assert!(
            error.ends_with("build with `--features cuda` for it"),
            "{error}"
        );
    }

    #[test]
    fn a_device_the_machine_lacks_is_refused_with_what_there_is() {
        let built =
            |backend: &&Backend| backend.is_indexed() && backend.missing_feature().is_none();
        for &backend in Backend::ALL.iter().filter(built) {
            let absent = DeviceName {
                backend,
                index: 4_000,
            };
            let error = absent.to_string().parse::<DeviceName>().unwrap_err();
            assert!(matches!(error, DeviceError::Absent { .. }), "{error}");
            assert!(error.to_string().contains("available here: cpu"), "{error}");
        }
    }
}
