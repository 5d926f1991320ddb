//! Bug reports in SARIF 2.1.0 (OASIS standard, 27 March 2020): the results of every run.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bug::{BugReport, cwes_in};

/// What is wrong with a SARIF file as a whole, or with one result in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SarifError {
    #[error("{file}: cannot be read: {why}; give the path of a SARIF 2.1.0 file")]
    Unreadable { file: PathBuf, why: String },
    #[error("{file}:{line}:{column}: is not JSON: {why}")]
    NotJson {
        file: PathBuf,
        line: usize,
        column: usize,
        why: String,
    },
    #[error("{file}: is JSON without `version` and `runs`: not a SARIF log")]
    NotSarif { file: PathBuf },
    #[error("{file}: SARIF version `{found}` is not read; convert the log to 2.1.0")]
    Version { file: PathBuf, found: String },
    #[error("{file}: runs[{run}].results[{result}] has no {what}; it names no place that could be repaired")]
    Missing {
        file: PathBuf,
        run: usize,
        result: usize,
        what: &'static str,
    },
    #[error("{file}: holds no result; there is nothing to repair")]
    NoResults { file: PathBuf },
}

/// What a SARIF file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SarifReports {
    pub reports: Vec<BugReport>,
    /// Results without a place; the others are still usable.
    pub skipped: Vec<SarifError>,
}

/// Whether a text looks like SARIF rather than the text form: its first character opens a JSON object.
pub fn looks_like_sarif(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

pub fn read(path: &Path) -> Result<SarifReports, SarifError> {
    let bytes = std::fs::read(path).map_err(|e| SarifError::Unreadable {
        file: path.to_path_buf(),
        why: e.to_string(),
    })?;
    parse(&bytes, path)
}

/// Reads a SARIF log; `file` is for the errors.
pub fn parse(bytes: &[u8], file: &Path) -> Result<SarifReports, SarifError> {
    let file = file.to_path_buf();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let log: Value = serde_json::from_slice(bytes).map_err(|e| SarifError::NotJson {
        file: file.clone(),
        line: e.line(),
        column: e.column(),
        why: e.to_string(),
    })?;
    let (Some(version), Some(runs)) = (log["version"].as_str(), log["runs"].as_array()) else {
        return Err(SarifError::NotSarif { file });
    };
    if version != "2.1.0" {
        return Err(SarifError::Version {
            file,
            found: version.to_string(),
        });
    }
    let mut found = SarifReports::default();
    for (r, run) in runs.iter().enumerate() {
        for (i, result) in array(&run["results"]).iter().enumerate() {
            // "pass", "open", "notApplicable", ... are not findings (3.27.9).
            if result["kind"]
                .as_str()
                .is_some_and(|k| k != "fail" && k != "review")
            {
                continue;
            }
            match one(run, result, i) {
                Ok(report) => found.reports.push(report),
                Err(what) => {
                    found.skipped.push(SarifError::Missing {
                        file: file.clone(),
                        run: r,
                        result: i,
                        what,
                    });
                }
            }
        }
    }
    if found.reports.is_empty() && found.skipped.is_empty() {
        return Err(SarifError::NoResults { file });
    }
    Ok(found)
}

fn one(run: &Value, result: &Value, index: usize) -> Result<BugReport, &'static str> {
    let rule = rule_of(run, result);
    let rule_id = result["ruleId"]
        .as_str()
        .or(result["rule"]["id"].as_str())
        .or(rule["id"].as_str())
        .unwrap_or("");
    let location = array(&result["locations"]).first().unwrap_or(&Value::Null);
    let physical = &location["physicalLocation"];
    let artifact = &physical["artifactLocation"];
    let by_index = artifact["index"]
        .as_u64()
        .and_then(|i| run["artifacts"].get(usize::try_from(i).ok()?));
    let uri = artifact["uri"]
        .as_str()
        .or_else(|| by_index?["location"]["uri"].as_str())
        .ok_or("artifactLocation.uri")?;
    let line = physical["region"]["startLine"]
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| *n > 0);
    let line = line.ok_or("region.startLine")?;
    let mut cwe = Vec::new();
    let mut text_of = |value: &Value| {
        for name in cwes_in(&value.to_string()) {
            if !cwe.contains(&name) {
                cwe.push(name);
            }
        }
    };
    for taxon in array(&result["taxa"]) {
        text_of(&taxon_name(taxon));
    }
    for relationship in array(&rule["relationships"]) {
        text_of(&taxon_name(&relationship["target"]));
    }
    for value in [
        &result["properties"],
        &rule["properties"],
        &rule["id"],
        &result["ruleId"],
        &result["message"],
    ] {
        text_of(value);
    }
    let mut extra = Vec::new();
    for (key, value) in [
        ("level", &result["level"]),
        ("tool", &run["tool"]["driver"]["name"]),
        ("guid", &result["guid"]),
    ] {
        if let Some(value) = value.as_str() {
            extra.push((key.to_string(), value.to_string()));
        }
    }
    Ok(BugReport {
        id: format!(
            "{}#{}",
            if rule_id.is_empty() { "result" } else { rule_id },
            index + 1
        ),
        kind: rule["shortDescription"]["text"]
            .as_str()
            .or(rule["name"].as_str())
            .unwrap_or("")
            .to_string(),
        category: rule_id.to_string(),
        function: function_of(location),
        file: path_of_uri(uri),
        line,
        issue: message(result, rule),
        description: rule["fullDescription"]["text"].as_str().unwrap_or("").to_string(),
        cwe,
        extra,
    })
}

/// The rule by `ruleIndex`, `rule.index` or by id, in the driver or an extension (3.27.5 to 3.27.7).
fn rule_of<'a>(run: &'a Value, result: &Value) -> &'a Value {
    let tool = &run["tool"];
    let component = match result["rule"]["toolComponent"]["index"]
        .as_u64()
        .and_then(|i| usize::try_from(i).ok())
    {
        Some(i) => &tool["extensions"][i],
        None => &tool["driver"],
    };
    let index = result["ruleIndex"].as_u64().or(result["rule"]["index"].as_u64());
    if let Some(rule) = index.and_then(|i| component["rules"].get(usize::try_from(i).ok()?)) {
        return rule;
    }
    let id = result["ruleId"].as_str().or(result["rule"]["id"].as_str());
    let extensions = array(&tool["extensions"]).iter();
    std::iter::once(&tool["driver"])
        .chain(extensions)
        .flat_map(|component| array(&component["rules"]))
        .find(|rule| id.is_some() && rule["id"].as_str() == id)
        .unwrap_or(&Value::Null)
}

/// `CWE-787` of a reference into the CWE taxonomy, whose ids are bare numbers.
fn taxon_name(reference: &Value) -> Value {
    let component = reference["toolComponent"]["name"].as_str().unwrap_or("");
    match reference["id"].as_str() {
        Some(id) if component.eq_ignore_ascii_case("cwe") && id.bytes().all(|b| b.is_ascii_digit()) => {
            Value::String(format!("CWE-{id}"))
        }
        Some(id) => Value::String(id.to_string()),
        None => Value::Null,
    }
}

/// Message text with `{0}` placeholders filled in (3.11.5).
fn message(result: &Value, rule: &Value) -> String {
    let message = &result["message"];
    let template = message["text"].as_str().or_else(|| {
        let id = message["id"].as_str()?;
        rule["messageStrings"][id]["text"].as_str()
    });
    let mut text = template.unwrap_or("").to_string();
    for (i, argument) in array(&message["arguments"]).iter().enumerate() {
        text = text.replace(&format!("{{{i}}}"), argument.as_str().unwrap_or(""));
    }
    text
}

fn function_of(location: &Value) -> Option<String> {
    let locations = array(&location["logicalLocations"]);
    let function = locations
        .iter()
        .find(|l| l["kind"].as_str() == Some("function"))
        .or_else(|| locations.iter().find(|l| l["kind"].is_null()))?;
    let name = function["name"]
        .as_str()
        .or(function["fullyQualifiedName"].as_str())?;
    // `file.c::name(int, char *)` and the like: the identifier before the parameter list.
    let name = name.split('(').next()?.trim();
    let name = name.rsplit([':', '.', ' ', '*']).next()?;
    (!name.is_empty()).then(|| name.to_string())
}

/// A path out of a URI: scheme and authority dropped, `%41` decoded (RFC 3986).
fn path_of_uri(uri: &str) -> PathBuf {
    let path = match uri.strip_prefix("file://") {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(rest),
        None => uri.strip_prefix("file:").unwrap_or(uri),
    };
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        match hex {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or(&[]);
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(result: &str) -> String {
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"demo","rules":[
              {{"id":"overflow","shortDescription":{{"text":"Buffer overflow"}},
                "messageStrings":{{"m":{{"text":"{{0}} may overflow"}}}},
                "properties":{{"tags":["security","external/cwe/cwe-121"]}},
                "relationships":[{{"target":{{"id":"787","toolComponent":{{"name":"CWE"}}}}}}]}}]}}}},
              "artifacts":[{{"location":{{"uri":"src/a%20b.c"}}}}],
              "results":[{result}]}}]}}"#
        )
    }

    fn parsed(result: &str) -> Result<SarifReports, SarifError> {
        parse(log(result).as_bytes(), Path::new("x.sarif"))
    }

    #[test]
    fn a_result_with_everything() {
        let found = parsed(
            r#"{"ruleId":"overflow","level":"error","message":{"id":"m","arguments":["buf"]},
                "taxa":[{"id":"122","toolComponent":{"name":"CWE"}}],
                "locations":[{"physicalLocation":{"artifactLocation":{"index":0},"region":{"startLine":12}},
                  "logicalLocations":[{"kind":"function","fullyQualifiedName":"a.c::parse(char *)"}]}]}"#,
        )
        .expect("parses");
        let report = &found.reports[0];
        assert_eq!(report.file, Path::new("src/a b.c"));
        assert_eq!(report.line, 12);
        assert_eq!(report.function.as_deref(), Some("parse"));
        assert_eq!(report.issue, "buf may overflow");
        assert_eq!(report.kind, "Buffer overflow");
        assert_eq!(report.cwe, ["CWE-122", "CWE-787", "CWE-121"]);
    }

    #[test]
    fn a_result_without_a_place_is_skipped_not_lost() {
        let found = parsed(
            r#"{"ruleId":"overflow","message":{"text":"m"}},
               {"kind":"pass","message":{"text":"fine"}},
               {"message":{"text":"m"},"locations":[{"physicalLocation":
                 {"artifactLocation":{"uri":"file:///t/a.c"},"region":{"startLine":1}}}]}"#,
        )
        .expect("parses");
        assert_eq!(found.reports.len(), 1);
        assert_eq!(found.reports[0].file, Path::new("/t/a.c"));
        assert!(matches!(
            found.skipped[..],
            [SarifError::Missing {
                run: 0,
                result: 0,
                ..
            }]
        ));
    }

    #[test]
    fn errors() {
        let of = |text: &str| parse(text.as_bytes(), Path::new("x")).expect_err("must fail");
        assert!(matches!(of("{"), SarifError::NotJson { .. }));
        assert!(matches!(of("{}"), SarifError::NotSarif { .. }));
        assert!(matches!(
            of(r#"{"version":"2.0.0","runs":[]}"#),
            SarifError::Version { .. }
        ));
        assert!(matches!(
            of(r#"{"version":"2.1.0","runs":[]}"#),
            SarifError::NoResults { .. }
        ));
        assert!(looks_like_sarif(b" \n{}") && !looks_like_sarif(b"CID: 1"));
    }
}
