//! One type for each kind of secret.
//!
//! None has `Debug`, `Clone`, `Copy` or `Serialize`: a secret cannot be printed or copied by
//! accident, and a function says by its signature which secret it takes.

use super::{LockedBytes, MemoryError};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(LockedBytes);

        impl $name {
            /// Wraps bytes that are in locked memory already.
            pub fn new(bytes: LockedBytes) -> Self {
                Self(bytes)
            }
            /// A locked copy of `bytes`; the caller wipes its own.
            pub fn copy_of(bytes: &[u8]) -> Result<Self, MemoryError> {
                LockedBytes::copy_of(bytes).map(Self)
            }
            /// The bytes. Each use is a place for the reader to look at.
            pub fn expose(&self) -> &[u8] {
                self.0.expose()
            }
        }
    };
}

secret! {
    /// A PIN of a card or a token, as its bytes (printable ASCII).
    Pin
}
secret! {
    /// The seed of an authority's age identity, 32 bytes.
    AuthoritySecret
}
secret! {
    /// The 32 bytes of one Shamir share.
    ShareSecret
}
secret! {
    /// What opens a target: SO PIN, user PIN, backup key or other bytes.
    CredentialSecret
}
secret! {
    /// A station's secret: an Ed25519 seed or an age identity, 32 bytes.
    StationSecret
}

secret! {
    /// A card's management key.
    ManagementSecret
}

impl CredentialSecret {
    /// The credential as a PIN, in a locked copy.
    pub fn to_pin(&self) -> Result<Pin, MemoryError> {
        Pin::copy_of(self.expose())
    }
}
