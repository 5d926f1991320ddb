//! Finds where each top-level declaration ends and what it declares, by its tokens alone.

use vf_source::tables::HashSet;

use crate::lex::{Token, TokenKind};
use crate::normalise::past_specifier;
use crate::normalise::words::{Sort, sort};
use crate::split::{Kind, Tag, TagKind};

/// The tokens of a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub first: usize,
    pub end: usize,
    /// `#pragma pack` in force at its start, in bytes.
    pub pack: Option<u32>,
    /// `#pragma scalar_storage_order` is in force: bytes are swapped on access.
    pub swapped: bool,
}

/// A declaration found.
#[derive(Debug)]
pub struct Found {
    pub extent: Extent,
    pub kind: Kind,
    /// For each name of a prototype or variable: whether its declarator is a function's.
    pub functions: Vec<bool>,
    pub tags: Vec<Tag>,
    /// Enumeration constants.
    pub constants: Vec<String>,
}

/// Yields the declarations of a text in order. Stray `;` and static assertions are left out.
pub struct Scanner<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    pack: Option<u32>,
    pack_stack: Vec<Option<u32>>,
    swapped: bool,
    typedefs: HashSet<&'a str>,
    /// Tag bodies around the one being read.
    nesting: usize,
}

/// Tag bodies nested deeper than this are not looked into.
const MAX_NESTING: usize = 200;

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str, tokens: &'a [Token]) -> Scanner<'a> {
        let typedefs = crate::normalise::BUILTIN_TYPES
            .into_iter()
            .chain(["__builtin_va_list"])
            .collect();
        Scanner {
            text,
            tokens,
            at: 0,
            pack: None,
            pack_stack: Vec::new(),
            swapped: false,
            typedefs,
            nesting: 0,
        }
    }

    fn word(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |t| t.text(self.text))
    }

    fn kind(&self, index: usize) -> Option<TokenKind> {
        self.tokens.get(index).map(|t| t.kind)
    }

    fn is_identifier(&self, index: usize) -> bool {
        self.kind(index) == Some(TokenKind::Word) && sort(self.word(index)).is_none()
    }

    /// Past the bracket that closes the one at `open`.
    fn past_group(&self, open: usize) -> usize {
        let mut depth = 0usize;
        let mut i = open;
        while let Some(token) = self.tokens.get(i) {
            if token.kind == TokenKind::Punct {
                match first_byte(self.text, token) {
                    b'(' | b'[' | b'{' => depth += 1,
                    b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                    b'<' if matches!(self.word(i), "<:" | "<%") => depth += 1,
                    b':' | b'%' if matches!(self.word(i), ":>" | "%>") => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            i += 1;
            if depth == 0 {
                break;
            }
        }
        i
    }

    /// `#pragma pack` and `#pragma scalar_storage_order` (GCC's "Structure-Layout Pragmas").
    fn pragma(&mut self, index: usize) {
        let directive = self.word(index).trim_start_matches('#').trim_start();
        let Some(pragma) = directive.strip_prefix("pragma").map(str::trim_start) else {
            return;
        };
        if let Some(order) = pragma.strip_prefix("scalar_storage_order") {
            self.swapped = order.trim() == "big-endian";
        }
        let Some(arguments) = pragma.strip_prefix("pack") else {
            return;
        };
        let mut words = arguments
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .peekable();
        match words.peek().copied() {
            Some("push") => {
                self.pack_stack.push(self.pack);
                words.next();
            }
            Some("pop") => {
                self.pack = self.pack_stack.pop().unwrap_or(None);
                return;
            }
            None => {
                self.pack = None;
                return;
            }
            Some(_) => {}
        }
        if let Some(value) = words.find_map(|w| w.parse::<u32>().ok()) {
            // `pack(0)` is the default.
            self.pack = (value != 0).then_some(value);
        }
    }
}

fn first_byte(text: &str, token: &Token) -> u8 {
    text.as_bytes().get(token.start as usize).copied().unwrap_or(0)
}

/// What has been seen of a declaration.
#[derive(Default)]
struct Progress<'a> {
    typedef: bool,
    /// A type specifier was seen, or a word that can only be one.
    typed: bool,
    /// Names of the declarators so far, and whether each declares a function.
    names: Vec<(&'a str, bool)>,
    /// The current declarator's identifier was seen.
    named: bool,
    initialising: bool,
    tags: Vec<Tag>,
    constants: Vec<String>,
    /// Index of the `(` of an old-style parameter list.
    old_style: bool,
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        // Between declarations.
        loop {
            match self.kind(self.at)? {
                TokenKind::Directive => {
                    self.pragma(self.at);
                    self.at += 1;
                }
                TokenKind::Punct if self.word(self.at) == ";" => self.at += 1,
                TokenKind::Word if self.word(self.at) == "__extension__" => self.at += 1,
                TokenKind::Word
                    if self.word(self.at) == "_Static_assert" && self.word(self.at + 1) == "(" =>
                {
                    self.at = self.past_group(self.at + 1);
                }
                _ => break,
            }
        }
        let first = self.at;
        let (pack, swapped) = (self.pack, self.swapped);
        if matches!(self.word(first), "asm" | "__asm" | "__asm__") {
            while self.word(self.at) != "(" && self.word(self.at) != ";" && self.at < self.tokens.len() {
                self.at += 1;
            }
            self.at = self.past_group(self.at);
            let extent = Extent {
                first,
                end: self.at,
                pack,
                swapped,
            };
            return Some(Found {
                extent,
                kind: Kind::Asm,
                functions: vec![],
                tags: vec![],
                constants: vec![],
            });
        }
        let (progress, body) = self.declaration();
        let extent = Extent {
            first,
            end: self.at.max(first + 1),
            pack,
            swapped,
        };
        self.at = extent.end;
        for i in extent.first..extent.end {
            if self.kind(i) == Some(TokenKind::Directive) {
                self.pragma(i);
            }
        }
        let functions = progress.names.iter().map(|(_, f)| *f).collect();
        let names: Vec<String> = progress.names.iter().map(|(n, _)| n.to_string()).collect();
        let kind = match names.first() {
            Some(name) if body => Kind::Function { name: name.clone() },
            None if body => Kind::Other,
            _ if progress.typedef => {
                self.typedefs.extend(progress.names.iter().map(|(n, _)| *n));
                Kind::Typedef { names }
            }
            None if !progress.tags.is_empty() || !progress.constants.is_empty() => Kind::TagOnly,
            None if matches!(self.word(first), "struct" | "union" | "enum") => Kind::TagOnly,
            None => Kind::Other,
            Some(_) if progress.names.iter().all(|(_, f)| *f) => Kind::Prototype { names },
            Some(_) => Kind::Variable { names },
        };
        Some(Found {
            extent,
            kind,
            functions,
            tags: progress.tags,
            constants: progress.constants,
        })
    }
}

impl<'a> Scanner<'a> {
    /// Reads one declaration to its end; whether it has a function body.
    fn declaration(&mut self) -> (Progress<'a>, bool) {
        let mut p = Progress::default();
        while let Some(token) = self.tokens.get(self.at).copied() {
            if let Some(end) = past_specifier(self.text, self.tokens, self.at) {
                self.at = end;
                continue;
            }
            match token.kind {
                TokenKind::Directive => self.at += 1,
                TokenKind::Word => self.declaration_word(&mut p),
                TokenKind::Punct => match self.word(self.at) {
                    ";" => {
                        self.at += 1;
                        if !(p.old_style && self.parameters_follow(self.at)) {
                            return (p, false);
                        }
                    }
                    "{" | "<%" if !p.initialising && (p.named || p.names.is_empty()) => {
                        self.at = self.past_group(self.at);
                        return (p, true);
                    }
                    "}" | "%>" => {
                        // A brace too many: a declaration of its own, which will not parse.
                        self.at += 1;
                        return (p, false);
                    }
                    "(" if !p.initialising && !p.named => self.at += 1,
                    "(" | "[" | "{" | "<:" | "<%" => self.group(&mut p),
                    "," => {
                        self.at += 1;
                        if !p.old_style {
                            p.named = false;
                            p.initialising = false;
                        }
                    }
                    "=" => {
                        p.initialising = true;
                        self.at += 1;
                    }
                    _ => self.at += 1,
                },
                _ => self.at += 1,
            }
        }
        (p, false)
    }

    fn declaration_word(&mut self, p: &mut Progress<'a>) {
        let index = self.at;
        let word = self.word(index);
        self.at += 1;
        match sort(word) {
            _ if matches!(word, "asm" | "__asm" | "__asm__") => {
                while self.word(self.at) != "(" && self.at < self.tokens.len() && self.word(self.at) != ";" {
                    self.at += 1;
                }
                if self.word(self.at) == "(" {
                    self.at = self.past_group(self.at);
                }
            }
            Some(Sort::Type) => p.typed = true,
            Some(sort @ (Sort::Record | Sort::Enum)) => {
                p.typed = true;
                self.tag(p, sort, word);
            }
            Some(Sort::Typeof) => {
                p.typed = true;
                if self.word(self.at) == "(" {
                    self.at = self.past_group(self.at);
                }
            }
            Some(_) => {
                p.typedef |= word == "typedef";
                if word == "_Atomic" && self.word(self.at) == "(" {
                    p.typed = true;
                    self.at = self.past_group(self.at);
                }
            }
            None if word == "__extension__" => {}
            None if p.initialising || p.named => {}
            // A type name; or, where no type was seen, the name of a function without one.
            None if !p.typed && (self.typedefs.contains(word) || !self.names_function(self.at)) => {
                p.typed = true;
            }
            None => {
                p.named = true;
                p.typed = true;
                let function = self.declares_function(index);
                p.names.push((word, function));
            }
        }
    }

    /// Whether the parenthesis at `open` can be the parameters of a function without a declared type: what
    /// follows the identifier is `(` and it is no `(*name)`.
    fn names_function(&self, open: usize) -> bool {
        self.word(open) == "(" && !matches!(self.word(open + 1), "*" | "(")
    }

    /// Whether the identifier at `index` is declared as a function: a parameter list follows it, or it alone is
    /// in parentheses that one follows.
    fn declares_function(&self, index: usize) -> bool {
        let mut after = index + 1;
        let mut before = index;
        while self.word(after) == ")" {
            let Some(previous) = before.checked_sub(1) else {
                return false;
            };
            if self.word(previous) != "(" {
                return false;
            }
            before = previous;
            after += 1;
        }
        self.word(after) == "("
    }

    /// A bracketed group that is not a declarator's own parentheses: parameters, an array size, an initialiser.
    fn group(&mut self, p: &mut Progress<'a>) {
        let open = self.at;
        let end = self.past_group(open);
        if self.word(open) == "(" && !p.initialising {
            if p.names.len() == 1 && self.is_name_list(open + 1, end.saturating_sub(1)) {
                p.old_style = self.parameters_follow(end);
            }
            self.tags_within(p, open + 1, end);
        }
        self.at = end;
    }

    /// `a, b, c`: identifiers that are not typedef names.
    fn is_name_list(&self, first: usize, end: usize) -> bool {
        first < end
            && (first..end).all(|i| match (i - first) % 2 {
                0 => self.is_identifier(i) && !self.typedefs.contains(self.word(i)),
                _ => self.word(i) == ",",
            })
    }

    /// Whether a declaration of an old-style parameter, or the function's body, begins here (C11 6.9.1p6).
    fn parameters_follow(&self, at: usize) -> bool {
        let word = self.word(at);
        match sort(word) {
            Some(Sort::Type | Sort::Record | Sort::Enum | Sort::Typeof) => true,
            Some(Sort::Specifier) => !matches!(word, "static" | "extern" | "typedef" | "inline" | "__inline"),
            Some(_) => false,
            None => word == "{" || self.typedefs.contains(word),
        }
    }

    /// After `struct`, `union` or `enum`: the tag and its body.
    fn tag(&mut self, p: &mut Progress<'a>, sort: Sort, keyword: &str) {
        let skip_attributes = |at: &mut usize, scanner: &Self| {
            while let Some(end) = past_specifier(scanner.text, scanner.tokens, *at) {
                *at = end;
            }
        };
        let mut at = self.at;
        skip_attributes(&mut at, self);
        let mut name = None;
        if self.is_identifier(at) {
            name = Some(self.word(at));
            at += 1;
        }
        self.at = at;
        skip_attributes(&mut at, self);
        if !matches!(self.word(at), "{" | "<%") {
            return;
        }
        if let Some(name) = name {
            let kind = match keyword {
                "struct" => TagKind::Struct,
                "union" => TagKind::Union,
                _ => TagKind::Enum,
            };
            p.tags.push(Tag {
                kind,
                name: name.to_string(),
            });
        }
        let end = self.past_group(at);
        if sort == Sort::Enum {
            self.constants(p, at + 1, end);
        } else if self.nesting < MAX_NESTING {
            self.nesting += 1;
            self.tags_within(p, at + 1, end);
            self.nesting -= 1;
        }
        self.at = end;
    }

    /// The enumerators between braces: each identifier after `{` or `,`.
    fn constants(&mut self, p: &mut Progress<'a>, first: usize, end: usize) {
        let mut i = first;
        let mut fresh = true;
        while i < end {
            match self.word(i) {
                "(" | "[" | "{" => {
                    i = self.past_group(i);
                    continue;
                }
                "," => fresh = true,
                word if fresh && self.kind(i) == Some(TokenKind::Word) => {
                    p.constants.push(word.to_string());
                    fresh = false;
                }
                _ => {}
            }
            i += 1;
        }
    }

    /// Tags defined among the members or parameters in these tokens: their scope is the file's, or at least
    /// the rest of this declaration.
    fn tags_within(&mut self, p: &mut Progress<'a>, first: usize, end: usize) {
        let outer = self.at;
        let mut i = first;
        while i < end {
            let word = self.word(i);
            i += 1;
            if self.kind(i - 1) == Some(TokenKind::Word)
                && let Some(sort @ (Sort::Record | Sort::Enum)) = sort(word)
            {
                self.at = i;
                self.tag(p, sort, word);
                i = self.at.max(i);
            }
        }
        self.at = outer;
    }
}
