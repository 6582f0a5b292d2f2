//! The companion of a YubiKey's share key, in a data object that the card gives only after its PIN.
//!
//! The object is that of iris images (SP 800-73-4, part 1, table 2), which no common tool writes. Writing it takes the management
//! key, so that whoever has that can substitute another companion: it is compared with the enrolled one before it is used.

use super::{fault::Fault, session::Session};
use crate::{
    memory::{LockedBytes, scrubbed},
    sealing::companion::Companion,
};

const OBJECT: u32 = 0x005f_c121;
/// The object, as people and the card's own record name it.
pub const PLACE: &str = "5fc121";

/// What is where the companion belongs.
pub(super) enum Found {
    Nothing,
    Companion(Companion),
    /// Something else.
    Data,
}

impl Session {
    /// Reads it, after the PIN.
    pub(super) fn companion(&mut self) -> Result<Found, Fault> {
        let object = scrubbed(|| self.object(OBJECT))?.map(zeroize::Zeroizing::new);
        let Some(text) = object else { return Ok(Found::Nothing) };
        let read = Companion::read(&text).map_err(|_| Fault::Said(yubikey::Error::MemoryError))?;
        Ok(read.map_or(Found::Data, Found::Companion))
    }

    /// Puts a companion's text there.
    pub(super) fn put_companion(&mut self, text: &mut LockedBytes) -> Result<(), Fault> {
        scrubbed(|| self.put_object(OBJECT, text.expose_mut()))
    }
}
