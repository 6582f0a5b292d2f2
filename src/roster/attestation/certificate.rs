//! X.509 certificates (RFC 5280), as far as attestations have them. Everything in one comes from a stranger.

use std::fmt;

use x509_cert::{
    Version,
    der::{
        self, Decode as _, Encode as _, Reader as _, SliceReader, asn1::ObjectIdentifier,
        oid::AssociatedOid as _,
    },
    ext::pkix::{BasicConstraints, KeyUsage},
    name::Name,
    time::Validity,
};

use super::{
    error::AttestationError,
    facts::{Firmware, FormFactor, PinPolicy, Slot, TouchPolicy},
    signature::{Algorithm, SubjectKey},
};
use crate::encoding::{bounds::CERTIFICATE, digest::Digest, text, time::Timestamp};

/// Most attributes of a name and most extensions.
const MAX_ITEMS: usize = 32;

const YUBICO_PIV: &str = "1.3.6.1.4.1.41482.3.";
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A certificate that was read; nothing in it is believed yet. Its serial number is not interpreted: cards make random ones.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    digest: Digest,
    signed: Vec<u8>,
    issuer: Name,
    subject: Name,
    subject_shown: String,
    dates: (Timestamp, Timestamp),
    key: SubjectKey,
    key_digest: Digest,
    extensions: Extensions,
    algorithm: Option<Algorithm>,
    signature: Vec<u8>,
}

/// What the extensions say.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// Basic constraints: whether it is an authority, and how many may come between it and the end.
    pub(super) constraints: Option<(bool, Option<u8>)>,
    /// Key usage: whether it may sign certificates.
    pub(super) signs_certificates: Option<bool>,
    pub(super) firmware: Option<Firmware>,
    pub(super) serial: Option<u32>,
    pub(super) policies: Option<(PinPolicy, TouchPolicy)>,
    pub(super) form_factor: Option<FormFactor>,
    pub(super) fips: bool,
    /// A critical extension that is none of those.
    pub(super) unknown_critical: bool,
}

impl Certificate {
    pub fn from_der(der: &[u8]) -> Result<Self, AttestationError> {
        let which = || format!("a certificate of {} bytes", der.len());
        let malformed =
            |problem: &str| AttestationError::Malformed { which: which(), problem: problem.into() };
        if der.len() > CERTIFICATE {
            return Err(malformed("longer than any that a YubiKey has"));
        }
        let unreadable = |_| malformed("not an X.509 certificate in DER");
        let read = x509_cert::Certificate::from_der(der).map_err(unreadable)?;
        let inner = read.tbs_certificate();
        // The only version with extensions; unique identifiers of issuer and subject are of the one before.
        if inner.version() != Version::V3 {
            return Err(malformed("it is of another version than 3"));
        }
        if inner.issuer_unique_id().is_some() || inner.subject_unique_id().is_some() {
            return Err(malformed("it has unique identifiers, which no attestation has"));
        }
        if inner.signature() != read.signature_algorithm() {
            return Err(malformed("it names two different signature algorithms"));
        }
        if [inner.issuer(), inner.subject()].iter().any(|name| name.iter().count() > MAX_ITEMS) {
            return Err(malformed("a name in it has too many attributes"));
        }
        let spki = inner.subject_public_key_info().to_der().map_err(unreadable)?;
        Ok(Self {
            der: der.to_vec(),
            digest: Digest::of(der),
            signed: signed_part(der).map_err(unreadable)?.to_vec(),
            issuer: inner.issuer().clone(),
            subject: inner.subject().clone(),
            subject_shown: shown(inner.subject()),
            dates: dates(inner.validity()).ok_or_else(|| malformed("its dates cannot be read"))?,
            key: SubjectKey::from_spki(&spki).map_err(malformed)?,
            key_digest: Digest::of(&spki),
            extensions: Extensions::read(
                inner.extensions().ok_or_else(|| malformed("it has no extensions"))?,
            )
            .map_err(|problem| malformed(&problem))?,
            algorithm: Algorithm::parse(read.signature_algorithm()),
            signature: read
                .signature()
                .as_bytes()
                .ok_or_else(|| malformed("its signature cannot be read"))?
                .to_vec(),
        })
    }

    /// As it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The subject's name, printable.
    pub fn subject(&self) -> &str {
        &self.subject_shown
    }

    /// The issuer's name, printable.
    pub fn issuer(&self) -> String {
        shown(&self.issuer)
    }

    /// The first and the last instant at which it is valid.
    pub const fn dates(&self) -> (Timestamp, Timestamp) {
        self.dates
    }

    pub const fn key(&self) -> &SubjectKey {
        &self.key
    }

    /// SHA-256 of its key's SubjectPublicKeyInfo, as the certificate spells it.
    pub const fn key_digest(&self) -> Digest {
        self.key_digest
    }

    pub(super) const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The slot whose key this certificate claims to attest: by its name only.
    pub fn claimed_slot(&self) -> Option<Slot> {
        Slot::parse(self.subject_shown.strip_prefix("CN=YubiKey PIV Attestation ")?)
    }

    /// Whether its subject and its issuer have one name.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether `issuer` has the name of the one who issued it.
    pub(super) fn names(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject
    }

    /// Whether `issuer` issued it, by its name and its signature.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        self.names(issuer) && self.is_signed_by(issuer)
    }

    /// Whether the key of `issuer` signed it.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        self.algorithm.is_some_and(|algorithm| algorithm.verifies(&issuer.key, &self.signed, &self.signature))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} {})", self.subject_shown, self.digest.short())
    }
}

/// The bytes of the TBSCertificate as they are: what is written again need not be what was signed.
fn signed_part(certificate: &[u8]) -> der::Result<&[u8]> {
    SliceReader::new(certificate)?.sequence(|parts| {
        let signed = parts.tlv_bytes()?;
        parts.tlv_bytes()?;
        parts.tlv_bytes()?;
        Ok(signed)
    })
}

fn shown(name: &Name) -> String {
    let attributes: Vec<String> = name
        .iter()
        .map(|attribute| {
            let value: String = String::from_utf8_lossy(attribute.value.value()).chars().take(80).collect();
            let kind = match attribute.oid {
                COMMON_NAME => "CN".to_owned(),
                other => other.to_string(),
            };
            format!("{kind}={}", text::printable(&value))
        })
        .collect();
    attributes.join(", ")
}

fn dates(validity: &Validity) -> Option<(Timestamp, Timestamp)> {
    let timestamp =
        |time: x509_cert::time::Time| Timestamp::from_unix(time.to_unix_duration().as_secs()).ok();
    Some((timestamp(validity.not_before)?, timestamp(validity.not_after)?))
}

impl Extensions {
    fn read(list: &[x509_cert::ext::Extension]) -> Result<Self, String> {
        if list.len() > MAX_ITEMS {
            return Err(format!("it has more than {MAX_ITEMS} extensions"));
        }
        let mut found = Self::default();
        for (place, extension) in list.iter().enumerate() {
            let oid = extension.extn_id;
            if list.iter().take(place).any(|earlier| earlier.extn_id == oid) {
                return Err(format!("its extension {oid} appears twice"));
            }
            let known = found
                .record(oid, extension.extn_value.as_bytes())
                .ok_or_else(|| format!("its extension {oid} cannot be read"))?;
            found.unknown_critical |= extension.critical && !known;
        }
        Ok(found)
    }

    /// Whether the extension is known; `None` where it is, and cannot be read.
    fn record(&mut self, oid: ObjectIdentifier, value: &[u8]) -> Option<bool> {
        if oid == BasicConstraints::OID {
            let read = BasicConstraints::from_der(value).ok()?;
            self.constraints = Some((read.ca, read.path_len_constraint));
            return Some(true);
        }
        if oid == KeyUsage::OID {
            self.signs_certificates = Some(KeyUsage::from_der(value).ok()?.key_cert_sign());
            return Some(true);
        }
        match oid.to_string().strip_prefix(YUBICO_PIV) {
            Some("3") => self.firmware = Some(Firmware::from_bytes(value)?),
            Some("7") => self.serial = Some(u32::from_der(value).ok()?),
            Some("8") => match *value {
                [pin, touch] => {
                    self.policies = Some((PinPolicy::from_byte(pin)?, TouchPolicy::from_byte(touch)?));
                }
                _ => return None,
            },
            Some("9") => match *value {
                [form] => self.form_factor = Some(FormFactor::from_byte(form)),
                _ => return None,
            },
            Some("10") => self.fips = true,
            _ => return Some(false),
        }
        Some(true)
    }
}
