//! Small text files of a model folder.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::ModelError;

/// No configuration or index is near this large; the largest published tokenizers are about 20 MB.
const TEXT_LIMIT: u64 = 256 << 20;

/// Reads a text file that must be in the folder.
pub fn read_text(folder: &Path, name: &'static str) -> Result<String, ModelError> {
    let path = folder.join(name);
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ModelError::FileMissing {
            folder: folder.to_path_buf(),
            file: name,
        },
        _ => ModelError::Read {
            file: path.clone(),
            source,
        },
    };
    let file = File::open(&path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than the limit tells a file at the limit from one beyond it.
    file.take(TEXT_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return Err(ModelError::TooLarge {
            file: path,
            limit: TEXT_LIMIT,
        });
    }
    String::from_utf8(bytes).map_err(|e| ModelError::NotUtf8 {
        file: path,
        offset: e.utf8_error().valid_up_to(),
    })
}

pub fn parse_json<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ModelError> {
    serde_json::from_str(text).map_err(|e| ModelError::NotJson {
        file: file.to_path_buf(),
        line: e.line(),
        column: e.column(),
        message: e.to_string(),
    })
}
