//! Whether a change keeps what a function does, as far as executions tell.
//!
//! Both versions are executed on the same inputs: those that the prover finds safe in either version, those of its
//! counterexamples, and many that lie near them. Where the old version breaks nothing and does something else than the new one
//! (another result, other bytes written, other calls of functions without body), behaviour is *changed*, and the input is shown. No
//! difference proves nothing: that is for a proof over both versions.

pub mod compiled;
mod near;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vf_ir::input::{Contents, Input};
use vf_ir::interp::{Effects, Seen};
use vf_source::SourceMap;
use vf_verify::report::ObligationReport;
use vf_verify::{Executions, SafeExecution};

use near::{Change, changes, with_digits};
use words::Words;

/// Inputs that are tried, at most.
const TRIES: usize = 20_000;
/// The same where no clock ends the search.
const FEWER_TRIES: usize = 2_000;
/// Inputs after which nothing else is expected to break.
const PATIENCE: usize = 60;
/// What text is filled with: numbers of every length, small ones and large ones.
const DIGITS: [u8; 2] = [b'0', b'1'];

/// An input on which the old version breaks nothing, and what both versions do on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub function: String,
    /// The input in source terms.
    pub inputs: BTreeMap<String, String>,
    /// In machine form, from which it is executed.
    pub input: Input,
    /// How the old version is read: it breaks nothing on the input, or what it breaks is passed over.
    pub reading: Reading,
    pub confirmed_by: ConfirmedBy,
    /// Why the compiled versions were not run, or ended otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_run: Option<String>,
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

/// Who saw a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfirmedBy {
    /// The interpreter of the IR.
    Interpreter,
    /// Both versions, compiled and run in the replay sandbox; the interpreter too.
    Sandbox,
}

/// How the old version is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// Inputs on which it breaks nothing.
    Safe,
    /// Failure-obliviously, where it is safe on no input that comes to what was changed: what it writes past the end of an object
    /// is kept, as if the object went on, and is compared as far as the new version's object goes (Rinard et al., "Enhancing
    /// Server Availability and Security Through Failure-Oblivious Computing", OSDI 2004).
    Oblivious,
}

/// Looks for an input on which the two versions of a function differ. `known` are inputs to begin with.
pub fn difference(
    before: &Executions,
    after: &Executions,
    function: &str,
    reading: Reading,
    known: &[Input],
    time: Duration,
) -> Option<Difference> {
    let started = Instant::now();
    let repeats = before.repeats() && after.repeats();
    let left = || {
        if repeats {
            time
        } else {
            time.saturating_sub(started.elapsed())
        }
    };
    let mut seeds: Vec<Input> = known.iter().filter(|i| i.function == function).cloned().collect();
    seeds.extend(before.safe_inputs(function, left() / 3));
    seeds.extend(after.safe_inputs(function, left() / 3));
    let look = Look {
        before,
        after,
        function,
        reading,
    };
    look.near(seeds, if repeats { FEWER_TRIES } else { TRIES }, &|| {
        !left().is_zero()
    })
}

/// An input near the given ones on which the two versions of a function differ and the old one breaks nothing; `tries` are executed, at
/// most, and no solver is asked. For who makes many changes and wants most of those that change behaviour to be gone at once.
pub fn difference_near(
    before: &Executions,
    after: &Executions,
    function: &str,
    seeds: &[Input],
    tries: usize,
) -> Option<Difference> {
    let look = Look {
        before,
        after,
        function,
        reading: Reading::Safe,
    };
    look.near(seeds.to_vec(), tries, &|| true)
}

/// Inputs near the given ones, those themselves first: of every kind of change one after the other.
fn near<'a>(seeds: &'a [Input], constants: &BTreeSet<u128>) -> impl Iterator<Item = Input> + use<'a> {
    // All of them in turn: what the time is not enough for is the far end of each.
    let changes: Vec<Vec<Change>> = seeds.iter().map(|seed| changes(seed, constants)).collect();
    let rounds = changes.iter().map(Vec::len).max().unwrap_or(0);
    let changed = (0..rounds).flat_map(move |round| {
        let of_round = seeds.iter().zip(&changes);
        let found = of_round.filter_map(|(seed, changes)| Some(changes.get(round)?.of(seed)));
        found.collect::<Vec<Input>>()
    });
    seeds.iter().cloned().chain(changed)
}

/// What inputs near the given ones violate, each operation once, as far as executions show it: `tries` of them, at most.
pub fn violations_near(
    program: &Executions,
    sources: &SourceMap,
    function: &str,
    seeds: &[Input],
    tries: usize,
) -> Vec<ObligationReport> {
    let inputs = near(seeds, &program.constants(function)).take(tries);
    program.violations(sources, inputs.map(|input| program.tight(&input)), PATIENCE)
}

/// The versions that are executed side by side.
#[derive(Clone, Copy)]
struct Look<'a> {
    before: &'a Executions,
    after: &'a Executions,
    function: &'a str,
    reading: Reading,
}

impl Look<'_> {
    fn near(self, mut seeds: Vec<Input>, tries: usize, goes_on: &dyn Fn() -> bool) -> Option<Difference> {
        // A global is part of the input even where the solver knew no use for what it held.
        let globals = self.before.globals(self.function);
        for seed in &mut seeds {
            let missing = globals
                .iter()
                .filter(|g| seed.globals.iter().all(|(name, _)| name != *g));
            let missing: Vec<(String, Contents)> =
                missing.map(|g| (g.clone(), Contents::default())).collect();
            seed.globals.extend(missing);
        }
        let spoken = self.before.constants(self.function);
        let mut constants = spoken.clone();
        constants.extend(self.after.constants(self.function));
        let texts = seeds
            .iter()
            .flat_map(|seed| DIGITS.map(|digit| with_digits(seed, digit)));
        let texts: Vec<Input> = texts.collect();
        seeds.extend(texts);
        // Those that are given cost no try.
        let given = seeds.len();
        near(&seeds, &constants)
            .take(given.saturating_add(tries))
            .enumerate()
            .take_while(|(number, _)| *number < given || goes_on())
            .find_map(|(_, input)| self.at(&spoken, &input))
    }

    /// Both versions on one input. Nothing is said where the old version is not safe on it, where the new one is not (its
    /// obligations say that), or where the two ask the outside differently: the answers would not belong to the same questions.
    fn at(self, spoken: &BTreeSet<u128>, input: &Input) -> Option<Difference> {
        let input = &self.before.tight(input);
        let new = self.after.run(input)?;
        let old = match self.reading {
            Reading::Safe => self.before.run(input)?,
            Reading::Oblivious => self.before.run_obliviously(input, &new.effects)?,
        };
        let same = old.effects.are_kept_by(&new.effects) || both_refuse(&old.effects, &new.effects, spoken);
        if same || !same_questions(&old, &new) {
            return None;
        }
        let (before, after) = Words { input }.differing(&old.effects, &new.effects);
        Some(Difference {
            function: self.function.to_owned(),
            inputs: self.before.in_words(input),
            input: input.clone(),
            reading: self.reading,
            confirmed_by: ConfirmedBy::Interpreter,
            not_run: None,
            before,
            after,
        })
    }
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
    error(old) && error(new) && new.leaked <= old.leaked
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
