//! Everything that can be wrong with a model folder, with the file and what to do about it.

use std::path::PathBuf;

/// Why a model could not be loaded or run. Each message names the file and ends in what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("model folder {} does not exist: check the path", path.display())]
    FolderMissing { path: PathBuf },
    #[error("{} is not a folder: give the folder that holds config.json, tokenizer.json and the weights, not one file of it", path.display())]
    NotAFolder { path: PathBuf },
    #[error("{} has no {file}: copy the model's {file} there (a complete folder has config.json, tokenizer.json and *.safetensors)", folder.display())]
    FileMissing { folder: PathBuf, file: &'static str },
    #[error("{} has no weights: expected model.safetensors, model.safetensors.index.json with its shards, or one *.safetensors file{}", folder.display(), if *.other_format { " (weights in another format are there: convert them to safetensors)" } else { "" })]
    NoWeights { folder: PathBuf, other_format: bool },
    #[error("{} has {count} *.safetensors files and no model.safetensors.index.json: add the index, or leave only the file that is meant", folder.display())]
    AmbiguousWeights { folder: PathBuf, count: usize },
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{} is larger than {limit} bytes, which such a file never is: check that it is the right file", file.display())]
    TooLarge { file: PathBuf, limit: u64 },
    #[error("{} is not UTF-8 text (first bad byte at offset {offset}): fetch the file again", file.display())]
    NotUtf8 { file: PathBuf, offset: usize },
    #[error("{}, line {line}, column {column}: not valid JSON ({message}): fetch the file again", file.display())]
    NotJson {
        file: PathBuf,
        line: usize,
        column: usize,
        message: String,
    },

    #[error("{}: no model family: expected \"model_type\" or \"architectures\"; supported are {supported}", file.display())]
    NoFamily { file: PathBuf, supported: &'static str },
    #[error("{}: models of type \"{found}\" are not supported; supported are {supported}", file.display())]
    UnsupportedFamily {
        file: PathBuf,
        found: String,
        supported: &'static str,
    },
    #[error("{}: \"model_type\" says {model_type} and \"architectures\" says {architecture}: one of them is wrong", file.display())]
    ConflictingFamily {
        file: PathBuf,
        model_type: String,
        architecture: String,
    },
    #[error("{}: \"{field}\" is missing: add it, as the model's authors publish it", file.display())]
    FieldMissing { file: PathBuf, field: &'static str },
    #[error("{}: \"{field}\" is {found}, expected {expected}", file.display())]
    FieldInvalid {
        file: PathBuf,
        field: String,
        found: String,
        expected: &'static str,
    },
    #[error("{}: \"{field}\" = {value} is not supported ({why}); the model would run wrong, so it is not run", file.display())]
    UnsupportedSetting {
        file: PathBuf,
        field: String,
        value: String,
        why: &'static str,
    },
    #[error("{}: \"{first}\" and \"{second}\" disagree: keep the one that the model was trained with", file.display())]
    ConflictingFields {
        file: PathBuf,
        first: &'static str,
        second: &'static str,
    },

    #[error("{} is empty: the download was cut off; fetch the file again", file.display())]
    EmptyWeights { file: PathBuf },
    #[error("{} is a Git LFS pointer, not the weights: run `git lfs pull` in the model's repository", file.display())]
    LfsPointer { file: PathBuf },
    #[error("{} is truncated: {needed} bytes are declared, {found} are there; fetch the file again", file.display())]
    TruncatedWeights { file: PathBuf, needed: u64, found: u64 },
    #[cfg(feature = "hosted")]
    #[error("{} cannot be read as a GGUF file: {why}; fetch the file again", file.display())]
    BadGguf {
        file: PathBuf,
        why: crate::gguf::BadGguf,
    },
    #[error("models of RWKV run on the CPU only: take --device cpu")]
    RecurrentOnCpu,
    #[error("{} is a GGUF file, which is computed on the CPU only: run it there, or give a folder with safetensors", file.display())]
    GgufOnCpu { file: PathBuf },
    #[error("{} is not a safetensors file: {why}; fetch the file again", file.display())]
    BadWeights { file: PathBuf, why: BadWeights },
    #[error("{}: shard name \"{name}\" is not a plain file name: fix the index", index.display())]
    BadShardName { index: PathBuf, name: String },
    #[error("{} names the shard {shard}, which is not in the folder: fetch it", index.display())]
    ShardMissing { index: PathBuf, shard: String },
    #[error("{} says that tensor {tensor} is in {shard}, which does not have it: the index belongs to other weights", index.display())]
    IndexMismatch {
        index: PathBuf,
        tensor: String,
        shard: String,
    },
    #[error("tensor {tensor} is in {} and in {}: leave only one of the files", first.display(), second.display())]
    DuplicateTensor {
        tensor: String,
        first: PathBuf,
        second: PathBuf,
    },
    #[error("the weights in {} have no tensor {tensor}: they do not belong to this config.json", folder.display())]
    TensorMissing { folder: PathBuf, tensor: String },
    #[error("{}: tensor {tensor} has shape {found:?}, config.json asks for {expected:?}: weights and config.json belong to different models", file.display())]
    TensorShape {
        file: PathBuf,
        tensor: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    #[error("{}: tensor {tensor} has element type {found}; supported are F32, F16 and BF16 (not quantised)", file.display())]
    TensorType {
        file: PathBuf,
        tensor: String,
        found: String,
    },
    #[error("{}: tensor {tensor} has no place in a {family} model of this config.json; the model would run wrong without it, so it is not run", file.display())]
    UnexpectedTensor {
        file: PathBuf,
        tensor: String,
        family: &'static str,
    },

    #[error("{} is not a tokenizer that can be read: {message}; fetch the file again", file.display())]
    BadTokenizer { file: PathBuf, message: String },
    #[error("the chat template in {} cannot be used: {message}; correct it, or take it out of the folder", file.display())]
    ChatTemplate { file: PathBuf, message: String },
    #[error(
        "the model's vocabulary has no markers for text with a gap: choose a model that was trained to fill in the middle"
    )]
    NoInfill,
    #[error(
        "there is no folder {name}, and no model of this name in the cache {}: give the folder of a model, or fetch it with `hf download {name}`", cache.display()
    )]
    NotInCache { name: String, cache: PathBuf },
    #[error("the cache of a model in {} cannot be used: {why}; fetch the model again", folder.display())]
    BrokenCache { folder: PathBuf, why: String },
    #[error("{} has token ids up to {largest}, config.json has vocab_size {vocab_size}: they belong to different models", tokenizer.display())]
    VocabularyTooLarge {
        tokenizer: PathBuf,
        largest: u32,
        vocab_size: usize,
    },
    #[error("{} knows {known} of the {vocab_size} token ids in config.json: they belong to different models", tokenizer.display())]
    VocabularyTooSmall {
        tokenizer: PathBuf,
        known: usize,
        vocab_size: usize,
    },

    #[error(
        "this program was built without CUDA: build it with `--features cuda`, or run the model on the CPU"
    )]
    CudaNotBuilt,
    #[cfg(feature = "hosted")]
    #[error("no CUDA device {ordinal} can be used ({source}): check the driver, or run the model on the CPU")]
    CudaUnavailable {
        ordinal: usize,
        source: Box<candle_core::Error>,
    },

    #[error("sampling: {field} is {found}, expected {expected}")]
    BadSampling {
        field: &'static str,
        found: String,
        expected: &'static str,
    },
    #[error("the prompt is empty: nothing to complete")]
    EmptyPrompt,
    #[error(
        "the prompt has {tokens} tokens, the context holds {context} with the completion: shorten the prompt or choose a model with a longer context"
    )]
    PromptTooLong { tokens: usize, context: usize },
    #[error(
        "token {token} is not in the vocabulary of {vocab_size}: encode the text with this model's tokenizer"
    )]
    BadToken { token: u32, vocab_size: usize },
    #[error(
        "the tokenizer cannot encode the prompt: {message}; check that tokenizer.json is the model's own"
    )]
    Encode { message: String },
    #[error(
        "the tokenizer cannot decode the model's tokens: {message}; check that tokenizer.json is the model's own"
    )]
    Decode { message: String },
    #[error(
        "the model computed a value that is not a number at token {position}: the weights are damaged, or need a wider element type than {dtype}"
    )]
    NotANumber { position: usize, dtype: &'static str },
    #[error("a cache was given to a network that did not make it: keep the branches of two models apart")]
    ForeignCache,
    #[error(
        "this model has no tokenizer, only words whose meaning is said with each prompt: it is for --model embedded"
    )]
    NoTokenizer,
    #[error("this model has a tokenizer of its own: its words cannot be given another meaning")]
    HasTokenizer,
    #[error("{} was trained on version {found} of the words for C, this program has version {expected}: train it again (docs/embedded-model.md)", file.display())]
    OtherWords {
        file: PathBuf,
        found: u64,
        expected: u64,
    },
    #[error("the draft model's vocabulary differs in token {token}: a draft must have the same tokenizer")]
    DraftVocabulary { token: u32 },
    #[error(
        "weights in 8-bit blocks are computed on the CPU, for models of the Llama shape: choose another element type"
    )]
    NoBlocks,
    #[cfg(feature = "hosted")]
    #[error("computing {doing} failed: {source}")]
    Compute {
        doing: &'static str,
        source: Box<candle_core::Error>,
    },
}

/// What is wrong with the header of a safetensors file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWeights {
    #[error("its header is {length} bytes long, more than the format allows")]
    HeaderTooLong { length: u64 },
    #[error("its header is not JSON: {message}")]
    HeaderNotJson { message: String },
    #[error("its header is not UTF-8 text")]
    HeaderNotUtf8,
    #[error("the entry of tensor {tensor} has no valid \"{field}\"")]
    Entry { tensor: String, field: &'static str },
    #[error("tensor {tensor} has {found} bytes where its shape and element type need {expected}")]
    Size {
        tensor: String,
        found: u64,
        expected: u64,
    },
    #[error("the data of tensor {tensor} overlaps another tensor or leaves a gap before it")]
    Layout { tensor: String },
    #[error("{bytes} bytes follow the last tensor")]
    TrailingBytes { bytes: u64 },
}

/// Adds what was being computed to an error of the tensor library.
#[cfg(feature = "hosted")]
pub(crate) fn compute(doing: &'static str) -> impl FnOnce(candle_core::Error) -> ModelError {
    move |source| ModelError::Compute {
        doing,
        source: Box::new(source),
    }
}
