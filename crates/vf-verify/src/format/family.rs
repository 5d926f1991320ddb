//! Which functions format, and where their operands are.

/// A function of the `printf` family. Numbers are positions among its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub sink: Sink,
    pub format: usize,
    /// The arguments of the directives come in a `va_list`.
    pub va_list: bool,
    /// Only the kernel has it.
    pub kernel: bool,
    /// The format is of wide characters, and so is what is printed.
    pub wide: bool,
}

/// Where the text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    /// `sprintf`: as far as it goes.
    Unbounded { buffer: usize },
    /// `snprintf`: at most `size` bytes, terminator included; returns the length of the whole text.
    Bounded { buffer: usize, size: usize },
    /// `swprintf`: at most `size` wide characters, terminator included; returns -1 where that does not suffice.
    WideBounded { buffer: usize, size: usize },
    /// `scnprintf`: as `snprintf`; returns the length written.
    Counted { buffer: usize, size: usize },
    /// `sysfs_emit(buf, ...)`, `sysfs_emit_at(buf, at, ...)`: `scnprintf` into the rest of a page.
    Page { buffer: usize, at: Option<usize> },
    /// `asprintf`: a fresh string, its address stored through a parameter; -1 without memory.
    Stored { out: usize },
    /// `kasprintf`: a fresh string or null.
    Returned,
    /// `printf`, `printk`: leaves the program.
    Stream,
}

/// The function of this name, `__builtin_` spellings included.
pub(super) fn family(name: &str) -> Option<Family> {
    let name = name.strip_prefix("__builtin_").unwrap_or(name);
    let stored = |format, va_list| Family {
        sink: Sink::Stored { out: 0 },
        format,
        va_list,
        kernel: false,
        wide: false,
    };
    let unbounded = |format, va_list| Family {
        sink: Sink::Unbounded { buffer: 0 },
        format,
        va_list,
        kernel: false,
        wide: false,
    };
    let bounded = |format, va_list| Family {
        sink: Sink::Bounded { buffer: 0, size: 1 },
        format,
        va_list,
        kernel: false,
        wide: false,
    };
    let counted = |va_list| Family {
        sink: Sink::Counted { buffer: 0, size: 1 },
        format: 2,
        va_list,
        kernel: true,
        wide: false,
    };
    let returned = |format, va_list| Family {
        sink: Sink::Returned,
        format,
        va_list,
        kernel: true,
        wide: false,
    };
    let stream = |format| Family {
        sink: Sink::Stream,
        format,
        va_list: false,
        kernel: false,
        wide: false,
    };
    let stream_of_list = |format| Family {
        va_list: true,
        ..stream(format)
    };
    let wide = |family| Family { wide: true, ..family };
    let wide_bounded = |format, va_list| Family {
        sink: Sink::WideBounded { buffer: 0, size: 1 },
        ..wide(bounded(format, va_list))
    };
    let kernel_stream = |format| Family {
        sink: Sink::Stream,
        format,
        va_list: false,
        kernel: true,
        wide: false,
    };
    Some(match name {
        // C11 7.21.6.6, 7.21.6.13; glibc's checked spelling has a flag and a size before the format.
        "sprintf" => unbounded(1, false),
        "vsprintf" => unbounded(1, true),
        "__sprintf_chk" => unbounded(3, false),
        "__vsprintf_chk" => unbounded(3, true),
        // C11 7.21.6.5, 7.21.6.12.
        "snprintf" => bounded(2, false),
        "vsnprintf" => bounded(2, true),
        "__snprintf_chk" => bounded(4, false),
        "__vsnprintf_chk" => bounded(4, true),
        // kernel-doc of lib/vsprintf.c and fs/sysfs/file.c.
        "scnprintf" => counted(false),
        "vscnprintf" => counted(true),
        "sysfs_emit" => Family {
            sink: Sink::Page { buffer: 0, at: None },
            format: 1,
            va_list: false,
            kernel: true,
            wide: false,
        },
        "sysfs_emit_at" => Family {
            sink: Sink::Page {
                buffer: 0,
                at: Some(1),
            },
            format: 2,
            va_list: false,
            kernel: true,
            wide: false,
        },
        // asprintf(3).
        "asprintf" => stored(1, false),
        "vasprintf" => stored(1, true),
        "__asprintf_chk" => stored(2, false),
        "__vasprintf_chk" => stored(2, true),
        "kasprintf" => returned(1, false),
        "kvasprintf" => returned(1, true),
        "devm_kasprintf" => returned(2, false),
        "devm_kvasprintf" => returned(2, true),
        "printf" => stream(0),
        "fprintf" | "dprintf" | "syslog" | "__printf_chk" => stream(1),
        "__fprintf_chk" => stream(2),
        // C11 7.21.6.10, 7.21.6.8; POSIX.1-2008 vdprintf.
        "vprintf" => stream_of_list(0),
        "vfprintf" | "vdprintf" | "vsyslog" | "__vprintf_chk" => stream_of_list(1),
        "__vfprintf_chk" => stream_of_list(2),
        // C11 7.29.2.
        "wprintf" => wide(stream(0)),
        "fwprintf" | "__wprintf_chk" => wide(stream(1)),
        "__fwprintf_chk" => wide(stream(2)),
        "vwprintf" => wide(stream_of_list(0)),
        "vfwprintf" | "__vwprintf_chk" => wide(stream_of_list(1)),
        "__vfwprintf_chk" => wide(stream_of_list(2)),
        "swprintf" => wide_bounded(2, false),
        "vswprintf" => wide_bounded(2, true),
        "__swprintf_chk" => wide_bounded(4, false),
        "__vswprintf_chk" => wide_bounded(4, true),
        "printk" | "_printk" | "_printk_deferred" | "__warn_printk" | "panic" => kernel_stream(0),
        "_dev_emerg" | "_dev_alert" | "_dev_crit" | "_dev_err" | "_dev_warn" | "_dev_notice"
        | "_dev_info" | "netdev_emerg" | "netdev_alert" | "netdev_crit" | "netdev_err" | "netdev_warn"
        | "netdev_notice" | "netdev_info" | "__dynamic_pr_debug" | "seq_printf" => kernel_stream(1),
        "_dev_printk" | "__dynamic_dev_dbg" => kernel_stream(2),
        _ => return None,
    })
}

/// Functions that only kernel code calls, as a sign of which `printf` a program has.
pub(super) fn is_kernel_function(name: &str) -> bool {
    family(name).is_some_and(|f| f.kernel)
        || matches!(
            name,
            "kmalloc" | "kzalloc" | "kcalloc" | "kmalloc_array" | "__kmalloc" | "kmalloc_trace" | "kfree"
        )
        || matches!(
            name,
            "copy_from_user" | "_copy_from_user" | "copy_to_user" | "_copy_to_user"
        )
        || matches!(
            name,
            "strscpy" | "sized_strscpy" | "kstrtoint" | "kstrtouint" | "mutex_lock" | "mutex_unlock"
        )
}
