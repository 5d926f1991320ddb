//! Terms of annotations as expressions of the IR: numbers are mathematical integers (ACSL 2.2.3), computed in a width
//! that holds every result.

use std::sync::Arc;

use lang_c::ast;
use lang_c::span::Span as NodeSpan;
use vf_ir::{BinaryOp, CompareOp, Expr, UnaryOp};

use super::types::Type;
use super::{Lowered, Lowerer, fold};
use crate::acsl::{Operator, Term};

/// The value of a term.
#[derive(Clone)]
pub(crate) enum Logic {
    /// A signed pattern of 64 or 128 bits, whose value fits `bits` bits.
    Integer {
        expr: Expr,
        bits: u32,
    },
    Pointer {
        expr: Expr,
        ty: Type,
    },
    Truth(Expr),
}

/// Why a clause is not used.
pub(crate) type Understood<T> = Result<T, String>;

fn width_for(bits: u32) -> Understood<u32> {
    match bits {
        0..=64 => Ok(64),
        65..=128 => Ok(128),
        _ => Err("numbers that need more than 128 bits".to_owned()),
    }
}

impl Lowerer<'_> {
    pub fn truth_of(&mut self, term: &Term) -> Understood<Expr> {
        match self.logic(term)? {
            Logic::Truth(expr) => Ok(expr),
            Logic::Integer { expr, .. } => {
                let width = fold::width(&expr, self.locals()).unwrap_or(64);
                Ok(fold::compare(CompareOp::NotEqual, expr, Expr::int(width, 0)))
            }
            Logic::Pointer { expr, .. } => Ok(fold::pointer_compare(CompareOp::NotEqual, expr, Expr::Null)),
        }
    }

    pub fn logic(&mut self, term: &Term) -> Understood<Logic> {
        match term {
            Term::Integer(value) => {
                let bits = 129 - value.unsigned_abs().leading_zeros();
                let expr = Expr::int(width_for(bits)?, *value);
                Ok(Logic::Integer { expr, bits })
            }
            Term::Truth(value) => Ok(Logic::Truth(Expr::bool(*value))),
            Term::Null => Ok(Logic::Pointer {
                expr: Expr::Null,
                ty: Type::void().pointer_to(),
            }),
            Term::Not(of) => Ok(Logic::Truth(fold::not(self.truth_of(of)?))),
            Term::Minus(of) => {
                let (zero, of) = (self.logic(&Term::Integer(0))?, self.logic(of)?);
                self.exact_arithmetic(Operator::Sub, &zero, &of)
            }
            Term::Complement(of) => match self.logic(of)? {
                Logic::Integer { expr, bits } => Ok(Logic::Integer {
                    expr: fold::unary(UnaryOp::Not, expr),
                    bits,
                }),
                _ => Err(format!("`~` of `{of}`")),
            },
            Term::Binary(operator, a, b) => self.binary_logic(*operator, a, b),
            Term::Result => {
                let result = self.f().promises.as_ref().and_then(|p| p.result.clone());
                let (expr, ty) = result.ok_or("`\\result`")?;
                self.of_value(expr, ty)
            }
            Term::Call(name, arguments) if name == "\\old" => {
                let promises = self.f().promises.as_ref();
                let known = promises.and_then(|p| p.olds.iter().find(|(t, _)| arguments.first() == Some(t)));
                known
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| "`\\old`".to_owned())
            }
            Term::Call(name, _) => Err(format!("`{name}` inside a term")),
            Term::Range(..) => Err("a range of values".to_owned()),
            Term::Name(_)
            | Term::SizeOf(_)
            | Term::Dereference(_)
            | Term::AddressOf(_)
            | Term::Index(..)
            | Term::Member { .. } => self.c_value(term),
        }
    }

    pub fn of_value(&mut self, expr: Expr, ty: Type) -> Understood<Logic> {
        if ty.is_bool() {
            let bits = fold::width(&expr, self.locals()).unwrap_or(8);
            return Ok(Logic::Truth(fold::truth(expr, bits, self.locals())));
        }
        if ty.pointee().is_some() {
            return Ok(Logic::Pointer { expr, ty });
        }
        let Some(int) = ty.integer() else {
            return Err("a value that is neither an integer nor a pointer".to_owned());
        };
        let bits = int.bits + u32::from(!int.signed);
        let expr = fold::resize(expr, int.bits, width_for(bits)?, int.signed, self.locals());
        Ok(Logic::Integer { expr, bits })
    }

    fn binary_logic(&mut self, operator: Operator, a: &Term, b: &Term) -> Understood<Logic> {
        match operator {
            Operator::And | Operator::Or | Operator::Implies | Operator::Iff => {
                let (a, b) = (self.truth_of(a)?, self.truth_of(b)?);
                Ok(Logic::Truth(match operator {
                    Operator::And => fold::binary(BinaryOp::And, a, b),
                    Operator::Or => fold::binary(BinaryOp::Or, a, b),
                    Operator::Implies => fold::binary(BinaryOp::Or, fold::not(a), b),
                    _ => fold::compare(CompareOp::Equal, a, b),
                }))
            }
            _ => {
                let (left, right) = (self.logic(a)?, self.logic(b)?);
                if operator.is_relation() {
                    return self.relation(operator, &left, &right).map(Logic::Truth);
                }
                match (&left, &right) {
                    (
                        Logic::Pointer { expr, ty },
                        Logic::Integer {
                            expr: index,
                            bits: 0..=64,
                        },
                    ) if operator == Operator::Add => {
                        let to = ty.pointee().cloned().unwrap_or_else(Type::void);
                        let element = if to.is_void() {
                            1
                        } else {
                            self.size_of(&to, NodeSpan::none()).map_err(|why| why.construct)?
                        };
                        let index = self.in_width(index.clone(), self.pointer_bits());
                        Ok(Logic::Pointer {
                            expr: fold::pointer_add(expr.clone(), index, element),
                            ty: ty.clone(),
                        })
                    }
                    _ => self.exact_arithmetic(operator, &left, &right),
                }
            }
        }
    }

    pub fn relation(&mut self, operator: Operator, a: &Logic, b: &Logic) -> Understood<Expr> {
        // `a > b` is `b < a`.
        let (compare, turned) = match operator {
            Operator::Less => (CompareOp::SLess, false),
            Operator::LessEqual => (CompareOp::SLessEqual, false),
            Operator::Greater => (CompareOp::SLess, true),
            Operator::GreaterEqual => (CompareOp::SLessEqual, true),
            Operator::Equal => (CompareOp::Equal, false),
            Operator::NotEqual => (CompareOp::NotEqual, false),
            _ => return Err(format!("`{}` as a relation", operator.spelling())),
        };
        let (a, b) = if turned { (b, a) } else { (a, b) };
        match (a, b) {
            (Logic::Integer { expr: a, bits: m }, Logic::Integer { expr: b, bits: n }) => {
                let width = width_for(*m.max(n))?;
                let (a, b) = (self.in_width(a.clone(), width), self.in_width(b.clone(), width));
                Ok(fold::compare(compare, a, b))
            }
            (Logic::Pointer { expr: a, .. }, Logic::Pointer { expr: b, .. }) => {
                let compare = match compare {
                    CompareOp::SLess => CompareOp::ULess,
                    CompareOp::SLessEqual => CompareOp::ULessEqual,
                    other => other,
                };
                Ok(fold::pointer_compare(compare, a.clone(), b.clone()))
            }
            (Logic::Pointer { expr, .. }, Logic::Integer { expr: zero, .. })
                if fold::constant(zero).is_some_and(|(_, value)| value == 0) =>
            {
                Ok(fold::pointer_compare(compare, expr.clone(), Expr::Null))
            }
            (Logic::Truth(a), Logic::Truth(b))
                if matches!(compare, CompareOp::Equal | CompareOp::NotEqual) =>
            {
                Ok(fold::compare(compare, a.clone(), b.clone()))
            }
            (Logic::Truth(truth), Logic::Integer { .. }) | (Logic::Integer { .. }, Logic::Truth(truth)) => {
                // `_Bool` beside a number.
                let number = Logic::Integer {
                    expr: fold::resize(truth.clone(), 1, 64, false, self.locals()),
                    bits: 2,
                };
                match (a, b) {
                    (Logic::Truth(_), other) => self.relation(operator_of(compare), &number, other),
                    (other, _) => self.relation(operator_of(compare), other, &number),
                }
            }
            _ => Err(format!("`{}` of these", operator.spelling())),
        }
    }

    pub fn exact_arithmetic(&mut self, operator: Operator, a: &Logic, b: &Logic) -> Understood<Logic> {
        let (Logic::Integer { expr: a, bits: m }, Logic::Integer { expr: b, bits: n }) = (a, b) else {
            return Err(format!("`{}` of these", operator.spelling()));
        };
        let constant = fold::constant(b).map(|(_, value)| value);
        let (op, bits) = match operator {
            Operator::Add => (BinaryOp::Add, m.max(n) + 1),
            Operator::Sub => (BinaryOp::Sub, m.max(n) + 1),
            Operator::Mul => (BinaryOp::Mul, m + significant(b).unwrap_or(*n)),
            Operator::Div if constant.is_some_and(|c| c != 0) => (BinaryOp::SDiv, m + 1),
            Operator::Rem if constant.is_some_and(|c| c != 0) => (BinaryOp::SRem, *m),
            Operator::Shl if constant.is_some_and(|c| c < 64) => {
                (BinaryOp::Shl, m + constant.unwrap_or(0) as u32)
            }
            Operator::Shr if constant.is_some_and(|c| c < 64) => (BinaryOp::AShr, *m),
            Operator::BitAnd => (BinaryOp::And, *m.max(n)),
            Operator::BitOr => (BinaryOp::Or, *m.max(n)),
            Operator::BitXor => (BinaryOp::Xor, *m.max(n)),
            _ => return Err(format!("`{}` of these", operator.spelling())),
        };
        let width = width_for(bits.max(*m).max(*n))?;
        let (a, b) = (self.in_width(a.clone(), width), self.in_width(b.clone(), width));
        let expr = fold::binary(op, a, b);
        Ok(Logic::Integer { expr, bits })
    }

    /// A term that C can say, by C's own rules.
    fn c_value(&mut self, term: &Term) -> Understood<Logic> {
        let text = term.to_string();
        if text.contains('\\') || text.contains("..") {
            return Err(format!("`{text}`"));
        }
        let index = self.declaration.as_ref().map_or(0, |d| d.index);
        let unit = self.units.get(self.unit);
        let parsed = unit
            .and_then(|u| u.source.parse_expression(index, &text).ok())
            .ok_or_else(|| format!("`{text}`"))?;
        let ast::ExternalDeclaration::Declaration(d) = &parsed.node.node else {
            return Err(format!("`{text}`"));
        };
        let first = d.node.declarators.first();
        let Some(ast::Initializer::Expression(e)) =
            first.and_then(|d| d.node.initializer.as_ref()).map(|i| &i.node)
        else {
            return Err(format!("`{text}`"));
        };
        let outer = self.declaration.replace(Arc::clone(&parsed));
        let value: Lowered<_> = self.rvalue(e);
        self.declaration = outer;
        let value = value.map_err(|why| match term {
            Term::Name(name) => format!("the name `{name}` (macros are not replaced in annotations)"),
            _ => why.construct,
        })?;
        self.of_value(value.expr, value.ty.decayed())
    }

    pub fn in_width(&self, expr: Expr, to: u32) -> Expr {
        let from = fold::width(&expr, self.locals()).unwrap_or(to);
        fold::resize(expr, from, to, true, self.locals())
    }
}

/// Bits of a constant factor, beyond those that its sign needs.
fn significant(factor: &Expr) -> Option<u32> {
    let (_, value) = fold::constant(factor)?;
    let bits = 128 - value.leading_zeros();
    (bits < 64).then_some(bits)
}

fn operator_of(compare: CompareOp) -> Operator {
    match compare {
        CompareOp::SLess | CompareOp::ULess => Operator::Less,
        CompareOp::SLessEqual | CompareOp::ULessEqual => Operator::LessEqual,
        CompareOp::Equal => Operator::Equal,
        CompareOp::NotEqual => Operator::NotEqual,
    }
}
