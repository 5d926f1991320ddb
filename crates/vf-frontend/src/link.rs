//! Several files and the library models as one program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use vf_source::tables::HashMap;

use vf_ir::DataModel;
use vf_source::SourceMap;

use crate::error::FrontendError;
use crate::lower::lower_program;
use crate::preprocess::{Preprocessed, preprocess};
use crate::split::{Unit, split};
use crate::{Loaded, Options, Wanted};

macro_rules! contracts {
    ($($file:literal)*) => {
        &[$((concat!("smt/contracts/", $file), include_str!(concat!("../../../smt/contracts/", $file)))),*]
    };
}

/// The models of library functions, by the path they have in this repository.
const CONTRACTS: &[(&str, &str)] = contracts!(
    "ctype.c" "fortify.c" "kernel_alloc.c" "kernel_env.c" "kernel_string.c" "kernel_user.c" "memory.c"
    "socket.c"
    "stdio.c" "stdlib.c" "string.c" "unistd.c" "wchar.c"
);

/// Reads the files as one program: preprocesses, parses and lowers what [`Options::wanted`] asks for and all
/// that it needs, with the models of library functions linked in.
///
/// # Errors
///
/// A file that cannot be read or preprocessed, or a wanted function that none of them defines. What cannot be
/// lowered is no error: its function has the body [`vf_ir::Body::Unsupported`].
pub fn load(files: &[PathBuf], options: &Options) -> Result<Loaded, FrontendError> {
    let mut preprocessed = Vec::with_capacity(files.len());
    for file in files {
        preprocessed.push(preprocess(file, options)?);
    }
    load_preprocessed(&preprocessed, files, options)
}

/// [`load`] for texts that are preprocessed already; `files` are their names for messages.
///
/// # Errors
///
/// As [`load`].
pub fn load_preprocessed(
    preprocessed: &[Preprocessed],
    files: &[PathBuf],
    options: &Options,
) -> Result<Loaded, FrontendError> {
    let mut sources = SourceMap::new();
    let units: Vec<Unit> = preprocessed.iter().map(|pre| split(pre, &mut sources)).collect();
    for (unit, file) in units.iter().zip(files) {
        unit.expect_c(file)?;
    }
    let main_files: Vec<_> = units.iter().map(|u| u.main).collect();
    let models = if options.library_models {
        library(options, &mut sources)?
    } else {
        Vec::new()
    };
    if let Wanted::Functions(names) = &options.wanted {
        for name in names {
            if !units.iter().any(|u| u.function(name).is_some()) {
                return Err(unknown_function(name, files, &units));
            }
        }
    }
    let lowered = on_large_stack(|| lower_program(units, models, &options.wanted, options.model, &sources))?;
    if let Some(function) = lowered.missing {
        return Err(unknown_function(&function, files, &[]));
    }
    Ok(Loaded {
        program: lowered.program,
        sources,
        main_files,
        diagnostics: lowered.diagnostics,
    })
}

/// Runs `f` where deeply nested code does not exhaust the stack.
fn on_large_stack<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T, FrontendError> {
    const STACK: usize = 256 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, f);
        let path = PathBuf::new();
        match thread.map(|t| t.join()) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => Err(FrontendError::Temporary { path, error }),
        }
    })
}

fn unknown_function(name: &str, files: &[PathBuf], units: &[Unit]) -> FrontendError {
    let path = files.first().cloned().unwrap_or_default();
    let mut known: Vec<(usize, &str)> = units
        .iter()
        .flat_map(|u| &u.declarations)
        .filter(|d| d.main)
        .filter_map(|d| match &d.kind {
            crate::split::Kind::Function { name } => Some(name.as_str()),
            _ => None,
        })
        .map(|n| (distance(name, n), n))
        .collect();
    known.sort();
    let near = known.into_iter().take(3).map(|(_, n)| n.to_string()).collect();
    let function = name.to_string();
    FrontendError::UnknownFunction { path, function, near }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = *above;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The library models, preprocessed and split.
fn library(options: &Options, sources: &mut SourceMap) -> Result<Vec<Unit>, FrontendError> {
    for (path, contents) in CONTRACTS {
        sources.add(Path::new(path), || (*contents).to_string());
    }
    let all = preprocessed_library(options)?;
    let mut units = Vec::new();
    for (path, piece) in cut(&all) {
        let pre = Preprocessed::from_text(Path::new(path), piece.as_bytes())?;
        units.push(split(&pre, sources));
    }
    Ok(units)
}

/// Preprocessed models by compiler and data model: a repair, which looks at many versions of a file, asks once.
type Models = HashMap<(PathBuf, bool), Arc<str>>;
static MODELS: LazyLock<Mutex<Models>> = LazyLock::new(Mutex::default);

/// The text of all library models after one run of the compiler.
fn preprocessed_library(options: &Options) -> Result<Arc<str>, FrontendError> {
    let known = || MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = (options.compiler.clone(), options.model == DataModel::Ilp32);
    if let Some(text) = known().get(&asked) {
        return Ok(Arc::clone(text));
    }
    let mut text = String::new();
    for (path, contents) in CONTRACTS {
        text.push_str(&format!("#line 1 \"{path}\"\n{contents}\n"));
    }
    let first = PathBuf::from(CONTRACTS.first().map_or("", |c| c.0));
    let failed = |error| FrontendError::CompilerUnusable {
        compiler: options.compiler.clone(),
        error,
    };
    let mut command = Command::new(&options.compiler);
    command.args(["-E", "-xc", "-std=gnu11"]);
    if options.model == DataModel::Ilp32 {
        command.arg("-m32");
    }
    let mut child = command
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let writer = child.stdin.take().map(|mut pipe| {
        std::thread::spawn(move || {
            // A compiler that stops reading says so by its exit status.
            let _ = pipe.write_all(text.as_bytes());
        })
    });
    let output = child.wait_with_output().map_err(failed)?;
    if let Some(writer) = writer {
        // The thread only writes; it cannot panic.
        let _ = writer.join();
    }
    if !output.status.success() {
        return Err(FrontendError::Preprocessor {
            path: first,
            line: None,
            message: "the library models could not be preprocessed".to_string(),
        });
    }
    let all: Arc<str> = String::from_utf8_lossy(&output.stdout).into();
    known().insert(asked, Arc::clone(&all));
    Ok(all)
}

/// The output of one run, cut where a new model file begins.
fn cut(text: &str) -> Vec<(&'static str, String)> {
    let mut pieces: Vec<(&'static str, String)> = Vec::new();
    let mut current: Option<&'static str> = None;
    for line in text.split_inclusive('\n') {
        if line.starts_with("# ") {
            let named = CONTRACTS
                .iter()
                .find(|(path, _)| line.contains(&format!("\"{path}\"")));
            if let Some((path, _)) = named
                && current != Some(*path)
            {
                current = Some(*path);
                pieces.push((*path, String::new()));
            }
        }
        if let (Some(_), Some((_, piece))) = (current, pieces.last_mut()) {
            piece.push_str(line);
        }
    }
    pieces
}
