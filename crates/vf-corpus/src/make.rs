//! Makes pairs: functions that are proved, broken until they are refuted.
//!
//! What comes of a function depends on the seed and its number only; how many threads there are changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::generate::{Generated, generate};
use crate::hash::split_of;
use crate::mutate::{Mutant, mutants};
use crate::pair::{About, Refusal, is_fixed, is_proved, is_refuted, record};
use crate::prove::{ProveError, Proved, Prover};
use crate::random::Random;
use crate::record::{Origin, Record, Split};
use crate::report::report;

/// Of what is made here: goes up with every change by which a number makes another function or another pair.
pub const MAKER: u32 = 2;
/// What is made is of this project.
const LICENCE: &str = "MIT OR Apache-2.0";
/// Mutants of one function that are tried, and pairs that are kept of it, at most.
const TRIED: usize = 14;
const KEPT: usize = 6;
/// The same where there is a loop, about which a proof takes many times as long.
const TRIED_WITH_LOOP: usize = 6;
/// Kinds of mistakes of which fewer than one in ten makes a pair, mostly because the function does something else on inputs on which
/// nothing was wrong: they come last, and in one of [`RARELY`] functions only.
const RARELY_KEPT: [&str; 11] = [
    "break-dropped",
    "cast-dropped",
    "comparison-turned",
    "double-free",
    "element-size-dropped",
    "index-shifted",
    "initialiser-dropped",
    "mask-off-by-one",
    "min-for-max",
    "pre-increment",
    "source-length",
];
const RARELY: usize = 4;
/// Mutants of one kind that are tried.
const OF_A_KIND: usize = 2;
/// Functions after which a thread is replaced by another: the solver's context, which belongs to the thread, grows and grows slow.
const OF_A_THREAD: usize = 16;
/// Functions in a row of which nothing was kept, after which a run gives up.
const IN_VAIN: u64 = 20_000;
/// Why a function was passed over whose pairs would be of another split than is wanted.
const OTHER_SPLIT: &str = "other-split";

/// What is to be made.
#[derive(Clone, Debug)]
pub struct MakeOptions {
    pub seed: u64,
    /// Number of the first function.
    pub first: u64,
    /// Pairs that are wanted.
    pub count: usize,
    pub only: Only,
    pub jobs: NonZeroUsize,
    pub compiler: PathBuf,
}

/// Which pairs are wanted; all unless it is said.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// Those of this split: functions of other shapes are passed over before anything is proved of them. Drafts are always of the
    /// training split.
    pub split: Option<Split>,
    /// Those with mistakes of these kinds ([`crate::mutate::KINDS`]); of all kinds, if there are none.
    pub mutations: BTreeSet<String>,
}

/// What became of functions and mutants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Functions that were made.
    pub functions: u64,
    pub functions_proved: u64,
    /// Why functions were thrown away.
    pub functions_rejected: BTreeMap<&'static str, u64>,
    /// Mutants that were brought before the prover.
    pub mutants: u64,
    pub pairs: u64,
    /// Why mutants were thrown away.
    pub mutants_rejected: BTreeMap<&'static str, u64>,
    /// By kind of mutation.
    pub kinds: BTreeMap<&'static str, KindTally>,
}

/// What became of the mutants of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindTally {
    pub tried: u64,
    pub kept: u64,
    pub rejected: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn kept(&mut self, kind: &'static str) {
        self.pairs += 1;
        self.mutants += 1;
        let of_kind = self.kinds.entry(kind).or_default();
        of_kind.tried += 1;
        of_kind.kept += 1;
    }

    fn rejected(&mut self, kind: &'static str, why: Refusal) {
        self.mutants += 1;
        *self.mutants_rejected.entry(why.name()).or_default() += 1;
        let of_kind = self.kinds.entry(kind).or_default();
        of_kind.tried += 1;
        *of_kind.rejected.entry(why.name()).or_default() += 1;
    }

    /// Of a pair that was kept before it was known to be there already.
    fn is_duplicate(&mut self, kind: &str) {
        self.pairs = self.pairs.saturating_sub(1);
        let name = Refusal::Duplicate.name();
        *self.mutants_rejected.entry(name).or_default() += 1;
        if let Some(of_kind) = self.kinds.get_mut(kind) {
            of_kind.kept = of_kind.kept.saturating_sub(1);
            *of_kind.rejected.entry(name).or_default() += 1;
        }
    }

    fn add(&mut self, other: &Tally) {
        fn sum(into: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>) {
            for (name, count) in from {
                *into.entry(name).or_default() += count;
            }
        }
        self.functions += other.functions;
        self.functions_proved += other.functions_proved;
        self.mutants += other.mutants;
        self.pairs += other.pairs;
        sum(&mut self.functions_rejected, &other.functions_rejected);
        sum(&mut self.mutants_rejected, &other.mutants_rejected);
        for (kind, of_kind) in &other.kinds {
            let into = self.kinds.entry(kind).or_default();
            into.tried += of_kind.tried;
            into.kept += of_kind.kept;
            sum(&mut into.rejected, &of_kind.rejected);
        }
    }
}

/// What came of one function.
#[derive(Debug)]
pub struct Made {
    pub number: u64,
    pub records: Vec<Record>,
    pub tally: Tally,
}

/// What a whole run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub schema: &'static str,
    pub seed: u64,
    /// First and last function that was made.
    pub first: u64,
    pub last: u64,
    pub tally: Tally,
    pub shapes: usize,
    pub splits: BTreeMap<Split, u64>,
    pub elapsed_ms: u64,
    pub pairs_per_minute: f64,
    /// The run ended before there were as many pairs as were wanted.
    pub gave_up: bool,
}

/// Makes pairs and hands on each, in the order of the functions' numbers. `progress` is told how it stands after each function.
///
/// # Errors
/// The compiler cannot be run; what `take` says ends the run.
pub fn make<E: From<ProveError>>(
    options: &MakeOptions,
    take: &mut dyn FnMut(Record) -> Result<(), E>,
    progress: &mut dyn FnMut(&Tally),
) -> Result<Summary, E> {
    let started = Instant::now();
    let mut summary = Summary {
        schema: "verify-fix-corpus-make/1",
        seed: options.seed,
        first: options.first,
        last: options.first,
        tally: Tally::default(),
        shapes: 0,
        splits: BTreeMap::new(),
        elapsed_ms: 0,
        pairs_per_minute: 0.0,
        gave_up: false,
    };
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut shapes: BTreeSet<String> = BTreeSet::new();
    let wanted = u64::try_from(options.count).unwrap_or(u64::MAX);
    let mut in_vain = 0;
    let work = |prover: &Prover, number, stop: &AtomicBool| {
        make_until(prover, options.seed, number, &options.only, stop)
    };
    in_order(options, work, &mut |number, made: Made| -> Result<bool, E> {
        summary.last = number;
        in_vain = if made.records.is_empty() { in_vain + 1 } else { 0 };
        let before = summary.tally.pairs;
        summary.tally.add(&made.tally);
        summary.tally.pairs = before;
        for record in made.records {
            if !seen.insert(record.hashes.function.clone()) {
                summary.tally.pairs += 1;
                summary
                    .tally
                    .is_duplicate(record.origin.mutation().unwrap_or_default());
                continue;
            }
            if summary.tally.pairs < wanted {
                summary.tally.pairs += 1;
                shapes.insert(record.hashes.shape.clone());
                *summary.splits.entry(record.split).or_default() += 1;
                take(record)?;
            }
        }
        progress(&summary.tally);
        summary.gave_up = in_vain >= IN_VAIN;
        Ok(summary.tally.pairs < wanted && !summary.gave_up)
    })?;
    let elapsed = started.elapsed();
    summary.shapes = shapes.len();
    summary.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    summary.pairs_per_minute = per_minute(summary.tally.pairs, elapsed);
    Ok(summary)
}

/// Looks at functions side by side and hands on what comes of each, in the order of their numbers, until `take` has enough.
pub(crate) fn in_order<T: Send, E: From<ProveError>>(
    options: &MakeOptions,
    work: impl Fn(&Prover, u64, &AtomicBool) -> Result<T, ProveError> + Sync,
    take: &mut dyn FnMut(u64, T) -> Result<bool, E>,
) -> Result<(), E> {
    let next = AtomicU64::new(options.first);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Few more than there are workers wait, so that none gets far ahead of the others.
        let (send, receive) = mpsc::sync_channel(2 * options.jobs.get());
        for _ in 0..options.jobs.get() {
            let (send, next, stop, work) = (send.clone(), &next, &stop, &work);
            scope.spawn(move || {
                let prover = Prover::new(&options.compiler);
                let some = || {
                    for _ in 0..OF_A_THREAD {
                        if stop.load(Ordering::Relaxed) {
                            return false;
                        }
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let made = work(&prover, number, stop);
                        if send.send((number, made.map(Box::new))).is_err() {
                            return false;
                        }
                    }
                    true
                };
                let fresh = || std::thread::scope(|scope| scope.spawn(some).join());
                while fresh().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {}
            });
        }
        drop(send);
        let result: Result<(), E> = (|| {
            let mut waiting: BTreeMap<u64, Box<T>> = BTreeMap::new();
            let mut at = options.first;
            loop {
                let Ok((number, made)) = receive.recv() else {
                    return Ok(());
                };
                waiting.insert(number, made?);
                while let Some(made) = waiting.remove(&at) {
                    if !take(at, *made)? {
                        return Ok(());
                    }
                    at += 1;
                }
            }
        })();
        stop.store(true, Ordering::Relaxed);
        drop(receive);
        result
    })
}

/// How many a minute.
pub fn per_minute(count: u64, elapsed: Duration) -> f64 {
    let minutes = elapsed.as_secs_f64() / 60.0;
    if minutes > 0.0 {
        count as f64 / minutes
    } else {
        0.0
    }
}

/// The pairs of one function.
///
/// # Errors
/// The compiler cannot be run; whatever else is wrong is counted.
pub fn make_function(prover: &Prover, seed: u64, number: u64) -> Result<Made, ProveError> {
    make_until(prover, seed, number, &Only::default(), &AtomicBool::new(false))
}

/// The same, or a part of it that nobody waits for any more.
fn make_until(
    prover: &Prover,
    seed: u64,
    number: u64,
    only: &Only,
    stop: &AtomicBool,
) -> Result<Made, ProveError> {
    let generated = generate(seed, number);
    let mut made = Made {
        number,
        records: Vec::new(),
        tally: Tally {
            functions: 1,
            ..Tally::default()
        },
    };
    if only
        .split
        .is_some_and(|split| split != split_of(&generated.text, &generated.function))
    {
        made.tally.functions_rejected.insert(OTHER_SPLIT, 1);
        return Ok(made);
    }
    let proved = match proved_function(prover, &generated) {
        Ok(proved) => proved,
        Err(Failed::Fault(error)) => return Err(error),
        Err(Failed::Refused(why)) => {
            made.tally.functions_rejected.insert(why.name(), 1);
            return Ok(made);
        }
    };
    made.tally.functions_proved = 1;
    let mut random = mutating(seed, number);
    let mut chosen = choose(mutants(&generated.text, &generated.function), only, &mut random);
    let loops = ["for (", "while ("]
        .iter()
        .any(|head| generated.text.contains(head));
    chosen.truncate(if loops { TRIED_WITH_LOOP } else { TRIED });
    let texts: Vec<&str> = chosen.iter().map(|m| m.text.as_str()).collect();
    let read = match prover.read(Path::new(&generated.path), &texts) {
        Ok(read) => read,
        Err(error @ ProveError::Compiler { .. }) => return Err(error),
        Err(_) => {
            for mutant in &chosen {
                made.tally.rejected(mutant.kind, Refusal::NotRead);
            }
            return Ok(made);
        }
    };
    let seeds = proved.safe_inputs(&generated.function);
    let mut kinds: BTreeSet<&str> = BTreeSet::new();
    for (mutant, text) in chosen.iter().zip(&read) {
        if made.records.len() >= KEPT || stop.load(Ordering::Relaxed) {
            break;
        }
        if kinds.contains(mutant.kind) {
            continue;
        }
        let found = (|| {
            let before = prover.know(text, &generated.function).map_err(Failed::from)?;
            // A proof that fails costs as much as two that succeed, an execution that shows why next to nothing.
            if before.differs(&proved, &generated.function, &seeds) {
                return Err(Failed::Refused(Refusal::BehaviourNotKept));
            }
            let before = prover.check_known(before);
            is_refuted(&before, &generated.function)?;
            let judged = is_fixed(&before, &proved)?;
            prover.compiles(&mutant.text).map_err(Failed::from)?;
            let about = About {
                id: format!("made-{MAKER}-{seed}-{number}-{}", made.records.len() + 1),
                file: &generated.path,
                function: &generated.function,
                origin: Origin::Made {
                    maker: MAKER,
                    seed,
                    number,
                    pieces: generated.pieces.clone(),
                    mutation: mutant.kind.to_owned(),
                },
                licence: LICENCE,
                report: &mut |target| report(target, &generated.path, &generated.function, &mut random),
            };
            record(about, &before, &proved, &judged).ok_or(Failed::Refused(Refusal::NotFixed))
        })();
        match found {
            Ok(record) => {
                kinds.insert(mutant.kind);
                made.tally.kept(mutant.kind);
                made.records.push(record);
            }
            Err(Failed::Fault(error)) => return Err(error),
            Err(Failed::Refused(why)) => made.tally.rejected(mutant.kind, why),
        }
    }
    Ok(made)
}

/// Why there is no pair.
enum Failed {
    Refused(Refusal),
    /// Of the machine, not of the pair.
    Fault(ProveError),
}

impl From<Refusal> for Failed {
    fn from(why: Refusal) -> Failed {
        Failed::Refused(why)
    }
}

impl From<ProveError> for Failed {
    fn from(error: ProveError) -> Failed {
        match error {
            ProveError::Compiler { .. } => Failed::Fault(error),
            ProveError::Refused { .. } | ProveError::Frontend { .. } => Failed::Refused(Refusal::NotRead),
        }
    }
}

fn proved_function(prover: &Prover, generated: &Generated) -> Result<Proved, Failed> {
    let read = prover.read(Path::new(&generated.path), &[&generated.text])?;
    let text = read.first().ok_or(Failed::Refused(Refusal::NotRead))?;
    let proved = prover.check(text, &generated.function)?;
    is_proved(&proved, &generated.function)?;
    prover.compiles(&generated.text)?;
    Ok(proved)
}

/// The mutants of a function that are tried first.
pub(crate) fn chosen(generated: &Generated, options: &MakeOptions, number: u64, most: usize) -> Vec<Mutant> {
    let mut random = mutating(options.seed, number);
    let mut chosen = choose(
        mutants(&generated.text, &generated.function),
        &options.only,
        &mut random,
    );
    chosen.truncate(most);
    chosen
}

/// What chooses among the mutants of a function.
fn mutating(seed: u64, number: u64) -> Random {
    Random::new(seed ^ 0x6d75_7461_6e74_7321, number)
}

/// Mutants in an order in which many kinds come early.
fn choose(mut all: Vec<Mutant>, only: &Only, random: &mut Random) -> Vec<Mutant> {
    let asked_for = !only.mutations.is_empty();
    all.retain(|m| !asked_for || only.mutations.contains(m.kind));
    random.shuffle(&mut all);
    let mut of_kind: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, Mutant)> = Vec::new();
    let rare = random.below(RARELY) == 0 || asked_for;
    for mutant in all {
        if RARELY_KEPT.contains(&mutant.kind) && !rare {
            continue;
        }
        let rank = of_kind.entry(mutant.kind).or_default();
        if *rank < OF_A_KIND {
            let late = usize::from(RARELY_KEPT.contains(&mutant.kind));
            ranked.push((*rank + late, mutant));
        }
        *rank += 1;
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, mutant)| mutant).collect()
}
