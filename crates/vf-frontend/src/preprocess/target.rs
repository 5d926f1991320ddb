//! What the compiler, with its flags, takes the basic types to be: asked for, not assumed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use vf_source::tables::HashMap;

use vf_ir::DataModel;

use crate::error::FrontendError;

/// The parts of a target's C that flags can change and the lowering depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Plain `char` is unsigned (`-funsigned-char`, Arm, PowerPC).
    pub char_unsigned: bool,
    /// Width of `wchar_t`, the element of `L"..."`, in bits (`-fshort-wchar`).
    pub wchar_bits: u32,
    /// Signed arithmetic wraps (`-fwrapv`, `-fno-strict-overflow`): overflow is defined, though rarely wanted.
    pub wraps: bool,
    /// `#pragma omp` has its effect (`-fopenmp`).
    pub openmp: bool,
}

impl Default for Target {
    fn default() -> Target {
        Target {
            char_unsigned: false,
            wchar_bits: 32,
            wraps: false,
            openmp: false,
        }
    }
}

/// Flags that change the layout of types in ways the lowering does not follow.
const UNSUPPORTED: [&str; 5] = [
    "-fshort-enums",
    "-fpack-struct",
    "-mms-bitfields",
    "-mx32",
    "-m16",
];

/// What decides a compiler's predefined macros.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    compiler: PathBuf,
    flags: Vec<String>,
    directory: Option<PathBuf>,
}

/// Answers that were given before: a program of several files, and every version of a file that a repair looks at, asks
/// the same. (A run of the compiler costs as much as a small function's proof.)
static ANSWERS: LazyLock<Mutex<HashMap<Question, Arc<str>>>> = LazyLock::new(Mutex::default);

fn predefined(asked: Question) -> Result<Arc<str>, FrontendError> {
    let answers = || ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = answers().get(&asked) {
        return Ok(Arc::clone(known));
    }
    let mut command = Command::new(&asked.compiler);
    command
        .args(["-E", "-dM", "-w", "-x", "c"])
        .args(&asked.flags)
        .arg("/dev/null")
        .env("LC_ALL", "C");
    if let Some(directory) = &asked.directory {
        command.current_dir(directory);
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| FrontendError::CompilerUnusable {
            compiler: asked.compiler.clone(),
            error,
        })?;
    let macros: Arc<str> = String::from_utf8_lossy(&output.stdout).into();
    if output.status.success() {
        answers().insert(asked, Arc::clone(&macros));
    }
    Ok(macros)
}

/// Asks the compiler for its predefined macros under the flags that can change them, and checks them against the
/// data model asked for.
///
/// # Errors
/// The compiler's basic types are not the data model's, or a flag changes layout in a way that is not followed.
pub fn probe(
    compiler: &Path,
    flags: &[String],
    directory: Option<&Path>,
    model: DataModel,
) -> Result<Target, FrontendError> {
    if let Some(flag) = flags
        .iter()
        .find(|f| UNSUPPORTED.iter().any(|u| f.starts_with(u)))
    {
        return Err(FrontendError::UnsupportedFlag { flag: flag.clone() });
    }
    let relevant = flags.iter().filter(|f| {
        ["-m", "-f", "-std", "-target", "--target", "-O"]
            .iter()
            .any(|p| f.starts_with(p))
    });
    let asked = Question {
        compiler: compiler.to_path_buf(),
        flags: relevant.cloned().collect(),
        directory: directory.map(Path::to_path_buf),
    };
    let macros = predefined(asked)?;
    let value = |name: &str| {
        macros.lines().find_map(|l| {
            l.strip_prefix("#define ")?
                .strip_prefix(name)?
                .strip_prefix(' ')
                .map(str::trim)
        })
    };
    let number = |name: &str| value(name).and_then(|v| v.parse::<u32>().ok());
    let pointer = model.pointer_bytes() as u32;
    for (name, wanted) in [
        ("__SIZEOF_POINTER__", pointer),
        ("__SIZEOF_LONG__", pointer),
        ("__SIZEOF_INT__", 4),
        ("__SIZEOF_SHORT__", 2),
        ("__SIZEOF_LONG_LONG__", 8),
        ("__CHAR_BIT__", 8),
    ] {
        if let Some(found) = number(name).filter(|n| *n != wanted) {
            return Err(FrontendError::DataModel {
                compiler: compiler.to_path_buf(),
                name,
                found,
                wanted,
            });
        }
    }
    if value("__BYTE_ORDER__").is_some_and(|v| v != "__ORDER_LITTLE_ENDIAN__") {
        return Err(FrontendError::BigEndian {
            compiler: compiler.to_path_buf(),
        });
    }
    let last = |on: &[&str], off: &[&str]| {
        flags.iter().rev().find_map(|f| match f.as_str() {
            f if on.contains(&f) => Some(true),
            f if off.contains(&f) => Some(false),
            _ => None,
        })
    };
    Ok(Target {
        char_unsigned: value("__CHAR_UNSIGNED__").is_some(),
        wchar_bits: number("__SIZEOF_WCHAR_T__").map_or(32, |n| n.saturating_mul(8)),
        wraps: last(
            &["-fwrapv", "-fno-strict-overflow"],
            &["-fno-wrapv", "-fstrict-overflow"],
        )
        .unwrap_or(false),
        openmp: value("_OPENMP").is_some() || value("_OPENACC").is_some(),
    })
}
