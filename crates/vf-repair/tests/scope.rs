//! What a patch is checked in, with the real front end and prover: functions that it reaches by types, macros and headers, and
//! no others.

use std::path::{Path, PathBuf};
use std::process::Command;

use vf_frontend::{Loaded, Options};
use vf_repair::contracts::Keeps;
use vf_repair::prover::Tree;
use vf_repair::{
    CheckError, CheckRequest, Checked, Checker, PatchInput, PatchReport, PatchVerdict, Precondition,
    ProverChecker, judge_patch,
};
use vf_verify::CheckOptions;

/// The prover, and what it was asked.
struct Asked {
    prover: ProverChecker<'static>,
    /// File name and functions, of each question.
    asked: Vec<(String, Vec<String>)>,
}

impl Checker for Asked {
    fn check(&mut self, request: &CheckRequest<'_>) -> Result<Checked, CheckError> {
        let file = request
            .file
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let mut names = request.functions.to_vec();
        names.sort();
        self.asked.push((file, names));
        self.prover.check(request)
    }

    fn load(&mut self, request: &CheckRequest<'_>) -> Result<Option<Loaded>, CheckError> {
        self.prover.load(request)
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("temporary directory"));
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn root(&self) -> PathBuf {
        self.0.path().canonicalize().expect("a folder")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
        std::fs::write(path, text).expect("file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).expect("file")
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.0.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(arguments)
            .output()
            .expect("git runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn judge(&self, input: &PatchInput) -> (PatchReport, Vec<(String, Vec<String>)>) {
        let options = Options::new("cc");
        let check = CheckOptions {
            rlimit: Some(3_000_000),
            ..CheckOptions::default()
        };
        let mut prover = ProverChecker::new(options, check);
        prover.tree = Some(Tree {
            root: self.root(),
            more_flags: Vec::new(),
        });
        let mut checker = Asked {
            prover,
            asked: Vec::new(),
        };
        let report = judge_patch(input, &mut checker, None).expect("it can be judged");
        (report, checker.asked)
    }

    /// The change of one file from its text to another one.
    fn change(&self, changes: &[(&str, &str, &str)]) -> PatchInput {
        let text = changes.iter().map(|(file, from, to)| {
            let old = self.read(file);
            assert!(old.contains(from), "{from}");
            vf_source::diff::diff(file, &old, &old.replacen(from, to, 1))
        });
        PatchInput::Patch {
            text: text.collect(),
            tree: self.root(),
        }
    }
}

fn both(file: &str, names: &[&str]) -> Vec<(String, Vec<String>)> {
    let names: Vec<String> = names.iter().map(|n| (*n).to_string()).collect();
    vec![(file.to_string(), names.clone()), (file.to_string(), names)]
}

const PLAIN: &str = "#define SMALL 4\n#define LARGE 8\nstruct pair { int first[LARGE]; int rest; };\nstruct other { int x; };\n\
    int get(struct pair *p, unsigned i)\n{\n\treturn i <= SMALL ? p->first[i] : 0;\n}\n\
    int x(struct other *o)\n{\n\treturn o->x;\n}\n\
    int size(void)\n{\n\tint a[LARGE] = { 0 };\n\treturn a[LARGE - 1];\n}\n\
    int calls(struct pair *p)\n{\n\treturn get(p, 1);\n}\n\
    int further(struct pair *p)\n{\n\treturn calls(p);\n}\n";

#[test]
fn a_type_reaches_those_that_name_it() {
    let folder = Folder::new(&[("a.c", PLAIN)]);
    let (report, asked) = folder.judge(&folder.change(&[("a.c", "int x; }", "char y; int x; }")]));
    assert_eq!(asked, both("a.c", &["x"]));
    assert_eq!(report.not_looked_at, []);
}

#[test]
fn a_macro_reaches_those_that_it_changes() {
    let folder = Folder::new(&[("a.c", PLAIN)]);
    let (report, asked) = folder.judge(&folder.change(&[("a.c", "SMALL 4", "SMALL 8")]));
    // `get` asks for more now, so that those count too that call it by way of others.
    let twice = [
        both("a.c", &["calls", "get"]),
        both("a.c", &["calls", "further", "get"]),
    ];
    assert_eq!(asked, twice.concat());
    assert_eq!(report.verdict, PatchVerdict::Regressed);
    assert_eq!(report.not_looked_at, []);
    // A macro that nobody uses, or that means the same, reaches nobody; there is nothing to check then.
    let (report, asked) = folder.judge(&folder.change(&[("a.c", "LARGE 8", "LARGE (4 + 4)")]));
    assert_eq!((asked, report.verdict), (Vec::new(), PatchVerdict::Unknown));
}

#[test]
fn a_header_reaches_the_files_that_include_it() {
    let header =
        "#define ROOM 8\nstatic inline int clamp(int i) { return i < 0 ? 0 : i >= ROOM ? ROOM - 1 : i; }\n";
    let files = [
        ("inc/room.h", header),
        (
            "a.c",
            "#include \"inc/room.h\"\nint t[8];\nint a(int i)\n{\n\treturn t[clamp(i)];\n}\nint b(void)\n{\n\treturn t[0];\n}\n",
        ),
        (
            "sub/c.c",
            "#include <room.h>\nint u[8];\nint c(int i)\n{\n\treturn u[clamp(i)];\n}\n",
        ),
        ("sub/d.c", "int d(void)\n{\n\treturn 0;\n}\n"),
    ];
    let folder = Folder::new(&files);
    // The C file is in the patch, another one that includes the header is not.
    let change = folder.change(&[
        ("inc/room.h", "ROOM 8", "ROOM 9"),
        ("a.c", "return t[0]", "return t[1]"),
    ]);
    let (report, asked) = folder.judge(&change);
    assert_eq!(asked, both("a.c", &["a", "b"]));
    assert_eq!(report.verdict, PatchVerdict::Regressed);
    let [other] = &report.not_looked_at[..] else {
        panic!("{:?}", report.not_looked_at)
    };
    assert!(Path::new(&other.file).ends_with("sub/c.c"), "{other:?}");
    assert_eq!(other.function, None);
    // A compilation database finds it, and says with which flags it is compiled.
    folder.write(
        "compile_commands.json",
        r#"[{"directory": "", "file": "sub/c.c", "arguments": ["cc", "-Iinc", "-c", "sub/c.c"]},
            {"directory": "", "file": "sub/d.c", "arguments": ["cc", "-c", "sub/d.c"]}]"#,
    );
    let (report, asked) = folder.judge(&folder.change(&[("inc/room.h", "ROOM 8", "ROOM 9")]));
    assert_eq!(asked, both("c.c", &["c"]));
    assert_eq!(report.introduced.len(), 1, "{:?}", report.introduced);
    let [other] = &report.not_looked_at[..] else {
        panic!("{:?}", report.not_looked_at)
    };
    assert!(Path::new(&other.file).ends_with("a.c"), "{other:?}");
}

#[test]
fn revisions_are_read_as_they_were() {
    let source =
        "#include \"room.h\"\nint t[ROOM];\nint get(int i)\n{\n\treturn i < 0 || i > 7 ? 0 : t[i];\n}\n";
    let folder = Folder::new(&[
        ("a.c", source),
        ("room.h", "#define ROOM 8\n"),
        ("same.h", "#define N 1\n"),
    ]);
    folder.git(&["init", "-q"]);
    folder.git(&["add", "."]);
    folder.git(&["commit", "-qm", "one"]);
    folder.write("room.h", "#define ROOM 7\n");
    folder.git(&["commit", "-qam", "two"]);
    folder.write("a.c", &source.replace("i > 7", "i > 6"));
    folder.git(&["commit", "-qam", "three"]);
    // The working tree is at none of them, and has changes that nobody has committed.
    folder.write("room.h", "#error not this one\n");
    folder.write("a.c", "int other;\n");
    let before = folder.git(&["status", "--porcelain"]);
    let judge = |from: &str, to: &str| {
        folder.judge(&PatchInput::Revisions {
            repository: folder.root(),
            from: from.to_string(),
            to: to.to_string(),
        })
    };
    // Only the header changed: the file that includes it is not in the patch.
    let (report, asked) = judge("HEAD~2", "HEAD~1");
    assert_eq!(asked, [], "the header has no function of its own");
    assert!(report.not_looked_at.iter().any(|n| n.file.ends_with("a.c")));
    // Only the C file changed: the header is the one of both revisions.
    let (report, asked) = judge("HEAD~1", "HEAD");
    assert_eq!(asked, both("a.c", &["get"]));
    assert_eq!(report.verdict, PatchVerdict::ProvenFix);
    // Both: the header is another one on each side.
    let (report, _) = judge("HEAD~2", "HEAD");
    assert_eq!((report.fixed.len(), report.introduced.len()), (0, 0));
    let (report, _) = judge("HEAD", "HEAD~1");
    assert_eq!(report.verdict, PatchVerdict::Regressed);
    assert_eq!(folder.git(&["status", "--porcelain"]), before);
    assert_eq!(folder.read("room.h"), "#error not this one\n");
}

const PUT: &str = "int put(int *a, int n)\n{\n\tif (n < 1)\n\t\treturn 0;\n\ta[n] = 1;\n\treturn 1;\n}\n\
    void wide(void)\n{\n\tint b[9];\n\tput(b, 8);\n}\n\
    void narrow(void)\n{\n\tint b[8];\n\tput(b, 8);\n}\n\
    void wrapper(void)\n{\n\tnarrow();\n}\n";

#[test]
fn a_root_cause_makes_the_contract_weaker() {
    let folder = Folder::new(&[("a.c", PUT)]);
    let (report, asked) = folder.judge(&folder.change(&[("a.c", "a[n]", "a[n - 1]")]));
    assert_eq!(asked, both("a.c", &["narrow", "put", "wide"]));
    assert_eq!((report.fixed.len(), report.introduced.len()), (1, 0));
    let put = report
        .contracts
        .iter()
        .find(|c| c.function == "put")
        .expect("it was changed");
    assert_eq!(put.precondition, Precondition::Weaker, "{put:?}");
    assert!(put.before.iter().any(|c| c.contains("0 .. n)")), "{put:?}");
    assert_eq!((&put.beyond_usual[..], &put.callers[..]), (&[][..], &[][..]));
    let beyond: Vec<_> = report
        .not_looked_at
        .iter()
        .filter_map(|n| n.function.as_deref())
        .collect();
    assert_eq!(beyond, ["wrapper"]);
}

#[test]
fn a_symptom_leaves_the_matter_to_the_callers() {
    let folder = Folder::new(&[("a.c", PUT)]);
    // The function says what it needs, and stays as it is.
    let (from, to) = (
        "int put(int *a, int n)\n{\n",
        "/*@ requires \\valid(a + (0 .. n)); */\nint put(int *a, int n)\n{\n\tint done = 1;\n",
    );
    let (report, _) = folder.judge(&folder.change(&[("a.c", from, to)]));
    let put = report
        .contracts
        .iter()
        .find(|c| c.function == "put")
        .expect("it was changed");
    assert!(put.beyond_usual.iter().any(|c| c.contains("0 .. n)")), "{put:?}");
    let keeps = |name: &str| put.callers.iter().find(|c| c.function == name).map(|c| c.keeps);
    assert_eq!(keeps("wide"), Some(Keeps::Yes), "{put:?}");
    assert_eq!(keeps("narrow"), Some(Keeps::No), "{put:?}");
    assert_ne!(report.verdict, PatchVerdict::ProvenFix);
}

#[test]
fn a_larger_contract_reaches_the_callers_of_the_callers() {
    // `middle` hands its own parameters on: what it asks changes with what `put` asks.
    let text = format!(
        "{}void middle(int *a, int n)\n{{\n\tput(a, n);\n}}\nvoid top(void)\n{{\n\tint b[8];\n\tmiddle(b, 8);\n}}\n",
        PUT.split("void wide")
            .next()
            .expect("a function")
            .replace("a[n]", "a[n - 1]")
    );
    let folder = Folder::new(&[("a.c", &text)]);
    let (report, asked) = folder.judge(&folder.change(&[("a.c", "a[n - 1]", "a[n]")]));
    assert_eq!(asked.first(), both("a.c", &["middle", "put"]).first());
    assert_eq!(
        asked.last(),
        both("a.c", &["middle", "put", "top"]).last(),
        "{:?}",
        report.contracts
    );
    assert_eq!(report.verdict, PatchVerdict::Regressed);
}
