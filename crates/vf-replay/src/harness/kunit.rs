//! From an input to a KUnit test (`Documentation/dev-tools/kunit` of the kernel) that calls the function on it.
//!
//! The test is included at the end of the file under test, as kernel tests of static functions are, so it needs no
//! declarations of its own. It passes if the call returns; KASAN and UBSAN, which fail the running test when they
//! report something, see what the sanitizers of user space see in a replay.

use std::collections::BTreeMap;
use std::fmt::Write;

use vf_ir::input::{ChoiceKind, Contents, Input, InputPointer, InputValue};
use vf_ir::{CType, Function, Program, RecordId};

use super::members::{Scalar, record_named, scalars};
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
        names: Vec::new(),
    };
    test.name_objects();
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
    /// What each object is called, and the record that it is.
    names: Vec<(String, Option<RecordId>)>,
}

impl Test<'_> {
    /// An object that a parameter leads to has the parameter's name.
    fn name_objects(&mut self) {
        for (index, object) in self.input.objects.iter().enumerate() {
            let led_to =
                |value: &InputValue| *value == InputValue::Pointer(InputPointer::Object { index, offset: 0 });
            let parameter = self.input.arguments.iter().position(led_to);
            let local = parameter
                .and_then(|p| self.function.params.get(p))
                .and_then(|p| self.function.locals.get(p.index()));
            let free = |name: &str| {
                is_identifier(name) && name != "test" && self.names.iter().all(|(known, _)| known != name)
            };
            let name = local.map(|l| l.name.clone()).filter(|name| free(name));
            let record = record_named(self.program, &object.element_type).filter(|id| {
                let record = self.program.records.get(id.0 as usize);
                record.is_some_and(|r| r.size == Some(object.size))
            });
            self.names
                .push((name.unwrap_or_else(|| format!("object_{index}")), record));
        }
    }

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
        let names = self.names.clone();
        for (object, (name, record)) in input.objects.iter().zip(&names) {
            let declared = match record {
                Some(_) => format!(
                    "{} *{name} = kunit_kzalloc(test, sizeof(*{name}), GFP_KERNEL);",
                    object.element_type
                ),
                None => format!(
                    "char *{name} = kunit_kzalloc(test, {}, GFP_KERNEL); /* {} */",
                    object.size,
                    comment(&object.name)
                ),
            };
            let _ = writeln!(self.declarations, "\t{declared}");
        }
        for (name, _) in &names {
            self.line(&format!("KUNIT_ASSERT_NOT_NULL(test, {name});"));
        }
        for (object, (name, record)) in input.objects.iter().zip(&names) {
            match record {
                Some(record) => self.members(name, *record, &object.contents),
                None => self.contents(name, &object.contents, Some(object.size), true),
            }
        }
        for (name, contents) in &input.globals {
            let global = self.program.globals.iter().find(|g| g.name == *name);
            if is_identifier(name) && global.is_none_or(|g| !g.constant) {
                self.contents(
                    &format!("(char *)&{name}"),
                    contents,
                    global.and_then(|g| g.size),
                    false,
                );
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

    /// A record by its members; what is no member that C can name goes by its place.
    fn members(&mut self, name: &str, record: RecordId, contents: &Contents) {
        let members = scalars(self.program, record);
        let mut bytes: BTreeMap<u64, u8> = BTreeMap::new();
        for (offset, run) in &contents.bytes {
            let places = (*offset..).zip(run);
            bytes.extend(places.filter(|(_, b)| **b != 0).map(|(at, b)| (at, *b)));
        }
        let mut left = Contents::default();
        for (offset, pointer) in &contents.pointers {
            match members.iter().find(|m| m.is_pointer && m.offset == *offset) {
                Some(member) => {
                    let pointer = self.pointer(pointer);
                    if pointer != "NULL" {
                        self.line(&format!("{name}->{} = {pointer};", member.path));
                    }
                }
                None => left.pointers.push((*offset, pointer.clone())),
            }
        }
        for member in members.iter().filter(|m| !m.is_pointer) {
            let value = taken(&mut bytes, member);
            if value != 0 {
                let bits = u32::try_from(8 * member.bytes).unwrap_or(64);
                let value = number(bits, u128::from(value), member.signed);
                self.line(&format!("{name}->{} = {value};", member.path));
            }
        }
        left.bytes = bytes.into_iter().map(|(at, b)| (at, vec![b])).collect();
        let size = self.program.records.get(record.0 as usize).and_then(|r| r.size);
        self.contents(&format!("(char *){name}"), &left, size, true);
    }

    /// Bytes and pointers by their place. Where all is zero already, zeroes are left out.
    fn contents(&mut self, object: &str, contents: &Contents, size: Option<u64>, zeroed: bool) {
        let fits =
            |offset: u64, len: u64| size.is_none_or(|s| offset.checked_add(len).is_some_and(|end| end <= s));
        for (offset, run) in &contents.bytes {
            let zeroes = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|b| **b == 0).count();
            let (first, last) = if zeroed {
                (zeroes(&mut run.iter()), zeroes(&mut run.iter().rev()))
            } else {
                (0, 0)
            };
            let Some(bytes) = run
                .get(first..run.len().saturating_sub(last))
                .filter(|b| !b.is_empty())
            else {
                continue;
            };
            let offset = offset.saturating_add(first as u64);
            if fits(offset, bytes.len() as u64) {
                let literal = string_literal(bytes);
                self.line(&format!(
                    "memcpy({}, {literal}, {});",
                    at(object, offset),
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
                ChoiceKind::Value(InputValue::Int { value, .. }) => format!("{name}() returned {value}"),
                ChoiceKind::Value(_) => continue,
                ChoiceKind::Bytes(bytes) if bytes.iter().all(|b| *b == 0) => format!("{name}() gave zeroes"),
                ChoiceKind::Bytes(bytes) => {
                    let bytes: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
                    format!("{name}() gave the bytes {}", bytes.join(" "))
                }
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
            InputPointer::Object { index, offset } if *index < self.names.len() => {
                let (name, record) = self.names.get(*index).cloned().unwrap_or_default();
                match (offset, record) {
                    (0, Some(_)) => name,
                    (0, None) => format!("(void *){name}"),
                    (offset, _) => format!("(void *)((char *){name} + {offset})"),
                }
            }
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

/// The value of a member, whose bytes (least significant first) are then done with.
fn taken(bytes: &mut BTreeMap<u64, u8>, member: &Scalar) -> u64 {
    (0..member.bytes.min(8)).fold(0, |value, i| {
        let byte = bytes.remove(&(member.offset + i)).unwrap_or(0);
        value | u64::from(byte) << (8 * i)
    })
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
