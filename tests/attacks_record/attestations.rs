//! attestations
