//! Attacks on targets, through the real binary: tokens, modules, objects and PINs that are not what the ledger knows, and
//! modules that misbehave in the middle of an act. Production mode, soft cards, SoftHSM.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/lab.rs"]
mod lab;
#[allow(dead_code)]
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/vault.rs"]
mod vault;

#[path = "attacks_targets/faults.rs"]
mod faults;
#[path = "attacks_targets/labels.rs"]
mod labels;
#[path = "attacks_targets/modules.rs"]
mod modules;
#[path = "attacks_targets/objects.rs"]
mod objects;
#[path = "attacks_targets/operations.rs"]
mod operations;
#[path = "attacks_targets/pins.rs"]
mod pins;
#[path = "attacks_targets/take_in.rs"]
mod take_in;
#[path = "attacks_targets/tokens.rs"]
mod tokens;
