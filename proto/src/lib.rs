//! The contract between people, coordinator and workers: identifiers, specifications, limits and
//! the generated gRPC messages. It holds no behaviour beyond parsing and hashing.
//!
//! Wire messages ([`wire`]) are what peers send; the types of [`spec`] are what
//! the rest of the program works with. The only way from one to the other is `TryFrom`, so a
//! specification that exists is valid.

pub mod breakdown;
pub mod ending;
pub mod error;
pub mod experiment;
pub mod failure;
pub mod foreign;
pub mod id;
pub mod limit;
pub mod metric;
pub mod need;
pub mod program;
pub mod setting;
pub mod shape;
pub mod spec;
pub mod task;
mod wire_conversion;

/// The generated messages, clients and servers of `pondersweep.v1`.
#[expect(
    missing_docs,
    reason = "generated; the .proto files carry the documentation"
)]
pub mod wire {
    #![allow(
        clippy::all,
        clippy::allow_attributes_without_reason,
        unreachable_pub,
        reason = "generated code"
    )]
    tonic::include_proto!("pondersweep.v1");

    /// The encoded file descriptors, for gRPC reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}
