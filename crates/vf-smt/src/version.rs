//! Which z3 this is.

use std::path::PathBuf;

/// z3's own words: numbers and, where it was built from a repository, the revision.
pub fn version() -> &'static str {
    z3::full_version()
}

/// The shared library that z3 is in, as the system has loaded it; `None` where it is a part of the program, or where the system
/// does not say (`/proc/self/maps`, proc(5)).
pub fn library() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let files = maps
        .lines()
        .filter_map(|line| Some(line.get(line.find('/')?..)?.trim_end()));
    let mut libraries = files.map(PathBuf::from).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("libz3.") || name.starts_with("libz3-"))
    });
    libraries.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_named() {
        assert!(version().contains('.'), "{}", version());
        if let Some(library) = library() {
            assert!(library.is_file(), "{}", library.display());
        }
    }
}
