//! Language models: text in, text out. Hosted in this process (feature `hosted`), or behind a server ([`server`]).
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
//! # #[cfg(feature = "hosted")] {
//! use vf_model::{HostedModel, LoadOptions, Sampling};
//!
//! let mut model = HostedModel::load("models/coder".as_ref(), &LoadOptions::default())?;
//! let sampling = Sampling { temperature: 0.7, samples: 4, ..Sampling::default() };
//! for completion in model.generate("int main(void) {", &sampling)? {
//!     assert!(completion.log_probability <= 0.0);
//! }
//! # }
//! # Ok::<(), vf_model::ModelError>(())
//! ```

#[cfg(feature = "hosted")]
mod chat;
pub mod config;
#[cfg(feature = "hosted")]
mod cpu;
#[cfg(feature = "hosted")]
mod decoder;
#[cfg(feature = "hosted")]
pub mod devices;
#[cfg(feature = "hosted")]
pub mod embedded;
mod error;
mod files;
#[cfg(feature = "hosted")]
mod generate;
#[cfg(feature = "hosted")]
pub mod gguf;
pub mod guide;
#[cfg(feature = "hosted")]
mod hosted;
pub mod hub;
#[cfg(feature = "hosted")]
mod infill;
#[cfg(feature = "hosted")]
mod info;
#[cfg(feature = "hosted")]
mod network;
#[cfg_attr(not(feature = "hosted"), allow(dead_code))]
mod sample;
pub mod server;
#[cfg(feature = "hosted")]
mod speculate;
#[cfg(feature = "hosted")]
mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "hosted")]
mod text;
#[cfg(feature = "hosted")]
mod weights;
#[cfg(feature = "hosted")]
mod world;

pub use config::{Config, Family};
pub use error::{BadWeights, ModelError};
#[cfg(feature = "hosted")]
pub use generate::{Completion, DecodingStatistics, Event, Finished, Generation, Prompt, Request};
#[cfg(feature = "hosted")]
pub use hosted::{Branch, Grown, HostedModel, LoadOptions, Precision, Processor};
#[cfg(feature = "hosted")]
pub use info::{Memory, ModelInfo, info};
pub use sample::Sampling;
