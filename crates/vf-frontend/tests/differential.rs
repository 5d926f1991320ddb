//! The lowering against GCC: C functions are compiled and run, and their IR is interpreted; both must agree.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use vf_frontend::{Loaded, Options, Wanted, load};
use vf_ir::input::Input;
use vf_ir::interp::{Limits, Outcome, Value, run, signed};
use vf_ir::{Body, DataModel, FunctionId, ObligationId, Property};

fn options() -> Options {
    Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags: vec!["-std=gnu11".to_string()],
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    }
}

/// Names of the functions under test.
fn tests_of(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|l| l.strip_prefix("long t_"))
        .filter_map(|l| l.split_once('('))
        .map(|(name, _)| format!("t_{name}"))
        .collect()
}

/// What GCC's program prints: one result a function.
fn run_with_gcc(file: &Path, names: &[String], folder: &Path) -> Vec<i64> {
    let mut driver = format!("#include \"{}\"\nint printf(const char *, ...);\nint main(void) {{\n", file.display());
    for n in names {
        writeln!(driver, "printf(\"%ld\\n\", {n}());").expect("a String takes any text");
    }
    driver.push_str("return 0; }\n");
    let source = folder.join("driver.c");
    let program = folder.join("driver");
    std::fs::write(&source, driver).expect("the temporary folder is writable");
    let built = Command::new("cc")
        .args(["-std=gnu11", "-w", "-O0", "-o"])
        .args([&program, &source])
        .status()
        .expect("cc runs");
    assert!(built.success(), "{} does not compile", file.display());
    let output = Command::new(&program).output().expect("the program runs");
    assert!(output.status.success(), "{} fails", file.display());
    String::from_utf8(output.stdout)
        .expect("numbers")
        .lines()
        .map(|l| l.parse().expect("a number"))
        .collect()
}

/// Interprets one function. Conversions and unsigned sums may lose bits: C defines what comes out.
fn interpret(loaded: &Loaded, name: &str) -> Result<i64, String> {
    let program = &loaded.program;
    let id = program.function_named(name).ok_or("not in the program")?;
    if let Body::Unsupported(why) = &program.function(id).body {
        return Err(format!("does not support {} (line {})", why.construct, why.span.start.line));
    }
    let ignore = |f: FunctionId, o: ObligationId| {
        let obligation = program.function(f).obligations.get(o.index());
        obligation.is_some_and(|o| matches!(o.property, Property::LossyConversion | Property::UnsignedWrap))
    };
    let limits = Limits { ignore: Some(&ignore), ..Limits::default() };
    let input = Input { function: name.to_string(), ..Input::default() };
    let result = run(program, &input, &limits);
    match result.outcome {
        Outcome::Returned { value: Some(Value::Int { bits, value }) } => {
            i64::try_from(signed(bits, value)).map_err(|e| e.to_string())
        }
        Outcome::Violated { function, obligation, .. } => {
            let f = program.function(function);
            let o = &f.obligations[obligation.index()];
            Err(format!("{}: {} `{}` violated at line {}", f.name, o.property.name(), o.text, o.span.start.line))
        }
        other => Err(format!("{other:?}")),
    }
}

fn compare(file: &Path) {
    let text = std::fs::read_to_string(file).expect("the test program is there");
    let names = tests_of(&text);
    assert!(!names.is_empty(), "no tests in {}", file.display());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = run_with_gcc(file, &names, folder.path());
    let loaded = load(&[file.to_path_buf()], &options()).expect("the program loads");
    let mut wrong = String::new();
    for (name, want) in names.iter().zip(&expected) {
        match interpret(&loaded, name) {
            Ok(got) if got == *want => {}
            Ok(got) => writeln!(wrong, "{name}: gcc says {want}, the IR {got}").expect("a String takes any text"),
            Err(why) => writeln!(wrong, "{name}: gcc says {want}, the IR: {why}").expect("a String takes any text"),
        }
    }
    assert!(wrong.is_empty(), "{}\n{wrong}", file.display());
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential").join(name)
}

#[test]
fn conversions() {
    compare(&program("conversions.c"));
}

#[test]
fn layout() {
    compare(&program("layout.c"));
}

#[test]
fn initialisers() {
    compare(&program("initialisers.c"));
}

#[test]
fn control() {
    compare(&program("control.c"));
}

#[test]
fn builtins() {
    compare(&program("builtins.c"));
}
