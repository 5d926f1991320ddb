//! The vocabulary: words that stand for themselves, slots for a program's own names, line numbers, and marks.

use std::collections::HashMap;
use std::sync::OnceLock;

/// What the words of `words.txt` and the marks below are, and how many of each slot there are, says which numbers the words have: a
/// model is trained for one version.
pub const VERSION: u32 = 1;

const LIST: &str = include_str!("words.txt");

/// Marks of the parts of a prompt, in the order in which they come.
pub const MARKS: [&str; 9] = [
    "<|end|>",
    "<|bug|>",
    "<|case|>",
    "<|is|>",
    "<|uses|>",
    "<|function|>",
    "<|tried|>",
    "<|failed|>",
    "<|answer|>",
];

/// Lines of a function that have a number.
pub const LINES: usize = 120;
/// Deepest indentation.
pub const DEPTH: usize = 9;

/// Kinds of slot with their letter and how many there are of each.
pub const SLOTS: [(Slot, char, usize); 9] = [
    (Slot::Variable, 'v', 40),
    (Slot::Function, 'f', 20),
    (Slot::Member, 'm', 40),
    (Slot::Type, 'T', 20),
    (Slot::Constant, 'K', 30),
    (Slot::Label, 'l', 10),
    (Slot::Number, 'n', 24),
    (Slot::Text, 's', 10),
    (Slot::Character, 'c', 8),
];

/// What a slot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    Variable,
    Function,
    Member,
    /// A typedef, or the tag of a record.
    Type,
    /// A name in capitals.
    Constant,
    Label,
    /// A number that is no word of the vocabulary.
    Number,
    Text,
    Character,
}

/// Words that say what fails and on which values.
const SAID: [&str; 29] = [
    "index-upper-bound",
    "index-lower-bound",
    "valid-read",
    "valid-write",
    "not-null",
    "signed-overflow",
    "unsigned-wrap",
    "lossy-conversion",
    "shift-in-range",
    "divisor-nonzero",
    "allocation-size",
    "initialized",
    "lifetime",
    "precondition",
    "assertion",
    "unreachable-code",
    "memory-leak",
    "refuted",
    "unknown",
    "introduced",
    "behaviour",
    "no-code",
    "negative",
    "large",
    "null",
    "unclear",
    "refused",
    "```",
    "```edit",
];

/// Powers of two that tell the size of a value which is no word.
pub const SIZES: usize = 65;

/// A word: its spelling, or what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    Mark(&'static str),
    Said(&'static str),
    /// So many bits.
    Size(usize),
    /// The number of a line of the function, from 1.
    Line(usize),
    /// A new line, indented so often.
    Break(usize),
    /// With a blank before it, or not.
    Plain(&'static str, bool),
    Slot(Slot, usize, bool),
}

/// All words, numbered.
pub struct Words {
    words: Vec<Word>,
    numbers: HashMap<Word, u32>,
    /// Spellings of [`Word::Plain`].
    plain: HashMap<&'static str, ()>,
}

/// One of the words that say what fails.
pub fn said(what: &str) -> Option<&'static str> {
    SAID.into_iter().find(|said| *said == what)
}

/// The one vocabulary.
pub fn words() -> &'static Words {
    static WORDS: OnceLock<Words> = OnceLock::new();
    WORDS.get_or_init(Words::make)
}

impl Words {
    fn make() -> Words {
        let listed = LIST
            .lines()
            .filter(|line| !line.starts_with("# ") && !line.starts_with("= "))
            .flat_map(str::split_whitespace)
            .chain(["' '"]);
        let mut words: Vec<Word> = Vec::new();
        words.extend(MARKS.map(Word::Mark));
        words.extend(SAID.map(Word::Said));
        words.extend((0..SIZES).map(Word::Size));
        words.extend((1..=LINES).map(Word::Line));
        words.extend((0..=DEPTH).map(Word::Break));
        let mut plain = HashMap::new();
        for word in listed {
            if plain.insert(word, ()).is_none() {
                words.extend([false, true].map(|blank| Word::Plain(word, blank)));
            }
        }
        for (slot, _, count) in SLOTS {
            for index in 0..count {
                words.extend([false, true].map(|blank| Word::Slot(slot, index, blank)));
            }
        }
        let numbers = (0..).zip(&words).map(|(n, w)| (w.clone(), n)).collect();
        Words {
            words,
            numbers,
            plain,
        }
    }

    /// How many there are; their numbers are below it.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// There are some.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn get(&self, number: u32) -> Option<&Word> {
        self.words.get(number as usize)
    }

    pub fn number(&self, word: &Word) -> Option<u32> {
        self.numbers.get(word).copied()
    }

    pub fn mark(&self, mark: &'static str) -> u32 {
        self.number(&Word::Mark(mark)).unwrap_or(0)
    }

    /// The word as it is in the list, if it stands for itself.
    pub fn plain(&self, text: &str) -> Option<&'static str> {
        self.plain.get_key_value(text).map(|(word, ())| *word)
    }

    /// A name for each word, all different: what the vocabulary of the model's file holds.
    pub fn names(&self) -> Vec<String> {
        self.words.iter().map(Word::name).collect()
    }
}

impl Word {
    /// As it is written in the vocabulary; `▁` is the blank before it.
    pub fn name(&self) -> String {
        let blank = |blank: &bool| if *blank { "\u{2581}" } else { "" };
        match self {
            Word::Mark(mark) => (*mark).to_owned(),
            Word::Said(said) => format!("<|{said}|>"),
            Word::Size(bits) => format!("<|2^{bits}|>"),
            Word::Line(line) => format!("<|L{line}|>"),
            Word::Break(depth) => format!("<|break{depth}|>"),
            Word::Plain(text, b) => format!("{}{text}", blank(b)),
            Word::Slot(slot, index, b) => {
                let letter = SLOTS.iter().find(|(s, ..)| s == slot).map_or('?', |(_, c, _)| *c);
                format!("{}<{letter}{index}>", blank(b))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_numbered_once() {
        let words = words();
        assert!(words.len() < 2048, "{}", words.len());
        let names: BTreeSet<String> = words.names().into_iter().collect();
        assert_eq!(names.len(), words.len());
        for number in 0..words.len() as u32 {
            let word = words.get(number).expect("a word");
            assert_eq!(words.number(word), Some(number));
        }
        assert_eq!(words.mark("<|end|>"), 0);
        assert_eq!(words.plain("memcpy"), Some("memcpy"));
        assert_eq!(words.plain("' '"), Some("' '"));
        assert_eq!(words.plain("frobnicate"), None);
    }
}
