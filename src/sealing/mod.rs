//! What is sealed, and to whom: age files (age-encryption.org/v1).

pub mod single;
pub mod under_pin;
