//! The arm `names`: statements that use only names in scope, each where its type lets it stand.
//!
//! Types are the IR's, which drops typedef names; where C tells apart what the IR does not (`long` and `long long`, enumerations),
//! pointers are only taken for one another when their declarations spell the same type. An integer expression is a list
//! of operands between operators, since all integer types convert into each other (C11 6.3.1.8); pointers, records and
//! floating point have rules of their own for each type. Nothing is declared, no pointer is cast, no function is called through a
//! pointer, and no record is assigned as a whole.

use std::collections::{BTreeMap, BTreeSet};

use vf_ir::{ArrayLen, CType, Program};

use crate::facts::Facts;
use crate::lark::{self, Start, literal};
use crate::places::{HeadKind, Place, Places, Slot};
use crate::rules::Rules;
use crate::scope::{Scope, Variable};

mod idioms;
mod visible;

use idioms::{INTEGERS, is_integer, is_known, last_word};
use visible::visible;

/// Members of members that are looked at, counted from a name.
const MAX_DEPTH: u32 = 3;
/// Behind the names of rules without calls.
const FLAT: &str = "z";
/// Members of one record.
const MAX_MEMBERS: usize = 64;

/// What a pointer points to, as far as C tells pointers apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    pointee: String,
    constant: bool,
    spelling: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// May be followed by `[`, `->`, `.`.
    Postfix,
    /// Begins with `*`.
    Unary,
}

/// An expression that is being put where its type belongs.
struct Lvalue {
    text: String,
    ty: CType,
    constant: bool,
    /// Not a bit-field, not in a register.
    addressable: bool,
    /// A name or a member of one: `&` is offered.
    near: bool,
    spelling: Option<String>,
    level: Level,
    depth: u32,
}

/// The grammar of edits; `None` where the function has no place for one.
pub fn grammar(places: &Places, scope: &Scope, facts: &Facts, start: Start) -> Option<String> {
    let declaration = |slot: &Slot| slot.declared.clone().filter(|d| is_known(scope, d));
    let wanted = |place: &Place| {
        let slot = places.slots.get(place.slot);
        match slot.and_then(|s| s.head.as_ref()).map(|h| &h.kind) {
            Some(HeadKind::For(Some(declared))) => is_integer(scope, last_word(declared)),
            Some(_) => true,
            None => !place.declares || slot.is_some_and(|s| declaration(s).is_some()),
        }
    };
    let mut rules = lark::edits(places, wanted, start);
    rules.add("inttype", "TYPE");
    for name in INTEGERS.iter().filter(|n| facts.typedefs.contains(**n)) {
        rules.add("inttype", &literal(name));
    }
    rules.add("sized", "inttype");
    for record in facts.program.records.iter().filter(|r| r.size.is_some()) {
        let spelt = format!(
            "{} {}",
            if record.is_union { "union" } else { "struct" },
            record.name
        );
        if facts.tagged.contains(&spelt) {
            rules.add("sized", &literal(&spelt));
        }
    }
    rules.terminals("BINARY: / ([-+*\\/%&|^<>]|<<|>>|<=|>=|==|!=) /\nLOGIC: \" && \" | \" || \"");
    rules.terminals("PREFIX: \"!\" | \"~\" | \"-\"\nORDER: / (<|>|<=|>=|==|!=) /\nEQUAL: \" == \" | \" != \"\nSTEP: \" += \" | \" -= \"");
    rules.terminals("FSETS: / [-+*\\/]?= /\nFNUM: /[0-9]{1,6}\\.[0-9]{1,6}/");
    let scopes = visible(places);
    let index = |i: usize| scopes.index(places.slots.get(i).map_or(0, |s| s.scope));
    let prefix = |i: usize| {
        let kind = match places.slots.get(i) {
            Some(s) if s.in_loop => "l",
            Some(s) if s.breakable => "s",
            _ => "f",
        };
        format!("{kind}{}", index(i))
    };
    let names = |i: usize| format!("x_{}", index(i));
    let own = |i: usize| {
        let one = places.slots.get(i).and_then(declaration);
        one.map(|_| format!("NL declared{i}"))
    };
    lark::bodies(&mut rules, places, prefix, names, own);
    for (n, names) in scopes.names.iter().enumerate() {
        // Twice: what is said within the arguments of a call has no calls in it.
        for flat in [true, false] {
            let mut typed = Typed {
                rules: &mut rules,
                program: &facts.program,
                used: &facts.used,
                macros: &facts.macros,
                formats: &facts.formats,
                n: format!("{n}{}", if flat { FLAT } else { "" }),
                flat,
                classes: Vec::new(),
                records: BTreeMap::new(),
                null: if scope.null { "\"NULL\"" } else { "\"0\"" },
            };
            typed.names(scope, names);
            typed.macros();
            typed.expressions();
            if flat {
                continue;
            }
            typed.statements(scope, &places.labels);
            for (i, slot) in places.slots.iter().enumerate().filter(|(i, _)| index(*i) == n) {
                if let Some(one) = declaration(slot) {
                    typed.declared(i, scope, &one);
                }
            }
        }
    }
    rules.print()
}

/// Functions that may be called within the arguments of others.
const NESTED: [&str; 5] = ["array_size", "size_add", "size_mul", "strlen", "strnlen"];

struct Typed<'a> {
    rules: &'a mut Rules,
    program: &'a Program,
    used: &'a BTreeSet<String>,
    macros: &'a BTreeSet<&'static str>,
    formats: &'a BTreeSet<String>,
    /// Number of the scope, behind every rule's name.
    n: String,
    /// Without calls.
    flat: bool,
    classes: Vec<(Class, CType)>,
    /// Records that were opened, by number and whether they may be written.
    records: BTreeMap<(u32, bool), u32>,
    null: &'static str,
}

impl Typed<'_> {
    /// Adds to a rule of this scope. In `alternative`, `@` stands for the scope's number.
    fn add(&mut self, rule: &str, alternative: &str) {
        let n = self.n.clone();
        self.rules
            .add(&format!("{rule}{n}"), &replace_outside_quotes(alternative, &n));
    }

    fn names(&mut self, scope: &Scope, visible: &BTreeSet<String>) {
        for (name, callable) in &scope.functions {
            let nested = NESTED.contains(&name.as_str());
            let mut arguments = Vec::new();
            for (i, param) in callable.params.iter().enumerate() {
                let last = callable.variadic && i + 1 == callable.params.len();
                let is_text = matches!(param, CType::Pointer { to, .. } if **to == CType::CHAR);
                let argument = match last && is_text {
                    true => Some(self.text_and_values()),
                    false => self.argument(param),
                };
                match argument {
                    Some(rule) => arguments.push(rule),
                    None => break,
                }
            }
            if arguments.len() < callable.params.len() {
                continue;
            }
            let text = format!(
                "{} {} \")\"",
                literal(&format!("{name}(")),
                arguments.join(" \", \" ")
            );
            if !self.flat {
                self.add("call_", &text);
            }
            match &callable.ret {
                CType::Void | CType::Record(_) | CType::Array { .. } | CType::Function(_) => {}
                ty if nested || !self.flat => self.value(&text, ty),
                _ => {}
            }
        }
        let named = scope.globals.iter().chain(
            scope
                .locals
                .iter()
                .filter(|(name, _)| visible.contains(*name) || scope.params.contains(*name)),
        );
        let named: Vec<(&String, &Variable)> = named.collect();
        for (name, variable) in named {
            self.add("sized_", &literal(name));
            self.lvalue(Lvalue {
                text: literal(name),
                ty: variable.ty.clone(),
                constant: variable.constant,
                addressable: variable.addressable,
                near: true,
                spelling: variable.spelling.clone(),
                level: Level::Postfix,
                depth: 0,
            });
        }
        for name in scope.constants.keys() {
            self.add("atom_", &literal(name));
        }
    }

    /// The result of a call. The classes of pointers are made in the same order with calls and without.
    fn value(&mut self, text: &str, ty: &CType) {
        let rule = match ty {
            CType::Bool | CType::Int { .. } => "call_int_".to_owned(),
            CType::Float { .. } => "flo_".to_owned(),
            CType::Pointer { to, to_const } => format!("call_p{}_", self.class(to, *to_const, None, 1)),
            _ => return,
        };
        self.add(&rule, text);
    }

    /// The rule of what may be passed for a parameter.
    fn argument(&mut self, ty: &CType) -> Option<String> {
        let flat = if self.flat { "" } else { FLAT };
        match ty {
            CType::Bool | CType::Int { .. } => Some(format!("value_@{flat}")),
            CType::Float { .. } => Some(format!("float_@{flat}")),
            CType::Pointer { to, .. } if matches!(**to, CType::Function(_)) => None,
            CType::Pointer { to, to_const } => {
                // How a parameter is spelt is not in view; its width decides where nothing else is called like that.
                let class = self.class(to, *to_const, None, 1);
                Some(format!("as_p{class}_@{flat}"))
            }
            _ => None,
        }
    }

    fn class(&mut self, to: &CType, constant: bool, spelling: Option<&str>, depth: u32) -> usize {
        let spelling = ambiguous(to).then(|| spelling.map_or("?", |s| s).to_owned());
        let class = Class {
            pointee: format!("{to:?}"),
            constant,
            spelling,
        };
        if let Some(found) = self.classes.iter().position(|(c, _)| *c == class) {
            return found;
        }
        let new = self.classes.len();
        self.classes.push((class.clone(), to.clone()));
        let complete = to.size(&self.program.records, self.program.model).is_some();
        if !complete || depth > MAX_DEPTH {
            return new;
        }
        let of = |text: String, level: Level| Lvalue {
            text,
            ty: to.clone(),
            constant,
            addressable: true,
            near: false,
            spelling: class.spelling.clone().filter(|s| s != "?"),
            level,
            depth: depth + 1,
        };
        match to {
            CType::Record(id) => {
                let (record, read_only) = (id.0, constant);
                self.open(record, read_only, depth);
                self.add(
                    &record_rule(record, read_only),
                    &format!("prim_p{new}_@ \"[\" int_@ \"]\""),
                );
                self.members(
                    record,
                    read_only,
                    &format!("prim_p{new}_@ \"->\""),
                    depth,
                    depth <= 1,
                );
            }
            CType::Array { .. } => {
                self.lvalue(of(format!("prim_p{new}_@ \"[\" int_@ \"]\""), Level::Postfix));
            }
            _ => {
                self.lvalue(of(format!("prim_p{new}_@ \"[\" int_@ \"]\""), Level::Postfix));
                self.lvalue(of(format!("\"*\" prim_p{new}_@"), Level::Unary));
            }
        }
        new
    }

    /// Makes the members of a record that is not behind a pointer.
    fn open(&mut self, record: u32, constant: bool, depth: u32) {
        if self.records.contains_key(&(record, constant)) || depth > MAX_DEPTH {
            return;
        }
        self.records.insert((record, constant), depth);
        let rule = record_rule(record, constant);
        self.members(record, constant, &format!("{rule}@ \".\""), depth, false);
    }

    fn members(&mut self, record: u32, constant: bool, before: &str, depth: u32, near: bool) {
        let mut kept = 0;
        for (name, field_ty, bits) in self.fields(record) {
            let wanted = depth == 0 || self.used.contains(&name);
            if !wanted || kept >= MAX_MEMBERS {
                continue;
            }
            kept += 1;
            self.lvalue(Lvalue {
                text: format!("{before} {}", literal(&name)),
                ty: field_ty,
                constant,
                addressable: !bits,
                near: near && depth == 0,
                spelling: None,
                level: Level::Postfix,
                depth: depth + 1,
            });
        }
    }

    /// Members by name, those of anonymous members too.
    fn fields(&self, record: u32) -> Vec<(String, CType, bool)> {
        let mut found = Vec::new();
        let mut open = vec![(record, 0)];
        while let Some((id, depth)) = open.pop() {
            for field in self
                .program
                .records
                .get(id as usize)
                .iter()
                .flat_map(|r| &r.fields)
            {
                match &field.ty {
                    CType::Record(inner) if field.name.is_empty() && depth < 4 => {
                        open.push((inner.0, depth + 1));
                    }
                    ty if !field.name.is_empty() => {
                        found.push((field.name.clone(), ty.clone(), field.bits.is_some()));
                    }
                    _ => {}
                }
            }
        }
        found.sort_by_key(|(name, ..)| !self.used.contains(name));
        found
    }

    fn lvalue(&mut self, e: Lvalue) {
        let unary = e.level == Level::Unary;
        match &e.ty {
            CType::Bool | CType::Int { .. } => {
                let rule = match (e.constant, unary) {
                    (false, false) => "set_int_",
                    (false, true) => "set_int_star_",
                    (true, false) => "get_int_",
                    (true, true) => "get_int_star_",
                };
                self.add(rule, &e.text);
                self.address(&e);
            }
            CType::Float { .. } => {
                self.add(if e.constant { "flo_" } else { "set_flo_" }, &e.text);
                self.address(&e);
            }
            CType::Pointer { to, to_const } => {
                let class = self.class(to, *to_const, e.spelling.as_deref(), e.depth);
                let rule = match (e.constant, unary) {
                    (false, false) => format!("set_p{class}_"),
                    (true, false) => format!("get_p{class}_"),
                    (false, true) => format!("set_star_p{class}_"),
                    (true, true) => format!("get_star_p{class}_"),
                };
                self.add(&rule, &e.text);
            }
            CType::Record(id) => {
                self.open(id.0, e.constant, e.depth);
                self.add(&record_rule(id.0, e.constant), &e.text);
                self.address(&e);
            }
            CType::Array { element, len } => {
                let class = self.class(element, e.constant, e.spelling.as_deref(), e.depth);
                self.add(&format!("get_p{class}_"), &e.text);
                if matches!(len, ArrayLen::Fixed(1..)) {
                    self.add("array_", &e.text);
                }
            }
            CType::Void | CType::Function(_) => {}
        }
    }

    /// `&` before something that is near: a name or a member of what a name points to.
    fn address(&mut self, e: &Lvalue) {
        if e.addressable && e.near && e.level == Level::Postfix && e.depth <= 1 {
            let is_enumeration = e.spelling.as_deref().is_some_and(|s| s.starts_with("enum"));
            if matches!(e.ty, CType::Int { .. }) && !e.constant && !is_enumeration {
                self.add("result_", &format!("\"&\" {}", e.text));
            }
            // No further than the class itself: what is behind it is reached without the address.
            let class = self.class(&e.ty, e.constant, e.spelling.as_deref(), MAX_DEPTH + 1);
            self.add(&format!("address_p{class}_"), &format!("\"&\" {}", e.text));
        }
    }

    /// Expressions over what the names and members are.
    fn expressions(&mut self) {
        let text = r#"
prim_int_@: set_int_@ | get_int_@ | call_int_@
atom_@: prim_int_@ | set_int_star_@ | get_int_star_@ | NUM | CHAR | "(" truth_@ ")" | "(" cond_@ " ? " int_@ " : " int_@ ")"
atom_@: "(" inttype ")" atom_@ | "sizeof(" sized ")" | "sizeof(" array_@ ")" | "sizeof(" array_@ "[0])" | "sizeof(" sized_@ ")"
term_@: atom_@ | PREFIX atom_@
int_@: term_@ | int_@ BINARY term_@
compare_@: float_@ ORDER float_only_@
test_@: int_@ | compare_@
truth_@: int_@ | compare_@ | cond_@ LOGIC test_@
cond_@: test_@ | cond_@ LOGIC test_@
value_@: truth_@ | cond_@ " ? " int_@ " : " int_@
flo_@: set_flo_@
float_only_@: flo_@ | FNUM
float_@: float_only_@ | int_@
set_any_int_@: set_int_@ | set_int_star_@
"#;
        let n = self.n.clone();
        self.rules.add_all(&replace_outside_quotes(text, &n));
        let classes = self.classes.clone();
        for (i, (class, pointee)) in classes.iter().enumerate() {
            let complete = pointee.size(&self.program.records, self.program.model).is_some();
            let arithmetic = complete || *pointee == CType::Void;
            for kind in ["set", "get", "call"] {
                self.add(&format!("prim_p{i}_"), &format!("{kind}_p{i}_@"));
            }
            self.add(&format!("set_any_p{i}_"), &format!("set_p{i}_@"));
            self.add(&format!("set_any_p{i}_"), &format!("set_star_p{i}_@"));
            for rule in ["prim", "set_star", "get_star", "address"] {
                self.add(&format!("ptr_p{i}_"), &format!("{rule}_p{i}_@"));
            }
            if arithmetic {
                self.add(&format!("ptr_p{i}_"), &format!("prim_p{i}_@ \" + \" atom_@"));
                self.add(&format!("ptr_p{i}_"), &format!("prim_p{i}_@ \" - \" atom_@"));
            }
            if complete && !matches!(pointee, CType::Array { .. }) {
                self.add("atom_", &format!("\"sizeof(*\" prim_p{i}_@ \")\""));
                self.add(
                    &format!("ptr_p{i}_"),
                    &format!("\"&\" prim_p{i}_@ \"[\" int_@ \"]\""),
                );
            }
            // A pointer alone is a condition, but no number.
            self.add("test_", &format!("prim_p{i}_@"));
            for test in [
                format!("\"!\" prim_p{i}_@"),
                format!("ptr_p{i}_@ EQUAL {}", self.null),
            ] {
                self.add("compare_", &test);
            }
            if class.spelling.as_deref() != Some("?") {
                self.add("compare_", &format!("ptr_p{i}_@ ORDER ptr_p{i}_@"));
            }
            // What converts to it without a cast (C11 6.5.16.1).
            let null = self.null;
            self.add(&format!("as_p{i}_"), null);
            for (j, (other, from)) in classes.iter().enumerate() {
                let qualified = class.constant || !other.constant;
                let data = |t: &CType| !matches!(t, CType::Function(_));
                let same = class.pointee == other.pointee && class.spelling == other.spelling;
                // Two types whose spelling is not in view need not be one.
                let known = class.spelling.as_deref() != Some("?");
                let void = (*pointee == CType::Void && data(from)) || (*from == CType::Void && data(pointee));
                if qualified && ((same && known) || void) {
                    self.add(&format!("as_p{i}_"), &format!("ptr_p{j}_@"));
                }
            }
            if *pointee == CType::CHAR && class.constant {
                self.add(&format!("as_p{i}_"), "TEXT");
            }
            self.add("step_", &format!("set_any_p{i}_@ \" = \" as_p{i}_@"));
            if arithmetic {
                self.add("step_", &format!("set_any_p{i}_@ STEP int_@"));
                self.add("step_", &format!("set_p{i}_@ \"++\""));
                self.add("step_", &format!("set_p{i}_@ \"--\""));
            }
        }
        for step in [
            "set_any_int_@ SETS value_@",
            "set_int_@ \"++\"",
            "set_int_@ \"--\"",
            "set_flo_@ FSETS float_@",
        ] {
            self.add("step_", step);
        }
    }

    fn statements(&mut self, scope: &Scope, labels: &[String]) {
        let n = self.n.clone();
        match &scope.ret {
            Some(CType::Void) => self.add("leave_", "\"return;\""),
            Some(ty) => {
                let record = match ty {
                    CType::Record(id) => Some(id.0),
                    _ => None,
                };
                if let Some(id) = record {
                    for constant in [false, true] {
                        let rule = record_rule(id, constant);
                        self.add("leave_", &format!("\"return \" {rule}@ \";\""));
                    }
                } else if let Some(value) = self.returned(ty) {
                    self.add("leave_", &format!("\"return \" {value} \";\""));
                }
            }
            None => {}
        }
        let text = r#"
x_@_condition: cond_@
x_@_number: value_@
x_@_steps: step_@ | x_@_steps ", " step_@
"#;
        self.rules.add_all(&replace_outside_quotes(text, &n));
        for (kind, jumps) in [
            ("f", &[][..]),
            ("s", &["break;"][..]),
            ("l", &["break;", "continue;"][..]),
        ] {
            let p = format!("{kind}{n}");
            self.rules.add_all(&format!(
                "{p}_simple: step_{n} \";\" | call_{n} \";\" | leave_{n}\n{p}_next: {p}_st | COMMENT\n{p}_leave: leave_{n}"
            ));
            for jump in jumps {
                self.rules.add(&format!("{p}_simple"), &literal(jump));
            }
            for label in labels {
                self.rules
                    .add(&format!("{p}_simple"), &literal(&format!("goto {label};")));
            }
            lark::compound(self.rules, &p, &format!("l{n}"), &format!("x_{n}"));
        }
    }

    /// What a value that is returned is made from. Its class exists by now, or only a null pointer can be returned.
    fn returned(&mut self, ty: &CType) -> Option<String> {
        match ty {
            CType::Bool | CType::Int { .. } => Some("value_@".to_owned()),
            CType::Float { .. } => Some("float_@".to_owned()),
            CType::Pointer { to, to_const } => {
                let wanted = format!("{to:?}");
                let rule = format!("returned_{}", self.n);
                self.rules.add(&rule, self.null);
                for (j, (other, from)) in self.classes.clone().iter().enumerate() {
                    let void = *from == CType::Void || **to == CType::Void;
                    let function = matches!(**to, CType::Function(_)) || matches!(from, CType::Function(_));
                    let same = other.pointee == wanted && other.spelling.is_none();
                    if (*to_const || !other.constant) && (same || (void && !function)) {
                        self.rules.add(&rule, &format!("ptr_p{j}_{}", self.n));
                    }
                }
                if **to == CType::CHAR && *to_const {
                    self.rules.add(&rule, "TEXT");
                }
                Some(rule)
            }
            _ => None,
        }
    }
}

fn record_rule(record: u32, constant: bool) -> String {
    format!("rec{record}{}_", if constant { "c" } else { "" })
}

/// Types of one width that C tells apart (`long` and `long long`, enumerations), at the end of all pointers.
fn ambiguous(ty: &CType) -> bool {
    match ty {
        CType::Int { bits: 32, signed } => !signed,
        CType::Int { bits, .. } => *bits > 32,
        CType::Pointer { to, .. } => ambiguous(to),
        CType::Array { element, .. } => ambiguous(element),
        CType::Float { bits } => *bits > 64,
        _ => false,
    }
}

fn replace_outside_quotes(text: &str, with: &str) -> String {
    let mut result = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if c == '@' && !quoted {
            result.push_str(with);
        } else {
            result.push(c);
        }
    }
    result
}
