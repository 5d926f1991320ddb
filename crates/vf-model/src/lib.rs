//! Language models hosted in this process: text in, text out.
//!
//! A model folder, as it is published, holds `config.json` ([`config`] reads it into the shape of the network),
//! `tokenizer.json` (text to token ids and back) and the weights as safetensors (`weights` checks and reads
//! them). `decoder` is the network: one forward pass, with a cache of keys and values so that each further
//! token costs one step. [`HostedModel`] puts them together and generates: prefill once, then one token at a
//! time, chosen by [`Sampling`].
//!
//! This crate knows neither C nor proofs. It never guesses: a folder whose configuration it does not fully
//! understand, or whose parts do not fit together, is a [`ModelError`] that names the file and what to do.
//!
//! ```no_run
//! use vf_model::{HostedModel, LoadOptions, Sampling};
//!
//! let mut model = HostedModel::load("models/coder".as_ref(), &LoadOptions::default())?;
//! let sampling = Sampling { temperature: 0.7, samples: 4, ..Sampling::default() };
//! for completion in model.generate("int main(void) {", &sampling)? {
//!     assert!(completion.log_probability <= 0.0);
//! }
//! # Ok::<(), vf_model::ModelError>(())
//! ```

mod chat;
pub mod config;
mod decoder;
mod error;
mod files;
mod hosted;
mod sample;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod weights;

pub use config::{Config, Family};
pub use error::{BadWeights, ModelError};
pub use hosted::{Completion, Event, Finished, HostedModel, LoadOptions, Precision, Processor};
pub use sample::Sampling;
