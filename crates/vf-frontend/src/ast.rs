//! The parsed declarations of a file as text, for people.

use std::fmt::Write;
use std::path::Path;

use lang_c::print::Printer;
use lang_c::visit::Visit;
use vf_source::SourceMap;

use crate::error::FrontendError;
use crate::preprocess::preprocess;
use crate::split::split;
use crate::{Options, Wanted};

/// The trees of the declarations that the file itself has (not what it includes), each under its place. With
/// [`Wanted::Functions`], those functions only. A declaration that does not parse shows why instead.
///
/// # Errors
/// When the file cannot be read or preprocessed.
pub fn ast_text(file: &Path, options: &Options) -> Result<String, FrontendError> {
    let pre = preprocess(file, options)?;
    let mut sources = SourceMap::new();
    let unit = split(&pre, &mut sources);
    let wanted: Option<Vec<usize>> = match &options.wanted {
        Wanted::All => None,
        Wanted::Functions(names) => Some(names.iter().filter_map(|n| unit.function(n)).collect()),
    };
    let mut text = String::new();
    for (index, declaration) in unit.declarations.iter().enumerate() {
        let place = unit.place(declaration.range.clone());
        if !declaration.main || wanted.as_ref().is_some_and(|w| !w.contains(&index)) {
            continue;
        }
        let _ = writeln!(text, "// {}:{}", file.display(), place.start.line);
        match unit.parse(index) {
            Ok(parsed) => {
                Printer::new(&mut text).visit_external_declaration(&parsed.node.node, &parsed.node.span);
                if !text.ends_with('\n') {
                    text.push('\n');
                }
            }
            Err(failure) => {
                let _ = writeln!(text, "// {failure}");
            }
        }
    }
    Ok(text)
}
