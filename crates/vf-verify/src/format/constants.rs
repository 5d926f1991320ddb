//! Strings that are the same on every execution.

use std::collections::BTreeMap;

use vf_ir::{Expr, Function, Global, InitValue, Initial, LocalId, StmtKind};

use super::build::constant;

/// Registers that hold one and the same value wherever they are initialised: assigned once, from an
/// expression without registers. Parameters are assigned by the caller.
pub(super) fn constant_registers(function: &Function) -> BTreeMap<LocalId, Expr> {
    let mut seen: BTreeMap<LocalId, Option<Expr>> = function.params.iter().map(|p| (*p, None)).collect();
    for statement in function.blocks().iter().flat_map(|b| &b.statements) {
        let (dst, value) = match &statement.kind {
            StmtKind::Assign { dst, value } => (*dst, Some(value)),
            StmtKind::Havoc { dst, .. }
            | StmtKind::Load { dst, .. }
            | StmtKind::Alloc { dst, .. }
            | StmtKind::StringLength { dst, .. }
            | StmtKind::ObjectSize { dst, .. }
            | StmtKind::Call { dst: Some(dst), .. } => (*dst, None),
            _ => continue,
        };
        let value = value
            .filter(|v| matches!(v, Expr::GlobalAddress(_)) && !seen.contains_key(&dst))
            .cloned();
        seen.insert(dst, value);
    }
    seen.into_iter()
        .filter_map(|(local, value)| Some((local, value?)))
        .collect()
}

/// Length of the constant string that the expression points to, if both ends of a choice have the same too.
pub(super) fn constant_length(
    expr: &Expr,
    unit: u64,
    globals: &[Global],
    constants: &BTreeMap<LocalId, Expr>,
) -> Option<u64> {
    if let Expr::Select { then, otherwise, .. } = expr {
        let length = constant_length(then, unit, globals, constants)?;
        return (constant_length(otherwise, unit, globals, constants)? == length).then_some(length);
    }
    constant_string(expr, unit, globals, constants).map(|s| s.len() as u64)
}

/// The characters of `unit` bytes before the terminator of the constant string that the expression points to.
pub(super) fn constant_string(
    expr: &Expr,
    unit: u64,
    globals: &[Global],
    constants: &BTreeMap<LocalId, Expr>,
) -> Option<Vec<u8>> {
    let (global, offset) = match expr {
        Expr::GlobalAddress(global) => (*global, 0),
        Expr::Local(local) => match constants.get(local)? {
            Expr::GlobalAddress(global) => (*global, 0),
            _ => return None,
        },
        Expr::PtrAdd { ptr, index, scale } => match (&**ptr, constant(index)) {
            (Expr::GlobalAddress(global), Some(index)) => (
                *global,
                usize::try_from(index)
                    .ok()?
                    .checked_mul(usize::try_from(*scale).ok()?)?,
            ),
            _ => return None,
        },
        _ => return None,
    };
    let global = globals.get(global.index()).filter(|g| g.constant)?;
    let Initial::Known(items) = &global.init else {
        return None;
    };
    let size = usize::try_from(global.size?).ok().filter(|s| *s <= 1 << 20)?;
    let mut bytes = vec![0; size];
    for item in items {
        let start = usize::try_from(item.offset).ok()?;
        let data: Vec<u8> = match &item.value {
            InitValue::Bytes(data) => data.clone(),
            InitValue::Int { bits, value } => value
                .to_le_bytes()
                .into_iter()
                .take(usize::try_from(bits.div_ceil(8)).ok()?)
                .collect(),
            InitValue::GlobalAddress { .. } | InitValue::FunctionAddress(_) | InitValue::Unknown { .. } => {
                return None;
            }
        };
        bytes
            .get_mut(start..start.checked_add(data.len())?)?
            .copy_from_slice(&data);
    }
    let text = bytes.get(offset..)?;
    let unit = usize::try_from(unit).ok()?;
    let characters = text.chunks_exact(unit).map(|cell| match cell {
        [byte] => *byte,
        [low, high @ ..] if low.is_ascii() && high.iter().all(|b| *b == 0) => *low,
        _ => 0x80,
    });
    let text: Vec<u8> = characters.collect();
    let end = text.iter().position(|b| *b == 0)?;
    Some(text[..end].to_vec())
}
