//! A function as Horn clauses: one relation for each loop header, one rule for each way from one header (or the entry) to the
//! next. The blocks between are executed once, with the states of all paths merged, as the engine does it.

use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::{HashMap, HashSet};

use vf_ir::cfg::{Cfg, EdgeKind};
use vf_ir::obligation::Arithmetic;
use vf_ir::{
    Block, BlockId, Condition, Expr, Function, FunctionId, LocalId, ObligationId, Program, Stmt, StmtKind,
    Storage, Terminator, Ty,
};
use vf_smt::horn::{Application, Argument, Formula, Kind, Linear, Rule};

use super::addresses::{Addresses, Extent, Root};
use super::numbers::{Numbers, State, Value, all, any, at_most, bounds, equal, implies};
use crate::engine::{defined, liveness};

/// Functions with more blocks, and systems with more variables in a rule, are not asked about.
const MOST_BLOCKS: usize = 600;
const MOST_VARIABLES: usize = 4_000;
/// A switch with more cases leads anywhere.
const MOST_CASES: usize = 24;

/// What a relation speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Register(LocalId),
    /// What a parameter was on entry.
    Entry(LocalId),
    /// The size asked of the newest allocation of a statement.
    Extent(Root),
}

/// A loop header: the relation of the same number.
#[derive(Clone, Debug)]
pub struct Header {
    pub block: BlockId,
    pub places: Vec<(Place, Kind)>,
}

impl Header {
    pub fn kinds(&self) -> Vec<Kind> {
        self.places.iter().map(|(_, kind)| *kind).collect()
    }
}

pub struct Encoding {
    pub headers: Vec<Header>,
    pub rules: Vec<Rule>,
    /// One or more rules for the violation of each check that can be said.
    pub errors: Vec<Rule>,
    pub addresses: Addresses,
}

/// `None` where there is nothing to ask: no loop, no check that can be said, or too much of everything.
pub fn encode(
    program: &Program,
    id: FunctionId,
    checks: &BTreeSet<ObligationId>,
    assumed: &dyn Fn(ObligationId) -> bool,
) -> Option<Encoding> {
    let function = program.functions.get(id.index())?;
    let cfg = Cfg::new(function);
    if cfg.loops().is_empty() || !cfg.irreducible().is_empty() || cfg.block_count() > MOST_BLOCKS {
        return None;
    }
    let addresses = Addresses::of(program, id);
    let live = liveness(function, &cfg);
    let headers: Vec<Header> = cfg
        .loops()
        .iter()
        .map(|l| Header {
            block: l.header,
            places: places(function, &addresses, live.get(l.header.index())),
        })
        .collect();
    let encoder = Encoder {
        program,
        function,
        cfg: &cfg,
        addresses: &addresses,
        live: &live,
        headers: &headers,
        checks,
        assumed,
    };
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    let entry = *cfg.reverse_postorder().first()?;
    for start in std::iter::once(None).chain((0..headers.len()).map(Some)) {
        let block = start.and_then(|h| headers.get(h)).map_or(entry, |h| h.block);
        if start.is_none() && headers.iter().any(|h| h.block == entry) {
            return None;
        }
        let region = Region::new(&encoder, start);
        region.run(block, &mut rules, &mut errors)?;
    }
    (!errors.is_empty()).then_some(Encoding {
        headers,
        rules,
        errors,
        addresses,
    })
}

/// The registers that live at a header, and what else lasts.
fn places(function: &Function, addresses: &Addresses, live: Option<&HashSet<u32>>) -> Vec<(Place, Kind)> {
    let mut found = Vec::new();
    for (index, local) in function.locals.iter().enumerate() {
        let id = LocalId(index as u32);
        if live.is_some_and(|l| !l.contains(&id.0)) {
            continue;
        }
        match local.storage {
            Storage::Register(Ty::Int(1)) => found.push((Place::Register(id), Kind::Truth)),
            Storage::Register(Ty::Int(_)) => found.push((Place::Register(id), Kind::Number)),
            Storage::Register(Ty::Ptr) if addresses.roots.contains_key(&id) && !addresses.stays(id) => {
                found.push((Place::Register(id), Kind::Number));
            }
            _ => {}
        }
    }
    let used: BTreeSet<Root> = addresses.roots.values().copied().collect();
    for root in used {
        match addresses.extents.get(&root) {
            Some(Extent::Counted { count, .. }) => {
                let place = (Place::Entry(*count), Kind::Number);
                if !found.contains(&place) {
                    found.push(place);
                }
            }
            Some(Extent::Allocated) => found.push((Place::Extent(root), Kind::Number)),
            Some(Extent::Bytes(_)) | None => {}
        }
    }
    found
}

struct Encoder<'a> {
    program: &'a Program,
    function: &'a Function,
    cfg: &'a Cfg,
    addresses: &'a Addresses,
    live: &'a [HashSet<u32>],
    headers: &'a [Header],
    checks: &'a BTreeSet<ObligationId>,
    assumed: &'a dyn Fn(ObligationId) -> bool,
}

/// The blocks from one header (or the entry) up to the next ones.
struct Region<'a> {
    encoder: &'a Encoder<'a>,
    numbers: Numbers<'a>,
    body: Option<Application>,
    start: State,
    /// Numbers that only statements of the function change: [`Place::Entry`] and [`Place::Extent`].
    lasting: BTreeMap<Place, Linear>,
}

/// A state on its way to a block.
struct Incoming {
    guard: Formula,
    state: State,
    lasting: BTreeMap<Place, Linear>,
}

impl<'a> Region<'a> {
    fn new(encoder: &'a Encoder<'a>, start: Option<usize>) -> Region<'a> {
        let mut numbers = Numbers::new(encoder.program, encoder.function, encoder.addresses);
        let mut state = State::default();
        let mut lasting = BTreeMap::new();
        let body = start.and_then(|relation| {
            let header = encoder.headers.get(relation)?;
            let mut arguments = Vec::new();
            for (place, kind) in &header.places {
                let variable = numbers.variable(*kind);
                let (argument, value) = match (kind, place) {
                    (Kind::Truth, _) => {
                        let truth = Formula::Truth(variable);
                        (Argument::Truth(truth.clone()), Value::Truth(truth))
                    }
                    (Kind::Number, Place::Register(local)) if encoder.addresses.roots.contains_key(local) => {
                        let offset = Linear::variable(variable);
                        (Argument::Number(offset.clone()), Value::Offset(offset))
                    }
                    (Kind::Number, _) => {
                        let number = Linear::variable(variable);
                        (Argument::Number(number.clone()), Value::Number(number))
                    }
                };
                arguments.push(argument);
                match (place, value) {
                    (Place::Register(local), value) => {
                        state.insert(*local, value);
                    }
                    (_, Value::Number(number)) => {
                        lasting.insert(*place, number);
                    }
                    _ => {}
                }
            }
            Some(Application { relation, arguments })
        });
        if start.is_none() {
            // Pointer parameters are where they point; numbers are looked at here once, so that their first values last.
            for parameter in &encoder.function.params {
                match encoder.function.locals.get(parameter.index()).map(|l| l.storage) {
                    Some(Storage::Register(Ty::Int(bits))) if bits > 1 => {
                        let signed = numbers.is_signed(*parameter);
                        let value = numbers.number(&mut state, &Expr::Local(*parameter), signed);
                        lasting.insert(Place::Entry(*parameter), value);
                    }
                    Some(Storage::Register(Ty::Ptr)) => {
                        state.insert(*parameter, Value::Offset(Linear::default()));
                    }
                    _ => {}
                }
            }
        }
        Region {
            encoder,
            numbers,
            body,
            start: state,
            lasting,
        }
    }

    /// `None` where it grows too large.
    fn run(mut self, first: BlockId, rules: &mut Vec<Rule>, errors: &mut Vec<Rule>) -> Option<()> {
        let encoder = self.encoder;
        let mut waiting: HashMap<BlockId, Vec<Incoming>> = HashMap::default();
        waiting.insert(
            first,
            vec![Incoming {
                guard: Formula::Constant(true),
                state: std::mem::take(&mut self.start),
                lasting: std::mem::take(&mut self.lasting),
            }],
        );
        let from = encoder.cfg.position(first)?;
        for block in encoder.cfg.reverse_postorder().iter().skip(from) {
            let Some(incoming) = waiting.remove(block) else {
                continue;
            };
            let Some(code) = encoder.function.blocks().get(block.index()) else {
                continue;
            };
            let mut here = self.merged(*block, incoming);
            for (number, statement) in code.statements.iter().enumerate() {
                self.statement(*block, number as u32, statement, &mut here, errors);
            }
            if self.numbers.variables.len() > MOST_VARIABLES {
                return None;
            }
            for (target, condition) in self.edges(*block, code, &mut here.state) {
                let guard = all(vec![here.guard.clone(), condition]);
                if guard == Formula::Constant(false) {
                    continue;
                }
                let header = encoder.headers.iter().position(|h| h.block == target);
                if let Some(relation) = header {
                    let head = self.applied(relation, &mut here);
                    rules.push(self.rule(guard, head));
                } else {
                    waiting.entry(target).or_default().push(Incoming {
                        guard: self.numbers.named(guard),
                        state: here.state.clone(),
                        lasting: here.lasting.clone(),
                    });
                }
            }
        }
        Some(())
    }

    /// What holds so far, and the guard.
    fn rule(&self, guard: Formula, head: Option<Application>) -> Rule {
        let mut condition = self.numbers.facts.clone();
        condition.push(guard);
        Rule {
            variables: self.numbers.variables.clone(),
            body: self.body.clone(),
            condition: all(condition),
            head,
        }
    }

    fn applied(&mut self, relation: usize, here: &mut Incoming) -> Option<Application> {
        let header = self.encoder.headers.get(relation)?;
        let mut arguments = Vec::new();
        for (place, kind) in &header.places {
            arguments.push(match (kind, place) {
                (Kind::Truth, Place::Register(local)) => {
                    Argument::Truth(self.numbers.truth(&mut here.state, &Expr::Local(*local)))
                }
                (Kind::Number, Place::Register(local)) => {
                    let expr = Expr::Local(*local);
                    let root = self.encoder.addresses.roots.contains_key(local);
                    Argument::Number(if root {
                        match self.numbers.address(&mut here.state, &expr) {
                            Some((_, offset)) => offset,
                            None => self.numbers.free(),
                        }
                    } else {
                        let signed = self.numbers.is_signed(*local);
                        self.numbers.number(&mut here.state, &expr, signed)
                    })
                }
                (_, place) => Argument::Number(self.lasting(*place, here)),
            });
        }
        Some(Application { relation, arguments })
    }

    fn lasting(&mut self, place: Place, here: &mut Incoming) -> Linear {
        if let Some(value) = here.lasting.get(&place) {
            return value.clone();
        }
        let value = self.numbers.free();
        self.numbers.fact(at_most(&Linear::default(), &value));
        here.lasting.insert(place, value.clone());
        value
    }

    /// One state for all that come to a block.
    fn merged(&mut self, block: BlockId, mut incoming: Vec<Incoming>) -> Incoming {
        if incoming.len() == 1 {
            return incoming.remove(0);
        }
        let guards: Vec<Formula> = incoming.iter().map(|i| i.guard.clone()).collect();
        let guard = self.numbers.named(any(guards.clone()));
        let mut state = State::default();
        let live = self.encoder.live.get(block.index());
        let first = incoming.first().map(|i| i.state.clone()).unwrap_or_default();
        let mut locals: Vec<LocalId> = first.keys().copied().collect();
        locals.sort_unstable();
        for local in locals
            .into_iter()
            .filter(|l| live.is_none_or(|s| s.contains(&l.0)))
        {
            let values: Option<Vec<Value>> = incoming.iter().map(|i| i.state.get(&local).cloned()).collect();
            if let Some(value) = values.and_then(|v| self.merged_value(&guards, &v)) {
                state.insert(local, value);
            }
        }
        let mut lasting = BTreeMap::new();
        let places: Vec<Place> = incoming
            .first()
            .map_or_else(Vec::new, |i| i.lasting.keys().copied().collect());
        for place in places {
            let values: Option<Vec<Value>> = incoming
                .iter()
                .map(|i| i.lasting.get(&place).cloned().map(Value::Number))
                .collect();
            if let Some(Value::Number(value)) = values.and_then(|v| self.merged_value(&guards, &v)) {
                lasting.insert(place, value);
            }
        }
        Incoming {
            guard,
            state,
            lasting,
        }
    }

    fn merged_value(&mut self, guards: &[Formula], values: &[Value]) -> Option<Value> {
        let first = values.first()?;
        if values.iter().all(|v| v == first) {
            return Some(first.clone());
        }
        let offset = matches!(first, Value::Offset(_));
        match first {
            Value::Truth(_) => {
                let merged = self.numbers.free_truth();
                for (guard, value) in guards.iter().zip(values) {
                    let Value::Truth(value) = value else { return None };
                    let value = self.numbers.named(value.clone());
                    let same = all(vec![
                        implies(&merged, value.clone()),
                        implies(&value, merged.clone()),
                    ]);
                    self.numbers.fact(implies(guard, same));
                }
                Some(Value::Truth(merged))
            }
            Value::Number(_) | Value::Offset(_) => {
                let merged = self.numbers.free();
                for (guard, value) in guards.iter().zip(values) {
                    let (Value::Number(value) | Value::Offset(value)) = value else {
                        return None;
                    };
                    self.numbers.fact(implies(guard, equal(&merged, value)));
                }
                Some(if offset {
                    Value::Offset(merged)
                } else {
                    Value::Number(merged)
                })
            }
        }
    }

    fn statement(
        &mut self,
        block: BlockId,
        number: u32,
        statement: &Stmt,
        here: &mut Incoming,
        errors: &mut Vec<Rule>,
    ) {
        match &statement.kind {
            StmtKind::Assign { dst, value } => self.assign(*dst, value, here),
            StmtKind::Assume(condition) => {
                let holds = self.numbers.truth(&mut here.state, condition);
                self.numbers.fact(implies(&here.guard, holds));
            }
            StmtKind::Check(id) => self.check(*id, here, errors),
            StmtKind::ObjectSize { dst, ptr } => {
                let rest = self
                    .numbers
                    .address(&mut here.state, ptr)
                    .and_then(|(root, offset)| self.extent(root, here)?.plus_scaled(-1, &offset));
                self.forget(*dst, here);
                if let Some(rest) = rest {
                    here.state.insert(*dst, Value::Number(rest));
                }
            }
            other => {
                let size = match other {
                    StmtKind::Alloc { size, .. } => Some(self.numbers.number(&mut here.state, size, false)),
                    _ => None,
                };
                let Some(dst) = defined(other) else { return };
                self.forget(dst, here);
                let root = Root::Statement(block, number);
                if self.encoder.addresses.roots.get(&dst) == Some(&root) {
                    here.state.insert(dst, Value::Offset(Linear::default()));
                    if let Some(size) = size {
                        here.lasting.insert(Place::Extent(root), size);
                    }
                }
            }
        }
    }

    fn forget(&mut self, local: LocalId, here: &mut Incoming) {
        here.state.remove(&local);
    }

    fn assign(&mut self, dst: LocalId, value: &Expr, here: &mut Incoming) {
        let storage = self.encoder.function.locals.get(dst.index()).map(|l| l.storage);
        let new = match storage {
            Some(Storage::Register(Ty::Int(1))) => {
                let truth = self.numbers.truth(&mut here.state, value);
                Some(Value::Truth(self.numbers.named(truth)))
            }
            Some(Storage::Register(Ty::Int(_))) => {
                let signed = self.numbers.is_signed(dst);
                Some(Value::Number(self.numbers.number(&mut here.state, value, signed)))
            }
            Some(Storage::Register(Ty::Ptr)) => {
                let known = self.encoder.addresses.roots.get(&dst);
                let address = self.numbers.address(&mut here.state, value);
                address
                    .filter(|(root, _)| Some(root) == known)
                    .map(|(_, offset)| Value::Offset(offset))
            }
            _ => None,
        };
        self.forget(dst, here);
        if let Some(new) = new {
            here.state.insert(dst, new);
        }
    }

    fn check(&mut self, id: ObligationId, here: &mut Incoming, errors: &mut Vec<Rule>) {
        let Some(obligation) = self.encoder.function.obligations.get(id.index()) else {
            return;
        };
        let (asked, assumed) = (self.encoder.checks.contains(&id), (self.encoder.assumed)(id));
        if !asked && !assumed {
            return;
        }
        let Some(holds) = self.condition(&obligation.condition, here) else {
            return;
        };
        if asked {
            let violated = all(vec![here.guard.clone(), holds.clone().negated()]);
            errors.push(self.rule(violated, None));
        }
        self.numbers.fact(implies(&here.guard, holds));
    }

    /// What a check demands, where it speaks of registers, offsets and sizes only.
    fn condition(&mut self, condition: &Condition, here: &mut Incoming) -> Option<Formula> {
        let zero = Linear::default();
        match condition {
            Condition::Holds(expr) => Some(self.numbers.truth(&mut here.state, expr)),
            Condition::NoOverflow { op, signed, lhs, rhs } => {
                let bits = self.numbers.bits(lhs);
                let a = self.numbers.number(&mut here.state, lhs, *signed);
                let b = self.numbers.number(&mut here.state, rhs, *signed);
                let exact = match op {
                    Arithmetic::Add => a.plus_scaled(1, &b)?,
                    Arithmetic::Sub | Arithmetic::Neg => a.plus_scaled(-1, &b)?,
                    Arithmetic::Mul => match (a.as_constant(), b.as_constant()) {
                        (Some(factor), _) => b.scaled(factor)?,
                        (None, Some(factor)) => a.scaled(factor)?,
                        (None, None) => return None,
                    },
                    Arithmetic::Div | Arithmetic::Shl => return None,
                };
                Some(within(&exact, bits, *signed))
            }
            Condition::Lossless {
                value,
                value_signed,
                bits,
                signed,
            } => {
                let value = self.numbers.number(&mut here.state, value, *value_signed);
                Some(within(&value, *bits, *signed))
            }
            Condition::ValidAccess { ptr, size, .. } => {
                let (root, offset) = self.numbers.address(&mut here.state, ptr)?;
                let size = self.numbers.number(&mut here.state, size, false);
                let extent = self.extent(root, here)?;
                let end = offset.plus_scaled(1, &size)?;
                let inside = all(vec![at_most(&zero, &offset), at_most(&end, &extent)]);
                Some(any(vec![equal(&size, &zero), inside]))
            }
            Condition::Unreachable => Some(Formula::Constant(false)),
            _ => None,
        }
    }

    /// Bytes from a root to the end of its object.
    fn extent(&mut self, root: Root, here: &mut Incoming) -> Option<Linear> {
        match self.encoder.addresses.extents.get(&root)? {
            Extent::Bytes(size) => Some(Linear::constant(i128::from(*size))),
            Extent::Counted { count, size } => {
                let count = self.lasting(Place::Entry(*count), here);
                count.scaled(i128::from(*size))
            }
            Extent::Allocated => Some(self.lasting(Place::Extent(root), here)),
        }
    }

    /// Where a block leads, and when.
    fn edges(&mut self, block: BlockId, code: &Block, state: &mut State) -> Vec<(BlockId, Formula)> {
        let condition = match &code.terminator {
            Terminator::Branch { condition, .. } => {
                let truth = self.numbers.truth(state, condition);
                Some(self.numbers.named(truth))
            }
            _ => None,
        };
        let cases = match &code.terminator {
            Terminator::Switch { value, cases, .. } if cases.len() <= MOST_CASES => {
                let value = self.numbers.number(state, value, false);
                let inside = |low: u128, high: u128| {
                    let bound = |b: u128| i128::try_from(b).ok().map(Linear::constant);
                    let (Some(low), Some(high)) = (bound(low), bound(high)) else {
                        return Formula::Constant(false);
                    };
                    all(vec![at_most(&low, &value), at_most(&value, &high)])
                };
                cases.iter().map(|c| inside(c.low, c.high)).collect()
            }
            _ => Vec::new(),
        };
        let mut found = Vec::new();
        for (target, kind) in self.encoder.cfg.successors(block) {
            let when = match (kind, &condition) {
                (EdgeKind::Then, Some(condition)) => condition.clone(),
                (EdgeKind::Otherwise, Some(condition)) => condition.clone().negated(),
                (EdgeKind::Case(number), _) => cases.get(*number).cloned().unwrap_or(Formula::Constant(true)),
                (EdgeKind::Default, _) => all(cases.iter().cloned().map(Formula::negated).collect()),
                _ => Formula::Constant(true),
            };
            found.push((*target, when));
        }
        found
    }
}

fn within(value: &Linear, bits: u32, signed: bool) -> Formula {
    let (low, high) = bounds(bits, signed);
    all(vec![
        at_most(&Linear::constant(low), value),
        at_most(value, &Linear::constant(high)),
    ])
}
