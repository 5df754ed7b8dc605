//! EDGE: a device's name to a burn device. The only file that opens one; besides it only
//! `operation/` names a backend, the one that has kernels.

use std::{fmt, str::FromStr};

use burn::tensor::Device;

/// Where training computes: the name of a device this build has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceName {
    /// This machine's processor, with burn's Flex backend.
    Cpu,
}

impl DeviceName {
    /// Every device of this build.
    pub const ALL: &'static [Self] = &[Self::Cpu];

    /// The device's name on the command line and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
        }
    }

    /// The backend behind it.
    #[must_use]
    pub const fn backend(self) -> &'static str {
        match self {
            Self::Cpu => "flex",
        }
    }

    /// The device, ready to compute.
    #[must_use]
    pub fn open(self) -> Device {
        match self {
            Self::Cpu => Device::flex(),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no device of this build has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no device {0:?} in this build; hint: available: {available}", available = names())]
pub struct UnknownDevice(String);

fn names() -> String {
    let names: Vec<&str> = DeviceName::ALL.iter().map(|device| device.name()).collect();
    names.join(", ")
}

impl FromStr for DeviceName {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|device| device.name() == text);
        found.ok_or_else(|| UnknownDevice(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_device_is_refused_with_what_there_is() {
        let message = "cuda:0".parse::<DeviceName>().unwrap_err().to_string();
        assert_eq!(
            message,
            "no device \"cuda:0\" in this build; hint: available: cpu"
        );
        assert_eq!("cpu".parse(), Ok(DeviceName::Cpu));
    }
}
