//! Where results go: standard output that may be closed, and files that are whole or not there.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A result could not be written. Nothing is left half-written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {target}: {source}; nothing was written there", target = target.display())]
pub struct WriteError {
    pub target: PathBuf,
    pub source: io::Error,
}

/// Writes a result to the file, or to standard output when none is named.
pub fn write(target: Option<&Path>, text: &str) -> Result<(), WriteError> {
    match target {
        Some(path) => write_file(path, text.as_bytes()),
        None => write_stdout(text),
    }
}

/// Writes to standard output. A reader that went away (`| head`) is not an error.
pub fn write_stdout(text: &str) -> Result<(), WriteError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(WriteError {
            target: "standard output".into(),
            source,
        }),
        Ok(()) => Ok(()),
    }
}

/// Says something on standard error; there is nobody to tell when that fails.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Fails early where a write would fail after long work: the folder must be there.
pub fn require_writable_place(path: &Path) -> Result<(), WriteError> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match std::fs::metadata(folder) {
        Ok(meta) if meta.is_dir() && !path.is_dir() => Ok(()),
        Ok(_) => Err(WriteError {
            target: path.to_path_buf(),
            source: io::ErrorKind::NotADirectory.into(),
        }),
        Err(source) => Err(WriteError {
            target: path.to_path_buf(),
            source,
        }),
    }
}

/// Puts the whole text in place of the file, or leaves everything as it was: a temporary file in the same
/// folder, synced, then renamed over the target. What is not a regular file (`/dev/full`, a pipe) is written
/// directly, since nothing may be renamed over it.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let wrong = |source| WriteError {
        target: path.to_path_buf(),
        source,
    };
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(wrong)?;
        return file.write_all(bytes).and_then(|()| file.flush()).map_err(wrong);
    }
    // A link keeps pointing where it did: what it points to is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut temporary = tempfile::Builder::new()
        .prefix(".verify-fix-")
        .suffix(".tmp")
        .permissions(permissions(&target))
        .tempfile_in(&folder)
        .map_err(wrong)?;
    // Dropping the temporary file on any of these errors removes it.
    temporary.write_all(bytes).map_err(wrong)?;
    temporary.as_file().sync_all().map_err(wrong)?;
    temporary.persist(&target).map_err(|e| wrong(e.error))?;
    Ok(())
}

/// Fails early where [`write_folder`] would fail: what is there already is not overwritten.
pub fn require_new_folder(path: &Path) -> Result<(), WriteError> {
    let wrong = |source| WriteError {
        target: path.to_path_buf(),
        source,
    };
    match std::fs::read_dir(path).map(|entries| entries.count()) {
        Ok(0) => Ok(()),
        Ok(_) => Err(wrong(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the folder is there and holds files; name a new one",
        ))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => require_writable_place(path),
        Err(source) => Err(wrong(source)),
    }
}

/// Makes a folder with all of these files, or none: it is filled under another name and then renamed.
pub fn write_folder(path: &Path, files: &[(String, String)]) -> Result<(), WriteError> {
    use std::os::unix::fs::PermissionsExt;
    let wrong = |source| WriteError {
        target: path.to_path_buf(),
        source,
    };
    require_new_folder(path)?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let temporary = tempfile::Builder::new()
        .prefix(".verify-fix-")
        .suffix(".tmp")
        .permissions(std::fs::Permissions::from_mode(0o777))
        .tempdir_in(parent.unwrap_or(Path::new(".")))
        .map_err(wrong)?;
    for (name, text) in files {
        write_file(&temporary.path().join(name), text.as_bytes()).map_err(|e| wrong(e.source))?;
    }
    std::fs::rename(temporary.path(), path).map_err(wrong)?;
    // It lies under its own name now; there is nothing to remove.
    let _ = temporary.keep();
    Ok(())
}

/// Those of the file that is replaced, or what the user's mask leaves of `rw-rw-rw-`.
fn permissions(target: &Path) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(target) {
        Ok(meta) => meta.permissions(),
        Err(_) => std::fs::Permissions::from_mode(0o666),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        write_file(&path, b"one").expect("written");
        write_file(&path, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_nothing() {
        assert!(write_file(Path::new("/dev/full"), b"x").is_err());
        let folder = tempfile::tempdir().expect("a folder");
        assert!(write_file(&folder.path().join("missing/out"), b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 0);
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        let files = [
            ("a".to_string(), "1".to_string()),
            ("b".to_string(), "2".to_string()),
        ];
        write_folder(&path, &files).expect("written");
        assert_eq!(std::fs::read_to_string(path.join("b")).expect("read"), "2");
        let error = write_folder(&path, &files).expect_err("it is there");
        assert!(error.to_string().contains("name a new one"), "{error}");
        let other = folder.path().join("other");
        let bad = [
            ("a".to_string(), "1".to_string()),
            ("no/such".to_string(), String::new()),
        ];
        assert!(write_folder(&other, &bad).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        write_file(&link, b"new").expect("written");
        assert_eq!(std::fs::read(&real).expect("read"), b"new");
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
    }
}
