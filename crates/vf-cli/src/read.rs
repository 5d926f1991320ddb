//! Reading the program a command is about.

use std::path::PathBuf;

use vf_frontend::{Loaded, Options, Wanted};
use vf_ir::{Body, DataModel, Property};
use vf_replay::harness::{Build, SourceText};
use vf_verify::specification::Specification;

use crate::args::ReadArgs;
use crate::exit::CliError;
use crate::output::complain;

/// Warnings beyond this many are counted only.
const WARNINGS: usize = 20;

pub fn options(read: &ReadArgs, functions: &[String], snippet: bool) -> Options {
    Options {
        model: if read.ilp32 {
            DataModel::Ilp32
        } else {
            DataModel::Lp64
        },
        compiler: read.compiler.clone(),
        flags: read.cc_flags.clone(),
        directory: None,
        wanted: if functions.is_empty() {
            Wanted::All
        } else {
            Wanted::Functions(functions.to_vec())
        },
        overlay: Vec::new(),
        library_models: true,
        snippet,
    }
}

/// Reads the files as one program, and says on standard error what did not parse.
pub fn load(files: &[PathBuf], options: &Options) -> Result<Loaded, CliError> {
    let loaded = vf_frontend::load(files, options)?;
    for diagnostic in loaded.diagnostics.iter().take(WARNINGS) {
        let place = loaded
            .sources
            .get(diagnostic.span.file)
            .filter(|_| diagnostic.span.is_known())
            .map(|f| {
                format!(
                    "{}:{}:{}: ",
                    f.path.display(),
                    diagnostic.span.start.line,
                    diagnostic.span.start.column
                )
            })
            .unwrap_or_default();
        complain(&format!("warning: {place}{}", diagnostic.message));
    }
    if loaded.diagnostics.len() > WARNINGS {
        complain(&format!("warning: {} more", loaded.diagnostics.len() - WARNINGS));
    }
    if defined(&loaded).next().is_none() {
        return Err(CliError::NothingDefined { files: list(files) });
    }
    Ok(loaded)
}

/// The functions that the given files define, and not what they include.
pub fn defined(loaded: &Loaded) -> impl Iterator<Item = &str> {
    loaded
        .program
        .functions
        .iter()
        .filter(|f| !matches!(f.body, Body::Declared) && !f.library_model)
        .map(|f| f.name.as_str())
}

/// Refuses names that are not defined.
pub fn require_functions(loaded: &Loaded, files: &[PathBuf], names: &[String]) -> Result<(), CliError> {
    match names
        .iter()
        .find(|name| !defined(loaded).any(|d| d == name.as_str()))
    {
        None => Ok(()),
        Some(name) => Err(CliError::UnknownFunction {
            file: list(files),
            name: name.clone(),
            near: defined(loaded)
                .filter(|d| alike(d, name))
                .min_by_key(|d| distance(d, name))
                .map(String::from),
        }),
    }
}

pub fn list(files: &[PathBuf]) -> String {
    files
        .iter()
        .map(|f| f.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The properties of these names; all of them for an empty list.
pub fn properties(names: &[String]) -> Result<Vec<Property>, CliError> {
    names
        .iter()
        .map(|name| {
            Property::from_name(name).ok_or_else(|| CliError::UnknownProperty {
                name: name.clone(),
                known: Property::ALL.into_iter().map(Property::name).collect(),
            })
        })
        .collect()
}

/// What `--property` selects: names of properties, or files in the format of the competition.
pub fn selection(names: &[String]) -> Result<(Vec<Property>, Option<Specification>), CliError> {
    let (files, names): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|n| n.ends_with(".prp"));
    let mut specification: Option<Specification> = None;
    for file in files {
        let path = PathBuf::from(file);
        let text = std::fs::read_to_string(&path).map_err(|source| CliError::Read {
            path: path.clone(),
            source,
        })?;
        let read = Specification::parse(&text).map_err(|error| CliError::Specification { path, error })?;
        specification.get_or_insert_default().extend(read);
    }
    if specification.is_some() && !names.is_empty() {
        return Err(CliError::MixedProperties);
    }
    Ok((properties(&names)?, specification))
}

/// How the program's own build compiles it, for the replay harness.
pub fn build(read: &ReadArgs) -> Build {
    let mut flags = read.cc_flags.clone();
    if read.ilp32 {
        flags.push("-m32".to_string());
    }
    Build {
        compiler: read.compiler.clone(),
        flags,
        directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
    }
}

/// The program's files for a harness, the one that defines the function first.
pub fn source_texts(loaded: &Loaded, function: &str) -> Vec<SourceText> {
    let holder = loaded
        .program
        .functions
        .iter()
        .find(|f| f.name == function)
        .map(|f| f.span.file);
    let mut files: Vec<_> = loaded
        .main_files
        .iter()
        .filter_map(|id| loaded.sources.get(*id).map(|file| (*id, file)))
        .collect();
    files.sort_by_key(|(id, _)| Some(*id) != holder);
    files
        .into_iter()
        .map(|(_, f)| SourceText {
            path: f.path.clone(),
            text: f.text.clone(),
        })
        .collect()
}

fn alike(a: &str, b: &str) -> bool {
    distance(a, b) <= 1 + b.len() / 4
}

/// Levenshtein's distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.bytes().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn an_unknown_property_is_answered_with_the_known_ones() {
        let error = properties(&["overflow".into()]).expect_err("no such property");
        assert!(error.to_string().contains("signed-overflow"), "{error}");
        assert_eq!(
            properties(&["not-null".into()]).expect("known"),
            [Property::NotNull]
        );
    }
}
