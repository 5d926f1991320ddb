//! Files that were preprocessed before they came here: `.i` files, and C files whose line markers name what lies
//! somewhere else. Their markers would attribute every function to files that nobody gave, so they are blanked: the file
//! is then its own source.

use std::path::Path;

use crate::spans::parse_marker;

/// Whether the compiler takes the file for preprocessed, and would print nothing for it.
pub fn is_preprocessed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "i")
}

/// The text with its line markers blanked, byte for byte; `None` where they are to stay. A C file keeps markers that name
/// files which are there: those of a parser generator, say.
pub fn without_markers(path: &Path, text: &str) -> Option<String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let missing =
        |name: &str| !name.starts_with('<') && !folder.join(name).exists() && !Path::new(name).exists();
    let mut any = false;
    let mut elsewhere = is_preprocessed(path);
    let mut blanked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match marked_file(line) {
            Some(name) => {
                any = true;
                elsewhere |= name.is_some_and(|name| missing(&name));
                blanked.extend(line.bytes().map(|c| if c == b'\n' { '\n' } else { ' ' }));
            }
            None => blanked.push_str(line),
        }
    }
    (any && elsewhere && blanked.len() == text.len()).then_some(blanked)
}

/// The file that a marker names, where the line is one (GCC's `# 1 "f"` or C's `#line 1 "f"`, C11 6.10.4).
fn marked_file(line: &str) -> Option<Option<String>> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start();
    let rest = rest.strip_prefix("line").map_or(rest, str::trim_start);
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let marker = format!("# {rest}");
    Some(parse_marker(marker.trim_end()).map(|m| m.file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_of_files_that_are_not_there_are_blanked() {
        let text = "# 1 \"gone.c\"\n#define N 3\nint f(void) { return N; }\n#line 60 \"gone.y\"\nint g;\n";
        let blank = without_markers(Path::new("/nowhere/x.c"), text).expect("markers to blank");
        assert_eq!(blank.len(), text.len());
        assert!(!blank.contains("gone"), "{blank}");
        assert!(blank.contains("#define N 3\n"), "{blank}");
        assert_eq!(
            without_markers(Path::new("/nowhere/x.c"), "int f;\n#define A 1\n"),
            None
        );
    }

    #[test]
    fn preprocessed_files_lose_all_markers() {
        let text = "# 1 \"<built-in>\"\nint f;\n";
        assert!(without_markers(Path::new("x.i"), text).is_some());
        assert_eq!(without_markers(Path::new("x.c"), text), None);
    }
}
