//! The verifier's own models of library functions, made to run.
//!
//! Where a counterexample rests on what the outside decided (`copy_from_user` gave these bytes, `kmalloc`
//! failed), the replay must decide the same, in the same order. The models under `smt/contracts` say in C which
//! decisions there are, so the harness compiles them, with intrinsics that take decisions from the input and
//! make each requirement an access that a sanitizer sees. Models of what the C library computes (`strlen`,
//! `memcpy`, `atoi`) are not used: the real functions run.

use vf_ir::Program;

use super::Purpose;
use super::observing::is_computed;

/// What only the kernel has; defined under their own names.
const KERNEL: [&str; 4] = [
    include_str!("../../../../smt/contracts/kernel_alloc.c"),
    include_str!("../../../../smt/contracts/kernel_env.c"),
    include_str!("../../../../smt/contracts/kernel_string.c"),
    include_str!("../../../../smt/contracts/kernel_user.c"),
];

/// Functions of the C library whose results the outside decides. Calls are routed to the models by the linker
/// (`ld(1)`, `--wrap`), so that the sanitizers' own calls keep the real ones.
const LIBRARY: [(&str, &[&str]); 3] = [
    (
        include_str!("../../../../smt/contracts/stdlib.c"),
        &["malloc", "calloc", "realloc", "rand", "random", "getenv"],
    ),
    (
        include_str!("../../../../smt/contracts/stdio.c"),
        &["fgets", "gets", "fread", "getchar", "fgetc", "getc"],
    ),
    (
        include_str!("../../../../smt/contracts/unistd.c"),
        &["read", "pread", "recv", "readlink", "gethostname"],
    ),
];

/// Declares the intrinsics of `docs/ir-intrinsics.md`; those that decide or fail know in which model they are.
const PRELUDE: &str = r#"/* Models of library functions, from smt/contracts. */
void vf_require(const char *f, _Bool c, const char *what);
void vf_require_read(const void *p, unsigned long n);
void vf_require_write(void *p, unsigned long n);
void vf_require_string(const char *p);
unsigned long vf_strlen(const char *p);
unsigned long vf_object_size(const void *p);
void *vf_allocate(const char *f, unsigned long n, int zeroed, int may_fail);
void vf_release(void *p);
void vf_assume(_Bool c);
void vf_take_bytes(const char *f, void *to, unsigned long n);
unsigned __int128 vf_take_value(const char *f);
void vf_unexpected(const char *f);
#define __vf_require(c, what) vf_require(__func__, c, what)
#define __vf_require_read(p, n) vf_require_read(p, n)
#define __vf_require_write(p, n) vf_require_write(p, n)
#define __vf_require_initialized(p, n) ((void)0)
#define __vf_require_string(p) vf_require_string(p)
#define __vf_require_freeable(p) ((void)(p))
#define __vf_require_allocation(n) ((void)(n))
#define __vf_require_no_overlap(p, q, n) \
	vf_require(__func__, (const char *)(p) + (n) <= (const char *)(q) || (const char *)(q) + (n) <= (const char *)(p), "no overlap")
#define __vf_strlen(p) vf_strlen(p)
#define __vf_object_size(p) vf_object_size(p)
#define __vf_copy(d, s, n) ((void)__builtin_memmove(d, s, n))
#define __vf_fill(d, b, n) ((void)__builtin_memset(d, b, n))
#define __vf_havoc(d, n) vf_take_bytes(__func__, d, n)
#define __vf_alloc(n) vf_allocate(__func__, n, 0, 1)
#define __vf_alloc_zeroed(n) vf_allocate(__func__, n, 1, 1)
#define __vf_alloc_nofail(n) vf_allocate(__func__, n, 0, 0)
#define __vf_free(p) vf_release(p)
#define __vf_assume(c) vf_assume(c)
#define __vf_unreachable() vf_unexpected(__func__)
#define __vf_nondet_bool() ((vf_take_value(__func__) & 1) != 0)
#define __vf_nondet_int() ((int)vf_take_value(__func__))
#define __vf_nondet_uint() ((unsigned int)vf_take_value(__func__))
#define __vf_nondet_long() ((long)vf_take_value(__func__))
#define __vf_nondet_ulong() ((unsigned long)vf_take_value(__func__))
#define __vf_nondet_longlong() ((long long)vf_take_value(__func__))
#define __vf_nondet_ulonglong() ((unsigned long long)vf_take_value(__func__))
#define __vf_nondet_pointer() ((void *)(unsigned long)vf_take_value(__func__))
"#;

/// The models that programs use.
#[derive(Debug)]
pub(super) struct Models {
    /// A C file that defines them.
    pub(super) text: String,
    /// Names that the linker is to wrap.
    pub(super) wrapped: Vec<&'static str>,
}

/// The models of what any of the programs uses.
pub(super) fn models(programs: &[&Program], purpose: Purpose) -> Models {
    let used = |name: &str| {
        let mut all = programs.iter().flat_map(|p| &p.functions);
        let computed = purpose == Purpose::Effects && is_computed(name);
        !computed && all.any(|f| f.name == name)
    };
    let mut text = PRELUDE.to_string();
    for file in KERNEL {
        let parts = Contract::read(file);
        let wanted: Vec<&str> = parts
            .functions
            .iter()
            .filter(|(n, _)| used(n))
            .map(|(_, t)| t.as_str())
            .collect();
        if !wanted.is_empty() {
            text.push_str(&parts.definitions);
            text.extend(wanted);
        }
    }
    let mut wrapped = Vec::new();
    for (file, names) in LIBRARY {
        let parts = Contract::read(file);
        let wanted: Vec<(&'static str, &str)> = names
            .iter()
            .filter(|n| used(n))
            .filter_map(|n| {
                parts
                    .functions
                    .iter()
                    .find(|(name, _)| name == n)
                    .map(|(_, t)| (*n, t.as_str()))
            })
            .collect();
        if !wanted.is_empty() {
            text.push_str(&parts.definitions);
        }
        for (name, definition) in wanted {
            text.push_str(&format!(
                "#define {name} __wrap_{name}\n{definition}#undef {name}\n"
            ));
            wrapped.push(name);
        }
    }
    Models { text, wrapped }
}

/// A contract file taken apart: its macros and types, and its functions by name.
struct Contract {
    definitions: String,
    functions: Vec<(String, String)>,
}

impl Contract {
    /// The files are regular: definitions and uses of macros begin in the first column, bodies do not, and a
    /// body's closing brace stands in the first column. Declarations (of the intrinsics) end in `;`.
    fn read(text: &str) -> Contract {
        let mut contract = Contract {
            definitions: String::new(),
            functions: Vec::new(),
        };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let first = line.chars().next().unwrap_or(' ');
            if line.starts_with("#define") {
                let mut line = line;
                loop {
                    contract.definitions.push_str(line);
                    contract.definitions.push('\n');
                    if !line.ends_with('\\') {
                        break;
                    }
                    let Some(next) = lines.next() else { break };
                    line = next;
                }
            } else if line.starts_with("typedef") {
                contract.definitions.push_str(line);
                contract.definitions.push('\n');
            } else if (first.is_ascii_alphabetic() || first == '_') && !line.trim_end().ends_with(';') {
                if let Some(name) = macro_argument(line) {
                    contract.functions.push((name.to_string(), format!("{line}\n")));
                } else if let Some(name) = defined_name(line) {
                    let mut definition = format!("{line}\n");
                    for body in lines.by_ref() {
                        definition.push_str(body);
                        definition.push('\n');
                        if body.starts_with('}') {
                            break;
                        }
                    }
                    contract.functions.push((name.to_string(), definition));
                }
            }
        }
        contract
    }
}

/// `name` in `MODEL_X(name, ...)` and in `MODEL_X(type, name, ...)`: the first lower-case argument that is
/// followed by more of them and is no type.
fn macro_argument(line: &str) -> Option<&str> {
    let (callee, rest) = line.split_once('(')?;
    if callee.is_empty()
        || !callee
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
    {
        return None;
    }
    const TYPES: [&str; 7] = ["int", "long", "unsigned", "char", "short", "size_t", "ssize_t"];
    rest.trim_end_matches(')')
        .split(',')
        .map(str::trim)
        .find(|a| !a.split(' ').any(|w| TYPES.contains(&w)) && !a.is_empty())
}

/// `name` in `type *name(parameters...`.
fn defined_name(line: &str) -> Option<&str> {
    let (before, _) = line.split_once('(')?;
    let name = before.rsplit([' ', '*']).next()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        Contract::read(text)
            .functions
            .into_iter()
            .map(|(n, _)| n)
            .collect()
    }

    #[test]
    fn every_wrapped_function_has_its_model() {
        for (file, wanted) in LIBRARY {
            let found = names(file);
            for name in wanted {
                assert!(found.iter().any(|f| f == name), "{name} is not among {found:?}");
            }
        }
    }

    #[test]
    fn kernel_models_are_found_behind_macros_and_without() {
        let found: Vec<String> = KERNEL.iter().flat_map(|f| names(f)).collect();
        for name in [
            "kmalloc",
            "kfree",
            "kcalloc",
            "copy_from_user",
            "copy_to_user",
            "strscpy",
            "printk",
            "memdup_user",
        ] {
            assert!(found.iter().any(|f| f == name), "{name} is not among {found:?}");
        }
    }
}
