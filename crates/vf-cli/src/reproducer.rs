//! Evidence to hand on with a fix: one harness that fails on the old version and passes on the new one, as a C
//! program and, for kernel code, as a KUnit test.

use std::path::{Path, PathBuf};

use serde::Serialize;
use vf_frontend::Options;
use vf_ir::Property;
use vf_repair::mail::wrapped;
use vf_repair::proposer::Style;
use vf_repair::run::style_of;
use vf_replay::harness::{KUnit, REPRODUCER, SourceText, kunit};
use vf_replay::sandbox::Limits;
use vf_replay::sanitizer::is_visible;
use vf_replay::{Pair, PairRequest, Ran, Version, reproduce};
use vf_verify::report::{CheckReport, Counterexample, ObligationReport};

use crate::aftermath::{build, load};
use crate::check::{first_line, target};
use crate::exit::CliError;
use crate::mail;
use crate::output;

/// Counterexamples that are tried until one fails before and passes after.
const TRIED: usize = 3;

/// The fix that the evidence is for: one file in both versions.
pub struct Fix<'a> {
    /// As the report's locations have it.
    pub path: &'a Path,
    pub old: &'a str,
    pub new: &'a str,
    /// Verdicts on the old version.
    pub before: &'a CheckReport,
    /// Ids of `before` that the fix is about, the ones that matter most first.
    pub ids: &'a [String],
    /// Root of the tree.
    pub tree: &'a Path,
    /// Other files that the fix changes; the harness finds them on disk as they are there.
    pub also_changed: Vec<&'a Path>,
}

/// What was written, and how it ran.
#[derive(Clone, Debug, Serialize)]
pub struct Reproducer {
    pub obligation: String,
    pub folder: PathBuf,
    pub files: Vec<String>,
    pub before: Outcome,
    pub after: Outcome,
    /// What the harness or the KUnit test does not set up.
    pub notes: Vec<String>,
}

/// What one version did in the sandbox.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub result: Outcomes,
    /// What the sanitizer said, or why there is no result.
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcomes {
    Fails,
    /// A sanitizer reported something, but not the violation of the counterexample.
    FailsOtherwise,
    Passes,
    /// Neither a report nor a return.
    Ended,
    NotRun,
}

impl Outcome {
    fn of(ran: &Ran, property: &str) -> Outcome {
        let (result, detail) = match ran {
            Ran::Fails(finding) => (Outcomes::Fails, Some(finding.message.clone())),
            Ran::FailsOtherwise(finding) => (
                Outcomes::FailsOtherwise,
                Some(format!("{}; not the {property} itself", finding.message)),
            ),
            Ran::Passes => (Outcomes::Passes, None),
            Ran::Ended(how) => (Outcomes::Ended, Some(how.clone())),
            Ran::NotRun(why) => (Outcomes::NotRun, Some(first_line(why))),
        };
        Outcome { result, detail }
    }

    /// `fails before`, with what was said in parentheses.
    fn words(&self, when: &str) -> String {
        let what = match self.result {
            Outcomes::Fails | Outcomes::FailsOtherwise => format!("fails {when}"),
            Outcomes::Passes => format!("passes {when}"),
            Outcomes::Ended => format!("neither fails nor passes {when}"),
            Outcomes::NotRun => format!("was not run {when}"),
        };
        match &self.detail {
            Some(detail) => format!("{what} ({detail})"),
            None => what,
        }
    }
}

impl Reproducer {
    /// `fails before (...), passes after`.
    pub fn summary(&self) -> String {
        format!("{}, {}", self.before.words("before"), self.after.words("after"))
    }

    /// For a commit message, where the runs show what they should.
    pub fn tested(&self) -> Option<String> {
        let fails = matches!(self.before.result, Outcomes::Fails | Outcomes::FailsOtherwise);
        let seen = self.before.detail.as_deref()?;
        (fails && self.after.result == Outcomes::Passes)
            .then(|| format!("fails before the change ({seen}) and returns after it"))
    }

    /// What a person is told: how it ran, where it lies, and what it leaves out.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("{}: {}", self.obligation, self.summary()),
            format!("in {}: {}", self.folder.display(), self.files.join(", ")),
        ];
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines
    }

    fn is_a_pair(&self) -> bool {
        self.before.result == Outcomes::Fails && self.after.result == Outcomes::Passes
    }
}

/// Makes the reproducer, runs it on both versions and writes the folder. An error in words where the fix is of a kind
/// that has none; nothing is written then.
pub fn make(fix: &Fix<'_>, folder: &Path, options: &Options) -> Result<Result<Reproducer, String>, CliError> {
    let mut found: Vec<(&ObligationReport, &Counterexample)> = fix
        .before
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .filter(|o| fix.ids.contains(&o.id))
        .filter_map(|o| Some((o, o.counterexample.as_ref()?)))
        .collect();
    // What a sanitizer looks for comes first: of the rest no compiled program fails.
    found.sort_by_key(|(o, _)| {
        let visible = Property::from_name(&o.property).is_some_and(is_visible);
        (!visible, fix.ids.iter().position(|id| *id == o.id))
    });
    let mut best: Option<(Reproducer, Vec<(String, String)>)> = None;
    let mut why = "no obligation that the fix is about has a counterexample".to_string();
    for (obligation, counterexample) in found.into_iter().take(TRIED) {
        match one(fix, obligation, counterexample, folder, options) {
            Ok(made) => {
                let done = made.0.is_a_pair();
                if done || best.is_none() {
                    best = Some(made);
                }
                if done {
                    break;
                }
            }
            Err(message) => why = message,
        }
    }
    let Some((reproducer, files)) = best else {
        return Ok(Err(why));
    };
    output::write_folder(folder, &files)?;
    Ok(Ok(reproducer))
}

fn one(
    fix: &Fix<'_>,
    obligation: &ObligationReport,
    counterexample: &Counterexample,
    folder: &Path,
    options: &Options,
) -> Result<(Reproducer, Vec<(String, String)>), String> {
    let input = &counterexample.input;
    let version = |text: &str| {
        load(fix.path, text, &input.function, options).map_err(|error| first_line(&error.to_string()))
    };
    let (before, after) = (version(fix.old)?, version(fix.new)?);
    let source = |text: &str| SourceText {
        path: fix.path.to_path_buf(),
        text: text.to_string(),
    };
    let target = target(obligation).ok_or_else(|| format!("{} has no known property", obligation.id))?;
    let pair = reproduce(&PairRequest {
        before: Version {
            program: &before.program,
            source: &source(fix.old),
        },
        after: Version {
            program: &after.program,
            source: &source(fix.new),
        },
        input,
        target: &target,
        build: &build(options),
        limits: Limits::default(),
    })
    .map_err(|error| first_line(&error.to_string()))?;
    let what = what(obligation, counterexample);
    let mut notes = pair.harness.notes.clone();
    for path in &fix.also_changed {
        notes.push(format!(
            "the fix also changes {}, which both runs read as it lies on disk",
            path.display()
        ));
    }
    let test = (style_of(fix.old) == Style::Kernel).then(|| {
        let stem = fix
            .path
            .file_stem()
            .map_or_else(|| "fix".into(), |s| s.to_string_lossy());
        kunit(&before.program, input, &stem, &what).map_err(|error| error.to_string())
    });
    let test = match test {
        Some(Ok(test)) => Some(test),
        Some(Err(why)) => {
            notes.push(format!("no KUnit test: {why}"));
            None
        }
        None => None,
    };
    if let Some(test) = &test {
        notes.extend(
            test.notes
                .iter()
                .map(|note| format!("the KUnit test does not set up: {note}")),
        );
    }
    let mut reproducer = Reproducer {
        obligation: obligation.id.clone(),
        folder: folder.to_path_buf(),
        files: Vec::new(),
        before: Outcome::of(&pair.before, &obligation.property),
        after: Outcome::of(&pair.after, &obligation.property),
        notes,
    };
    let files = files(fix, &reproducer, &what, &pair, test.as_ref());
    reproducer.files = files.iter().map(|(name, _)| name.clone()).collect();
    Ok((reproducer, files))
}

/// What the counterexample shows, in one line.
fn what(obligation: &ObligationReport, counterexample: &Counterexample) -> String {
    let event = counterexample.trace.last().map_or("", |step| step.event.as_str());
    format!(
        "{}: {}",
        obligation.id,
        if event.is_empty() {
            obligation.text.as_str()
        } else {
            event
        }
    )
}

fn files(
    fix: &Fix<'_>,
    reproducer: &Reproducer,
    what: &str,
    pair: &Pair,
    test: Option<&KUnit>,
) -> Vec<(String, String)> {
    let tree = std::path::absolute(fix.tree).unwrap_or_else(|_| fix.tree.to_path_buf());
    let inside = fix.path.strip_prefix(fix.tree).unwrap_or(fix.path);
    let mut files = vec![
        (REPRODUCER.to_string(), pair.harness.joined()),
        ("run.sh".to_string(), pair.harness.portable_script(&tree)),
    ];
    let ran = format!(
        "{} ran {REPRODUCER} in its sandbox, compiled with AddressSanitizer and UndefinedBehaviorSanitizer. It {}.",
        mail::tool(),
        reproducer.summary()
    );
    let mut how = format!(
        "{}\n\n{}\n\n\
         To run it, without a sandbox, on the version of the file that lies there:\n\n    \
         TREE=DIR sh run.sh DIR/{inside}\n\n\
         says FAIL where a sanitizer reports something and PASS where the function returns.\n",
        wrapped(what),
        wrapped(&ran),
        inside = inside.display(),
    );
    if let Some(test) = test {
        let name = format!("{}_kunit.c", test.suite);
        how.push_str(&format!(
            "\n{name} is the same input as a KUnit test. It was not compiled or run. In the kernel's tree:\n\n    \
             cp {name} {folder}\n    \
             echo '#include \"{name}\"' >> {inside}\n    \
             ./tools/testing/kunit/kunit.py run --kconfig_add CONFIG_KASAN=y --kconfig_add CONFIG_UBSAN=y {suite}\n\n\
             with the options that build {inside} added in the same way.\n",
            folder = inside.parent().unwrap_or(Path::new(".")).display(),
            inside = inside.display(),
            suite = test.suite,
        ));
        files.push((name, test.text.clone()));
    }
    for note in &reproducer.notes {
        how.push_str(&format!("\n{}\n", wrapped(&format!("Note: {note}."))));
    }
    files.push(("README".to_string(), how));
    files
}
