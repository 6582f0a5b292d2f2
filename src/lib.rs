//! M-of-N administrative quorums over hardware security modules.
pub mod approval;
pub mod durable;
pub mod encoding;
pub mod memory;
pub mod ports;
pub mod proposal;
pub mod roster;
pub mod sealing;
pub mod sharing;
pub mod storage;
pub mod transcript;
