//! Values of the symbolic execution, and the objects that pointers point into.
//!
//! A pointer is a pair (object, offset): `base` is the number of the object as a 32-bit pattern, `offset` a
//! byte offset of pointer width. Beside the two terms a pointer carries the finite set of objects that its
//! base can name, so that an access looks at those only. The first numbers are fixed: 0 is "no object" (null,
//! and integers used as pointers, whose address is the offset), 1 what pointer arithmetic that overflowed
//! yields, 2 a pointer of which nothing is known.

use std::collections::BTreeSet;
use std::rc::Rc;
use vf_source::tables::HashMap;

use vf_ir::{CType, FunctionId, GlobalId, LocalId};
use vf_smt::Term;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// Null and integers used as pointers.
pub const NO_OBJECT: ObjectId = ObjectId(0);
/// Result of pointer arithmetic that left the address range.
pub const INVALID: ObjectId = ObjectId(1);
/// Nothing is known of where it points.
pub const WILD: ObjectId = ObjectId(2);

#[derive(Clone, Debug)]
pub enum Value {
    /// Integers, and floats as opaque patterns.
    Bits(Term),
    Pointer(Pointer),
}

#[derive(Clone, Debug)]
pub struct Pointer {
    pub base: Term,
    pub offset: Term,
    pub targets: Rc<BTreeSet<ObjectId>>,
    /// The part of the object that accesses must stay in, where the pointer was made from an array member.
    pub bounds: Option<Bounds>,
}

/// Offsets in a pointer's object: an access must lie in `low .. high`. A pointer made from an array member of a record
/// may not leave that array, although the object goes on (C11 6.5.6p8; [`vf_ir::Record::bounded_array`] says which
/// members). Pointers keep their bounds in registers and in memory, but for what a loop that is cut stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub low: Term,
    pub high: Term,
    /// The pointer was made from a record with members behind it: accesses may leave it, but not through an array at its end.
    pub of_record: bool,
}

impl Pointer {
    /// The bounds that accesses must stay in.
    pub fn hard_bounds(&self) -> Option<Bounds> {
        self.bounds.filter(|b| !b.of_record)
    }
}

/// What distinguishes an object from every other of one analysis; stable across restarts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKey {
    Fixed(u32),
    Global(GlobalId),
    Function(FunctionId),
    /// A memory local in one inlined call (context).
    Local(Context, LocalId),
    /// What a pointer parameter of the entry function points to.
    Parameter(LocalId),
    /// What the pointer in unknown contents (by label) of an object at this offset points to.
    Reached(ObjectId, u64, Rc<str>),
    /// An `Alloc` statement (context, block, statement).
    Allocation(Context, u32, u32),
    /// What a pointer returned by a call without body points to.
    Returned(Context, u32, u32),
    /// At the header of a loop: what the last of its iterations that got to this allocation made.
    Latest(Box<ObjectKey>),
    /// All objects of one kind that cannot be told apart (older allocations of a loop, elements of an
    /// array of pointers).
    Summary(Box<ObjectKey>),
}

/// Number of a calling context: the chain of call sites, with the loop iterations at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Context(pub u32);

#[derive(Clone, Debug)]
pub struct Object {
    pub key: ObjectKey,
    /// Name in source terms: `*p`, `table`, `*p->next`.
    pub name: String,
    /// Size in bytes, of pointer width.
    pub size: Term,
    /// Type of its elements where one is known.
    pub element: Option<CType>,
    /// Exists before the call of the entry function, with contents that the caller chose.
    pub input: bool,
    /// Stands for several objects: its contents are never known.
    pub summary: bool,
    /// Ends its life at some point (heap object, scoped local); `lifetime` is then a real question.
    pub mortal: bool,
    /// Begins with indeterminate contents; `initialized` is then a real question.
    pub indeterminate: bool,
    pub constant: bool,
    /// On the stack of this activation (a memory local, `alloca`, a variable-length array): it ends with it.
    pub stack: Option<Context>,
}

impl Object {
    /// Made by an allocation and not on the stack: it lives until it is freed.
    pub fn is_heap(&self) -> bool {
        let made = match &self.key {
            ObjectKey::Latest(of) => matches!(**of, ObjectKey::Allocation(..)),
            key => matches!(key, ObjectKey::Allocation(..)),
        };
        made && self.stack.is_none()
    }
}

/// Numbers given to object keys and contexts. Kept across restarts of one analysis, so that what a restart
/// learned about an object finds it again.
#[derive(Debug, Default)]
pub struct Names {
    objects: HashMap<ObjectKey, ObjectId>,
    contexts: HashMap<(Context, u32, u32, u32), Context>,
    /// Numbers that two versions of a function share: by path, place and kind.
    shared: HashMap<(Context, u32, u32, &'static str, u32), u64>,
}

impl Names {
    pub fn object(&mut self, key: &ObjectKey) -> ObjectId {
        if let ObjectKey::Fixed(n) = key {
            return ObjectId(*n);
        }
        let next = ObjectId(3 + self.objects.len() as u32);
        *self.objects.entry(key.clone()).or_insert(next)
    }

    pub fn key_of(&self, object: ObjectId) -> Option<ObjectKey> {
        let found = self.objects.iter().find(|(_, id)| **id == object);
        found.map(|(key, _)| key.clone())
    }

    pub fn shared(&mut self, key: (Context, u32, u32, &'static str, u32)) -> u64 {
        let next = self.shared.len() as u64;
        *self.shared.entry(key).or_insert(next)
    }

    /// The context of the call (or loop iteration) `what` at (block, statement) in `from`.
    pub fn context(&mut self, from: Context, block: u32, statement: u32, what: u32) -> Context {
        let next = Context(1 + self.contexts.len() as u32);
        *self
            .contexts
            .entry((from, block, statement, what))
            .or_insert(next)
    }
}

impl Value {
    pub fn bits(&self) -> Option<Term> {
        match self {
            Value::Bits(t) => Some(*t),
            Value::Pointer(_) => None,
        }
    }
}
