//! Memory whose extent the program computes: lengths kept beside pointers, sizes from inputs, cursors that move.

use super::Generator;
use super::types::{Cell, Int, Range, Shape, Variable};

impl Generator {
    /// One of the uses.
    pub(super) fn use_of_lengths(&mut self) {
        if self.effect_free || self.repetitions > 15 || self.depth >= 4 {
            return self.local();
        }
        match self.random.below(9) {
            0 if self.depth == 1 => self.counted_buffer(),
            1 => self.slice(),
            2 => self.moved_within(),
            3 => self.behind_a_cursor(),
            4 => self.pointer_functions(),
            5 if self.depth == 1 => self.flexible_record(),
            6 => self.enclosing_record(),
            7 => self.address_as_a_number(),
            8 if self.depth == 1 => self.stack_allocation(),
            _ => self.slice(),
        }
    }

    /// The text of a value that the cell may hold.
    pub(super) fn value_for(&mut self, cell: Cell) -> String {
        let value = self.expression_of_depth(1);
        self.fitting(value, cell).text
    }

    /// A cell of a type that pointers may lead to; no range, so that everything may be written there.
    pub(super) fn plain_cell(&mut self) -> Cell {
        const TYPES: [Int; 6] = [
            Int::Int,
            Int::UnsignedChar,
            Int::Short,
            Int::Long,
            Int::Unsigned,
            Int::Char,
        ];
        Cell::full(*self.random.pick(&TYPES).unwrap_or(&Int::Int))
    }

    /// The name of a variable of the type, and its largest value: at least one, and small.
    fn count_variable(&mut self, ty: Int) -> (String, u64) {
        let name = self.fresh("n");
        match self.bound_variable() {
            Some((bound, most)) => {
                let least = 1 + self.random.below(3) as u64;
                self.line(format!(
                    "{} {name} = ({}){bound} + {least};",
                    ty.name(),
                    ty.name()
                ));
                (name, least + most.max(0) as u64)
            }
            None => {
                let value = self.expression_of_depth(1);
                let value = self.coerced(value, Range::of(1, 9));
                self.line(format!("{} {name} = {};", ty.name(), value.text));
                (name, 9)
            }
        }
    }

    /// Declares what the text reads.
    pub(super) fn declare_read(&mut self, cell: Cell, text: &str) {
        let name = self.fresh("v");
        self.line(format!("{} {name} = {text};", cell.ty.name()));
        self.declare(&name, Shape::Scalar(cell));
    }

    /// `malloc(n * sizeof(T))`, filled and read by `n`.
    fn counted_buffer(&mut self) {
        let cell = self.plain_cell();
        let ty = cell.ty.name();
        let counter = *self
            .random
            .pick(&[Int::Unsigned, Int::UnsignedLong, Int::Int, Int::UnsignedShort])
            .unwrap_or(&Int::Unsigned);
        let (n, most) = self.count_variable(counter);
        let (name, i) = (self.fresh("h"), self.fresh("i"));
        let size = match self.random.below(4) {
            _ if self.violates() => format!("({n} - 1) * sizeof({ty})"),
            0 => format!("sizeof({ty}) * {n}"),
            1 => format!("({n} + 1) * sizeof({ty})"),
            2 => format!("(unsigned int){n} * {}u", cell.ty.bytes()),
            _ => format!("{n} * sizeof({ty})"),
        };
        let returns = self.returns.clone();
        if self.random.percent(20) {
            self.line(format!("{ty} *{name} = calloc({n}, sizeof({ty}));"));
        } else {
            self.line(format!("{ty} *{name} = malloc({size});"));
        }
        self.block(&format!("if ({name} == NULL)"), "", |g| g.line(returns));
        let op = if self.violates() { "<=" } else { "<" };
        let header = format!("for ({} {i} = 0; {i} {op} {n}; {i}++)", counter.name());
        self.repeated(most, &header, "", |g| {
            let value = g.value_for(cell);
            g.line(format!("{name}[{i}] = {value};"));
        });
        let last = if self.violates() {
            n.clone()
        } else {
            format!("{n} - 1")
        };
        self.declare_read(cell, &format!("{name}[{last}]"));
        self.declare_read(cell, &format!("{name}[{n} / 2]"));
        let index = self.expression_of_depth(1);
        let index = self.coerced(index, Range::of(0, 20));
        let (at, read) = (self.fresh("k"), self.fresh("v"));
        self.line(format!("unsigned int {at} = {};", index.text));
        self.line(format!("{ty} {read} = 0;"));
        let test = if self.violates() { "<=" } else { "<" };
        self.block(&format!("if ({at} {test} {n})"), "", |g| {
            g.line(format!("{read} = {name}[{at}];"));
        });
        self.declare(&read, Shape::Scalar(cell));
        self.line(format!("free({name});"));
    }

    /// A pointer with a length, in a record, that is cut and gone through.
    fn slice(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let (tag, s, i) = (self.fresh("Slice"), self.fresh("s"), self.fresh("i"));
        let ty = cell.ty.name();
        self.early.push(format!("struct {tag} {{"));
        self.early.push(format!("    {ty} *data;"));
        self.early.push("    unsigned long length;".to_string());
        self.early.push("};".to_string());
        let has = length + u64::from(self.violates());
        self.line(format!("struct {tag} {s} = {{{array}, {has}}};"));
        let cut = self.index(length + 1, 1);
        let k = self.fresh("k");
        self.line(format!("int {k} = {cut};"));
        self.line(format!("{s}.data += {k};"));
        if !self.violates() {
            self.line(format!("{s}.length -= {k};"));
        }
        let access = if self.random.percent(50) {
            let p = self.fresh("p");
            self.line(format!("struct {tag} *{p} = &{s};"));
            format!("{p}->")
        } else {
            format!("{s}.")
        };
        let writes = self.random.percent(60);
        let header = format!("for (unsigned long {i} = 0; {i} < {access}length; {i}++)");
        self.repeated(length, &header, "", |g| {
            if writes {
                let value = g.value_for(cell);
                g.line(format!("{access}data[{i}] = {value};"));
            } else {
                g.declare_read(cell, &format!("{access}data[{i}]"));
                g.statements_of_a_loop(1);
            }
        });
        let read = self.fresh("v");
        self.line(format!("{ty} {read} = 0;"));
        let index = self.expression_of_depth(1);
        let index = self.coerced(index, Range::of(0, 15));
        let at = self.fresh("k");
        self.line(format!("int {at} = {};", index.text));
        let test = if self.violates() { "<=" } else { "<" };
        self.block(&format!("if ({at} {test} {access}length)"), "", |g| {
            g.line(format!("{read} = {access}data[{at}];"));
        });
        self.declare(&read, Shape::Scalar(cell));
    }

    /// `memmove` from one part of an array to another that it overlaps.
    fn moved_within(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let ty = cell.ty.name();
        if self.random.percent(50) {
            let count = 1 + self.random.below(length as usize) as u64;
            let room = length - count + u64::from(self.violates());
            let (to, from) = (self.index(room + 1, 1), self.index(room + 1, 1));
            return self.line(format!(
                "memmove({array} + {to}, &{array}[{from}], {count} * sizeof({ty}));"
            ));
        }
        let n = self.fresh("n");
        let value = self.expression_of_depth(1);
        let value = self.coerced(value, Range::of(0, length as i128));
        self.line(format!("unsigned long {n} = {};", value.text));
        let at = self.random.below(length as usize);
        let limit = length as usize - at + usize::from(self.violates());
        let (to, from) = if self.random.percent(50) { (at, 0) } else { (0, at) };
        self.block(&format!("if ({n} <= {limit})"), "", |g| {
            g.line(format!(
                "memmove(&{array}[{to}], {array} + {from}, {n} * sizeof({array}[0]));"
            ));
        });
    }

    /// A pointer into an array, and what lies before it.
    fn behind_a_cursor(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let ty = cell.ty.name();
        let (p, k) = (self.fresh("p"), self.fresh("k"));
        let value = self.expression_of_depth(1);
        let least = if self.violates() { 0 } else { 1 };
        let value = self.coerced(value, Range::of(least, length as i128));
        self.line(format!("int {k} = {};", value.text));
        self.line(format!("{ty} *{p} = {array} + {k};"));
        match self.random.below(4) {
            0 => self.declare_read(cell, &format!("{p}[-1]")),
            1 => self.declare_read(cell, &format!("{p}[-{k}]")),
            2 => {
                let stored = self.value_for(cell);
                self.line(format!("*--{p} = {stored};"));
            }
            _ => {
                let stored = self.value_for(cell);
                self.repeated(length, &format!("while ({p} > {array})"), "", |g| {
                    g.line(format!("*--{p} = {stored};"));
                });
            }
        }
    }

    /// Functions that return a pointer, move one that they are shown, or change what two lead to.
    fn pointer_functions(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let ty = cell.ty.name();
        let room = length + u64::from(self.violates());
        let (a, b) = (self.index(room, 1), self.index(length, 1));
        match self.random.below(3) {
            0 => {
                let name = self.fresh("element");
                self.early
                    .push(format!("static {ty} *{name}({ty} *a, unsigned long i)"));
                self.early
                    .extend(["{", "    return &a[i];", "}"].map(str::to_string));
                let stored = self.value_for(cell);
                self.line(format!("*{name}({array}, {a}) = {stored};"));
                self.declare_read(cell, &format!("*{name}({array}, {b})"));
            }
            1 => {
                let (name, p) = (self.fresh("advance"), self.fresh("p"));
                self.early.push(format!("static void {name}({ty} **p, int by)"));
                self.early.extend(["{", "    *p += by;", "}"].map(str::to_string));
                self.line(format!("{ty} *{p} = {array};"));
                self.line(format!("{name}(&{p}, {a});"));
                let stored = self.value_for(cell);
                self.line(format!("*{p} = {stored};"));
                let element = self.fresh("v");
                self.line(format!("long {element} = {p} - {array};"));
                let range = Range::of(0, length as i128 - 1);
                self.declare(&element, Shape::Scalar(Cell::of(Int::Long, range)));
            }
            _ => {
                let name = self.fresh("swap");
                self.early.push(format!("static void {name}({ty} *a, {ty} *b)"));
                self.early.extend(["{".to_string(), format!("    {ty} t = *a;")]);
                self.early
                    .extend(["    *a = *b;", "    *b = t;", "}"].map(str::to_string));
                self.line(format!("{name}(&{array}[{a}], {array} + {b});"));
            }
        }
    }

    /// A record that ends in an array of as many elements as were asked for.
    fn flexible_record(&mut self) {
        let cell = self.plain_cell();
        let ty = cell.ty.name();
        let tag = self.fresh("Flexible");
        self.early.push(format!("struct {tag} {{"));
        self.early.push("    unsigned char count;".to_string());
        self.early.push(format!("    {ty} data[];"));
        self.early.push("};".to_string());
        let (n, most) = self.count_variable(Int::Unsigned);
        let (f, i) = (self.fresh("h"), self.fresh("i"));
        let size = if self.violates() {
            format!("sizeof(struct {tag}) + {n}")
        } else {
            format!("sizeof(struct {tag}) + {n} * sizeof({ty})")
        };
        let returns = self.returns.clone();
        self.line(format!("struct {tag} *{f} = malloc({size});"));
        self.block(&format!("if (!{f})"), "", |g| g.line(returns));
        self.line(format!("{f}->count = {n};"));
        let op = if self.violates() { "<=" } else { "<" };
        let header = format!("for (int {i} = 0; {i} {op} {f}->count; {i}++)");
        self.repeated(most, &header, "", |g| {
            let value = g.value_for(cell);
            g.line(format!("{f}->data[{i}] = {value};"));
        });
        let last = if self.violates() { "" } else { " - 1" };
        self.declare_read(cell, &format!("{f}->data[{f}->count{last}]"));
        self.line(format!("free({f});"));
    }

    /// From a member to the record around it.
    fn enclosing_record(&mut self) {
        let (first, second) = (self.plain_cell(), self.plain_cell());
        let (tag, s, m, back) = (
            self.fresh("Around"),
            self.fresh("s"),
            self.fresh("p"),
            self.fresh("p"),
        );
        self.early.push(format!("struct {tag} {{"));
        self.early.push(format!("    {} first;", first.ty.name()));
        self.early.push(format!("    {} second;", second.ty.name()));
        self.early.push("};".to_string());
        let (a, b) = (self.value_for(first), self.value_for(second));
        self.line(format!("struct {tag} {s} = {{{a}, {b}}};"));
        self.line(format!("{} *{m} = &{s}.second;", second.ty.name()));
        self.line(format!(
            "struct {tag} *{back} = (struct {tag} *)((char *){m} - __builtin_offsetof(struct {tag}, second));"
        ));
        let stored = self.value_for(second);
        self.line(format!("*{m} = {stored};"));
        self.declare_read(first, &format!("{back}->first"));
        self.declare_read(second, &format!("{back}->second"));
    }

    /// A pointer to a number and back.
    fn address_as_a_number(&mut self) {
        let Some((array, cell, length)) = self.some_array() else {
            return self.local();
        };
        let ty = cell.ty.name();
        let (u, p) = (self.fresh("u"), self.fresh("p"));
        let offset = self.index(length, 1);
        self.line(format!(
            "unsigned long {u} = (unsigned long)({array} + {offset});"
        ));
        let aligned = if self.random.percent(50) {
            format!("{u} - {u} % {}", cell.ty.bytes())
        } else {
            u
        };
        self.line(format!("{ty} *{p} = ({ty} *)({aligned});"));
        self.declare_read(cell, &format!("*{p}"));
    }

    /// `alloca`, once.
    fn stack_allocation(&mut self) {
        let cell = self.plain_cell();
        let ty = cell.ty.name();
        let (n, most) = self.count_variable(Int::Int);
        let (name, i) = (self.fresh("al"), self.fresh("i"));
        self.line(format!("{ty} *{name} = alloca({n} * sizeof({ty}));"));
        let op = if self.violates() { "<=" } else { "<" };
        let header = format!(
            "for (int {i} = {n} - 1; {i} {} 0; {i}--)",
            if op == "<" { ">=" } else { ">" }
        );
        self.repeated(most, &header, "", |g| {
            let value = g.value_for(cell);
            g.line(format!("{name}[{i}] = {value};"));
        });
        self.declare_read(cell, &format!("{name}[0]"));
        self.scope.push(Variable {
            name,
            shape: Shape::Pointer(cell, 1),
            depth: self.depth,
            read_only: true,
            addressable: false,
        });
    }
}
