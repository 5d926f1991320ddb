//! From an input to a C program that runs it.
//!
//! The harness includes the user's file, so that static functions can be called and types are the user's own;
//! makes the input's objects, each exactly as large as the counterexample has it; sets globals; queues what
//! the outside decided; and calls the function. Beside it stand a fixed run-time (`vf_runtime.c`), the models
//! of library functions that decide something (`models`), and stubs for what neither the program nor the C
//! library defines ([`stubs`]).

mod flags;
mod kunit;
mod members;
mod models;
mod observing;
mod single;
mod stubs;
mod text;

use std::path::{Path, PathBuf};

use vf_ir::input::{ChoiceKind, Contents, Input, InputPointer, InputValue};
use vf_ir::{CType, Function, Program};

use crate::ReplayError;
use text::{comment, is_identifier, line_marker, string_literal};

pub use flags::flags_that_matter;
pub use kunit::{KUnit, kunit};
pub use single::REPRODUCER;
pub use stubs::Stubs;

/// The run-time, the same for every harness.
pub const RUNTIME: &str = include_str!("vf_runtime.c");

/// Name of the program that the commands make.
pub const BINARY: &str = "vf_replay";
const MAIN: &str = "vf_harness.c";
/// The file that defines the function; the harness includes it.
const SOURCE: &str = "vf_source_0.c";
const RUNTIME_FILE: &str = "vf_runtime.c";
/// Routed through the run-time in any case: it needs the real ones beside a model's.
const ALLOCATORS: [&str; 3] = ["malloc", "calloc", "realloc"];

const MODELS: &str = "vf_models.c";
const STUBS: &str = "vf_stubs.c";
pub(crate) const STUBS_OBJECT: &str = "vf_stubs.o";

/// A file of the program under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Where it lies on disk: its includes are looked up from there, and reports name it.
    pub path: PathBuf,
    pub text: String,
}

/// How the user's build compiles the program.
#[derive(Clone, Debug)]
pub struct Build {
    pub compiler: PathBuf,
    /// As the user's build has them; those without influence on the meaning are dropped.
    pub flags: Vec<String>,
    /// Directory from which relative paths in the flags start.
    pub directory: PathBuf,
}

/// What a harness is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To see a violation.
    #[default]
    Violation,
    /// To see what the function does: the harness prints it (`vf_observe.c`), and what the kernel computes is computed.
    Effects,
}

/// A C program that replays one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harness {
    /// Name and text of each file; all go into one folder.
    pub files: Vec<(String, String)>,
    /// Command lines, to be run in that folder in this order; the first word is the compiler.
    pub compile: Vec<Vec<String>>,
    /// What the harness could not express; such an input may behave differently.
    pub notes: Vec<String>,
    /// Whether all but the program's own files is one file ([`REPRODUCER`]).
    pub(crate) single: bool,
    stubs: Stubs,
}

impl Harness {
    /// Writes the files, and a script that compiles and runs them, into a folder that exists.
    pub fn write_to(&self, folder: &Path) -> Result<(), ReplayError> {
        let script = ("run.sh".to_string(), self.script());
        let joined = self.single.then(|| (REPRODUCER.to_string(), self.joined()));
        let kept = self
            .files
            .iter()
            .filter(|(name, _)| !self.single || is_source(name));
        for (name, text) in kept.chain(&joined).chain([&script]) {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|source| ReplayError::Write { path, source })?;
        }
        Ok(())
    }

    /// A shell script that compiles and runs the harness.
    pub fn script(&self) -> String {
        let mut script = String::from(
            "#!/bin/sh\n# Compiles the replay harness and runs it WITHOUT a sandbox. A sanitizer report means that the\n\
             # counterexample was observed; `vf-replay: returned` alone means that it was not.\nset -e\ncd \"$(dirname \"$0\")\"\n",
        );
        for command in &self.compile {
            let words: Vec<String> = command.iter().map(|w| text::shell_word(w)).collect();
            script.push_str(&words.join(" "));
            script.push('\n');
        }
        script.push_str(&format!(
            "ASAN_OPTIONS={} UBSAN_OPTIONS={} ./{BINARY}\n",
            ASAN_OPTIONS, UBSAN_OPTIONS
        ));
        script
    }

    /// Defines these names, which the linker did not find.
    pub fn define(&mut self, program: &Program, undefined: &[String]) {
        self.stubs.add(program, undefined);
        let text = self.stubs.text();
        if let Some(file) = self.files.iter_mut().find(|(name, _)| name == STUBS) {
            file.1 = text;
        }
    }

    /// How many names are defined that neither the program nor the C library defines.
    pub fn defined(&self) -> usize {
        self.stubs.count()
    }
}

/// Whether a file of a harness is the program's own.
fn is_source(name: &str) -> bool {
    name.starts_with("vf_source_")
}

/// Leaks are not a property; errors end the run; a stack trace of an abort tells which assertion it was.
pub const ASAN_OPTIONS: &str = "detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=1:\
    strict_string_checks=1:handle_abort=1:quarantine_size_mb=16:exitcode=95";
/// Every violation is reported, not the first only: an earlier one of another kind must not hide the one
/// that the counterexample is about.
pub const UBSAN_OPTIONS: &str = "print_stacktrace=1:halt_on_error=0";

/// Sanitizers that gcc and clang both know.
const SANITIZE: [&str; 6] = [
    "-g",
    "-O0",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fsanitize-recover=undefined",
    "-fsanitize-address-use-after-scope",
];

/// For the harness's own code.
const SANITIZE_OWN: [&str; 3] = ["-O0", "-fno-omit-frame-pointer", "-fsanitize=address"];

/// Makes the harness for an input of a function of the program.
///
/// `sources` are the program's files, the one that holds the function first. The files are copied, with a
/// line marker that keeps reports in terms of the original, so that text which is not on disk (a candidate)
/// replays the same way.
///
/// # Errors
/// When the function is not there or an argument has a type that C cannot name.
pub fn write(
    program: &Program,
    input: &Input,
    sources: &[SourceText],
    build: &Build,
    strict_bounds: bool,
) -> Result<Harness, ReplayError> {
    write_for(
        &[program],
        input,
        sources,
        build,
        strict_bounds,
        Purpose::Violation,
    )
}

/// [`write`] for several versions of a program: made from the first, and with the models that any of them uses.
pub fn write_for(
    versions: &[&Program],
    input: &Input,
    sources: &[SourceText],
    build: &Build,
    strict_bounds: bool,
    purpose: Purpose,
) -> Result<Harness, ReplayError> {
    let no_function = || ReplayError::NoFunction {
        function: input.function.clone(),
    };
    let program = versions.first().copied().ok_or_else(no_function)?;
    let id = program.function_named(&input.function).ok_or_else(no_function)?;
    let function = program.function(id);
    let mut writer = Writer {
        program,
        input,
        function,
        purpose,
        body: String::new(),
        notes: Vec::new(),
    };
    writer.main()?;
    let mut files = Vec::new();
    let models = models::models(versions, purpose);
    let mut units = vec![MAIN.to_string()];
    let mut include_dirs = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let name = format!("vf_source_{index}.c");
        files.push((name.clone(), source_text(source)));
        if index > 0 {
            units.push(name);
        }
        // Where the file lies on disk, which is not in terms of the directory that the flags start from.
        let file = std::path::absolute(&source.path).unwrap_or_else(|_| source.path.clone());
        let dir = file.parent().unwrap_or(Path::new(".")).to_path_buf();
        if !include_dirs.contains(&dir) {
            include_dirs.push(dir);
        }
    }
    files.push((MAIN.to_string(), writer.file()));
    files.push((RUNTIME_FILE.to_string(), RUNTIME.to_string()));
    files.push((MODELS.to_string(), models.text));
    let stubs = Stubs::new(purpose);
    files.push((STUBS.to_string(), stubs.text()));
    // The program's own definitions come first: they win over models of the same name. The stubs come last:
    // they are compiled again once the linker has said what is missing.
    if purpose == Purpose::Effects {
        for (name, text) in observing::UNITS {
            files.push((name.to_string(), text.to_string()));
            units.push(name.to_string());
        }
    }
    units.extend([RUNTIME_FILE, MODELS, STUBS].map(String::from));

    let compiler = build.compiler.to_string_lossy().into_owned();
    let mut sanitize: Vec<String> = SANITIZE.iter().map(|s| s.to_string()).collect();
    if strict_bounds {
        sanitize.push("-fsanitize=bounds-strict".to_string());
    }
    let (meaning, link) = flags_that_matter(&build.flags, &build.directory);
    let mut compile = Vec::new();
    let mut objects = Vec::new();
    for unit in &units {
        let object = unit.replace(".c", ".o");
        let mut command = vec![compiler.clone()];
        let own = [MODELS, STUBS, RUNTIME_FILE].contains(&unit.as_str()) || observing::is_unit(unit);
        if own {
            command.extend(["-w", "-fno-builtin"].map(String::from));
            // Only what they read and write of the program's matters, and at which line of theirs nobody asks.
            command.extend(SANITIZE_OWN.map(String::from));
            command.extend(
                meaning
                    .iter()
                    .filter(|f| matches!(f.as_str(), "-m32" | "-m64"))
                    .cloned(),
            );
        } else {
            command.extend(meaning.iter().cloned());
            command.extend(["-w".to_string(), "-Dmain=vf_user_main".to_string()]);
            for dir in &include_dirs {
                command.extend(["-iquote".to_string(), dir.to_string_lossy().into_owned()]);
            }
        }
        if !own {
            command.extend(sanitize.iter().cloned());
        }
        command.extend(["-c".to_string(), unit.clone(), "-o".to_string(), object.clone()]);
        objects.push(object);
        compile.push(command);
    }
    let mut command = vec![compiler];
    command.extend(sanitize);
    command.extend(
        meaning
            .iter()
            .filter(|f| matches!(f.as_str(), "-m32" | "-m64"))
            .cloned(),
    );
    command.push("-Wl,-z,muldefs".to_string());
    let always = ALLOCATORS.iter().filter(|n| !models.wrapped.contains(n));
    command.extend(
        always
            .chain(&models.wrapped)
            .map(|name| format!("-Wl,--wrap={name}")),
    );
    command.extend(objects);
    command.extend(["-o".to_string(), BINARY.to_string()]);
    command.extend(link);
    command.push("-lm".to_string());
    compile.push(command);
    Ok(Harness {
        files,
        compile,
        notes: writer.notes,
        single: false,
        stubs,
    })
}

/// The text as the harness includes it: reports name the original.
fn source_text(source: &SourceText) -> String {
    format!("{}{}", line_marker(&source.path), source.text)
}

struct Writer<'a> {
    program: &'a Program,
    input: &'a Input,
    function: &'a Function,
    purpose: Purpose,
    body: String,
    notes: Vec<String>,
}

impl Writer<'_> {
    fn line(&mut self, line: String) {
        self.body.push('\t');
        self.body.push_str(&line);
        self.body.push('\n');
    }

    fn file(&self) -> String {
        let objects = self.input.objects.len().max(1);
        format!(
            "/* Replays a counterexample of {name}. Made by verify-fix. */\n\
             char *vf_object(unsigned long size);\n\
             void vf_bytes(char *object, unsigned long offset, const char *bytes, unsigned long size);\n\
             void vf_pointer(char *object, unsigned long offset, void *pointer);\n\
             void vf_push_value(const char *function, unsigned long long high, unsigned long long low);\n\
             void vf_push_pointer(const char *function, void *pointer);\n\
             void vf_push_bytes(const char *function, const char *bytes, unsigned long size);\n\
             void vf_push_failure(const char *function, int fails);\n\
             void vf_push_store(unsigned long argument, long at, const char *bytes, unsigned long size);\n\
             void vf_returned(void);\n\
             {more}\
             static char *vf_o[{objects}];\n\n\
             #include \"{SOURCE}\"\n\n\
             #undef main\n\
             {attributes}int main(void)\n{{\n{body}\treturn 0;\n}}\n",
            name = comment(&self.input.function),
            body = self.body,
            more = self.declarations(),
            attributes = self.attributes(),
        )
    }

    /// The body of `main`: all objects first, since their contents may point to each other.
    fn main(&mut self) -> Result<(), ReplayError> {
        let input = self.input;
        for (index, object) in input.objects.iter().enumerate() {
            let what = if object.element_type.is_empty() {
                comment(&object.name)
            } else {
                format!("{}: {}", comment(&object.name), comment(&object.element_type))
            };
            self.line(format!(
                "vf_o[{index}] = vf_object({}ul); /* {what} */",
                object.size
            ));
        }
        for (index, object) in input.objects.iter().enumerate() {
            self.contents(&format!("vf_o[{index}]"), &object.contents, Some(object.size));
        }
        for (name, contents) in &input.globals {
            match self.global_address(name) {
                Some(address) => {
                    let size = self
                        .program
                        .globals
                        .iter()
                        .find(|g| g.name == *name)
                        .and_then(|g| g.size);
                    self.contents(&address, contents, size);
                }
                None => self.notes.push(format!(
                    "the contents of {name}, which C cannot name here, were not set"
                )),
            }
        }
        for choice in &input.choices {
            let function = string_literal(choice.function.as_bytes());
            match &choice.kind {
                ChoiceKind::Value(InputValue::Int { value, .. }) => {
                    let (high, low) = halves(*value);
                    self.line(format!("vf_push_value({function}, {high:#x}ull, {low:#x}ull);"));
                }
                // A float takes no part: its value is the machine's own.
                ChoiceKind::Value(InputValue::Float) if choice.function.is_empty() => {}
                ChoiceKind::Value(InputValue::Float) => {
                    self.line(format!("vf_push_value({function}, 0, 0);"))
                }
                ChoiceKind::Value(InputValue::Pointer(pointer)) => {
                    let pointer = self.pointer(pointer);
                    self.line(format!("vf_push_pointer({function}, {pointer});"));
                }
                ChoiceKind::Bytes(bytes) => {
                    let text = string_literal(bytes);
                    self.line(format!("vf_push_bytes({function}, {text}, {}ul);", bytes.len()));
                }
                ChoiceKind::AllocationFails(fails) => {
                    self.line(format!("vf_push_failure({function}, {});", u8::from(*fails)));
                }
            }
            for write in &choice.writes {
                let (text, size) = (string_literal(&write.bytes), write.bytes.len());
                self.line(format!(
                    "vf_push_store({}ul, {}l, {text}, {size}ul);",
                    write.argument, write.at
                ));
            }
        }
        let arguments = self.arguments()?;
        let callee = if self.input.function == "main" {
            "vf_user_main"
        } else {
            self.input.function.as_str()
        };
        let call = format!("{callee}({})", arguments.join(", "));
        match self.purpose {
            Purpose::Violation => self.line(format!("(void){call};")),
            Purpose::Effects => self.observed(&call)?,
        }
        self.line("vf_returned();".to_string());
        Ok(())
    }

    /// Stores bytes and pointers; what lies outside the object is left out and noted.
    fn contents(&mut self, object: &str, contents: &Contents, size: Option<u64>) {
        let fits =
            |offset: u64, len: u64| size.is_none_or(|s| offset.checked_add(len).is_some_and(|end| end <= s));
        for (offset, bytes) in &contents.bytes {
            let room = size.map_or(u64::MAX, |size| size.saturating_sub(*offset));
            let inside = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (bytes, outside) = bytes.split_at(inside);
            if !outside.is_empty() {
                let count = outside.len();
                self.notes
                    .push(format!("{count} bytes behind the end of {object} were not set"));
            }
            if bytes.is_empty() {
                continue;
            }
            // All objects start out zeroed, but globals may not.
            self.line(format!(
                "vf_bytes({object}, {offset}ul, {}, {}ul);",
                string_literal(bytes),
                bytes.len()
            ));
        }
        for (offset, pointer) in &contents.pointers {
            if !fits(*offset, self.program.model.pointer_bytes()) {
                self.notes
                    .push(format!("a pointer at offset {offset} lies outside {object}"));
                continue;
            }
            let pointer = self.pointer(pointer);
            self.line(format!("vf_pointer({object}, {offset}ul, {pointer});"));
        }
    }

    /// Address of a global as a C expression; `None` for what has no name at file scope, or is constant.
    fn global_address(&self, name: &str) -> Option<String> {
        let constant = self.program.globals.iter().any(|g| g.name == name && g.constant);
        (is_identifier(name) && !constant).then(|| format!("(char *)&{name}"))
    }

    fn pointer(&mut self, pointer: &InputPointer) -> String {
        match pointer {
            InputPointer::Null => "(void *)0".to_string(),
            InputPointer::Address(address) => format!("(void *){address:#x}ul"),
            InputPointer::Object { index, offset } => {
                if *index >= self.input.objects.len() {
                    self.notes
                        .push(format!("the input has no object {index}; null stands for it"));
                    return "(void *)0".to_string();
                }
                format!("(void *)(vf_o[{index}] + {offset}l)")
            }
            InputPointer::Global { name, offset } if is_identifier(name) => {
                format!("(void *)((char *)&{name} + {offset}l)")
            }
            InputPointer::Function { name } if is_identifier(name) => {
                let name = if name == "main" { "vf_user_main" } else { name };
                format!("(void *)&{name}")
            }
            InputPointer::Global { name, .. } | InputPointer::Function { name } => {
                self.notes.push(format!(
                    "the address of {name}, which C cannot name here, is null instead"
                ));
                "(void *)0".to_string()
            }
        }
    }

    /// The arguments as C expressions. A record goes by address in the IR and by value in C; the address of
    /// a returned record comes first in the IR and not at all in C.
    fn arguments(&mut self) -> Result<Vec<String>, ReplayError> {
        let function = self.function;
        let hidden = usize::from(matches!(function.ret, CType::Record(_)));
        let mut arguments = Vec::new();
        for (index, value) in self.input.arguments.iter().enumerate().skip(hidden) {
            let local = function
                .params
                .get(index)
                .and_then(|p| function.locals.get(p.index()));
            let argument = match (value, local.map(|l| &l.ty)) {
                (InputValue::Pointer(pointer), Some(CType::Record(id))) => {
                    let name = self.record_name(*id, local.map_or("", |l| l.name.as_str()))?;
                    format!("*({name} *){}", self.pointer(pointer))
                }
                (InputValue::Pointer(pointer), _) => self.pointer(pointer),
                (InputValue::Float, _) => "0".to_string(),
                (InputValue::Int { bits, value }, ty) => integer(*bits, *value, ty),
            };
            arguments.push(argument);
        }
        Ok(arguments)
    }

    fn record_name(&self, id: vf_ir::RecordId, parameter: &str) -> Result<String, ReplayError> {
        let record = self.program.records.get(id.0 as usize);
        match record {
            Some(record) if is_identifier(&record.name) => Ok(format!(
                "{} {}",
                if record.is_union { "union" } else { "struct" },
                record.name
            )),
            _ => Err(ReplayError::CannotExpress {
                what: format!(
                    "parameter {parameter} of {}: a record without a tag is passed by value",
                    self.input.function
                ),
            }),
        }
    }
}

fn halves(value: u128) -> (u64, u64) {
    ((value >> 64) as u64, value as u64)
}

/// An integer argument: the pattern in hexadecimal, cast to the parameter's type, and its value for a reader.
fn integer(bits: u32, value: u128, ty: Option<&CType>) -> String {
    let (high, low) = halves(value);
    if bits > 64 {
        return format!("(((unsigned __int128){high:#x}ull << 64) | {low:#x}ull)");
    }
    let signed = ty.is_some_and(CType::is_signed);
    let cast = match (ty, bits) {
        (Some(CType::Bool), _) => "_Bool",
        (_, 0..=8) if signed => "signed char",
        (_, 0..=8) => "unsigned char",
        (_, 9..=16) if signed => "short",
        (_, 9..=16) => "unsigned short",
        (_, 17..=32) if signed => "int",
        (_, 17..=32) => "unsigned int",
        _ if signed => "long long",
        _ => "unsigned long long",
    };
    let shown = if signed && bits > 0 && bits <= 64 {
        let shift = 64 - bits;
        i128::from(((low << shift) as i64) >> shift)
    } else {
        i128::from(low)
    };
    format!("({cast}){low:#x}ull /* {shown} */")
}
