//! What a patch does to contracts, and what it may reach and was not checked, in words.

use vf_repair::contracts::Keeps;
use vf_repair::{ContractChange, PatchReport, Precondition};

/// Lines for the text of a judgement; empty where there is nothing to say.
pub fn text(report: &PatchReport) -> String {
    let mut text: String = report.contracts.iter().map(contract).collect();
    for place in &report.not_looked_at {
        let function = place
            .function
            .as_ref()
            .map(|f| format!(" `{f}`"))
            .unwrap_or_default();
        text.push_str(&format!(
            "not looked at: {}{function}: {}\n",
            place.file, place.why
        ));
    }
    text
}

fn contract(change: &ContractChange) -> String {
    let what = match change.precondition {
        Precondition::Weaker => "asks less of its callers than before",
        Precondition::Equal => "asks of its callers what it asked before",
        Precondition::Stronger => "asks more of its callers than before",
        Precondition::Different => "asks something else of its callers than before",
        Precondition::Unknown => "asks what is not known of its callers, before or after",
    };
    let mut text = format!("contract: `{}` {what}\n", change.function);
    let clauses = |clauses: &[String]| match clauses {
        [] => "nothing".to_string(),
        _ => clauses
            .iter()
            .map(|c| format!("`{c}`"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    if !matches!(change.precondition, Precondition::Equal | Precondition::Unknown) {
        text.push_str(&format!("  before: {}\n", clauses(&change.before)));
        text.push_str(&format!("  after: {}\n", clauses(&change.after)));
    }
    if !change.beyond_usual.is_empty() {
        text.push_str(&format!(
            "  beyond the usual reading of its parameters, it is safe only with {}\n",
            clauses(&change.beyond_usual)
        ));
    }
    for caller in &change.callers {
        let keeps = match caller.keeps {
            Keeps::Yes => "keeps it".to_string(),
            Keeps::No => format!("breaks it ({})", caller.obligations.join(", ")),
            Keeps::Unknown => "is not shown to keep it".to_string(),
        };
        text.push_str(&format!("  caller `{}` {keeps}\n", caller.function));
    }
    text
}
