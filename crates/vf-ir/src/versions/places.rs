//! Which statement, block and local of a function's new version is which of its old one.
//!
//! Both bodies are written down as sequences of elements (statements and ends of blocks, in the order of the source) and
//! compared as a line-wise `diff` compares texts (Myers, *An O(ND) difference algorithm and its variations*, 1986). Elements in
//! the same hunk that do the same thing with other operands are matched too: they were rewritten.

use std::collections::BTreeMap;
use vf_source::tables::{HashMap, HashSet};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::rename::{each_of_terminator, rename_in, rename_locals};
use crate::cfg::Cfg;
use crate::program::{BlockId, Callee, Function, LocalId, Program, StmtKind, Storage, Terminator};

/// Added to numbers of what only the new version has: none of the old one's reach this far.
const NEW: u32 = 1 << 24;
/// The place of a block's end among its statements.
pub const END: u32 = u32::MAX;

/// A function's new version in the numbers of its old one. What has no counterpart has a number that the old one does not use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    blocks: Vec<u32>,
    locals: Vec<u32>,
    statements: HashMap<(u32, u32), (u32, u32)>,
    /// What was changed, added or taken away, with [`END`] for the end of a block.
    changed_old: HashSet<(u32, u32)>,
    changed_new: HashSet<(u32, u32)>,
}

impl Places {
    pub fn block(&self, block: BlockId) -> u32 {
        self.blocks.get(block.index()).copied().unwrap_or(NEW + block.0)
    }

    pub fn local(&self, local: LocalId) -> u32 {
        self.locals.get(local.index()).copied().unwrap_or(NEW + local.0)
    }

    /// Block and number of a statement, or of the end of a block.
    pub fn statement(&self, (block, number): (BlockId, u32)) -> (u32, u32) {
        if number == END {
            return (self.block(block), END);
        }
        let found = self.statements.get(&(block.0, number)).copied();
        found.unwrap_or((self.block(block), NEW + number))
    }

    /// Whether a statement of the old version (or the end of a block) was changed or taken away.
    pub fn is_changed_before(&self, (block, number): (BlockId, u32)) -> bool {
        self.changed_old.contains(&(block.0, number))
    }

    /// Whether a statement of the new version (or the end of a block) was changed or added.
    pub fn is_changed_after(&self, (block, number): (BlockId, u32)) -> bool {
        self.changed_new.contains(&(block.0, number))
    }
}

/// One element of a body.
struct Element {
    place: (u32, u32),
    /// In full, with locals by name.
    text: String,
    /// What is done, without its operands.
    kind: String,
    /// The register that it assigns, or the local whose life begins or ends.
    defines: Option<LocalId>,
    is_check: bool,
}

/// Compares two versions of a function of one program.
pub fn places(program: &Program, old: &Function, new: &Function) -> Places {
    let mut names: HashMap<(String, String), u32> = HashMap::default();
    let before = elements(program, old, &mut names);
    let after = elements(program, new, &mut names);
    let texts = |elements: &[Element]| elements.iter().map(|e| e.text.clone()).collect::<Vec<_>>();
    let (old_texts, new_texts) = (texts(&before), texts(&after));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let mut same: HashSet<(usize, usize)> = HashSet::default();
    let mut hunk: (Vec<usize>, Vec<usize>) = Default::default();
    let finish = |hunk: &mut (Vec<usize>, Vec<usize>), pairs: &mut Vec<(usize, usize)>| {
        let (old, new) = std::mem::take(hunk);
        let mut from = 0;
        for i in old {
            let Some(n) = new
                .iter()
                .skip(from)
                .position(|j| before[i].kind == after[*j].kind)
            else {
                continue;
            };
            pairs.push((i, new[from + n]));
            from += n + 1;
        }
    };
    for op in capture_diff_slices(Algorithm::Myers, &old_texts, &new_texts) {
        let (a, b) = (op.old_range(), op.new_range());
        if let DiffOp::Equal { .. } = op {
            finish(&mut hunk, &mut pairs);
            for (i, j) in a.zip(b) {
                pairs.push((i, j));
                same.insert((i, j));
            }
        } else {
            hunk.0.extend(a);
            hunk.1.extend(b);
        }
    }
    finish(&mut hunk, &mut pairs);

    let mut places = Places::default();
    let mut votes: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for (i, j) in &pairs {
        let (was, is) = (before[*i].place, after[*j].place);
        *votes.entry((is.0, was.0)).or_default() += 1;
        if is.1 != END {
            places.statements.insert(is, was);
        }
    }
    let unchanged_old: HashSet<usize> = same.iter().map(|(i, _)| *i).collect();
    let unchanged_new: HashSet<usize> = same.iter().map(|(_, j)| *j).collect();
    let changed = |elements: &[Element], unchanged: &HashSet<usize>| {
        let changed = elements
            .iter()
            .enumerate()
            .filter(|(i, e)| !unchanged.contains(i) && !e.is_check);
        changed.map(|(_, e)| e.place).collect()
    };
    places.changed_old = changed(&before, &unchanged_old);
    places.changed_new = changed(&after, &unchanged_new);
    let headers = headers(old, new, &votes);
    places.blocks = blocks(new.blocks().len(), votes, headers);
    places.locals = locals(old, new, pairs.iter().map(|(i, j)| (&before[*i], &after[*j])));
    places
}

/// Each new block is the old one with which it shares most; headers of loops were settled before.
fn blocks(count: usize, votes: BTreeMap<(u32, u32), usize>, headers: BTreeMap<u32, u32>) -> Vec<u32> {
    let mut blocks: Vec<u32> = (0..count as u32).map(|b| NEW + b).collect();
    let mut taken = HashSet::default();
    for (new, old) in headers {
        if let Some(slot) = blocks.get_mut(new as usize) {
            *slot = old;
            taken.insert(old);
        }
    }
    let mut best: Vec<((u32, u32), usize)> = votes.into_iter().collect();
    best.sort_by_key(|(pair, votes)| (std::cmp::Reverse(*votes), *pair));
    for ((new, old), _) in best {
        let Some(slot) = blocks.get_mut(new as usize) else {
            continue;
        };
        if *slot >= NEW && taken.insert(old) {
            *slot = old;
        }
    }
    blocks
}

/// The header of each new loop is that of the old loop with which it shares most, whatever stands in the header itself.
fn headers(old: &Function, new: &Function, votes: &BTreeMap<(u32, u32), usize>) -> BTreeMap<u32, u32> {
    let (of_old, of_new) = (Cfg::new(old), Cfg::new(new));
    let mut shared: Vec<(usize, u32, u32)> = Vec::new();
    for mine in of_new.loops() {
        for its in of_old.loops() {
            let within = votes.iter().filter(|((b, a), _)| {
                mine.blocks.contains(&BlockId(*b)) && its.blocks.contains(&BlockId(*a))
            });
            let count = within.map(|(_, votes)| votes).sum();
            if count > 0 {
                shared.push((count, mine.header.0, its.header.0));
            }
        }
    }
    // An outer loop shares with an inner one what that one shares with its own counterpart; of equals, the first come first.
    shared.sort_by_key(|(count, mine, its)| (std::cmp::Reverse(*count), *mine, *its));
    let mut pairs: BTreeMap<u32, u32> = BTreeMap::new();
    for (_, mine, its) in shared {
        if !pairs.contains_key(&mine) && !pairs.values().any(|taken| *taken == its) {
            pairs.insert(mine, its);
        }
    }
    pairs
}

/// Locals of the user by name and type, in order; the others by the matched statements that assign them.
fn locals<'a>(
    old: &Function,
    new: &Function,
    pairs: impl Iterator<Item = (&'a Element, &'a Element)>,
) -> Vec<u32> {
    let mut locals: Vec<u32> = (0..new.locals.len() as u32).map(|l| NEW + l).collect();
    let mut taken = HashSet::default();
    let fits = |a: usize, b: usize| {
        let (a, b) = (&old.locals[a], &new.locals[b]);
        a.storage == b.storage && a.ty == b.ty && a.user == b.user && a.name == b.name
    };
    for (j, local) in new.locals.iter().enumerate().filter(|(_, l)| l.user) {
        let _ = local;
        if let Some(i) = (0..old.locals.len()).find(|i| !taken.contains(i) && fits(*i, j)) {
            taken.insert(i);
            locals[j] = i as u32;
        }
    }
    for (before, after) in pairs {
        let (Some(i), Some(j)) = (before.defines, after.defines) else {
            continue;
        };
        let (i, j) = (i.index(), j.index());
        if i < old.locals.len()
            && j < new.locals.len()
            && locals[j] >= NEW
            && !old.locals[i].user
            && fits(i, j)
            && taken.insert(i)
        {
            locals[j] = i as u32;
        }
    }
    locals
}

fn elements(
    program: &Program,
    function: &Function,
    names: &mut HashMap<(String, String), u32>,
) -> Vec<Element> {
    const TEMPORARY: LocalId = LocalId(u32::MAX);
    let numbers: Vec<LocalId> = function
        .locals
        .iter()
        .map(|local| {
            if !local.user {
                return TEMPORARY;
            }
            let next = names.len() as u32;
            let key = (local.name.clone(), format!("{:?}", local.ty));
            LocalId(*names.entry(key).or_insert(next))
        })
        .collect();
    let name = |id: LocalId| numbers.get(id.index()).copied().unwrap_or(TEMPORARY);
    let mut found = Vec::new();
    for (index, block) in function.blocks().iter().enumerate() {
        let index = index as u32;
        for (number, statement) in block.statements.iter().enumerate() {
            let (text, kind, is_check) = match &statement.kind {
                StmtKind::Check(id) => {
                    let obligation = function.obligations.get(id.index());
                    let text = obligation.map(|o| format!("{} {}", o.property.name(), o.text));
                    (
                        format!("check {}", text.unwrap_or_default()),
                        "check".into(),
                        true,
                    )
                }
                kind => {
                    let mut renamed = kind.clone();
                    rename_locals(&mut renamed, &name);
                    (format!("{renamed:?}"), word(program, kind), false)
                }
            };
            found.push(Element {
                place: (index, number as u32),
                text,
                kind,
                defines: defined(&statement.kind),
                is_check,
            });
        }
        let mut terminator = block.terminator.clone();
        each_of_terminator(&mut terminator, &mut |expr| rename_in(expr, &name));
        let kind = match &mut terminator {
            Terminator::Goto(target) => {
                *target = BlockId(0);
                "goto"
            }
            Terminator::Branch { then, otherwise, .. } => {
                (*then, *otherwise) = (BlockId(0), BlockId(0));
                "branch"
            }
            Terminator::Switch { cases, default, .. } => {
                *default = BlockId(0);
                for case in cases {
                    case.target = BlockId(0);
                }
                "switch"
            }
            Terminator::Return(_) => "return",
            Terminator::Unreachable => "unreachable",
        };
        found.push(Element {
            place: (index, END),
            text: format!("{terminator:?}"),
            kind: kind.into(),
            defines: None,
            is_check: false,
        });
    }
    found
}

/// What a statement does, without its operands; a call with the name of what it calls.
fn word(program: &Program, kind: &StmtKind) -> String {
    match kind {
        StmtKind::Assign { .. } => "assign",
        StmtKind::Havoc { .. } => "havoc",
        StmtKind::Load { .. } => "load",
        StmtKind::Store { .. } => "store",
        StmtKind::Copy { .. } => "copy",
        StmtKind::Fill { .. } => "fill",
        StmtKind::HavocMemory { .. } => "havoc memory",
        StmtKind::Text { .. } => "text",
        StmtKind::Assembly { text, .. } => return format!("assembly {text}"),
        StmtKind::Alloc { .. } => "alloc",
        StmtKind::Free { .. } => "free",
        StmtKind::StringLength { .. } => "length",
        StmtKind::ObjectSize { .. } => "size",
        StmtKind::Call {
            callee: Callee::Direct(id),
            ..
        } => {
            let callee = program.functions.get(id.index());
            // One allocator may stand for another: a checked one for a plain one.
            if callee.is_some_and(|f| f.library_model && allocates(f)) {
                return "call of an allocator".into();
            }
            return format!("call {}", callee.map_or("", |f| &f.name));
        }
        StmtKind::Call { .. } => "call",
        StmtKind::Check(_) => "check",
        StmtKind::Assume(_) => "assume",
        StmtKind::ScopeStart(_) => "start",
        StmtKind::ScopeEnd(_) => "end",
    }
    .into()
}

fn allocates(function: &Function) -> bool {
    let mut statements = function.blocks().iter().flat_map(|b| &b.statements);
    statements.any(|s| matches!(s.kind, StmtKind::Alloc { .. }))
}

fn defined(kind: &StmtKind) -> Option<LocalId> {
    match kind {
        StmtKind::Assign { dst, .. }
        | StmtKind::Havoc { dst, .. }
        | StmtKind::Load { dst, .. }
        | StmtKind::Alloc { dst, .. }
        | StmtKind::StringLength { dst, .. }
        | StmtKind::ObjectSize { dst, .. }
        | StmtKind::ScopeStart(dst)
        | StmtKind::ScopeEnd(dst) => Some(*dst),
        StmtKind::Call { dst, .. } => *dst,
        _ => None,
    }
}

/// The same parameters and result, so that both take the same arguments.
pub(super) fn agree(old: &Function, new: &Function) -> bool {
    let storage = |f: &Function, l: &LocalId| f.locals.get(l.index()).map(|l| (l.ty.clone(), l.storage));
    let registers = |f: &Function| {
        let all = f.params.iter().filter_map(|l| f.locals.get(l.index()));
        all.filter(|l| matches!(l.storage, Storage::Register(_))).count()
    };
    old.ret == new.ret
        && old.variadic == new.variadic
        && old.params.len() == new.params.len()
        && registers(old) == registers(new)
        && old
            .params
            .iter()
            .zip(&new.params)
            .all(|(a, b)| storage(old, a) == storage(new, b))
}
