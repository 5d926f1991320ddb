//! What checkers with scripted verdicts share.

use std::sync::Arc;

use vf_frontend::Options;
use vf_repair::{CheckError, CheckRequest, Checker, ProverChecker};
use vf_verify::{CheckOptions, Executions};

/// The program of the text that is asked about, to be executed: verdicts may be scripted, what both versions do is not.
pub fn executions(request: &CheckRequest<'_>) -> Result<Arc<Executions>, CheckError> {
    let check = CheckOptions::default();
    let loaded = ProverChecker::new(Options::new("cc"), check.clone()).load(request)?;
    let program = loaded.expect("the prover loads").program;
    Ok(Arc::new(Executions::new(&program, &check)))
}
