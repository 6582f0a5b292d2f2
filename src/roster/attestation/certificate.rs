//! X.509 certificates (RFC 5280), as far as attestations have them. Everything in one comes from a stranger.

use std::fmt;

use der::{
    Reader, SliceReader, Tag, TagNumber,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef},
};

use super::{
    error::AttestationError,
    facts::{Firmware, FormFactor, PinPolicy, Slot, TouchPolicy},
    signature::{Algorithm, SubjectKey, whole_bytes},
};
use crate::encoding::{bounds::CERTIFICATE, digest::Digest, text, time::Timestamp};

/// Most attributes of a name and most extensions.
const MAX_ITEMS: usize = 32;

const YUBICO_PIV: &str = "1.3.6.1.4.1.41482.3.";
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A certificate that was read; nothing in it is believed yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    digest: Digest,
    signed: Vec<u8>,
    issuer: Name,
    subject: Name,
    dates: (Timestamp, Timestamp),
    key: SubjectKey,
    key_digest: Digest,
    extensions: Extensions,
    algorithm: Option<Algorithm>,
    signature: Vec<u8>,
}

/// A distinguished name, compared byte by byte.
#[derive(Clone, PartialEq, Eq)]
struct Name {
    der: Vec<u8>,
    shown: String,
}

/// What the extensions say.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// Basic constraints: whether it is an authority, and how many may stand between it and the end.
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
    /// Reads a certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, AttestationError> {
        let which = || format!("a certificate of {} bytes", der.len());
        let malformed =
            |problem: &str| AttestationError::Malformed { which: which(), problem: problem.into() };
        if der.len() > CERTIFICATE {
            return Err(malformed("longer than any that a YubiKey has"));
        }
        let outer = Outer::read(der).map_err(|_| malformed("not an X.509 certificate in DER"))?;
        let inner = Inner::read(outer.signed).map_err(|problem| malformed(&problem))?;
        if inner.algorithm != outer.algorithm {
            return Err(malformed("it names two different signature algorithms"));
        }
        let key = SubjectKey::from_spki(inner.key).map_err(malformed)?;
        Ok(Self {
            der: der.to_vec(),
            digest: Digest::of(der),
            signed: outer.signed.to_vec(),
            issuer: inner.issuer,
            subject: inner.subject,
            dates: inner.dates,
            key,
            key_digest: Digest::of(inner.key),
            extensions: inner.extensions,
            algorithm: Algorithm::parse(outer.algorithm),
            signature: outer.signature.to_vec(),
        })
    }

    /// As it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the certificate.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The subject's name, printable.
    pub fn subject(&self) -> &str {
        &self.subject.shown
    }

    /// The issuer's name, printable.
    pub fn issuer(&self) -> &str {
        &self.issuer.shown
    }

    /// The first and the last instant at which it is valid.
    pub const fn dates(&self) -> (Timestamp, Timestamp) {
        self.dates
    }

    /// Its key.
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
        Slot::parse(self.subject.shown.strip_prefix("CN=YubiKey PIV Attestation ")?)
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
        write!(f, "Certificate({} {})", self.subject.shown, self.digest.short())
    }
}

struct Outer<'a> {
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Outer<'a> {
    fn read(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let outer = reader.sequence(|r: &mut SliceReader<'a>| {
            Ok::<_, der::Error>(Self {
                signed: r.tlv_bytes()?,
                algorithm: r.tlv_bytes()?,
                signature: whole_bytes(r)?,
            })
        })?;
        reader.finish()?;
        Ok(outer)
    }
}

/// TBSCertificate. The serial number is not interpreted: cards make random ones.
struct Inner<'a> {
    algorithm: &'a [u8],
    issuer: Name,
    dates: (Timestamp, Timestamp),
    subject: Name,
    key: &'a [u8],
    extensions: Extensions,
}

impl<'a> Inner<'a> {
    fn read(signed: &'a [u8]) -> Result<Self, String> {
        let broken = |_| "its inside is no certificate's".to_owned();
        let mut reader = SliceReader::new(signed).map_err(broken)?;
        let parts = reader
            .sequence(|r: &mut SliceReader<'a>| {
                let version = explicit(r, 0)?.value();
                let serial: AnyRef<'a> = r.decode()?;
                der::Tagged::tag(&serial).assert_eq(Tag::Integer)?;
                let fields: [&'a [u8]; 5] =
                    [r.tlv_bytes()?, r.tlv_bytes()?, r.tlv_bytes()?, r.tlv_bytes()?, r.tlv_bytes()?];
                let extensions = explicit(r, 3)?.value();
                Ok::<_, der::Error>((version, fields, extensions))
            })
            .map_err(broken)?;
        reader.finish().map_err(broken)?;
        let (version, [algorithm, issuer, validity, subject, key], extensions) = parts;
        // INTEGER 2: version 3, the only one with extensions.
        if version != [2, 1, 2] {
            return Err("it is of another version than 3".into());
        }
        Ok(Self {
            algorithm,
            issuer: Name::read(issuer).map_err(broken)?,
            dates: dates(validity).ok_or("its dates cannot be read")?,
            subject: Name::read(subject).map_err(broken)?,
            key,
            extensions: Extensions::read(extensions)?,
        })
    }
}

/// `[number] EXPLICIT`.
fn explicit<'a>(reader: &mut SliceReader<'a>, number: u32) -> der::Result<AnyRef<'a>> {
    let field: AnyRef<'a> = reader.decode()?;
    der::Tagged::tag(&field)
        .assert_eq(Tag::ContextSpecific { constructed: true, number: TagNumber(number) })?;
    Ok(field)
}

impl Name {
    fn read(der: &[u8]) -> der::Result<Self> {
        let mut attributes = Vec::new();
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|r: &mut SliceReader<'_>| {
            while !r.is_finished() {
                let set: AnyRef<'_> = r.decode()?;
                der::Tagged::tag(&set).assert_eq(Tag::Set)?;
                let mut set = SliceReader::new(set.value())?;
                while !set.is_finished() {
                    if attributes.len() >= MAX_ITEMS {
                        return Err(Tag::Sequence.value_error().into());
                    }
                    attributes.push(set.sequence(|r: &mut SliceReader<'_>| {
                        Ok::<_, der::Error>((r.decode::<ObjectIdentifier>()?, r.decode::<AnyRef<'_>>()?))
                    })?);
                }
            }
            Ok::<_, der::Error>(())
        })?;
        reader.finish()?;
        let shown: Vec<String> = attributes.iter().map(|(oid, value)| attribute(*oid, value)).collect();
        Ok(Self { der: der.to_vec(), shown: shown.join(", ") })
    }
}

fn attribute(oid: ObjectIdentifier, value: &AnyRef<'_>) -> String {
    let text: String = String::from_utf8_lossy(value.value()).chars().take(80).collect();
    let name = match oid {
        COMMON_NAME => "CN".to_owned(),
        other => other.to_string(),
    };
    format!("{name}={}", text::printable(&text))
}

fn dates(validity: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let mut reader = SliceReader::new(validity).ok()?;
    let dates =
        reader.sequence(|r: &mut SliceReader<'_>| Ok::<_, der::Error>((instant(r)?, instant(r)?))).ok()?;
    reader.finish().ok()?;
    let timestamp = |seconds: u64| Timestamp::from_unix(seconds).ok();
    Some((timestamp(dates.0)?, timestamp(dates.1)?))
}

/// UTCTime or GeneralizedTime, in seconds since 1970.
fn instant(reader: &mut SliceReader<'_>) -> der::Result<u64> {
    Ok(match Tag::peek(reader)? {
        Tag::UtcTime => reader.decode::<der::asn1::UtcTime>()?.to_unix_duration().as_secs(),
        _ => reader.decode::<der::asn1::GeneralizedTime>()?.to_unix_duration().as_secs(),
    })
}

impl Extensions {
    /// From the SEQUENCE OF Extension.
    fn read(list: &[u8]) -> Result<Self, String> {
        let broken = |_| "its extensions cannot be read".to_owned();
        let mut found = Self::default();
        let mut seen: Vec<ObjectIdentifier> = Vec::new();
        let mut reader = SliceReader::new(list).map_err(broken)?;
        let list: AnyRef<'_> = reader.decode().map_err(broken)?;
        reader.finish().map_err(broken)?;
        der::Tagged::tag(&list).assert_eq(Tag::Sequence).map_err(broken)?;
        let mut reader = SliceReader::new(list.value()).map_err(broken)?;
        while !reader.is_finished() {
            let (oid, critical, value) = extension(&mut reader).map_err(broken)?;
            if seen.contains(&oid) || seen.len() >= MAX_ITEMS {
                return Err(format!("its extension {oid} stands there twice, or there are too many"));
            }
            seen.push(oid);
            let known =
                found.take(oid, value).ok_or_else(|| format!("its extension {oid} cannot be read"))?;
            found.unknown_critical |= critical && !known;
        }
        Ok(found)
    }

    /// Takes one extension in; says whether it is known.
    fn take(&mut self, oid: ObjectIdentifier, value: &[u8]) -> Option<bool> {
        if oid == BASIC_CONSTRAINTS {
            self.constraints = Some(basic_constraints(value).ok()?);
            return Some(true);
        }
        if oid == KEY_USAGE {
            let mut reader = SliceReader::new(value).ok()?;
            let bits: BitStringRef<'_> = reader.decode().ok()?;
            reader.finish().ok()?;
            self.signs_certificates = Some(bits.get(5).unwrap_or(false));
            return Some(true);
        }
        match oid.to_string().strip_prefix(YUBICO_PIV) {
            Some("3") => self.firmware = Some(Firmware::from_bytes(value)?),
            Some("7") => {
                let mut reader = SliceReader::new(value).ok()?;
                self.serial = Some(reader.decode().ok()?);
                reader.finish().ok()?;
            }
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

fn extension<'a>(reader: &mut SliceReader<'a>) -> der::Result<(ObjectIdentifier, bool, &'a [u8])> {
    reader.sequence(|r: &mut SliceReader<'a>| {
        let oid: ObjectIdentifier = r.decode()?;
        let critical = Tag::peek(r)? == Tag::Boolean && r.decode::<bool>()?;
        let value: &'a OctetStringRef = r.decode()?;
        Ok::<_, der::Error>((oid, critical, value.as_bytes()))
    })
}

/// `SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL }`.
fn basic_constraints(value: &[u8]) -> der::Result<(bool, Option<u8>)> {
    let mut reader = SliceReader::new(value)?;
    let constraints = reader.sequence(|r: &mut SliceReader<'_>| {
        let authority = !r.is_finished() && Tag::peek(r)? == Tag::Boolean && r.decode::<bool>()?;
        let path = if r.is_finished() { None } else { Some(r.decode::<u8>()?) };
        Ok::<_, der::Error>((authority, path))
    })?;
    reader.finish()?;
    Ok(constraints)
}
