//! M-of-N administrative quorums over hardware security modules.
pub mod encoding;
pub mod memory;
