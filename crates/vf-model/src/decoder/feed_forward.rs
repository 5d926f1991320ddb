//! The feed-forward part of a layer: one, or several experts of which each token goes through some.

use candle_core::{DType, Result, Tensor};
use candle_nn::ops::{sigmoid, silu};

use super::layers::Linear;
use crate::config::{Activation, Experts, Scoring};

pub enum FeedForwardPart {
    One(Expert),
    Several(Box<Mixture>),
}

impl FeedForwardPart {
    /// `x` has shape (tokens, hidden).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            FeedForwardPart::One(part) => part.forward(x),
            FeedForwardPart::Several(mixture) => mixture.forward(x),
        }
    }
}

/// down(act(gate(x)) ∘ up(x)), or down(act(up(x))) without a gate.
pub struct Expert {
    pub gate: Option<Linear>,
    pub up: Linear,
    pub down: Linear,
    pub activation: Activation,
}

impl Expert {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let up = self.up.forward(x)?;
        let act = |x: &Tensor| match self.activation {
            Activation::Silu => silu(x),
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluTanh => x.gelu(),
        };
        let inner = match &self.gate {
            None => act(&up)?,
            Some(gate) => (act(&gate.forward(x)?)? * up)?,
        };
        self.down.forward(&inner)
    }
}

pub struct Mixture {
    pub router: Linear,
    /// What is added to each expert's score when experts are chosen.
    pub addends: Option<Tensor>,
    pub experts: Vec<Expert>,
    /// Every token goes through it, too.
    pub shared: Option<Expert>,
    pub shared_gate: Option<Linear>,
    pub choice: Experts,
}

impl Mixture {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, hidden) = x.dims2()?;
        // Which experts are best is decided in F32, whatever the weights are in.
        let router = self.router.weight.to_dtype(DType::F32)?;
        let scores = x.to_dtype(DType::F32)?.matmul(&router.t()?)?.to_vec2::<f32>()?;
        let addends = match &self.addends {
            None => None,
            Some(addends) => Some(addends.to_dtype(DType::F32)?.to_vec1::<f32>()?),
        };
        // Of each expert, the tokens that go through it and how much they count.
        let mut tokens: Vec<(Vec<u32>, Vec<f32>)> = vec![Default::default(); self.experts.len()];
        for (token, scores) in scores.into_iter().enumerate() {
            for (expert, weight) in choose(scores, addends.as_deref(), &self.choice) {
                if let Some((rows, weights)) = tokens.get_mut(expert) {
                    rows.push(token as u32);
                    weights.push(weight);
                }
            }
        }
        let mut sum = x.zeros_like()?;
        for (expert, (rows, weights)) in self.experts.iter().zip(tokens) {
            if rows.is_empty() {
                continue;
            }
            let count = rows.len();
            let rows = Tensor::from_vec(rows, count, x.device())?;
            let weights = Tensor::from_vec(weights, (count, 1), x.device())?.to_dtype(x.dtype())?;
            let y = expert.forward(&x.index_select(&rows, 0)?)?;
            let y = y.broadcast_mul(&weights)?;
            sum = sum.index_add(&rows, &y, 0)?;
        }
        let Some(shared) = &self.shared else {
            return Ok(sum);
        };
        let y = shared.forward(x)?;
        let y = match &self.shared_gate {
            None => y,
            Some(gate) => y.broadcast_mul(&sigmoid(&gate.forward(x)?)?)?,
        };
        debug_assert_eq!(y.dims2()?.1, hidden);
        sum + y
    }
}

/// The experts that a token goes through, with their weights, from the router's outputs.
fn choose(mut scores: Vec<f32>, addends: Option<&[f32]>, choice: &Experts) -> Vec<(usize, f32)> {
    match choice.scoring {
        Scoring::Softmax => {
            let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            scores.iter_mut().for_each(|s| *s = (*s - largest).exp());
            let sum: f32 = scores.iter().sum();
            scores.iter_mut().for_each(|s| *s /= sum);
        }
        Scoring::Sigmoid => scores.iter_mut().for_each(|s| *s = 1.0 / (1.0 + (-*s).exp())),
    }
    // What the choice goes by; the weights are without the addends.
    let mut merit = scores.clone();
    for (merit, addend) in merit.iter_mut().zip(addends.unwrap_or_default()) {
        *merit += addend;
    }
    if let Some((groups, best)) = choice.groups {
        let each = (merit.len() / groups).max(1);
        let of_group: Vec<f32> = merit
            .chunks(each)
            .map(|group| {
                let counted = match choice.scoring {
                    Scoring::Softmax => 1,
                    Scoring::Sigmoid => 2,
                };
                largest(group, counted)
                    .into_iter()
                    .filter_map(|i| group.get(i))
                    .sum()
            })
            .collect();
        let kept = largest(&of_group, best);
        for (index, group) in merit.chunks_mut(each).enumerate() {
            if !kept.contains(&index) {
                group.fill(f32::NEG_INFINITY);
            }
        }
    }
    let chosen = largest(&merit, choice.per_token);
    let weights = chosen.into_iter().filter_map(|i| scores.get(i).map(|w| (i, *w)));
    let mut weights: Vec<(usize, f32)> = weights.collect();
    let sum: f32 = weights.iter().map(|(_, w)| w).sum();
    for (_, weight) in &mut weights {
        if choice.normalised {
            *weight /= sum + 1e-20;
        }
        *weight *= choice.scale as f32;
    }
    weights
}

/// Positions of the largest values, the first ones of equal ones.
fn largest(values: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |i: &usize| values.get(*i).copied().unwrap_or(f32::NEG_INFINITY);
    order.sort_by(|a, b| value(b).total_cmp(&value(a)));
    order.truncate(count);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experts(scoring: Scoring, groups: Option<(usize, usize)>) -> Experts {
        Experts {
            count: 4,
            per_token: 2,
            inner: 1,
            shared: None,
            shared_gate: false,
            scoring,
            normalised: true,
            scale: 3.0,
            groups,
            first: 0,
            step: 1,
            dense: Vec::new(),
        }
    }

    #[test]
    fn the_best_experts_share_the_weight() {
        let found = choose(vec![0.0, 2.0, 1.0, 2.0], None, &experts(Scoring::Softmax, None));
        assert_eq!(found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [1, 3]);
        assert!(found.iter().all(|(_, w)| (w - 1.5).abs() < 1e-6));
    }

    #[test]
    fn only_the_best_group_is_chosen_from() {
        let scores = vec![2.0, -1.0, 1.5, 1.4];
        let found = choose(scores.clone(), None, &experts(Scoring::Softmax, Some((2, 1))));
        assert_eq!(found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0, 1]);
        // By the sum of its best two, the second group is the better one.
        let found = choose(scores.clone(), None, &experts(Scoring::Sigmoid, Some((2, 1))));
        assert_eq!(found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [2, 3]);
        // Addends choose, and do not weigh.
        let addends = [0.0, 1.0, 0.0, 0.0];
        let found = choose(scores, Some(&addends), &experts(Scoring::Sigmoid, Some((2, 1))));
        assert_eq!(found.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [1, 0]);
        assert!(found[0].1 < found[1].1);
    }
}
