//! Sixteen lanes of a processor's vectors, as little of them as the kernels need.
//!
//! Every kernel is written once against [`Simd`] and compiled for each of the instruction sets. What a lane computes,
//! and in which order, is the same for any number of rows side by side; between instruction sets the last bits may
//! differ (a fused multiply-add rounds once, two instructions twice).

/// Lanes of a vector, and rows of a tile of weights.
pub const LANES: usize = 16;

/// Operations on vectors of sixteen values.
///
/// # Safety
///
/// All of them need the processor features of the implementation; pointers must be good for what is read or written
/// there, without regard to alignment.
pub trait Simd {
    /// Sixteen `f32`.
    type F: Copy;
    /// Sixteen `i32`.
    type I: Copy;

    unsafe fn splat(value: f32) -> Self::F;
    unsafe fn load(from: *const f32) -> Self::F;
    unsafe fn load_f16(from: *const u16) -> Self::F;
    unsafe fn load_bf16(from: *const u16) -> Self::F;
    unsafe fn store(to: *mut f32, value: Self::F);
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    /// a · b + c.
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F;

    /// Where a sum of [`Simd::dot4`] begins, if the quantised activations of the block have this sum.
    unsafe fn start(sum: i32) -> Self::I;
    /// Adds to each lane the product of its four weights (64 bytes at `weights`, each stored plus 128) with the same
    /// four activations.
    unsafe fn dot4(sum: Self::I, weights: *const u8, activations: *const i8) -> Self::I;
    unsafe fn to_f32(value: Self::I) -> Self::F;
}

/// Plain Rust, for any processor.
pub struct Portable;

impl Simd for Portable {
    type F = [f32; LANES];
    type I = [i32; LANES];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::F {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::F {
        // SAFETY: the caller vouches for the pointer.
        unsafe { from.cast::<[f32; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self::F {
        // SAFETY: the caller vouches for the pointer.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        bits.map(|b| half::f16::from_bits(b).to_f32())
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self::F {
        // SAFETY: the caller vouches for the pointer.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        bits.map(|b| f32::from_bits(u32::from(b) << 16))
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::F) {
        // SAFETY: the caller vouches for the pointer.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(value) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn start(_sum: i32) -> Self::I {
        [0; LANES]
    }

    #[inline(always)]
    unsafe fn dot4(sum: Self::I, weights: *const u8, activations: *const i8) -> Self::I {
        // SAFETY: the caller vouches for the pointers.
        let (weights, x) = unsafe {
            (
                weights.cast::<[[u8; 4]; LANES]>().read_unaligned(),
                activations.cast::<[i8; 4]>().read_unaligned(),
            )
        };
        std::array::from_fn(|i| {
            let product: i32 = weights[i]
                .iter()
                .zip(x)
                .map(|(w, x)| (i32::from(*w) - 128) * i32::from(x))
                .sum();
            sum[i] + product
        })
    }

    #[inline(always)]
    unsafe fn to_f32(value: Self::I) -> Self::F {
        value.map(|v| v as f32)
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Simd;

    /// AVX2, FMA and F16C: two vectors of eight.
    pub struct Avx2;

    /// The products of 32 weights (stored plus 128) with activations, four by four added up.
    ///
    /// # Safety
    ///
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn dot4_of_8(sum: __m256i, weights: __m256i, x: __m256i) -> __m256i {
        // SAFETY: the caller has AVX2. |w| ≤ 128 and |x| ≤ 127, so that a pair of products stays within 16 bits.
        unsafe {
            let signed = _mm256_xor_si256(weights, _mm256_set1_epi8(i8::MIN));
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(x, signed));
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    // SAFETY (all of it): the trait's callers have the features and vouch for the pointers.
    impl Simd for Avx2 {
        type F = [__m256; 2];
        type I = [__m256i; 2];

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self::F {
            unsafe { [_mm256_set1_ps(value); 2] }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::F {
            unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const u16) -> Self::F {
            unsafe {
                [
                    _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                    _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())),
                ]
            }
        }

        #[inline(always)]
        unsafe fn load_bf16(from: *const u16) -> Self::F {
            unsafe {
                [from, from.add(8)].map(|part| {
                    let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(part.cast()));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
                })
            }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, value: Self::F) {
            unsafe {
                _mm256_storeu_ps(to, value[0]);
                _mm256_storeu_ps(to.add(8), value[1]);
            }
        }

        #[inline(always)]
        unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
            unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
        }

        #[inline(always)]
        unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
            unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
        }

        #[inline(always)]
        unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
            unsafe {
                [
                    _mm256_fmadd_ps(a[0], b[0], c[0]),
                    _mm256_fmadd_ps(a[1], b[1], c[1]),
                ]
            }
        }

        #[inline(always)]
        unsafe fn start(_sum: i32) -> Self::I {
            unsafe { [_mm256_setzero_si256(); 2] }
        }

        #[inline(always)]
        unsafe fn dot4(sum: Self::I, weights: *const u8, activations: *const i8) -> Self::I {
            unsafe {
                let x = _mm256_set1_epi32(activations.cast::<i32>().read_unaligned());
                [
                    dot4_of_8(sum[0], _mm256_loadu_si256(weights.cast()), x),
                    dot4_of_8(sum[1], _mm256_loadu_si256(weights.add(32).cast()), x),
                ]
            }
        }

        #[inline(always)]
        unsafe fn to_f32(value: Self::I) -> Self::F {
            unsafe { [_mm256_cvtepi32_ps(value[0]), _mm256_cvtepi32_ps(value[1])] }
        }
    }

    /// AVX-512 (F, BW, VL) with VNNI: one vector of sixteen.
    pub struct Avx512;

    // SAFETY (all of it): the trait's callers have the features and vouch for the pointers.
    impl Simd for Avx512 {
        type F = __m512;
        type I = __m512i;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self::F {
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::F {
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const u16) -> Self::F {
            unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
        }

        #[inline(always)]
        unsafe fn load_bf16(from: *const u16) -> Self::F {
            unsafe {
                let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
            }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, value: Self::F) {
            unsafe { _mm512_storeu_ps(to, value) }
        }

        #[inline(always)]
        unsafe fn add(a: Self::F, b: Self::F) -> Self::F {
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
            unsafe { _mm512_mul_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        /// The instruction takes weights without a sign; what the 128 adds to all of them is taken off here.
        #[inline(always)]
        unsafe fn start(sum: i32) -> Self::I {
            unsafe { _mm512_set1_epi32(-128 * sum) }
        }

        #[inline(always)]
        unsafe fn dot4(sum: Self::I, weights: *const u8, activations: *const i8) -> Self::I {
            unsafe {
                let x = _mm512_set1_epi32(activations.cast::<i32>().read_unaligned());
                _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(weights.cast()), x)
            }
        }

        #[inline(always)]
        unsafe fn to_f32(value: Self::I) -> Self::F {
            unsafe { _mm512_cvtepi32_ps(value) }
        }
    }
}
