//! Clauses that a person could write before a loop.
//!
//! They come from the candidate invariants, and from a few more forms over the variables that a loop changes. A clause that
//! the annotation reader takes has exactly the meaning that the reader would give to its text: numbers are mathematical
//! integers, so every variable is widened by the sign of its type, and nothing wraps. What cannot be written so is said in
//! words. Nothing is proved from any of them: see `crate::suggest`.

use std::collections::BTreeSet;
use vf_source::tables::HashSet;

use vf_absint::expression::{binary, compare, is_signed, signed_constant};
use vf_ir::{BinaryOp, BlockId, CType, CompareOp, Expr, Function, FunctionId, LocalId, Resize, Storage};
use vf_smt::Term;

use super::Header;
use super::candidates::Candidate;
use crate::engine::exec::Frame;
use crate::engine::state::State;
use crate::engine::{Engine, Event, Stop};
use crate::search::Source;

/// Clauses of one loop, at most.
const CLAUSES: usize = 320;
/// By how much a clause relates two variables, at most this many factors.
const FACTORS: usize = 6;
/// Numbers wider than this are not written.
const WIDEST: u32 = 128;

/// What may hold whenever a loop's test is about to be evaluated.
#[derive(Clone, Debug)]
pub struct LoopClause {
    /// The loop, of [`crate::engine::Execution::loops`].
    pub of: usize,
    function: FunctionId,
    header: BlockId,
    /// A predicate of ACSL, or words.
    pub text: String,
    /// The text is a predicate that the annotation reader takes.
    pub annotation: bool,
    /// The candidate that it was made of, of [`crate::engine::Execution::candidates`].
    pub from: Option<usize>,
    /// At the header of the loop, wherever control gets there.
    pub holds: Term,
    /// When an iteration has ended: the condition under which control gets there, and whether the clause holds.
    pub again: Option<(Term, Term)>,
    candidate: Candidate,
}

/// An integer exactly, as text and as an expression that does not wrap.
struct Exact {
    text: String,
    /// Of width 64 or 128.
    expr: Expr,
    /// How many of its bits a signed reading needs.
    bits: u32,
    /// It binds as strongly as a name.
    simple: bool,
}

impl Exact {
    fn width(bits: u32) -> u32 {
        if bits <= 64 { 64 } else { WIDEST }
    }

    fn widened(&self, width: u32) -> Expr {
        if width == Exact::width(self.bits) {
            return self.expr.clone();
        }
        Expr::Resize {
            kind: Resize::SignExtend,
            bits: width,
            arg: Box::new(self.expr.clone()),
        }
    }

    fn operand(&self) -> String {
        if self.simple {
            self.text.clone()
        } else {
            format!("({})", self.text)
        }
    }
}

/// Two numbers that are as wide as the wider of them.
fn same_width(a: &Exact, b: &Exact, least: u32) -> (Expr, Expr) {
    let width = Exact::width(a.bits.max(b.bits).max(least));
    (a.widened(width), b.widened(width))
}

/// The variables of a function that an annotation can name.
struct Names<'f> {
    function: &'f Function,
    /// Names that more than one variable has.
    ambiguous: HashSet<&'f str>,
}

impl<'f> Names<'f> {
    fn of(function: &'f Function) -> Names<'f> {
        let mut seen = HashSet::default();
        let users = function.locals.iter().filter(|l| l.user);
        let ambiguous = users.filter(|l| !seen.insert(l.name.as_str()));
        Names {
            function,
            ambiguous: ambiguous.map(|l| l.name.as_str()).collect(),
        }
    }

    /// Name, bits and sign of an integer variable.
    fn integer(&self, local: LocalId) -> Option<(&'f str, u32, bool)> {
        let info = self.function.locals.get(local.index())?;
        let named = info.user && !self.ambiguous.contains(info.name.as_str());
        match info.ty {
            CType::Int { bits, signed } if named && bits <= 64 => Some((&info.name, bits, signed)),
            _ => None,
        }
    }

    fn variable(&self, local: LocalId) -> Option<Exact> {
        let (name, bits, signed) = self.integer(local)?;
        let needed = bits + u32::from(!signed);
        let width = Exact::width(needed);
        let value = Box::new(Expr::Local(local));
        let kind = if signed {
            Resize::SignExtend
        } else {
            Resize::ZeroExtend
        };
        let expr = if width == bits {
            *value
        } else {
            Expr::Resize {
                kind,
                bits: width,
                arg: value,
            }
        };
        Some(Exact {
            text: name.to_owned(),
            expr,
            bits: needed,
            simple: true,
        })
    }

    fn constant(value: i128) -> Exact {
        let bits = 129 - value.unsigned_abs().leading_zeros();
        Exact {
            text: value.to_string(),
            expr: Expr::int(Exact::width(bits), value),
            bits,
            simple: value >= 0,
        }
    }

    fn arithmetic(op: BinaryOp, a: &Exact, b: &Exact) -> Option<Exact> {
        let (sign, bits) = match op {
            BinaryOp::Add => ("+", a.bits.max(b.bits) + 1),
            BinaryOp::Sub => ("-", a.bits.max(b.bits) + 1),
            BinaryOp::Mul => ("*", a.bits + b.bits),
            _ => return None,
        };
        if bits > WIDEST {
            return None;
        }
        let (left, right) = same_width(a, b, bits);
        Some(Exact {
            text: format!("{} {sign} {}", a.operand(), b.operand()),
            expr: binary(op, left, right),
            bits,
            simple: false,
        })
    }

    /// The value of an expression under a reading, where the text says the same of mathematical integers.
    fn number(&self, expr: &Expr, signed: bool) -> Option<Exact> {
        match expr {
            Expr::Int { value, .. } if !signed => Some(Names::constant(i128::try_from(*value).ok()?)),
            Expr::Int { .. } => signed_constant(expr).map(Names::constant),
            Expr::Local(local) => {
                let (_, _, own) = self.integer(*local)?;
                (own == signed).then(|| self.variable(*local)).flatten()
            }
            Expr::Resize { kind, arg, .. } => match kind {
                Resize::SignExtend if signed => self.number(arg, true),
                Resize::ZeroExtend => self.number(arg, false),
                _ => None,
            },
            Expr::Binary { op, lhs, rhs } => {
                Names::arithmetic(*op, &self.number(lhs, signed)?, &self.number(rhs, signed)?)
            }
            _ => None,
        }
    }

    /// A condition as an annotation would say it: its text and its exact meaning.
    fn predicate(&self, condition: &Expr) -> Option<(String, Expr)> {
        match condition {
            Expr::Compare { op, lhs, rhs } => {
                let under = |signed| Some((self.number(lhs, signed)?, self.number(rhs, signed)?));
                let (a, b) = match op {
                    CompareOp::Equal | CompareOp::NotEqual => under(false).or_else(|| under(true))?,
                    order => under(is_signed(*order))?,
                };
                Some(relation(*op, &a, &b))
            }
            Expr::Binary {
                op: op @ (BinaryOp::And | BinaryOp::Or),
                lhs,
                rhs,
            } => {
                let ((a, left), (b, right)) = (self.predicate(lhs)?, self.predicate(rhs)?);
                let sign = if *op == BinaryOp::And { "&&" } else { "||" };
                Some((format!("({a}) {sign} ({b})"), binary(*op, left, right)))
            }
            _ => None,
        }
    }
}

/// A comparison of two exact numbers.
fn relation(op: CompareOp, a: &Exact, b: &Exact) -> (String, Expr) {
    let (left, right) = same_width(a, b, 0);
    let (sign, op) = match op {
        CompareOp::Equal => ("==", CompareOp::Equal),
        CompareOp::NotEqual => ("!=", CompareOp::NotEqual),
        CompareOp::ULess | CompareOp::SLess => ("<", CompareOp::SLess),
        CompareOp::ULessEqual | CompareOp::SLessEqual => ("<=", CompareOp::SLessEqual),
    };
    (format!("{} {sign} {}", a.text, b.text), compare(op, left, right))
}

impl Engine<'_> {
    /// Clauses for every loop that was cut, the shortest first.
    pub(in crate::engine) fn loop_clauses(&mut self, headers: &[Header]) -> Vec<LoopClause> {
        let mut found = Vec::new();
        for header in headers {
            let function = self.program.function(header.frame.function);
            // Nobody annotates a model of the library.
            if function.library_model {
                continue;
            }
            let mut of_loop = self.clauses_of_candidates(header, function);
            of_loop.extend(self.clauses_of_variables(header, function));
            let mut seen = HashSet::default();
            of_loop.retain(|clause| seen.insert(clause.text.clone()));
            // A stable sort: what is alike keeps the order of the candidates.
            of_loop.sort_by_key(|clause| (!clause.annotation, clause.text.len()));
            of_loop.truncate(CLAUSES);
            found.extend(of_loop);
        }
        found
    }

    fn clauses_of_candidates(&mut self, header: &Header, function: &Function) -> Vec<LoopClause> {
        let names = Names::of(function);
        let mut found = Vec::new();
        for (number, candidate, here) in header.candidates.iter() {
            if matches!(candidate, Candidate::Cell { .. } | Candidate::PointerCell { .. }) {
                continue;
            }
            let written = match candidate {
                Candidate::Expr(condition, _) => names.predicate(condition),
                _ => None,
            };
            let clause = match written {
                Some((text, meaning)) => self.clause(header, text, meaning),
                None => Some(LoopClause {
                    of: header.of,
                    function: header.frame.function,
                    header: header.block,
                    text: self.describe(&header.frame, candidate),
                    annotation: false,
                    from: None,
                    holds: self.terms.implies(header.head.guard, *here),
                    again: None,
                    candidate: candidate.clone(),
                }),
            };
            found.extend(clause.map(|clause| LoopClause {
                from: Some(*number),
                ..clause
            }));
        }
        found
    }

    fn clause(&mut self, header: &Header, text: String, meaning: Expr) -> Option<LoopClause> {
        let candidate = Candidate::Expr(meaning, Source::Annotation);
        let (frame, head) = (&header.frame, &header.head);
        // One that cannot be evaluated is one clause less.
        let here = self
            .evaluate(frame, &candidate, &head.state, &header.entry)
            .ok()??;
        let again = header.back.as_ref().and_then(|back| {
            let after = self.evaluate(frame, &candidate, &back.state, &header.entry);
            Some((back.guard, after.ok()??))
        });
        Some(LoopClause {
            of: header.of,
            function: frame.function,
            header: header.block,
            text,
            annotation: true,
            from: None,
            holds: self.terms.implies(head.guard, here),
            again,
            candidate,
        })
    }

    /// Orders and ratios of what the loop changes and any other variable.
    fn clauses_of_variables(&mut self, header: &Header, function: &Function) -> Vec<LoopClause> {
        let names = Names::of(function);
        let known = |state: &State, local: LocalId| self.register_value(state, local).is_some();
        let integers: Vec<(LocalId, Exact)> = (0..function.locals.len() as u32)
            .map(LocalId)
            .filter(|local| known(&header.head.state, *local) && known(&header.entry, *local))
            .filter(|local| {
                let info = function.locals.get(local.index());
                info.is_some_and(|l| matches!(l.storage, Storage::Register(_)))
            })
            .filter_map(|local| Some((local, names.variable(local)?)))
            .collect();
        let mut factors = BTreeSet::from([2, 3, 4]);
        factors.extend(
            self.constants(header.frame.function)
                .into_iter()
                .filter(|c| (2..=64).contains(c)),
        );
        let factors: Vec<Exact> = factors.into_iter().take(FACTORS).map(Names::constant).collect();
        let mut written = Vec::new();
        for (a, left) in &integers {
            for (b, right) in &integers {
                if a == b || !(header.changed.contains(a) || header.changed.contains(b)) {
                    continue;
                }
                for op in [CompareOp::SLessEqual, CompareOp::SLess] {
                    written.push(relation(op, left, right));
                }
                if a < b {
                    written.push(relation(CompareOp::Equal, left, right));
                }
                for factor in &factors {
                    if let Some(product) = Names::arithmetic(BinaryOp::Mul, factor, right) {
                        written.push(relation(CompareOp::Equal, left, &product));
                        written.push(relation(CompareOp::SLessEqual, left, &product));
                    }
                }
                // Products of wider numbers are too hard for what is a hint.
                if right.bits <= 33
                    && let Some(square) = Names::arithmetic(BinaryOp::Mul, right, right)
                {
                    written.push(relation(CompareOp::Equal, left, &square));
                }
            }
        }
        let clauses = written.into_iter().take(CLAUSES);
        clauses
            .filter_map(|(text, meaning)| self.clause(header, text, meaning))
            .collect()
    }

    /// What the clauses that are being tried out say of the state before an iteration of a loop that is unrolled.
    pub(in crate::engine) fn probe(
        &mut self,
        frame: &Frame,
        header: BlockId,
        (guard, state): (Term, &State),
        entry: &State,
    ) -> Result<(), Stop> {
        let probes = self.settings.probes;
        for (number, clause) in probes.iter().enumerate() {
            if clause.function == frame.function
                && clause.header == header
                && let Some(holds) = self.evaluate(frame, &clause.candidate, state, entry)?
            {
                self.events.push(Event::Probe {
                    clause: number,
                    guard,
                    holds,
                });
            }
        }
        Ok(())
    }
}
