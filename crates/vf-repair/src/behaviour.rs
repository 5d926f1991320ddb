//! Whether a change keeps what a function does, as far as executions tell.
//!
//! Both versions are executed on the same inputs: those that the prover finds safe in either version, those of its
//! counterexamples, and many that lie near them. Where the old version breaks nothing and does something else than the new one
//! (another result, other bytes written, other calls of functions without body), behaviour is *changed*, and the input is shown. No
//! difference proves nothing: that is for a proof over both versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vf_ir::input::{Contents, Input, InputValue};
use vf_ir::interp::{Cell, Effects, Seen, SeenCall, SeenObject};
use vf_verify::{Executions, SafeExecution};

/// Inputs that are tried, at most.
const TRIES: usize = 4_000;
/// Inputs made of each that is known.
const NEAR: usize = 400;
/// Bytes of an object that are changed.
const BYTES: u64 = 64;
/// Room that an object is given where numbers are changed: who passes a larger number has a larger object.
const ROOM: u64 = 4096;
/// Places that are shown of what was written.
const SHOWN: usize = 6;

/// An input on which the old version breaks nothing, and what both versions do on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub function: String,
    /// The input in source terms.
    pub inputs: BTreeMap<String, String>,
    /// In machine form, from which it is executed.
    pub input: Input,
    /// What differs: of the old version, and of the new one.
    pub before: Vec<String>,
    pub after: Vec<String>,
}

impl fmt::Display for Difference {
    /// `on i = 3, it returns 5 before and 0 after`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<String> = self
            .inputs
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        write!(f, "on {}: {}", inputs.join(", "), self.before.join(", "))?;
        write!(f, " before; {} after", self.after.join(", "))
    }
}

/// Looks for an input on which the two versions of a function differ. `known` are inputs to begin with.
pub fn difference(
    before: &Executions,
    after: &Executions,
    function: &str,
    known: &[Input],
    time: Duration,
) -> Option<Difference> {
    let started = Instant::now();
    let left = || time.saturating_sub(started.elapsed());
    let mut seeds: Vec<Input> = known.iter().filter(|i| i.function == function).cloned().collect();
    seeds.extend(before.safe_inputs(function, left() / 3));
    seeds.extend(after.safe_inputs(function, left() / 3));
    // A global is part of the input even where the solver knew no use for what it held.
    let globals = before.globals(function);
    for seed in &mut seeds {
        let missing = globals
            .iter()
            .filter(|g| seed.globals.iter().all(|(name, _)| name != *g));
        let missing: Vec<(String, Contents)> = missing.map(|g| (g.clone(), Contents::default())).collect();
        seed.globals.extend(missing);
    }
    let spoken = before.constants(function);
    let mut constants = spoken.clone();
    constants.extend(after.constants(function));
    let look = |input: &Input| compare((before, after), function, &spoken, input);
    if let Some(found) = seeds.iter().find_map(look) {
        return Some(found);
    }
    let near = seeds.iter().flat_map(|seed| neighbours(seed, &constants));
    near.take(TRIES)
        .take_while(|_| !left().is_zero())
        .find_map(|input| look(&input))
}

/// Both versions on one input. Nothing is said where the old version is not safe on it, where the new one is not (its obligations
/// say that), or where the two ask the outside differently: the answers would not belong to the same questions.
fn compare(
    (before, after): (&Executions, &Executions),
    function: &str,
    spoken: &BTreeSet<u128>,
    input: &Input,
) -> Option<Difference> {
    let input = &before.tight(input);
    let old = before.run(input)?;
    let new = after.run(input)?;
    let same = old.effects == new.effects || both_refuse(&old.effects, &new.effects, spoken);
    if same || !same_questions(&old, &new) {
        return None;
    }
    let old_program = before;
    let (before, after) = Words { input }.differing(&old.effects, &new.effects);
    Some(Difference {
        function: function.to_owned(),
        inputs: old_program.in_words(input),
        input: input.clone(),
        before,
        after,
    })
}

/// Whether both versions do nothing but return an error, and one that the old version knows. A check that is made stricter often
/// stands before another one: which of several reasons an input is refused for is then no change
/// (`docs/decisions/0007-which-error.md`).
fn both_refuse(old: &Effects, new: &Effects, spoken: &BTreeSet<u128>) -> bool {
    /// The last page of addresses holds the kernel's error codes (`MAX_ERRNO`).
    const MOST: i128 = 4095;
    let error = |effects: &Effects| {
        let Some(Seen::Bits { bits, value }) = effects.result else {
            return false;
        };
        let signed = vf_ir::interp::signed(bits, value);
        let written = spoken.contains(&value) || spoken.contains(&signed.unsigned_abs());
        let silent = effects.written.is_empty() && effects.calls.is_empty() && effects.freed.is_empty();
        (-MOST..0).contains(&signed) && written && silent
    };
    error(old) && error(new)
}

/// Whether the outside answered both versions the same as far as both asked. Where they ask for different things, it is only
/// the calls that can be told apart.
fn same_questions(old: &SafeExecution, new: &SafeExecution) -> bool {
    let together = old.asked.iter().zip(&new.asked);
    let names = |e: &SafeExecution| {
        e.effects
            .calls
            .iter()
            .map(|c| c.function.clone())
            .collect::<Vec<_>>()
    };
    together.into_iter().all(|(a, b)| a == b) || names(old) != names(new)
}

/// Inputs that differ from one in a number or two; at most [`NEAR`].
fn neighbours(input: &Input, constants: &BTreeSet<u128>) -> Vec<Input> {
    let mut found: Vec<Change> = Vec::new();
    for (place, value) in input.arguments.iter().enumerate() {
        let InputValue::Int { bits, value } = value else {
            continue;
        };
        let others = values(*bits, *value, constants).into_iter();
        found.extend(others.map(|other| Change::Argument(place, *bits, other)));
    }
    for (number, object) in input.objects.iter().enumerate() {
        let others = other_words(&object.contents, object.size, constants).into_iter();
        found.extend(others.map(|word| Change::Object(number, word)));
    }
    for (number, (_, contents)) in input.globals.iter().enumerate() {
        // What lies past its end is not written.
        let others = other_words(contents, BYTES, constants).into_iter();
        found.extend(others.map(|word| Change::Global(number, word)));
    }
    // The first come first: arguments before contents, and of these the near ones; the rest is spread.
    let step = found.len().div_ceil(NEAR).max(1);
    let spread = (0..step).flat_map(|first| found.iter().skip(first).step_by(step));
    // Inputs are large, and changes of them many: only those that are tried are made.
    spread.take(NEAR).map(|change| change.of(input)).collect()
}

/// A word of an object: place, width in bytes, value.
type Word = (u64, u64, u128);

/// What one input has else than another.
enum Change {
    /// The number of the argument, its width in bits, its value.
    Argument(usize, u32, u128),
    Object(usize, Word),
    Global(usize, Word),
}

impl Change {
    fn of(&self, input: &Input) -> Input {
        let mut near = roomy(input);
        match *self {
            Change::Argument(place, bits, value) => {
                if let Some(argument) = near.arguments.get_mut(place) {
                    *argument = InputValue::Int { bits, value };
                }
            }
            Change::Object(number, (at, width, value)) => {
                if let Some(object) = near.objects.get_mut(number) {
                    put(&mut object.contents, at, width, value);
                }
            }
            Change::Global(number, (at, width, value)) => {
                if let Some((_, contents)) = near.globals.get_mut(number) {
                    put(contents, at, width, value);
                }
            }
        }
        near
    }
}

/// Other values for the words of an object where no pointer lies.
fn other_words(contents: &Contents, size: u64, constants: &BTreeSet<u128>) -> Vec<Word> {
    let mut found = Vec::new();
    for width in [4u64, 1, 2, 8] {
        for at in (0..size.min(BYTES)).step_by(width as usize) {
            let end = at + width;
            let pointer = |(place, _): &(u64, _)| *place < end && at < place.saturating_add(8);
            if end > size || contents.pointers.iter().any(pointer) {
                continue;
            }
            let others = values(8 * width as u32, word(contents, at, width), constants);
            found.extend(others.into_iter().map(|other| (at, width, other)));
        }
    }
    found
}

/// The same input in objects that hold more.
fn roomy(input: &Input) -> Input {
    let mut roomy = input.clone();
    for object in &mut roomy.objects {
        // A string ends where it ended.
        object.size = object.size.max(ROOM);
    }
    roomy
}

/// Numbers worth trying in the place of another.
fn values(bits: u32, value: u128, constants: &BTreeSet<u128>) -> Vec<u128> {
    let mask = u128::MAX >> (128 - bits.clamp(1, 128));
    let near = [value.wrapping_sub(1), value.wrapping_add(1)];
    let usual = [0, 1, 2, mask, mask >> 1, (mask >> 1).wrapping_add(1)];
    let spoken = constants
        .iter()
        .flat_map(|c| [c.wrapping_sub(1), *c, c.wrapping_add(1)]);
    let mut seen = BTreeSet::from([value & mask]);
    near.into_iter()
        .chain(spoken)
        .chain(usual)
        .map(|v| v & mask)
        .filter(|v| seen.insert(*v))
        .collect()
}

fn word(contents: &Contents, at: u64, width: u64) -> u128 {
    let byte = |place: u64| {
        let run = contents
            .bytes
            .iter()
            .find(|(start, run)| *start <= place && place - start < run.len() as u64);
        run.and_then(|(start, run)| run.get((place - start) as usize))
            .copied()
            .unwrap_or(0)
    };
    (0..width)
        .rev()
        .fold(0, |value, k| value << 8 | u128::from(byte(at + k)))
}

fn put(contents: &mut Contents, at: u64, width: u64, value: u128) {
    for k in 0..width {
        let (place, byte) = (at + k, (value >> (8 * k)) as u8);
        let run = contents
            .bytes
            .iter_mut()
            .find(|(start, run)| *start <= place && place - *start < run.len() as u64);
        match run.and_then(|(start, run)| run.get_mut((place - *start) as usize)) {
            Some(slot) => *slot = byte,
            None => contents.bytes.push((place, vec![byte])),
        }
    }
}

/// Says in source terms what was seen.
struct Words<'a> {
    input: &'a Input,
}

impl Words<'_> {
    /// What each of the two does that the other does not.
    fn differing(&self, old: &Effects, new: &Effects) -> (Vec<String>, Vec<String>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if (old.returned, &old.result) != (new.returned, &new.result) {
            before.push(self.end(old));
            after.push(self.end(new));
        }
        let objects: BTreeSet<&SeenObject> = old.written.keys().chain(new.written.keys()).collect();
        let mut shown = 0;
        for object in objects {
            let (was, is) = (old.written.get(object), new.written.get(object));
            let places: BTreeSet<u64> = [was, is]
                .into_iter()
                .flatten()
                .flat_map(|c| c.keys().copied())
                .collect();
            for at in places {
                let (was, is) = (was.and_then(|c| c.get(&at)), is.and_then(|c| c.get(&at)));
                if was == is || shown == SHOWN {
                    continue;
                }
                shown += 1;
                before.push(self.write_word(object, at, was));
                after.push(self.write_word(object, at, is));
            }
        }
        if old.freed != new.freed {
            let list = |e: &Effects| format!("frees {} objects of its caller", e.freed.len());
            before.push(list(old));
            after.push(list(new));
        }
        let same = old
            .calls
            .iter()
            .zip(&new.calls)
            .take_while(|(a, b)| a == b)
            .count();
        if same < old.calls.len() || same < new.calls.len() {
            before.push(self.call_word(old.calls.get(same)));
            after.push(self.call_word(new.calls.get(same)));
        }
        (before, after)
    }

    fn end(&self, effects: &Effects) -> String {
        match (&effects.result, effects.returned) {
            (_, false) => "does not return".to_owned(),
            (None, true) => "returns".to_owned(),
            (Some(value), true) => format!("returns {}", self.value_word(value)),
        }
    }

    fn value_word(&self, value: &Seen) -> String {
        match value {
            Seen::Bits { bits, value } => {
                let signed = vf_ir::interp::signed(*bits, *value);
                signed.to_string()
            }
            Seen::Null => "a null pointer".to_owned(),
            Seen::Address(address) => format!("the address {address:#x}"),
            Seen::Pointer { to, offset } => format!("a pointer to byte {offset} of {}", self.object_word(to)),
            Seen::Text(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        }
    }

    fn object_word(&self, object: &SeenObject) -> String {
        match object {
            SeenObject::Input(number) => match self.input.objects.get(*number) {
                Some(object) => format!("`{}`", object.name),
                None => "an object of the caller".to_owned(),
            },
            SeenObject::Global(name) => format!("`{name}`"),
            SeenObject::Literal(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            SeenObject::Function(name) => format!("`{name}()`"),
            SeenObject::Made(number) => format!("new block {number}"),
            SeenObject::Ended => "an object that has ended".to_owned(),
        }
    }

    fn write_word(&self, object: &SeenObject, at: u64, cell: Option<&Cell>) -> String {
        let mut text = format!("byte {at} of {}: ", self.object_word(object));
        let _ = match cell {
            None => write!(text, "as it was"),
            Some(Cell::Byte(byte)) => write!(text, "{byte}"),
            Some(Cell::Pointer(pointer)) => write!(text, "{}", self.value_word(pointer)),
        };
        text
    }

    fn call_word(&self, call: Option<&SeenCall>) -> String {
        match call {
            None => "calls nothing more".to_owned(),
            Some(call) => {
                let arguments: Vec<String> = call.arguments.iter().map(|a| self.value_word(a)).collect();
                format!("calls `{}({})`", call.function, arguments.join(", "))
            }
        }
    }
}
