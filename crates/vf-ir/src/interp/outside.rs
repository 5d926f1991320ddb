//! What the program leaves to the outside: decisions, allocations, calls of functions without body.

use super::machine::{Machine, Stop};
use super::memory::{Byte, ObjectKind, Pointer};
use super::record::Source;
use super::setup::MAX_STRING;
use super::value::Value;
use super::{Asked, ExternalArgument, ExternalCall};
use crate::input::{Choice, ChoiceKind, InputValue};
use crate::program::{AllocKind, Function};
use crate::types::CType;

impl<'a> Machine<'a> {
    /// The next decision, if it is of the kind asked for.
    fn choice<T>(
        &mut self,
        asked: impl FnOnce() -> Asked,
        wanted: impl FnOnce(&'a Choice) -> Option<T>,
    ) -> Option<T> {
        if let Some(list) = &mut self.asked {
            list.push(asked());
        }
        let found = self.choices.as_slice().first().and_then(wanted);
        if found.is_some() {
            if let Some(recorder) = &mut self.recorder {
                recorder.add(Source::Choice(self.choices_used as u32));
            }
            self.choices.next();
            self.choices_used += 1;
        } else {
            self.choices_missing += 1;
        }
        found
    }

    /// The library model that is being executed, if any: where the caller wants to know what was asked.
    pub(super) fn asker(&self) -> Option<String> {
        let frame = self.frames.last().filter(|_| self.asked.is_some())?;
        let name = frame.function.c_name();
        frame.function.library_model.then(|| name.to_owned())
    }

    /// A value decided outside; for a call, under the name of the function called.
    pub(super) fn chosen_value(&mut self, function: &str, asked: Asked) -> Result<Value, Stop> {
        let chosen: Option<&'a InputValue> = self.choice(
            || asked,
            |choice| match &choice.kind {
                ChoiceKind::Value(value) => {
                    let fits =
                        function.is_empty() || choice.function.is_empty() || choice.function == function;
                    fits.then_some(value)
                }
                ChoiceKind::Bytes(_) | ChoiceKind::AllocationFails(_) => None,
            },
        );
        match chosen {
            Some(value) => self.input_value(value),
            None => Ok(Value::int(64, 0)),
        }
    }

    pub(super) fn fill(&mut self, to: Pointer, unit: &[u8], size: u64) -> Result<(), Stop> {
        let whole = unit.iter().all(|b| *b == 0) && self.memory.is_whole(to, size);
        self.spend_on(to, if whole { 0 } else { size })?;
        Ok(self.memory.fill(to, unit, size)?)
    }

    pub(super) fn havoc_memory(&mut self, to: Pointer, size: u64) -> Result<(), Stop> {
        let asker = self.asker();
        let chosen: Option<&'a [u8]> = self.choice(
            || Asked::Bytes(asker),
            |choice| match &choice.kind {
                ChoiceKind::Bytes(bytes) => Some(bytes.as_slice()),
                ChoiceKind::Value(_) | ChoiceKind::AllocationFails(_) => None,
            },
        );
        let chosen = chosen.unwrap_or_default();
        self.spend(chosen.len() as u64)?;
        self.fill(to, &[0], size)?;
        let kept = chosen.iter().take(usize::try_from(size).unwrap_or(usize::MAX));
        let bytes: Vec<Byte> = kept.map(|b| (*b, true)).collect();
        Ok(self.memory.write(to, &bytes)?)
    }

    pub(super) fn alloc(
        &mut self,
        size: u64,
        zeroed: bool,
        may_fail: bool,
        kind: AllocKind,
    ) -> Result<Pointer, Stop> {
        let fails = may_fail
            && self
                .choice(
                    || Asked::Allocation,
                    |choice| match choice.kind {
                        ChoiceKind::AllocationFails(fails) => Some(fails),
                        ChoiceKind::Value(_) | ChoiceKind::Bytes(_) => None,
                    },
                )
                .unwrap_or(false);
        // No object is larger than PTRDIFF_MAX.
        let too_large = size > self.memory.wrap(u64::MAX) >> 1;
        if may_fail && (fails || too_large) {
            return Ok(Pointer::NULL);
        }
        let object_kind = match kind {
            AllocKind::Heap => ObjectKind::Heap,
            AllocKind::Stack => ObjectKind::Stack,
        };
        let object = self.memory.allocate(object_kind, size, 16, zeroed)?;
        if kind == AllocKind::Stack {
            self.frame_mut()?.owned.push(object);
        }
        Ok(Pointer {
            object: Some(object),
            offset: 0,
            bounds: None,
        })
    }

    /// A call of a function without body: its result, if its type is a scalar.
    pub(super) fn external(
        &mut self,
        function: &'a Function,
        values: &[Value],
    ) -> Result<Option<Value>, Stop> {
        let mut arguments = Vec::with_capacity(values.len());
        for value in values {
            let argument = self.external_argument(*value);
            if let ExternalArgument::String(_, bytes) = &argument {
                self.memory.charge(bytes.len() as u64)?;
            }
            arguments.push(argument);
        }
        self.memory.charge(64 * (1 + values.len() as u64))?;
        self.output.push(ExternalCall {
            function: function.c_name().to_owned(),
            arguments,
        });
        for (index, value) in values.iter().enumerate() {
            let local = function
                .params
                .get(index)
                .and_then(|p| function.locals.get(p.index()));
            let read_only = matches!(local.map(|l| &l.ty), Some(CType::Pointer { to_const: true, .. }));
            if let Value::Pointer(pointer) = value
                && !read_only
                && !function.unchanging
                && let Some((id, _)) = self.memory.resolve(*pointer)
            {
                self.memory.initialize(id);
            }
        }
        match function.ret.scalar() {
            None => Ok(None),
            Some(_) if function.noreturn => Ok(None),
            Some(ty) => {
                self.outside_writes(function, values)?;
                let value =
                    self.chosen_value(function.c_name(), Asked::Result(function.c_name().to_owned()))?;
                Ok(Some(self.coerce(value, ty)))
            }
        }
    }

    /// What the next decision, if it is this call's, has it store through its arguments.
    fn outside_writes(&mut self, function: &Function, values: &[Value]) -> Result<(), Stop> {
        let next = self.choices.as_slice().first();
        let Some(choice) = next.filter(|choice| choice.function == function.c_name()) else {
            return Ok(());
        };
        for write in &choice.writes {
            let Some(Value::Pointer(pointer)) = values.get(write.argument) else {
                continue;
            };
            let to = Pointer {
                offset: self.memory.wrap(pointer.offset.wrapping_add(write.at as u64)),
                ..*pointer
            };
            self.spend(write.bytes.len() as u64)?;
            if let Some(recorder) = &mut self.recorder {
                recorder.add(Source::Choice(self.choices_used as u32));
            }
            let bytes: Vec<Byte> = write.bytes.iter().map(|b| (*b, true)).collect();
            self.memory.write(to, &bytes)?;
        }
        Ok(())
    }

    fn external_argument(&self, value: Value) -> ExternalArgument {
        if let Value::Pointer(pointer) = value
            && let Some(length) = self
                .terminator_of(pointer, 1, true)
                .filter(|length| *length <= MAX_STRING)
        {
            let bytes = self.memory.read(pointer, length);
            return ExternalArgument::String(pointer, bytes.iter().map(|(byte, _)| *byte).collect());
        }
        ExternalArgument::Value(value)
    }
}
