//! Types from declaration specifiers and declarators (C11 6.7).

use super::attributes::Attributes;
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use std::rc::Rc;

use crate::normalise::marker;

use super::types::{IntType, Kind, Length, Signature, Type};
use super::{Entity, Lowered, Lowerer};

#[derive(Clone, Debug)]
pub(crate) struct Specifiers {
    pub ty: Type,
    pub is_typedef: bool,
    pub is_extern: bool,
    pub is_static: bool,
    pub is_inline: bool,
    /// `__auto_type`: the type comes from the initialiser.
    pub is_auto: bool,
    pub attributes: Attributes,
}

/// One declared name with its type.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub name: Option<String>,
    pub at: NodeSpan,
    pub ty: Type,
    pub attributes: Attributes,
}

/// Counts of the basic type words.
#[derive(Default)]
struct Words {
    void: bool,
    bool: bool,
    char: bool,
    short: bool,
    int: bool,
    long: u32,
    float: bool,
    double: bool,
    signed: bool,
    unsigned: bool,
    other: Option<Type>,
    any: bool,
}

impl Lowerer<'_> {
    pub fn specifiers(&mut self, list: &[Node<ast::DeclarationSpecifier>]) -> Lowered<Specifiers> {
        let mut s = Specifiers {
            ty: Type::void(),
            is_typedef: false,
            is_extern: false,
            is_static: false,
            is_inline: false,
            is_auto: false,
            attributes: Attributes::default(),
        };
        let mut words = Words::default();
        let (mut constant, mut volatile, mut align) = (false, false, None);
        let at = list.first().map_or(NodeSpan::none(), |n| n.span);
        s.attributes = self.specifier_attributes(at);
        for node in list {
            match &node.node {
                ast::DeclarationSpecifier::StorageClass(c) => match c.node {
                    ast::StorageClassSpecifier::Typedef => s.is_typedef = true,
                    ast::StorageClassSpecifier::Extern => s.is_extern = true,
                    ast::StorageClassSpecifier::Static => s.is_static = true,
                    ast::StorageClassSpecifier::ThreadLocal
                    | ast::StorageClassSpecifier::Auto
                    | ast::StorageClassSpecifier::Register => {}
                },
                ast::DeclarationSpecifier::TypeSpecifier(t) => {
                    if let ast::TypeSpecifier::TypedefName(n) = &t.node
                        && n.node.name == marker::AUTO_TYPE
                    {
                        s.is_auto = true;
                        words.any = true;
                        continue;
                    }
                    self.type_specifier(t, &mut words)?;
                }
                ast::DeclarationSpecifier::TypeQualifier(q) => {
                    qualifier(&q.node, &mut constant, &mut volatile);
                }
                ast::DeclarationSpecifier::Function(f) => match f.node {
                    ast::FunctionSpecifier::Inline => s.is_inline = true,
                    ast::FunctionSpecifier::Noreturn => s.attributes.noreturn = true,
                },
                ast::DeclarationSpecifier::Alignment(a) => align = self.alignment(&a.node)?.or(align),
                ast::DeclarationSpecifier::Extension(_) => {}
            }
        }
        s.ty = self.finish_words(words, at)?;
        s.ty.constant |= constant;
        s.ty.volatile |= volatile;
        s.ty.align = align.or(s.ty.align);
        Ok(s)
    }

    /// The type that a list of specifiers and qualifiers names (type names, struct members).
    pub fn specifier_qualifiers(
        &mut self,
        list: &[Node<ast::SpecifierQualifier>],
    ) -> Lowered<(Type, Attributes)> {
        let mut words = Words::default();
        let (mut constant, mut volatile) = (false, false);
        let at = list.first().map_or(NodeSpan::none(), |n| n.span);
        let attributes = self.specifier_attributes(at);
        for node in list {
            match &node.node {
                ast::SpecifierQualifier::TypeSpecifier(t) => self.type_specifier(t, &mut words)?,
                ast::SpecifierQualifier::TypeQualifier(q) => qualifier(&q.node, &mut constant, &mut volatile),
                ast::SpecifierQualifier::Extension(_) => {}
            }
        }
        let mut ty = self.finish_words(words, at)?;
        ty.constant |= constant;
        ty.volatile |= volatile;
        Ok((ty, attributes))
    }

    pub fn type_name(&mut self, name: &Node<ast::TypeName>) -> Lowered<Type> {
        let (base, _) = self.specifier_qualifiers(&name.node.specifiers)?;
        match &name.node.declarator {
            Some(d) => Ok(self.declarator(base, d)?.ty),
            None => Ok(base),
        }
    }

    fn alignment(&mut self, a: &ast::AlignmentSpecifier) -> Lowered<Option<u64>> {
        Ok(match a {
            ast::AlignmentSpecifier::Type(t) => {
                let ty = self.type_name(t)?;
                Some(self.align_of(&ty)?)
            }
            ast::AlignmentSpecifier::Constant(e) => match self.constant_integer(e)? {
                0 => None,
                n => u64::try_from(n).ok(),
            },
        })
    }

    fn type_specifier(&mut self, node: &Node<ast::TypeSpecifier>, w: &mut Words) -> Lowered<()> {
        w.any = true;
        match &node.node {
            ast::TypeSpecifier::Void => w.void = true,
            ast::TypeSpecifier::Char => w.char = true,
            ast::TypeSpecifier::Short => w.short = true,
            ast::TypeSpecifier::Int => w.int = true,
            ast::TypeSpecifier::Long => w.long += 1,
            ast::TypeSpecifier::Float => w.float = true,
            ast::TypeSpecifier::Double => w.double = true,
            ast::TypeSpecifier::Signed => w.signed = true,
            ast::TypeSpecifier::Unsigned => w.unsigned = true,
            ast::TypeSpecifier::Bool => w.bool = true,
            ast::TypeSpecifier::Complex if self.is_int128(node.span) => {
                w.other = Some(Type::int(IntType::INT128));
            }
            ast::TypeSpecifier::Complex => return self.unsupported("complex numbers", node.span),
            ast::TypeSpecifier::Atomic(t) => {
                let mut ty = self.type_name(t)?;
                ty.volatile = true;
                w.other = Some(ty);
            }
            ast::TypeSpecifier::Struct(s) => w.other = Some(self.record_specifier(s)?),
            ast::TypeSpecifier::Enum(e) => w.other = Some(self.enum_specifier(e)?),
            ast::TypeSpecifier::TypedefName(n) => w.other = Some(self.typedef_name(n)?),
            ast::TypeSpecifier::TypeOf(t) => {
                w.other = Some(match &t.node {
                    ast::TypeOf::Expression(e) => self.type_of(e)?,
                    ast::TypeOf::Type(t) => self.type_name(t)?,
                });
            }
            ast::TypeSpecifier::TS18661Float(f) => {
                use ast::TS18661FloatFormat as F;
                let bits = match (&f.format, f.width) {
                    (F::BinaryInterchange, w) => w as u32,
                    (F::BinaryExtended, 32) => 64,
                    (F::BinaryExtended, _) => 128,
                    (F::DecimalInterchange | F::DecimalExtended, _) => {
                        return self.unsupported("decimal floating point", node.span);
                    }
                };
                w.other = Some(Type::of(Kind::Float(bits)));
            }
        }
        Ok(())
    }

    fn finish_words(&mut self, w: Words, at: NodeSpan) -> Lowered<Type> {
        let unsigned = w.unsigned;
        if let Some(other) = w.other {
            // `unsigned` stands beside another type only for `__int128`.
            return match other.integer() {
                Some(i) if unsigned && i.bits == 128 => Ok(Type::int(IntType::UINT128)),
                _ => Ok(other),
            };
        }
        Ok(if w.void {
            Type::void()
        } else if w.bool {
            Type::bool()
        } else if w.char {
            Type::int(if unsigned {
                IntType::UCHAR
            } else if w.signed {
                IntType::SCHAR
            } else {
                self.char_type()
            })
        } else if w.float {
            Type::of(Kind::Float(32))
        } else if w.double {
            Type::of(Kind::Float(if w.long > 0 { 128 } else { 64 }))
        } else if w.short {
            Type::int(if unsigned { IntType::USHORT } else { IntType::SHORT })
        } else if w.long >= 2 {
            Type::int(if unsigned { IntType::ULLONG } else { IntType::LLONG })
        } else if w.long == 1 {
            Type::int(IntType::long(self.model, !unsigned))
        } else if w.int || w.signed || unsigned || !w.any || at.is_none() {
            Type::int(if unsigned { IntType::UINT } else { IntType::INT })
        } else {
            Type::int(IntType::INT)
        })
    }

    fn is_int128(&self, at: NodeSpan) -> bool {
        self.declaration
            .as_ref()
            .is_some_and(|d| d.side.is_int128(at.start))
    }

    fn typedef_name(&mut self, n: &Node<ast::Identifier>) -> Lowered<Type> {
        match self.lookup(&n.node.name) {
            Some(Entity::Typedef(t)) => return Ok(t),
            Some(Entity::Broken(u)) => return Err(u),
            _ => {}
        }
        Ok(match n.node.name.as_str() {
            "__int128_t" => Type::int(IntType::INT128),
            "__uint128_t" => Type::int(IntType::UINT128),
            "__builtin_va_list" | "__gnuc_va_list" => self.va_list_type(),
            "_Float128" | "__float128" | "__float80" => Type::of(Kind::Float(128)),
            name => return self.unsupported(format!("unknown type name `{name}`"), n.span),
        })
    }

    /// The name and type that a declarator makes of a base type (C11 6.7.6).
    pub fn declarator(&mut self, base: Type, node: &Node<ast::Declarator>) -> Lowered<Declared> {
        let d = &node.node;
        let mut ty = base;
        let pointers = d
            .derived
            .iter()
            .take_while(|p| {
                matches!(
                    p.node,
                    ast::DerivedDeclarator::Pointer(_) | ast::DerivedDeclarator::Block(_)
                )
            })
            .count();
        let (prefix, suffix) = d.derived.split_at(pointers.min(d.derived.len()));
        for p in prefix {
            let ast::DerivedDeclarator::Pointer(qualifiers) = &p.node else {
                return self.unsupported("blocks", p.span);
            };
            ty = ty.pointer_to();
            for q in qualifiers {
                match &q.node {
                    ast::PointerQualifier::TypeQualifier(q) => {
                        qualifier(&q.node, &mut ty.constant, &mut ty.volatile);
                    }
                    ast::PointerQualifier::Extension(_) => {}
                }
            }
        }
        for part in suffix.iter().rev() {
            ty = match &part.node {
                ast::DerivedDeclarator::Array(a) => {
                    let length = self.array_length(&a.node.size, part.span)?;
                    if ty.signature().is_some() {
                        return self.unsupported("arrays of functions", part.span);
                    }
                    Type::of(Kind::Array(Rc::new(ty), length))
                }
                ast::DerivedDeclarator::Function(f) => {
                    let params = self.parameter_types(&f.node)?;
                    let prototyped = !(f.node.parameters.is_empty());
                    Type::of(Kind::Function(Rc::new(Signature {
                        ret: ty.unqualified(),
                        params,
                        variadic: f.node.ellipsis == ast::Ellipsis::Some,
                        prototyped,
                    })))
                }
                ast::DerivedDeclarator::KRFunction(_) => Type::of(Kind::Function(Rc::new(Signature {
                    ret: ty.unqualified(),
                    params: Vec::new(),
                    variadic: false,
                    prototyped: false,
                }))),
                ast::DerivedDeclarator::Pointer(_) | ast::DerivedDeclarator::Block(_) => {
                    return self.unsupported("this declarator", part.span);
                }
            };
        }
        match &d.kind.node {
            ast::DeclaratorKind::Abstract => Ok(Declared {
                name: None,
                at: node.span,
                ty,
                attributes: Attributes::default(),
            }),
            ast::DeclaratorKind::Identifier(i) => {
                let attributes = self.declarator_attributes(i.span);
                Ok(Declared {
                    name: Some(i.node.name.clone()),
                    at: i.span,
                    ty,
                    attributes,
                })
            }
            ast::DeclaratorKind::Declarator(inner) => self.declarator(ty, inner),
        }
    }

    fn array_length(&mut self, size: &ast::ArraySize, at: NodeSpan) -> Lowered<Length> {
        match size {
            ast::ArraySize::Unknown => Ok(Length::Unknown),
            ast::ArraySize::VariableUnknown => Ok(Length::Variable(None)),
            ast::ArraySize::VariableExpression(e) | ast::ArraySize::StaticExpression(e) => {
                match self.constant_integer(e) {
                    Ok(n) => match u64::try_from(n) {
                        Ok(n) => Ok(Length::Fixed(n)),
                        Err(_) => self.unsupported("an array of negative length", at),
                    },
                    // In a prototype the length says nothing.
                    Err(_) if self.prototypes > 0 => Ok(Length::Variable(None)),
                    Err(why) => {
                        if self.function.as_ref().is_none_or(|f| f.blocks.is_empty()) {
                            return Err(why);
                        }
                        if self.function.as_ref().is_some_and(|f| f.unevaluated > 0) {
                            return Ok(Length::Variable(None));
                        }
                        self.variable_length(e)
                    }
                }
            }
        }
    }

    /// The parameters of a function declarator, with arrays and functions adjusted to pointers (6.7.6.3p7).
    pub fn parameter_types(&mut self, f: &ast::FunctionDeclarator) -> Lowered<Vec<Type>> {
        let mut list = Vec::with_capacity(f.parameters.len());
        for p in &f.parameters {
            let s = self.specifiers(&p.node.specifiers)?;
            let declared = match &p.node.declarator {
                // The length of a parameter's array does not matter to its type.
                Some(d) => {
                    self.prototypes += 1;
                    let declared = self.unevaluated(|this| this.declarator(s.ty, d));
                    self.prototypes -= 1;
                    declared?
                }
                None => Declared {
                    name: None,
                    at: p.span,
                    ty: s.ty,
                    attributes: Attributes::default(),
                },
            };
            if f.parameters.len() == 1 && declared.name.is_none() && declared.ty.is_void() {
                return Ok(Vec::new());
            }
            let mut ty = self.apply_attributes(declared.ty, &declared.attributes, p.span)?;
            if ty.element().is_some() || ty.signature().is_some() {
                ty = ty.decayed();
            }
            list.push(ty);
        }
        Ok(list)
    }

    /// Runs `f` where no code may be generated.
    pub fn unevaluated<T>(&mut self, f: impl FnOnce(&mut Self) -> Lowered<T>) -> Lowered<T> {
        if let Some(state) = &mut self.function {
            state.unevaluated += 1;
        }
        let result = f(self);
        if let Some(state) = &mut self.function {
            state.unevaluated = state.unevaluated.saturating_sub(1);
        }
        result
    }
}

fn qualifier(q: &ast::TypeQualifier, constant: &mut bool, volatile: &mut bool) {
    match q {
        ast::TypeQualifier::Const => *constant = true,
        ast::TypeQualifier::Volatile | ast::TypeQualifier::Atomic => *volatile = true,
        ast::TypeQualifier::Restrict
        | ast::TypeQualifier::Nonnull
        | ast::TypeQualifier::NullUnspecified
        | ast::TypeQualifier::Nullable => {}
    }
}
