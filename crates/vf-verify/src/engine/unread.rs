//! Pointers in what the caller hands over, whether or not anything reads them.
//!
//! By the usual reading a pointer member that the code never compares with null leads to an object. The engine says so of
//! what it reads at a known place. An execution may read others: an element at an index that only it knows, a member of a
//! node that a loop has come to. A counterexample gives these no value, and null would break the contract.

use std::collections::BTreeMap;

use super::held::pointer_cells;
use super::value::{Object, ObjectId, ObjectKey};
use super::{Engine, Entry};

/// Where pointers lie in an object: in each of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerCells {
    /// Bytes of an element.
    stride: u64,
    /// Place in the element, and whether the pointer there may be null; one at least.
    cells: Vec<(u64, bool)>,
}

impl PointerCells {
    /// So many of an object are looked at before anything was read.
    const MOST: usize = 16;

    fn places(&self) -> impl Iterator<Item = (u64, bool)> {
        let rounds = (0u64..).map(|round| self.stride.saturating_mul(round));
        rounds.flat_map(|start| {
            let cells = self.cells.iter();
            cells.map(move |(at, may_be_null)| (start.saturating_add(*at), *may_be_null))
        })
    }

    /// The first places, and whether null may be there.
    pub fn first(&self) -> impl Iterator<Item = (u64, bool)> {
        self.places().take(Self::MOST)
    }

    /// The place behind the first ones.
    pub fn behind_first(&self) -> Option<u64> {
        self.places().nth(Self::MOST).map(|(at, _)| at)
    }

    /// Whether null may be at a place; `None` where no pointer lies.
    pub fn may_be_null(&self, place: u64) -> Option<bool> {
        let within = place.checked_rem(self.stride)?;
        let cell = self.cells.iter().find(|(at, _)| *at == within);
        cell.map(|(_, may_be_null)| *may_be_null)
    }
}

impl Engine<'_> {
    pub(super) fn pointers_of_inputs(&mut self) -> BTreeMap<ObjectId, PointerCells> {
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
            let cells = cells
                .into_iter()
                .map(|at| (at, self.reads_tested(id, &object, at)));
            let cells = cells.collect();
            found.insert(id, PointerCells { stride, cells });
        }
        found
    }
}
