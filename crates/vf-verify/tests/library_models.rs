//! The models of library functions against the C library.
//!
//! Each function is called with random contents, places and lengths: the model by the interpreter of the IR, the
//! real function on objects of the same size that lie in the middle of larger memory. Where the model lets the outside
//! decide (comparisons, searches), it is told what the real function answered; it must accept that. Then:
//!
//! - where the real function stays inside of its objects, the model has no violation and ends with the same
//!   result and the same bytes;
//! - where the real function writes outside, or its answer depends on bytes outside, the model has a violation.
//!
//! Overlapping operands and other undefined calls that stay inside are not made.

#[path = "library_models/wide.rs"]
mod wide;

use std::ffi::{c_char, c_int, c_void};
use std::path::Path;

use vf_frontend::{Loaded, Options};
use vf_ir::input::{Choice, ChoiceKind, Contents, Input, InputValue};
use vf_ir::interp::{self, ExternalArgument, Limits, Outcome, Value, signed};
use vf_ir::{FunctionId, ObligationId, Property};

/// Size of the objects.
const SIZE: usize = 32;
/// Bytes in front of and behind them.
const MARGIN: usize = 4096;

/// One call: places in `dst` and `src`, and a length.
#[derive(Clone, Copy, Debug)]
struct Arguments {
    d: usize,
    s: usize,
    n: usize,
}

/// What is in the two objects.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bytes {
    dst: [u8; SIZE],
    src: [u8; SIZE],
}

/// A real function: the addresses of the objects, the arguments, and the result as `calls.c` returns it.
type Real = unsafe fn(*mut c_char, *mut c_char, Arguments) -> i64;

/// What the model leaves open, given the real result.
type Decisions = fn(&Bytes, Arguments, i64) -> Vec<ChoiceKind>;

struct Function {
    name: &'static str,
    real: Real,
    decisions: Decisions,
    /// Asks for what the standard asks for even where the implementation stops early: a violation may be one that the
    /// real function's answer does not show.
    strict: bool,
    /// Bytes of the characters that places and lengths count.
    unit: usize,
}

fn nothing(_: &Bytes, _: Arguments, _: i64) -> Vec<ChoiceKind> {
    Vec::new()
}

fn value(bits: u32, value: i64) -> ChoiceKind {
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    ChoiceKind::Value(InputValue::Int {
        bits,
        value: u128::from(value as u64 & mask),
    })
}

/// The sign of a comparison.
fn sign(_: &Bytes, _: Arguments, result: i64) -> Vec<ChoiceKind> {
    vec![value(32, result)]
}

/// Found or not, and how far from where the search began in `src` (`dst`).
fn found_in_src(_: &Bytes, arguments: Arguments, result: i64) -> Vec<ChoiceKind> {
    found(arguments.s, result)
}

fn found_in_dst(_: &Bytes, arguments: Arguments, result: i64) -> Vec<ChoiceKind> {
    found(arguments.d, result)
}

fn found(start: usize, result: i64) -> Vec<ChoiceKind> {
    if result < 0 {
        return vec![value(8, 0)];
    }
    vec![value(8, 1), value(64, result - start as i64)]
}

fn distance_in_src(_: &Bytes, arguments: Arguments, result: i64) -> Vec<ChoiceKind> {
    vec![value(64, result - arguments.s as i64)]
}

fn length(_: &Bytes, _: Arguments, result: i64) -> Vec<ChoiceKind> {
    vec![value(64, result)]
}

/// A place relative to the object, -1 for null.
fn place(base: *const c_char, pointer: *const c_char) -> i64 {
    if pointer.is_null() {
        -1
    } else {
        pointer as i64 - base as i64
    }
}

unsafe extern "C" {
    fn mempcpy(dst: *mut c_void, src: *const c_void, n: usize) -> *mut c_void;
    fn bzero(dst: *mut c_void, n: usize);
    fn strchrnul(s: *const c_char, c: c_int) -> *mut c_char;
}

/// BSD strlcpy(3), which the C library may not have, after its manual.
unsafe fn strlcpy(dst: *mut c_char, src: *const c_char, size: usize) -> i64 {
    unsafe {
        let length = libc::strlen(src);
        if size > 0 {
            let n = length.min(size - 1);
            libc::memcpy(dst.cast(), src.cast(), n);
            *dst.add(n) = 0;
        }
        length as i64
    }
}

unsafe fn strlcat(dst: *mut c_char, src: *const c_char, size: usize) -> i64 {
    unsafe {
        let at = libc::strnlen(dst, size);
        if at == size {
            return (size + libc::strlen(src)) as i64;
        }
        at as i64 + strlcpy(dst.add(at), src, size - at)
    }
}

/// strscpy after the kernel's documentation.
unsafe fn strscpy(dst: *mut c_char, src: *const c_char, size: usize) -> i64 {
    unsafe {
        if size == 0 {
            return -7;
        }
        let length = libc::strnlen(src, size);
        let n = length.min(size - 1);
        libc::memcpy(dst.cast(), src.cast(), n);
        *dst.add(n) = 0;
        if length == size { -7 } else { length as i64 }
    }
}

/// What `put_back` of `calls.c` does.
unsafe fn put_back(dst: *mut c_char, d: usize, copy: *mut c_char) -> i64 {
    unsafe {
        let n = libc::strlen(copy) + 1;
        if d + n <= SIZE {
            libc::memcpy(dst.add(d).cast(), copy.cast(), n);
        }
        libc::free(copy.cast());
        n as i64
    }
}

fn functions() -> Vec<Function> {
    let exact = |name, real: Real| Function {
        name,
        real,
        decisions: nothing,
        strict: false,
        unit: 1,
    };
    let told = |name, real: Real, decisions: Decisions| Function {
        name,
        real,
        decisions,
        strict: true,
        unit: 1,
    };
    vec![
        exact("memcpy", |d, s, a| unsafe {
            place(d, libc::memcpy(d.add(a.d).cast(), s.add(a.s).cast(), a.n).cast())
        }),
        exact("mempcpy", |d, s, a| unsafe {
            place(d, mempcpy(d.add(a.d).cast(), s.add(a.s).cast(), a.n).cast())
        }),
        Function {
            strict: true,
            ..exact("memmove", |d, _, a| unsafe {
                place(d, libc::memmove(d.add(a.d).cast(), d.add(a.s).cast(), a.n).cast())
            })
        },
        exact("memset", |d, _, a| unsafe {
            place(d, libc::memset(d.add(a.d).cast(), a.s as c_int - 16, a.n).cast())
        }),
        exact("bzero", |d, _, a| unsafe {
            bzero(d.add(a.d).cast(), a.n);
            0
        }),
        told(
            "memcmp",
            |d, s, a| unsafe { i64::from(libc::memcmp(d.add(a.d).cast(), s.add(a.s).cast(), a.n)) },
            sign,
        ),
        told(
            "memchr",
            |_, s, a| unsafe { place(s, libc::memchr(s.add(a.s).cast(), a.d as c_int, a.n).cast()) },
            found_in_src,
        ),
        told(
            "memrchr",
            |_, s, a| unsafe { place(s, libc::memrchr(s.add(a.s).cast(), a.d as c_int, a.n).cast()) },
            found_in_src,
        ),
        exact("strlen", |_, s, a| unsafe { libc::strlen(s.add(a.s)) as i64 }),
        exact("strnlen", |_, s, a| unsafe {
            libc::strnlen(s.add(a.s), a.n) as i64
        }),
        exact("strcpy", |d, s, a| unsafe {
            place(d, libc::strcpy(d.add(a.d), s.add(a.s)))
        }),
        exact("stpcpy", |d, s, a| unsafe {
            place(d, libc::stpcpy(d.add(a.d), s.add(a.s)))
        }),
        exact("strncpy", |d, s, a| unsafe {
            place(d, libc::strncpy(d.add(a.d), s.add(a.s), a.n))
        }),
        told(
            "strcat",
            |d, s, a| unsafe { place(d, libc::strcat(d.add(a.d), s.add(a.s))) },
            nothing,
        ),
        told(
            "strncat",
            |d, s, a| unsafe { place(d, libc::strncat(d.add(a.d), s.add(a.s), a.n)) },
            nothing,
        ),
        exact("strlcpy", |d, s, a| unsafe {
            strlcpy(d.add(a.d), s.add(a.s), a.n)
        }),
        told(
            "strlcat",
            |d, s, a| unsafe { strlcat(d.add(a.d), s.add(a.s), a.n) },
            nothing,
        ),
        exact("strscpy", |d, s, a| unsafe {
            strscpy(d.add(a.d), s.add(a.s), a.n)
        }),
        told(
            "strcmp",
            |d, s, a| unsafe { i64::from(libc::strcmp(d.add(a.d), s.add(a.s))) },
            sign,
        ),
        told(
            "strncmp",
            |d, s, a| unsafe { i64::from(libc::strncmp(d.add(a.d), s.add(a.s), a.n)) },
            sign,
        ),
        told(
            "strcasecmp",
            |d, s, a| unsafe { i64::from(libc::strcasecmp(d.add(a.d), s.add(a.s))) },
            sign,
        ),
        told(
            "strncasecmp",
            |d, s, a| unsafe { i64::from(libc::strncasecmp(d.add(a.d), s.add(a.s), a.n)) },
            sign,
        ),
        told(
            "strchr",
            |_, s, a| unsafe { place(s, libc::strchr(s.add(a.s), a.d as c_int)) },
            found_in_src,
        ),
        told(
            "strrchr",
            |_, s, a| unsafe { place(s, libc::strrchr(s.add(a.s), a.d as c_int)) },
            found_in_src,
        ),
        told(
            "strchrnul",
            |_, s, a| unsafe { place(s, strchrnul(s.add(a.s), a.d as c_int)) },
            distance_in_src,
        ),
        told(
            "strstr",
            |d, s, a| unsafe { place(d, libc::strstr(d.add(a.d), s.add(a.s))) },
            found_in_dst,
        ),
        told(
            "strpbrk",
            |d, s, a| unsafe { place(d, libc::strpbrk(d.add(a.d), s.add(a.s))) },
            found_in_dst,
        ),
        told(
            "strspn",
            |d, s, a| unsafe { libc::strspn(d.add(a.d), s.add(a.s)) as i64 },
            length,
        ),
        told(
            "strcspn",
            |d, s, a| unsafe { libc::strcspn(d.add(a.d), s.add(a.s)) as i64 },
            length,
        ),
        exact("strdup", |d, s, a| unsafe {
            put_back(d, a.d, libc::strdup(s.add(a.s)))
        }),
        exact("strndup", |d, s, a| unsafe {
            put_back(d, a.d, libc::strndup(s.add(a.s), a.n))
        }),
    ]
}

/// What the real function did.
struct Seen {
    result: i64,
    after: Bytes,
    /// It wrote outside, or its answer depends on what lies outside.
    outside: bool,
}

/// Runs the real function with different bytes around the objects.
fn observe(function: &Function, before: &Bytes, arguments: Arguments) -> Seen {
    let runs: Vec<(i64, Bytes, bool)> = [(0x00u8, 0x41u8), (0x41, 0x00), (0xc3, 0x61)]
        .into_iter()
        .map(|(around_dst, around_src)| {
            // Each object in its own stretch, which ends in NULs, so that an unbounded read ends; far enough
            // apart that an unbounded write from the first does not reach the second.
            let stretch = MARGIN + SIZE + 3 * MARGIN;
            let mut memory = vec![around_dst; 2 * stretch];
            memory[stretch..].fill(around_src);
            for object in [0, stretch] {
                memory[object + 2 * MARGIN..object + stretch].fill(0);
            }
            memory[MARGIN..MARGIN + SIZE].copy_from_slice(&before.dst);
            memory[stretch + MARGIN..stretch + MARGIN + SIZE].copy_from_slice(&before.src);
            let untouched = memory.clone();
            let start: *mut c_char = memory.as_mut_ptr().cast();
            // SAFETY: lengths are below MARGIN and every string ends before its stretch does, so that reads
            // and writes stay inside `memory`.
            let result =
                unsafe { (function.real)(start.add(MARGIN), start.add(stretch + MARGIN), arguments) };
            let mut after = Bytes {
                dst: [0; SIZE],
                src: [0; SIZE],
            };
            after.dst.copy_from_slice(&memory[MARGIN..MARGIN + SIZE]);
            after
                .src
                .copy_from_slice(&memory[stretch + MARGIN..stretch + MARGIN + SIZE]);
            let outside = |at: &usize| {
                !(MARGIN..MARGIN + SIZE).contains(at)
                    && !(stretch + MARGIN..stretch + MARGIN + SIZE).contains(at)
            };
            let wrote = (0..memory.len())
                .filter(outside)
                .any(|at| memory[at] != untouched[at]);
            (result, after, wrote)
        })
        .collect();
    let outside = runs
        .iter()
        .any(|r| r.2 || r.0.signum() != runs[0].0.signum() || r.1 != runs[0].1)
        || (!function.name.contains("cmp") && runs.iter().any(|r| r.0 != runs[0].0));
    Seen {
        result: runs[0].0,
        after: runs[0].1.clone(),
        outside,
    }
}

/// What the model did.
#[derive(Debug, PartialEq, Eq)]
enum Modelled {
    Ended { result: i64, dst: Vec<u8> },
    Violated(String),
    Other(String),
}

fn model(
    loaded: &Loaded,
    name: &str,
    before: &Bytes,
    arguments: Arguments,
    decisions: Vec<ChoiceKind>,
) -> Modelled {
    let contents = |bytes: &[u8]| Contents {
        bytes: vec![(0, bytes.to_vec())],
        pointers: Vec::new(),
    };
    let int = |v: usize| InputValue::Int {
        bits: 64,
        value: v as u128,
    };
    let input = Input {
        function: format!("call_{name}"),
        objects: Vec::new(),
        arguments: vec![int(arguments.d), int(arguments.s), int(arguments.n)],
        globals: vec![
            ("dst".to_owned(), contents(&before.dst)),
            ("src".to_owned(), contents(&before.src)),
        ],
        choices: decisions
            .into_iter()
            .map(|kind| Choice {
                function: String::new(),
                kind,
                writes: Vec::new(),
            })
            .collect(),
    };
    // The conversions of calls.c itself are no part of the test.
    let conversions = |function: FunctionId, id: ObligationId| {
        loaded.program.function(function).obligations[id.index()].property == Property::LossyConversion
    };
    let run = interp::run(
        &loaded.program,
        &input,
        &Limits {
            ignore: Some(&conversions),
            ..Limits::default()
        },
    );
    match run.outcome {
        Outcome::Returned {
            value: Some(Value::Int { bits, value }),
        } => {
            let shown = run.output.iter().filter(|call| call.function == "observe");
            let dst = shown
                .filter_map(|call| match call.arguments.first() {
                    Some(ExternalArgument::Value(Value::Int { value, .. })) => Some(*value as u8),
                    _ => None,
                })
                .collect();
            Modelled::Ended {
                result: signed(bits, value) as i64,
                dst,
            }
        }
        Outcome::Violated {
            function, obligation, ..
        } => {
            let obligation = &loaded.program.function(function).obligations[obligation.index()];
            Modelled::Violated(format!("{}: {}", obligation.property.name(), obligation.text))
        }
        other => Modelled::Other(format!("{other:?}")),
    }
}

/// Numbers from a generator with a fixed seed (Marsaglia's xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    /// Few different letters, so that strings resemble each other; NULs from none to many.
    fn bytes(&mut self, unit: usize) -> [u8; SIZE] {
        if unit == 4 {
            return self.wide_characters();
        }
        let terminators = [0, 1, 2, 4, 8][self.below(5)];
        let alphabet = [b"ab".as_slice(), b"aAbB", b"\x01\x02\x80\xff"][self.below(3)];
        let mut bytes = [0; SIZE];
        bytes.fill_with(|| alphabet[self.below(alphabet.len())]);
        for _ in 0..terminators {
            bytes[self.below(SIZE)] = 0;
        }
        bytes
    }

    fn wide_characters(&mut self) -> [u8; SIZE] {
        let terminators = [0, 1, 1, 2, 4][self.below(5)];
        let alphabet = [[0x61, 0x62, 0x41], [0x100, 0x1_0000, -1]][self.below(2)];
        let mut units = [0i32; SIZE / 4];
        units.fill_with(|| alphabet[self.below(3)]);
        for _ in 0..terminators {
            units[self.below(SIZE / 4)] = 0;
        }
        let mut bytes = [0; SIZE];
        for (cell, unit) in bytes.chunks_exact_mut(4).zip(units) {
            cell.copy_from_slice(&unit.to_le_bytes());
        }
        bytes
    }
}

fn load() -> Loaded {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library_models/calls.c");
    let options = Options::new("cc");
    let loaded = vf_frontend::load(&[file], &options).expect("calls.c loads");
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded
}

#[test]
fn models_agree_with_the_c_library() {
    let loaded = load();
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for function in functions().into_iter().chain(wide::functions()) {
        let (mut inside, mut outside) = (0, 0);
        for _ in 0..400 {
            let before = Bytes {
                dst: numbers.bytes(function.unit),
                src: numbers.bytes(function.unit),
            };
            let arguments = Arguments {
                d: numbers.below(SIZE / function.unit + 1),
                s: numbers.below(SIZE / function.unit + 1),
                n: numbers.below(40 / function.unit),
            };
            let seen = observe(&function, &before, arguments);
            let decisions = (function.decisions)(&before, arguments, seen.result);
            let modelled = model(&loaded, function.name, &before, arguments, decisions);
            let context = || format!("{} {arguments:?} on {before:?}", function.name);
            match modelled {
                Modelled::Violated(what) => {
                    assert!(
                        seen.outside || function.strict,
                        "{what}, but the real one stays inside: {}",
                        context()
                    );
                    outside += 1;
                }
                Modelled::Ended { result, dst } => {
                    assert!(
                        !seen.outside,
                        "no violation, but the real one goes outside: {}",
                        context()
                    );
                    assert_eq!(result, seen.result, "result: {}", context());
                    assert_eq!(dst, seen.after.dst, "bytes: {}", context());
                    assert_eq!(before.src, seen.after.src, "the test's functions leave src alone");
                    inside += 1;
                }
                Modelled::Other(what) => panic!("{what}: {}", context()),
            }
        }
        assert!(
            inside > 20,
            "{}: only {inside} of 400 calls stayed inside",
            function.name
        );
        assert!(
            outside > 5,
            "{}: only {outside} of 400 calls went outside",
            function.name
        );
    }
}
