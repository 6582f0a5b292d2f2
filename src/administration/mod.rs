//! What a quorum does to a token, whatever kind of token it is: initialise it or take it over, change its PINs, delete, reset.
//!
//! Each algorithm is here once, over a small trait of calls (`calls`) that the adapters implement: one behind a vendor's module,
//! in its worker process, one over a practice token's file. So a rehearsal rehearses what a ceremony does, with its order of
//! steps, its refusals, and the way in which it goes on after a crash.

mod calls;
mod deletion;
pub mod fault;
mod forced_change;
mod installation;
mod renewal;
mod reset;

pub use calls::{Found, Module, Session, TokenInfo, TokenSlot};
pub use deletion::delete;
pub use fault::admit;
pub use installation::install;
pub use renewal::{change_pins, prove_pin};
pub use reset::reset;

#[cfg(test)]
pub(crate) mod tests;
