//! Counterexamples by hand, replayed for real: compiled, run in the sandbox, and judged by what the
//! sanitizers say. Each kind of violation also has an input on which nothing happens.

use std::path::{Path, PathBuf};

use vf_ir::input::{Choice, ChoiceKind, Contents, Input, InputObject, InputPointer, InputValue};
use vf_ir::{
    Body, CType, Condition, DataModel, Expr, Field, Function, FunctionId, Global, Initial, Local, LocalId,
    Obligation, ObligationId, Program, Property, Record, RecordId, Storage,
};
use vf_replay::harness::{Build, SourceText};
use vf_replay::sandbox::{Ended, Limits};
use vf_replay::{ReplayError, ReplayOutcome, Request, Target, Witness, materialize, replay};
use vf_source::{Position, SourceMap, Span};

const FILE: &str = "/nowhere/under test.c";

/// One function with one obligation on one line of the source; its body is only in the C text.
struct Case {
    source: String,
    program: Program,
    sources: SourceMap,
    input: Input,
    flags: Vec<String>,
}

fn case(source: &str, name: &str, parameters: &[CType], property: Property, line: u32) -> Case {
    let mut sources = SourceMap::new();
    let file = sources.add(Path::new(FILE), || source.to_string());
    let span = Span {
        file,
        start: Position { line, column: 1 },
        end: Position { line, column: 2 },
    };
    let locals = parameters
        .iter()
        .enumerate()
        .map(|(i, ty)| Local {
            name: format!("p{i}"),
            ty: ty.clone(),
            storage: ty.scalar().map_or(Storage::Memory, Storage::Register),
            user: true,
            span,
        })
        .collect();
    let function = Function {
        params: (0..parameters.len()).map(|i| LocalId(i as u32)).collect(),
        locals,
        body: Body::Defined(Vec::new()),
        obligations: vec![Obligation {
            property,
            condition: Condition::Holds(Expr::bool(true)),
            span,
            text: String::new(),
            required: false,
        }],
        span,
        ..declaration(name, CType::INT)
    };
    let program = Program {
        model: DataModel::Lp64,
        records: Vec::new(),
        globals: Vec::new(),
        functions: vec![function],
    };
    let input = Input {
        function: name.to_string(),
        ..Input::default()
    };
    Case {
        source: source.to_string(),
        program,
        sources,
        input,
        flags: Vec::new(),
    }
}

fn declaration(name: &str, ret: CType) -> Function {
    Function {
        name: name.to_string(),
        ret,
        params: Vec::new(),
        variadic: false,
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

fn model(name: &str) -> Function {
    Function {
        library_model: true,
        unchanging: false,
        ..declaration(name, CType::INT)
    }
}

impl Case {
    fn int(mut self, value: i128) -> Self {
        self.input.arguments.push(InputValue::Int {
            bits: 32,
            value: value as u128 & 0xffff_ffff,
        });
        self
    }

    fn pointer(mut self, pointer: InputPointer) -> Self {
        self.input.arguments.push(InputValue::Pointer(pointer));
        self
    }

    fn object(mut self, size: u64, contents: Contents) -> Self {
        let name = format!("object {}", self.input.objects.len());
        self.input.objects.push(InputObject {
            name,
            size,
            element_type: "char".into(),
            contents,
        });
        self
    }

    fn choice(mut self, function: &str, kind: ChoiceKind) -> Self {
        self.input.choices.push(Choice {
            function: function.into(),
            kind,
            writes: Vec::new(),
        });
        self
    }

    fn build() -> Build {
        Build {
            compiler: PathBuf::from("cc"),
            flags: Vec::new(),
            directory: PathBuf::from("/"),
        }
    }

    fn with<T>(&self, use_it: impl FnOnce(&Request<'_>) -> T) -> T {
        let files = [SourceText {
            path: PathBuf::from(FILE),
            text: self.source.clone(),
        }];
        let build = Build {
            flags: self.flags.clone(),
            ..Case::build()
        };
        let target =
            Target::of(&self.program, &self.sources, FunctionId(0), ObligationId(0)).expect("an obligation");
        use_it(&Request {
            program: &self.program,
            files: &files,
            input: &self.input,
            target: &target,
            build: &build,
            limits: Limits::default(),
        })
    }

    fn replay(&self) -> ReplayOutcome {
        self.with(replay).expect("the harness compiles and runs")
    }
}

fn by_sanitizer(outcome: &ReplayOutcome) -> bool {
    matches!(outcome.witnesses.first(), Some(Witness::Sanitizer(_)))
}

#[track_caller]
fn confirmed(case: Case) {
    let outcome = case.replay();
    let said = outcome.execution.as_ref().map(|e| e.finished.stderr_text());
    assert!(by_sanitizer(&outcome), "{}\n{said:?}", outcome.summary());
}

#[track_caller]
fn not_confirmed(case: Case) {
    let outcome = case.replay();
    assert!(!outcome.confirmed(), "{}", outcome.summary());
    let execution = outcome.execution.as_ref().expect("it ran");
    // The harness itself must work: either the function returned or the program did something to end it.
    assert!(
        outcome.summary().starts_with("not confirmed"),
        "{}",
        outcome.summary()
    );
    assert!(
        !execution.finished.stderr_text().contains("stack-overflow"),
        "{}",
        outcome.summary()
    );
}

/// Not confirmed because nothing happened: the function returned and no sanitizer said anything.
#[track_caller]
fn harmless(case: Case) {
    let outcome = case.replay();
    let execution = outcome.execution.as_ref().expect("it ran");
    assert!(
        !outcome.confirmed() && execution.findings.is_empty(),
        "{}",
        outcome.summary()
    );
    assert!(
        execution.finished.stdout_text().contains("vf-replay: returned"),
        "{}",
        outcome.summary()
    );
}

fn object(index: usize, offset: i64) -> InputPointer {
    InputPointer::Object { index, offset }
}

fn char_pointer() -> CType {
    CType::CHAR.pointer_to()
}

const TABLE: &str = "int table[8];\nstatic int lookup(int i) {\n    return table[i];\n}\n";

#[test]
fn index_out_of_a_global_array() {
    let lookup = || case(TABLE, "lookup", &[CType::INT], Property::IndexUpperBound, 3);
    confirmed(lookup().int(8));
    confirmed(lookup().int(-1));
    confirmed(lookup().int(i128::from(i32::MAX)));
    harmless(lookup().int(7));
}

#[test]
fn a_violation_at_another_place_does_not_count() {
    let elsewhere = case(TABLE, "lookup", &[CType::INT], Property::IndexUpperBound, 1).int(8);
    let outcome = elsewhere.replay();
    assert!(!outcome.confirmed());
    assert!(outcome.summary().contains("something else") || outcome.summary().contains("other things"));
}

#[test]
fn a_violation_of_another_kind_does_not_count_nor_hide_the_right_one() {
    let text = "int table[8];\nint f(int i) {\n    int j = i + 1;\n    return table[j & 15];\n}\n";
    not_confirmed(case(text, "f", &[CType::INT], Property::DivisorNonzero, 4).int(8));
    // The addition overflows first; the index is out of range after it all the same.
    let text =
        "int table[8];\nint f(int i) {\n    int j = i + 1;\n    return table[j == -2147483648 ? 9 : 0];\n}\n";
    confirmed(case(text, "f", &[CType::INT], Property::IndexUpperBound, 4).int(i128::from(i32::MAX)));
}

const FILL: &str =
    "static void fill(char *to, int n) {\n    for (int i = 0; i < n; i++)\n        to[i] = 1;\n}\n";

#[test]
fn writes_past_an_object_of_exact_size() {
    let fill = |size| {
        case(
            FILL,
            "fill",
            &[char_pointer(), CType::INT],
            Property::ValidWrite,
            3,
        )
        .object(size, Contents::default())
    };
    confirmed(fill(5).pointer(object(0, 0)).int(6));
    harmless(fill(5).pointer(object(0, 0)).int(5));
    confirmed(fill(0).pointer(object(0, 0)).int(1));
    confirmed(fill(5).pointer(object(0, 3)).int(3));
}

#[test]
fn a_write_does_not_show_a_bad_read() {
    not_confirmed(
        case(
            FILL,
            "fill",
            &[char_pointer(), CType::INT],
            Property::ValidRead,
            3,
        )
        .object(2, Contents::default())
        .pointer(object(0, 0))
        .int(3),
    );
}

const LIST: &str = "struct node { int value; struct node *next; };\nint sum(struct node *n) {\n    int s = 0;\n\
    \x20   while (n) {\n        s += n->value;\n        n = n->next;\n    }\n    return s;\n}\n";

#[test]
fn objects_point_to_each_other_and_hold_values() {
    let node = |value: i32, next: Option<InputPointer>| Contents {
        bytes: vec![(0, value.to_le_bytes().to_vec())],
        pointers: next.into_iter().map(|p| (8, p)).collect(),
    };
    let list = |last: i32| {
        case(LIST, "sum", &[char_pointer()], Property::SignedOverflow, 5)
            .object(16, node(i32::MAX, Some(object(1, 0))))
            .object(16, node(last, None))
            .pointer(object(0, 0))
    };
    confirmed(list(1));
    harmless(list(0));
}

#[test]
fn null_dereference() {
    let read = || {
        case(
            "int f(int *p) {\n    return *p;\n}\n",
            "f",
            &[char_pointer()],
            Property::NotNull,
            2,
        )
    };
    confirmed(read().pointer(InputPointer::Null));
    harmless(read().object(4, Contents::default()).pointer(object(0, 0)));
    // Wild is not null.
    not_confirmed(read().pointer(InputPointer::Address(0x7000_0000_0000)));
}

#[test]
fn arithmetic() {
    let binary = |op: &str, property, b: i128, a: i128| {
        let text = format!("int f(int a, int b) {{\n    return a {op} b;\n}}\n");
        case(&text, "f", &[CType::INT, CType::INT], property, 2)
            .int(a)
            .int(b)
    };
    let min = i128::from(i32::MIN);
    confirmed(binary("+", Property::SignedOverflow, -1, min));
    not_confirmed(binary("+", Property::SignedOverflow, 1, min));
    confirmed(binary("/", Property::SignedOverflow, -1, min));
    confirmed(binary("/", Property::DivisorNonzero, 0, 1));
    confirmed(binary("%", Property::DivisorNonzero, 0, 1));
    not_confirmed(binary("/", Property::DivisorNonzero, 2, 1));
    confirmed(binary("<<", Property::ShiftInRange, 32, 1));
    not_confirmed(binary("<<", Property::ShiftInRange, 31, 0));
}

#[test]
fn lifetime_of_heap_objects() {
    let text = "#include <stdlib.h>\nint f(char *p, int twice) {\n    free(p);\n    if (twice == 1)\n        free(p);\n\
        \x20   if (twice == 2)\n        return p[0];\n    return 0;\n}\n";
    let f = |line, twice| {
        case(text, "f", &[char_pointer(), CType::INT], Property::Lifetime, line)
            .object(4, Contents::default())
            .pointer(object(0, 0))
            .int(twice)
    };
    confirmed(f(5, 1));
    confirmed(f(7, 2));
    harmless(f(7, 0));
}

#[test]
fn assertions_and_reach_error() {
    let text = "#include <assert.h>\nint f(int a) {\n    assert(a < 3);\n    return 0;\n}\n";
    confirmed(case(text, "f", &[CType::INT], Property::Assertion, 3).int(3));
    not_confirmed(case(text, "f", &[CType::INT], Property::Assertion, 3).int(2));
    let text = "extern int __VERIFIER_nondet_int(void);\nextern void reach_error(void);\nextern void __VERIFIER_assume(int);\nint main(void) {\n\
        \x20   int a = __VERIFIER_nondet_int();\n    int b = __VERIFIER_nondet_int();\n    __VERIFIER_assume(a > 0);\n    if (a + b == 7)\n        reach_error();\n    return 0;\n}\n";
    let value = |v: i32| {
        ChoiceKind::Value(InputValue::Int {
            bits: 32,
            value: u128::from(v as u32),
        })
    };
    let main = |a, b| {
        case(text, "main", &[], Property::Assertion, 9)
            .choice("__VERIFIER_nondet_int", value(a))
            .choice("__VERIFIER_nondet_int", value(b))
    };
    confirmed(main(3, 4));
    confirmed(
        case(text, "main", &[], Property::Assertion, 9)
            .choice("", value(3))
            .choice("", value(4)),
    );
    harmless(main(3, 5));
    let excluded = main(-1, 8).replay();
    assert!(
        excluded.summary().contains("assumption"),
        "{}",
        excluded.summary()
    );
}

#[test]
fn external_functions_return_what_was_decided() {
    let text = "extern unsigned length_from_wire(void);\nextern void note(int);\nextern char limit[];\nstatic char buffer[16];\n\
        int never_reached(void) { extern int nobody_has_this(int); return nobody_has_this(1); }\n\
        int f(void) {\n    unsigned n = length_from_wire();\n    note(1);\n    if (n > 20 || limit[0]) return 0;\n    return buffer[n];\n}\n";
    let f = |n: u128| {
        let mut case = case(text, "f", &[], Property::IndexUpperBound, 10).choice(
            "length_from_wire",
            ChoiceKind::Value(InputValue::Int { bits: 32, value: n }),
        );
        case.program
            .functions
            .push(declaration("length_from_wire", CType::UINT));
        case.program.functions.push(declaration("note", CType::Void));
        case.program.globals.push(Global {
            name: "limit".into(),
            ty: CType::CHAR,
            size: Some(1),
            constant: false,
            init: Initial::Unknown,
            span: Span::NONE,
        });
        case
    };
    confirmed(f(16));
    harmless(f(15));
    harmless(f(21));
}

#[test]
fn allocations_fail_when_they_are_decided_to() {
    let text = "#include <stdlib.h>\nint f(void) {\n    char *p = malloc(4);\n    p[0] = 1;\n    free(p);\n    return 0;\n}\n";
    let f = |fails| {
        let mut case =
            case(text, "f", &[], Property::NotNull, 4).choice("malloc", ChoiceKind::AllocationFails(fails));
        case.program.functions.push(model("malloc"));
        case
    };
    confirmed(f(true));
    harmless(f(false));
}

#[test]
fn kernel_functions_decide_as_the_verifiers_models_do() {
    let text = "typedef unsigned long size_t;\nextern void *kmalloc(size_t, unsigned);\nextern void kfree(const void *);\n\
        extern unsigned long copy_from_user(void *, const void *, unsigned long);\n\
        int f(const void *from, unsigned n) {\n    unsigned char *p = kmalloc(8, 0);\n    if (!p) return -12;\n\
        \x20   if (copy_from_user(p, from, 8)) { kfree(p); return -14; }\n    int x = p[p[0]];\n    kfree(p);\n    return x;\n}\n";
    let f = |byte: u8, fails: bool| {
        let mut case = case(text, "f", &[char_pointer(), CType::UINT], Property::ValidRead, 9)
            .pointer(InputPointer::Address(0x1000))
            .int(0)
            .choice("kmalloc", ChoiceKind::AllocationFails(fails))
            .choice("copy_from_user", ChoiceKind::Bytes(vec![byte, 7, 7]))
            .choice(
                "copy_from_user",
                ChoiceKind::Value(InputValue::Int { bits: 8, value: 0 }),
            );
        case.program
            .functions
            .extend(["kmalloc", "kfree", "copy_from_user"].map(model));
        case
    };
    harmless(f(8, true));
    confirmed(f(8, false));
    harmless(f(7, false));
}

#[test]
fn what_a_model_requires_is_required_when_it_runs() {
    let text = "typedef unsigned long size_t;\nextern unsigned long copy_from_user(void *, const void *, unsigned long);\n\
        extern long strscpy(char *, const char *, size_t);\n\
        int f(unsigned n) {\n    char to[8];\n    return copy_from_user(to, 0, n);\n}\n\
        int g(unsigned n) {\n    char to[8];\n    return strscpy(to, \"0123456789\", n);\n}\n";
    let copy = |name, line, n| {
        let mut case = case(text, name, &[CType::UINT], Property::ValidWrite, line).int(n);
        case.program
            .functions
            .extend(["copy_from_user", "strscpy"].map(model));
        case
    };
    confirmed(copy("f", 6, 9));
    harmless(copy("f", 6, 8));
    confirmed(copy("g", 10, 9));
    harmless(copy("g", 10, 8));
}

#[test]
fn what_comes_from_outside_the_program_is_decided() {
    let text = "#include <unistd.h>\n#include <stdio.h>\nint f(void) {\n    char b[8];\n    ssize_t n = read(0, b, sizeof b);\n\
        \x20   if (n < 0) return 1;\n    if (n == 8 && b[0] == 'A' && b[7] == 'Z')\n        b[n] = 0;\n    puts(\"end\");\n    return 0;\n}\n";
    let value = |v| ChoiceKind::Value(InputValue::Int { bits: 64, value: v });
    let f = |fails, length, bytes: &[u8]| {
        let mut case = case(text, "f", &[], Property::IndexUpperBound, 8)
            .choice("read", value(fails))
            .choice("read", value(length))
            .choice("read", ChoiceKind::Bytes(bytes.to_vec()));
        case.program.functions.push(model("read"));
        case
    };
    confirmed(f(0, 8, b"A......Z"));
    harmless(f(0, 7, b"A......Z"));
    harmless(f(1, 8, b"A......Z"));
    let impossible = f(0, 9, b"A......Z").replay();
    assert!(
        impossible.summary().contains("assumption"),
        "{}",
        impossible.summary()
    );
}

#[test]
fn strings_into_small_buffers() {
    let text = "#include <stdio.h>\nint f(int id) {\n    char name[8];\n    sprintf(name, \"node-%d\", id);\n    return name[0];\n}\n";
    let f = |id| case(text, "f", &[CType::INT], Property::ValidWrite, 4).int(id);
    confirmed(f(1000));
    harmless(f(10));
}

#[test]
fn globals_are_set_and_pointers_reach_globals_and_functions() {
    let text = "typedef int handler(int);\nstatic int table[4];\nstatic unsigned count = 2;\nstatic int hit(int i) { return table[i]; }\n\
        int f(handler **h, unsigned *n) {\n    return (*h)(*n);\n}\n";
    let mut f = case(
        text,
        "f",
        &[char_pointer(), char_pointer()],
        Property::IndexUpperBound,
        4,
    )
    .object(
        8,
        Contents {
            bytes: Vec::new(),
            pointers: vec![(0, InputPointer::Function { name: "hit".into() })],
        },
    )
    .pointer(object(0, 0))
    .pointer(InputPointer::Global {
        name: "count".into(),
        offset: 0,
    });
    f.input.globals.push((
        "count".into(),
        Contents {
            bytes: vec![(0, vec![4, 0, 0, 0])],
            pointers: Vec::new(),
        },
    ));
    confirmed(f);
}

#[test]
fn records_by_value() {
    let text = "struct range { int from, to; };\nint f(struct range r) {\n    return r.to - r.from;\n}\n";
    let field = |name: &str, offset| Field {
        name: name.into(),
        ty: CType::INT,
        offset,
        bits: None,
        counted_by: None,
    };
    let mut f = case(
        text,
        "f",
        &[CType::Record(RecordId(0))],
        Property::SignedOverflow,
        3,
    )
    .object(
        8,
        Contents {
            bytes: vec![(0, vec![0, 0, 0, 0x80, 1])],
            pointers: Vec::new(),
        },
    )
    .pointer(object(0, 0));
    f.program.records.push(Record {
        name: "range".into(),
        is_union: false,
        size: Some(8),
        align: 4,
        fields: vec![field("from", 0), field("to", 4)],
    });
    confirmed(f);
}

#[test]
fn flags_of_the_build_are_kept() {
    let text = "#if LIMIT != 3\n#error LIMIT\n#endif\nint f(int i) {\n    static int t[LIMIT];\n    return t[i];\n}\n";
    let mut f = case(text, "f", &[CType::INT], Property::IndexUpperBound, 6).int(3);
    match f.with(replay) {
        Err(ReplayError::DoesNotCompile { function, messages }) => {
            assert_eq!(function, "f");
            assert!(
                messages.contains("#error LIMIT") && messages.contains("under test.c:2"),
                "{messages}"
            );
        }
        other => panic!("expected a compiler's complaint, got {other:?}"),
    }
    f.flags = ["-DLIMIT=3", "-O3", "-Werror", "-c", "-o", "x.o"]
        .map(String::from)
        .to_vec();
    confirmed(f);
}

#[test]
fn an_endless_run_ends() {
    let text = "int f(int i) {\n    for (;;)\n        i ^= 1;\n}\n";
    let f = case(text, "f", &[CType::INT], Property::SignedOverflow, 3).int(0);
    let limits = Limits {
        wall: std::time::Duration::from_millis(500),
        ..Limits::default()
    };
    let outcome = f
        .with(|request| replay(&Request { limits, ..*request }))
        .expect("it ran");
    assert!(!outcome.confirmed());
    assert_eq!(
        outcome.execution.expect("it ran").finished.ended,
        Ended::OutOfWallTime
    );
}

#[test]
fn errors_are_named() {
    let f = case(TABLE, "lookup", &[CType::INT], Property::IndexUpperBound, 3).int(8);
    let missing = Build {
        compiler: "no-such-compiler".into(),
        ..Case::build()
    };
    let error = f
        .with(|request| {
            replay(&Request {
                build: &missing,
                ..*request
            })
        })
        .expect_err("no compiler");
    assert!(matches!(error, ReplayError::NoCompiler { .. }), "{error}");
    let mut g = case(TABLE, "lookup", &[CType::INT], Property::IndexUpperBound, 3);
    g.input.function = "nobody".into();
    assert!(matches!(g.with(replay), Err(ReplayError::NoFunction { function }) if function == "nobody"));
    let mut h = case(
        TABLE,
        "lookup",
        &[CType::Record(RecordId(0))],
        Property::IndexUpperBound,
        3,
    );
    h.input.arguments.push(InputValue::Pointer(InputPointer::Null));
    assert!(matches!(h.with(replay), Err(ReplayError::CannotExpress { .. })));
}

#[test]
fn a_harness_for_a_person_compiles_by_its_script() {
    let f = case(TABLE, "lookup", &[CType::INT], Property::IndexUpperBound, 3).int(8);
    let folder = tempfile::tempdir().expect("a folder");
    f.with(|request| materialize(request, folder.path()))
        .expect("written");
    let output = std::process::Command::new("sh")
        .arg(folder.path().join("run.sh"))
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("index 8 out of bounds for type 'int [8]'"),
        "{said}"
    );
}

#[test]
fn nothing_is_left_behind() {
    let count = || {
        std::fs::read_dir(std::env::temp_dir())
            .expect("a folder")
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().starts_with("verify-fix-replay-"))
            .filter(|e| {
                std::fs::read_to_string(e.path().join("vf_source_0.c"))
                    .is_ok_and(|t| t.contains("left_behind_probe"))
            })
            .count()
    };
    let f = case(
        "int left_behind_probe(int a) {\n    return a + 1;\n}\n",
        "left_behind_probe",
        &[CType::INT],
        Property::SignedOverflow,
        2,
    );
    confirmed(f.int(i128::from(i32::MAX)));
    assert_eq!(count(), 0);
}
