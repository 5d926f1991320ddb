//! Reasoning before the block: free text until the fence of an edit, then the guide of what is inside.

use vf_model::guide::{Allowed, Check, Guide, GuideError, GuideStatistics, TokenSet};

use crate::lark::OPEN;
use crate::vocabulary::Vocabulary;

/// Lets a model write what it likes, and other fenced blocks too, until a line opens the block of an edit. What comes
/// then is for the inner guide, whose grammar begins [behind the fence](crate::Start::Inside). After `limit` tokens the
/// fence is all that may follow.
pub struct Fenced {
    inner: Box<dyn Guide>,
    vocabulary: Vocabulary,
    name: String,
    free: Option<Free>,
}

#[derive(Clone, Debug)]
struct Free {
    /// The line so far.
    line: Vec<u8>,
    /// Within a block that is no edit.
    in_block: bool,
    /// Tokens that may still come before the fence.
    left: usize,
    /// Text that must follow now.
    forced: Option<Vec<u8>>,
}

/// What some bytes do to the text before the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Goes,
    /// The fence is there.
    Opens,
    /// The fence is there, and bytes behind it.
    Overshoots,
}

impl Free {
    fn step(&mut self, bytes: &[u8]) -> Step {
        for (i, byte) in bytes.iter().enumerate() {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line))
                .trim()
                .to_owned();
            if let Some(tag) = line.strip_prefix("```") {
                if !self.in_block && tag.trim() == "edit" {
                    return match i + 1 == bytes.len() {
                        true => Step::Opens,
                        false => Step::Overshoots,
                    };
                }
                self.in_block = !self.in_block;
            }
        }
        Step::Goes
    }

    /// What leads from here to the fence.
    fn way(&self) -> Vec<u8> {
        let mut way = Vec::new();
        if !self.line.is_empty() {
            way.push(b'\n');
        }
        // A line that is a fence itself changes sides.
        let line = String::from_utf8_lossy(&self.line);
        let tag = line.trim().strip_prefix("```");
        if !self.in_block && tag.is_some_and(|t| t.trim() == "edit") {
            return way;
        }
        let toggles = tag.is_some();
        if self.in_block != toggles {
            way.extend(b"```\n");
        }
        way.extend(OPEN.as_bytes());
        way
    }
}

impl Fenced {
    pub fn new(inner: Box<dyn Guide>, vocabulary: &Vocabulary, limit: usize) -> Fenced {
        Fenced {
            name: format!("fenced({})", inner.name()),
            inner,
            vocabulary: vocabulary.clone(),
            free: Some(Free {
                line: Vec::new(),
                in_block: false,
                left: limit,
                forced: None,
            }),
        }
    }
}

impl Guide for Fenced {
    fn name(&self) -> &str {
        &self.name
    }

    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        let Some(free) = &mut self.free else {
            return self.inner.allowed();
        };
        if free.left == 0 && free.forced.is_none() {
            free.forced = Some(free.way());
        }
        let tokens = free.forced.as_ref().map(|forced| {
            let mut set = TokenSet::empty(self.vocabulary.len());
            for end in 1..=forced.len() {
                for token in forced.get(..end).map_or(&[][..], |t| self.vocabulary.spelt(t)) {
                    set.insert(*token);
                }
            }
            set
        });
        Ok(Allowed {
            tokens,
            end: false,
            penalties: Vec::new(),
        })
    }

    fn check(&mut self, token: u32) -> Result<Check, GuideError> {
        let Some(free) = &self.free else {
            return self.inner.check(token);
        };
        Ok(match free.clone().step(self.vocabulary.bytes(token)) {
            Step::Overshoots => Check::Prune("the block would begin within a token".to_owned()),
            Step::Goes | Step::Opens => Check::Keep,
        })
    }

    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        let Some(free) = &mut self.free else {
            return self.inner.advance(token);
        };
        let bytes = self.vocabulary.bytes(token);
        if let Some(forced) = &mut free.forced {
            forced.drain(..bytes.len().min(forced.len()));
        }
        free.left = free.left.saturating_sub(1);
        match free.step(bytes) {
            Step::Goes => Ok(()),
            Step::Opens => {
                self.free = None;
                Ok(())
            }
            Step::Overshoots => Err(GuideError {
                guide: self.name.clone(),
                why: "the block begins within a token".to_owned(),
            }),
        }
    }

    fn end(&mut self) -> Result<Check, GuideError> {
        match self.free {
            Some(_) => Ok(Check::Prune("there is no edit yet".to_owned())),
            None => self.inner.end(),
        }
    }

    fn fork(&self) -> Box<dyn Guide> {
        Box::new(Fenced {
            inner: self.inner.fork(),
            vocabulary: self.vocabulary.clone(),
            name: self.name.clone(),
            free: self.free.clone(),
        })
    }

    fn statistics(&self) -> GuideStatistics {
        self.inner.statistics()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, sample};

    fn words() -> Vec<Vec<u8>> {
        let mut words: Vec<Vec<u8>> = (0..=126u8).map(|b| vec![b]).collect();
        words.extend(
            ["```edit\n", "```edit\n1", "```", "edit", "\n", "why: ", "```c\n"]
                .map(|w| w.as_bytes().to_vec()),
        );
        words
    }

    #[test]
    fn free_text_ends_in_a_block_whatever_the_model_does() {
        let words = words();
        let vocabulary = Vocabulary::new(words.clone()).expect("a vocabulary");
        let grammar = vocabulary
            .grammar(
                "grammar",
                "start: /[0-9]{3}\\n```/\n%llguidance { \"no_forcing\": true }",
            )
            .expect("a grammar");
        let guide = Fenced::new(Box::new(grammar), &vocabulary, 20);
        assert_eq!(guide.name(), "fenced(grammar)");
        let mut dice = Dice(11);
        for _ in 0..50 {
            let mut guide = guide.fork();
            let one = sample(guide.as_mut(), &words, &mut dice, 80).expect("samples");
            let text = one.text(&words);
            assert!(one.finished, "{text:?}");
            let (_, block) = text.rsplit_once("```edit\n").expect("a block");
            assert!(block.len() == 7 && block.ends_with("\n```"), "{text:?}");
        }
    }

    #[test]
    fn fences_are_told_apart() {
        let free = || Free {
            line: Vec::new(),
            in_block: false,
            left: 9,
            forced: None,
        };
        assert_eq!(
            free().step(b"so ```edit\n"),
            Step::Goes,
            "not at the beginning of a line"
        );
        assert_eq!(free().step(b"so\n  ```edit\n"), Step::Opens);
        assert_eq!(free().step(b"```edit\n1"), Step::Overshoots);
        let mut block = free();
        assert_eq!(
            block.step(b"```c\nint x;\n```edit\n"),
            Step::Goes,
            "it closes the block before it"
        );
        assert_eq!(block.step(b"```edit\n"), Step::Opens);
        let mut block = free();
        block.step(b"```c\nint x;");
        assert_eq!(block.way(), b"\n```\n```edit\n");
        let mut block = free();
        block.step(b"```c");
        assert_eq!(block.way(), b"\n```\n```edit\n");
        assert_eq!(free().way(), b"```edit\n");
        let mut block = free();
        block.step(b"```edit");
        assert_eq!(block.way(), b"\n");
    }
}
