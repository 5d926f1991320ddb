//! Where pointer registers come from: offsets make sense where every assignment leads back to one object.

use std::collections::BTreeSet;
use vf_source::tables::HashMap;

use vf_ir::{BlockId, Expr, Function, FunctionId, GlobalId, LocalId, Program, StmtKind, Storage, Ty};

use crate::engine::{counted_parameters, defined};

/// What an offset counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// Where the parameter pointed when the function was entered.
    Parameter(LocalId),
    Local(LocalId),
    Global(GlobalId),
    /// What a statement yields: an allocation, a call, a load.
    Statement(BlockId, u32),
}

/// How many bytes lie ahead of a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Bytes(u64),
    /// So many times what the parameter was on entry.
    Counted {
        count: LocalId,
        size: u64,
    },
    /// What was asked of an allocation.
    Allocated,
}

pub struct Addresses {
    /// The one root of each pointer register that has one.
    pub roots: HashMap<LocalId, Root>,
    pub extents: HashMap<Root, Extent>,
    /// A register or address that keeps pointing to the root.
    pub anchors: HashMap<Root, Expr>,
}

impl Addresses {
    pub fn of(program: &Program, id: FunctionId) -> Addresses {
        let function = program.function(id);
        let mut found = Addresses {
            roots: roots(function),
            extents: HashMap::default(),
            anchors: HashMap::default(),
        };
        found.parameters(program, id);
        for (index, local) in function.locals.iter().enumerate() {
            let address = LocalId(index as u32);
            if local.storage == Storage::Memory {
                let root = Root::Local(address);
                found.anchors.insert(root, Expr::LocalAddress(address));
                if let Some(size) = local.ty.size(&program.records, program.model) {
                    found.extents.insert(root, Extent::Bytes(size));
                }
            }
        }
        for (index, global) in program.globals.iter().enumerate() {
            let address = GlobalId(index as u32);
            found
                .anchors
                .insert(Root::Global(address), Expr::GlobalAddress(address));
            if let Some(size) = global.size {
                found.extents.insert(Root::Global(address), Extent::Bytes(size));
            }
        }
        found.statements(function);
        found
    }

    /// Whether the register never leaves its root: its offset is zero wherever it has a value.
    pub fn stays(&self, local: LocalId) -> bool {
        let root = self.roots.get(&local);
        root.and_then(|r| self.anchors.get(r)) == Some(&Expr::Local(local))
    }

    fn parameters(&mut self, program: &Program, id: FunctionId) {
        let function = program.function(id);
        let counted = counted_parameters(program, id);
        for parameter in &function.params {
            let Some(local) = function.locals.get(parameter.index()) else {
                continue;
            };
            let root = Root::Parameter(*parameter);
            if writes(function, *parameter) == 0 {
                self.anchors.insert(root, Expr::Local(*parameter));
            }
            let vf_ir::CType::Pointer { to, .. } = &local.ty else {
                continue;
            };
            let size = to.size(&program.records, program.model);
            let extent = match counted.get(parameter) {
                Some(counted) => Some(Extent::Counted {
                    count: counted.count,
                    size: size.unwrap_or(1),
                }),
                None => size.map(Extent::Bytes),
            };
            if let Some(extent) = extent {
                self.extents.insert(root, extent);
            }
        }
    }

    fn statements(&mut self, function: &Function) {
        for (block, code) in function.blocks().iter().enumerate() {
            for (number, statement) in code.statements.iter().enumerate() {
                let root = Root::Statement(BlockId(block as u32), number as u32);
                if let StmtKind::Alloc { .. } = statement.kind {
                    self.extents.insert(root, Extent::Allocated);
                }
                if let Some(dst) = defined(&statement.kind)
                    && writes(function, dst) == 1
                    && !function.params.contains(&dst)
                {
                    self.anchors.insert(root, Expr::Local(dst));
                }
            }
        }
    }
}

/// Statements that write a register.
pub fn writes(function: &Function, local: LocalId) -> usize {
    let statements = function.blocks().iter().flat_map(|b| &b.statements);
    statements.filter(|s| defined(&s.kind) == Some(local)).count()
}

/// What an assignment copies from.
enum Source {
    Root(Root),
    Register(LocalId),
    Elsewhere,
}

fn source(value: &Expr) -> Source {
    match value {
        Expr::PtrAdd { ptr, .. } | Expr::Member { ptr, .. } => source(ptr),
        Expr::Local(local) => Source::Register(*local),
        Expr::LocalAddress(local) => Source::Root(Root::Local(*local)),
        Expr::GlobalAddress(global) => Source::Root(Root::Global(*global)),
        _ => Source::Elsewhere,
    }
}

/// Registers with exactly one root, by a fixpoint over the copies.
fn roots(function: &Function) -> HashMap<LocalId, Root> {
    let is_pointer = |l: LocalId| {
        let local = function.locals.get(l.index());
        local.is_some_and(|l| l.storage == Storage::Register(Ty::Ptr))
    };
    let mut of: HashMap<LocalId, BTreeSet<Root>> = HashMap::default();
    let mut copies: Vec<(LocalId, LocalId)> = Vec::new();
    let mut lost: BTreeSet<LocalId> = BTreeSet::new();
    for parameter in function.params.iter().filter(|p| is_pointer(**p)) {
        of.entry(*parameter)
            .or_default()
            .insert(Root::Parameter(*parameter));
    }
    for (block, code) in function.blocks().iter().enumerate() {
        for (number, statement) in code.statements.iter().enumerate() {
            let Some(dst) = defined(&statement.kind).filter(|l| is_pointer(*l)) else {
                continue;
            };
            let here = Root::Statement(BlockId(block as u32), number as u32);
            let from = match &statement.kind {
                // Null has no offset.
                StmtKind::Assign {
                    value: Expr::Null, ..
                } => continue,
                StmtKind::Assign { value, .. } => source(value),
                _ => Source::Root(here),
            };
            match from {
                Source::Root(root) => {
                    of.entry(dst).or_default().insert(root);
                }
                Source::Register(from) => copies.push((dst, from)),
                Source::Elsewhere => {
                    lost.insert(dst);
                }
            }
        }
    }
    loop {
        let mut more = false;
        for (to, from) in &copies {
            let roots = of.get(from).cloned().unwrap_or_default();
            let known = of.entry(*to).or_default();
            let before = known.len();
            known.extend(roots);
            more |= known.len() > before;
            more |= lost.contains(from) && lost.insert(*to);
        }
        if !more {
            break;
        }
    }
    of.into_iter()
        .filter(|(local, roots)| roots.len() == 1 && !lost.contains(local))
        .filter_map(|(local, roots)| Some((local, roots.into_iter().next()?)))
        .collect()
}
