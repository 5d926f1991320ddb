//! Places and comparisons as a C programmer writes them.
//!
//! What is printed means in C what the expression means here: conversions that C would make otherwise are written out, and what cannot be
//! said so is not said.

use vf_ir::{BinaryOp, CType, CompareOp, Expr, Function, LocalId, Program, Resize};

use super::cells::element;
use crate::expression::{Atom, signed_constant};

/// An expression with how C reads it.
struct Printed {
    text: String,
    bits: u32,
    signed: bool,
    /// Needs parentheses beside another operator.
    compound: bool,
}

impl Printed {
    fn atom(&self) -> String {
        if self.compound {
            format!("({})", self.text)
        } else {
            self.text.clone()
        }
    }
}

/// The place at an address, with its type: `p->len`, `table[i]`.
pub fn place(program: &Program, function: &Function, address: &Expr) -> Option<(String, CType)> {
    match address {
        Expr::LocalAddress(l) => {
            let local = function.locals.get(l.index()).filter(|l| l.user)?;
            Some((local.name.clone(), local.ty.clone()))
        }
        Expr::GlobalAddress(g) => {
            let global = program.globals.get(g.index()).filter(|g| is_name(&g.name))?;
            Some((global.name.clone(), global.ty.clone()))
        }
        Expr::Local(l) => {
            let local = function.locals.get(l.index()).filter(|l| l.user)?;
            match &local.ty {
                CType::Pointer { to, .. } => Some((format!("*{}", local.name), (**to).clone())),
                _ => None,
            }
        }
        Expr::Member { ptr, record, field } => {
            let field = program
                .records
                .get(record.0 as usize)?
                .fields
                .get(*field as usize)?;
            if field.name.is_empty() || field.bits.is_some() {
                return None;
            }
            let text = match &**ptr {
                Expr::Local(l) => {
                    let local = function.locals.get(l.index()).filter(|l| l.user)?;
                    let leads_there = element(&local.ty).is_some_and(|to| *to == CType::Record(*record));
                    leads_there.then(|| format!("{}->{}", local.name, field.name))?
                }
                inner => {
                    let (text, ty) = place(program, function, inner)?;
                    (ty == CType::Record(*record) && !text.starts_with('*'))
                        .then(|| format!("{text}.{}", field.name))?
                }
            };
            Some((text, field.ty.clone()))
        }
        Expr::PtrAdd { ptr, index, scale } => {
            let (base, ty) = match &**ptr {
                Expr::Local(l) => {
                    let local = function.locals.get(l.index()).filter(|l| l.user)?;
                    (local.name.clone(), local.ty.clone())
                }
                inner => place(program, function, inner).filter(|(text, _)| !text.starts_with('*'))?,
            };
            let to = element(&ty)?;
            (to.size(&program.records, program.model) == Some(*scale)).then_some(())?;
            let index = printed(function, index)?;
            Some((format!("{base}[{}]", index.text), to.clone()))
        }
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Name of a register that the user knows.
pub fn register(function: &Function, local: LocalId) -> Option<(&str, u32, bool)> {
    let local = function
        .locals
        .get(local.index())
        .filter(|l| l.user && !l.name.is_empty())?;
    match local.ty {
        CType::Int { bits, signed } => Some((&local.name, bits, signed)),
        CType::Bool => Some((&local.name, 8, false)),
        _ => None,
    }
}

fn type_name(bits: u32, signed: bool) -> Option<&'static str> {
    Some(match (bits, signed) {
        (8, true) => "signed char",
        (8, false) => "unsigned char",
        (16, true) => "short",
        (16, false) => "unsigned short",
        (32, true) => "int",
        (32, false) => "unsigned int",
        (64, true) => "long long",
        (64, false) => "unsigned long long",
        _ => return None,
    })
}

fn cast(inner: &Printed, bits: u32, signed: bool) -> Option<Printed> {
    let text = format!("({}){}", type_name(bits, signed)?, inner.atom());
    Some(Printed {
        text,
        bits,
        signed,
        compound: false,
    })
}

/// An expression of registers that the user knows. Its value in C, in its own type, is the value here under that type's reading.
fn printed(function: &Function, expr: &Expr) -> Option<Printed> {
    match expr {
        Expr::Int { bits, .. } => {
            let value = signed_constant(expr)?;
            Some(Printed {
                text: value.to_string(),
                bits: *bits,
                signed: true,
                compound: value < 0,
            })
        }
        Expr::Local(l) => {
            let (name, bits, signed) = register(function, *l)?;
            let compound = name.starts_with('*');
            Some(Printed {
                text: name.to_string(),
                bits,
                signed,
                compound,
            })
        }
        Expr::Resize { kind, bits, arg } => {
            let inner = printed(function, arg)?;
            match (kind, inner.signed) {
                // C converts so by itself where the other operand is wider.
                (Resize::SignExtend, true) | (Resize::ZeroExtend, false) => Some(Printed {
                    bits: inner.bits,
                    ..inner
                }),
                (Resize::ZeroExtend, true) => cast(&inner, inner.bits, false),
                (Resize::SignExtend, false) => cast(&inner, inner.bits, true),
                (Resize::Truncate, signed) => cast(&inner, *bits, signed),
            }
        }
        Expr::Binary { op, lhs, rhs } => binary(function, *op, lhs, rhs),
        _ => None,
    }
}

fn width(function: &Function, expr: &Expr) -> Option<u32> {
    match expr {
        Expr::Int { bits, .. } | Expr::Resize { bits, .. } => Some(*bits),
        Expr::Local(l) => register(function, *l).map(|(_, bits, _)| bits),
        Expr::Binary { lhs, .. } => width(function, lhs),
        _ => None,
    }
}

fn binary(function: &Function, op: BinaryOp, lhs: &Expr, rhs: &Expr) -> Option<Printed> {
    let bits = width(function, lhs)?;
    // Narrower sums are computed as `int` in C.
    if bits != 32 && bits != 64 {
        return None;
    }
    let (mut a, mut b) = (printed(function, lhs)?, printed(function, rhs)?);
    let is_constant = |e: &Expr| matches!(e, Expr::Int { .. });
    let widen = |mine: &mut Printed, expr: &Expr| -> Option<()> {
        // What is narrower than the operation is widened where it stands.
        if !is_constant(expr) && mine.bits != bits && bits == 64 {
            let signed = mine.signed;
            *mine = cast(mine, bits, signed)?;
        }
        Some(())
    };
    widen(&mut a, lhs)?;
    widen(&mut b, rhs)?;
    let unsigned = |p: &Printed, e: &Expr| !is_constant(e) && p.bits == bits && !p.signed;
    let any_unsigned = unsigned(&a, lhs) || unsigned(&b, rhs);
    let (symbol, signed) = match op {
        BinaryOp::Add => ("+", !any_unsigned),
        BinaryOp::Sub => ("-", !any_unsigned),
        BinaryOp::Mul => ("*", !any_unsigned),
        BinaryOp::And => ("&", !any_unsigned),
        BinaryOp::Or => ("|", !any_unsigned),
        BinaryOp::URem if any_unsigned => ("%", false),
        BinaryOp::UDiv if any_unsigned => ("/", false),
        BinaryOp::SRem if !any_unsigned => ("%", true),
        BinaryOp::SDiv if !any_unsigned => ("/", true),
        _ => return None,
    };
    if let (BinaryOp::Add, Some(constant)) = (op, signed_constant(rhs))
        && constant < 0
        && let Some(less) = constant.checked_neg()
    {
        let text = format!("{} - {less}", a.atom());
        return Some(Printed {
            text,
            bits,
            signed,
            compound: true,
        });
    }
    let text = format!("{} {symbol} {}", a.atom(), b.atom());
    Some(Printed {
        text,
        bits,
        signed,
        compound: true,
    })
}

/// A comparison that holds, as C.
pub fn comparison(function: &Function, atom: &Atom) -> Option<String> {
    if matches!((&atom.lhs, &atom.rhs), (Expr::Local(_), Expr::Null)) {
        let Expr::Local(l) = &atom.lhs else { return None };
        let local = function.locals.get(l.index()).filter(|l| l.user)?;
        let symbol = if atom.op == CompareOp::Equal { "==" } else { "!=" };
        return Some(format!("{} {symbol} NULL", local.name));
    }
    let bits = width(function, &atom.lhs)?;
    let (symbol, reading) = match atom.op {
        CompareOp::Equal => ("==", None),
        CompareOp::NotEqual => ("!=", None),
        CompareOp::SLess => ("<", Some(true)),
        CompareOp::SLessEqual => ("<=", Some(true)),
        CompareOp::ULess => ("<", Some(false)),
        CompareOp::ULessEqual => ("<=", Some(false)),
    };
    let side = |expr: &Expr, other: &Expr| -> Option<String> {
        let p = printed(function, expr)?;
        if let Expr::Int { value, .. } = expr {
            let other = printed(function, other)?;
            let signed = reading.unwrap_or(other.signed || other.bits < bits);
            return Some(if signed { p.text } else { value.to_string() });
        }
        let wide = p.bits == bits;
        let said = match reading {
            // A narrower value is the same under both readings unless it is negative.
            Some(signed) if wide && p.signed != signed => cast(&p, bits, signed)?,
            Some(false) if !wide && p.signed => cast(&p, bits, false)?,
            None if wide && p.signed => {
                let q = printed(function, other)?;
                let mixed = !matches!(other, Expr::Int { .. }) && !q.signed;
                if mixed { cast(&p, bits, false)? } else { p }
            }
            // Two narrower values of different readings would be compared as what they are.
            _ if !wide && bits > 32 => {
                let q = printed(function, other)?;
                let apart = !matches!(other, Expr::Int { .. }) && q.bits < bits && (q.signed != p.signed);
                if apart { cast(&p, bits, true)? } else { p }
            }
            _ => p,
        };
        Some(
            if said.compound && said.text.contains([' ']) && said.text.contains('&') {
                format!("({})", said.text)
            } else {
                said.text
            },
        )
    };
    Some(format!(
        "{} {symbol} {}",
        side(&atom.lhs, &atom.rhs)?,
        side(&atom.rhs, &atom.lhs)?
    ))
}

/// An expression alone, as a size.
pub fn amount(function: &Function, expr: &Expr) -> Option<String> {
    if let Expr::Int { value, .. } = expr {
        return Some(value.to_string());
    }
    printed(function, expr).map(|p| p.text)
}
