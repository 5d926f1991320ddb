//! A model's vocabulary, and guides that hold completions to a grammar over it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use vf_model::guide::{Allowed, Guide, GuideError, TokenSet};

/// Largest vocabulary that is taken.
const MAX_TOKENS: usize = 1 << 20;
/// Longest token that is taken, in bytes; a longer one is never allowed.
const MAX_TOKEN_BYTES: usize = 1 << 12;

/// The bytes of every token of one model, prepared for grammars. Cheap to clone.
#[derive(Clone)]
pub struct Vocabulary {
    tokens: Arc<Vec<Vec<u8>>>,
    /// Ids by what they stand for.
    by_bytes: Arc<BTreeMap<Vec<u8>, Vec<u32>>>,
    longest: usize,
    factory: Arc<ParserFactory>,
}

/// Why a vocabulary or a grammar over it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    #[error("the vocabulary has {tokens} tokens; 1 to {MAX_TOKENS} can be guided")]
    VocabularySize { tokens: usize },
    #[error("the vocabulary cannot be prepared: {why}")]
    Vocabulary { why: String },
    /// The grammar that was made for a function is not taken: a defect here, or a function beyond its limits.
    #[error("the grammar is not taken: {why}")]
    Grammar { why: String },
}

impl Vocabulary {
    /// From the bytes of each token by its id. A token without bytes (a special one) is never allowed by a grammar.
    ///
    /// # Errors
    ///
    /// No token at all, or more than a million.
    pub fn new(tokens: Vec<Vec<u8>>) -> Result<Vocabulary, GrammarError> {
        if tokens.is_empty() || tokens.len() > MAX_TOKENS {
            return Err(GrammarError::VocabularySize { tokens: tokens.len() });
        }
        // Byte 0xff opens the names of special tokens in a trie, and is in no UTF-8 text.
        let mut words: Vec<Vec<u8>> = tokens
            .iter()
            .map(|t| match t.len() <= MAX_TOKEN_BYTES && !t.contains(&0xff) {
                true => t.clone(),
                false => Vec::new(),
            })
            .collect();
        // The end of a completion is asked for apart; the trie wants a token for it, here one of its own.
        let end = words.len() as u32;
        words.push(b"\xff<end>".to_vec());
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, end), &words);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = [
            r"[a-zA-Z0-9_]{1,30}".to_owned(),
            r"[ -!#$&-\[\]-_a-~]{1,30}".to_owned(),
        ];
        let mut factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &slices)
            .map_err(|e| GrammarError::Vocabulary { why: e.to_string() })?;
        factory.quiet();
        let limits = factory.limits_mut();
        // A function has many names, and each is an alternative of its own.
        limits.max_items_in_row = 50_000;
        limits.step_max_items = 2_000_000;
        limits.step_lexer_fuel = 2_000_000;
        limits.initial_lexer_fuel = 20_000_000;
        limits.max_grammar_size = 5_000_000;
        limits.verbose_errors = false;
        let mut by_bytes: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        for (id, token) in tokens.iter().enumerate().filter(|(_, t)| !t.is_empty()) {
            by_bytes.entry(token.clone()).or_default().push(id as u32);
        }
        Ok(Vocabulary {
            longest: by_bytes.keys().map(Vec::len).max().unwrap_or(0),
            by_bytes: Arc::new(by_bytes),
            tokens: Arc::new(tokens),
            factory: Arc::new(factory),
        })
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// What a token stands for; nothing for an id that is not one.
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.tokens.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// The tokens that stand for exactly these bytes.
    pub fn spelt(&self, bytes: &[u8]) -> &[u32] {
        self.by_bytes.get(bytes).map_or(&[], Vec::as_slice)
    }

    /// The tokens that begin with these bytes.
    pub fn beginning_with<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        self.by_bytes
            .range(bytes.to_vec()..)
            .take_while(move |(token, _)| token.starts_with(bytes))
            .flat_map(|(_, ids)| ids.iter().copied())
    }

    /// Bytes of the longest token.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// A guide that allows the texts of a grammar in llguidance's Lark-like syntax.
    ///
    /// # Errors
    ///
    /// A grammar that is not well-formed or too large.
    pub fn grammar(&self, name: &str, lark: &str) -> Result<GrammarGuide, GrammarError> {
        let refused = |e: &dyn fmt::Display| GrammarError::Grammar { why: e.to_string() };
        let parser = self
            .factory
            .create_parser(TopLevelGrammar::from_lark(lark.to_owned()))
            .map_err(|e| refused(&e))?;
        let matcher = Matcher::new(Ok(parser));
        match matcher.get_error() {
            Some(why) => Err(refused(&why)),
            None => Ok(GrammarGuide {
                matcher,
                vocabulary: self.clone(),
                name: name.to_owned(),
            }),
        }
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary")
            .field("tokens", &self.tokens.len())
            .finish()
    }
}

/// Holds a completion to a grammar. What the grammar means is not known here.
#[derive(Clone)]
pub struct GrammarGuide {
    matcher: Matcher,
    vocabulary: Vocabulary,
    name: String,
}

impl GrammarGuide {
    fn failed(&self, why: impl fmt::Display) -> GuideError {
        GuideError {
            guide: self.name.clone(),
            why: why.to_string(),
        }
    }
}

impl Guide for GrammarGuide {
    fn name(&self) -> &str {
        &self.name
    }

    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        let size = self.vocabulary.len();
        if self.matcher.is_stopped() {
            return match self.matcher.get_error() {
                Some(why) => Err(self.failed(why)),
                None => Ok(Allowed {
                    tokens: Some(TokenSet::empty(size)),
                    end: true,
                    penalties: Vec::new(),
                }),
            };
        }
        let end = self.matcher.is_accepting().map_err(|e| self.failed(e))?;
        let mask = self.matcher.compute_mask().map_err(|e| self.failed(e))?;
        Ok(Allowed {
            tokens: Some(TokenSet::from_words(mask.as_slice(), size)),
            end,
            penalties: Vec::new(),
        })
    }

    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        self.matcher.consume_token(token).map_err(|e| self.failed(e))
    }

    fn fork(&self) -> Box<dyn Guide> {
        Box::new(self.clone())
    }
}
