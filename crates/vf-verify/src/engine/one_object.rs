//! Pointers from outside that the program compares: they may lead to one object.
//!
//! By the usual reading, pointers of the caller lead to separate objects. A program that asks whether two of them are equal
//! (`list_empty`, `p == &queue`, `ops->open == default_open`), or how they are ordered, has callers that pass one object
//! twice. What it does then is looked at, too: the comparison has either outcome. The accesses go on as if to separate objects.

use vf_ir::CompareOp;
use vf_smt::{Sort, Term};

use super::exec::Frame;
use super::inputs::ComparedPointers;
use super::value::{ObjectId, ObjectKey, Pointer};
use super::{Engine, Entry};

impl Engine<'_> {
    /// Whether two pointers that are compared in an activation lead to objects that pass for separate and may be one.
    pub(super) fn may_lead_to_one(&self, frame: &Frame, lhs: &Pointer, rhs: &Pointer) -> Term {
        let t = self.terms;
        let mut both = t.bool(false);
        // What a library function requires of its arguments, and how its model goes about it, is no question of the program's.
        let of_library = self.program.function(frame.function).library_model;
        if of_library || self.settings.entry_mode != Entry::Each {
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
        both
    }

    /// Where they do, whether they are equal, or the first is the lesser.
    pub(super) fn holds_in_one_object(
        &mut self,
        frame: &Frame,
        op: CompareOp,
        lhs: &Pointer,
        rhs: &Pointer,
    ) -> Term {
        let t = self.terms;
        let both = self.may_lead_to_one(frame, lhs, rhs);
        if t.is_false(both) {
            return both;
        }
        // The same pointers compare the same wherever that is.
        let is = |known: &&ComparedPointers| {
            let same = |a: &Pointer, b: &Pointer| a.base == b.base && a.offset == b.offset;
            let [left, right] = &known.pointers;
            let turned = op == CompareOp::Equal && same(left, rhs) && same(right, lhs);
            known.op == op && (same(left, lhs) && same(right, rhs) || turned)
        };
        let known = self.compared_pointers.iter().find(is).map(|known| known.holds);
        let holds = known.unwrap_or_else(|| {
            let holds = t.fresh("same", Sort::Bool);
            self.compared_pointers.push(ComparedPointers {
                op,
                pointers: [lhs.clone(), rhs.clone()],
                holds,
            });
            holds
        });
        t.and(both, holds)
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
