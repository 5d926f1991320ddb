//! Places in memory as registers: where a function reads `p->len`, it reads a register of that name that forgets its value whenever
//! memory may have changed. What is known of registers is then known of these places.
//!
//! A register that stands for a place holds what a load from there would give now. It is forgotten at every statement that may write
//! memory, and where a register of its address changes; two places are told apart only where both lie in named objects.

use vf_source::tables::HashMap;

use vf_ir::{
    ArrayLen, CType, Expr, Function, HavocReason, Local, LocalId, Program, Stmt, StmtKind, Storage,
    Terminator, Ty,
};
use vf_source::Span;

use super::print;
use crate::analysis::written;
use crate::expression::{registers, size, substitute};

/// Addresses larger than this are no places worth telling.
const MAX_ADDRESS: usize = 9;
/// Places of a function, at most.
const MAX_CELLS: usize = 64;

struct Cell {
    address: Expr,
    ty: Ty,
    local: LocalId,
}

/// The function with its loads from named places read from registers.
pub fn with_cells(program: &Program, function: &Function) -> Function {
    let mut changed = function.clone();
    let mut cells: Vec<Cell> = Vec::new();
    let mut blocks: Vec<_> = function.blocks().to_vec();
    for block in &mut blocks {
        // Temporaries of this block that hold what a place holds still.
        let mut held: HashMap<LocalId, Expr> = HashMap::default();
        for statement in &mut block.statements {
            let mut now = None;
            if let StmtKind::Load {
                dst,
                ptr,
                ty,
                volatile: false,
            } = &statement.kind
                && let Some(local) = cell(program, &mut changed, &mut cells, &substitute(ptr, &held), *ty)
            {
                now = Some((*dst, Expr::Local(local)));
                statement.kind = StmtKind::Assign {
                    dst: *dst,
                    value: Expr::Local(local),
                };
            }
            if let Some(local) = written(&statement.kind) {
                let is_temporary = changed.locals.get(local.index()).is_some_and(|l| !l.user);
                if is_temporary {
                    held.remove(&local);
                } else {
                    held.clear();
                }
            }
            if writes_memory(&statement.kind) {
                held.clear();
            }
            held.extend(now);
        }
        // What a condition decides of a temporary, it decides of the place.
        if let Terminator::Branch { condition, .. } = &mut block.terminator {
            *condition = substitute(condition, &held);
        }
    }
    for block in &mut blocks {
        let mut statements = Vec::with_capacity(block.statements.len());
        for statement in block.statements.drain(..) {
            let (forgotten, stored) = effect(&cells, &statement.kind);
            statements.push(statement);
            let unseen = |kind| Stmt {
                kind,
                span: Span::NONE,
            };
            statements.extend(forgotten.into_iter().map(|dst| {
                unseen(StmtKind::Havoc {
                    dst,
                    why: HavocReason::Environment,
                })
            }));
            statements.extend(stored.map(|(dst, value)| unseen(StmtKind::Assign { dst, value })));
        }
        block.statements = statements;
    }
    changed.body = vf_ir::Body::Defined(blocks);
    changed
}

/// The register that stands for a place.
fn cell(
    program: &Program,
    function: &mut Function,
    cells: &mut Vec<Cell>,
    address: &Expr,
    ty: Ty,
) -> Option<LocalId> {
    if let Some(known) = cells.iter().find(|c| c.address == *address && c.ty == ty) {
        return Some(known.local);
    }
    let is_user = |local: &LocalId| function.locals.get(local.index()).is_some_and(|l| l.user);
    let fits =
        size(address) <= MAX_ADDRESS && cells.len() < MAX_CELLS && registers(address).iter().all(is_user);
    if !fits || matches!(ty, Ty::Float(_)) {
        return None;
    }
    let (name, place_type) = print::place(program, function, address)?;
    if place_type.scalar() != Some(ty) || place_type == CType::Bool {
        return None;
    }
    let local = LocalId(u32::try_from(function.locals.len()).ok()?);
    function.locals.push(Local {
        name,
        ty: place_type,
        storage: Storage::Register(ty),
        user: true,
        span: Span::NONE,
    });
    cells.push(Cell {
        address: address.clone(),
        ty,
        local,
    });
    Some(local)
}

fn writes_memory(kind: &StmtKind) -> bool {
    matches!(
        kind,
        StmtKind::Store { .. }
            | StmtKind::Copy { .. }
            | StmtKind::Fill { .. }
            | StmtKind::HavocMemory { .. }
            | StmtKind::Text { .. }
            | StmtKind::Call { .. }
            | StmtKind::Free { .. }
            | StmtKind::Alloc { .. }
            | StmtKind::ScopeStart(_)
            | StmtKind::ScopeEnd(_)
    )
}

/// Registers of places that a statement makes forget, and one that it gives a value to.
fn effect(cells: &[Cell], kind: &StmtKind) -> (Vec<LocalId>, Option<(LocalId, Expr)>) {
    // A write to a whole scalar object changes that object only.
    let own = match kind {
        StmtKind::Store {
            ptr: ptr @ (Expr::LocalAddress(_) | Expr::GlobalAddress(_)),
            ..
        } => Some(ptr),
        _ => None,
    };
    let memory = writes_memory(kind);
    let mut forgotten: Vec<LocalId> = Vec::new();
    let mut gone = written(kind).into_iter().collect::<Vec<_>>();
    // Addresses may name the registers of other places.
    loop {
        let next = cells.iter().find(|cell| {
            let by_address = registers(&cell.address).iter().any(|l| gone.contains(l));
            let apart = own.is_some_and(|own| root(&cell.address).is_some_and(|root| root != own));
            !forgotten.contains(&cell.local) && (by_address || memory && !apart)
        });
        let Some(cell) = next else { break };
        forgotten.push(cell.local);
        gone.push(cell.local);
    }
    let stored = match kind {
        StmtKind::Store {
            ptr,
            value,
            ty,
            volatile: false,
        } => cells
            .iter()
            .find(|c| c.address == *ptr && c.ty == *ty)
            .filter(|c| {
                !registers(&c.address)
                    .iter()
                    .any(|l| cells.iter().any(|c| c.local == *l))
            })
            // What the value is made of must not be forgotten by the same statement.
            .filter(|_| !registers(value).iter().any(|l| forgotten.contains(l)))
            .map(|c| (c.local, value.clone())),
        _ => None,
    };
    (forgotten, stored)
}

/// The named object that an address lies in.
fn root(address: &Expr) -> Option<&Expr> {
    match address {
        Expr::LocalAddress(_) | Expr::GlobalAddress(_) => Some(address),
        Expr::Member { ptr, .. } | Expr::PtrAdd { ptr, .. } => root(ptr),
        _ => None,
    }
}

/// Size in bytes of the elements that a pointer or an array leads to.
pub fn element(ty: &CType) -> Option<&CType> {
    match ty {
        CType::Pointer { to, .. } => Some(to),
        CType::Array {
            element,
            len: ArrayLen::Fixed(_) | ArrayLen::Unknown,
        } => Some(element),
        _ => None,
    }
}
