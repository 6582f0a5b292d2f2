//! `quorate token list|show`, and what `propose` refuses because the token cannot do it: modules of all kinds, without a PIN.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/lab.rs"]
mod lab;
#[allow(dead_code)]
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/vault.rs"]
mod vault;

#[path = "token_look/lacks.rs"]
mod lacks;
#[path = "token_look/look.rs"]
mod look;
#[path = "token_look/refusals.rs"]
mod refusals;
