//! Branches of a [`tree`](crate::tree) search that a hosted model grows, and a scorer that asks the prover about them.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use vf_model::guide::{Guide, GuideError};
use vf_model::{DecodingStatistics, Event, Finished, HostedModel, ModelError, Prompt, Request, Sampling};

use crate::lark::OPEN;
use crate::prefix::{PrefixOracle, PrefixVerdict};
use crate::tree::{Branch, Drawn, Scorer};

/// A completion of a prompt with its key-value cache.
pub struct Growing<'m> {
    model: &'m HostedModel,
    /// Where drawing goes on.
    at: vf_model::Branch,
    sampling: Sampling,
    /// Advanced over the completion.
    guide: Option<Box<dyn Guide>>,
    text: String,
    tokens: usize,
    log_probability: f64,
    /// Of all branches of a search.
    statistics: Rc<RefCell<DecodingStatistics>>,
}

/// Why a branch cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Guide(#[from] GuideError),
}

impl<'m> Growing<'m> {
    /// The root of a search: a prompt that was read. `sampling` says how each statement is drawn; its seed and its number of
    /// samples are not looked at, its longest completion counts from the prompt on.
    pub fn new(
        model: &'m HostedModel,
        prompt: vf_model::Branch,
        sampling: &Sampling,
        guide: Option<&dyn Guide>,
    ) -> Growing<'m> {
        Growing {
            model,
            at: prompt,
            sampling: Sampling {
                samples: 1,
                ..sampling.clone()
            },
            guide: guide.map(Guide::fork),
            text: String::new(),
            tokens: 0,
            log_probability: 0.0,
            statistics: Rc::default(),
        }
    }

    /// What all branches of the search took so far.
    pub fn statistics(&self) -> DecodingStatistics {
        self.statistics.borrow().clone()
    }

    /// Tokens of the completion.
    pub fn tokens(&self) -> usize {
        self.tokens
    }
}

impl Branch for Growing<'_> {
    type Error = GrowError;

    fn fork(&self, seed: u64) -> Result<Self, GrowError> {
        Ok(Growing {
            model: self.model,
            at: self.at.fork()?,
            sampling: Sampling {
                seed,
                ..self.sampling.clone()
            },
            guide: self.guide.as_ref().map(|g| g.fork()),
            text: self.text.clone(),
            tokens: self.tokens,
            log_probability: self.log_probability,
            statistics: self.statistics.clone(),
        })
    }

    fn draw(&mut self, stop: &mut dyn FnMut(&str) -> bool) -> Result<Drawn, GrowError> {
        let Some(left) = self
            .sampling
            .max_new_tokens
            .checked_sub(self.tokens)
            .filter(|n| *n > 0)
        else {
            return Ok(Drawn::GivenUp);
        };
        let sampling = Sampling {
            max_new_tokens: left,
            ..self.sampling.clone()
        };
        let before = self.text.len();
        // A token may be a new line with the blanks that begin it: more blanks are no new place.
        let said = self.text.trim_end().len();
        let mut text = self.text.clone();
        let mut watch = |event: Event<'_>| {
            match event {
                Event::Token { text: more, .. } => {
                    text.push_str(more);
                    if text.trim_end().len() > said && stop(&text) {
                        return ControlFlow::Break(());
                    }
                }
                Event::Back { shown, .. } => text.truncate(before + shown),
                Event::Prompt { .. } | Event::Done { .. } => {}
            }
            ControlFlow::Continue(())
        };
        let request = Request {
            guide: self.guide.as_deref(),
            ..Request::new(Prompt::Tokens(&[]), &sampling)
        };
        let (grown, statistics) = self.model.grow(&self.at, &request, &mut watch)?;
        self.statistics.borrow_mut().add(&statistics);
        let Some(grown) = grown.into_iter().next() else {
            return Ok(Drawn::GivenUp);
        };
        let completion = grown.completion;
        self.text.push_str(&completion.text);
        self.tokens += completion.tokens.len();
        self.log_probability += completion.log_probability;
        if let Some(guide) = &mut self.guide {
            for token in &completion.tokens {
                guide.advance(*token)?;
            }
        }
        if let Some(branch) = grown.branch {
            self.at = branch;
        }
        Ok(match completion.finished {
            Finished::Cancelled => Drawn::Stopped,
            Finished::EndToken | Finished::Stop(_) => Drawn::Finished,
            Finished::Length | Finished::ContextFull | Finished::DeadEnd(_) | Finished::GuideFailed(_) => {
                Drawn::GivenUp
            }
        })
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn log_probability(&self) -> f64 {
        self.log_probability
    }
}

/// What is known of a whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discharged {
    /// Obligations of the function that are refuted or unknown with the answer in its place.
    pub open: usize,
}

/// Judges whole answers.
pub type Judge<'a> = dyn FnMut(&str) -> Option<Discharged> + 'a;

/// What an obligation discharged is worth, in nats (natural logarithm of a probability): as much as a text that is some fifty
/// times as likely.
const WORTH: f64 = 4.0;

/// Refuses what the prover refutes whatever follows, and likes a whole answer for each obligation that it discharges.
pub struct ProverScorer<'a> {
    pub oracle: Arc<dyn PrefixOracle>,
    /// `None` of it: the answer holds no candidate.
    pub judge: Box<Judge<'a>>,
    /// Open before the edit.
    pub open: usize,
}

impl Scorer for ProverScorer<'_> {
    fn score(&mut self, text: &str, finished: bool) -> Option<f64> {
        if finished {
            let discharged = (self.judge)(text)?;
            return Some(WORTH * (self.open as f64 - discharged.open as f64));
        }
        // What was said before the block is no part of the edit.
        let edit = text.rsplit(OPEN).next().unwrap_or(text);
        let edit = edit.trim_end_matches([' ', '\t']);
        match self.oracle.judge(edit) {
            PrefixVerdict::Refuted(_) => None,
            PrefixVerdict::Open => Some(0.0),
        }
    }
}
