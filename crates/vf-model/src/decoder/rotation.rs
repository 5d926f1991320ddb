//! Rotary positions: the angles of every position, and the rotation.

use candle_core::{DType, Device, Result, Tensor};

use crate::config::{Config, Pairs, Positions, Rope, RopeScaling};

/// Cosines and sines of every position up to the context length, F32.
pub struct Rotation {
    /// Shape (context, rotated dimensions / 2).
    cosines: Tensor,
    sines: Tensor,
    pairs: Pairs,
    width: usize,
}

impl Rotation {
    /// `None` for a model without rotary positions.
    pub fn new(config: &Config, context: usize, device: &Device) -> Result<Option<Rotation>> {
        let Positions::Rotary { pairs, .. } = config.variant.positions else {
            return Ok(None);
        };
        let width = config.rotated();
        let (frequencies, length) = frequencies(&config.rope, width, context);
        let count = frequencies.len();
        let angles: Vec<f32> = (0..context)
            .flat_map(|p| frequencies.iter().map(move |f| p as f32 * f))
            .collect();
        // Computed in F32 as the models were trained.
        let angles = Tensor::from_vec(angles, (context, count), device)?;
        Ok(Some(Rotation {
            cosines: (angles.cos()? * length)?,
            sines: (angles.sin()? * length)?,
            pairs,
            width,
        }))
    }

    /// Turns the first dimensions of each head by their positions' angles, in F32; the others stay. `x` has shape
    /// (heads, tokens, head_dim), the first token is at `position`.
    pub fn turn(&self, x: &Tensor, position: usize) -> Result<Tensor> {
        let (heads, count, width) = x.dims3()?;
        let cosines = self.cosines.narrow(0, position, count)?;
        let sines = self.sines.narrow(0, position, count)?;
        let turned = x.narrow(2, 0, self.width)?.contiguous()?.to_dtype(DType::F32)?;
        let turned = turned.reshape((1, heads, count, self.width))?;
        let turned = match self.pairs {
            Pairs::Halves => candle_nn::rotary_emb::rope(&turned, &cosines, &sines)?,
            Pairs::Neighbours => candle_nn::rotary_emb::rope_i(&turned, &cosines, &sines)?,
        };
        let turned = turned.squeeze(0)?.to_dtype(x.dtype())?;
        if self.width == width {
            return Ok(turned);
        }
        let rest = x.narrow(2, self.width, width - self.width)?;
        Tensor::cat(&[&turned, &rest], 2)?.contiguous()
    }
}

/// f_i = theta^(-2i / width), scaled; and what the rotated vectors are multiplied by.
pub fn frequencies(rope: &Rope, width: usize, context: usize) -> (Vec<f32>, f64) {
    let plain = (0..width / 2).map(|i| rope.theta.powf(-(2.0 * i as f64) / width as f64));
    match &rope.scaling {
        RopeScaling::LongRope {
            short,
            long,
            original_positions,
            attention_factor,
        } => {
            // One list for the whole run: keys that are in the cache were rotated by it.
            let divisors = if context as f64 > *original_positions {
                long
            } else {
                short
            };
            let divided = plain.zip(divisors).map(|(f, d)| (f / d) as f32).collect();
            (divided, *attention_factor)
        }
        RopeScaling::Yarn {
            factor,
            original_positions,
            beta_fast,
            beta_slow,
            truncate,
            attention_factor,
            ..
        } => {
            // The dimension (counted in frequencies) that turns so often within the original positions.
            let dimension = |turns: f64| {
                let per_turn = original_positions / (turns * 2.0 * std::f64::consts::PI);
                width as f64 * per_turn.ln() / (2.0 * rope.theta.ln())
            };
            let (mut low, mut high) = (dimension(*beta_fast), dimension(*beta_slow));
            if *truncate {
                (low, high) = (low.floor(), high.ceil());
            }
            low = low.max(0.0);
            high = high.min(width as f64 - 1.0);
            if low == high {
                high += 0.001;
            }
            let scaled = plain.enumerate().map(|(i, f)| {
                let divided = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
                (f / factor * divided + f * (1.0 - divided)) as f32
            });
            (scaled.collect(), *attention_factor)
        }
        _ => (plain.map(|f| scaled(f, &rope.scaling) as f32).collect(), 1.0),
    }
}

fn scaled(frequency: f64, scaling: &RopeScaling) -> f64 {
    match scaling {
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_positions,
        } => {
            // How often the frequency turns within the positions of the first training.
            let turns = original_positions * frequency / (2.0 * std::f64::consts::PI);
            let keep = ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
            keep * frequency + (1.0 - keep) * frequency / factor
        }
        _ => frequency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_scaling_keeps_fast_rotations_and_slows_the_others() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_positions: 8192.0,
        };
        assert_eq!(scaled(1.0, &scaling), 1.0);
        assert_eq!(scaled(1e-6, &scaling), 1e-6 / 8.0);
        // 2.5 turns lie in the middle between 1 and 4: half of each.
        let middle = 2.5 * 2.0 * std::f64::consts::PI / 8192.0;
        let expected = middle * (0.5 + 0.5 / 8.0);
        assert!((scaled(middle, &scaling) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_longer_context_takes_the_long_list() {
        let rope = Rope {
            theta: 100.0,
            scaling: RopeScaling::LongRope {
                short: vec![1.0, 2.0],
                long: vec![4.0, 8.0],
                original_positions: 64.0,
                attention_factor: 1.5,
            },
        };
        assert_eq!(frequencies(&rope, 4, 64), (vec![1.0, 0.05], 1.5));
        assert_eq!(frequencies(&rope, 4, 65), (vec![0.25, 0.0125], 1.5));
    }
}
