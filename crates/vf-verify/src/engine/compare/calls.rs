//! Calls that the outside sees, or whose results are not computed here.

use std::collections::BTreeSet;
use vf_ir::{FunctionId, Program, StmtKind};
use vf_smt::Term;

use super::super::state::{Contents, Edge, Memory};
use super::super::value::{ObjectId, Value};
use super::super::{Engine, Stop};
use super::{Compared, Seen, Sees, Side};

impl Engine<'_> {
    /// A call that the outside sees, or whose result is only known to be a function of what it is given.
    pub(in crate::engine) fn see_call(
        &mut self,
        edge: &Edge,
        name: &str,
        arguments: &[Value],
        sees: Sees,
    ) -> Result<(), Stop> {
        let Some(comparison) = &mut self.comparison else {
            return Ok(());
        };
        if self.terms.is_false(edge.guard) {
            return Ok(());
        }
        let here = comparison.here;
        let times = comparison.times.entry((here, name.to_owned())).or_default();
        *times += 1;
        let key = (here, name.to_owned(), *times);
        if comparison.side == Side::Old {
            comparison.places.insert(key, comparison.calls.len());
            comparison.calls.push(Seen {
                name: name.to_owned(),
                guard: edge.guard,
                arguments: arguments.to_vec(),
                memory: edge.state.memory.clone(),
                matched: None,
                sees,
            });
            return Ok(());
        }
        let observed = sees != Sees::Computed;
        let found = comparison.places.get(&key).copied();
        let t = self.terms;
        let Some(number) = found else {
            if observed {
                self.ask(Compared::AddedCall(name.to_owned()), edge.guard, t.bool(false));
            }
            return Ok(());
        };
        let old = &mut comparison.calls[number];
        old.matched = Some(edge.guard);
        let (guard, memory, given) = (old.guard, old.memory.clone(), old.arguments.clone());
        // Those of the old version that come later must not have been made already.
        let later: Vec<Term> = comparison
            .calls
            .iter()
            .skip(number + 1)
            .filter(|c| c.sees != Sees::Computed)
            .filter_map(|c| c.matched)
            .collect();
        if observed {
            for other in later {
                let together = t.and(edge.guard, other);
                self.ask(Compared::Call(name.to_owned()), together, t.bool(false));
            }
            self.ask(Compared::Call(name.to_owned()), edge.guard, guard);
        }
        let both = t.and(edge.guard, guard);
        let call = || Compared::Call(name.to_owned());
        if given.len() != arguments.len() {
            self.ask(call(), both, t.bool(false));
        }
        for (old, new) in given.iter().zip(arguments) {
            let same = self.equal(old, new);
            self.ask(call(), both, same);
        }
        for object in self.looked_at(&memory, &edge.state.memory, arguments, sees) {
            let (old, new) = (self.held(&memory, object), self.held(&edge.state.memory, object));
            let (open, same) = match (old, new) {
                (Some(old), Some(new)) => self.equal_contents(object, old.version, new.version)?,
                _ => (t.bool(true), t.bool(false)),
            };
            self.ask(call(), t.and(both, open), same);
            if observed {
                self.ask_size(object, both);
            }
        }
        Ok(())
    }

    pub(super) fn held(&self, memory: &Memory, object: ObjectId) -> Option<Contents> {
        memory.get(&object).or_else(|| self.initial.get(&object)).cloned()
    }

    fn looked_at(&self, old: &Memory, new: &Memory, arguments: &[Value], sees: Sees) -> BTreeSet<ObjectId> {
        let passed: BTreeSet<ObjectId> = arguments
            .iter()
            .filter_map(|value| match value {
                Value::Pointer(pointer) => Some(pointer.targets.iter().copied()),
                Value::Bits(_) => None,
            })
            .flatten()
            .collect();
        let ids: BTreeSet<ObjectId> = match sees {
            Sees::Everything => self
                .initial
                .keys()
                .chain(old.keys())
                .chain(new.keys())
                .copied()
                .collect(),
            Sees::Arguments | Sees::Computed => passed.clone(),
        };
        let seen = |id: &ObjectId| {
            let info = self.objects.get(id);
            info.is_some_and(|info| !info.constant && !info.summary)
                && info.is_some_and(|info| old.contains_key(id) || self.is_mentioned(&info.key, *id))
                && (passed.contains(id) || !self.is_private(*id, &passed))
                && (self.initial.contains_key(id) || old.contains_key(id) || new.contains_key(id))
        };
        ids.into_iter().filter(seen).collect()
    }
}

/// Whether a library model decides something itself: a number, or bytes, that it leaves open.
pub(in crate::engine) fn leaves_open(program: &Program, model: FunctionId) -> bool {
    let mut todo = vec![model];
    let mut seen = BTreeSet::from([model]);
    while let Some(id) = todo.pop() {
        let function = program.function(id);
        if function.blocks().is_empty() {
            return true;
        }
        for statement in function.blocks().iter().flat_map(|b| &b.statements) {
            match &statement.kind {
                StmtKind::Havoc { .. } | StmtKind::HavocMemory { .. } => return true,
                StmtKind::Load { volatile: true, .. } => return true,
                StmtKind::Call {
                    callee: vf_ir::Callee::Direct(next),
                    ..
                } => todo.extend(seen.insert(*next).then_some(*next)),
                StmtKind::Call { .. } => return true,
                _ => {}
            }
        }
    }
    false
}

/// Whether all that a library model says of a function is what it asks of its arguments: what the function is for lies outside.
pub(in crate::engine) fn does_nothing(program: &Program, model: FunctionId) -> bool {
    let function = program.function(model);
    function.blocks().iter().flat_map(|b| &b.statements).all(|s| {
        matches!(
            s.kind,
            StmtKind::Assign { .. }
                | StmtKind::Check(_)
                | StmtKind::Load { volatile: false, .. }
                | StmtKind::Assume(_)
                | StmtKind::ObjectSize { .. }
                | StmtKind::StringLength { .. }
        )
    }) && function.ret == vf_ir::CType::Void
}
