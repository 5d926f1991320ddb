//! A harness as one file that can be handed on: beside it, only the source under test is needed, in whichever version.

use std::path::Path;

use super::text::shell_word;
use super::{
    ASAN_OPTIONS, BINARY, Harness, MAIN, MODELS, RUNTIME_FILE, SOURCE, STUBS, SourceText, UBSAN_OPTIONS,
    source_text,
};

/// Name of the file.
pub const REPRODUCER: &str = "reproducer.c";

/// The parts in which the file is compiled, because the program's own headers and the C library's may not meet in
/// one translation unit.
const PARTS: [(&str, &str); 4] = [
    (MAIN, "the input and the call, with the source under test"),
    (RUNTIME_FILE, "run-time"),
    (MODELS, "models of library functions"),
    (STUBS, "what nothing else defines"),
];

fn part(unit: &str) -> Option<usize> {
    PARTS.iter().position(|(name, _)| *name == unit).map(|i| i + 1)
}

impl Harness {
    /// The same program with everything but the source under test in one file.
    pub fn into_single(mut self) -> Harness {
        for command in &mut self.compile {
            let unit = command
                .iter()
                .enumerate()
                .find_map(|(i, word)| Some((i, part(word)?)));
            let Some((at, part)) = unit else { continue };
            let mut words = vec![format!("-DVF_PART={part}")];
            if part == 1 {
                words.push(format!("-DVF_SOURCE=\"{SOURCE}\""));
            }
            words.push(REPRODUCER.to_string());
            command.splice(at..=at, words);
        }
        self.single = true;
        self
    }

    /// Puts another version of the source under test in place of the one that is there.
    pub fn set_source(&mut self, source: &SourceText) {
        if let Some(file) = self.files.iter_mut().find(|(name, _)| name == SOURCE) {
            file.1 = source_text(source);
        }
    }

    /// Text of [`REPRODUCER`].
    pub fn joined(&self) -> String {
        let mut text = String::from(
            "/*\n * One file, compiled in parts (run.sh does it): each with -DVF_PART=N, and the first with\n \
             * -DVF_SOURCE='\"FILE.c\"', the source under test, which it includes.\n */\n",
        );
        for (index, (name, what)) in PARTS.iter().enumerate() {
            let word = if index == 0 { "#if" } else { "#elif" };
            text.push_str(&format!("\n{word} VF_PART == {} /* {what} */\n\n", index + 1));
            if let Some((_, part)) = self.files.iter().find(|(n, _)| n == name) {
                text.push_str(&part.replace(&format!("#include \"{SOURCE}\""), "#include VF_SOURCE"));
            }
        }
        text.push_str("\n#endif\n");
        text
    }

    /// A script that compiles [`REPRODUCER`] with a source file of the caller's and says whether it passes. Paths into
    /// the tree are written in terms of it, so that the script works on another machine.
    pub fn portable_script(&self, tree: &Path) -> String {
        let tree = tree.to_string_lossy();
        let mut script = format!(
            "#!/bin/sh\n\
             # Compiles {REPRODUCER} with a version of the source and runs it WITHOUT a sandbox.\n\
             #   [TREE=DIR] sh run.sh FILE.c\n\
             # PASS (0): the function returned and no sanitizer reported anything. FAIL (1): anything else.\n\
             # It does not compile: 2. TREE is where relative includes start from. It may run for a minute.\n\
             test -f \"$1\" || {{ echo 'usage: [TREE=DIR] sh run.sh FILE.c' >&2; exit 2; }}\n\
             source=$(cd \"$(dirname \"$1\")\" && pwd)/$(basename \"$1\")\n\
             here=$(cd \"$(dirname \"$0\")\" && pwd)\n\
             tree=${{TREE:-{}}}\n\
             work=$(mktemp -d) || exit 2\n\
             trap 'rm -rf \"$work\"' EXIT\n\
             limit=$(command -v timeout) && limit=\"$limit 60\"\n\
             cd \"$work\" || exit 2\n",
            shell_word(&tree)
        );
        for command in &self.compile {
            let words: Vec<String> = command.iter().map(|word| portable(word, &tree)).collect();
            script.push_str(&words.join(" "));
            script.push_str(" || exit 2\n");
        }
        script.push_str(&format!(
            "ASAN_OPTIONS={ASAN_OPTIONS} UBSAN_OPTIONS={UBSAN_OPTIONS} $limit ./{BINARY} >log 2>&1\n\
             status=$?\n\
             cat log\n\
             if [ $status -eq 0 ] && grep -q '^vf-replay: returned' log && ! grep -q 'runtime error:' log; then\n\
             \techo PASS\n\
             \texit 0\n\
             fi\n\
             echo FAIL\n\
             exit 1\n"
        ));
        script
    }
}

/// A word of a command, with the caller's paths for the reproducer, the source, and what lies in the tree.
fn portable(word: &str, tree: &str) -> String {
    if word == REPRODUCER {
        return format!("\"$here/{REPRODUCER}\"");
    }
    if word.starts_with("-DVF_SOURCE=") {
        return "\"-DVF_SOURCE=\\\"$source\\\"\"".to_string();
    }
    let inside = |at: usize| {
        let rest = word.get(at + tree.len()..).unwrap_or_default();
        rest.is_empty() || rest.starts_with('/')
    };
    match word.find(tree).filter(|at| !tree.is_empty() && inside(*at)) {
        Some(at) => {
            let quoted = |part: &str| {
                if part.is_empty() {
                    String::new()
                } else {
                    shell_word(part)
                }
            };
            let before = quoted(word.get(..at).unwrap_or_default());
            let after = quoted(word.get(at + tree.len()..).unwrap_or_default());
            format!("{before}\"$tree\"{after}")
        }
        None => shell_word(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_into_the_tree_follow_it() {
        assert_eq!(portable("-I/t/r/include", "/t/r"), "-I\"$tree\"/include");
        assert_eq!(portable("/t/r", "/t/r"), "\"$tree\"");
        assert_eq!(portable("-I/t/rest", "/t/r"), "-I/t/rest");
        assert_eq!(portable("-DA='x y'", "/t"), "'-DA='\\''x y'\\'''");
        assert_eq!(portable(REPRODUCER, "/t"), "\"$here/reproducer.c\"");
    }
}
