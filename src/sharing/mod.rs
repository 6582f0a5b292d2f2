//! Shamir's threshold sharing of an authority's secret, from the dealer to the reconstitution.
//!
//! The arithmetic is the `sharks` crate's (its maintained fork); here is what it does not do: bind a share to its
//! dealing, keep bad shares away from it, and check what comes out.

mod codeword;
pub mod commitment;
pub mod dealer;
pub mod identity;
pub mod reconstitution;
pub mod share;
