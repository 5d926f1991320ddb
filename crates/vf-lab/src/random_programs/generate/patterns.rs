//! Patterns that C programs have and that statements put together at random do not become: lists, cursors, callbacks,
//! loops by `goto`, records by value.

use super::Generator;
use super::types::{Cell, Helper, Int, Range, Record, Shape, Value, Variable};

impl Generator {
    /// One of the patterns.
    pub(super) fn pattern(&mut self) {
        let may_repeat = self.depth < 4 && self.repetitions < 15;
        match self.random.below(11) {
            0 if self.depth == 1 && !self.effect_free => self.list(),
            1 if may_repeat => self.cursor_in_an_array(),
            2 if may_repeat => self.backward_goto(),
            3 if may_repeat => self.endless_loop(),
            4 if self.depth == 1 && !self.effect_free => self.resized(),
            5 => self.pointer_array(),
            6 if self.depth < 4 => self.variable_length_array(),
            7 => self.text_copy(),
            8 => self.assignment_in_condition(),
            9 => self.record_by_value(),
            _ => self.pointer_comparison(),
        }
    }

    /// A list in the heap: built, gone through, released.
    fn list(&mut self) {
        let record = self.node_record();
        let node = format!("struct R{record}");
        let (head, i, n, sum) = (
            self.fresh("head"),
            self.fresh("i"),
            self.fresh("n"),
            self.fresh("v"),
        );
        let times = 1 + self.random.below(4) as u64;
        self.line(format!("{node} *{head} = NULL;"));
        let returns = self.returns.clone();
        self.repeated(
            times,
            &format!("for (int {i} = 0; {i} < {times}; {i}++)"),
            "",
            |g| {
                g.declare_counter(&i, Int::Int, Range::of(0, i128::from(times) - 1));
                g.line(format!("{node} *{n} = malloc(sizeof(*{n}));"));
                if !g.violates() {
                    g.block(&format!("if ({n} == NULL)"), "", |g| g.line(returns));
                }
                if !g.violates() {
                    let value = g.expression_of_depth(1);
                    let value = g.fitting(value, Cell::of(Int::Int, Range::of(0, 15)));
                    g.line(format!("{n}->f0 = {};", value.text));
                }
                if !g.violates() {
                    g.line(format!("{n}->next = {head};"));
                }
                g.line(format!("{head} = {n};"));
            },
        );
        self.line(format!("unsigned int {sum} = 0;"));
        let cursor = self.fresh("c");
        let end = if self.violates() {
            format!("{cursor}->next != NULL")
        } else {
            format!("{cursor} != NULL")
        };
        self.repeated(
            times,
            &format!("for ({node} *{cursor} = {head}; {end}; {cursor} = {cursor}->next)"),
            "",
            |g| {
                g.line(format!("{sum} = {sum} * 31 + {cursor}->f0;"));
            },
        );
        self.declare(&sum, Shape::Scalar(Cell::full(Int::Unsigned)));
        if self.random.percent(70) {
            let next = self.fresh("next");
            let early = self.violates();
            self.block(&format!("while ({head} != NULL)"), "", |g| {
                g.line(format!("{node} *{next} = {head}->next;"));
                g.line(format!("free({head});"));
                if early {
                    g.line(format!("{head} = {head}->next;"));
                } else {
                    g.line(format!("{head} = {next};"));
                }
            });
        }
    }

    /// The record of lists; it has no other use.
    fn node_record(&mut self) -> usize {
        let number = self.records.len();
        let name = format!("struct R{number}");
        self.early.push(format!("{name} {{"));
        self.early.push("    int f0;".to_string());
        self.early.push(format!("    {name} *next;"));
        self.early.push("};".to_string());
        let fields = vec![(
            "f0".to_string(),
            Shape::Scalar(Cell::of(Int::Int, Range::of(0, 15))),
        )];
        self.records.push(Record {
            is_union: false,
            fields,
        });
        number
    }

    /// `while (k < n) a[k++] = ...`.
    fn cursor_in_an_array(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let k = self.fresh("k");
        let bound = length + u64::from(self.violates());
        let ty = *self
            .random
            .pick(&[Int::Int, Int::Unsigned, Int::UnsignedLong, Int::Short])
            .unwrap_or(&Int::Int);
        let writes = !self.effect_free;
        match self.random.below(3) {
            0 => {
                self.line(format!("{} {k} = 0;", ty.name()));
                self.repeated(length, &format!("while ({k} < {bound})"), "", |g| {
                    if writes {
                        let value = g.expression_of_depth(1);
                        let value = g.fitting(value, cell);
                        g.line(format!("{array}[{k}++] = {};", value.text));
                    } else {
                        let name = g.fresh("v");
                        g.line(format!("{} {name} = {array}[{k}++];", cell.ty.name()));
                        g.declare(&name, Shape::Scalar(cell));
                        g.statements(1);
                    }
                });
            }
            1 => {
                self.line(format!("unsigned int {k} = {bound};"));
                self.repeated(length, &format!("while ({k}-- > 0)"), "", |g| {
                    g.declare_counter(&k, Int::Unsigned, Range::of(0, i128::from(length) - 1));
                    g.statements(1);
                    if writes {
                        g.line(format!("{array}[{k}] = {array}[{}];", length - 1));
                    }
                });
            }
            _ => {
                let step = 1 + self.random.below(3) as u64;
                self.line(format!("unsigned char {k} = 0;"));
                self.repeated(length, &format!("while ({k} + {step} <= {bound})"), "", |g| {
                    g.line(format!("{k} += {step};"));
                    let name = g.fresh("v");
                    g.line(format!("{} {name} = {array}[{k} - 1];", cell.ty.name()));
                    g.declare(&name, Shape::Scalar(cell));
                    g.statements(1);
                });
            }
        }
    }

    pub(super) fn some_array(&mut self) -> Option<(String, Cell, u64)> {
        let arrays: Vec<(String, Cell, u64)> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Array(cell, lengths) if !v.read_only => match lengths.as_slice() {
                    [length] => Some((v.name.clone(), *cell, *length)),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        self.random.pick(&arrays).cloned()
    }

    /// A loop without a loop statement.
    fn backward_goto(&mut self) {
        let (k, label) = (self.fresh("k"), self.fresh("again"));
        let times = 1 + self.random.below(5) as u64;
        self.line(format!("int {k} = 0;"));
        self.line(format!("{label}: ;"));
        let loops = std::mem::replace(&mut self.in_loop, 0);
        let before = self.repetitions;
        self.repetitions = before.saturating_mul(times);
        self.block("", "", |g| {
            g.declare_counter(&k, Int::Int, Range::of(0, i128::from(times) - 1));
            let statements = 1 + g.random.below(2);
            g.statements(statements);
        });
        self.repetitions = before;
        self.in_loop = loops;
        self.block(&format!("if (++{k} < {times})"), "", |g| {
            g.line(format!("goto {label};"))
        });
    }

    /// `for (;;)` with its way out inside.
    fn endless_loop(&mut self) {
        let k = self.fresh("k");
        let times = 1 + self.random.below(6) as u64;
        self.line(format!("int {k} = 0;"));
        let leave = if self.random.percent(75) {
            "break;".to_string()
        } else {
            self.returns.clone()
        };
        self.repeated(times, "for (;;)", "", |g| {
            g.block(&format!("if ({k} >= {times})"), "", |g| g.line(leave));
            g.line(format!("{k}++;"));
            g.declare_counter(&k, Int::Int, Range::of(1, i128::from(times)));
            let statements = 1 + g.random.below(2);
            g.statements(statements);
        });
    }

    /// An allocation that grows or shrinks.
    fn resized(&mut self) {
        let cell = Cell::any(&mut self.random);
        let (first, second) = (1 + self.random.below(6) as u64, 1 + self.random.below(6) as u64);
        let (name, other) = (self.fresh("h"), self.fresh("h"));
        let ty = cell.ty.name();
        let returns = self.returns.clone();
        self.line(format!("{ty} *{name} = malloc({first} * sizeof({ty}));"));
        self.block(&format!("if (!{name})"), "", |g| g.line(returns.clone()));
        self.fill_by_loop(&name, cell, first);
        self.line(format!(
            "{ty} *{other} = realloc({name}, {second} * sizeof({ty}));"
        ));
        if !self.violates() {
            self.block(&format!("if (!{other})"), "", |g| {
                g.line(format!("free({name});"));
                g.line(returns);
            });
        }
        let stale = self.violates();
        let used = if stale { name } else { other.clone() };
        let elements = if self.violates() {
            second
        } else {
            first.min(second)
        };
        let known = self.scope.len();
        self.scope.push(Variable {
            name: used,
            shape: Shape::Pointer(cell, elements),
            depth: self.depth,
            read_only: true,
            addressable: false,
        });
        let statements = 1 + self.random.below(2);
        self.block("", "", |g| g.statements(statements));
        self.scope.truncate(known);
        if self.random.percent(80) {
            self.line(format!("free({other});"));
        }
    }

    /// An array of pointers to elements of others.
    fn pointer_array(&mut self) {
        let Some(Shape::Pointer(cell, elements)) = self.pointable() else {
            return self.local();
        };
        let shape = Shape::Pointer(cell, elements);
        let mut addresses = Vec::new();
        for _ in 0..2 + self.random.below(3) {
            match self.address_for(&shape, self.depth) {
                Some(address) => addresses.push(address),
                None => return self.local(),
            }
        }
        let name = self.fresh("pa");
        let length = addresses.len() as u64;
        self.line(format!(
            "{} *{name}[{length}] = {{{}}};",
            cell.ty.name(),
            addresses.join(", ")
        ));
        self.declare(&name, Shape::Pointers(cell, elements, length));
    }

    /// An array whose length is an input's.
    fn variable_length_array(&mut self) {
        let Some((bound, most)) = self.bound_variable() else {
            return self.local();
        };
        let cell = Cell::any(&mut self.random);
        let least = 1 + self.random.below(4) as u64;
        let (name, i, n) = (self.fresh("vla"), self.fresh("i"), self.fresh("n"));
        self.line(format!("int {n} = {bound} + {least};"));
        self.line(format!("{} {name}[{n}];", cell.ty.name()));
        let times = least + most.max(0) as u64;
        if self.repetitions * times > 100 {
            self.line(format!("memset({name}, 0, sizeof({name}));"));
        } else {
            let op = if self.violates() { "<=" } else { "<" };
            self.repeated(
                times,
                &format!("for (int {i} = 0; {i} {op} {n}; {i}++)"),
                "",
                |g| {
                    let value = g.expression_of_depth(1);
                    let value = g.fitting(value, cell);
                    g.line(format!("{name}[{i}] = {};", value.text));
                },
            );
        }
        self.scope.push(Variable {
            name,
            shape: Shape::Pointer(cell, least),
            depth: self.depth,
            read_only: true,
            addressable: false,
        });
    }

    /// `strcpy`, `strncpy`, `strcat` into a buffer.
    fn text_copy(&mut self) {
        let name = self.fresh("t");
        let length = 3 + self.random.below(8) as u64;
        let used = self.random.below(length as usize) + usize::from(self.violates());
        let literal = |n: usize| format!("\"{}\"", "abcdefghijklmnop".get(..n).unwrap_or_default());
        self.line(format!("char {name}[{length}];"));
        match self.random.below(4) {
            0 => self.line(format!("strcpy({name}, {});", literal(used))),
            1 => {
                self.line(format!("strncpy({name}, {}, {});", literal(used), length - 1));
                if !self.violates() {
                    self.line(format!("{name}[{}] = '\\0';", length - 1));
                }
            }
            2 => {
                let first = used / 2;
                self.line(format!("strcpy({name}, {});", literal(first)));
                self.line(format!("strcat({name}, {});", literal(used - first)));
            }
            _ => {
                let texts: Vec<String> = self
                    .scope
                    .iter()
                    .filter_map(|v| match &v.shape {
                        Shape::Text(have) if *have <= length => Some(v.name.clone()),
                        _ => None,
                    })
                    .collect();
                match self.random.pick(&texts).cloned() {
                    Some(from) => self.line(format!("strcpy({name}, {from});")),
                    None => self.line(format!("memset({name}, 0, sizeof({name}));")),
                }
            }
        }
        let size = self.fresh("v");
        self.line(format!("unsigned long {size} = strlen({name});"));
        let range = Range::of(0, i128::from(length) - 1);
        self.declare(&size, Shape::Scalar(Cell::of(Int::UnsignedLong, range)));
        // `strncpy` and `strcpy` may leave bytes unwritten behind the terminator: only what is before is used.
        let value = self.fresh("v");
        self.line(format!("char {value} = {size} > 0 ? {name}[{size} - 1] : 0;"));
        self.declare(&value, Shape::Scalar(Cell::full(Int::Char)));
    }

    /// `if ((v = e) > 3)`.
    fn assignment_in_condition(&mut self) {
        let locals: Vec<(String, Cell)> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Scalar(cell) if v.depth > 0 && !v.read_only => Some((v.name.clone(), *cell)),
                _ => None,
            })
            .collect();
        let Some((name, cell)) = self.random.pick(&locals).cloned() else {
            return self.local();
        };
        let value = self.expression_of_depth(2);
        let value = self.fitting(value, cell);
        let limit = self.literal_in(cell);
        let op = *self.random.pick(&["<", ">", "==", "!=", "<="]).unwrap_or(&"<");
        self.block(&format!("if (({name} = {}) {op} {limit})", value.text), "", |g| {
            g.line(";")
        });
    }

    /// A record passed and returned by value, where there is a function for it.
    fn record_by_value(&mut self) {
        let functions: Vec<(String, usize)> = self.by_value.clone();
        let Some((function, record)) = self.random.pick(&functions).cloned() else {
            return self.local();
        };
        let records: Vec<String> = self
            .scope
            .iter()
            .filter(|v| !(self.effect_free && v.depth == 0))
            .filter_map(|v| match &v.shape {
                Shape::Record(r) if *r == record => Some(v.name.clone()),
                Shape::RecordPointer(r) if *r == record && !self.effect_free => {
                    Some(format!("(*{})", v.name))
                }
                _ => None,
            })
            .collect();
        let Some(argument) = self.random.pick(&records).cloned() else {
            return self.local();
        };
        let number = self.expression_of_depth(1);
        let number = self.fitting(number, Cell::of(Int::Int, Range::of(-100, 100)));
        self.spend(10);
        let shape = Shape::Record(record);
        if self.random.percent(50) {
            return self.line(format!("{argument} = {function}({argument}, {});", number.text));
        }
        let name = self.fresh("s");
        let declarator = self.declarator(&shape, &name);
        self.line(format!("{declarator} = {function}({argument}, {});", number.text));
        self.declare(&name, shape);
    }

    /// A function that takes a record by value and returns it changed.
    pub(super) fn by_value_helper(&mut self) {
        let records = self.records.clone();
        if records.is_empty() {
            return;
        }
        let record = self.random.below(records.len());
        let name = self.fresh("rv");
        let ty = records.get(record).map_or(String::new(), |r| r.name(record));
        let known = self.scope.len();
        self.effect_free = true;
        self.returns = "return s;".to_string();
        self.line(format!("static {ty} {name}({ty} s, int x)"));
        self.block("", "", |g| {
            g.declare("s", Shape::Record(record));
            g.declare("x", Shape::Scalar(Cell::of(Int::Int, Range::of(-100, 100))));
            let statements = 1 + g.random.below(3);
            g.statements(statements);
            g.line("return s;");
        });
        self.scope.truncate(known);
        self.effect_free = false;
        self.by_value.push((name, record));
    }

    /// A function that calls the one it is given.
    pub(super) fn callback_helper(&mut self) {
        let operand = Cell::of(Int::Int, Range::of(-100, 100));
        let operations: Vec<String> = self
            .helpers
            .iter()
            .filter(|h| h.is_operation)
            .map(|h| h.name.clone())
            .collect();
        let Some(first) = self.random.pick(&operations).cloned() else {
            return;
        };
        let second = self
            .random
            .pick(&operations)
            .cloned()
            .unwrap_or_else(|| first.clone());
        let (apply, name) = (self.fresh("apply"), self.fresh("f"));
        self.line(format!("static int {apply}(int (*f)(int, int), int x)"));
        self.block("", "", |g| {
            let twice = g.random.percent(40);
            g.line(if twice {
                "return f(f(x, 1), 2);"
            } else {
                "return f(x, x);"
            });
        });
        let table = self.fresh("ops");
        self.line(format!(
            "static int (*const {table}[2])(int, int) = {{{first}, {second}}};"
        ));
        self.line(format!("static int {name}(int x, int which)"));
        let call = if self.random.percent(50) {
            format!("return {apply}(which & 1 ? {first} : {second}, x);")
        } else if self.violates() {
            format!("return {table}[which](x, 1);")
        } else {
            format!("return {table}[which & 1](x, 1);")
        };
        self.block("", "", |g| g.line(call));
        let cost = self
            .helpers
            .iter()
            .filter(|h| h.is_operation)
            .map(|h| h.cost)
            .max()
            .unwrap_or(1);
        self.helpers.push(Helper {
            name,
            parameters: vec![Shape::Scalar(operand), Shape::Scalar(Cell::full(Int::Int))],
            result: operand,
            cost: cost * 2 + 4,
            effect_free: true,
            is_operation: false,
        });
    }

    /// The distance of two pointers into one array, and their order.
    fn pointer_comparison(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (p, q) = (self.fresh("p"), self.fresh("p"));
        let (at, to) = (self.index(length + 1, 1), self.index(length + 1, 1));
        let ty = cell.ty.name();
        self.line(format!("{ty} *{p} = {array} + {at};"));
        self.line(format!("{ty} *{q} = &{array}[{to}];"));
        let distance = self.fresh("v");
        self.line(format!("long {distance} = {p} < {q} ? {q} - {p} : {p} - {q};"));
        let range = Range::of(0, i128::from(length));
        self.declare(&distance, Shape::Scalar(Cell::of(Int::Long, range)));
        let value = Value {
            text: distance,
            ty: Int::Long,
            range,
            pure: true,
        };
        let index = self.coerced(value, Range::of(0, i128::from(length) - 1));
        let name = self.fresh("v");
        self.line(format!("{ty} {name} = {array}[{}];", index.text));
        self.declare(&name, Shape::Scalar(cell));
    }
}
