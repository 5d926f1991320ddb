//! Confirmation: does executing the input show the violation that the solver's model promises?

use vf_ir::input::Input;

use crate::analysis::Context;
use crate::engine::CheckKey;
use crate::report::Counterexample;

pub enum Confirmation {
    Seen(Box<Counterexample>),
    NotSeen(String),
}

pub fn confirm(_context: &Context<'_>, _input: &Input, _key: &CheckKey) -> Confirmation {
    Confirmation::NotSeen("the interpreter is not there yet".into())
}
