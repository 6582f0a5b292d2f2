//! What the tests share.

pub mod certificates;
pub mod crash;
#[allow(dead_code, reason = "shared with the unit tests of the verifier")]
pub mod forge;
pub mod forgery;
pub mod founded;
pub mod genesis_plan;
pub mod quorum;
pub mod recipe;
#[allow(dead_code, reason = "shared with the unit tests of approvals")]
pub mod roster;
pub mod schema;
pub mod soft_cards;
#[allow(dead_code, reason = "shared with the unit tests of the adapter")]
pub mod softhsm;
pub mod survival;
pub mod tokens;
pub mod yubikeys;
