//! What the front end knows around a function: the types of the names that may be used in it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use vf_frontend::preprocess::preprocess;
use vf_frontend::split::{Kind, split};
use vf_frontend::{Options, Wanted};
use vf_ir::{Body, Expr, FunctionId, InitValue, Initial, Program, StmtKind, Terminator};
use vf_repair::ctext::functions::{FunctionText, functions};
use vf_repair::ctext::lex::{TokenKind, is_keyword, tokens};
use vf_source::SourceMap;

/// Names of probes; nobody else's begin like this.
const PROBE: &str = "vf_guide_probe_";
/// Names that are asked about.
const MAX_NAMES: usize = 400;
/// What fixes bring in: asked about although the file has none of it yet, since its headers may.
const WELL_KNOWN: [&str; 54] = [
    "E2BIG",
    "EBADMSG",
    "EFAULT",
    "EFBIG",
    "EILSEQ",
    "EINVAL",
    "EIO",
    "EMSGSIZE",
    "ENAMETOOLONG",
    "ENODATA",
    "ENODEV",
    "ENOENT",
    "ENOMEM",
    "ENOSPC",
    "EOVERFLOW",
    "EPROTO",
    "ERANGE",
    "GFP_KERNEL",
    "INT_MAX",
    "INT_MIN",
    "LONG_MAX",
    "SIZE_MAX",
    "S32_MAX",
    "U16_MAX",
    "U32_MAX",
    "U8_MAX",
    "UINT_MAX",
    "ULONG_MAX",
    "NULL",
    "array_size",
    "calloc",
    "free",
    "kcalloc",
    "kfree",
    "kmalloc_array",
    "kzalloc",
    "malloc",
    "memchr",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "scnprintf",
    "size_add",
    "size_mul",
    "snprintf",
    "strlcpy",
    "strlen",
    "strncmp",
    "strnlen",
    "strscpy",
    "strscpy_pad",
    "true",
    "false",
];
/// Macros with arguments of which it is known what they take (`linux/array_size.h`, `linux/overflow.h`, `linux/minmax.h`).
pub const MACROS: [&str; 6] = [
    "ARRAY_SIZE",
    "min_t",
    "max_t",
    "check_add_overflow",
    "check_sub_overflow",
    "check_mul_overflow",
];

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Facts {
    /// Every name that is a type at file scope.
    pub typedefs: BTreeSet<String>,
    /// Identifiers that the file's text has.
    pub used: BTreeSet<String>,
    /// Of [`MACROS`], those that the file has or its headers define.
    pub macros: BTreeSet<&'static str>,
    /// Types that the file's text spells with a tag: `struct point`.
    pub tagged: BTreeSet<String>,
    /// String literals of the function with a `%`, as they are spelt.
    pub formats: BTreeSet<String>,
    /// Names with an integer constant for a value: enumerators and macros.
    pub constants: Vec<(String, Constant)>,
    /// Names of functions and of objects of file scope that are declared before the function.
    pub globals: Vec<String>,
    /// `NULL` is a name here.
    pub null: bool,
    pub program: Program,
    /// The function itself.
    pub function: FunctionId,
}

/// An integer constant with its type, promoted (C11 6.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    pub value: i128,
    pub bits: u32,
    pub signed: bool,
}

/// Why nothing is known about a function.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    #[error("the text defines no function `{name}`")]
    NoFunction { name: String },
    #[error("the front end: {0}")]
    Frontend(#[from] vf_frontend::error::FrontendError),
    #[error("`{name}` cannot be lowered")]
    Unsupported { name: String },
}

/// Reads a function of a file whose text may differ from what is on disk.
///
/// The front end is asked with probes put before the function: declarations that it takes only if a name is what it is
/// taken for. So a name counts as a constant or a function exactly where it is one, macros included.
///
/// # Errors
///
/// A function that is not there, or that the front end does not understand.
pub fn read(file: &Path, text: &str, function: &str, options: &Options) -> Result<Facts, FactsError> {
    let missing = || FactsError::NoFunction {
        name: function.to_owned(),
    };
    let found = functions(text)
        .into_iter()
        .find(|f| f.name == function)
        .ok_or_else(missing)?;
    let used = used(text, &found);
    let local: BTreeSet<&str> =
        vf_repair::ctext::lex::identifiers(text.get(found.range.clone()).unwrap_or(""))
            .into_iter()
            .collect();
    // Those of the function itself first.
    let mut names: Vec<&String> = used.iter().filter(|n| local.contains(n.as_str())).collect();
    names.extend(used.iter().filter(|n| !local.contains(n.as_str())));
    names.truncate(MAX_NAMES);
    let well_known: Vec<String> = WELL_KNOWN.map(str::to_owned).into();
    names.extend(well_known.iter().filter(|n| !used.contains(*n) && !is_keyword(n)));
    let mut probes = String::new();
    for (i, name) in names.iter().enumerate() {
        // In one line, so that the function's lines stay where they are. Only a number can be multiplied.
        let _ = write!(
            probes,
            "const long long {PROBE}c{i} = 1 * ({name}); \
             const long long {PROBE}t{i} = 16 * sizeof(1 * ({name})) + (0 * ({name}) - 1 < 0); \
             const void *{PROBE}u{i}(void) {{ const void *p = &{PROBE}c{i}; p = &{PROBE}t{i}; return p; }} \
             const void *{PROBE}g{i}(void) {{ return &({name}); }} "
        );
    }
    for name in MACROS {
        // What is a macro is not there any more after the preprocessor.
        let _ = write!(
            probes,
            "const long long {PROBE}m = sizeof({}); ",
            macro_call(name)
        );
    }
    let mut probed = text.to_owned();
    probed.insert_str(found.range.start, &probes);
    // A name that is a macro for half of something spoils what comes after its probe: then there are none.
    match asked(file, &probed, function, options) {
        Ok(Asked {
            program,
            typedefs,
            function,
            macros,
        }) => {
            let mut facts = Facts {
                typedefs,
                macros: MACROS
                    .into_iter()
                    .filter(|m| macros.contains(m) || used.contains(*m))
                    .collect(),
                used: used.clone(),
                tagged: tagged(text, &found),
                formats: formats(text, &found),
                constants: Vec::new(),
                globals: Vec::new(),
                null: false,
                program,
                function,
            };
            facts.read_probes(&names);
            Ok(facts)
        }
        // Nor is a macro of one of those names what it is elsewhere, perhaps.
        Err(_) => {
            let Asked {
                program,
                typedefs,
                function,
                ..
            } = asked(file, text, function, options)?;
            Ok(Facts {
                typedefs,
                macros: MACROS.into_iter().filter(|m| used.contains(*m)).collect(),
                used: used.clone(),
                tagged: tagged(text, &found),
                formats: formats(text, &found),
                constants: Vec::new(),
                globals: Vec::new(),
                null: false,
                program,
                function,
            })
        }
    }
}

/// A use of one of [`MACROS`].
fn macro_call(name: &str) -> String {
    match name {
        "ARRAY_SIZE" => format!("{name}({PROBE})"),
        _ => format!("{name}({PROBE}, {PROBE}, {PROBE})"),
    }
}

impl Facts {
    fn read_probes(&mut self, names: &[&String]) {
        for (i, name) in names.iter().enumerate() {
            match self.probe('c', i) {
                Some(InitValue::Int { value, .. }) => {
                    if let Some(InitValue::Int { value: ty, .. }) = self.probe('t', i) {
                        let (bits, signed) = ((*ty / 16 * 8) as u32, ty % 2 == 1);
                        let value = match signed {
                            true => i128::from(*value as u64 as i64),
                            false => (*value & ((1u128 << bits.min(64)) - 1)) as i128,
                        };
                        self.constants
                            .push(((*name).clone(), Constant { value, bits, signed }));
                    }
                    continue;
                }
                _ => self.null |= *name == "NULL",
            }
            let object = match self.returned(i) {
                Some(Expr::GlobalAddress(id)) => self.program.globals.get(id.index()).map(|g| &g.name),
                Some(Expr::FunctionAddress(id)) => self.program.functions.get(id.index()).map(|f| &f.name),
                _ => None,
            };
            // A macro for another object has another name.
            if object == Some(*name) {
                self.globals.push((*name).clone());
            }
        }
    }

    /// What the probe for an address returns.
    fn returned(&self, i: usize) -> Option<&Expr> {
        let id = self.program.function_named(&format!("{PROBE}g{i}"))?;
        let blocks = self.program.functions.get(id.index())?.blocks();
        let value = blocks.iter().find_map(|b| match &b.terminator {
            Terminator::Return(value) => value.as_ref(),
            _ => None,
        })?;
        let Expr::Local(local) = value else {
            return Some(value);
        };
        let statements = blocks.iter().flat_map(|b| &b.statements);
        statements.rev().find_map(|s| match &s.kind {
            StmtKind::Assign { dst, value } if dst == local => Some(value),
            _ => None,
        })
    }

    /// What a probe was initialised with.
    fn probe(&self, kind: char, i: usize) -> Option<&InitValue> {
        let name = format!("{PROBE}{kind}{i}");
        match &self.program.globals.iter().find(|g| g.name == name)?.init {
            Initial::Known(items) => Some(&items.first()?.value),
            Initial::Unknown => None,
        }
    }
}

/// What the front end says of a text.
struct Asked {
    program: Program,
    typedefs: BTreeSet<String>,
    function: FunctionId,
    /// Of [`MACROS`], those that the preprocessor replaced.
    macros: Vec<&'static str>,
}

fn asked(file: &Path, text: &str, function: &str, options: &Options) -> Result<Asked, FactsError> {
    let mut options = options.clone();
    options.wanted = Wanted::All;
    options.overlay.retain(|(path, _)| path != file);
    options.overlay.push((file.to_path_buf(), text.to_owned()));
    let mut sources = SourceMap::new();
    let pre = preprocess(file, &options)?;
    let stays = |name: &str| pre.text.contains(&format!("({})", macro_call(name)));
    let macros = MACROS.into_iter().filter(|m| !stays(m)).collect();
    let unit = split(&pre, &mut sources);
    let typedefs = unit
        .declarations
        .iter()
        .filter_map(|d| match &d.kind {
            Kind::Typedef { names } => Some(names.iter().cloned()),
            _ => None,
        })
        .flatten()
        .collect();
    let loaded = vf_frontend::load_preprocessed(&[pre], &[file.to_path_buf()], &options)?;
    let id = loaded
        .program
        .function_named(function)
        .ok_or_else(|| FactsError::NoFunction {
            name: function.to_owned(),
        })?;
    match loaded.program.function(id).body {
        Body::Defined(_) => Ok(Asked {
            program: loaded.program,
            typedefs,
            function: id,
            macros,
        }),
        Body::Declared | Body::Unsupported(_) => Err(FactsError::Unsupported {
            name: function.to_owned(),
        }),
    }
}

/// Texts with a `%` of a function.
fn formats(text: &str, function: &FunctionText) -> BTreeSet<String> {
    let body = text.get(function.range.clone()).unwrap_or("");
    let words = tokens(body);
    let spelt = words.iter().map(|t| t.text(body));
    let formats = spelt.filter(|t| t.starts_with('"') && t.contains('%') && !t.contains('\n'));
    formats.map(str::to_owned).collect()
}

/// Types with a tag up to a function's end.
fn tagged(text: &str, function: &FunctionText) -> BTreeSet<String> {
    let text = text.get(..function.range.end).unwrap_or(text);
    let words = tokens(text);
    let pairs = words.windows(2).filter_map(|two| match two {
        [kind, tag]
            if matches!(kind.text(text), "struct" | "union" | "enum") && tag.kind == TokenKind::Ident =>
        {
            Some(format!("{} {}", kind.text(text), tag.text(text)))
        }
        _ => None,
    });
    pairs.filter(|t| !t.contains("__")).collect()
}

/// Identifiers of a text up to the end of a function, without keywords, with the macros that it defines.
fn used(text: &str, function: &FunctionText) -> BTreeSet<String> {
    let text = text.get(..function.range.end).unwrap_or(text);
    tokens(text)
        .iter()
        .filter_map(|t| match t.kind {
            TokenKind::Ident => Some(t.text(text)),
            TokenKind::Directive => {
                let words = t
                    .text(text)
                    .strip_prefix('#')?
                    .trim_start()
                    .strip_prefix("define")?;
                let name = words.trim_start();
                let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                name.get(..end?)
            }
            _ => None,
        })
        .filter(|w| !w.is_empty() && !is_keyword(w))
        .map(str::to_owned)
        .collect()
}
