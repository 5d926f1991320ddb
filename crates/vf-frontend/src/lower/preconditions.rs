//! Clauses that a function requires, as checks at its beginning.

use lang_c::span::Span as NodeSpan;
use vf_ir::{Access, BinaryOp, CompareOp, Condition, Expr, Obligation, Property, Terminator};
use vf_source::Span;

use super::logic::{Logic, Understood};
use super::{Lowerer, fold};
use crate::acsl::{Operator, Term};

/// Elements `low` to `high` behind a pointer.
#[derive(Clone)]
pub(super) struct Place {
    pub pointer: Expr,
    pub element: u64,
    pub low: Logic,
    pub high: Logic,
}

impl Lowerer<'_> {
    /// Checks of property `precondition` for what must hold when the function is called.
    pub(super) fn require(&mut self, term: &Term, text: &str) -> Understood<()> {
        match term {
            Term::Binary(Operator::And, a, b) => {
                self.require(a, text)?;
                self.require(b, text)
            }
            Term::Binary(Operator::Implies, a, b) => self.require_where(a, false, b, text),
            // `p == \null || \valid(p)`.
            Term::Binary(Operator::Or, a, b) if speaks_of_memory(b) && !speaks_of_memory(a) => {
                self.require_where(a, true, b, text)
            }
            Term::Binary(Operator::Or, a, b) if speaks_of_memory(a) && !speaks_of_memory(b) => {
                self.require_where(b, true, a, text)
            }
            Term::Call(name, arguments) if name == "\\separated" => {
                let places = arguments.iter().map(|argument| self.place_of(argument));
                let places = places.collect::<Understood<Vec<Place>>>()?;
                for (n, one) in places.iter().enumerate() {
                    for other in &places[n + 1..] {
                        self.require_apart(one, other, text)?;
                    }
                }
                Ok(())
            }
            Term::Call(name, arguments) if name == "\\valid" || name == "\\valid_read" => {
                let access = if name == "\\valid" {
                    Access::Write
                } else {
                    Access::Read
                };
                for argument in arguments {
                    let place = self.place_of(argument)?;
                    self.require_place(&place, access, text)?;
                }
                Ok(())
            }
            Term::Call(name, arguments) if name.ends_with("_string") => {
                for argument in arguments {
                    let Logic::Pointer { expr: ptr, .. } = self.logic(argument)? else {
                        return Err(format!("`{argument}` as a string"));
                    };
                    for condition in [
                        Condition::NotNull { ptr: ptr.clone() },
                        Condition::Live { ptr: ptr.clone() },
                        Condition::Terminated { ptr, unit: 1 },
                    ] {
                        self.precondition(condition, text);
                    }
                }
                Ok(())
            }
            _ => {
                let condition = self.truth_of(term)?;
                self.precondition(Condition::Holds(condition), text);
                Ok(())
            }
        }
    }

    fn precondition(&mut self, condition: Condition, text: &str) {
        let span = self.annotation.unwrap_or(Span::NONE);
        self.f().check(Obligation {
            property: Property::Precondition,
            condition,
            span,
            text: text.to_owned(),
            required: true,
        });
    }

    /// `then` is required where the condition is true (or false, with `negated`).
    fn require_where(&mut self, condition: &Term, negated: bool, then: &Term, text: &str) -> Understood<()> {
        let mut holds = self.truth_of(condition)?;
        if negated {
            holds = fold::not(holds);
        }
        self.where_holds(holds, |this| this.require(then, text))
    }

    pub(super) fn where_holds<T>(&mut self, condition: Expr, f: impl FnOnce(&mut Self) -> T) -> T {
        let (yes, done) = (self.f().new_block(), self.f().new_block());
        let branch = Terminator::Branch {
            condition,
            then: yes,
            otherwise: done,
        };
        self.f().terminate(branch, Span::NONE);
        self.f().current = yes;
        let result = f(self);
        self.f().continue_in(done);
        result
    }

    /// The pointer and the elements behind it that a location of `\valid` names.
    pub(super) fn place_of(&mut self, term: &Term) -> Understood<Place> {
        let zero = || Box::new(Term::Integer(0));
        let (base, low, high) = match term {
            Term::Binary(Operator::Add, base, index) => match &**index {
                Term::Range(low, high) => (base.clone(), low.clone(), high.clone()),
                index => (base.clone(), Box::new(index.clone()), Box::new(index.clone())),
            },
            Term::Index(base, index) => match &**index {
                Term::Range(low, high) => (base.clone(), low.clone(), high.clone()),
                index => (base.clone(), Box::new(index.clone()), Box::new(index.clone())),
            },
            Term::Dereference(pointer) => (pointer.clone(), zero(), zero()),
            other => (Box::new(other.clone()), zero(), zero()),
        };
        let Logic::Pointer { expr: pointer, ty } = self.logic(&base)? else {
            return Err(format!("`{base}` as a pointer"));
        };
        let element = match ty.pointee() {
            Some(to) if to.is_void() => 1,
            Some(to) => {
                let to = to.clone();
                self.size_of(&to, NodeSpan::none()).map_err(|why| why.construct)?
            }
            None => return Err(format!("`{base}` as a pointer")),
        };
        let (low, high) = (self.logic(&low)?, self.logic(&high)?);
        Ok(Place {
            pointer,
            element,
            low,
            high,
        })
    }

    /// The elements lie in one object that is alive; where there are none, nothing is asked.
    pub(super) fn require_place(&mut self, place: &Place, access: Access, text: &str) -> Understood<()> {
        let width = self.pointer_bits();
        let some = self.relation(Operator::LessEqual, &place.low, &place.high)?;
        let one = Logic::Integer {
            expr: Expr::int(64, 1),
            bits: 2,
        };
        let element = Logic::Integer {
            expr: Expr::int(64, i128::from(place.element)),
            bits: 64,
        };
        let last = self.exact_arithmetic(Operator::Sub, &place.high, &place.low)?;
        let count = self.exact_arithmetic(Operator::Add, &last, &one)?;
        let size = self.exact_arithmetic(Operator::Mul, &count, &element)?;
        let Logic::Integer { expr: low, bits } = place.low.clone() else {
            return Err("an index that is no integer".to_owned());
        };
        if bits > 64 {
            return Err("a lower index wider than a pointer".to_owned());
        }
        let most = Logic::Integer {
            expr: Expr::int(64, (1 << (width - 1)) - 1),
            bits: 64,
        };
        let fits = self.relation(Operator::LessEqual, &size, &most)?;
        let Logic::Integer { expr: size, .. } = size else {
            return Err("a size that is no integer".to_owned());
        };
        let size = self.in_width(size, width);
        let low = self.in_width(low, width);
        self.where_holds(some, |this| {
            let ptr = place.pointer.clone();
            let first = fold::pointer_add(ptr.clone(), low, place.element);
            let inside = Condition::ValidAccess {
                ptr: first,
                size,
                access,
            };
            for condition in [
                Condition::NotNull { ptr: ptr.clone() },
                Condition::Live { ptr },
                Condition::Holds(fits),
                inside,
            ] {
                if condition != Condition::Holds(Expr::bool(true)) {
                    this.precondition(condition, text);
                }
            }
        });
        Ok(())
    }

    /// The elements of one place lie before those of the other, or there are none.
    fn require_apart(&mut self, one: &Place, other: &Place, text: &str) -> Understood<()> {
        let some = self.relation(Operator::LessEqual, &one.low, &one.high)?;
        let others = self.relation(Operator::LessEqual, &other.low, &other.high)?;
        let both = fold::binary(BinaryOp::And, some, others);
        let (first, end) = self.ends_of(one)?;
        let (other_first, other_end) = self.ends_of(other)?;
        let before = fold::pointer_compare(CompareOp::ULessEqual, end, other_first);
        let after = fold::pointer_compare(CompareOp::ULessEqual, other_end, first);
        let apart = fold::binary(BinaryOp::Or, before, after);
        let holds = fold::binary(BinaryOp::Or, fold::not(both), apart);
        self.precondition(Condition::Holds(holds), text);
        Ok(())
    }

    /// Pointers to the first element, and behind the last.
    fn ends_of(&mut self, place: &Place) -> Understood<(Expr, Expr)> {
        let one = Logic::Integer {
            expr: Expr::int(64, 1),
            bits: 2,
        };
        let end = self.exact_arithmetic(Operator::Add, &place.high, &one)?;
        let mut ends = Vec::new();
        for index in [&place.low, &end] {
            let Logic::Integer { expr, bits: 0..=66 } = index else {
                return Err("an index wider than a pointer".to_owned());
            };
            let index = self.in_width(expr.clone(), self.pointer_bits());
            ends.push(fold::pointer_add(place.pointer.clone(), index, place.element));
        }
        match <[Expr; 2]>::try_from(ends) {
            Ok([first, end]) => Ok((first, end)),
            Err(_) => Err("a range".to_owned()),
        }
    }
}

/// Whether the truth of it is more than a boolean over values.
fn speaks_of_memory(term: &Term) -> bool {
    match term {
        Term::Call(name, _) => name != "\\old",
        Term::Not(a) => speaks_of_memory(a),
        Term::Binary(_, a, b) => speaks_of_memory(a) || speaks_of_memory(b),
        _ => false,
    }
}
