//! Names that may be used in a function, with their types: what the grammar of the arm `names` is made from.

use std::collections::{BTreeMap, BTreeSet};

use vf_ir::{Body, CType, Function};
use vf_repair::ctext::functions::FunctionText;
use vf_repair::ctext::lex::{TokenKind, identifiers, tokens};
use vf_repair::ctext::outline::{NodeKind, Outline};

use crate::facts::{Constant, Facts};

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub ty: CType,
    /// How its declaration spells the type (`unsigned long`, `u64`), where that is in view. Types of one width are told
    /// apart by it where C does and the IR does not.
    pub spelling: Option<String>,
    /// Nobody may assign to it.
    pub constant: bool,
    /// It may have its address taken.
    pub addressable: bool,
}

/// A function that may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callable {
    pub ret: CType,
    pub params: Vec<CType>,
    pub variadic: bool,
}

/// Everything by its name.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Locals; which of them are in scope is said by the place.
    pub locals: BTreeMap<String, Variable>,
    /// Parameters are in scope everywhere.
    pub params: BTreeSet<String>,
    pub globals: BTreeMap<String, Variable>,
    pub functions: BTreeMap<String, Callable>,
    pub constants: BTreeMap<String, Constant>,
    pub ret: Option<CType>,
    /// `NULL` is a null pointer here.
    pub null: bool,
}

impl Scope {
    /// Puts together what the front end says of the types and the text of the names.
    pub fn of(source: &str, text: &FunctionText, facts: &Facts) -> Scope {
        let program = &facts.program;
        let Some(function) = program.functions.get(facts.function.index()) else {
            return Scope::default();
        };
        let mut scope = Scope {
            ret: Some(function.ret.clone()),
            null: facts.null,
            ..Scope::default()
        };
        let declared = declarations(source, text);
        scope.add_locals(function, &declared);
        let local = |name: &str| declared.contains_key(name) || scope.locals.contains_key(name);
        for name in facts.globals.iter().filter(|n| !local(n)) {
            if let Some(global) = program.globals.iter().find(|g| g.name == *name) {
                let variable = Variable {
                    ty: global.ty.clone(),
                    spelling: None,
                    constant: global.constant,
                    addressable: true,
                };
                scope.globals.insert(name.clone(), variable);
            } else if let Some(id) = program.function_named(name)
                && let Some(callable) = callable(program.function(id))
            {
                scope.functions.insert(name.clone(), callable);
            }
        }
        let constants: Vec<_> = facts
            .constants
            .iter()
            .filter(|(n, _)| !local(n))
            .cloned()
            .collect();
        scope.constants.extend(constants);
        scope
    }

    fn add_locals(&mut self, function: &Function, declared: &BTreeMap<String, Declared>) {
        let mut twice = BTreeSet::new();
        for (i, local) in function.locals.iter().enumerate() {
            let param = function.params.iter().any(|p| p.index() == i);
            if !(local.user || param) || local.name.is_empty() {
                continue;
            }
            let found = declared.get(&local.name);
            let variable = Variable {
                ty: local.ty.clone(),
                spelling: found.and_then(|d| d.spelling.clone()),
                // A declaration that is not in view (a macro made it) is not trusted.
                constant: found.is_none_or(|d| d.constant),
                addressable: found.is_some_and(|d| d.addressable),
            };
            if param {
                self.params.insert(local.name.clone());
            }
            if let Some(before) = self.locals.insert(local.name.clone(), variable.clone())
                && before != variable
            {
                twice.insert(local.name.clone());
            }
        }
        // Two variables of one name: which is meant would depend on the place.
        for name in twice {
            self.locals.remove(&name);
        }
        // A parameter that is copied to a local under another name, or a name that the text does not declare.
        self.locals.retain(|name, _| declared.contains_key(name));
    }
}

fn callable(function: &Function) -> Option<Callable> {
    let params: Option<Vec<CType>> = function
        .params
        .iter()
        .map(|p| function.locals.get(p.index()).map(|l| l.ty.clone()))
        .collect();
    // What could not be lowered has no parameters that could be relied on.
    if matches!(function.body, Body::Unsupported(_)) && function.params.is_empty() {
        return None;
    }
    Some(Callable {
        ret: function.ret.clone(),
        params: params?,
        variadic: function.variadic,
    })
}

/// How a name is declared in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Declared {
    spelling: Option<String>,
    constant: bool,
    addressable: bool,
}

/// Parameters and locals as the text declares them. One that is declared twice in different ways is constant and has no
/// address.
fn declarations(source: &str, text: &FunctionText) -> BTreeMap<String, Declared> {
    let outline = Outline::new(source, text);
    let mut found: BTreeMap<String, Declared> = BTreeMap::new();
    let mut add = |name: &str, one: Declared| {
        found
            .entry(name.to_owned())
            .and_modify(|d| {
                if *d != one {
                    *d = Declared {
                        spelling: None,
                        constant: true,
                        addressable: false,
                    };
                }
            })
            .or_insert(one);
    };
    for (name, one) in parameters(source.get(text.params.clone()).unwrap_or("")) {
        add(&name, one);
    }
    for node in &outline.nodes {
        for d in &node.declarators {
            let between = source.get(d.specifiers.end..d.name_range.start).unwrap_or("");
            let specifiers = outline.text(d.specifiers.clone());
            add(&d.name, declared(specifiers, between));
        }
        if node.kind == NodeKind::For
            && let Some((name, one)) = head(outline.text(node.head.clone()))
        {
            add(&name, one);
        }
    }
    found
}

fn declared(specifiers: &str, stars: &str) -> Declared {
    let words = identifiers(specifiers);
    let constant = match stars.rsplit_once('*') {
        Some((_, behind)) => identifiers(behind).contains(&"const"),
        None => words.contains(&"const"),
    };
    Declared {
        spelling: spelling(&words),
        constant,
        addressable: !words.contains(&"register"),
    }
}

/// The type's name in one of its spellings.
fn spelling(words: &[&str]) -> Option<String> {
    let mut kept: Vec<&str> = words
        .iter()
        .copied()
        .filter(|w| {
            !matches!(
                *w,
                "const" | "static" | "register" | "auto" | "extern" | "restrict"
            )
        })
        .collect();
    kept.sort_unstable();
    let joined = kept.join(" ");
    let joined = match joined.as_str() {
        "" => return None,
        "size_t" | "long unsigned" | "int long unsigned" | "__kernel_size_t" => "unsigned long",
        "int unsigned" | "u32" | "uint32_t" | "__u32" | "uint" => "unsigned",
        "ssize_t" | "int long" | "long signed" | "ptrdiff_t" => "long",
        "s32" | "int32_t" | "signed" | "int signed" => "int",
        other => other,
    };
    Some(joined.to_owned())
}

/// `type name` of each parameter.
fn parameters(text: &str) -> Vec<(String, Declared)> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut start = 0;
    for i in 0..=tokens.len() {
        match tokens.get(i).map(|t| t.text(text)) {
            Some("(" | "[" | "{") => depth += 1,
            Some(")" | "]" | "}") => depth = depth.saturating_sub(1),
            Some(",") | None if depth == 0 || i == tokens.len() => {
                let one = tokens.get(start..i).unwrap_or(&[]);
                start = i + 1;
                // The name comes last, or before the brackets of an array.
                let cut = one.iter().position(|t| t.text(text) == "[").unwrap_or(one.len());
                let named = one.get(..cut).and_then(|t| t.split_last());
                if let Some((name, before)) = named
                    && name.kind == TokenKind::Ident
                    && let Some(first) = before.first()
                {
                    let head = text.get(first.start..name.start).unwrap_or("");
                    let (specifiers, stars) = match head.find('*') {
                        Some(at) => head.split_at(at),
                        None => (head, ""),
                    };
                    let mut one = declared(specifiers, stars);
                    one.constant |= cut < before.len() && specifiers.contains("const") && stars.is_empty();
                    found.push((name.text(text).to_owned(), one));
                }
            }
            _ => {}
        }
    }
    found
}

/// `int i` in the head of a `for`.
fn head(text: &str) -> Option<(String, Declared)> {
    let (before, _) = text.split_once(';')?.0.split_once('=')?;
    let words = identifiers(before);
    let (name, specifiers) = words.split_last()?;
    if specifiers.is_empty() || before.contains(['(', '[', '.', '>']) {
        return None;
    }
    let stars = if before.contains('*') { "*" } else { "" };
    Some(((*name).to_owned(), declared(&specifiers.join(" "), stars)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_say_what_may_be_assigned() {
        let source = "int f(const char *s, int const n, char *const end, unsigned long int m, int v[])\n{\n\
                      const int k = 1;\nregister size_t r;\nfor (u64 i = 0; i < 3; i++)\n;\n}\n";
        let text = vf_repair::ctext::functions::functions(source).remove(0);
        let found = declarations(source, &text);
        let of = |name: &str| {
            let d = &found[name];
            (d.spelling.as_deref(), d.constant, d.addressable)
        };
        assert_eq!(of("s"), (Some("char"), false, true));
        assert_eq!(of("n"), (Some("int"), true, true));
        assert_eq!(of("end"), (Some("char"), true, true));
        assert_eq!(of("m"), (Some("unsigned long"), false, true));
        assert_eq!(of("v"), (Some("int"), false, true));
        assert_eq!(of("k"), (Some("int"), true, true));
        assert_eq!(of("r"), (Some("unsigned long"), false, false));
        assert_eq!(of("i"), (Some("u64"), false, true));
    }
}
