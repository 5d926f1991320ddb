//! placeholder
/// Why a text generator gave no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeneratorError {
    #[error("the model cannot be loaded: {why}")]
    Load { why: String },
}
