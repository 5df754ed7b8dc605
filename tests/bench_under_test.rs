//! The program under test: the same as `pondersweep-bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pondersweep_bench::main()
}
