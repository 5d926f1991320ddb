//! What the host environment passes to `main` (C11 5.1.2.2.1p2): `argc` is not negative, `argv` is an array of
//! `argc + 1` pointers, the last one null and the others to strings, each an object of its own.
//!
//! The standard and execve(2) before Linux 5.18 allow `argc` to be 0, so that is an input too. A third parameter
//! (`envp`, C11 J.5.1) is an array of pointers that is not empty, since null ends it; more is not known of it.

use vf_ir::LocalId;
use vf_smt::Term;

use super::Engine;
use super::value::{ObjectId, ObjectKey, Pointer, Value};

/// The array that `argv` points to.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    object: ObjectId,
    /// Number of strings, of pointer width.
    count: Term,
}

impl Engine<'_> {
    /// Says what holds of the parameters of `main`.
    pub(super) fn describe_main(&mut self, arguments: &[(LocalId, Value)]) {
        let t = self.terms;
        let width = u128::from(self.pointer_bits / 8);
        for (_, value) in arguments.iter().skip(1) {
            let Value::Pointer(pointer) = value else { continue };
            let there = t.not(self.is_null(pointer));
            self.contract_facts.push(there);
            if let Some(size) = self
                .only_object(pointer)
                .and_then(|o| self.objects.get(&o))
                .map(|o| o.size)
            {
                let least = t.uge(size, t.bv(self.pointer_bits, width));
                self.contract_facts.push(least);
            }
        }
        let [(_, Value::Bits(argc)), (_, Value::Pointer(argv)), ..] = arguments else {
            return;
        };
        let Some(object) = self.only_object(argv) else {
            return;
        };
        let Some(size) = self.objects.get(&object).map(|o| o.size) else {
            return;
        };
        let bits = t.width(*argc);
        if bits > self.pointer_bits {
            return;
        }
        // The array is an object like any other, so it is no larger than PTRDIFF_MAX.
        let most = ((1u128 << (self.pointer_bits - 1)) - 1) / width - 1;
        let most = most.min((1u128 << (bits - 1)) - 1);
        let count = t.zext(self.pointer_bits, *argc);
        let one = t.bv(self.pointer_bits, 1);
        let whole = t.mul(t.add(count, one), t.bv(self.pointer_bits, width));
        self.contract_facts.push(t.ule(*argc, t.bv(bits, most)));
        self.contract_facts.push(t.eq(size, whole));
        self.main_arguments = Some(Arguments { object, count });
    }

    /// Says what holds of the pointer that the environment put at a place of `argv`.
    pub(super) fn describe_argument(&mut self, object: ObjectId, at: u64, pointer: &Pointer) {
        let Some(arguments) = self.main_arguments.filter(|a| a.object == object) else {
            return;
        };
        let t = self.terms;
        let place = t.bv(
            self.pointer_bits,
            u128::from(at / u64::from(self.pointer_bits / 8)),
        );
        let last = t.eq(place, arguments.count);
        let null = self.is_null(pointer);
        self.contract_facts.push(t.eq(last, null));
        for id in pointer.targets.iter().copied().collect::<Vec<_>>() {
            let input = self.objects.get(&id).is_some_and(|o| o.input);
            if let Some(nul) = self.initial.get(&id).map(|c| c.nuls.byte).filter(|_| input) {
                self.contract_facts.push(t.ne(nul, self.no_nul()));
                self.string_clauses.remove(&id);
            }
        }
    }

    /// Whether an object is the array of arguments or one of its strings.
    pub(super) fn is_argument(&self, object: ObjectId) -> bool {
        let Some(arguments) = self.main_arguments else {
            return false;
        };
        object == arguments.object
            || matches!(self.objects.get(&object).map(|o| &o.key),
                Some(ObjectKey::Reached(from, ..)) if *from == arguments.object)
    }

    fn only_object(&self, pointer: &Pointer) -> Option<ObjectId> {
        let mut inputs = pointer
            .targets
            .iter()
            .copied()
            .filter(|o| self.objects.get(o).is_some_and(|o| o.input));
        let first = inputs.next()?;
        inputs.next().is_none().then_some(first)
    }
}
