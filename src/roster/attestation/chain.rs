//! The one shape of a chain, walked from the slot's attestation up to a pinned authority.

use super::{
    authority::{Trust, TrustAnchor},
    certificate::Certificate,
    error::AttestationError,
    facts::{Firmware, FormFactor, PinPolicy, Slot, TouchPolicy},
    signature::SubjectKey,
};
use crate::encoding::{digest::Digest, time::Timestamp};

/// Intermediates between a card's certificate and the pinned authority: Yubico makes none or two.
const MAX_INTERMEDIATES: u8 = 3;

/// Signatures that are checked for one chain, however many certificates of one name a file has.
const MAX_CHECKS: u8 = 64;

/// An attestation whose chain was verified. There is no other way to one than [`verify`].
#[derive(Clone, Debug)]
pub struct VerifiedAttestation {
    key: SubjectKey,
    key_digest: Digest,
    slot: Slot,
    firmware: Firmware,
    serial: Option<u32>,
    policies: (PinPolicy, TouchPolicy),
    form_factor: Option<FormFactor>,
    fips: bool,
    chain: Vec<Link>,
    authority: TrustAnchor,
    marking: Marking,
}

/// Whether a card's own certificate says that it may issue others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Marking {
    /// Its basic constraints say CA.
    TrustAnchor,
    /// They do not, or it has none: what counts is that the pinned root itself signed it.
    RootOnly,
}

/// One certificate of a verified chain.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Link {
    pub subject: String,
    pub sha256: Digest,
    /// First instant of its validity.
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl VerifiedAttestation {
    pub const fn key(&self) -> &SubjectKey {
        &self.key
    }

    pub const fn key_digest(&self) -> Digest {
        self.key_digest
    }

    pub const fn slot(&self) -> Slot {
        self.slot
    }

    pub const fn firmware(&self) -> Firmware {
        self.firmware
    }

    /// The card's serial number, where it says one.
    pub const fn serial(&self) -> Option<u32> {
        self.serial
    }

    pub const fn pin_policy(&self) -> PinPolicy {
        self.policies.0
    }

    pub const fn touch_policy(&self) -> TouchPolicy {
        self.policies.1
    }

    /// The card's shape, where it says one.
    pub const fn form_factor(&self) -> Option<FormFactor> {
        self.form_factor
    }

    /// Whether the card says that it is of the FIPS series.
    pub const fn is_fips(&self) -> bool {
        self.fips
    }

    /// The chain, the slot's attestation first, the pinned authority last.
    pub fn chain(&self) -> &[Link] {
        &self.chain
    }

    /// Whether the card's own certificate is marked as an authority's.
    pub const fn marking(&self) -> Marking {
        self.marking
    }

    /// Who ends it.
    pub const fn authority(&self) -> TrustAnchor {
        self.authority
    }
}

/// Verifies that `slot` was made by the firmware of the card whose certificate of slot f9 is `card`, and that a pinned
/// authority made that card. Every certificate must be valid at `at`.
pub fn verify(
    slot: &Certificate,
    card: &Certificate,
    trust: &Trust,
    at: Timestamp,
) -> Result<VerifiedAttestation, AttestationError> {
    let claims = slot.extensions();
    let no_attestation = |why| AttestationError::NoAttestation(slot.subject().to_owned(), why);
    let number = slot.claimed_slot().ok_or_else(|| no_attestation("its name does not say which slot"))?;
    let firmware = claims.firmware.ok_or_else(|| no_attestation("it says no firmware"))?;
    let policies = claims.policies.ok_or_else(|| no_attestation("it says no PIN and touch policy"))?;
    if claims.constraints.is_some_and(|(authority, _)| authority) {
        return Err(no_attestation("it is an authority's certificate"));
    }
    check_extensions(slot)?;
    if card.claimed_slot().is_some() || card.extensions().policies.is_some() {
        return Err(AttestationError::SlotAsCard(card.subject().to_owned()));
    }
    check_issued(slot, card, trust)?;
    let mut walk = Walk { trust, checks: MAX_CHECKS, above: Vec::new() };
    let authority = walk.up(card, 0)?;
    let marking = may_attest(card, walk.above.len()).ok_or_else(|| AttestationError::NoAuthority {
        subject: card.subject().to_owned(),
        reason: "without basic constraints that say CA, a card's certificate counts only if the pinned root itself signed \
                 it, if it says its firmware, and if it does not say that it is not a CA (as some of version 4 do)",
    })?;
    check_extensions(card)?;
    let links: Vec<&Certificate> = [slot, card].into_iter().chain(walk.above).collect();
    links.iter().try_for_each(|certificate| check_dates(certificate, at))?;
    Ok(VerifiedAttestation {
        key: slot.key().clone(),
        key_digest: slot.key_digest(),
        slot: number,
        firmware,
        serial: claims.serial,
        policies,
        form_factor: claims.form_factor,
        fips: claims.fips || card.extensions().fips || claims.form_factor.is_some_and(FormFactor::is_fips),
        chain: links.into_iter().map(link).collect(),
        authority,
        marking,
    })
}

fn link(certificate: &Certificate) -> Link {
    let (not_before, not_after) = certificate.dates();
    Link { subject: certificate.subject().to_owned(), sha256: certificate.digest(), not_before, not_after }
}

/// Whether a card's certificate may issue attestations. Some of firmware 4, and of a YubiKey 5Ci of 5.2.4, are not
/// marked as authorities'. The pinned root itself signed them, and they say their firmware; no other certificate that
/// Yubico ever issued directly is alike. That signature decides, so nothing but the pinned certificate may be above, and
/// what says that it is *not* an authority is accepted from firmware 4 only.
fn may_attest(card: &Certificate, above: usize) -> Option<Marking> {
    let extensions = card.extensions();
    if extensions.signs_certificates == Some(false) {
        return None;
    }
    let by_root = |allowed: bool| (above == 1 && allowed).then_some(Marking::RootOnly);
    match extensions.constraints {
        Some((true, _)) => Some(Marking::TrustAnchor),
        Some((false, _)) => by_root(extensions.firmware.is_some_and(|firmware| firmware.major() == 4)),
        None => by_root(extensions.firmware.is_some()),
    }
}

/// Verifies an attestation with whichever of `others` issued it: the way for files that are in no order.
pub fn verify_among(
    slot: &Certificate,
    others: &[Certificate],
    trust: &Trust,
    at: Timestamp,
) -> Result<VerifiedAttestation, AttestationError> {
    let issued = others.iter().find(|other| slot.is_issued_by(other));
    match issued.or_else(|| others.iter().find(|other| slot.names(other) && other.claimed_slot().is_none())) {
        Some(card) => verify(slot, card, trust, at),
        None => Err(AttestationError::Incomplete {
            subject: slot.subject().to_owned(),
            issuer: slot.issuer().to_owned(),
        }),
    }
}

fn check_issued(
    certificate: &Certificate,
    issuer: &Certificate,
    trust: &Trust,
) -> Result<(), AttestationError> {
    if certificate.names(issuer) && trust.signed(certificate, issuer)? {
        return Ok(());
    }
    Err(AttestationError::Signature {
        subject: certificate.subject().to_owned(),
        issuer: issuer.subject().to_owned(),
    })
}

fn check_extensions(certificate: &Certificate) -> Result<(), AttestationError> {
    if certificate.extensions().unknown_critical {
        return Err(AttestationError::CriticalExtension(certificate.subject().to_owned()));
    }
    Ok(())
}

fn check_dates(certificate: &Certificate, at: Timestamp) -> Result<(), AttestationError> {
    let (from, until) = certificate.dates();
    if (from..=until).contains(&at) {
        return Ok(());
    }
    Err(AttestationError::Dates { subject: certificate.subject().to_owned(), from, until, at })
}

/// The way up from a card's certificate.
struct Walk<'t> {
    trust: &'t Trust,
    checks: u8,
    /// Found so far, the pinned authority last.
    above: Vec<&'t Certificate>,
}

impl<'t> Walk<'t> {
    /// Finds a way from `child`, with `below` intermediates between it and the card, to a pinned authority. Pinned
    /// ones are tried first; where no way is found, the error is about the one that came furthest.
    fn up(&mut self, child: &Certificate, below: u8) -> Result<TrustAnchor, AttestationError> {
        let trust = self.trust;
        let named: Vec<&'t Certificate> =
            trust.certificates().filter(|candidate| child.names(candidate)).collect();
        for candidate in named.iter().copied() {
            if let Some(authority) = trust.pinned(candidate)
                && self.signed(child, candidate)?
            {
                self.above.push(candidate);
                return Ok(authority);
            }
        }
        let mut failure = match named.first() {
            None => AttestationError::Incomplete {
                subject: child.subject().to_owned(),
                issuer: child.issuer().to_owned(),
            },
            Some(candidate) => AttestationError::Signature {
                subject: child.subject().to_owned(),
                issuer: candidate.subject().to_owned(),
            },
        };
        for candidate in named.into_iter().filter(|candidate| trust.pinned(candidate).is_none()) {
            if !self.signed(child, candidate)? {
                continue;
            }
            if candidate.is_self_issued() {
                let (subject, digest) = (candidate.subject().to_owned(), candidate.digest());
                failure = AttestationError::Unpinned { subject, digest };
                continue;
            }
            match self.through(candidate, below) {
                Ok(authority) => return Ok(authority),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Goes on through an intermediate.
    fn through(&mut self, candidate: &'t Certificate, below: u8) -> Result<TrustAnchor, AttestationError> {
        // The card's own certificate is an authority's, too, and counts for the length of the path.
        let beneath = below.saturating_add(1);
        let no_authority =
            |reason| AttestationError::NoAuthority { subject: candidate.subject().to_owned(), reason };
        let extensions = candidate.extensions();
        match extensions.constraints {
            _ if candidate.claimed_slot().is_some() || extensions.policies.is_some() => {
                return Err(AttestationError::SlotAsCard(candidate.subject().to_owned()));
            }
            Some((true, path)) if path.is_none_or(|path| path >= beneath) => {}
            Some((true, _)) => {
                return Err(no_authority("its path length does not allow another authority below"));
            }
            _ => return Err(no_authority("its basic constraints do not say CA")),
        }
        if extensions.signs_certificates == Some(false) {
            return Err(no_authority("its key usage does not allow it"));
        }
        check_extensions(candidate)?;
        if below >= MAX_INTERMEDIATES {
            return Err(AttestationError::Length);
        }
        let height = self.above.len();
        self.above.push(candidate);
        let found = self.up(candidate, beneath);
        if found.is_err() {
            self.above.truncate(height);
        }
        found
    }

    fn signed(&mut self, child: &Certificate, issuer: &Certificate) -> Result<bool, AttestationError> {
        self.checks = self.checks.checked_sub(1).ok_or(AttestationError::Length)?;
        self.trust.signed(child, issuer)
    }
}
