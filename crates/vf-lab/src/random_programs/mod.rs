//! Random programs: the prover's verdicts against executions.
//!
//! A campaign is a seed and a number of programs. Each is generated ([`generate()`]), checked as a whole program, and
//! executed on random and boundary inputs three times over: natively under AddressSanitizer and
//! UndefinedBehaviorSanitizer, natively under MemorySanitizer where a clang has it, and by the IR interpreter. The
//! three must agree with the verdicts and with each other ([`judge()`]); whatever does not is a [`Defect`]:
//!
//! - an obligation that is `proved` or `unreachable` is violated by an execution;
//! - a sanitizer reports at a place where all obligations are proved, or where the interpreter sees nothing;
//! - the interpreter and the processor return different results;
//! - a counterexample violates nothing when it is executed;
//! - a place that an execution comes to with its result is `proved` to be out of reach (`probe`);
//! - the checker panics, or refuses a valid program.
//!
//! A program with a defect is reduced ([`reduce()`]) to the lines that matter.
//!
//! Everything is a function of the seed: the programs, the inputs, and, with a resource limit for the solver instead of
//! a time limit, the verdicts.

mod campaign;
mod defect;
mod execute;
mod generate;
mod inputs;
mod interpret;
mod judge;
mod probe;
mod random;
mod reduce;

pub use campaign::{Campaign, Judged, Summary};
pub use defect::Defect;
pub use execute::{ExecuteError, Machine};
pub use generate::{GeneratedProgram, generate};
pub use judge::{JudgeOptions, Judgement, judge, open_properties};
pub use random::Random;
pub use reduce::reduce;
