//! Pointers in what the caller hands over, whether or not anything reads them.
//!
//! By the usual reading a pointer member that the code never compares with null leads to an object. The engine says so of
//! what it reads at a known place. An execution may read others: an element at an index that only it knows, a member of a
//! node that a loop has come to. A counterexample gives these no value, and null would break the contract.

use std::collections::BTreeMap;

use super::held::pointer_cells;
use super::value::{Object, ObjectId, ObjectKey};
use super::{Engine, Entry};

/// Pointers of one object that are looked at.
const MOST: usize = 16;

impl Engine<'_> {
    /// Place of each pointer in an input object, and whether it may be null.
    pub(super) fn pointers_of_inputs(&mut self) -> BTreeMap<(ObjectId, u64), bool> {
        let mut found = BTreeMap::new();
        if self.settings.entry_mode != Entry::Each {
            return found;
        }
        let is_input = |o: &Object| o.input && !o.summary && !matches!(o.key, ObjectKey::Global(_));
        let inputs: Vec<(ObjectId, Object)> = self
            .objects
            .iter()
            .filter(|(_, object)| is_input(object))
            .map(|(id, object)| (*id, object.clone()))
            .collect();
        for (id, object) in inputs {
            let Some(element) = &object.element else {
                continue;
            };
            let stride = element.size(&self.program.records, self.program.model);
            let mut cells = Vec::new();
            pointer_cells(self.program, element, 0, &mut cells);
            let (Some(stride), false) = (stride, cells.is_empty()) else {
                continue;
            };
            for number in 0..MOST {
                let Some(cell) = cells.get(number % cells.len()) else {
                    break;
                };
                let round = (number / cells.len()) as u64;
                let at = stride.saturating_mul(round).saturating_add(*cell);
                let may_be_null = self.reads_tested(&object, *cell);
                found.insert((id, at), may_be_null);
            }
        }
        found
    }
}
