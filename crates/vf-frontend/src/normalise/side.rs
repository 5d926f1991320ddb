//! What the rewriting took out of a declaration, or changed: the lowering must look here wherever the table
//! says it may, since lang-c's tree no longer shows it.
//!
//! Every position is a lang-c position of the same [`crate::parse::ParsedDeclaration`] (what `node.span.start`
//! holds), so the lowering asks with the span of the node at hand.

use std::ops::Range;

/// Identifiers that stand in lang-c's tree for what its grammar lacks. A program cannot contain them: they are
/// reserved (C11 7.1.3), and nobody else uses the `__vf_` prefix but this tool's own models.
pub mod marker {
    /// `a ?: b` is parsed as `a ? __vf_elvis : b`: the middle operand is the condition's value, evaluated once.
    pub const ELVIS: &str = "__vf_elvis";
    /// `(T){}` is parsed as `(T){ __vf_empty }`: an initialiser list without items.
    pub const EMPTY: &str = "__vf_empty";
    /// `&&label` is parsed as the call `__vf_label_address(label)`.
    pub const LABEL_ADDRESS: &str = "__vf_label_address";
    /// `goto *e;` is parsed as the call `__vf_computed_goto(e);`.
    pub const COMPUTED_GOTO: &str = "__vf_computed_goto";
    /// `_Alignof e`, where e is an expression, is parsed as the call `__vf_alignof_value(e)` (e not evaluated).
    pub const ALIGNOF_VALUE: &str = "__vf_alignof_value";
    /// `__real__ e` and `__imag__ e` are parsed as calls of these.
    pub const REAL: &str = "__vf_real";
    pub const IMAG: &str = "__vf_imag";
    /// `__builtin_types_compatible_p(T, U)` is parsed as `__builtin_types_compatible_p(sizeof(T), sizeof(U))`;
    /// the arguments of `__builtin_convertvector`'s and `__builtin_va_arg_pack`'s kind are left alone.
    pub const TYPES_COMPATIBLE: &str = "__builtin_types_compatible_p";
    /// A local declaration of this typedef name is not the user's: it tells lang-c that a parameter hides a
    /// typedef name. Skip it.
    pub const SHADOW: &str = "__vf_shadow";
    /// Type specifier of `__auto_type x = e;` (a typedef name to lang-c): the type of e.
    pub const AUTO_TYPE: &str = "__auto_type";
}

/// A GNU attribute (`__attribute__`, `[[...]]`) or `_Alignas`, taken out of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Without surrounding underscores and namespace: `packed`, `aligned`, `counted_by`; `_Alignas` as such.
    pub name: String,
    /// Text of each argument. [`crate::split::Unit::parse_argument`] gives its tree.
    pub arguments: Vec<String>,
    /// Byte range in the preprocessed text.
    pub range: Range<usize>,
    /// Byte range of each argument in the preprocessed text.
    pub argument_ranges: Vec<Range<usize>>,
}

/// What an attribute belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A `struct`, `union` or `enum` specifier: the position of its keyword, where its node begins.
    Tag(usize),
    /// A declarator (variable, function, field, typedef name, parameter): the position of its identifier.
    Declarator(usize),
    /// All declarators of a declaration, field declaration or parameter: the position where it begins.
    Specifiers(usize),
    /// A statement or a label (`fallthrough`, `unused`): no effect on values.
    Statement(usize),
}

impl Target {
    /// The same target, so many bytes later.
    pub(crate) fn moved(self, by: usize) -> Target {
        match self {
            Target::Tag(at) => Target::Tag(at + by),
            Target::Declarator(at) => Target::Declarator(at + by),
            Target::Specifiers(at) => Target::Specifiers(at + by),
            Target::Statement(at) => Target::Statement(at + by),
        }
    }
}

/// One rewrite that is not an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// `__int128` became `_Complex` here.
    Int128,
    /// An asm label was removed from the declarator whose identifier is here (`int f(void) asm("g")`,
    /// `register long sp asm("rsp")`).
    AsmLabel(String),
    /// The asm statement that begins here had `goto`; it may jump to these labels.
    AsmGoto(Vec<String>),
    /// A literal here has an escape that lang-c lacks; read its value from the original text.
    Literal,
    /// `__seg_gs`, `__seg_fs` or a named address space was removed here.
    AddressSpace(String),
    /// `__label__ a, b;` was removed here.
    LocalLabels(Vec<String>),
    /// `static_assert` was removed here (the compiler checks it).
    StaticAssert,
    /// A pragma that may change meaning (`pack`, `omp`, ...), found inside the declaration here.
    Pragma(String),
    /// The meaning is lost: whatever contains this position is not supported.
    Unsupported(String),
}

/// Every rewrite made in one declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideTable {
    /// Sorted by target.
    pub attributes: Vec<(Target, Attribute)>,
    /// Sorted by position.
    pub rewrites: Vec<(usize, Rewrite)>,
    /// `#pragma pack` in force at the declaration's start: the greatest alignment of a field, in bytes.
    pub pack: Option<u32>,
}

impl SideTable {
    /// Attributes of the `struct`, `union` or `enum` specifier whose node begins at `at`.
    pub fn tag_attributes(&self, at: usize) -> impl Iterator<Item = &Attribute> {
        self.attributes_of(Target::Tag(at))
    }

    /// Attributes of the declarator whose identifier begins at `at`.
    pub fn declarator_attributes(&self, at: usize) -> impl Iterator<Item = &Attribute> {
        self.attributes_of(Target::Declarator(at))
    }

    /// Attributes of every declarator of the declaration, field declaration or parameter that begins at `at`.
    pub fn specifier_attributes(&self, at: usize) -> impl Iterator<Item = &Attribute> {
        self.attributes_of(Target::Specifiers(at))
    }

    fn attributes_of(&self, target: Target) -> impl Iterator<Item = &Attribute> {
        let first = self.attributes.partition_point(|(t, _)| *t < target);
        self.attributes
            .get(first..)
            .unwrap_or(&[])
            .iter()
            .take_while(move |(t, _)| *t == target)
            .map(|(_, a)| a)
    }

    /// Rewrites at exactly this position.
    pub fn at(&self, at: usize) -> impl Iterator<Item = &Rewrite> {
        self.within(at..at.saturating_add(1)).map(|(_, r)| r)
    }

    /// Rewrites inside a node, with their positions.
    pub fn within(&self, span: Range<usize>) -> impl Iterator<Item = (usize, &Rewrite)> {
        let first = self.rewrites.partition_point(|(p, _)| *p < span.start);
        let rest = self.rewrites.get(first..).unwrap_or(&[]);
        rest.iter()
            .take_while(move |(p, _)| *p < span.end)
            .map(|(p, r)| (*p, r))
    }

    /// Whether the `_Complex` specifier at `at` stands for `__int128`.
    pub fn is_int128(&self, at: usize) -> bool {
        self.at(at).any(|r| *r == Rewrite::Int128)
    }

    /// The first construct inside a node whose meaning was lost.
    pub fn unsupported(&self, span: Range<usize>) -> Option<(usize, &str)> {
        self.within(span).find_map(|(p, r)| match r {
            Rewrite::Unsupported(what) => Some((p, what.as_str())),
            _ => None,
        })
    }
}
