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

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use vf_ir::versions::{Pair, Versions};
use vf_ir::{Access, BlockId, FunctionId, LocalId, ObligationId, Program, StmtKind, Ty};
use vf_smt::{Sort, Term};

use super::exec::{Exit, Frame};
use super::memory::{Version, VersionId};
use super::state::{Contents, Edge, Memory, State};
use super::value::{Context, ObjectId, ObjectKey, Pointer, Value};
use super::{CheckInstance, CheckKey, Engine, Event, Stop};

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

/// Where the comparison is.
pub(super) struct Comparison {
    side: Side,
    /// The statement that is being executed, by path and place.
    here: (Context, u32, u32),
    /// The last one of the program itself: not of a library model.
    of_program: (Context, u32, u32),
    occurrences: HashMap<((Context, u32, u32), &'static str), u32>,
    calls: Vec<Seen>,
    places: HashMap<((Context, u32, u32), String, u32), usize>,
    times: HashMap<((Context, u32, u32), String), u32>,
    loops: HashMap<u64, OldLoop>,
    known: HashMap<String, VersionId>,
    sizes: HashMap<ObjectId, Term>,
    compared: BTreeMap<CheckKey, Compared>,
    obstacles: BTreeSet<Obstacle>,
    /// When a statement is reached that is not the same in both versions, of either.
    touched: BTreeSet<Term>,
    old_checks: Vec<OldCheck>,
    /// Objects of the caller that the new version has come to.
    mentioned: HashSet<ObjectId>,
    /// Lengths of strings in the old version: where they begin, in which contents.
    lengths: Vec<((ObjectId, Term, u64), VersionId, Term)>,
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
            occurrences: HashMap::new(),
            calls: Vec::new(),
            places: HashMap::new(),
            times: HashMap::new(),
            loops: HashMap::new(),
            known: HashMap::new(),
            sizes: HashMap::new(),
            compared: BTreeMap::new(),
            obstacles: BTreeSet::new(),
            touched: BTreeSet::new(),
            old_checks: Vec::new(),
            mentioned: HashSet::new(),
            lengths: Vec::new(),
            end: None,
            within: None,
        }
    }

    pub fn outcome(self) -> Outcome {
        Outcome {
            compared: self.compared,
            obstacles: self.obstacles,
            touched: self.touched,
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
    pub(super) fn enter_place(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        guard: Term,
    ) -> Option<(Context, u32, u32)> {
        let against = self.settings.against?;
        let (block, number) = self.place(frame.function, at);
        let changed = match against.versions.of_new(frame.function) {
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
        }
        Some(std::mem::replace(
            &mut comparison.here,
            (frame.path, block, number),
        ))
    }

    pub(super) fn leave_place(&mut self, before: Option<(Context, u32, u32)>) {
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
    pub(super) fn allocation_place(&mut self, frame: &Frame, at: (BlockId, u32)) -> (Context, u32, u32) {
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

    // ---- Checks

    fn ask(&mut self, what: Compared, guard: Term, holds: Term) {
        let entry = self.settings.entry;
        let Some(comparison) = &mut self.comparison else {
            return;
        };
        let guard = comparison
            .within
            .map_or(guard, |within| self.terms.and(guard, within));
        if self.terms.is_false(guard) || self.terms.is_true(holds) {
            return;
        }
        let key = CheckKey {
            function: entry,
            via: Vec::new(),
            inner: entry,
            obligation: ObligationId(u32::MAX - comparison.compared.len() as u32),
        };
        comparison.compared.insert(key.clone(), what);
        self.events.push(Event::Check(CheckInstance {
            key,
            guard,
            holds,
            applies: true,
            after_loop: self.after_loop,
        }));
    }

    fn equal(&self, a: &Value, b: &Value) -> Term {
        let t = self.terms;
        match (a, b) {
            (Value::Bits(a), Value::Bits(b)) if t.sort(*a) == t.sort(*b) => t.eq(*a, *b),
            (Value::Pointer(a), Value::Pointer(b)) => t.and(t.eq(a.base, b.base), t.eq(a.offset, b.offset)),
            _ => t.bool(false),
        }
    }

    /// The bytes at every place of an object that both versions have are equal: when that is a question, and what holds then.
    /// (Whether it is one is a matter of conditions, which the solver settles before it looks at memory.)
    fn equal_contents(&mut self, object: ObjectId, a: VersionId, b: VersionId) -> Result<(Term, Term), Stop> {
        let t = self.terms;
        if a == b {
            return Ok((t.bool(false), t.bool(true)));
        }
        let Some(size) = self.objects.get(&object).map(|o| o.size) else {
            return Ok((t.bool(true), t.bool(false)));
        };
        let place = self.every_place(object);
        let mut inside = t.ult(place, size);
        // What is written behind an object that was made too small counts as if it were there.
        let oblivious = self.settings.against.is_some_and(|a| a.oblivious);
        let before = self.comparison.as_ref().and_then(|c| c.sizes.get(&object));
        if let Some(before) = before.filter(|_| !oblivious) {
            inside = t.and(inside, t.ult(place, *before));
        }
        let differ = self.may_differ(a, b, &mut HashMap::new());
        if t.is_false(differ) {
            return Ok((differ, t.bool(true)));
        }
        let g = self.granule(object);
        let old = self.read_bits(object, a, place, g)?;
        let new = self.read_bits(object, b, place, g)?;
        Ok((differ, t.implies(inside, t.eq(old, new))))
    }

    /// When two histories may not be the same, by their writes alone: a question of conditions, not of memory, which is all that is
    /// left where both versions write the same on the paths that they share.
    fn may_differ(
        &self,
        a: VersionId,
        b: VersionId,
        known: &mut HashMap<(VersionId, VersionId), Term>,
    ) -> Term {
        /// Pairs looked at, at most.
        const PAIRS: usize = 400;
        let t = self.terms;
        if a == b {
            return t.bool(false);
        }
        if let Some(known) = known.get(&(a, b)) {
            return *known;
        }
        if known.len() > PAIRS {
            return t.bool(true);
        }
        known.insert((a, b), t.bool(true));
        let choice = |version: VersionId| match self.version(version) {
            Version::Choice { condition, yes, no } => Some((*condition, *yes, *no)),
            _ => None,
        };
        let differ = match (choice(a), choice(b)) {
            (Some((c, yes, no)), Some((d, other_yes, other_no))) if c == d => {
                let yes = self.may_differ(yes, other_yes, known);
                let no = self.may_differ(no, other_no, known);
                t.ite(c, yes, no)
            }
            (Some((c, yes, no)), _) => {
                let yes = self.may_differ(yes, b, known);
                let no = self.may_differ(no, b, known);
                t.ite(c, yes, no)
            }
            (None, Some((d, yes, no))) => {
                let yes = self.may_differ(a, yes, known);
                let no = self.may_differ(a, no, known);
                t.ite(d, yes, no)
            }
            (None, None) => match self.before_same_write(a, b) {
                Some((a, b)) => self.may_differ(a, b, known),
                None => t.bool(true),
            },
        };
        known.insert((a, b), differ);
        differ
    }

    /// What came before two writes of the same to the same place.
    fn before_same_write(&self, a: VersionId, b: VersionId) -> Option<(VersionId, VersionId)> {
        let without_before = |version: &Version| {
            let mut version = version.clone();
            let before = match &mut version {
                Version::Store { before, .. }
                | Version::Copy { before, .. }
                | Version::Fill { before, .. }
                | Version::Havoc { before, .. } => std::mem::replace(before, VersionId(u32::MAX)),
                _ => return None,
            };
            Some((before, format!("{version:?}")))
        };
        let (before_a, text_a) = without_before(self.version(a))?;
        let (before_b, text_b) = without_before(self.version(b))?;
        (text_a == text_b).then_some((before_a, before_b))
    }

    /// A place that stands for every one of an object.
    fn every_place(&mut self, object: ObjectId) -> Term {
        let t = self.terms;
        let g = self.granule(object);
        let shift = t.bv(self.pointer_bits, u128::from(g.trailing_zeros()));
        let number = self.unique();
        let place = t.var(&format!("every.{number}"), Sort::BitVec(self.pointer_bits));
        t.shl(place, shift)
    }

    /// Nothing was written to a version since another one; otherwise it is not known.
    fn kept_since(&self, now: VersionId, then: VersionId) -> Term {
        let t = self.terms;
        if now == then {
            return t.bool(true);
        }
        match self.version(now) {
            Version::Choice { condition, yes, no } => t.ite(
                *condition,
                self.kept_since(*yes, then),
                self.kept_since(*no, then),
            ),
            _ => t.bool(false),
        }
    }

    /// A version comes to an object of the caller.
    pub(super) fn mention(&mut self, object: ObjectId) {
        if let Some(comparison) = &mut self.comparison
            && comparison.side == Side::New
        {
            comparison.mentioned.insert(object);
        }
    }

    /// Whether an object is there for the version that is executed. Those that pointers of the input lead to come to be when they
    /// are first read; what the old version read is nothing to a call that the new one makes before it reads the same.
    pub(super) fn is_mentioned(&self, key: &ObjectKey, object: ObjectId) -> bool {
        let late = matches!(key, ObjectKey::Reached(..) | ObjectKey::Returned(..));
        match &self.comparison {
            Some(comparison) if late && comparison.side == Side::New => {
                comparison.mentioned.contains(&object)
            }
            _ => true,
        }
    }

    /// The same bytes have the same length as a string: either the lengths are equal, or some byte is not.
    pub(super) fn equal_strings(
        &mut self,
        place: (ObjectId, Term, u64),
        version: VersionId,
        length: Term,
    ) -> Result<(), Stop> {
        /// Of the old version's lengths that are compared with one.
        const MOST: usize = 4;
        let t = self.terms;
        let Some(comparison) = &mut self.comparison else {
            return Ok(());
        };
        if comparison.side == Side::Old {
            comparison.lengths.push((place, version, length));
            return Ok(());
        }
        let others: Vec<(VersionId, Term)> = comparison
            .lengths
            .iter()
            .filter(|(other, ..)| *other == place)
            .map(|(_, version, length)| (*version, *length))
            .take(MOST)
            .collect();
        for (other, known) in others {
            let (open, same) = self.equal_contents(place.0, other, version)?;
            let differ = t.and(open, t.not(same));
            self.fact(t.or(t.eq(length, known), differ));
        }
        Ok(())
    }

    // ---- Calls

    /// A call that the outside sees, or whose result is only known to be a function of what it is given.
    pub(super) fn see_call(
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
        }
        Ok(())
    }

    fn held(&self, memory: &Memory, object: ObjectId) -> Option<Contents> {
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

    // ---- Loops

    /// The number of a loop header in names.
    pub(super) fn loop_number(&mut self, frame: &Frame, header: BlockId, makes: bool) -> u64 {
        if makes && self.compares() {
            self.obstacle(Obstacle::Allocation);
            return self.unique();
        }
        let block = self.block_number(frame.function, header);
        let Some(comparison) = &mut self.comparison else {
            return self.unique();
        };
        let before = std::mem::replace(&mut comparison.here, (frame.path, block, u32::MAX));
        let number = self.shared("loop");
        self.leave_place(Some(before));
        number
    }

    fn obstacle(&mut self, obstacle: Obstacle) {
        if let Some(comparison) = &mut self.comparison {
            comparison.obstacles.insert(obstacle);
        }
    }

    /// Put behind a name at a loop header that the versions do not share.
    pub(super) fn name_apart(&self, header: u64, what: Shared) -> &'static str {
        match &self.comparison {
            Some(comparison)
                if comparison.side == Side::New
                    && self.learned.uncoupled.contains(&Coupled { header, what }) =>
            {
                ".new"
            }
            _ => "",
        }
    }

    /// At the header of a loop that was cut. The old version's state is kept; the new one's is compared with it.
    pub(super) fn couple(
        &mut self,
        frame: &Frame,
        header: u64,
        entry: &Edge,
        head: &Edge,
        may: &MayChange<'_>,
    ) -> Result<(), Stop> {
        let registers: BTreeSet<u32> = may
            .registers
            .iter()
            .map(|l| self.local_number(frame.function, *l).0)
            .collect();
        let Some(comparison) = &mut self.comparison else {
            return Ok(());
        };
        if comparison.side == Side::Old {
            comparison.loops.insert(
                header,
                OldLoop {
                    entry: entry.clone(),
                    head: head.clone(),
                    registers,
                    objects: may.objects.clone(),
                    nuls: may.nuls.union(may.objects).copied().collect(),
                    ended: may.ended.clone(),
                    backs: [None, None],
                },
            );
            return Ok(());
        }
        let Some(old) = comparison.loops.get(&header) else {
            self.obstacle(Obstacle::AddedLoop);
            return Ok(());
        };
        let old_entry = old.entry.clone();
        self.ask(Compared::Lockstep, entry.guard, old_entry.guard);
        self.equal_where_shared(frame, header, entry, &old_entry, Some(head), may)
    }

    /// After an iteration of a loop that was cut, which is entered under a condition.
    pub(super) fn couple_back(
        &mut self,
        frame: &Frame,
        header: u64,
        iteration: Iteration,
        (entry, back): (Term, Option<&Edge>),
        may: &MayChange<'_>,
    ) -> Result<(), Stop> {
        let t = self.terms;
        let Some(comparison) = &mut self.comparison else {
            return Ok(());
        };
        if comparison.side == Side::Old {
            if let Some(old) = comparison.loops.get_mut(&header) {
                old.backs[iteration as usize] = back.cloned();
            }
            return Ok(());
        }
        let found = comparison.loops.get(&header);
        let Some(old) = found.map(|l| l.backs[iteration as usize].clone()) else {
            return Ok(());
        };
        // Where the new version does not come to the loop, it did something else before, and what that is worth is asked in the
        // end: an old version that goes through all of its iterations breaks nothing in the last one either.
        let together = |old: &Edge| t.and(old.guard, entry);
        match (old, back) {
            (None, None) => Ok(()),
            (Some(old), None) => {
                self.ask(Compared::Lockstep, together(&old), t.bool(false));
                Ok(())
            }
            (None, Some(back)) => {
                self.ask(Compared::Lockstep, back.guard, t.bool(false));
                Ok(())
            }
            (Some(old), Some(back)) => {
                self.ask(Compared::Lockstep, back.guard, old.guard);
                self.ask(Compared::Lockstep, together(&old), back.guard);
                self.equal_where_shared(frame, header, back, &old, None, may)
            }
        }
    }

    /// Asks whether what has one name at the header is equal in these states. With the new version's state at the header: things
    /// whose names are shared only in part are uncoupled first.
    fn equal_where_shared(
        &mut self,
        frame: &Frame,
        header: u64,
        new: &Edge,
        old: &Edge,
        head: Option<&Edge>,
        may: &MayChange<'_>,
    ) -> Result<(), Stop> {
        let t = self.terms;
        let Some(of_old) = self.comparison.as_ref().and_then(|c| c.loops.get(&header)) else {
            return Ok(());
        };
        let (registers, old_head) = (of_old.registers.clone(), of_old.head.clone());
        let both = |mine: &BTreeSet<ObjectId>, its: &BTreeSet<ObjectId>| -> Vec<ObjectId> {
            mine.intersection(its).copied().collect()
        };
        let nuls: BTreeSet<ObjectId> = may.nuls.union(may.objects).copied().collect();
        let objects = both(may.objects, &of_old.objects);
        let nuls = both(&nuls, &of_old.nuls);
        let ended = both(may.ended, &of_old.ended);
        let guard = t.and(new.guard, old.guard);
        let mut apart = Vec::new();
        let register = |edge: &Edge, number: usize| {
            let found = edge.state.registers.get(number).and_then(Option::as_ref);
            found.map(|r| r.value.clone())
        };
        for local in may.registers {
            let number = self.local_number(frame.function, *local).0;
            let coupled = Coupled {
                header,
                what: Shared::Register(number),
            };
            if !registers.contains(&number) || self.learned.uncoupled.contains(&coupled) {
                continue;
            }
            if let Some(head) = head {
                let mine = register(head, local.index());
                let its = register(&old_head, number as usize);
                let same = match (mine, its) {
                    (Some(mine), Some(its)) => t.is_true(self.equal(&mine, &its)),
                    _ => false,
                };
                if !same {
                    apart.push(coupled);
                    continue;
                }
            }
            let (mine, its) = (register(new, local.index()), register(old, number as usize));
            let same = match (mine, its) {
                (Some(mine), Some(its)) => self.equal(&mine, &its),
                // Neither was assigned: whoever reads it reads anything.
                (None, None) => t.bool(true),
                _ => t.bool(false),
            };
            self.ask(Compared::Coupled(coupled), guard, same);
        }
        let parts = objects
            .into_iter()
            .map(Shared::Contents)
            .chain(nuls.into_iter().map(Shared::Nuls))
            .chain(ended.into_iter().map(Shared::Life));
        for what in parts {
            let coupled = Coupled { header, what };
            if self.learned.uncoupled.contains(&coupled) {
                continue;
            }
            let (Shared::Contents(object) | Shared::Nuls(object) | Shared::Life(object)) = what else {
                continue;
            };
            if let Some(head) = head
                && !self.has_one_name(what, head, &old_head)
            {
                apart.push(coupled);
                continue;
            }
            let (mine, its) = (
                self.held(&new.state.memory, object),
                self.held(&old.state.memory, object),
            );
            let same = match (mine, its) {
                (Some(mine), Some(its)) => match what {
                    Shared::Contents(_) => self.equal_cells(object, its.version, mine.version)?,
                    Shared::Nuls(_) => t.all(&[
                        t.eq(mine.nuls.byte, its.nuls.byte),
                        t.eq(mine.nuls.furthest, its.nuls.furthest),
                        t.eq(mine.nuls.wide, its.nuls.wide),
                    ]),
                    _ => t.eq(mine.alive, its.alive),
                },
                _ => t.bool(false),
            };
            self.ask(Compared::Coupled(coupled), guard, same);
        }
        if apart.is_empty() {
            return Ok(());
        }
        self.learned.uncoupled.extend(apart);
        Err(Stop::Restart)
    }

    /// Whether both versions have the same term for it at the header.
    fn has_one_name(&self, what: Shared, mine: &Edge, its: &Edge) -> bool {
        let (Shared::Contents(object) | Shared::Nuls(object) | Shared::Life(object)) = what else {
            return true;
        };
        let (Some(mine), Some(its)) = (
            self.held(&mine.state.memory, object),
            self.held(&its.state.memory, object),
        ) else {
            return false;
        };
        match what {
            Shared::Nuls(_) => mine.nuls == its.nuls,
            Shared::Life(_) => mine.alive == its.alive,
            // The names in it follow from the label; what differs beside it is what lies before.
            _ => true,
        }
    }

    /// The bytes, whether they were written, and the pointers that have a name of their own at loop headers are equal.
    fn equal_cells(&mut self, object: ObjectId, a: VersionId, b: VersionId) -> Result<Term, Stop> {
        let t = self.terms;
        if a == b {
            return Ok(t.bool(true));
        }
        let (open, bytes) = self.equal_contents(object, a, b)?;
        let mut same = vec![t.implies(open, bytes)];
        if self.objects.get(&object).is_some_and(|o| o.indeterminate) {
            let place = self.every_place(object);
            let g = self.granule(object);
            let (old, new) = (self.written(a, place, g)?, self.written(b, place, g)?);
            same.push(t.eq(old, new));
        }
        let cells = self
            .learned
            .pointer_cells
            .get(&object)
            .cloned()
            .unwrap_or_default();
        for at in cells {
            let at = t.bv(self.pointer_bits, u128::from(at));
            let (old, new) = (self.read_pointer(a, at)?, self.read_pointer(b, at)?);
            same.push(self.equal(&Value::Pointer(old), &Value::Pointer(new)));
        }
        Ok(t.all(&same))
    }

    // ---- The whole

    /// The old version has been executed; the new one comes next.
    pub(super) fn begin_new_version(&mut self) {
        let sizes = self.objects.iter().map(|(id, o)| (*id, o.size)).collect();
        let within = self.terms.not(self.beyond_the_bound());
        if let Some(comparison) = &mut self.comparison {
            comparison.side = Side::New;
            // Reads are repeated, so that what they lead to is seen to be mentioned.
            self.pointer_reads.clear();
            comparison.occurrences.clear();
            comparison.times.clear();
            comparison.sizes = sizes;
            comparison.within = Some(within);
        }
    }

    /// Asks whether both versions did the same.
    pub(super) fn compare_ends(
        &mut self,
        against: &Against<'_>,
        old: Option<Exit>,
        new: Option<Exit>,
    ) -> Result<(), Stop> {
        let t = self.terms;
        let Some(comparison) = &mut self.comparison else {
            return Ok(());
        };
        let calls = std::mem::take(&mut comparison.calls);
        comparison.end = old.as_ref().map(|o| o.guard);
        // What the unrolling leaves out of the new version is not compared either.
        let within = t.not(self.beyond_the_bound());
        for call in &calls {
            if call.sees == Sees::Computed {
                continue;
            }
            let made = call.matched.unwrap_or_else(|| t.bool(false));
            let guard = t.and(call.guard, within);
            self.ask(Compared::DroppedCall(call.name.clone()), guard, made);
        }
        let Some(old) = old else { return Ok(()) };
        let within = t.and(old.guard, within);
        let Some(new) = new else {
            self.ask(Compared::Returns, within, t.bool(false));
            return Ok(());
        };
        self.ask(Compared::Returns, within, new.guard);
        let both = t.and(within, new.guard);
        let ids: BTreeSet<ObjectId> = old.memory.keys().chain(new.memory.keys()).copied().collect();
        let mut silent = t.bool(true);
        let returned: BTreeSet<ObjectId> = match &old.value {
            Some(Value::Pointer(pointer)) => pointer.targets.iter().copied().collect(),
            _ => BTreeSet::new(),
        };
        for id in ids {
            let Some(info) = self.objects.get(&id).cloned() else {
                continue;
            };
            let made = info.is_heap();
            let reached = info.input || matches!(info.key, ObjectKey::Global(_)) || info.summary;
            let held = made && (self.pointers_stored.contains(&id) || returned.contains(&id));
            if made {
                // What only the new version keeps is lost to everyone, unless a pointer to it is seen, which is compared.
                let lives = |memory: &Memory| self.held(memory, id).map_or(t.bool(false), |c| c.alive);
                let kept = t.implies(lives(&new.memory), lives(&old.memory));
                self.ask(Compared::Life(info.name.clone()), both, kept);
            }
            if info.constant || !(reached || held) {
                continue;
            }
            let (Some(was), Some(is)) = (self.held(&old.memory, id), self.held(&new.memory, id)) else {
                // Made by one version only: a pointer to it is no pointer of the other one.
                continue;
            };
            if reached {
                let first = self.initial.get(&id).map(|c| c.version);
                for version in [was.version, is.version] {
                    let kept = first.map_or(t.bool(false), |first| self.kept_since(version, first));
                    silent = t.and(silent, kept);
                }
                silent = t.all(&[silent, was.alive, is.alive]);
                self.ask(Compared::Life(info.name.clone()), both, t.eq(was.alive, is.alive));
            }
            let alive = t.all(&[both, was.alive, is.alive]);
            let (open, same) = if info.summary {
                (t.bool(true), t.bool(was.version == is.version))
            } else {
                self.equal_contents(id, was.version, is.version)?
            };
            self.ask(Compared::Bytes(info.name.clone()), t.and(alive, open), same);
        }
        for call in &calls {
            if call.sees != Sees::Computed {
                silent = t.and(silent, t.not(call.guard));
            }
        }
        let same = match (&old.value, &new.value) {
            (Some(old), Some(new)) => {
                let same = self.equal(old, new);
                let refuse = t.and(self.is_error(old, against), self.is_error(new, against));
                t.or(same, t.and(silent, refuse))
            }
            _ => t.bool(true),
        };
        self.ask(Compared::Result, both, same);
        Ok(())
    }

    /// Executions that the unrolling has left out so far.
    fn beyond_the_bound(&self) -> Term {
        let left_out = self.events.iter().filter_map(|event| match event {
            Event::Unwound { guard, .. } => Some(*guard),
            _ => None,
        });
        self.terms.any(&left_out.collect::<Vec<_>>())
    }

    /// One of the error codes that the old version's text has.
    fn is_error(&self, value: &Value, against: &Against<'_>) -> Term {
        let t = self.terms;
        let Value::Bits(value) = value else {
            return t.bool(false);
        };
        let width = t.width(*value);
        let codes: Vec<Term> = against
            .errors
            .iter()
            .map(|code| {
                t.eq(
                    *value,
                    t.bv(width, (*code).wrapping_neg() & (u128::MAX >> (128 - width))),
                )
            })
            .collect();
        t.any(&codes)
    }
}

/// Whether a library model decides something itself: a number, or bytes, that it leaves open.
pub(super) fn leaves_open(program: &Program, model: FunctionId) -> bool {
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
                } => {
                    if seen.insert(*next) {
                        todo.push(*next);
                    }
                }
                StmtKind::Call { .. } => return true,
                _ => {}
            }
        }
    }
    false
}

/// Whether all that a library model says of a function is what it asks of its arguments: what the function is for lies outside.
pub(super) fn does_nothing(program: &Program, model: FunctionId) -> bool {
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
