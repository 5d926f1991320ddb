//! The fields of a configuration file: typed reading, with errors that name the file and the field.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::files;

/// A JSON object with the file it came from; `null` counts as absent.
pub(super) struct Fields {
    pub file: PathBuf,
    /// `"rope_scaling."` inside that object, empty at the top.
    pub prefix: &'static str,
    pub map: Map<String, Value>,
}

impl Fields {
    pub fn parse(file: PathBuf, text: &str) -> Result<Fields, ModelError> {
        let value: Value = files::parse_json(&file, text)?;
        match value {
            Value::Object(map) => Ok(Fields {
                file,
                prefix: "",
                map,
            }),
            other => Err(ModelError::FieldInvalid {
                file,
                field: "the whole file".to_owned(),
                found: brief(&other),
                expected: "an object",
            }),
        }
    }

    pub fn inside(&self, name: &'static str, map: &Map<String, Value>) -> Fields {
        let prefix = match name {
            "rope_parameters" => "rope_parameters.",
            _ => "rope_scaling.",
        };
        Fields {
            file: self.file.clone(),
            prefix,
            map: map.clone(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|v| !v.is_null())
    }

    /// The field is there and is `null`: for fields whose absence has another meaning.
    pub fn is_null(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(Value::is_null)
    }

    pub fn missing(&self, field: &'static str) -> ModelError {
        ModelError::FieldMissing {
            file: self.file.clone(),
            field,
        }
    }

    pub fn invalid(&self, field: &str, found: &Value, expected: &'static str) -> ModelError {
        let field = format!("{}{field}", self.prefix);
        ModelError::FieldInvalid {
            file: self.file.clone(),
            field,
            found: brief(found),
            expected,
        }
    }

    pub fn unsupported(&self, field: &str, value: &Value, why: &'static str) -> ModelError {
        let field = format!("{}{field}", self.prefix);
        ModelError::UnsupportedSetting {
            file: self.file.clone(),
            field,
            value: brief(value),
            why,
        }
    }

    pub fn conflict(&self, first: &'static str, second: &'static str) -> ModelError {
        ModelError::ConflictingFields {
            file: self.file.clone(),
            first,
            second,
        }
    }

    pub fn optional_text(&self, name: &str) -> Result<Option<String>, ModelError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.invalid(name, other, "text")),
        }
    }

    pub fn flag(&self, name: &str, default: bool) -> Result<bool, ModelError> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(*b),
            Some(other) => Err(self.invalid(name, other, "true or false")),
        }
    }

    /// A finite number above zero.
    pub fn positive(&self, name: &str) -> Result<Option<f64>, ModelError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(x) if x.is_finite() && x > 0.0 => Ok(Some(x)),
                _ => Err(self.invalid(name, value, "a number above zero")),
            },
        }
    }

    /// A finite number above zero, or the default.
    pub fn positive_or(&self, name: &str, default: f64) -> Result<f64, ModelError> {
        Ok(self.positive(name)?.unwrap_or(default))
    }

    /// A list of finite numbers above zero.
    pub fn positives(&self, name: &'static str) -> Result<Vec<f64>, ModelError> {
        let Some(value) = self.get(name) else {
            return Err(self.missing(name));
        };
        let number = |v: &Value| v.as_f64().filter(|x| x.is_finite() && *x > 0.0);
        let list: Option<Vec<f64>> = value
            .as_array()
            .and_then(|list| list.iter().map(number).collect());
        list.ok_or_else(|| self.invalid(name, value, "a list of numbers above zero"))
    }

    /// A whole number from 0 to 2^31 - 1, or the default.
    pub fn count_or(&self, name: &str, default: usize) -> Result<usize, ModelError> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => match value.as_u64() {
                Some(n) if n < 1 << 31 => Ok(n as usize),
                _ => Err(self.invalid(name, value, "a whole number from 0 to 2147483647")),
            },
        }
    }

    /// Refuses a value that is neither absent nor the one that is implemented.
    pub fn only(&self, name: &str, implemented: Value, why: &'static str) -> Result<(), ModelError> {
        match self.get(name) {
            Some(value) if *value != implemented => Err(self.unsupported(name, value, why)),
            _ => Ok(()),
        }
    }

    /// A size from 1 to 2^31 - 1: products of two of them cannot overflow.
    pub fn optional_size(&self, name: &str) -> Result<Option<usize>, ModelError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(n) if (1..1 << 31).contains(&n) => Ok(Some(n as usize)),
                _ => Err(self.invalid(name, value, "a whole number from 1 to 2147483647")),
            },
        }
    }

    pub fn size(&self, name: &'static str) -> Result<usize, ModelError> {
        self.optional_size(name)?.ok_or_else(|| self.missing(name))
    }

    /// One token id, a list of them, or none.
    pub fn token_ids(&self, name: &str) -> Result<Vec<u32>, ModelError> {
        let expected = "a token id or a list of token ids";
        let id = |value: &Value| {
            value
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .ok_or_else(|| self.invalid(name, value, expected))
        };
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(id).collect(),
            Some(value) => Ok(vec![id(value)?]),
        }
    }
}

/// A value as the message shows it: long ones are cut.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        text
    } else {
        format!("{}...", text.chars().take(57).collect::<String>())
    }
}
