//! Pointers from outside that the program compares: they may be equal.
//!
//! By the usual reading, pointers of the caller lead to separate objects. A program that asks whether two of them are equal
//! (`list_empty`, `p == &queue`, `ops->open == default_open`) has callers that pass one object twice. What it does then
//! is looked at, too: the comparison has either outcome. The accesses go on as if to separate objects.

use super::inputs::ComparedPointers;
use super::value::{ObjectId, ObjectKey, Pointer};
use super::{Engine, Entry};
use vf_smt::{Sort, Term};

impl Engine<'_> {
    /// Whether two pointers are equal although the objects that they lead to pass for separate.
    pub(super) fn lead_to_one_object(&mut self, lhs: &Pointer, rhs: &Pointer) -> Term {
        let t = self.terms;
        let mut both = t.bool(false);
        if self.settings.entry_mode != Entry::Each {
            return both;
        }
        for left in lhs.targets.iter() {
            for right in rhs.targets.iter() {
                if self.may_be_one(*left, *right) {
                    let here = [(lhs, left), (rhs, right)].map(|(p, o)| t.eq(p.base, self.base_const(*o)));
                    both = t.or(both, t.and(here[0], here[1]));
                }
            }
        }
        if t.is_false(both) {
            return both;
        }
        // The same pointers compare the same wherever that is.
        let is = |known: &[Pointer; 2]| {
            let same = |a: &Pointer, b: &Pointer| a.base == b.base && a.offset == b.offset;
            same(&known[0], lhs) && same(&known[1], rhs) || same(&known[0], rhs) && same(&known[1], lhs)
        };
        let known = self.compared_pointers.iter().find(|known| is(&known.pointers));
        let equal = known.map(|known| known.equal).unwrap_or_else(|| {
            let equal = t.fresh("same", Sort::Bool);
            self.compared_pointers.push(ComparedPointers {
                pointers: [lhs.clone(), rhs.clone()],
                equal,
            });
            equal
        });
        t.and(both, equal)
    }

    /// Whether what passes for two objects may be one: two of the caller's, or one of them and a variable or function of the program; and
    /// what a call out of view has given back may be any object made before.
    fn may_be_one(&self, left: ObjectId, right: ObjectId) -> bool {
        let key = |id: ObjectId| self.objects.get(&id).map(|o| &o.key);
        let (Some(left), Some(right)) = (key(left), key(right)) else {
            return false;
        };
        if left == right {
            return false;
        }
        let of_call = |key: &ObjectKey| match key {
            ObjectKey::Returned(..) => true,
            ObjectKey::Reached(_, _, label) => !label.is_empty(),
            _ => false,
        };
        let outside = |key: &ObjectKey| {
            matches!(
                key,
                ObjectKey::Parameter(_) | ObjectKey::Reached(..) | ObjectKey::Returned(..)
            )
        };
        let named = |key: &ObjectKey| matches!(key, ObjectKey::Global(_) | ObjectKey::Function(_));
        let own = |key: &ObjectKey| {
            matches!(
                key,
                ObjectKey::Local(..) | ObjectKey::Allocation(..) | ObjectKey::Latest(_)
            )
        };
        let either =
            |a: &ObjectKey, b: &ObjectKey| outside(a) && (outside(b) || named(b)) || of_call(a) && own(b);
        either(left, right) || either(right, left)
    }
}
