//! Answers kept between runs, found again by what they depend on.
//!
//! [`Key`] is a hash of everything that an answer depends on, the program that computed it included ([`Tool`]); [`Cache`] is a
//! folder of entries, one file each, that several processes share.
//!
//! A wrong entry would be a wrong proof. So an entry names its whole key and ends in a checksum; what is not exactly as it
//! was written is taken for absent; and a file appears under its name only when all of it is on the disk.
//!
//! This crate knows bytes, hashes and files. It knows neither programs nor proofs: what belongs into a key is for those to say
//! who compute the answer (`docs/decisions/0008-proof-cache.md`).

mod entry;
mod evict;
mod key;
mod tool;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use key::{Key, KeyBuilder};
pub use tool::{Tool, ToolError};

/// Bytes that the entries of a cache may have together, unless it was opened with another bound.
pub const DEFAULT_BYTES: u64 = 512 << 20;

/// Bytes of the largest entry; what is larger is not kept.
const LARGEST: usize = 64 << 20;

/// Entries of another layout lie in another folder, and are not looked at.
const LAYOUT: &str = "1";

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("{directory}: cannot be made a cache: {source}; give another folder or switch the cache off")]
    Directory {
        directory: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Tool(#[from] ToolError),
}

/// A folder of answers. Clones are the same cache. Nothing that goes wrong with it afterwards is an error: an answer that
/// cannot be read was never given, and one that cannot be written is not kept.
#[derive(Clone, Debug)]
pub struct Cache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Of this layout.
    directory: PathBuf,
    tool: Tool,
    bytes: u64,
    /// Written since the folder was last measured; at the beginning, as if all of the bound had been.
    written: AtomicU64,
    found: AtomicU64,
    missed: AtomicU64,
    kept: AtomicU64,
}

/// What a cache was asked for since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub found: u64,
    pub missed: u64,
    pub kept: u64,
}

impl Cache {
    /// Opens a folder, which is made where it is missing, for what `tool` computes. `bytes` bounds the entries together.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or written to.
    pub fn open(directory: &Path, tool: Tool, bytes: u64) -> Result<Cache, CacheError> {
        let own = directory.join(LAYOUT);
        let failed = |source| CacheError::Directory {
            directory: directory.to_path_buf(),
            source,
        };
        std::fs::create_dir_all(own.join(evict::UNFINISHED)).map_err(failed)?;
        // Whoever cannot write here would find out entry by entry.
        tempfile::tempfile_in(own.join(evict::UNFINISHED)).map_err(failed)?;
        Ok(Cache {
            shared: Arc::new(Shared {
                directory: own,
                tool,
                bytes,
                written: AtomicU64::new(bytes),
                found: AtomicU64::new(0),
                missed: AtomicU64::new(0),
                kept: AtomicU64::new(0),
            }),
        })
    }

    /// Begins a key for an answer of one kind. The computing program is part of it.
    pub fn key(&self, kind: &str) -> KeyBuilder {
        KeyBuilder::new(kind, &self.shared.tool)
    }

    /// The answer under a key, exactly as it was put there; `None` where there is none that can be relied on.
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let path = self.path(key);
        let answer = match std::fs::read(&path) {
            Ok(bytes) => {
                let answer = entry::open(key, bytes);
                if answer.is_none() {
                    // It will not get better. Another process may have replaced it meanwhile: then that one is lost, no more.
                    let _ = std::fs::remove_file(&path);
                }
                answer
            }
            Err(_) => None,
        };
        match &answer {
            Some(_) => {
                self.shared.found.fetch_add(1, Ordering::Relaxed);
                // What was used last goes last.
                let _ = File::options()
                    .append(true)
                    .open(&path)
                    .and_then(|file| file.set_modified(SystemTime::now()));
            }
            None => {
                self.shared.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
        answer
    }

    /// Keeps an answer; whether that went well.
    pub fn put(&self, key: &Key, answer: &[u8]) -> bool {
        if answer.len() > LARGEST {
            return false;
        }
        let sealed = entry::seal(key, answer);
        if self.write(key, &sealed).is_err() {
            return false;
        }
        self.shared.kept.fetch_add(1, Ordering::Relaxed);
        let size = sealed.len() as u64;
        let before = self.shared.written.fetch_add(size, Ordering::Relaxed);
        // The folder is measured where a tenth of the bound was written since the last time.
        if before.saturating_add(size) > self.shared.bytes / 10 {
            self.shared.written.store(0, Ordering::Relaxed);
            evict::evict(&self.shared.directory, self.shared.bytes);
        }
        true
    }

    /// An answer that was kept by [`Cache::put_value`].
    pub fn get_value<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        serde_json::from_slice(&self.get(key)?).ok()
    }

    /// Keeps an answer as JSON.
    pub fn put_value<T: Serialize>(&self, key: &Key, answer: &T) -> bool {
        serde_json::to_vec(answer).is_ok_and(|bytes| self.put(key, &bytes))
    }

    pub fn usage(&self) -> Usage {
        Usage {
            found: self.shared.found.load(Ordering::Relaxed),
            missed: self.shared.missed.load(Ordering::Relaxed),
            kept: self.shared.kept.load(Ordering::Relaxed),
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        let name = key.to_string();
        let (folder, rest) = name.split_at(2);
        self.shared.directory.join(folder).join(rest)
    }

    /// A whole file under its name, or none: killed at any point, this leaves at most a file among the unfinished ones.
    fn write(&self, key: &Key, sealed: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = tempfile::NamedTempFile::new_in(self.shared.directory.join(evict::UNFINISHED))?;
        file.write_all(sealed)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }
}
