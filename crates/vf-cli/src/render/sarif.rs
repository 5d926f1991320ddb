//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), as code-scanning services take it.

use std::path::Path;

use serde_json::{Value, json};
use vf_ir::Property;
use vf_source::SourceMap;
use vf_verify::report::{CheckReport, Location, ObligationReport, Replay, Verdict};

use super::text::verdict_word;

/// One run with one result per obligation that is not proved: `fail` where refuted, `open` where unknown.
/// What is proved is counted, not listed.
pub fn check(report: &CheckReport, sources: &SourceMap) -> Value {
    let obligations = || {
        report
            .functions
            .iter()
            .flat_map(|f| f.obligations.iter().map(move |o| (f, o)))
    };
    let results: Vec<Value> = obligations()
        .filter(|(_, o)| !matches!(o.verdict, Verdict::Proved | Verdict::Unreachable))
        .map(|(f, o)| result(&f.name, o, sources))
        .collect();
    let notifications: Vec<Value> = report
        .functions
        .iter()
        .filter_map(|f| f.unsupported.as_ref().map(|why| (f, why)))
        .map(|(f, why)| {
            json!({
                "level": "warning",
                "message": {"text": format!("{}: not looked at: {why}", f.name)},
                "locations": [physical(&Location { file: f.file.clone(), line: 0, column: 0 }, sources)],
            })
        })
        .collect();
    let proved = obligations()
        .filter(|(_, o)| o.verdict == Verdict::Proved)
        .count();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "verify-fix",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": Property::ALL.into_iter().map(rule).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "utf16CodeUnits",
            "results": results,
            "properties": {"verdict": report.verdict, "proved": proved, "elapsedMs": report.elapsed_ms},
        }],
    })
}

fn rule(property: Property) -> Value {
    let tag = format!("external/cwe/{}", property.cwe().to_lowercase());
    json!({
        "id": property.name(),
        "shortDescription": {"text": property.name().replace('-', " ")},
        "properties": {"tags": ["security", tag]},
    })
}

fn result(function: &str, obligation: &ObligationReport, sources: &SourceMap) -> Value {
    let (kind, level) = match obligation.verdict {
        Verdict::Refuted => ("fail", "error"),
        Verdict::ProvedToBound => ("review", "none"),
        Verdict::Unknown | Verdict::Proved | Verdict::Unreachable => ("open", "none"),
    };
    let mut value = json!({
        "ruleId": obligation.property,
        "kind": kind,
        "level": level,
        "message": {"text": message(function, obligation)},
        "locations": [location(&obligation.location, Some(function), sources)],
        "partialFingerprints": {"obligation/v1": obligation.id},
        "properties": {"verdict": obligation.verdict, "cwe": obligation.cwe, "assumptions": obligation.assumptions},
    });
    if let (Some(counterexample), Some(object)) = (&obligation.counterexample, value.as_object_mut()) {
        let steps: Vec<Value> = counterexample
            .trace
            .iter()
            .map(|step| {
                let mut at = location(&step.location, None, sources);
                if let Some(at) = at.as_object_mut() {
                    at.insert("message".into(), json!({"text": step.event}));
                }
                json!({"location": at})
            })
            .collect();
        if !steps.is_empty() {
            object.insert(
                "codeFlows".into(),
                json!([{"threadFlows": [{"locations": steps}]}]),
            );
        }
    }
    value
}

fn message(function: &str, obligation: &ObligationReport) -> String {
    let mut text = format!(
        "{}: {} `{}` in {function}",
        verdict_word(obligation.verdict),
        obligation.property,
        obligation.text
    );
    if let Some(reason) = &obligation.reason {
        text.push_str(&format!(": {reason}"));
    }
    if let Some(counterexample) = &obligation.counterexample {
        let inputs = counterexample.relevant_inputs();
        if !inputs.is_empty() {
            text.push_str(&format!("; for example with {}", inputs.join(", ")));
        }
        if counterexample.replay == Replay::Confirmed {
            text.push_str(" (confirmed by running it)");
        }
    }
    text
}

fn location(at: &Location, function: Option<&str>, sources: &SourceMap) -> Value {
    let mut value = physical(at, sources);
    if let (Some(function), Some(object)) = (function, value.as_object_mut()) {
        object.insert(
            "logicalLocations".into(),
            json!([{"name": function, "kind": "function"}]),
        );
    }
    value
}

fn physical(at: &Location, sources: &SourceMap) -> Value {
    let mut physical = json!({"artifactLocation": {"uri": uri(&at.file)}});
    if at.line > 0
        && let Some(object) = physical.as_object_mut()
    {
        let region = if at.column > 0 {
            json!({"startLine": at.line, "startColumn": utf16_column(at, sources)})
        } else {
            json!({"startLine": at.line})
        };
        object.insert("region".into(), region);
    }
    json!({"physicalLocation": physical})
}

/// The column in UTF-16 code units, as the run's `columnKind` promises; ours count bytes.
fn utf16_column(at: &Location, sources: &SourceMap) -> usize {
    let bytes = (at.column as usize).saturating_sub(1);
    let line = sources
        .find(Path::new(&at.file))
        .and_then(|id| sources.get(id))
        .and_then(|f| f.line(at.line));
    1 + line
        .and_then(|l| l.get(..bytes))
        .map_or(bytes, |before| before.encode_utf16().count())
}

/// A path as a URI reference (RFC 3986): what is not unreserved or a slash is percent-encoded.
fn uri(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    if path.starts_with('/') {
        text.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("a/b c.c"), "a/b%20c.c");
        assert_eq!(uri("/a:b.c"), "file:///a%3Ab.c");
    }
}
