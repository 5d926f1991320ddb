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
    let mut driver = format!(
        "#include \"{}\"\nint printf(const char *, ...);\nint main(void) {{\n",
        file.display()
    );
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
        return Err(format!(
            "does not support {} (line {})",
            why.construct, why.span.start.line
        ));
    }
    let ignore = |f: FunctionId, o: ObligationId| {
        let obligation = program.function(f).obligations.get(o.index());
        obligation.is_some_and(|o| matches!(o.property, Property::LossyConversion | Property::UnsignedWrap))
    };
    let limits = Limits {
        ignore: Some(&ignore),
        ..Limits::default()
    };
    let input = Input {
        function: name.to_string(),
        ..Input::default()
    };
    let result = run(program, &input, &limits);
    match result.outcome {
        Outcome::Returned {
            value: Some(Value::Int { bits, value }),
        } => i64::try_from(signed(bits, value)).map_err(|e| e.to_string()),
        Outcome::Violated {
            function, obligation, ..
        } => {
            let f = program.function(function);
            let o = &f.obligations[obligation.index()];
            Err(format!(
                "{}: {} `{}` violated at line {}",
                f.name,
                o.property.name(),
                o.text,
                o.span.start.line
            ))
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
            Ok(got) => {
                let source = text
                    .lines()
                    .find(|l| l.contains(&format!("{name}(void)")))
                    .unwrap_or_default();
                writeln!(wrong, "{name}: gcc says {want}, the IR {got}\n{source}")
                    .expect("a String takes any text");
            }
            Err(why) => {
                writeln!(wrong, "{name}: gcc says {want}, the IR: {why}").expect("a String takes any text")
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{wrong}", file.display());
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/differential")
        .join(name)
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

/// A small deterministic generator (Knuth's MMIX constants): the same programs on every run.
struct Generator(u64);

impl Generator {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    /// An expression over the variables of [`random_program`] that C defines for all values: signed sums are
    /// made in `unsigned long` or on masked operands, divisors are odd, counts are masked.
    fn expression(&mut self, depth: u32) -> String {
        const VARIABLES: &[&str] = &[
            "sc",
            "uc",
            "ss",
            "us",
            "si",
            "ui",
            "sl",
            "ul",
            "b",
            "r.f",
            "r.g",
            "r.h",
            "a[1]",
            "a[si & 3]",
            "*p",
        ];
        const TYPES: &[&str] = &[
            "signed char",
            "unsigned char",
            "short",
            "unsigned short",
            "int",
            "unsigned",
            "long",
            "unsigned long",
            "_Bool",
        ];
        if depth == 0 {
            return match self.below(4) {
                0 => format!("{}", self.below(300) as i64 - 100),
                1 => format!("0x{:x}u", self.below(1 << 31)),
                _ => self.pick(VARIABLES).to_string(),
            };
        }
        let d = depth - 1;
        match self.below(13) {
            0 => format!(
                "({} {} {})",
                self.expression(d),
                self.pick(&["&", "|", "^"]),
                self.expression(d)
            ),
            1 => format!(
                "({} {} {})",
                self.expression(d),
                self.pick(&["<", ">", "<=", ">=", "==", "!="]),
                self.expression(d)
            ),
            2 => format!(
                "({} {} {})",
                self.expression(d),
                self.pick(&["&&", "||"]),
                self.expression(d)
            ),
            3 => format!(
                "({} ? {} : {})",
                self.expression(d),
                self.expression(d),
                self.expression(d)
            ),
            4 => format!("(({}){})", self.pick(TYPES), self.expression(d)),
            5 => format!(
                "(({}) {} (({}) & 15))",
                self.expression(d),
                self.pick(&["<<", ">>"]),
                self.expression(d)
            ),
            6 => format!(
                "((unsigned long){} {} (unsigned long){})",
                self.expression(d),
                self.pick(&["+", "-", "*"]),
                self.expression(d)
            ),
            7 => format!(
                "((unsigned){} {} (unsigned){})",
                self.expression(d),
                self.pick(&["+", "-", "*"]),
                self.expression(d)
            ),
            8 => format!(
                "(({} & 0xfff) {} ({} & 0x7ff))",
                self.expression(d),
                self.pick(&["+", "-", "*"]),
                self.expression(d)
            ),
            9 => format!(
                "((({}){}) {} (({} & 0xff) | 1))",
                self.pick(TYPES),
                self.expression(d),
                self.pick(&["/", "%"]),
                self.expression(d)
            ),
            10 => format!("{}({})", self.pick(&["~", "!", "+"]), self.expression(d)),
            11 => format!(
                "({} = {})",
                self.pick(&["sc", "uc", "us", "r.f", "r.g", "r.h", "b", "a[2]"]),
                self.expression(d)
            ),
            _ => format!("sizeof(+({}))", self.expression(d)),
        }
    }
}

/// A program of functions that compute random expressions over values of every integer type.
fn random_program(seed: u64, functions: usize) -> String {
    let mut g = Generator(seed);
    let mut text = String::new();
    for n in 0..functions {
        let mut body = String::new();
        for _ in 0..3 {
            // One assignment an expression at most, in the outermost place: no order is left open.
            let e = loop {
                let e = g.expression(4);
                if e.matches(" = ").count() == 0 {
                    break e;
                }
            };
            let target = g.pick(&[
                "sc", "uc", "ss", "us", "si", "ui", "sl", "ul", "b", "r.f", "r.g", "r.h", "a[1]", "*p",
            ]);
            write!(body, "{target} = {e}; h = h * 31 + (unsigned long){target}; ")
                .expect("a String takes any text");
        }
        writeln!(
            text,
            "long t_{n}(void) {{ signed char sc = {}; unsigned char uc = {}; short ss = {}; unsigned short us = {}; \
             int si = {}; unsigned ui = {}u; long sl = {}; unsigned long ul = {}; _Bool b = {}; \
             struct {{ int f : 5; unsigned g : 9; unsigned long h : 37; }} r = {{ {}, {}, {} }}; \
             int a[4] = {{ 1, -2, {}, 4 }}; short cell = 7, *p = &cell; unsigned long h = 0; {body}return h; }}",
            g.below(256) as i64 - 128,
            g.below(256),
            g.below(65536) as i64 - 32768,
            g.below(65536),
            g.below(1 << 31) as i64 - (1 << 30),
            g.below(1 << 31) * 2,
            (g.below(1 << 31) as i64 - (1 << 30)) * 3_000_000_000 / 2,
            g.below(1 << 31) * 8_000_000_001 / 2,
            g.below(2),
            g.below(32) as i64 - 16,
            g.below(512),
            g.below(1 << 31) * 60,
            g.below(1000),
        )
        .expect("a String takes any text");
    }
    text
}

#[test]
fn random_expressions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for seed in 1..4 {
        let file = folder.path().join(format!("random{seed}.c"));
        std::fs::write(&file, random_program(seed, 150)).expect("the temporary folder is writable");
        compare(&file);
    }
}
