//! Intervals of one integer value, under its unsigned and its signed reading.
//!
//! Bounds are exact mathematical integers in an `i128`; values of more than [`MAX_BITS`] bits are not tracked.

use vf_ir::{BinaryOp, Resize};

/// Wider values are always "anything".
pub const MAX_BITS: u32 = 64;

/// `low <= x <= high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    pub low: i128,
    pub high: i128,
}

impl Interval {
    pub fn new(low: i128, high: i128) -> Interval {
        Interval { low, high }
    }

    pub fn is_empty(self) -> bool {
        self.low > self.high
    }

    pub fn contains(self, other: Interval) -> bool {
        self.low <= other.low && other.high <= self.high
    }

    pub fn join(self, other: Interval) -> Interval {
        Interval::new(self.low.min(other.low), self.high.max(other.high))
    }

    pub fn meet(self, other: Interval) -> Interval {
        Interval::new(self.low.max(other.low), self.high.min(other.high))
    }
}

/// The numbers that so many bits hold under a reading.
pub fn whole(bits: u32, signed: bool) -> Interval {
    let bits = bits.clamp(1, 126);
    if signed {
        Interval::new(-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        Interval::new(0, (1i128 << bits) - 1)
    }
}

/// What is known of a value of `bits` bits. Either reading bounds the same pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    pub bits: u32,
    pub unsigned: Interval,
    pub signed: Interval,
}

impl Value {
    pub fn top(bits: u32) -> Value {
        Value {
            bits,
            unsigned: whole(bits, false),
            signed: whole(bits, true),
        }
    }

    pub fn constant(bits: u32, pattern: u128) -> Value {
        if bits > MAX_BITS {
            return Value::top(bits);
        }
        let value = pattern as i128;
        Value::of_unsigned(bits, Interval::new(value, value))
    }

    /// The value whose unsigned reading lies in the interval.
    pub fn of_unsigned(bits: u32, unsigned: Interval) -> Value {
        Value {
            unsigned: unsigned.meet(whole(bits, false)),
            ..Value::top(bits)
        }
        .refined()
    }

    /// The value whose signed reading lies in the interval.
    pub fn of_signed(bits: u32, signed: Interval) -> Value {
        Value {
            signed: signed.meet(whole(bits, true)),
            ..Value::top(bits)
        }
        .refined()
    }

    /// No value at all: the place is not reached.
    pub fn is_empty(self) -> bool {
        self.unsigned.is_empty() || self.signed.is_empty()
    }

    pub fn reading(self, signed: bool) -> Interval {
        if signed { self.signed } else { self.unsigned }
    }

    /// With one reading cut down to an interval.
    pub fn within(self, signed: bool, interval: Interval) -> Value {
        let mut value = self;
        if signed {
            value.signed = value.signed.meet(interval);
        } else {
            value.unsigned = value.unsigned.meet(interval);
        }
        value.refined()
    }

    pub fn join(self, other: Value) -> Value {
        Value {
            bits: self.bits,
            unsigned: self.unsigned.join(other.unsigned),
            signed: self.signed.join(other.signed),
        }
    }

    pub fn meet(self, other: Value) -> Value {
        Value {
            bits: self.bits,
            unsigned: self.unsigned.meet(other.unsigned),
            signed: self.signed.meet(other.signed),
        }
        .refined()
    }

    /// Carries each reading's bounds to the other where the interval does not straddle the place at which the
    /// readings part.
    fn refined(mut self) -> Value {
        if self.is_empty() || self.bits > MAX_BITS {
            return self;
        }
        let (modulus, top) = (1i128 << self.bits, whole(self.bits, true).high);
        if self.unsigned.high <= top {
            self.signed = self.signed.meet(self.unsigned);
        } else if self.unsigned.low > top {
            let shifted = Interval::new(self.unsigned.low - modulus, self.unsigned.high - modulus);
            self.signed = self.signed.meet(shifted);
        }
        if self.signed.low >= 0 {
            self.unsigned = self.unsigned.meet(self.signed);
        } else if self.signed.high < 0 {
            let shifted = Interval::new(self.signed.low + modulus, self.signed.high + modulus);
            self.unsigned = self.unsigned.meet(shifted);
        }
        self
    }

    /// Bounds that still grow are moved outward to the next of the thresholds (ascending), in the end to the
    /// type's own bounds, so that every ascending chain is short.
    pub fn widened(self, next: Value, thresholds: &[i128]) -> Value {
        let widen = |old: Interval, new: Interval, all: Interval| {
            let low = if new.low >= old.low {
                old.low
            } else {
                let below = thresholds.iter().rev().find(|&&t| t <= new.low && t >= all.low);
                below.copied().unwrap_or(all.low)
            };
            let high = if new.high <= old.high {
                old.high
            } else {
                let above = thresholds.iter().find(|&&t| t >= new.high && t <= all.high);
                above.copied().unwrap_or(all.high)
            };
            Interval::new(low, high)
        };
        Value {
            bits: self.bits,
            unsigned: widen(self.unsigned, next.unsigned, whole(self.bits, false)),
            signed: widen(self.signed, next.signed, whole(self.bits, true)),
        }
    }
}

/// The exact results lie in these intervals; each is kept where it fits the width (nothing can wrap), or where
/// the program is known not to wrap under that reading, cut to the width.
pub struct Exact {
    pub unsigned: Option<Interval>,
    pub signed: Option<Interval>,
}

impl Exact {
    /// `no_wrap`: (unsigned, signed), whether a check before this says that the result fits.
    pub fn fitted(self, bits: u32, no_wrap: (bool, bool)) -> Value {
        let mut value = Value::top(bits);
        for (signed, exact, known) in [(false, self.unsigned, no_wrap.0), (true, self.signed, no_wrap.1)] {
            if let Some(exact) = exact
                && (known || whole(bits, signed).contains(exact))
            {
                value = value.within(signed, exact);
            }
        }
        value
    }
}

/// Bounds of the exact result of an operator under each reading, where there are any.
pub fn exact(op: BinaryOp, a: Value, b: Value) -> Exact {
    match op {
        BinaryOp::Add => both(a, b, |x, y| Some(Interval::new(x.low + y.low, x.high + y.high))),
        BinaryOp::Sub => both(a, b, |x, y| Some(Interval::new(x.low - y.high, x.high - y.low))),
        BinaryOp::Mul => both(a, b, product),
        _ => Exact {
            unsigned: None,
            signed: None,
        },
    }
}

fn both(a: Value, b: Value, f: impl Fn(Interval, Interval) -> Option<Interval>) -> Exact {
    Exact {
        unsigned: f(a.unsigned, b.unsigned),
        signed: f(a.signed, b.signed),
    }
}

fn product(a: Interval, b: Interval) -> Option<Interval> {
    corners(a, b, i128::checked_mul)
}

/// Least and greatest of an operator that is monotone in each argument, over the corners.
fn corners(a: Interval, b: Interval, f: impl Fn(i128, i128) -> Option<i128>) -> Option<Interval> {
    let values = [
        f(a.low, b.low)?,
        f(a.low, b.high)?,
        f(a.high, b.low)?,
        f(a.high, b.high)?,
    ];
    let low = values.iter().copied().min()?;
    let high = values.iter().copied().max()?;
    Some(Interval::new(low, high))
}

/// The least number `2^k - 1` that is at least `value`.
fn fill(value: i128) -> i128 {
    if value <= 0 {
        0
    } else {
        (1i128 << (128 - value.leading_zeros())) - 1
    }
}

/// Result of an operator. `no_wrap` as for [`Exact::fitted`].
pub fn binary(op: BinaryOp, a: Value, b: Value, no_wrap: (bool, bool)) -> Value {
    let bits = a.bits;
    if a.is_empty() || b.is_empty() || bits > MAX_BITS {
        return Value::top(bits);
    }
    let top = Value::top(bits);
    let (x, y) = (a.unsigned, b.unsigned);
    let unsigned = |interval: Interval| Value::of_unsigned(bits, interval);
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => exact(op, a, b).fitted(bits, no_wrap),
        BinaryOp::UDiv if y.low > 0 => corners(x, y, i128::checked_div).map_or(top, unsigned),
        BinaryOp::SDiv if b.signed.low > 0 => {
            corners(a.signed, b.signed, i128::checked_div).map_or(top, |i| Value::of_signed(bits, i))
        }
        BinaryOp::URem if y.low > 0 => unsigned(Interval::new(0, x.high.min(y.high - 1))),
        BinaryOp::SRem if b.signed.low > 0 => {
            let most = b.signed.high - 1;
            let low = if a.signed.low >= 0 {
                0
            } else {
                a.signed.low.max(-most)
            };
            Value::of_signed(bits, Interval::new(low, a.signed.high.max(0).min(most)))
        }
        BinaryOp::And => unsigned(Interval::new(0, x.high.min(y.high))),
        BinaryOp::Or => unsigned(Interval::new(x.low.max(y.low), fill(x.high.max(y.high)))),
        BinaryOp::Xor => unsigned(Interval::new(0, fill(x.high.max(y.high)))),
        BinaryOp::LShr => {
            let least = y.low.min(127) as u32;
            let low = if y.low == y.high { x.low >> least } else { 0 };
            unsigned(Interval::new(low, x.high >> least))
        }
        BinaryOp::AShr if y.low == y.high => {
            let count = y.low.min(127) as u32;
            Value::of_signed(bits, Interval::new(a.signed.low >> count, a.signed.high >> count))
        }
        BinaryOp::Shl if y.high < i128::from(bits) => {
            let shifted = |i: Interval| {
                // At most 64 bits shifted by less than 64: no overflow of the bound.
                let values = [i.low << y.low, i.low << y.high, i.high << y.low, i.high << y.high];
                let low = values.iter().copied().min()?;
                let high = values.iter().copied().max()?;
                Some(Interval::new(low, high))
            };
            Exact {
                unsigned: shifted(x),
                signed: shifted(a.signed),
            }
            .fitted(bits, no_wrap)
        }
        _ => top,
    }
}

/// Result of a change of width.
pub fn resize(kind: Resize, bits: u32, a: Value) -> Value {
    if a.is_empty() || bits > MAX_BITS || a.bits > MAX_BITS {
        return Value::top(bits);
    }
    match kind {
        Resize::ZeroExtend => Value::of_unsigned(bits, a.unsigned),
        Resize::SignExtend => Value::of_signed(bits, a.signed),
        Resize::Truncate => Exact {
            unsigned: Some(a.unsigned),
            signed: Some(a.signed),
        }
        .fitted(bits, (false, false)),
    }
}

#[cfg(test)]
mod tests {
    use vf_ir::{BinaryOp, Resize};

    use super::{Interval, Value, binary, resize, whole};

    const BITS: u32 = 4;

    fn signed(value: i128) -> i128 {
        if value >= 8 { value - 16 } else { value }
    }

    fn concrete(op: BinaryOp, x: i128, y: i128) -> i128 {
        let (s, r) = (signed(x), signed(y));
        let result = match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::UDiv => x.checked_div(y).unwrap_or(15),
            BinaryOp::URem => x.checked_rem(y).unwrap_or(x),
            BinaryOp::SDiv => s.checked_div(r).unwrap_or(-1),
            BinaryOp::SRem => s.checked_rem(r).unwrap_or(s),
            BinaryOp::And => x & y,
            BinaryOp::Or => x | y,
            BinaryOp::Xor => x ^ y,
            BinaryOp::Shl => x << y,
            BinaryOp::LShr => x >> y,
            BinaryOp::AShr => s >> y,
        };
        result.rem_euclid(16)
    }

    /// All operators, over all values in all pairs of intervals whose bounds come from a few interesting ones.
    #[test]
    fn results_lie_in_the_computed_intervals() {
        let ops = [
            BinaryOp::Add,
            BinaryOp::Sub,
            BinaryOp::Mul,
            BinaryOp::UDiv,
            BinaryOp::URem,
            BinaryOp::SDiv,
            BinaryOp::SRem,
            BinaryOp::And,
            BinaryOp::Or,
            BinaryOp::Xor,
            BinaryOp::Shl,
            BinaryOp::LShr,
            BinaryOp::AShr,
        ];
        let bounds = [0, 1, 3, 6, 7, 8, 9, 13, 15];
        let mut values = Vec::new();
        for low in bounds {
            for high in bounds.iter().copied().filter(|h| *h >= low) {
                values.push(Value::of_unsigned(BITS, Interval::new(low, high)));
                let range = Interval::new(signed(low).min(signed(high)), signed(low).max(signed(high)));
                values.push(Value::of_signed(BITS, range));
            }
        }
        let lies_in = |value: Value, pattern: i128| {
            value.unsigned.low <= pattern
                && pattern <= value.unsigned.high
                && value.signed.low <= signed(pattern)
                && signed(pattern) <= value.signed.high
        };
        let members = |value: Value| (0..16).filter(move |x| lies_in(value, *x));
        for op in ops {
            for &a in &values {
                for &b in &values {
                    let result = binary(op, a, b, (false, false));
                    for x in members(a) {
                        for y in members(b) {
                            let z = concrete(op, x, y);
                            assert!(
                                lies_in(result, z),
                                "{op:?}: {x}, {y} in {a:?}, {b:?} give {z}: {result:?}"
                            );
                        }
                    }
                }
            }
        }
        for &a in &values {
            for x in members(a) {
                let wide = resize(Resize::SignExtend, 6, a);
                assert!(wide.signed.low <= signed(x) && signed(x) <= wide.signed.high);
                let narrow = resize(Resize::Truncate, 2, a);
                assert!(narrow.unsigned.low <= x % 4 && x % 4 <= narrow.unsigned.high);
            }
        }
    }

    #[test]
    fn widening_ends() {
        let thresholds = [0, 10, 100];
        let mut value = Value::constant(32, 0);
        let mut rounds = 0;
        for next in 1..1000u128 {
            let joined = value.join(Value::constant(32, next));
            let widened = value.widened(joined, &thresholds);
            if widened != value {
                rounds += 1;
            }
            value = widened;
        }
        assert!(rounds <= 3, "{rounds}");
        assert_eq!(value.unsigned, whole(32, false));
    }
}
