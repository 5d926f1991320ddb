//! Reads what z3 prints of an invariant: conditions on linear sums of the relation's arguments, which it writes `(:var n)`.
//!
//! ```text
//! (let ((a!1 (+ (:var 0) (* (- 1) (:var 1))))) (and (<= a!1 0) (or (:var 2) (>= (:var 1) 3))))
//! ```

use crate::tables::HashMap;

use super::{Formula, Linear};

/// Clauses of one invariant, at most: distributing may multiply them.
const MOST_CLAUSES: usize = 64;
/// Nesting that is followed; deeper formulas are no use to anybody.
const DEEPEST: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    Word(String),
    List(Vec<Tree>),
}

/// The conjuncts of a printed formula, less those that cannot be read.
pub(super) fn clauses(text: &str) -> Vec<Formula> {
    let Some(tree) = parse(text) else {
        return Vec::new();
    };
    let mut reader = Reader {
        bound: HashMap::default(),
    };
    let mut found = Vec::new();
    for conjunct in reader.conjuncts(&tree, true, 0) {
        if !found.contains(&conjunct) && conjunct != Formula::Constant(true) {
            found.push(conjunct);
        }
    }
    found.truncate(MOST_CLAUSES);
    found
}

fn parse(text: &str) -> Option<Tree> {
    let mut open: Vec<Vec<Tree>> = vec![Vec::new()];
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    for word in spaced.split_whitespace() {
        match word {
            "(" if open.len() > DEEPEST => return None,
            "(" => open.push(Vec::new()),
            ")" => {
                let list = open.pop()?;
                open.last_mut()?.push(Tree::List(list));
            }
            _ => open.last_mut()?.push(Tree::Word(word.to_string())),
        }
    }
    let mut top = open.pop().filter(|_| open.is_empty())?;
    top.pop().filter(|_| top.is_empty())
}

struct Reader {
    /// What `let` says names stand for. z3 never uses a name twice in one text.
    bound: HashMap<String, Tree>,
}

impl Reader {
    /// Formulas whose conjunction the tree (or its negation) is.
    fn conjuncts(&mut self, tree: &Tree, holds: bool, depth: usize) -> Vec<Formula> {
        let tree = self.opened(tree);
        if depth < DEEPEST
            && let Some((head, rest)) = application(&tree)
        {
            match (head, rest) {
                ("and", parts) if holds => {
                    return parts
                        .iter()
                        .flat_map(|p| self.conjuncts(p, true, depth + 1))
                        .collect();
                }
                ("or", parts) if !holds => {
                    return parts
                        .iter()
                        .flat_map(|p| self.conjuncts(p, false, depth + 1))
                        .collect();
                }
                ("not", [inner]) => return self.conjuncts(inner, !holds, depth + 1),
                ("=>", [premise, conclusion]) if !holds => {
                    let mut both = self.conjuncts(premise, true, depth + 1);
                    both.extend(self.conjuncts(conclusion, false, depth + 1));
                    return both;
                }
                // One of several: each clause of the one with each of the others.
                ("or", parts) | ("and", parts) => return self.distributed(parts, holds, depth),
                _ => {}
            }
        }
        self.formula(&tree, holds, depth).into_iter().collect()
    }

    fn distributed(&mut self, parts: &[Tree], holds: bool, depth: usize) -> Vec<Formula> {
        let mut clauses: Vec<Vec<Formula>> = vec![Vec::new()];
        for part in parts {
            let alternatives = self.conjuncts(part, holds, depth + 1);
            if alternatives.is_empty() || clauses.len() * alternatives.len() > MOST_CLAUSES {
                return Vec::new();
            }
            clauses = clauses
                .iter()
                .flat_map(|clause| {
                    alternatives
                        .iter()
                        .map(move |a| [clause.as_slice(), std::slice::from_ref(a)].concat())
                })
                .collect();
        }
        clauses.into_iter().map(Formula::Any).collect()
    }

    /// The tree under `let`, whose names are remembered, or what a name stands for.
    fn opened(&mut self, tree: &Tree) -> Tree {
        let mut tree = tree.clone();
        for _ in 0..DEEPEST {
            tree = match &tree {
                Tree::List(parts) => match parts.as_slice() {
                    [Tree::Word(word), Tree::List(bindings), inner] if word == "let" => {
                        for binding in bindings {
                            if let Tree::List(pair) = binding
                                && let [Tree::Word(name), value] = pair.as_slice()
                            {
                                self.bound.insert(name.clone(), value.clone());
                            }
                        }
                        inner.clone()
                    }
                    _ => break,
                },
                Tree::Word(word) => match self.bound.get(word) {
                    Some(value) => value.clone(),
                    None => break,
                },
            };
        }
        tree
    }

    /// An atom.
    fn formula(&mut self, tree: &Tree, holds: bool, depth: usize) -> Option<Formula> {
        let found = match tree {
            Tree::Word(word) => match word.as_str() {
                "true" => Formula::Constant(true),
                "false" => Formula::Constant(false),
                _ => return None,
            },
            Tree::List(_) => {
                if let Some(variable) = variable(tree) {
                    Formula::Truth(variable)
                } else {
                    let (head, rest) = application(tree)?;
                    let [left, right] = rest else { return None };
                    return self.comparison(head, left, right, holds, depth);
                }
            }
        };
        Some(if holds { found } else { found.negated() })
    }

    fn comparison(
        &mut self,
        head: &str,
        left: &Tree,
        right: &Tree,
        holds: bool,
        depth: usize,
    ) -> Option<Formula> {
        let left = self.sum(left, depth)?;
        let right = self.sum(right, depth)?;
        let difference = left.plus_scaled(-1, &right)?;
        let other = right.plus_scaled(-1, &left)?;
        let below = |sum: Linear| sum.plus_scaled(1, &Linear::constant(1)).map(Formula::AtMostZero);
        Some(match (head, holds) {
            ("=", true) => Formula::IsZero(difference),
            ("=", false) => Formula::IsZero(difference).negated(),
            ("<=", true) | (">", false) => Formula::AtMostZero(difference),
            (">=", true) | ("<", false) => Formula::AtMostZero(other),
            ("<", true) | (">=", false) => below(difference)?,
            (">", true) | ("<=", false) => below(other)?,
            _ => return None,
        })
    }

    fn sum(&mut self, tree: &Tree, depth: usize) -> Option<Linear> {
        if depth > DEEPEST {
            return None;
        }
        let tree = self.opened(tree);
        if let Tree::Word(word) = &tree {
            return word.parse::<i128>().ok().map(Linear::constant);
        }
        if let Some(variable) = variable(&tree) {
            return Some(Linear::variable(variable));
        }
        let (head, rest) = application(&tree)?;
        let mut parts = Vec::new();
        for part in rest {
            parts.push(self.sum(part, depth + 1)?);
        }
        match (head, parts.as_slice()) {
            ("-", [only]) => only.scaled(-1),
            ("+" | "-", [first, others @ ..]) => {
                let sign = if head == "+" { 1 } else { -1 };
                others
                    .iter()
                    .try_fold(first.clone(), |sum, part| sum.plus_scaled(sign, part))
            }
            ("*", [first, others @ ..]) => others.iter().try_fold(first.clone(), |product, part| {
                match (product.as_constant(), part.as_constant()) {
                    (Some(factor), _) => part.scaled(factor),
                    (None, Some(factor)) => product.scaled(factor),
                    (None, None) => None,
                }
            }),
            _ => None,
        }
    }
}

fn application(tree: &Tree) -> Option<(&str, &[Tree])> {
    match tree {
        Tree::List(parts) => match parts.as_slice() {
            [Tree::Word(head), rest @ ..] => Some((head, rest)),
            _ => None,
        },
        Tree::Word(_) => None,
    }
}

/// `n` of `(:var n)`.
fn variable(tree: &Tree) -> Option<usize> {
    match application(tree)? {
        (":var", [Tree::Word(number)]) => number.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(constant: i128, terms: &[(usize, i128)]) -> Linear {
        Linear {
            constant,
            terms: terms.to_vec(),
        }
    }

    #[test]
    fn conjuncts_are_read_through_let() {
        let text =
            "(let ((a!1 (+ (:var 0) (* (- 1) (:var 1)))))\n (and (<= a!1 0) (not (<= (:var 1) 2)) (:var 3)))";
        let expected = vec![
            Formula::AtMostZero(linear(0, &[(0, 1), (1, -1)])),
            Formula::AtMostZero(linear(3, &[(1, -1)])),
            Formula::Truth(3),
        ];
        assert_eq!(clauses(text), expected);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let text = "(and (= (mod (:var 0) 2) 0) (>= (:var 0) 0) (or (:var 1) (= (div (:var 0) 2) 1)))";
        assert_eq!(clauses(text), vec![Formula::AtMostZero(linear(0, &[(0, -1)]))]);
    }

    #[test]
    fn alternatives_of_conjunctions_become_clauses() {
        let text = "(or (:var 0) (and (:var 1) (= (:var 2) 1)))";
        let expected = vec![
            Formula::Any(vec![Formula::Truth(0), Formula::Truth(1)]),
            Formula::Any(vec![Formula::Truth(0), Formula::IsZero(linear(-1, &[(2, 1)]))]),
        ];
        assert_eq!(clauses(text), expected);
    }

    #[test]
    fn broken_text_says_nothing() {
        for text in [
            "",
            "(",
            ")",
            "(and",
            "(<= (:var 0) x)",
            "(let)",
            "(:var 99999999999999999999999)",
        ] {
            assert_eq!(clauses(text), Vec::new(), "{text}");
        }
        let deep = format!("{}true{}", "(not ".repeat(100_000), ")".repeat(100_000));
        assert_eq!(clauses(&deep), Vec::new());
        let huge = format!("(<= (* {0} {0} (:var 0)) 0)", i128::MAX);
        assert_eq!(clauses(&huge), Vec::new());
    }
}
