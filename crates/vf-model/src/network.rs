//! A network as generation sees it: token ids in, logits out, with a cache of what it has read.
//!
//! One pass takes several sequences of different lengths. They are ragged: each brings its own new tokens and its
//! own cache, no row is padded, and no mask is made for padding
//! ([decision 12](../../../docs/decisions/0012-own-fast-path.md)).

use std::any::Any;

use crate::error::ModelError;

/// Which logits a step asks for. Those of a prompt's inner tokens are the larger part of its cost where the
/// vocabulary is large, so they are computed only on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// After the last token: `vocabulary` values.
    Last,
    /// After every token: `tokens × vocabulary` values, row by row.
    All,
    /// None: the tokens only go into the cache.
    Nothing,
}

/// The part of one sequence in a forward pass.
pub(crate) struct Step<'a> {
    /// At least one, following those in the cache, to which they are added; ids below the vocabulary size. The
    /// cache's length plus theirs is within the context.
    pub tokens: &'a [u32],
    pub cache: &'a mut Cache,
    pub wanted: Wanted,
}

/// A network with its weights.
pub(crate) trait Network: Send + Sync {
    /// The cache of a sequence that has not begun.
    fn cache(&self) -> Cache;

    /// One pass over the new tokens of all sequences: the logits that each step asks for, in the order of the steps.
    /// After an error the caches are not to be used any more.
    fn forward(&self, steps: &mut [Step<'_>]) -> Result<Vec<Vec<f32>>, ModelError>;

    /// The numbers that come out are the same, bit for bit, if a sequence is read in pieces whose lengths are
    /// multiples of this (1: however it is read). Where it is larger, what prompts have in common is reused in
    /// whole pieces only, so that a seed gives the same text whatever ran before.
    fn piece(&self) -> usize;

    /// What computes, for tables: an instruction set or a library.
    fn backend(&self) -> &'static str;
}

/// What a network remembers of the tokens of one sequence. Opaque: only the network that made it can use it.
pub(crate) struct Cache(Box<dyn State>);

/// The inside of a [`Cache`].
pub(crate) trait State: Send + Any {
    /// Number of tokens that were read.
    fn len(&self) -> usize;

    /// Forgets all tokens after the first `len`. A state that cannot go back to there (a recurrent one) forgets
    /// more; [`State::len`] then says how many are left.
    fn truncate(&mut self, len: usize);

    /// An independent copy.
    fn fork(&self) -> Result<Box<dyn State>, ModelError>;

    fn as_any(&mut self) -> &mut dyn Any;
}

impl Cache {
    pub fn new(state: impl State) -> Cache {
        Cache(Box::new(state))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.0.truncate(len);
        }
    }

    pub fn fork(&self) -> Result<Cache, ModelError> {
        self.0.fork().map(Cache)
    }

    /// The state, for the network that made it; another network's cache is an error of this program.
    pub fn state<T: State>(&mut self) -> Result<&mut T, ModelError> {
        self.0.as_any().downcast_mut().ok_or(ModelError::ForeignCache)
    }
}
