//! Helper functions, and `main`.

use super::Generator;
use super::types::{Cell, Helper, Int, Range, Shape, Value};

/// What the parameters and the result of functions in tables hold.
const OPERAND: Range = Range { lo: -100, hi: 100 };

impl Generator {
    pub(super) fn helper(&mut self) {
        match self.random.below(10) {
            0..2 => self.recursive_helper(),
            2..5 => self.operation(),
            _ => self.general_helper(),
        }
    }

    /// `int f(int a, int b)`, without effects.
    fn operation(&mut self) {
        let operand = Cell::of(Int::Int, OPERAND);
        let name = self.fresh("op");
        let cost = self.function(
            &name,
            operand,
            &[Shape::Scalar(operand), Shape::Scalar(operand)],
            true,
            1,
        );
        self.helpers.push(Helper {
            name,
            parameters: vec![Shape::Scalar(operand), Shape::Scalar(operand)],
            result: operand,
            cost,
            effect_free: true,
            is_operation: true,
        });
    }

    fn general_helper(&mut self) {
        let name = self.fresh("f");
        let mut parameters = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let cell = Cell::any(&mut self.random);
            parameters.push(match self.random.below(6) {
                0 | 1 if !self.scope.is_empty() => {
                    self.parameter_for_an_object().unwrap_or(Shape::Scalar(cell))
                }
                2 if !self.records.is_empty() => Shape::RecordPointer(self.random.below(self.records.len())),
                _ => Shape::Scalar(cell),
            });
        }
        let result = Cell::any(&mut self.random);
        let effect_free = self.random.percent(40);
        let statements = 1 + self.random.below(3);
        let cost = self.function(&name, result, &parameters, effect_free, statements);
        self.helpers.push(Helper {
            name,
            parameters,
            result,
            cost,
            effect_free,
            is_operation: false,
        });
    }

    /// A pointer parameter for which there is an argument: some array in scope.
    fn parameter_for_an_object(&mut self) -> Option<Shape> {
        let arrays: Vec<Shape> = self
            .scope
            .iter()
            .filter_map(|v| match &v.shape {
                Shape::Array(cell, lengths) => Some(Shape::Pointer(*cell, *lengths.last()?)),
                Shape::Scalar(cell) if v.addressable => Some(Shape::Pointer(*cell, 1)),
                _ => None,
            })
            .collect();
        self.random.pick(&arrays).cloned()
    }

    /// Writes a function and returns what a call costs.
    fn function(
        &mut self,
        name: &str,
        result: Cell,
        parameters: &[Shape],
        effect_free: bool,
        statements: usize,
    ) -> u64 {
        let known = self.scope.len();
        self.effect_free = effect_free;
        self.cost = 2;
        self.depth = 1;
        let mut declarators = Vec::new();
        for shape in parameters {
            let parameter = self.fresh("p");
            declarators.push(self.declarator(shape, &parameter));
            self.declare(&parameter, shape.clone());
        }
        self.depth = 0;
        self.returns = format!("return {};", self.literal_in(result));
        let header = format!("static {} {name}({})", result.ty.name(), declarators.join(", "));
        self.line(header);
        self.block("", "", |g| {
            g.statements(statements);
            let value = g.expression();
            let value = g.fitting(value, result);
            g.line(format!("return {};", value.text));
        });
        self.scope.truncate(known);
        self.effect_free = false;
        self.cost
    }

    /// `static int f(int n, int a)` that calls itself with a smaller `n`.
    fn recursive_helper(&mut self) {
        let name = self.fresh("rec");
        let bound = 1 + self.random.below(5);
        let count = Cell::of(Int::Int, Range::of(0, bound as i128));
        let operand = Cell::any(&mut self.random);
        let known = self.scope.len();
        self.effect_free = true;
        self.cost = 2;
        self.line(format!(
            "static {} {name}(int n, {} a)",
            operand.ty.name(),
            operand.ty.name()
        ));
        self.returns = format!("return {};", self.literal_in(operand));
        self.block("", "", |g| {
            g.declare_counter("n", Int::Int, count.range);
            g.declare("a", Shape::Scalar(operand));
            if g.violates() {
                g.block(&format!("if (n == {})", bound + 1), "", |g| g.line("return a;"));
            } else {
                g.block("if (n <= 0)", "", |g| g.line("return a;"));
            }
            g.statements(1);
            let next = g.expression_of_depth(1);
            let next = g.fitting(next, operand);
            let below = g.fresh("r");
            g.line(format!(
                "{} {below} = {name}(n - 1, {});",
                operand.ty.name(),
                next.text
            ));
            g.declare(&below, Shape::Scalar(operand));
            let value = g.expression_of_depth(2);
            let value = g.fitting(value, operand);
            g.line(format!("return {};", value.text));
        });
        self.scope.truncate(known);
        self.effect_free = false;
        let cost = self.cost.saturating_mul(bound as u64 + 1);
        self.helpers.push(Helper {
            name,
            parameters: vec![Shape::Scalar(count), Shape::Scalar(operand)],
            result: operand,
            cost,
            effect_free: true,
            is_operation: false,
        });
    }

    pub(super) fn main(&mut self) {
        self.line("int main(void)");
        self.cost = 0;
        self.returns = "return 0;".to_string();
        self.block("", "", |g| {
            for _ in 0..1 + g.random.below(3) {
                g.input();
            }
            g.line("unsigned int sum = 0;");
            g.declare("sum", Shape::Scalar(Cell::full(Int::Unsigned)));
            for _ in 0..1 + g.random.below(2) {
                g.local();
            }
            let statements = 2 + g.random.below(5);
            g.statements(statements);
            g.digest();
            g.line("return (int)sum;");
        });
    }

    /// An input, of any value or within a range that the program sees to.
    pub(super) fn input(&mut self) {
        // What a `_Bool` from outside holds beyond 0 and 1 is not a question of interest.
        let mut cell = Cell::any(&mut self.random);
        if cell.ty == Int::Bool {
            cell = Cell::full(Int::Int);
        }
        let name = self.fresh("n");
        let ty = cell.ty;
        let source = format!("__VERIFIER_nondet_{}()", ty.nondet());
        self.line(format!("{} {name} = {source};", ty.name()));
        if cell.range != ty.full() && !self.violates() {
            let raw = Value {
                text: name.clone(),
                ty,
                range: ty.full(),
                pure: true,
            };
            if self.random.percent(50) {
                let kept = self.coerced(raw, cell.range);
                self.line(format!("{name} = {};", kept.text));
            } else {
                let (lo, hi) = (cell.range.lo, cell.range.hi);
                let test = if ty.signed() {
                    format!("{name} < {lo} || {name} > {hi}")
                } else {
                    format!("{name} > {hi}")
                };
                let instead = if self.random.percent(50) {
                    self.returns.clone()
                } else {
                    format!("{name} = {};", self.literal_in(cell))
                };
                self.block(&format!("if ({test})"), "", |g| g.line(instead));
            }
        }
        self.declare(&name, Shape::Scalar(cell));
    }

    /// What the globals hold goes into the result.
    fn digest(&mut self) {
        let known = self.scope.clone();
        for variable in known.iter().filter(|v| v.name != "sum") {
            self.digest_object(&variable.name, &variable.shape);
        }
    }

    fn digest_object(&mut self, name: &str, shape: &Shape) {
        match shape {
            Shape::Scalar(_) => self.line(format!("sum = sum * 31 + (unsigned int){name};")),
            Shape::Array(_, lengths) => {
                let mut element = name.to_string();
                let mut headers = String::new();
                for length in lengths {
                    let i = self.fresh("i");
                    element = format!("{element}[{i}]");
                    headers.push_str(&format!("for (int {i} = 0; {i} < {length}; {i}++) "));
                }
                self.block(headers.trim_end(), "", |g| {
                    g.line(format!("sum = sum * 31 + (unsigned int){element};"));
                });
            }
            Shape::Record(record) => {
                let fields = self.records.get(*record).filter(|r| !r.is_union);
                for (field, shape) in fields.map(|r| r.fields.clone()).unwrap_or_default() {
                    self.digest_object(&format!("{name}.{field}"), &shape);
                }
            }
            _ => {}
        }
    }
}
