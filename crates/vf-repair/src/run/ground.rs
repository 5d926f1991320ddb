//! What stays the same while candidates are judged, and the judgement: it may be asked on several threads at once.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use vf_verify::report::{ObligationReport, Verdict};

use crate::certify::{CertifyError, ProvenPatch, certify};
use crate::checker::{CheckError, CheckRequest, Checked, Checker};
use crate::ctext::alpha::{Macros, modulo_names};
use crate::ctext::functions::functions;
use crate::ctext::lex::{mentions, normalised};
use crate::judge::{Outcome, Version, changes};
use crate::locate::Place;
use crate::proposer::Failure;

/// The function under repair as it was, and what is asked of it.
pub(super) struct Ground {
    pub place: Place,
    /// The text as it was, with its verdicts.
    pub original: Version,
    /// The original with every function of the file checked: for changes that reach further than one function.
    pub original_all: Mutex<Option<Arc<Version>>>,
    /// Whether the compiler takes the original: only then is its word on a candidate worth anything.
    pub compiled: bool,
    /// Ids in `original` that must be proved.
    pub targets: Vec<String>,
    /// The macros that the file sees, where the compiler says so.
    pub macros: Option<Macros>,
}

/// A text that candidates start from.
#[derive(Clone)]
pub(super) struct Current {
    pub text: Arc<str>,
    pub checked: Checked,
    /// Targets (ids in the original) not proved in this text.
    pub open: Vec<String>,
}

/// What the check of one candidate gave.
pub(super) enum Judged {
    Proven(Box<ProvenPatch>),
    Partial(Box<Current>),
    Failed(Failure),
}

impl Ground {
    /// What a text is known by: two of the same form differ in layout or in names of locals and labels at most.
    pub fn forms(&self, text: &str) -> Forms {
        let macros = self.macros.as_ref();
        let form = |text: &str| -> Form { Sha256::digest(text.as_bytes()).into() };
        let renamed = macros.and_then(|macros| modulo_names(text, &self.place.function, macros));
        Forms {
            plain: form(&normalised(text)),
            modulo_names: renamed.as_deref().map(form),
        }
    }

    /// Checks a text that a candidate may make of `current`.
    pub fn judge(
        &self,
        checker: &mut dyn Checker,
        text: &str,
        current: &Current,
        time_left: Option<Duration>,
    ) -> Result<Judged, CheckError> {
        let reaches_out = self.reaches_out(text);
        let names = if reaches_out {
            Vec::new()
        } else {
            with_callers(text, &self.place.function)
        };
        let path = self.place.source.path.clone();
        let all = match reaches_out {
            true => Some(self.original_all(checker, time_left)?),
            false => None,
        };
        if self.compiled
            && let Err(message) = checker.compiles(&path, text)
        {
            return Ok(Judged::Failed(Failure::DoesNotParse { message }));
        }
        let overlay = [(path.clone(), text.to_owned())];
        let mut question = CheckRequest {
            file: &path,
            overlay: &overlay,
            functions: &names,
            time_left,
            verdicts_only: true,
        };
        let checked = match checker.check(&question) {
            Ok(checked) => checked,
            Err(CheckError::Load { message, .. }) => {
                return Ok(Judged::Failed(Failure::DoesNotParse { message }));
            }
        };
        let text: Arc<str> = Arc::from(text);
        let after = version(&path, text.clone(), &checked);
        let before = all.as_deref().unwrap_or(&self.original);
        let relative = &self.place.source.relative;
        let (function, targets) = (&self.place.function, &self.targets);
        let certified = |after: &Version| certify(relative, function, before, after, targets, time_left);
        let error = match certified(&after) {
            Ok(patch) => {
                // Who reads a patch is told what would help where something beside it is open still.
                let mut reported = after.report.functions.iter().flat_map(|f| &f.obligations);
                let open =
                    |o: &ObligationReport| !matches!(o.verdict, Verdict::Proved | Verdict::Unreachable);
                question.verdicts_only = false;
                let in_full = match reported.any(open) {
                    true => checker.check(&question).ok(),
                    false => None,
                };
                let in_full = in_full.and_then(|checked| certified(&version(&path, text, &checked)).ok());
                return Ok(Judged::Proven(Box::new(in_full.unwrap_or(patch))));
            }
            Err(error) => error,
        };
        let changes = changes(before, &after);
        let outcome_of = |id: &String| {
            changes.iter().find_map(|c| {
                let index = c.before?.obligations.iter().position(|o| o.id == *id)?;
                Some(c.outcome(index))
            })
        };
        let open: Vec<String> = self
            .targets
            .iter()
            .filter(|id| outcome_of(id) != Some(Outcome::Fixed))
            .cloned()
            .collect();
        let fixes_more = current.open.iter().any(|id| !open.contains(id));
        let loses_none = open.iter().all(|id| current.open.contains(id));
        let sound = changes.iter().all(|c| c.introduced().is_empty() && !c.lost());
        if let CertifyError::TargetNotProved { .. } = &error
            && fixes_more
            && loses_none
            && sound
            && !open.is_empty()
            && !reaches_out
        {
            return Ok(Judged::Partial(Box::new(Current { text, checked, open })));
        }
        Ok(Judged::Failed(self.explain(error, &open, before, &after)))
    }

    /// The original with every function checked; whoever comes first checks it, the others wait.
    fn original_all(
        &self,
        checker: &mut dyn Checker,
        time_left: Option<Duration>,
    ) -> Result<Arc<Version>, CheckError> {
        let mut all = self.original_all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = &*all {
            return Ok(all.clone());
        }
        let path = &self.place.source.path;
        let question = CheckRequest {
            file: path,
            overlay: &[],
            functions: &[],
            time_left,
            verdicts_only: false,
        };
        let checked = checker.check(&question)?;
        let found = Arc::new(version(path, self.place.source.text.clone(), &checked));
        *all = Some(found.clone());
        Ok(found)
    }

    /// Whether a text changes more than the body of the function: then every function of the file is judged.
    fn reaches_out(&self, text: &str) -> bool {
        let around = |text: &str| {
            functions(text)
                .into_iter()
                .find(|f| f.name == self.place.function)
                .and_then(|f| {
                    Some(normalised(&format!(
                        "{} {}",
                        text.get(..f.body.start)?,
                        text.get(f.body.end..)?
                    )))
                })
        };
        around(text) != around(&self.place.source.text)
    }

    fn explain(&self, error: CertifyError, open: &[String], before: &Version, after: &Version) -> Failure {
        match error {
            CertifyError::Refused(refusal) => Failure::Refused { refusal },
            CertifyError::Introduced { obligations } => Failure::Introduced { obligations },
            CertifyError::TargetNotProved { obligation } => {
                let mut obligations = vec![*obligation];
                for change in changes(before, after) {
                    for (b, a, _) in &change.alignment.pairs {
                        let old = change.before.and_then(|f| f.obligations.get(*b));
                        let new = change.after.and_then(|f| f.obligations.get(*a));
                        if let (Some(old), Some(new)) = (old, new)
                            && open.contains(&old.id)
                            && new.verdict != Verdict::Proved
                            && !obligations.iter().any(|o| o.id == new.id)
                        {
                            obligations.push(new.clone());
                        }
                    }
                }
                Failure::StillFails { obligations }
            }
            other => Failure::NotCertified {
                why: other.to_string(),
            },
        }
    }
}

/// SHA-256 of a text: a run keeps the form of all that it has seen.
pub(super) type Form = [u8; 32];

/// See [`Ground::forms`].
pub(super) struct Forms {
    pub plain: Form,
    pub modulo_names: Option<Form>,
}

/// The function and those of the file that call it: a change of what it returns can break them.
pub(super) fn with_callers(text: &str, function: &str) -> Vec<String> {
    let mut names = vec![function.to_string()];
    for other in functions(text) {
        let body = text.get(other.body.clone()).unwrap_or("");
        if other.name != function && mentions(body, function) {
            names.push(other.name);
        }
    }
    names
}

pub(super) fn version(path: &Path, text: Arc<str>, checked: &Checked) -> Version {
    Version {
        files: vec![(path.to_string_lossy().into_owned(), text)],
        report: checked.report.clone(),
        executions: checked.executions.iter().cloned().collect(),
    }
}
