//! What the ceremony asks of the world, as small traits. Adapters implement them; nothing here does I/O.

pub mod card;
mod card_error;
pub mod cause;
pub mod clock;
pub(crate) mod program;
pub mod store;
pub mod token;
