//! Function definitions of a file, found by their shape: `name ( ... ) {` outside of any braces.

use std::ops::Range;

use super::lex::{Token, TokenKind, is_keyword, tokens};

/// One definition, in bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionText {
    pub name: String,
    /// From the first token of its specifiers to the closing brace.
    pub range: Range<usize>,
    /// The parameter list without its parentheses.
    pub params: Range<usize>,
    /// From the opening to the closing brace, both included.
    pub body: Range<usize>,
}

/// Every function that the text defines, in order. Unbalanced braces end the list.
pub fn functions(source: &str) -> Vec<FunctionText> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut i = 0;
    // First token after the previous declaration.
    let mut start = 0;
    while let Some(token) = tokens.get(i) {
        if token.kind == TokenKind::Directive {
            i += 1;
            start = i;
            continue;
        }
        match token.text(source) {
            ";" => {
                i += 1;
                start = i;
            }
            "{" => {
                let Some(close) = matching(source, &tokens, i) else {
                    return found;
                };
                if let Some((name, params)) = header(source, &tokens, start, i) {
                    let range = tokens[start].start..tokens[close].end;
                    found.push(FunctionText {
                        name,
                        range,
                        params,
                        body: token.start..tokens[close].end,
                    });
                    start = close + 1;
                }
                i = close + 1;
            }
            "(" | "[" => match matching(source, &tokens, i) {
                Some(close) => i = close + 1,
                None => return found,
            },
            _ => i += 1,
        }
    }
    found
}

/// Name and parameter list of a definition whose header is `tokens[start..brace]`.
fn header(source: &str, tokens: &[Token], start: usize, brace: usize) -> Option<(String, Range<usize>)> {
    let mut i = start;
    while i < brace {
        let token = &tokens[i];
        let word = token.text(source);
        if word == "=" {
            return None;
        }
        let opens = tokens.get(i + 1).is_some_and(|t| t.text(source) == "(");
        if token.kind == TokenKind::Ident && opens {
            let close = matching(source, tokens, i + 1)?;
            let attribute = is_keyword(word) || word.starts_with("__") && close + 1 < brace && i == start;
            if !attribute {
                return Some((word.to_string(), tokens[i + 1].end..tokens[close].start));
            }
            i = close + 1;
        } else {
            i += 1;
        }
    }
    None
}

/// Index of the token that closes the bracket at `open`.
pub(crate) fn matching(source: &str, tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        if token.kind != TokenKind::Punct {
            continue;
        }
        match token.text(source) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_among_other_things() {
        let source = "#include <x.h>\nstruct s { int a; };\nint table[] = { 1, 2 };\nint proto(int);\n\
                      static int\nfirst(int a, char (*f)(int))\n{ if (a) { return 1; } return 0; }\n\
                      __attribute__((noinline)) struct s *second(void) { return 0; }\n";
        let found = functions(source);
        assert_eq!(
            found.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
            ["first", "second"]
        );
        assert!(source[found[0].range.clone()].starts_with("static int"));
        assert_eq!(&source[found[0].params.clone()], "int a, char (*f)(int)");
        assert!(source[found[1].body.clone()].starts_with("{ return 0; }"));
    }

    #[test]
    fn unbalanced_text_gives_what_came_before() {
        assert_eq!(functions("int f(void) { return 1; } int g(void) { ").len(), 1);
        assert!(functions(")))}}}").is_empty());
    }
}
