//! Types of expressions in the text, from the IR where there is one, else from the declarations in the text.
//!
//! Only to choose templates: a type read wrongly makes a candidate that the compiler or the prover refuses.

use vf_ir::{ArrayLen, CType, DataModel, Program};

use crate::ctext::expr::{Expr, ExprKind};
use crate::ctext::functions::{FunctionText, functions};
use crate::ctext::lex::{TokenKind, tokens};
use crate::ctext::outline::{Declarator, Outline};

/// Names in scope of one function.
pub struct Types<'a> {
    source: &'a str,
    program: Option<&'a Program>,
    function: &'a str,
    outline: &'a Outline<'a>,
    params: Vec<(String, CType, String)>,
}

impl<'a> Types<'a> {
    pub fn new(
        source: &'a str,
        program: Option<&'a Program>,
        function: &'a str,
        outline: &'a Outline<'a>,
    ) -> Types<'a> {
        let params = params(source, &outline.function);
        Types {
            source,
            program,
            function,
            outline,
            params,
        }
    }

    pub fn model(&self) -> DataModel {
        self.program.map_or(DataModel::Lp64, |p| p.model)
    }

    /// Integer parameters: what may say how long a buffer is.
    pub fn integer_params(&self) -> Vec<&str> {
        self.params
            .iter()
            .filter(|(_, ty, _)| matches!(ty, CType::Int { .. }))
            .map(|(n, ..)| n.as_str())
            .collect()
    }

    /// Specifiers with which a local or parameter is declared (`size_t`, `unsigned int`).
    pub fn specifiers(&self, name: &str) -> Option<String> {
        if let Some((_, d)) = self.outline.declarator(name) {
            return (d.pointers == 0 && d.bound.is_none())
                .then(|| self.outline.text(d.specifiers.clone()).to_string());
        }
        self.params
            .iter()
            .find(|(n, ..)| n == name)
            .map(|(.., s)| s.clone())
    }

    pub fn is_param(&self, name: &str) -> bool {
        self.params.iter().any(|(n, ..)| n == name)
    }

    fn named(&self, name: &str) -> Option<CType> {
        if let Some(program) = self.program {
            if let Some(f) = program.functions.iter().find(|f| f.name == self.function)
                && let Some(local) = f.locals.iter().find(|l| l.user && l.name == name)
            {
                return Some(local.ty.clone());
            }
            if let Some(global) = program.globals.iter().find(|g| g.name == name) {
                return Some(global.ty.clone());
            }
        }
        if let Some((_, d)) = self.outline.declarator(name) {
            return Some(self.declared(d));
        }
        if let Some((_, ty, _)) = self.params.iter().find(|(n, ..)| n == name) {
            return Some(ty.clone());
        }
        self.file_scope_array(name)
    }

    fn declared(&self, d: &Declarator) -> CType {
        let mut ty = basic(self.outline.text(d.specifiers.clone()));
        for _ in 0..d.pointers {
            ty = ty.pointer_to();
        }
        match &d.bound {
            Some(bound) => {
                let len =
                    number(self.outline.text(bound.clone())).map_or(ArrayLen::Variable, ArrayLen::Fixed);
                CType::Array {
                    element: Box::new(ty),
                    len,
                }
            }
            None => ty,
        }
    }

    /// `T name[...]` outside of functions, by its text.
    fn file_scope_array(&self, name: &str) -> Option<CType> {
        let tokens = tokens(self.source);
        let at = tokens.windows(2).position(|w| {
            w[0].kind == TokenKind::Ident && w[0].text(self.source) == name && w[1].text(self.source) == "["
        })?;
        let before = tokens.get(at.checked_sub(1)?)?;
        if before.kind != TokenKind::Ident
            || functions(self.source)
                .iter()
                .any(|f| f.range.contains(&before.start))
        {
            return None;
        }
        let text = |i: usize| tokens.get(i).map_or("", |t| t.text(self.source));
        // `name[A]` or `name[A][B]`, each bound one token; of a longer one the length is not known.
        let rows = (at + 1..)
            .step_by(3)
            .take_while(|i| text(*i) == "[" && text(*i + 2) == "]")
            .count()
            .max(1);
        let bound = |i: usize| number(text(i)).filter(|_| text(i + 1) == "]");
        let bounds = (0..rows).rev().map(|row| bound(at + 3 * row + 2));
        Some(
            bounds.fold(basic(before.text(self.source)), |element, len| CType::Array {
                element: Box::new(element),
                len: len.map_or(ArrayLen::Variable, ArrayLen::Fixed),
            }),
        )
    }

    pub fn of(&self, expr: &Expr) -> Option<CType> {
        match &expr.kind {
            ExprKind::Ident => self.named(expr.text(self.source)),
            ExprKind::Number => {
                let text = expr.text(self.source).to_ascii_lowercase();
                let unsigned = text.ends_with('u') || text.contains("ul");
                let bits = if text.trim_end_matches('u').ends_with('l') {
                    64
                } else {
                    32
                };
                Some(CType::Int {
                    bits,
                    signed: !unsigned,
                })
            }
            ExprKind::Text => Some(CType::CHAR.pointer_to()),
            ExprKind::Paren(inner) => self.of(inner),
            ExprKind::Cast { ty, .. } => Some(type_of_text(self.source.get(ty.clone()).unwrap_or(""))),
            ExprKind::Sizeof { .. } => Some(self.size_type()),
            ExprKind::Index { base, .. } => pointee(&self.of(base)?),
            ExprKind::Unary { op, arg } => match op.as_str() {
                "*" => pointee(&self.of(arg)?),
                "&" => Some(self.of(arg)?.pointer_to()),
                "!" => Some(CType::INT),
                _ => self.of(arg).map(promoted),
            },
            ExprKind::Postfix { arg, .. } => self.of(arg),
            ExprKind::Assign { lhs, .. } => self.of(lhs),
            ExprKind::Ternary { then, .. } => self.of(then),
            ExprKind::Member { base, arrow, name } => {
                self.member(base, *arrow, self.source.get(name.clone())?)
            }
            ExprKind::Binary { op, lhs, rhs } => self.binary(op, lhs, rhs),
            ExprKind::Call { .. } => {
                let callee = expr.called(self.source)?;
                if matches!(callee, "strlen" | "strnlen" | "fread") {
                    return Some(self.size_type());
                }
                let program = self.program?;
                program
                    .functions
                    .iter()
                    .find(|f| f.name == callee)
                    .map(|f| f.ret.clone())
            }
            ExprKind::Braces(_) => None,
        }
    }

    fn size_type(&self) -> CType {
        CType::Int {
            bits: self.model().pointer_bits(),
            signed: false,
        }
    }

    fn member(&self, base: &Expr, arrow: bool, name: &str) -> Option<CType> {
        let mut ty = self.of(base);
        if arrow {
            ty = pointee(&ty?);
        }
        let (Some(CType::Record(id)), Some(program)) = (ty, self.program) else {
            return self.member_by_text(name);
        };
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            for field in &program.records.get(id.0 as usize)?.fields {
                if field.name == name {
                    return Some(field.ty.clone());
                }
                if let (true, CType::Record(inner)) = (field.name.is_empty(), &field.ty) {
                    todo.push(*inner);
                }
            }
        }
        None
    }

    /// Without an IR: an array member of that name anywhere in the file.
    fn member_by_text(&self, name: &str) -> Option<CType> {
        if self.program.is_some() {
            None
        } else {
            self.file_scope_array(name)
        }
    }

    /// Usual arithmetic conversions, C11 6.3.1.8, on integers; pointer arithmetic keeps the pointer.
    fn binary(&self, op: &str, lhs: &Expr, rhs: &Expr) -> Option<CType> {
        match op {
            "<" | ">" | "<=" | ">=" | "==" | "!=" | "&&" | "||" => return Some(CType::INT),
            "," => return self.of(rhs),
            "<<" | ">>" => return self.of(lhs).map(promoted),
            _ => {}
        }
        let (a, b) = (self.of(lhs).map(promoted), self.of(rhs).map(promoted));
        match (a, b) {
            (Some(p @ (CType::Pointer { .. } | CType::Array { .. })), _) => Some(p),
            (_, Some(p @ (CType::Pointer { .. } | CType::Array { .. }))) if op == "+" => Some(p),
            (Some(CType::Int { bits: x, signed: s }), Some(CType::Int { bits: y, signed: t })) => {
                let bits = x.max(y);
                let signed = if x == y {
                    s && t
                } else if x > y {
                    s
                } else {
                    t
                };
                Some(CType::Int { bits, signed })
            }
            (Some(t), None) | (None, Some(t)) => Some(t),
            _ => None,
        }
    }
}

/// Integer promotion on targets with 32-bit `int`, C11 6.3.1.1p2.
fn promoted(ty: CType) -> CType {
    match ty {
        CType::Bool => CType::INT,
        CType::Int { bits, .. } if bits < 32 => CType::INT,
        other => other,
    }
}

pub fn pointee(ty: &CType) -> Option<CType> {
    match ty {
        CType::Pointer { to, .. } => Some((**to).clone()),
        CType::Array { element, .. } => Some((**element).clone()),
        _ => None,
    }
}

/// Parameters of a definition: name, type, specifiers.
fn params(source: &str, function: &FunctionText) -> Vec<(String, CType, String)> {
    let text = source.get(function.params.clone()).unwrap_or("");
    let mut found = Vec::new();
    for part in split_commas(text) {
        let words: Vec<(TokenKind, &str)> = tokens(part).iter().map(|t| (t.kind, t.text(part))).collect();
        let before_bracket: Vec<&(TokenKind, &str)> = words.iter().take_while(|(_, w)| *w != "[").collect();
        let Some(name_at) = before_bracket.iter().rposition(|(k, _)| *k == TokenKind::Ident) else {
            continue;
        };
        let stars = before_bracket.iter().filter(|(_, w)| *w == "*").count();
        let arrays = usize::from(before_bracket.len() < words.len());
        let spec: Vec<&str> = before_bracket
            .iter()
            .take(name_at)
            .filter(|(k, _)| *k == TokenKind::Ident)
            .map(|(_, w)| *w)
            .collect();
        if spec.is_empty() {
            continue;
        }
        let specifiers = spec.join(" ");
        let mut ty = basic(&specifiers);
        for _ in 0..stars + arrays {
            ty = ty.pointer_to();
        }
        found.push((before_bracket[name_at].1.to_string(), ty, specifiers));
    }
    found
}

fn split_commas(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for token in tokens(text) {
        match token.text(text) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                parts.push(text.get(start..token.start).unwrap_or(""));
                start = token.end;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts
}

/// A type name: specifiers and stars.
pub fn type_of_text(text: &str) -> CType {
    let mut ty = basic(text.split('*').next().unwrap_or(""));
    for _ in 0..text.matches('*').count() {
        ty = ty.pointer_to();
    }
    ty
}

/// Specifiers of the basic types and the usual typedefs, for LP64. What is not known is `void`.
pub fn basic(specifiers: &str) -> CType {
    let words: Vec<&str> = specifiers
        .split_whitespace()
        .filter(|w| {
            !matches!(
                *w,
                "const" | "volatile" | "static" | "register" | "extern" | "__user" | "inline"
            )
        })
        .collect();
    let has = |w: &str| words.contains(&w);
    let int = |bits, signed| CType::Int { bits, signed };
    if has("struct") || has("union") {
        return CType::Void;
    }
    if has("bool") || has("_Bool") {
        return CType::Bool;
    }
    if has("float") || has("double") {
        return CType::Float {
            bits: if has("float") { 32 } else { 64 },
        };
    }
    let unsigned = has("unsigned");
    if has("char") {
        return int(8, !unsigned);
    }
    if has("short") {
        return int(16, !unsigned);
    }
    if has("long") {
        return int(64, !unsigned);
    }
    if has("int") || unsigned || has("signed") || has("enum") {
        return int(32, !unsigned);
    }
    let Some(name) = words.last() else {
        return CType::Void;
    };
    match name.trim_start_matches("__").trim_end_matches("_t") {
        "size" | "uintptr" | "uintmax" | "kernel_size" | "ulong" => int(64, false),
        "ssize" | "ptrdiff" | "intptr" | "intmax" | "off" | "loff" | "time" => int(64, true),
        "u8" | "uint8" | "uchar" => int(8, false),
        "u16" | "uint16" | "le16" | "be16" | "ushort" => int(16, false),
        "u32" | "uint32" | "le32" | "be32" | "uint" | "gfp" | "mode" => int(32, false),
        "u64" | "uint64" | "le64" | "be64" => int(64, false),
        "s8" | "int8" => int(8, true),
        "s16" | "int16" => int(16, true),
        "s32" | "int32" | "pid" => int(32, true),
        "s64" | "int64" => int(64, true),
        _ => CType::Void,
    }
}

/// A decimal, octal or hexadecimal constant without its suffix.
pub fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches(['u', 'U', 'l', 'L']);
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        u64::from_str_radix(hex, 16).ok()
    } else if text.len() > 1 && text.starts_with('0') {
        u64::from_str_radix(text, 8).ok()
    } else {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctext::expr::parse_text;

    #[test]
    fn types_by_text() {
        let source = "int t[4];\nint f(u8 *p, size_t n, const int v[], unsigned int k)\n{\n\tchar buf[16];\n\tlong q = 0;\n}\n";
        let found = functions(source);
        let outline = Outline::new(source, &found[0]);
        let types = Types::new(source, None, "f", &outline);
        let of = |text: &str| {
            // Names are looked up by text, so an expression of its own source will do.
            let expr = parse_text(text).expect("parses");
            let types = Types {
                source: text,
                ..Types::new(source, None, "f", &outline)
            };
            types.of(&expr)
        };
        assert_eq!(
            of("p[n]"),
            Some(CType::Int {
                bits: 8,
                signed: false
            })
        );
        assert_eq!(
            of("n * k"),
            Some(CType::Int {
                bits: 64,
                signed: false
            })
        );
        assert_eq!(of("buf[0] + 1"), Some(CType::INT));
        assert_eq!(of("(u32)q"), Some(CType::UINT));
        assert_eq!(of("*v"), Some(CType::INT));
        assert!(matches!(
            of("buf"),
            Some(CType::Array {
                len: ArrayLen::Fixed(16),
                ..
            })
        ));
        assert_eq!(types.integer_params(), ["n", "k"]);
        assert_eq!(types.specifiers("k").as_deref(), Some("unsigned int"));
        assert!(matches!(
            types.named("t"),
            Some(CType::Array {
                len: ArrayLen::Fixed(4),
                ..
            })
        ));
    }
}
