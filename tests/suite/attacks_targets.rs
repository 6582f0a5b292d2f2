//! Attacks on targets, through the real binary: tokens, modules, objects and PINs that are not what the ledger knows, and
//! modules that misbehave in the middle of an act. Production mode, soft cards, SoftHSM.

mod faults;
mod labels;
mod modules;
mod objects;
mod operations;
mod pins;
mod take_in;
mod tokens;
