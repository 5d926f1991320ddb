//! Reading a GGUF file: metadata and the places of tensors
//! (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).
//!
//! Nothing in the file is believed: every length is compared with what is left of the file before room is made for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{BadGguf, Element, MAGIC, Value};
use crate::error::ModelError;

/// More dimensions than any model has.
const DIMENSIONS: u32 = 4;

/// A file's metadata and where its tensors lie.
#[derive(Debug)]
pub struct Gguf {
    pub file: PathBuf,
    pub metadata: BTreeMap<String, Value>,
    pub tensors: BTreeMap<String, Tensor>,
    /// The file's contents, where they are in the program itself.
    contents: Option<&'static [u8]>,
}

#[derive(Debug)]
pub struct Tensor {
    pub element: Element,
    /// As the tensor library has it: rows, then columns; one size for a vector.
    pub shape: Vec<usize>,
    /// Of its first byte in the file, and the number of bytes.
    start: u64,
    /// In bytes.
    pub length: u64,
}

impl Gguf {
    pub fn open(path: &Path) -> Result<Gguf, ModelError> {
        let failed = |source| ModelError::Read {
            file: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        Gguf::read(path, BufReader::new(file), size, None)
    }

    /// A file that is in memory; `path` is what messages call it.
    pub fn of_contents(path: &Path, contents: &'static [u8]) -> Result<Gguf, ModelError> {
        Gguf::read(path, Cursor::new(contents), contents.len() as u64, Some(contents))
    }

    fn read(
        path: &Path,
        from: impl Read,
        size: u64,
        contents: Option<&'static [u8]>,
    ) -> Result<Gguf, ModelError> {
        let mut reader = Reader {
            path,
            from,
            at: 0,
            size,
        };
        let (metadata, infos) = reader.header()?;
        let alignment = match metadata.get("general.alignment") {
            None => 32,
            Some(value) => match value.as_size() {
                Some(n) if n.is_power_of_two() => n as u64,
                _ => return Err(reader.bad(BadGguf::Metadata("general.alignment".to_owned()))),
            },
        };
        let data = reader.at.next_multiple_of(alignment);
        let mut tensors = BTreeMap::new();
        for (name, shape, element, offset) in infos {
            let bad = |name: &str| reader.bad(BadGguf::Tensor(name.to_owned()));
            let values = shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64));
            let columns = shape.last().copied().unwrap_or(1) as u64;
            let length = values.and_then(|values| match &element {
                Element::F32 => values.checked_mul(4),
                Element::F16 | Element::Bf16 => values.checked_mul(2),
                Element::Q8_0 if columns.is_multiple_of(32) => (values / 32).checked_mul(34),
                Element::Q8_0 => None,
                // Of a type that is not read the size does not matter.
                Element::Other(_) => Some(0),
            });
            let start = data.checked_add(offset);
            let end = length.zip(start).and_then(|(l, s)| s.checked_add(l));
            let (Some(length), Some(start), Some(end)) = (length, start, end) else {
                return Err(bad(&name));
            };
            if end > size {
                return Err(ModelError::TruncatedWeights {
                    file: path.to_path_buf(),
                    needed: end,
                    found: size,
                });
            }
            let tensor = Tensor {
                element,
                shape,
                start,
                length,
            };
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(bad(&name));
            }
        }
        Ok(Gguf {
            file: path.to_path_buf(),
            metadata,
            tensors,
            contents,
        })
    }

    /// The bytes of a tensor.
    pub fn bytes(&self, tensor: &Tensor) -> Result<Vec<u8>, ModelError> {
        let failed = |source| ModelError::Read {
            file: self.file.clone(),
            source,
        };
        let mut bytes = Vec::new();
        if let Some(contents) = self.contents {
            let end = tensor.start.saturating_add(tensor.length);
            let place = usize::try_from(tensor.start).ok().zip(usize::try_from(end).ok());
            let part = place.and_then(|(start, end)| contents.get(start..end));
            bytes.extend_from_slice(part.unwrap_or_default());
        } else {
            let mut file = File::open(&self.file).map_err(failed)?;
            file.seek(SeekFrom::Start(tensor.start)).map_err(failed)?;
            file.take(tensor.length).read_to_end(&mut bytes).map_err(failed)?;
        }
        // The size was checked before; the file may have been cut since.
        if bytes.len() as u64 != tensor.length {
            return Err(ModelError::TruncatedWeights {
                file: self.file.clone(),
                needed: tensor.start + tensor.length,
                found: tensor.start + bytes.len() as u64,
            });
        }
        Ok(bytes)
    }
}

type Info = (String, Vec<usize>, Element, u64);

struct Reader<'a, R> {
    path: &'a Path,
    from: R,
    at: u64,
    size: u64,
}

impl<R: Read> Reader<'_, R> {
    fn bad(&self, why: BadGguf) -> ModelError {
        ModelError::BadGguf {
            file: self.path.to_path_buf(),
            why,
        }
    }

    fn header(&mut self) -> Result<(BTreeMap<String, Value>, Vec<Info>), ModelError> {
        if self.size == 0 {
            return Err(ModelError::EmptyWeights {
                file: self.path.to_path_buf(),
            });
        }
        let magic: [u8; 4] = self.array()?;
        if &magic == b"vers" {
            return Err(ModelError::LfsPointer {
                file: self.path.to_path_buf(),
            });
        }
        if &magic != MAGIC {
            return Err(self.bad(BadGguf::Magic));
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(self.bad(BadGguf::Version(version)));
        }
        let (tensors, entries) = (self.u64()?, self.u64()?);
        // A tensor takes at least 24 bytes of the header, an entry at least 13.
        self.room(tensors, 24)?;
        self.room(entries, 13)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..entries {
            let key = self.text()?;
            let kind = self.u32()?;
            let value = self.value(kind, &key, true)?;
            if metadata.insert(key.clone(), value).is_some() {
                return Err(self.bad(BadGguf::Metadata(key)));
            }
        }
        let mut infos = Vec::new();
        for _ in 0..tensors {
            let name = self.text()?;
            let dimensions = self.u32()?;
            if dimensions > DIMENSIONS {
                return Err(self.bad(BadGguf::Tensor(name)));
            }
            let mut shape = Vec::new();
            for _ in 0..dimensions {
                match usize::try_from(self.u64()?) {
                    Ok(size) => shape.push(size),
                    Err(_) => return Err(self.bad(BadGguf::Tensor(name))),
                }
            }
            shape.reverse();
            let element = Element::of(self.u32()?);
            let offset = self.u64()?;
            infos.push((name, shape, element, offset));
        }
        Ok((metadata, infos))
    }

    fn value(&mut self, kind: u32, key: &str, lists: bool) -> Result<Value, ModelError> {
        Ok(match kind {
            0 => Value::Unsigned(u64::from(u8::from_le_bytes(self.array()?))),
            1 => Value::Signed(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Unsigned(u64::from(self.u32()?)),
            5 => Value::Signed(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Flag(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 if lists => {
                let (kind, count) = (self.u32()?, self.u64()?);
                self.room(count, 1)?;
                let mut list = Vec::new();
                for _ in 0..count {
                    list.push(self.value(kind, key, false)?);
                }
                Value::List(list)
            }
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            _ => return Err(self.bad(BadGguf::Metadata(key.to_owned()))),
        })
    }

    /// Whether so many things of at least so many bytes are left.
    fn room(&self, count: u64, bytes: u64) -> Result<(), ModelError> {
        let needed = count.saturating_mul(bytes).saturating_add(self.at);
        if needed > self.size {
            return Err(ModelError::TruncatedWeights {
                file: self.path.to_path_buf(),
                needed,
                found: self.size,
            });
        }
        Ok(())
    }

    fn text(&mut self) -> Result<String, ModelError> {
        let length = self.u64()?;
        self.room(length, 1)?;
        let mut bytes = Vec::new();
        self.from
            .by_ref()
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(|source| ModelError::Read {
                file: self.path.to_path_buf(),
                source,
            })?;
        self.at += length;
        String::from_utf8(bytes).map_err(|_| self.bad(BadGguf::NotUtf8))
    }

    fn u32(&mut self) -> Result<u32, ModelError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ModelError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        self.room(N as u64, 1)?;
        let mut bytes = [0; N];
        self.from
            .read_exact(&mut bytes)
            .map_err(|source| ModelError::Read {
                file: self.path.to_path_buf(),
                source,
            })?;
        self.at += N as u64;
        Ok(bytes)
    }
}
