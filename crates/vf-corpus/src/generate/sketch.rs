//! A function that is being written: its parameters, locals, lines, and what stands above it.

mod finish;
mod guards;

use std::collections::BTreeSet;

use super::names::{self, Subsystem};
use crate::random::Random;

/// How the function says that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failing {
    Return,
    /// `ret = -EINVAL; goto out;`
    Goto,
}

/// What the function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Result {
    /// 0, or a negative error code.
    Status,
    /// Whether it went well.
    Bool,
    Nothing,
}

/// A condition in two spellings: when something is wrong, and when it is not.
#[derive(Clone, Debug)]
pub struct Cond {
    pub bad: String,
    pub good: String,
}

/// An integer that the function is given.
#[derive(Clone, Debug)]
pub struct Number {
    pub expr: String,
    pub ty: &'static str,
    pub signed: bool,
}

/// An array of the program, with what its bound is called.
#[derive(Clone, Debug)]
pub struct Array {
    pub expr: String,
    pub bound: String,
    pub size: usize,
}

/// Bytes that the function is given, with their number.
#[derive(Clone, Debug)]
pub struct Buffer {
    pub data: String,
    pub len: String,
    /// Type of `len`.
    pub ty: &'static str,
}

/// The function under construction.
pub struct Sketch {
    pub random: Random,
    pub kernel: bool,
    pub of: &'static Subsystem,
    pub pieces: Vec<&'static str>,
    /// Pieces that can do without loops have one only here.
    pub may_loop: bool,
    tops: Vec<String>,
    /// Members of the object, of the request.
    members: [Vec<String>; 2],
    /// Names of the parameters that point to them.
    objects: [Option<String>; 2],
    params: Vec<String>,
    locals: Vec<String>,
    lines: Vec<String>,
    depth: usize,
    /// Blocks that a guard has opened.
    opened: usize,
    failing: Failing,
    result: Result,
    /// What is allocated and not yet handed on.
    pub owned: Vec<String>,
    uses_ret: bool,
    ret: &'static str,
    used: BTreeSet<String>,
    verb: Option<&'static str>,
    noun: Option<String>,
    const_object: bool,
    /// 0: -1 for all; 1: named codes; 2: numbers.
    codes: usize,
    input: Option<Buffer>,
    braces: bool,
    value: Option<String>,
}

const OBJECT: usize = 0;
const REQUEST: usize = 1;

impl Sketch {
    pub fn new(mut random: Random) -> Sketch {
        let kernel = random.percent(65);
        let table = if kernel { names::KERNEL } else { names::LIBRARY };
        let index = random.below(table.len());
        // Neither table is empty.
        let of = table.get(index).unwrap_or(&names::KERNEL[0]);
        let failing = if random.percent(25) {
            Failing::Goto
        } else {
            Failing::Return
        };
        let result = match random.below(10) {
            0 => Result::Bool,
            1 => Result::Nothing,
            _ => Result::Status,
        };
        let ret = random.word(&["ret", "err", "rc", "status"]);
        let codes = random.below(3);
        let braces = random.percent(20);
        Sketch {
            random,
            kernel,
            of,
            pieces: Vec::new(),
            may_loop: true,
            tops: Vec::new(),
            members: [Vec::new(), Vec::new()],
            objects: [None, None],
            params: Vec::new(),
            locals: Vec::new(),
            lines: Vec::new(),
            depth: 1,
            opened: 0,
            failing,
            result,
            owned: Vec::new(),
            uses_ret: false,
            ret,
            used: [ret.to_owned()].into(),
            verb: None,
            noun: None,
            const_object: true,
            codes,
            input: None,
            braces,
            value: None,
        }
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.random.percent(chance)
    }

    pub fn word<'w>(&mut self, words: &[&'w str]) -> &'w str {
        self.random.word(words)
    }

    /// A name that nothing has yet.
    pub fn name(&mut self, words: &[&str]) -> String {
        for _ in 0..6 {
            let word = self.random.word(words);
            if self.used.insert(word.to_owned()) {
                return word.to_owned();
            }
        }
        let word = self.random.word(words).to_owned();
        let fresh = (2..)
            .map(|n| format!("{word}{n}"))
            .find(|name| !self.used.contains(name));
        let name = fresh.unwrap_or(word);
        self.used.insert(name.clone());
        name
    }

    /// A part of the object, as a noun.
    pub fn part(&mut self) -> &'static str {
        self.random.word(self.of.parts)
    }

    pub fn value_name(&mut self) -> &'static str {
        self.random.word(self.of.values)
    }

    /// What the function does, for its name. The first piece says it.
    pub fn does(&mut self, verbs: &'static [&'static str], noun: &str) {
        if self.verb.is_none() {
            self.verb = Some(self.random.word(verbs));
            self.noun = Some(noun.to_owned());
        }
    }

    pub fn byte(&self) -> &'static str {
        if self.kernel { "u8" } else { "uint8_t" }
    }

    pub fn half(&self) -> &'static str {
        if self.kernel { "u16" } else { "uint16_t" }
    }

    pub fn wide(&self) -> &'static str {
        if self.kernel { "u32" } else { "uint32_t" }
    }

    /// A type of elements.
    pub fn element(&mut self) -> &'static str {
        let (byte, half, wide) = (self.byte(), self.half(), self.wide());
        self.random.word(&[byte, half, wide, "int", "unsigned int", wide])
    }

    /// A type of indices and whether it is signed.
    fn integer(&mut self) -> (&'static str, bool) {
        let (byte, half, wide) = (self.byte(), self.half(), self.wide());
        let signed = if self.kernel { "s32" } else { "int32_t" };
        let types = [
            ("int", true),
            ("unsigned int", false),
            ("int", true),
            (wide, false),
            (half, false),
            ("size_t", false),
            ("long", true),
            ("unsigned long", false),
            (signed, true),
            (byte, false),
        ];
        self.random.choose(&types).copied().unwrap_or(("int", true))
    }

    /// A number of elements, some of them powers of two.
    pub fn size(&mut self) -> usize {
        let sizes = [
            4, 5, 6, 8, 8, 10, 12, 16, 16, 20, 24, 30, 32, 32, 40, 48, 64, 64, 100, 128,
        ];
        self.random.choose(&sizes).copied().unwrap_or(8)
    }

    /// A name for a number: a macro, or the number itself.
    pub fn constant(&mut self, words: &str, value: usize) -> String {
        match self.random.below(10) {
            0..=1 => value.to_string(),
            2 => {
                let name = self.macro_name(words);
                self.top(format!("enum {{ {name} = {value} }};"));
                name
            }
            _ => {
                let name = self.macro_name(words);
                self.top(format!("#define {name} {value}"));
                name
            }
        }
    }

    pub fn macro_name(&mut self, words: &str) -> String {
        let plain = format!("{}_{words}", self.of.prefix).to_uppercase();
        self.name(&[&plain])
    }

    pub fn top(&mut self, text: String) {
        self.tops.push(text);
    }

    pub fn param(&mut self, text: String) {
        self.params.push(text);
    }

    /// A local with its declaration, and its initialiser behind it.
    pub fn local(&mut self, declaration: String) {
        if !self.locals.contains(&declaration) {
            self.locals.push(declaration);
        }
    }

    fn pointer(&mut self, which: usize) -> String {
        if let Some(name) = self.objects.get(which).cloned().flatten() {
            return name;
        }
        let name = if which == REQUEST {
            self.name(&["req", "cmd", "arg", "info", "attr", "desc", "hdr"])
        } else {
            let short: String = self.of.object.chars().take(1).collect();
            self.name(&[
                self.of.object,
                &short,
                "ctx",
                "self",
                "priv",
                "st",
                self.of.object,
            ])
        };
        if let Some(place) = self.objects.get_mut(which) {
            *place = Some(name.clone());
        }
        name
    }

    fn member(&mut self, which: usize, ty: &str, name: &str, bound: &str) -> String {
        let pointer = self.pointer(which);
        let space = if ty.ends_with('*') { "" } else { " " };
        let declaration = format!("{ty}{space}{name}{bound};");
        if let Some(members) = self.members.get_mut(which)
            && !members.contains(&declaration)
        {
            members.push(declaration);
        }
        format!("{pointer}->{name}")
    }

    /// A member of the object; it may be written to.
    pub fn object_member(&mut self, ty: &str, words: &[&str]) -> String {
        self.const_object = false;
        let name = self.name(words);
        self.member(OBJECT, ty, &name, "")
    }

    /// A member of the object that is an array.
    pub fn object_array(&mut self, ty: &str, name: &str, bound: &str) -> String {
        let name = self.name(&[name]);
        self.member(OBJECT, ty, &name, &format!("[{bound}]"))
    }

    /// Says that the object is written to.
    pub fn writes_object(&mut self) {
        self.const_object = false;
    }

    /// A member of what is asked for, which is only read.
    pub fn request_member(&mut self, ty: &str, name: &str) -> String {
        self.member(REQUEST, ty, name, "")
    }

    /// An integer that nobody has looked at yet.
    pub fn number(&mut self, words: &[&str], signed_too: bool) -> Number {
        let (mut ty, mut signed) = self.integer();
        if signed && !signed_too {
            (ty, signed) = ("unsigned int", false);
        }
        let expr = match self.random.below(10) {
            0..=4 => {
                let name = self.name(words);
                self.param(format!("{ty} {name}"));
                name
            }
            5..=7 => {
                let name = self.name(words);
                self.request_member(ty, &name)
            }
            _ => {
                let name = self.name(words);
                let from = self.request_member(ty, &name);
                let copy = self.name(words);
                self.local(format!("{ty} {copy} = {from}"));
                copy
            }
        };
        Number { expr, ty, signed }
    }

    /// An array of the object, or of the file.
    pub fn array(&mut self, ty: &str, name: &str, writable: bool) -> Array {
        let size = self.size();
        self.array_of(ty, name, size, writable)
    }

    pub fn array_of(&mut self, ty: &str, name: &str, size: usize, writable: bool) -> Array {
        let upper = name.trim_end_matches("[]").to_owned();
        let suffix = self.random.word(&["MAX", "COUNT", "NUM", "SIZE", "ENTRIES"]);
        let bound = self.constant(&format!("{suffix}_{upper}"), size);
        let expr = if self.percent(30) {
            let full = format!("{}_{name}", self.of.prefix);
            let full = self.name(&[&full]);
            let qualifier = if self.kernel || self.percent(50) {
                "static "
            } else {
                ""
            };
            self.top(format!("{qualifier}{ty} {full}[{bound}];"));
            full
        } else {
            if writable {
                self.const_object = false;
            }
            self.object_array(ty, name, &bound)
        };
        let bound = match self.random.below(10) {
            0..=2 if self.kernel => format!("ARRAY_SIZE({expr})"),
            0..=1 => format!("COUNT_OF({expr})"),
            2 => format!("sizeof({expr}) / sizeof({expr}[0])"),
            _ => bound,
        };
        Array { expr, bound, size }
    }

    /// The bytes that the function is given; always the same ones.
    pub fn input(&mut self) -> Buffer {
        if let Some(known) = &self.input {
            return known.clone();
        }
        let data = self.name(names::INPUT);
        let len = self.name(names::LENGTH);
        let ty = self
            .random
            .word(&["size_t", "size_t", "unsigned int", "size_t", "unsigned long"]);
        let byte = self.random.word(&[self.byte(), self.byte(), "unsigned char"]);
        self.param(format!("const {byte} *{data}, {ty} {len}"));
        let buffer = Buffer { data, len, ty };
        self.input = Some(buffer.clone());
        buffer
    }

    /// Room for what the function makes.
    pub fn output(&mut self, ty: &str) -> Buffer {
        let data = self.name(names::OUTPUT);
        let len = self.name(&["size", "room", "max", "outlen", "space", "cap", "avail"]);
        let length = self.random.word(&["size_t", "size_t", "unsigned int", "size_t"]);
        self.param(format!("{ty} *{data}, {length} {len}"));
        Buffer {
            data,
            len,
            ty: length,
        }
    }

    /// A string that is given.
    pub fn text(&mut self) -> String {
        let name = self.name(names::TEXT);
        self.param(format!("const char *{name}"));
        name
    }

    pub fn line(&mut self, text: impl AsRef<str>) {
        let indent = "\t".repeat(self.depth);
        self.lines.push(format!("{indent}{}", text.as_ref()));
    }

    /// An empty line, for a reader.
    pub fn blank(&mut self) {
        if self
            .lines
            .last()
            .is_some_and(|last| !last.is_empty() && !last.ends_with('{'))
        {
            self.lines.push(String::new());
        }
    }

    pub fn open(&mut self, text: impl AsRef<str>) {
        self.line(format!("{} {{", text.as_ref()));
        self.depth += 1;
    }

    pub fn close(&mut self) {
        self.close_with("}");
    }

    pub fn close_with(&mut self, text: &str) {
        self.depth = self.depth.saturating_sub(1).max(1);
        self.line(text);
    }

    /// A statement under a head, with braces or without.
    pub fn under(&mut self, head: &str, statements: &[String]) {
        if statements.len() == 1 && !self.braces {
            self.line(head);
            self.depth += 1;
            for statement in statements {
                self.line(statement);
            }
            self.depth -= 1;
        } else {
            self.open(head);
            for statement in statements {
                self.line(statement);
            }
            self.close();
        }
    }

    /// Ends a piece: closes what its guards have opened.
    pub fn end_piece(&mut self) {
        while self.opened > 0 {
            self.close();
            self.opened -= 1;
        }
    }

    /// A number that the function is asked for: returned, or kept in the object.
    pub fn gives(&mut self, expr: &str) {
        match (self.result, self.failing) {
            (Result::Status, _) if self.opened == 0 && self.value.is_none() => {
                self.value = Some(expr.to_owned());
            }
            (Result::Status, Failing::Return) if self.opened > 0 && self.owned.is_empty() => {
                self.line(format!("return {expr};"));
            }
            _ => {
                let member = self.object_member("unsigned int", &["last", "current", "latest", "cached"]);
                self.line(format!("{member} = {expr};"));
            }
        }
    }

    /// Something that has nothing to do with the rest.
    pub fn noise(&mut self) {
        let member = self.random.word(names::FLAGS);
        let ty = self.random.word(&["unsigned int", "unsigned long", self.wide()]);
        self.const_object = false;
        let member = if self.used.contains(member) {
            return;
        } else {
            self.member(OBJECT, ty, member, "")
        };
        let bit = 1usize << self.random.below(8);
        let text = match self.random.below(5) {
            0 => format!("{member}++;"),
            1 => format!("{member} |= 0x{bit:x};"),
            2 => format!("{member} = {};", self.random.below(4)),
            3 => format!("{member} &= ~0x{bit:x}U;"),
            _ => format!("{member} += {bit};"),
        };
        self.used
            .insert(member.split("->").last().unwrap_or_default().to_owned());
        self.line(text);
    }
}
