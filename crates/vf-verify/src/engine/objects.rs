//! Objects: where they come from, how big they are, what they hold at first.

use std::collections::BTreeMap;
use std::rc::Rc;

use vf_ir::{ArrayLen, CType, InitValue, Initial};
use vf_smt::{Sort, Term};

use super::memory::{Version, VersionId, Written};
use super::state::{Contents, Nuls, State};
use super::value::{Object, ObjectId, ObjectKey, Value};
use super::{Engine, Stop};
use crate::Entry;

/// Objects that an address is kept apart from, at most.
const OVERLAP_LIMIT: usize = 64;

impl Engine<'_> {
    /// A name for SMT variables that belongs to this object alone and is the same after a restart.
    pub(super) fn object_label(&self, object: ObjectId) -> String {
        let name: String = self
            .objects
            .get(&object)
            .map(|o| {
                o.name
                    .chars()
                    .map(|c| {
                        if c.is_ascii_alphanumeric() || c == '_' {
                            c
                        } else {
                            '.'
                        }
                    })
                    .collect()
            })
            .unwrap_or_default();
        format!("{}{name}", object.0)
    }

    /// The object of a key that needs no more than the key to be made (globals and functions).
    pub(super) fn object(&mut self, key: ObjectKey) -> Result<ObjectId, Stop> {
        let id = self.names.object(&key);
        if self.objects.contains_key(&id) {
            return Ok(id);
        }
        match &key {
            ObjectKey::Global(global) => {
                let global = *global;
                self.make_global(id, key, global);
            }
            ObjectKey::Function(function) => {
                let name = self.program.function(*function).name.clone();
                self.add_object(
                    id,
                    Object {
                        key,
                        name,
                        size: self.terms.bv(self.pointer_bits, 0),
                        element: None,
                        input: false,
                        summary: false,
                        mortal: false,
                        indeterminate: false,
                        constant: true,
                        stack: None,
                    },
                );
                let version = self.add_version(Version::Zero { written: true });
                self.set_initial(id, version);
            }
            _ => {}
        }
        Ok(id)
    }

    pub(super) fn add_object(&mut self, id: ObjectId, object: Object) {
        let granule = object
            .element
            .as_ref()
            .map_or(1, |ty| self.natural_granule(ty, 0));
        self.learned.granule.entry(id).or_insert(granule);
        self.objects.insert(id, object);
    }

    /// Size in bytes of the smallest scalar in a type, at most 8.
    fn natural_granule(&self, ty: &CType, depth: u32) -> u64 {
        match ty {
            CType::Void | CType::Function(_) => 1,
            CType::Array { element, .. } => self.natural_granule(element, depth + 1),
            CType::Record(id) if depth < 8 => {
                let fields = self
                    .program
                    .records
                    .get(id.0 as usize)
                    .map(|r| r.fields.as_slice())
                    .unwrap_or(&[]);
                let least = fields
                    .iter()
                    .map(|f| self.natural_granule(&f.ty, depth + 1))
                    .min()
                    .unwrap_or(1);
                // A packed record may place wider members at odd offsets.
                let offsets = fields
                    .iter()
                    .map(|f| f.offset.trailing_zeros().min(3))
                    .min()
                    .unwrap_or(0);
                least.min(1 << offsets)
            }
            CType::Record(_) => 1,
            scalar => scalar
                .scalar()
                .map_or(1, |s| s.size(self.program.model))
                .clamp(1, 8),
        }
    }

    pub(super) fn set_initial(&mut self, id: ObjectId, version: VersionId) {
        let contents = Contents {
            version,
            alive: self.terms.bool(true),
            nuls: self.no_nuls(),
        };
        self.initial.insert(id, contents);
    }

    fn make_global(&mut self, id: ObjectId, key: ObjectKey, global: vf_ir::GlobalId) {
        let t = self.terms;
        let info = self.program.global(global);
        let fixed = info.constant || self.settings.entry_mode == Entry::Main;
        let size = match info.size {
            Some(size) => t.bv(self.pointer_bits, u128::from(size)),
            None => t.var(&format!("size.{}", info.name), Sort::BitVec(self.pointer_bits)),
        };
        let unknown_contents = !fixed || info.init == Initial::Unknown;
        self.add_object(
            id,
            Object {
                key,
                name: info.name.clone(),
                size,
                element: Some(element_of(&info.ty).clone()),
                input: unknown_contents,
                summary: false,
                mortal: false,
                indeterminate: false,
                constant: info.constant,
                stack: None,
            },
        );
        if info.size.is_none() {
            self.limit_size(size);
        }
        let version = match &info.init {
            Initial::Known(items) if fixed => {
                let items = items.clone();
                self.table(id, info.size.unwrap_or(0), &items)
            }
            _ => self.add_version(Version::Base {
                object: id,
                label: "".into(),
                written: Written::All,
                lazy: true,
                before: None,
                stores: None,
            }),
        };
        self.set_initial(id, version);
        if fixed && let Initial::Known(items) = &info.init {
            let size = info.size.unwrap_or(0);
            let byte = self.known_nul(last_zero(size, 1, items));
            let nuls = Nuls {
                byte,
                furthest: byte,
                wide: self.known_nul(last_zero(size, 4, items)),
            };
            if let Some(contents) = self.initial.get_mut(&id) {
                contents.nuls = nuls;
            }
        }
    }

    fn table(&mut self, object: ObjectId, size: u64, items: &[vf_ir::InitItem]) -> VersionId {
        if items.is_empty() {
            return self.add_version(Version::Zero { written: true });
        }
        let size = size.min(1 << 20) as usize;
        let mut bytes = vec![0u8; size];
        let mut pointers = BTreeMap::new();
        let mut unknown = Vec::new();
        for item in items {
            match &item.value {
                InitValue::Int { bits, value } => {
                    for k in 0..u64::from(bits / 8) {
                        if let Some(byte) = bytes.get_mut((item.offset + k) as usize) {
                            *byte = (value >> (8 * k)) as u8;
                        }
                    }
                }
                InitValue::Bytes(given) => {
                    for (k, value) in given.iter().enumerate() {
                        if let Some(byte) = bytes.get_mut(item.offset as usize + k) {
                            *byte = *value;
                        }
                    }
                }
                InitValue::GlobalAddress { global, offset } => {
                    let target = self.names.object(&ObjectKey::Global(*global));
                    // Made when first used; the id is enough for a pointer.
                    let _ = self.object(ObjectKey::Global(*global));
                    let offset = self.terms.bv(self.pointer_bits, *offset as u128);
                    let pointer = self.pointer_to(target, offset);
                    pointers.insert(item.offset, pointer);
                }
                InitValue::FunctionAddress(function) => {
                    let target = self.names.object(&ObjectKey::Function(*function));
                    let _ = self.object(ObjectKey::Function(*function));
                    let zero = self.terms.bv(self.pointer_bits, 0);
                    let pointer = self.pointer_to(target, zero);
                    pointers.insert(item.offset, pointer);
                }
                InitValue::Unknown { size } => unknown.push((item.offset, *size)),
            }
        }
        self.add_version(Version::Table {
            object,
            bytes: Rc::new(bytes),
            pointers: Rc::new(pointers),
            unknown: Rc::new(unknown),
        })
    }

    /// No object is larger than `PTRDIFF_MAX` bytes (GCC's manual, and every allocator in use).
    pub(super) fn limit_size(&mut self, size: Term) {
        let t = self.terms;
        let limit = t.bv(self.pointer_bits, (1 << (self.pointer_bits - 1)) - 1);
        self.fact(t.ule(size, limit));
    }

    /// The address of an object: not null, and the object does not wrap around the address space.
    pub(super) fn object_address(&mut self, object: ObjectId) -> Term {
        let t = self.terms;
        let address = t.var(
            &format!("address.{}", self.object_label(object)),
            Sort::BitVec(self.pointer_bits),
        );
        if self.addresses_given.insert(object) {
            let page = t.bv(self.pointer_bits, 4096);
            let top = t.bv(self.pointer_bits, (1u128 << self.pointer_bits) - 4096);
            self.fact(t.uge(address, page));
            self.fact(t.ult(address, top));
            let size = self.objects.get(&object).map_or(page, |o| o.size);
            self.fact(t.ult(size, t.sub(top, address)));
            // Objects do not overlap.
            let others: Vec<ObjectId> = self
                .addresses_given
                .iter()
                .copied()
                .filter(|o| *o != object)
                .collect();
            for other in others.into_iter().take(OVERLAP_LIMIT) {
                let Some(info) = self.objects.get(&other) else {
                    continue;
                };
                let there = t.var(
                    &format!("address.{}", self.object_label(other)),
                    Sort::BitVec(self.pointer_bits),
                );
                let before = t.ule(t.add(address, size), there);
                let after = t.ule(t.add(there, info.size), address);
                self.fact(t.or(before, after));
            }
        }
        address
    }

    /// What an object holds now.
    pub(super) fn contents(&mut self, state: &State, object: ObjectId) -> Option<Contents> {
        state
            .memory
            .get(&object)
            .or_else(|| self.initial.get(&object))
            .cloned()
    }

    pub(super) fn set_contents(&mut self, state: &mut State, object: ObjectId, contents: Contents) {
        Rc::make_mut(&mut state.memory).insert(object, contents);
    }

    /// Fresh contents of a local or an allocation, with a number that names them.
    pub(super) fn fresh_contents(&mut self, object: ObjectId, zeroed: bool, number: u64) -> Contents {
        let t = self.terms;
        let version = if zeroed {
            self.zeros_of(object)
        } else {
            let label: Rc<str> = format!(".new{number}").into();
            self.add_version(Version::Base {
                object,
                label,
                written: Written::None,
                lazy: false,
                before: None,
                stores: None,
            })
        };
        let size = self.objects.get(&object).map(|o| o.size);
        let nuls = match size {
            Some(size) if zeroed => self.nuls_of_zeros(size),
            _ => self.no_nuls(),
        };
        Contents {
            version,
            alive: t.bool(true),
            nuls,
        }
    }

    /// Pointer-typed or plain value read at a place of one object.
    pub(super) fn read_value(
        &mut self,
        object: ObjectId,
        version: VersionId,
        offset: Term,
        ty: vf_ir::Ty,
    ) -> Result<Value, Stop> {
        let size = ty.size(self.program.model);
        Ok(match ty {
            vf_ir::Ty::Ptr => Value::Pointer(self.read_pointer(version, offset)?),
            _ => Value::Bits(self.read_bits(object, version, offset, size)?),
        })
    }
}

/// The element type of an array type, through all dimensions; any other type itself.
pub(super) fn element_of(ty: &CType) -> &CType {
    match ty {
        CType::Array {
            element,
            len: ArrayLen::Fixed(_) | ArrayLen::Unknown | ArrayLen::Variable,
        } => element_of(element),
        other => other,
    }
}

/// Offset of the last character of known contents if it is zero (a string literal's NUL).
fn last_zero(size: u64, unit: u64, items: &[vf_ir::InitItem]) -> Option<u64> {
    let start = (size - size % unit).checked_sub(unit)?;
    (start..start + unit)
        .all(|at| zero_at(at, items))
        .then_some(start)
}

fn zero_at(last: u64, items: &[vf_ir::InitItem]) -> bool {
    !items.iter().any(|item| match &item.value {
        InitValue::Int { bits, value } => {
            let end = item.offset + u64::from(bits / 8);
            last >= item.offset && last < end && (value >> (8 * (last - item.offset))) & 0xff != 0
        }
        InitValue::Bytes(bytes) => {
            last >= item.offset && bytes.get((last - item.offset) as usize).is_some_and(|b| *b != 0)
        }
        InitValue::GlobalAddress { .. } | InitValue::FunctionAddress(_) => {
            last >= item.offset && last < item.offset + 8
        }
        InitValue::Unknown { size } => last >= item.offset && last < item.offset + size,
    })
}
