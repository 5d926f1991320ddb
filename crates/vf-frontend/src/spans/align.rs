//! Aligns.
#[derive(Debug)]
pub struct Chunk;
#[derive(Debug)]
pub struct SourceTokens;
