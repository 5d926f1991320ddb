//! Types from declaration specifiers and declarators (C11 6.7).

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use std::rc::Rc;
use std::sync::Arc;
use vf_ir::RecordId;

use crate::normalise::{Attribute, SideTable, marker};
use crate::split::TagKind;

use super::types::{EnumId, IntType, Kind, Length, Rank, Signature, Type};
use super::{Entity, Lowered, Lowerer, RecordInfo, Tag};

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
}

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
                    if let ast::TypeSpecifier::TypedefName(n) = &t.node {
                        if n.node.name == marker::AUTO_TYPE {
                            s.is_auto = true;
                            words.any = true;
                            continue;
                        }
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
                Some(self.align_of(&ty, t.span)?)
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
        self.declaration.as_ref().is_some_and(|d| d.side.is_int128(at.start))
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

    /// `__builtin_va_list`: one element of the ABI's structure on x86-64, a plain pointer on i386.
    pub fn va_list_type(&mut self) -> Type {
        if self.model == vf_ir::DataModel::Ilp32 {
            return Type::char_pointer();
        }
        const TAG: &str = "__va_list_tag";
        if let Some(Tag::Record(id)) = self.units.get(self.unit).and_then(|u| u.names.tags.get(TAG)) {
            return Type::of(Kind::Record(*id)).array_of(1);
        }
        let id = self.new_record(TAG, false, None);
        let uint = Type::int(IntType::UINT);
        let pointer = Type::void().pointer_to();
        let members = [
            ("gp_offset", uint.clone()),
            ("fp_offset", uint),
            ("overflow_arg_area", pointer.clone()),
            ("reg_save_area", pointer),
        ];
        self.set_plain_layout(id, &members);
        if let Some(unit) = self.units.get_mut(self.unit) {
            unit.names.tags.insert(TAG.to_string(), Tag::Record(id));
        }
        Type::of(Kind::Record(id)).array_of(1)
    }

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
        let Some(owner) = self.declaration.clone() else { return into };
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
            _ => {}
        }
    }

    /// The value of an attribute's first argument, a constant expression.
    fn attribute_argument(&mut self, a: &Attribute, declaration: usize) -> Option<u64> {
        let parsed = self.units.get(self.unit)?.source.parse_argument(declaration, a, 0).ok()?;
        let outer = self.declaration.replace(Arc::clone(&parsed));
        let value = match &parsed.node.node {
            ast::ExternalDeclaration::Declaration(d) => d.node.declarators.first().and_then(|d| {
                match d.node.initializer.as_ref().map(|i| &i.node) {
                    Some(ast::Initializer::Expression(e)) => self.constant_integer(e).ok(),
                    _ => None,
                }
            }),
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

    /// The name and type that a declarator makes of a base type (C11 6.7.6).
    pub fn declarator(&mut self, base: Type, node: &Node<ast::Declarator>) -> Lowered<Declared> {
        let d = &node.node;
        let mut ty = base;
        let pointers = d
            .derived
            .iter()
            .take_while(|p| matches!(p.node, ast::DerivedDeclarator::Pointer(_) | ast::DerivedDeclarator::Block(_)))
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
            ast::DeclaratorKind::Abstract => {
                Ok(Declared { name: None, at: node.span, ty, attributes: Attributes::default() })
            }
            ast::DeclaratorKind::Identifier(i) => {
                let attributes = self.declarator_attributes(i.span);
                Ok(Declared { name: Some(i.node.name.clone()), at: i.span, ty, attributes })
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
                None => Declared { name: None, at: p.span, ty: s.ty, attributes: Attributes::default() },
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

    fn enum_specifier(&mut self, e: &Node<ast::EnumType>) -> Lowered<Type> {
        let tag = e.node.identifier.as_ref().map(|i| i.node.name.as_str());
        if e.node.enumerators.is_empty() {
            if let Some(name) = tag {
                match self.lookup_tag(TagKind::Enum, name) {
                    Some(Tag::Enum(id, int)) => return Ok(Type::of(Kind::Enum(id, int))),
                    Some(Tag::Record(_)) => return self.unsupported("an enum tag that names a record", e.span),
                    None => {}
                }
            }
            // Never completed in view: GCC takes `unsigned int` for a forward enumeration.
            let id = EnumId(self.enums);
            self.enums += 1;
            return Ok(Type::of(Kind::Enum(id, IntType::UINT)));
        }
        let mut values: Vec<(String, i128)> = Vec::with_capacity(e.node.enumerators.len());
        let mut next: i128 = 0;
        for item in &e.node.enumerators {
            if let Some(expr) = &item.node.expression {
                next = self.constant_integer(expr)?;
            }
            let name = item.node.identifier.node.name.clone();
            // Later enumerators may use this one.
            let ty = if IntType::INT.fits(next) { IntType::INT } else { self.enum_type(next, next) };
            self.declare(&name, Entity::Enumerator { value: next, ty });
            values.push((name, next));
            next = next.wrapping_add(1);
        }
        let low = values.iter().map(|v| v.1).min().unwrap_or(0);
        let high = values.iter().map(|v| v.1).max().unwrap_or(0);
        let packed = self.tag_attributes(e.span).packed;
        let int = if packed { self.packed_enum_type(low, high) } else { self.enum_type(low, high) };
        let constants = if int.bits > 32 { int } else { IntType::INT };
        for (name, value) in values {
            let ty = if constants.fits(value) { constants } else { int };
            self.declare(&name, Entity::Enumerator { value, ty });
        }
        let id = EnumId(self.enums);
        self.enums += 1;
        if let Some(name) = tag {
            let name = name.to_string();
            self.declare_tag(&name, Tag::Enum(id, int));
        }
        Ok(Type::of(Kind::Enum(id, int)))
    }

    /// GCC's choice: the first of `unsigned int`, `int`, `unsigned long`, `long` that holds all values.
    fn enum_type(&self, low: i128, high: i128) -> IntType {
        let candidates = [
            IntType::UINT,
            IntType::INT,
            IntType::long(self.model, false),
            IntType::long(self.model, true),
            IntType::ULLONG,
            IntType::LLONG,
        ];
        candidates.into_iter().find(|i| i.fits(low) && i.fits(high)).unwrap_or(IntType::INT128)
    }

    fn packed_enum_type(&self, low: i128, high: i128) -> IntType {
        let small = [IntType::UCHAR, IntType::SCHAR, IntType::USHORT, IntType::SHORT];
        small.into_iter().find(|i| i.fits(low) && i.fits(high)).unwrap_or_else(|| self.enum_type(low, high))
    }

    fn record_specifier(&mut self, s: &Node<ast::StructType>) -> Lowered<Type> {
        let is_union = s.node.kind.node == ast::StructKind::Union;
        let kind = if is_union { TagKind::Union } else { TagKind::Struct };
        let tag = s.node.identifier.as_ref().map(|i| i.node.name.clone());
        let id = match (&tag, &s.node.declarations) {
            (Some(name), None) => match self.lookup_tag(kind, name) {
                Some(Tag::Record(id)) => id,
                Some(Tag::Enum(..)) => return self.unsupported("a record tag that names an enum", s.span),
                None => {
                    let id = self.new_record(name, is_union, None);
                    self.declare_tag(name, Tag::Record(id));
                    id
                }
            },
            (Some(name), Some(members)) => {
                let id = match self.own_tag(name) {
                    Some(Tag::Record(id)) if self.is_open(id) => id,
                    _ => {
                        let id = self.new_record(name, is_union, None);
                        self.declare_tag(name, Tag::Record(id));
                        id
                    }
                };
                self.define_record(id, members, s)?;
                id
            }
            (None, Some(members)) => {
                let span = self.span(s.span);
                let word = if is_union { "union" } else { "struct" };
                let file = self.sources.get(span.file).map(|f| f.path.display().to_string());
                let name = match file {
                    Some(file) if span.is_known() => {
                        format!("<anonymous {word} at {file}:{}>", span.start.line)
                    }
                    _ => format!("<anonymous {word}>"),
                };
                let id = self.new_record(&name, is_union, None);
                self.define_record(id, members, s)?;
                id
            }
            (None, None) => return self.unsupported("a record without tag and members", s.span),
        };
        Ok(Type::of(Kind::Record(id)))
    }

    /// Whether the record was declared but not defined.
    fn is_open(&self, id: RecordId) -> bool {
        self.program.records.get(id.0 as usize).is_some_and(|r| r.size.is_none())
    }

    pub fn new_record(&mut self, name: &str, is_union: bool, pending: Option<(usize, TagKind, String)>) -> RecordId {
        let id = RecordId(self.program.records.len() as u32);
        self.program.records.push(vf_ir::Record {
            name: name.to_string(),
            is_union,
            size: None,
            align: 1,
            fields: Vec::new(),
        });
        self.records.push(RecordInfo { fields: Vec::new(), pending, broken: None });
        id
    }
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
