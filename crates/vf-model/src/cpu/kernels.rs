//! The loops of the forward pass, written once for all instruction sets and chosen when the program runs.
//!
//! A default build of a tensor library picks its kernels when it is compiled, for the least of all processors; here one
//! binary has them all.

use std::ops::Range;

use super::matrix::{Activations, BLOCK, Data, Matrix};
use super::simd::{LANES, Portable, Simd};
use crate::sample::{MAGIC, exp};

/// Where a product goes: row by row, each as long as the matrix has rows. Several threads write to different columns.
#[derive(Clone, Copy)]
pub struct Output {
    pub to: *mut f32,
}

// SAFETY: a plain address; those who write through it keep their columns apart.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

/// A block of query rows and the keys and values that they look at.
pub struct Attention<'a> {
    /// Query vectors of `width` values, which share one key.
    pub queries: &'a [&'a [f32]],
    /// How many positions each of them sees; none more than the pages hold.
    pub limits: &'a [usize],
    /// By page of positions: keys as `width` rows of `page` values, values as `page` rows of `value_width`.
    pub pages: &'a [(&'a [f32], &'a [f32])],
    pub page: usize,
    pub width: usize,
    /// `width` rounded up to whole vectors.
    pub value_width: usize,
    pub scale: f32,
}

/// Values, their integers, the scales and the sums of the blocks.
type Quantise = unsafe fn(&[f32], &mut [i8], &mut [f32], &mut [i32]);

/// The kernels of one instruction set.
#[derive(Clone, Copy)]
pub struct Kernels {
    pub name: &'static str,
    product: unsafe fn(&Matrix, &Activations, Range<usize>, Output),
    norm: unsafe fn(&[f32], &[f32], f32, &mut [f32]),
    quantise: Quantise,
    gate: unsafe fn(&mut [f32], &[f32]),
    attend: unsafe fn(&Attention<'_>, &mut Vec<f32>, &mut [&mut [f32]]),
}

macro_rules! compiled_for {
    ($module:ident, $simd:ty, $name:literal, $($attribute:meta)?) => {
        mod $module {
            use super::*;

            // SAFETY (all of them): called only where `Kernels` was chosen by the processor's features.
            $(#[$attribute])?
            unsafe fn product(matrix: &Matrix, x: &Activations, tiles: Range<usize>, out: Output) {
                unsafe { super::product::<$simd>(matrix, x, tiles, out) }
            }
            $(#[$attribute])?
            unsafe fn norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
                unsafe { super::norm::<$simd>(x, weight, eps, out) }
            }
            $(#[$attribute])?
            unsafe fn quantise(x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
                super::quantise(x, quants, scales, sums)
            }
            $(#[$attribute])?
            unsafe fn gate(gate: &mut [f32], up: &[f32]) {
                super::gate(gate, up)
            }
            $(#[$attribute])?
            unsafe fn attend(what: &Attention<'_>, scores: &mut Vec<f32>, out: &mut [&mut [f32]]) {
                unsafe { super::attend::<$simd>(what, scores, out) }
            }

            pub const KERNELS: Kernels = Kernels {
                name: $name,
                product,
                norm,
                quantise,
                gate,
                attend,
            };
        }
    };
}

compiled_for!(portable, Portable, "portable",);
#[cfg(target_arch = "x86_64")]
compiled_for!(
    avx2,
    crate::cpu::simd::Avx2,
    "AVX2",
    target_feature(enable = "avx2,fma,f16c")
);
#[cfg(target_arch = "x86_64")]
compiled_for!(
    avx512,
    crate::cpu::simd::Avx512,
    "AVX-512 VNNI",
    target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")
);

impl Kernels {
    /// All that this processor can run, the fastest first.
    pub fn available() -> Vec<Kernels> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                all.push(avx512::KERNELS);
            }
            all.push(avx2::KERNELS);
        }
        all.push(portable::KERNELS);
        all
    }

    pub fn best() -> Kernels {
        Kernels::available()
            .into_iter()
            .next()
            .unwrap_or(portable::KERNELS)
    }

    /// The columns of `x · matrixᵀ` that these tiles make.
    ///
    /// # Safety
    ///
    /// `out` has room for `x.rows · matrix.rows` values, and nobody else uses the columns of these tiles.
    pub unsafe fn product(&self, matrix: &Matrix, x: &Activations, tiles: Range<usize>, out: Output) {
        assert!(x.cols == matrix.cols && tiles.end <= matrix.tiles() && x.values.len() >= x.rows * x.cols);
        assert!(x.quantised || !matches!(matrix.data, Data::Q8_0 { .. }));
        // SAFETY: the features are there, or this set would not have been chosen; the sizes were checked.
        unsafe { (self.product)(matrix, x, tiles, out) }
    }

    /// x / sqrt(mean(x²) + ε) ∘ weight (arXiv 1910.07467).
    pub fn norm(&self, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        assert!(x.len() == weight.len() && x.len() == out.len());
        // SAFETY: as above.
        unsafe { (self.norm)(x, weight, eps, out) }
    }

    /// Makes the quantised form, if it is not there and can be.
    pub fn quantise(&self, x: &mut Activations) {
        if x.quantised || !x.cols.is_multiple_of(BLOCK) {
            return;
        }
        let (values, blocks) = (x.rows * x.cols, x.rows * x.cols / BLOCK);
        x.quants.resize(values, 0);
        x.scales.resize(blocks, 0.0);
        x.sums.resize(blocks, 0);
        // SAFETY: as above.
        unsafe { (self.quantise)(&x.values, &mut x.quants, &mut x.scales, &mut x.sums) }
        x.quantised = true;
    }

    /// gate = silu(gate) ∘ up.
    pub fn gate(&self, gate: &mut [f32], up: &[f32]) {
        assert_eq!(gate.len(), up.len());
        // SAFETY: as above.
        unsafe { (self.gate)(gate, up) }
    }

    /// Scaled dot-product attention of some queries; `scores` is room to work in.
    pub fn attend(&self, what: &Attention<'_>, scores: &mut Vec<f32>, out: &mut [&mut [f32]]) {
        let room = what.pages.len() * what.page;
        assert!(
            what.page.is_multiple_of(LANES)
                && what.value_width.is_multiple_of(LANES)
                && what.width <= what.value_width
        );
        assert!(what.queries.len() == out.len() && what.queries.len() == what.limits.len());
        assert!(what.limits.iter().all(|l| *l <= room && *l > 0));
        assert!(what.queries.iter().all(|q| q.len() == what.width));
        assert!(out.iter().all(|o| o.len() == what.width));
        let (keys, values) = (what.width * what.page, what.value_width * what.page);
        assert!(
            what.pages
                .iter()
                .all(|(k, v)| k.len() == keys && v.len() == values)
        );
        // SAFETY: as above.
        unsafe { (self.attend)(what, scores, out) }
    }
}

/// Values of a column in memory, widened.
trait Stored {
    /// Values in memory between one column and the next.
    type Element;
    unsafe fn widen<S: Simd>(from: *const Self::Element) -> S::F;
}

struct F32;
struct F16;
struct Bf16;

impl Stored for F32 {
    type Element = f32;
    #[inline(always)]
    unsafe fn widen<S: Simd>(from: *const f32) -> S::F {
        // SAFETY: the caller vouches for the pointer and the features.
        unsafe { S::load(from) }
    }
}

impl Stored for F16 {
    type Element = u16;
    #[inline(always)]
    unsafe fn widen<S: Simd>(from: *const u16) -> S::F {
        // SAFETY: the caller vouches for the pointer and the features.
        unsafe { S::load_f16(from) }
    }
}

impl Stored for Bf16 {
    type Element = u16;
    #[inline(always)]
    unsafe fn widen<S: Simd>(from: *const u16) -> S::F {
        // SAFETY: the caller vouches for the pointer and the features.
        unsafe { S::load_bf16(from) }
    }
}

/// Multiplies `M` rows of activations with `T` tiles of weights.
trait Block {
    /// # Safety
    ///
    /// The features of `S`; rows and tiles that are there.
    unsafe fn block<S: Simd, const M: usize, const T: usize>(
        &self,
        x: &Activations,
        row: usize,
        tile: usize,
    ) -> [[S::F; T]; M];
}

/// Weights as floating-point numbers: the address, and values from one tile to the next.
struct Floats<W: Stored> {
    weights: *const W::Element,
    stride: usize,
}

impl<W: Stored> Block for Floats<W> {
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const T: usize>(
        &self,
        x: &Activations,
        row: usize,
        tile: usize,
    ) -> [[S::F; T]; M] {
        // SAFETY: rows, tiles and columns are within what the activations and the weights have.
        unsafe {
            let rows: [*const f32; M] = std::array::from_fn(|m| x.values.as_ptr().add((row + m) * x.cols));
            let tiles: [*const W::Element; T] =
                std::array::from_fn(|t| self.weights.add((tile + t) * self.stride));
            let mut sums = [[S::splat(0.0); T]; M];
            for col in 0..x.cols {
                let weights: [S::F; T] = std::array::from_fn(|t| W::widen::<S>(tiles[t].add(col * LANES)));
                for (sums, row) in sums.iter_mut().zip(&rows) {
                    let value = S::splat(*row.add(col));
                    for (sum, weight) in sums.iter_mut().zip(&weights) {
                        *sum = S::fma(*weight, value, *sum);
                    }
                }
            }
            sums
        }
    }
}

/// Weights in blocks of 8-bit integers, multiplied with activations in the same form. The sum of a block is exact; the
/// blocks are added up in order.
struct Quantised {
    scales: *const u16,
    quants: *const u8,
    blocks: usize,
}

impl Block for Quantised {
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const T: usize>(
        &self,
        x: &Activations,
        row: usize,
        tile: usize,
    ) -> [[S::F; T]; M] {
        // SAFETY: as above; a tile has `blocks` blocks, their scales rounded up to whole lines of two.
        unsafe {
            let quants: [*const i8; M] = std::array::from_fn(|m| x.quants.as_ptr().add((row + m) * x.cols));
            let scales: [*const f32; M] =
                std::array::from_fn(|m| x.scales.as_ptr().add((row + m) * self.blocks));
            let totals: [*const i32; M] =
                std::array::from_fn(|m| x.sums.as_ptr().add((row + m) * self.blocks));
            let line = self.blocks.div_ceil(2) * 2 * LANES;
            let weight_scales: [*const u16; T] = std::array::from_fn(|t| self.scales.add((tile + t) * line));
            let size = self.blocks * BLOCK * LANES;
            let weights: [*const u8; T] = std::array::from_fn(|t| self.quants.add((tile + t) * size));
            let mut sums = [[S::splat(0.0); T]; M];
            for block in 0..self.blocks {
                let mut inner: [[S::I; T]; M] = std::array::from_fn(|m| [S::start(*totals[m].add(block)); T]);
                for four in 0..BLOCK / 4 {
                    let at = block * BLOCK + four * 4;
                    for (inner, quants) in inner.iter_mut().zip(&quants) {
                        for (inner, weights) in inner.iter_mut().zip(&weights) {
                            *inner = S::dot4(*inner, weights.add(at * LANES), quants.add(at));
                        }
                    }
                }
                let own: [S::F; T] =
                    std::array::from_fn(|t| S::load_f16(weight_scales[t].add(block * LANES)));
                for ((sums, inner), scale) in sums.iter_mut().zip(&inner).zip(&scales) {
                    let scale = S::splat(*scale.add(block));
                    for ((sum, inner), own) in sums.iter_mut().zip(inner).zip(&own) {
                        *sum = S::fma(S::to_f32(*inner), S::mul(*own, scale), *sum);
                    }
                }
            }
            sums
        }
    }
}

#[inline(always)]
unsafe fn product<S: Simd>(matrix: &Matrix, x: &Activations, tiles: Range<usize>, out: Output) {
    // SAFETY: the caller checked the sizes.
    unsafe {
        match &matrix.data {
            Data::F32(lines) => {
                let (weights, stride) = (lines.as_ptr().cast(), matrix.cols * LANES);
                walk::<S, _>(&Floats::<F32> { weights, stride }, matrix, x, tiles, out);
            }
            Data::F16(lines) => {
                let (weights, stride) = (lines.as_ptr().cast(), matrix.cols.div_ceil(2) * 2 * LANES);
                walk::<S, _>(&Floats::<F16> { weights, stride }, matrix, x, tiles, out);
            }
            Data::Bf16(lines) => {
                let (weights, stride) = (lines.as_ptr().cast(), matrix.cols.div_ceil(2) * 2 * LANES);
                walk::<S, _>(&Floats::<Bf16> { weights, stride }, matrix, x, tiles, out);
            }
            Data::Q8_0 { scales, quants } => {
                let weights = Quantised {
                    scales: scales.as_ptr().cast(),
                    quants: quants.as_ptr().cast(),
                    blocks: matrix.cols / BLOCK,
                };
                walk::<S, _>(&weights, matrix, x, tiles, out);
            }
        }
    }
}

/// All rows of activations with some tiles: few tiles at a time, so that these stay in the nearest cache, and as many
/// sums side by side as there are registers.
#[inline(always)]
unsafe fn walk<S: Simd, B: Block>(
    weights: &B,
    matrix: &Matrix,
    x: &Activations,
    tiles: Range<usize>,
    out: Output,
) {
    let mut tile = tiles.start;
    while tile < tiles.end {
        let left = tiles.end - tile;
        // SAFETY: rows and tiles stay within bounds.
        let step = unsafe {
            match (x.rows, left) {
                (1, 4..) => {
                    let sums = weights.block::<S, 1, 4>(x, 0, tile);
                    write::<S, 1, 4>(matrix, &sums, 0, tile, out);
                    4
                }
                (_, 2..) => {
                    columns::<S, B, 2>(weights, matrix, x, tile, out);
                    2
                }
                _ => {
                    columns::<S, B, 1>(weights, matrix, x, tile, out);
                    1
                }
            }
        };
        tile += step;
    }
}

#[inline(always)]
unsafe fn columns<S: Simd, B: Block, const T: usize>(
    weights: &B,
    matrix: &Matrix,
    x: &Activations,
    tile: usize,
    out: Output,
) {
    let mut row = 0;
    // SAFETY: rows and tiles stay within bounds.
    unsafe {
        while row + 4 <= x.rows {
            let sums = weights.block::<S, 4, T>(x, row, tile);
            write::<S, 4, T>(matrix, &sums, row, tile, out);
            row += 4;
        }
        match x.rows - row {
            3 => write::<S, 3, T>(matrix, &weights.block::<S, 3, T>(x, row, tile), row, tile, out),
            2 => write::<S, 2, T>(matrix, &weights.block::<S, 2, T>(x, row, tile), row, tile, out),
            1 => write::<S, 1, T>(matrix, &weights.block::<S, 1, T>(x, row, tile), row, tile, out),
            _ => {}
        }
    }
}

#[inline(always)]
unsafe fn write<S: Simd, const M: usize, const T: usize>(
    matrix: &Matrix,
    sums: &[[S::F; T]; M],
    row: usize,
    tile: usize,
    out: Output,
) {
    for (m, sums) in sums.iter().enumerate() {
        for (t, sum) in sums.iter().enumerate() {
            let first = (tile + t) * LANES;
            // SAFETY: `out` has the columns of all rows of the matrix; those that the last tile has not got are left.
            unsafe {
                let to = out.to.add((row + m) * matrix.rows + first);
                if first + LANES <= matrix.rows {
                    S::store(to, *sum);
                } else {
                    let mut all = [0.0; LANES];
                    S::store(all.as_mut_ptr(), *sum);
                    std::ptr::copy_nonoverlapping(all.as_ptr(), to, matrix.rows - first);
                }
            }
        }
    }
}

/// The lanes of a vector, added up in order.
#[inline(always)]
unsafe fn total<S: Simd>(value: S::F) -> f32 {
    let mut lanes = [0.0f32; LANES];
    // SAFETY: there is room for all lanes.
    unsafe { S::store(lanes.as_mut_ptr(), value) };
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

#[inline(always)]
unsafe fn norm<S: Simd>(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let whole = x.chunks_exact(LANES);
    let rest: f32 = whole.remainder().iter().map(|v| v * v).sum();
    // SAFETY: each chunk has sixteen values.
    let sum = unsafe {
        let mut sum = S::splat(0.0);
        for chunk in whole {
            let v = S::load(chunk.as_ptr());
            sum = S::fma(v, v, sum);
        }
        total::<S>(sum)
    };
    let scale = 1.0 / ((sum + rest) / x.len() as f32 + eps).sqrt();
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}

#[inline(always)]
fn quantise(x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
    let blocks = x.chunks_exact(BLOCK).zip(quants.chunks_exact_mut(BLOCK));
    for (((x, quants), scale), sum) in blocks.zip(scales).zip(sums) {
        let mut lanes = [0.0f32; LANES];
        // What is not a number must not vanish: it makes this sum so, too.
        let mut strange = [0.0f32; LANES];
        for half in x.chunks_exact(LANES) {
            for i in 0..LANES {
                let magnitude = half[i].abs();
                lanes[i] = if magnitude > lanes[i] { magnitude } else { lanes[i] };
                strange[i] += half[i] * 0.0;
            }
        }
        let largest = lanes.iter().fold(0.0f32, |m, v| if *v > m { *v } else { m });
        let strange: f32 = strange.iter().sum();
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut added = 0i32;
        for (quant, x) in quants.iter_mut().zip(x) {
            // Adding and taking off this number rounds to the nearest integer, ties to the even one.
            let rounded = (x * inverse + MAGIC) - MAGIC;
            let value = rounded as i32;
            *quant = value as i8;
            added += i32::from(*quant);
        }
        *scale = largest / 127.0 + strange;
        *sum = added;
    }
}

#[inline(always)]
fn gate(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

/// Query rows that go through a page together.
const ROWS: usize = 4;

#[inline(always)]
unsafe fn attend<S: Simd>(what: &Attention<'_>, scores: &mut Vec<f32>, out: &mut [&mut [f32]]) {
    let room = what.pages.len() * what.page;
    scores.resize(ROWS * room, 0.0);
    let mut row = 0;
    while row < what.queries.len() {
        let left = what.queries.len() - row;
        // SAFETY: the caller checked the sizes; rows stay within bounds.
        unsafe {
            if left >= ROWS {
                attend_rows::<S, ROWS>(what, row, scores, out);
                row += ROWS;
            } else if left >= 2 {
                attend_rows::<S, 2>(what, row, scores, out);
                row += 2;
            } else {
                attend_rows::<S, 1>(what, row, scores, out);
                row += 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn attend_rows<S: Simd, const R: usize>(
    what: &Attention<'_>,
    first: usize,
    scores: &mut [f32],
    out: &mut [&mut [f32]],
) {
    let room = what.pages.len() * what.page;
    let limits: [usize; R] = std::array::from_fn(|r| what.limits[first + r]);
    let queries: [&[f32]; R] = std::array::from_fn(|r| what.queries[first + r]);
    let seen = limits.iter().copied().max().unwrap_or(0);
    let used = seen.div_ceil(what.page).min(what.pages.len());
    // SAFETY: keys and values have `width` and `value_width` values for each of a page's positions, scores have room
    // for all positions of `R` rows.
    unsafe {
        // q · k / sqrt(width): a lane is a position.
        for (index, (keys, _)) in what.pages.iter().take(used).enumerate() {
            for group in (0..what.page).step_by(LANES) {
                let mut sums = [S::splat(0.0); R];
                for d in 0..what.width {
                    let key = S::load(keys.as_ptr().add(d * what.page + group));
                    for (sum, query) in sums.iter_mut().zip(&queries) {
                        *sum = S::fma(key, S::splat(*query.as_ptr().add(d)), *sum);
                    }
                }
                let scale = S::splat(what.scale);
                for (r, sum) in sums.iter().enumerate() {
                    let to = scores.as_mut_ptr().add(r * room + index * what.page + group);
                    S::store(to, S::mul(*sum, scale));
                }
            }
        }
        let mut inverse = [0.0f32; R];
        for ((scores, limit), inverse) in scores.chunks_mut(room).zip(limits).zip(&mut inverse) {
            let (own, others) = scores.split_at_mut(limit);
            others
                .iter_mut()
                .take((used * what.page).saturating_sub(limit))
                .for_each(|s| *s = 0.0);
            let largest = own
                .iter()
                .fold(f32::NEG_INFINITY, |m, v| if *v > m { *v } else { m });
            for score in own.iter_mut() {
                *score = exp(*score - largest);
            }
            let mut sum = S::splat(0.0);
            for chunk in scores[..limit.div_ceil(LANES) * LANES].chunks_exact(LANES) {
                sum = S::add(sum, S::load(chunk.as_ptr()));
            }
            *inverse = 1.0 / total::<S>(sum);
        }
        // Σ weight · v: a lane is a component.
        for group in (0..what.value_width).step_by(LANES) {
            let mut sums = [S::splat(0.0); R];
            for (index, (_, values)) in what.pages.iter().take(used).enumerate() {
                let count = what.page.min(seen - index * what.page);
                for position in 0..count {
                    let value = S::load(values.as_ptr().add(position * what.value_width + group));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let weight = *scores.as_ptr().add(r * room + index * what.page + position);
                        *sum = S::fma(value, S::splat(weight), *sum);
                    }
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                let mut lanes = [0.0f32; LANES];
                S::store(lanes.as_mut_ptr(), S::mul(*sum, S::splat(inverse[r])));
                let to = &mut out[first + r];
                let count = LANES.min(what.width.saturating_sub(group));
                to[group.min(what.width)..][..count].copy_from_slice(&lanes[..count]);
            }
        }
    }
}
