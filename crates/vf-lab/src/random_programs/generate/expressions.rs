//! Expressions with the ranges of their values.
//!
//! An operation that would be undefined for some values of its operands is not written, unless the program is to
//! have violations: then it is, now and then.

use super::Generator;
use super::types::{Cell, Int, Range, Shape, Value};

/// Nesting of expressions, at most.
const DEPTH: usize = 2;

impl Generator {
    /// Any expression.
    pub(super) fn expression(&mut self) -> Value {
        self.expression_of_depth(DEPTH)
    }

    pub(super) fn expression_of_depth(&mut self, depth: usize) -> Value {
        if depth == 0 || self.random.percent(25) {
            return self.leaf(depth);
        }
        match self.random.below(20) {
            0..9 => self.arithmetic(depth - 1),
            9..11 => self.shift(depth - 1),
            11..14 => self.comparison(depth - 1),
            14 => self.logical(depth - 1),
            15 => self.choice(depth - 1),
            16..18 => self.cast(depth - 1),
            18 => self.unary(depth - 1),
            _ => self.call(depth - 1).unwrap_or_else(|| self.leaf(depth)),
        }
    }

    /// A condition, mostly a comparison.
    pub(super) fn condition(&mut self) -> String {
        let value = match self.random.below(4) {
            0 => self.expression_of_depth(1),
            1 => self.logical(1),
            _ => self.comparison(1),
        };
        value.text
    }

    fn leaf(&mut self, depth: usize) -> Value {
        if self.random.percent(25) {
            return self.constant();
        }
        match self.place(None, depth, false) {
            Some((text, cell)) => Value {
                text,
                // A bit-field narrower than `int` promotes to `int`, unsigned or not.
                ty: if cell.bit_field.is_some() {
                    Int::Int
                } else {
                    cell.ty
                },
                range: cell.range,
                pure: true,
            },
            None => self.constant(),
        }
    }

    fn constant(&mut self) -> Value {
        const INTERESTING: [i128; 12] = [
            0,
            1,
            2,
            3,
            7,
            8,
            255,
            256,
            65535,
            2_147_483_647,
            -1,
            -2_147_483_648,
        ];
        let value = if self.random.percent(30) {
            self.random.pick(&INTERESTING).copied().unwrap_or(0)
        } else {
            self.random.between(-4, 20)
        };
        Value::literal(value)
    }

    /// `a op b` with a result that is defined, unless a violation is wanted.
    fn arithmetic(&mut self, depth: usize) -> Value {
        const OPERATORS: [&str; 11] = ["+", "-", "*", "+", "-", "/", "%", "&", "|", "^", "+"];
        let op = *self.random.pick(&OPERATORS).unwrap_or(&"+");
        let a = self.expression_of_depth(depth);
        let b = self.expression_of_depth(depth);
        self.binary(op, a, b)
    }

    pub(super) fn binary(&mut self, op: &str, mut a: Value, mut b: Value) -> Value {
        if matches!(op, "/" | "%") && !self.violates() {
            let small = Range::of(1, 9);
            if b.range.has(0) || b.range.lo <= -1 {
                b = self.coerced(b, small);
            }
        }
        let mut ty = a.ty.common(b.ty);
        let mut exact = exact(op, a.range.converted(ty), b.range.converted(ty));
        if ty.signed() && !exact.within(ty.full()) && !self.violates() {
            a = self.coerced(a, Range::of(-100, 100));
            let divides = matches!(op, "/" | "%");
            b = self.coerced(
                b,
                if divides {
                    Range::of(1, 9)
                } else {
                    Range::of(0, 100)
                },
            );
            ty = a.ty.common(b.ty);
            exact = self::exact(op, a.range.converted(ty), b.range.converted(ty));
        }
        Value {
            text: format!("({} {op} {})", a.text, b.text),
            ty,
            range: exact.converted(ty),
            pure: a.pure && b.pure,
        }
    }

    fn shift(&mut self, depth: usize) -> Value {
        let mut a = self.expression_of_depth(depth);
        let mut count = self.expression_of_depth(depth.min(1));
        let left = self.random.percent(50);
        if left && a.ty.promoted().signed() && !self.violates() {
            let unsigned = if a.ty.bits() == 64 {
                Int::UnsignedLong
            } else {
                Int::Unsigned
            };
            a = cast_to(a, unsigned);
        }
        let ty = a.ty.promoted();
        if !self.violates() {
            count = self.coerced(count, Range::of(0, i128::from(ty.bits()) - 1));
        }
        let range = match left {
            false if a.range.lo >= 0 => Range::of(0, a.range.hi),
            false => Range::of(a.range.lo.min(-1), a.range.hi.max(0)),
            true => ty.full(),
        };
        Value {
            text: format!("({} {} {})", a.text, if left { "<<" } else { ">>" }, count.text),
            ty,
            range,
            pure: a.pure && count.pure,
        }
    }

    fn comparison(&mut self, depth: usize) -> Value {
        const OPERATORS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];
        let op = *self.random.pick(&OPERATORS).unwrap_or(&"<");
        let a = self.expression_of_depth(depth);
        let b = self.expression_of_depth(depth.min(1));
        Value {
            text: format!("({} {op} {})", a.text, b.text),
            ty: Int::Int,
            range: Range::of(0, 1),
            pure: a.pure && b.pure,
        }
    }

    fn logical(&mut self, depth: usize) -> Value {
        let a = self.expression_of_depth(depth);
        let (text, pure) = match self.random.below(5) {
            0 => (format!("(!{})", a.text), a.pure),
            n => {
                let b = self.expression_of_depth(depth);
                let op = if n < 3 { "&&" } else { "||" };
                (format!("({} {op} {})", a.text, b.text), a.pure && b.pure)
            }
        };
        Value {
            text,
            ty: Int::Int,
            range: Range::of(0, 1),
            pure,
        }
    }

    fn choice(&mut self, depth: usize) -> Value {
        let condition = self.comparison(depth.min(1));
        let a = self.expression_of_depth(depth);
        let b = self.expression_of_depth(depth);
        let ty = a.ty.common(b.ty);
        Value {
            text: format!("({} ? {} : {})", condition.text, a.text, b.text),
            ty,
            range: a.range.converted(ty).hull(b.range.converted(ty)),
            pure: condition.pure && a.pure && b.pure,
        }
    }

    fn cast(&mut self, depth: usize) -> Value {
        let ty = *self.random.pick(&Int::ALL).unwrap_or(&Int::Int);
        let value = self.expression_of_depth(depth);
        cast_to(value, ty)
    }

    fn unary(&mut self, depth: usize) -> Value {
        let a = self.expression_of_depth(depth);
        if self.random.percent(50) {
            return self.binary("-", Value::literal(0), a);
        }
        let ty = a.ty.promoted();
        let range = if ty.signed() {
            Range::of(-a.range.hi - 1, -a.range.lo - 1)
        } else {
            ty.full()
        };
        Value {
            text: format!("(~{})", a.text),
            ty,
            range,
            pure: a.pure,
        }
    }

    /// A call of a helper without effects, where one is cheap enough here. Those with effects are called by
    /// statements: C leaves the order of operands open (C11 6.5p3).
    fn call(&mut self, depth: usize) -> Option<Value> {
        let affordable: Vec<_> = self
            .helpers
            .iter()
            .filter(|h| h.effect_free && h.cost.saturating_mul(self.repetitions) <= 400)
            .cloned()
            .collect();
        let helper = self.random.pick(&affordable)?.clone();
        self.spend(helper.cost);
        let arguments = self.arguments(&helper.parameters, depth.min(1))?;
        Some(Value {
            text: format!("{}({})", helper.name, arguments),
            ty: helper.result.ty,
            range: helper.result.range,
            pure: false,
        })
    }

    /// Arguments that the parameters take, separated by commas.
    pub(super) fn arguments(&mut self, parameters: &[Shape], depth: usize) -> Option<String> {
        let mut arguments = Vec::new();
        for parameter in parameters {
            arguments.push(match parameter {
                Shape::Scalar(cell) => {
                    let value = self.expression_of_depth(depth);
                    self.fitting(value, *cell).text
                }
                shape => self.address_for(shape, usize::MAX)?,
            });
        }
        Some(arguments.join(", "))
    }

    /// The value made to lie in the range. A value that does already stays as it is.
    pub(super) fn coerced(&mut self, value: Value, range: Range) -> Value {
        if value.range.within(range) {
            return value;
        }
        let width = range.hi - range.lo + 1;
        let power_of_two = range.lo == 0 && width & (width - 1) == 0;
        if power_of_two && range.hi <= 0x7fff_ffff && (!value.pure || self.random.percent(50)) {
            return Value {
                text: format!("({} & {})", value.text, range.hi),
                ty: value.ty.common(Int::Int),
                range,
                pure: value.pure,
            };
        }
        if value.range.lo >= 0 && range.lo == 0 && width < 0x7fff_ffff && self.random.percent(50) {
            return Value {
                text: format!("({} % {width})", value.text),
                ty: value.ty.common(Int::Int),
                range,
                pure: value.pure,
            };
        }
        if !value.pure || value.text.len() > 24 {
            return self.kept(value, range);
        }
        self.clamped(value, range)
    }

    /// A call of a function of the prelude that does what [`Self::clamped`] writes out.
    fn kept(&mut self, value: Value, range: Range) -> Value {
        self.uses_keep = true;
        let (name, ty) = match value.ty {
            Int::UnsignedLong => ("keep_unsigned", Int::UnsignedLong),
            _ => ("keep", Int::Long),
        };
        let range = Range::of(range.lo.max(ty.full().lo), range.hi.max(ty.full().lo));
        let (lo, hi) = (Value::literal(range.lo), Value::literal(range.hi));
        Value {
            text: format!("{name}({}, {}, {})", value.text, lo.text, hi.text),
            ty,
            range,
            pure: value.pure,
        }
    }

    /// `v < lo ? lo : v > hi ? hi : v`, without the comparisons that are never true.
    fn clamped(&mut self, value: Value, range: Range) -> Value {
        let ty = value.ty.promoted();
        let kept = Range::of(range.lo.max(ty.full().lo), range.hi.min(ty.full().hi));
        if kept.lo > kept.hi || (!ty.signed() && range.lo < 0 && range.hi < 0) {
            return Value::literal(range.lo);
        }
        let mut text = value.text.clone();
        let mut result = ty;
        if value.range.hi > kept.hi {
            let hi = Value::literal(kept.hi);
            let instead = self.random.between(kept.lo.max(kept.hi - 20), kept.hi);
            let instead = Value::literal(instead);
            result = result.common(hi.ty).common(instead.ty);
            text = format!("({} > {} ? {} : {text})", value.text, hi.text, instead.text);
        }
        if value.range.lo < kept.lo {
            let lo = Value::literal(kept.lo);
            result = result.common(lo.ty);
            text = format!("({} < {} ? {} : {text})", value.text, lo.text, lo.text);
        }
        Value {
            text,
            ty: result,
            range: kept.converted(result),
            pure: true,
        }
    }

    /// A value that may be assigned to the cell.
    pub(super) fn fitting(&mut self, value: Value, cell: Cell) -> Value {
        if cell.range == cell.ty.full() && cell.bit_field.is_none() {
            return value;
        }
        self.coerced(value, cell.range)
    }

    /// An index below `length`.
    pub(super) fn index(&mut self, length: u64, depth: usize) -> String {
        let last = i128::from(length) - 1;
        if self.random.percent(30) {
            let most = if self.violates() { last + 1 } else { last };
            let at = self.random.between(0, most);
            return at.to_string();
        }
        // A variable that stays below is what programs mostly have there.
        let fit = Range::of(0, last);
        let counters: Vec<String> = self
            .scope
            .iter()
            .filter(|v| matches!(&v.shape, Shape::Scalar(c) if c.range.within(fit) && c.ty != Int::Bool))
            .map(|v| v.name.clone())
            .collect();
        if let Some(name) = self.random.pick(&counters).cloned()
            && self.random.percent(60)
        {
            return name;
        }
        let value = self.expression_of_depth(depth.min(1));
        if self.violates() {
            let fit = Range::of(0, last + 1);
            return if self.random.percent(50) {
                value.text
            } else {
                self.coerced(value, fit).text
            };
        }
        self.coerced(value, fit).text
    }
}

pub(super) fn cast_to(value: Value, ty: Int) -> Value {
    let range = if ty == Int::Bool {
        Range::of(0, 1)
    } else {
        value.range.converted(ty)
    };
    Value {
        text: format!("(({}){})", ty.name(), value.text),
        ty,
        range,
        pure: value.pure,
    }
}

/// Hull of the mathematical results of `a op b`.
fn exact(op: &str, a: Range, b: Range) -> Range {
    let corners = |f: fn(i128, i128) -> i128| {
        let all = [f(a.lo, b.lo), f(a.lo, b.hi), f(a.hi, b.lo), f(a.hi, b.hi)];
        Range::of(
            all.iter().copied().min().unwrap_or(0),
            all.iter().copied().max().unwrap_or(0),
        )
    };
    let bits_of = |r: Range| (1i128 << (128 - r.hi.max(0).leading_zeros())) - 1;
    let magnitude = a.lo.abs().max(a.hi.abs());
    match op {
        "+" => corners(|a, b| a + b),
        "-" => corners(|a, b| a - b),
        "*" => corners(i128::saturating_mul),
        // The divisor is positive, or anything goes.
        "/" => Range::of(if a.lo < 0 || b.lo < 0 { -magnitude } else { 0 }, magnitude),
        "%" => Range::of(if a.lo < 0 { -magnitude } else { 0 }, magnitude),
        "&" if a.lo >= 0 && b.lo >= 0 => Range::of(0, a.hi.min(b.hi)),
        "&" if a.lo >= 0 => Range::of(0, a.hi),
        "&" if b.lo >= 0 => Range::of(0, b.hi),
        "|" | "^" if a.lo >= 0 && b.lo >= 0 => Range::of(0, bits_of(a) | bits_of(b)),
        _ => {
            // Two's complement: no result needs more bits than an operand has.
            let limit = bits_of(Range::only(magnitude.max(b.lo.abs()).max(b.hi.abs())));
            Range::of(-limit - 1, limit)
        }
    }
}
