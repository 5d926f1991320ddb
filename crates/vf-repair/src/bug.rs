//! Bug reports as data, whatever form they came in.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vf_ir::Property;

/// One finding of a static analyser: a place and a suspicion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BugReport {
    /// The analyser's name for this finding (`CID`, or the SARIF rule and its place in the file).
    pub id: String,
    /// `Type:` (`Buffer overflow`), or the SARIF rule's short description.
    pub kind: String,
    /// `Category:` (`BUFFER_OVERFLOW`), or the SARIF rule id.
    pub category: String,
    /// Function that holds the place, where the report names it.
    pub function: Option<String>,
    /// Path as the report has it, relative to the tree.
    pub file: PathBuf,
    /// 1-based.
    pub line: u32,
    /// `Issue:` or the SARIF message.
    pub issue: String,
    /// `Description:` or the SARIF rule's full description.
    pub description: String,
    /// `CWE-787` and the like, in the order found, without repetition.
    pub cwe: Vec<String>,
    /// Keys that this program gives no meaning to, in order.
    pub extra: Vec<(String, String)>,
}

/// Properties whose violation the report seems to mean, most likely first. Only a ranking: what has to be
/// proved is decided by the place, never by words.
pub fn expected_properties(report: &BugReport) -> Vec<Property> {
    let mut found: Vec<Property> = Vec::new();
    let mut add = |properties: &[Property]| {
        for property in properties {
            if !found.contains(property) {
                found.push(*property);
            }
        }
    };
    for cwe in &report.cwe {
        add(by_cwe(cwe));
    }
    let words = [&report.category, &report.kind, &report.issue, &report.description]
        .map(|s| s.to_ascii_lowercase().replace(['_', '-'], " "));
    for text in &words {
        for (needle, properties) in BY_WORD {
            if text.contains(needle) {
                add(properties);
            }
        }
    }
    found
}

use Property as P;

/// Phrases of analysers' categories and messages. Earlier phrases are the more specific ones.
const BY_WORD: &[(&str, &[Property])] = &[
    (
        "integer overflow",
        &[P::SignedOverflow, P::UnsignedWrap, P::LossyConversion],
    ),
    ("integer wrap", &[P::UnsignedWrap, P::SignedOverflow]),
    ("wraparound", &[P::UnsignedWrap, P::SignedOverflow]),
    ("underflow", &[P::UnsignedWrap, P::IndexLowerBound]),
    ("truncat", &[P::LossyConversion]),
    ("off by one", &[P::IndexUpperBound, P::ValidWrite, P::ValidRead]),
    ("sprintf", &[P::ValidWrite]),
    ("strcpy", &[P::ValidWrite]),
    ("strcat", &[P::ValidWrite]),
    ("negative index", &[P::IndexLowerBound]),
    ("array index", &[P::IndexUpperBound, P::IndexLowerBound]),
    (
        "out of bounds read",
        &[P::ValidRead, P::IndexUpperBound, P::IndexLowerBound],
    ),
    (
        "out of bounds write",
        &[P::ValidWrite, P::IndexUpperBound, P::IndexLowerBound],
    ),
    (
        "out of bounds",
        &[
            P::IndexUpperBound,
            P::ValidWrite,
            P::ValidRead,
            P::IndexLowerBound,
        ],
    ),
    ("overrun", &[P::ValidWrite, P::IndexUpperBound, P::ValidRead]),
    (
        "buffer overflow",
        &[
            P::ValidWrite,
            P::IndexUpperBound,
            P::IndexLowerBound,
            P::ValidRead,
        ],
    ),
    (
        "heap overflow",
        &[P::ValidWrite, P::IndexUpperBound, P::AllocationSize],
    ),
    ("stack overflow", &[P::ValidWrite, P::IndexUpperBound]),
    ("null", &[P::NotNull]),
    ("division by zero", &[P::DivisorNonzero]),
    ("divide by zero", &[P::DivisorNonzero]),
    ("shift", &[P::ShiftInRange]),
    ("uninit", &[P::Initialized]),
    ("use after free", &[P::Lifetime]),
    ("double free", &[P::Lifetime]),
    ("allocation", &[P::AllocationSize, P::UnsignedWrap]),
];

/// MITRE's Common Weakness Enumeration, the entries that speak of what this program proves.
fn by_cwe(cwe: &str) -> &'static [Property] {
    let number = cwe.trim_start_matches(|c: char| !c.is_ascii_digit());
    match number {
        "119" | "120" | "121" | "122" | "787" | "788" | "805" | "806" => &[
            P::ValidWrite,
            P::IndexUpperBound,
            P::IndexLowerBound,
            P::ValidRead,
        ],
        "124" | "786" => &[P::IndexLowerBound, P::ValidWrite],
        "125" | "126" | "127" => &[P::ValidRead, P::IndexUpperBound, P::IndexLowerBound],
        "128" | "190" | "680" => &[P::SignedOverflow, P::UnsignedWrap, P::LossyConversion],
        "129" => &[P::IndexUpperBound, P::IndexLowerBound],
        "131" | "789" => &[P::AllocationSize, P::UnsignedWrap, P::ValidWrite],
        "191" => &[P::UnsignedWrap, P::SignedOverflow],
        "193" => &[P::IndexUpperBound, P::ValidWrite, P::ValidRead],
        "194" | "195" | "196" | "197" | "681" => &[P::LossyConversion],
        "242" | "676" => &[P::ValidWrite],
        "369" => &[P::DivisorNonzero],
        "415" | "416" | "825" => &[P::Lifetime],
        "456" | "457" | "908" => &[P::Initialized],
        "476" | "690" => &[P::NotNull],
        "617" => &[P::Assertion],
        "628" => &[P::Precondition],
        "1335" => &[P::ShiftInRange],
        _ => &[],
    }
}

/// Every `CWE-<digits>` in a text, written in one way (`cwe-787`, `CWE787`, `external/cwe/cwe-787`).
pub(crate) fn cwes_in(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, _) in lower.match_indices("cwe") {
        let rest = lower
            .get(at + 3..)
            .unwrap_or("")
            .trim_start_matches(['-', '_', ' ', ':']);
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let digits = digits.trim_start_matches('0');
        let name = format!("CWE-{digits}");
        if !digits.is_empty() && digits.len() <= 5 && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn category_words_rank_properties() {
        let report = BugReport {
            category: "BUFFER_OVERFLOW".into(),
            ..BugReport::default()
        };
        assert_eq!(expected_properties(&report).first(), Some(&P::ValidWrite));
        let report = BugReport {
            kind: "Integer overflow".into(),
            ..BugReport::default()
        };
        assert_eq!(expected_properties(&report).first(), Some(&P::SignedOverflow));
        let report = BugReport {
            cwe: vec!["CWE-369".into()],
            kind: "Buffer overflow".into(),
            ..BugReport::default()
        };
        assert_eq!(expected_properties(&report).first(), Some(&P::DivisorNonzero));
        assert!(expected_properties(&BugReport::default()).is_empty());
    }

    #[test]
    fn cwe_numbers_are_found_in_any_spelling() {
        assert_eq!(
            cwes_in("external/cwe/cwe-0787 CWE:190, CWE787"),
            ["CWE-787", "CWE-190"]
        );
        assert!(cwes_in("cwe- none").is_empty());
    }
}
