//! Who belongs to a quorum, and by which keys they are known.

pub mod key;
