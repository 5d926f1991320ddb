//! Objects in scope: how to name a part of one, and how to point to it.

use super::Generator;
use super::types::{Cell, Int, Range, Shape, Variable};

impl Generator {
    /// The text of an lvalue with what it holds; of the given cell where one is asked for.
    pub(super) fn place(
        &mut self,
        wanted: Option<Cell>,
        depth: usize,
        write: bool,
    ) -> Option<(String, Cell)> {
        for _ in 0..6 {
            let candidates: Vec<usize> = (0..self.scope.len())
                .filter(|i| self.scope.get(*i).is_some_and(|v| !(write && v.read_only)))
                .filter(|i| !(write && self.effect_free && self.scope.get(*i).is_some_and(|v| v.depth == 0)))
                .collect();
            let index = *self.random.pick(&candidates)?;
            let variable = self.scope.get(index)?.clone();
            if let Some((text, cell)) = self.part(variable.name.clone(), &variable.shape, depth, write)
                && wanted.is_none_or(|w| w == cell)
            {
                return Some((text, cell));
            }
        }
        None
    }

    /// A scalar inside the object that the text names.
    fn part(&mut self, text: String, shape: &Shape, depth: usize, write: bool) -> Option<(String, Cell)> {
        let through_pointer = matches!(
            shape,
            Shape::Pointer(..) | Shape::Pointers(..) | Shape::PointerToPointer(..) | Shape::RecordPointer(_)
        );
        if write && self.effect_free && through_pointer {
            return None;
        }
        match shape {
            Shape::Scalar(cell) => Some((text, *cell)),
            Shape::Array(cell, lengths) => {
                let mut text = text;
                for length in lengths {
                    let index = self.index(*length, depth);
                    text = format!("{text}[{index}]");
                }
                Some((text, *cell))
            }
            Shape::Text(length) => {
                let writable = if write { *length - 1 } else { *length };
                let index = self.index(writable, depth);
                Some((format!("{text}[{index}]"), Cell::full(Int::Char)))
            }
            Shape::Record(record) => self.field(&text, ".", *record, depth, write),
            Shape::Records(record, length) => {
                let index = self.index(*length, depth);
                self.field(&format!("{text}[{index}]"), ".", *record, depth, write)
            }
            Shape::Pointer(cell, elements) => Some((self.dereference(&text, *elements, depth), *cell)),
            Shape::Pointers(cell, elements, length) => {
                let index = self.index(*length, depth);
                Some((
                    self.dereference(&format!("{text}[{index}]"), *elements, depth),
                    *cell,
                ))
            }
            Shape::PointerToPointer(cell, elements) => {
                Some((self.dereference(&format!("(*{text})"), *elements, depth), *cell))
            }
            Shape::RecordPointer(record) => self.field(&text, "->", *record, depth, write),
        }
    }

    fn dereference(&mut self, pointer: &str, elements: u64, depth: usize) -> String {
        if elements <= 1 && !self.violates() {
            return if self.random.percent(70) {
                format!("(*{pointer})")
            } else {
                format!("{pointer}[0]")
            };
        }
        let index = self.index(elements, depth);
        match self.random.below(4) {
            0 => format!("(*({pointer} + {index}))"),
            1 => format!("{index}[{pointer}]"),
            _ => format!("{pointer}[{index}]"),
        }
    }

    fn field(
        &mut self,
        text: &str,
        access: &str,
        record: usize,
        depth: usize,
        write: bool,
    ) -> Option<(String, Cell)> {
        let record = self.records.get(record)?.clone();
        let (name, shape) = self.random.pick(&record.fields)?.clone();
        self.part(format!("{text}{access}{name}"), &shape, depth, write)
    }

    /// An expression of pointer type that points as the shape asks, to an object that lives at least as long as
    /// one at the given depth.
    pub(super) fn address_for(&mut self, shape: &Shape, depth: usize) -> Option<String> {
        let lives = |v: &Variable, violates: bool| v.depth <= depth || violates;
        let violates = self.violates();
        let candidates: Vec<Variable> = self
            .scope
            .iter()
            .filter(|v| v.addressable && lives(v, violates))
            .cloned()
            .collect();
        let mut found: Vec<String> = Vec::new();
        for variable in &candidates {
            self.addresses(&variable.name, &variable.shape, shape, &mut found);
        }
        self.random.pick(&found).cloned()
    }

    fn addresses(&mut self, text: &str, object: &Shape, wanted: &Shape, found: &mut Vec<String>) {
        match (object, wanted) {
            (Shape::Scalar(cell), Shape::Pointer(want, 1)) if cell == want && cell.bit_field.is_none() => {
                found.push(format!("&{text}"));
            }
            (Shape::Array(cell, lengths), Shape::Pointer(want, elements)) if cell == want => {
                let Some((last, outer)) = lengths.split_last() else {
                    return;
                };
                let mut text = text.to_string();
                for length in outer {
                    text = format!("{text}[{}]", self.index(*length, 0));
                }
                let Some(room) = last.checked_sub(*elements) else {
                    return;
                };
                let offset = if room == 0 {
                    "0".to_string()
                } else {
                    self.index(room + 1, 1)
                };
                found.push(match self.random.below(3) {
                    0 => format!("&{text}[{offset}]"),
                    _ if offset == "0" => text,
                    _ => format!("({text} + {offset})"),
                });
            }
            (Shape::Pointer(cell, has), Shape::Pointer(want, elements))
                if cell == want && has >= elements =>
            {
                let room = has - elements;
                let offset = if room == 0 || self.random.percent(50) {
                    return found.push(text.to_string());
                } else {
                    self.index(room + 1, 0)
                };
                found.push(format!("({text} + {offset})"));
            }
            (Shape::Pointer(cell, has), Shape::PointerToPointer(want, elements))
                if cell == want && has == elements =>
            {
                found.push(format!("&{text}"));
            }
            (Shape::PointerToPointer(cell, has), Shape::Pointer(want, elements))
                if cell == want && has >= elements =>
            {
                found.push(format!("*{text}"));
            }
            (Shape::Record(record), Shape::RecordPointer(want)) if record == want => {
                found.push(format!("&{text}"));
            }
            (Shape::Records(record, length), Shape::RecordPointer(want)) if record == want => {
                let index = self.index(*length, 0);
                found.push(format!("&{text}[{index}]"));
            }
            (Shape::RecordPointer(record), Shape::RecordPointer(want)) if record == want => {
                found.push(text.to_string());
            }
            (Shape::Record(record), Shape::Pointer(..)) => {
                self.addresses_in(text, ".", *record, wanted, found)
            }
            (Shape::RecordPointer(record), Shape::Pointer(..)) => {
                self.addresses_in(text, "->", *record, wanted, found);
            }
            _ => {}
        }
    }

    fn addresses_in(
        &mut self,
        text: &str,
        access: &str,
        record: usize,
        wanted: &Shape,
        found: &mut Vec<String>,
    ) {
        let Some(record) = self.records.get(record).cloned() else {
            return;
        };
        for (name, shape) in &record.fields {
            // What a pointer in memory points to is as old as its holder; what is in the holder itself too.
            self.addresses(&format!("{text}{access}{name}"), shape, wanted, found);
        }
    }

    /// Makes a variable known.
    pub(super) fn declare(&mut self, name: &str, shape: Shape) {
        self.scope.push(Variable {
            name: name.to_string(),
            shape,
            depth: self.depth,
            read_only: false,
            addressable: true,
        });
    }

    /// Makes a counter known: only read, within its range.
    pub(super) fn declare_counter(&mut self, name: &str, ty: Int, range: Range) {
        self.scope.push(Variable {
            name: name.to_string(),
            shape: Shape::Scalar(Cell::of(ty, range)),
            depth: self.depth,
            read_only: true,
            addressable: false,
        });
    }

    pub(super) fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// `type name[...]` of a shape.
    pub(super) fn declarator(&self, shape: &Shape, name: &str) -> String {
        let record = |index: &usize| self.records.get(*index).map_or(String::new(), |r| r.name(*index));
        match shape {
            Shape::Scalar(cell) => match cell.bit_field {
                Some(bits) => format!("{} {name} : {bits}", cell.ty.name()),
                None => format!("{} {name}", cell.ty.name()),
            },
            Shape::Array(cell, lengths) => {
                let dimensions: String = lengths.iter().map(|l| format!("[{l}]")).collect();
                format!("{} {name}{dimensions}", cell.ty.name())
            }
            Shape::Text(length) => format!("char {name}[{length}]"),
            Shape::Record(index) => format!("{} {name}", record(index)),
            Shape::Records(index, length) => format!("{} {name}[{length}]", record(index)),
            Shape::Pointer(cell, _) => format!("{} *{name}", cell.ty.name()),
            Shape::PointerToPointer(cell, _) => format!("{} **{name}", cell.ty.name()),
            Shape::Pointers(cell, _, length) => format!("{} *{name}[{length}]", cell.ty.name()),
            Shape::RecordPointer(index) => format!("{} *{name}", record(index)),
        }
    }
}
