//! Whether the certificates beside an enrolment attest the very keys that it names, made and kept as a quorum requires it.

use super::{
    authority::Trust,
    certificate::Certificate,
    chain::{self, Link, VerifiedAttestation},
    error::{AttestationError, KeyUse},
    facts::{Firmware, PinPolicy, Slot, TouchPolicy},
    signature::SubjectKey,
};
use crate::{
    encoding::{bounds::ATTESTATION, time::Timestamp},
    roster::card::{CardKind, EnrolledCard},
    sealing::recipient::ShareRecipient,
};

/// A card whose keys are attested.
#[derive(Clone, Debug)]
pub struct AttestedCard {
    signing: VerifiedAttestation,
    share: Option<VerifiedAttestation>,
}

impl AttestedCard {
    pub const fn signing(&self) -> &VerifiedAttestation {
        &self.signing
    }

    /// The attestation of the share key, where the card has one.
    pub const fn share(&self) -> Option<&VerifiedAttestation> {
        self.share.as_ref()
    }

    /// Whether every certificate is valid at this time as well.
    pub fn check_dates(&self, at: Timestamp) -> Result<(), AttestationError> {
        let links: Vec<&Link> = self
            .signing
            .chain()
            .iter()
            .chain(self.share.iter().flat_map(VerifiedAttestation::chain))
            .collect();
        match links.into_iter().find(|link| !(link.not_before..=link.not_after).contains(&at)) {
            None => Ok(()),
            Some(link) => Err(AttestationError::Dates {
                subject: link.subject.clone(),
                from: link.not_before,
                until: link.not_after,
                at,
            }),
        }
    }
}

impl std::fmt::Display for AttestedCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = if self.share.is_some() { "keys" } else { "key" };
        let form = self.signing.form_factor().map_or_else(String::new, |form| format!(" ({form})"));
        write!(
            f,
            "its {keys} attested: made on the card{form}, firmware {}, PIN and touch always",
            self.signing.firmware()
        )
    }
}

/// Checks the certificates of an enrolment as a production quorum requires them, at the time of the enrolment. They are
/// in this order: the card's own from slot f9; the attestation of the signing key; that of the share key, unless the
/// card has none; up to four of authorities between the card and a root.
pub fn check(
    card: &EnrolledCard,
    trust: &Trust,
    min_firmware: Firmware,
) -> Result<AttestedCard, AttestationError> {
    let enrolment = card.enrolment();
    let mut certificates = certificates(card)?;
    let mut next = || certificates.next().ok_or(AttestationError::Missing);
    let (own, signing) = (next()?, next()?);
    let share = card.share_recipient().map(|_| next()).transpose()?;
    let mut trust = trust.clone();
    certificates.for_each(|certificate| trust.add(certificate));
    let verify = |slot: &Certificate| chain::verify(slot, &own, &trust, enrolment.created);
    let signing = verify(&signing)?;
    let share = share.as_ref().map(verify).transpose()?;

    if signing.slot() != Slot::SIGNING {
        let (key, slot) = (KeyUse::Signing, signing.slot());
        return Err(AttestationError::WrongSlot { key, slot, wanted: "9c is for it" });
    }
    if signing.key().public_key().as_ref() != Some(&enrolment.signing_key) {
        return Err(AttestationError::OtherKey(signing.slot(), KeyUse::Signing));
    }
    check_card(card, &signing, KeyUse::Signing, min_firmware)?;
    if let Some(share) = &share {
        if !share.slot().is_retired() {
            let (key, slot) = (KeyUse::Share, share.slot());
            return Err(AttestationError::WrongSlot { key, slot, wanted: "82 to 95 are for it" });
        }
        let fits = match (share.key(), card.share_recipient()) {
            (SubjectKey::P256(key), Some(ShareRecipient::Yubikey(enrolled))) => {
                enrolled.key.key().as_affine() == key.as_affine()
            }
            _ => false,
        };
        if !fits {
            return Err(AttestationError::OtherKey(share.slot(), KeyUse::Share));
        }
        check_card(card, share, KeyUse::Share, min_firmware)?;
    }
    Ok(AttestedCard { signing, share })
}

/// The card itself, and the policies of one key.
fn check_card(
    card: &EnrolledCard,
    attested: &VerifiedAttestation,
    key: KeyUse,
    min_firmware: Firmware,
) -> Result<(), AttestationError> {
    let enrolled = &card.enrolment().serial;
    let found = attested.serial().map_or_else(|| "without a serial".to_owned(), |serial| serial.to_string());
    if found != enrolled.as_str() {
        let slot = attested.slot();
        return Err(AttestationError::OtherCard { slot, found, enrolled: enrolled.clone() });
    }
    if attested.firmware() < min_firmware {
        return Err(AttestationError::Firmware { found: attested.firmware(), wanted: min_firmware });
    }
    if attested.pin_policy() != PinPolicy::Always {
        return Err(AttestationError::Pin { key, found: attested.pin_policy() });
    }
    if attested.touch_policy() != TouchPolicy::Always {
        return Err(AttestationError::Touch { key, found: attested.touch_policy() });
    }
    Ok(())
}

/// The certificates of an enrolment, in their order.
fn certificates(card: &EnrolledCard) -> Result<std::vec::IntoIter<Certificate>, AttestationError> {
    let all: Vec<&[u8]> = card.attestation().collect();
    let keys = 1_usize.saturating_add(usize::from(card.share_recipient().is_some()));
    match (card.enrolment().kind, all.len()) {
        (CardKind::Soft, _) => return Err(AttestationError::Soft),
        (CardKind::Yubikey, 0) => return Err(AttestationError::Missing),
        (CardKind::Yubikey, count) if count <= keys || count > ATTESTATION => {
            return Err(AttestationError::Count(count));
        }
        (CardKind::Yubikey, _) => {}
    }
    let read: Result<Vec<Certificate>, _> = all.into_iter().map(Certificate::from_der).collect();
    Ok(read?.into_iter())
}
