//! Which functions of one file a change reaches: by its text where only bodies changed, else by what the two versions are lowered
//! to.

use std::collections::{BTreeMap, BTreeSet};

use vf_frontend::Loaded;
use vf_ir::restrict::visit_spans;
use vf_ir::{Body, FunctionId, Program, Restricted};
use vf_source::Span;

use crate::ctext::functions::functions;
use crate::ctext::lex::{mentions, normalised};

/// The functions that a file defines in either version, as far as a change is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Functions that the file itself defines. An inline function of a header is judged where it is called.
    defined: BTreeSet<String>,
    /// What they do by themselves has changed, or one of the versions does not have them.
    touched: BTreeSet<String>,
    /// By function, touched or not: functions of the file that call it.
    pub callers: BTreeMap<String, BTreeSet<String>>,
}

impl Reach {
    /// The touched functions and those that call them.
    pub fn with_callers(&self) -> BTreeSet<String> {
        let mut names = self.touched.clone();
        names.extend(self.touched.iter().flat_map(|name| self.callers_of(name)));
        names.retain(|name| self.defined.contains(name));
        names
    }

    /// Functions of the file, or inline ones of its headers, that have changed.
    pub fn touched(&self) -> impl Iterator<Item = &String> {
        self.touched.iter()
    }

    pub fn defines(&self, name: &str) -> bool {
        self.defined.contains(name)
    }

    pub fn callers_of(&self, name: &str) -> impl Iterator<Item = String> {
        self.callers.get(name).into_iter().flatten().cloned()
    }

    /// What a change of text adds to one of what it is lowered to: functions that cannot be lowered are compared by their words.
    pub fn and(mut self, other: Reach) -> Reach {
        self.defined.extend(other.defined);
        self.touched.extend(other.touched);
        for (name, callers) in other.callers {
            self.callers.entry(name).or_default().extend(callers);
        }
        self
    }

    /// Every function of the file, where it cannot be told which are reached.
    pub fn everything(mut self) -> Reach {
        self.touched = self.defined.clone();
        self
    }

    /// Functions that call one of `names`, directly or by others, and are none of them.
    pub fn beyond(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let mut found = names.clone();
        let mut todo: Vec<String> = names.iter().cloned().collect();
        while let Some(name) = todo.pop() {
            for caller in self.callers_of(&name) {
                if found.insert(caller.clone()) {
                    todo.push(caller);
                }
            }
        }
        found.retain(|name| !names.contains(name));
        found
    }
}

/// By text: the functions of which a word changed.
pub(super) fn by_text(old: &str, new: &str) -> Reach {
    let bodies = |text: &str| -> BTreeMap<String, (String, String)> {
        let found = functions(text).into_iter();
        let of = |range| text.get(range).unwrap_or_default();
        found
            .map(|f| (f.name, (normalised(of(f.range)), of(f.body).to_string())))
            .collect()
    };
    let (old, new) = (bodies(old), bodies(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let words = |version: &BTreeMap<String, (String, String)>, name: &String| {
        version.get(name).map(|(words, _)| words.clone())
    };
    let mut reach = Reach {
        defined: names.iter().map(|name| (*name).clone()).collect(),
        ..Reach::default()
    };
    for name in &names {
        if words(&old, name) != words(&new, name) {
            reach.touched.insert((*name).clone());
        }
    }
    for (caller, (_, body)) in old.iter().chain(&new) {
        for name in names
            .iter()
            .filter(|name| **name != caller && mentions(body, name))
        {
            reach
                .callers
                .entry((*name).clone())
                .or_default()
                .insert(caller.clone());
        }
    }
    reach
}

/// Whether only bodies of functions, or their headers, differ between two texts of a file.
pub(super) fn only_functions(old: &str, new: &str) -> bool {
    let around = |text: &str| {
        let mut rest = String::new();
        let mut at = 0;
        for function in functions(text) {
            rest.push_str(text.get(at..function.range.start).unwrap_or_default());
            rest.push('\n');
            at = function.range.end;
        }
        rest.push_str(text.get(at..).unwrap_or_default());
        normalised(&rest)
    };
    around(old) == around(new)
}

/// By what they are lowered to: functions of which the own text, a type, a constant or a declaration that they name is another
/// one. (A function that could not be lowered looks the same whatever stands in it: [`by_text`] sees its words.)
pub(super) fn by_program(old: &Loaded, new: &Loaded) -> Reach {
    let versions = [Lowered::new(old), Lowered::new(new)];
    let names: BTreeSet<&str> = versions
        .iter()
        .flat_map(|v| v.functions.keys().copied())
        .collect();
    let own = |version: &Lowered<'_>, name: &str| {
        let id = version.functions.get(name)?;
        Some(own_text(version.program, *id))
    };
    let [before, after] = &versions;
    let changed = names.iter().filter(|name| own(before, name) != own(after, name));
    let changed: BTreeSet<&str> = changed.copied().collect();
    let in_main = |name: &str| versions.iter().any(|v| v.main.contains(name));
    let mut callers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for version in &versions {
        for (caller, id) in &version.functions {
            let named = Restricted::alone(version.program, *id);
            for callee in named.functions.iter().filter(|callee| *callee != id) {
                let callee = version.program.function(*callee).name.as_str();
                callers.entry(callee).or_default().insert(caller);
            }
        }
    }
    // The callers in the file stand for an inline function of a header that calls.
    let callers_in_main = |name: &str| -> BTreeSet<String> {
        let (mut found, mut seen, mut todo) = (BTreeSet::new(), BTreeSet::from([name]), vec![name]);
        while let Some(next) = todo.pop() {
            for caller in callers.get(next).into_iter().flatten() {
                if in_main(caller) {
                    found.insert((*caller).to_string());
                } else if seen.insert(caller) {
                    todo.push(caller);
                }
            }
        }
        found
    };
    Reach {
        callers: names
            .iter()
            .filter(|name| in_main(name) || changed.contains(*name))
            .map(|name| ((*name).to_string(), callers_in_main(name)))
            .collect(),
        defined: names
            .iter()
            .filter(|name| in_main(name))
            .map(|n| (*n).to_string())
            .collect(),
        touched: changed.into_iter().map(str::to_string).collect(),
    }
}

/// The functions of one version that have a body.
struct Lowered<'p> {
    program: &'p Program,
    functions: BTreeMap<&'p str, FunctionId>,
    /// Those of the file itself.
    main: BTreeSet<&'p str>,
}

impl<'p> Lowered<'p> {
    fn new(loaded: &'p Loaded) -> Lowered<'p> {
        let program = &loaded.program;
        let mut lowered = Lowered {
            program,
            functions: BTreeMap::new(),
            main: BTreeSet::new(),
        };
        for (number, function) in (0..).zip(&program.functions) {
            if matches!(function.body, Body::Declared) || function.library_model {
                continue;
            }
            lowered.functions.insert(&function.name, FunctionId(number));
            if loaded.main_files.contains(&function.span.file) {
                lowered.main.insert(&function.name);
            }
        }
        lowered
    }
}

/// What a function is by itself, without where it stands and how literals and nameless types are numbered.
fn own_text(program: &Program, id: FunctionId) -> String {
    let mut own = Restricted::alone(program, id).program;
    visit_spans(&mut own, &mut |span| *span = Span::NONE);
    for global in own.globals.iter_mut().filter(|g| g.name.starts_with(".str.")) {
        global.name.truncate(".str".len());
    }
    for record in own.records.iter_mut().filter(|r| r.name.starts_with('<')) {
        record.name.clear();
    }
    format!("{own:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "#define N 8\nint t[N];\nint get(int i)\n{\n\treturn t[i];\n}\n\nint twice(int i)\n{\n\
                       \treturn 2 * get(i);\n}\nint four(int i)\n{\n\treturn twice(twice(i));\n}\n";

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|n| (*n).to_string()).collect()
    }

    #[test]
    fn by_their_words() {
        let new = OLD.replace("return t[i]", "return i < N ? t[i] : 0");
        let reach = by_text(OLD, &new);
        assert_eq!(reach.touched, names(&["get"]));
        assert_eq!(reach.with_callers(), names(&["get", "twice"]));
        assert_eq!(reach.beyond(&reach.with_callers()), names(&["four"]));
        let comment = OLD.replace("return 2", "/* two */ return  2");
        assert_eq!(by_text(OLD, &comment).touched, names(&[]));
        let more = format!("{OLD}int other(void) {{ return 0; }}\n");
        assert_eq!(by_text(OLD, &more).touched, names(&["other"]));
    }

    #[test]
    fn everything_where_it_cannot_be_told() {
        let reach = by_text(OLD, &OLD.replace("N 8", "N 9"));
        assert_eq!(reach.with_callers(), names(&[]));
        assert_eq!(
            reach.everything().with_callers(),
            names(&["four", "get", "twice"])
        );
    }

    #[test]
    fn what_lies_outside_of_functions() {
        assert!(only_functions(OLD, &OLD.replace("t[i]", "t[i - 1]")));
        assert!(only_functions(
            OLD,
            &OLD.replace("int four(int i)", "long four(long i)")
        ));
        assert!(only_functions(OLD, &format!("/* comment */\n{OLD}")));
        assert!(!only_functions(OLD, &OLD.replace("N 8", "N 9")));
        assert!(!only_functions(OLD, &OLD.replace("int get", "int u;\nint get")));
    }
}
