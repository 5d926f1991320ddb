//! Lowering: lang-c's syntax tree to the IR.
//!
//! Everything is on demand. A function that is wanted is lowered; a name it uses is looked up in the unit's
//! index of file-scope declarations, and only the declarations found there are parsed and read. What cannot
//! be lowered is [`vf_ir::Unsupported`] and makes the function that needs it `Body::Unsupported`; it never
//! reaches further.
//!
//! Order of evaluation: operands, arguments and initialisers are evaluated from left to right; in an
//! assignment the right side comes after the address of the left side. C leaves this open; programs whose
//! meaning depends on it are outside what a verdict covers.

mod accesses;
mod assembly;
mod assignments;
mod assigns;
mod atomics;
mod attributes;
mod bits;
mod body;
mod builtins;
mod calls;
mod choices;
mod constants;
mod contracts;
mod conversions;
mod declarations;
mod definite_assignment;
mod demote;
mod expressions;
mod finish;
mod float_constants;
mod fold;
mod function_bodies;
mod initialisers;
mod intrinsics;
mod layout;
mod literals;
mod local_declarations;
mod logic;
mod lvalues;
mod obligations;
mod operators;
mod out_of_view;
mod overflow;
mod preconditions;
mod program;
mod statements;
mod static_places;
mod static_values;
mod tags;
mod type_names;
mod types;
mod typing;

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use vf_source::tables::{HashMap, HashSet};

use lang_c::span::Span as NodeSpan;
use vf_ir::{DataModel, FunctionId, GlobalId, LocalId, Program, RecordId, Unsupported};
use vf_source::{FileId, SourceMap, Span};

use crate::Diagnostic;
use crate::parse::ParsedDeclaration;
use crate::split::{TagKind, Unit};
pub(crate) use program::lower_program;
use types::{EnumId, IntType, Signature, Type};

pub(crate) type Lowered<T> = Result<T, Unsupported>;

/// What an ordinary identifier stands for.
#[derive(Clone, Debug)]
pub(crate) enum Entity {
    Typedef(Type),
    Enumerator {
        value: i128,
        ty: IntType,
    },
    Function(FunctionId, Rc<Signature>),
    Global {
        id: GlobalId,
        ty: Type,
    },
    /// A scalar local that never has an address.
    Register {
        local: LocalId,
        ty: Type,
    },
    /// A local in memory.
    Memory {
        local: LocalId,
        ty: Type,
    },
    /// A variable-length array: a register that points to its object.
    Variable {
        pointer: LocalId,
        ty: Type,
    },
    /// A name declared inside an operand that is not evaluated: only its type counts.
    TypeOnly(Type),
    /// A declaration that could not be lowered.
    Broken(Unsupported),
}

#[derive(Clone, Debug)]
pub(crate) enum Tag {
    Record(RecordId),
    Enum(EnumId, IntType),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub ordinary: HashMap<String, Entity>,
    pub tags: HashMap<String, Tag>,
    /// `__label__` names, with the names the function knows them by.
    pub labels: HashMap<String, String>,
}

/// One translation unit while it is lowered.
pub(crate) struct UnitState {
    pub source: Unit,
    pub names: Names,
    /// Declarations (by index) whose names were entered.
    pub read: HashSet<usize>,
    /// A library model rather than the user's code.
    pub is_model: bool,
}

/// A member of a record, with what the IR's field does not keep.
#[derive(Clone, Debug)]
pub(crate) struct FieldInfo {
    pub name: String,
    pub ty: Type,
    pub bit_width: Option<u32>,
}

/// A record beside its entry in [`Program::records`], at the same index.
#[derive(Clone, Debug)]
pub(crate) struct RecordInfo {
    pub fields: Vec<FieldInfo>,
    /// The tag and unit under which a definition may still be found.
    pub pending: Option<(usize, TagKind, String)>,
    /// Why its definition could not be read.
    pub broken: Option<Unsupported>,
}

/// Where a function is defined.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub unit: usize,
    pub declaration: usize,
    /// In the file the user named, as opposed to a header.
    pub in_main_file: bool,
}

/// A function beside its entry in [`Program::functions`], at the same index.
#[derive(Clone, Debug)]
pub(crate) struct FunctionInfo {
    pub signature: Rc<Signature>,
    pub definition: Option<Definition>,
    /// Its definition could not be parsed.
    pub broken: Option<Unsupported>,
    pub queued: bool,
    /// C name, by which library models are found (the program's name may be made unique).
    pub c_name: String,
    /// Of all its declarations that were read.
    pub attributes: attributes::Attributes,
}

#[derive(Clone, Debug)]
pub(crate) struct GlobalInfo {
    /// Unit, declaration and declarator index of the definition with an initialiser.
    pub initialised_by: Option<(usize, usize, usize)>,
    /// Defined somewhere in view (a tentative definition counts).
    pub defined: bool,
    pub queued: bool,
    /// Has external linkage: its definition may be in another unit.
    pub external: bool,
    /// C name (the program's name may be made unique).
    pub c_name: String,
}

pub(crate) enum Work {
    Function(FunctionId),
    Global(GlobalId),
}

pub(crate) struct Lowerer<'s> {
    pub model: DataModel,
    pub program: Program,
    pub sources: &'s SourceMap,
    pub units: Vec<UnitState>,
    /// The unit whose text is being read.
    pub unit: usize,
    /// The declaration whose tree is being read; its spans are offsets in its text.
    pub declaration: Option<Arc<ParsedDeclaration>>,
    /// The function under construction.
    pub function: Option<Box<body::FunctionState>>,
    pub records: Vec<RecordInfo>,
    pub functions: Vec<FunctionInfo>,
    pub globals: Vec<GlobalInfo>,
    /// Functions and objects with external linkage.
    pub external_functions: HashMap<String, FunctionId>,
    pub external_globals: HashMap<String, GlobalId>,
    /// Names taken in the program, for functions and for globals.
    pub taken_names: HashSet<String>,
    /// String literals by contents.
    pub strings: HashMap<Vec<u8>, GlobalId>,
    /// Library models by function name: unit and declaration.
    pub library: HashMap<String, Vec<(usize, usize)>>,
    pub work: VecDeque<Work>,
    pub enums: u32,
    pub diagnostics: Vec<Diagnostic>,
    pub depth: u32,
    /// More than zero inside a function prototype.
    pub prototypes: u32,
    /// The annotation that is being read: what is made of it stands there.
    pub annotation: Option<Span>,
    /// Annotations of the files that were looked at, by the offset of the token that follows them.
    pub annotations: HashMap<FileId, HashMap<usize, Vec<Range<usize>>>>,
    /// Those of them that something was found to be about.
    pub annotations_seen: HashSet<(FileId, usize)>,
}

/// Trees nested deeper than this are refused rather than risking the stack.
const MAX_DEPTH: u32 = 900;

impl<'s> Lowerer<'s> {
    pub fn new(model: DataModel, sources: &'s SourceMap) -> Self {
        Lowerer {
            model,
            program: Program {
                model,
                records: Vec::new(),
                globals: Vec::new(),
                functions: Vec::new(),
            },
            sources,
            units: Vec::new(),
            unit: 0,
            declaration: None,
            function: None,
            records: Vec::new(),
            functions: Vec::new(),
            globals: Vec::new(),
            external_functions: HashMap::default(),
            external_globals: HashMap::default(),
            taken_names: HashSet::default(),
            strings: HashMap::default(),
            library: HashMap::default(),
            work: VecDeque::new(),
            enums: 0,
            diagnostics: Vec::new(),
            depth: 0,
            prototypes: 0,
            annotation: None,
            annotations: HashMap::default(),
            annotations_seen: HashSet::default(),
        }
    }

    /// What the user wrote for a stretch of the current declaration's text.
    pub fn span(&self, at: NodeSpan) -> Span {
        match (&self.declaration, self.units.get(self.unit)) {
            _ if self.annotation.is_some() => self.annotation.unwrap_or(Span::NONE),
            (Some(d), Some(unit)) if !at.is_none() => unit.source.span(at, d),
            _ => Span::NONE,
        }
    }

    /// Source text for people: as the user wrote it where that is known, on one line.
    pub fn text(&self, at: NodeSpan) -> String {
        let span = self.span(at);
        // Models are written in macros whose arguments say more than their names.
        let is_model = self.units.get(self.unit).is_some_and(|u| u.is_model);
        let written = self.sources.text(span).filter(|t| !t.is_empty() && !is_model);
        let parsed = || match &self.declaration {
            Some(d) if !at.is_none() => d.rewritten(at),
            _ => "",
        };
        one_line(written.unwrap_or_else(parsed))
    }

    pub fn unsupported<T>(&self, construct: impl Into<String>, at: NodeSpan) -> Lowered<T> {
        Err(self.refuse(construct, at))
    }

    pub fn refuse(&self, construct: impl Into<String>, at: NodeSpan) -> Unsupported {
        Unsupported {
            construct: construct.into(),
            span: self.span(at),
        }
    }

    /// Runs `f` one level deeper in the tree.
    pub fn nested<T>(&mut self, at: NodeSpan, f: impl FnOnce(&mut Self) -> Lowered<T>) -> Lowered<T> {
        if self.depth >= MAX_DEPTH {
            return self.unsupported("expressions or statements nested this deep", at);
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// What the compiler takes the basic types of the current unit to be.
    pub fn target(&self) -> crate::preprocess::Target {
        self.units
            .get(self.unit)
            .map(|u| u.source.target)
            .unwrap_or_default()
    }

    /// Plain `char`.
    pub fn char_type(&self) -> IntType {
        IntType {
            signed: !self.target().char_unsigned,
            ..IntType::CHAR
        }
    }

    pub fn pointer_bits(&self) -> u32 {
        self.model.pointer_bits()
    }

    /// A name not yet used by another function or global of the program.
    pub fn unique_name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        let mut n = 1;
        while !self.taken_names.insert(name.clone()) {
            n += 1;
            name = format!("{wanted}.{n}");
        }
        name
    }
}

/// White space runs become one blank; long text is cut.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 160;
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(cut);
        line.push('…');
    }
    line
}
