//! Conditions on the inputs of a counterexample: C expressions over integers, without overflow.
//!
//! ```text
//! condition  = conjunction { "||" conjunction }
//! conjunction = comparison { "&&" comparison }
//! comparison = sum [ ("==" | "!=" | "<=" | ">=" | "<" | ">") sum ]
//! sum        = product { ("+" | "-") product }
//! product    = operand { ("*" | "/" | "%") operand }
//! operand    = ["-"] (number | name | "(" condition ")")
//! ```
//!
//! A name is what the counterexample calls the input: `n`, `s->count`, `a.b[3]`. `NULL` is a value of its own.

use std::collections::BTreeMap;

/// Does the condition hold of the inputs? `Err` says which part has no meaning.
pub fn holds(condition: &str, inputs: &BTreeMap<String, String>) -> Result<bool, String> {
    let mut reader = Reader {
        text: condition,
        at: 0,
        inputs,
    };
    let value = reader.condition()?;
    reader.spaces();
    if reader.at < condition.len() {
        return Err(format!("`{}` is not understood", &condition[reader.at..]));
    }
    Ok(value != 0)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    inputs: &'a BTreeMap<String, String>,
}

impl Reader<'_> {
    fn spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.spaces();
        let yes = self.text[self.at..].starts_with(token);
        self.at += if yes { token.len() } else { 0 };
        yes
    }

    fn condition(&mut self) -> Result<i128, String> {
        let mut value = self.conjunction()?;
        while self.eat("||") {
            let other = self.conjunction()?;
            value = i128::from(value != 0 || other != 0);
        }
        Ok(value)
    }

    fn conjunction(&mut self) -> Result<i128, String> {
        let mut value = self.comparison()?;
        while self.eat("&&") {
            let other = self.comparison()?;
            value = i128::from(value != 0 && other != 0);
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Result<i128, String> {
        let left = self.sum()?;
        for (operator, holds) in [
            ("==", i128::eq as fn(&i128, &i128) -> bool),
            ("!=", i128::ne),
            ("<=", i128::le),
            (">=", i128::ge),
            ("<", i128::lt),
            (">", i128::gt),
        ] {
            if self.eat(operator) {
                let right = self.sum()?;
                return Ok(i128::from(holds(&left, &right)));
            }
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<i128, String> {
        let mut value = self.product()?;
        loop {
            if self.eat("+") {
                value = value.checked_add(self.product()?).ok_or("a sum is too large")?;
            } else if self.eat("-") {
                value = value
                    .checked_sub(self.product()?)
                    .ok_or("a difference is too large")?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<i128, String> {
        let mut value = self.operand()?;
        loop {
            let operator = if self.eat("*") {
                i128::checked_mul
            } else if self.eat("/") {
                i128::checked_div
            } else if self.eat("%") {
                i128::checked_rem
            } else {
                return Ok(value);
            };
            value = operator(value, self.operand()?).ok_or("a product or quotient has no value")?;
        }
    }

    fn operand(&mut self) -> Result<i128, String> {
        if self.eat("-") {
            return Ok(-self.operand()?);
        }
        if self.eat("(") {
            let value = self.condition()?;
            return if self.eat(")") {
                Ok(value)
            } else {
                Err("a `)` is missing".to_owned())
            };
        }
        self.spaces();
        let rest = &self.text[self.at..];
        let word = &rest[..word_length(rest)];
        if word.is_empty() {
            return Err(format!("`{}` is not an operand", &self.text[self.at..]));
        }
        self.at += word.len();
        if word == "NULL" {
            return Ok(NULL);
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return number(word).ok_or_else(|| format!("`{word}` is not a number"));
        }
        let value = self
            .inputs
            .get(word)
            .ok_or_else(|| format!("the counterexample has no input `{word}`"))?;
        number(value).ok_or_else(|| format!("the input `{word}` is `{value}`, not a number"))
    }
}

/// Length of the number or name, members and elements included, at the start of the text.
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at..) {
            Some([b'-', b'>', ..]) if at > 0 => at += 2,
            Some([b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_', ..]) => at += 1,
            Some([b'.' | b'[' | b']', ..]) if at > 0 => at += 1,
            _ => return at,
        }
    }
}

/// The null pointer; no integer of a C type has this value.
const NULL: i128 = i128::MIN;

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None if text == "NULL" => Some(NULL),
        None => text.parse().ok(),
    }
}
