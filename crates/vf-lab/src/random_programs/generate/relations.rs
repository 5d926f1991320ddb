//! Loops that are safe because of how several variables relate.

use super::Generator;
use super::types::{Cell, Int, Range, Shape};

impl Generator {
    /// One of the loops.
    pub(super) fn relation(&mut self) {
        if self.effect_free || self.repetitions > 15 || self.depth >= 4 {
            return self.local();
        }
        match self.random.below(8) {
            0 => self.reversal(),
            1 => self.binary_search(),
            2 => self.remaining_space(),
            3 => self.sorting(),
            4 => self.ring(),
            5 => self.triangle(),
            6 => self.selection(),
            _ => self.digits(),
        }
    }

    /// Statements in a loop that is not the generator's own: nothing may jump out of its step.
    pub(super) fn statements_of_a_loop(&mut self, count: usize) {
        let loops = std::mem::replace(&mut self.in_loop, 0);
        self.statements(count);
        self.in_loop = loops;
    }

    /// Two counters that meet.
    fn reversal(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (i, j, t) = (self.fresh("i"), self.fresh("j"), self.fresh("t"));
        let last = length - u64::from(!self.violates());
        let ty = *self
            .random
            .pick(&["int", "long", "unsigned int"])
            .unwrap_or(&"int");
        self.line(format!("{ty} {i} = 0, {j} = {last};"));
        self.repeated(length, &format!("while ({i} < {j})"), "", |g| {
            g.line(format!("{} {t} = {array}[{i}];", cell.ty.name()));
            g.line(format!("{array}[{i}++] = {array}[{j}];"));
            g.line(format!("{array}[{j}--] = {t};"));
        });
    }

    /// `lo` and `hi` around a middle.
    fn binary_search(&mut self) {
        let Some((array, _, length)) = self.some_array() else {
            return self.local();
        };
        let (lo, hi, mid) = (self.fresh("lo"), self.fresh("hi"), self.fresh("mid"));
        let wanted = self.expression_of_depth(1).text;
        let ty = *self
            .random
            .pick(&["int", "unsigned long", "unsigned char"])
            .unwrap_or(&"int");
        let above = length + 2 * u64::from(self.violates());
        self.line(format!("{ty} {lo} = 0, {hi} = {above};"));
        self.repeated(4, &format!("while ({lo} < {hi})"), "", |g| {
            g.line(format!("{ty} {mid} = {lo} + ({hi} - {lo}) / 2;"));
            g.block(&format!("if ({array}[{mid}] < {wanted})"), "", |g| {
                g.line(format!("{lo} = {mid} + 1;"));
            });
            g.block("else", "", |g| g.line(format!("{hi} = {mid};")));
        });
        let name = self.fresh("v");
        self.line(format!("int {name} = {lo};"));
        let range = Range::of(0, i128::from(length));
        self.declare(&name, Shape::Scalar(Cell::of(Int::Int, range)));
    }

    /// A cursor, and what is left behind it.
    fn remaining_space(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (w, left) = (self.fresh("p"), self.fresh("left"));
        let step = 1 + self.random.below(3) as u64;
        let least = if self.violates() { 1 } else { step };
        self.line(format!("{} *{w} = {array};", cell.ty.name()));
        let ty = *self
            .random
            .pick(&["unsigned long", "int", "unsigned int"])
            .unwrap_or(&"int");
        self.line(format!("{ty} {left} = {length};"));
        let stop = self.condition();
        self.repeated(
            length / step + 1,
            &format!("while ({left} >= {least})"),
            "",
            |g| {
                let value = g.value_for(cell);
                g.line(format!("{w}[{}] = {value};", step - 1));
                if g.random.percent(30) {
                    g.block(&format!("if ({stop})"), "", |g| g.line("break;"));
                }
                g.line(format!("{w} += {step};"));
                g.line(format!("{left} -= {step};"));
            },
        );
        let name = self.fresh("v");
        self.line(format!("long {name} = {w} - {array};"));
        let range = Range::of(0, i128::from(length));
        self.declare(&name, Shape::Scalar(Cell::of(Int::Long, range)));
    }

    /// Insertion sort.
    fn sorting(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (i, j, key) = (self.fresh("i"), self.fresh("j"), self.fresh("key"));
        let guard = if self.violates() {
            format!("{j} >= 0")
        } else {
            format!("{j} > 0")
        };
        self.repeated(
            length,
            &format!("for (int {i} = 1; {i} < {length}; {i}++)"),
            "",
            |g| {
                g.line(format!("{} {key} = {array}[{i}];", cell.ty.name()));
                g.line(format!("int {j} = {i};"));
                g.repeated(
                    length,
                    &format!("while ({guard} && {array}[{j} - 1] > {key})"),
                    "",
                    |g| {
                        g.line(format!("{array}[{j}] = {array}[{j} - 1];"));
                        g.line(format!("{j}--;"));
                    },
                );
                g.line(format!("{array}[{j}] = {key};"));
            },
        );
    }

    /// A position that goes around.
    fn ring(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (head, i) = (self.fresh("head"), self.fresh("i"));
        let start = self.expression_of_depth(1).text;
        let ty = *self
            .random
            .pick(&["unsigned int", "unsigned char", "unsigned long"])
            .unwrap_or(&"unsigned int");
        let times = 1 + self.random.below(9) as u64;
        let modulus = length + u64::from(self.violates());
        self.line(format!("{ty} {head} = {start};"));
        self.repeated(
            times,
            &format!("for (int {i} = 0; {i} < {times}; {i}++)"),
            "",
            |g| {
                let value = g.value_for(cell);
                g.line(format!("{array}[{head}++ % {modulus}] = {value};"));
            },
        );
        self.declare_read(cell, &format!("{array}[({head} - 1) % {length}]"));
    }

    /// An inner loop as long as the outer one has come.
    fn triangle(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (i, j) = (self.fresh("i"), self.fresh("j"));
        let bound = length + u64::from(self.violates());
        self.repeated(
            length,
            &format!("for (int {i} = 0; {i} < {length}; {i}++)"),
            "",
            |g| {
                g.repeated(
                    length,
                    &format!("for (int {j} = 0; {j} + {i} < {bound}; {j}++)"),
                    "",
                    |g| {
                        let other = g.value_for(cell);
                        let value = if g.random.percent(50) {
                            format!("{array}[{j}] < {array}[{i}] ? {array}[{i}] : {array}[{i} + {j}]")
                        } else {
                            other
                        };
                        g.line(format!("{array}[{i} + {j}] = {value};"));
                    },
                );
            },
        );
    }

    /// What fits a condition is kept, one after the other; what was kept is read.
    fn selection(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (kept, k, i, total) = (self.fresh("a"), self.fresh("k"), self.fresh("i"), self.fresh("v"));
        let limit = self.literal_in(cell);
        let room = length - u64::from(self.violates() && length > 1);
        self.line(format!("{} {kept}[{room}];", cell.ty.name()));
        self.line(format!("int {k} = 0;"));
        self.repeated(
            length,
            &format!("for (int {i} = 0; {i} < {length}; {i}++)"),
            "",
            |g| {
                g.block(&format!("if ({array}[{i}] > {limit})"), "", |g| {
                    g.line(format!("{kept}[{k}++] = {array}[{i}];"));
                });
            },
        );
        self.line(format!("unsigned int {total} = 0;"));
        let op = if self.violates() { "<=" } else { "<" };
        self.repeated(
            length,
            &format!("for (int {i} = 0; {i} {op} {k}; {i}++)"),
            "",
            |g| {
                g.line(format!("{total} = {total} * 31 + (unsigned int){kept}[{i}];"));
            },
        );
        self.declare(&total, Shape::Scalar(Cell::full(Int::Unsigned)));
        let range = Range::of(0, i128::from(length));
        self.declare(&k, Shape::Scalar(Cell::of(Int::Int, range)));
    }

    /// The digits of a number.
    fn digits(&mut self) {
        let (x, d, k) = (self.fresh("x"), self.fresh("d"), self.fresh("k"));
        let (ty, base, digits) = *self
            .random
            .pick(&[
                ("unsigned char", 10, 3),
                ("unsigned short", 10, 5),
                ("unsigned int", 16, 8),
                ("unsigned char", 2, 8),
            ])
            .unwrap_or(&("unsigned char", 10, 3));
        let value = self.expression_of_depth(1).text;
        let room = digits - usize::from(self.violates());
        self.line(format!("{ty} {x} = {value};"));
        self.line(format!("unsigned char {d}[{room}] = {{0}};"));
        self.line(format!("int {k} = 0;"));
        self.repeated(digits as u64, "do", &format!(" while ({x} != 0);"), |g| {
            g.line(format!("{d}[{k}++] = {x} % {base};"));
            g.line(format!("{x} /= {base};"));
        });
        let range = Range::of(1, digits as i128);
        self.declare(&k, Shape::Scalar(Cell::of(Int::Int, range)));
        self.declare_read(Cell::full(Int::UnsignedChar), &format!("{d}[{k} - 1]"));
    }
}
