//! The text form of programs: what `--emit ir` shows and [`crate::parse`] reads back, so that
//! `parse_program(&print_program(p)) == Ok(p)` for every program whose ids exist.
//!
//! ```text
//! program    = "model" ("lp64" | "ilp32") { record | global | function }
//! record     = ("struct" | "union") name [number] ["size" int] "align" int "{" { field } "}"
//! field      = name ":" type "at" int ["bits" first ":" width "/" unit] ["counted_by" name]
//! global     = "global" name [number] ":" type ["size" int] ["const"] ("extern" | "=" "{" { item } "}") [span]
//! item       = offset ":" (int ":i" bits | "bytes" string | "&" ref ["+" int] | "&$" ref | "unknown" size)
//! function   = "fn" name [number] "(" ["%" ref {"," "%" ref}] ["..."] ")" "->" type
//!              ["internal"] ["noreturn"] ["library-model"] ["unchanging"] [span] "{" { local } { obligation } body "}"
//! local      = "local" "%" name [number] ":" type ("memory" | value-type) ["user"] [span]
//! obligation = "obligation" number ["required"] property condition string [span]
//! body       = "declared" | "unsupported" string [span] | { block }
//! block      = "b" int ":" { statement [span] } terminator [span]
//! span       = "@" file ":" line ":" column "-" line ":" column
//!
//! type       = "void" | "bool" | "s" bits | "u" bits | "f" bits | "*" ["const"] type
//!            | "[" (int | "?" | "*") "]" type | "^" ref | "fn" "(" [type {"," type}] ["..."] ")" "->" type
//! value-type = "i" bits | "f" bits | "ptr"
//!
//! statement  = "%" ref "=" expr
//!            | "%" ref "=" "havoc" ("input" | "float" | "assembly" | "argument" | "environment")
//!            | "%" ref "=" "load" ["volatile"] value-type "," expr
//!            | "store" ["volatile"] value-type expr "," expr          (value, then address)
//!            | "copy" dst "," src "," size | "fill" dst "," byte "," size | "havoc-memory" dst "," size
//!            | "%" ref "=" "alloc" ("heap" | "stack") ["zeroed"] ["may-fail"] expr
//!            | "free" expr | "%" ref "=" "string-length" expr | "%" ref "=" "object-size" expr
//!            | ["%" ref "="] "call" ("$" ref | "*" expr) "(" [expr {"," expr}] ")"
//!            | "check" number [property condition string [span] ["at"]]
//!            | "assume" expr | "scope-start" "%" ref | "scope-end" "%" ref
//! terminator = "goto" block | "branch" expr "," block "," block | "return" [expr] | "unreachable"
//!            | "switch" expr "," "default" block "{" { int ["..=" int] "=>" block } "}"
//!
//! expr       = int ":i" bits | "true" | "false" | "null" | "%" ref | "&%" ref | "&" ref | "&$" ref
//!            | ("not" | "neg" | "ptrtoint" | "inttoptr") "(" expr ")"
//!            | binary "(" expr "," expr ")"          (add sub mul sdiv udiv srem urem and or xor shl lshr ashr;
//!                                                     eq ne ult ule slt sle; for pointers peq pne pult pule pslt psle)
//!            | ("zext" | "sext" | "trunc") "(i" bits "," expr ")"
//!            | "select" "(" condition "," expr "," expr ")"
//!            | ("ptradd" | "ptrdiff") "(" expr "," expr "," scale ")"
//!            | "member" "(" expr "," "^" ref "," (name | number) ")"
//! condition  = "holds" "(" expr ")" | "no-overflow" "(" sign op "," expr "," expr ")"
//!            | "lossless" "(" sign expr "->" ("s" | "u") bits ")"
//!            | "valid" "(" ("read" | "write") "," expr "," size ")" | "not-null" "(" expr ")" | "live" "(" expr ")"
//!            | "initialized-local" "(" "%" ref ")" | "initialized" "(" expr "," size ")"
//!            | "terminated" "(" expr ")" | "freeable" "(" expr ")" | "unreachable"
//!
//! name       = identifier (letters, digits, "_", "."; first a letter or "_", maybe after a ".") | string
//! number     = "#" int, an index; where it follows a declared name it must be that declaration's own
//! ref        = identifier (of which there is only one) | [identifier] number
//! ```
//!
//! An obligation is written where it is first checked; those that no statement checks stand before the
//! blocks. The span of such a `check` is the obligation's, and the statement's own follows `at` where it
//! differs. A span of nowhere is not written. `;` starts a comment that ends with the line.

use std::fmt::Write;
use vf_source::tables::HashMap;

use vf_source::Span;

use crate::program::{
    Body, Function, FunctionId, Global, GlobalId, InitItem, InitValue, Initial, Program, Storage,
};
use crate::types::{ArrayLen, CType, DataModel, Field, Record, RecordId, Ty};

pub(crate) mod body;

pub use body::FunctionPrinter;

/// The whole program as text.
pub fn print_program(program: &Program) -> String {
    Printer::new(program).program()
}

/// Prints parts of one program. Holds the names that are unique, which are written without their index.
#[derive(Clone, Debug)]
pub struct Printer<'a> {
    program: &'a Program,
    records: HashMap<&'a str, usize>,
    globals: HashMap<&'a str, usize>,
    functions: HashMap<&'a str, usize>,
}

impl<'a> Printer<'a> {
    pub fn new(program: &'a Program) -> Printer<'a> {
        Printer {
            program,
            records: count_names(program.records.iter().map(|r| r.name.as_str())),
            globals: count_names(program.globals.iter().map(|g| g.name.as_str())),
            functions: count_names(program.functions.iter().map(|f| f.name.as_str())),
        }
    }

    pub fn program(&self) -> String {
        let model = match self.program.model {
            DataModel::Lp64 => "lp64",
            DataModel::Ilp32 => "ilp32",
        };
        let mut out = format!("model {model}\n");
        for (index, record) in self.program.records.iter().enumerate() {
            out.push('\n');
            self.record(&mut out, index, record);
        }
        for (index, global) in self.program.globals.iter().enumerate() {
            out.push('\n');
            self.global(&mut out, index, global);
        }
        for (index, function) in self.program.functions.iter().enumerate() {
            out.push('\n');
            out.push_str(&self.function_text(FunctionId(index as u32), function));
        }
        out
    }

    /// Printer of a function's expressions and statements.
    pub fn function(&self, function: &'a Function) -> FunctionPrinter<'_, 'a> {
        FunctionPrinter::new(self, function)
    }

    /// One function with everything in it.
    pub fn function_text(&self, id: FunctionId, function: &'a Function) -> String {
        let printer = self.function(function);
        let mut params: Vec<String> = function.params.iter().map(|p| printer.local(*p)).collect();
        if function.variadic {
            params.push("...".to_string());
        }
        let mut out = format!(
            "fn {}({}) -> {}",
            declared(&function.name, id.index(), &self.functions),
            params.join(", "),
            self.ctype(&function.ret)
        );
        let flags = [
            (function.internal, " internal"),
            (function.noreturn, " noreturn"),
            (function.library_model, " library-model"),
            (function.unchanging, " unchanging"),
        ];
        out.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, text)| text));
        out.push_str(&span(function.span));
        out.push_str(" {\n");
        for (index, local) in function.locals.iter().enumerate() {
            let storage = match local.storage {
                Storage::Register(ty) => value_type(ty),
                Storage::Memory => "memory".to_string(),
            };
            let name = declared(&local.name, index, printer.local_names());
            let user = if local.user { " user" } else { "" };
            let ty = self.ctype(&local.ty);
            let _ = writeln!(out, "  local %{name}: {ty} {storage}{user}{}", span(local.span));
        }
        out.push_str(&printer.unchecked_obligations());
        match &function.body {
            Body::Declared => out.push_str("  declared\n"),
            Body::Unsupported(what) => {
                let _ = writeln!(
                    out,
                    "  unsupported {}{}",
                    quoted(what.construct.as_bytes()),
                    span(what.span)
                );
            }
            Body::Defined(blocks) => out.push_str(&printer.blocks(blocks)),
        }
        out.push_str("}\n");
        out
    }

    /// A C type in the notation of the text form (`*const s8`, `[8]^foo`).
    pub fn ctype(&self, ty: &CType) -> String {
        match ty {
            CType::Void => "void".to_string(),
            CType::Bool => "bool".to_string(),
            CType::Int { bits, signed } => format!("{}{bits}", if *signed { 's' } else { 'u' }),
            CType::Float { bits } => format!("f{bits}"),
            CType::Pointer { to, to_const } => {
                format!("*{}{}", if *to_const { "const " } else { "" }, self.ctype(to))
            }
            CType::Array { element, len } => {
                let element = self.ctype(element);
                match len {
                    ArrayLen::Fixed(len) => format!("[{len}]{element}"),
                    ArrayLen::Unknown => format!("[?]{element}"),
                    ArrayLen::Variable => format!("[*]{element}"),
                }
            }
            CType::Record(id) => format!("^{}", self.record_ref(*id)),
            CType::Function(function) => {
                let mut params: Vec<String> = function.params.iter().map(|p| self.ctype(p)).collect();
                if function.variadic {
                    params.push("...".to_string());
                }
                format!("fn({}) -> {}", params.join(", "), self.ctype(&function.ret))
            }
        }
    }

    fn record(&self, out: &mut String, index: usize, record: &Record) {
        let keyword = if record.is_union { "union" } else { "struct" };
        let size = record.size.map_or(String::new(), |size| format!(" size {size}"));
        let name = declared(&record.name, index, &self.records);
        let _ = writeln!(out, "{keyword} {name}{size} align {} {{", record.align);
        for field in &record.fields {
            let _ = write!(
                out,
                "  {}: {} at {}",
                name_text(&field.name),
                self.ctype(&field.ty),
                field.offset
            );
            if let Some(bits) = field.bits {
                let _ = write!(out, " bits {}:{}/{}", bits.first, bits.width, bits.unit);
            }
            if let Some(counter) = &field.counted_by {
                let _ = write!(out, " counted_by {}", name_text(counter));
            }
            out.push('\n');
        }
        out.push_str("}\n");
    }

    fn global(&self, out: &mut String, index: usize, global: &Global) {
        let name = declared(&global.name, index, &self.globals);
        let _ = write!(out, "global {name}: {}", self.ctype(&global.ty));
        if let Some(size) = global.size {
            let _ = write!(out, " size {size}");
        }
        if global.constant {
            out.push_str(" const");
        }
        match &global.init {
            Initial::Unknown => out.push_str(" extern"),
            Initial::Known(items) if items.is_empty() => out.push_str(" = {}"),
            Initial::Known(items) => {
                out.push_str(" = {");
                for item in items {
                    let _ = write!(out, "\n  {}", self.init_item(item));
                }
                out.push_str("\n}");
            }
        }
        out.push_str(&span(global.span));
        out.push('\n');
    }

    fn init_item(&self, item: &InitItem) -> String {
        let value = match &item.value {
            InitValue::Int { bits, value } => body::integer(*bits, *value),
            InitValue::Bytes(bytes) => format!("bytes {}", quoted(bytes)),
            InitValue::GlobalAddress { global, offset: 0 } => format!("&{}", self.global_ref(*global)),
            InitValue::GlobalAddress { global, offset } => {
                format!("&{} + {offset}", self.global_ref(*global))
            }
            InitValue::FunctionAddress(function) => format!("&${}", self.function_ref(*function)),
            InitValue::Unknown { size } => format!("unknown {size}"),
        };
        format!("{}: {value}", item.offset)
    }

    /// How an expression refers to a global, without the leading `&`.
    pub fn global_ref(&self, id: GlobalId) -> String {
        let name = self.program.globals.get(id.index()).map(|g| g.name.as_str());
        reference(name, id.index(), &self.globals)
    }

    /// How a call refers to a function, without the leading `$`.
    pub fn function_ref(&self, id: FunctionId) -> String {
        let name = self.program.functions.get(id.index()).map(|f| f.name.as_str());
        reference(name, id.index(), &self.functions)
    }

    fn record_ref(&self, id: RecordId) -> String {
        reference(
            self.record_of(id).map(|r| r.name.as_str()),
            id.0 as usize,
            &self.records,
        )
    }

    fn record_of(&self, id: RecordId) -> Option<&'a Record> {
        self.program.records.get(id.0 as usize)
    }

    /// Name of a member if it is the only one of that name, its number otherwise.
    fn field_ref(&self, record: RecordId, field: u32) -> String {
        let fields: &[Field] = self.record_of(record).map_or(&[], |r| &r.fields);
        match fields.get(field as usize) {
            Some(f) if is_identifier(&f.name) && fields.iter().filter(|o| o.name == f.name).count() == 1 => {
                f.name.clone()
            }
            _ => format!("#{field}"),
        }
    }
}

/// How many declarations bear each name.
fn count_names<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::default();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

/// A name where it is declared; with its index where references cannot go by the name alone.
fn declared(name: &str, index: usize, counts: &HashMap<&str, usize>) -> String {
    if is_identifier(name) && counts.get(name) == Some(&1) {
        name.to_string()
    } else {
        format!("{}#{index}", name_text(name))
    }
}

fn reference(name: Option<&str>, index: usize, counts: &HashMap<&str, usize>) -> String {
    match name {
        Some(name) if is_identifier(name) && counts.get(name) == Some(&1) => name.to_string(),
        Some(name) if is_identifier(name) => format!("{name}#{index}"),
        _ => format!("#{index}"),
    }
}

/// Whether a name can be written without quotes.
fn is_identifier(name: &str) -> bool {
    let start = name.strip_prefix('.').unwrap_or(name);
    start.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
}

fn name_text(name: &str) -> String {
    if is_identifier(name) {
        name.to_string()
    } else {
        quoted(name.as_bytes())
    }
}

/// Printable text as it is, everything else escaped (`\"`, `\\`, `\n`, `\xNN`).
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                c if c.is_control() => {
                    let mut buffer = [0; 4];
                    for byte in c.encode_utf8(&mut buffer).bytes() {
                        let _ = write!(out, "\\x{byte:02x}");
                    }
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// ` @file:line:column-line:column`, or nothing for a span of nowhere.
fn span(span: Span) -> String {
    if span == Span::NONE {
        return String::new();
    }
    let (start, end) = (span.start, span.end);
    format!(
        " @{}:{}:{}-{}:{}",
        span.file.0, start.line, start.column, end.line, end.column
    )
}

/// Type of a value: `i32`, `f64`, `ptr`.
pub fn value_type(ty: Ty) -> String {
    match ty {
        Ty::Int(bits) => format!("i{bits}"),
        Ty::Float(bits) => format!("f{bits}"),
        Ty::Ptr => "ptr".to_string(),
    }
}
