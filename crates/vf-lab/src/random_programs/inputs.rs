//! Inputs of generated programs: decisions in the order in which the program asks.

use vf_ir::input::{Choice, ChoiceKind, Input, InputValue};

use super::random::Random;

/// Decisions of one input. A program that asks for more gets zeros.
const DECISIONS: usize = 24;

/// Values around which behaviour changes: limits of types, small sizes.
const BOUNDARIES: [u64; 26] = [
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    15,
    16,
    31,
    32,
    100,
    101,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
];

/// So many inputs of `main`: the first ones repeat one boundary value each, the others mix.
pub fn random_inputs(random: &mut Random, count: usize) -> Vec<Input> {
    (0..count)
        .map(|number| {
            let choices = match BOUNDARIES.get(number / 2) {
                Some(value) if number < count / 2 => {
                    let value = if number % 2 == 0 {
                        *value
                    } else {
                        value.wrapping_neg()
                    };
                    (0..DECISIONS).map(|_| value_choice(value)).collect()
                }
                _ => mixed(random),
            };
            Input {
                function: "main".to_string(),
                choices,
                ..Input::default()
            }
        })
        .collect()
}

fn mixed(random: &mut Random) -> Vec<Choice> {
    let mut choices: Vec<Choice> = (0..DECISIONS)
        .map(|_| {
            let value = match random.below(4) {
                0 => random.next(),
                1 => random.below(20) as u64,
                _ => {
                    let value = random.pick(&BOUNDARIES).copied().unwrap_or(0);
                    if random.percent(30) {
                        value.wrapping_neg()
                    } else {
                        value
                    }
                }
            };
            value_choice(value)
        })
        .collect();
    if random.percent(8) {
        let at = random.below(6);
        choices.insert(
            at,
            Choice {
                function: String::new(),
                kind: ChoiceKind::AllocationFails(true),
                writes: Vec::new(),
            },
        );
    }
    choices
}

fn value_choice(value: u64) -> Choice {
    Choice {
        function: String::new(),
        kind: ChoiceKind::Value(InputValue::Int {
            bits: 64,
            value: u128::from(value),
        }),
        writes: Vec::new(),
    }
}
