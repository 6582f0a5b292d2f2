//! Attestations of YubiKeys, each test a forgery: by `quorate card attestation`, and through genesis and audit.

mod alone;
mod bytes;
mod chains;
mod encodings;
mod genesis;
mod spare;
mod virtual_cards;
