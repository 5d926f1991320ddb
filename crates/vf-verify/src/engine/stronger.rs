//! Clauses beyond the usual reading that callers could be asked to keep.
//!
//! Where a function checked alone is refuted under the usual reading of its parameters, a clause that excludes the violation
//! says what its callers would have to see to. The clauses are drawn from a fixed set of shapes, over the parameters and the
//! constants of the function: weak ones first, so that the first that suffices asks for little. Nothing is proved from
//! them; they are shown beside the refutation.

use std::collections::BTreeSet;

use vf_ir::{CType, Expr, FunctionId, LocalId};
use vf_smt::Term;

use super::Engine;
use super::registers::visit_expressions;
use super::value::Value;

/// A clause that is not assumed.
#[derive(Clone, Debug)]
pub struct Clause {
    /// As an ACSL predicate.
    pub text: String,
    pub holds: Term,
}

/// Constants of a function that clauses are made with, at most.
const CONSTANTS: usize = 16;
/// Clauses that are tried, at most.
const CLAUSES: usize = 160;
/// Elements that a constant may ask for.
const ELEMENTS: i128 = 1 << 20;

/// Bytes of an element, below: so that as many as a pointer counts fit the width.
const LARGEST: u64 = 1 << 13;

/// An integer parameter, exactly.
struct Number {
    name: String,
    exact: Term,
    signed: bool,
    bits: u32,
}

/// A pointer parameter's object.
struct Buffer {
    name: String,
    size: Term,
    element: u64,
}

impl Engine<'_> {
    pub(super) fn stronger_clauses(&self, entry: FunctionId, arguments: &[(LocalId, Value)]) -> Vec<Clause> {
        let numbers = self.numbers(entry, arguments);
        let buffers = self.buffers(entry, arguments);
        let constants = self.constants(entry);
        let mut clauses = Vec::new();
        for buffer in &buffers {
            self.clauses_of_buffer(buffer, &numbers, &constants, &mut clauses);
        }
        for number in &numbers {
            self.clauses_of_number(number, &constants, &mut clauses);
        }
        for (i, a) in numbers.iter().enumerate() {
            for (j, b) in numbers.iter().enumerate() {
                if i != j {
                    self.clauses_of_pair(a, b, i < j, &mut clauses);
                }
            }
        }
        clauses.retain(|c| !self.terms.is_true(c.holds) && !self.terms.is_false(c.holds));
        clauses.truncate(CLAUSES);
        clauses
    }

    /// Holds sums of two numbers, products of two that are half as wide as a pointer, and as many elements as an object
    /// can have, exactly. Wider products are not tried: the solver is slow with them.
    fn wide(&self) -> u32 {
        self.pointer_bits + 16
    }

    fn multiplies(&self, a: &Number, b: &Number) -> bool {
        a.bits.max(b.bits) * 2 <= self.pointer_bits
    }

    fn number(&self, value: i128) -> Term {
        self.terms.bv(self.wide(), value as u128)
    }

    fn numbers(&self, entry: FunctionId, arguments: &[(LocalId, Value)]) -> Vec<Number> {
        let function = self.program.function(entry);
        let mut found = Vec::new();
        for (local, value) in arguments {
            let Some(info) = function.locals.get(local.index()) else {
                continue;
            };
            let (Value::Bits(term), CType::Int { bits, signed }) = (value, &info.ty) else {
                continue;
            };
            if *bits > self.pointer_bits {
                continue;
            }
            found.push(Number {
                name: info.name.clone(),
                exact: if *signed {
                    self.terms.sext(self.wide(), *term)
                } else {
                    self.terms.zext(self.wide(), *term)
                },
                signed: *signed,
                bits: *bits,
            });
        }
        found
    }

    fn buffers(&self, entry: FunctionId, arguments: &[(LocalId, Value)]) -> Vec<Buffer> {
        let function = self.program.function(entry);
        let mut found = Vec::new();
        for (local, value) in arguments {
            // How far these go is what another parameter says.
            if self.leads_into_other(*local) {
                continue;
            }
            let Some(info) = function.locals.get(local.index()) else {
                continue;
            };
            let (Value::Pointer(pointer), CType::Pointer { to, .. }) = (value, &info.ty) else {
                continue;
            };
            let element = match &**to {
                CType::Void => 1,
                other => match other.size(&self.program.records, self.program.model) {
                    Some(size) if (1..LARGEST).contains(&size) => size,
                    _ => continue,
                },
            };
            let inputs = pointer.targets.iter().filter_map(|id| self.objects.get(id));
            for object in inputs.filter(|o| o.input && !o.summary) {
                found.push(Buffer {
                    name: info.name.clone(),
                    size: self.terms.zext(self.wide(), object.size),
                    element,
                });
            }
        }
        found
    }

    /// Small positive constants that the function compares or computes with, ascending.
    pub(super) fn constants(&self, entry: FunctionId) -> Vec<i128> {
        let function = self.program.function(entry);
        let mut found = BTreeSet::new();
        for block in function.blocks() {
            for statement in &block.statements {
                visit_expressions(&statement.kind, function, &mut |e| constants_of(e, &mut found));
            }
            if let vf_ir::Terminator::Branch { condition, .. } = &block.terminator {
                constants_of(condition, &mut found);
            }
        }
        found.into_iter().take(CONSTANTS).collect()
    }

    /// At least `count` elements; where that is none, nothing is asked.
    fn elements(&self, buffer: &Buffer, count: Term) -> Term {
        let t = self.terms;
        let needed = t.mul(count, self.number(i128::from(buffer.element)));
        t.or(t.sle(count, self.number(0)), t.sle(needed, buffer.size))
    }

    fn clauses_of_buffer(
        &self,
        buffer: &Buffer,
        numbers: &[Number],
        constants: &[i128],
        clauses: &mut Vec<Clause>,
    ) {
        let t = self.terms;
        let name = &buffer.name;
        let mut add = |last: String, count: Term| {
            clauses.push(Clause {
                text: format!("\\valid({name} + (0 .. {last}))"),
                holds: self.elements(buffer, count),
            });
        };
        for number in numbers {
            let n = &number.name;
            let more = |k: i128| t.add(number.exact, self.number(k));
            add(format!("{n} - 1"), more(0));
            add(n.clone(), more(1));
            add(format!("{n} + 1"), more(2));
            add(format!("2 * {n} - 1"), t.mul(number.exact, self.number(2)));
        }
        for constant in constants.iter().filter(|c| **c < ELEMENTS) {
            add(format!("{}", constant - 1), self.number(*constant));
            add(format!("{constant}"), self.number(constant + 1));
        }
        for (i, a) in numbers.iter().enumerate() {
            for b in &numbers[i + 1..] {
                let (m, n) = (&a.name, &b.name);
                add(format!("{m} + {n} - 1"), t.add(a.exact, b.exact));
                if self.multiplies(a, b) {
                    add(format!("{m} * {n} - 1"), t.mul(a.exact, b.exact));
                }
            }
        }
    }

    fn clauses_of_number(&self, number: &Number, constants: &[i128], clauses: &mut Vec<Clause>) {
        let t = self.terms;
        let n = &number.name;
        let mut add = |text: String, holds: Term| clauses.push(Clause { text, holds });
        if number.signed {
            add(format!("0 <= {n}"), t.sle(self.number(0), number.exact));
        }
        add(format!("0 < {n}"), t.slt(self.number(0), number.exact));
        let most = (1i128 << (number.bits - u32::from(number.signed))) - 1;
        add(format!("{n} < {most}"), t.slt(number.exact, self.number(most)));
        if number.signed {
            let least = -most - 1;
            add(format!("{least} < {n}"), t.slt(self.number(least), number.exact));
        }
        for constant in constants.iter().rev() {
            let bound = self.number(*constant);
            add(format!("{n} <= {constant}"), t.sle(number.exact, bound));
            add(format!("{n} < {constant}"), t.slt(number.exact, bound));
        }
    }

    fn clauses_of_pair(&self, a: &Number, b: &Number, first: bool, clauses: &mut Vec<Clause>) {
        let t = self.terms;
        let (m, n) = (&a.name, &b.name);
        let mut add = |text: String, holds: Term| clauses.push(Clause { text, holds });
        add(format!("{m} <= {n}"), t.sle(a.exact, b.exact));
        add(format!("{m} < {n}"), t.slt(a.exact, b.exact));
        if !first || a.bits != b.bits || a.signed != b.signed {
            return;
        }
        let most = (1i128 << (a.bits - u32::from(a.signed))) - 1;
        let least = if a.signed { -most - 1 } else { 0 };
        let fits = |value: Term| t.and(t.sle(self.number(least), value), t.sle(value, self.number(most)));
        add(
            format!("{least} <= {m} + {n} <= {most}"),
            fits(t.add(a.exact, b.exact)),
        );
        add(
            format!("{least} <= {m} - {n} <= {most}"),
            fits(t.sub(a.exact, b.exact)),
        );
        add(
            format!("{least} <= {m} * {n} <= {most}"),
            fits(t.mul(a.exact, b.exact)),
        );
    }
}

fn constants_of(expr: &Expr, found: &mut BTreeSet<i128>) {
    match expr {
        Expr::Int { value, .. } => {
            let value = *value as i128;
            if (1..=i128::from(u32::MAX)).contains(&value) {
                found.insert(value);
            }
        }
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } => constants_of(arg, found),
        Expr::Binary { lhs, rhs, .. }
        | Expr::Compare { lhs, rhs, .. }
        | Expr::PtrCompare { lhs, rhs, .. }
        | Expr::PtrDiff { lhs, rhs, .. } => {
            constants_of(lhs, found);
            constants_of(rhs, found);
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            constants_of(condition, found);
            constants_of(then, found);
            constants_of(otherwise, found);
        }
        Expr::PtrAdd { ptr, index, .. } => {
            constants_of(ptr, found);
            constants_of(index, found);
        }
        Expr::Member { ptr, .. } => constants_of(ptr, found),
        Expr::PtrToInt(inner) | Expr::IntToPtr(inner) => constants_of(inner, found),
        Expr::Null
        | Expr::Local(_)
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_) => {}
    }
}
