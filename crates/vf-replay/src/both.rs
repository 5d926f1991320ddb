//! Two versions of a function on one input, compiled: what each does that its caller sees.

use std::collections::BTreeMap;

use vf_ir::input::Input;
use vf_ir::interp::{Cell, Effects, Made, Seen, SeenCall, SeenObject};
use vf_ir::{Body, Program};

use crate::ReplayError;
use crate::build::{compile, find_compiler, has_strict_bounds};
use crate::harness::{self, ASAN_OPTIONS, Build, Harness, Purpose};
use crate::pair::Version;
use crate::replay::{Execution, canonical, ended, run_with, scratch_folder};
use crate::sandbox::{Limits, Sandbox};

/// What an allocator that does not say what its memory holds fills it with, in one run and in another. What differs between
/// the two is indeterminate (C11 3.19.2).
const FILLERS: [u8; 2] = [0xbe, 0x41];
/// Bytes of each block that are filled.
const FILLED: u64 = 1 << 26;

/// An input of both versions.
#[derive(Clone, Copy, Debug)]
pub struct BothRequest<'a> {
    pub before: Version<'a>,
    pub after: Version<'a>,
    pub input: &'a Input,
    pub build: &'a Build,
    pub limits: Limits,
}

/// What the versions did, or how a run ended without a return or with a violation, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Both {
    pub before: Result<Effects, String>,
    pub after: Result<Effects, String>,
    /// What of the input the harness could not set up.
    pub notes: Vec<String>,
}

/// Compiles both versions with a harness that prints what they do, and runs each in the sandbox.
///
/// # Errors
/// When there is no compiler or no sandbox, when C cannot express the input, or when a harness does not compile.
pub fn run_both(request: &BothRequest<'_>) -> Result<Both, ReplayError> {
    let sandbox = Sandbox::probe()?;
    let build = Build {
        compiler: find_compiler(&request.build.compiler)?,
        ..request.build.clone()
    };
    let scratch = scratch_folder()?;
    let strict = has_strict_bounds(&sandbox, &build.compiler, scratch.path());
    let (before, after) = (request.before, request.after);
    let mut harness = harness::write_for(
        &[before.program, after.program],
        request.input,
        std::slice::from_ref(before.source),
        &build,
        strict,
        Purpose::Effects,
    )?;
    for program in [before.program, after.program] {
        harness.define(program, &outside(program));
    }
    Ok(Both {
        before: one(request, before, &sandbox, &mut harness)?,
        after: one(request, after, &sandbox, &mut harness)?,
        notes: harness.notes,
    })
}

/// What the harness itself calls.
const NEEDED: [&str; 24] = [
    "abort", "calloc", "exit", "fflush", "fprintf", "fputs", "free", "malloc", "memcmp", "memcpy", "memmove",
    "memset", "printf", "putchar", "puts", "realloc", "snprintf", "stderr", "stdout", "strchr", "strcmp",
    "strlen", "strncmp", "strnlen",
];

/// Functions out of view: also where the C library happens to have one of that name, the call is seen, and answered as the input
/// says.
fn outside(program: &Program) -> Vec<String> {
    let outside = program.functions.iter().filter(|f| {
        matches!(f.body, Body::Declared)
            && !f.library_model
            && !f.name.starts_with("__")
            && !NEEDED.contains(&f.name.as_str())
    });
    outside.map(|f| f.name.clone()).collect()
}

fn one(
    request: &BothRequest<'_>,
    version: Version<'_>,
    sandbox: &Sandbox,
    harness: &mut Harness,
) -> Result<Result<Effects, String>, ReplayError> {
    harness.set_source(version.source);
    let scratch = scratch_folder()?;
    let folder = canonical(scratch.path())?;
    let function = &request.input.function;
    let binary = compile(sandbox, harness, version.program, function, &folder)?;
    let mut seen: Vec<Effects> = Vec::new();
    for filler in FILLERS {
        let options = format!(
            "{ASAN_OPTIONS}:detect_stack_use_after_return=0:max_malloc_fill_size={FILLED}:malloc_fill_byte={filler}"
        );
        let notes = harness.notes.clone();
        let execution = run_with(
            &options,
            Some(filler),
            sandbox,
            &binary,
            &folder,
            request.limits,
            notes,
        )?;
        match effects(&execution) {
            Ok(effects) => seen.push(effects),
            Err(how) => return Ok(Err(how)),
        }
    }
    let mut seen = seen.into_iter();
    match (seen.next(), seen.next()) {
        (Some(first), Some(second)) => Ok(in_both(first, &second)
            .ok_or_else(|| "what it does depends on memory that nothing was written to".to_string())),
        _ => Ok(Err("it was not run".to_string())),
    }
}

/// What two runs of one version did alike; `None` where they went different ways.
fn in_both(mut first: Effects, second: &Effects) -> Option<Effects> {
    let outline = |e: &Effects| {
        (
            e.returned,
            e.result.clone(),
            e.leaked,
            e.freed.clone(),
            e.calls.clone(),
        )
    };
    if outline(&first) != outline(second) || first.made != second.made {
        return None;
    }
    for (object, cells) in &mut first.written {
        let same = second.written.get(object);
        cells.retain(|at, cell| same.and_then(|same| same.get(at)) == Some(cell));
    }
    Some(first)
}

/// Reads what the harness printed (`vf_observe.c`).
fn effects(execution: &Execution) -> Result<Effects, String> {
    if let Some(finding) = execution.findings.first() {
        return Err(format!("a sanitizer reported: {}", finding.message));
    }
    if !execution.is_clean() {
        return Err(ended(execution));
    }
    let text = execution.finished.stdout_text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("saw "));
    read(lines).ok_or_else(|| "the harness did not say what it saw, or too much".to_string())
}

fn read<'t>(lines: impl Iterator<Item = &'t str>) -> Option<Effects> {
    let mut effects = Effects {
        returned: true,
        ..Effects::default()
    };
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["end"] => return Some(effects),
            ["stop"] => effects.returned = false,
            ["number", bits, high, low] => {
                let value = u128::from(hex(high)?) << 64 | u128::from(hex(low)?);
                effects.result = Some(bits_of(bits, value)?);
            }
            ["result", pointer @ ..] => effects.result = Some(seen(pointer)?),
            ["call", name] => effects.calls.push(SeenCall {
                function: (*name).to_string(),
                arguments: Vec::new(),
            }),
            ["argument", what @ ..] => {
                let argument = match what {
                    ["number", bits, value] => bits_of(bits, u128::from(hex(value)?))?,
                    ["text", bytes] => Seen::Text(bytes_of(bytes)?),
                    ["text"] => Seen::Text(Vec::new()),
                    pointer => seen(pointer)?,
                };
                effects.calls.last_mut()?.arguments.push(argument);
            }
            ["freed", number] => {
                effects.freed.insert(number.parse().ok()?);
            }
            ["block", number, size] => {
                let number: usize = number.parse().ok()?;
                effects.made.push(Made {
                    size: hex(size)?,
                    // Every byte is printed.
                    zeroed: false,
                    ended: false,
                });
                effects.written.entry(SeenObject::Made(number)).or_default();
            }
            ["ended", _, size] => effects.made.push(Made {
                size: hex(size)?,
                zeroed: false,
                ended: true,
            }),
            ["bytes", kind, name, at, bytes] => {
                let (cells, at) = (cells(&mut effects, kind, name)?, hex(at)?);
                let bytes = bytes_of(bytes)?;
                let bytes = (at..).zip(bytes.into_iter().map(Cell::Byte));
                cells.extend(bytes);
            }
            ["pointer", kind, name, at, pointer @ ..] => {
                let pointer = Cell::Pointer(seen(pointer)?);
                let at = hex(at)?;
                cells(&mut effects, kind, name)?.insert(at, pointer);
            }
            ["leaked", number] => effects.leaked = number.parse().ok()?,
            _ => return None,
        }
    }
    None
}

fn cells<'e>(effects: &'e mut Effects, kind: &str, name: &str) -> Option<&'e mut BTreeMap<u64, Cell>> {
    let object = match kind {
        "input" => SeenObject::Input(name.parse().ok()?),
        "made" => SeenObject::Made(name.parse().ok()?),
        "global" => SeenObject::Global(name.to_string()),
        _ => return None,
    };
    Some(effects.written.entry(object).or_default())
}

fn seen(words: &[&str]) -> Option<Seen> {
    let to = |to, offset: &str| {
        Some(Seen::Pointer {
            to,
            offset: hex(offset)?,
        })
    };
    match words {
        ["null"] => Some(Seen::Null),
        ["address", address] => Some(Seen::Address(hex(address)?)),
        ["ended"] => to(SeenObject::Ended, "0"),
        ["input", number, offset] => to(SeenObject::Input(number.parse().ok()?), offset),
        ["made", number, offset] => to(SeenObject::Made(number.parse().ok()?), offset),
        ["global", name, offset] => to(SeenObject::Global((*name).to_string()), offset),
        ["literal", offset, bytes] => to(SeenObject::Literal(bytes_of(bytes)?), offset),
        _ => None,
    }
}

fn bits_of(bits: &str, value: u128) -> Option<Seen> {
    let bits: u32 = bits.parse().ok()?;
    let mask = u128::MAX >> (128 - bits.clamp(1, 128));
    Some(Seen::Bits {
        bits,
        value: value & mask,
    })
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_harness_prints_is_read() {
        let text = "number 32 0 ffffffff\ncall note\nargument number 32 7\nargument text 6869\nargument input 0 4\n\
                    freed 1\nbytes input 0 3 0aff\npointer global g 8 made 0 0\nblock 0 10\nbytes made 0 0 00\n\
                    leaked 2\nend";
        let found = read(text.lines()).expect("read");
        assert_eq!(
            found.result,
            Some(Seen::Bits {
                bits: 32,
                value: 0xffff_ffff
            })
        );
        assert_eq!(found.calls.len(), 1);
        assert_eq!(found.calls[0].arguments[1], Seen::Text(b"hi".to_vec()));
        assert_eq!(found.written[&SeenObject::Input(0)][&4], Cell::Byte(0xff));
        assert_eq!(
            found.made,
            [Made {
                size: 16,
                zeroed: false,
                ended: false
            }]
        );
        assert_eq!((found.leaked, found.freed.len()), (2, 1));
        for broken in [
            "",
            "end of it",
            "number 32 0",
            "bytes input 0 3 0",
            "number 32 0 g\nend",
            "argument null\nend",
        ] {
            assert_eq!(read(broken.lines()), None, "{broken}");
        }
    }
}
