//! Which of the user's compiler flags a harness keeps.

use std::path::Path;

/// Flags of the user's build that change what the program means, and those that the linker needs. Paths
/// that start at the build's directory are made absolute, because the harness is compiled elsewhere.
///
/// Everything else is dropped: optimisation, warnings, outputs, and code generation that a user-space program
/// does not bear (`-mcmodel=kernel`, `-mno-sse`).
pub fn flags_that_matter(flags: &[String], directory: &Path) -> (Vec<String>, Vec<String>) {
    const WITH_PATH: [&str; 8] = [
        "-include",
        "-imacros",
        "-isystem",
        "-iquote",
        "-idirafter",
        "-isysroot",
        "-iprefix",
        "-I",
    ];
    const KEPT: [&str; 15] = [
        "-ansi",
        "-nostdinc",
        "-undef",
        "-pthread",
        "-m32",
        "-m64",
        "-funsigned-char",
        "-fsigned-char",
        "-fwrapv",
        "-fno-strict-overflow",
        "-fshort-wchar",
        "-fshort-enums",
        "-fms-extensions",
        "-fplan9-extensions",
        "-fgnu89-inline",
    ];
    let absolute = |path: &str| {
        if path.is_empty() || path.starts_with(['/', '=']) {
            path.to_string()
        } else {
            directory.join(path).to_string_lossy().into_owned()
        }
    };
    let mut meaning = Vec::new();
    let mut link = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if WITH_PATH.contains(&flag.as_str()) {
            if let Some(path) = flags.next() {
                meaning.extend([flag.clone(), absolute(path)]);
            }
        } else if let Some((option, path)) = WITH_PATH
            .iter()
            .find_map(|o| flag.strip_prefix(o).map(|p| (*o, p)))
        {
            meaning.extend([option.to_string(), absolute(path)]);
        } else if matches!(flag.as_str(), "-D" | "-U") {
            if let Some(macro_text) = flags.next() {
                meaning.push(format!("{flag}{macro_text}"));
            }
        } else if flag.starts_with("-D_FORTIFY_SOURCE") {
            // Needs optimisation, and its own checks would abort before the sanitizer sees the access.
        } else if flag.starts_with("-D")
            || flag.starts_with("-U")
            || flag.starts_with("-std=")
            || flag.starts_with("--sysroot=")
            || KEPT.contains(&flag.as_str())
        {
            meaning.push(flag.clone());
        } else if flag == "-o" || flag == "-x" || flag == "-MF" || flag == "-MT" || flag == "-MQ" {
            flags.next();
        } else if let Some(path) = flag.strip_prefix("-L") {
            link.push(format!("-L{}", absolute(path)));
        } else if flag.starts_with("-l") {
            link.push(flag.clone());
        }
    }
    (meaning, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_meaning_and_makes_paths_absolute() {
        let flags: Vec<String> =
            "-O2 -Wall -Iinc -I /abs -include conf.h -DA=1 -D B -o out.o -mcmodel=kernel \
             -D_FORTIFY_SOURCE=2 -std=gnu11 -isystemsys -lm -Llib -funsigned-char -Werror file.c"
                .split_whitespace()
                .map(String::from)
                .collect();
        let (meaning, link) = flags_that_matter(&flags, Path::new("/build"));
        assert_eq!(
            meaning,
            [
                "-I",
                "/build/inc",
                "-I",
                "/abs",
                "-include",
                "/build/conf.h",
                "-DA=1",
                "-DB",
                "-std=gnu11",
                "-isystem",
                "/build/sys",
                "-funsigned-char"
            ]
        );
        assert_eq!(link, ["-lm", "-L/build/lib"]);
    }

    #[test]
    fn a_flag_without_its_argument_is_dropped() {
        for flag in ["-I", "-D", "-include", "-o"] {
            assert_eq!(
                flags_that_matter(&[flag.to_string()], Path::new("/")),
                (Vec::new(), Vec::new())
            );
        }
    }
}
