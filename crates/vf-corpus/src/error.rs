//! What can be wrong with corpus files and with what is imported.

use std::path::PathBuf;

/// Nothing was written where one of these is returned.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}: {source}; nothing was written there", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{}:{line}: not a record of a corpus: {why}", path.display())]
    NotARecord { path: PathBuf, line: usize, why: String },
    #[error("{}:{line}: the record has schema \"{found}\", this version reads \"{wanted}\"", path.display())]
    OtherSchema {
        path: PathBuf,
        line: usize,
        found: String,
        wanted: &'static str,
    },
    #[error("{}: holds no record", path.display())]
    Empty { path: PathBuf },
    #[error("{}: holds no pair; a pair is NAME.before.c and NAME.after.c, or NAME.bad.c and NAME.good.c", path.display())]
    NoPairs { path: PathBuf },
    #[error("git cannot read the history of {}: {why}", repository.display())]
    Git { repository: PathBuf, why: String },
    #[error("the record cannot be put into JSON: {0}")]
    Serialise(#[from] serde_json::Error),
    #[error(transparent)]
    Sarif(#[from] vf_repair::sarif::SarifError),
    #[error("{}: {source}", path.display())]
    Patch {
        path: PathBuf,
        source: Box<vf_source::diff::DiffError>,
    },
    #[error(transparent)]
    Prove(#[from] crate::prove::ProveError),
}
