//! An X25519 identity whose secret is in no stack frame for longer than it is used.

use age_core::format::{FileKey, Stanza};

use crate::memory::scrubbed;

/// An age identity. The `age` crate wipes its copy on drop, which lies on the heap: moving the value moves no secret.
pub struct X25519Identity(Box<age::x25519::Identity>);

impl X25519Identity {
    /// Made by `make`, in frames that are overwritten.
    pub(super) fn made<E>(make: impl FnOnce() -> Result<age::x25519::Identity, E>) -> Result<Self, E> {
        scrubbed(|| make().map(|identity| Self(Box::new(identity))))
    }

    pub fn to_public(&self) -> age::x25519::Recipient {
        scrubbed(|| self.0.to_public())
    }
}

impl age::Identity for X25519Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        scrubbed(|| self.0.unwrap_stanza(stanza))
    }
}
