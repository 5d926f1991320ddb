//! Text: kept, cut, put together, read as numbers.

use super::names;
use super::sketch::{Cond, Sketch};

/// Keeps a name.
pub fn keep(s: &mut Sketch) {
    let part = s.part();
    s.does(&["set", "rename", "assign", "update"], &format!("{part}_name"));
    let text = s.text();
    let size = s.size();
    let bound = s.constant("NAME_LEN", size);
    let words = [format!("{part}_name"), "label".to_owned(), "name".to_owned()];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let word = s.word(&words);
    let kept = s.object_array("char", word, &bound);
    s.writes_object();
    let limit = if s.percent(60) {
        format!("sizeof({kept})")
    } else {
        bound
    };
    match s.random.below(6) {
        0 | 1 if s.kernel => {
            s.line(format!("strscpy({kept}, {text}, {limit});"));
        }
        2 => {
            s.line(format!("strncpy({kept}, {text}, {limit} - 1);"));
            s.line(format!("{kept}[{limit} - 1] = '\\0';"));
        }
        3 => {
            s.line(format!("snprintf({kept}, {limit}, \"%s\", {text});"));
        }
        4 => {
            let below = s.below(&format!("strlen({text})"), &limit);
            s.guard(&[below], "ENAMETOOLONG");
            s.line(format!("strcpy({kept}, {text});"));
        }
        _ => {
            let n = s.name(&["len", "n", "length"]);
            s.local(format!("size_t {n} = strlen({text})"));
            if s.percent(50) {
                let below = s.below(&n, &limit);
                s.guard(&[below], "ENAMETOOLONG");
            } else {
                s.under(&format!("if ({n} >= {limit})"), &[format!("{n} = {limit} - 1;")]);
            }
            s.line(format!("memcpy({kept}, {text}, {n});"));
            s.line(format!("{kept}[{n}] = '\\0';"));
        }
    }
}

/// Writes a value as text where a person reads it.
pub fn show(s: &mut Sketch) {
    let value = s.value_name();
    s.does(&["show", "print", "format"], value);
    let member = s.object_member(s.wide(), &[value, "value"]);
    let out = s.output("char");
    let format = s.word(&["%u\\n", "%u", "value: %u\\n", "0x%x\\n", "%5u"]);
    if s.percent(35) {
        let conds = [s.not_zero(&out.len, false)];
        s.guard(&conds, "EINVAL");
    }
    let print = if s.kernel && s.percent(40) {
        "scnprintf"
    } else {
        "snprintf"
    };
    s.line(format!(
        "{print}({}, {}, \"{format}\", {member});",
        out.data, out.len
    ));
}

/// Keeps bytes of no string as one.
pub fn from_bytes(s: &mut Sketch) {
    let part = s.part();
    s.does(&["set", "store", "load", "copy"], &format!("{part}_text"));
    let input = s.input();
    let size = s.size();
    let bound = s.constant("TEXT_LEN", size);
    let kept = s.object_array("char", &format!("{part}_text"), &bound);
    s.writes_object();
    match s.random.below(3) {
        0 => {
            let n = s.name(&["n", "take", "cut"]);
            s.local(format!("size_t {n} = {}", input.len));
            s.under(
                &format!("if ({n} > {bound} - 1)"),
                &[format!("{n} = {bound} - 1;")],
            );
            s.line(format!("memcpy({kept}, {}, {n});", input.data));
            s.line(format!("{kept}[{n}] = '\\0';"));
        }
        _ => {
            let limit = if s.percent(50) {
                format!("sizeof({kept})")
            } else {
                bound
            };
            let below = s.below(&input.len, &limit);
            s.guard(&[below], "ENAMETOOLONG");
            s.line(format!("memcpy({kept}, {0}, {1});", input.data, input.len));
            s.line(format!("{kept}[{}] = 0;", input.len));
        }
    }
    if s.percent(30) {
        let length = s.object_member("size_t", &["text_len", "chars"]);
        s.line(format!("{length} = {};", input.len));
    }
}

/// Takes blanks away from the end.
pub fn trim(s: &mut Sketch) {
    let part = s.part();
    s.does(&["trim", "strip", "chomp"], part);
    let size = s.size();
    let bound = s.constant("LINE_LEN", size);
    let line = s.object_array("char", "line", &bound);
    let n = s.object_member("size_t", &["line_len", "chars", "width"]);
    let below = s.below(&n, &bound);
    s.guard(&[below], "EINVAL");
    let blank = s.word(&["' '", "'\\n'", "'\\t'"]);
    s.under(
        &format!("while ({n} > 0 && {line}[{n} - 1] == {blank})"),
        &[format!("{n}--;")],
    );
    s.line(format!("{line}[{n}] = '\\0';"));
}

/// Adds a character or two to text that is being made.
pub fn add_char(s: &mut Sketch) {
    let part = s.part();
    s.does(names::BUILD, part);
    let size = s.size();
    let bound = s.constant("OUT_LEN", size);
    let out = s.object_array("char", "out", &bound);
    let ty = s.word(&["size_t", "unsigned int"]);
    let at = s.object_member(ty, &["pos", "out_len", "fill"]);
    let c = s.name(&["c", "ch", "sep"]);
    s.param(format!("char {c}"));
    let escapes = s.percent(50);
    if escapes {
        let room = s.below(&at, &format!("{bound} - 2"));
        s.guard(&[room], "ENOSPC");
        let special = s.word(&["'\"'", "'\\\\'", "'%'", "'&'"]);
        s.under(
            &format!("if ({c} == {special})"),
            &[format!("{out}[{at}++] = '\\\\';")],
        );
    } else {
        let room = s.below(&at, &format!("{bound} - 1"));
        s.guard(&[room], "ENOSPC");
    }
    s.line(format!("{out}[{at}++] = {c};"));
    s.line(format!("{out}[{at}] = '\\0';"));
}

/// A number that a person writes, kept where it is in range.
pub fn store(s: &mut Sketch) {
    let value = s.value_name();
    s.does(&["store", "set", "write"], value);
    let text = s.text();
    let part = s.part();
    let element = s.element();
    let array = s.array(element, &format!("{part}_{value}s"), true);
    let number = s.name(&["val", "value", "v", "input"]);
    if s.kernel {
        let (ty, parse) = if s.percent(50) {
            ("int", "kstrtoint")
        } else {
            ("unsigned int", "kstrtouint")
        };
        s.local(format!("{ty} {number}"));
        let base = s.word(&["0", "10"]);
        if s.percent(50) {
            let err = s.name(&["err", "error", "res"]);
            s.local(format!("int {err}"));
            s.line(format!("{err} = {parse}({text}, {base}, &{number});"));
            s.reject(&err, "EINVAL");
        } else {
            s.reject(&format!("{parse}({text}, {base}, &{number})"), "EINVAL");
        }
        let mut conds = vec![s.below(&number, &array.bound)];
        if ty == "int" {
            conds.insert(0, Cond::new(format!("{number} < 0"), format!("{number} >= 0")));
        }
        s.guard(&conds, "ERANGE");
    } else {
        s.local(format!("int {number}"));
        s.line(format!("{number} = {text}[0] - '0';"));
        let conds = [
            Cond::new(format!("{number} < 0"), format!("{number} >= 0")),
            Cond::new(
                format!("{number} > 9 || {number} >= {}", array.size),
                format!("{number} <= 9 && {number} < {}", array.size),
            ),
        ];
        s.guard(&conds, "ERANGE");
    }
    s.line(format!("{}[{number}] = 1;", array.expr));
}

/// A key before a separator.
pub fn key(s: &mut Sketch) {
    let part = s.part();
    s.does(&["parse", "split", "read"], &format!("{part}_key"));
    let input = s.input();
    let size = s.size();
    let bound = s.constant("KEY_LEN", size);
    let kept = s.object_array("char", "key", &bound);
    s.writes_object();
    let i = s.name(names::COUNTER);
    s.local(format!("size_t {i}"));
    let separator = s.word(&["'='", "':'", "','", "' '", "';'"]);
    let step = format!("{kept}[{i}] = {}[{i}];", input.data);
    match s.random.below(2) {
        0 => {
            s.open(format!("for ({i} = 0; {i} < {}; {i}++)", input.len));
            s.under(
                &format!("if ({}[{i}] == {separator})", input.data),
                &["break;".to_owned()],
            );
            s.reject(&format!("{i} >= {bound} - 1"), "ENAMETOOLONG");
            s.line(step);
            s.close();
        }
        _ => {
            s.under(
                &format!(
                    "for ({i} = 0; {i} < {} && {i} < sizeof({kept}) - 1 && {}[{i}] != {separator}; {i}++)",
                    input.len, input.data
                ),
                &[step],
            );
        }
    }
    s.line(format!("{kept}[{i}] = '\\0';"));
}

/// A path put together from two parts.
pub fn join(s: &mut Sketch) {
    let part = s.part();
    s.does(&["join", "build", "concat"], &format!("{part}_path"));
    let first = s.text();
    let second = s.text();
    let size = 32 + s.size();
    let bound = s.constant("PATH_LEN", size);
    let kept = s.object_array("char", "path", &bound);
    s.writes_object();
    let separator = s.word(&["/", ".", ":", "-"]);
    match s.random.below(3) {
        0 => s.line(format!(
            "snprintf({kept}, sizeof({kept}), \"%s{separator}%s\", {first}, {second});"
        )),
        _ => {
            let (a, b) = (s.name(&["alen", "head", "la"]), s.name(&["blen", "rest", "lb"]));
            s.local(format!("size_t {a} = strlen({first})"));
            s.local(format!("size_t {b} = strlen({second})"));
            let one = s.below(&a, &bound);
            let two = s.below(&b, &format!("{bound} - {a} - 1"));
            s.guard(&[one, two], "ENAMETOOLONG");
            s.line(format!("memcpy({kept}, {first}, {a});"));
            s.line(format!("{kept}[{a}] = '{separator}';"));
            s.line(format!("memcpy({kept} + {a} + 1, {second}, {b} + 1);"));
        }
    }
}
