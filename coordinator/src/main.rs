//! The binary `pondersweep`.

fn main() {}
