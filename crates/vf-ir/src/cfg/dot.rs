//! The graph as Graphviz text.

use std::fmt::Write;

use super::{Cfg, EdgeKind};
use crate::print::Printer;
use crate::program::{BlockId, Function, Program, StmtKind, Terminator};

/// A function's graph for `dot`: a box a block with its statements, loop headers with a double border, back
/// edges dashed, blocks that are never reached grey.
pub fn to_dot(program: &Program, function: &Function) -> String {
    let cfg = Cfg::new(function);
    let printer = Printer::new(program);
    let body = printer.function(function);
    let mut out = format!("digraph \"{}\" {{\n", escaped(&function.name));
    out.push_str("  node [shape=box, fontname=monospace];\n  edge [fontname=monospace];\n");
    for (index, block) in function.blocks().iter().enumerate() {
        let id = BlockId(index as u32);
        // \l ends a line and aligns it to the left.
        let mut label = format!("b{index}:\\l");
        for statement in &block.statements {
            let text = match statement.kind {
                StmtKind::Check(obligation) => format!("check {}", body.obligation(obligation)),
                ref kind => body.statement(kind),
            };
            let _ = write!(label, "{}\\l", escaped(&text));
        }
        let _ = write!(label, "{}\\l", escaped(&body.terminator(&block.terminator)));
        let header = if cfg.loop_with_header(id).is_some() {
            ", peripheries=2"
        } else {
            ""
        };
        let grey = if cfg.is_reachable(id) {
            ""
        } else {
            ", color=grey, fontcolor=grey"
        };
        let _ = writeln!(out, "  b{index} [label=\"{label}\"{header}{grey}];");
        for (to, kind) in cfg.successors(id) {
            let label = edge_label(*kind, &block.terminator);
            let label = if label.is_empty() {
                label
            } else {
                format!("label=\"{label}\"")
            };
            let dashed = if cfg.is_back_edge(id, *to) {
                "style=dashed"
            } else {
                ""
            };
            let comma = if label.is_empty() || dashed.is_empty() {
                ""
            } else {
                ", "
            };
            let _ = writeln!(out, "  b{index} -> b{} [{label}{comma}{dashed}];", to.0);
        }
    }
    out.push_str("}\n");
    out
}

fn edge_label(kind: EdgeKind, terminator: &Terminator) -> String {
    match (kind, terminator) {
        (EdgeKind::Goto, _) => String::new(),
        (EdgeKind::Then, _) => "true".to_string(),
        (EdgeKind::Otherwise, _) => "false".to_string(),
        (EdgeKind::Default, _) => "default".to_string(),
        (EdgeKind::Case(n), Terminator::Switch { cases, .. }) => match cases.get(n) {
            Some(case) if case.low == case.high => case.low.to_string(),
            Some(case) => format!("{}..={}", case.low, case.high),
            None => String::new(),
        },
        (EdgeKind::Case(_), _) => String::new(),
    }
}

/// Text inside a quoted Graphviz string.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
