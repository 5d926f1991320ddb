//! Vocabularies and random models, to try guides without a model.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vf_frontend::Options;
use vf_model::guide::{Check, Guide, GuideError};
use vf_repair::ctext::functions::functions;
use vf_repair::{Candidate, Context};

use crate::arms::{ArmError, Arms, Made, Subject, make};
use crate::refuted::Refuted;
use crate::vocabulary::Vocabulary;

/// Byte-level tokens: all single bytes, and the pieces of some texts that save the most bytes, up to a size. Such
/// pieces begin like those of common tokenizers: a word or a run of marks, with the blank before it.
pub fn vocabulary(texts: &[String], size: usize) -> Vec<Vec<u8>> {
    let mut counts: HashMap<&[u8], u64> = HashMap::new();
    for text in texts {
        for piece in pieces(text.as_bytes()) {
            for end in 2..=piece.len().min(14) {
                *counts.entry(piece.get(..end).unwrap_or(piece)).or_default() += 1;
            }
            for start in 1..piece.len().saturating_sub(1) {
                for end in start + 2..=piece.len().min(start + 5) {
                    *counts.entry(piece.get(start..end).unwrap_or(piece)).or_default() += 1;
                }
            }
        }
    }
    let mut best: Vec<(u64, &[u8])> = counts
        .into_iter()
        .map(|(piece, count)| (count * (piece.len() as u64 - 1), piece))
        .collect();
    best.sort_by(|a, b| b.cmp(a));
    let mut tokens: Vec<Vec<u8>> = (0..=255u8).map(|b| vec![b]).collect();
    tokens.extend(
        best.into_iter()
            .take(size.saturating_sub(256))
            .map(|(_, p)| p.to_vec()),
    );
    tokens
}

fn pieces(text: &[u8]) -> Vec<&[u8]> {
    let class = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => 0,
        b' ' | b'\t' | b'\n' => 1,
        _ => 2,
    };
    let mut found = Vec::new();
    let mut start = 0;
    for i in 1..=text.len() {
        let cut = match (text.get(i - 1), text.get(i)) {
            (Some(a), Some(b)) => class(*a) != class(*b) && !(*a == b' ' && i - start == 1),
            _ => true,
        };
        if cut {
            found.extend(text.get(start..i));
            start = i;
        }
    }
    found
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a bound that is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.draw() % bound.max(1) as u64) as usize
    }
}

/// One completion of a model that likes all tokens the same.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    pub tokens: Vec<u32>,
    /// It came to an end within its limit.
    pub finished: bool,
    /// Time of each [`Guide::allowed`].
    pub masks: Vec<Duration>,
    /// Tokens that a check pruned.
    pub pruned: usize,
}

impl Sample {
    /// What the tokens stand for.
    pub fn text(&self, vocabulary: &[Vec<u8>]) -> String {
        let bytes: Vec<u8> = self
            .tokens
            .iter()
            .filter_map(|t| vocabulary.get(*t as usize))
            .flatten()
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Draws among the allowed tokens until the end is drawn or so many tokens are there: all the same, but for the end,
/// which is drawn half of the time where it is allowed, and for what closes something, two times of five and, behind a fifth of the
/// limit, four times.
///
/// # Errors
///
/// What the guide says.
pub fn sample(
    guide: &mut dyn Guide,
    vocabulary: &[Vec<u8>],
    dice: &mut Dice,
    limit: usize,
) -> Result<Sample, GuideError> {
    let closes = |token: Option<&u32>| {
        let bytes = token.and_then(|t| vocabulary.get(*t as usize));
        bytes.is_some_and(|b| !b.is_empty() && b.iter().all(|c| b");]}`\n".contains(c)))
    };
    let mut done = Sample::default();
    while done.tokens.len() < limit {
        let start = Instant::now();
        let allowed = guide.allowed()?;
        done.masks.push(start.elapsed());
        let mut end = allowed.end;
        let mut choices: Vec<u32> = allowed
            .tokens
            .map_or_else(|| (0..256).collect(), |t| t.iter().collect());
        loop {
            if end && (choices.is_empty() || dice.below(2) == 0) {
                if guide.end()? == Check::Keep {
                    done.finished = true;
                    return Ok(done);
                }
                end = false;
                done.pruned += 1;
                continue;
            }
            if choices.is_empty() {
                return Ok(done);
            }
            // Expressions of a model that likes all tokens the same would grow without end.
            let tired = if done.tokens.len() > limit / 5 { 4 } else { 2 };
            let closing: Vec<usize> = match dice.below(5) < tired {
                true => (0..choices.len()).filter(|i| closes(choices.get(*i))).collect(),
                false => Vec::new(),
            };
            let at = match closing.get(dice.below(closing.len())) {
                Some(at) => *at,
                None => dice.below(choices.len()),
            };
            let token = choices.swap_remove(at);
            if guide.check(token)? == Check::Keep {
                guide.advance(token)?;
                done.tokens.push(token);
                break;
            }
            done.pruned += 1;
        }
    }
    Ok(done)
}

/// Where a guide stops a text, in bytes; nothing where all of it may be written. Every byte is a token of `vocabulary`, and the
/// text is written byte by byte.
///
/// # Errors
/// What the guide says.
pub fn stopped_at(
    guide: &mut dyn Guide,
    vocabulary: &Vocabulary,
    text: &str,
) -> Result<Option<usize>, GuideError> {
    for (at, byte) in text.bytes().enumerate() {
        let Some(token) = vocabulary.spelt(&[byte]).first() else {
            return Ok(Some(at));
        };
        let allowed = guide.allowed()?;
        let is_allowed = allowed.tokens.is_none_or(|tokens| tokens.contains(*token));
        if !is_allowed || guide.check(*token)? != Check::Keep {
            return Ok(Some(at));
        }
        guide.advance(*token)?;
    }
    let ends = guide.allowed()?.end && guide.end()? == Check::Keep;
    Ok((!ends).then_some(text.len()))
}

/// A function of a file, to guide for.
#[derive(Clone, Debug)]
pub struct Case {
    pub file: PathBuf,
    pub text: String,
    pub function: String,
    pub options: Options,
}

/// How the front end reads a file without flags.
pub fn options(flags: Vec<String>, directory: Option<PathBuf>) -> Options {
    Options {
        model: vf_ir::DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags,
        directory,
        wanted: vf_frontend::Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    }
}

/// Every function of the C files of a corpus of cases (`CASE/tree`, with its `compile_flags.txt`), in order. What cannot be
/// read is passed over.
pub fn cases(corpus: &Path) -> Vec<Case> {
    let mut found = Vec::new();
    for case in sorted(corpus) {
        let tree = case.join("tree");
        let mut open = vec![tree.clone()];
        while let Some(folder) = open.pop() {
            for path in sorted(&folder) {
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let (Ok(text), true) = (
                    std::fs::read_to_string(&path),
                    path.extension().is_some_and(|e| e == "c"),
                ) else {
                    continue;
                };
                let flags = path
                    .strip_prefix(&tree)
                    .ok()
                    .and_then(|file| vf_repair::tree_flags(&tree, file).ok());
                let options = flags.map_or_else(
                    || options(Vec::new(), None),
                    |f| options(f.flags, f.directory.or_else(|| Some(tree.clone()))),
                );
                for function in functions(&text) {
                    found.push(Case {
                        file: path.clone(),
                        text: text.clone(),
                        function: function.name,
                        options: options.clone(),
                    });
                }
            }
        }
    }
    found
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok().map(|e| e.path()))
        .collect();
    found.sort();
    found
}

impl Case {
    /// A function of a text that includes nothing, which is written to a file of the folder.
    ///
    /// # Errors
    /// The folder is not writable.
    pub fn alone(folder: &Path, text: &str, function: &str) -> std::io::Result<Case> {
        let file = folder.join("case.c");
        std::fs::write(&file, text)?;
        Ok(Case {
            file,
            text: text.to_owned(),
            function: function.to_owned(),
            options: options(Vec::new(), None),
        })
    }

    /// The guide of some arms for it.
    ///
    /// # Errors
    /// As [`crate::make`].
    pub fn guide(&self, arms: &Arms, vocabulary: &Vocabulary) -> Result<Made, ArmError> {
        let subject = Subject {
            file: &self.file,
            text: &self.text,
            function: &self.function,
            options: &self.options,
            counterexamples: Vec::new(),
            safe: Vec::new(),
            prover: None,
        };
        make(arms, vocabulary, &Refuted::new(), subject, None)
    }

    /// The file after an answer, read as the repair loop reads it.
    ///
    /// # Errors
    /// Why it is no edit, in words.
    pub fn edited(&self, answer: &str) -> Result<String, String> {
        let span = functions(&self.text)
            .into_iter()
            .find(|f| f.name == self.function)
            .map(|f| f.range)
            .ok_or("the function is gone")?;
        let context = Context {
            report: None,
            tree: None,
            file: self.file.clone(),
            text: Arc::from(self.text.as_str()),
            function: self.function.clone(),
            span,
            failed: Vec::new(),
            all: Vec::new(),
            program: None,
            style: vf_repair::Style::User,
        };
        let edits =
            vf_repair::model_proposer::read_answer(&context, "", answer).map_err(|e| e.to_string())?;
        let candidate = Candidate {
            edits,
            origin: String::new(),
            note: String::new(),
        };
        candidate.apply(&self.text).map_err(|e| e.to_string())
    }

    /// Whether the front end's parser takes the function in a text of the file.
    ///
    /// # Errors
    /// What it says.
    pub fn parses(&self, text: &str) -> Result<(), String> {
        let mut options = self.options.clone();
        options.overlay = vec![(self.file.clone(), text.to_owned())];
        let pre = vf_frontend::preprocess::preprocess(&self.file, &options).map_err(|e| e.to_string())?;
        let unit = vf_frontend::split::split(&pre, &mut vf_source::SourceMap::new());
        let index = unit.function(&self.function).ok_or("the function is gone")?;
        unit.parse(index).map(|_| ()).map_err(|e| format!("{e:?}"))
    }

    /// Whether names resolve and types fit: the front end lowers the function, and the compiler takes the file without
    /// an error about names or types.
    ///
    /// # Errors
    /// What one of them says.
    pub fn type_checks(&self, text: &str) -> Result<(), String> {
        let mut options = self.options.clone();
        options.overlay = vec![(self.file.clone(), text.to_owned())];
        let loaded =
            vf_frontend::load(std::slice::from_ref(&self.file), &options).map_err(|e| e.to_string())?;
        let id = loaded
            .program
            .function_named(&self.function)
            .ok_or("the function is gone")?;
        if let vf_ir::Body::Unsupported(what) = &loaded.program.function(id).body {
            return Err(format!("cannot be lowered: {}", what.construct));
        }
        let mut command = Command::new(&self.options.compiler);
        command
            .args(["-fsyntax-only", "-w", "-x", "c"])
            .args(&self.options.flags);
        for error in [
            "implicit-function-declaration",
            "int-conversion",
            "incompatible-pointer-types",
            "discarded-qualifiers",
            "implicit-int",
            "return-type",
        ] {
            command.arg(format!("-Werror={error}"));
        }
        if let Some(folder) = self.file.parent() {
            command.arg("-I").arg(folder);
        }
        if let Some(directory) = &self.options.directory {
            command.current_dir(directory);
        }
        command
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| e.to_string())?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes()).map_err(|e| e.to_string())?;
        }
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}
