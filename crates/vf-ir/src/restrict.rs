//! A program cut down to what some of its functions need.
//!
//! What is computed on the smaller program alone can depend on nothing else of the larger one. That is what makes it a key:
//! two programs in which a function needs the same are the same program to whoever looks at that function.

mod visit;

use std::collections::{BTreeMap, BTreeSet};

use vf_source::Span;

use crate::program::{Body, Function, FunctionId, Global, GlobalId, Program};
use crate::types::{Record, RecordId};
use visit::{Names, names_of_function, names_of_global, names_of_record, spans_of_function};

/// A smaller program, and which parts of the larger one its parts are.
#[derive(Clone, Debug)]
pub struct Restricted {
    pub program: Program,
    /// By id in the smaller program: the function in the larger one.
    pub functions: Vec<FunctionId>,
    records: BTreeMap<RecordId, RecordId>,
}

impl Restricted {
    /// The functions that `roots` reach by calls and addresses, with the globals and types that they name. Everything keeps
    /// its order. Ids that do not exist are left out.
    pub fn to(program: &Program, roots: impl IntoIterator<Item = FunctionId>) -> Restricted {
        let mut needed = Needed::default();
        for root in roots {
            needed.function(&mut root.clone());
        }
        needed.close(program);
        needed.restricted(program)
    }

    /// One function with what its own text names: the functions that it calls are declared only, as far as they are not
    /// itself. Two versions of a function with the same of this do the same, as long as what they call does.
    pub fn alone(program: &Program, function: FunctionId) -> Restricted {
        let mut needed = Needed {
            alone: Some(function),
            ..Needed::default()
        };
        needed.function(&mut function.clone());
        needed.close(program);
        needed.restricted(program)
    }

    /// All of the program.
    pub fn whole(program: &Program) -> Restricted {
        let records = (0..program.records.len() as u32).map(RecordId);
        Restricted {
            program: program.clone(),
            functions: (0..program.functions.len() as u32).map(FunctionId).collect(),
            records: records.map(|id| (id, id)).collect(),
        }
    }

    /// A function of the larger program in the smaller one.
    pub fn function(&self, id: FunctionId) -> Option<FunctionId> {
        let place = self.functions.binary_search(&id).ok()?;
        Some(FunctionId(place as u32))
    }

    /// A type of the larger program in the smaller one.
    pub fn record(&self, id: RecordId) -> Option<RecordId> {
        self.records.get(&id).copied()
    }
}

/// Changes every span of a program.
pub fn visit_spans(program: &mut Program, visit: &mut dyn FnMut(&mut Span)) {
    for global in &mut program.globals {
        visit(&mut global.span);
    }
    for function in &mut program.functions {
        spans_of_function(function, visit);
    }
}

/// Collects names; `todo` holds what was named and not yet looked into.
#[derive(Default)]
struct Needed {
    functions: BTreeSet<FunctionId>,
    globals: BTreeSet<GlobalId>,
    records: BTreeSet<RecordId>,
    todo: Vec<Named>,
    /// The only function whose body is needed, where that is so.
    alone: Option<FunctionId>,
}

enum Named {
    Function(FunctionId),
    Global(GlobalId),
    Record(RecordId),
}

impl Names for Needed {
    fn function(&mut self, id: &mut FunctionId) {
        if self.functions.insert(*id) {
            self.todo.push(Named::Function(*id));
        }
    }
    fn global(&mut self, id: &mut GlobalId) {
        if self.globals.insert(*id) {
            self.todo.push(Named::Global(*id));
        }
    }
    fn record(&mut self, id: &mut RecordId) {
        if self.records.insert(*id) {
            self.todo.push(Named::Record(*id));
        }
    }
}

impl Needed {
    fn close(&mut self, program: &Program) {
        while let Some(next) = self.todo.pop() {
            match next {
                Named::Function(id) => match program.functions.get(id.index()) {
                    Some(function) => names_of_function(&mut self.needed_of(id, function), self),
                    None => drop(self.functions.remove(&id)),
                },
                Named::Global(id) => match program.globals.get(id.index()) {
                    Some(global) => names_of_global(&mut global.clone(), self),
                    None => drop(self.globals.remove(&id)),
                },
                Named::Record(id) => match program.records.get(id.0 as usize) {
                    Some(record) => names_of_record(&mut record.clone(), self),
                    None => drop(self.records.remove(&id)),
                },
            }
        }
    }

    /// The function, or its declaration where no more is needed.
    fn needed_of(&self, id: FunctionId, function: &Function) -> Function {
        let mut function = function.clone();
        if self.alone.is_some_and(|alone| alone != id) {
            function.body = Body::Declared;
            function.obligations.clear();
            function.locals.truncate(function.params.len());
        }
        function
    }

    fn restricted(self, program: &Program) -> Restricted {
        let mut renumber = Renumber {
            functions: numbered(&self.functions, FunctionId),
            globals: numbered(&self.globals, GlobalId),
            records: numbered(&self.records, RecordId),
        };
        let mut functions: Vec<Function> = self
            .functions
            .iter()
            .filter_map(|id| Some(self.needed_of(*id, program.functions.get(id.index())?)))
            .collect();
        let mut globals: Vec<Global> = self
            .globals
            .iter()
            .filter_map(|id| program.globals.get(id.index()).cloned())
            .collect();
        let mut records: Vec<Record> = self
            .records
            .iter()
            .filter_map(|id| program.records.get(id.0 as usize).cloned())
            .collect();
        for function in &mut functions {
            names_of_function(function, &mut renumber);
        }
        for global in &mut globals {
            names_of_global(global, &mut renumber);
        }
        for record in &mut records {
            names_of_record(record, &mut renumber);
        }
        Restricted {
            program: Program {
                model: program.model,
                records,
                globals,
                functions,
            },
            functions: self.functions.into_iter().collect(),
            records: renumber.records,
        }
    }
}

fn numbered<Id: Copy + Ord>(ids: &BTreeSet<Id>, id: impl Fn(u32) -> Id) -> BTreeMap<Id, Id> {
    ids.iter().copied().zip((0..).map(id)).collect()
}

struct Renumber {
    functions: BTreeMap<FunctionId, FunctionId>,
    globals: BTreeMap<GlobalId, GlobalId>,
    records: BTreeMap<RecordId, RecordId>,
}

impl Renumber {
    /// A name that led nowhere must not lead somewhere now.
    fn of<Id: Copy + Ord>(map: &BTreeMap<Id, Id>, id: &mut Id, nowhere: Id) {
        *id = map.get(id).copied().unwrap_or(nowhere);
    }
}

impl Names for Renumber {
    fn function(&mut self, id: &mut FunctionId) {
        Renumber::of(&self.functions, id, FunctionId(u32::MAX));
    }
    fn global(&mut self, id: &mut GlobalId) {
        Renumber::of(&self.globals, id, GlobalId(u32::MAX));
    }
    fn record(&mut self, id: &mut RecordId) {
        Renumber::of(&self.records, id, RecordId(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arbitrary::program;
    use crate::parse::parse_program;

    const TEXT: &str = r#"
model lp64
struct a size 4 align 4 { x: s32 at 0 }
struct b size 8 align 8 { next: *^b at 0 }
global one: s32 size 4 = {}
global table: *fn() -> void size 8 = { 0: &$called }
global two: s32 size 4 = {}
fn other() -> void {
b0:
  return
}
fn called() -> void {
b0:
  store i32 1:i32, &two
  return
}
fn entry(%p) -> void {
  local %p: *^b ptr user
b0:
  %p = load ptr, &table
  call $beyond()
  return
}
fn beyond() -> void {
declared
}
"#;

    #[test]
    fn what_is_reached_is_kept_and_nothing_else() {
        let program = parse_program(TEXT).expect("text of the IR");
        let entry = program.function_named("entry").expect("it is there");
        let small = Restricted::to(&program, [entry]);
        let names: Vec<&str> = small.program.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["called", "entry", "beyond"]);
        let names: Vec<&str> = small.program.globals.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(names, ["table", "two"]);
        let names: Vec<&str> = small.program.records.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["b"]);
        assert_eq!(small.function(entry), Some(FunctionId(1)));
        assert_eq!(small.functions[1], entry);
        assert_eq!(small.function(FunctionId(0)), None);
        assert_eq!(small.record(RecordId(1)), Some(RecordId(0)));
        // Without what was left out, the text reads the same.
        let mut text = TEXT.to_string();
        for (from, to) in [
            ("struct a size 4 align 4 { x: s32 at 0 }\n", ""),
            ("global one: s32 size 4 = {}\n", ""),
            ("fn other() -> void {\nb0:\n  return\n}\n", ""),
        ] {
            text = text.replacen(from, to, 1);
        }
        assert_eq!(small.program, parse_program(&text).expect("text of the IR"));
    }

    #[test]
    fn alone_is_without_the_bodies_of_others() {
        let program = parse_program(TEXT).expect("text of the IR");
        let entry = program.function_named("entry").expect("it is there");
        let alone = Restricted::alone(&program, entry).program;
        assert_eq!(alone.functions.len(), 3);
        let bodies = alone.functions.iter().filter(|f| !f.blocks().is_empty());
        assert_eq!(bodies.count(), 1);
        // What only `called` writes to is not there.
        assert_eq!(alone.globals.len(), 1);
    }

    #[test]
    fn every_span_is_visited() {
        let mut program =
            parse_program(&TEXT.replace("fn other() -> void {", "fn other() -> void @1:2:3-2:4 {"))
                .expect("text of the IR");
        let mut seen = 0;
        visit_spans(&mut program, &mut |span| {
            seen += usize::from(span.is_known());
            *span = Span::NONE;
        });
        assert_eq!(seen, 1);
        assert_eq!(program, parse_program(TEXT).expect("text of the IR"));
    }

    proptest! {
        /// All functions as roots leave every function as it prints, and no span is missed.
        #[test]
        fn all_of_it(mut program in program()) {
            let all = (0..program.functions.len() as u32).map(FunctionId);
            let small = Restricted::to(&program, all);
            prop_assert_eq!(&small.program.functions.len(), &program.functions.len());
            let again = Restricted::to(&small.program, (0..small.functions.len() as u32).map(FunctionId));
            prop_assert_eq!(&again.program, &small.program);
            visit_spans(&mut program, &mut |span| *span = Span::NONE);
            let shown = format!("{program:?}");
            let nowhere = shown.matches("Position { line: 0,").count();
            prop_assert_eq!(shown.matches("Position { line: ").count(), nowhere);
        }
    }
}
