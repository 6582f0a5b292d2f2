//! Inventory, reset, backup and restore on SoftHSM, through the real binary, checked by `pkcs11-tool`.

mod adoptions;
mod backups;
mod comparing;
mod crashes;
mod reissued;
mod renewals;
mod resets;
mod taken_up_again;
