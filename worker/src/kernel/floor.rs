//! The yardstick: a plain matrix multiplication in blocks of the second-level cache's size, with
//! nothing else to do. What the machine allows; time it next to an update.

use super::buffer::Buffer;
use super::instruction_set::{InstructionSet, Job};
use super::simd::Simd;
use super::tile::{Left, Right, load, multiply_add, store};

const HEIGHT: usize = 192;
const DEPTH: usize = 128;
const WIDTH: usize = 384;

/// `[192, 128] x [128, 384]`, the right factor already packed.
pub struct FloorMultiplication {
    left: Buffer,
    right: Buffer,
    result: Buffer,
}

impl Default for FloorMultiplication {
    fn default() -> Self {
        Self {
            left: Buffer::zeroed(HEIGHT * DEPTH),
            right: Buffer::zeroed(DEPTH * WIDTH),
            result: Buffer::zeroed(HEIGHT * WIDTH),
        }
    }
}

impl FloorMultiplication {
    /// Floating-point operations of one run.
    pub const OPERATIONS: usize = 2 * HEIGHT * DEPTH * WIDTH;

    /// Multiplies once.
    pub fn run(&mut self, instructions: InstructionSet) {
        instructions.run(Multiply(self));
    }
}

struct Multiply<'a>(&'a mut FloorMultiplication);

impl Job for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) {
        let FloorMultiplication {
            left,
            right,
            result,
        } = self.0;
        let group = 3 * S::LANES;
        for column in (0..WIDTH).step_by(group) {
            for row in (0..HEIGHT).step_by(ROWS) {
                // SAFETY: tiles divide the sizes above.
                unsafe {
                    let to = result.as_mut_ptr().add(row * WIDTH + column);
                    let sums = multiply_add::<S, ROWS, 3>(
                        simd,
                        Left {
                            start: left.as_ptr().add(row * DEPTH),
                            row_stride: DEPTH,
                            depth_stride: 1,
                        },
                        Right {
                            start: right.as_ptr().add(column * DEPTH),
                            depth_stride: group,
                        },
                        DEPTH,
                        load(simd, to, WIDTH),
                    );
                    store(simd, to, WIDTH, &sums);
                }
            }
        }
    }
}
