//! Lives of memory locals.
//!
//! A local lives from where control enters its block to where control leaves it (C11 6.2.4p6). Entering the block again
//! begins another life, of another object: a pointer kept from the life before leads to an object that is dead, not to
//! the new one. Only where such a pointer may exist is a new object made, though; mostly nobody can tell, and one
//! object for all lives is cheaper. Which object a local is now is kept like the value of a register, under its number,
//! so that it is merged where paths meet.

use vf_ir::{BlockId, LocalId, Storage};

use super::exec::Frame;
use super::objects::element_of;
use super::state::{Register, State};
use super::value::{Context, Object, ObjectId, ObjectKey, Pointer, Value};
use super::{Engine, Stop};

/// Tells the contexts of later lives from those of calls and iterations.
const LATER_LIFE: u32 = u32::MAX - 1;

impl Engine<'_> {
    /// Whether a local is a memory object.
    pub(super) fn is_memory(&self, frame: &Frame, local: LocalId) -> bool {
        self.program
            .function(frame.function)
            .locals
            .get(local.index())
            .is_some_and(|l| l.storage == Storage::Memory)
    }

    /// The address of a memory local: of the object that it is now.
    pub(super) fn local_address(&mut self, frame: &Frame, local: LocalId, state: &State) -> Pointer {
        let now = state.registers.get(local.index()).and_then(Option::as_ref);
        if let Some(Value::Pointer(pointer)) = now.map(|r| &r.value) {
            return pointer.clone();
        }
        let object = self.local_object(frame, frame.context, local);
        let zero = self.terms.bv(self.pointer_bits, 0);
        self.pointer_to(object, zero)
    }

    pub(super) fn start_life(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        local: LocalId,
        state: &mut State,
    ) -> Result<(), Stop> {
        let mut object = self.local_object(frame, frame.context, local);
        if state.memory.contains_key(&object) && self.is_held(frame, at.0, local, object, state)? {
            let (block, statement) = self.place(frame.function, at);
            let life = self.names.context(frame.path, block, statement, LATER_LIFE);
            object = self.local_object(frame, life, local);
        }
        self.made_in_loop(object);
        let number = self.shared("new");
        let contents = self.fresh_contents(object, false, number);
        self.set_contents(state, object, contents);
        let zero = self.terms.bv(self.pointer_bits, 0);
        let value = Value::Pointer(self.pointer_to(object, zero));
        self.assign(state, local, value);
        Ok(())
    }

    pub(super) fn end_life(&mut self, frame: &Frame, local: LocalId, state: &mut State) {
        let t = self.terms;
        let pointer = self.local_address(frame, local, state);
        for object in self.accessible(&pointer) {
            if let Some(mut contents) = self.contents(state, object) {
                let here = t.eq(pointer.base, self.base_const(object));
                contents.alive = t.and(contents.alive, t.not(here));
                self.set_contents(state, object, contents);
            }
        }
        if let Some(slot) = std::rc::Rc::make_mut(&mut state.registers).get_mut(local.index()) {
            *slot = None::<Register>;
        }
    }

    /// May a pointer to this object, the local's life before, be used after the start of the block?
    fn is_held(
        &mut self,
        frame: &Frame,
        block: BlockId,
        local: LocalId,
        object: ObjectId,
        state: &State,
    ) -> Result<bool, Stop> {
        if self.pointers_stored.contains(&object) || self.addresses_given.contains(&object) {
            return Ok(true);
        }
        let facts = self.facts_of(frame.function)?;
        let live = facts.live.get(block.index());
        let leads_there = |(index, register): (usize, &Option<Register>)| {
            index != local.index()
                && live.is_none_or(|l| l.contains(&(index as u32)))
                && matches!(register.as_ref().map(|r| &r.value), Some(Value::Pointer(p)) if p.targets.contains(&object))
        };
        Ok(state.registers.iter().enumerate().any(leads_there))
    }

    /// The object of a memory local in an activation, or in a later life within it.
    fn local_object(&mut self, frame: &Frame, context: Context, local: LocalId) -> ObjectId {
        let key = ObjectKey::Local(context, self.local_number(frame.function, local));
        let id = self.names.object(&key);
        if self.objects.contains_key(&id) {
            return id;
        }
        let info = self.program.function(frame.function).locals.get(local.index());
        let size = info
            .and_then(|l| l.ty.size(&self.program.records, self.program.model))
            .unwrap_or(0);
        let name = info.map_or_else(|| "local".into(), |l| l.name.clone());
        let element = info.map(|l| element_of(&l.ty).clone());
        self.add_object(
            id,
            Object {
                key,
                name,
                size: self.terms.bv(self.pointer_bits, u128::from(size)),
                element,
                input: false,
                summary: false,
                mortal: true,
                indeterminate: true,
                constant: false,
                stack: Some(frame.context),
            },
        );
        id
    }
}
