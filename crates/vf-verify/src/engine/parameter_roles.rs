//! What parameters look like to a reader of the prototype: which of them says how many elements another has.

use vf_source::tables::{HashMap, HashSet};

use vf_ir::{CType, Expr, FunctionId, Local, LocalId, Program, StmtKind};

use super::registers::{registers_of, visit_expressions};

/// The parameter that says how many elements a pointer parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub count: LocalId,
    /// The function steps through it. Otherwise it may be one object beside a number that has nothing to do with it.
    pub is_array: bool,
}

/// Pointer parameters of a function with the parameter that counts their elements.
pub fn counted_parameters(program: &Program, function: FunctionId) -> HashMap<LocalId, Counted> {
    let definition = program.function(function);
    let role_of = |id: &LocalId| {
        let local = definition.locals.get(id.index());
        local.map_or(Role::Other, |local| role(program, local))
    };
    let roles: Vec<Role> = definition.params.iter().map(role_of).collect();
    let stepped = stepped_through(program, function);
    let mut counted = HashMap::default();
    for (position, pointer) in definition.params.iter().enumerate() {
        let count = length_of(&roles, position).and_then(|at| definition.params.get(at));
        if let Some(count) = count.copied() {
            let is_array = stepped.contains(&pointer.0);
            counted.insert(*pointer, Counted { count, is_array });
        }
    }
    counted
}

/// Parameters to which, or to a copy of which, the function adds an index.
fn stepped_through(program: &Program, function: FunctionId) -> HashSet<u32> {
    let definition = program.function(function);
    let mut copies: Vec<(u32, u32)> = Vec::new();
    let mut stepped: HashSet<u32> = HashSet::default();
    for statement in definition.blocks().iter().flat_map(|b| &b.statements) {
        if let StmtKind::Assign {
            dst,
            value: Expr::Local(from),
        } = &statement.kind
        {
            copies.push((dst.0, from.0));
        }
        visit_expressions(&statement.kind, definition, &mut |e| bases_of(e, &mut stepped));
    }
    let mut before = 0;
    while stepped.len() > before {
        before = stepped.len();
        let more = copies
            .iter()
            .filter(|(to, _)| stepped.contains(to))
            .map(|(_, from)| *from);
        stepped.extend(more.collect::<Vec<_>>());
    }
    stepped
}

/// Registers that an address computation starts from.
fn bases_of(expr: &Expr, found: &mut HashSet<u32>) {
    match expr {
        Expr::PtrAdd { ptr, .. } => registers_of(ptr, &mut |local| {
            found.insert(local);
        }),
        Expr::Member { ptr, .. } => bases_of(ptr, found),
        _ => {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Pointer to bytes, integers or pointers, of this size: a buffer.
    Buffer(u64),
    /// Pointer to a record: one object, unless a count follows it directly.
    Record,
    /// An integer whose name says how many elements or bytes.
    Count,
    /// An integer whose name says a length, likely in bytes.
    Length,
    Other,
}

fn role(program: &Program, local: &Local) -> Role {
    match &local.ty {
        CType::Pointer { to, .. } => match &**to {
            CType::Record(_) => Role::Record,
            CType::Function(_) => Role::Other,
            other => Role::Buffer(other.size(&program.records, program.model).unwrap_or(1)),
        },
        CType::Int { bits, .. } if *bits >= 8 => role_of_name(&local.name.to_ascii_lowercase()),
        _ => Role::Other,
    }
}

fn role_of_name(name: &str) -> Role {
    let word =
        |w: &&str| name == *w || name.ends_with(&format!("_{w}")) || name.starts_with(&format!("{w}_"));
    let ends = |w: &&str| name.ends_with(w);
    let counts = [
        "n", "count", "cnt", "num", "nr", "nmemb", "nelem", "nelems", "elems",
    ];
    let lengths = [
        "len", "length", "size", "sz", "bytes", "nbytes", "bufsize", "buflen", "avail", "max", "capacity",
        "cap", "room", "space", "limit",
    ];
    if counts.iter().any(word) || ends(&"count") {
        Role::Count
    } else if lengths.iter().any(word) || ["len", "length", "size"].iter().any(ends) {
        Role::Length
    } else {
        Role::Other
    }
}

/// The parameter that says how many elements a pointer parameter has: the count or length directly after it, or
/// after a run of buffers of such elements that it is one of (`memcpy(dst, src, n)`), or a count directly before it.
fn length_of(roles: &[Role], pointer: usize) -> Option<usize> {
    let own = *roles.get(pointer)?;
    let is_buffer = matches!(own, Role::Buffer(_));
    let says = |role: Role| match own {
        Role::Buffer(_) => matches!(role, Role::Count | Role::Length),
        Role::Record => role == Role::Count,
        _ => false,
    };
    let mut next = pointer + 1;
    while is_buffer && roles.get(next) == Some(&own) {
        next += 1;
    }
    if roles.get(next).is_some_and(|r| says(*r)) {
        return Some(next);
    }
    let before = pointer.checked_sub(1)?;
    (roles[before] == Role::Count && says(roles[before])).then_some(before)
}
