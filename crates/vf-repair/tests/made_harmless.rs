//! Arithmetic that a patch makes harmless counts as fixed, whatever words the helper takes. The prover is the real one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vf_repair::{PatchInput, PatchReport, ProverChecker, judge_patch};

const HELPERS: &str = "typedef unsigned long size_t;\ntypedef unsigned int u32;\ntypedef unsigned int gfp_t;\n\
    #define MAX_COLS 4096\n\
    #define min_t(type, x, y) ({ type a_ = (x); type b_ = (y); a_ < b_ ? a_ : b_; })\n\
    #define array_size(a, b) ({ size_t r_; __builtin_mul_overflow((size_t)(a), (size_t)(b), &r_) ? ~(size_t)0 : r_; })\n\
    #define size_add(a, b) ({ size_t q_; __builtin_add_overflow((size_t)(a), (size_t)(b), &q_) ? ~(size_t)0 : q_; })\n\
    #define struct_size(p, member, n) size_add(sizeof(*(p)), array_size((n), sizeof(*(p)->member)))\n\
    void *kzalloc(size_t n, gfp_t flags);\n\
    void *memcpy(void *d, const void *s, size_t n);\n\
    struct grid { u32 rows; u32 cells[]; };\n\
    struct dev { char name[64]; };\n";

fn judged(folder: &Path, before: &str, after: &str) -> PatchReport {
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, format!("{HELPERS}{text}")).expect("file");
        path
    };
    let input = PatchInput::Files {
        before: write("before.c", before),
        after: write("after.c", after),
    };
    let options = vf_frontend::Options::new("cc");
    let check = vf_verify::CheckOptions::within(Duration::from_secs(60));
    judge_patch(&input, &mut ProverChecker::new(options, check), None).expect("judged")
}

const GRID: &str = "struct grid *grid_new(size_t rows)\n{\n\
    \tstruct grid *g;\n\n\
    \tif (rows > MORE)\n\t\treturn (struct grid *)0;\n\
    \tg = kzalloc(SIZE, 0);\n\
    \tif (!g)\n\t\treturn g;\n\
    \tg->rows = (u32)rows;\n\
    \treturn g;\n}\n";

/// `struct_size` names neither the type nor the elements that `sizeof` named, nor has it a `+` or a `*`.
#[test]
fn a_size_that_saturates_in_place_of_a_sum_of_products() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let text = |size: &str| GRID.replace("MORE", "((size_t)1 << 50)").replace("SIZE", size);
    let report = judged(
        folder.path(),
        &text("sizeof(struct grid) + rows * MAX_COLS * sizeof(g->cells[0])"),
        &text("struct_size(g, cells, array_size(rows, MAX_COLS))"),
    );
    let wraps = |ids: &[String]| ids.iter().filter(|id| id.contains("unsigned-wrap")).count();
    assert!(wraps(&report.fixed) >= 1, "{:?}", report.fixed);
    assert_eq!(wraps(&report.open), 0, "{:?}", report.open);
}

/// The length of another array is no fix of this one.
#[test]
fn a_checked_size_of_something_else_is_no_fix() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let text = |size: &str| {
        GRID.replace("size_t rows", "size_t rows, size_t other")
            .replace("MORE", "(~(size_t)0)")
            .replace("SIZE", size)
    };
    let report = judged(
        folder.path(),
        &text("sizeof(struct grid) + rows * sizeof(g->cells[0])"),
        &text("struct_size(g, cells, other)"),
    );
    let wraps = |ids: &[String]| ids.iter().filter(|id| id.contains("unsigned-wrap")).count();
    assert_eq!(wraps(&report.fixed), 0, "{:?}", report.fixed);
    assert!(wraps(&report.open) >= 1, "{:?}", report.open);
}

/// The conversion was in the type that the macro computes in.
#[test]
fn a_minimum_in_a_wide_type() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let text = |declared: &str, computed: &str| {
        format!(
            "int copy(struct dev *d, const char *from, size_t len)\n{{\n\
             \tchar *to = d->name;\n\t{declared} n;\n\n\
             \tn = min_t({computed}, len, sizeof(d->name));\n\
             \tmemcpy(to, from, n);\n\treturn 0;\n}}\n"
        )
    };
    let report = judged(folder.path(), &text("size_t", "int"), &text("size_t", "size_t"));
    let lossy = |ids: &[String]| ids.iter().filter(|id| id.contains("lossy-conversion")).count();
    assert!(lossy(&report.fixed) >= 1, "{:?} {:?}", report.fixed, report.open);
    assert_eq!(lossy(&report.open), 0, "{:?}", report.open);
}
