//! A module and its tokens in words, for a person who looks.

use serde::{Deserialize, Serialize};

use crate::{
    encoding::{bounds, digest::Digest, text::Line},
    ports::token::TokenError,
    proposal::{
        capability::Lack,
        target::{ObjectRecord, Observation, TokenIdentity, Tries},
    },
};

/// One slot of a module, with a token in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ListedSlot {
    /// Its number now; it moves.
    pub slot: u64,
    /// The token in it, or why it could not be read.
    pub token: Result<Observation, TokenError>,
}

/// Which slots are meant; all where nothing is said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Which {
    /// The slot's number now.
    pub slot: Option<u64>,
    /// CK_TOKEN_INFO label.
    pub label: Option<String>,
    /// CK_TOKEN_INFO serialNumber.
    pub serial: Option<String>,
}

/// How much is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Depth {
    /// What slot and token say of themselves.
    Summary,
    /// Also mechanisms, public objects, and what the token cannot do.
    Full,
}

/// A module and its tokens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModuleReport {
    pub sha256: Digest,
    /// What it says of itself: maker, description, version, and the standard's version; empty where it says nothing.
    pub library: Line,
    /// One for each slot that has a token.
    #[serde(deserialize_with = "bounds::slots")]
    pub slots: Vec<SlotReport>,
}

/// A slot that has a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SlotReport {
    /// Its number now; it moves.
    pub slot: u64,
    pub description: Line,
    /// The token in it, or why it could not be read.
    pub token: Result<TokenReport, TokenError>,
}

/// What a token says of itself in C_GetTokenInfo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenReport {
    pub identity: TokenIdentity,
    pub versions: Line,
    /// CK_TOKEN_INFO flags in words.
    #[serde(deserialize_with = "bounds::slots")]
    pub flags: Vec<String>,
    /// Shortest and longest PIN; a longest of 0 means no limit.
    pub pin_length: (usize, usize),
    pub so_tries: Tries,
    pub user_tries: Tries,
    /// What was found by looking closer; none in a summary.
    pub detail: Option<Detail>,
}

/// What is found by looking closer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Detail {
    #[serde(deserialize_with = "bounds::slots")]
    pub mechanisms: Vec<MechanismReport>,
    pub mechanisms_listed: usize,
    /// What cannot be done with it, as far as that shows without a login.
    #[serde(deserialize_with = "bounds::slots")]
    pub lacks: Vec<Lack>,
    /// The objects that are visible without a login, or why they could not be read.
    pub public_objects: Result<Vec<ObjectRecord>, TokenError>,
}

/// What C_GetMechanismInfo says, in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MechanismReport {
    /// `CKM_AES_KEY_WRAP` …
    pub name: String,
    /// Sizes of keys, in bits or in bytes as the mechanism has it.
    pub key_size: (usize, usize),
    /// What it is good for: `wrap`, `sign` …
    pub uses: Vec<String>,
}
