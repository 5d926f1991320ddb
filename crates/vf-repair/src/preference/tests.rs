//! Which of two changes costs less, on the shapes that the order is for.

use super::*;

const KERNEL: &str =
    "#include <linux/kernel.h>\n#define SLOTS 24\nstruct dev { char name[16]; int table[SLOTS]; };\n";

fn cost(old: &str, new: &str, style: Style) -> Cost {
    Preference::new(old, "f", style)
        .cost(new)
        .expect("the function is in both")
}

/// Asserts that replacing `from` by `better` costs clearly less than replacing it by `worse`.
fn prefers(old: &str, style: Style, from: &str, better: &str, worse: &str) {
    assert!(old.contains(from), "`{from}` is not in the text");
    let (a, b) = (
        cost(old, &old.replacen(from, better, 1), style),
        cost(old, &old.replacen(from, worse, 1), style),
    );
    assert!(
        a.total() + CLEARLY <= b.total(),
        "`{better}`: {a}\n`{worse}`: {b}"
    );
}

#[test]
fn the_smaller_change_costs_less() {
    let old = "int t[8];\nint f(int i)\n{\n\tif (i < 0 || i > 8)\n\t\treturn -1;\n\treturn t[i];\n}\n";
    prefers(
        old,
        Style::User,
        "i > 8)\n\t\treturn -1;",
        "i >= 8)\n\t\treturn -1;",
        "i > 8)\n\t\treturn -1;\n\tif (i == 8)\n\t\treturn -1;",
    );
}

#[test]
fn kernel_helpers_cost_less_than_what_they_replace() {
    let old =
        format!("{KERNEL}int f(struct dev *d, const char *s)\n{{\n\tstrcpy(d->name, s);\n\treturn 0;\n}}\n");
    let call = "\tstrcpy(d->name, s);";
    let strscpy = "\tstrscpy(d->name, s, sizeof(d->name));";
    prefers(
        &old,
        Style::Kernel,
        call,
        strscpy,
        "\tstrncpy(d->name, s, sizeof(d->name));",
    );
    prefers(
        &old,
        Style::Kernel,
        call,
        strscpy,
        "\tif (strlen(s) >= sizeof(d->name))\n\t\treturn -EINVAL;\n\tstrcpy(d->name, s);",
    );
    let old = format!(
        "{KERNEL}void *f(struct dev *d, size_t n)\n{{\n\treturn kmalloc(8 + n * sizeof(d->table), 0);\n}}\n"
    );
    prefers(
        &old,
        Style::Kernel,
        "\treturn kmalloc(8 + n * sizeof(d->table), 0);",
        "\treturn kmalloc(size_add(8, array_size(n, sizeof(d->table))), 0);",
        "\tif (n > (SIZE_MAX - 8) / sizeof(d->table))\n\t\treturn NULL;\n\treturn kmalloc(8 + n * sizeof(d->table), 0);",
    );
    let old = format!("{KERNEL}int f(int a, int b, int *sum)\n{{\n\t*sum = a + b;\n\treturn 0;\n}}\n");
    prefers(
        &old,
        Style::Kernel,
        "\t*sum = a + b;",
        "\tif (check_add_overflow(a, b, sum))\n\t\treturn -EOVERFLOW;",
        "\tif (__builtin_add_overflow(a, b, sum))\n\t\treturn -EOVERFLOW;",
    );
}

#[test]
fn a_number_that_has_a_name_costs() {
    let old = format!("{KERNEL}int f(struct dev *d, unsigned int i)\n{{\n\treturn d->table[i];\n}}\n");
    let guard = |limit: &str| format!("\tif (i >= {limit})\n\t\treturn -EINVAL;\n\treturn d->table[i];");
    let line = "\treturn d->table[i];";
    prefers(
        &old,
        Style::Kernel,
        line,
        &guard("ARRAY_SIZE(d->table)"),
        &guard("24"),
    );
    prefers(&old, Style::Kernel, line, &guard("SLOTS"), &guard("24"));
    prefers(
        &old,
        Style::Kernel,
        line,
        &guard("ARRAY_SIZE(d->table)"),
        &guard("sizeof(d->table) / sizeof(d->table[0])"),
    );
    let found = cost(
        &old,
        &old.replace(line, &guard("23").replace(">=", ">")),
        Style::Kernel,
    );
    assert!(
        found
            .parts
            .iter()
            .any(|(_, why)| matches!(why, Reason::Unnamed { number } if number == "23")),
        "{found}"
    );
    // Plain C: the name of the file, and `sizeof` of a buffer.
    let old = "#define MAX_NAME 32\nchar name[MAX_NAME];\nvoid f(const char *s)\n{\n\tstrcpy(name, s);\n}\n";
    let line = "\tstrcpy(name, s);";
    prefers(
        old,
        Style::User,
        line,
        "\tsnprintf(name, MAX_NAME, \"%s\", s);",
        "\tsnprintf(name, 32, \"%s\", s);",
    );
    prefers(
        old,
        Style::User,
        line,
        "\tsnprintf(name, sizeof(name), \"%s\", s);",
        "\tsnprintf(name, 32, \"%s\", s);",
    );
}

#[test]
fn the_way_out_is_that_of_the_function() {
    let guard = |exit: &str| format!("\tif (n > 4)\n\t\t{exit}\n\tt[n] = 1;");
    let line = "\tt[n] = 1;";
    let errno =
        "int t[5];\nint f(int n)\n{\n\tif (n < 0)\n\t\treturn -EINVAL;\n\tt[n] = 1;\n\treturn 0;\n}\n";
    prefers(
        errno,
        Style::Kernel,
        line,
        &guard("return -EINVAL;"),
        &guard("return -1;"),
    );
    prefers(
        errno,
        Style::Kernel,
        line,
        &guard("return -EINVAL;"),
        &guard("return 0;"),
    );
    prefers(
        errno,
        Style::Kernel,
        line,
        &guard("return -EINVAL;"),
        &guard("return -ENOMEM;"),
    );
    let minus = "int t[5];\nint f(int n)\n{\n\tif (n < 0)\n\t\treturn -1;\n\tt[n] = 1;\n\treturn 0;\n}\n";
    prefers(
        minus,
        Style::User,
        line,
        &guard("return -1;"),
        &guard("return -EINVAL;"),
    );
    let jump = "int t[5];\nint f(int n)\n{\n\tint r = -EINVAL;\n\n\tif (n == 9)\n\t\treturn -EINVAL;\n\tlock();\n\tif (n < 0)\n\t\tgoto out;\n\tt[n] = 1;\n\tr = 0;\nout:\n\tunlock();\n\treturn r;\n}\n";
    prefers(
        jump,
        Style::Kernel,
        line,
        &guard("goto out;"),
        &guard("return -EINVAL;"),
    );
    // Without a check of its own: what is usual for the type.
    let none = "int t[5];\nint f(int n)\n{\n\tt[n] = 1;\n\treturn 0;\n}\n";
    prefers(
        none,
        Style::Kernel,
        line,
        &guard("return -EINVAL;"),
        &guard("return -1;"),
    );
    prefers(
        none,
        Style::User,
        line,
        &guard("return -1;"),
        &guard("return -EINVAL;"),
    );
    let pointer = "int t[5];\nint *f(int n)\n{\n\tt[n] = 1;\n\treturn t;\n}\n";
    prefers(
        pointer,
        Style::User,
        line,
        &guard("return NULL;"),
        &guard("return 0;"),
    );
}

#[test]
fn a_value_is_not_cut_quietly_where_errors_are_reported() {
    let body = "\tmemcpy(d->name, s, n);";
    let reports = format!(
        "{KERNEL}int f(struct dev *d, const char *s, size_t n)\n{{\n\tif (!s)\n\t\treturn -EINVAL;\n{body}\n\treturn 0;\n}}\n"
    );
    let guard = |exit: &str| format!("\tif (n > sizeof(d->name))\n\t\t{exit}\n{body}");
    let clamp = "\tmemcpy(d->name, s, min_t(size_t, n, sizeof(d->name)));";
    let by_hand = format!("\tif (n > sizeof(d->name))\n\t\tn = sizeof(d->name);\n{body}");
    let (refuse, cut) = (
        cost(
            &reports,
            &reports.replacen(body, &guard("return -EINVAL;"), 1),
            Style::Kernel,
        ),
        cost(&reports, &reports.replacen(body, clamp, 1), Style::Kernel),
    );
    assert!(refuse.total() <= cut.total(), "{refuse}\n{cut}");
    prefers(&reports, Style::Kernel, body, &guard("return -EINVAL;"), &by_hand);
    // Where there is nobody to tell, the kernel's helper is the way.
    let quiet = format!("{KERNEL}void f(struct dev *d, const char *s, size_t n)\n{{\n{body}\n}}\n");
    prefers(&quiet, Style::Kernel, body, clamp, &guard("return;"));
    prefers(&quiet, Style::Kernel, body, clamp, &by_hand);
}

#[test]
fn what_is_cut_or_mixed_up_costs_more_than_an_error() {
    let body = "\tstrcpy(d->name, s);";
    let old = format!(
        "{KERNEL}int f(struct dev *d, const char *s)\n{{\n\tif (!s)\n\t\treturn -EINVAL;\n{body}\n\treturn 0;\n}}\n"
    );
    let checked = "\tif (strscpy(d->name, s, sizeof(d->name)) < 0)\n\t\treturn -EINVAL;";
    prefers(
        &old,
        Style::Kernel,
        body,
        checked,
        "\tstrscpy(d->name, s, sizeof(d->name));",
    );
    // A loop that ends early, and a check before it.
    let head = "\tfor (i = 0; i < n; i++)";
    let old = format!(
        "{KERNEL}int f(struct dev *d, int n)\n{{\n\tint i;\n\n\tif (n < 0)\n\t\treturn -EINVAL;\n{head}\n\t\td->table[i] = 0;\n\treturn 0;\n}}\n"
    );
    let guard = format!("\tif (n > ARRAY_SIZE(d->table))\n\t\treturn -EINVAL;\n{head}");
    prefers(
        &old,
        Style::Kernel,
        head,
        &guard,
        "\tfor (i = 0; i < n && i < ARRAY_SIZE(d->table); i++)",
    );
    // The error of a call is not that of a value.
    let check = "\tif (copy_from_user(&rate, arg, sizeof(rate)))\n\t\treturn -EFAULT;";
    let old = format!(
        "{KERNEL}int f(void *arg, int clock)\n{{\n\tint rate;\n\n{check}\n\treturn clock / rate;\n}}\n"
    );
    let (own, mixed) = (
        cost(
            &old,
            &old.replacen(check, &format!("{check}\n\tif (!rate)\n\t\treturn -EINVAL;"), 1),
            Style::Kernel,
        ),
        cost(
            &old,
            &old.replacen("sizeof(rate)))", "sizeof(rate)) || !rate)", 1),
            Style::Kernel,
        ),
    );
    assert!(own.total() <= mixed.total(), "{own}\n{mixed}");
}

#[test]
fn a_name_is_not_given_up_for_a_conversion() {
    let old = format!(
        "{KERNEL}int f(struct dev *d, int i)\n{{\n\tif (i >= SLOTS)\n\t\treturn -EINVAL;\n\treturn d->table[i];\n}}\n"
    );
    prefers(
        &old,
        Style::Kernel,
        "i >= SLOTS",
        "i < 0 || i >= SLOTS",
        "i >= ARRAY_SIZE(d->table)",
    );
}

#[test]
fn what_is_only_long_is_left_for_something_much_shorter() {
    let size = |points| Cost {
        parts: vec![(points, Reason::Size { tokens: 0, lines: 0 })],
    };
    assert!(!size(12).is_worth_beating_with(9));
    assert!(size(12).is_worth_beating_with(6));
    assert!(!size(3).is_worth_beating_with(1), "a token here or there");
    let mut odd = size(12);
    odd.add(8, Reason::SpelledOut);
    assert!(odd.is_worth_beating_with(17));
    assert!(!odd.is_worth_beating_with(18));
}

#[test]
fn declarations_are_the_last_thing_to_change() {
    let old = "int f(int n)\n{\n\tchar b[8];\n\n\tif (n < 0 || n > 8)\n\t\treturn -1;\n\tb[n] = 0;\n\treturn b[0];\n}\n";
    let longer = cost(old, &old.replace("b[8]", "b[9]"), Style::User);
    let tighter = cost(old, &old.replace("n > 8", "n >= 8"), Style::User);
    assert!(tighter.total() + CLEARLY <= longer.total(), "{tighter}\n{longer}");
    let other = cost(
        old,
        &old.replace("int f(int n)", "int f(unsigned int n)"),
        Style::User,
    );
    assert!(
        other.parts.iter().any(|(_, why)| *why == Reason::Parameter),
        "{other}"
    );
    let global = format!("int t[4];\n{old}");
    let outside = cost(&global, &global.replace("t[4]", "t[5]"), Style::User);
    assert!(
        outside
            .parts
            .iter()
            .any(|(_, why)| *why == Reason::OutsideFunction),
        "{outside}"
    );
}

#[test]
fn a_helper_of_another_world_is_foreign_unless_the_file_has_it() {
    let old = "int f(int n)\n{\n\treturn n;\n}\n";
    let new = old.replace("return n", "return clamp_to_range(n)");
    let foreign = |old: &str, new: &str| {
        let found = cost(old, new, Style::User);
        found
            .parts
            .iter()
            .any(|(_, why)| matches!(why, Reason::Foreign { .. }))
    };
    assert!(foreign(old, &new));
    let with = format!("int clamp_to_range(int n);\n{old}");
    assert!(!foreign(
        &with,
        &with.replace("return n", "return clamp_to_range(n)")
    ));
    let by_macro = format!("#define clamp_to_range(n) ((n) & 7)\n{old}");
    assert!(!foreign(
        &by_macro,
        &by_macro.replace("return n", "return clamp_to_range(n)")
    ));
}

#[test]
fn nonsense_costs_or_has_no_cost() {
    let preference = Preference::new("int f(int n)\n{\n\treturn n;\n}\n", "f", Style::User);
    assert_eq!(preference.cost(""), None);
    assert_eq!(preference.cost("int f(int n)\n{\n\treturn n"), None);
    assert_eq!(
        Preference::new("", "f", Style::Kernel).cost("int f(void) { return 0; }"),
        None
    );
    let odd = preference.cost("int f(int n)\n{\n\treturn 99999999999999999999999u + 0x + 08 + 'é;\n}\n");
    assert!(odd.is_some_and(|c| c.total() > 0));
}

#[test]
fn a_cost_says_what_it_is_made_of() {
    let old = "int t[8];\nint f(int i)\n{\n\treturn t[i];\n}\n";
    let new = old.replace("\treturn t[i];", "\tif (i > 7)\n\t\treturn 0;\n\treturn t[i];");
    let found = cost(old, &new, Style::User).to_string();
    assert_eq!(
        found,
        "31: +11 9 tokens on 2 lines, +12 `7` has a name, or can be computed, +8 `return 0;` is not how this function leaves"
    );
}
