//! Compiles the protocol with protox, a compiler in Rust: `protoc` need not be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const PROTOS: [&str; 2] = ["pondersweep/v1/sweep.proto", "pondersweep/v1/service.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=pondersweep");
    let descriptors = protox::compile(PROTOS, ["."])?;
    // Kept for gRPC reflection, so that `grpcurl` and `buf curl` can call a running coordinator.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
