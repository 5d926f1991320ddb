//! What a commit message says of a proven change: what went wrong and on which input, what is changed, what the proof
//! says, what it takes for granted, and what nobody has shown.

use std::collections::BTreeSet;

use vf_ir::Property;
use vf_source::diff::{LineKind, Patch};
use vf_verify::report::{ObligationReport, Verdict};

use crate::history::TitleStyle;
use crate::judge::{Behaviour, PatchReport};
use crate::mail::COLUMNS;

/// Characters of a value, and of a piece of code, that are quoted whole.
const QUOTED: usize = 60;
/// Changed code that is quoted; beyond that the diff speaks for itself.
const CHANGED: usize = 240;
/// Obligations that are listed.
const LISTED: usize = 3;

/// A change and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The function at fault.
    pub function: &'a str,
    pub report: &'a PatchReport,
    /// Ids of `report.before` that the change is for.
    pub ids: &'a [String],
    pub assumptions: &'a [String],
    /// Unified diff of the whole change.
    pub diff: &'a str,
    /// What a compiled program did on the counterexample, before and after.
    pub tested: Option<&'a str>,
    /// The code is the kernel's, which was not built.
    pub kernel: bool,
    /// Name and version of the verifier.
    pub tool: &'a str,
}

impl Change<'_> {
    /// `thermal: trip: fix out-of-bounds access in thermal_trip_set()`.
    pub fn subject(&self, style: &TitleStyle) -> String {
        let property = self
            .obligations()
            .next()
            .and_then(|o| Property::from_name(&o.property));
        let what = property.map_or("a defect", defect);
        let verb = if style.capital { "Fix" } else { "fix" };
        let long = format!("{} {verb} {what} in {}()", style.prefix, self.function);
        if long.chars().count() <= COLUMNS {
            long
        } else {
            format!("{} {verb} {what}", style.prefix)
        }
    }

    /// The message without its subject and its tags, a paragraph each.
    pub fn paragraphs(&self) -> Vec<String> {
        let mut all = Vec::new();
        all.extend(self.cause());
        all.extend(replacement(self.diff));
        all.extend(self.judgement());
        all
    }

    /// For a message that says already what is changed and why.
    pub fn findings(&self) -> Vec<String> {
        self.cause().into_iter().chain(self.judgement()).collect()
    }

    /// What the proof says, assumes and leaves open.
    fn judgement(&self) -> Vec<String> {
        let proof = format!(
            "{} proves that this cannot happen any more, for all inputs, and that nothing it had proved about the \
             code before is open now. {}",
            self.tool,
            self.taken_for_granted()
        );
        let mut all = vec![proof];
        all.extend(self.not_verified());
        all
    }

    /// The obligations that the change is for, those with a counterexample first.
    fn obligations(&self) -> impl Iterator<Item = &ObligationReport> {
        let all = || {
            let functions = self.report.before.functions.iter();
            functions
                .flat_map(|f| &f.obligations)
                .filter(|o| self.ids.contains(&o.id))
        };
        let shown = |o: &&ObligationReport| o.counterexample.is_some();
        all().filter(shown).chain(all().filter(move |o| !shown(o)))
    }

    fn cause(&self) -> Option<String> {
        let first = self.obligations().next()?;
        let operation = quoted(&first.text);
        let mut text = match &first.counterexample {
            Some(counterexample) => {
                let sizes = |input: &String| !input.starts_with("object_size(");
                let inputs: Vec<String> = counterexample
                    .relevant_inputs()
                    .into_iter()
                    .filter(sizes)
                    .map(|i| shortened(&legible(&i), QUOTED))
                    .collect();
                let event = counterexample.trace.last().map_or("", |step| step.event.as_str());
                let event = event
                    .strip_prefix(&format!("`{}`: ", first.text))
                    .unwrap_or(event);
                let with = if inputs.is_empty() {
                    "There is an input on which".to_string()
                } else {
                    format!("With {},", listed(&inputs))
                };
                format!(
                    "{with} {operation} in {}() goes wrong: {}.",
                    self.function,
                    shortened(&legible(event), 2 * QUOTED)
                )
            }
            None => format!(
                "It could not be proved that {operation} in {}() cannot go wrong ({}){}.",
                self.function,
                first.property,
                first
                    .reason
                    .as_ref()
                    .map(|r| format!(": {r}"))
                    .unwrap_or_default()
            ),
        };
        let mut others: Vec<String> = self.obligations().skip(1).map(|o| quoted(&o.text)).collect();
        others.dedup();
        let more = others.len().saturating_sub(LISTED);
        others.truncate(LISTED);
        if more > 0 {
            others.push(format!("{more} more"));
        }
        if !others.is_empty() {
            text.push_str(&format!(" The same change is for {}.", listed(&others)));
        }
        Some(text)
    }

    fn taken_for_granted(&self) -> String {
        let (required, others): (Vec<&String>, Vec<&String>) =
            self.assumptions.iter().partition(|a| a.starts_with("requires "));
        let clauses: Vec<String> = required
            .iter()
            .map(|a| a.strip_prefix("requires ").unwrap_or(a).to_string())
            .collect();
        let mut parts: Vec<String> = Vec::new();
        if !clauses.is_empty() {
            parts.push(format!("that callers keep {}", listed(&clauses)));
        }
        let compared = self.report.compared.iter().flat_map(|c| &c.assumptions);
        let others: BTreeSet<&String> = others.into_iter().chain(compared).collect();
        parts.extend(others.iter().map(|a| format!("that {a}")));
        if parts.is_empty() {
            "It assumes nothing of the callers.".to_string()
        } else {
            format!("It assumes {}.", parts.join("; "))
        }
    }

    fn not_verified(&self) -> Vec<String> {
        let mut said = Vec::new();
        said.push(match self.report.behaviour {
            Behaviour::Preserved => {
                "It is proved too that the code does the same as before on every input that was safe."
                    .to_string()
            }
            Behaviour::Vacuous => {
                "No input that reaches the change was safe before, so there is no former behaviour \
                                   to keep."
                    .to_string()
            }
            Behaviour::Unknown => {
                "It is not proved that the code does the same as before on every input that was \
                                   safe; executing both versions on such inputs showed no difference."
                    .to_string()
            }
            Behaviour::Changed => {
                "On an input that was safe before, the code does something else now.".to_string()
            }
        });
        let open: Vec<String> = self.open().take(LISTED).map(still_open).collect();
        if !open.is_empty() {
            let more = self.open().count().saturating_sub(LISTED);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            said.push(format!("Left open, as before: {}{more}.", open.join(", ")));
        }
        match (self.tested, self.kernel) {
            (Some(tested), true) => said.push(format!(
                "Run in user space on this input, with AddressSanitizer and UndefinedBehaviorSanitizer, the code \
                 {tested}. It was not built into a kernel or run there."
            )),
            (Some(tested), false) => said.push(format!(
                "Run on this input, with AddressSanitizer and UndefinedBehaviorSanitizer, the code {tested}."
            )),
            (None, true) => said.push("The change was not built into a kernel or run there.".to_string()),
            (None, false) => said.push("The change was not compiled and run.".to_string()),
        }
        vec![said.join(" ")]
    }

    fn open(&self) -> impl Iterator<Item = &ObligationReport> {
        let functions = self.report.after.functions.iter();
        functions
            .flat_map(|f| &f.obligations)
            .filter(|o| !matches!(o.verdict, Verdict::Proved | Verdict::Unreachable))
    }
}

fn still_open(obligation: &ObligationReport) -> String {
    format!(
        "{} of {} at line {} ({})",
        obligation.property,
        quoted(&obligation.text),
        obligation.location.line,
        crate::proposer::verdict_word(obligation.verdict)
    )
}

/// What a violation of the property is called.
fn defect(property: Property) -> &'static str {
    match property {
        Property::IndexUpperBound | Property::IndexLowerBound => "out-of-bounds index",
        Property::ValidRead => "out-of-bounds read",
        Property::ValidWrite => "out-of-bounds write",
        Property::NotNull => "NULL pointer dereference",
        Property::SignedOverflow => "signed integer overflow",
        Property::UnsignedWrap => "integer wrap-around",
        Property::LossyConversion => "lossy integer conversion",
        Property::ShiftInRange => "out-of-range shift",
        Property::DivisorNonzero => "division by zero",
        Property::AllocationSize => "wrong allocation size",
        Property::Initialized => "use of uninitialized memory",
        Property::Lifetime => "use after end of life",
        Property::Assertion => "failing assertion",
        Property::Precondition => "broken precondition",
        Property::UnreachableCode => "reachable dead end",
        Property::MemoryLeak => "memory leak",
    }
}

/// What the diff does, in a sentence where it is short.
fn replacement(diff: &str) -> Option<String> {
    let patch = Patch::parse(diff).ok()?;
    let lines = |kind| -> Vec<String> {
        let hunks = patch.files.iter().flat_map(|f| &f.hunks);
        let all = hunks.flat_map(|h| &h.lines).filter(|l| l.kind == kind);
        let words = all.map(|l| l.text.split_whitespace().collect::<Vec<_>>().join(" "));
        words.filter(|l| !l.is_empty()).collect()
    };
    let (old, new) = (lines(LineKind::Removed), lines(LineKind::Added));
    let length: usize = old.iter().chain(&new).map(|l| l.chars().count()).sum();
    if length > CHANGED {
        return None;
    }
    let code = |lines: &[String]| format!("`{}`", lines.join(" "));
    match (old.as_slice(), new.as_slice()) {
        ([], []) => None,
        ([], new) => Some(format!("Add {}.", code(new))),
        (old, []) => Some(format!("Remove {}.", code(old))),
        (old, new) if old.len() == new.len() => {
            let pairs = old.iter().zip(new).map(|(o, n)| format!("`{o}` with `{n}`"));
            Some(format!("Replace {}.", listed(&pairs.collect::<Vec<_>>())))
        }
        (old, new) => Some(format!("Replace {} with {}.", code(old), code(new))),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn quoted(code: &str) -> String {
    let line = code.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("`{}`", shortened(&line, QUOTED))
}

/// Digits from which a number is told in hexadecimal: it reads better, and checkpatch.pl takes such a decimal number for the
/// id of a commit.
const MANY_DIGITS: usize = 12;

fn legible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let same = is_word(first);
        let end = rest.find(|c| is_word(c) != same).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        let number = part.len() >= MANY_DIGITS && part.bytes().all(|b| b.is_ascii_digit());
        match part.parse::<u128>() {
            Ok(value) if number => out.push_str(&format!("{value:#x}")),
            _ => out.push_str(part),
        }
        rest = behind;
    }
    out
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    format!("{kept}...")
}

/// `Assisted-by: AGENT_NAME:MODEL_VERSION [TOOL1]`, as the kernel asks of what a tool wrote
/// (Documentation/process/coding-assistants.rst). Without a model the version is the tool's own. The tag is never
/// `Signed-off-by`: only a person can vouch for a change.
pub fn assisted_by(version: &str, model: Option<&str>) -> String {
    let word = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_graphic() { c } else { '-' })
            .collect()
    };
    match model.map(word).filter(|m| !m.is_empty()) {
        Some(model) => format!("Assisted-by: verify-fix:{model} verify-fix-{} z3", word(version)),
        None => format!("Assisted-by: verify-fix:{} z3", word(version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_names_the_model_where_there_was_one() {
        assert_eq!(assisted_by("0.1.0", None), "Assisted-by: verify-fix:0.1.0 z3");
        assert_eq!(
            assisted_by("0.1.0", Some("a model")),
            "Assisted-by: verify-fix:a-model verify-fix-0.1.0 z3"
        );
    }

    #[test]
    fn short_changes_are_said_in_words() {
        let diff = |body: &str| format!("--- a/t.c\n+++ b/t.c\n@@ -1,9 +1,9 @@\n{body}");
        let said = |body: &str| {
            let removed = body.lines().filter(|l| l.starts_with('-')).count();
            let added = body.lines().filter(|l| l.starts_with('+')).count();
            let text = diff(body).replace("-1,9 +1,9", &format!("-1,{removed} +1,{added}"));
            replacement(&text)
        };
        assert_eq!(
            said("-\tif (a > 8)\n+\tif (a >= 8)\n").as_deref(),
            Some("Replace `if (a > 8)` with `if (a >= 8)`.")
        );
        assert_eq!(
            said("-a;\n-b;\n+c;\n+d;\n").as_deref(),
            Some("Replace `a;` with `c;` and `b;` with `d;`.")
        );
        assert_eq!(
            said("-a;\n+b;\n+c;\n").as_deref(),
            Some("Replace `a;` with `b; c;`.")
        );
        assert_eq!(said(&format!("-a;\n+{};\n", "x".repeat(300))), None);
    }

    #[test]
    fn long_numbers_are_hexadecimal() {
        assert_eq!(legible("len = 18446744073709551615"), "len = 0xffffffffffffffff");
        assert_eq!(legible("-9223372036854775808, é"), "-0x8000000000000000, é");
        assert_eq!(
            legible("n = 4294967295, x_123456789012 = 1"),
            "n = 4294967295, x_123456789012 = 1"
        );
        assert_eq!(legible(""), "");
    }

    #[test]
    fn lists_read_as_lists() {
        let list = |items: &[&str]| listed(&items.iter().map(|i| (*i).to_string()).collect::<Vec<_>>());
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
