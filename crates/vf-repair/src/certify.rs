//! The one door to a [`ProvenPatch`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use vf_verify::report::{ObligationReport, Verdict};

use crate::behaviour::Difference;
use crate::judge::{
    Behaviour, ComparedFunction, Outcome, PatchReport, PatchVerdict, Version, changes, judge,
};
use crate::kept::{Kept, kept};
use crate::untrusted::{Refusal, compare};

/// A change that was proven to repair what it was made for. Only [`certify`] makes one.
#[derive(Clone, Debug)]
pub struct ProvenPatch {
    file: PathBuf,
    function: String,
    old: Arc<str>,
    new: Arc<str>,
    report: PatchReport,
    assumptions: Vec<String>,
}

impl ProvenPatch {
    /// Path of the file, relative to the tree.
    pub fn file(&self) -> &Path {
        &self.file
    }
    pub fn function(&self) -> &str {
        &self.function
    }
    pub fn old_text(&self) -> &str {
        &self.old
    }
    pub fn new_text(&self) -> &str {
        &self.new
    }
    /// Both versions with every verdict.
    pub fn report(&self) -> &PatchReport {
        &self.report
    }
    /// What the proofs of the function rest on, each once.
    pub fn assumptions(&self) -> &[String] {
        &self.assumptions
    }
    /// The patch in the form that `git apply` takes, with `a/` and `b/` before the path in the tree.
    pub fn diff(&self) -> String {
        crate::patch_text::unified(&self.file, &self.old, &self.new)
    }
}

/// Why a change is no proven repair.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CertifyError {
    #[error("the change is not one a candidate may make: {0}")]
    Refused(#[from] Refusal),
    #[error("no obligation was named that the change has to fix")]
    NoTarget,
    #[error("there is no obligation `{id}` in the old version")]
    UnknownTarget { id: String },
    #[error("obligation `{id}` was {verdict} before the change; there was nothing to fix", verdict = crate::proposer::verdict_word(*.verdict))]
    TargetNotOpen { id: String, verdict: Verdict },
    #[error(
        "function `{function}` has no obligation in the new version; a function that does nothing is no repair"
    )]
    NothingChecked { function: String },
    #[error("the front end does not understand function `{function}` in the new version: {why}")]
    Unsupported { function: String, why: String },
    #[error("{} of `{}` is {}", .obligation.property, .obligation.text, crate::proposer::verdict_word(.obligation.verdict))]
    TargetNotProved { obligation: Box<ObligationReport> },
    #[error("`{text}` is gone and nothing proved stands in its place")]
    TargetVanished { id: String, text: String },
    #[error("`{text}` can no longer be reached")]
    MadeUnreachable { id: String, text: String },
    #[error("{} obligations are newly unproved", .obligations.len())]
    Introduced { obligations: Vec<ObligationReport> },
    #[error("`{statement}` was dropped; a repair keeps what the function does")]
    Dropped { statement: String },
    #[error("it changes what the function does where nothing was wrong: {difference}")]
    Changed { difference: Box<Difference> },
    #[error("it is not proved that `{function}` does the same where nothing was wrong: {why}")]
    NotPreserved { function: String, why: String },
}

/// What is demanded of every proven fix, of a patch that somebody wrote as of a candidate of a repair: something that was open is
/// proved, nothing of what is asked about is open still, nothing is further from a proof than before, and every function whose code
/// changed is proved to do what it did (or, where the old version always fails, what it did within its bounds). This is the only
/// place that says [`PatchVerdict::ProvenFix`]; anything less is `otherwise`.
pub(crate) fn demanded(demands: &Demands<'_>, otherwise: PatchVerdict) -> PatchVerdict {
    let keeps = |c: &ComparedFunction| matches!(c.behaviour, Behaviour::Preserved | Behaviour::Vacuous);
    let is_met = !demands.fixed.is_empty()
        && demands.open.is_empty()
        && demands.introduced.is_empty()
        // No comparison at all shows nothing.
        && !demands.compared.is_empty()
        && demands.compared.iter().all(keeps);
    if is_met {
        PatchVerdict::ProvenFix
    } else {
        otherwise
    }
}

/// Ids of obligations, and what the comparison of both versions says.
pub(crate) struct Demands<'a> {
    pub fixed: &'a [String],
    pub open: &'a [String],
    pub introduced: &'a [String],
    pub compared: &'a [ComparedFunction],
}

/// Certifies a change of one function in one file.
///
/// `targets` are ids of obligations of `before` that were refuted or unknown. Demanded: each target is proved
/// in `after` (reached, not merely unreachable), itself or through everything at the statement that replaced
/// it; nothing is further from a proof than it was; nothing that could be reached before is now out of reach;
/// the text stays where a candidate may go
/// ([`crate::untrusted`]) and keeps every statement ([`crate::kept`], where another variable in a condition is kept by the proof that follows); and it is proved that the new version does the same wherever
/// the old one breaks nothing ([`vf_verify::preservation`]), and what the old one did within its bounds where it always breaks something.
/// `time` bounds that proof.
pub fn certify(
    file: &Path,
    function: &str,
    before: &Version,
    after: &Version,
    targets: &[String],
    time: Option<Duration>,
) -> Result<ProvenPatch, CertifyError> {
    let text = |version: &Version| version.files.first().map_or(Arc::from(""), |(_, t)| t.clone());
    let (old, new) = (text(before), text(after));
    compare(&old, &new, function)?;
    if targets.is_empty() {
        return Err(CertifyError::NoTarget);
    }
    let changes = changes(before, after);
    let main = changes
        .iter()
        .find(|c| c.before.is_some_and(|f| f.name == function));
    let after_function = main.and_then(|c| c.after);
    match after_function {
        Some(f) => {
            if let Some(why) = &f.unsupported {
                return Err(CertifyError::Unsupported {
                    function: function.to_string(),
                    why: why.clone(),
                });
            }
            if f.obligations.is_empty() {
                return Err(CertifyError::NothingChecked {
                    function: function.to_string(),
                });
            }
        }
        None => {
            return Err(CertifyError::NothingChecked {
                function: function.to_string(),
            });
        }
    }
    for id in targets {
        let place = changes.iter().find_map(|c| {
            let index = c.before?.obligations.iter().position(|o| o.id == *id)?;
            Some((c, index, c.before?.obligations.get(index)?))
        });
        let Some((change, index, target)) = place else {
            return Err(CertifyError::UnknownTarget { id: id.clone() });
        };
        if !matches!(
            target.verdict,
            Verdict::Refuted | Verdict::Unknown | Verdict::ProvedToBound
        ) {
            return Err(CertifyError::TargetNotOpen {
                id: id.clone(),
                verdict: target.verdict,
            });
        }
        match change.outcome(index) {
            Outcome::Fixed => {}
            Outcome::Unreachable => {
                return Err(CertifyError::MadeUnreachable {
                    id: id.clone(),
                    text: target.text.clone(),
                });
            }
            Outcome::Vanished => {
                return Err(CertifyError::TargetVanished {
                    id: id.clone(),
                    text: target.text.clone(),
                });
            }
            Outcome::Open(_) => {
                let now = change
                    .alignment
                    .after_of(index)
                    .and_then(|(j, _)| change.after?.obligations.get(j));
                let obligation = Box::new(now.unwrap_or(target).clone());
                return Err(CertifyError::TargetNotProved { obligation });
            }
        }
    }
    let introduced: Vec<ObligationReport> = changes.iter().flat_map(|c| c.introduced()).cloned().collect();
    if !introduced.is_empty() {
        return Err(CertifyError::Introduced {
            obligations: introduced,
        });
    }
    for change in &changes {
        if change.lost() {
            let (name, why) = change
                .after
                .map_or(("", None), |f| (f.name.as_str(), f.unsupported.clone()));
            return Err(CertifyError::Unsupported {
                function: name.to_string(),
                why: why.unwrap_or_default(),
            });
        }
        for (b, a, _) in &change.alignment.pairs {
            let (Some(old), Some(new)) = (
                change.before.and_then(|f| f.obligations.get(*b)),
                change.after.and_then(|f| f.obligations.get(*a)),
            ) else {
                continue;
            };
            if new.verdict == Verdict::Unreachable && old.verdict != Verdict::Unreachable {
                return Err(CertifyError::MadeUnreachable {
                    id: old.id.clone(),
                    text: old.text.clone(),
                });
            }
        }
    }
    let kept = kept(&old, &new, function);
    if let Kept::Dropped(statement) = kept {
        return Err(CertifyError::Dropped { statement });
    }
    let mut report = judge(before, after, time);
    if let Some(difference) = report.difference {
        return Err(CertifyError::Changed {
            difference: Box::new(difference),
        });
    }
    if let Some(open) = report
        .compared
        .iter()
        .find(|c| !matches!(c.behaviour, Behaviour::Preserved | Behaviour::Vacuous))
    {
        return Err(CertifyError::NotPreserved {
            function: open.function.clone(),
            why: open.open.join("; "),
        });
    }
    if !report.compared.iter().any(|c| c.function == function) {
        return Err(CertifyError::NotPreserved {
            function: function.to_owned(),
            why: "both versions were not compared".to_owned(),
        });
    }
    let is_shown = report
        .compared
        .iter()
        .all(|c| c.behaviour == Behaviour::Preserved);
    if let Kept::Swapped(statement) = kept
        && !is_shown
    {
        return Err(CertifyError::Dropped { statement });
    }
    // The judgement of the whole may leave other findings open; the certificate is about the targets, all of which are fixed here.
    let demands = Demands {
        fixed: targets,
        open: &[],
        introduced: &[],
        compared: &report.compared,
    };
    report.verdict = demanded(&demands, report.verdict);
    let mut assumptions: Vec<String> = Vec::new();
    for obligation in after_function.map_or(&[][..], |f| &f.obligations) {
        for assumption in &obligation.assumptions {
            if !assumptions.contains(assumption) {
                assumptions.push(assumption.clone());
            }
        }
    }
    Ok(ProvenPatch {
        file: file.to_path_buf(),
        function: function.to_string(),
        old,
        new,
        report,
        assumptions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::{executed, function, version};
    use Verdict::*;

    const OLD: &str = "int t[8];\nint f(int i)\n{\n\tt[i] = 1;\n\treturn t[0];\n}\n";
    const NEW: &str =
        "int t[8];\nint f(int i)\n{\n\tif (i > 7)\n\t\treturn 0;\n\tt[i] = 1;\n\treturn t[0];\n}\n";

    fn before() -> Version {
        let obligations = [
            ("index-upper-bound", "t[i]", 4, Refuted),
            ("index-upper-bound", "t[0]", 5, Proved),
        ];
        executed(version(OLD, vec![function("f", &obligations)]))
    }

    fn attempt(new: &str, obligations: &[(&str, &str, u32, Verdict)]) -> Result<ProvenPatch, CertifyError> {
        let after = executed(version(new, vec![function("f", obligations)]));
        let target = ["f/index-upper-bound/1".to_string()];
        certify(Path::new("f.c"), "f", &before(), &after, &target, None)
    }

    #[test]
    fn a_guard_is_certified() {
        let patch = attempt(
            NEW,
            &[
                ("index-upper-bound", "t[i]", 6, Proved),
                ("index-upper-bound", "t[0]", 7, Proved),
            ],
        )
        .expect("certified");
        assert_eq!(patch.report().verdict, PatchVerdict::ProvenFix);
        assert!(patch.diff().contains("+\tif (i > 7)"), "{}", patch.diff());
    }

    /// The verdicts say that it is a fix, and a version has no program, or one without the function: nothing says that both do the
    /// same.
    #[test]
    fn what_was_not_compared_is_not_certified() {
        let guarded = [
            ("index-upper-bound", "t[i]", 6, Proved),
            ("index-upper-bound", "t[0]", 7, Proved),
        ];
        let target = ["f/index-upper-bound/1".to_string()];
        let scripted = version(NEW, vec![function("f", &guarded)]);
        let mut other = executed(version("int g(void) { return 0; }\n", Vec::new()));
        other.files.clone_from(&scripted.files);
        other.report.functions.clone_from(&scripted.report.functions);
        for after in [&scripted, &other] {
            let found = certify(Path::new("f.c"), "f", &before(), after, &target, None);
            assert!(
                matches!(found, Err(CertifyError::NotPreserved { .. })),
                "{found:?}"
            );
            let judged = judge(&before(), after, None);
            assert_eq!(judged.fixed, target);
            assert_eq!(judged.verdict, PatchVerdict::Unknown);
        }
    }

    #[test]
    fn what_is_not_certified() {
        let still = attempt(
            NEW,
            &[
                ("index-upper-bound", "t[i]", 6, Refuted),
                ("index-upper-bound", "t[0]", 7, Proved),
            ],
        );
        assert!(matches!(still, Err(CertifyError::TargetNotProved { .. })));
        let unreachable = attempt(
            NEW,
            &[
                ("index-upper-bound", "t[i]", 6, Unreachable),
                ("index-upper-bound", "t[0]", 7, Proved),
            ],
        );
        assert!(matches!(unreachable, Err(CertifyError::MadeUnreachable { .. })));
        let other = attempt(
            NEW,
            &[
                ("index-upper-bound", "t[i]", 6, Proved),
                ("index-upper-bound", "t[0]", 7, Unknown),
            ],
        );
        assert!(matches!(other, Err(CertifyError::Introduced { .. })));
        let bound = attempt(
            NEW,
            &[
                ("index-upper-bound", "t[i]", 6, ProvedToBound),
                ("index-upper-bound", "t[0]", 7, Proved),
            ],
        );
        assert!(matches!(bound, Err(CertifyError::TargetNotProved { .. })));
        let empty = attempt("int t[8];\nint f(int i)\n{\n\treturn 0;\n}\n", &[]);
        assert!(matches!(empty, Err(CertifyError::NothingChecked { .. })));
        let deleted = attempt(
            "int t[8];\nint f(int i)\n{\n\treturn t[0];\n}\n",
            &[("index-upper-bound", "t[0]", 4, Proved)],
        );
        assert!(matches!(deleted, Err(CertifyError::TargetVanished { .. })));
        let swapped = OLD.replace("t[i] = 1", "t[0] = 1");
        let swapped = attempt(
            &swapped,
            &[
                ("index-upper-bound", "t[0]", 4, Proved),
                ("index-upper-bound", "t[0]", 5, Proved),
            ],
        );
        assert!(
            matches!(
                swapped,
                Err(CertifyError::Dropped { .. } | CertifyError::TargetVanished { .. })
            ),
            "{swapped:?}"
        );
        let include = attempt(
            &format!("#include <stddef.h>\n{NEW}"),
            &[("index-upper-bound", "t[i]", 7, Proved)],
        );
        assert!(matches!(include, Err(CertifyError::Refused(_))));
    }

    #[test]
    fn a_target_must_have_been_open() {
        let after = version(
            NEW,
            vec![function("f", &[("index-upper-bound", "t[i]", 6, Proved)])],
        );
        let with = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|s| (*s).to_string()).collect();
            certify(Path::new("f.c"), "f", &before(), &after, &ids, None)
        };
        assert!(matches!(with(&[]), Err(CertifyError::NoTarget)));
        assert!(matches!(
            with(&["f/index-upper-bound/2"]),
            Err(CertifyError::TargetNotOpen { .. })
        ));
        assert!(matches!(with(&["nope"]), Err(CertifyError::UnknownTarget { .. })));
    }
}
