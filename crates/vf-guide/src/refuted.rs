//! The arm `refuted`: what was refuted once is not written again.
//!
//! All completions of a run share one trie of texts. It is kept over bytes, so a text counts however it was cut into
//! tokens. Where a refuted text ends, no completion may end again; and where nothing but refuted texts could follow,
//! the token that leads there is taken out of the distribution before it is drawn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vf_model::guide::{Allowed, Check, Guide, GuideError, TokenSet};

use crate::vocabulary::Vocabulary;

/// Bytes that all refuted texts of a run may have together; more are forgotten, oldest kept.
const MAX_NODES: usize = 4 << 20;

/// Texts that were refuted. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Refuted {
    trie: Arc<Mutex<Trie>>,
}

#[derive(Debug)]
struct Trie {
    nodes: Vec<Node>,
    texts: usize,
}

#[derive(Debug, Default)]
struct Node {
    next: BTreeMap<u8, usize>,
    /// A refuted text ends here.
    ended: bool,
    /// Whatever goes on from here was refuted.
    exhausted: bool,
}

impl Default for Trie {
    fn default() -> Trie {
        Trie {
            nodes: vec![Node::default()],
            texts: 0,
        }
    }
}

impl Trie {
    fn step(&self, node: usize, byte: u8) -> Option<usize> {
        self.nodes.get(node)?.next.get(&byte).copied()
    }

    /// Texts from a node to the next nodes from where everything was refuted, up to a length.
    fn dead_ends(&self, node: usize, longest: usize) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut open = vec![(node, Vec::new())];
        while let Some((at, text)) = open.pop() {
            let Some(node) = self.nodes.get(at) else { continue };
            if node.exhausted && !text.is_empty() {
                found.push(text);
            } else if text.len() < longest {
                open.extend(node.next.iter().map(|(byte, next)| {
                    let mut longer = text.clone();
                    longer.push(*byte);
                    (*next, longer)
                }));
            }
        }
        found
    }
}

impl Refuted {
    pub fn new() -> Refuted {
        Refuted::default()
    }

    fn lock(&self) -> MutexGuard<'_, Trie> {
        self.trie.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a whole completion. `forced`: its last so many bytes had to follow what was before them, as a closing
    /// fence has to, and nothing could follow them; then already what leads there is refuted. 0 where that is not so.
    pub fn insert(&self, text: &[u8], forced: usize) {
        let mut trie = self.lock();
        if trie.nodes.len() + text.len() > MAX_NODES {
            return;
        }
        let mut at = 0;
        for (i, byte) in text.iter().enumerate() {
            at = match trie.step(at, *byte) {
                Some(next) => next,
                None => {
                    let new = trie.nodes.len();
                    trie.nodes.push(Node::default());
                    if let Some(node) = trie.nodes.get_mut(at) {
                        node.next.insert(*byte, new);
                    }
                    new
                }
            };
            if i + forced >= text.len()
                && let Some(node) = trie.nodes.get_mut(at)
            {
                node.exhausted = true;
            }
        }
        let mut new = false;
        if let Some(node) = trie.nodes.get_mut(at) {
            new = !node.ended;
            node.ended = true;
        }
        trie.texts += usize::from(new);
    }

    /// Whether a completion was refuted before.
    pub fn contains(&self, text: &[u8]) -> bool {
        let trie = self.lock();
        let mut at = Some(0);
        for byte in text {
            at = at.and_then(|n| trie.step(n, *byte));
        }
        at.and_then(|n| trie.nodes.get(n)).is_some_and(|n| n.ended)
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.lock().texts
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A guide that keeps a completion away from them.
    pub fn guide(&self, vocabulary: &Vocabulary) -> RefutedGuide {
        RefutedGuide {
            refuted: self.clone(),
            vocabulary: vocabulary.clone(),
            text: Vec::new(),
            at: Some(0),
            seen: self.len(),
        }
    }
}

/// See [`Refuted`].
#[derive(Clone, Debug)]
pub struct RefutedGuide {
    refuted: Refuted,
    vocabulary: Vocabulary,
    text: Vec<u8>,
    /// `None`: no refuted text began like this one when so many were known.
    at: Option<usize>,
    seen: usize,
}

impl RefutedGuide {
    /// Where the text so far leads to in what is known by now.
    fn find(&mut self) -> Option<usize> {
        let trie = self.refuted.lock();
        if self.seen != trie.texts {
            self.seen = trie.texts;
            self.at = self.text.iter().try_fold(0, |at, byte| trie.step(at, *byte));
        }
        self.at
    }
}

impl Guide for RefutedGuide {
    fn name(&self) -> &str {
        "refuted"
    }

    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        let Some(at) = self.find() else {
            return Ok(Allowed::all());
        };
        let trie = self.refuted.lock();
        let mut allowed = Allowed {
            end: !trie.nodes.get(at).is_some_and(|n| n.ended || n.exhausted),
            ..Allowed::all()
        };
        let ends = trie.dead_ends(at, self.vocabulary.longest());
        if !ends.is_empty() {
            let mut tokens = TokenSet::full(self.vocabulary.len());
            for text in ends {
                for token in self.vocabulary.spelt(&text) {
                    tokens.remove(*token);
                }
                // What goes on behind a dead end is dead, too.
                for token in self.vocabulary.beginning_with(&text) {
                    tokens.remove(token);
                }
            }
            allowed.tokens = Some(tokens);
        }
        Ok(allowed)
    }

    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        self.find();
        let trie = self.refuted.lock();
        for byte in self.vocabulary.bytes(token) {
            self.at = self.at.and_then(|n| trie.step(n, *byte));
            self.text.push(*byte);
        }
        if self.seen != trie.texts {
            // Told in between: found anew with the next question.
            self.seen = usize::MAX;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Check, GuideError> {
        // Another completion may have been refuted since `allowed` was asked.
        let at = self.find();
        let trie = self.refuted.lock();
        let ended = at.and_then(|n| trie.nodes.get(n)).is_some_and(|n| n.ended);
        Ok(match ended {
            true => Check::Prune("the same was refuted before".to_owned()),
            false => Check::Keep,
        })
    }

    fn fork(&self) -> Box<dyn Guide> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, sample};

    #[test]
    fn nothing_refuted_is_written_twice() {
        let words: Vec<Vec<u8>> = ["a", "b", "ab", "ba", "bb", "`", "``", "a``"]
            .iter()
            .map(|w| w.as_bytes().to_vec())
            .collect();
        let vocabulary = Vocabulary::new(words.clone()).expect("a vocabulary");
        // Two of `a` and `b`, and two marks: four texts, in many tokenisations.
        let grammar = vocabulary
            .grammar(
                "grammar",
                "start: /[ab][ab]``/\n%llguidance { \"no_forcing\": true }",
            )
            .expect("a grammar");
        let refuted = Refuted::new();
        let mut dice = Dice(3);
        for found in 0..4 {
            let mut stack =
                vf_model::guide::Stack::new(vec![grammar.fork(), Box::new(refuted.guide(&vocabulary))]);
            let one = sample(&mut stack, &words, &mut dice, 10).expect("samples");
            // A random model may run into the end of what is left; a decoder would take the last token back.
            if !one.finished {
                continue;
            }
            let text = one.text(&words);
            assert!(!refuted.contains(text.as_bytes()), "{text} again after {found}");
            refuted.insert(text.as_bytes(), 2);
        }
        for text in ["aa``", "ab``", "ba``", "bb``"] {
            refuted.insert(text.as_bytes(), 2);
        }
        assert_eq!(refuted.len(), 4);
        // The marks lead only to what was refuted.
        let mut guide = refuted.guide(&vocabulary);
        guide.advance(2).expect("advances");
        let allowed = guide.allowed().expect("a set");
        let tokens = allowed.tokens.expect("some are taken out");
        assert!(!tokens.contains(5) && !tokens.contains(6) && tokens.contains(0));
        // So does a longer token from further before.
        let mut guide = refuted.guide(&vocabulary);
        guide.advance(1).expect("advances");
        assert!(!guide.allowed().expect("a set").tokens.expect("some").contains(7));
    }

    #[test]
    fn an_end_is_refused_where_a_refuted_text_ended() {
        let words: Vec<Vec<u8>> = vec![b"x".to_vec(), b"y".to_vec()];
        let vocabulary = Vocabulary::new(words).expect("a vocabulary");
        let refuted = Refuted::new();
        let mut guide = refuted.guide(&vocabulary);
        let other = guide.fork();
        guide.advance(0).expect("advances");
        assert!(guide.allowed().expect("a set").end);
        refuted.insert(b"x", 0);
        assert!(refuted.contains(b"x") && !refuted.contains(b""));
        assert!(matches!(guide.end(), Ok(Check::Prune(_))), "told in between");
        let mut guide = other;
        guide.advance(0).expect("advances");
        let allowed = guide.allowed().expect("a set");
        assert!(!allowed.end && allowed.tokens.is_none(), "it may go on");
        guide.advance(1).expect("advances");
        assert_eq!(guide.allowed(), Ok(Allowed::all()));
    }
}
