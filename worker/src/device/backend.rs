//! The burn backends: what each is called, which Cargo feature brings it, how many devices it finds
//! and how one is opened. Everything that depends on a feature is here.

use burn::tensor::Device;
#[cfg(any(feature = "tch", feature = "cuda", feature = "wgpu"))]
use burn::tensor::DeviceType;

/// A burn backend, in this build or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    /// burn's own, for processors.
    Flex,
    /// LibTorch on the processor.
    LibTorchCpu,
    /// LibTorch on NVIDIA's.
    LibTorchCuda,
    /// CubeCL's kernels, compiled for NVIDIA's.
    Cuda,
    /// CubeCL's kernels, as shaders for whatever graphics driver there is.
    Wgpu,
}

impl Backend {
    /// All of them, the one of every build first.
    pub(super) const ALL: &'static [Self] = &[
        Self::Flex,
        Self::LibTorchCpu,
        Self::LibTorchCuda,
        Self::Cuda,
        Self::Wgpu,
    ];

    /// What its devices' names begin with.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Flex => "cpu",
            Self::LibTorchCpu => "tch:cpu",
            Self::LibTorchCuda => "tch:cuda",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
        }
    }

    /// Whether a number follows the name, because there may be several.
    pub(super) const fn is_indexed(self) -> bool {
        match self {
            Self::Flex | Self::LibTorchCpu => false,
            Self::LibTorchCuda | Self::Cuda | Self::Wgpu => true,
        }
    }

    /// The library's name in the database.
    pub(super) const fn library(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::LibTorchCpu | Self::LibTorchCuda => "libtorch",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
        }
    }

    /// The feature that would bring it; none when it is in this build.
    pub(super) const fn missing_feature(self) -> Option<&'static str> {
        match self {
            Self::Flex => None,
            Self::LibTorchCpu | Self::LibTorchCuda if cfg!(feature = "tch") => None,
            Self::LibTorchCpu | Self::LibTorchCuda => Some("tch"),
            Self::Cuda if cfg!(feature = "cuda") => None,
            Self::Cuda => Some("cuda"),
            Self::Wgpu if cfg!(feature = "wgpu") => None,
            Self::Wgpu => Some("wgpu"),
        }
    }

    /// How many devices it finds on this machine; none when it is not in this build.
    pub(super) fn devices(self) -> usize {
        match self {
            Self::Flex => 1,
            Self::LibTorchCpu => usize::from(cfg!(feature = "tch")),
            #[cfg(feature = "tch")]
            Self::LibTorchCuda => Device::enumerate(DeviceType::LibTorch).into_vec().len(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::enumerate(DeviceType::Cuda).into_vec().len(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::enumerate(DeviceType::Wgpu).into_vec().len(),
            #[cfg(not(all(feature = "tch", feature = "cuda", feature = "wgpu")))]
            _ => 0,
        }
    }

    /// One of its devices, by number; none when there are fewer.
    #[cfg_attr(
        feature = "tch",
        expect(deprecated, reason = "until burn drops its LibTorch backend")
    )]
    pub(super) fn open(self, index: usize) -> Option<Device> {
        if index >= self.devices() {
            return None;
        }
        match self {
            Self::Flex => Some(Device::flex()),
            #[cfg(feature = "tch")]
            Self::LibTorchCpu => Some(Device::libtorch()),
            #[cfg(feature = "tch")]
            Self::LibTorchCuda => Some(Device::libtorch_cuda(index)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(Device::cuda(index)),
            // The adapters of every kind in one row, in the order the driver lists them.
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::enumerate(DeviceType::Wgpu)
                .into_vec()
                .into_iter()
                .nth(index),
            #[cfg(not(all(feature = "tch", feature = "cuda", feature = "wgpu")))]
            _ => None,
        }
    }
}
