//! PGP words (to come).
/// Words, but not PGP words.
#[derive(Debug, thiserror::Error)]
#[error("not words")]
pub struct WordsError;
/// To come.
pub fn to_words(_bytes: &[u8]) -> Vec<&'static str> {
    vec![]
}
/// To come.
pub fn from_words(_text: &str) -> Result<Vec<u8>, WordsError> {
    Err(WordsError)
}
