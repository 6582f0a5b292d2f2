//! The built-in practice token: a token that is one file, for rehearsals and tests.
//!
//! Its keys are real (AES-256, P-256, Ed25519), and they really are destroyed, wrapped and restored; its PINs
//! count down and lock as those of PKCS#11 tokens do. It resists nobody who has the file: old counters can be
//! put back, descriptions of private keys stand in clear, and blocks that the file system no longer shows may
//! still hold a sealed key. Production rosters refuse it.

mod backup;
mod calls;
mod device;
mod keys;
mod objects;
mod restore;
mod samples;
mod state;
mod token;
mod wrapping;

#[cfg(test)]
mod tests;

pub use samples::{Extractable, Sample};
pub use token::PracticeToken;
