//! A function with all that it needs as a file of its own, which includes nothing.
//!
//! A fix in somebody's repository needs that repository's headers, and their compiler flags, to be read. What is taken from it instead is
//! its preprocessed text, cut down to the declarations that the function names, and what those name.

use std::collections::BTreeSet;

use vf_frontend::preprocess::Preprocessed;
use vf_frontend::split::{Kind, TagKind, Unit, split};
use vf_repair::ctext::lex::{TokenKind, tokens};
use vf_source::SourceMap;

/// Most that a function may need: a page or so that a person still reads.
const DECLARATIONS: usize = 250;
const BYTES: usize = 48 * 1024;

/// Why a function cannot stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAlone {
    #[error("the function is not in the preprocessed text")]
    Missing,
    #[error("it needs more than {DECLARATIONS} declarations or {BYTES} bytes")]
    TooMuch,
    #[error("there are pragmas, which may change what declarations mean")]
    Pragmas,
}

/// A preprocessed file, from which functions are taken.
#[derive(Debug)]
pub struct Whole {
    unit: Unit,
    pragmas: bool,
}

impl Whole {
    pub fn new(preprocessed: &Preprocessed) -> Whole {
        // The compiler's own headers have some that change nothing.
        let changes = |line: &str| {
            let line = line.trim_start();
            let pragma = line.strip_prefix('#').map(str::trim_start);
            pragma
                .is_some_and(|l| l.starts_with("pragma pack") || l.starts_with("pragma scalar_storage_order"))
        };
        Whole {
            pragmas: preprocessed.text.lines().any(changes),
            unit: split(preprocessed, &mut SourceMap::new()),
        }
    }

    /// The function, and what it needs.
    fn needed(&self, function: &str) -> Result<BTreeSet<usize>, NotAlone> {
        let own = self.unit.function(function).ok_or(NotAlone::Missing)?;
        let mut needed = BTreeSet::new();
        self.add(own, &mut needed);
        Ok(needed)
    }

    /// Adds a declaration with all that it names, and what those name.
    fn add(&self, number: usize, needed: &mut BTreeSet<usize>) {
        let mut left = vec![number];
        while let Some(number) = left.pop() {
            // More than that is refused when it is written.
            if needed.len() <= DECLARATIONS && needed.insert(number) {
                left.extend(self.named_in(number));
            }
        }
    }

    /// What a declaration names.
    fn named_in(&self, number: usize) -> Vec<usize> {
        let text = self.text(number);
        let mut found = Vec::new();
        let mut names = BTreeSet::new();
        for token in tokens(&text) {
            if token.kind == TokenKind::Ident {
                names.insert(token.text(&text));
            }
        }
        for name in names {
            let unit = &self.unit;
            found.extend(unit.typedef(name));
            let tags = [TagKind::Struct, TagKind::Union, TagKind::Enum];
            found.extend(tags.into_iter().filter_map(|kind| unit.tag(kind, name)));
            found.extend(unit.variables(name));
            found.extend(unit.enum_constant(name));
            found.extend(unit.function(name));
            found.extend(unit.prototypes(name));
        }
        found
    }

    /// A declaration without the preprocessor's line markers.
    fn text(&self, number: usize) -> String {
        let range = self.unit.declarations.get(number).map(|d| d.range.clone());
        let text = range.map_or("", |range| self.unit.text(range));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.collect::<Vec<&str>>().join("\n")
    }

    /// The declarations as a text, in their order; blank lines between those with bodies.
    fn written(&self, needed: &BTreeSet<usize>) -> Result<String, NotAlone> {
        if self.pragmas {
            return Err(NotAlone::Pragmas);
        }
        if needed.len() > DECLARATIONS {
            return Err(NotAlone::TooMuch);
        }
        let mut out = String::new();
        for number in needed {
            let kind = self.unit.declarations.get(*number).map(|d| &d.kind);
            let text = self.text(*number);
            let long = matches!(kind, Some(Kind::Function { .. })) || text.contains('\n');
            if long && !out.is_empty() {
                out.push('\n');
            }
            out.push_str(text.trim());
            out.push('\n');
            if long {
                out.push('\n');
            }
        }
        while out.contains("\n\n\n") {
            out = out.replace("\n\n\n", "\n\n");
        }
        if out.len() > BYTES {
            return Err(NotAlone::TooMuch);
        }
        Ok(out.trim().to_owned() + "\n")
    }

    /// Names of what the declarations declare.
    fn names(&self, needed: &BTreeSet<usize>) -> BTreeSet<String> {
        let kinds = needed
            .iter()
            .filter_map(|number| self.unit.declarations.get(*number));
        let names = kinds.flat_map(|declaration| match &declaration.kind {
            Kind::Function { name } => vec![name.clone()],
            Kind::Typedef { names } | Kind::Prototype { names } | Kind::Variable { names } => names.clone(),
            Kind::TagOnly | Kind::Asm | Kind::Other => Vec::new(),
        });
        names.collect()
    }
}

/// Two versions of a function, each as a file of its own. What one of them needs is in both, where the other's file has it, so that they
/// differ in what differs.
///
/// # Errors
/// The function is not there, or needs too much.
pub fn alone(before: &Whole, after: &Whole, function: &str) -> Result<(String, String), NotAlone> {
    let (mut old, mut new) = (before.needed(function)?, after.needed(function)?);
    let (old_names, new_names) = (before.names(&old), after.names(&new));
    let add = |whole: &Whole, to: &mut BTreeSet<usize>, names: &BTreeSet<String>| {
        for name in names {
            let unit = &whole.unit;
            let more = unit.function(name).into_iter().chain(unit.typedef(name));
            let more = more.chain(unit.prototypes(name).iter().copied());
            for number in more.chain(unit.variables(name).iter().copied()) {
                whole.add(number, to);
            }
        }
    };
    add(before, &mut old, &new_names);
    add(after, &mut new, &old_names);
    Ok((before.written(&old)?, after.written(&new)?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn whole(text: &str) -> Whole {
        Whole::new(&Preprocessed::from_text(Path::new("a.c"), text.as_bytes()).expect("a text"))
    }

    const HEADER: &str = "# 1 \"a.c\"\ntypedef unsigned long size_t;\ntypedef int unused_t;\nstruct b { size_t n; char d[8]; };\n\
        struct other { int x; };\nextern void *memcpy(void *, const void *, size_t);\nextern int puts(const char *);\n\
        static int limit(struct b *b)\n{\n\treturn b->n < 8;\n}\nint alien(struct other *o)\n{\n\treturn o->x;\n}\n";

    #[test]
    fn only_what_is_needed_is_taken() {
        let before = format!("{HEADER}int f(struct b *b, int i)\n{{\n\treturn b->d[i];\n}}\n");
        let after = format!(
            "{HEADER}int f(struct b *b, int i)\n{{\n\tif (i < 0 || !limit(b))\n\t\treturn -1;\n\treturn b->d[i];\n}}\n"
        );
        let (old, new) = alone(&whole(&before), &whole(&after), "f").expect("it stands alone");
        for text in [&old, &new] {
            assert!(
                text.contains("struct b {") && text.contains("typedef unsigned long size_t;"),
                "{text}"
            );
            assert!(
                text.contains("static int limit"),
                "both have what one needs: {text}"
            );
            for no in ["unused_t", "other", "memcpy", "puts", "#"] {
                assert!(!text.contains(no), "{no}: {text}");
            }
        }
        assert!(new.contains("!limit(b)") && !old.contains("!limit(b)"));
    }

    #[test]
    fn what_cannot_stand_alone_says_why() {
        let text = "# 1 \"a.c\"\nint f(void) { return 0; }\n";
        let packed = format!("#pragma pack(1)\n{text}");
        assert_eq!(alone(&whole(text), &whole(text), "g"), Err(NotAlone::Missing));
        assert_eq!(
            alone(&whole(&packed), &whole(&packed), "f"),
            Err(NotAlone::Pragmas)
        );
    }
}
