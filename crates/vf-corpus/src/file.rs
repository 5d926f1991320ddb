//! Corpus files: one record a line, compressed with gzip where the name ends in `.gz`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::error::CorpusError;
use crate::record::{Record, SCHEMA};

/// Longest line that is taken, in bytes.
const LONGEST: u64 = 64 << 20;

/// Writes records; the file is whole once [`Writer::finish`] has returned, and not there otherwise.
pub struct Writer {
    path: PathBuf,
    /// Beside the file, so that it can be renamed.
    unfinished: PathBuf,
    out: Option<Out>,
}

enum Out {
    Plain(BufWriter<File>),
    Compressed(Box<GzEncoder<BufWriter<File>>>),
}

impl Writer {
    /// # Errors
    /// Nothing can be written beside the file.
    pub fn create(path: &Path) -> Result<Writer, CorpusError> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = path.with_file_name(name);
        let failed = |source| CorpusError::Write {
            path: path.to_path_buf(),
            source,
        };
        if path.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()));
        }
        let file = BufWriter::new(File::create(&unfinished).map_err(failed)?);
        let out = if is_compressed(path) {
            Out::Compressed(Box::new(GzEncoder::new(file, Compression::best())))
        } else {
            Out::Plain(file)
        };
        Ok(Writer {
            path: path.to_path_buf(),
            unfinished,
            out: Some(out),
        })
    }

    fn failed(&self, source: std::io::Error) -> CorpusError {
        CorpusError::Write {
            path: self.path.clone(),
            source,
        }
    }

    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, record: &Record) -> Result<(), CorpusError> {
        self.write_line(record)
    }

    /// Anything else, one a line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_line(&mut self, record: &impl serde::Serialize) -> Result<(), CorpusError> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let written = match &mut self.out {
            Some(Out::Plain(out)) => out.write_all(&line),
            Some(Out::Compressed(out)) => out.write_all(&line),
            None => Ok(()),
        };
        written.map_err(|source| self.failed(source))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// The file cannot be written; what was there before is there still.
    pub fn finish(mut self) -> Result<(), CorpusError> {
        let flushed = match self.out.take() {
            Some(Out::Plain(mut out)) => out.flush(),
            Some(Out::Compressed(out)) => out.finish().and_then(|mut out| out.flush()),
            None => Ok(()),
        };
        flushed
            .and_then(|()| std::fs::rename(&self.unfinished, &self.path))
            .map_err(|source| self.failed(source))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After `finish` there is nothing of that name.
        let _ = std::fs::remove_file(&self.unfinished);
    }
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Reads every record of a file; each is handed on with its line.
///
/// # Errors
/// The file cannot be read, or a line of it is no record of this schema; what `take` says ends the reading.
pub fn read(
    path: &Path,
    take: &mut dyn FnMut(usize, Record) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let failed = |source| CorpusError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut input: Box<dyn BufRead> = if is_compressed(path) {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };
    let mut number = 0;
    let mut any = false;
    loop {
        let mut line = Vec::new();
        let read = input
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if read == 0 {
            break;
        }
        number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        any = true;
        take(number, parse(path, number, &line)?)?;
    }
    if any {
        Ok(())
    } else {
        Err(CorpusError::Empty {
            path: path.to_path_buf(),
        })
    }
}

fn parse(path: &Path, line: usize, bytes: &[u8]) -> Result<Record, CorpusError> {
    let wrong = |error: serde_json::Error| CorpusError::NotARecord {
        path: path.to_path_buf(),
        line,
        why: error.to_string(),
    };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(wrong)?;
    match value.get("schema").and_then(|s| s.as_str()) {
        Some(SCHEMA) => serde_json::from_value(value).map_err(wrong),
        found => Err(CorpusError::OtherSchema {
            path: path.to_path_buf(),
            line,
            found: found.unwrap_or("").to_owned(),
            wanted: SCHEMA,
        }),
    }
}
