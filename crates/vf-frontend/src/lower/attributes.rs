//! GNU attributes that change what a declaration means here.

use super::types::{IntType, Kind, Rank, Type};
use super::{Lowered, Lowerer};
use crate::normalise::{Attribute, SideTable};
use lang_c::ast;
use lang_c::span::Span as NodeSpan;
use std::sync::Arc;

/// GNU attributes that change what a declaration means here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    pub packed: bool,
    /// `aligned(n)`, or the target's largest alignment for `aligned`.
    pub aligned: Option<u64>,
    pub noreturn: bool,
    pub counted_by: Option<String>,
    /// `mode(DI)` and the like: width in bits.
    pub mode: Option<u32>,
    pub vector: bool,
    pub cleanup: Option<String>,
    pub alias: bool,
    pub transparent_union: bool,
    /// `scalar_storage_order`: bytes are swapped on access.
    pub foreign_order: bool,
    pub access: Vec<ParameterAccess>,
    /// `nonnull`: numbers of parameters, from 1; none for all pointers.
    pub nonnull: Option<Vec<usize>>,
}

/// `access (mode, pointer)` or `access (mode, pointer, size)`: the pointer parameter leads to at least so many elements
/// (bytes behind `void *`), or to one (GCC manual, "Common Function Attributes").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParameterAccess {
    pub writes: bool,
    /// Numbers of parameters, from 1.
    pub pointer: usize,
    pub size: Option<usize>,
}

impl Attributes {
    pub fn merge(&mut self, other: &Attributes) {
        self.packed |= other.packed;
        self.aligned = self.aligned.max(other.aligned);
        self.noreturn |= other.noreturn;
        self.counted_by = self.counted_by.take().or_else(|| other.counted_by.clone());
        self.mode = self.mode.or(other.mode);
        self.vector |= other.vector;
        self.cleanup = self.cleanup.take().or_else(|| other.cleanup.clone());
        self.alias |= other.alias;
        self.transparent_union |= other.transparent_union;
        self.foreign_order |= other.foreign_order;
        for access in &other.access {
            if !self.access.contains(access) {
                self.access.push(access.clone());
            }
        }
        if let Some(more) = &other.nonnull {
            self.nonnull.get_or_insert_default().extend(more);
        }
    }
}

impl Lowerer<'_> {
    /// Attributes of the declarator whose identifier begins at `at`.
    pub fn declarator_attributes(&mut self, at: NodeSpan) -> Attributes {
        self.collect_attributes(|side| side.declarator_attributes(at.start).cloned().collect())
    }

    /// Attributes of all declarators of the declaration that begins at `at`.
    pub fn specifier_attributes(&mut self, at: NodeSpan) -> Attributes {
        self.collect_attributes(|side| side.specifier_attributes(at.start).cloned().collect())
    }

    /// Attributes of the record or enumeration whose specifier begins at `at`.
    pub fn tag_attributes(&mut self, at: NodeSpan) -> Attributes {
        self.collect_attributes(|side| side.tag_attributes(at.start).cloned().collect())
    }

    fn collect_attributes(&mut self, of: impl Fn(&SideTable) -> Vec<Attribute>) -> Attributes {
        let mut into = Attributes::default();
        let Some(owner) = self.declaration.clone() else {
            return into;
        };
        for a in of(&owner.side) {
            self.attribute(&a, owner.index, &mut into);
        }
        into
    }

    fn attribute(&mut self, a: &Attribute, declaration: usize, into: &mut Attributes) {
        let argument = a.arguments.first().map(|t| t.trim());
        match a.name.as_str() {
            "packed" => into.packed = true,
            "aligned" | "_Alignas" => {
                let n = match argument {
                    Some(_) => self.attribute_argument(a, declaration),
                    None => Some(16),
                };
                into.aligned = n.filter(|n| n.is_power_of_two()).max(into.aligned);
            }
            "noreturn" | "_Noreturn" => into.noreturn = true,
            "counted_by" => into.counted_by = argument.map(str::to_string),
            "mode" => {
                into.mode = match argument.unwrap_or_default().trim_matches('_') {
                    "QI" | "byte" => Some(8),
                    "HI" => Some(16),
                    "SI" => Some(32),
                    "DI" => Some(64),
                    "TI" => Some(128),
                    "word" | "pointer" | "unwind_word" => Some(self.model.pointer_bits()),
                    _ => None,
                };
            }
            "vector_size" => into.vector = true,
            "cleanup" => into.cleanup = argument.map(str::to_string),
            "alias" => into.alias = true,
            "transparent_union" => into.transparent_union = true,
            "scalar_storage_order" => into.foreign_order = true,
            "access" => into.access.extend(parameter_access(&a.arguments)),
            "nonnull" => {
                let numbers = a.arguments.iter().filter_map(|n| n.trim().parse::<usize>().ok());
                into.nonnull.get_or_insert_default().extend(numbers);
            }
            _ => {}
        }
    }

    /// The value of an attribute's first argument, a constant expression.
    fn attribute_argument(&mut self, a: &Attribute, declaration: usize) -> Option<u64> {
        let parsed = self
            .units
            .get(self.unit)?
            .source
            .parse_argument(declaration, a, 0)
            .ok()?;
        let outer = self.declaration.replace(Arc::clone(&parsed));
        let value = match &parsed.node.node {
            ast::ExternalDeclaration::Declaration(d) => {
                d.node
                    .declarators
                    .first()
                    .and_then(|d| match d.node.initializer.as_ref().map(|i| &i.node) {
                        Some(ast::Initializer::Expression(e)) => self.constant_integer(e).ok(),
                        _ => None,
                    })
            }
            _ => None,
        };
        self.declaration = outer;
        value.and_then(|v| u64::try_from(v).ok())
    }

    /// The type an attribute makes of a declared type.
    pub fn apply_attributes(&mut self, ty: Type, a: &Attributes, at: NodeSpan) -> Lowered<Type> {
        if a.vector {
            return self.unsupported("vector types", at);
        }
        let mut ty = ty;
        if let (Some(bits), Some(i)) = (a.mode, ty.integer()) {
            let long = IntType::long(self.model, i.signed);
            let int = match bits {
                8 => IntType::new(Rank::Byte, i.signed, 8),
                16 => IntType::new(Rank::Short, i.signed, 16),
                32 => IntType::new(Rank::Int, i.signed, 32),
                64 if long.bits == 64 => long,
                64 => IntType::new(Rank::LongLong, i.signed, 64),
                _ => IntType::new(Rank::Int128, i.signed, 128),
            };
            ty.kind = Kind::Int(int);
        }
        if let Some(n) = a.aligned {
            ty.align = Some(n);
        }
        Ok(ty)
    }
}

/// `none` speaks of no access.
fn parameter_access(arguments: &[String]) -> Option<ParameterAccess> {
    let mut arguments = arguments.iter().map(|a| a.trim());
    let mode = arguments.next()?.trim_matches('_');
    let mut number = || arguments.next().map(str::parse::<usize>);
    let pointer = number()?.ok()?;
    let size = number().transpose().ok()?;
    let writes = match mode {
        "read_only" => false,
        "write_only" | "read_write" => true,
        _ => return None,
    };
    Some(ParameterAccess {
        writes,
        pointer,
        size,
    })
}
