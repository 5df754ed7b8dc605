//! The multiplication every kernel is built on: a tile of results that stays in registers.

use super::simd::Simd;

/// A tile of results: `ROWS` rows of `COLUMNS` vectors.
pub(super) type Tile<V, const ROWS: usize, const COLUMNS: usize> = [[V; COLUMNS]; ROWS];

/// The factor whose elements are broadcast: row `i`, depth `k` at `i * row_stride + k *
/// depth_stride`.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) start: *const f32,
    pub(super) row_stride: usize,
    pub(super) depth_stride: usize,
}

/// The factor that is read by vectors: vector `c`, depth `k` at `c * LANES + k * depth_stride`.
#[derive(Clone, Copy)]
pub(super) struct Right {
    pub(super) start: *const f32,
    pub(super) depth_stride: usize,
}

/// `tile + left right`, summed in the order of depth, calling `prefetch(row)` for each row of the
/// tile on the way: lines asked for one by one arrive while the CPU multiplies.
///
/// # Safety
/// As for [`multiply_add`]; `depth` is a multiple of `ROWS`.
#[inline(always)]
pub(super) unsafe fn multiply_add_prefetching<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    mut left: Left,
    mut right: Right,
    depth: usize,
    mut tile: Tile<S::V, ROWS, COLUMNS>,
    prefetch: impl Fn(usize),
) -> Tile<S::V, ROWS, COLUMNS> {
    let part = depth / ROWS;
    for row in 0..ROWS {
        prefetch(row);
        // SAFETY: consecutive parts of the depth the caller vouches for.
        tile = unsafe { multiply_add(simd, left, right, part, tile) };
        left.start = left.start.wrapping_add(part * left.depth_stride);
        right.start = right.start.wrapping_add(part * right.depth_stride);
    }
    tile
}

/// `tile + left right`, summed in the order of depth.
///
/// # Safety
/// All `ROWS * depth` elements of `left` and `COLUMNS * depth` vectors of `right` are readable.
#[inline(always)]
pub(super) unsafe fn multiply_add<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    left: Left,
    right: Right,
    depth: usize,
    mut tile: Tile<S::V, ROWS, COLUMNS>,
) -> Tile<S::V, ROWS, COLUMNS> {
    if ROWS * COLUMNS <= S::SUMS {
        // SAFETY: says the caller.
        return unsafe { multiply_add_at_once(simd, left, right, depth, tile) };
    }
    for row in (0..ROWS).step_by(2) {
        let start = left.start.wrapping_add(row * left.row_stride);
        let pair = [tile[row], tile[row + 1]];
        // SAFETY: two of the rows the caller vouches for.
        let pair =
            unsafe { multiply_add_at_once(simd, Left { start, ..left }, right, depth, pair) };
        [tile[row], tile[row + 1]] = pair;
    }
    tile
}

/// As [`multiply_add`], all sums in registers.
///
/// # Safety
/// As for [`multiply_add`].
#[inline(always)]
unsafe fn multiply_add_at_once<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    left: Left,
    right: Right,
    depth: usize,
    mut tile: Tile<S::V, ROWS, COLUMNS>,
) -> Tile<S::V, ROWS, COLUMNS> {
    let (mut left_at, mut right_at) = (left.start, right.start);
    for _ in 0..depth {
        // SAFETY: within the elements the caller vouches for; the pointers that leave them after
        // the last turn are wrapped, not dereferenced.
        unsafe {
            let vectors: [S::V; COLUMNS] =
                std::array::from_fn(|column| simd.load(right_at.add(column * S::LANES)));
            for (row, sums) in tile.iter_mut().enumerate() {
                let factor = simd.splat(*left_at.add(row * left.row_stride));
                for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                    *sum = simd.mul_add(factor, vector, *sum);
                }
            }
        }
        left_at = left_at.wrapping_add(left.depth_stride);
        right_at = right_at.wrapping_add(right.depth_stride);
    }
    tile
}

/// A tile read from memory, rows `row_stride` apart.
///
/// # Safety
/// All its vectors are readable.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    from: *const f32,
    row_stride: usize,
) -> Tile<S::V, ROWS, COLUMNS> {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            // SAFETY: says the caller.
            unsafe { simd.load(from.add(row * row_stride + column * S::LANES)) }
        })
    })
}

/// Writes a tile to memory, rows `row_stride` apart.
///
/// # Safety
/// All its vectors are writable.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    simd: S,
    to: *mut f32,
    row_stride: usize,
    tile: &Tile<S::V, ROWS, COLUMNS>,
) {
    for (row, vectors) in tile.iter().enumerate() {
        for (column, &vector) in vectors.iter().enumerate() {
            // SAFETY: says the caller.
            unsafe { simd.store(to.add(row * row_stride + column * S::LANES), vector) }
        }
    }
}

/// Checks that every row is one of `count`.
///
/// # Panics
/// If one is not.
#[inline(always)]
pub(super) fn assert_rows(rows: &[u32], count: usize) {
    assert!(
        rows.iter().all(|&row| (row as usize) < count),
        "no such row"
    );
}

/// Asks for `lines` vectors of a row that will be needed soon.
#[inline(always)]
pub(super) fn prefetch<S: Simd>(simd: S, from: *const f32, vectors: usize) {
    for vector in 0..vectors {
        simd.prefetch(from.wrapping_add(vector * S::LANES));
    }
}
