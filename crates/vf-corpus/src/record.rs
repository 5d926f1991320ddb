//! One pair of the corpus: a version of a function that is refuted, the patch to one that is proved, and what was found of both.

use std::fmt;

use serde::{Deserialize, Serialize};
use vf_repair::{Behaviour, PatchVerdict};
use vf_verify::report::{Counterexample, Overall, Verdict};

/// What a record calls itself.
pub const SCHEMA: &str = "verify-fix-corpus/1";

/// One line of a corpus file; `docs/schema.md` says what each field means.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub schema: String,
    /// Of its own in the whole corpus.
    pub id: String,
    pub split: Split,
    pub origin: Origin,
    /// An SPDX expression.
    pub licence: String,
    /// Path of the C file, as the report and the patch have it.
    pub file: String,
    /// The function at fault.
    pub function: String,
    /// A bug report in the text form that `verify-fix repair --report` reads.
    pub report: String,
    /// The whole file with the defect; it includes nothing.
    pub before: String,
    /// The fix: a patch of the file, as `git diff` writes it.
    pub after: String,
    pub context: Context,
    /// Obligations of the function, in the order of the source.
    pub obligations_before: Vec<Obligation>,
    pub obligations_after: Vec<Obligation>,
    /// An execution of the version before that violates the reported obligation; the interpreter has seen it.
    pub counterexample: PairCounterexample,
    pub verdicts: Verdicts,
    /// Whether the fix keeps what the function does on inputs on which nothing was wrong: `preserved` or `vacuous`.
    pub behaviour: Behaviour,
    /// What the proofs rest on, the usual reading of the parameters included.
    pub assumptions: Vec<String>,
    pub hashes: Hashes,
}

/// What a record is for; decided by the shape of the fixed function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    Train,
    Validation,
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        })
    }
}

/// Where a pair comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Origin {
    /// `corpus make`: the function with this number under this seed, broken in this way.
    Made {
        /// Version of the makers; another one makes other functions of the same numbers.
        maker: u32,
        seed: u64,
        number: u64,
        /// What the function is put together from.
        pieces: Vec<String>,
        /// The kind of the mutation.
        mutation: String,
    },
    /// `corpus mine`: found in the history of a repository, and cut down to what the function needs.
    Mined {
        /// What the repository is called.
        repository: String,
        /// The commit before, with the path of the file.
        source: String,
        /// The commit that is the fix.
        fix: String,
    },
    /// `corpus import`: found in files that somebody gave.
    Imported {
        /// The file before, as it was given.
        source: String,
        /// The patch or the file after, as it was given.
        fix: String,
    },
}

impl Origin {
    /// The kind of the mutation that broke the function.
    pub fn mutation(&self) -> Option<&str> {
        match self {
            Origin::Made { mutation, .. } => Some(mutation),
            Origin::Imported { .. } | Origin::Mined { .. } => None,
        }
    }
}

/// What of the file before is not the function at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// First and last line of the function in `before`; the other lines are its context.
    pub function_lines: [u32; 2],
    /// Functions that it calls and that are only declared.
    pub calls: Vec<String>,
}

/// One obligation with its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligation {
    pub id: String,
    pub property: String,
    pub cwe: String,
    pub line: u32,
    pub column: u32,
    /// The source text of the operation.
    pub text: String,
    pub verdict: Verdict,
}

/// A counterexample with the obligation that it violates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairCounterexample {
    pub obligation: String,
    #[serde(flatten)]
    pub found: Counterexample,
}

/// Verdicts on both versions and on the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    pub before: Overall,
    pub after: Overall,
    pub patch: PatchVerdict,
}

/// SHA-256, the first 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Of both versions of the function, modulo layout, comments and the names of locals: equal pairs are one pair.
    pub function: String,
    /// Of the fixed function's shape: its tokens without names and values.
    pub shape: String,
}

impl Record {
    /// The whole file with the fix.
    ///
    /// # Errors
    /// The patch does not apply to the file.
    pub fn fixed(&self) -> Result<String, vf_source::diff::DiffError> {
        let patch = vf_source::diff::Patch::parse(&self.after)?;
        match patch.files.as_slice() {
            [file] => vf_source::diff::apply(file, &self.before),
            _ => Ok(self.before.clone()),
        }
    }
}
