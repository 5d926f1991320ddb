//! Statements about memory: pointers, copies, strings, the heap, other views of bytes.

use super::Generator;
use super::types::{Cell, Int, Range, Shape};

impl Generator {
    /// Declares a pointer to something in scope, or lets one point elsewhere.
    pub(super) fn pointer(&mut self) {
        let pointers: Vec<_> = self
            .scope
            .iter()
            .filter(|v| matches!(v.shape, Shape::Pointer(..) | Shape::RecordPointer(_)) && !v.read_only)
            .filter(|v| !(self.effect_free && v.depth == 0))
            .cloned()
            .collect();
        if let Some(pointer) = self.random.pick(&pointers).cloned()
            && self.random.percent(40)
            && let Some(address) = self.address_for(&pointer.shape, pointer.depth)
        {
            return self.line(format!("{} = {address};", pointer.name));
        }
        let Some(shape) = self.pointable() else {
            return self.local();
        };
        let Some(address) = self.address_for(&shape, self.depth) else {
            return self.local();
        };
        let name = self.fresh("p");
        let declarator = self.declarator(&shape, &name);
        self.line(format!("{declarator} = {address};"));
        self.declare(&name, shape);
    }

    /// A pointer shape for which something is there.
    pub(super) fn pointable(&mut self) -> Option<Shape> {
        let variables: Vec<_> = self.scope.iter().filter(|v| v.addressable).cloned().collect();
        let variable = self.random.pick(&variables)?;
        match &variable.shape {
            Shape::Scalar(cell) => Some(Shape::Pointer(*cell, 1)),
            Shape::Array(cell, lengths) => {
                let length = *lengths.last()?;
                Some(Shape::Pointer(
                    *cell,
                    1 + self.random.below(length as usize) as u64,
                ))
            }
            Shape::Record(record) | Shape::Records(record, _) => Some(Shape::RecordPointer(*record)),
            Shape::Pointer(cell, elements) => Some(Shape::PointerToPointer(*cell, *elements)),
            _ => None,
        }
    }

    /// `for (p = a; p < a + n; p++)`.
    pub(super) fn pointer_walk(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let p = self.fresh("p");
        let op = if self.violates() {
            "<="
        } else {
            *self.random.pick(&["<", "!="]).unwrap_or(&"<")
        };
        let ty = cell.ty.name();
        let header = match self.random.below(3) {
            0 => format!("for ({ty} *{p} = {array} + {length}; {p}-- > {array};)"),
            _ => format!("for ({ty} *{p} = {array}; {p} {op} {array} + {length}; {p}++)"),
        };
        let global = self.scope.iter().any(|v| v.name == array && v.depth == 0);
        self.repeated(length, &header, "", |g| {
            g.scope.push(super::Variable {
                name: p.clone(),
                shape: Shape::Pointer(cell, 1),
                depth: g.depth,
                read_only: true,
                addressable: true,
            });
            if g.random.percent(50) && !(g.effect_free && global) {
                let value = g.expression_of_depth(2);
                let value = g.fitting(value, cell);
                g.line(format!("*{p} = {};", value.text));
            } else {
                g.statements(1);
            }
        });
    }

    /// `memset`, `memcpy`, `memmove` on whole arrays or parts of them.
    pub(super) fn copy_or_fill(&mut self) {
        let arrays: Vec<(String, Cell, u64)> = self
            .scope
            .iter()
            .filter(|v| !v.read_only)
            .filter(|v| !(self.effect_free && v.depth == 0))
            .filter_map(|v| match &v.shape {
                Shape::Array(cell, lengths) => Some((v.name.clone(), *cell, lengths.iter().product())),
                _ => None,
            })
            .collect();
        let Some((name, cell, length)) = self.random.pick(&arrays).cloned() else {
            return self.local();
        };
        let most = length + u64::from(self.violates());
        let count = self.random.between(0, i128::from(most)) as u64;
        let bytes = match self.random.below(4) {
            0 => {
                let value = self.expression_of_depth(1);
                let value = self.coerced(value, Range::of(0, i128::from(most)));
                format!("(unsigned long){} * sizeof({})", value.text, cell.ty.name())
            }
            1 => format!("sizeof({name})"),
            2 => format!("{count} * sizeof({})", cell.ty.name()),
            _ => (count * cell.ty.bytes()).to_string(),
        };
        let same: Vec<String> = arrays
            .iter()
            .filter(|(n, c, l)| *n != name && *c == cell && *l >= length)
            .map(|(n, _, _)| n.clone())
            .collect();
        if let Some(from) = self.random.pick(&same).cloned()
            && self.random.percent(70)
        {
            let function = *self.random.pick(&["memcpy", "memmove"]).unwrap_or(&"memcpy");
            return self.line(format!("{function}({name}, {from}, {bytes});"));
        }
        let any_byte = cell.range == cell.ty.full() && cell.ty != Int::Bool;
        let byte = if any_byte && self.random.percent(50) {
            let value = self.expression_of_depth(1);
            self.coerced(value, Int::Int.full()).text
        } else {
            "0".to_string()
        };
        self.line(format!("memset({name}, {byte}, {bytes});"));
    }

    /// Over a string, or its length.
    pub(super) fn text_loop(&mut self) {
        let texts: Vec<(String, u64)> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Text(length) => Some((v.name.clone(), *length)),
                _ => None,
            })
            .collect();
        let Some((text, length)) = self.random.pick(&texts).cloned() else {
            return self.local();
        };
        let name = self.fresh("v");
        let range = Range::of(0, i128::from(length) - 1);
        if self.violates() {
            self.line(format!("{text}[{}] = 'x';", length - 1));
        }
        if self.random.percent(50) {
            self.line(format!("unsigned long {name} = strlen({text});"));
            return self.declare(&name, Shape::Scalar(Cell::of(Int::UnsignedLong, range)));
        }
        self.line(format!("int {name} = 0;"));
        self.repeated(length, &format!("while ({text}[{name}] != '\\0')"), "", |g| {
            g.line(format!("{name}++;"));
        });
        self.declare(&name, Shape::Scalar(Cell::of(Int::Int, range)));
    }

    /// The bytes of an object that holds anything, through `char *`.
    pub(super) fn reinterpretation(&mut self) {
        let objects: Vec<(String, u64, bool)> = self
            .scope
            .iter()
            .filter(|v| v.addressable)
            .filter_map(|v| {
                let any = |c: &Cell| c.range == c.ty.full() && c.ty != Int::Bool && c.bit_field.is_none();
                let writable = !(self.effect_free && v.depth == 0);
                match &v.shape {
                    Shape::Scalar(cell) => {
                        Some((format!("&{}", v.name), cell.ty.bytes(), any(cell) && writable))
                    }
                    Shape::Array(cell, lengths) => {
                        let bytes = cell.ty.bytes() * lengths.iter().product::<u64>();
                        Some((v.name.clone(), bytes, any(cell) && writable))
                    }
                    _ => None,
                }
            })
            .collect();
        let Some((address, size, writable)) = self.random.pick(&objects).cloned() else {
            return self.local();
        };
        let name = self.fresh("b");
        let shape = Shape::Pointer(Cell::full(Int::UnsignedChar), size);
        self.line(format!("unsigned char *{name} = (unsigned char *){address};"));
        if writable {
            return self.declare(&name, shape);
        }
        let index = self.index(size, 1);
        let value = self.fresh("v");
        self.line(format!("unsigned char {value} = {name}[{index}];"));
        self.declare(&value, Shape::Scalar(Cell::full(Int::UnsignedChar)));
    }

    /// An allocation, filled, used, and released.
    pub(super) fn heap(&mut self) {
        let cell = Cell::any(&mut self.random);
        let length = 1 + self.random.below(8) as u64;
        let name = self.fresh("h");
        let ty = cell.ty.name();
        let zeroed = self.random.percent(25);
        let extra = self.bound_variable();
        // Of a size that depends on the input, now and then.
        let count = match (&extra, self.random.percent(50)) {
            (Some((bound, _)), true) => format!("({bound} + {length})"),
            _ => length.to_string(),
        };
        let length = if self.violates() { length + 1 } else { length };
        if zeroed {
            self.line(format!("{ty} *{name} = calloc({count}, sizeof({ty}));"));
        } else {
            self.line(format!("{ty} *{name} = malloc({count} * sizeof({ty}));"));
        }
        let returns = self.returns.clone();
        if !self.violates() {
            self.block(&format!("if (!{name})"), "", |g| g.line(returns));
        }
        if !zeroed && !self.violates() {
            self.fill_by_loop(&name, cell, length);
        }
        let shape = Shape::Pointer(cell, length);
        let known = self.scope.len();
        self.scope.push(super::Variable {
            name: name.clone(),
            shape,
            depth: self.depth,
            read_only: true,
            // Nothing else comes to point here, so that the release is the end of it.
            addressable: false,
        });
        let statements = 1 + self.random.below(3);
        self.block("", "", |g| g.statements(statements));
        let early = self.violates();
        if early {
            self.line(format!("free({name});"));
            self.statements(2);
        }
        if self.random.percent(80) || (early && self.random.percent(30)) {
            self.line(format!("free({name});"));
        }
        self.scope.truncate(known);
    }

    /// A variable that is small and not negative.
    pub(super) fn bound_variable(&mut self) -> Option<(String, i128)> {
        let found: Vec<(String, i128)> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Scalar(c) if c.range.within(Range::of(0, 15)) && c.ty != Int::Bool => {
                    Some((v.name.clone(), c.range.hi))
                }
                _ => None,
            })
            .collect();
        self.random.pick(&found).cloned()
    }

    /// A record as a whole.
    pub(super) fn record_copy(&mut self) {
        let records: Vec<(String, usize)> = self
            .scope
            .iter()
            .filter(|v| !(self.effect_free && v.depth == 0))
            .filter_map(|v| match &v.shape {
                Shape::Record(record) => Some((v.name.clone(), *record)),
                Shape::RecordPointer(record) if !self.effect_free => {
                    Some((format!("(*{})", v.name), *record))
                }
                _ => None,
            })
            .collect();
        let Some((to, record)) = self.random.pick(&records).cloned() else {
            return self.local();
        };
        let same: Vec<String> = records
            .iter()
            .filter(|(n, r)| *r == record && *n != to)
            .map(|(n, _)| n.clone())
            .collect();
        match self.random.pick(&same).cloned() {
            Some(from) if self.random.percent(30) => {
                self.line(format!("memcpy(&{to}, &{from}, sizeof({to}));"));
            }
            Some(from) => self.line(format!("{to} = {from};")),
            None => {
                let name = self.fresh("s");
                let declarator = self.declarator(&Shape::Record(record), &name);
                self.line(format!("{declarator} = {to};"));
                self.declare(&name, Shape::Record(record));
            }
        }
    }
}
