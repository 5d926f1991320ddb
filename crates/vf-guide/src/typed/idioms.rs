//! What fixes bring in from headers, and what they change of a declaration: macros, formats with their values, integer types.

use vf_ir::CType;

use super::{FLAT, Typed, replace_outside_quotes};
use crate::lark::literal;
use crate::places::Declared;
use crate::scope::Scope;

/// Typedef names that are integers wherever they are a type.
pub(super) const INTEGERS: [&str; 26] = [
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "__u8",
    "__u16",
    "__u32",
    "__u64",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "int8_t",
    "int16_t",
    "int32_t",
    "int64_t",
    "size_t",
    "ssize_t",
    "loff_t",
    "bool",
    "uintptr_t",
    "ptrdiff_t",
];

pub(super) fn is_integer(scope: &Scope, name: &str) -> bool {
    let local = scope.locals.get(name);
    local.is_some_and(|v| matches!(v.ty, CType::Bool | CType::Int { .. }))
}

/// Whether a declaration may stand in the place of this one.
pub(super) fn is_known(scope: &Scope, one: &Declared) -> bool {
    match scope.locals.get(&one.name).map(|v| &v.ty) {
        Some(CType::Bool | CType::Int { .. }) => one.has_value || !one.has_its_address_taken,
        Some(CType::Pointer { .. }) => one.has_value,
        _ => false,
    }
}

pub(super) fn last_word(text: &str) -> &str {
    text.rsplit([' ', '*']).next().unwrap_or(text)
}

impl Typed<'_> {
    /// A text without conversions, or a format that the function has with a value for each of its conversions.
    pub(super) fn text_and_values(&mut self) -> String {
        let rule = format!("format_{}", self.n);
        self.rules.add(&rule, "TEXT");
        let text = CType::Pointer {
            to: Box::new(CType::CHAR),
            to_const: true,
        };
        for format in self.formats {
            let Some(conversions) = conversions(format) else {
                continue;
            };
            let mut alternative = literal(format);
            for conversion in conversions {
                let value = match conversion {
                    Conversion::Integer => Some(format!("value_@{FLAT}")),
                    Conversion::Text => self.argument(&text),
                };
                let value = value.map(|v| replace_outside_quotes(&v, &self.n));
                alternative.push_str(&format!(" \", \" {}", value.unwrap_or_default()));
            }
            self.rules.add(&rule, &alternative);
        }
        rule
    }

    /// [`crate::facts::MACROS`], which take what a function could not.
    pub(super) fn macros(&mut self) {
        let value = format!("value_@{FLAT}");
        for (name, rule, arguments) in [
            ("ARRAY_SIZE", "atom_", "array_@".to_owned()),
            (
                "min_t",
                "call_int_",
                format!("inttype \", \" {value} \", \" {value}"),
            ),
            (
                "max_t",
                "call_int_",
                format!("inttype \", \" {value} \", \" {value}"),
            ),
            (
                "check_add_overflow",
                "call_int_",
                format!("{value} \", \" {value} \", \" result_@"),
            ),
            (
                "check_sub_overflow",
                "call_int_",
                format!("{value} \", \" {value} \", \" result_@"),
            ),
            (
                "check_mul_overflow",
                "call_int_",
                format!("{value} \", \" {value} \", \" result_@"),
            ),
        ] {
            let nested = self.flat && rule == "call_int_";
            if self.macros.contains(name) && !nested {
                self.add(
                    rule,
                    &format!("{} {arguments} \")\"", literal(&format!("{name}("))),
                );
            }
        }
    }

    /// A declaration in the place of another one: an integer of whatever type with whatever value, a pointer with another value.
    pub(super) fn declared(&mut self, slot: usize, scope: &Scope, one: &Declared) {
        let Some(variable) = scope.locals.get(&one.name).cloned() else {
            return;
        };
        let rule = format!("declared{slot}");
        let n = self.n.clone();
        let same = literal(&format!("{} = ", one.spelt));
        if let CType::Pointer { to, to_const } = &variable.ty {
            let class = self.class(to, *to_const, variable.spelling.as_deref(), 1);
            self.rules.add(&rule, &format!("{same} as_p{class}_{n} \";\""));
            return;
        }
        if one.has_value {
            self.rules.add(&rule, &format!("{same} value_{n} \";\""));
        }
        if one.has_its_address_taken {
            return;
        }
        let opens = match one.qualifiers.as_str() {
            "" => "inttype".to_owned(),
            kept => format!("{} inttype", literal(kept)),
        };
        let behind = match one.has_value {
            true => format!("{} value_{n} \";\"", literal(&format!(" {} = ", one.name))),
            false => literal(&format!(" {};", one.name)),
        };
        self.rules.add(&rule, &format!("{opens} {behind}"));
    }
}

/// What a conversion of a format wants (C11 7.21.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conversion {
    Integer,
    Text,
}

/// The conversions of a format; `None` where one of them wants something else, or has its width or precision from an argument.
fn conversions(format: &str) -> Option<Vec<Conversion>> {
    let mut found = Vec::new();
    let mut rest = format;
    while let Some((_, behind)) = rest.split_once('%') {
        let behind = behind.trim_start_matches(|c: char| c.is_ascii_digit() || "-+ #.hljztq".contains(c));
        let mut letters = behind.chars();
        match letters.next()? {
            '%' => {}
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' | 'c' => found.push(Conversion::Integer),
            's' => found.push(Conversion::Text),
            _ => return None,
        }
        rest = letters.as_str();
    }
    Some(found)
}
