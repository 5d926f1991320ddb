//! Runs the user's compiler as a preprocessor, with the user's flags and any texts that stand in for files.

mod flags;
mod overlay;
mod own_markers;
mod snippet;
mod target;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vf_ir::DataModel;

pub use target::Target;

pub use flags::{CompileFlags, flags_from_compile_commands, flags_from_kernel_cmd, split_command};

use crate::Options;
use crate::error::FrontendError;

/// Output of `cc -E`.
#[derive(Clone, Debug)]
pub struct Preprocessed {
    /// The text, one byte for one byte of the compiler's output: a byte that is not UTF-8 became `?`.
    pub text: String,
    /// Offsets of those bytes, ascending.
    pub not_utf8: Vec<usize>,
    /// The file given, as given.
    pub main: PathBuf,
    /// How line markers name it.
    pub main_marker: String,
    /// Directory that relative names in line markers start from.
    pub directory: Option<PathBuf>,
    /// Texts that stand for files on disk, by absolute path.
    pub overlay: Vec<(PathBuf, String)>,
    /// What the compiler takes the basic types to be.
    pub target: Target,
}

impl Preprocessed {
    /// A text that some other program preprocessed.
    pub fn from_text(path: &Path, bytes: &[u8]) -> Result<Preprocessed, FrontendError> {
        check_bytes(path, bytes)?;
        let (text, not_utf8) = to_text(bytes);
        let main_marker = first_marker(&text).unwrap_or_else(|| path.display().to_string());
        Ok(Preprocessed {
            text,
            not_utf8,
            main: PathBuf::from(&main_marker),
            main_marker,
            directory: None,
            overlay: Vec::new(),
            target: Target::default(),
        })
    }
}

/// Longest output that is taken. The largest file of Linux 6.1 stays under 20 MB.
const LIMIT: usize = 512 << 20;

/// Stand-ins of one run, at most.
const STAND_INS: usize = 64;

/// Lines of the compiler's complaint that are passed on.
const MESSAGE_LINES: usize = 8;

/// Preprocesses one file.
pub fn preprocess(path: &Path, options: &Options) -> Result<Preprocessed, FrontendError> {
    let absolute = absolute(path);
    let mut overlay: Vec<(PathBuf, String)> = options
        .overlay
        .iter()
        .map(|(p, text)| (self::absolute(p), text.clone()))
        .collect();
    let replaced = overlay.iter_mut().find(|(p, _)| same_file(p, &absolute));
    match replaced {
        Some((_, text)) => {
            check_bytes(path, text.as_bytes())?;
            if let Some(plain) = own_markers::without_markers(&absolute, text) {
                *text = plain;
            }
        }
        None => {
            check_file(path)?;
            let text = std::fs::read_to_string(&absolute).unwrap_or_default();
            if let Some(plain) = own_markers::without_markers(&absolute, &text) {
                overlay.push((absolute.clone(), plain));
            }
        }
    }
    let mut flags = flags::for_preprocessing(&options.flags);
    if options.model == DataModel::Ilp32 && !flags.iter().any(|f| f == "-m32") {
        flags.push("-m32".into());
    }
    let run = loop {
        let run = run_with(path, &absolute, options, &flags, &overlay)?;
        let Some(overlay::Unused { header, includer }) = run.unused else {
            break run;
        };
        // Whatever includes it by a quoted name needs a stand-in, too.
        let text = includer.filter(|_| overlay.len() < STAND_INS);
        let text = text.and_then(|file| Some((file.clone(), std::fs::read_to_string(file).ok()?)));
        let is_found_alike =
            |(file, text): &(PathBuf, String)| same_file(file, &absolute) || overlay::can_be_moved(text);
        match text.filter(is_found_alike) {
            Some(stand_in) => overlay.push(stand_in),
            None => {
                return Err(FrontendError::OverlayNotUsed {
                    path: path.to_path_buf(),
                    header,
                });
            }
        }
    };
    let target = target::probe(
        &options.compiler,
        &flags,
        options.directory.as_deref(),
        options.model,
    )?;
    Ok(Preprocessed {
        text: run.text,
        not_utf8: run.not_utf8,
        main: path.to_path_buf(),
        main_marker: run.main_marker,
        directory: options.directory.clone(),
        overlay,
        target,
    })
}

/// What a run of the compiler with these stand-ins gave.
struct Run {
    text: String,
    not_utf8: Vec<usize>,
    main_marker: String,
    unused: Option<overlay::Unused>,
}

fn run_with(
    path: &Path,
    absolute: &Path,
    options: &Options,
    flags: &[String],
    overlay: &[(PathBuf, String)],
) -> Result<Run, FrontendError> {
    let mut arguments: Vec<OsString> = vec!["-E".into(), "-w".into()];
    let mut flags = flags.to_vec();
    let stand_ins =
        overlay::StandIns::write(path, absolute, overlay, &mut flags, options.directory.as_deref())?;
    arguments.extend(flags.into_iter().map(OsString::from));
    // A relative name reaches the compiler as the user gave it, so that __FILE__ and the markers repeat it.
    let named = if options.directory.is_some() {
        absolute.to_path_buf()
    } else {
        path.to_path_buf()
    };
    let input = stand_ins
        .main()
        .map_or_else(|| plain_name(&named), |p| p.to_path_buf());
    if own_markers::is_preprocessed(&input) {
        arguments.extend(["-x".into(), "c".into()]);
    }
    arguments.push(input.clone().into_os_string());

    let bytes = if options.snippet {
        run_without_headers(path, &input, options, arguments)?
    } else {
        run(path, &input, options, &arguments)?
    };
    let (mut text, mut not_utf8) = to_text(&bytes);
    if options.snippet {
        let stubs = format!("# 1 \"<snippet>\"\n{}\n", snippet::stubs(&text));
        text.insert_str(0, &stubs);
        not_utf8.iter_mut().for_each(|offset| *offset += stubs.len());
    }
    let main_marker = match stand_ins.main() {
        Some(_) => absolute.display().to_string(),
        None => input.display().to_string(),
    };
    let unused = stand_ins.unused(&text);
    Ok(Run {
        text,
        not_utf8,
        main_marker,
        unused,
    })
}

/// A file name that starts with `-` would be read as a flag.
fn plain_name(path: &Path) -> PathBuf {
    if path.as_os_str().as_encoded_bytes().first() == Some(&b'-') {
        Path::new(".").join(path)
    } else {
        path.to_path_buf()
    }
}

/// Runs the compiler again with one more empty header for as long as it misses one.
fn run_without_headers(
    path: &Path,
    input: &Path,
    options: &Options,
    mut arguments: Vec<OsString>,
) -> Result<Vec<u8>, FrontendError> {
    let failed = |error| FrontendError::Temporary {
        path: path.to_path_buf(),
        error,
    };
    let mut headers = snippet::EmptyHeaders::new().map_err(failed)?;
    let folder = headers.path().as_os_str().to_os_string();
    let last = arguments.len().saturating_sub(1);
    arguments.splice(last..last, ["-idirafter".into(), folder]);
    loop {
        match run_once(path, options, &arguments)? {
            Said::Output(bytes) => return Ok(bytes),
            Said::Refused(said) => {
                if !headers.add(&said).map_err(failed)? {
                    return Err(refused(path, input, &said));
                }
            }
        }
    }
}

fn run(
    path: &Path,
    input: &Path,
    options: &Options,
    arguments: &[OsString],
) -> Result<Vec<u8>, FrontendError> {
    match run_once(path, options, arguments)? {
        Said::Output(bytes) => Ok(bytes),
        Said::Refused(said) => Err(refused(path, input, &said)),
    }
}

/// What a run of the compiler gave.
enum Said {
    Output(Vec<u8>),
    /// It failed, and said this.
    Refused(String),
}

fn run_once(path: &Path, options: &Options, arguments: &[OsString]) -> Result<Said, FrontendError> {
    let compiler = &options.compiler;
    let mut command = Command::new(compiler);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
    if let Some(directory) = &options.directory {
        command.current_dir(directory);
    }
    let output = command.output().map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound
            && options.directory.as_ref().is_none_or(|d| d.is_dir())
        {
            FrontendError::CompilerMissing {
                compiler: compiler.clone(),
            }
        } else {
            FrontendError::CompilerUnusable {
                compiler: compiler.clone(),
                error,
            }
        }
    })?;
    if !output.status.success() {
        return Ok(Said::Refused(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    if output.stdout.len() > LIMIT {
        return Err(FrontendError::TooLarge {
            path: path.to_path_buf(),
            bytes: output.stdout.len(),
            limit: LIMIT,
        });
    }
    Ok(Said::Output(output.stdout))
}

/// The compiler's own words, shortened, with the line of the first error that lies in the file itself.
fn refused(path: &Path, input: &Path, said: &str) -> FrontendError {
    let name = input.display().to_string();
    let shown = path.display().to_string();
    let line = said.lines().find_map(|l| {
        let rest = l
            .strip_prefix(&name)
            .or_else(|| l.strip_prefix(&shown))?
            .strip_prefix(':')?;
        rest.split(':').next()?.parse().ok()
    });
    let mut message: Vec<&str> = said.lines().take(MESSAGE_LINES).collect();
    if said.lines().count() > MESSAGE_LINES {
        message.push("...");
    }
    let message = if message.is_empty() {
        "(no message)".to_string()
    } else {
        message.join("\n")
    };
    FrontendError::Preprocessor {
        path: path.to_path_buf(),
        line,
        message,
    }
}

/// Refuses what cannot be C source, by name.
fn check_file(path: &Path) -> Result<(), FrontendError> {
    let own = || path.to_path_buf();
    let meta = std::fs::metadata(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            FrontendError::MissingFile { path: own() }
        } else {
            FrontendError::Unreadable { path: own(), error }
        }
    })?;
    if meta.is_dir() {
        return Err(FrontendError::Directory { path: own() });
    }
    if !meta.is_file() {
        return Err(FrontendError::NotAFile { path: own() });
    }
    let bytes = std::fs::read(path).map_err(|error| FrontendError::Unreadable { path: own(), error })?;
    check_bytes(path, &bytes)
}

fn check_bytes(path: &Path, bytes: &[u8]) -> Result<(), FrontendError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(FrontendError::Empty {
            path: path.to_path_buf(),
        });
    }
    if let Some(nul) = bytes.iter().position(|b| *b == 0) {
        let line = 1 + bytes.iter().take(nul).filter(|b| **b == b'\n').count() as u32;
        return Err(FrontendError::Binary {
            path: path.to_path_buf(),
            line,
        });
    }
    Ok(())
}

/// UTF-8 with every offending byte replaced by `?`, so that offsets and columns stay; and where those are.
pub(crate) fn to_text(bytes: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(bytes.len());
    let mut bad = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for _ in chunk.invalid() {
            bad.push(text.len());
            text.push('?');
        }
    }
    (text, bad)
}

pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Whether two paths name one file, as far as the file system or their text tells.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The file that the first line marker names.
fn first_marker(text: &str) -> Option<String> {
    let line = text.lines().find(|l| l.starts_with('#'))?;
    crate::spans::parse_marker(line).map(|m| m.file)
}

#[cfg(test)]
mod tests;
