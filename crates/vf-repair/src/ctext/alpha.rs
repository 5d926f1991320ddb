//! Texts modulo the names of locals and labels: two candidates that differ in nothing else are one candidate.
//!
//! The body of the function under repair is read strictly (C11 6.7, 6.8); locals and labels become numbers in the order of
//! their declaration, each where its scope reaches (C11 6.2.1). Two texts of the same form are alpha-equivalent. What is not
//! fully understood has no such form: a preprocessor line in the body, assembly, a statement expression, a macro that pastes or quotes
//! its arguments, selects a member by one, or mentions the name of a local itself. Macros are known by what the compiler's
//! preprocessor says is defined; without that there is no form at all.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::functions::functions;
use super::lex::{Token, TokenKind, is_keyword, normalised, tokens};

/// The macros that a file sees.
#[derive(Clone, Debug, Default)]
pub struct Macros {
    of: HashMap<String, Macro>,
}

#[derive(Clone, Debug)]
struct Macro {
    /// It is understood what it does with its arguments.
    plain: bool,
    /// The replacement is made of words of types only (`bool`).
    is_type: bool,
    /// Identifiers of the replacement that are not parameters.
    words: Vec<String>,
}

impl Macros {
    /// Reads `#define` lines, as `cc -E -dD` and `cc -E -dM` print them; other lines are passed over. A macro that is defined more
    /// than once may be any of its definitions.
    pub fn read(text: &str) -> Macros {
        let mut macros = Macros::default();
        for token in tokens(text).iter().filter(|t| t.kind == TokenKind::Directive) {
            let line = token.text(text).trim_start_matches('#').trim_start();
            if let Some((name, new)) = line.strip_prefix("define").and_then(definition) {
                match macros.of.get_mut(&name) {
                    Some(known) => {
                        known.plain &= new.plain;
                        known.is_type &= new.is_type;
                        known.words.extend(new.words);
                    }
                    None => {
                        macros.of.insert(name, new);
                    }
                }
            }
        }
        macros
    }

    /// Notes every name that the macro's expansion may mention by itself; nothing where it is not understood.
    fn expands(&self, name: &str, into: &mut BTreeSet<String>) -> Option<()> {
        let mut todo = vec![name.to_owned()];
        while let Some(name) = todo.pop() {
            let Some(known) = self.of.get(&name) else { continue };
            if !known.plain {
                return None;
            }
            todo.extend(known.words.iter().filter(|w| into.insert((*w).clone())).cloned());
        }
        Some(())
    }
}

/// Name and meaning of what stands behind `#define`.
fn definition(rest: &str) -> Option<(String, Macro)> {
    let found = tokens(rest);
    let name = found.first().filter(|t| t.kind == TokenKind::Ident)?;
    let mut body = found.get(1..)?;
    let mut parameters: HashSet<&str> = HashSet::new();
    let opens = body
        .first()
        .is_some_and(|t| t.text(rest) == "(" && t.start == name.end);
    if opens {
        let close = body.iter().position(|t| t.text(rest) == ")")?;
        let inside = body.get(1..close)?;
        parameters.extend(inside.iter().map(|t| t.text(rest)).filter(|t| *t != ","));
        parameters.insert("__VA_ARGS__");
        body = body.get(close + 1..)?;
    }
    let mut plain = true;
    let mut depth: Vec<&str> = Vec::new();
    let mut words = Vec::new();
    let mut before = "";
    for token in body {
        let word = token.text(rest);
        match word {
            "#" | "##" | "asm" | "__asm__" | "__asm" | "__builtin_offsetof" | "_Pragma" => plain = false,
            // A statement, after which another one may begin without a semicolon.
            ";" | "if" | "else" | "for" | "while" | "do" | "switch" | "return" | "goto" | "case"
            | "default"
                if !depth.contains(&"(") =>
            {
                plain = false;
            }
            "(" | "[" | "{" => depth.push(word),
            ")" | "]" | "}" => {
                let open = depth.pop();
                plain &= matches!(
                    (open, word),
                    (Some("("), ")") | (Some("["), "]") | (Some("{"), "}")
                );
            }
            _ if token.kind == TokenKind::Ident && parameters.contains(word) => {
                // A member, a tag or a label that an argument names is no variable.
                plain &= !matches!(before, "." | "->" | "struct" | "union" | "enum" | "goto" | "&&");
            }
            _ if token.kind == TokenKind::Ident && !is_keyword(word) => words.push(word.to_owned()),
            _ => {}
        }
        before = word;
    }
    let is_type = !body.is_empty() && body.iter().all(|t| is_type_keyword(t.text(rest)));
    let known = Macro {
        plain: plain && depth.is_empty(),
        is_type: is_type && !opens,
        words,
    };
    Some((name.text(rest).to_owned(), known))
}

/// The file's text with the locals and labels of one function numbered; nothing where its body is not fully understood.
pub fn modulo_names(text: &str, function: &str, macros: &Macros) -> Option<String> {
    let all = functions(text);
    let mut of_name = all.iter().filter(|f| f.name == function);
    let (found, None) = (of_name.next()?, of_name.next()) else {
        return None;
    };
    let body = text.get(found.body.clone())?;
    let cut = tokens(body);
    let mut reader = Reader {
        text: body,
        tokens: &cut,
        at: 0,
        begin: 0,
        scopes: Vec::new(),
        labels: HashMap::new(),
        locals: HashSet::new(),
        declared: 0,
        mentioned: BTreeSet::new(),
        macros,
        // No token of C begins so.
        out: String::from("\u{1}"),
        depth: 0,
    };
    reader.block()?;
    if reader.at != cut.len() || !reader.captures_nothing() {
        return None;
    }
    let around = |range: std::ops::Range<usize>| text.get(range).map(normalised);
    Some(format!(
        "{}\n{}\n{}",
        around(0..found.body.start)?,
        reader.out,
        around(found.body.end..text.len())?
    ))
}

/// Deepest nesting of statements that is followed.
const DEEPEST: usize = 200;

struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
    /// Where the expression begins that is read.
    begin: usize,
    /// Locals in scope, innermost block last.
    scopes: Vec<HashMap<&'t str, usize>>,
    labels: HashMap<&'t str, usize>,
    /// Every name that a local has somewhere.
    locals: HashSet<&'t str>,
    declared: usize,
    /// What the expansions of the macros that are used mention.
    mentioned: BTreeSet<String>,
    macros: &'t Macros,
    out: String,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn word_at(&self, ahead: usize) -> &'t str {
        let token = self.tokens.get(self.at + ahead);
        token.map_or("", |t| t.text(self.text))
    }

    fn word(&self) -> &'t str {
        self.word_at(0)
    }

    /// The token before, in the same expression.
    fn before(&self) -> &'t str {
        let inside = self.at > self.begin;
        let token = self
            .at
            .checked_sub(1)
            .filter(|_| inside)
            .and_then(|i| self.tokens.get(i));
        token.map_or("", |t| t.text(self.text))
    }

    fn is_name(&self, ahead: usize) -> bool {
        let token = self.tokens.get(self.at + ahead);
        token.is_some_and(|t| t.kind == TokenKind::Ident && !is_keyword(t.text(self.text)))
    }

    fn put(&mut self, word: &str) {
        self.out.push(' ');
        self.out.push_str(word);
    }

    /// Takes this very token.
    fn take(&mut self, word: &str) -> Option<()> {
        if self.word() != word {
            return None;
        }
        self.at += 1;
        self.put(word);
        Some(())
    }

    fn number_of(&self, name: &str) -> Option<usize> {
        self.scopes.iter().rev().find_map(|s| s.get(name)).copied()
    }

    /// Takes a name that may be a local, or a macro.
    fn take_name(&mut self) -> Option<()> {
        let name = self.word();
        if self.macros.of.contains_key(name) {
            self.macros.expands(name, &mut self.mentioned)?;
        }
        match self.number_of(name) {
            Some(number) => self.put(&format!("\u{1}{number}")),
            None => self.put(name),
        }
        self.at += 1;
        Some(())
    }

    /// Takes a name that is none of a variable: a member, a tag.
    fn take_verbatim(&mut self) -> Option<()> {
        let word = self.word();
        if self.macros.of.contains_key(word) {
            return None;
        }
        self.put(word);
        self.at += 1;
        Some(())
    }

    fn declare(&mut self) -> Option<()> {
        let name = self.word();
        if !self.is_name(0) || self.macros.of.contains_key(name) {
            return None;
        }
        self.at += 1;
        self.locals.insert(name);
        let number = self.declared;
        self.declared += 1;
        self.put(&format!("\u{1}{number}"));
        Some(())
    }

    /// From here on the name of the last declaration is the local with this number.
    fn bind(&mut self, name: &'t str, number: usize) -> Option<()> {
        self.scopes.last_mut()?.insert(name, number);
        Some(())
    }

    fn label(&mut self) -> Option<()> {
        let name = self.word();
        if !self.is_name(0) || self.macros.of.contains_key(name) {
            return None;
        }
        self.at += 1;
        let next = self.labels.len();
        let number = *self.labels.entry(name).or_insert(next);
        self.put(&format!("\u{1}label{number}"));
        Some(())
    }

    fn captures_nothing(&self) -> bool {
        let mut mentioned = self.mentioned.iter();
        !mentioned.any(|word| self.locals.contains(word.as_str()) || self.labels.contains_key(word.as_str()))
    }

    fn block(&mut self) -> Option<()> {
        self.take("{")?;
        self.scopes.push(HashMap::new());
        while self.word() != "}" {
            self.statement()?;
        }
        self.scopes.pop();
        self.take("}")
    }

    /// A statement that is a block of its own (C11 6.8.4, 6.8.5).
    fn substatement(&mut self) -> Option<()> {
        self.scopes.push(HashMap::new());
        self.statement()?;
        self.scopes.pop();
        Some(())
    }

    fn parenthesised(&mut self) -> Option<()> {
        self.take("(")?;
        self.expression(")")
    }

    fn statement(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let done = self.statement_here();
        self.depth -= 1;
        done
    }

    fn statement_here(&mut self) -> Option<()> {
        match self.word() {
            "" => None,
            "{" => self.block(),
            ";" => self.take(";"),
            "if" => {
                self.take("if")?;
                self.parenthesised()?;
                self.substatement()?;
                if self.word() == "else" {
                    self.take("else")?;
                    self.substatement()?;
                }
                Some(())
            }
            word @ ("while" | "switch") => {
                self.take(word)?;
                self.parenthesised()?;
                self.substatement()
            }
            "do" => {
                self.take("do")?;
                self.substatement()?;
                self.take("while")?;
                self.parenthesised()?;
                self.take(";")
            }
            "for" => {
                self.take("for")?;
                self.take("(")?;
                self.scopes.push(HashMap::new());
                match self.begins_declaration()? {
                    true => self.declaration()?,
                    false => self.expression(";")?,
                }
                self.expression(";")?;
                self.expression(")")?;
                self.substatement()?;
                self.scopes.pop();
                Some(())
            }
            "case" => {
                self.take("case")?;
                self.expression(":")?;
                self.labelled()
            }
            "default" => {
                self.take("default")?;
                self.take(":")?;
                self.labelled()
            }
            "goto" => {
                self.take("goto")?;
                self.label()?;
                self.take(";")
            }
            word @ ("break" | "continue") => {
                self.take(word)?;
                self.take(";")
            }
            "return" => {
                self.take("return")?;
                self.expression(";")
            }
            _ if self.is_name(0) && self.word_at(1) == ":" => {
                self.label()?;
                self.take(":")?;
                self.labelled()
            }
            _ => match self.begins_declaration()? {
                true => self.declaration(),
                false => self.expression(";"),
            },
        }
    }

    fn labelled(&mut self) -> Option<()> {
        match self.word() {
            "}" => Some(()),
            _ => self.statement(),
        }
    }

    /// Whether a declaration begins here; nothing where that cannot be told.
    fn begins_declaration(&self) -> Option<bool> {
        let word = self.word();
        if is_type_keyword(word) || is_qualifier(word) || matches!(word, "struct" | "union" | "enum") {
            return Some(true);
        }
        if !self.is_name(0) || self.number_of(word).is_some() {
            return Some(false);
        }
        if self.is_name(1) {
            return Some(true);
        }
        if self.word_at(1) != "*" {
            return Some(false);
        }
        let mut ahead = 1;
        while self.word_at(ahead) == "*" || is_qualifier(self.word_at(ahead)) {
            ahead += 1;
        }
        // `a * b;` is a product or a pointer.
        match (self.is_name(ahead), self.word_at(ahead + 1)) {
            (true, "=") => Some(true),
            (true, ";" | "," | "[") => None,
            _ => Some(false),
        }
    }

    fn declaration(&mut self) -> Option<()> {
        let mut has_type = false;
        loop {
            let word = self.word();
            if is_type_keyword(word) {
                has_type = true;
                self.take(word)?;
            } else if is_qualifier(word) {
                self.take(word)?;
            } else if matches!(word, "struct" | "union" | "enum") {
                has_type = true;
                self.take(word)?;
                if !self.is_name(0) {
                    return None;
                }
                self.take_verbatim()?;
                if self.word() == "{" {
                    return None;
                }
            } else if !has_type && self.is_name(0) {
                has_type = true;
                match self.macros.of.get(word) {
                    Some(known) if !known.is_type => return None,
                    _ => {}
                }
                if self.number_of(word).is_some() {
                    return None;
                }
                self.put(word);
                self.at += 1;
            } else {
                break;
            }
        }
        if !has_type {
            return None;
        }
        loop {
            while self.word() == "*" || is_qualifier(self.word()) {
                let word = self.word();
                self.take(word)?;
            }
            let (name, number) = (self.word(), self.declared);
            self.declare()?;
            while self.word() == "[" {
                self.take("[")?;
                self.expression("]")?;
            }
            self.bind(name, number)?;
            if self.word() == "=" {
                self.take("=")?;
                self.initialiser()?;
            }
            match self.word() {
                "," => self.take(",")?,
                _ => return self.take(";"),
            }
        }
    }

    /// Up to the comma or semicolon that ends it.
    fn initialiser(&mut self) -> Option<()> {
        self.begin = self.at;
        let mut open = Vec::new();
        while !(open.is_empty() && matches!(self.word(), "," | ";")) {
            self.token(&mut open)?;
        }
        Some(())
    }

    /// Up to this token, and that one too.
    fn expression(&mut self, end: &str) -> Option<()> {
        self.begin = self.at;
        let mut open = Vec::new();
        while !(open.is_empty() && self.word() == end) {
            self.token(&mut open)?;
        }
        self.take(end)
    }

    /// One token of an expression; `open` are the brackets around it.
    fn token(&mut self, open: &mut Vec<&'t str>) -> Option<()> {
        let token = *self.tokens.get(self.at)?;
        let (word, before) = (self.word(), self.before());
        match token.kind {
            TokenKind::Directive => None,
            TokenKind::Number | TokenKind::Text => self.take(word),
            TokenKind::Ident if is_keyword(word) => match word {
                "sizeof" | "_Alignof" => self.take(word),
                "struct" | "union" | "enum" => {
                    self.take(word)?;
                    if !self.is_name(0) || self.word_at(1) == "{" {
                        return None;
                    }
                    self.take_verbatim()
                }
                // A type: of a cast, a compound literal, an operand of sizeof.
                _ if (is_type_keyword(word) || is_qualifier(word)) && !open.is_empty() => self.take(word),
                _ => None,
            },
            TokenKind::Ident if is_foreign(word) => None,
            // What follows a bracket is no expression of C: a macro stands there.
            TokenKind::Ident if before == ")" && !self.ends_cast() => None,
            TokenKind::Ident if before == "->" => self.take_verbatim(),
            TokenKind::Ident if before == "." => self.take_verbatim(),
            TokenKind::Ident => self.take_name(),
            TokenKind::Punct => {
                match word {
                    "(" if before == ")" && !self.ends_cast() => return None,
                    "(" | "[" => open.push(word),
                    // The braces of an initialiser or a compound literal; none of a statement expression.
                    "{" if matches!(before, "" | ")" | "=" | "," | "{" | "]") => open.push(word),
                    ")" if open.pop() == Some("(") => {}
                    "]" if open.pop() == Some("[") => {}
                    "}" if open.pop() == Some("{") => {}
                    "?" => open.push(word),
                    ":" if open.pop() == Some("?") => {}
                    // The address of a label.
                    "&&" if matches!(
                        before,
                        "" | "=" | "(" | "[" | "," | "{" | "?" | ":" | "&&" | "||" | "!" | "=="
                    ) =>
                    {
                        return None;
                    }
                    "{" | "}" | ")" | "]" | ";" | ":" | "#" | "##" | "@" | "`" => return None,
                    _ => {}
                }
                self.take(word)
            }
        }
    }

    /// Whether the bracket before closes a cast: nothing that could be called or measured stands before its opening.
    fn ends_cast(&self) -> bool {
        let Some(mut at) = self.at.checked_sub(1) else {
            return false;
        };
        let word = |i: usize| self.tokens.get(i).map_or("", |t| t.text(self.text));
        let mut depth = 0usize;
        loop {
            match word(at) {
                ")" => depth += 1,
                "(" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            match at.checked_sub(1) {
                Some(next) => at = next,
                None => return false,
            }
        }
        let Some(before) = at.checked_sub(1) else {
            return false;
        };
        let ends_operand = matches!(word(before), ")" | "]" | "}");
        let name = self
            .tokens
            .get(before)
            .is_some_and(|t| t.kind == TokenKind::Ident);
        !ends_operand && (!name || matches!(word(before), "return" | "case"))
    }
}

fn is_type_keyword(word: &str) -> bool {
    matches!(
        word,
        "void" | "char" | "short" | "int" | "long" | "float" | "double" | "signed" | "unsigned" | "_Bool"
    )
}

/// Words of a declaration beside its type that say nothing of what is declared elsewhere.
fn is_qualifier(word: &str) -> bool {
    matches!(word, "const" | "volatile" | "restrict" | "static" | "register")
}

/// Words of compilers, which may make anything of what follows.
fn is_foreign(word: &str) -> bool {
    matches!(
        word,
        "asm"
            | "__asm"
            | "__asm__"
            | "__label__"
            | "typeof"
            | "__typeof__"
            | "__typeof"
            | "__auto_type"
            | "auto"
    ) || matches!(
        word,
        "_Generic"
            | "__extension__"
            | "__attribute__"
            | "__attribute"
            | "_Pragma"
            | "_Static_assert"
            | "_Alignas"
    ) || word.starts_with("__builtin_offsetof")
        || word.starts_with("__builtin_types")
}

#[cfg(test)]
mod tests;
