//! What a file declares before its own code: the few lines of headers that its text uses.
//!
//! Functions of the kernel and of the C library are only declared; the prover has models of them.

use std::collections::BTreeSet;

use vf_repair::ctext::lex::identifiers;

/// Lines that come together, and the names that ask for them.
struct Group {
    names: &'static [&'static str],
    lines: &'static str,
}

const fn group(names: &'static [&'static str], lines: &'static str) -> Group {
    Group { names, lines }
}

/// Types, numbers, macros and functions of Linux, in the order of its headers.
const KERNEL: &[Group] = &[
    group(&["u8"], "typedef unsigned char u8;"),
    group(&["u16"], "typedef unsigned short u16;"),
    group(&["u32"], "typedef unsigned int u32;"),
    group(&["u64"], "typedef unsigned long long u64;"),
    group(&["s8"], "typedef signed char s8;"),
    group(&["s16"], "typedef short s16;"),
    group(&["s32"], "typedef int s32;"),
    group(&["s64"], "typedef long long s64;"),
    group(
        &["bool", "true", "false"],
        "typedef _Bool bool;\n#define true 1\n#define false 0",
    ),
    group(&["size_t"], "typedef unsigned long size_t;"),
    group(&["ssize_t"], "typedef long ssize_t;"),
    group(&["gfp_t"], "typedef unsigned int gfp_t;"),
    group(&["NULL"], "#define NULL ((void *)0)"),
    group(&["EPERM"], "#define EPERM 1"),
    group(&["ENOENT"], "#define ENOENT 2"),
    group(&["EIO"], "#define EIO 5"),
    group(&["E2BIG"], "#define E2BIG 7"),
    group(&["EAGAIN"], "#define EAGAIN 11"),
    group(&["ENOMEM"], "#define ENOMEM 12"),
    group(&["EFAULT"], "#define EFAULT 14"),
    group(&["EBUSY"], "#define EBUSY 16"),
    group(&["ENODEV"], "#define ENODEV 19"),
    group(&["EINVAL"], "#define EINVAL 22"),
    group(&["ENOTTY"], "#define ENOTTY 25"),
    group(&["ENOSPC"], "#define ENOSPC 28"),
    group(&["EDOM"], "#define EDOM 33"),
    group(&["ERANGE"], "#define ERANGE 34"),
    group(&["ENAMETOOLONG"], "#define ENAMETOOLONG 36"),
    group(&["ENODATA"], "#define ENODATA 61"),
    group(&["EPROTO"], "#define EPROTO 71"),
    group(&["EBADMSG"], "#define EBADMSG 74"),
    group(&["EOVERFLOW"], "#define EOVERFLOW 75"),
    group(&["EMSGSIZE"], "#define EMSGSIZE 90"),
    group(&["GFP_KERNEL"], "#define GFP_KERNEL 0xcc0U"),
    group(&["INT_MAX"], "#define INT_MAX 0x7fffffff"),
    group(&["U32_MAX"], "#define U32_MAX 0xffffffffU"),
    group(&["PAGE_SIZE"], "#define PAGE_SIZE 4096UL"),
    group(&["__user"], "#define __user"),
    group(
        &["ARRAY_SIZE"],
        "#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))",
    ),
    group(
        &["min", "max"],
        "#define min(a, b) ((a) < (b) ? (a) : (b))\n#define max(a, b) ((a) > (b) ? (a) : (b))",
    ),
    group(
        &["min_t", "max_t"],
        "#define min_t(t, a, b) ((t)(a) < (t)(b) ? (t)(a) : (t)(b))\n#define max_t(t, a, b) ((t)(a) > (t)(b) ? (t)(a) : (t)(b))",
    ),
    group(
        &["check_add_overflow", "check_mul_overflow"],
        "#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)\n#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)",
    ),
    group(
        &["copy_from_user", "copy_to_user"],
        "unsigned long copy_from_user(void *to, const void __user *from, unsigned long n);\nunsigned long copy_to_user(void __user *to, const void *from, unsigned long n);",
    ),
    group(
        &["kmalloc", "kzalloc", "kcalloc", "kmalloc_array", "kfree"],
        "void *kmalloc(size_t size, gfp_t flags);\nvoid *kzalloc(size_t size, gfp_t flags);\nvoid *kcalloc(size_t n, size_t size, gfp_t flags);\nvoid *kmalloc_array(size_t n, size_t size, gfp_t flags);\nvoid kfree(const void *p);",
    ),
    group(
        &["memcpy", "memmove", "memset", "memcmp"],
        "void *memcpy(void *dest, const void *src, size_t n);\nvoid *memmove(void *dest, const void *src, size_t n);\nvoid *memset(void *s, int c, size_t n);\nint memcmp(const void *a, const void *b, size_t n);",
    ),
    group(
        &[
            "strscpy", "strlcpy", "strncpy", "strcpy", "strlen", "strnlen", "strcmp", "strncmp", "strcat",
        ],
        "ssize_t strscpy(char *dest, const char *src, size_t size);\nchar *strcpy(char *dest, const char *src);\nchar *strncpy(char *dest, const char *src, size_t n);\nchar *strcat(char *dest, const char *src);\nsize_t strlen(const char *s);\nsize_t strnlen(const char *s, size_t n);\nint strcmp(const char *a, const char *b);\nint strncmp(const char *a, const char *b, size_t n);",
    ),
    group(
        &["snprintf", "scnprintf", "sprintf"],
        "int snprintf(char *buf, size_t size, const char *fmt, ...);\nint scnprintf(char *buf, size_t size, const char *fmt, ...);\nint sprintf(char *buf, const char *fmt, ...);",
    ),
    group(
        &["kstrtoint", "kstrtouint", "kstrtoul"],
        "int kstrtoint(const char *s, unsigned int base, int *res);\nint kstrtouint(const char *s, unsigned int base, unsigned int *res);\nint kstrtoul(const char *s, unsigned int base, unsigned long *res);",
    ),
    group(&["printk"], "int printk(const char *fmt, ...);"),
];

/// The same of the C library.
const LIBRARY: &[Group] = &[
    group(&["uint8_t"], "typedef unsigned char uint8_t;"),
    group(&["uint16_t"], "typedef unsigned short uint16_t;"),
    group(&["uint32_t"], "typedef unsigned int uint32_t;"),
    group(&["uint64_t"], "typedef unsigned long uint64_t;"),
    group(&["int8_t"], "typedef signed char int8_t;"),
    group(&["int16_t"], "typedef short int16_t;"),
    group(&["int32_t"], "typedef int int32_t;"),
    group(&["int64_t"], "typedef long int64_t;"),
    group(
        &["bool", "true", "false"],
        "typedef _Bool bool;\n#define true 1\n#define false 0",
    ),
    group(&["size_t"], "typedef unsigned long size_t;"),
    group(&["ssize_t"], "typedef long ssize_t;"),
    group(&["NULL"], "#define NULL ((void *)0)"),
    group(&["INT_MAX"], "#define INT_MAX 0x7fffffff"),
    group(&["UINT32_MAX"], "#define UINT32_MAX 0xffffffffU"),
    group(&["SIZE_MAX"], "#define SIZE_MAX __SIZE_MAX__"),
    group(
        &["MIN", "MAX"],
        "#define MIN(a, b) ((a) < (b) ? (a) : (b))\n#define MAX(a, b) ((a) > (b) ? (a) : (b))",
    ),
    group(&["COUNT_OF"], "#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))"),
    group(
        &["malloc", "calloc", "realloc", "free"],
        "void *malloc(size_t size);\nvoid *calloc(size_t n, size_t size);\nvoid *realloc(void *p, size_t size);\nvoid free(void *p);",
    ),
    group(
        &["memcpy", "memmove", "memset", "memcmp"],
        "void *memcpy(void *dest, const void *src, size_t n);\nvoid *memmove(void *dest, const void *src, size_t n);\nvoid *memset(void *s, int c, size_t n);\nint memcmp(const void *a, const void *b, size_t n);",
    ),
    group(
        &[
            "strncpy", "strcpy", "strlen", "strnlen", "strcmp", "strncmp", "strcat",
        ],
        "char *strcpy(char *dest, const char *src);\nchar *strncpy(char *dest, const char *src, size_t n);\nchar *strcat(char *dest, const char *src);\nsize_t strlen(const char *s);\nsize_t strnlen(const char *s, size_t n);\nint strcmp(const char *a, const char *b);\nint strncmp(const char *a, const char *b, size_t n);",
    ),
    group(
        &["snprintf", "sprintf"],
        "int snprintf(char *buf, size_t size, const char *fmt, ...);\nint sprintf(char *buf, const char *fmt, ...);",
    ),
];

/// The lines that a text needs before it.
pub fn prelude(kernel: bool, text: &str) -> String {
    let groups = if kernel { KERNEL } else { LIBRARY };
    let mut used: BTreeSet<&str> = identifiers(text).into_iter().collect();
    // What the chosen lines use comes before them, so that one pass backwards finds all.
    let mut chosen = vec![false; groups.len()];
    for (group, is_chosen) in groups.iter().zip(&mut chosen).rev() {
        if group.names.iter().any(|name| used.contains(name)) {
            *is_chosen = true;
            used.extend(identifiers(group.lines));
        }
    }
    let mut out = String::new();
    for (group, _) in groups.iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen) {
        out.push_str(group.lines);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_declared_before_it() {
        let lines = prelude(
            true,
            "int f(u8 *p) { return copy_from_user(p, 0, 4) ? -EFAULT : 0; }",
        );
        assert!(
            lines.contains("u8;") && lines.contains("#define EFAULT 14"),
            "{lines}"
        );
        let user = lines.find("#define __user");
        assert!(user.is_some() && user < lines.find("copy_from_user"), "{lines}");
        assert!(!lines.contains("kmalloc"));
        assert!(prelude(false, "void *f(size_t n) { return malloc(n); }").contains("void free"));
    }
}
