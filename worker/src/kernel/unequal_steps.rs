//! Which samples take which steps, where some stop before others: at every step the rows of its
//! matrices, whole tiles, and where each stood a step earlier. It decides who moves up, never who
//! stops.

use super::buffer::Buffer;
use super::shape::Shape;
use super::workspace::Padded;

/// The rows of every step of a pass, and memory for what moving between them takes.
pub(super) struct UnequalSteps {
    tile: usize,
    batch: usize,
    hidden: usize,
    /// The sample of each row: `[steps, batch]`, of which a step has as many as it has rows.
    samples: Vec<u32>,
    /// The row a step earlier of each row: likewise.
    origins: Vec<u32>,
    /// Rows of each step.
    rows: Vec<usize>,
    /// h_{n-1} in the rows of step n, where they are not those of step n - 1:
    /// `[steps, batch, hidden]`.
    previous: Buffer,
    /// The gradient of h_n while rows move back: `[batch, hidden]`.
    pub(super) spread: Buffer,
    /// Logits of a step's rows: `[batch]` each.
    pub(super) answer: Buffer,
    pub(super) halting: Buffer,
    /// What each sample has used up of its halting mass: `[batch]`.
    pub(super) used: Buffer,
    /// Each sample's last step, zero while it goes on: `[batch]`.
    pub(super) stops: Buffer,
}

impl UnequalSteps {
    pub(super) fn new(shape: &Shape, padded: &Padded) -> Self {
        let batch = padded.batch;
        Self {
            tile: padded.rows,
            batch,
            hidden: padded.hidden,
            samples: vec![0; shape.steps * batch],
            origins: vec![0; shape.steps * batch],
            rows: vec![0; shape.steps],
            previous: Buffer::zeroed(shape.steps * batch * padded.hidden),
            spread: Buffer::zeroed(batch * padded.hidden),
            answer: Buffer::zeroed(batch),
            halting: Buffer::zeroed(batch),
            used: Buffer::zeroed(batch),
            stops: Buffer::zeroed(batch),
        }
    }

    /// Every sample takes the first step, and none has stopped but the padding beyond `samples`.
    pub(super) fn start(&mut self, samples: usize) {
        for (row, sample) in self.samples[..self.batch].iter_mut().zip(0..) {
            *row = sample;
        }
        self.rows[0] = self.batch;
        self.used.fill(0.0);
        self.stops.fill(0.0);
        self.stops[samples..].fill(1.0);
    }

    /// The rows of step n + 1: those of step n in their order, without as many whole tiles of
    /// stopped samples as there are. Says whether a sample is left that goes on.
    pub(super) fn advance(&mut self, step: usize) -> bool {
        let (before, after) = self.samples.split_at_mut(step * self.batch);
        let before = &before[(step - 1) * self.batch..][..self.rows[step - 1]];
        let goes_on = |sample: u32| self.stops[sample as usize] == 0.0;
        let going_on = before.iter().filter(|&&sample| goes_on(sample)).count();
        let rows = going_on.next_multiple_of(self.tile);
        // Samples that have stopped fill the last tile up: rows of their own, whose gradients are
        // zero and whose logits are not read.
        let mut fillers = rows - going_on;
        let origins = &mut self.origins[step * self.batch..];
        let mut row = 0;
        for (origin, &sample) in (0..).zip(before) {
            let fills = !goes_on(sample) && fillers > 0;
            if fills || goes_on(sample) {
                fillers -= usize::from(fills);
                (after[row], origins[row]) = (sample, origin);
                row += 1;
            }
        }
        self.rows[step] = row;
        going_on > 0
    }

    /// The sample of each row of a step.
    pub(super) fn samples(&self, step: usize) -> &[u32] {
        &self.samples[(step - 1) * self.batch..][..self.rows[step - 1]]
    }

    /// Where each row of a step stood a step earlier; `None` where none moved.
    pub(super) fn origins(&self, step: usize) -> Option<&[u32]> {
        let moved = step > 1 && self.rows[step - 1] < self.rows[step - 2];
        moved.then(|| &self.origins[(step - 1) * self.batch..][..self.rows[step - 1]])
    }
    /// h_{n-1} in the rows of step n, where they are not those of step n - 1.
    pub(super) fn previous(&self, step: usize) -> Option<&[f32]> {
        let start = (step - 1) * self.batch * self.hidden;
        let rows = self.origins(step)?.len();
        Some(&self.previous[start..start + rows * self.hidden])
    }

    /// Makes [`Self::previous`] from h_{n-1} in the rows of step n - 1.
    pub(super) fn gather_previous(&mut self, step: usize, state: &[f32]) {
        if self.origins(step).is_none() {
            return;
        }
        let (rows, first) = (self.rows[step - 1], (step - 1) * self.batch);
        let previous = self.previous[first * self.hidden..].chunks_exact_mut(self.hidden);
        for (previous, &origin) in previous.zip(&self.origins[first..first + rows]) {
            let start = origin as usize * self.hidden;
            previous.copy_from_slice(&state[start..start + self.hidden]);
        }
    }
}
