//! Small idioms: one or two lines each, of the kind that lowering and memory model treat specially.

use super::Generator;
use super::types::{Cell, Int, Range, Record, Shape, Variable};

impl Generator {
    /// One of the idioms.
    pub(super) fn idiom(&mut self) {
        match self.random.below(10) {
            0 => self.punned_copy(),
            1 => self.row_pointer(),
            2 => self.checked_arithmetic(),
            3 => self.designated_record(),
            4 => self.chosen_pointer(),
            5 => self.literal_walk(),
            6 => self.record_pointers(),
            7 if self.repetitions < 15 && self.depth < 4 => self.wrapping_counter(),
            8 if self.depth == 1 && !self.effect_free => self.heap_record(),
            _ => self.once(),
        }
    }

    /// The bytes of one object as a value of another type (C11 6.5p7 allows what `memcpy` does).
    fn punned_copy(&mut self) {
        let objects: Vec<(String, u64)> = self
            .scope
            .iter()
            .filter(|v| v.addressable)
            .filter_map(|v| match &v.shape {
                Shape::Scalar(cell) => Some((v.name.clone(), cell.ty.bytes())),
                Shape::Array(cell, lengths) => {
                    Some((v.name.clone(), cell.ty.bytes() * lengths.iter().product::<u64>()))
                }
                _ => None,
            })
            .collect();
        let Some((from, size)) = self.random.pick(&objects).cloned() else {
            return self.local();
        };
        let fitting: Vec<Int> = Int::ALL
            .into_iter()
            .filter(|ty| *ty != Int::Bool && ty.bytes() <= size)
            .collect();
        let Some(ty) = self.random.pick(&fitting).copied() else {
            return self.local();
        };
        let name = self.fresh("v");
        self.line(format!("{} {name};", ty.name()));
        let offset = size - ty.bytes() + u64::from(self.violates());
        let at = self.random.between(0, i128::from(offset));
        self.line(format!(
            "memcpy(&{name}, (char *)&{from} + {at}, sizeof({name}));"
        ));
        self.declare(&name, Shape::Scalar(Cell::full(ty)));
    }

    /// A pointer to the rows of an array of two dimensions.
    fn row_pointer(&mut self) {
        let arrays: Vec<(String, Cell, Vec<u64>)> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Array(cell, lengths) if lengths.len() == 2 && !v.read_only => {
                    Some((v.name.clone(), *cell, lengths.clone()))
                }
                _ => None,
            })
            .collect();
        let Some((array, cell, lengths)) = self.random.pick(&arrays).cloned() else {
            return self.local();
        };
        let name = self.fresh("rows");
        let columns = lengths.last().copied().unwrap_or(1);
        self.line(format!("{} (*{name})[{columns}] = {array};", cell.ty.name()));
        self.scope.push(Variable {
            name: name.clone(),
            shape: Shape::Array(cell, lengths),
            depth: self.depth,
            // Its name is that of a pointer: no `sizeof`, no assignment to the whole.
            read_only: true,
            addressable: false,
        });
        if !self.effect_free {
            let indices: Vec<String> = (0..2).map(|_| self.index(2, 1)).collect();
            let value = self.expression_of_depth(1);
            let value = self.fitting(value, cell);
            self.line(format!("{name}[{}] = {};", indices.join("]["), value.text));
        }
    }

    /// GCC's arithmetic that tells whether it overflowed.
    fn checked_arithmetic(&mut self) {
        let ty = *self
            .random
            .pick(&[Int::Int, Int::Unsigned, Int::Long, Int::UnsignedChar, Int::Short])
            .unwrap_or(&Int::Int);
        let op = *self.random.pick(&["add", "sub", "mul"]).unwrap_or(&"add");
        let (a, b) = (self.expression_of_depth(1), self.expression_of_depth(1));
        let name = self.fresh("v");
        self.line(format!("{} {name};", ty.name()));
        let call = format!("__builtin_{op}_overflow({}, {}, &{name})", a.text, b.text);
        self.block(&format!("if ({call})"), "", |g| g.line(format!("{name} = 1;")));
        self.declare(&name, Shape::Scalar(Cell::full(ty)));
    }

    /// A record with some members named in its initialiser.
    fn designated_record(&mut self) {
        let records: Vec<(usize, Record)> = self
            .records
            .iter()
            .cloned()
            .enumerate()
            .filter(|(_, r)| !r.is_union)
            .collect();
        let Some((number, record)) = self.random.pick(&records).cloned() else {
            return self.local();
        };
        let name = self.fresh("s");
        let mut items = Vec::new();
        for (field, shape) in record.fields.iter().rev() {
            if let Shape::Scalar(cell) = shape
                && self.random.percent(60)
            {
                let value = self.expression_of_depth(1);
                let value = self.fitting(value, *cell);
                items.push(format!(".{field} = {}", value.text));
            }
        }
        if items.is_empty() {
            items.push("0".to_string());
        }
        let declarator = self.declarator(&Shape::Record(number), &name);
        if self.random.percent(40) {
            self.line(format!("{declarator};"));
            let ty = record.name(number);
            self.line(format!("{name} = ({ty}){{{}}};", items.join(", ")));
        } else {
            self.line(format!("{declarator} = {{{}}};", items.join(", ")));
        }
        self.declare(&name, Shape::Record(number));
    }

    /// `c ? p : q`.
    fn chosen_pointer(&mut self) {
        let Some(shape) = self.pointable() else {
            return self.local();
        };
        let (Some(a), Some(b)) = (
            self.address_for(&shape, self.depth),
            self.address_for(&shape, self.depth),
        ) else {
            return self.local();
        };
        let condition = self.condition();
        let name = self.fresh("p");
        let declarator = self.declarator(&shape, &name);
        self.line(format!("{declarator} = {condition} ? {a} : {b};"));
        self.declare(&name, shape);
    }

    /// Along a string literal.
    fn literal_walk(&mut self) {
        let (cursor, count) = (self.fresh("q"), self.fresh("v"));
        let length = self.random.below(8);
        let text = "abcdefgh".get(..length).unwrap_or_default();
        self.line(format!("const char *{cursor} = \"{text}\";"));
        self.line(format!("int {count} = 0;"));
        if self.repetitions < 15 && self.depth < 4 && self.random.percent(60) {
            let test = if self.violates() {
                format!("{count} <= {}", length + 1)
            } else {
                format!("*{cursor}")
            };
            self.repeated(length as u64, &format!("while ({test})"), "", |g| {
                g.line(format!("{cursor}++;"));
                g.line(format!("{count}++;"));
            });
        } else {
            let index = self.index(length as u64 + 1, 1);
            self.line(format!("{count} = {cursor}[{index}] != 0;"));
        }
        let range = Range::of(0, length.max(1) as i128);
        self.declare(&count, Shape::Scalar(Cell::of(Int::Int, range)));
    }

    /// An array of pointers to records.
    fn record_pointers(&mut self) {
        let records: Vec<usize> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Record(r) | Shape::Records(r, _) if v.addressable => Some(*r),
                _ => None,
            })
            .collect();
        let Some(record) = self.random.pick(&records).copied() else {
            return self.local();
        };
        let shape = Shape::RecordPointer(record);
        let mut addresses = Vec::new();
        for _ in 0..2 {
            match self.address_for(&shape, self.depth) {
                Some(address) => addresses.push(address),
                None => return self.local(),
            }
        }
        let (name, chosen) = (self.fresh("pr"), self.fresh("p"));
        let ty = self.records.get(record).map_or(String::new(), |r| r.name(record));
        self.line(format!("{ty} *{name}[2] = {{{}}};", addresses.join(", ")));
        let index = self.index(2, 1);
        self.line(format!("{ty} *{chosen} = {name}[{index}];"));
        self.declare(&chosen, shape);
    }

    /// A counter that goes around the end of its type.
    fn wrapping_counter(&mut self) {
        let (i, times) = (self.fresh("i"), 2 + self.random.below(6) as u64);
        let start = 256 - times / 2;
        let stop = times - times / 2;
        let header = format!("for (unsigned char {i} = {start}; {i} != {stop}; {i}++)");
        self.repeated(times, &header, "", |g| {
            g.declare_counter(&i, Int::UnsignedChar, Int::UnsignedChar.full());
            g.statements(1);
        });
    }

    /// A record in the heap.
    fn heap_record(&mut self) {
        if self.records.is_empty() {
            return self.local();
        }
        let record = self.random.below(self.records.len());
        let ty = self.records.get(record).map_or(String::new(), |r| r.name(record));
        let name = self.fresh("h");
        let returns = self.returns.clone();
        self.line(format!("{ty} *{name} = malloc(sizeof({ty}));"));
        if !self.violates() {
            self.block(&format!("if ({name} == NULL)"), "", |g| g.line(returns));
        }
        if !self.violates() {
            if self.random.percent(50) {
                self.line(format!("memset({name}, 0, sizeof(*{name}));"));
            } else {
                self.line(format!("*{name} = ({ty}){{0}};"));
            }
        }
        let known = self.scope.len();
        self.scope.push(Variable {
            name: name.clone(),
            shape: Shape::RecordPointer(record),
            depth: self.depth,
            read_only: true,
            addressable: false,
        });
        let statements = 1 + self.random.below(3);
        self.block("", "", |g| g.statements(statements));
        self.scope.truncate(known);
        if self.random.percent(80) {
            self.line(format!("free({name});"));
        }
    }

    /// `do ... while (0)` with a way out.
    fn once(&mut self) {
        if self.depth >= 4 {
            return self.local();
        }
        let loops = self.in_loop;
        self.block("do", " while (0);", |g| {
            g.statements(1);
            let condition = g.condition();
            g.block(&format!("if ({condition})"), "", |g| g.line("break;"));
            g.in_loop = 0;
            g.statements(1);
        });
        self.in_loop = loops;
    }
}
