//! `check --emit`: each layer as text.

use std::collections::BTreeMap;
use std::fmt::Write;

use vf_frontend::Loaded;
use vf_ir::cfg::{Cfg, to_dot};
use vf_ir::print::Printer;
use vf_ir::{BlockId, Body, Function, FunctionId, ObligationId};
use vf_verify::CheckOptions;

use crate::args::{CheckArgs, Layer};
use crate::exit::CliError;

/// The text of one layer of the functions asked for; of all that the files define, when none was.
pub fn emit(
    layer: Layer,
    args: &CheckArgs,
    loaded: &Loaded,
    options: &CheckOptions,
) -> Result<String, CliError> {
    match layer {
        Layer::Ast => ast(args),
        Layer::Ir if args.functions.is_empty() => Ok(vf_ir::print::print_program(&loaded.program)),
        Layer::Ir => {
            let printer = Printer::new(&loaded.program);
            Ok(each(args, loaded, |id, function| {
                printer.function_text(id, function)
            }))
        }
        Layer::Cfg => Ok(each(args, loaded, |_, function| cfg(function))),
        Layer::Dot => Ok(each(args, loaded, |_, function| {
            to_dot(&loaded.program, function)
        })),
        Layer::Obligations => {
            let printer = Printer::new(&loaded.program);
            Ok(each(args, loaded, |_, function| {
                obligations(&printer, loaded, function)
            }))
        }
        Layer::Invariants => proof(loaded, options, vf_verify::Emit::Invariants),
        Layer::Smt2 => proof(loaded, options, vf_verify::Emit::Smt2),
    }
}

fn ast(args: &CheckArgs) -> Result<String, CliError> {
    let options = crate::read::options(&args.read, &args.functions, args.snippet);
    let mut text = String::new();
    for file in &args.files {
        text.push_str(&vf_frontend::ast_text(file, &options)?);
    }
    Ok(text)
}

/// The functions that the user wrote, one after the other.
fn each(args: &CheckArgs, loaded: &Loaded, mut print: impl FnMut(FunctionId, &Function) -> String) -> String {
    let mut text = String::new();
    for (index, function) in loaded.program.functions.iter().enumerate() {
        let asked = args.functions.is_empty() || args.functions.contains(&function.name);
        let written = !matches!(function.body, Body::Declared) && !function.library_model;
        let here = !args.functions.is_empty() || loaded.main_files.contains(&function.span.file);
        if asked && written && here {
            text.push_str(&print(
                FunctionId(u32::try_from(index).unwrap_or(u32::MAX)),
                function,
            ));
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }
    text
}

/// Blocks in reverse postorder with their successors, dominators and loops.
fn cfg(function: &Function) -> String {
    let cfg = Cfg::new(function);
    let name = |block: BlockId| format!("b{}", block.0);
    let list = |blocks: &mut dyn Iterator<Item = BlockId>| blocks.map(name).collect::<Vec<_>>().join(", ");
    let mut text = format!("fn {}\n", function.name);
    for block in cfg.reverse_postorder() {
        let _ = write!(
            text,
            "  {}: to {}",
            name(*block),
            list(&mut cfg.successors(*block).iter().map(|(b, _)| *b))
        );
        if let Some(dominator) = cfg.immediate_dominator(*block) {
            let _ = write!(text, "; dominated by {}", name(dominator));
        }
        text.push('\n');
    }
    for found in cfg.loops() {
        let _ = writeln!(
            text,
            "  loop at {} (depth {}): {}; back from {}",
            name(found.header),
            found.depth,
            list(&mut found.blocks.iter().copied()),
            list(&mut found.latches.iter().copied()),
        );
    }
    for block in cfg.irreducible() {
        let _ = writeln!(text, "  irreducible: {}", name(*block));
    }
    text
}

/// One line per obligation: id, place, what must hold.
fn obligations(printer: &Printer<'_>, loaded: &Loaded, function: &Function) -> String {
    let printer = printer.function(function);
    let mut counts = BTreeMap::new();
    let mut text = String::new();
    for (index, obligation) in function.obligations.iter().enumerate() {
        let n: &mut u32 = counts.entry(obligation.property).or_default();
        *n += 1;
        let span = obligation.span;
        let place = loaded
            .sources
            .get(span.file)
            .filter(|_| span.is_known())
            .map_or_else(
                || "?".to_string(),
                |file| {
                    format!(
                        "{}:{}:{}",
                        file.path.display(),
                        span.start.line,
                        span.start.column
                    )
                },
            );
        let id = ObligationId(u32::try_from(index).unwrap_or(u32::MAX));
        let _ = writeln!(
            text,
            "{}/{}/{n} {place} {}",
            function.name,
            obligation.property.name(),
            printer.obligation(id)
        );
    }
    text
}

fn proof(loaded: &Loaded, options: &CheckOptions, what: vf_verify::Emit) -> Result<String, CliError> {
    // Comments of SMT-LIB, so that the text of queries stays readable for a solver.
    let mut text = String::new();
    for result in vf_verify::emit(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        options,
        what,
    ) {
        match result {
            Ok(pieces) => {
                for piece in pieces {
                    let _ = writeln!(text, "; {}: {}", piece.function, piece.name);
                    text.push_str(piece.text.trim_end());
                    text.push('\n');
                }
            }
            Err(reason) => {
                let _ = writeln!(text, "; {reason}");
            }
        }
    }
    Ok(text)
}
