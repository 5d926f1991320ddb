//! Which words are keywords, and of what sort.

/// What a keyword does in a declaration or statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Names a type, or part of one.
    Type,
    /// `struct`, `union`.
    Record,
    Enum,
    Typeof,
    /// Storage classes, qualifiers, function specifiers.
    Specifier,
    /// `if`, `for`, `while`, `switch`: a parenthesis and a statement follow.
    Control,
    /// `else`, `do`: a statement follows.
    Branch,
    /// Other statement keywords and operators in words.
    Other,
}

/// The sort of a keyword of C11 or GNU C; `None` for an identifier.
pub fn sort(word: &str) -> Option<Sort> {
    Some(match word {
        "void" | "char" | "short" | "int" | "long" | "float" | "double" | "signed" | "unsigned" | "_Bool"
        | "_Complex" | "__complex__" | "__complex" | "__signed" | "__signed__" | "_Float16" | "_Float32"
        | "_Float64" | "_Float128" | "_Float32x" | "_Float64x" | "_Float128x" | "_Decimal32"
        | "_Decimal64" | "_Decimal128" | "__int128" | "__float128" | "__float80" | "_Imaginary" => Sort::Type,
        "struct" | "union" => Sort::Record,
        "enum" => Sort::Enum,
        "typeof" | "__typeof" | "__typeof__" => Sort::Typeof,
        "typedef" | "extern" | "static" | "_Thread_local" | "__thread" | "auto" | "register" | "const"
        | "__const" | "__const__" | "restrict" | "__restrict" | "__restrict__" | "volatile"
        | "__volatile" | "__volatile__" | "_Atomic" | "inline" | "__inline" | "__inline__" | "_Noreturn" => {
            Sort::Specifier
        }
        "if" | "for" | "while" | "switch" => Sort::Control,
        "else" | "do" => Sort::Branch,
        "return" | "goto" | "case" | "default" | "break" | "continue" | "sizeof" | "_Alignof"
        | "__alignof" | "__alignof__" | "_Generic" | "__real__" | "__real" | "__imag__" | "__imag" => {
            Sort::Other
        }
        _ => return None,
    })
}

/// A word that can begin a declaration and nothing else.
pub fn begins_declaration(word: &str) -> bool {
    matches!(
        sort(word),
        Some(Sort::Type | Sort::Record | Sort::Enum | Sort::Typeof | Sort::Specifier)
    ) || matches!(word, "_Static_assert" | "__auto_type" | "_Alignas" | "__label__")
}

/// Another spelling that lang-c knows, for the words of which it does not know (or not reserve) all.
pub fn spelling(word: &str) -> &str {
    match word {
        "__const__" => "const",
        "__volatile__" => "volatile",
        "asm" | "__asm__" => "__asm",
        "typeof" | "__typeof__" => "__typeof",
        "__thread" => "_Thread_local",
        "__float128" => "_Float128",
        "__float80" => "long double",
        "__int128" => "_Complex",
        "<:" => "[",
        ":>" => "]",
        "<%" => "{",
        "%>" => "}",
        other => other,
    }
}
