//! Choosing the next token from logits.

use crate::error::ModelError;

/// How to choose tokens and when to stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token always; 1 follows the model's own distribution.
    pub temperature: f64,
    /// Only the smallest set of likeliest tokens whose probabilities sum to at least this (Holtzman et al.,
    /// arXiv 1904.09751); in (0, 1].
    pub top_p: f64,
    /// Only the so many likeliest tokens.
    pub top_k: Option<usize>,
    /// Completions with the same seed, prompt, model and device are the same.
    pub seed: u64,
    pub max_new_tokens: usize,
    /// A completion ends before the first of these.
    pub stop: Vec<String>,
    /// Number of completions; the n-th does not depend on how many are asked for.
    pub samples: usize,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_p: 1.0,
            top_k: None,
            seed: 0,
            max_new_tokens: 512,
            stop: Vec::new(),
            samples: 1,
        }
    }
}

impl Sampling {
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let bad = |field, found: String, expected| {
            Err(ModelError::BadSampling {
                field,
                found,
                expected,
            })
        };
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return bad("temperature", self.temperature.to_string(), "a number from 0");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return bad("top_p", self.top_p.to_string(), "a number above 0, up to 1");
        }
        if self.top_k == Some(0) {
            return bad("top_k", "0".to_owned(), "at least 1");
        }
        if self.max_new_tokens == 0 {
            return bad("max_new_tokens", "0".to_owned(), "at least 1");
        }
        if self.samples == 0 {
            return bad("samples", "0".to_owned(), "at least 1");
        }
        if self.stop.iter().any(String::is_empty) {
            return bad(
                "stop",
                "an empty text".to_owned(),
                "texts of at least one character",
            );
        }
        Ok(())
    }
}

/// The likeliest token and its logit; `None` if no logit is finite, or one of them is not a number.
fn likeliest(logits: &[f32]) -> Option<(usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (token, logit) in logits.iter().copied().enumerate() {
        if logit.is_nan() || logit == f32::INFINITY {
            return None;
        }
        if best.is_none_or(|(_, b)| logit > b) {
            best = Some((token, logit));
        }
    }
    best.filter(|(_, logit)| logit.is_finite())
}

/// Picks a token among those with finite logits; `None` if there is none, or if a logit is not a number.
pub(crate) fn pick(logits: &[f32], sampling: &Sampling, random: &mut Random) -> Option<u32> {
    let (likeliest, largest) = likeliest(logits)?;
    let token = if sampling.temperature == 0.0 {
        likeliest
    } else {
        draw(logits, f64::from(largest), sampling, random).unwrap_or(likeliest)
    };
    u32::try_from(token).ok()
}

/// ln Σ exp(logit): a logit minus this is the token's log-probability at temperature 1. `None` as for [`pick`].
pub(crate) fn log_normaliser(logits: &[f32]) -> Option<f64> {
    let (_, shift) = likeliest(logits)?;
    let mut lanes = [0.0f64; 16];
    for chunk in logits.chunks(16) {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(exp(logit - shift));
        }
    }
    Some(lanes.iter().sum::<f64>().ln() + f64::from(shift))
}

/// 1.5 · 2^23: floats around it are the integers.
pub(crate) const MAGIC: f32 = 12_582_912.0;

/// e^x, off by at most 2 · 10^-7 of it; x is cut to [-87, 88]. The reduction to |r| ≤ ln 2 / 2 and the polynomial are
/// those of Cephes (S. L. Moshier, `expf`).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Comparisons in this order let what is not a number through.
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = x - n * 0.693_359_4;
    let r = r + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let value = p * (r * r) + r + 1.0;
    // The integer n is in the low bits of the shifted number.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    value * power
}

/// Draws from softmax(logits / temperature), cut to `top_k` and then to `top_p`.
fn draw(logits: &[f32], largest: f64, sampling: &Sampling, random: &mut Random) -> Option<usize> {
    let (shift, warmth) = (largest as f32, (1.0 / sampling.temperature) as f32);
    // What is less than e^-80 times as likely as the likeliest one is never drawn.
    let mut candidates: Vec<(usize, f64)> = logits
        .iter()
        .map(|l| (l - shift) * warmth)
        .enumerate()
        .filter(|(_, l)| *l > -80.0)
        .map(|(token, l)| (token, f64::from(exp(l))))
        .collect();
    // Likeliest first; equal ones by id, so that the order is one order.
    let by_weight = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if let Some(k) = sampling.top_k.filter(|k| *k < candidates.len()) {
        candidates.select_nth_unstable_by(k, by_weight);
        candidates.truncate(k);
    }
    let total: f64 = candidates.iter().map(|(_, w)| w).sum();
    if sampling.top_p < 1.0 {
        // Tokens below this have together less than 1 - top_p: the others suffice.
        let negligible = total * (1.0 - sampling.top_p) / candidates.len() as f64;
        candidates.retain(|(_, w)| *w >= negligible);
        candidates.sort_unstable_by(by_weight);
        let mut sum = 0.0;
        let enough = candidates.iter().position(|(_, w)| {
            sum += w;
            sum >= sampling.top_p * total
        });
        candidates.truncate(enough.map_or(candidates.len(), |n| n + 1));
    } else if sampling.top_k.is_some() {
        candidates.sort_unstable_by_key(|(token, _)| *token);
    }
    let total: f64 = candidates.iter().map(|(_, w)| w).sum();
    let mut left = random.unit() * total;
    for (token, weight) in &candidates {
        left -= weight;
        if left < 0.0 {
            return Some(*token);
        }
    }
    // Rounding can leave a rest past the last candidate.
    candidates.last().map(|(token, _)| *token)
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): one 64-bit state, the same numbers on every machine and
/// in every version of this program.
pub(crate) struct Random(u64);

impl Random {
    /// The stream of one completion of a run.
    pub fn new(seed: u64, sample: usize) -> Random {
        let mut random = Random(seed);
        let mixed = random.next();
        Random(mixed ^ (sample as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1): the 53 bits that a double holds exactly.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 4] = [0.0, 2.0, 1.0, f32::NEG_INFINITY];

    fn frequencies(sampling: &Sampling) -> [usize; 4] {
        let mut random = Random::new(7, 0);
        let mut counts = [0; 4];
        for _ in 0..20_000 {
            let token = pick(&LOGITS, sampling, &mut random).expect("a token");
            counts[token as usize] += 1;
        }
        counts
    }

    #[test]
    fn temperature_zero_is_greedy_and_the_models_probability_is_known() {
        let token = pick(&LOGITS, &Sampling::default(), &mut Random::new(0, 0));
        assert_eq!(token, Some(1));
        let expected = (1.0 + 2f64.exp() + 1f64.exp()).ln();
        assert!((log_normaliser(&LOGITS).expect("numbers") - expected).abs() < 1e-6);
    }

    #[test]
    fn draws_follow_the_softmax() {
        let sampling = Sampling {
            temperature: 1.0,
            ..Sampling::default()
        };
        let counts = frequencies(&sampling);
        let total = 1.0 + 2f64.exp() + 1f64.exp();
        for (count, logit) in counts.iter().zip([0.0f64, 2.0, 1.0]) {
            let expected = 20_000.0 * logit.exp() / total;
            assert!((*count as f64 - expected).abs() < 400.0, "{counts:?}");
        }
        assert_eq!(counts[3], 0, "a token without probability is never drawn");
    }

    #[test]
    fn top_k_and_top_p_cut_the_tail() {
        let sampling = Sampling {
            temperature: 1.0,
            top_k: Some(2),
            ..Sampling::default()
        };
        let counts = frequencies(&sampling);
        assert!(counts[0] == 0 && counts[1] > 0 && counts[2] > 0, "{counts:?}");
        // The likeliest token alone has 0.665, so 0.6 needs one token and 0.7 needs two.
        let sampling = Sampling {
            temperature: 1.0,
            top_p: 0.6,
            ..Sampling::default()
        };
        assert_eq!(frequencies(&sampling), [0, 20_000, 0, 0]);
        let sampling = Sampling {
            temperature: 1.0,
            top_p: 0.7,
            ..Sampling::default()
        };
        let counts = frequencies(&sampling);
        assert!(counts[0] == 0 && counts[2] > 0, "{counts:?}");
    }

    #[test]
    fn logits_that_are_no_numbers_choose_nothing() {
        let mut random = Random::new(0, 0);
        for bad in [
            [f32::NAN, 0.0],
            [f32::INFINITY, 0.0],
            [f32::NEG_INFINITY, f32::NEG_INFINITY],
        ] {
            assert_eq!(pick(&bad, &Sampling::default(), &mut random), None);
            assert_eq!(log_normaliser(&bad), None);
        }
        assert_eq!(pick(&[], &Sampling::default(), &mut random), None);
    }

    /// First outputs for seed 1234567, from the algorithm's published reference values.
    #[test]
    fn the_generator_is_splitmix64() {
        let mut random = Random(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let default = Sampling::default;
        for (sampling, name) in [
            (
                Sampling {
                    temperature: f64::NAN,
                    ..default()
                },
                "temperature",
            ),
            (
                Sampling {
                    temperature: -1.0,
                    ..default()
                },
                "temperature",
            ),
            (
                Sampling {
                    top_p: 0.0,
                    ..default()
                },
                "top_p",
            ),
            (
                Sampling {
                    top_k: Some(0),
                    ..default()
                },
                "top_k",
            ),
            (
                Sampling {
                    samples: 0,
                    ..default()
                },
                "samples",
            ),
            (
                Sampling {
                    max_new_tokens: 0,
                    ..default()
                },
                "max_new_tokens",
            ),
            (
                Sampling {
                    stop: vec![String::new()],
                    ..default()
                },
                "stop",
            ),
        ] {
            match sampling.check() {
                Err(ModelError::BadSampling { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
