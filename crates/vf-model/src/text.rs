//! The tokenizer, and text that grows token by token.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tokenizers::{AddedToken, Tokenizer};

use crate::error::ModelError;
use crate::files;
use crate::infill::is_marker;
use crate::world::{self, World};

/// The tokenizer of a model folder.
pub(crate) struct Vocabulary {
    own: Own,
    /// By token id: whether the tokenizer knows it. As long as the model's vocabulary.
    known: Vec<bool>,
}

enum Own {
    Library(Box<Library>),
    World(World),
    /// No tokenizer: by token id, what the caller says that it stands for.
    Words(Vec<Vec<u8>>),
}

/// A `tokenizer.json`.
struct Library {
    tokenizer: Tokenizer,
    /// The same one, but it takes markers that are spelled out for markers. Made when it is asked for.
    marking: OnceLock<Tokenizer>,
    /// The file that it was read from.
    json: String,
}

impl Vocabulary {
    /// The tokenizer of a folder of RWKV: `tokenizer.json`, where somebody made one, or the file of the World models.
    pub fn load_world(folder: &Path, vocab_size: usize) -> Result<Vocabulary, ModelError> {
        if folder.join("tokenizer.json").exists() {
            return Vocabulary::load(folder, vocab_size);
        }
        let world = World::load(folder)?;
        let ids = (0u32..).take(world.tokens().len()).filter(|id| world.knows(*id));
        let known = known_ids(folder.join(world::FILE), ids, vocab_size)?;
        Ok(Vocabulary {
            own: Own::World(world),
            known,
        })
    }

    /// Of a model that has no tokenizer. Its words stand for nothing until [`Vocabulary::set_words`].
    pub fn of_words(vocab_size: usize) -> Vocabulary {
        Vocabulary {
            own: Own::Words(Vec::new()),
            known: vec![true; vocab_size],
        }
    }

    /// Says what the words stand for from now on; whether this vocabulary has words.
    pub fn set_words(&mut self, bytes: Vec<Vec<u8>>) -> bool {
        let Own::Words(words) = &mut self.own else {
            return false;
        };
        *words = bytes;
        true
    }

    pub fn has_words_only(&self) -> bool {
        matches!(self.own, Own::Words(_))
    }

    fn library(&self) -> Option<&Library> {
        match &self.own {
            Own::Library(library) => Some(library),
            Own::World(_) | Own::Words(_) => None,
        }
    }

    /// Reads `tokenizer.json` and compares it with the model's vocabulary size.
    ///
    /// Models often have some more rows than the tokenizer has tokens (rounded up for the hardware); a
    /// tokenizer that knows less than 7/8 of the rows belongs to another model.
    pub fn load(folder: &Path, vocab_size: usize) -> Result<Vocabulary, ModelError> {
        let file = folder.join("tokenizer.json");
        let text = files::read_text(folder, "tokenizer.json")?;
        Vocabulary::from_json(file, text, vocab_size)
    }

    /// From the contents of a `tokenizer.json`; `file` is where they come from.
    pub fn from_json(file: PathBuf, text: String, vocab_size: usize) -> Result<Vocabulary, ModelError> {
        // A syntax error gets its line from here; the tokenizer's own message has none.
        let _: serde::de::IgnoredAny = files::parse_json(&file, &text)?;
        let bad = |message| ModelError::BadTokenizer {
            file: file.clone(),
            message,
        };
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(text.as_bytes())).map_err(bad)?;
        // A published tokenizer may cut or pad its input, left over from training; a prompt stays whole.
        tokenizer.with_truncation(None).map_err(|e| bad(e.to_string()))?;
        tokenizer.with_padding(None);
        // A text that holds the spelling of a marker (a source file can) is text all the same.
        tokenizer.set_encode_special_tokens(true);
        // Qwen's do not call their markers for gaps special.
        let added = tokenizer.get_added_tokens_decoder().into_values();
        let mut markers: Vec<AddedToken> = added.filter(|t| !t.special && is_marker(&t.content)).collect();
        if !markers.is_empty() {
            markers.iter_mut().for_each(|t| t.special = true);
            guarded(|| tokenizer.add_special_tokens(markers)).map_err(bad)?;
        }
        let known = known_ids(file, tokenizer.get_vocab(true).into_values(), vocab_size)?;
        Ok(Vocabulary {
            own: Own::Library(Box::new(Library {
                tokenizer,
                marking: OnceLock::new(),
                json: text,
            })),
            known,
        })
    }

    /// The contents of `tokenizer.json`; empty where the tokenizer is another one.
    pub fn json(&self) -> &str {
        self.library().map_or("", |library| &library.json)
    }

    /// By token id: the bytes that it adds to a text; none for special tokens and for ids without a token.
    ///
    /// Byte-level vocabularies spell each byte as a character of GPT-2's table; the others spell a space as `▁`
    /// and bytes that are no character as `<0x0A>`. Which one it is, the tokenizer's decoder tells.
    pub fn token_bytes(&self) -> Vec<Vec<u8>> {
        let mut bytes = vec![Vec::new(); self.known.len()];
        let library = match &self.own {
            Own::Library(library) => library,
            Own::World(world) => {
                bytes
                    .iter_mut()
                    .zip(world.tokens())
                    .for_each(|(to, from)| to.clone_from(from));
                return bytes;
            }
            Own::Words(words) => {
                bytes
                    .iter_mut()
                    .zip(words)
                    .for_each(|(to, from)| to.clone_from(from));
                return bytes;
            }
        };
        let byte_level = library.decoder_has("ByteLevel");
        let (spaces, fallback) = (
            library.decoder_has("Metaspace") || library.json.contains('▁'),
            library.decoder_has("ByteFallback"),
        );
        let added = library.tokenizer.get_added_tokens_decoder();
        for (id, slot) in (0..).zip(&mut bytes) {
            let Some(token) = library.tokenizer.id_to_token(id) else {
                continue;
            };
            *slot = match added.get(&id) {
                Some(added) if added.special => Vec::new(),
                Some(added) => added.content.clone().into_bytes(),
                None if byte_level => byte_level_bytes(&token),
                None => match byte_fallback(&token).filter(|_| fallback) {
                    Some(byte) => vec![byte],
                    None if spaces => token.replace('▁', " ").into_bytes(),
                    None => token.into_bytes(),
                },
            };
        }
        bytes
    }

    /// Token ids of a text, on demand with the marks that the tokenizer puts around a whole one. Markers
    /// spelled out in the text are not taken for markers.
    pub fn encode(&self, text: &str, whole: bool) -> Result<Vec<u32>, ModelError> {
        let library = match &self.own {
            Own::Library(library) => library,
            Own::World(world) => return Ok(world.encode(text.as_bytes())),
            Own::Words(_) => return Err(ModelError::NoTokenizer),
        };
        let encoding = guarded(|| library.tokenizer.encode(text, whole));
        encoding
            .map(|e| e.get_ids().to_vec())
            .map_err(|message| ModelError::Encode { message })
    }

    /// Token ids of a text in which markers are spelled out and are markers. Not for texts of others.
    pub fn encode_with_markers(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let library = match &self.own {
            Own::Library(library) => library,
            Own::World(world) => return Ok(world.encode(text.as_bytes())),
            Own::Words(_) => return Err(ModelError::NoTokenizer),
        };
        let marking = library.marking.get_or_init(|| {
            let mut tokenizer = library.tokenizer.clone();
            tokenizer.set_encode_special_tokens(false);
            tokenizer
        });
        let encoding = guarded(|| marking.encode(text, false));
        encoding
            .map(|e| e.get_ids().to_vec())
            .map_err(|message| ModelError::Encode { message })
    }

    /// Those of the tokens that are markers.
    pub fn markers(&self, tokens: &[u32]) -> Vec<u32> {
        let Some(library) = self.library() else {
            return Vec::new();
        };
        let added = library
            .tokenizer
            .get_added_vocabulary()
            .get_added_tokens_decoder();
        let special = |t: &u32| added.get(t).is_some_and(|a| a.special);
        tokens.iter().copied().filter(special).collect()
    }

    /// The first marker that a text spells (the longest there): its id, its length in bytes, and the text before.
    pub fn first_marker<'a>(&self, text: &'a str) -> Option<(u32, usize, &'a str)> {
        let added = self
            .library()?
            .tokenizer
            .get_added_vocabulary()
            .get_added_tokens_decoder();
        added
            .iter()
            .filter(|(_, a)| a.special && !a.content.is_empty())
            .filter_map(|(id, a)| text.find(&a.content).map(|at| (at, a.content.len(), *id)))
            .min_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)))
            .map(|(at, length, id)| (id, length, text.get(..at).unwrap_or_default()))
    }

    /// Text of token ids, special tokens left out; incomplete characters become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, ModelError> {
        match &self.own {
            Own::Library(library) => guarded(|| library.tokenizer.decode(tokens, true))
                .map_err(|message| ModelError::Decode { message }),
            Own::World(world) => Ok(world.decode(tokens)),
            Own::Words(words) => {
                let bytes = tokens.iter().filter_map(|t| words.get(*t as usize));
                let bytes: Vec<u8> = bytes.flatten().copied().collect();
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
        }
    }

    /// Takes all probability from ids that have no text.
    pub fn mask(&self, logits: &mut [f32]) {
        for (logit, known) in logits.iter_mut().zip(&self.known) {
            if !known {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    /// Rows of the model's vocabulary.
    pub fn size(&self) -> usize {
        self.known.len()
    }

    /// A token that the other vocabulary has not got under the same id, or this one has not got.
    pub fn differs(&self, other: &Vocabulary) -> Option<u32> {
        let (Some(own), Some(others)) = (self.library(), other.library()) else {
            let (own, others) = (self.token_bytes(), other.token_bytes());
            let differ = own.iter().zip(&others).position(|(a, b)| a != b);
            return differ.and_then(|id| u32::try_from(id).ok());
        };
        let (own, others) = (own.tokenizer.get_vocab(true), others.tokenizer.get_vocab(true));
        let missing = |a: &Ids, b: &Ids| {
            a.iter()
                .filter(|(t, id)| b.get(*t) != Some(*id))
                .map(|(_, id)| *id)
                .min()
        };
        missing(&own, &others).or_else(|| missing(&others, &own))
    }

    /// Id of the token that is spelled exactly like this.
    pub fn marker(&self, token: &str) -> Option<u32> {
        self.library()?.tokenizer.token_to_id(token)
    }
}

impl Library {
    /// Whether the tokenizer's decoder is of this type, or has a part that is.
    fn decoder_has(&self, kind: &str) -> bool {
        fn has(decoder: &serde_json::Value, kind: &str) -> bool {
            let parts = decoder.get("decoders").and_then(|d| d.as_array());
            decoder.get("type").is_some_and(|t| t == kind)
                || parts.is_some_and(|p| p.iter().any(|d| has(d, kind)))
        }
        let json: serde_json::Value = serde_json::from_str(&self.json).unwrap_or_default();
        has(&json["decoder"], kind)
    }
}

/// Ids of tokens by their spelling.
type Ids = std::collections::HashMap<String, u32>;

/// Calls into the tokenizer library, which panics on some files that it reads without complaint (a
/// replacement whose pattern is empty, version 0.23). The tokenizer has no state that a panic could leave
/// half-changed: each call starts anew.
fn guarded<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("the tokenizer library gave up on it".to_owned()),
    }
}

/// The bytes that the characters of a byte-level token stand for; a character that stands for none is itself.
fn byte_level_bytes(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for character in token.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// The byte that a character of GPT-2's table stands for: itself where it is printable Latin-1; the 68 others have
/// the characters from U+0100 on, in order.
fn byte_of(character: char) -> Option<u8> {
    let printable = |b: &u8| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(character).checked_sub(0x100) {
        Some(index) => (0..=u8::MAX).filter(|b| !printable(b)).nth(index as usize),
        None => u8::try_from(character).ok().filter(printable),
    }
}

/// The byte of a token like `<0x0A>`.
fn byte_fallback(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

fn known_ids(
    file: PathBuf,
    ids: impl Iterator<Item = u32>,
    vocab_size: usize,
) -> Result<Vec<bool>, ModelError> {
    let mut known = vec![false; vocab_size];
    let mut largest = None;
    for id in ids {
        largest = largest.max(Some(id));
        if let Some(slot) = known.get_mut(id as usize) {
            *slot = true;
        }
    }
    if let Some(largest) = largest.filter(|id| *id as usize >= vocab_size) {
        return Err(ModelError::VocabularyTooLarge {
            tokenizer: file,
            largest,
            vocab_size,
        });
    }
    let count = known.iter().filter(|k| **k).count();
    if count < vocab_size - vocab_size / 8 {
        return Err(ModelError::VocabularyTooSmall {
            tokenizer: file,
            known: count,
            vocab_size,
        });
    }
    Ok(known)
}

/// Text of a token sequence, extended token by token. Only complete characters are added: a byte-level token
/// may end inside one. Decoding starts a few tokens back, because some decoders treat the first token of a
/// text differently.
#[derive(Default)]
pub(crate) struct TextStream {
    tokens: Vec<u32>,
    /// Tokens before this are settled; those from here to `read` are the context of the next piece.
    context: usize,
    /// Tokens before this have their text in `text`.
    read: usize,
    text: String,
}

impl TextStream {
    pub fn push(&mut self, vocabulary: &Vocabulary, token: u32) -> Result<(), ModelError> {
        self.tokens.push(token);
        self.extend(vocabulary, false)
    }

    /// Adds what is left, incomplete characters as U+FFFD.
    pub fn finish(&mut self, vocabulary: &Vocabulary) -> Result<(), ModelError> {
        self.extend(vocabulary, true)
    }

    fn extend(&mut self, vocabulary: &Vocabulary, last: bool) -> Result<(), ModelError> {
        let before = vocabulary.decode(self.tokens.get(self.context..self.read).unwrap_or_default())?;
        let after = vocabulary.decode(self.tokens.get(self.context..).unwrap_or_default())?;
        // A character has up to four bytes, a token at least one: what four tokens leave incomplete never
        // becomes a character.
        let patient = self.tokens.len() - self.read < 4 && !last;
        let piece = match after.strip_prefix(&before) {
            Some(piece) if patient && piece.ends_with('\u{fffd}') => return Ok(()),
            Some(piece) => piece.to_owned(),
            // The new tokens change how the context decodes: wait, then let them speak for themselves.
            None if patient => return Ok(()),
            None => vocabulary.decode(self.tokens.get(self.read..).unwrap_or_default())?,
        };
        if piece.is_empty() {
            return Ok(());
        }
        // After bytes that are no character, a fresh start: they would only blur what follows.
        self.context = if piece.ends_with('\u{fffd}') {
            self.tokens.len()
        } else {
            self.read
        };
        self.read = self.tokens.len();
        self.text.push_str(&piece);
        Ok(())
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn into_parts(self) -> (String, Vec<u32>) {
        (self.text, self.tokens)
    }
}
