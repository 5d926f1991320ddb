//! Guesses of what comes next, which one pass of the model then confirms or refutes (Leviathan et al., arXiv 2211.17192).
//!
//! A guess decides nothing: the token at each place is drawn from the model's own logits, with the same random number
//! that it would be drawn with otherwise. Where it is the guessed one, the logits of the next place are there already.
//! So the text is the same with any guesses, and only the number of passes changes.

use crate::error::ModelError;
use crate::network::{Cache, Network, Step, Wanted};
use crate::text::Vocabulary;

/// Longest and shortest run of tokens that is looked up.
const LONGEST: usize = 4;
const SHORTEST: usize = 2;

/// A small model that guesses for a large one.
pub(crate) struct Draft<'a> {
    pub network: &'a dyn Network,
    pub context: usize,
}

/// The guesses for one sample.
pub(crate) struct Guesser {
    /// Tokens to guess at once, now and at most.
    count: usize,
    most: usize,
    /// Of the draft model; what it has read, a beginning of which agrees with the sample.
    cache: Option<Cache>,
}

impl Guesser {
    /// `most` 0 never guesses.
    pub fn new(most: usize) -> Guesser {
        Guesser {
            count: most.div_ceil(2),
            most,
            cache: None,
        }
    }

    /// What may follow the tokens: at most `room`, perhaps nothing.
    pub fn guess(
        &mut self,
        tokens: &[u32],
        room: usize,
        draft: Option<&Draft<'_>>,
        vocabulary: &Vocabulary,
    ) -> Result<Vec<u32>, ModelError> {
        let count = self.count.min(room);
        if count == 0 {
            return Ok(Vec::new());
        }
        let found = look_up(tokens, count);
        match draft {
            Some(draft) if found.is_empty() => self.ask(draft, tokens, count, vocabulary),
            _ => Ok(found.to_vec()),
        }
    }

    /// So many of the guesses came true; `agreed` is how many of the sample's tokens stood when they were made, and
    /// those that came true.
    pub fn learn(&mut self, guessed: usize, right: usize, agreed: usize) {
        if let Some(cache) = &mut self.cache {
            cache.truncate(agreed);
        }
        if right == guessed {
            self.count = (self.count * 2).min(self.most);
        } else if right * 2 < guessed {
            self.count = self.count.div_ceil(2).max(1);
        }
    }

    /// The likeliest tokens one after the other, by the draft model.
    fn ask(
        &mut self,
        draft: &Draft<'_>,
        tokens: &[u32],
        count: usize,
        vocabulary: &Vocabulary,
    ) -> Result<Vec<u32>, ModelError> {
        let mut guesses = Vec::new();
        if tokens.len() + count > draft.context {
            return Ok(guesses);
        }
        let cache = self.cache.get_or_insert_with(|| draft.network.cache());
        // Tokens that were taken back are not in the sample any more.
        cache.truncate(tokens.len().saturating_sub(1));
        let mut new = tokens.get(cache.len()..).unwrap_or_default().to_vec();
        while guesses.len() < count {
            let step = Step {
                tokens: &new,
                cache,
                wanted: Wanted::Last,
            };
            let mut logits = draft.network.forward(&mut [step])?.pop().unwrap_or_default();
            logits.truncate(vocabulary.size());
            vocabulary.mask(&mut logits);
            let best = (0u32..).zip(&logits).max_by(|a, b| a.1.total_cmp(b.1));
            let Some((token, _)) = best else { break };
            guesses.push(token);
            new = vec![token];
        }
        Ok(guesses)
    }
}

/// What followed the last time that the last tokens stood in this order; the longest run of them is looked for first.
/// An edit mostly copies its prompt (A. Saxena, "Prompt Lookup Decoding", 2023).
fn look_up(tokens: &[u32], count: usize) -> &[u32] {
    for length in (SHORTEST..=LONGEST).rev() {
        let Some(start) = tokens.len().checked_sub(length) else {
            continue;
        };
        let (earlier, last) = (tokens.get(..tokens.len() - 1), tokens.get(start..));
        let (Some(earlier), Some(last)) = (earlier, last) else {
            continue;
        };
        if let Some(at) = earlier.windows(length).rposition(|w| w == last) {
            let from = at + length;
            return tokens
                .get(from..(from + count).min(tokens.len()))
                .unwrap_or_default();
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_before_is_guessed() {
        assert_eq!(look_up(&[1, 2, 3, 4, 5, 1, 2, 3], 2), [4, 5]);
        // The last place counts, and the longer run.
        assert_eq!(look_up(&[7, 1, 2, 3, 8, 1, 2, 9, 7, 1, 2], 1), [3]);
        assert_eq!(look_up(&[1, 2, 3, 1, 2, 4, 5, 1, 2], 9), [4, 5, 1, 2]);
        assert_eq!(look_up(&[5, 5, 5], 4), [5]);
        for nothing in [&[][..], &[1], &[1, 2], &[1, 2, 3, 4]] {
            assert!(look_up(nothing, 4).is_empty());
        }
    }

    #[test]
    fn guesses_grow_with_success() {
        let mut guesser = Guesser::new(8);
        assert_eq!(guesser.count, 4);
        guesser.learn(4, 4, 0);
        assert_eq!(guesser.count, 8);
        guesser.learn(8, 5, 0);
        assert_eq!(guesser.count, 8);
        (0..6).for_each(|_| guesser.learn(8, 0, 0));
        assert_eq!(guesser.count, 1);
        assert_eq!(Guesser::new(0).count, 0);
    }
}
