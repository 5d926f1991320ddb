//! What the statements for a `sscanf` allow, against the C library: random sources are read by the real function; the
//! statements, told which conversions matched and what they stored, must accept that and end in the same state.

use std::ffi::{CString, c_char};
use std::path::Path;

use vf_frontend::{Loaded, Options};
use vf_ir::input::{Choice, ChoiceKind, Contents, Input, InputValue};
use vf_ir::interp::{self, ExternalArgument, Limits, Outcome, Value, signed};

const SIZE: usize = 32;
/// What the objects hold before; no digit and no letter, so that what was written shows.
const UNTOUCHED: u8 = 0xee;

/// One piece of a format, as the rewriting treats it.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Literal,
    /// `%*d`.
    Skipped,
    /// So many bytes.
    Number(usize),
    /// `%3c`.
    Characters(usize),
    Text,
    /// `%n`.
    Count,
}

use Piece::{Characters, Count, Literal, Number, Skipped, Text};

/// The formats of scans.c.
const FORMATS: &[(&str, &[Piece])] = &[
    ("%d %d %d", &[Number(4), Number(4), Number(4)]),
    ("%d,%3s%n", &[Number(4), Literal, Text, Count]),
    ("%2s%hd", &[Text, Number(2)]),
    ("%*d%c%s", &[Skipped, Characters(1), Text]),
    ("%3c%x", &[Characters(3), Number(4)]),
    (" %[ab]%ld%n", &[Text, Number(8), Count]),
    ("%hhd:%5[^,]%llu", &[Number(1), Literal, Text, Number(8)]),
    ("%*[ab]%i%s", &[Skipped, Number(4), Text]),
];

type Objects = [[u8; SIZE]; 3];

fn real(source: &CString, format: &str) -> (i32, Objects) {
    let format = CString::new(format).expect("no NUL");
    let mut objects = [[UNTOUCHED; SIZE]; 3];
    let [a, b, c] = &mut objects;
    let at = |object: &mut [u8; SIZE]| object.as_mut_ptr().cast::<c_char>();
    // SAFETY: the source has fewer than 32 characters, so that no conversion stores more than 32 bytes.
    let result = unsafe { libc::sscanf(source.as_ptr(), format.as_ptr(), at(a), at(b), at(c)) };
    (result, objects)
}

fn value(bits: u32, value: u64) -> ChoiceKind {
    ChoiceKind::Value(InputValue::Int {
        bits,
        value: u128::from(value),
    })
}

/// What the statements are told, in the order in which they ask.
fn decisions(pieces: &[Piece], result: i32, objects: &Objects) -> Vec<ChoiceKind> {
    let stored = usize::try_from(result).unwrap_or(0);
    let counted = |object: usize| objects.get(object).is_some_and(|o| o[0] != UNTOUCHED);
    let mut told = Vec::new();
    let mut object = 0;
    let mut conversions = 0;
    // Whether something behind the piece was stored: then the piece matched.
    let later = |object: usize, conversions: usize, rest: &[Piece]| {
        let only_count = matches!(rest, [Count]);
        conversions < stored || (only_count && counted(object))
    };
    for (i, piece) in pieces.iter().enumerate() {
        let matched = match piece {
            Literal | Skipped => later(object, conversions, &pieces[i + 1..]),
            Count => counted(object),
            _ => conversions < stored,
        };
        if !matches!(piece, Count) {
            told.push(value(8, u64::from(matched)));
        }
        let bytes = objects.get(object).map_or(&[][..], |o| o.as_slice());
        match piece {
            Literal | Skipped => continue,
            Number(size) => told.push(ChoiceKind::Bytes(bytes[..*size].to_vec())),
            Count => told.push(ChoiceKind::Bytes(bytes[..4].to_vec())),
            Characters(size) => {
                if *size > 1 {
                    // So many were stored before the input ended.
                    let part = bytes.iter().take_while(|b| **b != UNTOUCHED).count();
                    told.push(value(64, part as u64));
                }
                told.push(ChoiceKind::Bytes(bytes[..*size].to_vec()));
            }
            Text => {
                let length = bytes.iter().position(|b| *b == 0).filter(|_| matched);
                told.push(value(64, length.unwrap_or(0) as u64));
                told.push(ChoiceKind::Bytes(bytes[..length.unwrap_or(0)].to_vec()));
            }
        }
        object += 1;
        if !matches!(piece, Count) {
            conversions += 1;
        }
    }
    told.push(value(8, u64::from(result < 0)));
    told
}

fn modelled(loaded: &Loaded, number: usize, source: &CString, told: Vec<ChoiceKind>) -> (i32, Vec<u8>) {
    let contents = |bytes: &[u8]| Contents {
        bytes: vec![(0, bytes.to_vec())],
        pointers: Vec::new(),
    };
    let objects = ["a", "b", "c"].map(|name| (name.to_owned(), contents(&[UNTOUCHED; SIZE])));
    let mut globals = objects.to_vec();
    globals.push(("src".to_owned(), contents(source.as_bytes_with_nul())));
    let choice = |kind| Choice {
        function: String::new(),
        kind,
        writes: Vec::new(),
    };
    let input = Input {
        function: format!("scan_{number}"),
        objects: Vec::new(),
        arguments: Vec::new(),
        globals,
        choices: told.into_iter().map(choice).collect(),
    };
    let run = interp::run(&loaded.program, &input, &Limits::default());
    let Outcome::Returned {
        value: Some(Value::Int { bits, value }),
    } = run.outcome
    else {
        panic!("{:?}: {:?} on {source:?}", FORMATS[number], run.outcome);
    };
    let shown = run.output.iter().filter(|call| call.function == "observe");
    let bytes = shown.filter_map(|call| match call.arguments.first() {
        Some(ExternalArgument::Value(Value::Int { value, .. })) => Some(*value as u8),
        _ => None,
    });
    (signed(bits, value) as i32, bytes.collect())
}

#[test]
fn sscanf_does_what_its_statements_allow() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library_models/scans.c");
    let options = Options::new("cc");
    let mut loaded = vf_frontend::load(&[file], &options).expect("scans.c loads");
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    vf_verify::format::expand_format_calls(&mut loaded.program);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % limit
    };
    for (number, (format, pieces)) in FORMATS.iter().enumerate() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let length = below(16);
            let text: Vec<u8> = (0..length).map(|_| b"  12-,:abx"[below(10)]).collect();
            let source = CString::new(text).expect("no NUL");
            let (result, objects) = real(&source, format);
            let told = decisions(pieces, result, &objects);
            let (returned, left) = modelled(&loaded, number, &source, told);
            assert_eq!(returned, result, "{format} on {source:?}");
            assert_eq!(left, objects.as_flattened(), "{format} on {source:?}");
            seen.insert(result);
        }
        assert!(seen.len() >= 3, "{format}: only the results {seen:?}");
    }
}
