//! What a function uses from outside of it, found by name: macros, types, variables, callees; and one caller.
//!
//! Chosen by dependency, not by nearness: what the function names comes first, then what that names, and so on, from its own file and
//! from the headers of the tree that the file includes. The text is what the user wrote, found by its shape before any
//! preprocessing; a name with several definitions (`#ifdef`) has the first one. It is read by a model and proves nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use crate::ctext::functions::{FunctionText, functions, matching};
use crate::ctext::lex::{Token, TokenKind, is_keyword, macro_of, tokens};
use crate::ctext::outline::Outline;
use crate::flags::tree_flags;
use vf_source::line_of;

/// Files that are read, and their bytes together, at most.
const FILES: usize = 200;
const BYTES: usize = 8 << 20;
/// Steps from the function: what it names, what that names, what that names.
const STEPS: usize = 3;
/// Longer functions are shown by their heads, longer callers around the call.
const WHOLE_CALLEE: usize = 30;
const WHOLE_CALLER: usize = 60;
/// Lines before and after the call.
const AROUND: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UsedKind {
    Macro,
    Type,
    Variable,
    Function,
    Caller,
}

/// One definition, as it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    pub kind: UsedKind,
    pub name: String,
    /// Relative to the tree.
    pub file: PathBuf,
    /// From 1.
    pub line: u32,
    pub text: String,
    /// Steps from the function, from 1.
    pub step: usize,
}

/// A definition in one text.
#[derive(Debug)]
struct Definition {
    kind: UsedKind,
    names: Vec<String>,
    range: Range<usize>,
    /// Of a function: its body.
    body: Option<Range<usize>>,
}

struct Source {
    file: PathBuf,
    text: String,
    definitions: Vec<Definition>,
}

/// What `function` of `file` (relative to the tree, its text as given) uses, the nearest first, and last one caller.
pub fn uses(tree: Option<&Path>, file: &Path, text: &str, function: &str) -> Vec<Used> {
    let sources = sources(tree, file, text);
    let Some(own) = functions(text).into_iter().find(|f| f.name == function) else {
        return Vec::new();
    };
    let mut index: HashMap<&str, (usize, usize)> = HashMap::new();
    for (at, source) in sources.iter().enumerate() {
        for (number, definition) in source.definitions.iter().enumerate() {
            for name in &definition.names {
                let place = index.entry(name).or_insert((at, number));
                // A definition says more than the prototype before it.
                let known = sources.get(place.0).and_then(|s| s.definitions.get(place.1));
                if definition.body.is_some()
                    && known.is_some_and(|k| k.kind == UsedKind::Function && k.body.is_none())
                {
                    *place = (at, number);
                }
            }
        }
    }
    let mut seen: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut found = Vec::new();
    let mut names = names_outside(text, &own);
    for step in 1..=STEPS {
        let mut next = Vec::new();
        for name in names {
            if name == function || is_well_known(&name) {
                continue;
            }
            let Some(place) = index.get(name.as_str()).copied().filter(|p| seen.insert(*p)) else {
                continue;
            };
            let Some(source) = sources.get(place.0) else {
                continue;
            };
            let Some(definition) = source.definitions.get(place.1) else {
                continue;
            };
            let shown = shown(source, definition);
            next.extend(named(&shown));
            found.push(Used {
                kind: definition.kind,
                name,
                file: source.file.clone(),
                line: line_of(&source.text, definition.range.start),
                text: shown,
                step,
            });
        }
        names = next;
    }
    found.extend(caller(&sources, function));
    found
}

/// What every programmer knows, and every model: the room is for what they do not.
fn is_well_known(name: &str) -> bool {
    let integer = name.strip_suffix("_t").unwrap_or(name);
    let integer = integer
        .trim_start_matches("__")
        .trim_start_matches(['u', 's'])
        .trim_start_matches("int");
    matches!(
        name,
        "NULL"
            | "bool"
            | "true"
            | "false"
            | "size_t"
            | "ssize_t"
            | "ptrdiff_t"
            | "uintptr_t"
            | "intptr_t"
            | "gfp_t"
    ) || matches!(integer, "8" | "16" | "32" | "64")
        || matches!(
            name,
            "GFP_KERNEL"
                | "GFP_ATOMIC"
                | "EINVAL"
                | "ENOMEM"
                | "EIO"
                | "EFAULT"
                | "ENOSPC"
                | "ERANGE"
                | "EOVERFLOW"
        )
        || matches!(
            name,
            "E2BIG"
                | "EMSGSIZE"
                | "ENODEV"
                | "ENOENT"
                | "EPERM"
                | "EBUSY"
                | "ENAMETOOLONG"
                | "EBADMSG"
                | "EPROTO"
        )
        || matches!(
            name,
            "memcpy"
                | "memmove"
                | "memset"
                | "memcmp"
                | "strlen"
                | "strnlen"
                | "strcpy"
                | "strncpy"
                | "strcat"
        )
        || matches!(
            name,
            "strncat"
                | "strcmp"
                | "strncmp"
                | "strchr"
                | "strrchr"
                | "sprintf"
                | "snprintf"
                | "printf"
                | "malloc"
        )
        || matches!(
            name,
            "calloc" | "realloc" | "free" | "kmalloc" | "kzalloc" | "kcalloc" | "kfree"
        )
}

/// The file, and the headers of the tree that it includes, the nearest first.
fn sources(tree: Option<&Path>, file: &Path, text: &str) -> Vec<Source> {
    let mut found = vec![Source::of(file, text)];
    let Some(tree) = tree else {
        return found;
    };
    let folders = folders(tree, file);
    let root = tree.canonicalize().ok();
    let mut seen: BTreeSet<PathBuf> = BTreeSet::from([plain(file)]);
    let mut bytes = text.len();
    let mut open: VecDeque<usize> = VecDeque::from([0]);
    while let Some(at) = open.pop_front() {
        let Some(source) = found.get(at) else { break };
        let beside = source.file.parent().map(Path::to_path_buf).unwrap_or_default();
        for name in included(&source.text) {
            let candidates = std::iter::once(&beside)
                .chain(&folders)
                .map(|f| plain(&f.join(&name)));
            let read = candidates.filter(|path| !seen.contains(path)).find_map(|path| {
                // A link must not lead what lies elsewhere into a prompt.
                let real = tree.join(&path).canonicalize().ok()?;
                let inside = root.as_ref().is_some_and(|root| real.starts_with(root));
                // Nor a pipe, or what is larger than all of it may be, hold the run up.
                let kind = std::fs::metadata(&real).ok()?;
                let is_text = kind.is_file() && kind.len() <= BYTES as u64;
                let text = (inside && is_text)
                    .then(|| std::fs::read_to_string(real).ok())
                    .flatten()?;
                Some((path, text))
            });
            let Some((path, text)) = read else { continue };
            bytes += text.len();
            if found.len() >= FILES || bytes > BYTES {
                return found;
            }
            open.push_back(found.len());
            found.push(Source::of(&path, &text));
            seen.insert(path);
        }
    }
    found
}

/// Where headers are looked for, relative to the tree: what `-I` says, and where trees have them.
fn folders(tree: &Path, file: &Path) -> Vec<PathBuf> {
    let flags = tree_flags(tree, file).unwrap_or_default();
    let from = flags.directory.unwrap_or_else(|| tree.to_path_buf());
    let said = flags
        .flags
        .iter()
        .filter_map(|f| f.strip_prefix("-I"))
        .map(|f| from.join(f));
    let mut folders: Vec<PathBuf> = said
        .filter_map(|f| Some(f.strip_prefix(tree).ok()?.to_path_buf()))
        .collect();
    folders.extend([PathBuf::new(), PathBuf::from("include")]);
    folders
}

/// A path without `.` and `..`; what leads out of the tree stays outside, where nothing is read.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if found.pop() => {}
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            Component::ParentDir => return PathBuf::from("/"),
            Component::Normal(part) => found.push(part),
        }
    }
    found
}

/// Names of `#include` lines.
fn included(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|l| {
        let rest = l
            .trim_start()
            .strip_prefix('#')?
            .trim_start()
            .strip_prefix("include")?;
        let rest = rest.trim_start();
        let close = match rest.chars().next()? {
            '"' => '"',
            '<' => '>',
            _ => return None,
        };
        let name = rest.get(1..)?;
        name.get(..name.find(close)?).map(str::to_string)
    });
    lines.collect()
}

impl Source {
    fn of(file: &Path, text: &str) -> Source {
        Source {
            file: file.to_path_buf(),
            text: text.to_string(),
            definitions: definitions(text),
        }
    }
}

/// What a text defines or declares outside of functions.
fn definitions(text: &str) -> Vec<Definition> {
    let tokens = tokens(text);
    let functions = functions(text);
    let mut found = Vec::new();
    let mut bodies = functions.iter().peekable();
    let (mut i, mut start) = (0, 0);
    while let Some(token) = tokens.get(i) {
        if let Some(function) = bodies.next_if(|f| token.start >= f.range.start) {
            found.push(Definition {
                kind: UsedKind::Function,
                names: vec![function.name.clone()],
                range: with_contract(text, &function.range),
                body: Some(function.body.clone()),
            });
            while tokens.get(i).is_some_and(|t| t.start < function.range.end) {
                i += 1;
            }
            start = i;
            continue;
        }
        match (token.kind, token.text(text)) {
            (TokenKind::Directive, directive) => {
                found.extend(macro_of(directive).map(|name| Definition {
                    kind: UsedKind::Macro,
                    names: vec![name],
                    range: token.range(),
                    body: None,
                }));
                i += 1;
                start = i;
            }
            (_, ";") => {
                found.extend(tokens.get(start..=i).and_then(|part| declaration(text, part)));
                i += 1;
                start = i;
            }
            (_, "{" | "(" | "[") => match matching(text, &tokens, i) {
                Some(close) => i = close + 1,
                None => return found,
            },
            _ => i += 1,
        }
    }
    found
}

/// A contract written above a function belongs to it.
fn with_contract(text: &str, range: &Range<usize>) -> Range<usize> {
    let before = text.get(..range.start).unwrap_or("");
    let comment = before
        .trim_end()
        .ends_with("*/")
        .then(|| before.rfind("/*"))
        .flatten();
    match comment {
        Some(at) if before.get(at..).is_some_and(|c| c.starts_with("/*@")) => at..range.end,
        _ => range.clone(),
    }
}

/// The contract above a function.
pub fn contract<'a>(text: &'a str, span: &Range<usize>) -> Option<&'a str> {
    let whole = with_contract(text, span);
    (whole.start < span.start).then(|| text.get(whole.start..span.start).unwrap_or("").trim())
}

/// `struct s { ... };`, `enum { A, B };`, `typedef ... t;`, `int f(int);`, `static int table[4] = { ... };`
fn declaration(text: &str, part: &[Token]) -> Option<Definition> {
    let word = |i: usize| part.get(i).map_or("", |t| t.text(text));
    let is_name = |i: usize| {
        part.get(i)
            .is_some_and(|t| t.kind == TokenKind::Ident && !is_keyword(t.text(text)))
    };
    let mut names: Vec<String> = Vec::new();
    let mut kind = UsedKind::Variable;
    let mut depth = 0usize;
    let mut enumerators = false;
    let is_typedef = word(0) == "typedef";
    for i in 0..part.len() {
        match word(i) {
            "struct" | "union" | "enum" if depth == 0 => {
                let (tag, brace) = match is_name(i + 1) {
                    true => (Some(word(i + 1)), word(i + 2)),
                    false => (None, word(i + 1)),
                };
                if brace == "{" {
                    kind = UsedKind::Type;
                    enumerators = word(i) == "enum";
                    names.extend(tag.map(str::to_string));
                }
            }
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            name if is_name(i) => {
                let (before, after) = (i.checked_sub(1).map_or("", word), word(i + 1));
                let inside_enum = enumerators && depth == 1 && matches!(before, "{" | ",");
                let ends = matches!(after, ";" | "," | "=" | "[" | "(") && depth == 0;
                let points = before == "*" && depth == 1 && after == ")";
                let is_tag = matches!(before, "struct" | "union" | "enum");
                if inside_enum || (ends || points) && !is_tag {
                    if depth == 0
                        && after == "("
                        && !is_typedef
                        && kind == UsedKind::Variable
                        && names.is_empty()
                    {
                        kind = UsedKind::Function;
                    }
                    names.push(name.to_string());
                    // What follows belongs to the first declarator: parameters, a value.
                    if kind == UsedKind::Function || after == "=" {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    if is_typedef {
        kind = UsedKind::Type;
    }
    let range = part.first()?.start..part.last()?.end;
    (!names.is_empty()).then_some(Definition {
        kind,
        names,
        range,
        body: None,
    })
}

/// The text of a definition; of a long function, its head.
fn shown(source: &Source, definition: &Definition) -> String {
    let whole = source.text.get(definition.range.clone()).unwrap_or("").trim();
    match &definition.body {
        Some(body) if whole.lines().count() > WHOLE_CALLEE => {
            let head = source.text.get(definition.range.start..body.start).unwrap_or("");
            format!("{};", head.trim_end())
        }
        _ => whole.to_string(),
    }
}

/// Names in a text, each once, in order: no keywords, no members.
fn named(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        // What a macro stands for is one token.
        if token.kind == TokenKind::Directive {
            let body = token.text(text).trim_start_matches('#');
            found.extend(named(body).into_iter().filter(|n| seen.insert(n.clone())));
            continue;
        }
        let word = token.text(text);
        let before = i
            .checked_sub(1)
            .and_then(|b| tokens.get(b))
            .map_or("", |t| t.text(text));
        let is_member = matches!(before, "." | "->");
        if token.kind == TokenKind::Ident && !is_keyword(word) && !is_member && seen.insert(word.to_string())
        {
            found.push(word.to_string());
        }
    }
    found
}

/// Names in a function that it does not declare itself.
fn names_outside(text: &str, function: &FunctionText) -> Vec<String> {
    let outline = Outline::new(text, function);
    let whole = text.get(function.range.clone()).unwrap_or("");
    let mut names = named(whole);
    names.retain(|name| outline.declarator(name).is_none());
    names
}

/// A function that calls this one.
fn caller(sources: &[Source], function: &str) -> Option<Used> {
    sources.iter().find_map(|source| {
        source.definitions.iter().find_map(|definition| {
            let body = source.text.get(definition.body.clone()?)?;
            let tokens = tokens(body);
            let call = tokens.windows(2).find_map(|pair| {
                let is_call = pair[0].text(body) == function && pair[1].text(body) == "(";
                (is_call && pair[0].kind == TokenKind::Ident).then_some(pair[0].start)
            })?;
            let name = definition.names.first()?.clone();
            if name == function {
                return None;
            }
            let whole = source.text.get(definition.range.clone())?;
            let text = if whole.lines().count() <= WHOLE_CALLER {
                whole.trim().to_string()
            } else {
                let lines: Vec<&str> = body.lines().collect();
                let at = body.get(..call)?.matches('\n').count();
                let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(lines.len()));
                let head = source
                    .text
                    .get(definition.range.start..definition.body.clone()?.start)?;
                format!(
                    "{}\n...\n{}\n...",
                    head.trim_end(),
                    lines.get(from..to)?.join("\n")
                )
            };
            Some(Used {
                kind: UsedKind::Caller,
                name,
                file: source.file.clone(),
                line: line_of(&source.text, definition.range.start),
                text,
                step: 1,
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
#include \"limits.h\"
#define SLOTS (BASE + 2)
#define UNUSED 9
#ifndef GUARD
#define GUARD
enum mode { OFF, ON = 3 };
typedef unsigned int count_t;
struct item { count_t n; struct other *next; };
struct other;
static int table[SLOTS];
int outside(struct item *i);
static int small(int v)
{
	return v + 1;
}
/*@ requires n > 0; */
static int scale(int n) { return n * 2; }
int use(struct item *item, int UNUSED_NAME)
{
	int small_one = small(item->n);
	if (small_one == ON)
		return outside(item);
	return table[small_one] + scale(3);
}
int calls(struct item *i) { return use(i, 1); }
";

    fn kinds(found: &[Used]) -> Vec<(UsedKind, &str, usize)> {
        found.iter().map(|u| (u.kind, u.name.as_str(), u.step)).collect()
    }

    #[test]
    fn what_a_function_names_comes_before_what_that_names() {
        use UsedKind::*;
        let found = uses(None, Path::new("a.c"), TEXT, "use");
        assert_eq!(
            kinds(&found),
            [
                (Type, "item", 1),
                (Function, "small", 1),
                (Type, "ON", 1),
                (Function, "outside", 1),
                (Variable, "table", 1),
                (Function, "scale", 1),
                (Type, "count_t", 2),
                (Macro, "SLOTS", 2),
                (Caller, "calls", 1),
            ]
        );
        let text = |name: &str| found.iter().find(|u| u.name == name).map(|u| u.text.as_str());
        assert_eq!(text("ON"), Some("enum mode { OFF, ON = 3 };"));
        assert_eq!(text("outside"), Some("int outside(struct item *i);"));
        assert_eq!(
            text("scale"),
            Some("/*@ requires n > 0; */\nstatic int scale(int n) { return n * 2; }")
        );
        assert_eq!(found.first().map(|u| u.line), Some(8));
    }

    #[test]
    fn headers_of_the_tree_are_read_and_nothing_outside_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path().join("tree");
        for (name, text) in [
            (
                "tree/include/limits.h",
                "#include \"../../secret.h\"\n#include \"more.h\"\n#define BASE 4\n",
            ),
            (
                "tree/include/more.h",
                "#include <limits.h>\n#define LAST \\\n\t7\n",
            ),
            ("secret.h", "#define SECRET 1\n"),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, text).expect("written");
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret.h"), tree.join("include/link.h"))
            .expect("a link");
        let text =
            "#include <limits.h>\n#include <link.h>\nint f(int i) { return i + BASE + LAST + SECRET; }\n";
        let found = uses(Some(&tree), Path::new("src/f.c"), text, "f");
        assert_eq!(
            kinds(&found),
            [(UsedKind::Macro, "BASE", 1), (UsedKind::Macro, "LAST", 1)]
        );
        assert_eq!(found[1].text, "#define LAST \\\n\t7");
        assert_eq!(found[1].file, Path::new("include/more.h"));
    }

    #[test]
    fn garbage_is_no_panic() {
        for text in [
            "",
            "}",
            "int f(",
            "#define",
            "typedef;",
            "struct {",
            "enum { A,, } x;;",
            "int f() { \u{e9}",
        ] {
            assert!(uses(None, Path::new("x.c"), text, "f").is_empty() || text.contains("f("));
            let _ = definitions(text);
        }
    }
}
