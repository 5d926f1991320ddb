//! The kernels against plain loops, and the network against the one of the tensor library.

use super::kernels::Kernels;
use super::*;
use crate::config::Family;
use crate::hosted::Folder;
use crate::sample::Random;
use crate::testing::{TinyModel, VOCABULARY};

const KINDS: [Kind; 4] = [Kind::F32, Kind::F16, Kind::Bf16, Kind::Q8_0];

fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, 0);
    (0..count).map(|_| (random.unit() * 2.0 - 1.0) as f32).collect()
}

/// x · matrixᵀ by these kernels, all rows at once.
fn multiply(kernels: Kernels, matrix: &Matrix, rows: usize, x: &[f32]) -> Vec<f32> {
    let mut activations = Activations::default();
    activations.resize(rows, matrix.cols);
    activations.values.copy_from_slice(x);
    kernels.quantise(&mut activations);
    let mut out = vec![f32::NAN; rows * matrix.rows];
    let to = Output { to: out.as_mut_ptr() };
    // SAFETY: the output has room for all rows.
    unsafe { kernels.product(matrix, &activations, 0..matrix.tiles(), to) };
    out
}

#[test]
fn products_are_right_and_a_row_does_not_depend_on_the_others() {
    for kernels in Kernels::available() {
        for kind in KINDS {
            for (rows, cols) in [(1, 32), (16, 64), (33, 96), (81, 160), (130, 40), (5, 7)] {
                let matrix = Matrix::pack(rows, cols, &values(rows * cols, 1), kind);
                let mut weights = vec![0.0; rows * cols];
                for (row, out) in weights.chunks_mut(cols).enumerate() {
                    matrix.row(row, out);
                }
                for count in [1, 2, 3, 4, 7, 9] {
                    let x = values(count * cols, 2);
                    let found = multiply(kernels, &matrix, count, &x);
                    for (row, x) in x.chunks(cols).enumerate() {
                        let alone = multiply(kernels, &matrix, 1, x);
                        assert_eq!(
                            found[row * rows..(row + 1) * rows],
                            alone,
                            "{} {kind:?}",
                            kernels.name
                        );
                        for (weights, found) in weights.chunks(cols).zip(&alone) {
                            let expected: f64 = weights
                                .iter()
                                .zip(x)
                                .map(|(w, x)| f64::from(*w) * f64::from(*x))
                                .sum();
                            // Activations of 8 bits are off by at most 1/254 of the largest of a block.
                            let bound = if kind == Kind::Q8_0 && cols % 32 == 0 {
                                0.004 * cols as f64
                            } else {
                                1e-5
                            };
                            let off = (f64::from(*found) - expected).abs();
                            assert!(off < bound, "{} {kind:?} {rows}x{cols}: {off}", kernels.name);
                        }
                    }
                }
            }
        }
    }
}

/// Sums of integers are exact, so that all instruction sets agree but for the rounding of the last steps.
#[test]
fn quantised_products_are_the_same_everywhere() {
    let matrix = Matrix::pack(48, 256, &values(48 * 256, 3), Kind::Q8_0);
    let x = values(256 * 5, 4);
    let found: Vec<Vec<f32>> = Kernels::available()
        .into_iter()
        .map(|k| multiply(k, &matrix, 5, &x))
        .collect();
    for other in &found[1..] {
        let close = other.iter().zip(&found[0]).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close);
    }
}

#[test]
fn weights_come_back_as_they_were_packed() {
    for (rows, cols) in [(17, 64), (3, 5), (16, 96)] {
        let given = values(rows * cols, 5);
        for (kind, off) in [
            (Kind::F32, 0.0),
            (Kind::F16, 5e-4),
            (Kind::Bf16, 4e-3),
            (Kind::Q8_0, 4.5e-3),
        ] {
            let matrix = Matrix::pack(rows, cols, &given, kind);
            for (row, given) in given.chunks(cols).enumerate() {
                let mut found = vec![0.0; cols];
                matrix.row(row, &mut found);
                assert!(
                    given.iter().zip(&found).all(|(a, b)| (a - b).abs() <= off),
                    "{kind:?}"
                );
            }
        }
    }
    let (f32s, blocks) = (
        Matrix::pack(64, 256, &values(64 * 256, 6), Kind::F32),
        values(64 * 256, 6),
    );
    let blocks = Matrix::pack(64, 256, &blocks, Kind::Q8_0);
    assert_eq!(f32s.bytes(), 64 * 256 * 4);
    assert_eq!(blocks.bytes(), 64 * 256 / 32 * 34);
}

/// The extremes of a block as a file may hold them, -128 among them.
#[test]
fn every_byte_of_a_block_is_taken_for_what_it_is() {
    let mut bytes = Vec::new();
    for first in (0..=255u8).step_by(32) {
        bytes.extend(half::f16::from_f32(0.5).to_le_bytes());
        bytes.extend((0..32).map(|i| first.wrapping_add(i)));
    }
    let matrix = Matrix::from_q8_0(8, 32, &bytes);
    let x: Vec<f32> = (0..32).map(|i| if i % 2 == 0 { 127.0 } else { -127.0 }).collect();
    for kernels in Kernels::available() {
        let found = multiply(kernels, &matrix, 1, &x);
        for (row, found) in found.iter().enumerate() {
            let expected: f32 = (0..32)
                .map(|i| 0.5 * f32::from((row * 32 + i) as u8 as i8) * x[i])
                .sum();
            assert_eq!(*found, expected, "{}", kernels.name);
        }
    }
    // A block of nothing, and one that is not a number.
    assert!(quantise_block(&[0.0; 32]).iter().all(|b| *b == 0));
    for strange in [f32::NAN, f32::INFINITY] {
        let mut x = vec![1.0; 32];
        x[9] = strange;
        for kernels in Kernels::available() {
            let found = multiply(kernels, &matrix, 1, &x);
            assert!(found.iter().all(|v| v.is_nan()), "{}", kernels.name);
        }
    }
}

#[test]
fn the_exponential_is_close() {
    for i in -8600..=8700 {
        let x = i as f32 / 100.0;
        let expected = f64::from(x).exp();
        let off = (f64::from(crate::sample::exp(x)) - expected).abs() / expected;
        assert!(off < 3e-7, "e^{x} is off by {off}");
    }
    assert!(crate::sample::exp(f32::NAN).is_nan());
    assert!(crate::sample::exp(f32::NEG_INFINITY) < 1e-37);
}

struct Pair {
    own: CpuNetwork,
    oracle: decoder::Decoder,
}

fn pair(family: Family, seed: u64, tied: bool, kind: Kind) -> Pair {
    let folder = tempfile::tempdir().expect("a folder");
    let tiny = TinyModel {
        tied_embeddings: tied,
        ..TinyModel::new(family, seed)
    };
    tiny.write(folder.path()).expect("a model");
    let Folder { config, weights, .. } = Folder::open(folder.path()).expect("a good folder");
    let weights = &weights;
    let own = CpuNetwork::load(&config, &Converted { weights, kind }, 256, 2).expect("a network");
    let oracle = decoder::Decoder::load(&config, weights, 256, DType::F32, &Device::Cpu);
    Pair {
        own,
        oracle: oracle.expect("a decoder"),
    }
}

fn tokens(count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| (i * 37 + 11) % 256).collect()
}

/// All logits of the tokens, read in pieces of this size.
fn logits(network: &dyn Network, tokens: &[u32], piece: usize) -> Vec<f32> {
    let mut cache = network.cache();
    let mut all = Vec::new();
    for tokens in tokens.chunks(piece) {
        let step = Step {
            tokens,
            cache: &mut cache,
            wanted: Wanted::All,
        };
        all.extend(network.forward(&mut [step]).expect("a pass").remove(0));
    }
    all
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_network_is_that_of_the_tensor_library() {
    let tokens = tokens(75);
    for family in [Family::Llama, Family::Qwen2] {
        for tied in [false, true] {
            for seed in 0..2 {
                let mut pair = pair(family, seed, tied, Kind::F32);
                let expected = logits(&pair.oracle, &tokens, 75);
                for kernels in Kernels::available() {
                    pair.own.set_kernels(kernels);
                    let off = largest_difference(&logits(&pair.own, &tokens, 75), &expected);
                    assert!(off < 1e-4, "{family:?} {}: {off}", kernels.name);
                }
            }
        }
    }
    // The narrower forms are near it.
    for (kind, bound) in [(Kind::F16, 0.02), (Kind::Bf16, 0.15), (Kind::Q8_0, 0.3)] {
        let pair = pair(Family::Qwen2, 1, false, kind);
        let off = largest_difference(
            &logits(&pair.own, &tokens, 75),
            &logits(&pair.oracle, &tokens, 75),
        );
        assert!(off < bound, "{kind:?}: {off}");
    }
}

/// Not close: the same.
#[test]
fn pieces_batches_and_threads_change_no_bit() {
    let sequence = tokens(75);
    for kind in KINDS {
        for mut own in [Family::Llama, Family::Qwen2].map(|f| pair(f, 1, false, kind).own) {
            for kernels in Kernels::available() {
                own.set_kernels(kernels);
                own.engine.shared_work = usize::MAX;
                let expected = logits(&own, &sequence, 1);
                for piece in [2, 3, 5, 32, 75] {
                    assert_eq!(
                        logits(&own, &sequence, piece),
                        expected,
                        "{} {kind:?}",
                        kernels.name
                    );
                }
                own.engine.shared_work = 0;
                assert_eq!(logits(&own, &sequence, 75), expected, "{} {kind:?}", kernels.name);
                assert_eq!(logits(&own, &sequence, 1), expected, "{} {kind:?}", kernels.name);

                // Forks of one beginning, in one pass with strangers of other lengths.
                let mut first = own.cache();
                let begin = Step {
                    tokens: &sequence[..40],
                    cache: &mut first,
                    wanted: Wanted::Nothing,
                };
                assert_eq!(
                    own.forward(&mut [begin]).expect("a pass"),
                    vec![Vec::<f32>::new()]
                );
                let mut caches: Vec<Cache> = (0..5).map(|_| first.fork().expect("a copy")).collect();
                let mut stranger = own.cache();
                let mut steps: Vec<Step<'_>> = caches
                    .iter_mut()
                    .enumerate()
                    .map(|(i, cache)| Step {
                        tokens: &sequence[40..41 + i * 3],
                        cache,
                        wanted: Wanted::Last,
                    })
                    .collect();
                steps.push(Step {
                    tokens: &sequence[..7],
                    cache: &mut stranger,
                    wanted: Wanted::All,
                });
                let found = own.forward(&mut steps).expect("a pass");
                for (i, found) in found.iter().take(5).enumerate() {
                    let at = (40 + i * 3) * VOCABULARY;
                    assert_eq!(*found, expected[at..at + VOCABULARY]);
                }
                assert_eq!(found[5], expected[..7 * VOCABULARY]);
                assert_eq!(first.len(), 40);

                // Going back and reading again.
                let mut last = caches.pop().expect("five");
                last.truncate(33);
                let again = Step {
                    tokens: &sequence[33..50],
                    cache: &mut last,
                    wanted: Wanted::Last,
                };
                let found = own.forward(&mut [again]).expect("a pass").remove(0);
                assert_eq!(found, expected[49 * VOCABULARY..50 * VOCABULARY]);
            }
        }
    }
}

#[test]
fn a_cache_of_another_network_is_refused() {
    let pair = pair(Family::Llama, 1, false, Kind::F32);
    let mut cache = pair.oracle.cache();
    let step = Step {
        tokens: &[1],
        cache: &mut cache,
        wanted: Wanted::Last,
    };
    let error = pair.own.forward(&mut [step]).expect_err("not its cache");
    assert!(matches!(error, ModelError::ForeignCache));
}
