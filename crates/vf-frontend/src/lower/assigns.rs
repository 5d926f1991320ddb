//! What a function out of view changes, by the `assigns` clauses of its contract.
//!
//! The locations are evaluated before the call (ACSL 2.3.2). Behind it, the bytes of each hold any values, where they lie in an
//! object: a location that leads nowhere, or out of its object, is one that the function cannot write.

use lang_c::span::Span as NodeSpan;
use vf_ir::{BinaryOp, CType, CompareOp, Expr, StmtKind};
use vf_source::Span;

use super::logic::{Logic, Understood};
use super::preconditions::Place;
use super::types::Type;
use super::{Lowerer, fold};
use crate::acsl::{Operator, Term};

/// What a contract says that a call changes.
#[derive(Clone, Default)]
pub(super) enum Assigns {
    /// Nothing is said.
    #[default]
    Open,
    /// These places, as they are when the call begins.
    Only(Vec<Place>),
    /// Something that is not understood.
    NotUsed,
}

impl Lowerer<'_> {
    /// Adds what one clause lists. Several clauses stand for all their locations.
    pub(super) fn assigned(&mut self, listed: &[Term], known: &mut Assigns) -> Understood<()> {
        let places = listed.iter().filter(|term| **term != Term::Result);
        let places = places.map(|term| self.assigned_place(term));
        match places.collect::<Understood<Vec<Place>>>() {
            Ok(places) => {
                match known {
                    Assigns::Open => *known = Assigns::Only(places),
                    Assigns::Only(earlier) => earlier.extend(places),
                    Assigns::NotUsed => {}
                }
                Ok(())
            }
            Err(what) => {
                *known = Assigns::NotUsed;
                Err(format!("`assigns` with {what}"))
            }
        }
    }

    fn assigned_place(&mut self, term: &Term) -> Understood<Place> {
        let zero = Box::new(Term::Integer(0));
        let (base, low, high) = match term {
            Term::Index(base, index) => match &**index {
                Term::Range(low, high) => ((**base).clone(), low.clone(), high.clone()),
                _ => ((**base).clone(), index.clone(), index.clone()),
            },
            Term::Dereference(pointer) => match &**pointer {
                Term::Binary(Operator::Add, base, index) => match &**index {
                    Term::Range(low, high) => ((**base).clone(), low.clone(), high.clone()),
                    _ => ((**base).clone(), index.clone(), index.clone()),
                },
                _ => ((**pointer).clone(), zero.clone(), zero),
            },
            Term::Name(_) | Term::Member { .. } => {
                (Term::AddressOf(Box::new(term.clone())), zero.clone(), zero)
            }
            _ => return Err(format!("`{term}` as a location")),
        };
        let Logic::Pointer { expr: pointer, ty } = self.logic(&base)? else {
            return Err(format!("`{base}` as a pointer"));
        };
        let to = ty.pointee().cloned().unwrap_or_else(Type::void);
        // The size lays the members out that are looked at below.
        let element = if to.is_void() {
            1
        } else {
            self.size_of(&to, NodeSpan::none()).map_err(|why| why.construct)?
        };
        if self.holds_pointer(&to.to_ir()) {
            // Of a pointer written out of view, nothing would be known.
            return Err(format!("pointers in `{term}`"));
        }
        let (low, high) = (self.logic(&low)?, self.logic(&high)?);
        match (&low, &high) {
            (Logic::Integer { bits: 0..=65, .. }, Logic::Integer { bits: 0..=66, .. }) => Ok(Place {
                pointer,
                element,
                low,
                high,
            }),
            _ => Err(format!("the bounds of `{term}`")),
        }
    }

    fn holds_pointer(&self, ty: &CType) -> bool {
        match ty {
            CType::Pointer { .. } | CType::Function(_) => true,
            CType::Array { element, .. } => self.holds_pointer(element),
            CType::Record(id) => {
                let record = self.program.records.get(id.0 as usize);
                record.is_none_or(|r| r.fields.iter().any(|f| self.holds_pointer(&f.ty)))
            }
            _ => false,
        }
    }

    /// The bytes of a place become any bytes. (No object holds elements further from the pointer than half of the address
    /// space; bounds beyond that are cut, so that no offset wraps.)
    pub(super) fn assign_anything(&mut self, place: &Place, span: Span) -> Understood<()> {
        let half = (1i128 << (self.pointer_bits() - 1)) - 1;
        let most = half / i128::from(place.element.max(1));
        let there = fold::not(fold::pointer_compare(
            CompareOp::Equal,
            place.pointer.clone(),
            Expr::Null,
        ));
        let negative = match &place.low {
            Logic::Integer { expr, .. } => fold::constant(expr).is_none_or(|(_, value)| value != 0),
            _ => true,
        };
        let first = if negative {
            self.larger(&place.low, 0)?
        } else {
            place.low.clone()
        };
        let mut parts = vec![(first, self.smaller(&place.high, most)?)];
        if negative {
            parts.push((
                self.larger(&place.low, -most - 1)?,
                self.smaller(&place.high, -1)?,
            ));
        }
        let mut understood = Ok(());
        self.where_true(there, |this| {
            for (low, high) in parts {
                let done = this.assign_elements(place, &low, &high, span);
                understood = std::mem::replace(&mut understood, Ok(())).and(done);
            }
        });
        understood
    }

    fn assign_elements(&mut self, place: &Place, low: &Logic, high: &Logic, span: Span) -> Understood<()> {
        let width = self.pointer_bits();
        let some = self.relation(Operator::LessEqual, low, high)?;
        let last = self.exact_arithmetic(Operator::Sub, high, low)?;
        let (Logic::Integer { expr: low, .. }, Logic::Integer { expr: last, .. }) = (low, last) else {
            return Err("bounds that are no integers".to_owned());
        };
        let low = self.in_width(low.clone(), width);
        let count = fold::binary(BinaryOp::Add, self.in_width(last, width), Expr::int(width, 1));
        let size = fold::binary(BinaryOp::Mul, count, Expr::int(width, i128::from(place.element)));
        let dst = fold::pointer_add(place.pointer.clone(), low, place.element);
        self.where_true(some, |this| {
            this.f().stmt(StmtKind::HavocMemory { dst, size }, span);
        });
        Ok(())
    }

    fn larger(&mut self, value: &Logic, least: i128) -> Understood<Logic> {
        self.cut(value, least, Operator::Less)
    }

    fn smaller(&mut self, value: &Logic, most: i128) -> Understood<Logic> {
        self.cut(value, most, Operator::Greater)
    }

    /// The limit, where the value lies beyond it.
    fn cut(&mut self, value: &Logic, limit: i128, beyond: Operator) -> Understood<Logic> {
        let limit = self.logic(&Term::Integer(limit))?;
        let is_beyond = self.relation(beyond, value, &limit)?;
        match fold::constant(&is_beyond) {
            Some((_, 0)) => return Ok(value.clone()),
            Some(_) => return Ok(limit),
            None => {}
        }
        let (Logic::Integer { expr, bits }, Logic::Integer { expr: limit, bits: n }) = (value, &limit) else {
            return Err("bounds that are no integers".to_owned());
        };
        let bits = *bits.max(n);
        let width = if bits > 64 { 128 } else { 64 };
        let expr = Expr::Select {
            condition: Box::new(is_beyond),
            then: Box::new(self.in_width(limit.clone(), width)),
            otherwise: Box::new(self.in_width(expr.clone(), width)),
        };
        Ok(Logic::Integer { expr, bits })
    }

    fn where_true(&mut self, condition: Expr, f: impl FnOnce(&mut Self)) {
        if condition == Expr::bool(true) {
            f(self);
        } else {
            self.where_holds(condition, f);
        }
    }
}
