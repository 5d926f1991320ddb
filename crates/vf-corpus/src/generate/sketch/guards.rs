//! Guards: what is compared, in which spelling, and what is done where something is wrong.

use super::{Cond, Failing, Number, OBJECT, Result, Sketch};
use crate::generate::names;

impl Sketch {
    /// The value of an error code in this program.
    pub fn code(&mut self, code: &str) -> String {
        match (self.kernel, self.codes) {
            (true, _) => format!("-{code}"),
            (false, 1) => {
                let name = format!("{}_{code}", self.of.prefix).to_uppercase();
                let number = code
                    .bytes()
                    .fold(2usize, |n, b| (n * 7 + usize::from(b)) % 90 + 2);
                let line = format!("#define {name} (-{number})");
                if !self.tops.contains(&line) {
                    self.tops.push(line);
                }
                name
            }
            (false, 2) => format!("-{}", code.len() % 5 + 1),
            (false, _) => "-1".to_owned(),
        }
    }

    /// What is done where something is wrong.
    pub fn fail(&mut self, code: &str) -> Vec<String> {
        let free = if self.kernel { "kfree" } else { "free" };
        let mut lines: Vec<String> = self.owned.iter().rev().map(|p| format!("{free}({p});")).collect();
        match (self.result, self.failing) {
            (Result::Nothing, _) => lines.push("return;".to_owned()),
            (Result::Bool, Failing::Return) => lines.push("return false;".to_owned()),
            (Result::Bool, Failing::Goto) => {
                self.uses_ret = true;
                lines.push("goto out;".to_owned());
            }
            (Result::Status, Failing::Return) => {
                let code = self.code(code);
                lines.push(format!("return {code};"));
            }
            (Result::Status, Failing::Goto) => {
                self.uses_ret = true;
                let code = self.code(code);
                lines.push(format!("{} = {code};", self.ret));
                lines.push("goto out;".to_owned());
            }
        }
        lines
    }

    /// Goes on only where none of these is bad.
    pub fn guard(&mut self, conds: &[Cond], code: &str) {
        let all_good = || {
            let good: Vec<String> = conds.iter().map(|c| c.good.clone()).collect();
            good.join(" && ")
        };
        let any_bad = || {
            let bad: Vec<String> = conds.iter().map(|c| c.bad.clone()).collect();
            bad.join(" || ")
        };
        match self.random.below(20) {
            // Everything that follows in the block of its piece.
            0..=2 if self.opened == 0 && self.owned.is_empty() => {
                let head = format!("if ({})", all_good());
                self.open(head);
                self.opened += 1;
            }
            3..=4 if conds.len() == 1 => {
                let head = format!("if (!({}))", all_good());
                let fail = self.fail(code);
                self.under(&head, &fail);
            }
            5..=8 if conds.len() > 1 => {
                for cond in conds {
                    let fail = self.fail(code);
                    self.under(&format!("if ({})", cond.bad), &fail);
                }
            }
            9 => {
                let mut fail = self.fail(code);
                let counter = self.random.word(names::FLAGS);
                let member = {
                    self.const_object = false;
                    self.member(OBJECT, "unsigned int", counter, "")
                };
                fail.insert(0, format!("{member}++;"));
                self.under(&format!("if ({})", any_bad()), &fail);
            }
            _ => {
                let fail = self.fail(code);
                self.under(&format!("if ({})", any_bad()), &fail);
            }
        }
    }

    /// A guard that always leaves the function.
    pub fn reject(&mut self, bad: &str, code: &str) {
        let fail = self.fail(code);
        self.under(&format!("if ({bad})"), &fail);
    }
}

impl Cond {
    pub fn new(bad: impl Into<String>, good: impl Into<String>) -> Cond {
        Cond {
            bad: bad.into(),
            good: good.into(),
        }
    }
}

/// The spellings of comparisons.
impl Sketch {
    /// `a` must be below `b`.
    pub fn below(&mut self, a: &str, b: &str) -> Cond {
        match self.random.below(8) {
            0 => Cond::new(format!("{b} <= {a}"), format!("{b} > {a}")),
            1 if b
                .bytes()
                .all(|c| c.is_ascii_uppercase() || c == b'_' || c.is_ascii_digit()) =>
            {
                Cond::new(format!("{a} > {b} - 1"), format!("{a} <= {b} - 1"))
            }
            _ => Cond::new(format!("{a} >= {b}"), format!("{a} < {b}")),
        }
    }

    /// `a` must be at most `b`.
    pub fn at_most(&mut self, a: &str, b: &str) -> Cond {
        match self.random.below(6) {
            0 => Cond::new(format!("{b} < {a}"), format!("{b} >= {a}")),
            _ => Cond::new(format!("{a} > {b}"), format!("{a} <= {b}")),
        }
    }

    /// `a` must be at least `b`.
    pub fn at_least(&mut self, a: &str, b: &str) -> Cond {
        match self.random.below(6) {
            0 => Cond::new(format!("{b} > {a}"), format!("{b} <= {a}")),
            _ => Cond::new(format!("{a} < {b}"), format!("{a} >= {b}")),
        }
    }

    /// A pointer or a number must not be 0.
    pub fn not_zero(&mut self, a: &str, null: bool) -> Cond {
        match self.random.below(5) {
            0 if null => Cond::new(format!("{a} == NULL"), format!("{a} != NULL")),
            0 => Cond::new(format!("{a} == 0"), format!("{a} != 0")),
            _ => Cond::new(format!("!{a}"), a.to_owned()),
        }
    }

    /// The number is an index of so many elements.
    pub fn in_range(&mut self, number: &Number, bound: &str) -> Vec<Cond> {
        let upper = self.below(&number.expr, bound);
        // Compared with what is unsigned, a negative number is a large one.
        let is_covered = bound.contains("sizeof") || bound.contains("SIZE(") || bound.contains("COUNT_OF(");
        if number.signed && !(is_covered && self.percent(50)) {
            let lower = Cond::new(format!("{} < 0", number.expr), format!("{} >= 0", number.expr));
            vec![lower, upper]
        } else {
            vec![upper]
        }
    }
}
