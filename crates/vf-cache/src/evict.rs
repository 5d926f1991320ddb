//! Keeps a folder of entries below its bound: what was not used for the longest time goes first.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folder of files that are being written.
pub(crate) const UNFINISHED: &str = "unfinished";

/// A file that is being written for longer belongs to a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Removes entries until four fifths of `bytes` are left, where there are more than `bytes`. Other processes may do the same at
/// the same time: a file that is gone already is no loss.
pub(crate) fn evict(directory: &Path, bytes: u64) {
    let now = SystemTime::now();
    let age = |used: SystemTime| now.duration_since(used).unwrap_or_default();
    for file in files(&directory.join(UNFINISHED)) {
        if age(file.used) > ABANDONED {
            let _ = std::fs::remove_file(&file.path);
        }
    }
    let folders = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut entries: Vec<Kept> = folders
        .filter(|folder| folder.file_name() != UNFINISHED)
        .flat_map(|folder| files(&folder.path()))
        .collect();
    let mut size: u64 = entries.iter().map(|e| e.size).sum();
    if size <= bytes {
        return;
    }
    entries.sort_by_key(|e| e.used);
    for entry in entries {
        if size <= bytes / 5 * 4 {
            return;
        }
        if std::fs::remove_file(&entry.path).is_ok() {
            size = size.saturating_sub(entry.size);
        }
    }
}

struct Kept {
    path: PathBuf,
    size: u64,
    used: SystemTime,
}

fn files(folder: &Path) -> Vec<Kept> {
    let listed = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = listed.filter_map(|file| {
        let metadata = file.metadata().ok().filter(|m| m.is_file())?;
        Some(Kept {
            path: file.path(),
            size: metadata.len(),
            used: metadata.modified().ok()?,
        })
    });
    files.collect()
}
