//! Definitions for what the program uses and nobody defines.

use std::collections::BTreeMap;

use vf_ir::{Body, CType, Function, Initial, LocalId, Program};

use super::text::{is_identifier, string_literal};

/// Definitions by name. Several programs may add theirs; the first that defines a name keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stubs(BTreeMap<String, String>);

/// One definition: functions that the program declares return what the counterexample
/// decided for them, objects are zero bytes of the declared size, and a name that the program never reached
/// ends the run if it is called after all.
///
/// The stubs stand in a file of their own, away from the program's declarations, so that no type needs to be
/// named: on the machines supported, a result comes back in the same registers whatever integer or pointer
/// type it has (System V ABI, AMD64 supplement, 3.2.3).
fn stub(program: &Program, name: &str) -> String {
    let function = program.functions.iter().find(|f| f.name == *name);
    let global = program.globals.iter().find(|g| g.name == *name);
    let literal = string_literal(name.as_bytes());
    match (function, global) {
        (Some(f), _) if f.noreturn => format!("void {name}(void) {{ vf_unexpected({literal}); }}\n"),
        (Some(f), _) if matches!(f.body, Body::Declared) || f.library_model => match &f.ret {
            CType::Void => format!("void {name}(void) {{}}\n"),
            CType::Float { .. } => {
                format!("double {name}(void) {{ vf_take_value({literal}); return 0; }}\n")
            }
            CType::Record(id) => record_result(
                name,
                &literal,
                program
                    .records
                    .get(id.0 as usize)
                    .and_then(|r| r.size)
                    .unwrap_or(0),
            ),
            _ => scalar_result(name, &literal, f),
        },
        (_, Some(g)) if g.init == Initial::Unknown => {
            format!(
                "__attribute__((aligned(16))) char {name}[{}];\n",
                g.size.unwrap_or(4096).max(1)
            )
        }
        _ => format!("void {name}(void) {{ vf_unexpected({literal}); }}\n"),
    }
}

impl Stubs {
    /// Adds what the linker missed in a program.
    pub fn add(&mut self, program: &Program, undefined: &[String]) {
        for name in undefined.iter().filter(|n| is_identifier(n)) {
            self.0.entry(name.clone()).or_insert_with(|| stub(program, name));
        }
    }

    /// How many names are defined.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn text(&self) -> String {
        let mut text = String::from(
            "/* What the program uses and neither it nor the C library defines. */\n\
             unsigned __int128 vf_take_value(const char *function);\n\
             void vf_take_bytes(const char *function, void *to, unsigned long size);\n\
             void vf_store_through(const char *function, void **arguments, unsigned long count);\n\
             void vf_unexpected(const char *name);\n",
        );
        text.extend(self.0.values().map(String::as_str));
        text
    }
}

/// A function that may store through its arguments: those of integer or pointer type, the first six, come in registers, whatever
/// their types are (System V ABI, AMD64 supplement, 3.2.3). Where one of another type is among them, the numbers would not fit.
fn scalar_result(name: &str, literal: &str, function: &Function) -> String {
    let in_registers = |local: &LocalId| {
        let ty = function.locals.get(local.index()).map(|l| &l.ty);
        matches!(
            ty,
            Some(CType::Pointer { .. } | CType::Bool | CType::Int { bits: ..=64, .. })
        )
    };
    let parameters = function
        .params
        .iter()
        .take_while(|local| in_registers(local))
        .take(6)
        .count();
    let list = |word: &str| {
        (0..parameters)
            .map(|n| format!("{word}a{n}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (declared, passed) = match parameters {
        0 => ("void".to_owned(), "0".to_owned()),
        _ => (list("void *"), list("")),
    };
    format!(
        "unsigned __int128 {name}({declared}) {{ void *a[] = {{ {passed} }}; vf_store_through({literal}, a, {parameters}); \
         return vf_take_value({literal}); }}\n"
    )
}

/// Records of up to 16 bytes come back in registers, larger ones through a hidden pointer.
fn record_result(name: &str, literal: &str, size: u64) -> String {
    if size <= 16 {
        format!(
            "unsigned __int128 {name}(void) {{ unsigned __int128 r = 0; vf_take_bytes({literal}, &r, {size}); return r; }}\n"
        )
    } else {
        format!("void *{name}(void *to) {{ vf_take_bytes({literal}, to, {size}); return to; }}\n")
    }
}
