//! The entry function's inputs, and the usual reading of its parameters.
//!
//! A function checked alone has callers nobody sees. What they may pass is every value of the parameters'
//! types; what a *pointer* may point to needs more: the usual reading of a parameter list. Each clause of
//! it is a [`Contract`] under a literal of its own, so that the solver's unsat core tells which clauses a
//! proof needed; only those are reported, as assumptions and as the inferred contract.
//!
//! - a pointer that the function never compares with null is not null;
//! - a pointer to a complete type points to at least one object of it, unless it is a counted array (`parameter_roles`);
//! - pointers that are ordered or subtracted point into one array, the last of them behind its last element (`ends`);
//! - a pointer followed by a parameter whose name says a count or a length points to that many elements;
//! - a member that another member counts has that many elements (`counted_members`);
//! - bytes that are read as a string before they are written, behind a pointer to `const` or one without a
//!   length of its own, are a string (`walks`: also where a loop by hand looks for the NUL);
//! - what the function uses as an object of a record type, behind a `void *`, is one.

use std::collections::BTreeSet;
use std::rc::Rc;
use vf_source::tables::HashMap;

use vf_ir::{CType, CompareOp, FunctionId, GlobalId, LocalId, Storage, Ty};
use vf_smt::{Sort, Term};

use super::containers::Inside;
use super::exec::Frame;
use super::memory::{Version, Written};
use super::null_tests::null_tested;
use super::parameter_roles::counted_parameters;
use super::state::{Contents, Edge, State};
use super::value::{Context, INVALID, NO_OBJECT, Object, ObjectId, ObjectKey, Pointer, Value, WILD};
use super::{Against, Engine, Stop};
use crate::{Entry, Reason};

/// One clause of the usual reading.
#[derive(Clone, Debug)]
pub struct Contract {
    pub literal: Term,
    /// As an ACSL predicate: `\valid(p + (0 .. n - 1))`.
    pub text: String,
}

/// Two pointers from outside that are compared, and the variable that says what comes of it where they lead to objects that
/// pass for separate otherwise.
#[derive(Clone, Debug)]
pub struct ComparedPointers {
    /// Equal or less.
    pub op: CompareOp,
    pub pointers: [Pointer; 2],
    pub holds: Term,
}

/// A pointer found in unknown initial contents.
#[derive(Clone, Debug)]
pub struct InputCell {
    pub object: ObjectId,
    pub offset: Term,
    pub pointer: Pointer,
}

impl Engine<'_> {
    /// Runs the entry function on every input.
    pub(super) fn run_entry(&mut self) -> Result<Vec<(LocalId, Value)>, Stop> {
        for (id, name) in [(NO_OBJECT, "null"), (INVALID, "invalid"), (WILD, "unknown")] {
            let size = self.terms.bv(self.pointer_bits, 0);
            self.objects.insert(
                id,
                Object {
                    key: ObjectKey::Fixed(id.0),
                    name: name.into(),
                    size,
                    element: None,
                    input: false,
                    summary: true,
                    mortal: false,
                    indeterminate: false,
                    constant: true,
                    stack: None,
                },
            );
        }
        // What a loop or a call out of view changes must be there to be changed: with known contents, a variable
        // that is first mentioned afterwards would still be as it was at the start. (Of one function alone that matters
        // only where its two versions mention it at different times.)
        if self.settings.entry_mode == Entry::Main || self.compares() {
            let changeable = |id: &GlobalId| !self.program.global(*id).constant;
            let globals: Vec<GlobalId> = (0..self.program.globals.len() as u32)
                .map(GlobalId)
                .filter(changeable)
                .collect();
            for global in globals {
                self.object(ObjectKey::Global(global))?;
            }
        }
        let entry = self.settings.entry;
        let function = self.program.function(entry);
        let of_host = self.settings.entry_mode == Entry::Main && function.name == "main";
        let mut nullable = null_tested(self.program, entry);
        if let Some(against) = self.settings.against {
            let params = &self.program.function(against.new).params;
            let tested = null_tested(self.program, against.new);
            let of_old = params.iter().zip(&function.params);
            nullable.extend(
                of_old
                    .filter(|(new, _)| tested.contains(new))
                    .map(|(_, old)| *old),
            );
        }
        self.counts = match self.settings.entry_mode {
            Entry::Each => counted_parameters(self.program, entry),
            Entry::Main => HashMap::default(),
        };
        if self.settings.entry_mode == Entry::Each {
            self.find_ends(entry, &nullable);
        }
        let mut arguments: Vec<(LocalId, Value)> = Vec::new();
        for (position, local) in function.params.clone().into_iter().enumerate() {
            let Some(info) = function.locals.get(local.index()).cloned() else {
                continue;
            };
            let value = match info.storage {
                // `join_ends` says where it points.
                Storage::Register(Ty::Ptr) if self.leads_into_other(local) => Value::Pointer(self.null()),
                Storage::Register(Ty::Ptr) => {
                    let name = info.name.clone();
                    let pointee = match &info.ty {
                        CType::Pointer { to, .. } => (**to).clone(),
                        // A record passed by value comes as the address of the caller's copy.
                        CType::Record(id) => CType::Record(*id),
                        _ => CType::Void,
                    };
                    let read_only = matches!(&info.ty, CType::Pointer { to_const: true, .. });
                    let hidden = position == 0 && matches!(function.ret, CType::Record(_));
                    let may_be_null = nullable.contains(&local) && !hidden;
                    let key = ObjectKey::Parameter(local);
                    self.host_speaks = of_host;
                    let pointer = self.input_object(key, &name, &pointee, read_only, may_be_null);
                    self.host_speaks = false;
                    if hidden || matches!(info.ty, CType::Record(_)) {
                        self.compiler_made(&pointer, if hidden { &function.ret } else { &info.ty });
                    } else {
                        self.room_for_counted(&pointer)?;
                    }
                    Value::Pointer(pointer)
                }
                Storage::Register(ty) => {
                    let term = self
                        .terms
                        .var(&format!("arg.{}", info.name), Sort::BitVec(self.width_of(ty)));
                    if info.ty == CType::Bool {
                        let one = self.terms.bv(self.width_of(ty), 1);
                        self.fact(self.terms.ule(term, one));
                    }
                    Value::Bits(term)
                }
                Storage::Memory => {
                    return Err(Stop::Give(Reason::Construct {
                        what: "a parameter in memory".into(),
                        function: function.name.clone(),
                    }));
                }
            };
            arguments.push((local, value));
        }
        if self.settings.entry_mode == Entry::Each {
            self.join_ends(entry, &mut arguments);
            self.pair_lengths(entry, &arguments);
        }
        if of_host {
            self.describe_main(&arguments);
        }
        let state = State {
            registers: Rc::new(Vec::new()),
            memory: Rc::new(Default::default()),
        };
        let frame = Frame {
            function: entry,
            context: Context(0),
            path: Context(0),
            owner: entry,
            via: Vec::new(),
            call: None,
        };
        let guard = self.terms.bool(true);
        let edge = Edge { guard, state };
        let values: Vec<Value> = arguments.iter().map(|(_, v)| v.clone()).collect();
        match self.settings.against {
            None => {
                self.run_function(&frame, values, edge.guard, edge.state.memory)?;
            }
            Some(against) => self.run_both(&frame, against, &values, &edge)?,
        }
        let outside = |o: &&Object| o.input && !matches!(o.key, ObjectKey::Global(_));
        let variable = |o: &Object| matches!(o.key, ObjectKey::Global(_)) && !o.constant;
        let others = self.objects.values().filter(outside).count();
        if others > 1 || others == 1 && self.objects.values().any(variable) {
            self.assume(
                "pointer parameters, and the pointers found through them, lead to separate objects, none of them a global",
            );
        }
        if self.found_null_tests {
            return Err(Stop::Restart);
        }
        Ok(arguments)
    }

    pub(super) fn contract(&mut self, text: String, clause: Term) {
        if self.terms.is_true(clause) {
            return;
        }
        if self.host_speaks {
            // No contract: the host keeps it.
            self.contract_facts.push(clause);
            return;
        }
        let known = self.contracts.iter().find(|c| c.text == text).map(|c| c.literal);
        let literal = known.unwrap_or_else(|| {
            let literal = self.terms.var(&format!("contract.{text}"), Sort::Bool);
            self.contracts.push(Contract { literal, text });
            literal
        });
        // It speaks of the input, so it holds from the start, wherever the need for it is found.
        self.contract_facts.push(self.terms.implies(literal, clause));
    }

    /// A pointer that came from outside, and the object it points to when it is not null.
    pub(super) fn input_object(
        &mut self,
        key: ObjectKey,
        name: &str,
        pointee: &CType,
        read_only: bool,
        may_be_null: bool,
    ) -> Pointer {
        let t = self.terms;
        let id = self.names.object(&key);
        self.mention(id);
        if !self.objects.contains_key(&id) {
            let size = t.var(&format!("size.{}.{name}", id.0), Sort::BitVec(self.pointer_bits));
            let inside = self.learned.inside.get(&id).copied();
            let element = match inside {
                Some(Inside::Record { record, .. }) => CType::Record(record),
                _ => pointee.clone(),
            };
            self.add_object(
                id,
                Object {
                    key,
                    name: self.name_of_container(id, name),
                    size,
                    element: Some(element),
                    input: true,
                    summary: false,
                    mortal: false,
                    indeterminate: false,
                    constant: false,
                    stack: None,
                },
            );
            self.limit_size(size);
            let begin = self.begin_of(id, size, name);
            self.begins.insert(id, begin);
            // Bytes behind a parameter may be counted by another; `pair_lengths` settles those.
            let bytes = matches!(pointee, CType::Int { bits: 8, .. });
            let parameter = match self.objects.get(&id).map(|o| &o.key) {
                Some(ObjectKey::Parameter(local)) => Some(*local),
                _ => None,
            };
            // Of no elements there is not even a first.
            let counted_member = self.counted.referents.contains(&id);
            let counted = counted_member
                || parameter
                    .is_some_and(|p| self.counts.get(&p).is_some_and(|c| c.is_array) || self.starts_array(p));
            let parameter = parameter.is_some();
            if let Some(least) = pointee.size(&self.program.records, self.program.model)
                && !(bytes && parameter)
                && !counted
            {
                let least = t.bv(self.pointer_bits, u128::from(least));
                self.contract(format!("\\valid({name})"), t.uge(t.sub(size, begin), least));
                if self.compares() && self.ends_with_its_type(pointee) && inside.is_none() {
                    self.fact(t.ule(size, least));
                    self.assume("pointers to a record lead to one record");
                }
            }
            if self.compares()
                && let Some(Inside::Record { record, offset }) = inside
                && self.ends_with_its_type(&CType::Record(record))
                && let Some(whole) = self.program.records.get(record.0 as usize).and_then(|r| r.size)
                && offset < whole
            {
                self.fact(t.ule(size, t.bv(self.pointer_bits, u128::from(whole))));
                self.assume("pointers to a record lead to one record");
            }
            let version = self.add_version(Version::Base {
                object: id,
                label: "".into(),
                written: Written::All,
                lazy: true,
                before: None,
                stores: None,
            });
            self.set_initial(id, version);
            let wide = matches!(
                pointee,
                CType::Int {
                    bits: 32,
                    signed: true
                }
            );
            if wide && inside.is_none() && (read_only || !parameter && !counted_member) {
                self.wide_string_clauses
                    .insert(id, format!("valid_read_wstring({name})"));
            }
            // Bytes may be a string (plain `char` is signed or not, by flag).
            if matches!(pointee, CType::Int { bits: 8, .. }) && inside.is_none() {
                let nul = t.var(&format!("nul.{}.{name}", id.0), Sort::BitVec(self.pointer_bits));
                let none = self.no_nul();
                let array = self.contents_array(id, "", 1);
                self.learned.granule.insert(id, 1);
                self.pending_nuls.insert(array, (nul, size));
                self.fact(t.or(t.eq(nul, none), t.ult(nul, size)));
                if let Some(contents) = self.initial.get_mut(&id) {
                    contents.nuls.byte = nul;
                    contents.nuls.furthest = nul;
                }
                if read_only || !parameter && !counted_member {
                    self.string_clauses
                        .insert(id, (format!("valid_read_string({name})"), nul));
                }
            }
        }
        let begin = self
            .begins
            .get(&id)
            .copied()
            .unwrap_or_else(|| self.offset_const(0));
        let there = self.pointer_to(id, begin);
        let null = self.null();
        let is_null = t.var(&format!("null.{}.{name}", id.0), Sort::Bool);
        if !may_be_null {
            self.contract(format!("{name} != \\null"), t.not(is_null));
        }
        self.choose_pointer(is_null, &null, &there)
    }

    /// A pointer that the compiler passes, not the user: it always leads to an object of the type.
    fn compiler_made(&mut self, pointer: &Pointer, ty: &CType) {
        let t = self.terms;
        self.fact(t.not(self.is_null(pointer)));
        let Some(size) = ty.size(&self.program.records, self.program.model) else {
            return;
        };
        for object in pointer.targets.iter() {
            if let Some(info) = self.objects.get(object).filter(|o| o.input) {
                let enough = t.uge(info.size, t.bv(self.pointer_bits, u128::from(size)));
                self.fact(enough);
            }
        }
    }

    /// A `void *` from outside is used as a pointer to a record: it then points to one.
    pub(super) fn read_as_record(&mut self, pointer: &Pointer, record: vf_ir::RecordId) -> Result<(), Stop> {
        let t = self.terms;
        let Some(size) = self.program.records.get(record.0 as usize).and_then(|r| r.size) else {
            return Ok(());
        };
        let mut found = false;
        for object in pointer.targets.iter() {
            let Some(info) = self.objects.get(object) else {
                continue;
            };
            if !info.input || info.summary || info.element.as_ref().is_some_and(|e| *e != CType::Void) {
                continue;
            }
            let (whole, path) = (info.size, info.name.clone());
            let path = path.strip_prefix('*').unwrap_or(&path);
            let name = self.program.records[record.0 as usize].name.clone();
            let least = t.bv(self.pointer_bits, u128::from(size));
            self.contract(format!("\\valid((struct {name} *){path})"), t.uge(whole, least));
            if let Some(info) = self.objects.get_mut(object) {
                info.element = Some(CType::Record(record));
            }
            found = true;
            if t.as_bv(pointer.offset) != Some(0) {
                self.counted.shifted.insert(*object);
            }
        }
        if found {
            self.room_for_counted(pointer)?;
        }
        Ok(())
    }

    /// A pointer read from contents that the outside chose.
    pub(super) fn input_pointer(
        &mut self,
        object: ObjectId,
        label: &Rc<str>,
        offset: Term,
    ) -> Result<Pointer, Stop> {
        let t = self.terms;
        let Some(at) = t.as_bv(offset) else {
            let pointer = self.wild_pointer("element");
            self.elements_anywhere.insert(pointer.offset, object);
            return Ok(pointer);
        };
        let at = at as u64;
        let Some(info) = self.objects.get(&object).cloned() else {
            return Ok(self.wild_pointer("input"));
        };
        let (path, pointee, read_only) = self.cell_path(&info, at);
        let depth = path.matches("->").count() + path.matches('*').count();
        if depth > 8 {
            if label.is_empty() {
                let may_be_null = self.reads_tested(object, &info, at);
                self.deep_pointers.insert((object, at), may_be_null);
            }
            return Ok(self.wild_pointer("deep"));
        }
        let key = ObjectKey::Reached(object, at, label.clone());
        let name = if label.is_empty() {
            path
        } else {
            format!("{path}@{label}")
        };
        let id = self.names.object(&key);
        let fresh = !self.objects.contains_key(&id);
        let counted = self.counted_pointer(object, at, label);
        if counted.is_some() {
            self.counted.referents.insert(id);
        }
        // A pointer in memory may be null; that it is not, where the code never asks, is its contract.
        let tested = self.reads_tested(object, &info, at);
        let of_host = self.is_argument(object);
        self.host_speaks = of_host;
        let may_be_null = tested || of_host || counted.is_some();
        let pointer = self.input_object(key, &name, &pointee, read_only, may_be_null);
        self.host_speaks = false;
        if fresh {
            if let Some(member) = &counted {
                self.counted_referent(object, member, &pointer)?;
            }
            self.room_for_counted(&pointer)?;
        }
        if fresh && of_host && label.is_empty() {
            self.describe_argument(object, at, &pointer);
        }
        if fresh && label.is_empty() {
            self.input_pointers.push(InputCell {
                object,
                offset,
                pointer: pointer.clone(),
            });
        }
        Ok(pointer)
    }

    /// Source path, pointee and constness of the pointer at an offset of an object.
    fn cell_path(&self, object: &Object, at: u64) -> (String, CType, bool) {
        let plain = object.name.strip_prefix('*').unwrap_or(&object.name);
        let is_referent = object.name.starts_with('*');
        let mut path = plain.to_owned();
        let mut arrow = is_referent;
        let mut ty = object.element.clone().unwrap_or(CType::Void);
        let mut rest = at;
        if let Some(size) = ty
            .size(&self.program.records, self.program.model)
            .filter(|s| *s > 0)
            && rest / size > 0
        {
            path = format!("{path}[{}]", rest / size);
            rest %= size;
            arrow = false;
        }
        loop {
            match &ty {
                CType::Record(id) => {
                    let Some(record) = self.program.records.get(id.0 as usize) else {
                        break;
                    };
                    let found = record
                        .fields
                        .iter()
                        .filter(|f| {
                            let size = f.ty.size(&self.program.records, self.program.model).unwrap_or(0);
                            f.offset <= rest && rest < f.offset + size.max(1)
                        })
                        .max_by_key(|f| u8::from(matches!(f.ty, CType::Pointer { .. })));
                    let Some(field) = found else { break };
                    if !field.name.is_empty() {
                        path = format!("{path}{}{}", if arrow { "->" } else { "." }, field.name);
                        arrow = false;
                    }
                    rest -= field.offset;
                    ty = field.ty.clone();
                }
                CType::Array { element, .. } => {
                    let size = element
                        .size(&self.program.records, self.program.model)
                        .unwrap_or(0);
                    if size == 0 {
                        break;
                    }
                    path = format!("{path}[{}]", rest / size);
                    rest %= size;
                    ty = (**element).clone();
                }
                CType::Pointer { to, to_const } => {
                    if arrow {
                        path = format!("*{path}");
                    }
                    return (path, (**to).clone(), *to_const);
                }
                _ => break,
            }
        }
        (format!("{path}+{at}"), CType::Void, false)
    }

    /// Pointer parameters with the length that follows them: `size(p) >= n * sizeof(*p)`.
    fn pair_lengths(&mut self, entry: FunctionId, arguments: &[(LocalId, Value)]) {
        let t = self.terms;
        let function = self.program.function(entry);
        let info = |local: LocalId| function.locals.get(local.index());
        for (local, value) in arguments {
            let (Value::Pointer(pointer), Some(CType::Pointer { to, .. })) =
                (value, info(*local).map(|l| &l.ty))
            else {
                continue;
            };
            let scale = match &**to {
                CType::Void => 1,
                CType::Function(_) => continue,
                other => match other.size(&self.program.records, self.program.model) {
                    Some(size) if size > 0 => size,
                    _ => continue,
                },
            };
            if self.leads_into_other(*local) {
                continue;
            }
            let Some(partner) = self.counts.get(local).map(|c| c.count) else {
                if self.starts_array(*local) {
                    continue;
                }
                // A byte buffer without a length of its own can only be read as a string.
                if matches!(**to, CType::Int { bits: 8, .. }) {
                    let name = info(*local).map(|l| l.name.clone()).unwrap_or_default();
                    for object in pointer.targets.iter() {
                        let Some(size) = self.room_behind(*object) else {
                            continue;
                        };
                        let one = self.terms.bv(self.pointer_bits, 1);
                        self.contract(format!("\\valid({name})"), self.terms.uge(size, one));
                        let is_whole = !self.learned.inside.contains_key(object);
                        if let Some(nul) = self.initial.get(object).map(|c| c.nuls.byte).filter(|_| is_whole)
                        {
                            self.string_clauses
                                .insert(*object, (format!("valid_read_string({name})"), nul));
                        }
                    }
                }
                // Likewise one of wide characters.
                if matches!(
                    **to,
                    CType::Int {
                        bits: 32,
                        signed: true
                    }
                ) {
                    let name = info(*local).map(|l| l.name.clone()).unwrap_or_default();
                    for object in pointer.targets.iter() {
                        let is_whole = !self.learned.inside.contains_key(object);
                        if is_whole && self.objects.get(object).is_some_and(|o| o.input) {
                            self.wide_string_clauses
                                .insert(*object, format!("valid_read_wstring({name})"));
                        }
                    }
                }
                continue;
            };
            let Some((_, Value::Bits(count))) = arguments.iter().find(|(l, _)| *l == partner) else {
                continue;
            };
            let Some(length_info) = info(partner) else {
                continue;
            };
            let CType::Int { bits, signed } = length_info.ty else {
                continue;
            };
            if bits > self.pointer_bits {
                continue;
            }
            // No object is larger than half of the address space, so that the product below does not wrap.
            let most = ((1u128 << (self.pointer_bits - 1)) - 1) / u128::from(scale);
            let pointer_bits = self.pointer_bits;
            let number = |value: u128| t.bv(pointer_bits, value);
            let exact = match bits < self.pointer_bits {
                true if signed => t.sext(self.pointer_bits, *count),
                true => t.zext(self.pointer_bits, *count),
                false => *count,
            };
            let none = if signed {
                t.sle(exact, number(0))
            } else {
                t.eq(exact, number(0))
            };
            let needed = t.mul(exact, number(u128::from(scale)));
            if self.compares() {
                let single =
                    matches!(**to, CType::Record(_)) && !self.counts.get(local).is_some_and(|c| c.is_array);
                let least = if single { scale } else { 0 };
                self.is_tight(pointer, t.ite(none, number(u128::from(least)), needed));
            }
            let name = info(*local).map(|l| l.name.clone()).unwrap_or_default();
            let text = format!("\\valid({name} + (0 .. {} - 1))", length_info.name);
            for object in pointer.targets.iter() {
                let Some(size) = self.room_behind(*object) else {
                    continue;
                };
                let big = t.and(t.ule(exact, number(most)), t.uge(size, needed));
                self.contract(text.clone(), t.or(none, big));
            }
        }
    }

    /// An array of the caller has no more bytes than its count says: on a larger one, an overrun would pass for safe.
    fn is_tight(&mut self, pointer: &Pointer, most: Term) {
        let t = self.terms;
        for object in pointer.targets.iter() {
            if let Some(size) = self.room_behind(*object) {
                self.fact(t.ule(size, most));
                self.assume("arrays whose elements a parameter counts have no more than it says");
            }
        }
    }

    /// Bytes of an object of the caller from where its pointer leads to.
    fn room_behind(&self, object: ObjectId) -> Option<Term> {
        let size = self.objects.get(&object).filter(|o| o.input)?.size;
        Some(match self.begins.get(&object) {
            Some(begin) => self.terms.sub(size, *begin),
            None => size,
        })
    }

    /// A record whose last member is no array without length.
    fn ends_with_its_type(&self, ty: &CType) -> bool {
        let CType::Record(id) = ty else {
            return false;
        };
        let record = self.program.records.get(id.0 as usize);
        let last = record.and_then(|r| r.fields.iter().max_by_key(|f| f.offset));
        match last.map(|f| &f.ty) {
            Some(CType::Array { len, .. }) => {
                !matches!(len, vf_ir::ArrayLen::Unknown | vf_ir::ArrayLen::Fixed(0))
            }
            Some(inner @ CType::Record(_)) => self.ends_with_its_type(inner),
            Some(_) => true,
            None => false,
        }
    }

    /// Contents of every object that the outside can reach become unknown.
    pub(super) fn havoc_reachable(
        &mut self,
        edge: &mut Edge,
        roots: &[Pointer],
        why: &str,
    ) -> Result<Rc<str>, Stop> {
        let ids: BTreeSet<ObjectId> = self
            .initial
            .keys()
            .chain(edge.state.memory.keys())
            .copied()
            .collect();
        let passed: BTreeSet<ObjectId> = roots.iter().flat_map(|p| p.targets.iter().copied()).collect();
        let label: Rc<str> = format!(".after{}.{why}", self.shared("after")).into();
        for id in ids {
            let Some(info) = self.objects.get(&id).cloned() else {
                continue;
            };
            if self.is_private(id, &passed)
                || info.constant
                || info.summary
                || !self.is_mentioned(&info.key, id)
            {
                continue;
            }
            let Some(before) = self.contents(&edge.state, id) else {
                continue;
            };
            let lazy = info.input;
            // What is passed is taken to be filled in; of the rest nobody knows whether it was written.
            let written = if passed.contains(&id) || !info.indeterminate {
                Written::All
            } else {
                let array = self.terms.var(
                    &format!("written.{}{label}", self.object_label(id)),
                    Sort::Array {
                        index: self.pointer_bits,
                        element: 1,
                    },
                );
                Written::Since {
                    before: before.version,
                    array,
                    ranges: Rc::new(Vec::new()),
                }
            };
            let version = self.add_version(Version::Base {
                object: id,
                label: label.clone(),
                written,
                lazy,
                before: None,
                stores: None,
            });
            let none = self.no_nuls();
            self.set_contents(
                &mut edge.state,
                id,
                Contents {
                    version,
                    alive: before.alive,
                    nuls: none,
                },
            );
        }
        Ok(label)
    }

    /// A local that was not passed cannot be reached unless its address was stored somewhere; that is rare enough to
    /// be settled by the kind of object alone: only pure locals are spared.
    pub(super) fn is_private(&self, id: ObjectId, passed: &BTreeSet<ObjectId>) -> bool {
        let local = self
            .objects
            .get(&id)
            .is_some_and(|info| matches!(info.key, ObjectKey::Local(..)));
        let argument = || self.is_argument(id) && !passed.iter().any(|id| self.is_argument(*id));
        (local || argument()) && !passed.contains(&id) && !self.escaped(id)
    }

    /// Executes the old version of the entry function, and then the new one on the same input.
    fn run_both(
        &mut self,
        frame: &Frame,
        against: &Against<'_>,
        values: &[Value],
        start: &Edge,
    ) -> Result<(), Stop> {
        self.assuming_checks += 1;
        let old = self.run_function(frame, values.to_vec(), start.guard, start.state.memory.clone());
        self.assuming_checks -= 1;
        let old = old?;
        self.begin_new_version();
        let frame = Frame {
            function: against.new,
            owner: against.new,
            ..frame.clone()
        };
        let assumed = u32::from(!against.asks_new);
        self.assuming_checks += assumed;
        let new = self.run_function(&frame, values.to_vec(), start.guard, start.state.memory.clone());
        self.assuming_checks -= assumed;
        self.compare_ends(against, old, new?)
    }

    /// Whether a local's address was ever stored to memory.
    fn escaped(&self, id: ObjectId) -> bool {
        // An address that became an integer may have gone anywhere.
        self.addresses_given.contains(&id) || self.pointers_stored.contains(&id)
    }
}
