//! Tables: looked up, written to, searched, grown and shrunk.

use super::names;
use super::sketch::{Cond, Sketch};

/// `return dev->table[index];`
pub fn lookup(s: &mut Sketch) {
    let part = s.part();
    let value = s.value_name();
    s.does(names::GET, &format!("{part}_{value}"));
    let element = s.element();
    let array = s.array(element, &format!("{part}_{value}"), false);
    let index = s.number(names::INDEX, true);
    let conds = s.in_range(&index, &array.bound);
    s.guard(&conds, "EINVAL");
    let read = format!("{}[{}]", array.expr, index.expr);
    match s.random.below(3) {
        0 => {
            let out = s.name(&["value", "val", "out", "result"]);
            s.param(format!("{element} *{out}"));
            s.line(format!("*{out} = {read};"));
        }
        _ => s.gives(&read),
    }
}

/// `dev->table[index] = value;`, of elements that are numbers or records.
pub fn update(s: &mut Sketch) {
    let part = s.part();
    let value = s.value_name();
    s.does(names::SET, &format!("{part}_{value}"));
    let index = s.number(names::INDEX, true);
    let element = s.element();
    if s.percent(45) {
        let tag = format!("{}_{part}", s.of.prefix);
        let other = s.word(&["flags", "refs", "type", "valid"]);
        s.top(format!(
            "struct {tag} {{\n\t{element} {value};\n\tunsigned int {other};\n}};"
        ));
        let array = s.array(&format!("struct {tag}"), &format!("{part}s"), true);
        let conds = s.in_range(&index, &array.bound);
        s.guard(&conds, "EINVAL");
        let given = s.name(&["value", "val", "v", value]);
        s.param(format!("{element} {given}"));
        if s.percent(40) {
            let entry = s.name(&["entry", "e", "cur", "item"]);
            s.local(format!("struct {tag} *{entry}"));
            s.line(format!("{entry} = &{}[{}];", array.expr, index.expr));
            s.line(format!("{entry}->{value} = {given};"));
            s.line(format!("{entry}->{other} = 1;"));
        } else {
            s.line(format!("{}[{}].{value} = {given};", array.expr, index.expr));
            if s.percent(50) {
                s.line(format!("{}[{}].{other} |= 1;", array.expr, index.expr));
            }
        }
        return;
    }
    let array = s.array(element, &format!("{part}_{value}"), true);
    let conds = s.in_range(&index, &array.bound);
    s.guard(&conds, "EINVAL");
    let given = s.name(&["value", "val", "v", value]);
    s.param(format!("{element} {given}"));
    match s.random.below(4) {
        0 => s.line(format!("{}[{}] |= {given};", array.expr, index.expr)),
        1 => {
            s.open(format!("if ({}[{}] != {given})", array.expr, index.expr));
            s.line(format!("{}[{}] = {given};", array.expr, index.expr));
            s.close();
        }
        _ => s.line(format!("{}[{}] = {given};", array.expr, index.expr)),
    }
}

/// Two indices of two dimensions.
pub fn grid(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(names::SET, &format!("{part}_map"));
    let (rows, columns) = (s.size(), s.size());
    let rows_name = s.constant("ROWS", rows);
    let columns_name = s.constant("COLS", columns);
    let element = s.element();
    let name = format!("{value}_map");
    s.writes_object();
    let is_flat = s.percent(45);
    let row = s.number(&["row", "y", "line", "bank", "r"], true);
    let column = s.number(&["col", "x", "column", "bit", "c"], true);
    let mut conds = s.in_range(&row, &rows_name);
    let more = s.in_range(&column, &columns_name);
    conds.extend(more);
    s.guard(&conds, "EINVAL");
    if is_flat {
        let map = s.object_array(element, &name, &format!("{rows_name} * {columns_name}"));
        s.line(format!(
            "{map}[{} * {columns_name} + {}] = 1;",
            row.expr, column.expr
        ));
    } else {
        let map = s.object_array(element, &name, &format!("{rows_name}][{columns_name}"));
        s.line(format!("{map}[{}][{}]++;", row.expr, column.expr));
    }
}

/// Adds an entry to a table with a counter.
pub fn append(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(&["add", "append", "register", "insert", "push"], part);
    let element = s.element();
    let count_type = s.word(&["unsigned int", "int", "size_t", s.byte()]);
    let array = s.array(element, &format!("{part}_{value}s"), true);
    let count = s.object_member(count_type, &["count", "used", "nr", "num"]);
    let given = s.name(&["value", "val", "item", value]);
    s.param(format!("{element} {given}"));
    let mut conds = vec![s.below(&count, &array.bound)];
    if count_type == "int" {
        conds.insert(0, Cond::new(format!("{count} < 0"), format!("{count} >= 0")));
    }
    s.guard(&conds, "ENOSPC");
    match s.random.below(3) {
        0 => {
            s.line(format!("{}[{count}] = {given};", array.expr));
            s.line(format!("{count}++;"));
        }
        1 => {
            s.line(format!("{}[{count}] = {given};", array.expr));
            s.line(format!("{count} = {count} + 1;"));
        }
        _ => s.line(format!("{}[{count}++] = {given};", array.expr)),
    }
}

/// Takes the last entry of a table, or the one at a place.
pub fn take(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(&["pop", "remove", "take", "drop"], part);
    let element = s.element();
    let count_type = s.word(&["unsigned int", "size_t"]);
    let array = s.array(element, &format!("{part}_{value}s"), true);
    let count = s.object_member(count_type, &["count", "used", "depth", "level"]);
    let mut conds = vec![s.not_zero(&count, false)];
    let upper = s.at_most(&count, &array.bound);
    conds.push(upper);
    s.guard(&conds, "ENODATA");
    if s.percent(50) {
        s.line(format!("{count}--;"));
        s.gives(&format!("{}[{count}]", array.expr));
    } else {
        s.gives(&format!("{}[{count} - 1]", array.expr));
    }
}

/// Closes the gap behind an entry that is removed.
pub fn remove(s: &mut Sketch) {
    let part = s.part();
    s.does(&["remove", "delete", "del", "drop"], part);
    let element = s.element();
    let array = s.array(element, &format!("{part}s"), true);
    let count = s.object_member("unsigned int", &["count", "used", "nr"]);
    let place = s.name(names::INDEX);
    s.param(format!("unsigned int {place}"));
    let mut conds = vec![s.at_most(&count, &array.bound)];
    let below = s.below(&place, &count);
    conds.push(below);
    s.guard(&conds, "ENOENT");
    if s.percent(50) {
        s.line(format!(
            "memmove(&{0}[{place}], &{0}[{place} + 1], ({count} - {place} - 1) * sizeof({0}[0]));",
            array.expr
        ));
    } else {
        let i = s.name(names::COUNTER);
        s.local(format!("unsigned int {i}"));
        let head = format!("for ({i} = {place}; {i} + 1 < {count}; {i}++)");
        s.under(&head, &[format!("{0}[{i}] = {0}[{i} + 1];", array.expr)]);
    }
    s.line(format!("{count}--;"));
}

/// Searches a table for an entry.
pub fn search(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(&["find", "lookup", "search", "match"], part);
    let element = s.element();
    let array = s.array(element, &format!("{part}_{value}s"), false);
    let wanted = s.name(&["key", "id", "wanted", value]);
    s.param(format!("{element} {wanted}"));
    let i = s.name(names::COUNTER);
    let found = s.object_member("unsigned int", &["found", "hit", "selected", "active"]);
    let in_head = !s.kernel && s.percent(50);
    let head = if in_head {
        format!("for (size_t {i} = 0; {i} < {}; {i}++)", array.bound)
    } else {
        let ty = s.word(&["unsigned int", "size_t"]);
        s.local(format!("{ty} {i}"));
        format!("for ({i} = 0; {i} < {}; {i}++)", array.bound)
    };
    s.open(head);
    s.open(format!("if ({}[{i}] == {wanted})", array.expr));
    s.line(format!("{found} = {i};"));
    s.line("break;");
    s.close();
    s.close();
}

/// Clears or fills a part of a table.
pub fn fill(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(&["reset", "fill", "clear", "set"], &format!("{part}s"));
    let element = s.element();
    let array = s.array(element, &format!("{part}_{value}"), true);
    let count = s.number(&["count", "n", "nr", "num"], false);
    let given = s.name(&["value", "val", "fill", value]);
    let conds = [s.at_most(&count.expr, &array.bound)];
    s.guard(&conds, "EINVAL");
    if s.percent(30) {
        s.line(format!(
            "memset({0}, 0, {1} * sizeof({0}[0]));",
            array.expr, count.expr
        ));
        return;
    }
    s.param(format!("{element} {given}"));
    let i = s.name(names::COUNTER);
    match s.random.below(3) {
        0 => {
            s.local(format!("{} {i} = 0", count.ty));
            s.open(format!("while ({i} < {})", count.expr));
            s.line(format!("{}[{i}] = {given};", array.expr));
            s.line(format!("{i}++;"));
            s.close();
        }
        _ => {
            s.local(format!("{} {i}", count.ty));
            let head = format!("for ({i} = 0; {i} < {}; {i}++)", count.expr);
            s.under(&head, &[format!("{}[{i}] = {given};", array.expr)]);
        }
    }
}

/// Chooses an entry by a switch whose every way gives a value.
pub fn choose(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(names::GET, &format!("{value}_of_{part}"));
    let array = s.array(s.wide(), &format!("{value}s"), false);
    let kind = s.name(&["type", "kind", "mode", "cls", "op"]);
    s.param(format!("unsigned int {kind}"));
    let place = s.name(&["slot", "index", "where", "entry"]);
    let is_initialised = s.percent(50);
    if is_initialised {
        s.local(format!("unsigned int {place} = 0"));
    } else {
        s.local(format!("unsigned int {place}"));
    }
    let cases = 2 + s.random.below(3);
    s.open(format!("switch ({kind})"));
    for case in 0..cases {
        let index = s.random.below(array.size);
        s.line(format!("case {}:", case + 1));
        s.line(format!("\t{place} = {index};"));
        s.line("\tbreak;");
    }
    s.line("default:");
    if is_initialised {
        s.line("\tbreak;");
    } else if s.percent(50) {
        for line in s.fail("EINVAL") {
            s.line(format!("\t{line}"));
        }
    } else {
        s.line(format!("\t{place} = 0;"));
        s.line("\tbreak;");
    }
    s.close();
    s.gives(&format!("{}[{place}]", array.expr));
}

/// An index that is cut to the size of its table, by a mask or a remainder.
pub fn masked(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(names::SET, &format!("{part}_bucket"));
    let sizes = [4, 8, 16, 32, 64];
    let size = s.random.choose(&sizes).copied().unwrap_or(8);
    let element = s.element();
    let array = s.array_of(element, &format!("{part}_{value}"), size, true);
    let key = s.number(&["hash", "key", "id", "cookie", "tag"], false);
    let index = match s.random.below(3) {
        0 => format!("{} % ({})", key.expr, array.bound),
        1 => format!("{} & ({} - 1)", key.expr, array.bound),
        _ => format!("{} & {}", key.expr, size - 1),
    };
    if s.percent(50) {
        let place = s.name(&["bucket", "slot", "index"]);
        s.local(format!("unsigned int {place}"));
        s.line(format!("{place} = {index};"));
        s.line(format!("{}[{place}]++;", array.expr));
    } else {
        s.line(format!("{}[{index}]++;", array.expr));
    }
}

/// An index that is cut to the table by a smaller value.
pub fn clamped(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(names::GET, &format!("{part}_{value}"));
    let element = s.element();
    let array = s.array(element, &format!("{value}_table"), false);
    let number = s.number(names::INDEX, true);
    let place = s.name(&["clamped", "level", "step", "ix"]);
    s.local(format!("{} {place} = {}", number.ty, number.expr));
    if number.signed {
        s.under(&format!("if ({place} < 0)"), &[format!("{place} = 0;")]);
    }
    match s.random.below(3) {
        0 if s.kernel && !number.signed => {
            s.line(format!(
                "{place} = min_t({}, {place}, {} - 1);",
                number.ty, array.bound
            ));
        }
        1 if !number.signed => {
            s.line(format!(
                "{place} = {place} < {0} ? {place} : {0} - 1;",
                array.size
            ));
        }
        _ => s.under(
            &format!("if ({place} >= {})", array.size),
            &[format!("{place} = {};", array.size - 1)],
        ),
    }
    s.gives(&format!("{}[{place}]", array.expr));
}
