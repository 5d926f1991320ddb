//! Pointers as terms, addresses of them, and the choice between two values.

use std::rc::Rc;

use vf_smt::{Sort, Term, View};

use super::Engine;
use super::memory::{Version, VersionId};
use super::value::{Bounds, INVALID, NO_OBJECT, ObjectId, Pointer, Value, WILD};

impl Engine<'_> {
    pub(super) fn choose_version(&mut self, condition: Term, yes: VersionId, no: VersionId) -> VersionId {
        if yes == no || self.terms.is_true(condition) {
            return yes;
        }
        if self.terms.is_false(condition) {
            return no;
        }
        self.add_version(Version::Choice { condition, yes, no })
    }

    pub(super) fn choose_pointer(&mut self, condition: Term, yes: &Pointer, no: &Pointer) -> Pointer {
        let t = self.terms;
        if t.is_true(condition) {
            return yes.clone();
        }
        if t.is_false(condition) {
            return no.clone();
        }
        let targets = if Rc::ptr_eq(&yes.targets, &no.targets) {
            yes.targets.clone()
        } else {
            Rc::new(yes.targets.union(&no.targets).copied().collect())
        };
        Pointer {
            base: t.ite(condition, yes.base, no.base),
            offset: t.ite(condition, yes.offset, no.offset),
            targets,
            bounds: self.choose_bounds(condition, yes.bounds, no.bounds),
        }
    }

    fn choose_bounds(&self, condition: Term, yes: Option<Bounds>, no: Option<Bounds>) -> Option<Bounds> {
        if yes == no {
            return yes;
        }
        // What does not bind accesses is forgotten.
        let [yes, no] = [yes, no].map(|bounds| bounds.filter(|b| !b.of_record));
        if yes == no {
            return yes;
        }
        let t = self.terms;
        // Without bounds: the whole object.
        let whole = Bounds {
            low: self.offset_const(0),
            high: t.bv(self.pointer_bits, u128::MAX >> (128 - self.pointer_bits)),
            of_record: false,
        };
        let (yes, no) = (yes.unwrap_or(whole), no.unwrap_or(whole));
        Some(Bounds {
            low: t.ite(condition, yes.low, no.low),
            high: t.ite(condition, yes.high, no.high),
            of_record: false,
        })
    }

    pub(super) fn choose_value(&mut self, condition: Term, yes: &Value, no: &Value) -> Value {
        match (yes, no) {
            (Value::Bits(a), Value::Bits(b)) => Value::Bits(self.terms.ite(condition, *a, *b)),
            (Value::Pointer(a), Value::Pointer(b)) => Value::Pointer(self.choose_pointer(condition, a, b)),
            (Value::Pointer(a), Value::Bits(b)) => {
                let b = self.pointer_from(*b);
                Value::Pointer(self.choose_pointer(condition, a, &b))
            }
            (Value::Bits(a), Value::Pointer(b)) => {
                let a = self.pointer_from(*a);
                Value::Pointer(self.choose_pointer(condition, &a, b))
            }
        }
    }

    pub(super) fn base_const(&self, object: ObjectId) -> Term {
        self.terms.bv(32, u128::from(object.0))
    }

    pub(super) fn pointer_to(&self, object: ObjectId, offset: Term) -> Pointer {
        Pointer {
            base: self.base_const(object),
            offset,
            targets: Rc::new([object].into()),
            bounds: None,
        }
    }

    pub(super) fn null(&self) -> Pointer {
        self.pointer_to(NO_OBJECT, self.offset_const(0))
    }

    /// A pointer of which nothing is known.
    pub(super) fn wild_pointer(&mut self, why: &str) -> Pointer {
        let offset = self
            .terms
            .fresh(&format!("wild.{why}"), Sort::BitVec(self.pointer_bits));
        self.pointer_to(WILD, offset)
    }

    /// The address of a pointer as an integer: `address(base) + offset`.
    pub(super) fn address_of(&mut self, pointer: &Pointer) -> Term {
        let t = self.terms;
        let mut base = t.bv(self.pointer_bits, 0);
        for object in pointer.targets.iter() {
            let address = match *object {
                NO_OBJECT => t.bv(self.pointer_bits, 0),
                INVALID | WILD => t.var(&format!("address.{}", object.0), Sort::BitVec(self.pointer_bits)),
                _ => self.object_address(*object),
            };
            base = if pointer.targets.len() == 1 {
                address
            } else {
                t.ite(t.eq(pointer.base, self.base_const(*object)), address, base)
            };
        }
        let address = t.add(base, pointer.offset);
        self.address_sources
            .insert(base, (pointer.base, pointer.targets.clone()));
        self.pointer_of_address.insert(address, pointer.clone());
        address
    }

    /// The pointer that an integer stands for: the one whose address it is, where that can be seen; else an
    /// address that belongs to no object.
    pub(super) fn pointer_from(&mut self, address: Term) -> Pointer {
        let t = self.terms;
        if let Some(pointer) = self.pointer_of_address.get(&address) {
            return pointer.clone();
        }
        if t.as_bv(address).is_some() {
            return self.pointer_to(NO_OBJECT, address);
        }
        // address(base) + rest, as ERR_PTR/IS_ERR and pointer masks leave it.
        if let View::Add(a, b) = t.view(address) {
            for (base, rest) in [(a, b), (b, a)] {
                if let Some((base, targets)) = self.address_sources.get(&base).cloned() {
                    return Pointer {
                        base,
                        offset: rest,
                        targets,
                        bounds: None,
                    };
                }
            }
        }
        // A small integer (an error number) belongs to no object; anything else could point anywhere.
        let small = t.uge(
            address,
            t.bv(self.pointer_bits, (1u128 << self.pointer_bits) - 4096),
        );
        let zero = t.eq(address, self.offset_const(0));
        let harmless = t.or(small, zero);
        let none = self.pointer_to(NO_OBJECT, address);
        let wild = Pointer {
            base: self.base_const(WILD),
            offset: address,
            targets: Rc::new([WILD].into()),
            bounds: None,
        };
        self.choose_pointer(harmless, &none, &wild)
    }

    pub(super) fn pointer_bytes(&self) -> u64 {
        u64::from(self.pointer_bits / 8)
    }
}
