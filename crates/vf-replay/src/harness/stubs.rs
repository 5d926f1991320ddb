//! Definitions for what the program uses and nobody defines.

use std::collections::BTreeMap;

use vf_ir::{Body, CType, Function, Initial, LocalId, Program};

use super::Purpose;
use super::text::{is_identifier, string_literal};

/// Definitions by name. Several programs may add theirs; the first that defines a name keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stubs {
    defined: BTreeMap<String, String>,
    purpose: Purpose,
}

/// One definition: functions that the program declares return what the counterexample
/// decided for them, objects are zero bytes of the declared size, and a name that the program never reached
/// ends the run if it is called after all.
///
/// The stubs stand in a file of their own, away from the program's declarations, so that no type needs to be
/// named: on the machines supported, a result comes back in the same registers whatever integer or pointer
/// type it has (System V ABI, AMD64 supplement, 3.2.3).
fn stub(program: &Program, name: &str, purpose: Purpose) -> String {
    let function = program.functions.iter().find(|f| f.name == *name);
    let global = program.globals.iter().find(|g| g.name == *name);
    let literal = string_literal(name.as_bytes());
    match (function, global) {
        (Some(f), _) if f.noreturn && purpose == Purpose::Effects => {
            let registers = Registers::of(f);
            format!(
                "void {name}({}) {{ void *a[] = {{ {} }}; {}vf_does_not_return(); }}\n",
                registers.declared,
                registers.passed,
                registers.seen(&literal, purpose)
            )
        }
        (Some(f), _) if f.noreturn => format!("void {name}(void) {{ vf_unexpected({literal}); }}\n"),
        (Some(f), _) if matches!(f.body, Body::Declared) || f.library_model => match &f.ret {
            CType::Void => without_result(name, &literal, f, purpose),
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
            _ => scalar_result(name, &literal, f, purpose),
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
    pub(super) fn new(purpose: Purpose) -> Stubs {
        Stubs {
            purpose,
            ..Stubs::default()
        }
    }

    /// Adds what the linker missed in a program.
    pub fn add(&mut self, program: &Program, undefined: &[String]) {
        for name in undefined.iter().filter(|n| is_identifier(n)) {
            let made = || stub(program, name, self.purpose);
            self.defined.entry(name.clone()).or_insert_with(made);
        }
    }

    /// How many names are defined.
    pub fn count(&self) -> usize {
        self.defined.len()
    }

    pub fn text(&self) -> String {
        let mut text = String::from(
            "/* What the program uses and neither it nor the C library defines. */\n\
             unsigned __int128 vf_take_value(const char *function);\n\
             void vf_take_bytes(const char *function, void *to, unsigned long size);\n\
             void vf_store_through(const char *function, void **arguments, unsigned long count);\n\
             void vf_unexpected(const char *name);\n",
        );
        if self.purpose == Purpose::Effects {
            text.push_str(
                "void vf_saw_call(const char *name, const char *kinds, void **arguments);\n\
                 void vf_does_not_return(void);\n",
            );
        }
        text.extend(self.defined.values().map(String::as_str));
        text
    }
}

/// Arguments of a function that come in registers: those of integer or pointer type, the first six, whatever their types are
/// (System V ABI, AMD64 supplement, 3.2.3). Where one of another type is among them, the numbers would not fit.
struct Registers {
    /// `p` for a pointer, otherwise the bytes of an integer as a digit.
    kinds: String,
    /// `void *a0, void *a1`, or `void`.
    declared: String,
    /// `a0, a1`, or `0`.
    passed: String,
}

impl Registers {
    fn of(function: &Function) -> Registers {
        let kind = |local: &LocalId| match function.locals.get(local.index()).map(|l| &l.ty) {
            Some(CType::Pointer { .. }) => Some('p'),
            Some(CType::Bool) => Some('1'),
            Some(CType::Int { bits, .. }) => char::from_digit(bits / 8, 10).filter(|_| *bits <= 64),
            _ => None,
        };
        let kinds: String = function.params.iter().map_while(kind).take(6).collect();
        let list = |word: &str| {
            let names = (0..kinds.len()).map(|n| format!("{word}a{n}"));
            names.collect::<Vec<_>>().join(", ")
        };
        let (declared, passed) = match kinds.len() {
            0 => ("void".to_owned(), "0".to_owned()),
            _ => (list("void *"), list("")),
        };
        Registers {
            kinds,
            declared,
            passed,
        }
    }

    /// A statement that prints the call, where that is wanted.
    fn seen(&self, literal: &str, purpose: Purpose) -> String {
        match purpose {
            Purpose::Violation => String::new(),
            Purpose::Effects => format!("vf_saw_call({literal}, \"{}\", a); ", self.kinds),
        }
    }
}

/// A function that may store through its arguments.
fn scalar_result(name: &str, literal: &str, function: &Function, purpose: Purpose) -> String {
    let registers = Registers::of(function);
    let seen = registers.seen(literal, purpose);
    format!(
        "unsigned __int128 {name}({}) {{ void *a[] = {{ {} }}; {seen}vf_store_through({literal}, a, {}); \
         return vf_take_value({literal}); }}\n",
        registers.declared,
        registers.passed,
        registers.kinds.len()
    )
}

fn without_result(name: &str, literal: &str, function: &Function, purpose: Purpose) -> String {
    let registers = Registers::of(function);
    match purpose {
        Purpose::Violation => format!("void {name}(void) {{}}\n"),
        Purpose::Effects => format!(
            "void {name}({}) {{ void *a[] = {{ {} }}; {}}}\n",
            registers.declared,
            registers.passed,
            registers.seen(literal, purpose)
        ),
    }
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
