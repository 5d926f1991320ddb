//! Reading what the sanitizers print.
//!
//! AddressSanitizer ends the run at its first report; UndefinedBehaviorSanitizer goes on. The texts are those
//! of GCC's and LLVM's `compiler-rt` run-times, which share them.

use serde::{Deserialize, Serialize};
use vf_ir::Property;

/// What a sanitizer, the C library or the run-time of the harness saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Violation {
    /// An access outside an object (or outside an array inside one).
    OutOfBounds,
    /// An access where nothing is mapped, far from null.
    WildAccess,
    NullDereference,
    /// Use after free, after return or after scope.
    UseAfterEnd,
    /// Freeing what is not the start of a live heap object.
    BadFree,
    SignedOverflow,
    Shift,
    DivisionByZero,
    /// An allocation larger than any object can be, or a variable-length array of no positive length.
    AllocationSize,
    /// Arguments a library function does not take: overlapping ranges, negative sizes, null.
    LibraryArguments,
    Assertion,
    /// Code that must not be reached.
    UnreachableCode,
    /// Something else, kept for the reader.
    Other,
}

/// One place of a stack trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub function: String,
    pub file: String,
    pub line: u32,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub violation: Violation,
    /// Whether memory was written (`true`) or read, where the report says.
    pub write: Option<bool>,
    /// What was reported, without the addresses, which differ between runs.
    pub message: String,
    /// Innermost first. Empty where the report names no place in source text.
    pub frames: Vec<Frame>,
}

/// Whether any sanitizer looks for violations of the property. Not for those that C defines (unsigned wrap, lost
/// bits), nor for reads of what was never written (that is MemorySanitizer's, which needs another build).
pub fn is_visible(property: Property) -> bool {
    !matches!(
        property,
        Property::UnsignedWrap | Property::LossyConversion | Property::Initialized | Property::MemoryLeak
    )
}

impl Finding {
    /// Whether this is how a violation of the property shows itself. The access's direction must agree where
    /// both sides know it.
    pub fn shows(&self, property: Property) -> bool {
        use Property as P;
        use Violation as V;
        let direction = match property {
            P::ValidRead => self.write != Some(true),
            P::ValidWrite => self.write != Some(false),
            _ => true,
        };
        direction
            && match property {
                P::IndexUpperBound | P::IndexLowerBound | P::ValidRead | P::ValidWrite => {
                    matches!(self.violation, V::OutOfBounds | V::WildAccess)
                }
                P::NotNull => self.violation == V::NullDereference,
                P::SignedOverflow => self.violation == V::SignedOverflow,
                P::ShiftInRange => self.violation == V::Shift,
                P::DivisorNonzero => self.violation == V::DivisionByZero,
                P::AllocationSize => self.violation == V::AllocationSize,
                P::Lifetime => matches!(self.violation, V::UseAfterEnd | V::BadFree),
                P::Precondition => matches!(self.violation, V::LibraryArguments | V::BadFree),
                P::Assertion => self.violation == V::Assertion,
                P::UnreachableCode => self.violation == V::UnreachableCode,
                // See `is_visible`.
                P::UnsignedWrap | P::LossyConversion | P::Initialized | P::MemoryLeak => false,
            }
    }
}

/// Every report in a program's standard error.
pub fn findings(stderr: &str) -> Vec<Finding> {
    let lines: Vec<&str> = stderr.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let rest = lines.get(index + 1..).unwrap_or_default();
        if let Some(finding) = undefined_behaviour(line, rest)
            .or_else(|| address_error(line, rest))
            .or_else(|| failed_assertion(line, rest))
        {
            found.push(finding);
        }
    }
    found
}

/// `file:line:column: runtime error: message`.
fn undefined_behaviour(line: &str, rest: &[&str]) -> Option<Finding> {
    let (place, message) = line.split_once(": runtime error: ")?;
    let mut parts = place.rsplitn(3, ':');
    let _column = parts.next()?;
    let at = parts.next()?.parse().ok().zip(parts.next());
    let mut frames = frames(rest);
    if let Some((line, file)) = at
        && frames.first().is_none_or(|f| f.line != line)
    {
        frames.insert(
            0,
            Frame {
                function: String::new(),
                file: file.to_string(),
                line,
            },
        );
    }
    Some(Finding {
        violation: undefined_kind(message),
        write: direction_of(message),
        message: message.to_string(),
        frames,
    })
}

fn undefined_kind(message: &str) -> Violation {
    let has = |what: &str| message.contains(what);
    if has("null pointer passed as argument") {
        Violation::LibraryArguments
    } else if has("offset") && has("null pointer") {
        // Arithmetic on null: undefined (C11 6.5.6p8), but no dereference yet.
        Violation::Other
    } else if has("null pointer") {
        Violation::NullDereference
    } else if has("signed integer overflow") && !has("unsigned integer overflow") || has("negation of") {
        Violation::SignedOverflow
    } else if has("division by zero") {
        Violation::DivisionByZero
    } else if has("division of") {
        // `division of -2147483648 by -1 cannot be represented in type 'int'`
        Violation::SignedOverflow
    } else if has("shift exponent") || has("left shift of") {
        Violation::Shift
    } else if has("out of bounds for type") || has("insufficient space for an object") {
        Violation::OutOfBounds
    } else if has("variable length array bound") {
        Violation::AllocationSize
    } else if has("unreachable program point") || has("end of a value-returning function") {
        Violation::UnreachableCode
    } else {
        Violation::Other
    }
}

fn direction_of(message: &str) -> Option<bool> {
    if message.starts_with("store to") {
        Some(true)
    } else if message.starts_with("load of") {
        Some(false)
    } else {
        None
    }
}

/// `==pid==ERROR: AddressSanitizer: kind ...`, the access on one of the next lines, then the stack.
fn address_error(line: &str, rest: &[&str]) -> Option<Finding> {
    let (_, message) = line.split_once("ERROR: AddressSanitizer: ")?;
    let until_next = rest.iter().take_while(|l| !l.starts_with("SUMMARY:")).copied();
    let mut write = None;
    // `stack-buffer-overflow on address 0x... at pc 0x...`: the addresses tell nobody anything.
    let what = message.split(" on address").next().unwrap_or(message);
    let what = what.split(" (pc ").next().unwrap_or(what);
    let mut message = what.split(": 0x").next().unwrap_or(what).to_string();
    if let Some(access) = until_next
        .clone()
        .take(8)
        .find(|l| l.contains(" of size ") && l.contains(" at 0x"))
    {
        let access = access.split(" at 0x").next().unwrap_or(access);
        message.push_str(&format!(", {}", access.to_lowercase()));
    }
    for line in until_next.clone().take(8) {
        if line.starts_with("WRITE of size") || line.contains("caused by a WRITE memory access") {
            write = Some(true);
        } else if line.starts_with("READ of size") || line.contains("caused by a READ memory access") {
            write = Some(false);
        }
    }
    let zero_page = until_next.clone().any(|l| l.contains("points to the zero page"));
    let kind = what.split_whitespace().next().unwrap_or_default();
    let violation = match kind {
        "heap-buffer-overflow"
        | "stack-buffer-overflow"
        | "stack-buffer-underflow"
        | "dynamic-stack-buffer-overflow"
        | "global-buffer-overflow"
        | "container-overflow"
        | "intra-object-overflow"
        | "use-after-poison"
        | "unknown-crash" => Violation::OutOfBounds,
        "heap-use-after-free" | "stack-use-after-return" | "stack-use-after-scope" => Violation::UseAfterEnd,
        "attempting" | "bad-free" | "double-free" | "alloc-dealloc-mismatch" => Violation::BadFree,
        "SEGV" | "BUS" if zero_page => Violation::NullDereference,
        "SEGV" | "BUS" => Violation::WildAccess,
        "FPE" => Violation::DivisionByZero,
        "ABRT" => Violation::Assertion,
        "ILL" => Violation::UnreachableCode,
        "negative-size-param" => Violation::LibraryArguments,
        "requested" | "calloc-overflow" | "reallocarray-overflow" | "allocation-size-too-big" => {
            Violation::AllocationSize
        }
        _ if kind.ends_with("-param-overlap") => Violation::LibraryArguments,
        _ => Violation::Other,
    };
    // The stack of the error itself ends at the first empty line; allocation stacks follow it.
    let skipped = rest
        .iter()
        .take_while(|l| !l.trim_start().starts_with('#'))
        .count();
    let frames = frames(rest.get(skipped..).unwrap_or_default());
    Some(Finding {
        violation,
        write,
        message,
        frames,
    })
}

/// `program: file:line: function: Assertion `text' failed.` (glibc), or the harness's own words.
fn failed_assertion(line: &str, rest: &[&str]) -> Option<Finding> {
    let precondition = line.strip_prefix("vf-replay: precondition violated: ");
    let own = line
        .strip_prefix("vf-replay: assertion violated: ")
        .or(precondition);
    let violation = if precondition.is_some() {
        Violation::LibraryArguments
    } else {
        Violation::Assertion
    };
    if own.is_none() && !(line.contains(": Assertion `") && line.ends_with("failed.")) {
        return None;
    }
    let mut found = Vec::new();
    if own.is_none() {
        let mut parts = line.splitn(5, ':').map(str::trim).skip(1);
        if let (Some(file), Some(Ok(number)), Some(function)) =
            (parts.next(), parts.next().map(str::parse), parts.next())
        {
            found.push(Frame {
                function: function.to_string(),
                file: file.to_string(),
                line: number,
            });
        }
    }
    let stack = rest.iter().position(|l| l.trim_start().starts_with("#0 "));
    found.extend(frames(stack.and_then(|at| rest.get(at..)).unwrap_or_default()));
    Some(Finding {
        violation,
        write: None,
        message: line.to_string(),
        frames: found,
    })
}

/// `    #1 0x... in function file:line[:column]`, up to the first other line. Frames without a line are
/// those of libraries.
fn frames(lines: &[&str]) -> Vec<Frame> {
    lines
        .iter()
        .take_while(|l| l.trim_start().starts_with('#'))
        .filter_map(|line| {
            let (_, place) = line.split_once(" in ")?;
            let (function, place) = place.split_once(' ')?;
            let mut parts = place.rsplit(':');
            let last: u32 = parts.next()?.parse().ok()?;
            let second: Option<u32> = parts.next().and_then(|p| p.parse().ok());
            let (line, colons) = second.map_or((last, 1), |line| (line, 2));
            let file = place.rsplitn(colons + 1, ':').last()?;
            Some(Frame {
                function: function.to_string(),
                file: file.to_string(),
                line,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
