//! The arm `tree`: a beam search over statements, guided by what the prover says of them (and best-of-n, which is one
//! with as many beams as samples and no second choice).
//!
//! A node is a completion that stopped behind a statement. In each round every node of the beam is forked, each fork is
//! drawn on to the end of its next statement, and the best of all go on: those of highest log-probability plus what a
//! [`Scorer`] adds, obligations discharged above all. The search knows neither a model nor C: both are traits.

use std::collections::BTreeSet;

/// A completion that can be forked and drawn on: in earnest a key-value cache with its tokens.
pub trait Branch: Sized {
    type Error;

    /// The same state once more; what is drawn from it differs by the seed.
    ///
    /// # Errors
    /// What the model says.
    fn fork(&self, seed: u64) -> Result<Self, Self::Error>;

    /// Draws tokens until `stop` is true of the whole text, or it ends by itself or by its limit.
    ///
    /// # Errors
    /// What the model says.
    fn draw(&mut self, stop: &mut dyn FnMut(&str) -> bool) -> Result<Drawn, Self::Error>;

    /// Text so far.
    fn text(&self) -> &str;

    /// Natural logarithm of the probability of the text so far.
    fn log_probability(&self) -> f64;
}

/// Why drawing stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// At the place that was asked for.
    Stopped,
    /// The completion is whole.
    Finished,
    /// It was given up: its guide, or its limit.
    GivenUp,
}

/// Says how good a text is.
pub trait Scorer {
    /// Added to the log-probability: positive for what is proved, negative for what is in doubt; `None`: no good.
    fn score(&mut self, text: &str, finished: bool) -> Option<f64>;
}

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Nodes that go on after each round.
    pub beam: usize,
    /// Forks of each.
    pub forks: usize,
    /// Nodes that may be drawn altogether.
    pub nodes: usize,
    /// Whole completions that are enough.
    pub finished: usize,
    /// Divides the log-probability by the number of bytes to this power, so that long texts are not worse for being long
    /// (Wu et al., arXiv:1609.08144, section 7). 0: not at all.
    pub length_power: f64,
}

impl Limits {
    /// n independent completions, the best first.
    pub fn best_of(n: usize) -> Limits {
        Limits {
            beam: n,
            forks: 1,
            nodes: usize::MAX,
            finished: n,
            length_power: 0.0,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            beam: 4,
            forks: 3,
            nodes: 96,
            finished: 4,
            length_power: 0.7,
        }
    }
}

/// What came of a search.
#[derive(Debug)]
pub struct Found<B> {
    /// Whole completions with their scores, best first.
    pub finished: Vec<(B, f64)>,
    /// Nodes that were drawn.
    pub nodes: usize,
    /// Those that a scorer refused.
    pub refused: usize,
    /// Those that had the text of another one.
    pub duplicates: usize,
}

/// Searches from a branch on, which is usually the prompt with nothing behind it. `stop` says where statements end.
///
/// # Errors
///
/// The first error of a branch; what was found until then is lost.
pub fn search<B: Branch>(
    root: &B,
    limits: &Limits,
    seed: u64,
    stop: &mut dyn FnMut(&str) -> bool,
    scorer: &mut dyn Scorer,
) -> Result<Found<B>, B::Error> {
    let mut found = Found {
        finished: Vec::new(),
        nodes: 0,
        refused: 0,
        duplicates: 0,
    };
    let mut seen: BTreeSet<String> = BTreeSet::new();
    // The first round has one node: it is forked as often as the beam is wide.
    let mut beam: Vec<(B, f64)> = vec![(root.fork(seed)?, 0.0)];
    let mut forks = limits.forks.max(1).saturating_mul(limits.beam.max(1));
    let mut next_seed = seed;
    while !beam.is_empty() && found.nodes < limits.nodes && found.finished.len() < limits.finished.max(1) {
        let mut next: Vec<(B, f64)> = Vec::new();
        for (node, _) in &beam {
            for _ in 0..forks {
                if found.nodes >= limits.nodes {
                    break;
                }
                next_seed = next_seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut branch = node.fork(next_seed)?;
                found.nodes += 1;
                let drawn = branch.draw(stop)?;
                if drawn == Drawn::GivenUp {
                    found.refused += 1;
                    continue;
                }
                if !seen.insert(branch.text().to_owned()) {
                    found.duplicates += 1;
                    continue;
                }
                let finished = drawn == Drawn::Finished;
                let Some(score) = scorer.score(branch.text(), finished) else {
                    found.refused += 1;
                    continue;
                };
                let length = (branch.text().len().max(1) as f64).powf(limits.length_power);
                let score = branch.log_probability() / length + score;
                match finished {
                    true => found.finished.push((branch, score)),
                    false => next.push((branch, score)),
                }
            }
        }
        next.sort_by(|a, b| b.1.total_cmp(&a.1));
        next.truncate(limits.beam.max(1));
        beam = next;
        forks = limits.forks.max(1);
    }
    found.finished.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(found)
}

/// Whether a text, an edit of numbered lines, ends behind a statement at the level of the edit itself, perhaps with the blanks that
/// begin the next line.
pub fn behind_statement(text: &str) -> bool {
    let text = text.trim_end_matches([' ', '\t']);
    let Some(line) = text
        .strip_suffix('\n')
        .map(|t| t.rsplit('\n').next().unwrap_or(t).trim())
    else {
        return false;
    };
    let body = text.rsplit("```edit\n").next().unwrap_or(text);
    let depth = body.matches('{').count().checked_sub(body.matches('}').count());
    depth == Some(0) && (line.ends_with(';') || line == "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes letters, statement by statement; which ones depends on the seed.
    #[derive(Debug)]
    struct Letters {
        text: String,
        log: f64,
        seed: u64,
    }

    impl Branch for Letters {
        type Error = String;
        fn fork(&self, seed: u64) -> Result<Letters, String> {
            Ok(Letters {
                text: self.text.clone(),
                log: self.log,
                seed,
            })
        }
        fn draw(&mut self, stop: &mut dyn FnMut(&str) -> bool) -> Result<Drawn, String> {
            let mut dice = crate::testing::Dice(self.seed);
            loop {
                if self.text.len() >= 9 {
                    return Ok(Drawn::Finished);
                }
                let letter = dice.below(4);
                // `a` is likely, `d` is not.
                self.log -= 0.5 + letter as f64;
                self.text.push(['a', 'b', 'c', 'd'][letter]);
                self.text.push_str(";\n");
                if stop(&self.text) {
                    return Ok(match self.text.len() >= 9 {
                        true => Drawn::Finished,
                        false => Drawn::Stopped,
                    });
                }
            }
        }
        fn text(&self) -> &str {
            &self.text
        }
        fn log_probability(&self) -> f64 {
            self.log
        }
    }

    /// Likes `d`, refuses `c`.
    struct Proves;
    impl Scorer for Proves {
        fn score(&mut self, text: &str, _: bool) -> Option<f64> {
            (!text.contains('c')).then(|| 10.0 * text.matches('d').count() as f64)
        }
    }

    fn root() -> Letters {
        Letters {
            text: String::new(),
            log: 0.0,
            seed: 0,
        }
    }

    #[test]
    fn what_is_proved_beats_what_is_likely() {
        let limits = Limits {
            beam: 4,
            forks: 6,
            nodes: 500,
            finished: 1,
            length_power: 0.0,
        };
        let found = search(&root(), &limits, 1, &mut |t| behind_statement(t), &mut Proves).expect("searches");
        assert_eq!(
            found.finished.first().map(|(b, _)| b.text()),
            Some("d;\nd;\nd;\n")
        );
        assert!(found.refused > 0 && found.duplicates > 0 && found.nodes <= 500);
        assert!(found.finished.iter().all(|(b, _)| !b.text().contains('c')));
        let again = search(&root(), &limits, 1, &mut |t| behind_statement(t), &mut Proves).expect("searches");
        assert_eq!(again.nodes, found.nodes, "the same seed, the same search");
    }

    #[test]
    fn budgets_hold() {
        let limits = Limits {
            nodes: 7,
            finished: 100,
            ..Limits::default()
        };
        let found = search(&root(), &limits, 1, &mut |t| behind_statement(t), &mut Proves).expect("searches");
        assert_eq!(found.nodes, 7);
        let found = search(&root(), &Limits::best_of(3), 5, &mut |_| false, &mut Proves).expect("searches");
        assert!(found.nodes >= 3 && found.finished.len() <= 3);
    }

    #[test]
    fn statements_end_outside_of_braces() {
        assert!(behind_statement("```edit\n3-:\n\tx = 1;\n"));
        assert!(!behind_statement("```edit\n3-:\n\tif (x) {\n\t\ty = 1;\n"));
        assert!(behind_statement("```edit\n3-:\n\tif (x) {\n\t\ty = 1;\n\t}\n"));
        assert!(behind_statement("```edit\n3-:\n\tx = 1;\n\t"));
        assert!(!behind_statement("```edit\n3-:\n\tx = 1;") && !behind_statement("```edit\n3-:\n"));
    }
}
