//! Prints the IR of C files: `cargo run -p vf-frontend --example emit_ir -- FILE.c... [-- CC_FLAGS]`.

use std::path::PathBuf;
use std::process::ExitCode;

use vf_frontend::{Options, Wanted, load};
use vf_ir::DataModel;

fn main() -> ExitCode {
    let mut files = Vec::new();
    let mut flags = Vec::new();
    let mut models = true;
    let mut functions = Vec::new();
    let mut after = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(a) = arguments.next() {
        match a.as_str() {
            _ if after => flags.push(a),
            "--" => after = true,
            "--no-models" => models = false,
            "-f" => functions.extend(arguments.next()),
            _ => files.push(PathBuf::from(a)),
        }
    }
    let options = Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags,
        directory: None,
        wanted: if functions.is_empty() {
            Wanted::All
        } else {
            Wanted::Functions(functions)
        },
        overlay: Vec::new(),
        library_models: models,
        snippet: false,
    };
    match load(&files, &options) {
        Ok(loaded) => {
            for d in &loaded.diagnostics {
                eprintln!("{}: {}", d.span.start.line, d.message);
            }
            print!("{}", vf_ir::print::print_program(&loaded.program));
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
    }
}
