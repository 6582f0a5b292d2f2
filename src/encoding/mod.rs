//! Bytes on the wire and on paper: digests, envelopes, strict parsing.

pub mod absolute_path;
pub mod bounds;
pub(crate) mod by_kind;
pub mod digest;
pub mod dsse;
pub mod output_path;
pub mod pin_text;
pub mod spelling;
pub mod strict;
pub mod text;
pub mod time;
pub mod version;
pub mod words;
