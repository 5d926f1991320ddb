//! What may come next: the interface between decoding and whatever guides it.
//!
//! A [`Guide`] watches one completion grow token by token and says which tokens may follow: a grammar, a list of
//! names, a prover. Decoding asks [`Guide::allowed`] before a token is drawn, [`Guide::check`] about the token that
//! was drawn, and tells [`Guide::advance`] when it is kept. A token that does not pass the check is taken out of the
//! distribution at that place and another one is drawn; where none is left, the token before it is taken back.
//! Guides know token ids, not logits, and never see the model: they can be tried with any of them, and without one.

use std::time::Duration;

/// A set of token ids of one vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSet {
    /// Bit `id % 32` of word `id / 32`: the form that llguidance's masks have, too.
    words: Vec<u32>,
    len: usize,
}

impl TokenSet {
    /// No token of a vocabulary of so many.
    pub fn empty(vocabulary: usize) -> TokenSet {
        TokenSet {
            words: vec![0; vocabulary.div_ceil(32)],
            len: vocabulary,
        }
    }

    /// All tokens of a vocabulary of so many.
    pub fn full(vocabulary: usize) -> TokenSet {
        let mut words = vec![u32::MAX; vocabulary.div_ceil(32)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), vocabulary % 32) {
            *last = (1 << rest) - 1;
        }
        TokenSet {
            words,
            len: vocabulary,
        }
    }

    /// From 32 tokens a word, the lowest id in the lowest bit; ids from `vocabulary` on are dropped, and those
    /// that the words do not reach are not in the set.
    pub fn from_words(words: &[u32], vocabulary: usize) -> TokenSet {
        let mut set = TokenSet::full(vocabulary);
        for (i, word) in set.words.iter_mut().enumerate() {
            *word &= words.get(i).copied().unwrap_or(0);
        }
        set
    }

    /// Size of the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.len
    }

    pub fn contains(&self, token: u32) -> bool {
        let bit = 1 << (token % 32);
        self.words.get(token as usize / 32).is_some_and(|w| w & bit != 0)
    }

    /// Ids outside of the vocabulary are passed over.
    pub fn insert(&mut self, token: u32) {
        if (token as usize) < self.len
            && let Some(word) = self.words.get_mut(token as usize / 32)
        {
            *word |= 1 << (token % 32);
        }
    }

    pub fn remove(&mut self, token: u32) {
        if let Some(word) = self.words.get_mut(token as usize / 32) {
            *word &= !(1 << (token % 32));
        }
    }

    /// Keeps what is in both; ids beyond the other's vocabulary are not in it.
    pub fn intersect(&mut self, other: &TokenSet) {
        for (i, word) in self.words.iter_mut().enumerate() {
            *word &= other.words.get(i).copied().unwrap_or(0);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// Number of tokens in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(i, word)| {
            (0..32)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| (i * 32) as u32 + bit)
        })
    }
}

/// What a guide lets come next.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed {
    /// Tokens that may follow; `None`: all of them.
    pub tokens: Option<TokenSet>,
    /// Whether the completion may end here (with one of the model's end tokens, which are not looked up in `tokens`).
    pub end: bool,
    /// Added to the logits of these tokens: negative numbers make them less likely without forbidding them.
    pub penalties: Vec<(u32, f32)>,
}

impl Allowed {
    /// Everything, and the end.
    pub fn all() -> Allowed {
        Allowed {
            tokens: None,
            end: true,
            penalties: Vec::new(),
        }
    }

    /// What both allow, with the penalties of both.
    pub fn and(mut self, other: Allowed) -> Allowed {
        self.tokens = match (self.tokens, other.tokens) {
            (Some(mut a), Some(b)) => {
                a.intersect(&b);
                Some(a)
            }
            (a, b) => a.or(b),
        };
        self.end &= other.end;
        self.penalties.extend(other.penalties);
        self
    }
}

/// A token that was drawn, looked at before it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    Keep,
    /// Nothing that begins with the text so far and this token is any good; with the reason in words.
    Prune(String),
}

/// A guide that can no longer guide (its parser gave up, its prover is gone). The completion is given up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{guide}: {why}")]
pub struct GuideError {
    /// [`Guide::name`].
    pub guide: String,
    pub why: String,
}

/// What a guide did, all its forks together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuideStatistics {
    /// Tokens that [`Guide::check`] pruned.
    pub pruned: u64,
    /// Questions to a prover or an interpreter, and how long they took together.
    pub prover_calls: u64,
    pub prover_time: Duration,
}

/// A constraint on one completion. See the [module](self).
pub trait Guide: Send {
    /// Short, for logs and tables (`grammar`, `names`, `prover`).
    fn name(&self) -> &str;

    /// What may come next. Asked once before each token.
    fn allowed(&mut self) -> Result<Allowed, GuideError>;

    /// Looks at a token that [`Guide::allowed`] allows, without keeping it: the next call may be about another one.
    fn check(&mut self, token: u32) -> Result<Check, GuideError> {
        let _ = token;
        Ok(Check::Keep)
    }

    /// The completion goes on with this token (never an end token).
    fn advance(&mut self, token: u32) -> Result<(), GuideError>;

    /// The completion ended by itself here, where [`Guide::allowed`] said it may. [`Check::Prune`]: it must not,
    /// and another token is drawn.
    fn end(&mut self) -> Result<Check, GuideError> {
        Ok(Check::Keep)
    }

    /// The same state for another branch; statistics stay shared.
    fn fork(&self) -> Box<dyn Guide>;

    /// Of this guide and all its forks.
    fn statistics(&self) -> GuideStatistics {
        GuideStatistics::default()
    }
}

/// Several guides, all of which must agree. They are asked in order, and the later ones only about what the
/// earlier ones let through: cheap ones go first.
pub struct Stack {
    guides: Vec<Box<dyn Guide>>,
    name: String,
}

impl Stack {
    pub fn new(guides: Vec<Box<dyn Guide>>) -> Stack {
        let names: Vec<&str> = guides.iter().map(|g| g.name()).collect();
        let name = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join("+")
        };
        Stack { guides, name }
    }
}

impl Guide for Stack {
    fn name(&self) -> &str {
        &self.name
    }

    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        let mut allowed = Allowed::all();
        for guide in &mut self.guides {
            allowed = allowed.and(guide.allowed()?);
        }
        Ok(allowed)
    }

    fn check(&mut self, token: u32) -> Result<Check, GuideError> {
        for guide in &mut self.guides {
            if let pruned @ Check::Prune(_) = guide.check(token)? {
                return Ok(pruned);
            }
        }
        Ok(Check::Keep)
    }

    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        self.guides.iter_mut().try_for_each(|g| g.advance(token))
    }

    fn end(&mut self) -> Result<Check, GuideError> {
        for guide in &mut self.guides {
            if let pruned @ Check::Prune(_) = guide.end()? {
                return Ok(pruned);
            }
        }
        Ok(Check::Keep)
    }

    fn fork(&self) -> Box<dyn Guide> {
        Box::new(Stack {
            guides: self.guides.iter().map(|g| g.fork()).collect(),
            name: self.name.clone(),
        })
    }

    fn statistics(&self) -> GuideStatistics {
        let mut sum = GuideStatistics::default();
        for guide in &self.guides {
            let one = guide.statistics();
            sum.pruned += one.pruned;
            sum.prover_calls += one.prover_calls;
            sum.prover_time += one.prover_time;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_know_their_vocabulary() {
        let mut set = TokenSet::full(35);
        assert_eq!(
            (set.count(), set.contains(34), set.contains(35)),
            (35, true, false)
        );
        set.insert(35);
        set.insert(1000);
        assert_eq!(set.count(), 35);
        set.remove(34);
        assert!(!set.contains(34));
        let other = TokenSet::from_words(&[0b110, u32::MAX], 35);
        assert_eq!(other.iter().collect::<Vec<_>>(), [1, 2, 32, 33, 34]);
        set.intersect(&other);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 2, 32, 33]);
        assert!(TokenSet::empty(64).is_empty() && TokenSet::full(64).count() == 64);
        // Words that reach less far than the vocabulary allow less.
        assert_eq!(TokenSet::from_words(&[1], 64).count(), 1);
    }

    /// Allows tokens below a bound, prunes one of them, and counts what it was told.
    struct Below {
        bound: u32,
        never: u32,
        seen: Vec<u32>,
    }

    impl Guide for Below {
        fn name(&self) -> &str {
            "below"
        }
        fn allowed(&mut self) -> Result<Allowed, GuideError> {
            let mut tokens = TokenSet::empty(10);
            (0..self.bound).for_each(|t| tokens.insert(t));
            Ok(Allowed {
                tokens: Some(tokens),
                end: self.seen.len() > 1,
                penalties: vec![(0, -1.0)],
            })
        }
        fn check(&mut self, token: u32) -> Result<Check, GuideError> {
            Ok(if token == self.never {
                Check::Prune(format!("{token} is never good"))
            } else {
                Check::Keep
            })
        }
        fn advance(&mut self, token: u32) -> Result<(), GuideError> {
            self.seen.push(token);
            Ok(())
        }
        fn fork(&self) -> Box<dyn Guide> {
            Box::new(Below {
                seen: self.seen.clone(),
                ..*self
            })
        }
    }

    fn below(bound: u32, never: u32) -> Box<dyn Guide> {
        Box::new(Below {
            bound,
            never,
            seen: Vec::new(),
        })
    }

    #[test]
    fn a_stack_allows_what_all_allow() {
        let mut stack = Stack::new(vec![below(7, 1), below(4, 2)]);
        assert_eq!(stack.name(), "below+below");
        let allowed = stack.allowed().expect("a set");
        assert_eq!(allowed.tokens.map(|t| t.count()), Some(4));
        assert!(!allowed.end);
        assert_eq!(allowed.penalties.len(), 2);
        assert!(matches!(stack.check(1), Ok(Check::Prune(_))));
        assert!(matches!(stack.check(2), Ok(Check::Prune(_))));
        assert_eq!(stack.check(3), Ok(Check::Keep));
        let mut other = stack.fork();
        for _ in 0..2 {
            stack.advance(3).expect("advances");
        }
        assert!(stack.allowed().expect("a set").end);
        assert!(!other.allowed().expect("a set").end, "a fork goes its own way");
        assert_eq!(Stack::new(Vec::new()).allowed(), Ok(Allowed::all()));
        assert_eq!(Stack::new(Vec::new()).name(), "none");
    }
}
