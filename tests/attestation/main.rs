//! Attestations of YubiKeys, each test a forgery: by `quorate card attestation`, and through genesis and audit.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/forge.rs"]
mod forge;
#[path = "../support/founded.rs"]
mod founded;
#[path = "../support/lab.rs"]
mod lab;
#[path = "../support/yubikeys.rs"]
mod yubikeys;

mod alone;
mod bytes;
mod encodings;
mod genesis;
mod virtual_cards;
