//! Two versions of a function, executed one after the other on one input.
//!
//! The old version is executed first; its checks are facts, so that only executions remain in which it breaks nothing. The new
//! one then starts from the same arguments and the same memory. Unknowns that arise at matched places (what the outside answers,
//! what a loop header may hold) have one name in both, so that wherever the new version does what the old one did, its terms are
//! the old one's terms, and nothing is left to prove. This is a product program (Barthe, Crespo and Kunz, *Relational
//! verification using product programs*, 2011) that is never written down.
//!
//! Sharing a name is an assumption, and each is paid for by a check, an event like those of obligations:
//!
//! - An answer of the outside is shared by calls that are made by both, in one order, with equal arguments and equal memory to look
//!   at. A call that one version makes and the other does not is a failed check.
//! - The state at the header of a loop is shared in what both versions have equal on entry and after every iteration, in lockstep: if
//!   one goes round again, so does the other. What is not equal is uncoupled, and the execution starts again.
//!
//! By induction over time, the first place where two runs differ fails a check that was not weakened by what was shared later.
//! In the end the results, the bytes that the caller sees, and the lives of its objects are compared.
//!
//! Here are the names that both versions share; `contents` says when memory is equal, `calls` and `loops` pay for what is shared, and
//! `ends` compares what is left.

mod calls;
mod contents;
mod ends;
mod loops;

pub(super) use calls::{does_nothing, leaves_open};

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use vf_source::tables::{HashMap, HashSet};

use vf_ir::versions::{Pair, Versions};
use vf_ir::{Access, BlockId, FunctionId, LocalId, Ty};
use vf_smt::Term;

use super::exec::Frame;
use super::memory::{Version, VersionId};
use super::state::{Contents, Edge, Memory, State};
use super::value::{Context, ObjectId, Pointer, Value};
use super::{CheckKey, Engine};

/// What an execution of two versions is asked to do.
pub struct Against<'p> {
    pub versions: &'p Versions,
    /// The new version of the entry function.
    pub new: FunctionId,
    /// Whether the checks of the new version are asked; otherwise they are known to hold.
    pub asks_new: bool,
    /// The error codes that the old version's text has: which of them is returned is not compared where both versions do nothing
    /// else (`docs/decisions/0007-which-error.md`).
    pub errors: BTreeSet<u128>,
    /// The old version is read failure-obliviously (Rinard et al., *Enhancing server availability and security through
    /// failure-oblivious computing*, 2004): its checks say nothing, what it writes out of bounds is dropped, and what it reads
    /// there is zero, which is one of the values that it may be. (What it writes behind an object that the new version makes larger
    /// is compared: for an allocation, the size is what was wrong.)
    pub oblivious: bool,
}

/// What a check of two versions says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compared {
    /// Where the old version returns, so does the new one.
    Returns,
    Result,
    /// The bytes of this object.
    Bytes(String),
    /// This object is no smaller in the new version than in the old one.
    Size(String),
    /// This object of the caller lives on in both, or in neither.
    Life(String),
    /// A call of this function: made by both, with equal arguments, and equal memory to look at.
    Call(String),
    /// Only the new version makes it.
    AddedCall(String),
    /// Only the old version makes it.
    DroppedCall(String),
    /// Both go through the loop together.
    Lockstep,
    /// Equal at the header of a loop, on entry and after an iteration.
    Coupled(Coupled),
}

/// Something that is taken to be equal at a loop header: by the header's number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coupled {
    pub header: u64,
    pub what: Shared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shared {
    /// A register, by its number in the old version.
    Register(u32),
    Contents(ObjectId),
    Nuls(ObjectId),
    Life(ObjectId),
}

/// Why no comparison can be complete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// The new version has a loop that the old one does not have: nobody shows that it ends.
    AddedLoop,
    /// A loop makes objects, which are not told apart between the versions.
    Allocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

/// A call of one version that the outside sees, or whose result is not computed here.
struct Seen {
    name: String,
    guard: Term,
    arguments: Vec<Value>,
    memory: Rc<Memory>,
    /// Where the new version makes it.
    matched: Option<Term>,
    sees: Sees,
}

/// How much a call looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sees {
    /// Everything that it can reach.
    Everything,
    /// What its arguments point to.
    Arguments,
    /// The same, and only its result matters: the outside does not see it.
    Computed,
}

/// A loop of the old version that was cut.
struct OldLoop {
    entry: Edge,
    head: Edge,
    /// By number: those that have a name at the header.
    registers: BTreeSet<u32>,
    objects: BTreeSet<ObjectId>,
    nuls: BTreeSet<ObjectId>,
    ended: BTreeSet<ObjectId>,
    /// After the iteration that comes first, where that one is executed apart, and after any.
    backs: [Option<Edge>; 2],
}

/// Which iteration of a loop that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Iteration {
    First,
    Any,
}

/// What a loop that is cut may change.
pub(super) struct MayChange<'a> {
    pub registers: &'a [LocalId],
    pub objects: &'a BTreeSet<ObjectId>,
    pub nuls: &'a BTreeSet<ObjectId>,
    pub ended: &'a BTreeSet<ObjectId>,
}

/// A statement, by its path, block and number in the old version.
type Place = (Context, u32, u32);
/// A call of a function there, which may be made more than once.
type CallPlace = (Place, String, u32);

/// Where a NUL is searched for: object, offset, bytes of a character, and how far.
type SearchedFrom = (ObjectId, Term, u64, u128);

/// Where the comparison is.
pub(super) struct Comparison {
    side: Side,
    /// The statement that is being executed, by path and place.
    here: Place,
    /// The last one of the program itself: not of a library model.
    of_program: Place,
    occurrences: HashMap<(Place, &'static str), u32>,
    calls: Vec<Seen>,
    places: HashMap<CallPlace, usize>,
    times: HashMap<(Place, String), u32>,
    loops: HashMap<u64, OldLoop>,
    known: HashMap<String, VersionId>,
    sizes: HashMap<ObjectId, Term>,
    compared: BTreeMap<CheckKey, Compared>,
    obstacles: BTreeSet<Obstacle>,
    /// When a statement is reached that is not the same in both versions, of either.
    touched: BTreeSet<Term>,
    /// The same, of the old version only.
    dropped: BTreeSet<Term>,
    old_checks: Vec<OldCheck>,
    /// Objects of the caller that the new version has come to.
    mentioned: HashSet<ObjectId>,
    /// Lengths of strings in the old version: where they begin, in which contents.
    lengths: Vec<((ObjectId, Term, u64), VersionId, Term)>,
    /// The same where the NUL is searched for: also how far.
    searched: Vec<(SearchedFrom, VersionId, Term)>,
    end: Option<Term>,
    /// The old version does not go beyond the bound of the unrolling.
    within: Option<Term>,
}

/// A check of the old version, which became a fact.
#[derive(Clone, Debug)]
pub struct OldCheck {
    pub key: CheckKey,
    pub guard: Term,
    pub holds: Term,
    /// Events that came before its fact.
    pub events: usize,
}

/// What an execution of two versions found out beside its events.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub compared: BTreeMap<CheckKey, Compared>,
    pub obstacles: BTreeSet<Obstacle>,
    pub touched: BTreeSet<Term>,
    pub dropped: BTreeSet<Term>,
    pub old_checks: Vec<OldCheck>,
    /// The old version returns. None where it never does.
    pub end: Option<Term>,
}

impl Comparison {
    pub fn new() -> Comparison {
        Comparison {
            side: Side::Old,
            here: (Context(0), 0, 0),
            of_program: (Context(0), 0, 0),
            occurrences: HashMap::default(),
            calls: Vec::new(),
            places: HashMap::default(),
            times: HashMap::default(),
            loops: HashMap::default(),
            known: HashMap::default(),
            sizes: HashMap::default(),
            compared: BTreeMap::new(),
            obstacles: BTreeSet::new(),
            touched: BTreeSet::new(),
            dropped: BTreeSet::new(),
            old_checks: Vec::new(),
            mentioned: HashSet::default(),
            lengths: Vec::new(),
            searched: Vec::new(),
            end: None,
            within: None,
        }
    }

    pub fn outcome(self) -> Outcome {
        Outcome {
            compared: self.compared,
            obstacles: self.obstacles,
            touched: self.touched,
            dropped: self.dropped,
            old_checks: self.old_checks,
            end: self.end,
        }
    }
}

/// Numbers that both versions share begin here; those of one execution alone never get there.
const SHARED: u64 = 1_000_000;

impl Engine<'_> {
    fn pair_of_new(&self, function: FunctionId) -> Option<&Pair> {
        self.settings.against?.versions.of_new(function)
    }

    /// The function that a call of this one leads to.
    pub(super) fn version_called(&self, callee: FunctionId) -> FunctionId {
        match (&self.comparison, self.settings.against) {
            (Some(comparison), Some(against)) if comparison.side == Side::New => {
                against.versions.new_of(callee).map_or(callee, |pair| pair.new)
            }
            _ => callee,
        }
    }

    /// The number of a function that both of its versions share.
    pub(super) fn function_number(&self, function: FunctionId) -> u32 {
        self.pair_of_new(function).map_or(function.0, |pair| pair.old.0)
    }

    /// The place of a statement, in the numbers of the old version.
    pub(super) fn place(&self, function: FunctionId, at: (BlockId, u32)) -> (u32, u32) {
        self.pair_of_new(function)
            .map_or((at.0.0, at.1), |pair| pair.places.statement(at))
    }

    pub(super) fn block_number(&self, function: FunctionId, block: BlockId) -> u32 {
        self.pair_of_new(function)
            .map_or(block.0, |pair| pair.places.block(block))
    }

    pub(super) fn local_number(&self, function: FunctionId, local: LocalId) -> LocalId {
        self.pair_of_new(function)
            .map_or(local, |pair| LocalId(pair.places.local(local)))
    }

    /// The old version comes to a check. Whether it may be taken to hold.
    pub(super) fn old_check(&mut self, key: &CheckKey, guard: Term, holds: Term) -> bool {
        let oblivious = self.settings.against.is_some_and(|a| a.oblivious);
        let events = self.events.len();
        match &mut self.comparison {
            Some(comparison) if comparison.side == Side::Old => {
                comparison.old_checks.push(OldCheck {
                    key: key.clone(),
                    guard,
                    holds,
                    events,
                });
                !oblivious
            }
            _ => true,
        }
    }

    /// What the old version reads where nothing is, when its failures are passed over.
    pub(super) fn oblivious_read(&mut self, pointer: &Pointer, ty: Ty, value: Value) -> Value {
        let oblivious = self.settings.against.is_some_and(|a| a.oblivious);
        let Value::Bits(read) = value else { return value };
        if !oblivious || !self.is_old_version() {
            return value;
        }
        let t = self.terms;
        let size = t.bv(self.pointer_bits, u128::from(ty.size(self.program.model)));
        let valid = self.valid(pointer, size, Access::Read);
        Value::Bits(t.ite(valid, read, t.bv(t.width(read), 0)))
    }

    /// What the old version writes outside of an array that is a member does not reach the next member, when its failures are passed over.
    pub(super) fn oblivious_write(&mut self, before: &State, pointer: &Pointer, ty: Ty, after: &mut State) {
        let oblivious = self.settings.against.is_some_and(|a| a.oblivious);
        if !oblivious || !self.is_old_version() || pointer.bounds.is_none() {
            return;
        }
        let size = self
            .terms
            .bv(self.pointer_bits, u128::from(ty.size(self.program.model)));
        let valid = self.valid(pointer, size, Access::Write);
        for object in self.accessible(pointer) {
            let (Some(was), Some(is)) = (self.contents(before, object), self.contents(after, object)) else {
                continue;
            };
            let contents = Contents {
                version: self.choose_version(valid, is.version, was.version),
                alive: is.alive,
                nuls: self.choose_nuls(valid, is.nuls, was.nuls),
            };
            self.set_contents(after, object, contents);
        }
    }

    pub(super) fn compares(&self) -> bool {
        self.comparison.is_some()
    }

    /// The checks of the version that is executed are taken to hold whatever they are about.
    pub(super) fn is_old_version(&self) -> bool {
        self.comparison.as_ref().is_some_and(|c| c.side == Side::Old)
    }

    /// Execution comes to a statement (or the end of a block). Gives where it was before.
    pub(super) fn enter_place(&mut self, frame: &Frame, at: (BlockId, u32), guard: Term) -> Option<Place> {
        let against = self.settings.against?;
        let (block, number) = self.place(frame.function, at);
        let of_new = against.versions.of_new(frame.function);
        let changed = match of_new {
            Some(pair) => pair.places.is_changed_after(at),
            None => against
                .versions
                .new_of(frame.function)
                .is_some_and(|pair| pair.places.is_changed_before(at)),
        };
        let model = self.program.function(frame.function).library_model;
        let comparison = self.comparison.as_mut()?;
        if !model {
            comparison.of_program = (frame.path, block, number);
        }
        if changed && !self.terms.is_false(guard) {
            comparison.touched.insert(guard);
            if of_new.is_none() {
                comparison.dropped.insert(guard);
            }
        }
        Some(std::mem::replace(
            &mut comparison.here,
            (frame.path, block, number),
        ))
    }

    pub(super) fn leave_place(&mut self, before: Option<Place>) {
        if let (Some(comparison), Some(before)) = (&mut self.comparison, before) {
            comparison.here = before;
        }
    }

    /// A number for names that both versions share at this place; of its own where nothing is compared.
    pub(super) fn shared(&mut self, kind: &'static str) -> u64 {
        let Some(comparison) = &mut self.comparison else {
            return self.unique();
        };
        let key = (comparison.here, kind);
        let occurrence = comparison.occurrences.entry(key).or_default();
        *occurrence += 1;
        let (path, block, statement) = key.0;
        SHARED + self.names.shared((path, block, statement, kind, *occurrence))
    }

    /// Where an allocation happens: one that a library model makes, at the call of it, so that one allocator may stand for another.
    pub(super) fn allocation_place(&mut self, frame: &Frame, at: (BlockId, u32)) -> Place {
        let (block, statement) = self.place(frame.function, at);
        let model = self.program.function(frame.function).library_model;
        match &mut self.comparison {
            Some(comparison) if model => {
                let place = comparison.of_program;
                let times = comparison.occurrences.entry((place, "allocation")).or_default();
                *times += 1;
                let (path, block, statement) = place;
                // Behind the places of statements, one for each allocation of the call.
                (path, block, statement.wrapping_add(*times << 26))
            }
            _ => (frame.path, block, statement),
        }
    }

    /// The same for the names that belong to it.
    pub(super) fn shared_by_allocators(&mut self, frame: &Frame, kind: &'static str) -> u64 {
        let model = self.program.function(frame.function).library_model;
        let before = match &mut self.comparison {
            Some(comparison) if model => Some(std::mem::replace(&mut comparison.here, comparison.of_program)),
            _ => None,
        };
        let number = self.shared(kind);
        self.leave_place(before);
        number
    }

    /// A version with the same history as one that is known is that one.
    pub(super) fn known_version(&self, version: &Version) -> Option<VersionId> {
        // Zeros are told apart by the object that begins with them.
        if matches!(version, Version::Zero { .. }) {
            return None;
        }
        let known = &self.comparison.as_ref()?.known;
        known.get(&format!("{version:?}")).copied()
    }

    /// Zeros that an object begins with.
    pub(super) fn zeros_of(&mut self, object: ObjectId) -> VersionId {
        let text = format!("zeros of {}", object.0);
        let known = self.comparison.as_ref().and_then(|c| c.known.get(&text)).copied();
        known.unwrap_or_else(|| {
            let id = self.add_version(Version::Zero { written: true });
            self.know_version(text, id);
            id
        })
    }

    pub(super) fn know_version(&mut self, text: String, id: VersionId) {
        if let Some(comparison) = &mut self.comparison {
            comparison.known.insert(text, id);
        }
    }
}
