//! Small C programs from a seed.
//!
//! Every scalar in memory has a range that all assignments keep ([`types::Cell`]), every pointer a number of
//! elements that lie behind it, everywhere in the program. So an expression's possible values are known where it is
//! written ([`expressions`]), and the generator knows which operations are defined for all of them. That makes
//! programs that are safe, for a reason that a prover has to find; and programs that are safe but for a few places,
//! where the generator left a guard out with intent ([`Generator::violates`]).
//!
//! One statement stands on one line, and a block's braces end their lines: the comparison goes by lines, and the
//! reduction takes lines away.

mod expressions;
mod forms;
mod functions;
mod idioms;
mod lengths;
mod memory;
mod patterns;
mod places;
mod relations;
mod statements;
mod texts;
mod types;

use super::random::Random;
use types::{Cell, Helper, Int, Range, Record, Shape, Variable};

/// A generated program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedProgram {
    pub text: String,
    /// Whether guards were left out with intent. A program without may still violate what C defines (a wrap that
    /// reaches an index).
    pub may_violate: bool,
}

/// The program of a campaign's seed with this number; always the same.
pub fn generate(seed: u64, number: u64) -> GeneratedProgram {
    let mut random = Random::new(seed, number);
    // How often, in a thousand opportunities, a guard is left out. A program has some hundred.
    let violations = match random.below(20) {
        0..11 => 0,
        11..15 => 15,
        15..18 => 50,
        _ => 150,
    };
    let mut generator = Generator {
        random,
        violations,
        scope: Vec::new(),
        records: Vec::new(),
        helpers: Vec::new(),
        by_value: Vec::new(),
        early: Vec::new(),
        depth: 0,
        repetitions: 1,
        cost: 0,
        names: 0,
        uses_keep: false,
        effect_free: false,
        in_loop: 0,
        returns: String::new(),
        lines: Vec::new(),
        indent: 0,
    };
    generator.program();
    GeneratedProgram {
        text: generator.text(),
        may_violate: violations > 0,
    }
}

struct Generator {
    random: Random,
    /// Chance in a thousand that a guard is left out.
    violations: usize,
    scope: Vec<Variable>,
    records: Vec<Record>,
    helpers: Vec<Helper>,
    /// Functions that take and return a record by value, with its number.
    by_value: Vec<(String, usize)>,
    /// Lines that go before all others.
    early: Vec<String>,
    /// Nesting of blocks: 0 outside functions.
    depth: usize,
    /// How often the statement under construction runs, at most, in one activation.
    repetitions: u64,
    /// Statements that the function under construction executes, roughly.
    cost: u64,
    names: usize,
    uses_keep: bool,
    /// The function under construction is to change nothing outside.
    effect_free: bool,
    /// Loops around the statement under construction that `break` and `continue` may act on.
    in_loop: usize,
    /// A statement that leaves the function under construction.
    returns: String,
    lines: Vec<String>,
    indent: usize,
}

impl Generator {
    /// Whether a guard is left out here.
    fn violates(&mut self) -> bool {
        self.violations > 0 && self.random.below(1000) < self.violations
    }

    fn line(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        self.lines.push(format!("{}{text}", "    ".repeat(self.indent)));
    }

    fn spend(&mut self, cost: u64) {
        self.cost = self.cost.saturating_add(cost.saturating_mul(self.repetitions));
    }

    /// A block: the header, a brace, what the body writes, and what follows the closing brace.
    fn block(&mut self, header: &str, footer: &str, body: impl FnOnce(&mut Generator)) {
        let header = if header.is_empty() {
            "{".to_string()
        } else {
            format!("{header} {{")
        };
        self.line(header);
        self.indent += 1;
        self.depth += 1;
        let known = self.scope.len();
        body(self);
        self.scope.truncate(known);
        self.depth -= 1;
        self.indent -= 1;
        self.line(format!("}}{footer}"));
    }

    /// The body of a loop that runs at most so often.
    fn repeated(&mut self, times: u64, header: &str, footer: &str, body: impl FnOnce(&mut Generator)) {
        let before = self.repetitions;
        self.repetitions = before.saturating_mul(times.max(1));
        self.in_loop += 1;
        self.block(header, footer, body);
        self.in_loop -= 1;
        self.repetitions = before;
    }

    fn program(&mut self) {
        for _ in 0..self.random.below(3) {
            self.record();
        }
        for _ in 0..self.random.below(4) {
            self.global();
        }
        for _ in 0..self.random.below(3) {
            self.helper();
        }
        if self.random.percent(25) {
            self.by_value_helper();
        }
        if self.random.percent(50) {
            self.callback_helper();
        }
        self.main();
    }

    /// The whole text: the declarations and helpers that are used go first.
    fn text(&self) -> String {
        let mut text = String::from("#include <stdlib.h>\n#include <string.h>\n");
        for ty in Int::ALL {
            let name = format!("__VERIFIER_nondet_{}", ty.nondet());
            if self.lines.iter().any(|l| l.contains(&format!("{name}("))) {
                text.push_str(&format!("extern {} {name}(void);\n", ty.name()));
            }
        }
        for (name, ty) in [("keep", "long"), ("keep_unsigned", "unsigned long")] {
            if self.uses_keep && self.lines.iter().any(|l| l.contains(&format!("{name}("))) {
                text.push_str(&format!(
                    "static {ty} {name}({ty} v, {ty} lo, {ty} hi)\n{{\n    return v < lo ? lo : v > hi ? hi : v;\n}}\n"
                ));
            }
        }
        for line in self.early.iter().chain(&self.lines) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn record(&mut self) {
        let is_union = self.random.percent(30);
        let mut fields = Vec::new();
        for index in 0..2 + self.random.below(3) {
            let name = format!("f{index}");
            fields.push((
                name,
                if is_union {
                    self.union_field()
                } else {
                    self.field_shape()
                },
            ));
        }
        let record = Record { is_union, fields };
        let number = self.records.len();
        let declarations: Vec<String> = record
            .fields
            .iter()
            .map(|(name, shape)| self.declarator(shape, name))
            .collect();
        self.line(format!("{} {{", record.name(number)));
        for declaration in declarations {
            self.line(format!("    {declaration};"));
        }
        self.line("};");
        self.records.push(record);
    }

    fn field_shape(&mut self) -> Shape {
        let cell = Cell::any(&mut self.random);
        match self.random.below(10) {
            0..4 => Shape::Scalar(cell),
            4..6 => {
                let bits = 1 + self.random.below(12) as u32;
                let ty = if self.random.percent(60) {
                    Int::Unsigned
                } else {
                    Int::Int
                };
                let range = if ty.signed() {
                    Range::of(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
                } else {
                    Range::of(0, (1 << bits) - 1)
                };
                Shape::Scalar(Cell {
                    ty,
                    range,
                    bit_field: Some(bits),
                })
            }
            6..8 => Shape::Array(cell, vec![2 + self.random.below(5) as u64]),
            8 if !self.records.is_empty() => Shape::Record(self.random.below(self.records.len())),
            _ => Shape::Scalar(Cell::full(Int::Int)),
        }
    }

    /// Members share their bytes, so all of them hold anything.
    fn union_field(&mut self) -> Shape {
        const TYPES: [Int; 6] = [
            Int::UnsignedChar,
            Int::Short,
            Int::Int,
            Int::Unsigned,
            Int::Long,
            Int::UnsignedLong,
        ];
        let ty = *self.random.pick(&TYPES).unwrap_or(&Int::Int);
        if self.random.percent(35) {
            Shape::Array(Cell::full(ty), vec![2 + self.random.below(3) as u64])
        } else {
            Shape::Scalar(Cell::full(ty))
        }
    }

    /// The shape of an object of its own.
    fn object_shape(&mut self) -> Shape {
        let cell = Cell::any(&mut self.random);
        let length = 2 + self.random.below(8) as u64;
        match self.random.below(12) {
            0..4 => Shape::Scalar(cell),
            4..7 => Shape::Array(cell, vec![length]),
            7 => Shape::Array(
                cell,
                vec![2 + self.random.below(3) as u64, 2 + self.random.below(3) as u64],
            ),
            8 => Shape::Text(length + 1),
            9 | 10 if !self.records.is_empty() => Shape::Record(self.random.below(self.records.len())),
            11 if !self.records.is_empty() => Shape::Records(
                self.random.below(self.records.len()),
                2 + self.random.below(3) as u64,
            ),
            _ => Shape::Scalar(cell),
        }
    }

    fn global(&mut self) {
        let name = self.fresh("g");
        // Pointers to what stands there already.
        if self.random.percent(20) {
            let targets: Vec<(String, Shape)> = self
                .scope
                .iter()
                .filter(|v| !v.read_only)
                .filter_map(|v| match &v.shape {
                    Shape::Scalar(cell) => Some((format!("&{}", v.name), Shape::Pointer(*cell, 1))),
                    Shape::Array(cell, lengths) => match lengths.as_slice() {
                        [length] => Some((v.name.clone(), Shape::Pointer(*cell, *length))),
                        _ => None,
                    },
                    _ => None,
                })
                .collect();
            if let Some((address, shape)) = self.random.pick(&targets).cloned() {
                let declarator = self.declarator(&shape, &name);
                self.line(format!("static {declarator} = {address};"));
                return self.declare(&name, shape);
            }
        }
        let shape = self.object_shape();
        let declarator = self.declarator(&shape, &name);
        if matches!(shape, Shape::Array(..)) && self.random.percent(25) {
            let initialiser = self.constant_initialiser(&shape);
            self.line(format!("static const {declarator} = {initialiser};"));
            return self.scope.push(Variable {
                name,
                shape,
                depth: 0,
                read_only: true,
                addressable: false,
            });
        }
        let storage = if self.random.percent(70) { "static " } else { "" };
        if self.random.percent(40) {
            self.line(format!("{storage}{declarator};"));
        } else {
            let initialiser = self.constant_initialiser(&shape);
            self.line(format!("{storage}{declarator} = {initialiser};"));
        }
        self.declare(&name, shape);
    }

    /// An initialiser of literals.
    fn constant_initialiser(&mut self, shape: &Shape) -> String {
        match shape {
            Shape::Scalar(cell) => self.literal_in(*cell),
            Shape::Array(cell, lengths) => self.array_initialiser(*cell, lengths),
            Shape::Text(length) => {
                let used = self.random.below(*length as usize);
                format!("\"{}\"", "abcdefghijklmnop".get(..used).unwrap_or_default())
            }
            _ => "{0}".to_string(),
        }
    }

    fn array_initialiser(&mut self, cell: Cell, lengths: &[u64]) -> String {
        let Some((length, inner)) = lengths.split_first() else {
            return self.literal_in(cell);
        };
        let given = 1 + self.random.below(*length as usize);
        let items: Vec<String> = (0..given).map(|_| self.array_initialiser(cell, inner)).collect();
        format!("{{{}}}", items.join(", "))
    }

    pub(self) fn literal_in(&mut self, cell: Cell) -> String {
        let near = Range::of(cell.range.lo.max(-20), cell.range.hi.min(50));
        let range = if self.random.percent(80) { near } else { cell.range };
        let value = match self.random.below(6) {
            0 => range.lo,
            1 => range.hi,
            _ => self.random.between(range.lo, range.hi),
        };
        types::Value::literal(value).text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_program() {
        for number in 0..20 {
            assert_eq!(generate(1, number), generate(1, number));
        }
        assert_ne!(generate(1, 1).text, generate(1, 2).text);
        assert_ne!(generate(1, 1).text, generate(2, 1).text);
    }
}
