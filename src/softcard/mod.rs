//! Soft cards: a card that is one file under a PIN, for rehearsals and tests.
//!
//! A soft card does with real cryptography what a card does: it signs, it opens what is sealed to it,
//! it counts wrong PINs before it tries them and blocks. What it cannot do is resist its holder: whoever
//! copies the file has as many tries as they like, at the price of one scrypt each, and can put an old counter
//! back. Production rosters refuse soft cards unless the plan records that deviation.

mod card;
mod file;

pub use card::SoftCard;
