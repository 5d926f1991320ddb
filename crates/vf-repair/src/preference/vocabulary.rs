//! Words of the two styles.

use crate::proposer::Style;

/// What a style thinks of a function or macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Made to prevent what is repaired.
    Idiom,
    /// Nothing to say against it.
    Usual,
    /// Reviewers ask for something else (the kernel's `Documentation/process/deprecated.rst`, CERT C's list of functions).
    Discouraged,
    No,
}

pub(super) fn known(name: &str, style: Style) -> Known {
    match style {
        Style::Kernel if KERNEL.contains(&name) => Known::Idiom,
        Style::Kernel if DEPRECATED.contains(&name) || name.starts_with("__builtin_") => Known::Discouraged,
        Style::Kernel if KERNEL_USUAL.contains(&name) => Known::Usual,
        Style::User if LIBC.contains(&name) => Known::Idiom,
        Style::User if UNBOUNDED.contains(&name) => Known::Discouraged,
        Style::User if LIBC_USUAL.contains(&name) || name.starts_with("__builtin_") => Known::Usual,
        _ => Known::No,
    }
}

const KERNEL: &[&str] = &[
    "strscpy",
    "strscpy_pad",
    "strlcat",
    "memcpy_and_pad",
    "kstrndup",
    "kmemdup",
    "kmemdup_nul",
    "strndup_user",
    "memdup_user",
    "struct_size",
    "struct_size_t",
    "flex_array_size",
    "array_size",
    "array3_size",
    "size_add",
    "size_mul",
    "size_sub",
    "check_add_overflow",
    "check_sub_overflow",
    "check_mul_overflow",
    "check_shl_overflow",
    "min",
    "min_t",
    "min3",
    "max",
    "max_t",
    "clamp",
    "clamp_t",
    "clamp_val",
    "sizeof_field",
    "kmalloc_array",
    "kcalloc",
    "kvmalloc_array",
    "kvcalloc",
    "krealloc_array",
    "devm_kcalloc",
    "devm_kmalloc_array",
    "sysfs_emit",
    "sysfs_emit_at",
    "scnprintf",
    "vscnprintf",
    "array_index_nospec",
    "simple_read_from_buffer",
    "simple_write_to_buffer",
];

const DEPRECATED: &[&str] = &[
    "strcpy",
    "strncpy",
    "strlcpy",
    "strcat",
    "sprintf",
    "vsprintf",
    "gets",
    "alloca",
    "simple_strtol",
    "simple_strtoul",
    "simple_strtoll",
    "simple_strtoull",
    "printf",
    "malloc",
    "free",
    "calloc",
    "realloc",
];

const KERNEL_USUAL: &[&str] = &[
    "ARRAY_SIZE",
    "strlen",
    "strnlen",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "strcmp",
    "strncmp",
    "snprintf",
    "vsnprintf",
    "kmalloc",
    "kzalloc",
    "kfree",
    "kvmalloc",
    "kvzalloc",
    "kvfree",
    "ERR_PTR",
    "PTR_ERR",
    "IS_ERR",
    "likely",
    "unlikely",
    "offsetof",
    "BITS_PER_LONG",
    "strnchr",
    "is_power_of_2",
    "U32_MAX",
    "upper_32_bits",
    "lower_32_bits",
];

const LIBC: &[&str] = &[
    "snprintf",
    "vsnprintf",
    "strnlen",
    "calloc",
    "reallocarray",
    "strndup",
    "strlcpy",
    "strlcat",
    "fgets",
];

const UNBOUNDED: &[&str] = &[
    "gets", "strcpy", "strcat", "sprintf", "vsprintf", "strncpy", "alloca", "atoi",
];

const LIBC_USUAL: &[&str] = &[
    "strlen", "memcpy", "memmove", "memset", "memcmp", "memchr", "strcmp", "strncmp", "strchr", "strncat",
    "malloc", "realloc", "free", "offsetof", "strtol", "strtoul", "strtoll", "strtoull",
];
