//! Which program computed an answer. One that was changed must not find what another one has kept.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The identity of the program that runs: its executable file, byte by byte, and what it loads to compute.
#[derive(Clone, Debug)]
pub struct Tool(Vec<u8>);

/// It cannot be told which program this is.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("the running program cannot be found: {0}")]
    Unknown(#[source] io::Error),
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Tool {
    /// The program that runs, with the libraries (by their files) and words (versions) that its answers depend on besides.
    ///
    /// # Errors
    ///
    /// One of the files cannot be read.
    pub fn running(libraries: &[PathBuf], words: &[&str]) -> Result<Tool, ToolError> {
        let mut identity = Vec::new();
        // The file that runs, even where another one has its name by now.
        let own = Path::new("/proc/self/exe");
        let own = if own.exists() {
            own.to_path_buf()
        } else {
            std::env::current_exe().map_err(ToolError::Unknown)?
        };
        for file in std::iter::once(&own).chain(libraries) {
            let hash = hash(file).map_err(|source| ToolError::Unreadable {
                file: file.clone(),
                source,
            })?;
            identity.extend_from_slice(&hash);
        }
        for word in words {
            identity.extend_from_slice(&Sha256::digest(word.as_bytes()));
        }
        Ok(Tool(identity))
    }

    /// For tests: a program of this name.
    pub fn named(name: &str) -> Tool {
        Tool(name.as_bytes().to_vec())
    }

    pub(crate) fn identity(&self) -> &[u8] {
        &self.0
    }
}

fn hash(file: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hasher)?;
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_or_a_word_makes_another_tool() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let library = folder.path().join("library");
        std::fs::write(&library, "one").expect("file");
        let tool = |libraries: &[PathBuf], words: &[&str]| {
            let tool = Tool::running(libraries, words).expect("this test runs");
            tool.identity().to_vec()
        };
        let libraries = [library.clone()];
        let first = tool(&libraries, &["4.8"]);
        assert_eq!(first, tool(&libraries, &["4.8"]));
        assert_ne!(first, tool(&libraries, &["4.9"]));
        assert_ne!(first, tool(&[], &["4.8"]));
        std::fs::write(&library, "two").expect("file");
        assert_ne!(first, tool(&libraries, &["4.8"]));
        std::fs::remove_file(&library).expect("file");
        assert!(Tool::running(&libraries, &[]).is_err());
    }
}
