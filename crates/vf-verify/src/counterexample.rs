//! From a model of a violation to an input that a person can read and a machine can run.

use std::collections::{BTreeMap, BTreeSet};

use vf_ir::input::{
    Choice, ChoiceKind, Contents, Input, InputObject, InputPointer, InputValue, OutsideWrite,
};
use vf_ir::{CType, CompareOp, Program, Ty};
use vf_smt::{Assignment, Sort, Term, Terms, View};

use crate::inputs::Part;

use crate::engine::{ChoiceTerm, Execution, Object, ObjectId, ObjectKey, OutsideStore, PointerCells, Value};

/// Bytes of one object that are filled in for a string, at most.
const FILL_LIMIT: u64 = 1 << 16;
/// Bytes of one decision of the outside, at most.
const BYTES_LIMIT: u64 = 1 << 16;

/// Stands for a pointer of the input that the solver did not follow (too deep, or read by the execution alone), and that is
/// not null by the usual reading: what it leads to is not known, so that no violation may depend on it.
const INVENTED: u64 = 0x00de_e900;

/// Inputs with something else in place of what only stands for a pointer, if there is any: null, and memory full of pointers
/// to itself.
pub fn without_invented(program: &Program, input: &Input) -> Option<[Input; 2]> {
    /// Bytes of that memory. Pointers lead to its middle: there is some before it, too.
    const MEMORY: u64 = 1 << 13;
    let width = usize::try_from(program.model.pointer_bits() / 8).unwrap_or(8);
    let memory = InputPointer::Object {
        index: input.objects.len(),
        offset: (MEMORY / 2) as i64,
    };
    let null = instead_of_invented(input, &InputPointer::Null)?;
    let mut led = instead_of_invented(input, &memory)?;
    led.objects.push(InputObject {
        name: "memory".into(),
        size: MEMORY,
        element_type: String::new(),
        contents: Contents {
            bytes: Vec::new(),
            pointers: (0..MEMORY)
                .step_by(width)
                .map(|at| (at, memory.clone()))
                .collect(),
        },
    });
    Some([null, led])
}

fn instead_of_invented(input: &Input, put: &InputPointer) -> Option<Input> {
    let mut other = input.clone();
    let objects = other.objects.iter_mut().map(|o| &mut o.contents);
    let all = objects.chain(other.globals.iter_mut().map(|(_, contents)| contents));
    let mut found = false;
    for (_, pointer) in all.flat_map(|contents| &mut contents.pointers) {
        if *pointer == InputPointer::Address(INVENTED) {
            *pointer = put.clone();
            found = true;
        }
    }
    found.then_some(other)
}

/// The input that a model describes.
pub fn input_of(
    program: &Program,
    entry: &str,
    execution: &Execution,
    terms: &Terms,
    model: &Assignment,
) -> Input {
    let reader = Reader::new(program, execution, terms, model);
    let mut objects = Vec::new();
    for id in &reader.order {
        let Some(object) = execution.objects.get(id) else {
            continue;
        };
        objects.push(InputObject {
            name: object.name.clone(),
            size: reader.size(object),
            element_type: object
                .element
                .as_ref()
                .map(|t| c_name(program, t))
                .unwrap_or_default(),
            contents: reader.contents(*id, object),
        });
    }
    let arguments = execution
        .arguments
        .iter()
        .map(|(local, value)| {
            let _ = local;
            reader.value(value)
        })
        .collect();
    let mut globals = Vec::new();
    for (id, object) in &execution.objects {
        if let (ObjectKey::Global(_), true) = (&object.key, object.input) {
            let contents = reader.contents(*id, object);
            if contents != Contents::default() {
                globals.push((object.name.clone(), contents));
            }
        }
    }
    let mut choices = Vec::new();
    for choice in &execution.choices {
        if terms.eval(choice.guard, model).as_bool() != Some(true) {
            continue;
        }
        let kind = match &choice.kind {
            ChoiceTerm::Value(value, ty) => ChoiceKind::Value(if matches!(ty, Ty::Float(_)) {
                InputValue::Float
            } else {
                reader.value(value)
            }),
            ChoiceTerm::Fails(fails) => {
                ChoiceKind::AllocationFails(terms.eval(*fails, model).as_bool() == Some(true))
            }
            ChoiceTerm::Bytes { label, size } => {
                let size = reader.number(*size).min(u128::from(BYTES_LIMIT)) as u64;
                ChoiceKind::Bytes(reader.labelled(label, size))
            }
        };
        choices.push(Choice {
            function: choice.function.clone(),
            kind,
            writes: reader.outside_writes(&choice.stores),
        });
    }
    Input {
        function: entry.to_owned(),
        objects,
        arguments,
        globals,
        choices,
    }
}

/// Whether an object has more pointers than those that are named wherever they are read.
pub fn may_leave_out_pointers(execution: &Execution, input: &Input) -> bool {
    let mut objects = input_objects(execution).zip(&input.objects);
    objects.any(|(id, object)| {
        let cells = execution.unread_pointers.get(&id);
        let behind = cells.and_then(PointerCells::behind_first);
        behind.is_some_and(|behind| behind < object.size)
    })
}

/// The input with something in place of pointers of which it says nothing, where an execution read them (`unled`, as
/// [`interp::Run::unled`](vf_ir::interp::Run::unled)) and null is not what the usual reading has there; `None` where there are none.
pub fn with_unled(
    program: &Program,
    execution: &Execution,
    input: &Input,
    unled: &BTreeSet<(usize, u64)>,
) -> Option<Input> {
    let width = u64::from(program.model.pointer_bits() / 8);
    let order: Vec<ObjectId> = input_objects(execution).collect();
    let mut completed = None;
    for (number, at) in unled {
        let cells = order
            .get(*number)
            .and_then(|id| execution.unread_pointers.get(id));
        if cells.and_then(|cells| cells.may_be_null(*at)) != Some(false) {
            continue;
        }
        let named = |object: &InputObject| object.contents.pointers.iter().any(|(p, _)| p == at);
        if input.objects.get(*number).is_none_or(named) {
            continue;
        }
        let completed = completed.get_or_insert_with(|| input.clone());
        if let Some(InputObject { contents, .. }) = completed.objects.get_mut(*number) {
            let bytes = std::mem::take(&mut contents.bytes).into_iter();
            let each = bytes.flat_map(|(start, run)| (start..).zip(run));
            contents.bytes = runs(
                each.filter(|(place, _)| !(*at..at + width).contains(place))
                    .collect(),
            );
            contents.pointers.push((*at, InputPointer::Address(INVENTED)));
        }
    }
    completed
}

/// Input objects that are no globals, in the order of [`Input::objects`].
fn input_objects(execution: &Execution) -> impl Iterator<Item = ObjectId> {
    let own = |object: &Object| object.input && !matches!(object.key, ObjectKey::Global(_));
    let all = execution.objects.iter();
    all.filter(move |(_, object)| own(object)).map(|(id, _)| *id)
}

struct Reader<'a> {
    execution: &'a Execution,
    terms: &'a Terms,
    model: &'a Assignment,
    /// Input objects that are no globals, in the order of `Input::objects`.
    order: Vec<ObjectId>,
    index: BTreeMap<ObjectId, usize>,
    /// Objects that are another one, by the model, from this place of it on.
    same: BTreeMap<ObjectId, (ObjectId, i64)>,
    /// Elements of unknown contents that were read, (place, element), by the name of the array.
    arrays: BTreeMap<String, Vec<(Term, Term)>>,
    program: &'a Program,
}

impl<'a> Reader<'a> {
    fn new(program: &'a Program, execution: &'a Execution, terms: &'a Terms, model: &'a Assignment) -> Self {
        let order: Vec<ObjectId> = input_objects(execution).collect();
        let index = order.iter().copied().zip(0..).collect();
        let mut arrays: BTreeMap<String, Vec<(Term, Term)>> = BTreeMap::new();
        for (array, reads) in &execution.base_reads {
            if let (View::Var { .. }, Some(name)) = (terms.view(*array), terms.name(*array)) {
                let elements = reads.iter().map(|at| (*at, terms.select(*array, *at)));
                arrays.entry(name).or_default().extend(elements);
            }
        }
        let width = program.model.pointer_bits();
        for (array, cells) in &execution.cells {
            if let Some(name) = terms.name(*array) {
                let elements = cells
                    .iter()
                    .map(|(at, variable)| (terms.bv(width, *at), *variable));
                arrays.entry(name).or_default().extend(elements);
            }
        }
        let mut reader = Reader {
            execution,
            terms,
            model,
            order,
            index,
            same: BTreeMap::new(),
            arrays,
            program,
        };
        reader.find_same();
        reader
    }

    /// Where pointers to separate objects are equal, the later of the objects is the other one.
    fn find_same(&mut self) {
        for compared in &self.execution.compared_pointers {
            let holds = self.terms.eval(compared.holds, self.model).as_bool() == Some(true);
            if compared.op != CompareOp::Equal || !holds {
                continue;
            }
            let places = compared.pointers.each_ref().map(|p| self.place(p));
            let [(left, left_at), (right, right_at)] = places;
            let own = |id: &ObjectId| self.index.contains_key(id);
            if left == right {
                continue;
            }
            if own(&left) && (left > right || !own(&right)) {
                self.same.insert(left, (right, right_at.wrapping_sub(left_at)));
            } else if own(&right) {
                self.same.insert(right, (left, left_at.wrapping_sub(right_at)));
            }
        }
    }

    /// The object that a pointer leads to, and where in it.
    fn place(&self, pointer: &crate::engine::Pointer) -> (ObjectId, i64) {
        let mut base = ObjectId(self.number(pointer.base) as u32);
        let mut offset = self.number(pointer.offset) as u64 as i64;
        // Each object is another one once at most.
        for _ in 0..=self.same.len() {
            let Some((other, from)) = self.same.get(&base) else {
                break;
            };
            base = *other;
            offset = offset.wrapping_add(*from);
        }
        (base, offset)
    }

    fn number(&self, term: Term) -> u128 {
        self.terms.eval(term, self.model).as_bits().unwrap_or(0)
    }

    fn size(&self, object: &Object) -> u64 {
        self.number(object.size) as u64
    }

    fn value(&self, value: &Value) -> InputValue {
        match value {
            Value::Bits(term) => {
                let bits = match self.terms.sort(*term) {
                    Sort::BitVec(bits) => bits,
                    _ => 1,
                };
                InputValue::Int {
                    bits,
                    value: self.number(*term),
                }
            }
            Value::Pointer(pointer) => InputValue::Pointer(self.pointer(pointer)),
        }
    }

    fn pointer(&self, pointer: &crate::engine::Pointer) -> InputPointer {
        let (base, offset) = self.place(pointer);
        match self.execution.objects.get(&base).map(|o| &o.key) {
            Some(ObjectKey::Fixed(0)) if offset == 0 => InputPointer::Null,
            Some(ObjectKey::Global(_)) => InputPointer::Global {
                name: self
                    .execution
                    .objects
                    .get(&base)
                    .map(|o| o.name.clone())
                    .unwrap_or_default(),
                offset,
            },
            Some(ObjectKey::Function(_)) => InputPointer::Function {
                name: self
                    .execution
                    .objects
                    .get(&base)
                    .map(|o| o.name.clone())
                    .unwrap_or_default(),
            },
            _ => match self.index.get(&base) {
                Some(index) => InputPointer::Object {
                    index: *index,
                    offset,
                },
                None => InputPointer::Address(offset as u64),
            },
        }
    }

    /// Initial contents of an input object: what was read of it.
    fn contents(&self, id: ObjectId, object: &Object) -> Contents {
        let size = self.size(object);
        let mut bytes: BTreeMap<u64, u8> = BTreeMap::new();
        if let Some(unit) = self.execution.strings.get(&id) {
            // Nothing is said of the rest of a string; a NUL there would end it early.
            for at in 0..size.min(FILL_LIMIT) {
                bytes.insert(at, if at % unit == 0 { b'A' } else { 0 });
            }
        }
        for g in [1u64, 2, 4, 8] {
            let Some(reads) = self.arrays.get(&array_name(id, object, g)) else {
                continue;
            };
            for (read, element) in reads {
                let at = self.number(*read);
                let value = self.number(*element);
                for k in 0..g {
                    let place = at as u64 + k;
                    if at < u128::from(size) && place < size {
                        bytes.insert(place, (value >> (8 * k)) as u8);
                    }
                }
            }
        }
        // The caller's string ends where the solver has it end, whether or not that byte was read.
        let is_string = self.execution.strings.get(&id) == Some(&1);
        if let Some(nul) = self.execution.initial_nuls.get(&id).filter(|_| is_string) {
            let place = self.number(*nul);
            if place < u128::from(size) {
                bytes.insert(place as u64, 0);
            }
        }
        let width = u64::from(self.program.model.pointer_bits() / 8);
        let mut pointers = Vec::new();
        for cell in self.execution.input_pointers.iter().filter(|c| c.object == id) {
            let at = self.number(cell.offset) as u64;
            if at.checked_add(width).is_some_and(|end| end <= size) {
                pointers.push((at, self.pointer(&cell.pointer)));
                for k in 0..width {
                    bytes.remove(&(at + k));
                }
            }
        }
        let deep = self.execution.deep_pointers.range((id, 0)..=(id, u64::MAX));
        for ((_, at), may_be_null) in deep {
            if at.checked_add(width).is_some_and(|end| end <= size) {
                let pointer = match may_be_null {
                    true => InputPointer::Null,
                    false => InputPointer::Address(INVENTED),
                };
                pointers.push((*at, pointer));
                for k in 0..width {
                    bytes.remove(&(at + k));
                }
            }
        }
        let unread = self.execution.unread_pointers.get(&id);
        for (at, may_be_null) in unread.into_iter().flat_map(PointerCells::first) {
            let Some(end) = at.checked_add(width).filter(|end| *end <= size) else {
                continue;
            };
            let followed = pointers
                .iter()
                .any(|(p, _)| *p < end && at < p.saturating_add(width));
            if followed {
                continue;
            }
            // Bytes that the solver chose there (for a read of an object that it took for another) are no pointer that a
            // caller could have made. What is left out is null.
            for k in 0..width {
                bytes.remove(&(at + k));
            }
            if !may_be_null {
                pointers.push((at, InputPointer::Address(INVENTED)));
            }
        }
        Contents {
            bytes: runs(bytes),
            pointers,
        }
    }

    /// What a call that is not followed stores, of what was read behind it: in objects that the function made itself, and in
    /// buffers. What other records hold is their owner's matter: no call is blamed for breaking what keeps them in order.
    fn outside_writes(&self, stores: &[OutsideStore]) -> Vec<OutsideWrite> {
        let mut found = Vec::new();
        for store in stores {
            let id = ObjectId(self.number(store.pointer.base) as u32);
            let Some(object) = self.execution.objects.get(&id) else {
                continue;
            };
            let size = self.size(object);
            let start = self.number(store.pointer.offset) as u64;
            let bounds = store.pointer.hard_bounds();
            let bounds = bounds.map(|b| (self.number(b.low) as u64, self.number(b.high) as u64));
            let own = matches!(object.key, ObjectKey::Local(..) | ObjectKey::Allocation(..));
            let bytes = matches!(object.element, None | Some(CType::Void | CType::Int { .. }));
            let (low, high) = match bounds {
                // Into an array member.
                Some((low, high)) if high <= size => (low, high),
                _ if own || bytes => (0, size),
                _ => continue,
            };
            let mut written: BTreeMap<u64, u8> = BTreeMap::new();
            for g in [1u64, 2, 4, 8] {
                let name = labelled_array(id, object, &store.label, g);
                for (read, element) in self.arrays.get(&name).into_iter().flatten() {
                    let (at, value) = (self.number(*read), self.number(*element));
                    for k in 0..g {
                        let place = (at as u64).wrapping_add(k);
                        if at < u128::from(size) && (low..high).contains(&place) {
                            written.insert(place, (value >> (8 * k)) as u8);
                        }
                    }
                }
            }
            let argument = store.argument;
            found.extend(runs(written).into_iter().map(|(place, bytes)| OutsideWrite {
                argument,
                at: place.wrapping_sub(start) as i64,
                bytes,
            }));
        }
        found
    }

    /// The bytes of an array indexed from the start of a write.
    fn labelled(&self, label: &str, size: u64) -> Vec<u8> {
        let mut bytes: BTreeMap<u64, u8> = BTreeMap::new();
        for g in [1u64, 2, 4, 8] {
            let Some(reads) = self.arrays.get(&format!("{label}.{g}")) else {
                continue;
            };
            for (read, element) in reads {
                let at = self.number(*read);
                if at >= u128::from(size) {
                    continue;
                }
                let value = self.number(*element);
                for k in 0..g {
                    if (at as u64) + k < size {
                        bytes.insert(at as u64 + k, (value >> (8 * k)) as u8);
                    }
                }
            }
        }
        let Some(last) = bytes.keys().next_back().copied() else {
            return Vec::new();
        };
        (0..=last)
            .map(|at| bytes.get(&at).copied().unwrap_or(0))
            .collect()
    }
}

/// Name of the array of an input object's contents, in elements of so many bytes.
fn array_name(id: ObjectId, object: &Object, bytes: u64) -> String {
    labelled_array(id, object, "", bytes)
}

/// The same of its contents behind a call, by the call's label.
fn labelled_array(id: ObjectId, object: &Object, label: &str, bytes: u64) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '.'
        }
    };
    let name: String = object.name.chars().map(plain).collect();
    format!("mem.{}{name}{label}.{bytes}", id.0)
}

/// Elements of an input object's contents that are variables, by their place.
pub struct InputArray {
    /// The object's number in the input, or the global's name.
    object: Result<usize, String>,
    pub cells: Vec<(u64, Term)>,
    /// Bytes of an element.
    pub width: u64,
}

impl InputArray {
    pub fn part(&self, start: u64, end: u64) -> Part {
        match &self.object {
            Ok(object) => Part::ObjectBytes {
                object: *object,
                start,
                end,
            },
            Err(name) => Part::GlobalBytes {
                name: name.clone(),
                start,
                end,
            },
        }
    }
}

/// The contents of all input objects, as far as they are variables.
pub fn arrays_of(execution: &Execution, terms: &Terms) -> Vec<InputArray> {
    let mut by_name: BTreeMap<String, Vec<(u64, Term)>> = BTreeMap::new();
    for (array, cells) in &execution.cells {
        if let Some(name) = terms.name(*array) {
            let cells = cells.iter().map(|(at, variable)| (*at as u64, *variable));
            by_name.entry(name).or_default().extend(cells);
        }
    }
    let mut found = Vec::new();
    let mut number = 0;
    for (id, object) in execution.objects.iter().filter(|(_, o)| o.input) {
        let is_global = matches!(object.key, ObjectKey::Global(_));
        for width in [1u64, 2, 4, 8] {
            if let Some(cells) = by_name.remove(&array_name(*id, object, width)) {
                let object = if is_global {
                    Err(object.name.clone())
                } else {
                    Ok(number)
                };
                found.push(InputArray { object, cells, width });
            }
        }
        number += usize::from(!is_global);
    }
    found
}

/// Consecutive bytes joined.
fn runs(bytes: BTreeMap<u64, u8>) -> Vec<(u64, Vec<u8>)> {
    let mut result: Vec<(u64, Vec<u8>)> = Vec::new();
    for (at, byte) in bytes {
        match result.last_mut() {
            Some((start, run)) if *start + run.len() as u64 == at => run.push(byte),
            _ => result.push((at, vec![byte])),
        }
    }
    result
}

/// A type as C writes it, for the harness.
pub fn c_name(program: &Program, ty: &CType) -> String {
    match ty {
        CType::Void => "void".into(),
        CType::Bool => "_Bool".into(),
        CType::Int { bits, signed } => {
            let name = match bits {
                8 => "char",
                16 => "short",
                32 => "int",
                128 => "__int128",
                _ => "long long",
            };
            match (signed, *bits) {
                (true, 8) => "signed char".into(),
                (true, _) => name.into(),
                (false, _) => format!("unsigned {name}"),
            }
        }
        CType::Float { bits: 32 } => "float".into(),
        CType::Float { bits: 64 } => "double".into(),
        CType::Float { .. } => "long double".into(),
        CType::Pointer { .. } => "void *".into(),
        CType::Array { element, .. } => c_name(program, element),
        CType::Record(id) => {
            let Some(record) = program.records.get(id.0 as usize) else {
                return String::new();
            };
            if record.name.starts_with('<') {
                return String::new();
            }
            format!(
                "{} {}",
                if record.is_union { "union" } else { "struct" },
                record.name
            )
        }
        CType::Function(_) => String::new(),
    }
}
