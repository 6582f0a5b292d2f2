//! A YubiKey in software, for tests and for looking at screens.
//!
//! ```text
//! program under test → libpcsclite → pcscd (a private one) → vpcd (a reader driver) → TCP → Card
//! ```
//!
//! Everything but the card itself is real. A [`Manufacturer`] makes cards that attest their keys, a [`Daemon`] is a
//! pcscd with readers of its own, and a [`Card`] does what it is told: eject, touch late, fail the next instruction.
//!
//! ```no_run
//! use virtual_card::{Card, Daemon, Firmware, Manufacturer};
//!
//! let maker = Manufacturer::new();
//! let card = Card::new(&maker, 12_345_678, Firmware::V5_7_1);
//! let daemon = Daemon::start(2);
//! daemon.insert(0, &card);
//! std::process::Command::new("ykman").envs(daemon.environment()).arg("info").status().unwrap();
//! ```
//!
//! What it does not imitate is said in the README beside it.

mod apdu;
mod card;
mod certificate;
mod clock;
mod daemon;
mod der;
mod key;
mod management;
mod management_key;
mod manufacturer;
mod memory;
mod past;
mod piv;
mod ports;
mod reader;
mod script;
mod session;
mod tlv;

pub use card::{Card, Firmware};
pub use certificate::{Certificate, Extension};
pub use clock::at_time;
pub use daemon::{Daemon, Held};
pub use key::{Algorithm, PrivateKey};
pub use manufacturer::{Attestation, Manufacturer};
pub use memory::Oddities;
pub use script::{Action, LoggedApdu, Touch, Trigger};
