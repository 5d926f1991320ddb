//! Which C files of a tree include a changed header, as far as the text of their `#include` lines tells: by the end of
//! the path, whatever the flags say, so that none is missed.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::versions::has_extension;

/// Files of a tree that are looked into.
const MOST_FILES: usize = 20_000;
/// A larger file is not looked into.
const MOST_BYTES: u64 = 4 << 20;

/// C files that include one of the headers, directly or by others.
pub(super) struct Including {
    pub files: Vec<PathBuf>,
    /// The tree holds more files than are looked into.
    pub cut_short: bool,
}

/// Looks through a tree. `text` gives what stands for a file on disk.
pub(super) fn including(
    tree: &Path,
    headers: &[PathBuf],
    text: impl Fn(&Path) -> Option<String>,
) -> Including {
    let (files, cut_short) = sources(tree);
    let read = |path: &PathBuf| {
        let text = text(path).or_else(|| {
            let small = path.metadata().is_ok_and(|m| m.len() <= MOST_BYTES);
            let bytes = small.then(|| std::fs::read(path).ok()).flatten()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        });
        included(&text.unwrap_or_default())
    };
    let files: Vec<(PathBuf, Vec<PathBuf>)> = files
        .into_iter()
        .map(|path| {
            let names = read(&path);
            (path, names)
        })
        .collect();
    let mut reached: BTreeSet<&Path> = headers.iter().map(PathBuf::as_path).collect();
    loop {
        let before = reached.len();
        for (path, names) in &files {
            if !reached.contains(path.as_path())
                && names.iter().any(|name| reached.iter().any(|r| r.ends_with(name)))
            {
                reached.insert(path);
            }
        }
        if reached.len() == before {
            break;
        }
    }
    let found = reached.into_iter().filter(|path| has_extension(path, "c"));
    Including {
        files: found.map(Path::to_path_buf).collect(),
        cut_short,
    }
}

/// C files and headers under a folder, without hidden folders and links.
fn sources(tree: &Path) -> (Vec<PathBuf>, bool) {
    let (mut files, mut folders) = (Vec::new(), vec![tree.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
                folders.push(path);
            } else if kind.is_file() && (has_extension(&path, "c") || has_extension(&path, "h")) {
                if files.len() == MOST_FILES {
                    return (files, true);
                }
                files.push(path);
            }
        }
    }
    (files, false)
}

/// What a text includes, without the steps up and the dots before a name.
fn included(text: &str) -> Vec<PathBuf> {
    let names = text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix('#')?.trim_start();
        let rest = rest.strip_prefix("include")?.trim_start();
        let (name, _) = match rest.strip_prefix('"') {
            Some(rest) => rest.split_once('"')?,
            None => rest.strip_prefix('<')?.split_once('>')?,
        };
        let parts = Path::new(name).components();
        let plain: PathBuf = parts
            .filter(|part| matches!(part, Component::Normal(_)))
            .collect();
        (!plain.as_os_str().is_empty()).then_some(plain)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_followed_to_the_files_that_include_them() {
        let tree = tempfile::tempdir().expect("temporary directory");
        let write = |name: &str, text: &str| {
            let path = tree.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
            std::fs::write(&path, text).expect("file");
            path
        };
        let header = write("include/net/size.h", "#define N 8\n");
        write("include/net/all.h", "# include \"size.h\"\n");
        let direct = write("net/a.c", "#include <net/size.h>\n");
        let indirect = write("net/b.c", "  #include \"../include/net/all.h\"\n");
        write("net/c.c", "#include <size.c>\n/* #include <net/none.h> */\n");
        write(".hidden/d.c", "#include <net/size.h>\n");
        let found = including(tree.path(), &[header], |_| None);
        assert_eq!(found.files, [direct.clone(), indirect]);
        assert!(!found.cut_short);
        let other = tree.path().join("include/net/other.h");
        let overlay = |path: &Path| (path == direct).then(|| "#include <net/other.h>".to_string());
        assert_eq!(
            including(tree.path(), &[other], overlay).files,
            std::slice::from_ref(&direct)
        );
    }
}
