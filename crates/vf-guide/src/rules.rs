//! Grammars as rules, cleaned of what can never be met, and printed in llguidance's Lark-like syntax.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// One place of an alternative.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Symbol {
    /// A rule by its name.
    Rule { name: String, optional: bool },
    /// A terminal: a quoted text, or the name of one in upper case.
    Terminal(String),
}

/// A context-free grammar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    rules: BTreeMap<String, BTreeSet<Vec<Symbol>>>,
    /// Named terminals, as they are printed.
    terminals: String,
}

impl Rules {
    /// Adds an alternative: names of rules (lower case, with `?` behind them if they may be left out), names of
    /// terminals (upper case) and quoted texts, with blanks between them.
    pub fn add(&mut self, rule: &str, alternative: &str) {
        let symbols = symbols(alternative);
        self.rules.entry(rule.to_owned()).or_default().insert(symbols);
    }

    /// Adds `rule: alternative | alternative ...` for each line of a text.
    pub fn add_all(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            if let Some((rule, alternatives)) = line.split_once(": ") {
                for one in split_outside_quotes(alternatives, '|') {
                    self.add(rule, &one);
                }
            }
        }
    }

    pub fn terminals(&mut self, text: &str) {
        self.terminals.push_str(text);
        if !text.ends_with('\n') {
            self.terminals.push('\n');
        }
    }

    /// Rules that some text meets.
    fn productive(&self) -> BTreeSet<&str> {
        let mut good: BTreeSet<&str> = BTreeSet::new();
        loop {
            let before = good.len();
            for (name, alternatives) in &self.rules {
                let met = alternatives.iter().any(|a| {
                    a.iter().all(|s| match s {
                        Symbol::Rule { name, optional } => *optional || good.contains(name.as_str()),
                        Symbol::Terminal(_) => true,
                    })
                });
                if met {
                    good.insert(name);
                }
            }
            if good.len() == before {
                return good;
            }
        }
    }

    /// Prints what can be reached from `start` and met; `None` where nothing meets `start`.
    pub fn print(&self) -> Option<String> {
        let good = self.productive();
        if !good.contains("start") {
            return None;
        }
        let mut text = String::new();
        let mut seen: BTreeSet<&str> = BTreeSet::from(["start"]);
        let mut open = vec!["start"];
        while let Some(name) = open.pop() {
            let mut alternatives = Vec::new();
            for alternative in self.rules.get(name).into_iter().flatten() {
                let mut words = Vec::new();
                let mut met = true;
                for symbol in alternative {
                    match symbol {
                        Symbol::Terminal(t) => words.push(t.clone()),
                        Symbol::Rule { name, optional } if good.contains(name.as_str()) => {
                            words.push(format!("{name}{}", if *optional { "?" } else { "" }));
                            if seen.insert(name) {
                                open.push(name);
                            }
                        }
                        Symbol::Rule { optional, .. } => met &= optional,
                    }
                }
                if met {
                    // A text of no length at all.
                    alternatives.push(if words.is_empty() {
                        "\"\"".to_owned()
                    } else {
                        words.join(" ")
                    });
                }
            }
            let _ = writeln!(text, "{name}: {}", alternatives.join("\n    | "));
        }
        text.push_str(&self.terminals);
        Some(text)
    }
}

fn split_outside_quotes(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if c == at && !quoted {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn symbols(alternative: &str) -> Vec<Symbol> {
    split_outside_quotes(alternative.trim(), ' ')
        .into_iter()
        .filter(|w| !w.is_empty())
        .map(|word| match word.chars().next() {
            Some('a'..='z') => Symbol::Rule {
                optional: word.ends_with('?'),
                name: word.trim_end_matches('?').to_owned(),
            },
            _ => Symbol::Terminal(word),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_meets_is_not_printed() {
        let mut rules = Rules::default();
        rules.add_all("start: a b? | \"|\" c\na: \"x y\" | a c\nb: b \"1\"\nd: \"2\"");
        rules.terminals("X: /x/");
        assert_eq!(rules.print().as_deref(), Some("start: a\na: \"x y\"\nX: /x/\n"));
        let good = rules.productive();
        assert!(good.contains("d") && !good.contains("b") && !good.contains("c"));
        assert_eq!(Rules::default().print(), None);
    }
}
