//! Runs the user's compiler as a preprocessor.

use std::path::{Path, PathBuf};

use crate::Options;
use crate::error::FrontendError;

/// Output of `cc -E`.
#[derive(Clone, Debug)]
pub struct Preprocessed {
    /// The text, one byte for one byte of the compiler's output: a byte that is not UTF-8 became `?`.
    pub text: String,
    /// Offsets of those bytes.
    pub not_utf8: Vec<usize>,
    /// The file given, as given.
    pub main: PathBuf,
    /// Directory that relative names in line markers start from.
    pub directory: Option<PathBuf>,
    /// Texts that stand for files on disk.
    pub overlay: Vec<(PathBuf, String)>,
}

/// Preprocesses one file.
pub fn preprocess(path: &Path, _options: &Options) -> Result<Preprocessed, FrontendError> {
    Err(FrontendError::MissingFile {
        path: path.to_path_buf(),
    })
}
