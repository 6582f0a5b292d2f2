//! Inventory, reset, backup and restore on SoftHSM, through the real binary, checked by `pkcs11-tool`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/lab.rs"]
mod lab;
#[allow(dead_code)]
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "support/vault.rs"]
mod vault;

#[path = "operations_softhsm/adoptions.rs"]
mod adoptions;
#[path = "operations_softhsm/backups.rs"]
mod backups;
#[path = "operations_softhsm/comparing.rs"]
mod comparing;
#[path = "operations_softhsm/crashes.rs"]
mod crashes;
#[path = "operations_softhsm/reissued.rs"]
mod reissued;
#[path = "operations_softhsm/renewals.rs"]
mod renewals;
#[path = "operations_softhsm/resets.rs"]
mod resets;
#[path = "operations_softhsm/taken_up_again.rs"]
mod taken_up_again;
