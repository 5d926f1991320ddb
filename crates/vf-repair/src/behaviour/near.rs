//! Inputs near one that is known.

use std::collections::BTreeSet;

use vf_ir::input::{ChoiceKind, Contents, Input, InputValue};

/// Inputs made of each that is known.
const NEAR: usize = 1_200;
/// Bytes of an object that are changed.
const BYTES: u64 = 64;
/// Room that an object is given where numbers are changed: who passes a larger number has a larger object.
const ROOM: u64 = 4096;
/// Small numbers that are tried as arguments, besides those of the text.
const SMALL: u128 = 12;

/// Changes of an input in one number; at most [`NEAR`].
pub(super) fn changes(input: &Input, constants: &BTreeSet<u128>) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    for (place, value) in input.arguments.iter().enumerate() {
        let InputValue::Int { bits, value } = value else {
            continue;
        };
        let mut others = values(*bits, *value, constants);
        others.extend((3..SMALL).filter(|small| small != value));
        let changes = others.into_iter();
        all.extend(changes.map(|other| Change::Argument(place, *bits, other)));
    }
    let mut found = Vec::new();
    for (number, choice) in input.choices.iter().enumerate() {
        match &choice.kind {
            ChoiceKind::Value(InputValue::Int { bits, value }) => {
                let others = values(*bits, *value, constants).into_iter();
                found.extend(others.map(|other| Change::Chosen(number, *bits, other)));
            }
            ChoiceKind::Bytes(bytes) => {
                let contents = of_bytes(bytes);
                let others = other_words(&contents, bytes.len() as u64, constants).into_iter();
                found.extend(others.map(|word| Change::Given(number, word)));
            }
            ChoiceKind::AllocationFails(_) => found.push(Change::Fails(number)),
            ChoiceKind::Value(InputValue::Pointer(_) | InputValue::Float) => {}
        }
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
    // All of the arguments; of contents, some from everywhere.
    let step = found.len().div_ceil(NEAR).max(1);
    all.extend(found.into_iter().step_by(step));
    all.truncate(NEAR);
    all
}

/// A word of an object: place, width in bytes, value.
type Word = (u64, u64, u128);

/// What one input has else than another.
pub(super) enum Change {
    /// The number of the argument, its width in bits, its value.
    Argument(usize, u32, u128),
    Object(usize, Word),
    Global(usize, Word),
    /// Of the outside's decisions: a number, its width in bits, its value.
    Chosen(usize, u32, u128),
    /// Bytes that it gives.
    Given(usize, Word),
    /// Whether an allocation fails: the other way.
    Fails(usize),
}

impl Change {
    pub(super) fn of(&self, input: &Input) -> Input {
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
            Change::Chosen(number, bits, value) => {
                if let Some(choice) = near.choices.get_mut(number) {
                    choice.kind = ChoiceKind::Value(InputValue::Int { bits, value });
                }
            }
            Change::Given(number, (at, width, value)) => {
                if let Some(ChoiceKind::Bytes(bytes)) = near.choices.get_mut(number).map(|c| &mut c.kind) {
                    for (k, slot) in (0..width).zip(bytes.iter_mut().skip(at as usize)) {
                        *slot = (value >> (8 * k)) as u8;
                    }
                }
            }
            Change::Fails(number) => {
                if let Some(ChoiceKind::AllocationFails(fails)) =
                    near.choices.get_mut(number).map(|c| &mut c.kind)
                {
                    *fails = !*fails;
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

fn of_bytes(bytes: &[u8]) -> Contents {
    Contents {
        bytes: vec![(0, bytes.to_vec())],
        pointers: Vec::new(),
    }
}

/// The same input with a number in digits wherever text may lie: in objects of characters, and in what the outside gives.
pub(super) fn with_digits(input: &Input, digit: u8) -> Input {
    let mut other = input.clone();
    for object in other.objects.iter_mut().filter(|o| is_text(&o.element_type)) {
        let length = object.size.saturating_sub(1).min(ROOM) as usize;
        if object.contents.pointers.is_empty() {
            object.contents = of_bytes(&vec![digit; length]);
        }
    }
    for choice in &mut other.choices {
        // More than what is asked for is not read.
        if let ChoiceKind::Bytes(bytes) = &mut choice.kind {
            *bytes = vec![digit; ROOM as usize];
        }
    }
    other
}

fn is_text(element: &str) -> bool {
    matches!(element, "char" | "signed char" | "unsigned char")
}
