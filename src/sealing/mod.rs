//! What is sealed, and to whom: age files with exactly one recipient.
//!
//! A plaintext is a small text: a title line, `key value` lines, and last `secret <hex>`. Whoever opens
//! one with stock `age` in an emergency can read it.

pub mod application;
pub mod companion;
mod curve25519;
pub mod document;
pub mod hybrid;
pub mod piv_p256;
pub mod recipient;
pub mod release;
pub mod single;
pub mod under_pin;
