//! YubiKeys: the PIV application (SP 800-73) over PC/SC, by the `yubikey` crate.
//!
//! The signing key is made in slot 9c, the share key in one of the retired slots 82 to 95, where age-plugin-yubikey looks
//! for it, and its companion in a data object ([`companion`]); a card that was enrolled is known by these keys, wherever they are
//! ([`keys`]). What the crate does not do, or does otherwise than a ceremony requires, is guarded in one place each:
//!
//! - it panics at some answers that no honest card gives, and at messages of 255 bytes: [`session`] catches it;
//! - `reconnect` sends the PIN again to whatever card is there: it is not used, and a card that was reset or swapped is
//!   opened again and compared ([`card`]);
//! - the tries left read as 0 when the PIN is verified: they are read from the metadata, before it is;
//! - its signer hashes before Ed25519: messages are given to it raw, and each signature is verified ([`unlocked`]);
//! - it writes APDUs to `log`, with PINs in them: nothing in this program listens;
//! - it keeps the last PIN in a buffer that it does not wipe, until the card is released.
//!
//! Firmware before 5.3 has no metadata, by which keys, policies and tries are read without a PIN: it is refused.

mod card;
mod certificate;
mod companion;
mod daemon;
mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inventory;
mod keys;
mod look;
mod making;
mod preparation;
mod reader;
mod record;
mod session;
mod slots;
mod tlv;
mod unlocked;

pub(crate) use card::PivCard;
pub(crate) use companion::PLACE as COMPANION_PLACE;
pub(crate) use inventory::{CardInventory, CertificateBeside, ReaderContents, inventory, readers};
pub(crate) use making::CompanionSeen;
pub(crate) use preparation::{ManagementKey, Preparation, SigningAlgorithm};
pub(crate) use slots::{Slot, SlotKey};
