//! The program under test: the same as `pondersweep`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pondersweep::cli::main()
}
