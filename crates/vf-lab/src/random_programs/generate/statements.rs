//! Statements: assignments, branches, loops, calls.

use super::Generator;
use super::types::{Cell, Int, Range, Shape, Value};

/// Nesting of blocks, at most.
const DEPTH: usize = 4;
/// How often a statement runs, at most, by the loops around it.
const REPETITIONS: u64 = 60;

impl Generator {
    pub(super) fn statements(&mut self, count: usize) {
        for _ in 0..count {
            self.statement();
        }
    }

    fn statement(&mut self) {
        self.spend(1);
        let may_nest = self.depth < DEPTH;
        let may_repeat = may_nest && self.repetitions < REPETITIONS / 4;
        match self.random.below(64) {
            0..6 => self.assignment(),
            6..9 => self.compound_assignment(),
            9..12 => self.local(),
            12..16 if may_nest => self.branch(),
            16..19 if may_repeat => self.counted_loop(),
            19..21 if may_repeat => self.bounded_loop(),
            21 if may_repeat => self.countdown(),
            22 if may_repeat => self.do_loop(),
            23 if may_nest => self.switch(),
            24 if may_nest => self.forward_goto(),
            25 if may_repeat => self.sweep(),
            26..28 => self.pointer(),
            28 if may_repeat => self.pointer_walk(),
            29 => self.copy_or_fill(),
            30 if may_repeat => self.text_loop(),
            31 => self.reinterpretation(),
            32 if self.depth == 1 && !self.effect_free => self.heap(),
            33 => self.record_copy(),
            34..36 => self.call_statement(),
            36 => self.call_by_pointer(),
            37 if self.in_loop > 0 && may_nest => self.leave_loop(),
            38 if self.depth == 1 && !self.effect_free => self.input(),
            39..45 => self.pattern(),
            45..51 => self.idiom(),
            51..55 => self.use_of_lengths(),
            55..58 => self.relation(),
            58..60 => self.use_of_texts(),
            60..63 => self.form(),
            _ => self.digest_value(),
        }
    }

    fn assignment(&mut self) {
        let Some((place, cell)) = self.place(None, 1, true) else {
            return self.local();
        };
        let value = self.expression();
        let value = if self.violates() {
            value
        } else {
            self.fitting(value, cell)
        };
        self.line(format!("{place} = {};", value.text));
    }

    fn digest_value(&mut self) {
        let value = self.expression();
        if self.scope.iter().any(|v| v.name == "sum") {
            let op = *self.random.pick(&["+", "^", "-"]).unwrap_or(&"+");
            self.line(format!("sum = sum * 31 {op} (unsigned int){};", value.text));
        } else {
            self.assignment();
        }
    }

    /// `op=`, `++`, `--` on a place whose range bears it: unsigned, narrow, or guarded.
    fn compound_assignment(&mut self) {
        let Some((place, cell)) = self.place(None, 1, true) else {
            return;
        };
        let whole = cell.range == cell.ty.full() && cell.bit_field.is_none();
        if !whole || (cell.ty.signed() && cell.ty.bits() >= 32) {
            let up = self.random.percent(60);
            let (test, op) = if up { ("<", "++") } else { (">", "--") };
            let limit = if up { cell.range.hi } else { cell.range.lo };
            if self.violates() {
                return self.line(format!("{place}{op};"));
            }
            let limit = Value::literal(limit);
            return self.block(&format!("if ({place} {test} {})", limit.text), "", |g| {
                g.line(format!("{place}{op};"));
            });
        }
        if cell.ty == Int::Bool {
            return self.line(format!("{place} ^= 1;"));
        }
        if self.random.percent(30) {
            let op = *self.random.pick(&["++", "--"]).unwrap_or(&"++");
            return self.line(format!("{place}{op};"));
        }
        let value = self.expression_of_depth(2);
        // Narrow types compute in int: small operands keep that defined.
        let common = cell.ty.common(value.ty);
        let unsigned = !common.signed();
        let (op, value) = match self.random.below(8) {
            0 | 1 => (
                "+=",
                if unsigned {
                    value
                } else {
                    self.coerced(value, Range::of(-100, 100))
                },
            ),
            2 => (
                "-=",
                if unsigned {
                    value
                } else {
                    self.coerced(value, Range::of(-100, 100))
                },
            ),
            3 => (
                "*=",
                if unsigned {
                    value
                } else {
                    self.coerced(value, Range::of(0, 15))
                },
            ),
            4 => ("^=", value),
            5 => ("|=", value),
            6 => (
                ">>=",
                self.coerced(value, Range::of(0, i128::from(cell.ty.promoted().bits()) - 1)),
            ),
            _ => ("%=", self.coerced(value, Range::of(1, 9))),
        };
        self.line(format!("{place} {op} {};", value.text));
    }

    /// A local with an initial value, or given one on every way.
    pub(super) fn local(&mut self) {
        let shape = match self.random.below(4) {
            0 | 1 => Shape::Scalar(Cell::any(&mut self.random)),
            _ => self.object_shape(),
        };
        // A variable of one function that outlives its calls.
        if self.random.percent(8) && !self.effect_free && self.depth == 1 {
            let name = self.fresh("st");
            let declarator = self.declarator(&shape, &name);
            let initialiser = self.constant_initialiser(&shape);
            self.line(format!("static {declarator} = {initialiser};"));
            return self.declare(&name, shape);
        }
        let prefix = match shape {
            Shape::Scalar(_) => "v",
            Shape::Array(..) => "a",
            Shape::Text(_) => "t",
            _ => "s",
        };
        let name = self.fresh(prefix);
        let declarator = self.declarator(&shape, &name);
        if self.violates() {
            self.line(format!("{declarator};"));
            return self.declare(&name, shape);
        }
        match &shape {
            Shape::Scalar(cell) => {
                let cell = *cell;
                if self.random.percent(20) && self.depth < DEPTH {
                    self.line(format!("{declarator};"));
                    let condition = self.condition();
                    for header in [format!("if ({condition})"), "else".to_string()] {
                        let value = self.expression_of_depth(2);
                        let value = self.fitting(value, cell);
                        self.block(&header, "", |g| g.line(format!("{name} = {};", value.text)));
                    }
                } else {
                    let value = self.expression();
                    let value = self.fitting(value, cell);
                    self.line(format!("{declarator} = {};", value.text));
                }
            }
            Shape::Array(cell, lengths) if lengths.len() == 1 && self.random.percent(35) => {
                let (cell, length) = (*cell, lengths.first().copied().unwrap_or(1));
                self.line(format!("{declarator};"));
                self.fill_by_loop(&name, cell, length);
            }
            _ => {
                let initialiser = self.constant_initialiser(&shape);
                self.line(format!("{declarator} = {initialiser};"));
            }
        }
        self.declare(&name, shape);
    }

    /// `for (i...) name[i] = ...`.
    pub(super) fn fill_by_loop(&mut self, name: &str, cell: Cell, length: u64) {
        let i = self.fresh("i");
        let bound = if self.violates() { length + 1 } else { length };
        self.repeated(
            length,
            &format!("for (int {i} = 0; {i} < {bound}; {i}++)"),
            "",
            |g| {
                g.spend(1);
                g.declare_counter(&i, Int::Int, Range::of(0, i128::from(length) - 1));
                let value = g.expression_of_depth(1);
                let value = g.fitting(value, cell);
                g.line(format!("{name}[{i}] = {};", value.text));
            },
        );
    }

    fn branch(&mut self) {
        let condition = self.condition();
        let statements = 1 + self.random.below(2);
        self.block(&format!("if ({condition})"), "", |g| g.statements(statements));
        if self.random.percent(50) {
            let statements = 1 + self.random.below(2);
            self.block("else", "", |g| g.statements(statements));
        }
    }

    /// A loop of constant length.
    fn counted_loop(&mut self) {
        let times = 1 + self.random.below(8) as u64;
        let i = self.fresh("i");
        let ty = *self
            .random
            .pick(&[Int::Int, Int::Int, Int::Unsigned, Int::UnsignedChar, Int::Long])
            .unwrap_or(&Int::Int);
        let last = i128::from(times) - 1;
        let (header, range) = match self.random.below(4) {
            0 => (
                format!("for ({} {i} = {last}; {i} > 0; {i}--)", ty.name()),
                Range::of(last.min(1), last),
            ),
            1 => {
                let step = 1 + self.random.below(3);
                (
                    format!("for ({} {i} = 0; {i} < {times}; {i} += {step})", ty.name()),
                    Range::of(0, last),
                )
            }
            _ => (
                format!("for ({} {i} = 0; {i} < {times}; {i}++)", ty.name()),
                Range::of(0, last),
            ),
        };
        let statements = 1 + self.random.below(3);
        self.repeated(times, &header, "", |g| {
            g.declare_counter(&i, ty, range);
            g.statements(statements);
        });
    }

    /// A loop up to a value that is known to be small.
    fn bounded_loop(&mut self) {
        let bounds: Vec<(String, i128)> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Scalar(c) if c.range.within(Range::of(0, 15)) && c.ty != Int::Bool => {
                    Some((v.name.clone(), c.range.hi))
                }
                _ => None,
            })
            .collect();
        let Some((bound, most)) = self.random.pick(&bounds).cloned() else {
            return self.counted_loop();
        };
        if most < 1 || self.repetitions.saturating_mul(most as u64) > REPETITIONS {
            return self.assignment();
        }
        let i = self.fresh("i");
        let inclusive = self.random.percent(25);
        let op = if inclusive { "<=" } else { "<" };
        let statements = 1 + self.random.below(2);
        self.repeated(
            most as u64 + 1,
            &format!("for (int {i} = 0; {i} {op} {bound}; {i}++)"),
            "",
            |g| {
                g.declare_counter(
                    &i,
                    Int::Int,
                    Range::of(0, if inclusive { most } else { most - 1 }),
                );
                // The bound itself must not grow without end.
                let was = g.set_read_only(&bound, true);
                g.statements(statements);
                g.set_read_only(&bound, was);
            },
        );
    }

    /// Sets whether a variable may be assigned to by name; returns what was.
    fn set_read_only(&mut self, name: &str, read_only: bool) -> bool {
        let variable = self.scope.iter_mut().rev().find(|v| v.name == name);
        variable.is_some_and(|v| std::mem::replace(&mut v.read_only, read_only))
    }

    fn countdown(&mut self) {
        let k = self.fresh("k");
        let most = 1 + self.random.below(9) as i128;
        let value = self.expression_of_depth(2);
        let value = self.coerced(value, Range::of(0, most));
        self.line(format!("int {k} = {};", value.text));
        let statements = 1 + self.random.below(2);
        self.repeated(most as u64, &format!("while ({k} > 0)"), "", |g| {
            g.line(format!("{k}--;"));
            g.declare_counter(&k, Int::Int, Range::of(0, most - 1));
            g.statements(statements);
        });
    }

    fn do_loop(&mut self) {
        let k = self.fresh("k");
        let times = 1 + self.random.below(6) as u64;
        self.line(format!("unsigned int {k} = 0;"));
        let statements = 1 + self.random.below(2);
        // `continue` goes to the condition, so that the step stands there.
        self.repeated(times, "do", &format!(" while (++{k} < {times}u);"), |g| {
            g.declare_counter(&k, Int::Unsigned, Range::of(0, i128::from(times) - 1));
            g.statements(statements);
        });
    }

    fn leave_loop(&mut self) {
        let condition = self.condition();
        let what = match self.random.below(5) {
            0 => self.returns.clone(),
            1 | 2 => "break;".to_string(),
            _ => "continue;".to_string(),
        };
        self.block(&format!("if ({condition})"), "", |g| g.line(what));
    }

    fn switch(&mut self) {
        let value = self.expression_of_depth(2);
        let value = self.coerced(value, Range::of(0, 7));
        // `break` would leave the switch: no statement of the loops around it.
        let loops = std::mem::replace(&mut self.in_loop, 0);
        let mut leave = loops > 0 && self.random.percent(30);
        let cases = 2 + self.random.below(3);
        let first = self.random.below(3);
        self.block(&format!("switch ({})", value.text), "", |g| {
            for case in first..first + cases {
                g.line(format!("case {case}:"));
                g.case();
                if std::mem::take(&mut leave) {
                    let condition = g.condition();
                    g.block(&format!("if ({condition})"), "", |g| g.line("continue;"));
                }
                if g.random.percent(75) {
                    g.line("break;");
                }
            }
            if g.random.percent(60) {
                g.line("default:");
                g.case();
            } else {
                g.line(";");
            }
        });
        self.in_loop = loops;
    }

    fn case(&mut self) {
        self.block("", "", |g| g.statement());
    }

    /// A way out of nested loops.
    fn forward_goto(&mut self) {
        let label = self.fresh("out");
        let statements = 1 + self.random.below(2);
        self.block("", "", |g| {
            g.statements(statements);
            let condition = g.condition();
            g.block(&format!("if ({condition})"), "", |g| {
                g.line(format!("goto {label};"))
            });
            g.statements(1);
        });
        self.line(format!("{label}: ;"));
    }

    /// Over all elements of an array.
    fn sweep(&mut self) {
        let arrays: Vec<(String, Cell, u64)> = self
            .scope
            .iter()
            .filter(|v| !v.read_only)
            .filter_map(|v| match &v.shape {
                Shape::Array(cell, lengths) => match lengths.as_slice() {
                    [length] => Some((v.name.clone(), *cell, *length)),
                    _ => None,
                },
                Shape::Pointer(cell, elements) => Some((v.name.clone(), *cell, *elements)),
                _ => None,
            })
            .collect();
        let Some((name, cell, length)) = self.random.pick(&arrays).cloned() else {
            return self.local();
        };
        let writes = self.random.percent(50) && !self.effect_free;
        if writes {
            return self.fill_by_loop(&name, cell, length);
        }
        let total = self.fresh("v");
        let kept = Cell::of(Int::Int, Range::of(-100, 100));
        self.line(format!("int {total} = 0;"));
        self.declare(&total, Shape::Scalar(kept));
        let i = self.fresh("i");
        let bound = if self.violates() { length + 1 } else { length };
        self.repeated(
            length,
            &format!("for (int {i} = 0; {i} < {bound}; {i}++)"),
            "",
            |g| {
                let element = Value {
                    text: format!("{name}[{i}]"),
                    ty: cell.ty,
                    range: cell.range,
                    pure: true,
                };
                let before = Value {
                    text: total.clone(),
                    ty: Int::Int,
                    range: kept.range,
                    pure: true,
                };
                let value = g.binary("+", before, element);
                let value = g.fitting(value, kept);
                g.line(format!("{total} = {};", value.text));
            },
        );
    }

    /// Calls for the sake of their effects, which must not meet others in one expression.
    fn call_statement(&mut self) {
        if self.effect_free {
            return self.assignment();
        }
        let affordable: Vec<_> = self
            .helpers
            .iter()
            .filter(|h| h.cost.saturating_mul(self.repetitions) <= 600)
            .cloned()
            .collect();
        let Some(helper) = self.random.pick(&affordable).cloned() else {
            return self.digest_value();
        };
        let Some(arguments) = self.arguments(&helper.parameters, 1) else {
            return self.digest_value();
        };
        self.spend(helper.cost);
        let result = self.fresh("v");
        self.line(format!(
            "{} {result} = {}({arguments});",
            helper.result.ty.name(),
            helper.name
        ));
        self.declare(&result, Shape::Scalar(helper.result));
    }

    fn call_by_pointer(&mut self) {
        let operations: Vec<_> = self
            .helpers
            .iter()
            .filter(|h| h.is_operation && h.cost.saturating_mul(self.repetitions) <= 300)
            .cloned()
            .collect();
        let (Some(first), Some(second)) = (
            self.random.pick(&operations).cloned(),
            self.random.pick(&operations).cloned(),
        ) else {
            return self.digest_value();
        };
        let Some(arguments) = self.arguments(&first.parameters, 1) else {
            return;
        };
        self.spend(first.cost.max(second.cost));
        let pointer = self.fresh("fp");
        if self.random.percent(50) {
            let condition = self.condition();
            self.line(format!(
                "int (*{pointer})(int, int) = {condition} ? {} : {};",
                first.name, second.name
            ));
        } else {
            let index = self.index(2, 1);
            self.line(format!(
                "int (*{pointer}s[2])(int, int) = {{{}, {}}};",
                first.name, second.name
            ));
            self.line(format!("int (*{pointer})(int, int) = {pointer}s[{index}];"));
        }
        let result = self.fresh("v");
        self.line(format!("int {result} = {pointer}({arguments});"));
        self.declare(&result, Shape::Scalar(first.result));
    }
}
