//! Text of what stands in a function body.

use std::fmt::Write;
use vf_source::tables::{HashMap, HashSet};

use vf_source::Span;

use super::{Printer, count_names, quoted, reference, span, value_type};
use crate::obligation::{Access, Arithmetic, Condition, Obligation, ObligationId};
use crate::program::{
    AllocKind, BinaryOp, Block, BlockId, Callee, CompareOp, Expr, Function, HavocReason, LocalId, Resize,
    Stmt, StmtKind, Terminator, UnaryOp,
};

/// Prints parts of one function.
#[derive(Clone, Debug)]
pub struct FunctionPrinter<'p, 'a> {
    printer: &'p Printer<'a>,
    function: &'a Function,
    locals: HashMap<&'a str, usize>,
}

impl<'p, 'a> FunctionPrinter<'p, 'a> {
    pub(super) fn new(printer: &'p Printer<'a>, function: &'a Function) -> Self {
        FunctionPrinter {
            printer,
            function,
            locals: count_names(function.locals.iter().map(|l| l.name.as_str())),
        }
    }

    pub(super) fn local_names(&self) -> &HashMap<&'a str, usize> {
        &self.locals
    }

    /// `%i`
    pub fn local(&self, id: LocalId) -> String {
        let name = self.function.locals.get(id.index()).map(|l| l.name.as_str());
        format!("%{}", reference(name, id.index(), &self.locals))
    }

    pub fn expr(&self, expr: &Expr) -> String {
        let mut out = String::new();
        self.write_expr(&mut out, expr);
        out
    }

    fn write_expr(&self, out: &mut String, expr: &Expr) {
        match expr {
            Expr::Int { bits: 1, value: 0 } => out.push_str("false"),
            Expr::Int { bits: 1, value: 1 } => out.push_str("true"),
            Expr::Int { bits, value } => out.push_str(&integer(*bits, *value)),
            Expr::Null => out.push_str("null"),
            Expr::Local(id) => out.push_str(&self.local(*id)),
            Expr::LocalAddress(id) => {
                out.push('&');
                out.push_str(&self.local(*id));
            }
            Expr::GlobalAddress(id) => {
                out.push('&');
                out.push_str(&self.printer.global_ref(*id));
            }
            Expr::FunctionAddress(id) => {
                out.push_str("&$");
                out.push_str(&self.printer.function_ref(*id));
            }
            Expr::Unary { op, arg } => self.write_call(out, unary_name(*op), &[arg], None),
            Expr::Binary { op, lhs, rhs } => self.write_call(out, binary_name(*op), &[lhs, rhs], None),
            Expr::Compare { op, lhs, rhs } => self.write_call(out, compare_name(*op), &[lhs, rhs], None),
            Expr::PtrCompare { op, lhs, rhs } => {
                out.push('p');
                self.write_call(out, compare_name(*op), &[lhs, rhs], None);
            }
            Expr::Resize { kind, bits, arg } => {
                let _ = write!(out, "{}(i{bits}, ", resize_name(*kind));
                self.write_expr(out, arg);
                out.push(')');
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                self.write_call(out, "select", &[condition, then, otherwise], None);
            }
            Expr::PtrAdd { ptr, index, scale } => {
                self.write_call(out, "ptradd", &[ptr, index], Some(&scale.to_string()));
            }
            Expr::Member { ptr, record, field } => {
                let (name, field) = (
                    self.printer.record_ref(*record),
                    self.printer.field_ref(*record, *field),
                );
                self.write_call(out, "member", &[ptr], Some(&format!("^{name}, {field}")));
            }
            Expr::PtrDiff { lhs, rhs, scale } => {
                self.write_call(out, "ptrdiff", &[lhs, rhs], Some(&scale.to_string()));
            }
            Expr::PtrToInt(arg) => self.write_call(out, "ptrtoint", &[arg], None),
            Expr::IntToPtr(arg) => self.write_call(out, "inttoptr", &[arg], None),
        }
    }

    fn write_call(&self, out: &mut String, name: &str, args: &[&Expr], last: Option<&str>) {
        out.push_str(name);
        out.push('(');
        for (index, arg) in args.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            self.write_expr(out, arg);
        }
        if let Some(last) = last {
            out.push_str(", ");
            out.push_str(last);
        }
        out.push(')');
    }

    pub fn condition(&self, condition: &Condition) -> String {
        let sign = |signed: bool| if signed { "signed" } else { "unsigned" };
        match condition {
            Condition::Holds(expr) => format!("holds({})", self.expr(expr)),
            Condition::NoOverflow { op, signed, lhs, rhs } => {
                let (op, sign) = (arithmetic_name(*op), sign(*signed));
                format!("no-overflow({sign} {op}, {}, {})", self.expr(lhs), self.expr(rhs))
            }
            Condition::Lossless {
                value,
                value_signed,
                bits,
                signed,
            } => {
                let to = if *signed { 's' } else { 'u' };
                format!(
                    "lossless({} {} -> {to}{bits})",
                    sign(*value_signed),
                    self.expr(value)
                )
            }
            Condition::ValidAccess { ptr, size, access } => {
                let access = match access {
                    Access::Read => "read",
                    Access::Write => "write",
                };
                format!("valid({access}, {}, {})", self.expr(ptr), self.expr(size))
            }
            Condition::NotNull { ptr } => format!("not-null({})", self.expr(ptr)),
            Condition::Live { ptr } => format!("live({})", self.expr(ptr)),
            Condition::InitializedLocal(local) => format!("initialized-local({})", self.local(*local)),
            Condition::InitializedMemory { ptr, size } => {
                format!("initialized({}, {})", self.expr(ptr), self.expr(size))
            }
            Condition::Terminated { ptr, unit } => format!("terminated({}{})", wide(*unit), self.expr(ptr)),
            Condition::Freeable { ptr } => format!("freeable({})", self.expr(ptr)),
            Condition::Freed { or_reachable: false } => "freed(all)".to_string(),
            Condition::Freed { or_reachable: true } => "freed(or-reachable)".to_string(),
            Condition::Unreachable => "unreachable".to_string(),
        }
    }

    /// `#0 index-lower-bound holds(...) "table[i]"`, without its span.
    pub fn obligation(&self, id: ObligationId) -> String {
        match self.function.obligations.get(id.index()) {
            None => format!("#{}", id.0),
            Some(Obligation {
                property,
                condition,
                text,
                required,
                ..
            }) => {
                let (condition, text) = (self.condition(condition), quoted(text.as_bytes()));
                let required = if *required { "required " } else { "" };
                format!("#{} {required}{} {condition} {text}", id.0, property.name())
            }
        }
    }

    fn obligation_with_span(&self, id: ObligationId) -> String {
        let at = self
            .function
            .obligations
            .get(id.index())
            .map_or(Span::NONE, |o| o.span);
        format!("{}{}", self.obligation(id), span(at))
    }

    /// A statement without its span; a check names its obligation by number only.
    pub fn statement(&self, kind: &StmtKind) -> String {
        let volatile = |is: bool| if is { "volatile " } else { "" };
        match kind {
            StmtKind::Assign { dst, value } => format!("{} = {}", self.local(*dst), self.expr(value)),
            StmtKind::Havoc { dst, why } => format!("{} = havoc {}", self.local(*dst), havoc_name(*why)),
            StmtKind::Load {
                dst,
                ptr,
                ty,
                volatile: v,
            } => {
                format!(
                    "{} = load {}{}, {}",
                    self.local(*dst),
                    volatile(*v),
                    value_type(*ty),
                    self.expr(ptr)
                )
            }
            StmtKind::Store {
                ptr,
                value,
                ty,
                volatile: v,
            } => {
                format!(
                    "store {}{} {}, {}",
                    volatile(*v),
                    value_type(*ty),
                    self.expr(value),
                    self.expr(ptr)
                )
            }
            StmtKind::Copy { dst, src, size } => {
                format!("copy {}, {}, {}", self.expr(dst), self.expr(src), self.expr(size))
            }
            StmtKind::Fill { dst, unit, size } => {
                format!(
                    "fill {}, {}, {}",
                    self.expr(dst),
                    self.expr(unit),
                    self.expr(size)
                )
            }
            StmtKind::HavocMemory { dst, size } => {
                format!("havoc-memory {}, {}", self.expr(dst), self.expr(size))
            }
            StmtKind::Text { dst, size, of } => {
                let of: Vec<String> = of.iter().map(|e| self.expr(e)).collect();
                format!(
                    "text {}, {}, ({})",
                    self.expr(dst),
                    self.expr(size),
                    of.join(", ")
                )
            }
            StmtKind::Assembly { text, inputs, memory } => {
                let inputs: Vec<String> = inputs.iter().map(|e| self.expr(e)).collect();
                let memory = if *memory { " memory" } else { "" };
                format!(
                    "assembly{memory} {} ({})",
                    quoted(text.as_bytes()),
                    inputs.join(", ")
                )
            }
            StmtKind::Alloc {
                dst,
                size,
                zeroed,
                may_fail,
                kind,
            } => {
                let kind = match kind {
                    AllocKind::Heap => "heap",
                    AllocKind::Stack => "stack",
                };
                let zeroed = if *zeroed { " zeroed" } else { "" };
                let may_fail = if *may_fail { " may-fail" } else { "" };
                format!(
                    "{} = alloc {kind}{zeroed}{may_fail} {}",
                    self.local(*dst),
                    self.expr(size)
                )
            }
            StmtKind::Free { ptr } => format!("free {}", self.expr(ptr)),
            StmtKind::StringLength { dst, ptr, unit } => {
                let (dst, ptr) = (self.local(*dst), self.expr(ptr));
                format!("{dst} = string-length {}{ptr}", wide(*unit))
            }
            StmtKind::ObjectSize { dst, ptr } => {
                format!("{} = object-size {}", self.local(*dst), self.expr(ptr))
            }
            StmtKind::Call { dst, callee, args } => {
                let dst = dst.map_or(String::new(), |dst| format!("{} = ", self.local(dst)));
                let callee = match callee {
                    Callee::Direct(id) => format!("${}", self.printer.function_ref(*id)),
                    Callee::Indirect(ptr) => format!("*{}", self.expr(ptr)),
                };
                let args: Vec<String> = args.iter().map(|a| self.expr(a)).collect();
                format!("{dst}call {callee}({})", args.join(", "))
            }
            StmtKind::Check(id) => format!("check #{}", id.0),
            StmtKind::Assume(condition) => format!("assume {}", self.expr(condition)),
            StmtKind::ScopeStart(local) => format!("scope-start {}", self.local(*local)),
            StmtKind::ScopeEnd(local) => format!("scope-end {}", self.local(*local)),
        }
    }

    /// A terminator without its span.
    pub fn terminator(&self, terminator: &Terminator) -> String {
        match terminator {
            Terminator::Goto(to) => format!("goto {}", block_name(*to)),
            Terminator::Branch {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.expr(condition);
                format!(
                    "branch {condition}, {}, {}",
                    block_name(*then),
                    block_name(*otherwise)
                )
            }
            Terminator::Switch {
                value,
                cases,
                default,
            } => {
                let mut out = format!("switch {}, default {} {{", self.expr(value), block_name(*default));
                for case in cases {
                    let _ = write!(out, " {}", case.low);
                    if case.high != case.low {
                        let _ = write!(out, "..={}", case.high);
                    }
                    let _ = write!(out, " => {}", block_name(case.target));
                }
                out.push_str(" }");
                out
            }
            Terminator::Return(None) => "return".to_string(),
            Terminator::Return(Some(value)) => format!("return {}", self.expr(value)),
            Terminator::Unreachable => "unreachable".to_string(),
        }
    }

    pub(super) fn blocks(&self, blocks: &[Block]) -> String {
        let mut out = String::new();
        let mut written = HashSet::default();
        for (index, block) in blocks.iter().enumerate() {
            let _ = writeln!(out, "{}:", block_name(BlockId(index as u32)));
            for statement in &block.statements {
                let _ = writeln!(out, "  {}", self.statement_in_full(statement, &mut written));
            }
            let terminator = self.terminator(&block.terminator);
            let _ = writeln!(out, "  {terminator}{}", span(block.terminator_span));
        }
        out
    }

    fn statement_in_full(&self, statement: &Stmt, written: &mut HashSet<ObligationId>) -> String {
        let StmtKind::Check(id) = &statement.kind else {
            return format!("{}{}", self.statement(&statement.kind), span(statement.span));
        };
        match self.function.obligations.get(id.index()) {
            Some(obligation) if written.insert(*id) => {
                let own = if obligation.span == statement.span {
                    String::new()
                } else {
                    format!(" at{}", span(statement.span))
                };
                format!("check {}{own}", self.obligation_with_span(*id))
            }
            _ => format!("check #{}{}", id.0, span(statement.span)),
        }
    }

    /// The obligations that no statement checks.
    pub(super) fn unchecked_obligations(&self) -> String {
        let statements = self.function.blocks().iter().flat_map(|b| &b.statements);
        let checked: HashSet<ObligationId> = statements
            .filter_map(|s| match s.kind {
                StmtKind::Check(id) => Some(id),
                _ => None,
            })
            .collect();
        let all = (0..self.function.obligations.len()).map(|i| ObligationId(i as u32));
        let lines = all.filter(|id| !checked.contains(id));
        lines
            .map(|id| format!("  obligation {}\n", self.obligation_with_span(id)))
            .collect()
    }
}

/// `b3`
pub(crate) fn block_name(id: BlockId) -> String {
    format!("b{}", id.0)
}

/// Negative where that is much shorter: patterns close to the top are small negative numbers in C.
pub(super) fn integer(bits: u32, value: u128) -> String {
    let below_top = match bits {
        2..=127 if value < 1 << bits => (1u128 << bits) - value,
        128 => value.wrapping_neg(),
        _ => u128::MAX,
    };
    if bits >= 8 && (1..=4096).contains(&below_top) && below_top < value {
        format!("-{below_top}:i{bits}")
    } else {
        format!("{value}:i{bits}")
    }
}

pub(crate) fn unary_name(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Not => "not",
        UnaryOp::Neg => "neg",
    }
}

pub(crate) fn binary_name(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "add",
        BinaryOp::Sub => "sub",
        BinaryOp::Mul => "mul",
        BinaryOp::SDiv => "sdiv",
        BinaryOp::UDiv => "udiv",
        BinaryOp::SRem => "srem",
        BinaryOp::URem => "urem",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Xor => "xor",
        BinaryOp::Shl => "shl",
        BinaryOp::LShr => "lshr",
        BinaryOp::AShr => "ashr",
    }
}

pub(crate) fn compare_name(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "eq",
        CompareOp::NotEqual => "ne",
        CompareOp::ULess => "ult",
        CompareOp::ULessEqual => "ule",
        CompareOp::SLess => "slt",
        CompareOp::SLessEqual => "sle",
    }
}

pub(crate) fn resize_name(kind: Resize) -> &'static str {
    match kind {
        Resize::ZeroExtend => "zext",
        Resize::SignExtend => "sext",
        Resize::Truncate => "trunc",
    }
}

pub(crate) fn arithmetic_name(op: Arithmetic) -> &'static str {
    match op {
        Arithmetic::Add => "add",
        Arithmetic::Sub => "sub",
        Arithmetic::Mul => "mul",
        Arithmetic::Div => "div",
        Arithmetic::Neg => "neg",
        Arithmetic::Shl => "shl",
    }
}

pub(crate) fn havoc_name(why: HavocReason) -> &'static str {
    match why {
        HavocReason::Input => "input",
        HavocReason::Float => "float",
        HavocReason::Assembly => "assembly",
        HavocReason::Argument => "argument",
        HavocReason::Library => "library",
        HavocReason::Environment => "environment",
    }
}

/// What stands before a pointer to characters of so many bytes.
fn wide(unit: u64) -> &'static str {
    match unit {
        2 => "wide2 ",
        4 => "wide4 ",
        _ => "",
    }
}
