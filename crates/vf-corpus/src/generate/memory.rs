//! Memory that is asked for, and what comes from user space.

use super::names;
use super::sketch::Sketch;

fn flags(s: &Sketch) -> &'static str {
    if s.kernel { ", GFP_KERNEL" } else { "" }
}

fn free(s: &Sketch) -> &'static str {
    if s.kernel { "kfree" } else { "free" }
}

fn plain(s: &mut Sketch) -> &'static str {
    match (s.kernel, s.random.below(3)) {
        (true, 0) => "kzalloc",
        (true, _) => "kmalloc",
        (false, _) => "malloc",
    }
}

/// A table of as many elements as asked for.
pub fn table(s: &mut Sketch) {
    let part = s.part();
    s.does(names::MAKE, &format!("{part}s"));
    let element = s.element();
    let count = s.name(&["count", "n", "nr", "num", "entries"]);
    let ty = s.word(&["unsigned int", "size_t", s.wide(), s.half()]);
    s.param(format!("{ty} {count}"));
    let table = s.name(&["table", "list", "map", "vec", "arr"]);
    s.local(format!("{element} *{table}"));
    let most = s
        .random
        .choose(&[64usize, 128, 256, 1024, 4096])
        .copied()
        .unwrap_or(64);
    let some = s.not_zero(&count, false);
    let style = s.random.below(6);
    let (flags, plain) = (flags(s), plain(s));
    match style {
        0 => {
            s.guard(&[some], "EINVAL");
            let call = if s.kernel { "kcalloc" } else { "calloc" };
            s.line(format!("{table} = {call}({count}, sizeof(*{table}){flags});"));
        }
        1 if s.kernel => {
            let bytes = s.name(&["bytes", "size", "total"]);
            s.local(format!("size_t {bytes}"));
            s.guard(&[some], "EINVAL");
            s.reject(
                &format!("check_mul_overflow((size_t){count}, sizeof(*{table}), &{bytes})"),
                "EOVERFLOW",
            );
            s.line(format!("{table} = {plain}({bytes}{flags});"));
        }
        2 => {
            let bytes = s.name(&["bytes", "size", "total"]);
            let ty = s.word(&["unsigned int", "size_t"]);
            s.local(format!("{ty} {bytes}"));
            let bound = s.constant("MAX_ENTRIES", most);
            let limit = s.at_most(&count, &bound);
            s.guard(&[some, limit], "EINVAL");
            s.line(format!("{bytes} = {count} * sizeof(*{table});"));
            s.line(format!("{table} = {plain}({bytes}{flags});"));
        }
        _ => {
            let bound = s.constant("MAX_ENTRIES", most);
            let limit = s.at_most(&count, &bound);
            s.guard(&[some, limit], "EINVAL");
            let size = if s.percent(50) {
                format!("sizeof(*{table})")
            } else {
                format!("sizeof({element})")
            };
            s.line(format!("{table} = {plain}({count} * {size}{flags});"));
        }
    }
    let null = s.not_zero(&table, true);
    s.reject(&null.bad, "ENOMEM");
    match s.random.below(3) {
        0 => s.line(format!("{table}[0] = 0;")),
        _ if !s.may_loop || s.percent(50) => s.line(format!("{table}[{count} - 1] = 1;")),
        _ => {
            let i = s.name(names::COUNTER);
            s.local(format!("{ty} {i}"));
            s.under(
                &format!("for ({i} = 0; {i} < {count}; {i}++)"),
                &[format!("{table}[{i}] = 0;")],
            );
        }
    }
    let kept = s.object_member(&format!("{element} *"), &["entries", "list_head", "elements"]);
    s.line(format!("{kept} = {table};"));
    if s.percent(60) {
        let number = s.object_member(ty, &["nr_entries", "nents", "capacity"]);
        s.line(format!("{number} = {count};"));
    }
}

/// A copy of what is given, with a terminator or a header.
pub fn duplicate(s: &mut Sketch) {
    let part = s.part();
    s.does(&["dup", "clone", "copy", "save"], part);
    let input = s.input();
    let copy = s.name(&["copy", "dup", "mem", "blob"]);
    let most = s
        .random
        .choose(&[128usize, 256, 1024, 4096])
        .copied()
        .unwrap_or(256);
    let bound = s.constant("MAX_BLOB", most);
    let limit = s.at_most(&input.len, &bound);
    let (flags, plain) = (flags(s), plain(s));
    let header = 1 + s.random.below(8);
    s.guard(&[limit], "E2BIG");
    if s.percent(50) {
        s.local(format!("char *{copy}"));
        s.line(format!("{copy} = {plain}({} + 1{flags});", input.len));
        s.reject(&format!("!{copy}"), "ENOMEM");
        s.line(format!("memcpy({copy}, {}, {});", input.data, input.len));
        s.line(format!("{copy}[{}] = '\\0';", input.len));
        let kept = s.object_member("char *", &["saved", "text", "label"]);
        s.line(format!("{kept} = {copy};"));
    } else {
        let byte = s.byte();
        let size = s.constant("HDR", header);
        s.local(format!("{byte} *{copy}"));
        s.line(format!("{copy} = {plain}({size} + {}{flags});", input.len));
        s.reject(&format!("!{copy}"), "ENOMEM");
        s.line(format!("memset({copy}, 0, {size});"));
        s.line(format!("memcpy({copy} + {size}, {}, {});", input.data, input.len));
        let kept = s.object_member(&format!("{byte} *"), &["frame", "packet", "saved"]);
        s.line(format!("{kept} = {copy};"));
    }
}

/// Memory that is needed for a while.
pub fn scratch(s: &mut Sketch) {
    let part = s.part();
    s.does(names::PARSE, &format!("{part}_block"));
    let input = s.input();
    let (flags, plain, free) = (flags(s), plain(s), free(s));
    let byte = s.byte();
    let tmp = s.name(&["tmp", "scratch", "work", "bounce"]);
    s.local(format!("{byte} *{tmp}"));
    let size = s.size();
    let bound = s.constant("BLOCK", size);
    let sum = s.object_member("unsigned int", &["result", "last_sum", "state"]);
    s.line(format!("{tmp} = {plain}({bound}{flags});"));
    s.reject(&format!("!{tmp}"), "ENOMEM");
    s.owned.push(tmp.clone());
    let limit = s.at_most(&input.len, &bound);
    let some = s.not_zero(&input.len, false);
    s.reject(&format!("{} || {}", some.bad, limit.bad), "EINVAL");
    s.line(format!("memcpy({tmp}, {}, {});", input.data, input.len));
    s.line(format!("{sum} = {tmp}[0] + {tmp}[{} - 1];", input.len));
    s.line(format!("{free}({tmp});"));
    s.owned.pop();
}

/// An object with a few members.
pub fn object(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(names::MAKE, part);
    let (flags, plain) = (flags(s), plain(s));
    let tag = format!("{}_{part}", s.of.prefix);
    let wide = s.wide();
    s.top(format!(
        "struct {tag} {{\n\t{wide} {value};\n\tint users;\n\tvoid *priv;\n}};"
    ));
    let new = s.name(&["new", "node", "e", "p", "item"]);
    s.local(format!("struct {tag} *{new}"));
    let given = s.name(&["value", "val", value]);
    s.param(format!("{wide} {given}"));
    let size = if s.percent(60) {
        format!("sizeof(*{new})")
    } else {
        format!("sizeof(struct {tag})")
    };
    s.line(format!("{new} = {plain}({size}{flags});"));
    let null = s.not_zero(&new, true);
    s.guard(&[null], "ENOMEM");
    s.line(format!("{new}->{value} = {given};"));
    s.line(format!("{new}->users = 1;"));
    s.line(format!("{new}->priv = NULL;"));
    let kept = s.object_member(&format!("struct {tag} *"), &["first", "list", "active"]);
    s.line(format!("{kept} = {new};"));
}

/// A request from user space that says an index.
pub fn ioctl(s: &mut Sketch) {
    if !s.kernel {
        return lookup_in(s);
    }
    let (part, value) = (s.part(), s.value_name());
    s.does(&["ioctl", "set", "get", "ctl"], &format!("{part}_{value}"));
    let tag = format!("{}_{part}_args", s.of.prefix);
    let ty = s.word(&["u32", "unsigned int", "int", "u32"]);
    s.top(format!(
        "struct {tag} {{\n\t{ty} index;\n\tu32 {value};\n\tu32 flags;\n}};"
    ));
    let args = s.name(&["args", "req", "a", "u"]);
    let user = s.name(&["arg", "argp", "uptr", "ubuf"]);
    s.param(format!("void __user *{user}"));
    s.local(format!("struct {tag} {args}"));
    s.reject(
        &format!("copy_from_user(&{args}, {user}, sizeof({args}))"),
        "EFAULT",
    );
    let array = s.array("u32", &format!("{part}_{value}"), true);
    let index = super::sketch::Number {
        expr: format!("{args}.index"),
        ty,
        signed: ty == "int",
    };
    let conds = s.in_range(&index, &array.bound);
    s.guard(&conds, "EINVAL");
    if s.percent(50) {
        s.line(format!("{}[{args}.index] = {args}.{value};", array.expr));
    } else {
        s.line(format!("{args}.{value} = {}[{args}.index];", array.expr));
        s.reject(
            &format!("copy_to_user({user}, &{args}, sizeof({args}))"),
            "EFAULT",
        );
    }
}

/// As many bytes from user space as the caller says.
pub fn from_user(s: &mut Sketch) {
    if !s.kernel {
        return duplicate(s);
    }
    let part = s.part();
    s.does(&["write", "load", "store", "upload"], part);
    let user = s.name(&["ubuf", "user_buf", "buffer", "uptr"]);
    let count = s.name(&["count", "len", "nbytes", "n"]);
    let ty = s.word(&["size_t", "unsigned int", "u32", "size_t"]);
    s.param(format!("const char __user *{user}, {ty} {count}"));
    let size = s.size();
    let bound = s.constant("CMD_LEN", size);
    let terminated = s.percent(50);
    let room = if s.percent(60) {
        let name = s.name(&["kbuf", "cmd", "tmp", "line"]);
        s.local(format!("char {name}[{bound}]"));
        name
    } else {
        let name = s.object_array("char", "cmd", &bound);
        s.writes_object();
        name
    };
    let limit = if s.percent(50) {
        format!("sizeof({room})")
    } else {
        bound
    };
    let fits = if terminated {
        s.below(&count, &limit)
    } else {
        s.at_most(&count, &limit)
    };
    s.guard(&[fits], "EINVAL");
    s.reject(&format!("copy_from_user({room}, {user}, {count})"), "EFAULT");
    if terminated {
        s.line(format!("{room}[{count}] = '\\0';"));
    }
    if s.percent(50) {
        let kept = s.object_member("char", &["first", "op", "selector"]);
        let some = s.not_zero(&count, false);
        s.under(&format!("if ({})", some.good), &[format!("{kept} = {room}[0];")]);
    }
}

/// What the object points to, if anything.
pub fn attached(s: &mut Sketch) {
    let (part, value) = (s.part(), s.value_name());
    s.does(names::GET, &format!("{part}_{value}"));
    let tag = format!("{}_{part}_ops", s.of.prefix);
    s.top(format!(
        "struct {tag} {{\n\tint {value};\n\tunsigned int caps;\n}};"
    ));
    let given = s.name(&["ops", "cfg", "parent", "peer", "link"]);
    s.param(format!("const struct {tag} *{given}"));
    let null = s.not_zero(&given, true);
    s.guard(&[null], "ENODEV");
    s.gives(&format!("{given}->{value}"));
}

fn lookup_in(s: &mut Sketch) {
    super::tables::lookup(s);
}
