//! From preprocessed text back to what the user wrote.
