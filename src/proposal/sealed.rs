//! The credentials that a proposal carries, sealed.

use serde::{Deserialize, Serialize};

use super::target::Role;
use crate::{
    encoding::{bounds, strict::Base64, text::Name},
    sealing::application::ApplicationRecipient,
};

/// A credential made for this proposal, sealed to its authority.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCredential {
    pub authority: Name,
    pub target: Name,
    pub role: Role,
    /// Counts from 1.
    pub version: u32,
    /// Entropy in bits; under 256 where the token takes no longer PIN, 0 where its owner handed it over.
    pub bits: u32,
    /// Its length in bytes. What is opened must have it.
    pub bytes: u32,
    /// An age file with one recipient.
    #[serde(deserialize_with = "bounds::sealed_credential")]
    pub file: Base64,
}

/// A reissued user PIN, sealed to its application.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedHandover {
    pub target: Name,
    pub recipient: ApplicationRecipient,
    /// As of the same PIN sealed to its authority.
    pub version: u32,
    /// An age file with one recipient; its plaintext is the PIN and nothing else.
    #[serde(deserialize_with = "bounds::sealed_credential")]
    pub file: Base64,
}
