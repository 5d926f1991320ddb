//! Forms of C with an order or a meaning of their own: side effects in expressions, GNU's extensions, variadic calls.

use super::Generator;
use super::types::{Cell, Int, Range, Shape};

impl Generator {
    /// One of the forms.
    pub(super) fn form(&mut self) {
        match self.random.below(8) {
            0 => self.variadic_sum(),
            1 => self.statement_expression(),
            2 => self.omitted_operand(),
            3 => self.compound_literal(),
            4 if self.depth < 4 => self.case_ranges(),
            5 => self.chained(),
            6 => self.sequence(),
            _ => self.table_with_designators(),
        }
    }

    /// A function of any number of arguments.
    fn variadic_sum(&mut self) {
        let (name, total) = (self.fresh("total"), self.fresh("v"));
        self.early.push(format!("static unsigned int {name}(int n, ...)"));
        self.early.extend(
            [
                "{",
                "    __builtin_va_list list;",
                "    unsigned int total = 0;",
                "    __builtin_va_start(list, n);",
                "    for (int i = 0; i < n; i++) {",
                "        total = total * 31 + (unsigned int)__builtin_va_arg(list, int);",
                "    }",
                "    __builtin_va_end(list);",
                "    return total;",
                "}",
            ]
            .map(str::to_string),
        );
        let count = self.random.below(4);
        let mut arguments = count.to_string();
        for _ in 0..count {
            let value = self.expression_of_depth(1);
            let value = self.coerced(value, Int::Int.full());
            arguments.push_str(&format!(", (int){}", value.text));
        }
        self.line(format!("unsigned int {total} = {name}({arguments});"));
        self.declare(&total, Shape::Scalar(Cell::full(Int::Unsigned)));
    }

    /// `({ int t = e; t > 3 ? t : 3; })`.
    fn statement_expression(&mut self) {
        let (name, inner) = (self.fresh("v"), self.fresh("t"));
        let value = self.expression_of_depth(2);
        let value = self.coerced(value, Range::of(-100, 100));
        self.line(format!(
            "int {name} = ({{ int {inner} = {}; {inner} > 3 ? {inner} : 3; }});",
            value.text
        ));
        self.declare(&name, Shape::Scalar(Cell::of(Int::Int, Range::of(3, 100))));
    }

    /// `a ?: b`.
    fn omitted_operand(&mut self) {
        let name = self.fresh("v");
        let (a, b) = (self.expression_of_depth(1), self.expression_of_depth(1));
        let ty = a.ty.common(b.ty);
        self.line(format!("{} {name} = {} ?: {};", ty.name(), a.text, b.text));
        self.declare(&name, Shape::Scalar(Cell::full(ty)));
    }

    /// An array without a name.
    fn compound_literal(&mut self) {
        let cell = Cell::any(&mut self.random);
        let length = 2 + self.random.below(3);
        let items: Vec<String> = (0..length).map(|_| self.value_for(cell)).collect();
        let index = self.index(length as u64, 1);
        let ty = cell.ty.name();
        if self.random.percent(50) {
            let p = self.fresh("p");
            self.line(format!("{ty} *{p} = ({ty}[]){{{}}};", items.join(", ")));
            return self.declare(&p, Shape::Pointer(cell, length as u64));
        }
        self.declare_read(cell, &format!("(({ty}[]){{{}}})[{index}]", items.join(", ")));
    }

    /// `case 1 ... 3:`.
    fn case_ranges(&mut self) {
        let value = self.expression_of_depth(2);
        let name = self.fresh("v");
        self.line(format!("int {name} = 0;"));
        self.block(&format!("switch ({})", value.text), "", |g| {
            g.line("case 1 ... 3:");
            g.line(format!("{name} = 1;"));
            if g.random.percent(70) {
                g.line("break;");
            }
            g.line("case 4:");
            g.line("case 200 ... 255:");
            g.line(format!("{name} += 2;"));
            g.line("break;");
            g.line("default:");
            g.line(format!("{name} = 4;"));
        });
        self.declare(&name, Shape::Scalar(Cell::of(Int::Int, Range::of(0, 4))));
    }

    /// `a = b = e`: the value of an assignment is that of its left side (C11 6.5.16p3).
    fn chained(&mut self) {
        let (a, b) = (self.fresh("v"), self.fresh("v"));
        let narrow = *self
            .random
            .pick(&[Int::UnsignedChar, Int::Short, Int::Char, Int::Bool])
            .unwrap_or(&Int::Short);
        let value = self.expression_of_depth(2);
        self.line(format!("{} {b};", narrow.name()));
        self.line(format!("long {a} = ({b} = {});", value.text));
        self.declare(&a, Shape::Scalar(Cell::of(Int::Long, narrow.full())));
        self.declare(&b, Shape::Scalar(Cell::full(narrow)));
    }

    /// Side effects with sequence points between them.
    fn sequence(&mut self) {
        let (k, name) = (self.fresh("k"), self.fresh("v"));
        let value = self.expression_of_depth(1);
        let value = self.coerced(value, Range::of(-100, 100));
        self.line(format!("int {k} = {};", value.text));
        let form = match self.random.below(4) {
            0 => format!("({k}++, {k} * 2)"),
            1 => format!("{k}++ > 3 && {k} < 50 ? {k} : -{k}"),
            2 => format!("({k} -= 5) + 7"),
            _ => format!("{k}-- || {k} ? ++{k} : 9"),
        };
        self.line(format!("int {name} = {form};"));
        self.declare(&name, Shape::Scalar(Cell::of(Int::Int, Range::of(-300, 300))));
        self.declare(&k, Shape::Scalar(Cell::of(Int::Int, Range::of(-110, 110))));
    }

    /// `[2] = x`, with gaps.
    fn table_with_designators(&mut self) {
        let cell = Cell::any(&mut self.random);
        let length = 3 + self.random.below(5);
        let name = self.fresh("a");
        let (first, second) = (self.random.below(length), self.random.below(length));
        let (x, y) = (self.value_for(cell), self.value_for(cell));
        // The later of two initialisers of one element counts; whether the first is evaluated is not said.
        let items = if first == second {
            format!("[{first}] = {x}")
        } else {
            format!("[{first}] = {x}, [{second}] = {y}")
        };
        self.line(format!("{} {name}[{length}] = {{{items}}};", cell.ty.name()));
        self.declare(&name, Shape::Array(cell, vec![length as u64]));
    }
}
