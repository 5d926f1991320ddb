//! Numbers: shifts, quotients, sums that must not overflow, bits of a map.

use super::names;
use super::sketch::{Cond, Sketch};

/// A bit by its number.
pub fn shift(s: &mut Sketch) {
    let part = s.part();
    s.does(&["enable", "mask", "mark", "arm"], part);
    let number = s.number(&["bit", "irq", "order", "line", "pin"], true);
    let wide = s.wide();
    let mask = s.object_member(wide, &["mask", "enabled", "active", "pending"]);
    let width = s.random.choose(&[8usize, 16, 24, 32, 32]).copied().unwrap_or(32);
    let bound = s.constant("NUM_BITS", width);
    let conds = s.in_range(&number, &bound);
    s.guard(&conds, "EINVAL");
    let one = s.word(&["1U", "1u", "1U"]);
    match s.random.below(3) {
        0 => s.line(format!("{mask} &= ~({one} << {});", number.expr)),
        _ => s.line(format!("{mask} |= {one} << {};", number.expr)),
    }
}

/// A bit of a map of words.
pub fn bitmap(s: &mut Sketch) {
    let part = s.part();
    s.does(&["set", "mark", "reserve", "claim"], &format!("{part}_bit"));
    let words = s.random.choose(&[2usize, 4, 8, 16]).copied().unwrap_or(4);
    let bound = s.constant("MAP_WORDS", words);
    let (ty, bits) = if s.percent(60) {
        (s.wide(), 32)
    } else {
        (s.byte(), 8)
    };
    let map = s.object_array(ty, "map", &bound);
    s.writes_object();
    let number = s.number(&["nr", "bit", "id", "block"], true);
    let limit = match s.random.below(3) {
        0 => format!("{}", words * bits),
        1 => format!("sizeof({map}) * 8"),
        _ => format!("{bound} * {bits}"),
    };
    let mut conds = vec![s.below(&number.expr, &limit)];
    if number.signed {
        let lower = Cond::new(format!("{} < 0", number.expr), format!("{} >= 0", number.expr));
        conds.insert(0, lower);
    }
    s.guard(&conds, "EINVAL");
    let n = &number.expr;
    if s.percent(50) {
        s.line(format!("{map}[{n} / {bits}] |= 1U << ({n} % {bits});"));
    } else {
        let shift = if bits == 32 { 5 } else { 3 };
        s.line(format!("{map}[{n} >> {shift}] |= 1U << ({n} & {});", bits - 1));
    }
}

/// A quotient.
pub fn quotient(s: &mut Sketch) {
    let value = s.value_name();
    s.does(&["compute", "scale", "calc", "update"], value);
    let rate = s.number(&["rate", "hz", "div", "step", "period"], true);
    let clock = s.name(&["clk", "base", "total", "ticks"]);
    let (clock_type, clock) = if s.percent(50) {
        let member = s.object_member("unsigned int", &["clock", "base_rate", "budget"]);
        ("unsigned int", member)
    } else {
        s.param(format!("unsigned int {clock}"));
        ("unsigned int", clock)
    };
    let kept = s.object_member(clock_type, &["divider", "ratio", "quota"]);
    if rate.signed {
        let cond = if s.percent(50) {
            Cond::new(format!("{} <= 0", rate.expr), format!("{} > 0", rate.expr))
        } else {
            Cond::new(format!("{} < 1", rate.expr), format!("{} >= 1", rate.expr))
        };
        s.guard(&[cond], "EINVAL");
    } else {
        let cond = s.not_zero(&rate.expr, false);
        s.guard(&[cond], "EINVAL");
    }
    match s.random.below(3) {
        0 => s.line(format!("{kept} = {clock} % {};", rate.expr)),
        _ => s.line(format!("{kept} = {clock} / {};", rate.expr)),
    }
}

/// A sum of signed numbers.
pub fn sum(s: &mut Sketch) {
    let value = s.value_name();
    s.does(&["adjust", "add", "bump", "shift"], value);
    let (a, b) = (s.name(&["delta", "step", "inc"]), s.name(&["base", "cur", "now"]));
    s.param(format!("int {a}"));
    let current = if s.percent(50) {
        s.param(format!("int {b}"));
        b
    } else {
        s.object_member("int", &["level", "value", "position"])
    };
    let kept = s.object_member("int", &["target", "next", "goal"]);
    match s.random.below(4) {
        0 if s.kernel => {
            let sum = s.name(&["sum", "res"]);
            s.local(format!("int {sum}"));
            s.reject(
                &format!("check_add_overflow({current}, {a}, &{sum})"),
                "EOVERFLOW",
            );
            s.line(format!("{kept} = {sum};"));
        }
        1 => {
            let lower = Cond::new(format!("{a} < 0"), format!("{a} >= 0"));
            let upper = s.at_most(&current, &format!("INT_MAX - {a}"));
            s.guard(&[lower, upper], "ERANGE");
            s.line(format!("{kept} = {current} + {a};"));
        }
        _ => {
            let limit = s
                .random
                .choose(&[100usize, 255, 1000, 10000])
                .copied()
                .unwrap_or(100);
            let bound = s.constant("LIMIT", limit);
            let conds = [
                Cond::new(format!("{a} < -{bound}"), format!("{a} >= -{bound}")),
                s.at_most(&a, &bound),
                Cond::new(format!("{current} < -{bound}"), format!("{current} >= -{bound}")),
                s.at_most(&current, &bound),
            ];
            s.guard(&conds, "ERANGE");
            s.line(format!("{kept} = {current} + {a};"));
        }
    }
}

/// A product of signed numbers.
pub fn product(s: &mut Sketch) {
    let value = s.value_name();
    s.does(&["scale", "compute", "convert"], value);
    let a = s.name(&["width", "raw", "units", "samples"]);
    s.param(format!("int {a}"));
    let factor = s
        .random
        .choose(&[3usize, 10, 25, 100, 1000])
        .copied()
        .unwrap_or(10);
    let name = s.constant("FACTOR", factor);
    let kept = s.object_member("int", &["scaled", "micro", "total"]);
    let lower = Cond::new(format!("{a} < 0"), format!("{a} >= 0"));
    let upper = match s.random.below(2) {
        0 => s.at_most(&a, &format!("INT_MAX / {name}")),
        _ => {
            let limit = s
                .random
                .choose(&[1000usize, 4096, 65535])
                .copied()
                .unwrap_or(1000);
            s.at_most(&a, &limit.to_string())
        }
    };
    s.guard(&[lower, upper], "ERANGE");
    s.line(format!("{kept} = {a} * {name};"));
}

/// The middle of values.
pub fn average(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(&["average", "mean", "avg"], &format!("{part}_{value}"));
    let half = s.half();
    let array = s.array(half, &format!("{value}_samples"), false);
    let count = s.number(&["count", "n", "window", "taps"], false);
    let some = s.not_zero(&count.expr, false);
    let limit = s.at_most(&count.expr, &array.bound);
    s.guard(&[some, limit], "EINVAL");
    let (i, sum) = (s.name(names::COUNTER), s.name(&["sum", "acc", "total"]));
    let wide = s.wide();
    s.local(format!("{wide} {sum} = 0"));
    s.local(format!("{} {i}", count.ty));
    let kept = s.object_member(wide, &["mean", "avg", "filtered"]);
    s.under(
        &format!("for ({i} = 0; {i} < {}; {i}++)", count.expr),
        &[format!("{sum} += {}[{i}];", array.expr)],
    );
    s.line(format!("{kept} = {sum} / {};", count.expr));
}

/// The distance of two places, which must be in order.
pub fn window(s: &mut Sketch) {
    let part = s.part();
    s.does(&["clear", "zero", "erase"], &format!("{part}_range"));
    let element = s.byte();
    let array = s.array(element, &format!("{part}_area"), true);
    let (from, to) = (
        s.name(&["start", "first", "lo", "from"]),
        s.name(&["end", "last", "hi", "to"]),
    );
    let ty = s.word(&["unsigned int", "size_t", "unsigned long"]);
    s.param(format!("{ty} {from}"));
    s.param(format!("{ty} {to}"));
    let order = s.at_most(&from, &to);
    let inside = s.at_most(&to, &array.bound);
    s.guard(&[order, inside], "EINVAL");
    s.line(format!("memset({} + {from}, 0, {to} - {from});", array.expr));
}
