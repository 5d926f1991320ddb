//! Weights, laid out for the kernels, and the activations that they are multiplied with.
//!
//! The rows of a matrix lie in tiles of sixteen, one for each lane: first the sixteen values of column 0, then those of
//! column 1. A product then reads weights in the order in which they lie, and no sum across lanes is needed. Quantised
//! weights lie four columns at a time, and blocks of 32 columns have a scale for each row.

use half::{bf16, f16};

use super::simd::LANES;

/// Columns of a block of Q8_0, which share a scale: 32 integers of 8 bits and a 16-bit float (GGML's `block_q8_0`).
pub const BLOCK: usize = 32;

/// Bytes of a block of Q8_0 as files have it: the scale, little-endian, then the integers.
pub const BLOCK_BYTES: usize = 2 + BLOCK;

/// How weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    F32,
    F16,
    Bf16,
    /// Where the columns are no multiple of 32, F16.
    Q8_0,
}

/// Aligned to the vectors that read it.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line<T, const N: usize>(pub [T; N]);

/// A matrix of weights; the rows of the last tile that it has not got are 0.
pub struct Matrix {
    pub rows: usize,
    pub cols: usize,
    pub data: Data,
}

pub enum Data {
    /// By tile, then by column.
    F32(Vec<Line<f32, 16>>),
    /// Two columns a line; an odd last column has a line of its own.
    F16(Vec<Line<u16, 32>>),
    Bf16(Vec<Line<u16, 32>>),
    Q8_0 {
        /// F16, by tile, then by block, two blocks a line.
        scales: Vec<Line<u16, 32>>,
        /// By tile, then by four columns: four values of each row, plus 128.
        quants: Vec<Line<[u8; 4], 16>>,
    },
}

impl Matrix {
    /// From `rows · cols` values, row by row.
    pub fn pack(rows: usize, cols: usize, values: &[f32], kind: Kind) -> Matrix {
        let tiles = rows.div_ceil(LANES);
        let at = |row: usize, col: usize| {
            let index = if row < rows && col < cols {
                row * cols + col
            } else {
                usize::MAX
            };
            values.get(index).copied().unwrap_or(0.0)
        };
        let halves = |convert: fn(f32) -> u16| {
            let pairs = cols.div_ceil(2);
            let mut lines = Vec::with_capacity(tiles * pairs);
            for (tile, pair) in grid(tiles, pairs) {
                lines.push(Line(std::array::from_fn(|i| {
                    convert(at(tile * LANES + i % LANES, pair * 2 + i / LANES))
                })));
            }
            lines
        };
        let data = match kind {
            Kind::F32 => {
                let lines = grid(tiles, cols)
                    .map(|(tile, col)| Line(std::array::from_fn(|i| at(tile * LANES + i, col))));
                Data::F32(lines.collect())
            }
            Kind::Bf16 => Data::Bf16(halves(|v| bf16::from_f32(v).to_bits())),
            Kind::Q8_0 if cols.is_multiple_of(BLOCK) => {
                let mut blocks = Vec::with_capacity(values.len() / BLOCK * BLOCK_BYTES);
                for block in values.chunks(BLOCK) {
                    blocks.extend(quantise_block(block));
                }
                return Matrix::from_q8_0(rows, cols, &blocks);
            }
            Kind::F16 | Kind::Q8_0 => Data::F16(halves(|v| f16::from_f32(v).to_bits())),
        };
        Matrix { rows, cols, data }
    }

    /// From blocks as files have them, row by row; `cols` is a multiple of [`BLOCK`].
    pub fn from_q8_0(rows: usize, cols: usize, bytes: &[u8]) -> Matrix {
        let (tiles, blocks) = (rows.div_ceil(LANES), cols / BLOCK);
        let block = |row: usize, block: usize| {
            let begin = (row * blocks + block) * BLOCK_BYTES;
            let found = bytes.get(begin..begin + BLOCK_BYTES);
            found
                .filter(|_| row < rows && block < blocks)
                .unwrap_or(&[0; BLOCK_BYTES])
        };
        let mut scales = Vec::with_capacity(tiles * blocks.div_ceil(2));
        let mut quants = Vec::with_capacity(tiles * blocks * BLOCK / 4);
        for tile in 0..tiles {
            for pair in 0..blocks.div_ceil(2) {
                scales.push(Line(std::array::from_fn(|i| {
                    let bytes = block(tile * LANES + i % LANES, pair * 2 + i / LANES);
                    u16::from_le_bytes([bytes[0], bytes[1]])
                })));
            }
            for b in 0..blocks {
                let rows: [&[u8]; LANES] = std::array::from_fn(|i| block(tile * LANES + i, b));
                for four in 0..BLOCK / 4 {
                    quants.push(Line(std::array::from_fn(|i| {
                        std::array::from_fn(|k| rows[i][2 + four * 4 + k] ^ 0x80)
                    })));
                }
            }
        }
        Matrix {
            rows,
            cols,
            data: Data::Q8_0 { scales, quants },
        }
    }

    /// Tiles of [`LANES`] rows.
    pub fn tiles(&self) -> usize {
        self.rows.div_ceil(LANES)
    }

    /// One row, as values.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        let (tile, lane) = (row / LANES, row % LANES);
        let halves = |lines: &[Line<u16, 32>], out: &mut [f32], convert: fn(u16) -> f32| {
            let first = tile * self.cols.div_ceil(2);
            for (col, out) in out.iter_mut().enumerate() {
                if let Some(line) = lines.get(first + col / 2) {
                    *out = convert(line.0[col % 2 * LANES + lane]);
                }
            }
        };
        match &self.data {
            Data::F32(lines) => {
                let lines = lines.iter().skip(tile * self.cols);
                for (out, line) in out.iter_mut().zip(lines) {
                    *out = line.0[lane];
                }
            }
            Data::F16(lines) => halves(lines, out, |b| f16::from_bits(b).to_f32()),
            Data::Bf16(lines) => halves(lines, out, |b| bf16::from_bits(b).to_f32()),
            Data::Q8_0 { scales, quants } => {
                let blocks = self.cols / BLOCK;
                for (col, out) in out.iter_mut().enumerate() {
                    let scale = scales.get(tile * blocks.div_ceil(2) + col / BLOCK / 2);
                    let quant = quants.get(tile * self.cols / 4 + col / 4);
                    if let (Some(scale), Some(quant)) = (scale, quant) {
                        let scale = f16::from_bits(scale.0[col / BLOCK % 2 * LANES + lane]).to_f32();
                        *out = scale * f32::from((quant.0[lane][col % 4] ^ 0x80) as i8);
                    }
                }
            }
        }
    }

    /// Bytes that the weights take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        match &self.data {
            Data::F32(lines) => std::mem::size_of_val(lines.as_slice()),
            Data::F16(lines) | Data::Bf16(lines) => std::mem::size_of_val(lines.as_slice()),
            Data::Q8_0 { scales, quants } => {
                std::mem::size_of_val(scales.as_slice()) + std::mem::size_of_val(quants.as_slice())
            }
        }
    }
}

fn grid(outer: usize, inner: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..outer).flat_map(move |o| (0..inner).map(move |i| (o, i)))
}

/// A block of Q8_0 of up to 32 values, as files have it: the scale is the largest magnitude / 127.
pub fn quantise_block(values: &[f32]) -> [u8; BLOCK_BYTES] {
    let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut bytes = [0; BLOCK_BYTES];
    let [low, high] = f16::from_f32(scale).to_le_bytes();
    (bytes[0], bytes[1]) = (low, high);
    for (byte, value) in bytes.iter_mut().skip(2).zip(values) {
        *byte = (value * inverse).round_ties_even() as i8 as u8;
    }
    bytes
}

/// Rows of values that go into products.
#[derive(Default)]
pub struct Activations {
    pub rows: usize,
    pub cols: usize,
    /// Row by row.
    pub values: Vec<f32>,
    /// The same in blocks of [`BLOCK`] as 8-bit integers, with the blocks' scales and the sums of their integers; made
    /// by [`super::kernels::Kernels::quantise`] where a product needs it.
    pub quants: Vec<i8>,
    pub scales: Vec<f32>,
    pub sums: Vec<i32>,
    pub quantised: bool,
}

impl Activations {
    /// Room for so many rows; what it held is stale.
    pub fn resize(&mut self, rows: usize, cols: usize) {
        (self.rows, self.cols) = (rows, cols);
        self.values.resize(rows * cols, 0.0);
        self.quantised = false;
    }
}
