//! M-of-N administrative quorums over hardware security modules.
pub mod approval;
pub mod ceremony;
pub mod cli;
pub mod durable;
pub mod encoding;
pub mod memory;
pub mod pkcs11;
pub mod ports;
pub mod practice;
pub mod proposal;
pub mod roster;
pub mod sealing;
pub mod sharing;
pub mod softcard;
pub mod storage;
pub mod transcript;
