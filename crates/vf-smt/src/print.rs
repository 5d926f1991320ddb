//! SMT-LIB 2.6 text of terms and of whole queries.

use crate::tables::HashMap;
use std::fmt::Write;

use crate::term::{Sort, Term, Terms, View};

/// Text of a sort.
pub fn sort_text(sort: Sort) -> String {
    match sort {
        Sort::Bool => "Bool".to_string(),
        Sort::BitVec(bits) => format!("(_ BitVec {bits})"),
        Sort::Array { index, element } => format!("(Array (_ BitVec {index}) (_ BitVec {element}))"),
    }
}

/// Words that a declared symbol must not be: commands, core and theory symbols, and what z3 adds to them.
const RESERVED: &[&str] = &[
    "let",
    "forall",
    "exists",
    "match",
    "par",
    "as",
    "_",
    "!",
    "true",
    "false",
    "not",
    "and",
    "or",
    "xor",
    "ite",
    "distinct",
    "implies",
    "iff",
    "if",
    "select",
    "store",
    "const",
    "concat",
    "extract",
    "zero_extend",
    "sign_extend",
    "repeat",
    "rotate_left",
    "rotate_right",
    "default",
    "map",
    "union",
    "intersect",
    "setminus",
    "subset",
    "complement",
    "abs",
    "div",
    "mod",
    "rem",
    "divisible",
    "to_real",
    "to_int",
    "is_int",
    "int2bv",
    "bv2int",
    "bv2nat",
    "int2bv",
    "nat2bv",
    "Bool",
    "Int",
    "Real",
    "Array",
    "BitVec",
    "String",
    "Seq",
    "RegEx",
    "List",
    "nil",
    "insert",
    "head",
    "tail",
    "lambda",
    "pattern",
    "assert",
    "push",
    "pop",
    "check",
    "exit",
    "is",
    "BINARY",
    "DECIMAL",
    "HEXADECIMAL",
    "NUMERAL",
    "STRING",
    "root",
    "pi",
    "euler",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "roundTowardZero",
    "roundTowardPositive",
    "roundTowardNegative",
    "roundNearestTiesToEven",
    "roundNearestTiesToAway",
    "RNE",
    "RNA",
    "RTP",
    "RTN",
    "RTZ",
    "RoundingMode",
    "Float16",
    "Float32",
    "Float64",
    "Float128",
    "FloatingPoint",
    "NaN",
    "Unicode",
    "Char",
    "char",
    "update",
    "pble",
    "pbeq",
    "pbge",
    "at-most",
    "at-least",
    "empty",
    "full",
    "single",
    "result",
    "iterate",
    "loop",
    "intersection",
    "range",
    "none",
    "all",
    "allchar",
    "opt",
    "plus",
    "star",
    "option",
];

/// A variable's name as an SMT-LIB symbol. Injective: what cannot stand in a quoted symbol is written `%` and
/// two hexadecimal digits, `%` itself included; a reserved word gets `%%` in front; `$`, which begins the names
/// that the printer itself gives, is written `%24` at the start.
pub fn symbol_text(name: &str) -> String {
    let mut text = String::new();
    for (position, byte) in name.bytes().enumerate() {
        match byte {
            b'$' if position == 0 => text.push_str("%24"),
            b'%' | b'|' | b'\\' => {
                let _ = write!(text, "%{byte:02X}");
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    let reserved = RESERVED.contains(&name)
        || name.starts_with("bv")
        || name.starts_with("ext_")
        || name.contains('.')
            && ["fp", "str", "re", "seq", "int", "char", "_"]
                .iter()
                .any(|p| name.split('.').next() == Some(p));
    if reserved {
        text.insert_str(0, "%%");
    }
    let simple = !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit() || c == '@' || c == '.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"~!@$%^&*_-+=<>.?/".contains(&b));
    if simple { text } else { format!("|{text}|") }
}

/// A constant's text: hexadecimal where the width allows it.
fn bits_text(bits: u32, value: u128) -> String {
    if bits.is_multiple_of(4) {
        format!("#x{value:0width$x}", width = bits as usize / 4)
    } else {
        format!("#b{value:0width$b}", width = bits as usize)
    }
}

/// Pieces of a term's text that are still to be written.
enum Piece {
    Term(Term),
    Text(&'static str),
    Owned(String),
}

/// Writes terms with names for shared ones.
pub(crate) struct Printer<'t> {
    terms: &'t Terms,
    /// Terms that are written as a name.
    named: HashMap<Term, String>,
}

/// A term nested deeper than this is given a name, so that no reader needs a deep stack.
const MAX_NESTING: u32 = 60;

impl<'t> Printer<'t> {
    pub(crate) fn new(terms: &'t Terms) -> Printer<'t> {
        Printer {
            terms,
            named: HashMap::default(),
        }
    }

    /// The terms under the roots that are worth a name: used more than once, or deep. Children first.
    pub(crate) fn shared(&self, roots: &[Term]) -> Vec<Term> {
        let reachable = self.terms.reachable(roots);
        let mut uses: HashMap<Term, u32> = HashMap::default();
        for &term in &reachable {
            let view = self.terms.view(term);
            // An overflow predicate's text has its operands twice.
            let times = if matches!(view, View::UMulOverflow(..) | View::SMulOverflow(..)) {
                2
            } else {
                1
            };
            for child in view.children() {
                *uses.entry(child).or_default() += times;
            }
        }
        let mut depth: HashMap<Term, u32> = HashMap::default();
        let mut shared = Vec::new();
        for term in reachable {
            let view = self.terms.view(term);
            let below = view
                .children()
                .map(|child| depth.get(&child).copied().unwrap_or(0))
                .max();
            let Some(below) = below else { continue };
            let own = below + 1;
            // A negation is as cheap to write as a name.
            let cheap = matches!(view, View::Not(inner) if !matches!(self.terms.view(inner), View::Ult(..) | View::Slt(..)));
            if own > MAX_NESTING || !cheap && uses.get(&term).is_some_and(|&n| n > 1) {
                shared.push(term);
                depth.insert(term, 0);
            } else {
                depth.insert(term, own);
            }
        }
        shared
    }

    pub(crate) fn name_of(term: Term) -> String {
        format!("${}", term.index())
    }

    pub(crate) fn give_name(&mut self, term: Term) {
        self.named.insert(term, Self::name_of(term));
    }

    /// Appends the text of a term, by its name if it has one.
    pub(crate) fn write(&self, out: &mut String, term: Term) {
        match self.named.get(&term) {
            Some(name) => out.push_str(name),
            None => self.write_definition(out, term),
        }
    }

    /// Appends the text of a term, its own name not used.
    pub(crate) fn write_definition(&self, out: &mut String, term: Term) {
        let mut pending = self.pieces(term);
        pending.reverse();
        while let Some(piece) = pending.pop() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Owned(text) => out.push_str(&text),
                Piece::Term(child) => match self.named.get(&child) {
                    Some(name) => out.push_str(name),
                    None => pending.extend(self.pieces(child).into_iter().rev()),
                },
            }
        }
    }

    fn pieces(&self, term: Term) -> Vec<Piece> {
        let terms = self.terms;
        let apply = |operator: &'static str, args: &[Term]| {
            let mut pieces = vec![Piece::Text("("), Piece::Text(operator)];
            for &arg in args {
                pieces.push(Piece::Text(" "));
                pieces.push(Piece::Term(arg));
            }
            pieces.push(Piece::Text(")"));
            pieces
        };
        let indexed = |operator: String, arg: Term| {
            vec![
                Piece::Owned(format!("((_ {operator}) ")),
                Piece::Term(arg),
                Piece::Text(")"),
            ]
        };
        match terms.view(term) {
            View::Bool(true) => vec![Piece::Text("true")],
            View::Bool(false) => vec![Piece::Text("false")],
            View::Bits { bits, value } => vec![Piece::Owned(bits_text(bits, value))],
            View::Var { .. } => vec![Piece::Owned(symbol_text(&terms.name(term).unwrap_or_default()))],
            View::Not(a) if !self.named.contains_key(&a) => match terms.view(a) {
                View::Ult(x, y) => apply("bvule", &[y, x]),
                View::Slt(x, y) => apply("bvsle", &[y, x]),
                _ => apply("not", &[a]),
            },
            View::Not(a) => apply("not", &[a]),
            View::And(a, b) => apply("and", &[a, b]),
            View::Or(a, b) => apply("or", &[a, b]),
            View::Eq(a, b) => apply("=", &[a, b]),
            View::Ite(c, a, b) => apply("ite", &[c, a, b]),
            View::BvNot(a) => apply("bvnot", &[a]),
            View::Neg(a) => apply("bvneg", &[a]),
            View::Add(a, b) => apply("bvadd", &[a, b]),
            View::Sub(a, b) => apply("bvsub", &[a, b]),
            View::Mul(a, b) => apply("bvmul", &[a, b]),
            View::UDiv(a, b) => apply("bvudiv", &[a, b]),
            View::SDiv(a, b) => apply("bvsdiv", &[a, b]),
            View::URem(a, b) => apply("bvurem", &[a, b]),
            View::SRem(a, b) => apply("bvsrem", &[a, b]),
            View::BvAnd(a, b) => apply("bvand", &[a, b]),
            View::BvOr(a, b) => apply("bvor", &[a, b]),
            View::BvXor(a, b) => apply("bvxor", &[a, b]),
            View::Shl(a, b) => apply("bvshl", &[a, b]),
            View::LShr(a, b) => apply("bvlshr", &[a, b]),
            View::AShr(a, b) => apply("bvashr", &[a, b]),
            View::Ult(a, b) => apply("bvult", &[a, b]),
            View::Slt(a, b) => apply("bvslt", &[a, b]),
            View::UMulOverflow(a, b) => self.product_overflow("zero_extend", a, b),
            View::SMulOverflow(a, b) => self.product_overflow("sign_extend", a, b),
            View::ZeroExtend { bits, arg } => {
                indexed(format!("zero_extend {}", bits - terms.width(arg)), arg)
            }
            View::SignExtend { bits, arg } => {
                indexed(format!("sign_extend {}", bits - terms.width(arg)), arg)
            }
            View::Extract { high, low, arg } => indexed(format!("extract {high} {low}"), arg),
            View::Concat(a, b) => apply("concat", &[a, b]),
            View::Select(a, i) => apply("select", &[a, i]),
            View::Store(a, i, v) => apply("store", &[a, i, v]),
            View::ConstArray { value, .. } => vec![
                Piece::Owned(format!("((as const {}) ", sort_text(terms.sort(term)))),
                Piece::Term(value),
                Piece::Text(")"),
            ],
        }
    }

    /// The product in twice the width differs from the extended product: standard SMT-LIB of any version.
    fn product_overflow(&self, extend: &str, a: Term, b: Term) -> Vec<Piece> {
        let bits = self.terms.width(a);
        let wide = format!("((_ {extend} {bits}) ");
        vec![
            Piece::Text("(not (= (bvmul "),
            Piece::Owned(wide.clone()),
            Piece::Term(a),
            Piece::Text(") "),
            Piece::Owned(wide.clone()),
            Piece::Term(b),
            Piece::Text(")) "),
            Piece::Owned(wide),
            Piece::Text("(bvmul "),
            Piece::Term(a),
            Piece::Text(" "),
            Piece::Term(b),
            Piece::Text("))))"),
        ]
    }
}

impl Terms {
    /// The term as one SMT-LIB expression, with `let` for what occurs more than once.
    pub fn to_smt2(&self, term: Term) -> String {
        let mut printer = Printer::new(self);
        let mut shared = printer.shared(&[term]);
        shared.retain(|&t| t != term);
        let mut out = String::new();
        for &definition in &shared {
            let _ = write!(out, "(let (({} ", Printer::name_of(definition));
            printer.write_definition(&mut out, definition);
            out.push_str(")) ");
            printer.give_name(definition);
        }
        printer.write_definition(&mut out, term);
        out.extend(std::iter::repeat_n(')', shared.len()));
        out
    }

    /// A whole script that asks whether the formulas hold together: logic, declarations, definitions of shared
    /// terms, one `assert` a formula, `check-sat`. It is text of SMT-LIB 2.6 but for `as const`, which is used only
    /// where the formulas have constant arrays.
    pub fn script(&self, formulas: &[Term]) -> String {
        let is_constant = |term: &Term| matches!(self.view(*term), View::ConstArray { .. });
        // Constant arrays are no part of the standard's array theory; with this logic z3 and cvc5 have them.
        let logic = if self.reachable(formulas).iter().any(is_constant) {
            "ALL"
        } else if self.mentions_arrays(formulas) {
            "QF_ABV"
        } else {
            "QF_BV"
        };
        let mut out = format!("(set-logic {logic})\n");
        for &term in &self.reachable(formulas) {
            if let View::Var { sort, .. } = self.view(term) {
                let name = symbol_text(&self.name(term).unwrap_or_default());
                let _ = writeln!(out, "(declare-fun {name} () {})", sort_text(sort));
            }
        }
        let mut printer = Printer::new(self);
        for definition in printer.shared(formulas) {
            let _ = write!(
                out,
                "(define-fun {} () {} ",
                Printer::name_of(definition),
                sort_text(self.sort(definition))
            );
            printer.write_definition(&mut out, definition);
            out.push_str(")\n");
            printer.give_name(definition);
        }
        for &formula in formulas {
            out.push_str("(assert ");
            printer.write(&mut out, formula);
            out.push_str(")\n");
        }
        out.push_str("(check-sat)\n");
        out
    }
}
