//! Minimises Rosenbrock's function by gradient descent with momentum, from a point that the seed
//! draws.

use std::{env, fs::OpenOptions, io::Write};

fn told(name: &str) -> String {
    env::var(format!("PONDERSWEEP_{name}")).expect("it runs as a trial")
}

fn main() {
    let (rate, momentum): (f64, f64) = (
        told("RATE").parse().expect("a number"),
        told("MOMENTUM").parse().expect("a number"),
    );
    let seed: u64 = told("SEED").parse().expect("a whole number");
    let unit = |bits: u64| (bits as u32) as f64 / f64::from(u32::MAX);
    let (mut x, mut y) = (4.0 * unit(seed) - 2.0, 4.0 * unit(seed >> 32) - 2.0);
    let (mut u, mut v) = (0.0, 0.0);
    let report = told("REPORT");
    let mut report = OpenOptions::new().write(true).open(report).expect("a pipe");
    for step in 1..=2_000 {
        let (dx, dy) = (-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x));
        (u, v) = (momentum * u - rate * dx, momentum * v - rate * dy);
        (x, y) = (x + u, y + v);
        if step % 500 == 0 {
            let value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
            // A value that is no number says that these parameters give no result.
            writeln!(report, "{{\"step\": {step}, \"value\": {value:?}}}").expect("it is read");
            if !value.is_finite() {
                return;
            }
        }
    }
}
