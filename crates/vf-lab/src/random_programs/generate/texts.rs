//! Strings and bytes through the library, and by hand.
//!
//! Library functions whose result a model leaves open (`strchr`, `strcmp`, `snprintf`) are written out: an execution of
//! such a model is one of many, and not the one that the processor takes.

use super::Generator;
use super::types::{Cell, Int, Range, Shape};

impl Generator {
    /// One of the uses.
    pub(super) fn use_of_texts(&mut self) {
        if self.effect_free || self.repetitions > 15 || self.depth >= 4 {
            return self.local();
        }
        match self.random.below(6) {
            0 => self.searched(),
            1 => self.compared(),
            2 if self.depth == 1 => self.duplicated(),
            3 => self.copied_by_hand(),
            4 => self.appended(),
            _ => self.compared_bytes(),
        }
    }

    /// A string with its room: one in scope, or a new one.
    fn some_text(&mut self) -> (String, u64) {
        let texts: Vec<(String, u64)> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Text(length) => Some((v.name.clone(), *length)),
                _ => None,
            })
            .collect();
        if let Some(found) = self.random.pick(&texts).cloned()
            && self.random.percent(70)
        {
            return found;
        }
        let name = self.fresh("t");
        let length = 3 + self.random.below(7) as u64;
        let used = self.random.below(length as usize);
        let text = "abcabcabcabc".get(..used).unwrap_or_default();
        self.line(format!("char {name}[{length}] = \"{text}\";"));
        self.declare(&name, Shape::Text(length));
        (name, length)
    }

    /// A character looked for, and where it was found.
    fn searched(&mut self) {
        let (text, length) = self.some_text();
        let (find, p, at) = (self.fresh("find"), self.fresh("q"), self.fresh("v"));
        let wanted = *self
            .random
            .pick(&["'a'", "'b'", "'c'", "'\\0'", "'z'"])
            .unwrap_or(&"'a'");
        let end = if self.violates() { "*s != c" } else { "*s" };
        self.early.push(format!("static char *{find}(char *s, char c)"));
        self.early.push("{".to_string());
        self.early.push(format!("    for (; {end}; s++) {{"));
        self.early.extend(
            [
                "        if (*s == c) {",
                "            return s;",
                "        }",
                "    }",
                "    return c == '\\0' ? s : NULL;",
                "}",
            ]
            .map(str::to_string),
        );
        self.line(format!("char *{p} = {find}({text}, {wanted});"));
        self.line(format!("int {at} = 0;"));
        let header = if self.violates() {
            String::new()
        } else {
            format!("if ({p} != NULL)")
        };
        self.block(&header, "", |g| {
            g.line(format!("{at} = {p} - {text} + (*{p} == 'a');"));
        });
        let range = Range::of(0, i128::from(length));
        self.declare(&at, Shape::Scalar(Cell::of(Int::Int, range)));
    }

    /// The order of two strings.
    fn compared(&mut self) {
        let ((a, _), (b, _)) = (self.some_text(), self.some_text());
        let (order, name) = (self.fresh("order"), self.fresh("v"));
        let test = if self.violates() {
            "*a == *b"
        } else {
            "*a != '\\0' && *a == *b"
        };
        self.early
            .push(format!("static int {order}(const char *a, const char *b)"));
        self.early.push("{".to_string());
        self.early.push(format!("    while ({test}) {{"));
        self.early.extend(
            [
                "        a++;",
                "        b++;",
                "    }",
                "    return *(const unsigned char *)a - *(const unsigned char *)b;",
                "}",
            ]
            .map(str::to_string),
        );
        let second = if self.random.percent(30) {
            "\"abca\"".to_string()
        } else {
            b
        };
        self.line(format!("int {name} = {order}({a}, {second});"));
        let range = Range::of(-255, 255);
        self.declare(&name, Shape::Scalar(Cell::of(Int::Int, range)));
    }

    /// Two arrays byte by byte, up to the first difference.
    fn compared_bytes(&mut self) {
        let (Some((a, cell, length)), Some((b, other, has))) = (self.some_array(), self.some_array()) else {
            return self.local();
        };
        let bytes = (cell.ty.bytes() * length).min(other.ty.bytes() * has) + u64::from(self.violates());
        let (p, q, k) = (self.fresh("p"), self.fresh("q"), self.fresh("k"));
        self.line(format!("const unsigned char *{p} = (unsigned char *){a};"));
        self.line(format!("const unsigned char *{q} = (unsigned char *){b};"));
        self.line(format!("unsigned long {k} = 0;"));
        let header = format!("while ({k} < {bytes} && {p}[{k}] == {q}[{k}])");
        self.repeated(bytes, &header, "", |g| g.line(format!("{k}++;")));
        let range = Range::of(0, i128::from(bytes));
        self.declare(&k, Shape::Scalar(Cell::of(Int::UnsignedLong, range)));
    }

    /// `strdup`.
    fn duplicated(&mut self) {
        let (text, length) = self.some_text();
        let (copy, at) = (self.fresh("h"), self.fresh("v"));
        let returns = self.returns.clone();
        let extra = u64::from(!self.violates());
        self.line(format!("char *{copy} = malloc(strlen({text}) + {extra});"));
        self.block(&format!("if (!{copy})"), "", |g| g.line(returns));
        self.line(format!("strcpy({copy}, {text});"));
        self.line(format!("unsigned long {at} = strlen({copy});"));
        let range = Range::of(0, i128::from(length) - 1);
        self.declare(&at, Shape::Scalar(Cell::of(Int::UnsignedLong, range)));
        self.declare_read(Cell::full(Int::Char), &format!("{copy}[{at} / 2]"));
        self.line(format!("free({copy});"));
    }

    /// `while ((*d++ = *s++))`.
    fn copied_by_hand(&mut self) {
        let (text, length) = self.some_text();
        let (copy, d, s) = (self.fresh("t"), self.fresh("d"), self.fresh("s"));
        let room = length - u64::from(self.violates());
        self.line(format!("char {copy}[{room}];"));
        self.line(format!("char *{d} = {copy};"));
        self.line(format!("const char *{s} = {text};"));
        match self.random.below(2) {
            0 => self.repeated(length, &format!("while ((*{d}++ = *{s}++) != '\\0')"), "", |g| {
                g.line(";")
            }),
            _ => {
                self.repeated(length, &format!("while (*{s} != '\\0')"), "", |g| {
                    g.line(format!("*{d}++ = *{s}++;"));
                });
                self.line(format!("*{d} = '\\0';"));
            }
        }
        self.declare(&copy, Shape::Text(room));
    }

    /// `strncat` behind what is there.
    fn appended(&mut self) {
        let (text, _) = self.some_text();
        let name = self.fresh("t");
        let length = 4 + self.random.below(6) as u64;
        let used = self.random.below(length as usize);
        let literal = "abcabcabcabc".get(..used).unwrap_or_default();
        self.line(format!("char {name}[{length}] = \"{literal}\";"));
        let less = if self.violates() { "" } else { " - 1" };
        self.line(format!(
            "strncat({name}, {text}, sizeof({name}) - strlen({name}){less});"
        ));
        self.declare(&name, Shape::Text(length));
    }
}
