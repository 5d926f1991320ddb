//! Of several proven candidates the smallest in the idiom of the code is kept, whatever the order they came in. The
//! prover is the real one.

use std::path::Path;
use std::time::Duration;

use vf_repair::{
    BugReport, Candidate, Context, Feedback, Hooks, Limits, Proposer, ProposerError, ProverChecker,
    RepairOutcome, RepairRequest, RepairTarget, TextEdit, repair,
};

/// One answer with several candidates: the text that is replaced, and what by.
struct Answer {
    from: &'static str,
    by: Vec<&'static str>,
}

impl Proposer for Answer {
    fn name(&self) -> &str {
        "answer"
    }
    fn propose(&mut self, context: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        let start = context.text.find(self.from).expect("the text to replace");
        let range = start..start + self.from.len();
        let candidate = |by: &str| Candidate {
            edits: vec![TextEdit {
                range: range.clone(),
                replacement: by.to_string(),
            }],
            origin: "answer".into(),
            note: String::new(),
        };
        Ok(std::mem::take(&mut self.by).into_iter().map(candidate).collect())
    }
}

fn run(source: &str, function: &str, from: &'static str, by: &[&'static str], within: u64) -> RepairOutcome {
    let tree = tempfile::tempdir().expect("temporary directory");
    std::fs::write(tree.path().join("a.c"), source).expect("file");
    let line = source
        .lines()
        .position(|l| l.contains(from.lines().next().unwrap_or("")))
        .expect("the line")
        + 1;
    let request = RepairRequest {
        tree: tree.path().to_path_buf(),
        what: RepairTarget::Report(BugReport {
            file: "a.c".into(),
            line: u32::try_from(line).expect("a line"),
            function: Some(function.into()),
            ..BugReport::default()
        }),
        limits: Limits {
            prefer_within: Duration::from_secs(within),
            ..Limits::default()
        },
    };
    let options = vf_frontend::Options {
        flags: vec![format!("-I{}", tree.path().join("include").display())],
        directory: Some(tree.path().to_path_buf()),
        ..vf_frontend::Options::new("cc")
    };
    write_headers(tree.path());
    let check = vf_verify::CheckOptions::within(Duration::from_secs(60));
    let mut checker = ProverChecker::new(options, check);
    let mut proposers: Vec<Box<dyn Proposer>> = vec![Box::new(Answer {
        from,
        by: by.to_vec(),
    })];
    let mut progress = |_| {};
    repair(
        &request,
        &mut checker,
        &mut proposers,
        Hooks {
            progress: &mut progress,
            log: None,
            log_prompts: false,
        },
    )
    .expect("a repair")
}

/// Enough of the kernel's headers for the cases below.
fn write_headers(tree: &Path) {
    let folder = tree.join("include/linux");
    std::fs::create_dir_all(&folder).expect("folder");
    let text = "#pragma once\n\
        typedef unsigned long size_t;\ntypedef unsigned int u32;\n\
        #define EINVAL 22\n#define ENOMEM 12\n\
        #define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))\n\
        #define min_t(type, x, y) ({ type a_ = (x); type b_ = (y); a_ < b_ ? a_ : b_; })\n\
        void *memcpy(void *d, const void *s, size_t n);\n\
        void lock(void);\nvoid unlock(void);\n";
    std::fs::write(folder.join("kernel.h"), text).expect("header");
}

/// What the patch adds, without layout.
fn added(outcome: &RepairOutcome) -> String {
    let diff = outcome.patch.as_ref().expect("a proven patch").diff();
    let lines = diff
        .lines()
        .filter(|l| l.starts_with('+') && !l.starts_with("+++"));
    lines
        .map(|l| l.trim_start_matches('+').trim())
        .collect::<Vec<&str>>()
        .join(" ")
}

const TABLE: &str = "#include <linux/kernel.h>\n\
    #define SLOTS 24\n\
    struct dev { int table[SLOTS]; int r; };\n\
    int set(struct dev *d, u32 i, int value)\n{\n\
    \tif (!value)\n\t\treturn -EINVAL;\n\
    \td->table[i] = value;\n\
    \treturn 0;\n}\n";

#[test]
fn kernel_code_keeps_its_error_code_and_names_the_length() {
    let candidates = [
        // Proven, and what nobody would merge: a magic number, a foreign way out.
        "\tif (i >= 24)\n\t\treturn -1;\n\td->table[i] = value;",
        // Not proven: one too many.
        "\tif (i > SLOTS)\n\t\treturn -EINVAL;\n\td->table[i] = value;",
        "\tif (i >= ARRAY_SIZE(d->table))\n\t\treturn -EINVAL;\n\td->table[i] = value;",
    ];
    let from = "\td->table[i] = value;";
    let outcome = run(TABLE, "set", from, &candidates, 60);
    assert_eq!(
        added(&outcome),
        "if (i >= ARRAY_SIZE(d->table)) return -EINVAL;",
        "{:?}",
        outcome.cost
    );
    assert_eq!(outcome.proven, 2);
    // With no time for it the first proven one is taken.
    let outcome = run(TABLE, "set", from, &candidates, 0);
    assert_eq!(added(&outcome), "if (i >= 24) return -1;");
    assert_eq!((outcome.proven, outcome.candidates), (1, 1));
}

#[test]
fn nothing_is_checked_after_a_proof_that_nothing_can_beat() {
    let candidates = [
        "\tif (i >= ARRAY_SIZE(d->table))\n\t\treturn -EINVAL;\n\td->table[i] = value;",
        "\tif (i >= 24)\n\t\treturn -1;\n\td->table[i] = value;",
        "\tif (i > SLOTS - 1) {\n\t\treturn -EINVAL;\n\t}\n\td->table[i] = value;",
    ];
    let outcome = run(TABLE, "set", "\td->table[i] = value;", &candidates, 60);
    assert_eq!((outcome.proven, outcome.candidates), (1, 1));
}

#[test]
fn kernel_code_leaves_through_its_label() {
    let source = TABLE.replace(
        "\tif (!value)\n\t\treturn -EINVAL;\n\td->table[i] = value;\n\treturn 0;\n",
        "\tint r = -EINVAL;\n\n\tlock();\n\tif (!value)\n\t\tgoto out;\n\td->table[i] = value;\n\tr = 0;\nout:\n\tunlock();\n\treturn r;\n",
    );
    let candidates = [
        "\tif (i >= ARRAY_SIZE(d->table))\n\t\treturn -EINVAL;\n\td->table[i] = value;",
        "\tif (i >= ARRAY_SIZE(d->table))\n\t\tgoto out;\n\td->table[i] = value;",
    ];
    let outcome = run(&source, "set", "\td->table[i] = value;", &candidates, 60);
    assert_eq!(
        added(&outcome),
        "if (i >= ARRAY_SIZE(d->table)) goto out;",
        "{:?}",
        outcome.cost
    );
}

#[test]
fn plain_c_keeps_to_its_own_words() {
    let source = "#include <string.h>\n\
        #define MAX_NAME 32\n\
        static char name[MAX_NAME];\n\
        int set_name(const char *s, size_t n)\n{\n\
        \tif (!s)\n\t\treturn -1;\n\
        \tmemcpy(name, s, n);\n\
        \treturn 0;\n}\n";
    let candidates = [
        "\tif (n > 32)\n\t\treturn 1;\n\tmemcpy(name, s, n);",
        "\tif (n >= sizeof(name))\n\t\tn = sizeof(name);\n\tmemcpy(name, s, n);",
        "\tif (n > sizeof(name))\n\t\treturn -1;\n\tmemcpy(name, s, n);",
    ];
    let outcome = run(source, "set_name", "\tmemcpy(name, s, n);", &candidates, 60);
    assert_eq!(
        added(&outcome),
        "if (n > sizeof(name)) return -1;",
        "{:?}",
        outcome.cost
    );
}

#[test]
fn a_void_function_of_the_kernel_cuts_with_min_t() {
    let source = "#include <linux/kernel.h>\n\
        struct dev { char name[16]; };\n\
        void set_name(struct dev *d, const char *s, size_t n)\n{\n\
        \tmemcpy(d->name, s, n);\n}\n";
    let candidates = [
        "\tif (n > 16)\n\t\tn = 16;\n\tmemcpy(d->name, s, n);",
        "\tmemcpy(d->name, s, min_t(size_t, n, sizeof(d->name)));",
    ];
    let outcome = run(source, "set_name", "\tmemcpy(d->name, s, n);", &candidates, 60);
    assert_eq!(
        added(&outcome),
        "memcpy(d->name, s, min_t(size_t, n, sizeof(d->name)));",
        "{:?}",
        outcome.cost
    );
}
