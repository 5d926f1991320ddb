//! Loops of both versions in step.

use std::collections::BTreeSet;
use vf_ir::BlockId;
use vf_smt::Term;

use super::super::exec::Frame;
use super::super::memory::VersionId;
use super::super::state::Edge;
use super::super::value::{ObjectId, Value};
use super::super::{Engine, Stop};
use super::{Compared, Coupled, Iteration, MayChange, Obstacle, OldLoop, Shared, Side};

impl Engine<'_> {
    /// The number of a loop header in names.
    pub(in crate::engine) fn loop_number(&mut self, frame: &Frame, header: BlockId, makes: bool) -> u64 {
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

    pub(super) fn obstacle(&mut self, obstacle: Obstacle) {
        if let Some(comparison) = &mut self.comparison {
            comparison.obstacles.insert(obstacle);
        }
    }

    /// Put behind a name at a loop header that the versions do not share.
    pub(in crate::engine) fn name_apart(&self, header: u64, what: Shared) -> &'static str {
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
    pub(in crate::engine) fn couple(
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
    pub(in crate::engine) fn couple_back(
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
}
