//! The deal: for whom an authority's secret was split, and what binds each share to that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{key::PublicKey, point::KeyPoint};
use crate::{
    encoding::{
        bounds,
        digest::Digest,
        dsse::Mode,
        strict::{self, Base64},
        text::Name,
    },
    sealing::{hybrid::HybridRecipient, recipient::ShareRecipient},
};

/// Everything that tells one dealing from another. Its SHA-256 is the *dealing id*, which each share
/// names: a share of another ledger, mode, epoch, membership or threshold has another one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealHeader {
    pub mode: Mode,
    /// The ledger's nonce.
    pub ledger: Digest,
    /// Number of the dealing, from 1.
    pub epoch: u32,
    /// Custodians in the order of their share indexes, the first having index 1.
    #[serde(deserialize_with = "bounds::custodians")]
    pub custodians: Vec<DealtCustodian>,
    #[serde(deserialize_with = "bounds::authorities")]
    pub authorities: Vec<Authority>,
    /// The station that dealt.
    pub station: StationKeys,
    /// SHA-256 of the rest of the roster: its people with their enrolments, its operations, its policy.
    pub rest: Digest,
}

/// A custodian as the dealer saw them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealtCustodian {
    pub name: Name,
    #[serde(deserialize_with = "bounds::cards")]
    pub cards: Vec<DealtCard>,
}

/// A card's two keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealtCard {
    /// `keyid` of the signing key.
    pub keyid: Digest,
    /// The age recipient of the share key.
    pub share_recipient: ShareRecipient,
}

/// A named administrative power, split M of N.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// For example `crypto-officer`.
    pub name: Name,
    /// M: the custodians that it takes. N is the number of custodians.
    pub threshold: u8,
    /// How many of those M must be of each of these groups. Of the arithmetic of shares they are no part: any M shares
    /// reconstitute it.
    #[serde(deserialize_with = "bounds::groups")]
    pub groups: BTreeMap<Name, u8>,
    /// The age recipient to which its credentials are sealed.
    pub recipient: HybridRecipient,
}

/// The public keys of a station, made for one ceremony.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StationKeys {
    /// Ed25519: signs the transcript's lines.
    pub signing_key: PublicKey,
    /// Receives the releases.
    pub recipient: HybridRecipient,
}

impl StationKeys {
    /// One number for both keys, to be compared in person.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&strict::write(self))
    }

    /// The key that signs and both halves of the one that opens.
    pub fn points(&self) -> [KeyPoint; 3] {
        let [ml_kem, point] = KeyPoint::of_recipient(&self.recipient);
        [KeyPoint::of_key(&self.signing_key), ml_kem, point]
    }
}

impl DealHeader {
    /// SHA-256 of the header's bytes.
    pub fn dealing_id(&self) -> Digest {
        Digest::of(&strict::write(self))
    }

    pub fn authority(&self, name: &Name) -> Option<&Authority> {
        self.authorities.iter().find(|a| a.name == *name)
    }

    /// The share index of a custodian: 1..=N by their place.
    pub fn index_of(&self, custodian: &Name) -> Option<u8> {
        let place = self.custodians.iter().position(|c| c.name == *custodian)?;
        u8::try_from(place.checked_add(1)?).ok()
    }
}

/// A public promise of what one share is; see [`crate::sharing::commitment`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    pub authority: Name,
    pub custodian: Name,
    /// SHA-256 over the share and all that binds it.
    pub commitment: Digest,
}

/// One share, sealed to one card.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedShare {
    pub authority: Name,
    pub custodian: Name,
    /// `keyid` of the signing key of the card that opens it.
    pub card: Digest,
    /// An age file with one recipient.
    #[serde(deserialize_with = "bounds::sealed_share")]
    pub file: Base64,
}
