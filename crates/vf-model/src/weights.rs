//! Weights in the safetensors format: eight bytes with the length of a JSON header (little-endian), the
//! header, then the data of all tensors without gaps
//! (<https://github.com/huggingface/safetensors#format>).
//!
//! Headers are checked against the files' real sizes before anything is loaded, and tensors are read one at
//! a time with plain reads: a damaged file is an error with its name, never a crash on a mapped page.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde_json::{Map, Value};

use crate::error::{BadWeights, ModelError, compute};
use crate::files;

/// Longest header that the format allows, in bytes.
const HEADER_LIMIT: u64 = 100_000_000;

const INDEX: &str = "model.safetensors.index.json";

/// The tensors of a model folder: where each lies, nothing loaded yet.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    tensors: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    file: PathBuf,
    element: Element,
    shape: Vec<usize>,
    /// Position of the first byte in the file, and the number of bytes.
    start: u64,
    length: u64,
}

/// Element type of a tensor in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Float {
        dtype: DType,
        bytes: u64,
    },
    /// Anything else; fine in a tensor that nothing asks for.
    Other(String),
}

impl Weights {
    /// Finds the weight files and reads their headers.
    pub fn open(folder: &Path) -> Result<Weights, ModelError> {
        let single = folder.join("model.safetensors");
        let index = folder.join(INDEX);
        let mut weights = Weights {
            folder: folder.to_path_buf(),
            tensors: BTreeMap::new(),
        };
        // The order in which the published loaders look.
        if single.exists() {
            weights.add_file(&single)?;
        } else if index.exists() {
            weights.add_shards(&index)?;
        } else {
            let file = only_file(folder)?;
            weights.add_file(&file)?;
        }
        Ok(weights)
    }

    fn add_shards(&mut self, index: &Path) -> Result<(), ModelError> {
        let text = files::read_text(&self.folder, INDEX)?;
        let value: Value = files::parse_json(index, &text)?;
        let Some(map) = value.get("weight_map").and_then(Value::as_object) else {
            return Err(ModelError::FieldMissing {
                file: index.to_path_buf(),
                field: "weight_map",
            });
        };
        let mut shards: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (tensor, shard) in map {
            let name = shard.as_str().unwrap_or_default();
            // A name with a folder in it could point anywhere on the machine.
            let plain = Path::new(name).file_name().is_some_and(|n| n == name);
            if !plain {
                let name = shard.to_string();
                return Err(ModelError::BadShardName {
                    index: index.to_path_buf(),
                    name,
                });
            }
            shards.entry(name).or_default().push(tensor);
        }
        for (shard, tensors) in shards {
            let path = self.folder.join(shard);
            if !path.exists() {
                let shard = shard.to_owned();
                return Err(ModelError::ShardMissing {
                    index: index.to_path_buf(),
                    shard,
                });
            }
            self.add_file(&path)?;
            for tensor in tensors {
                if self.tensors.get(tensor).is_none_or(|e| e.file != path) {
                    let (tensor, shard) = (tensor.to_owned(), shard.to_owned());
                    return Err(ModelError::IndexMismatch {
                        index: index.to_path_buf(),
                        tensor,
                        shard,
                    });
                }
            }
        }
        Ok(())
    }

    fn add_file(&mut self, file: &Path) -> Result<(), ModelError> {
        for (name, entry) in read_header(file)? {
            if let Some(other) = self.tensors.get(&name) {
                let first = other.file.clone();
                return Err(ModelError::DuplicateTensor {
                    tensor: name,
                    first,
                    second: entry.file,
                });
            }
            self.tensors.insert(name, entry);
        }
        Ok(())
    }

    /// Number of tensors in the files.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Values and bytes of the tensors that `counted` accepts, by the name of their element type.
    pub fn sizes(&self, counted: impl Fn(&str) -> bool) -> BTreeMap<String, (u64, u64)> {
        let mut sizes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (_, entry) in self.tensors.iter().filter(|(name, _)| counted(name)) {
            let values = entry.shape.iter().fold(1u64, |n, d| n.saturating_mul(*d as u64));
            let name = entry.element.name();
            let sum = sizes.entry(name.to_owned()).or_default();
            *sum = (sum.0.saturating_add(values), sum.1.saturating_add(entry.length));
        }
        sizes
    }

    /// Checks that the model's tensors are there with these shapes, and that nothing else is, except what
    /// `ignorable` accepts.
    pub fn check(
        &self,
        expected: &BTreeMap<String, Vec<usize>>,
        ignorable: impl Fn(&str) -> bool,
        family: &'static str,
    ) -> Result<(), ModelError> {
        for (name, shape) in expected {
            let Some(entry) = self.tensors.get(name) else {
                return Err(self.missing(name));
            };
            if &entry.shape != shape {
                return Err(ModelError::TensorShape {
                    file: entry.file.clone(),
                    tensor: name.clone(),
                    found: entry.shape.clone(),
                    expected: shape.clone(),
                });
            }
            if let Element::Other(found) = &entry.element {
                let (tensor, found) = (name.clone(), found.clone());
                return Err(ModelError::TensorType {
                    file: entry.file.clone(),
                    tensor,
                    found,
                });
            }
        }
        match self
            .tensors
            .iter()
            .find(|(name, _)| !expected.contains_key(*name) && !ignorable(name))
        {
            None => Ok(()),
            Some((name, entry)) => Err(ModelError::UnexpectedTensor {
                file: entry.file.clone(),
                tensor: name.clone(),
                family,
            }),
        }
    }

    /// Reads one tensor and converts it.
    pub fn load(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let entry = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        let stored = match &entry.element {
            Element::Float { dtype, .. } => *dtype,
            Element::Other(found) => {
                let (tensor, found) = (name.to_owned(), found.clone());
                return Err(ModelError::TensorType {
                    file: entry.file.clone(),
                    tensor,
                    found,
                });
            }
        };
        let failed = |source| ModelError::Read {
            file: entry.file.clone(),
            source,
        };
        let mut file = File::open(&entry.file).map_err(failed)?;
        file.seek(SeekFrom::Start(entry.start)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(entry.length).read_to_end(&mut bytes).map_err(failed)?;
        // The size was checked before; the file may have been cut since.
        if bytes.len() as u64 != entry.length {
            let (needed, found) = (entry.start + entry.length, entry.start + bytes.len() as u64);
            return Err(ModelError::TruncatedWeights {
                file: entry.file.clone(),
                needed,
                found,
            });
        }
        let loading = "the loading of a tensor";
        let tensor =
            Tensor::from_raw_buffer(&bytes, stored, &entry.shape, device).map_err(compute(loading))?;
        tensor.to_dtype(dtype).map_err(compute(loading))
    }

    fn missing(&self, name: &str) -> ModelError {
        ModelError::TensorMissing {
            folder: self.folder.clone(),
            tensor: name.to_owned(),
        }
    }
}

/// The only `*.safetensors` file of the folder.
fn only_file(folder: &Path) -> Result<PathBuf, ModelError> {
    let failed = |source| ModelError::Read {
        file: folder.to_path_buf(),
        source,
    };
    let mut found = Vec::new();
    let mut other_format = false;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("safetensors") => found.push(path),
            Some("bin" | "pt" | "pth" | "gguf" | "ggml" | "onnx") => other_format = true,
            _ => {}
        }
    }
    let count = found.len();
    match (found.pop(), count) {
        (Some(file), 1) => Ok(file),
        (None, _) => Err(ModelError::NoWeights {
            folder: folder.to_path_buf(),
            other_format,
        }),
        (Some(_), _) => Err(ModelError::AmbiguousWeights {
            folder: folder.to_path_buf(),
            count,
        }),
    }
}

fn read_header(path: &Path) -> Result<Vec<(String, Entry)>, ModelError> {
    let failed = |source| ModelError::Read {
        file: path.to_path_buf(),
        source,
    };
    let bad = |why| ModelError::BadWeights {
        file: path.to_path_buf(),
        why,
    };
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size == 0 {
        return Err(ModelError::EmptyWeights {
            file: path.to_path_buf(),
        });
    }
    let truncated = |needed| ModelError::TruncatedWeights {
        file: path.to_path_buf(),
        needed,
        found: size,
    };
    if size < 8 {
        return Err(truncated(8));
    }
    let mut first = [0; 8];
    file.read_exact(&mut first).map_err(failed)?;
    if &first == b"version " {
        return Err(ModelError::LfsPointer {
            file: path.to_path_buf(),
        });
    }
    let length = u64::from_le_bytes(first);
    if length > HEADER_LIMIT {
        return Err(bad(BadWeights::HeaderTooLong { length }));
    }
    let data_start = 8 + length;
    if size < data_start {
        return Err(truncated(data_start));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(failed)?;
    let header = String::from_utf8(header).map_err(|_| bad(BadWeights::HeaderNotUtf8))?;
    let header: Map<String, Value> = serde_json::from_str(&header).map_err(|e| {
        bad(BadWeights::HeaderNotJson {
            message: e.to_string(),
        })
    })?;
    entries(path, &header, data_start, size)
}

/// Checks the header's entries against each other and against the size of the file.
fn entries(
    path: &Path,
    header: &Map<String, Value>,
    data_start: u64,
    size: u64,
) -> Result<Vec<(String, Entry)>, ModelError> {
    let bad = |why| ModelError::BadWeights {
        file: path.to_path_buf(),
        why,
    };
    let mut found = Vec::new();
    for (name, value) in header.iter().filter(|(name, _)| *name != "__metadata__") {
        let wrong = |field| {
            bad(BadWeights::Entry {
                tensor: name.clone(),
                field,
            })
        };
        let element = value
            .get("dtype")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("dtype"))?;
        let shape = numbers(value.get("shape")).ok_or_else(|| wrong("shape"))?;
        let offsets = numbers(value.get("data_offsets")).ok_or_else(|| wrong("data_offsets"))?;
        let (begin, end) = match offsets.as_slice() {
            [begin, end] if begin <= end && *end <= u64::MAX - data_start => (*begin, *end),
            _ => return Err(wrong("data_offsets")),
        };
        let element = Element::named(element);
        if let Element::Float { bytes, .. } = element {
            let expected = shape
                .iter()
                .try_fold(bytes, |n, d| n.checked_mul(*d))
                .ok_or_else(|| wrong("shape"))?;
            if end - begin != expected {
                let found = end - begin;
                return Err(bad(BadWeights::Size {
                    tensor: name.clone(),
                    found,
                    expected,
                }));
            }
        }
        let shape: Option<Vec<usize>> = shape.iter().map(|n| usize::try_from(*n).ok()).collect();
        let shape = shape.ok_or_else(|| wrong("shape"))?;
        let (start, length) = (data_start + begin, end - begin);
        found.push((
            name.clone(),
            Entry {
                file: path.to_path_buf(),
                element,
                shape,
                start,
                length,
            },
        ));
    }
    found.sort_by_key(|(_, e)| (e.start, e.length));
    let mut position = data_start;
    for (name, entry) in &found {
        if entry.start != position {
            return Err(bad(BadWeights::Layout { tensor: name.clone() }));
        }
        position += entry.length;
    }
    if position > size {
        return Err(ModelError::TruncatedWeights {
            file: path.to_path_buf(),
            needed: position,
            found: size,
        });
    }
    if position < size {
        return Err(bad(BadWeights::TrailingBytes {
            bytes: size - position,
        }));
    }
    Ok(found)
}

fn numbers(value: Option<&Value>) -> Option<Vec<u64>> {
    value?.as_array()?.iter().map(Value::as_u64).collect()
}

impl Element {
    fn name(&self) -> &str {
        match self {
            Element::Float {
                dtype: DType::F32, ..
            } => "F32",
            Element::Float {
                dtype: DType::F16, ..
            } => "F16",
            Element::Float { .. } => "BF16",
            Element::Other(name) => name,
        }
    }

    fn named(name: &str) -> Element {
        match name {
            "F32" => Element::Float {
                dtype: DType::F32,
                bytes: 4,
            },
            "F16" => Element::Float {
                dtype: DType::F16,
                bytes: 2,
            },
            "BF16" => Element::Float {
                dtype: DType::BF16,
                bytes: 2,
            },
            other => Element::Other(other.to_owned()),
        }
    }
}
