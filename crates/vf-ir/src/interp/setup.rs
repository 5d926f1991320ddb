//! What exists before the first statement: objects, globals and arguments of the input.

use super::machine::{Machine, Stop};
use super::memory::{Byte, NO_STEP, ObjectId, ObjectKind, Pointer};
use super::value::Value;
use super::{Outcome, StuckReason};
use crate::input::{Contents, InputPointer, InputValue};
use crate::program::{Body, FunctionId, GlobalId, InitValue, Initial};
use crate::types::Ty;

/// Strings longer than this are not shown as arguments of external calls.
pub(super) const MAX_STRING: u64 = 4096;

impl Machine<'_> {
    /// Makes the input's objects and enters the function under test.
    pub(super) fn set_up(&mut self) -> Result<(), Stop> {
        let name = &self.input.function;
        let unknown = || Outcome::Stuck(StuckReason::UnknownFunction { name: name.clone() });
        let function = self.program.function_named(name).ok_or_else(unknown)?;
        match self.program.functions.get(function.index()).map(|f| &f.body) {
            Some(Body::Defined(_)) => {}
            Some(Body::Unsupported(why)) => {
                let construct = why.construct.clone();
                let reason = StuckReason::UnsupportedBody {
                    name: name.clone(),
                    construct,
                };
                return Err(Outcome::Stuck(reason).into());
            }
            _ => return Err(Outcome::Stuck(StuckReason::NoBody { name: name.clone() }).into()),
        }
        for (index, object) in self.input.objects.iter().enumerate() {
            let id = self
                .memory
                .allocate(ObjectKind::Input(index), object.size, 16, true)?;
            self.input_objects.push(id);
        }
        for (index, object) in self.input.objects.iter().enumerate() {
            if let Some(id) = self.input_objects.get(index).copied() {
                self.put_contents(id, &object.contents)?;
            }
        }
        for (name, contents) in &self.input.globals {
            let id = self.global_named(name)?;
            self.put_contents(id, contents)?;
        }
        let mut arguments = Vec::new();
        for argument in &self.input.arguments {
            arguments.push(self.input_value(argument)?);
        }
        self.enter(function, arguments, None)
    }

    fn put_contents(&mut self, id: ObjectId, contents: &Contents) -> Result<(), Stop> {
        for (offset, bytes) in &contents.bytes {
            self.put_bytes(id, *offset, bytes)?;
        }
        for (offset, pointer) in &contents.pointers {
            let value = self.input_pointer(pointer)?;
            self.memory.write_pointer(
                Pointer {
                    object: Some(id),
                    offset: *offset,
                    bounds: None,
                },
                value,
            )?;
        }
        Ok(())
    }

    fn put_bytes(&mut self, id: ObjectId, offset: u64, bytes: &[u8]) -> Result<(), Stop> {
        let bytes: Vec<Byte> = bytes.iter().map(|b| (*b, true)).collect();
        Ok(self.memory.write(
            Pointer {
                object: Some(id),
                offset,
                bounds: None,
            },
            &bytes,
        )?)
    }

    pub(super) fn input_value(&mut self, value: &InputValue) -> Result<Value, Stop> {
        Ok(match value {
            InputValue::Int { bits, value } => Value::int(*bits, *value),
            InputValue::Pointer(pointer) => Value::Pointer(self.input_pointer(pointer)?),
            InputValue::Float => Value::Float { bits: 64, pattern: 0 },
        })
    }

    fn input_pointer(&mut self, pointer: &InputPointer) -> Result<Pointer, Stop> {
        let (object, offset) = match pointer {
            InputPointer::Null => return Ok(Pointer::NULL),
            InputPointer::Address(address) => {
                return Ok(Pointer {
                    object: None,
                    offset: self.memory.wrap(*address),
                    bounds: None,
                });
            }
            InputPointer::Object { index, offset } => {
                let count = self.input_objects.len();
                let missing = || Outcome::Stuck(StuckReason::UnknownObject { index: *index, count });
                (
                    self.input_objects.get(*index).copied().ok_or_else(missing)?,
                    *offset,
                )
            }
            InputPointer::Global { name, offset } => (self.global_named(name)?, *offset),
            InputPointer::Function { name } => {
                let unknown = || Outcome::Stuck(StuckReason::UnknownFunction { name: name.clone() });
                let id = self.program.function_named(name).ok_or_else(unknown)?;
                (self.function_object(id)?, 0)
            }
        };
        Ok(Pointer {
            object: Some(object),
            offset: self.memory.wrap(offset as u64),
            bounds: None,
        })
    }

    fn global_named(&mut self, name: &str) -> Result<ObjectId, Stop> {
        let index = self.program.globals.iter().position(|g| g.name == name);
        let unknown = || {
            Outcome::Stuck(StuckReason::UnknownGlobal {
                name: name.to_string(),
            })
        };
        self.global_object(GlobalId(index.ok_or_else(unknown)? as u32))
    }

    /// The object of a global, made and initialised when it is first asked for; and with it every global that
    /// its initial value points to.
    pub(super) fn global_object(&mut self, id: GlobalId) -> Result<ObjectId, Stop> {
        if let Some(object) = self.global_objects.get(&id) {
            return Ok(*object);
        }
        // What a global holds before the run is written by no step, whenever it is first asked for.
        let writer = self.memory.writer();
        self.memory.set_writer(writer.map(|_| NO_STEP));
        let object = self.make_global(id)?;
        self.memory.set_writer(writer);
        Ok(object)
    }

    fn make_global(&mut self, id: GlobalId) -> Result<ObjectId, Stop> {
        let mut new = Vec::new();
        let object = self.reserve_global(id, &mut new)?;
        while let Some((id, object)) = new.pop() {
            let Some(global) = self.program.globals.get(id.index()) else {
                continue;
            };
            if let Initial::Known(items) = &global.init {
                for item in items {
                    let at = Pointer {
                        object: Some(object),
                        offset: item.offset,
                        bounds: None,
                    };
                    match &item.value {
                        InitValue::Int { bits, value } => {
                            let bytes = value.to_le_bytes();
                            let size = (bits.div_ceil(8) as usize).min(bytes.len());
                            self.put_bytes(object, item.offset, bytes.get(..size).unwrap_or_default())?;
                        }
                        InitValue::Bytes(bytes) => self.put_bytes(object, item.offset, bytes)?,
                        InitValue::GlobalAddress { global, offset } => {
                            let target = self.reserve_global(*global, &mut new)?;
                            let offset = self.memory.wrap(*offset as u64);
                            self.memory.write_pointer(
                                at,
                                Pointer {
                                    object: Some(target),
                                    offset,
                                    bounds: None,
                                },
                            )?;
                        }
                        InitValue::FunctionAddress(function) => {
                            let target = self.function_object(*function)?;
                            self.memory.write_pointer(
                                at,
                                Pointer {
                                    object: Some(target),
                                    offset: 0,
                                    bounds: None,
                                },
                            )?;
                        }
                        InitValue::Unknown { .. } => {}
                    }
                }
            }
            if global.constant {
                self.memory.make_constant(object);
            }
        }
        Ok(object)
    }

    fn reserve_global(
        &mut self,
        id: GlobalId,
        new: &mut Vec<(GlobalId, ObjectId)>,
    ) -> Result<ObjectId, Stop> {
        if let Some(object) = self.global_objects.get(&id) {
            return Ok(*object);
        }
        let program = self.program;
        let global = program
            .globals
            .get(id.index())
            .ok_or_else(|| self.ill_formed("a global does not exist"))?;
        let unknown_size = 1 << (self.pointer_bits() / 2);
        let size = global
            .size
            .or_else(|| global.ty.size(&program.records, program.model))
            .unwrap_or(unknown_size);
        let align = global.ty.align(&program.records, program.model);
        let object = self.memory.allocate(ObjectKind::Global(id), size, align, true)?;
        self.global_objects.insert(id, object);
        new.push((id, object));
        Ok(object)
    }

    pub(super) fn function_object(&mut self, id: FunctionId) -> Result<ObjectId, Stop> {
        if let Some(object) = self.function_objects.get(&id) {
            return Ok(*object);
        }
        let writer = self.memory.writer();
        self.memory.set_writer(writer.map(|_| NO_STEP));
        let object = self.memory.allocate(ObjectKind::Function(id), 1, 16, true);
        self.memory.set_writer(writer);
        let object = object?;
        self.function_objects.insert(id, object);
        Ok(object)
    }

    /// A value made one of a type: width cut or filled with zeros, pointers to addresses and back.
    pub(super) fn coerce(&self, value: Value, ty: Ty) -> Value {
        match (ty, value) {
            (Ty::Int(bits), value) => Value::int(bits, self.pattern(value)),
            (Ty::Float(bits), value) => Value::Float {
                bits,
                pattern: self.pattern(value) & super::value::mask(bits),
            },
            (Ty::Ptr, Value::Pointer(pointer)) => Value::Pointer(pointer),
            (Ty::Ptr, value) => {
                let offset = self.memory.wrap(self.pattern(value) as u64);
                Value::Pointer(Pointer {
                    object: None,
                    offset,
                    bounds: None,
                })
            }
        }
    }

    /// The bits of a value; of a pointer, its address.
    pub(super) fn pattern(&self, value: Value) -> u128 {
        match value {
            Value::Int { value, .. } => value,
            Value::Float { pattern, .. } => pattern,
            Value::Pointer(pointer) => u128::from(self.memory.address(pointer)),
        }
    }
}
