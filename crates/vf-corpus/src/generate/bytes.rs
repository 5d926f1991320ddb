//! Bytes: headers, records one behind another, copies, sums.

use super::names;
use super::sketch::{Cond, Sketch};

/// Whether a value has come out of the input, and where: a field at an offset.
fn field(s: &mut Sketch, data: &str, offset: usize, width: usize) -> String {
    let big = s.percent(50);
    match width {
        1 => format!("{data}[{offset}]"),
        2 if big => format!("({data}[{offset}] << 8) | {data}[{}]", offset + 1),
        2 => format!("{data}[{offset}] | ({data}[{}] << 8)", offset + 1),
        _ => {
            let wide = s.wide();
            format!(
                "(({wide}){data}[{offset}] << 24) | ({data}[{}] << 16) | ({data}[{}] << 8) | {data}[{}]",
                offset + 1,
                offset + 2,
                offset + 3
            )
        }
    }
}

/// Reads fields of a header whose length was looked at.
pub fn header(s: &mut Sketch) {
    let part = s.part();
    s.does(names::PARSE, &format!("{part}_header"));
    let input = s.input();
    let mut offset = s.random.below(3);
    let mut fields = Vec::new();
    for _ in 0..1 + s.random.below(3) {
        let widths = [1, 2, 2, 4];
        let width = s.random.choose(&widths).copied().unwrap_or(1);
        fields.push((offset, width));
        offset += width + s.random.below(2);
    }
    let last = fields.last().map_or(1, |(at, width)| at + width);
    let size = s.constant("HDR_LEN", last);
    let conds = [s.at_least(&input.len, &size)];
    s.guard(&conds, "EBADMSG");
    for (at, width) in fields {
        let value = s.value_name();
        let ty = match width {
            1 => s.byte(),
            2 => s.half(),
            _ => s.wide(),
        };
        let member = s.object_member(ty, &[value, "version", "kind", "ident"]);
        let read = field(s, &input.data, at, width);
        s.line(format!("{member} = {read};"));
    }
}

/// A length in a header, and that many bytes behind it.
pub fn counted(s: &mut Sketch) {
    let part = s.part();
    s.does(names::PARSE, part);
    let input = s.input();
    let header = 1 + s.random.below(6);
    let is_word = header >= 2 && s.percent(60);
    let size = if s.percent(50) {
        s.constant("HEADER", header)
    } else {
        header.to_string()
    };
    let conds = [s.at_least(&input.len, &size)];
    s.guard(&conds, "EMSGSIZE");
    let count = s.name(&["plen", "body", "total", "need", "dlen"]);
    let ty = s.word(&["size_t", "unsigned int"]);
    s.local(format!("{ty} {count}"));
    let read = field(s, &input.data, 0, if is_word { 2 } else { 1 });
    s.line(format!("{count} = {read};"));
    let room = s.size();
    let bound = s.constant("MAX_BODY", room);
    let byte = s.byte();
    let body = s.object_array(byte, "body", &bound);
    s.writes_object();
    let left = s.at_most(&count, &format!("{} - {size}", input.len));
    let limit = if s.percent(50) {
        format!("sizeof({body})")
    } else {
        bound
    };
    let fits = s.at_most(&count, &limit);
    s.guard(&[left, fits], "EBADMSG");
    if !s.may_loop || s.percent(75) {
        s.line(format!("memcpy({body}, {} + {size}, {count});", input.data));
    } else {
        let i = s.name(names::COUNTER);
        s.local(format!("size_t {i}"));
        s.under(
            &format!("for ({i} = 0; {i} < {count}; {i}++)"),
            &[format!("{body}[{i}] = {}[{size} + {i}];", input.data)],
        );
    }
    if s.percent(50) {
        let kept = s.object_member("size_t", &["body_len", "have", "received"]);
        s.line(format!("{kept} = {count};"));
    }
}

/// Walks over records of a type, a length, and a value.
pub fn records(s: &mut Sketch) {
    let part = s.part();
    s.does(names::PARSE, &format!("{part}s"));
    let input = s.input();
    let at = s.name(&["off", "pos", "at", "cursor"]);
    s.local(format!("size_t {at} = 0"));
    let n = s.name(&["l", "elen", "rlen", "tlen"]);
    s.local(format!("size_t {n}"));
    let seen = s.object_member("unsigned int", &["seen", "records", "total"]);
    match s.random.below(2) {
        0 => {
            s.open(format!("while ({} - {at} >= 2)", input.len));
        }
        _ => s.open(format!("while ({at} < {0} && {0} - {at} >= 2)", input.len)),
    }
    s.line(format!("{n} = {}[{at} + 1];", input.data));
    if s.percent(50) {
        s.under(
            &format!("if ({n} > {} - {at} - 2)", input.len),
            &["break;".to_owned()],
        );
    } else {
        s.reject(&format!("{n} > {} - {at} - 2", input.len), "EBADMSG");
    }
    let kind = s.random.below(200);
    match s.random.below(3) {
        0 => {
            let member = s.object_member(s.byte(), &["value", "mode", "kind"]);
            s.open(format!("if ({}[{at}] == {kind} && {n} >= 1)", input.data));
            s.line(format!("{member} = {}[{at} + 2];", input.data));
            s.close();
        }
        1 => {
            let size = s.size();
            let bound = s.constant("MAX_VALUE", size);
            let byte = s.byte();
            let kept = s.object_array(byte, "value", &bound);
            s.open(format!(
                "if ({}[{at}] == {kind} && {n} <= sizeof({kept}))",
                input.data
            ));
            s.line(format!("memcpy({kept}, {} + {at} + 2, {n});", input.data));
            s.close();
        }
        _ => {}
    }
    s.line(format!("{seen}++;"));
    s.line(format!("{at} += 2 + {n};"));
    s.close();
}

/// Copies what is given into room of a fixed size.
pub fn copy_in(s: &mut Sketch) {
    let part = s.part();
    s.does(names::MOVE, part);
    let input = s.input();
    let size = s.size();
    let bound = s.constant("BUF_SIZE", size);
    let byte = s.byte();
    let name = format!("{part}_buf");
    let room = s.object_array(byte, &name, &bound);
    s.writes_object();
    let limit = if s.percent(55) {
        format!("sizeof({room})")
    } else {
        bound.clone()
    };
    let fill = if s.percent(40) {
        Some(s.object_member("size_t", &["fill", "used", "level"]))
    } else {
        None
    };
    match fill {
        None if s.percent(25) => {
            let n = s.name(&["n", "chunk", "take", "part"]);
            s.local(format!("size_t {n} = {}", input.len));
            s.under(&format!("if ({n} > {limit})"), &[format!("{n} = {limit};")]);
            s.line(format!("memcpy({room}, {}, {n});", input.data));
        }
        None => {
            let conds = [s.at_most(&input.len, &limit)];
            s.guard(&conds, "E2BIG");
            s.line(format!("memcpy({room}, {}, {});", input.data, input.len));
        }
        Some(fill) => {
            let first = s.at_most(&fill, &limit);
            let second = s.at_most(&input.len, &format!("{limit} - {fill}"));
            s.guard(&[first, second], "ENOSPC");
            s.line(format!("memcpy({room} + {fill}, {}, {});", input.data, input.len));
            s.line(format!("{fill} += {};", input.len));
        }
    }
}

/// Copies what is kept to where the caller wants it.
pub fn copy_out(s: &mut Sketch) {
    let part = s.part();
    s.does(&["read", "get", "fetch", "copy", "dump"], part);
    let byte = s.byte();
    let size = s.size();
    let bound = s.constant("DATA_SIZE", size);
    let name = format!("{part}_data");
    let data = s.object_array(byte, &name, &bound);
    let out = s.output(byte);
    match s.random.below(3) {
        0 => {
            let conds = [s.at_least(&out.len, &format!("sizeof({data})"))];
            s.guard(&conds, "ENOSPC");
            s.line(format!("memcpy({}, {data}, sizeof({data}));", out.data));
        }
        1 => {
            let at = s.name(&["offset", "off", "start", "from"]);
            s.param(format!("size_t {at}"));
            let first = s.at_most(&at, &bound);
            let second = s.at_most(&out.len, &format!("{bound} - {at}"));
            s.guard(&[first, second], "EINVAL");
            s.line(format!("memcpy({}, {data} + {at}, {});", out.data, out.len));
        }
        _ => {
            let n = s.name(&["n", "todo", "count", "len"]);
            s.local(format!("size_t {n}"));
            let choice = match s.random.below(3) {
                0 if s.kernel => format!("min_t(size_t, {}, {bound})", out.len),
                1 if !s.kernel => format!("MIN({}, sizeof({data}))", out.len),
                _ => format!("{0} < {bound} ? {0} : {bound}", out.len),
            };
            s.line(format!("{n} = {choice};"));
            s.line(format!("memcpy({}, {data}, {n});", out.data));
        }
    }
}

/// Sums up bytes.
pub fn checksum(s: &mut Sketch) {
    let part = s.part();
    s.does(&["sum", "checksum", "digest", "hash"], part);
    let input = s.input();
    let i = s.name(names::COUNTER);
    let sum = s.name(&["sum", "crc", "acc", "csum"]);
    let wide = s.wide();
    let first = s.word(&["0", "1", "0xffff", "5381"]);
    s.local(format!("{wide} {sum} = {first}"));
    s.local(format!("{} {i}", input.ty));
    let kept = s.object_member(wide, &["csum", "crc", "digest", "sum"]);
    let step = match s.random.below(4) {
        0 => format!("{sum} = ({sum} << 5) ^ {}[{i}];", input.data),
        1 => format!("{sum} ^= {}[{i}];", input.data),
        _ => format!("{sum} += {}[{i}];", input.data),
    };
    match s.random.below(3) {
        0 => {
            s.line(format!("{i} = 0;"));
            s.open(format!("while ({i} < {})", input.len));
            s.line(step);
            s.line(format!("{i}++;"));
            s.close();
        }
        _ => s.under(&format!("for ({i} = 0; {i} < {}; {i}++)", input.len), &[step]),
    }
    s.line(format!("{kept} = {sum};"));
}

/// A field at an offset that is given.
pub fn at_offset(s: &mut Sketch) {
    let value = s.value_name();
    s.does(names::GET, &format!("{value}_at"));
    let input = s.input();
    let at = s.name(&["off", "offset", "pos", "at"]);
    s.param(format!("{} {at}", input.ty));
    let widths = [2, 4, 4];
    let width = s.random.choose(&widths).copied().unwrap_or(4);
    match s.random.below(3) {
        0 => {
            let long = s.at_least(&input.len, &width.to_string());
            let inside = s.at_most(&at, &format!("{} - {width}", input.len));
            s.guard(&[long, inside], "ERANGE");
        }
        _ => {
            let inside = s.at_most(&at, &input.len);
            let left = s.at_least(&format!("{} - {at}", input.len), &width.to_string());
            s.guard(&[inside, left], "ERANGE");
        }
    }
    let member = s.object_member(if width == 2 { s.half() } else { s.wide() }, &[value, "value"]);
    let read = if width == 2 {
        format!("{0}[{at}] | ({0}[{at} + 1] << 8)", input.data)
    } else {
        format!(
            "{0}[{at}] | ({0}[{at} + 1] << 8) | ({0}[{at} + 2] << 16) | (({1}){0}[{at} + 3] << 24)",
            input.data,
            s.wide()
        )
    };
    s.line(format!("{member} = {read};"));
}

/// A descriptor that says its own length and that of a list in it.
pub fn descriptor(s: &mut Sketch) {
    let part = s.part();
    s.does(names::PARSE, &format!("{part}_desc"));
    let input = s.input();
    let header = 2 + s.random.below(4);
    let size = s.constant("DESC_LEN", header);
    let element = 1 + s.random.below(3);
    let length = format!("{}[0]", input.data);
    let count = format!("{}[{}]", input.data, header - 1);
    let first = s.at_least(&input.len, &size);
    s.guard(&[first], "EINVAL");
    let own = s.at_least(&length, &size);
    let inside = s.at_most(&length, &input.len);
    s.guard(&[own, inside], "EINVAL");
    let fits = s.at_most(&format!("{size} + {count} * {element}"), &length);
    s.guard(&[fits], "EBADMSG");
    let i = s.name(names::COUNTER);
    s.local(format!("unsigned int {i}"));
    let kept = s.object_member("unsigned int", &["mask", "caps", "bitmap"]);
    s.under(
        &format!("for ({i} = 0; {i} < {count}; {i}++)"),
        &[format!("{kept} |= {}[{size} + {i} * {element}];", input.data)],
    );
}

/// Takes bytes away from the front of a buffer.
pub fn consume(s: &mut Sketch) {
    let part = s.part();
    s.does(&["consume", "drain", "skip", "advance"], part);
    let byte = s.byte();
    let size = s.size();
    let bound = s.constant("FIFO_SIZE", size);
    let data = s.object_array(byte, "data", &bound);
    let used = s.object_member("size_t", &["used", "fill", "have", "level"]);
    let n = s.number(&["n", "count", "len", "bytes"], false);
    let room = if s.percent(50) {
        format!("sizeof({data})")
    } else {
        bound
    };
    let first = s.at_most(&used, &room);
    let second = s.at_most(&n.expr, &used);
    s.guard(&[first, second], "EINVAL");
    s.line(format!(
        "memmove({data}, {data} + {}, {used} - {});",
        n.expr, n.expr
    ));
    s.line(format!("{used} -= {};", n.expr));
}

/// A ring with two places.
pub fn ring(s: &mut Sketch) {
    let part = s.part();
    let is_put = s.percent(55);
    s.does(
        if is_put {
            &["put", "push", "enqueue", "post"]
        } else {
            &["get", "pop", "dequeue", "take"]
        },
        part,
    );
    let sizes = [8, 16, 32, 64, 128];
    let size = s.random.choose(&sizes).copied().unwrap_or(16);
    let bound = s.constant("RING_SIZE", size);
    let element = s.element();
    let name = format!("{part}_ring");
    let data = s.object_array(element, &name, &bound);
    let ty = s.word(&["unsigned int", "unsigned int", "size_t"]);
    let head = s.object_member(ty, &["head", "wr", "tail_in", "prod"]);
    let tail = s.object_member(ty, &["tail", "rd", "cons", "first"]);
    let style = s.random.below(3);
    let (place, other) = if is_put { (&head, &tail) } else { (&tail, &head) };
    let wrapped = |p: &str| match style {
        0 => format!("{p} % {bound}"),
        1 => format!("{p} & ({bound} - 1)"),
        _ => p.to_owned(),
    };
    let limits = s.below(place, &bound);
    let is_checked = style == 2;
    if is_checked {
        s.guard(&[limits], "EIO");
    }
    let full = match (is_put, is_checked) {
        (true, true) => Cond::new(
            format!("({place} + 1) % {bound} == {other}"),
            format!("({place} + 1) % {bound} != {other}"),
        ),
        (true, false) => Cond::new(
            format!("{place} - {other} >= {bound}"),
            format!("{place} - {other} < {bound}"),
        ),
        (false, _) => Cond::new(format!("{place} == {other}"), format!("{place} != {other}")),
    };
    s.guard(&[full], if is_put { "ENOSPC" } else { "EAGAIN" });
    let cell = format!("{data}[{}]", wrapped(place));
    if is_put {
        let given = s.name(&["value", "item", "val", "event"]);
        s.param(format!("{element} {given}"));
        s.line(format!("{cell} = {given};"));
    } else {
        let out = s.name(&["value", "item", "out", "event"]);
        s.param(format!("{element} *{out}"));
        s.line(format!("*{out} = {cell};"));
    }
    if is_checked {
        s.line(format!("{place} = ({place} + 1) % {bound};"));
    } else {
        s.line(format!("{place}++;"));
    }
}

/// Copies elements one by one between two tables.
pub fn transfer(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(names::MOVE, &format!("{part}_{value}s"));
    let element = s.element();
    let given = s.name(&["values", "table", "vals", "src", "list"]);
    let count = s.name(&["count", "n", "nr", "num"]);
    let ty = s.word(&["unsigned int", "size_t", "int"]);
    s.param(format!("const {element} *{given}, {ty} {count}"));
    let array = s.array(element, &format!("{value}_list"), true);
    let mut conds = vec![s.at_most(&count, &array.bound)];
    if ty == "int" {
        conds.insert(0, Cond::new(format!("{count} < 0"), format!("{count} >= 0")));
    }
    s.guard(&conds, "E2BIG");
    if !s.may_loop || s.percent(50) {
        s.line(format!(
            "memcpy({0}, {given}, {count} * sizeof({0}[0]));",
            array.expr
        ));
        return;
    }
    let i = s.name(names::COUNTER);
    s.local(format!("{ty} {i}"));
    let step = match s.random.below(3) {
        0 => format!("{}[{i}] = {given}[{i}];", array.expr),
        1 => format!("{}[{i}] ^= {given}[{i}];", array.expr),
        _ => format!("{}[{i}] = {given}[{count} - 1 - {i}];", array.expr),
    };
    s.under(&format!("for ({i} = 0; {i} < {count}; {i}++)"), &[step]);
}
