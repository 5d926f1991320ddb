//! Which pointers the program compares with null: those may be null.
//!
//! A parameter, where its function compares it or a copy. A pointer in memory, where what was loaded is compared: of members
//! the text of the program tells ([`tested_members`]); elements of arrays, globals and whatever else memory holds are found
//! while it is executed ([`Engine::find_null_tests`]), which then starts again.

use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::HashSet;

use vf_ir::{
    CType, Callee, CompareOp, Expr, FunctionId, LocalId, Program, RecordId, StmtKind, Storage, Terminator, Ty,
};

use super::exec::Frame;
use super::registers::registers_of;
use super::state::State;
use super::value::{Object, ObjectId, ObjectKey, Pointer};
use super::{Engine, Stop};

/// Parameters of a function that it compares with null, directly or through a copy.
pub(super) fn null_tested(program: &vf_ir::Program, entry: FunctionId) -> HashSet<LocalId> {
    let function = program.function(entry);
    let mut copies: Vec<(LocalId, LocalId)> = Vec::new();
    let mut tested: HashSet<u32> = HashSet::default();
    let mut look = |expr: &Expr| {
        find_null_tests(expr, &mut |local| {
            tested.insert(local);
        })
    };
    for block in function.blocks() {
        for statement in &block.statements {
            if let StmtKind::Assign { dst, value } = &statement.kind {
                registers_of(value, &mut |from| copies.push((*dst, LocalId(from))));
            }
            super::registers::visit_expressions(&statement.kind, function, &mut |e| {
                if !matches!(statement.kind, StmtKind::Check(_)) {
                    look(e);
                }
            });
        }
        match &block.terminator {
            vf_ir::Terminator::Branch { condition, .. } => look(condition),
            vf_ir::Terminator::Return(Some(value)) => look(value),
            _ => {}
        }
    }
    let mut changed = true;
    while changed {
        changed = false;
        for (to, from) in &copies {
            let pointer = |l: &LocalId| {
                matches!(
                    function.locals.get(l.index()).map(|l| l.storage),
                    Some(Storage::Register(Ty::Ptr))
                )
            };
            if tested.contains(&to.0) && pointer(to) && pointer(from) {
                changed |= tested.insert(from.0);
            }
        }
    }
    function
        .params
        .iter()
        .copied()
        .filter(|p| tested.contains(&p.0))
        .collect()
}

fn find_null_tests(expr: &Expr, found: &mut impl FnMut(u32)) {
    match expr {
        Expr::PtrCompare { lhs, rhs, .. } => match (&**lhs, &**rhs) {
            (Expr::Local(local), Expr::Null) | (Expr::Null, Expr::Local(local)) => found(local.0),
            _ => {}
        },
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } => find_null_tests(arg, found),
        Expr::Binary { lhs, rhs, .. } | Expr::Compare { lhs, rhs, .. } => {
            find_null_tests(lhs, found);
            find_null_tests(rhs, found);
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            find_null_tests(condition, found);
            find_null_tests(then, found);
            find_null_tests(otherwise, found);
        }
        _ => {}
    }
}

/// (record, offset) of members.
pub type TestedMembers = BTreeSet<(RecordId, u64)>;

/// Where pointers lie that an execution found to be compared with null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NullTested {
    Member(RecordId, u64),
    /// Elements of an array of pointers, or a variable.
    In(ObjectId),
}

/// Registers that hold what was loaded from memory: by a load, as a copy, or as the result of a function that returns one.
pub type Loaded = BTreeMap<FunctionId, HashSet<LocalId>>;

/// The [`Loaded`] registers of pointers.
pub fn loaded_pointers(program: &Program) -> Loaded {
    let mut loaded = Loaded::new();
    let mut returning: HashSet<FunctionId> = HashSet::default();
    // A function returns what another one does: as often as that teaches something.
    loop {
        let known = returning.len();
        for id in (0..program.functions.len() as u32).map(FunctionId) {
            let function = program.function(id);
            let mut found = loaded.remove(&id).unwrap_or_default();
            let holds = |found: &HashSet<LocalId>, expr: &Expr| {
                let mut holds = false;
                registers_of(expr, &mut |l| holds |= found.contains(&LocalId(l)));
                holds
            };
            let pointer = |l: LocalId| {
                let storage = function.locals.get(l.index()).map(|l| l.storage);
                matches!(storage, Some(Storage::Register(Ty::Ptr)))
            };
            loop {
                let before = found.len();
                for statement in function.blocks().iter().flat_map(|b| &b.statements) {
                    let dst = match &statement.kind {
                        StmtKind::Load { dst, .. } => Some(*dst),
                        StmtKind::Assign { dst, value } => holds(&found, value).then_some(*dst),
                        StmtKind::Call {
                            dst,
                            callee: Callee::Direct(callee),
                            ..
                        } => dst.filter(|_| returning.contains(callee)),
                        _ => None,
                    };
                    found.extend(dst.filter(|dst| pointer(*dst)));
                }
                if found.len() == before {
                    break;
                }
            }
            let returned = function.blocks().iter().any(|block| match &block.terminator {
                Terminator::Return(Some(value)) => holds(&found, value),
                _ => false,
            });
            if returned {
                returning.insert(id);
            }
            loaded.insert(id, found);
        }
        if returning.len() == known {
            return loaded;
        }
    }
}

impl Engine<'_> {
    /// Whether the entry function (or what it inlines) compares with null a pointer loaded from here.
    pub(super) fn reads_tested(&self, id: ObjectId, object: &Object, at: u64) -> bool {
        let place = self.place_of_pointer(id, object, at);
        let known = match place {
            NullTested::Member(record, offset) => self.settings.tested_members.contains(&(record, offset)),
            NullTested::In(_) => false,
        };
        known || self.learned.null_tested.contains(&place)
    }

    /// The innermost member at an offset of an object, of a member that is an array its first element.
    fn place_of_pointer(&self, id: ObjectId, object: &Object, at: u64) -> NullTested {
        let (records, model) = (&self.program.records, self.program.model);
        let mut place = NullTested::In(id);
        let mut ty = object.element.as_ref();
        let mut rest = at;
        if let Some(size) = ty.and_then(|ty| ty.size(records, model)).filter(|size| *size > 0) {
            rest %= size;
        }
        loop {
            ty = match ty {
                Some(CType::Record(record)) => {
                    let fields = records.get(record.0 as usize).map_or(&[][..], |r| &r.fields);
                    let holds = |f: &&vf_ir::Field| {
                        let size = f.ty.size(records, model).unwrap_or(0).max(1);
                        f.offset <= rest && rest - f.offset < size
                    };
                    let is_pointer = |f: &&vf_ir::Field| matches!(f.ty, CType::Pointer { .. });
                    let Some(field) = fields.iter().filter(holds).max_by_key(is_pointer) else {
                        return place;
                    };
                    place = NullTested::Member(*record, field.offset);
                    rest -= field.offset;
                    Some(&field.ty)
                }
                Some(CType::Array { element, .. }) => {
                    match element.size(records, model).filter(|size| *size > 0) {
                        Some(size) => rest %= size,
                        None => return place,
                    }
                    Some(&**element)
                }
                _ => return place,
            };
        }
    }

    /// Looks for pointers that were loaded and are compared with null: they may be null, and where that is news the execution
    /// starts again when it is through.
    ///
    /// # Errors
    /// Those of reading what is compared.
    pub(super) fn find_null_tests(&mut self, frame: &Frame, state: &State, expr: &Expr) -> Result<(), Stop> {
        if self.settings.entry_mode != crate::Entry::Each {
            return Ok(());
        }
        let mut compared: Vec<(&Expr, &Expr)> = Vec::new();
        find_comparisons(expr, &mut compared);
        for (lhs, rhs) in compared {
            for (tested, other) in [(lhs, rhs), (rhs, lhs)] {
                let Expr::Local(local) = tested else { continue };
                let loaded = self.settings.loaded.get(&frame.function);
                if !loaded.is_some_and(|loaded| loaded.contains(local)) {
                    continue;
                }
                let null = match other {
                    Expr::Null => true,
                    Expr::Int { value, .. } => *value == 0,
                    Expr::Local(_) => {
                        let other = self.pointer(frame, state, other)?;
                        self.terms.is_true(self.is_null(&other))
                    }
                    _ => false,
                };
                if null {
                    let tested = self.pointer(frame, state, tested)?;
                    self.is_null_tested(&tested);
                }
            }
        }
        Ok(())
    }

    fn is_null_tested(&mut self, pointer: &Pointer) {
        let mut places: Vec<(ObjectId, u64)> = Vec::new();
        for target in pointer.targets.iter() {
            if let Some(ObjectKey::Reached(host, at, _)) = self.objects.get(target).map(|o| &o.key) {
                places.push((*host, *at));
            }
        }
        // What lies at an unknown place of an array of pointers is an element of it.
        if let Some(host) = self.elements_anywhere.get(&pointer.offset)
            && let Some(CType::Pointer { .. }) = self.objects.get(host).and_then(|o| o.element.as_ref())
        {
            places.push((*host, 0));
        }
        for (host, at) in places {
            let Some(object) = self.objects.get(&host) else {
                continue;
            };
            if !self.reads_tested(host, object, at) {
                let place = self.place_of_pointer(host, object, at);
                self.learned.null_tested.insert(place);
                self.found_null_tests = true;
            }
        }
    }
}

/// What an expression compares: pointers, and addresses as numbers, the converted pointer before the number.
fn find_comparisons<'e>(expr: &'e Expr, found: &mut Vec<(&'e Expr, &'e Expr)>) {
    match expr {
        Expr::PtrCompare {
            op: CompareOp::Equal | CompareOp::NotEqual,
            lhs,
            rhs,
        } => found.push((lhs, rhs)),
        Expr::Compare {
            op: CompareOp::Equal | CompareOp::NotEqual,
            lhs,
            rhs,
        } => match (&**lhs, &**rhs) {
            (Expr::PtrToInt(pointer), number @ Expr::Int { .. })
            | (number @ Expr::Int { .. }, Expr::PtrToInt(pointer)) => found.push((pointer, number)),
            _ => {}
        },
        _ => {}
    }
    for part in vf_absint::expression::children(expr) {
        find_comparisons(part, found);
    }
}

/// Members whose loaded pointers are compared with null somewhere in the program.
pub fn tested_members(program: &vf_ir::Program) -> TestedMembers {
    let mut members = TestedMembers::new();
    for index in 0..program.functions.len() {
        let function = &program.functions[index];
        let mut tested: HashSet<u32> = HashSet::default();
        let mut copies: Vec<(u32, u32)> = Vec::new();
        for block in function.blocks() {
            for statement in &block.statements {
                if let StmtKind::Assign {
                    dst,
                    value: Expr::Local(from),
                } = &statement.kind
                {
                    copies.push((dst.0, from.0));
                }
                if !matches!(statement.kind, StmtKind::Check(_)) {
                    super::registers::visit_expressions(&statement.kind, function, &mut |e| {
                        find_null_tests(e, &mut |l| {
                            tested.insert(l);
                        });
                    });
                }
            }
            if let vf_ir::Terminator::Branch { condition, .. } = &block.terminator {
                find_null_tests(condition, &mut |l| {
                    tested.insert(l);
                });
            }
        }
        for _ in 0..4 {
            for (to, from) in &copies {
                if tested.contains(to) {
                    tested.insert(*from);
                }
            }
        }
        for block in function.blocks() {
            for statement in &block.statements {
                if let StmtKind::Load {
                    dst,
                    ptr: Expr::Member { record, field, .. },
                    ..
                } = &statement.kind
                    && tested.contains(&dst.0)
                {
                    let offset = program
                        .records
                        .get(record.0 as usize)
                        .and_then(|r| r.fields.get(*field as usize));
                    if let Some(field) = offset {
                        members.insert((*record, field.offset));
                    }
                }
            }
        }
    }
    members
}
