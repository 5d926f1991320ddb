//! Lengths against the C library's own `snprintf`.

use std::collections::BTreeMap;
use std::ffi::CString;

use vf_ir::*;
use vf_source::Span;

use super::expand_format_calls;

/// Value and width of each register in a run of the straight-line code that the pass makes.
type Registers = BTreeMap<LocalId, (u128, u32)>;

/// A program with `f`, which calls `function(buffer, [size,] format, arguments...)` and returns its result.
fn program(function: &str, size: Option<u64>, format: &str, arguments: &[Argument]) -> Program {
    let mut globals = vec![string_global(".str.0", format)];
    let buffer = GlobalId(1);
    globals.push(Global {
        constant: false,
        init: Initial::Unknown,
        ..string_global("buffer", &"x".repeat(63))
    });
    let mut args = vec![Expr::GlobalAddress(buffer)];
    args.extend(size.map(|n| Expr::int(64, i128::from(n))));
    args.push(Expr::GlobalAddress(GlobalId(0)));
    let mut locals = vec![register(Ty::Int(32))];
    let mut params = Vec::new();
    for argument in arguments {
        match argument {
            Argument::Int(bits, _) => {
                let id = LocalId(locals.len() as u32);
                locals.push(register(Ty::Int(*bits)));
                params.push(id);
                args.push(Expr::Local(id));
            }
            Argument::Text(text) => {
                args.push(Expr::GlobalAddress(GlobalId(globals.len() as u32)));
                globals.push(string_global(&format!(".str.{}", globals.len()), text));
            }
            Argument::Pointer => {
                let id = LocalId(locals.len() as u32);
                locals.push(register(Ty::Ptr));
                params.push(id);
                args.push(Expr::Local(id));
            }
        }
    }
    let call = StmtKind::Call {
        dst: Some(LocalId(0)),
        callee: Callee::Direct(FunctionId(1)),
        args,
    };
    let body = Body::Defined(vec![Block {
        statements: vec![Stmt {
            kind: call,
            span: Span::NONE,
        }],
        terminator: Terminator::Return(Some(Expr::Local(LocalId(0)))),
        terminator_span: Span::NONE,
    }]);
    let caller = Function {
        params,
        locals,
        body,
        ..declared("f")
    };
    Program {
        model: DataModel::Lp64,
        records: Vec::new(),
        globals,
        functions: vec![caller, declared(function)],
    }
}

#[derive(Clone, Debug)]
enum Argument {
    Int(u32, u128),
    Text(String),
    Pointer,
}

fn register(ty: Ty) -> Local {
    Local {
        name: "tmp".to_owned(),
        ty: CType::INT,
        storage: Storage::Register(ty),
        user: false,
        span: Span::NONE,
    }
}

fn string_global(name: &str, text: &str) -> Global {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    let size = bytes.len() as u64;
    Global {
        name: name.to_owned(),
        ty: CType::Array {
            element: Box::new(CType::CHAR),
            len: ArrayLen::Fixed(size),
        },
        size: Some(size),
        constant: true,
        init: Initial::Known(vec![InitItem {
            offset: 0,
            value: InitValue::Bytes(bytes),
        }]),
        span: Span::NONE,
    }
}

fn declared(name: &str) -> Function {
    Function {
        name: name.to_owned(),
        ret: CType::INT,
        params: Vec::new(),
        variadic: true,
        internal: false,
        noreturn: false,
        library_model: false,
        unchanging: false,
        body: Body::Declared,
        locals: Vec::new(),
        obligations: Vec::new(),
        span: Span::NONE,
    }
}

/// What the expanded call did.
struct Run {
    result: i32,
    /// Bytes that its write check asks of the buffer.
    room: Option<u128>,
    /// Bytes havocked and the offset of the terminator.
    text: Option<u128>,
    /// Bounds assumed of unknown lengths held.
    possible: bool,
}

/// Runs the expansion of `f` with the parameters given; a `Havoc` yields the next of `unknown`.
fn run(program: &Program, arguments: &[Argument], unknown: &[u128]) -> Run {
    let function = &program.functions[0];
    let mut registers = Registers::new();
    let values = arguments.iter().filter_map(|a| match a {
        Argument::Int(_, value) => Some(*value),
        Argument::Text(_) => None,
        Argument::Pointer => Some(0),
    });
    let width = |local: LocalId| match function.locals[local.index()].storage {
        Storage::Register(Ty::Int(bits)) => bits,
        _ => 64,
    };
    registers.extend(
        function
            .params
            .iter()
            .zip(values)
            .map(|(p, value)| (*p, (value, width(*p)))),
    );
    let mut unknown = unknown.iter();
    let mut run = Run {
        result: 0,
        room: None,
        text: None,
        possible: true,
    };
    for statement in &function.blocks()[0].statements {
        match &statement.kind {
            StmtKind::Assign { dst, value } => {
                let value = evaluate(value, &registers);
                assert_eq!(value.1, width(*dst), "the widths of {statement:?} agree");
                registers.insert(*dst, value);
            }
            StmtKind::Havoc { dst, .. } => {
                let value = *unknown.next().expect("enough unknown values");
                registers.insert(*dst, (value, width(*dst)));
            }
            StmtKind::Assume(condition) => run.possible &= eval(condition, &registers) == 1,
            StmtKind::Check(id) => {
                if let Condition::ValidAccess {
                    size,
                    access: Access::Write,
                    ..
                } = &function.obligations[id.index()].condition
                {
                    run.room = Some(eval(size, &registers));
                }
            }
            StmtKind::HavocMemory { size, .. } | StmtKind::Text { size, .. } => {
                run.text = Some(eval(size, &registers))
            }
            StmtKind::Store { .. } | StmtKind::Fill { .. } => {}
            other => panic!("unexpected statement {other:?}"),
        }
    }
    run.result = registers.get(&LocalId(0)).map_or(0, |v| v.0 as u32 as i32);
    run
}

fn mask(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// Value and width of an integer expression, read literally from the IR's definitions.
fn eval(expr: &Expr, registers: &Registers) -> u128 {
    evaluate(expr, registers).0
}

fn evaluate(expr: &Expr, registers: &Registers) -> (u128, u32) {
    let sign = |(v, bits): (u128, u32)| {
        if v >> (bits - 1) & 1 == 1 {
            (v | !mask(bits)) as i128
        } else {
            v as i128
        }
    };
    match expr {
        Expr::Int { bits, value } => (*value, *bits),
        Expr::Local(l) => registers[l],
        Expr::Unary { op, arg } => {
            let (value, bits) = evaluate(arg, registers);
            match op {
                UnaryOp::Not => (!value & mask(bits), bits),
                UnaryOp::Neg => (value.wrapping_neg() & mask(bits), bits),
            }
        }
        Expr::Binary { op, lhs, rhs } => {
            let ((a, bits), (b, other)) = (evaluate(lhs, registers), evaluate(rhs, registers));
            assert_eq!(bits, other, "{expr:?}");
            let value = match op {
                BinaryOp::Add => a.wrapping_add(b),
                BinaryOp::And => a & b,
                BinaryOp::Or => a | b,
                other => panic!("unexpected operator {other:?}"),
            };
            (value & mask(bits), bits)
        }
        Expr::Compare { op, lhs, rhs } => {
            let (a, b) = (evaluate(lhs, registers), evaluate(rhs, registers));
            assert_eq!(a.1, b.1, "{expr:?}");
            let holds = match op {
                CompareOp::Equal => a.0 == b.0,
                CompareOp::NotEqual => a.0 != b.0,
                CompareOp::ULess => a.0 < b.0,
                CompareOp::ULessEqual => a.0 <= b.0,
                CompareOp::SLess => sign(a) < sign(b),
                CompareOp::SLessEqual => sign(a) <= sign(b),
            };
            (u128::from(holds), 1)
        }
        Expr::Resize { kind, bits, arg } => {
            let arg = evaluate(arg, registers);
            let value = match kind {
                Resize::SignExtend => sign(arg) as u128,
                Resize::ZeroExtend | Resize::Truncate => arg.0,
            };
            (value & mask(*bits), *bits)
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            if evaluate(condition, registers).0 == 1 {
                evaluate(then, registers)
            } else {
                evaluate(otherwise, registers)
            }
        }
        other => panic!("unexpected expression {other:?}"),
    }
}

/// The length that the C library's `snprintf` reports for up to two integer arguments and a string.
fn library(format: &str, arguments: &[Argument]) -> i32 {
    let format = CString::new(format).expect("no NUL in the format");
    let null = std::ptr::null_mut();
    let ints: Vec<u64> = arguments
        .iter()
        .filter_map(|a| match a {
            // Variadic integers travel in registers of 64 bits on x86-64 and AArch64.
            Argument::Int(_, v) => Some(*v as u64),
            Argument::Text(_) | Argument::Pointer => None,
        })
        .collect();
    let text = arguments.iter().find_map(|a| match a {
        Argument::Text(t) => Some(CString::new(t.as_str()).expect("no NUL in the text")),
        _ => None,
    });
    // SAFETY: a null buffer of size 0 is allowed, and the arguments are those that the format asks for.
    unsafe {
        match (ints.as_slice(), &text) {
            ([], None) => libc::snprintf(null, 0, format.as_ptr()),
            ([], Some(t)) => libc::snprintf(null, 0, format.as_ptr(), t.as_ptr()),
            ([a], None) => libc::snprintf(null, 0, format.as_ptr(), *a),
            ([a], Some(t)) => libc::snprintf(null, 0, format.as_ptr(), *a, t.as_ptr()),
            ([a, b], None) => libc::snprintf(null, 0, format.as_ptr(), *a, *b),
            ([a, b], Some(t)) => libc::snprintf(null, 0, format.as_ptr(), *a, *b, t.as_ptr()),
            (_, _) => panic!("the test passes at most two integers"),
        }
    }
}

/// Numbers with every number of digits, from a generator with a fixed seed (Marsaglia's xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    /// A number of a random number of bits, or one of the extremes.
    fn pick(&mut self, bits: u32) -> u128 {
        let edges = [
            0,
            1,
            9,
            10,
            99,
            100,
            1 << (bits - 1),
            (1 << (bits - 1)) - 1,
            mask(bits),
            mask(bits) - 8,
        ];
        let value = match self.next() % 3 {
            0 => edges[(self.next() % 10) as usize],
            _ => u128::from(self.next()) >> (self.next() % 64),
        };
        value & mask(bits)
    }
}

fn expanded(function: &str, size: Option<u64>, format: &str, arguments: &[Argument]) -> Program {
    let mut program = program(function, size, format, arguments);
    expand_format_calls(&mut program);
    program
}

#[test]
fn integer_directives_have_the_length_that_snprintf_prints() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let modifiers = [
        ("hh", 32),
        ("h", 32),
        ("", 32),
        ("l", 64),
        ("ll", 64),
        ("z", 64),
        ("j", 64),
        ("t", 64),
    ];
    let mut compared = 0;
    for conversion in ["d", "i", "u", "x", "X", "o"] {
        for (modifier, bits) in modifiers {
            for flags in ["", "#", "0", "-", "+", " ", "#0", "+-", "# "] {
                if flags.contains('#') && matches!(conversion, "d" | "i" | "u") {
                    continue;
                }
                for width in ["", "1", "5", "24"] {
                    for precision in ["", ".0", ".", ".3", ".30"] {
                        if conversion == "o" && flags.contains('#') && !precision.is_empty() {
                            continue; // any of two lengths; tested below
                        }
                        let format = format!("<%{flags}{width}{precision}{modifier}{conversion}>");
                        for _ in 0..6 {
                            let arguments = [Argument::Int(bits, numbers.pick(bits))];
                            let program = expanded("sprintf", None, &format, &arguments);
                            let run = run(&program, &arguments, &[]);
                            assert_eq!(
                                run.result,
                                library(&format, &arguments),
                                "{format} of {arguments:?}"
                            );
                            assert_eq!(run.room, Some(run.result as u128 + 1), "{format}");
                            assert_eq!(run.text, Some(run.result as u128), "{format}");
                            compared += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(compared > 20_000, "{compared} comparisons");
}

#[test]
fn octal_with_precision_is_one_of_two_lengths() {
    let mut numbers = Numbers(77);
    for format in ["%#.0o", "%#.3o", "%#.12lo"] {
        for _ in 0..200 {
            let bits = if format.contains('l') { 64 } else { 32 };
            let arguments = [Argument::Int(bits, numbers.pick(bits))];
            let program = expanded("sprintf", None, format, &arguments);
            let lengths: Vec<i32> = [0, 1]
                .iter()
                .map(|extra| run(&program, &arguments, &[*extra]).result)
                .collect();
            assert!(
                lengths.contains(&library(format, &arguments)),
                "{format} of {arguments:?}: {lengths:?}"
            );
        }
    }
}

#[test]
fn width_and_precision_arguments() {
    let mut numbers = Numbers(4711);
    for format in ["%*d", "%.*d", "%-*x", "%.*u", "%0*o"] {
        for _ in 0..300 {
            let amount = (numbers.next() % 61) as i32 - 30;
            let arguments = [
                Argument::Int(32, u128::from(amount as u32)),
                Argument::Int(32, numbers.pick(32)),
            ];
            let program = expanded("sprintf", None, format, &arguments);
            let run = run(&program, &arguments, &[]);
            assert_eq!(
                run.result,
                library(format, &arguments),
                "{format} of {arguments:?}"
            );
        }
    }
}

#[test]
fn constant_strings_literals_and_characters() {
    for (format, arguments) in [
        ("", vec![]),
        ("plain text, 100%% of it", vec![]),
        ("%s", vec![Argument::Text("hello".to_owned())]),
        ("[%10s]", vec![Argument::Text("hello".to_owned())]),
        ("[%-3s]", vec![Argument::Text("hello".to_owned())]),
        ("[%.3s]", vec![Argument::Text("hello".to_owned())]),
        ("[%8.2s]", vec![Argument::Text("hello".to_owned())]),
        ("%c%5c", vec![Argument::Int(32, 65), Argument::Int(32, 66)]),
        (
            "%d: %s",
            vec![Argument::Int(32, 17), Argument::Text("text".to_owned())],
        ),
    ] {
        let program = expanded("sprintf", None, format, &arguments);
        let run = run(&program, &arguments, &[]);
        assert_eq!(run.result, library(format, &arguments), "{format}");
    }
}

#[test]
fn snprintf_writes_what_fits_and_returns_all() {
    let mut numbers = Numbers(5);
    for size in [0, 1, 2, 5, 8, 64] {
        for _ in 0..50 {
            let arguments = [Argument::Int(64, numbers.pick(64))];
            let whole = library("v=%lu", &arguments);
            let program = expanded("snprintf", Some(size), "v=%lu", &arguments);
            let run = run(&program, &arguments, &[]);
            let written = (whole as u64).min(size.saturating_sub(1));
            assert_eq!(run.result, whole);
            assert_eq!(run.text, Some(u128::from(written)));
            assert_eq!(
                run.room,
                if size == 0 {
                    None
                } else {
                    Some(u128::from(written + 1))
                }
            );
        }
    }
}

#[test]
fn scnprintf_returns_what_it_wrote() {
    for size in [0, 1, 4, 64] {
        let arguments = [Argument::Int(32, 123_456)];
        let program = expanded("scnprintf", Some(size), "%u", &arguments);
        let run = run(&program, &arguments, &[]);
        assert_eq!(run.result as u64, 6.min(size.saturating_sub(1)));
    }
}

#[test]
fn hexadecimal_zero_has_a_prefix_in_the_kernel_only() {
    let arguments = [Argument::Int(32, 0)];
    let c = expanded("snprintf", Some(64), "%#x", &arguments);
    assert_eq!(run(&c, &arguments, &[]).result, library("%#x", &arguments));
    let kernel = expanded("scnprintf", Some(64), "%#x", &arguments);
    assert_eq!(run(&kernel, &arguments, &[]).result, 3);
}

#[test]
fn addresses_have_any_length_up_to_eighteen() {
    let arguments = [Argument::Pointer];
    let program = expanded("sprintf", None, "%p", &arguments);
    for (length, possible) in [(0, false), (1, true), (5, true), (18, true), (19, false)] {
        assert_eq!(
            run(&program, &arguments, &[length]).possible,
            possible,
            "{length}"
        );
    }
    let mac = expanded("scnprintf", Some(64), "%pM", &arguments);
    assert_eq!(run(&mac, &arguments, &[]).result, 17);
}

#[test]
fn floats_have_any_length_that_a_double_can_have() {
    // -DBL_MAX and -5e-324 are the longest; the bound must reach them and not go beyond.
    for (format, longest) in [
        ("%f", 317),
        ("%e", 14),
        ("%g", 13),
        ("%.0f", 311),
        ("%.20f", 331),
        ("%.30e", 38),
    ] {
        let extremes: Vec<i32> = [-f64::MAX, -5e-324, -1.234_567_89e-5]
            .iter()
            .map(|v| {
                let format = CString::new(format).expect("no NUL");
                // SAFETY: a null buffer of size 0 is allowed; the argument is a double.
                unsafe { libc::snprintf(std::ptr::null_mut(), 0, format.as_ptr(), *v) }
            })
            .collect();
        let arguments = [Argument::Pointer]; // its type does not matter to the length
        let program = expanded("sprintf", None, format, &arguments);
        for length in &extremes {
            assert!(
                run(&program, &arguments, &[*length as u128]).possible,
                "{format}: {length}"
            );
        }
        assert!(!run(&program, &arguments, &[longest + 3]).possible, "{format}");
        assert!(
            extremes.iter().any(|l| *l as u128 + 2 >= longest),
            "{format}: {extremes:?}"
        );
    }
}

#[test]
fn a_missing_argument_is_a_violation() {
    let program = expanded("sprintf", None, "%d and %s", &[]);
    let broken = program.functions[0].obligations.iter().filter(|o| {
        o.property == Property::Precondition && matches!(o.condition, Condition::Holds(Expr::Local(_)))
    });
    assert_eq!(broken.count(), 2);
}

#[test]
fn a_format_that_is_not_constant_asks_for_its_terminator_and_bounds_nothing() {
    let mut program = program("sprintf", None, "%d", &[Argument::Int(32, 1)]);
    program.globals[0].constant = false;
    expand_format_calls(&mut program);
    let obligations = &program.functions[0].obligations;
    assert!(
        obligations
            .iter()
            .any(|o| matches!(o.condition, Condition::Terminated { .. }))
    );
    let run = run(&program, &[Argument::Int(32, 1)], &[1 << 20]);
    assert!(run.possible);
    assert_eq!(run.room, Some((1 << 20) + 1));
}

#[test]
fn streams_keep_the_call_and_check_their_strings() {
    let mut program = program("printf", None, "%s", &[]);
    if let Body::Defined(blocks) = &mut program.functions[0].body
        && let StmtKind::Call { args, .. } = &mut blocks[0].statements[0].kind
    {
        *args = vec![Expr::GlobalAddress(GlobalId(0)), Expr::GlobalAddress(GlobalId(1))];
    }
    expand_format_calls(&mut program);
    let function = &program.functions[0];
    assert!(
        function
            .obligations
            .iter()
            .any(|o| matches!(o.condition, Condition::Terminated { .. }))
    );
    let last = function.blocks()[0].statements.last().map(|s| &s.kind);
    assert!(matches!(last, Some(StmtKind::Call { .. })));
}

#[test]
fn an_own_function_of_the_same_name_is_left_alone() {
    let mut program = program("sprintf", None, "%d", &[Argument::Int(32, 1)]);
    program.functions[1].body = Body::Defined(vec![Block {
        statements: Vec::new(),
        terminator: Terminator::Return(Some(Expr::int(32, 0))),
        terminator_span: Span::NONE,
    }]);
    let before = program.clone();
    expand_format_calls(&mut program);
    assert_eq!(before, program);
}

#[test]
fn every_obligation_has_one_check() {
    let arguments = [Argument::Int(32, 1), Argument::Pointer];
    let program = expanded("snprintf", Some(9), "%d %s", &arguments);
    let function = &program.functions[0];
    let checked: Vec<usize> = function.blocks()[0]
        .statements
        .iter()
        .filter_map(|s| {
            if let StmtKind::Check(id) = s.kind {
                Some(id.index())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(checked, (0..function.obligations.len()).collect::<Vec<_>>());
    assert!(function.obligations.len() >= 6);
}
