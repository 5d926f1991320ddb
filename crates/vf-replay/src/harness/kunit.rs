//! From an input to a KUnit test (`Documentation/dev-tools/kunit` of the kernel) that calls the function on it.
//!
//! The test is included at the end of the file under test, as kernel tests of static functions are, so it needs no
//! declarations of its own. It passes if the call returns; KASAN and UBSAN, which fail the running test when they
//! report something, see what the sanitizers of user space see in a replay.

use std::fmt::Write;

use vf_ir::input::{ChoiceKind, Contents, Input, InputPointer, InputValue};
use vf_ir::{CType, Function, Program};

use super::text::{comment, is_identifier, string_literal};
use crate::ReplayError;

/// Columns of a comment.
const COMMENT: usize = 80;

/// A test in text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KUnit {
    pub suite: String,
    pub text: String,
    /// What the test does not set up; the function may behave differently then.
    pub notes: Vec<String>,
}

/// Makes the test. `suite` becomes an identifier; `what` says in one line what the input shows.
///
/// # Errors
/// When the function is not there or an argument has a type that C cannot name.
pub fn kunit(program: &Program, input: &Input, suite: &str, what: &str) -> Result<KUnit, ReplayError> {
    let no_function = || ReplayError::NoFunction {
        function: input.function.clone(),
    };
    let id = program.function_named(&input.function).ok_or_else(no_function)?;
    let mut test = Test {
        program,
        input,
        function: program.function(id),
        declarations: String::new(),
        body: String::new(),
        notes: Vec::new(),
    };
    test.fill()?;
    let suite: String = suite
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    Ok(KUnit {
        text: test.file(&suite, what),
        suite,
        notes: test.notes,
    })
}

struct Test<'a> {
    program: &'a Program,
    input: &'a Input,
    function: &'a Function,
    declarations: String,
    body: String,
    notes: Vec<String>,
}

impl Test<'_> {
    fn file(&self, suite: &str, what: &str) -> String {
        let name = format!("{suite}_{}_test", self.function.name);
        let mut unset = String::new();
        for note in &self.notes {
            let _ = write!(unset, " *\n{}\n", commented(&format!("Not set up: {note}.")));
        }
        format!(
            "// SPDX-License-Identifier: GPL-2.0\n\
             /*\n{what}\n *\n \
             * Include this file at the end of the file under test and run it with KASAN and UBSAN:\n \
             * they fail the test if the call goes wrong.\n{unset} */\n\
             #include <kunit/test.h>\n\
             #include <linux/slab.h>\n\
             #include <linux/string.h>\n\n\
             static void {name}(struct kunit *test)\n{{\n{declarations}{gap}{body}\
             \tKUNIT_SUCCEED(test);\n}}\n\n\
             static struct kunit_case {suite}_cases[] = {{\n\tKUNIT_CASE({name}),\n\t{{}}\n}};\n\n\
             static struct kunit_suite {suite}_suite = {{\n\t.name = \"{suite}\",\n\t.test_cases = {suite}_cases,\n}};\n\n\
             kunit_test_suite({suite}_suite);\n",
            what = commented(what),
            declarations = self.declarations,
            gap = if self.declarations.is_empty() { "" } else { "\n" },
            body = self.body,
        )
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.body, "\t{line}");
    }

    /// All objects first, since their contents may point to each other.
    fn fill(&mut self) -> Result<(), ReplayError> {
        let input = self.input;
        for (index, object) in input.objects.iter().enumerate() {
            let what = match object.element_type.as_str() {
                "" => comment(&object.name),
                element => format!("{}: {}", comment(&object.name), comment(element)),
            };
            let _ = writeln!(
                self.declarations,
                "\tchar *object_{index} = kunit_kzalloc(test, {}, GFP_KERNEL); /* {what} */",
                object.size
            );
        }
        for index in 0..input.objects.len() {
            self.line(&format!("KUNIT_ASSERT_NOT_NULL(test, object_{index});"));
        }
        for (index, object) in input.objects.iter().enumerate() {
            self.contents(&format!("object_{index}"), &object.contents, Some(object.size));
        }
        for (name, contents) in &input.globals {
            let global = self.program.globals.iter().find(|g| g.name == *name);
            if is_identifier(name) && global.is_none_or(|g| !g.constant) {
                self.contents(&format!("(char *)&{name}"), contents, global.and_then(|g| g.size));
            } else {
                self.notes
                    .push(format!("the contents of {name}, which C cannot name here"));
            }
        }
        self.choices();
        let arguments = self.arguments()?;
        let call = format!("{}({});", self.function.name, arguments.join(", "));
        self.line(&call);
        Ok(())
    }

    fn contents(&mut self, object: &str, contents: &Contents, size: Option<u64>) {
        let fits =
            |offset: u64, len: u64| size.is_none_or(|s| offset.checked_add(len).is_some_and(|end| end <= s));
        for (offset, bytes) in &contents.bytes {
            // Objects are zeroed already; globals need not be.
            if size.is_some() && object.starts_with("object_") && bytes.iter().all(|b| *b == 0) {
                continue;
            }
            if fits(*offset, bytes.len() as u64) {
                let literal = string_literal(bytes);
                self.line(&format!(
                    "memcpy({}, {literal}, {});",
                    at(object, *offset),
                    bytes.len()
                ));
            } else {
                self.notes
                    .push(format!("{} bytes that lie outside {object}", bytes.len()));
            }
        }
        for (offset, pointer) in &contents.pointers {
            if fits(*offset, self.program.model.pointer_bytes()) {
                let pointer = self.pointer(pointer);
                self.line(&format!("*(void **)({}) = {pointer};", at(object, *offset)));
            } else {
                self.notes.push(format!("a pointer that lies outside {object}"));
            }
        }
    }

    /// What the outside decided is not a test's to decide.
    fn choices(&mut self) {
        for choice in self.input.choices.iter().filter(|c| !c.function.is_empty()) {
            let name = &choice.function;
            let note = match &choice.kind {
                ChoiceKind::Value(InputValue::Int { value, .. }) => format!("{name}() returned {value:#x}"),
                ChoiceKind::Value(_) => continue,
                ChoiceKind::Bytes(bytes) => format!("{name}() gave {}", string_literal(bytes)),
                ChoiceKind::AllocationFails(true) => format!("{name}() failed"),
                ChoiceKind::AllocationFails(false) => continue,
            };
            self.notes.push(note);
        }
    }

    fn pointer(&mut self, pointer: &InputPointer) -> String {
        match pointer {
            InputPointer::Null => "NULL".to_string(),
            InputPointer::Address(address) => format!("(void *){address:#x}ul"),
            InputPointer::Object { index, offset } if *index < self.input.objects.len() => match offset {
                0 => format!("(void *)object_{index}"),
                offset => format!("(void *)(object_{index} + {offset})"),
            },
            InputPointer::Global { name, offset } if is_identifier(name) => {
                format!("(void *)((char *)&{name} + {offset})")
            }
            InputPointer::Function { name } if is_identifier(name) => format!("(void *)&{name}"),
            InputPointer::Object { .. } | InputPointer::Global { .. } | InputPointer::Function { .. } => {
                self.notes
                    .push("a pointer to what C cannot name here; NULL stands for it".to_string());
                "NULL".to_string()
            }
        }
    }

    /// As in the replay harness: a record goes by address in the IR and by value in C.
    fn arguments(&mut self) -> Result<Vec<String>, ReplayError> {
        let function = self.function;
        let hidden = usize::from(matches!(function.ret, CType::Record(_)));
        let mut arguments = Vec::new();
        for (index, value) in self.input.arguments.iter().enumerate().skip(hidden) {
            let local = function
                .params
                .get(index)
                .and_then(|p| function.locals.get(p.index()));
            let name = local.map_or("", |l| l.name.as_str());
            arguments.push(match (value, local.map(|l| &l.ty)) {
                (InputValue::Pointer(_), Some(CType::Record(_))) => {
                    return Err(ReplayError::CannotExpress {
                        what: format!("parameter {name} of {}: a record by value", function.name),
                    });
                }
                (InputValue::Pointer(pointer), _) => self.pointer(pointer),
                (InputValue::Float, _) => "0".to_string(),
                (InputValue::Int { bits, value }, ty) => {
                    number(*bits, *value, ty.is_some_and(CType::is_signed))
                }
            });
        }
        Ok(arguments)
    }
}

/// An integer as a person writes it in C.
fn number(bits: u32, value: u128, signed: bool) -> String {
    if bits > 64 {
        return format!(
            "((unsigned __int128){:#x}ULL << 64 | {:#x}ULL)",
            (value >> 64) as u64,
            value as u64
        );
    }
    if !signed || bits == 0 {
        let suffix = match value {
            0..=0x7fff_ffff => "",
            0x8000_0000..=0xffff_ffff => "U",
            _ => "ULL",
        };
        return format!("{value}{suffix}");
    }
    let shift = 64 - bits;
    match ((value as u64) << shift) as i64 >> shift {
        // The literal of the smallest number does not fit its type before the sign is looked at.
        i64::MIN => "(-9223372036854775807LL - 1)".to_string(),
        -0x8000_0000 => "(-2147483647 - 1)".to_string(),
        shown if i32::try_from(shown).is_ok() => shown.to_string(),
        shown => format!("{shown}LL"),
    }
}

/// Lines of a C comment.
fn commented(text: &str) -> String {
    let mut lines = vec![String::from(" *")];
    for word in comment(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= COMMENT => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!(" * {word}")),
        }
    }
    lines.join("\n")
}

fn at(object: &str, offset: u64) -> String {
    match offset {
        0 => object.to_string(),
        offset => format!("{object} + {offset}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        assert_eq!(number(32, 8, true), "8");
        assert_eq!(number(32, 0xffff_ffff, true), "-1");
        assert_eq!(number(32, 0x8000_0000, true), "(-2147483647 - 1)");
        assert_eq!(number(32, 0xffff_ffff, false), "4294967295U");
        assert_eq!(number(64, 1 << 63, true), "(-9223372036854775807LL - 1)");
        assert_eq!(number(64, u128::from(u64::MAX), false), "18446744073709551615ULL");
        assert_eq!(number(8, 0x80, true), "-128");
    }

    #[test]
    fn comments_are_wrapped_and_stay_comments() {
        let text = commented(&format!("{} */ x", "word ".repeat(40)));
        assert!(
            text.lines().all(|l| l.len() <= COMMENT && l.starts_with(" *")),
            "{text}"
        );
        assert!(!text.contains("*/"), "{text}");
    }
}
