//! Systems of constrained Horn clauses over the integers, and their solution by z3's Spacer (Komuravelli, Gurfinkel,
//! Chaki, *SMT-based model checking for recursive programs*, 2014).
//!
//! A relation stands for the states that a place of a program can be in. A rule says how one state leads to another, or to
//! an error. Where no error can be reached, the answer has for every relation a formula that holds of all its states and
//! that no rule leaves: an inductive invariant.
//!
//! The answer is only as good as the system that was asked about. Whoever abstracted a program to integers
//! has to check again what comes out.

use std::fmt;

use z3::ast::{Ast, Bool, Dynamic, Int};
use z3::{Config, Fixedpoint, FuncDecl, Params, SatResult, Sort};

use crate::memory::Room;
use crate::solver::Limits;
use crate::stop;

mod answer;

/// A number of a variable: of the rule, or, in an invariant, of the argument of its relation.
pub type Variable = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Number,
    Truth,
}

/// `constant + sum of coefficient * variable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Linear {
    pub constant: i128,
    /// By ascending variable, each once, no coefficient zero.
    pub terms: Vec<(Variable, i128)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Formula {
    Constant(bool),
    /// A variable of kind [`Kind::Truth`].
    Truth(Variable),
    /// The sum is at most zero.
    AtMostZero(Linear),
    IsZero(Linear),
    Not(Box<Formula>),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    Number(Linear),
    Truth(Formula),
}

/// Index into [`System::relations`].
pub type Relation = usize;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub relation: Relation,
    /// Of the kinds that the relation has.
    pub arguments: Vec<Argument>,
}

/// For all values of the variables: `body` and `condition` imply `head`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub variables: Vec<Kind>,
    /// `None`: the rule speaks of where everything begins.
    pub body: Option<Application>,
    pub condition: Formula,
    /// `None`: the error.
    pub head: Option<Application>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    /// The kinds of each relation's arguments.
    pub relations: Vec<Vec<Kind>>,
    pub rules: Vec<Rule>,
}

/// What became of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The error cannot be reached. For every relation, clauses over its arguments that together are an inductive invariant,
    /// less those that speak of more than linear sums.
    Safe(Vec<Vec<Formula>>),
    /// The error can be reached.
    Unsafe,
    /// A limit was met, or the system is not well-formed.
    Unknown,
}

impl Linear {
    pub fn constant(constant: i128) -> Linear {
        Linear {
            constant,
            terms: Vec::new(),
        }
    }

    pub fn variable(variable: Variable) -> Linear {
        Linear {
            constant: 0,
            terms: vec![(variable, 1)],
        }
    }

    /// `self + factor * other`; `None` where a number is out of range.
    pub fn plus_scaled(&self, factor: i128, other: &Linear) -> Option<Linear> {
        let constant = self.constant.checked_add(factor.checked_mul(other.constant)?)?;
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some((l, _)), Some((r, _))) => (*l).min(*r),
                (Some((v, _)), None) | (None, Some((v, _))) => *v,
            };
            let mut sum = left.next_if(|(v, _)| *v == next).map_or(0, |(_, c)| *c);
            if let Some((_, coefficient)) = right.next_if(|(v, _)| *v == next) {
                sum = sum.checked_add(factor.checked_mul(*coefficient)?)?;
            }
            if sum != 0 {
                terms.push((next, sum));
            }
        }
        Some(Linear { constant, terms })
    }

    pub fn scaled(&self, factor: i128) -> Option<Linear> {
        Linear::default().plus_scaled(factor, self)
    }

    pub fn as_constant(&self) -> Option<i128> {
        self.terms.is_empty().then_some(self.constant)
    }
}

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (variable, coefficient) in &self.terms {
            write!(f, "{coefficient}*v{variable} + ")?;
        }
        write!(f, "{}", self.constant)
    }
}

impl Formula {
    pub fn negated(self) -> Formula {
        match self {
            Formula::Constant(value) => Formula::Constant(!value),
            Formula::Not(inner) => *inner,
            other => Formula::Not(Box::new(other)),
        }
    }

    /// Whether nothing but small parts is in it.
    pub fn is_atom(&self) -> bool {
        match self {
            Formula::Constant(_) | Formula::Truth(_) | Formula::AtMostZero(_) | Formula::IsZero(_) => true,
            Formula::Not(inner) => inner.is_atom(),
            Formula::All(_) | Formula::Any(_) => false,
        }
    }
}

impl System {
    /// Asks Spacer whether the error can be reached.
    pub fn solve(&self, limits: Limits) -> Answer {
        if !self.is_well_formed() || stop::is_stopped() {
            return Answer::Unknown;
        }
        // A context of its own: z3 knows a limit on the work of this engine only for a whole context, and what it answers
        // does not depend on what was asked before.
        let mut config = Config::new();
        if let Some(rlimit) = limits.rlimit {
            config.set_param_value("rlimit", &rlimit.max(1).to_string());
        }
        let answer = z3::with_z3_config(&config, || stop::interruptible(|| self.ask(limits)));
        if stop::is_stopped() {
            Answer::Unknown
        } else {
            answer
        }
    }

    fn ask(&self, limits: Limits) -> Answer {
        let _room = Room::new(false);
        let engine = Fixedpoint::new();
        engine.set_params(&parameters(limits));
        let (relations, error) = self.tell(&engine);
        let Some(query) = error.apply(&[]).as_bool() else {
            return Answer::Unknown;
        };
        match stop::asking(|| engine.query(&query)) {
            _ if stop::is_stopped() => Answer::Unknown,
            SatResult::Sat => Answer::Unsafe,
            SatResult::Unknown => Answer::Unknown,
            SatResult::Unsat => {
                let covers = relations.iter().map(|relation| {
                    let cover = engine.get_cover_delta(-1, relation);
                    cover.map_or_else(Vec::new, |c| answer::clauses(&c.to_string()))
                });
                let well_typed = |(kinds, clauses): (&Vec<Kind>, Vec<Formula>)| {
                    clauses.into_iter().filter(|c| fits(c, kinds)).collect()
                };
                Answer::Safe(self.relations.iter().zip(covers).map(well_typed).collect())
            }
        }
    }

    /// Tells an engine everything; its names of the relations, and of the error.
    fn tell(&self, engine: &Fixedpoint) -> (Vec<FuncDecl>, FuncDecl) {
        let error = FuncDecl::new("horn.error", &[], &Sort::bool());
        engine.register_relation(&error);
        let relations: Vec<FuncDecl> = self
            .relations
            .iter()
            .enumerate()
            .map(|(number, kinds)| {
                let sorts: Vec<Sort> = kinds.iter().map(|kind| sort(*kind)).collect();
                let sorts: Vec<&Sort> = sorts.iter().collect();
                FuncDecl::new(format!("horn.{number}"), &sorts, &Sort::bool())
            })
            .collect();
        for relation in &relations {
            engine.register_relation(relation);
        }
        for rule in &self.rules {
            engine.add_rule(&clause(rule, &relations, &error), None);
        }
        (relations, error)
    }

    fn is_well_formed(&self) -> bool {
        let applies = |application: &Option<Application>, variables: &[Kind]| {
            application.as_ref().is_none_or(|application| {
                let Some(kinds) = self.relations.get(application.relation) else {
                    return false;
                };
                kinds.len() == application.arguments.len()
                    && kinds.iter().zip(&application.arguments).all(|(kind, argument)| {
                        match (kind, argument) {
                            (Kind::Number, Argument::Number(sum)) => sum_fits(sum, variables),
                            (Kind::Truth, Argument::Truth(formula)) => fits(formula, variables),
                            _ => false,
                        }
                    })
            })
        };
        self.rules.iter().all(|rule| {
            applies(&rule.body, &rule.variables)
                && applies(&rule.head, &rule.variables)
                && fits(&rule.condition, &rule.variables)
        })
    }
}

fn sum_fits(sum: &Linear, kinds: &[Kind]) -> bool {
    sum.terms
        .iter()
        .all(|(variable, _)| kinds.get(*variable) == Some(&Kind::Number))
}

fn fits(formula: &Formula, kinds: &[Kind]) -> bool {
    match formula {
        Formula::Constant(_) => true,
        Formula::Truth(variable) => kinds.get(*variable) == Some(&Kind::Truth),
        Formula::AtMostZero(sum) | Formula::IsZero(sum) => sum_fits(sum, kinds),
        Formula::Not(inner) => fits(inner, kinds),
        Formula::All(parts) | Formula::Any(parts) => parts.iter().all(|part| fits(part, kinds)),
    }
}

fn parameters(limits: Limits) -> Params {
    let mut parameters = Params::new();
    parameters.set_symbol("engine", "spacer");
    // Relations that are inlined or lose arguments have no invariant to read afterwards.
    for option in ["xform.slice", "xform.inline_linear", "xform.inline_eager"] {
        parameters.set_bool(option, false);
    }
    parameters.set_u32("timeout", limits.timeout_ms.unwrap_or(u32::MAX));
    parameters
}

fn sort(kind: Kind) -> Sort {
    match kind {
        Kind::Number => Sort::int(),
        Kind::Truth => Sort::bool(),
    }
}

/// The variables of a rule, as z3 has them.
struct Names {
    numbers: Vec<Int>,
    truths: Vec<Bool>,
}

impl Names {
    fn number(&self, sum: &Linear) -> Int {
        let constant = Int::from_i128(sum.constant);
        let scaled = |(variable, coefficient): &(Variable, i128)| match coefficient {
            1 => self.numbers[*variable].clone(),
            _ => Int::mul(&[&Int::from_i128(*coefficient), &self.numbers[*variable]]),
        };
        if sum.terms.is_empty() {
            return constant;
        }
        let mut parts: Vec<Int> = sum.terms.iter().map(scaled).collect();
        if sum.constant != 0 {
            parts.push(constant);
        }
        Int::add(&parts)
    }

    fn formula(&self, formula: &Formula) -> Bool {
        let zero = || Int::from_i64(0);
        let all = |parts: &[Formula]| parts.iter().map(|p| self.formula(p)).collect::<Vec<Bool>>();
        match formula {
            Formula::Constant(value) => Bool::from_bool(*value),
            Formula::Truth(variable) => self.truths[*variable].clone(),
            Formula::AtMostZero(sum) => self.number(sum).le(zero()),
            Formula::IsZero(sum) => self.number(sum).eq(zero()),
            Formula::Not(inner) => self.formula(inner).not(),
            Formula::All(parts) => Bool::and(&all(parts)),
            Formula::Any(parts) => Bool::or(&all(parts)),
        }
    }

    fn apply(&self, relations: &[FuncDecl], application: &Application) -> Option<Bool> {
        let arguments: Vec<Dynamic> = application
            .arguments
            .iter()
            .map(|argument| match argument {
                Argument::Number(sum) => Dynamic::from_ast(&self.number(sum)),
                Argument::Truth(formula) => Dynamic::from_ast(&self.formula(formula)),
            })
            .collect();
        let arguments: Vec<&dyn Ast> = arguments.iter().map(|a| a as &dyn Ast).collect();
        relations.get(application.relation)?.apply(&arguments).as_bool()
    }
}

/// A rule as a closed formula; what is not well-formed was refused before.
fn clause(rule: &Rule, relations: &[FuncDecl], error: &FuncDecl) -> Bool {
    // Both kinds for every variable, so that a variable is its index; only the right one is used and bound.
    let names = Names {
        numbers: (0..rule.variables.len())
            .map(|v| Int::new_const(format!("horn.v{v}")))
            .collect(),
        truths: (0..rule.variables.len())
            .map(|v| Bool::new_const(format!("horn.t{v}")))
            .collect(),
    };
    let body = rule.body.as_ref().and_then(|body| names.apply(relations, body));
    let mut premises: Vec<Bool> = body.into_iter().collect();
    premises.push(names.formula(&rule.condition));
    let head = match &rule.head {
        Some(head) => names.apply(relations, head),
        None => error.apply(&[]).as_bool(),
    };
    let implication = Bool::and(&premises).implies(head.unwrap_or_else(|| Bool::from_bool(true)));
    let bound: Vec<&dyn Ast> = rule
        .variables
        .iter()
        .enumerate()
        .map(|(variable, kind)| match kind {
            Kind::Number => &names.numbers[variable] as &dyn Ast,
            Kind::Truth => &names.truths[variable] as &dyn Ast,
        })
        .collect();
    z3::ast::forall_const(&bound, &[], &implication)
}

#[cfg(test)]
mod tests;
