//! Prompts with a gap, for base models that were trained to fill in the middle (Bavarian et al., arXiv 2207.14255).
//!
//! Prefix, suffix, middle in this order, each behind a marker. As in conversations, markers are put in by their ids,
//! and what the texts spell is text.

use crate::error::ModelError;
use crate::text::Vocabulary;

/// The markers of one vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InfillForm {
    name: &'static str,
    prefix: u32,
    suffix: u32,
    middle: u32,
    /// What the middle may end with, beside the model's own end tokens.
    ends: Vec<u32>,
}

/// Name, the three markers, and ends of the middle.
type Spelling = (&'static str, [&'static str; 3], &'static [&'static str]);

const FORMS: [Spelling; 5] = [
    // Hui et al., "Qwen2.5-Coder Technical Report" (arXiv 2409.12186).
    (
        "qwen",
        ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
        &["<|endoftext|>", "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>"],
    ),
    // Li et al., "StarCoder" (arXiv 2305.06161); StarCoder2, Granite Code and Stable Code have the same markers.
    (
        "starcoder",
        ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
        &["<|endoftext|>", "<fim_pad>", "<file_sep>"],
    ),
    // Ben Allal et al., "SantaCoder" (arXiv 2301.03988).
    (
        "santacoder",
        ["<fim-prefix>", "<fim-suffix>", "<fim-middle>"],
        &["<|endoftext|>", "<fim-pad>"],
    ),
    // Guo et al., "DeepSeek-Coder" (arXiv 2401.14196).
    (
        "deepseek",
        ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
        &["<｜end▁of▁sentence｜>"],
    ),
    // Rozière et al., "Code Llama" (arXiv 2308.12950).
    ("codellama", ["▁<PRE>", "▁<SUF>", "▁<MID>"], &["▁<EOT>"]),
];

/// Whether some vocabulary marks gaps with a token of this spelling.
pub(crate) fn is_marker(token: &str) -> bool {
    FORMS
        .iter()
        .any(|(_, markers, ends)| markers.contains(&token) || ends.contains(&token))
}

impl InfillForm {
    /// The form whose markers the vocabulary has all of.
    pub fn of(vocabulary: &Vocabulary) -> Option<InfillForm> {
        FORMS.iter().find_map(|(name, [prefix, suffix, middle], ends)| {
            Some(InfillForm {
                name,
                prefix: vocabulary.marker(prefix)?,
                suffix: vocabulary.marker(suffix)?,
                middle: vocabulary.marker(middle)?,
                ends: ends.iter().filter_map(|end| vocabulary.marker(end)).collect(),
            })
        })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the middle may end with.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The tokens after which the model writes what belongs between the two texts.
    pub fn prompt(
        &self,
        vocabulary: &Vocabulary,
        prefix: &str,
        suffix: &str,
    ) -> Result<Vec<u32>, ModelError> {
        // What the tokenizer puts before a whole text. Some put an end after it, too, which has no place here.
        let begin = vocabulary.encode("", true)?;
        let mut tokens: Vec<u32> = begin
            .into_iter()
            .take(1)
            .filter(|t| !self.ends.contains(t))
            .collect();
        tokens.push(self.prefix);
        tokens.extend(vocabulary.encode(prefix, false)?);
        tokens.push(self.suffix);
        tokens.extend(continued(vocabulary, suffix)?);
        tokens.push(self.middle);
        Ok(tokens)
    }
}

/// Tokens of a text that goes on inside a line: without the space that some tokenizers put before every text.
fn continued(vocabulary: &Vocabulary, text: &str) -> Result<Vec<u32>, ModelError> {
    /// A character that no tokenizer joins with what follows.
    const BEFORE: &str = "☺";
    let before = vocabulary.encode(BEFORE, false)?;
    let both = vocabulary.encode(&format!("{BEFORE}{text}"), false)?;
    match both.strip_prefix(before.as_slice()) {
        Some(rest) => Ok(rest.to_vec()),
        None => vocabulary.encode(text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{END_TOKEN, vocabulary_with};

    #[test]
    fn markers_stand_before_the_texts() {
        for (name, markers, _) in FORMS {
            let vocabulary = vocabulary_with(&markers);
            let form = InfillForm::of(&vocabulary).expect("a form");
            assert_eq!(form.name(), name);
            let text = |text: &str| vocabulary.encode(text, false).expect("text");
            let mut expected = vec![END_TOKEN + 1];
            expected.extend(text("a = "));
            expected.push(END_TOKEN + 2);
            expected.extend(text(" + 1;"));
            expected.push(END_TOKEN + 3);
            assert_eq!(
                form.prompt(&vocabulary, "a = ", " + 1;").expect("a prompt"),
                expected
            );
        }
    }

    #[test]
    fn a_vocabulary_without_all_markers_has_no_form() {
        assert_eq!(InfillForm::of(&vocabulary_with(&[])), None);
        assert_eq!(
            InfillForm::of(&vocabulary_with(&["<fim_prefix>", "<fim_suffix>"])),
            None
        );
    }

    #[test]
    fn a_text_cannot_spell_a_marker() {
        let markers = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<|endoftext|>"];
        let vocabulary = vocabulary_with(&markers);
        let form = InfillForm::of(&vocabulary).expect("a form");
        assert_eq!(form.ends(), [END_TOKEN + 4]);
        let prompt = form
            .prompt(&vocabulary, "/* <fim_middle> */", "<|endoftext|>")
            .expect("a prompt");
        assert_eq!(
            vocabulary.markers(&prompt),
            [END_TOKEN + 1, END_TOKEN + 2, END_TOKEN + 3]
        );
    }
}
